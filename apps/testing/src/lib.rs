#![doc = include_str!("../README.md")]
#![expect(clippy::panic, reason = "a test that cannot have its gateway fails")]

use std::time::Duration;

pub use crm_core::Timestamp;
use crm_core::tenants::CreatedTenant;
use crm_gateway::config::{Config, Settings};
use crm_gateway::embedded::Embedded;

/// What a gateway under test has unless somebody chooses otherwise: one thread, a free port, no limit, and nobody whom it would
/// wait for at its end.
const SETTINGS: &[(&str, &str)] = &[
    ("DATABASE_URL", "sqlite::memory:"),
    ("CRM_LISTEN", "127.0.0.1:0"),
    ("CRM_WORKERS", "1"),
    ("CRM_RATE_LIMIT", "0"),
    ("CRM_SHUTDOWN_TIMEOUT", "0"),
    ("CRM_ALLOW_RESET", "true"),
];

/// A running gateway with a tenant; it ends when this is dropped.
pub struct Gateway {
    embedded: Embedded,
    url: String,
    first: Tenant,
}

/// A tenant, and the keys that open it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its id, a UUID.
    pub id: String,
    /// The key that reads and writes.
    pub primary_key: String,
    /// The key that only reads.
    pub secondary_key: String,
}

/// How a [`Gateway`] is to be.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    settings: Vec<(String, String)>,
}

impl Gateway {
    /// Starts one, on a database in memory.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts one that is otherwise.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where it listens: `http://127.0.0.1:…`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The id of its tenant.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.first.id
    }

    /// The key of its tenant that reads and writes.
    #[must_use]
    pub fn primary_key(&self) -> &str {
        &self.first.primary_key
    }

    /// The key of its tenant that only reads.
    #[must_use]
    pub fn secondary_key(&self) -> &str {
        &self.first.secondary_key
    }

    /// Makes another tenant.
    ///
    /// # Panics
    /// When the database cannot be written.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        made_by(&self.embedded)
    }

    /// What time it is for this gateway.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.embedded.state().clock.now()
    }

    /// Sets its clock, which stands still from then on: what is made has this time, and what is over by then is over when
    /// this returns (keys, sessions, kept answers, the trash). Time limits, and how often webhooks are looked after, go by
    /// the machine's clock.
    ///
    /// # Panics
    /// Outside of the years 1970 to 2999.
    pub fn set_now(&self, now: Timestamp) {
        let moment = now.try_into().unwrap_or_else(|error| panic!("{now}: {error}"));
        self.embedded.turn(moment).unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Moves its clock on by so much.
    ///
    /// # Panics
    /// As [`set_now`](Self::set_now).
    pub fn advance(&self, time: Duration) {
        self.set_now(Timestamp::from_datetime(self.now().as_datetime() + time));
    }
}

impl Builder {
    /// Serves this database, `sqlite://FILE` or `postgres://…`, which is migrated, and stays. Only one gateway can serve a file.
    #[must_use]
    pub fn database(self, url: &str) -> Self {
        self.setting("DATABASE_URL", url)
    }

    /// Chooses a setting of the gateway by the name of its variable, such as `CRM_TRASH_DAYS`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// Where a setting cannot be used, or the database.
    #[must_use]
    pub fn start(self) -> Gateway {
        let chosen = |name: &str| self.settings.iter().any(|(own, _)| own == name);
        let defaults = SETTINGS.iter().copied().filter(|(name, _)| !chosen(name));
        let own = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let settings = Settings::named(defaults.chain(own)).unwrap_or_else(|error| panic!("{error}"));
        let config = Config::new(&settings).unwrap_or_else(|error| panic!("{error}"));
        let embedded = Embedded::start(config).unwrap_or_else(|error| panic!("the gateway did not start: {error:#}"));
        let first = made_by(&embedded);
        Gateway { url: format!("http://{}", embedded.address()), embedded, first }
    }
}

fn made_by(gateway: &Embedded) -> Tenant {
    let made = gateway.new_tenant().unwrap_or_else(|error| panic!("a tenant could not be made: {error:#}"));
    let CreatedTenant { tenant, primary, secondary } = made;
    Tenant {
        id: tenant.public_id.to_string(),
        primary_key: primary.reveal().to_owned(),
        secondary_key: secondary.reveal().to_owned(),
    }
}
