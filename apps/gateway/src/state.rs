//! What the handlers of a process share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crm_core::keys::{self, ApiKey, KeyHash};
use crm_core::numbering::Numbers;
use crm_core::secrets::Secrets;
use crm_history::Trash;

use crate::app::served_document;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{DbSettings, Executor};
use crate::deliveries::{Courier, Deliveries, Reach};
use crate::error::Failure;
use crate::feed::Listeners;
use crate::idempotency::Repeats;
use crate::identity::tokens::TokenVerifier;
use crate::identity::{Issuer, KeyCache, Roles, SessionCache, TenantCache};
use crate::importing::Importing;
use crate::limits::{LongBodies, Outside, RateLimit, ToolThreads, Unread, Uploads};
use crate::logging;
use crate::metrics::{EdgeStats, Metrics};
use crate::replica::Replica;
use crate::server::Places;

/// What all workers of the process share. Nothing in it must be known by another gateway.
pub struct AppState {
    /// What time it is.
    pub clock: Clock,
    /// The way to the database.
    pub db: Executor,
    /// A standby to read from; `None` where there is none.
    pub replica: Option<Replica>,
    /// The keys that were seen in the last seconds.
    pub keys: KeyCache,
    /// Who was signed in to the console in the last seconds.
    pub sessions: SessionCache,
    /// The tenants that tokens named in the last seconds.
    pub tenants: TenantCache,
    /// How often a key may ask; `None` where there is no limit.
    pub rate_limit: Option<RateLimit>,
    /// The answers that wait for their clients.
    pub unread: Unread,
    /// How many connections each address has.
    pub places: Places,
    /// What is known of the requests with an `Idempotency-Key`.
    pub repeats: Repeats,
    /// Where long bodies are read.
    pub long_bodies: LongBodies,
    /// Where the tools of `/mcp` run.
    pub tool_threads: ToolThreads,
    /// Where is waited for hosts that tenants choose.
    pub outside: Outside,
    /// Files on their way in.
    pub uploads: Uploads,
    /// Imports that go on by themselves.
    pub importing: Importing,
    /// Those who wait for changes.
    pub listeners: Listeners,
    /// How long what is deleted can be restored.
    pub trash: Trash,
    /// What is counted.
    pub metrics: Metrics,
    /// Checks tokens; `None` where no key for them is configured.
    pub tokens: Option<TokenVerifier>,
    /// Where people sign in to the console; `None` where they do so with keys alone.
    pub issuer: Option<Issuer>,
    /// The keys that stored secrets are sealed with; `None` where they are stored in clear.
    pub secrets: Option<Arc<Secrets>>,
    /// What the roles of a token allow.
    pub roles: Roles,
    /// The operator's key; `None` where the routes below `/admin` are not there.
    pub admin_key: Option<KeyHash>,
    /// Whether the operator may empty a tenant.
    pub allows_reset: bool,
    /// The webhooks on their way.
    pub deliveries: Deliveries,
    /// Where webhooks may go.
    pub reach: Reach,
    /// Sends them.
    pub courier: Courier,
    /// For how many days changes are kept; `None` where that is for ever.
    pub history_days: Option<i64>,
    /// What the tools of `/mcp` are made of, read when the first is asked for.
    tools: OnceLock<Arc<crm_mcp::Document>>,
    draining: AtomicBool,
}

impl AppState {
    /// Who gives new records their numbers outside of their transactions. Nobody where the operator may empty a tenant, whose
    /// numbers then begin again while somebody holds one.
    #[must_use]
    pub fn numbers(&self) -> Option<Arc<dyn Numbers>> {
        if self.allows_reset { None } else { self.db.numbers() }
    }

    /// The state of a process that serves this database.
    ///
    /// # Errors
    /// When the database cannot be asked whether it holds chosen keys, the key for tokens cannot be used, or a thread cannot be
    /// started.
    pub async fn new(db: Executor, config: &Config) -> anyhow::Result<Self> {
        let chosen = db.look_up(|connection| Ok::<_, Failure>(keys::any_chosen(connection)?)).await;
        let chosen = chosen.map_err(|failure| anyhow::anyhow!(failure.into_problem("start").detail))?;
        let standby = config.read_database.as_ref();
        let standby = standby.map(|url| Executor::open(url, DbSettings { threads: config.db_pool })).transpose()?;
        Ok(Self {
            clock: config.clock.clone(),
            replica: standby.map(Replica::new),
            keys: KeyCache::new(chosen),
            sessions: SessionCache::default(),
            tenants: TenantCache::default(),
            rate_limit: config.rate_limit.map(RateLimit::per_minute),
            unread: Unread::default(),
            places: Places::default(),
            repeats: Repeats::default(),
            long_bodies: LongBodies::default(),
            tool_threads: ToolThreads::new()?,
            outside: Outside::default(),
            uploads: Uploads::default(),
            importing: Importing::default(),
            listeners: Listeners::default(),
            trash: config.trash,
            metrics: Metrics::new()?,
            tokens: config.tokens.as_ref().map(TokenVerifier::new).transpose()?,
            issuer: config.sign_in.as_ref().map(Issuer::new),
            secrets: config.secrets.clone(),
            roles: config.roles.clone(),
            admin_key: config.admin_key.as_ref().map(ApiKey::hash),
            allows_reset: config.allows_reset,
            history_days: config.history_days,
            deliveries: Deliveries::default(),
            courier: Courier::new(config.webhook_reach.clone()),
            reach: config.webhook_reach.clone(),
            tools: OnceLock::new(),
            draining: AtomicBool::new(false),
            db,
        })
    }

    /// What the tools of `/mcp` are made of.
    ///
    /// # Errors
    /// When the document cannot be read, which is a bug.
    pub fn tools(&self) -> Result<Arc<crm_mcp::Document>, Failure> {
        if let Some(document) = self.tools.get() {
            return Ok(Arc::clone(document));
        }
        let document = crm_mcp::Document::parse(served_document()?.text())?;
        Ok(Arc::clone(self.tools.get_or_init(|| Arc::new(document))))
    }

    /// What the edge counts.
    #[must_use]
    pub fn edge_stats(&self) -> EdgeStats {
        EdgeStats {
            connections: self.places.taken(),
            refused: self.places.refused(),
            unread: self.unread.bytes(),
            log_dropped: logging::dropped(),
            webhooks: self.deliveries.under_way(),
        }
    }

    /// The process was told to stop.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.deliveries.nudge();
        self.importing.wake();
    }

    /// Whether the process was told to stop and only finishes what it has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
