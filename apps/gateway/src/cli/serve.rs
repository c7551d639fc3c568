use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use crm_core::migrate::{self, FileLock, with_suffix};
use crm_core::tenants::{self, CreatedTenant};
use crm_core::{DbConnection, PublicTenantId, Timestamp};
use diesel::connection::SimpleConnection;

use crate::config::{BadSetting, Config, Settings};
use crate::db::{Db, DbSettings};

use super::{print, provision};

/// The key of the advisory lock under which gateways that start together make the first tenant: "crm-new"
/// in ASCII.
const ADVISORY_LOCK: i64 = 0x63_72_6d_2d_6e_65_77;

/// Migrates, makes the first tenant where there is none, and serves until it is told to stop.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let config = Config::new(settings)?;
    // Before the database is touched: an address that cannot be had leaves everything as it was.
    let listener = listen(&config.listen)?;
    let address = listener.local_addr()?;
    let _lock = config.database.file().map(serve_lock).transpose()?;
    // Before the migrations: a database in memory is gone when nobody has a connection to it.
    let db = Db::open(&config.database, DbSettings { threads: config.db_pool })?;
    migrate::migrate(&config.database)?;
    check_secrets(&config)?;
    go_on_with_changes(&config)?;
    make_first_tenant(&config, address)?;
    let ready = || print(format_args!("listening on http://{address}"));
    let outcome = actix_web::rt::System::new().block_on(crate::app::serve(&config, db.clone(), listener, ready));
    db.close();
    outcome
}

fn listen(addresses: &[SocketAddr]) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addresses).map_err(|error| {
        let problem = format!("{} cannot be listened on: {error}", join(addresses));
        match error.kind() {
            // Somebody else has it, and may give it back.
            ErrorKind::AddrInUse => anyhow!("CRM_LISTEN: {problem}"),
            _ => BadSetting::new("CRM_LISTEN", problem).into(),
        }
    })
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

/// Makes a tenant where there is none, and shows its keys, unless somebody chose them and so knows them.
fn make_first_tenant(config: &Config, address: SocketAddr) -> anyhow::Result<()> {
    let mut connection = config.database.connect().context("the database cannot be reached")?;
    // Without a transaction first, so that a start does not wait for somebody else's write.
    if tenants::any(&mut connection)? {
        return Ok(());
    }
    let id = config.bootstrap.as_ref().map_or_else(|| "default".parse(), |chosen| Ok(chosen.tenant.clone()))?;
    let keys = config.bootstrap.as_ref().map(|chosen| &chosen.keys);
    let now = Timestamp::now();
    connection.write(|connection| {
        if let DbConnection::Postgres(postgres) = &mut *connection {
            postgres.batch_execute(&format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))?;
        }
        // Another gateway may have made it while this one waited for the lock.
        let id: &PublicTenantId = &id;
        if tenants::any(connection)? {
            return Ok(());
        }
        let made = provision(connection, id, id.as_str(), keys, now)?;
        log::info!("the first tenant, {id}, is made");
        // Inside the transaction: keys that nobody saw are keys of no tenant.
        if keys.is_none() { introduce(&made, address) } else { Ok(()) }
    })
}

/// Shows the keys, once, and a line that makes a lead when it is pasted into a shell.
fn introduce(made: &CreatedTenant, address: SocketAddr) -> anyhow::Result<()> {
    let CreatedTenant { tenant, primary, secondary } = made;
    let (primary, secondary) = (primary.reveal(), secondary.reveal());
    print(format_args!("The tenant \"{}\" was made. Its keys are shown this once:", tenant.public_id))?;
    print(format_args!("  primary key    {primary}  (reads and writes)"))?;
    print(format_args!("  secondary key  {secondary}  (reads only)"))?;
    print(format_args!("Sign in with one of them at http://{}/console, or try it:", reachable(address)))?;
    let url = format!("http://{}/pipeline/leads", reachable(address));
    print(format_args!(
        "  curl {url} -H 'Ocp-Apim-Subscription-Key: {primary}' -H 'Content-Type: application/json' \
         -d '{{\"title\":\"My first lead\"}}'"
    ))
}

/// Where a client on this machine finds a server that listens there.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

fn join(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
}
