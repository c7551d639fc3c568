use anyhow::bail;
use crm_core::tenants::{self, Tenant};
use crm_core::{DbConnection, Scope, Timestamp};

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
    let now = Timestamp::now();
    let mut count = 0;
    for Tenant { id, public_id, deleted_on, .. } in tenants::list(&mut connection)? {
        if deleted_on.is_none() {
            count += of_tenant(&mut connection, &Scope::new(id, public_id, now).with_secrets(Some(secrets.clone())))?;
        }
    }
    print(format_args!("the secrets of {count} client maps were sealed with the key {}", secrets.key_id()))
}

fn of_tenant(connection: &mut DbConnection, scope: &Scope) -> anyhow::Result<usize> {
    let mut count = 0;
    loop {
        match connection.write(|connection| ticketing_clientmap::reseal(connection, scope, AT_ONCE))? {
            0 => return Ok(count),
            some => count += some,
        }
    }
}
