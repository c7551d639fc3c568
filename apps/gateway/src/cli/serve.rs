use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use anyhow::{Context, anyhow};
use crm_core::tenants::{self, CreatedTenant};
use crm_core::{DbConnection, PublicTenantId};
use diesel::connection::SimpleConnection;

use crate::config::{BadSetting, Config, Settings};
use crate::opened::Opened;

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
    let opened = Opened::new(&config)?;
    make_first_tenant(&config, address)?;
    let ready = || print(format_args!("listening on http://{address}"));
    let outcome = actix_web::rt::System::new().block_on(crate::app::serve(&config, opened.db.clone(), listener, ready));
    opened.db.close();
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

/// Makes a tenant where there is none, and shows its keys, unless somebody chose them and so knows them.
fn make_first_tenant(config: &Config, address: SocketAddr) -> anyhow::Result<()> {
    let mut connection = config.database.connect().context("the database cannot be reached")?;
    // Without a transaction first, so that a start does not wait for somebody else's write.
    if tenants::any(&mut connection)? {
        return Ok(());
    }
    let id = config.bootstrap.as_ref().map_or_else(|| "default".parse(), |chosen| Ok(chosen.tenant.clone()))?;
    let keys = config.bootstrap.as_ref().map(|chosen| &chosen.keys);
    let now = config.clock.now();
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
