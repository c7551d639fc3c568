use anyhow::bail;
use crm_core::tenants::{self, Tenant};
use crm_core::{DbConnection, Scope};

use crate::config::Settings;

use super::{connect, print};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Seals every stored secret with the first key of CRM_SECRETS_KEY: those in clear, and those of another key
    ///
    /// Afterwards the other keys are needed no more. It works while gateways run that have all of them.
    Reencrypt,
}

/// How many records are sealed in one transaction.
const AT_ONCE: i64 = 50;

pub(super) fn run(settings: &Settings, command: &Command) -> anyhow::Result<()> {
    let Command::Reencrypt = command;
    let Some(secrets) = settings.secrets()? else { bail!("CRM_SECRETS_KEY is not set: there is nothing to seal with") };
    let mut connection = connect(settings)?;
    let now = settings.clock()?.now();
    let (mut maps, mut webhooks) = (0, 0);
    for Tenant { id, public_id, deleted_on, .. } in tenants::list(&mut connection)? {
        if deleted_on.is_none() {
            // A tenant that is moved is sealed where it comes to.
            tenants::find_to_write(&mut connection, &public_id)?;
            let scope = Scope::new(id, public_id, now).with_secrets(Some(secrets.clone()));
            maps += all(&mut connection, |connection| ticketing_clientmap::reseal(connection, &scope, AT_ONCE))?;
            webhooks += all(&mut connection, |connection| crm_webhooks::reseal(connection, &scope, AT_ONCE))?;
        }
    }
    print(format_args!(
        "the secrets of {maps} client maps and {webhooks} webhooks were sealed with the key {}",
        secrets.key_id()
    ))
}

/// Does it until nothing is left to do, and tells how much it was.
fn all<E>(connection: &mut DbConnection, some: impl Fn(&mut DbConnection) -> Result<usize, E>) -> Result<usize, E>
where
    E: From<diesel::result::Error>,
{
    let mut count = 0;
    loop {
        match connection.write(&some)? {
            0 => return Ok(count),
            some => count += some,
        }
    }
}
