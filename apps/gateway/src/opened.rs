//! A database that is ready to be served.

use std::path::Path;

use anyhow::{Context, bail};
use crm_core::migrate::{self, FileLock, with_suffix};

use crate::config::{BadSetting, Config};
use crate::db::{DbSettings, Executor};

/// A database of this version's schema, with its threads, that nobody else serves where only one can.
pub struct Opened {
    /// The way to it.
    pub db: Executor,
    _lock: Option<FileLock>,
}

impl Opened {
    /// Opens the database of these settings, and brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be opened or migrated, when another gateway serves its file, or when a key for its secrets is missing.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let lock = config.database.file().map(serve_lock).transpose()?;
        // Before the migrations: a database in memory is gone when nobody has a connection to it.
        let db = Executor::open(&config.database, DbSettings { threads: config.db_pool })?;
        migrate::migrate(&config.database)?;
        check_secrets(config)?;
        go_on_with_changes(config)?;
        Ok(Self { db, _lock: lock })
    }
}

/// Two gateways on one SQLite file would wait for each other's writes by polling.
fn serve_lock(file: &Path) -> anyhow::Result<FileLock> {
    let path = with_suffix(file, ".serve-lock");
    match FileLock::take(&path)? {
        Some(lock) => Ok(lock),
        None => bail!("another gateway serves {}: only one can, on SQLite", file.display()),
    }
}

/// A secret that cannot be opened is better missed now than when an integration needs it.
fn check_secrets(config: &Config) -> anyhow::Result<()> {
    let mut connection = config.database.connect().context("the database cannot be reached")?;
    let mut keys = ticketing_clientmap::keys_in_use(&mut connection)?;
    keys.extend(crm_webhooks::keys_in_use(&mut connection)?);
    let is_given = |key: &String| config.secrets.as_ref().is_some_and(|secrets| secrets.knows(key));
    match keys.iter().find(|key| !is_given(key)) {
        Some(key) => Err(BadSetting::new(
            "CRM_SECRETS_KEY",
            format!("stored secrets are sealed with the key {key}: give it too"),
        )
        .into()),
        None => {
            if config.secrets.is_none() {
                log::info!("CRM_SECRETS_KEY is not set: secrets of client maps and webhooks are stored in clear");
            }
            Ok(())
        }
    }
}

/// After a dump was restored into another server, the order of changes goes on above what was.
fn go_on_with_changes(config: &Config) -> anyhow::Result<()> {
    let mut connection = config.database.connect().context("the database cannot be reached")?;
    let lifted = connection.write(crm_history::go_on)?;
    if lifted > 0 {
        log::warn!("the database was moved to another server: the feeds of {lifted} tenants go on from there");
    }
    Ok(())
}
