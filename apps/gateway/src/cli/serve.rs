use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::{Context, bail};
use crm_core::migrate::{self, FileLock, with_suffix};
use crm_core::tenants::{self, CreatedTenant};
use crm_core::{DbConnection, PublicTenantId, Timestamp};
use crm_suite::SuiteError;
use diesel::connection::SimpleConnection;

use crate::config::{Config, Settings};
use crate::db::{Db, DbSettings};

use super::{print, provision};

/// The key of the advisory lock under which gateways that start together make the first tenant: "crm-new"
/// in ASCII.
const ADVISORY_LOCK: i64 = 0x63_72_6d_2d_6e_65_77;

/// Migrates, makes the first tenant where there is none, and serves until it is told to stop.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let config = Config::new(settings)?;
    let _lock = config.database.file().map(serve_lock).transpose()?;
    // Before the migrations: a database in memory is gone when nobody has a connection to it.
    let db = Db::open(&config.database, DbSettings { threads: config.db_pool })?;
    migrate::migrate(&config.database)?;
    let listener = TcpListener::bind(config.listen.as_slice())
        .with_context(|| format!("CRM_LISTEN: {} cannot be listened on", join(&config.listen)))?;
    let address = listener.local_addr()?;
    // After the listener, so that no keys are made which a failure to listen would hide.
    if let Some(made) = make_first_tenant(&config)? {
        introduce(&made, address)?;
    }
    let ready = || print(format_args!("listening on http://{address}"));
    let outcome = actix_web::rt::System::new().block_on(crate::app::serve(&config, db.clone(), listener, ready));
    db.close();
    outcome
}

/// Two gateways on one SQLite file would wait for each other's writes by polling.
fn serve_lock(file: &Path) -> anyhow::Result<FileLock> {
    let path = with_suffix(file, ".serve-lock");
    match FileLock::take(&path)? {
        Some(lock) => Ok(lock),
        None => bail!("another gateway serves {}: only one can, on SQLite", file.display()),
    }
}

/// `None` where a tenant exists, or where somebody chose the keys and so knows them.
fn make_first_tenant(config: &Config) -> anyhow::Result<Option<CreatedTenant>> {
    let mut connection = config.database.connect().context("the database cannot be reached")?;
    // Without a transaction first, so that a start does not wait for somebody else's write.
    if tenants::any(&mut connection)? {
        return Ok(None);
    }
    let id = config.bootstrap.as_ref().map_or_else(|| "default".parse(), |chosen| Ok(chosen.tenant.clone()))?;
    let keys = config.bootstrap.as_ref().map(|chosen| &chosen.keys);
    let now = Timestamp::now();
    let made = connection.write(|connection| {
        if let DbConnection::Postgres(postgres) = &mut *connection {
            postgres.batch_execute(&format!("SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))?;
        }
        // Another gateway may have made it while this one waited for the lock.
        let id: &PublicTenantId = &id;
        Ok::<_, SuiteError>(if tenants::any(connection)? {
            None
        } else {
            Some(provision(connection, id, id.as_str(), keys, now)?)
        })
    })?;
    if let Some(made) = &made {
        log::info!("the first tenant, {}, was made", made.tenant.public_id);
    }
    Ok(made.filter(|_| keys.is_none()))
}

/// Shows the keys, once, and a line that makes a lead when it is pasted into a shell.
fn introduce(made: &CreatedTenant, address: SocketAddr) -> anyhow::Result<()> {
    let CreatedTenant { tenant, primary, secondary } = made;
    let (primary, secondary) = (primary.reveal(), secondary.reveal());
    print(format_args!("The tenant \"{}\" was made. Its keys are shown this once:", tenant.public_id))?;
    print(format_args!("  primary key    {primary}  (reads and writes)"))?;
    print(format_args!("  secondary key  {secondary}  (reads only)"))?;
    print("Try it:")?;
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
