//! Every setting of the gateway, checked before anything starts (docs/operations.md).
//!
//! Each is an environment variable and a flag, and the flag wins. A secret can also be in a file that
//! `…_FILE` names. An empty variable counts as unset.

mod names;

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::{NonZeroU32, NonZeroUsize};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, FromArgMatches};
use crm_core::database::{DatabaseUrl, Pooler};
use crm_core::keys::ApiKey;
use crm_core::secrets::Secrets;
use crm_core::tenants::ChosenKeys;
use crm_core::{BackendKind, PublicTenantId};
use crm_history::Trash;

use crate::clock::{Clock, Moment};
use crate::deliveries::Reach;
use crate::identity::Roles;
use crate::identity::tokens::TokenVerifier;

pub use names::refuse_unknown;

/// The settings as they are written, which [`Config::new`] and [`database_url`](Settings::database_url) read.
/// All are texts, so that a bad one is reported in one line that names it.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Where the data is: sqlite://PATH, sqlite::memory: (for tests) or postgres://USER:PASSWORD@HOST/DATABASE
    /// [default: sqlite://crm.db]
    #[arg(long, env = "DATABASE_URL", global = true, hide_env_values = true, value_name = "URL")]
    database_url: Option<String>,
    /// A file with the database URL
    #[arg(long, env = "DATABASE_URL_FILE", global = true, value_name = "FILE")]
    database_url_file: Option<String>,
    /// A standby of that PostgreSQL, which answers reads where it is not behind what the client wrote [default: none]
    #[arg(long, env = "CRM_READ_DATABASE_URL", global = true, hide_env_values = true, value_name = "URL")]
    read_database_url: Option<String>,
    /// A file with its URL
    #[arg(long, env = "CRM_READ_DATABASE_URL_FILE", global = true, value_name = "FILE")]
    read_database_url_file: Option<String>,
    /// What stands between the gateway and PostgreSQL: session (nothing, or a pooler by session), or transaction (PgBouncer
    /// with pool_mode = transaction) [default: session]
    #[arg(long, env = "CRM_DB_POOLER", global = true, value_name = "MODE")]
    db_pooler: Option<String>,
    /// Address to listen on; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "CRM_LISTEN", global = true, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Threads that serve HTTP [default: one a core]
    #[arg(long, env = "CRM_WORKERS", global = true, value_name = "NUMBER")]
    workers: Option<String>,
    /// Connections that serve requests [default: 8 on PostgreSQL; on SQLite two a core, and one that writes]
    #[arg(long, env = "CRM_DB_POOL", global = true, value_name = "NUMBER")]
    db_pool: Option<String>,
    /// Requests a minute and key; 0 switches the limit off [default: 6000]
    #[arg(long, env = "CRM_RATE_LIMIT", global = true, value_name = "NUMBER")]
    rate_limit: Option<String>,
    /// Secret of the tokens on the ticketing routes (HS256), at least 32 bytes
    #[arg(long, env = "CRM_JWT_SECRET", global = true, hide_env_values = true, value_name = "SECRET")]
    jwt_secret: Option<String>,
    /// A file with that secret
    #[arg(long, env = "CRM_JWT_SECRET_FILE", global = true, value_name = "FILE")]
    jwt_secret_file: Option<String>,
    /// Instead of a secret: a PEM file with the public key of the tokens' issuer
    #[arg(long, env = "CRM_JWT_PUBLIC_KEY", global = true, value_name = "FILE")]
    jwt_public_key: Option<String>,
    /// Instead of a secret: where the issuer publishes its keys
    #[arg(long, env = "CRM_JWT_JWKS_URL", global = true, value_name = "URL")]
    jwt_jwks_url: Option<String>,
    /// What a token's `iss` must be [default: not checked]
    #[arg(long, env = "CRM_JWT_ISSUER", global = true, value_name = "TEXT")]
    jwt_issuer: Option<String>,
    /// What a token's `aud` must contain [default: not checked]
    #[arg(long, env = "CRM_JWT_AUDIENCE", global = true, value_name = "TEXT")]
    jwt_audience: Option<String>,
    /// The claim of a token that names its tenants [default: tenant_id]
    #[arg(long, env = "CRM_JWT_TENANT_CLAIM", global = true, value_name = "NAME")]
    jwt_tenant_claim: Option<String>,
    /// Who the gateway is to that issuer: lets people sign in to the console there; with CRM_JWT_ISSUER and its keys
    /// [default: none, and they sign in with keys]
    #[arg(long, env = "CRM_OIDC_CLIENT_ID", global = true, value_name = "TEXT")]
    oidc_client_id: Option<String>,
    /// The secret of that client [default: none, and it is a public one]
    #[arg(long, env = "CRM_OIDC_CLIENT_SECRET", global = true, hide_env_values = true, value_name = "SECRET")]
    oidc_client_secret: Option<String>,
    /// A file with that secret
    #[arg(long, env = "CRM_OIDC_CLIENT_SECRET_FILE", global = true, value_name = "FILE")]
    oidc_client_secret_file: Option<String>,
    /// Keys that stored secrets are sealed with, separated by commas: base64 of 32 bytes each; the first seals, all open
    /// [default: none, and secrets are stored in clear]
    #[arg(long, env = "CRM_SECRETS_KEY", global = true, hide_env_values = true, value_name = "KEYS")]
    secrets_key: Option<String>,
    /// A file with those keys
    #[arg(long, env = "CRM_SECRETS_KEY_FILE", global = true, value_name = "FILE")]
    secrets_key_file: Option<String>,
    /// What the roles of a token allow on the CRM routes, as in "crm_admin=*:write; crm_viewer=*:read"
    /// [default: crm_admin=*:write; crm_user=pipeline:write,directory:write,cases:write; crm_viewer=*:read]
    #[arg(long, env = "CRM_ROLES", global = true, value_name = "ROLE=SCOPE,…; …")]
    roles: Option<String>,
    /// The operator's key, which opens the routes below /admin, at least 32 characters [default: none, and they are not there]
    #[arg(long, env = "CRM_ADMIN_KEY", global = true, hide_env_values = true, value_name = "KEY")]
    admin_key: Option<String>,
    /// A file with that key
    #[arg(long, env = "CRM_ADMIN_KEY_FILE", global = true, value_name = "FILE")]
    admin_key_file: Option<String>,
    /// Whether the operator may empty a tenant: true or false, for tests only [default: false]
    #[arg(long, env = "CRM_ALLOW_RESET", global = true, value_name = "BOOL")]
    allow_reset: Option<String>,
    /// What time it is, until the operator moves it, as in 2025-07-10T12:00:00Z: for tests only, with CRM_ALLOW_RESET=true
    /// [default: the machine's time]
    #[arg(long, env = "CRM_NOW", global = true, value_name = "TIME")]
    now: Option<String>,
    /// Networks that webhooks may be sent to beside the internet, and without encryption, as in 10.0.0.0/8,fd00::/8
    /// [default: none]
    #[arg(long, env = "CRM_WEBHOOK_ALLOW", global = true, value_name = "NETWORKS")]
    webhook_allow: Option<String>,
    /// Id of the first tenant, made where none exists; with both keys
    #[arg(long, env = "CRM_BOOTSTRAP_TENANT", global = true, value_name = "ID")]
    bootstrap_tenant: Option<String>,
    /// Its primary key (reads and writes), at least 32 characters
    #[arg(long, env = "CRM_BOOTSTRAP_PRIMARY_KEY", global = true, hide_env_values = true, value_name = "KEY")]
    bootstrap_primary_key: Option<String>,
    /// A file with that key
    #[arg(long, env = "CRM_BOOTSTRAP_PRIMARY_KEY_FILE", global = true, value_name = "FILE")]
    bootstrap_primary_key_file: Option<String>,
    /// Its secondary key (reads only), at least 32 characters
    #[arg(long, env = "CRM_BOOTSTRAP_SECONDARY_KEY", global = true, hide_env_values = true, value_name = "KEY")]
    bootstrap_secondary_key: Option<String>,
    /// A file with that key
    #[arg(long, env = "CRM_BOOTSTRAP_SECONDARY_KEY_FILE", global = true, value_name = "FILE")]
    bootstrap_secondary_key_file: Option<String>,
    /// For how many days what is deleted can be restored; 0 is no trash [default: 30]
    #[arg(long, env = "CRM_TRASH_DAYS", global = true, value_name = "DAYS")]
    trash_days: Option<String>,
    /// Origins that a browser may call from, separated by commas [default: none]
    #[arg(long, env = "CRM_CORS_ORIGINS", global = true, value_name = "ORIGINS")]
    cors_origins: Option<String>,
    /// Days for which what happened is kept; 0 is for ever [default: 365]
    #[arg(long, env = "CRM_HISTORY_DAYS", global = true, value_name = "DAYS")]
    history_days: Option<String>,
    /// Seconds to finish running requests after SIGTERM or SIGINT [default: 30]
    #[arg(long, env = "CRM_SHUTDOWN_TIMEOUT", global = true, value_name = "SECONDS")]
    shutdown_timeout: Option<String>,
    /// What is logged: error, warn, info, debug or trace, also by module as in info,crm_gateway=debug
    /// [default: info]
    #[arg(long = "log", env = "RUST_LOG", global = true, value_name = "FILTER")]
    rust_log: Option<String>,
}

/// The settings of a gateway that serves, checked. It has no `Debug`, so that no secret reaches a log.
#[derive(Clone)]
pub struct Config {
    /// `DATABASE_URL`.
    pub database: DatabaseUrl,
    /// `CRM_READ_DATABASE_URL`, where there is one.
    pub read_database: Option<DatabaseUrl>,
    /// `CRM_LISTEN`: the addresses that the name stands for; the first that can be bound is taken.
    pub listen: Vec<SocketAddr>,
    /// `CRM_WORKERS`.
    pub workers: usize,
    /// `CRM_DB_POOL`, where somebody chose.
    pub db_pool: Option<NonZeroUsize>,
    /// `CRM_RATE_LIMIT`: requests a minute and key; `None` where there is no limit.
    pub rate_limit: Option<NonZeroU32>,
    /// `CRM_JWT_…`: how tokens of the ticketing routes are checked; `None` switches these routes off.
    pub tokens: Option<TokenConfig>,
    /// `CRM_OIDC_…`: where people sign in to the console; `None` where they do so with keys alone.
    pub sign_in: Option<SignInConfig>,
    /// `CRM_SECRETS_KEY`: what stored secrets are sealed with; `None` where they are stored in clear.
    pub secrets: Option<Arc<Secrets>>,
    /// `CRM_ROLES`: what the roles of a token allow on the CRM routes.
    pub roles: Roles,
    /// `CRM_ADMIN_KEY`: the operator's key, where there is one.
    pub admin_key: Option<ApiKey>,
    /// `CRM_ALLOW_RESET`: whether the operator may empty a tenant.
    pub allows_reset: bool,
    /// `CRM_NOW`: a clock that stands still, or the machine's.
    pub clock: Clock,
    /// `CRM_WEBHOOK_ALLOW`: where webhooks may be sent.
    pub webhook_reach: Reach,
    /// `CRM_BOOTSTRAP_…`: the first tenant, where somebody chose it.
    pub bootstrap: Option<Bootstrap>,
    /// `CRM_TRASH_DAYS`: for how long what is deleted can be restored.
    pub trash: Trash,
    /// `CRM_CORS_ORIGINS`: as browsers write them, in lower case, without a slash at the end.
    pub cors_origins: Vec<String>,
    /// `CRM_HISTORY_DAYS`; `None` where changes are kept for ever.
    pub history_days: Option<i64>,
    /// `CRM_SHUTDOWN_TIMEOUT`.
    pub shutdown_timeout: Duration,
}

/// How a token of the ticketing routes is checked (docs/ticketing.md).
#[derive(Clone)]
pub struct TokenConfig {
    /// What its signature is checked with.
    pub key: TokenKey,
    /// What `iss` must be, where set.
    pub issuer: Option<String>,
    /// What `aud` must contain, where set.
    pub audience: Option<String>,
    /// The claim that names the tenants; never empty.
    pub tenant_claim: String,
}

/// Where people sign in to the console (docs/console.md, "Sign in").
#[derive(Clone)]
pub struct SignInConfig {
    /// The issuer of the tokens, by its URL.
    pub issuer: String,
    /// Who the gateway is to it.
    pub client_id: String,
    /// By what it knows the gateway; none where the client is a public one.
    pub client_secret: Option<Secret>,
}

/// What the signature of a token is checked with.
#[derive(Clone)]
pub enum TokenKey {
    /// HS256 with a shared secret of at least 32 bytes.
    Secret(Secret),
    /// The PEM text of a public key.
    PublicKey(String),
    /// The URL of a key set: `http://…` or `https://…`.
    JwksUrl(String),
}

/// A secret text, without `Debug` and `Display`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A secret of somebody's own choice.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for the code that signs or checks with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The first tenant, as somebody chose it.
#[derive(Clone)]
pub struct Bootstrap {
    /// Its id.
    pub tenant: PublicTenantId,
    /// Its keys.
    pub keys: ChosenKeys,
}

/// A setting that cannot be used, in one line that names it.
#[derive(Debug, PartialEq, Eq)]
pub struct BadSetting(String);

impl BadSetting {
    pub(crate) fn new(name: &str, problem: impl fmt::Display) -> Self {
        Self(format!("{name}: {problem}"))
    }
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSetting {}

const POOLER: &str = "CRM_DB_POOLER";
/// HS256 must not have a key shorter than its hash (RFC 7518, section 3.2).
const SHORTEST_JWT_SECRET: usize = 32;

impl Settings {
    /// Settings by the names of their variables, whatever the environment of this process has.
    ///
    /// # Errors
    /// A name that no setting has.
    pub fn named<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, BadSetting> {
        let command = Self::augment_args(clap::Command::new("crm-gateway").no_binary_name(true));
        let mut arguments = Vec::new();
        for (name, value) in pairs {
            let argument = command.get_arguments().find(|argument| argument.get_env().is_some_and(|env| env == name));
            let flag = argument.and_then(clap::Arg::get_long).ok_or_else(|| BadSetting::new(name, "is no setting"))?;
            arguments.push(format!("--{flag}={value}"));
        }
        let without_environment = command.mut_args(|argument| argument.env(None::<&'static str>));
        let matches = without_environment.try_get_matches_from(arguments);
        matches.and_then(|matches| Self::from_arg_matches(&matches)).map_err(|error| BadSetting(error.to_string()))
    }

    /// `DATABASE_URL`, which every command needs. A file is named by its one true name.
    ///
    /// # Errors
    /// When it names no database, or a file that cannot be one.
    pub fn database_url(&self) -> Result<DatabaseUrl, BadSetting> {
        let name = "DATABASE_URL";
        let url = secret(name, self.database_url.as_deref(), self.database_url_file.as_deref())?;
        let url: Option<DatabaseUrl> = parse(name, url.as_deref().or(Some("sqlite://crm.db")))?;
        let url = url.ok_or_else(|| BadSetting::new(name, "is needed"))?;
        let url = url.canonical().map_err(|error| BadSetting::new(name, error))?;
        url.through(self.pooler()?).map_err(|error| BadSetting::new(POOLER, error))
    }

    /// `CRM_READ_DATABASE_URL`.
    fn read_database(&self, database: &DatabaseUrl) -> Result<Option<DatabaseUrl>, BadSetting> {
        let name = "CRM_READ_DATABASE_URL";
        let url = secret(name, self.read_database_url.as_deref(), self.read_database_url_file.as_deref())?;
        let Some(url) = parse::<DatabaseUrl>(name, url.as_deref())? else { return Ok(None) };
        if [&url, database].iter().any(|url| url.kind() != BackendKind::Postgres) {
            return Err(BadSetting::new(
                name,
                "names a standby of the PostgreSQL of DATABASE_URL: both are postgres://…",
            ));
        }
        url.through(self.pooler()?).map(Some).map_err(|error| BadSetting::new(POOLER, error))
    }

    /// `CRM_DB_POOLER`.
    fn pooler(&self) -> Result<Pooler, BadSetting> {
        match set(self.db_pooler.as_deref()) {
            None | Some("session") => Ok(Pooler::Session),
            Some("transaction") => Ok(Pooler::Transaction),
            Some(_) => Err(BadSetting::new(POOLER, "must be session or transaction")),
        }
    }

    /// `RUST_LOG`.
    ///
    /// # Errors
    /// When a part of it is neither a level nor `module=level`. The logger itself takes any other word for the name of a
    /// module, and then logs nothing.
    pub fn log_filter(&self) -> Result<&str, BadSetting> {
        let filter = set(self.rust_log.as_deref()).unwrap_or("info");
        let is_level = |word: &str| word.trim().parse::<log::LevelFilter>().is_ok();
        let is_part = |part: &str| part.split_once('=').map_or_else(|| is_level(part), |(_, level)| is_level(level));
        match filter.split(',').find(|part| !is_part(part)) {
            None => Ok(filter),
            Some(part) => {
                let levels = "error, warn, info, debug, trace, off";
                Err(BadSetting::new("RUST_LOG", format!("\"{part}\" is neither a level ({levels}) nor module=level")))
            }
        }
    }

    /// `CRM_JWT_…`.
    ///
    /// # Errors
    /// When one cannot be used, or two keys are set.
    pub(crate) fn tokens(&self) -> Result<Option<TokenConfig>, BadSetting> {
        let secret = secret("CRM_JWT_SECRET", self.jwt_secret.as_deref(), self.jwt_secret_file.as_deref())?;
        let public_key = set(self.jwt_public_key.as_deref());
        let jwks_url = set(self.jwt_jwks_url.as_deref());
        let key = match (secret, public_key, jwks_url) {
            (None, None, None) => return Ok(None),
            (Some(secret), None, None) => TokenKey::Secret(jwt_secret(secret)?),
            (None, Some(path), None) => TokenKey::PublicKey(public_key_pem(path)?),
            (None, None, Some(url)) => TokenKey::JwksUrl(web_url("CRM_JWT_JWKS_URL", url)?),
            _ => {
                return Err(BadSetting::new(
                    "CRM_JWT_SECRET, CRM_JWT_PUBLIC_KEY, CRM_JWT_JWKS_URL",
                    "set only one of them",
                ));
            }
        };
        let tenant_claim = set(self.jwt_tenant_claim.as_deref()).unwrap_or("tenant_id");
        if tenant_claim.trim().is_empty() {
            return Err(BadSetting::new("CRM_JWT_TENANT_CLAIM", "must name a claim"));
        }
        Ok(Some(TokenConfig {
            key,
            issuer: set(self.jwt_issuer.as_deref()).map(str::to_owned),
            audience: set(self.jwt_audience.as_deref()).map(str::to_owned),
            tenant_claim: tenant_claim.to_owned(),
        }))
    }

    /// `CRM_OIDC_…`. The issuer is that of the tokens, so that there is one whom the operator trusts, and one set of its keys.
    fn sign_in(&self, tokens: Option<&TokenConfig>) -> Result<Option<SignInConfig>, BadSetting> {
        let name = "CRM_OIDC_CLIENT_ID";
        let secret = secret(
            "CRM_OIDC_CLIENT_SECRET",
            self.oidc_client_secret.as_deref(),
            self.oidc_client_secret_file.as_deref(),
        )?;
        let Some(client_id) = set(self.oidc_client_id.as_deref()) else {
            let problem = || BadSetting::new(name, "is missing: CRM_OIDC_CLIENT_SECRET is the secret of that client");
            return secret.map_or(Ok(None), |_| Err(problem()));
        };
        // What a shared secret signs could be made by everybody who checks it, and no issuer signs ID tokens with ours.
        let published = tokens.filter(|tokens| !matches!(tokens.key, TokenKey::Secret(_)));
        let Some(issuer) = published.and_then(|tokens| tokens.issuer.as_deref()) else {
            return Err(BadSetting::new(name, "needs CRM_JWT_ISSUER, and CRM_JWT_JWKS_URL or CRM_JWT_PUBLIC_KEY"));
        };
        let issuer = web_url("CRM_JWT_ISSUER", issuer)?;
        Ok(Some(SignInConfig { issuer, client_id: client_id.to_owned(), client_secret: secret.map(Secret) }))
    }

    /// `CRM_SECRETS_KEY`.
    ///
    /// # Errors
    /// When it holds something that is no key.
    pub(crate) fn secrets(&self) -> Result<Option<Arc<Secrets>>, BadSetting> {
        let name = "CRM_SECRETS_KEY";
        let keys = secret(name, self.secrets_key.as_deref(), self.secrets_key_file.as_deref())?;
        keys.map(|keys| Secrets::parse(&keys).map(Arc::new).map_err(|error| BadSetting::new(name, error))).transpose()
    }

    /// `CRM_NOW`.
    ///
    /// # Errors
    /// When it is no moment, or the gateway may hold real records.
    pub(crate) fn clock(&self) -> Result<Clock, BadSetting> {
        let name = "CRM_NOW";
        let Some(moment) = parse::<Moment>(name, self.now.as_deref())? else { return Ok(Clock::default()) };
        if self.allows_reset()? {
            Ok(Clock::at(moment))
        } else {
            Err(BadSetting::new(name, "is for tests: only with CRM_ALLOW_RESET=true"))
        }
    }

    /// `CRM_ALLOW_RESET`.
    fn allows_reset(&self) -> Result<bool, BadSetting> {
        switch("CRM_ALLOW_RESET", self.allow_reset.as_deref())
    }

    fn bootstrap(&self) -> Result<Option<Bootstrap>, BadSetting> {
        const NAMES: [&str; 3] = ["CRM_BOOTSTRAP_TENANT", "CRM_BOOTSTRAP_PRIMARY_KEY", "CRM_BOOTSTRAP_SECONDARY_KEY"];
        let [tenant_name, primary_name, secondary_name] = NAMES;
        let tenant = parse::<PublicTenantId>(tenant_name, self.bootstrap_tenant.as_deref())?;
        let primary = self.bootstrap_primary_key.as_deref();
        let primary = api_key(primary_name, primary, self.bootstrap_primary_key_file.as_deref())?;
        let secondary = self.bootstrap_secondary_key.as_deref();
        let secondary = api_key(secondary_name, secondary, self.bootstrap_secondary_key_file.as_deref())?;
        match (tenant, primary, secondary) {
            (None, None, None) => Ok(None),
            (Some(_), Some(primary), Some(secondary)) if primary.hash() == secondary.hash() => {
                Err(BadSetting::new(secondary_name, format!("must differ from {primary_name}")))
            }
            (Some(tenant), Some(primary), Some(secondary)) => {
                Ok(Some(Bootstrap { tenant, keys: ChosenKeys { primary, secondary } }))
            }
            (tenant, primary, secondary) => {
                let given = [tenant.is_some(), primary.is_some(), secondary.is_some()];
                let missing: Vec<&str> =
                    NAMES.iter().zip(given).filter(|(_, given)| !given).map(|(name, _)| *name).collect();
                Err(BadSetting::new(&missing.join(", "), "is missing: the CRM_BOOTSTRAP settings go together"))
            }
        }
    }
}

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, BadSetting> {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let tokens = settings.tokens()?;
        let history_days = days("CRM_HISTORY_DAYS", settings.history_days.as_deref(), 365)?;
        // Now, and not when the database has been migrated.
        tokens.as_ref().map(TokenVerifier::new).transpose()?;
        let database = settings.database_url()?;
        Ok(Self {
            read_database: settings.read_database(&database)?,
            database,
            listen: addresses(set(settings.listen.as_deref()).unwrap_or("127.0.0.1:8080"))?,
            workers: positive("CRM_WORKERS", settings.workers.as_deref(), 1024)?.unwrap_or(cores).get(),
            db_pool: positive("CRM_DB_POOL", settings.db_pool.as_deref(), 1024)?,
            rate_limit: rate_limit(settings.rate_limit.as_deref())?,
            sign_in: settings.sign_in(tokens.as_ref())?,
            tokens,
            secrets: settings.secrets()?,
            roles: parse("CRM_ROLES", Some(set(settings.roles.as_deref()).unwrap_or(Roles::DEFAULT)))?
                .ok_or_else(|| BadSetting::new("CRM_ROLES", "must name at least one role"))?,
            admin_key: api_key("CRM_ADMIN_KEY", settings.admin_key.as_deref(), settings.admin_key_file.as_deref())?,
            allows_reset: settings.allows_reset()?,
            clock: settings.clock()?,
            webhook_reach: parse("CRM_WEBHOOK_ALLOW", settings.webhook_allow.as_deref())?.unwrap_or_default(),
            bootstrap: settings.bootstrap()?,
            trash: trash(settings.trash_days.as_deref(), history_days)?,
            cors_origins: origins(set(settings.cors_origins.as_deref()).unwrap_or_default())?,
            history_days,
            shutdown_timeout: Duration::from_secs(seconds(settings.shutdown_timeout.as_deref())?),
        })
    }
}

/// An empty text counts as unset.
fn set(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn parse<T: FromStr>(name: &str, text: Option<&str>) -> Result<Option<T>, BadSetting>
where
    T::Err: fmt::Display,
{
    set(text).map(|text| text.parse().map_err(|error| BadSetting::new(name, error))).transpose()
}

fn positive(name: &str, text: Option<&str>, most: usize) -> Result<Option<NonZeroUsize>, BadSetting> {
    let Some(text) = set(text) else { return Ok(None) };
    let number = text.trim().parse().ok().filter(|number: &NonZeroUsize| number.get() <= most);
    number.map(Some).ok_or_else(|| BadSetting::new(name, format!("must be a number from 1 to {most}")))
}

fn switch(name: &str, text: Option<&str>) -> Result<bool, BadSetting> {
    set(text).unwrap_or("false").trim().parse().map_err(|_| BadSetting::new(name, "must be true or false"))
}

fn rate_limit(text: Option<&str>) -> Result<Option<NonZeroU32>, BadSetting> {
    let number = set(text).unwrap_or("6000").trim().parse();
    number
        .map(NonZeroU32::new)
        .map_err(|_| BadSetting::new("CRM_RATE_LIMIT", "must be a number from 0, which is no limit"))
}

/// So many days; 0 is for ever.
fn days(name: &str, text: Option<&str>, default: i64) -> Result<Option<i64>, BadSetting> {
    const MOST: i64 = 36_500;
    let days =
        set(text).map_or(Some(default), |text| text.trim().parse().ok()).filter(|days| (0..=MOST).contains(days));
    let days = days.ok_or_else(|| BadSetting::new(name, format!("must be a number of days from 0 to {MOST}")))?;
    Ok((days > 0).then_some(days))
}

/// What is in the trash is in the history, which must not forget it.
fn trash(text: Option<&str>, history_days: Option<i64>) -> Result<Trash, BadSetting> {
    let days = days("CRM_TRASH_DAYS", text, Trash::DEFAULT_DAYS)?.unwrap_or(0);
    match history_days {
        Some(kept) if days > kept && set(text).is_some() => {
            Err(BadSetting::new("CRM_TRASH_DAYS", format!("must not be more than CRM_HISTORY_DAYS, which is {kept}")))
        }
        Some(kept) => Ok(Trash::of_days(days.min(kept))),
        None => Ok(Trash::of_days(days)),
    }
}

fn seconds(text: Option<&str>) -> Result<u64, BadSetting> {
    let seconds = set(text).unwrap_or("30").trim().parse().ok().filter(|seconds| *seconds <= 86_400);
    seconds.ok_or_else(|| BadSetting::new("CRM_SHUTDOWN_TIMEOUT", "must be a number of seconds from 0 to 86400"))
}

/// A secret from its variable, or from the file that another names.
pub(crate) fn secret(name: &str, text: Option<&str>, file: Option<&str>) -> Result<Option<String>, BadSetting> {
    match (set(text), set(file)) {
        (None, None) => Ok(None),
        (Some(text), None) => Ok(Some(text.to_owned())),
        (Some(_), Some(_)) => Err(BadSetting::new(name, format!("set it or {name}_FILE, not both"))),
        (None, Some(path)) => {
            let name = format!("{name}_FILE");
            let text = read(&name, Path::new(path))?;
            if std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o004 != 0) {
                log::warn!("{name}: every user of this machine can read {path}");
            }
            // Editors and `echo` end a file with a line break that is no part of the secret.
            let text = text.trim_end_matches(['\r', '\n']);
            if text.is_empty() {
                return Err(BadSetting::new(&name, format!("{path} is empty")));
            }
            Ok(Some(text.to_owned()))
        }
    }
}

fn read(name: &str, path: &Path) -> Result<String, BadSetting> {
    std::fs::read_to_string(path).map_err(|error| BadSetting::new(name, format!("{}: {error}", path.display())))
}

fn api_key(name: &str, text: Option<&str>, file: Option<&str>) -> Result<Option<ApiKey>, BadSetting> {
    let text = secret(name, text, file)?;
    text.map(|text| ApiKey::parse(&text).map_err(|error| BadSetting::new(name, error))).transpose()
}

fn jwt_secret(secret: String) -> Result<Secret, BadSetting> {
    if secret.len() < SHORTEST_JWT_SECRET {
        let problem = format!("must have at least {SHORTEST_JWT_SECRET} bytes (RFC 7518, section 3.2)");
        return Err(BadSetting::new("CRM_JWT_SECRET", problem));
    }
    Ok(Secret(secret))
}

fn public_key_pem(path: &str) -> Result<String, BadSetting> {
    let name = "CRM_JWT_PUBLIC_KEY";
    let text = read(name, Path::new(path))?;
    if text.contains("PRIVATE KEY-----") {
        return Err(BadSetting::new(name, format!("{path} holds a private key; the public one is needed")));
    }
    let is_key =
        ["-----BEGIN PUBLIC KEY-----", "-----BEGIN RSA PUBLIC KEY-----"].iter().any(|begin| text.contains(begin));
    if is_key { Ok(text) } else { Err(BadSetting::new(name, format!("{path} holds no public key in PEM"))) }
}

fn web_url(name: &str, url: &str) -> Result<String, BadSetting> {
    let uri = url.parse::<actix_web::http::Uri>().ok();
    let is_web = uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    if is_web { Ok(url.to_owned()) } else { Err(BadSetting::new(name, "must be http://… or https://…")) }
}

fn addresses(text: &str) -> Result<Vec<SocketAddr>, BadSetting> {
    let problem = || BadSetting::new("CRM_LISTEN", "must be HOST:PORT of this machine, such as 127.0.0.1:8080");
    let addresses: Vec<SocketAddr> = text.to_socket_addrs().map_err(|_| problem())?.collect();
    if addresses.is_empty() { Err(problem()) } else { Ok(addresses) }
}

fn origins(text: &str) -> Result<Vec<String>, BadSetting> {
    let list = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    list.map(|origin| {
        let rest = ["https://", "http://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
        let sane = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(sane)) {
            Ok(origin.to_ascii_lowercase())
        } else {
            let problem = "must be origins such as https://app.example.com, separated by commas, without a path";
            Err(BadSetting::new("CRM_CORS_ORIGINS", problem))
        }
    })
    .collect()
}
