use clap::{Args, ValueEnum};
use crm_core::keys::KeyRole;
use crm_core::{DbConnection, PublicTenantId, Timestamp, tenants};
use serde_json::{Value, json};

use crate::config::Settings;

use super::{connect, print};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Replaces a key of a tenant and prints the new one; the old one stops working within 5 seconds
    ///
    /// With --all, every key of every tenant: after a backup was restored, in which keys live again that were rotated or
    /// deleted since. A line for each: tenant, role, name, key.
    Rotate(Rotate),
}

#[derive(Args)]
pub(super) struct Rotate {
    /// The tenant's id
    #[arg(long, value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    tenant: Option<PublicTenantId>,
    /// Which of its two keys
    #[arg(long, required_unless_present = "all", conflicts_with = "all")]
    which: Option<Which>,
    /// Every key of every tenant
    #[arg(long)]
    all: bool,
    /// Print a JSON object, or an array of one for each tenant
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Which {
    /// The key that reads and writes
    Primary,
    /// The key that only reads
    Secondary,
}

/// The keys are printed inside the transaction: where that fails, the old ones stay.
pub(super) fn run(settings: &Settings, command: Command) -> anyhow::Result<()> {
    let Command::Rotate(Rotate { tenant, which, all: _, json }) = command;
    let mut connection = connect(settings)?;
    let now = settings.clock()?.now();
    connection.write(|connection| match (tenant, which) {
        (Some(tenant), Some(which)) => rotate_one(connection, &tenant, which, json, now),
        _ => rotate_all(connection, json),
    })
}

fn rotate_one(
    connection: &mut DbConnection,
    tenant: &PublicTenantId,
    which: Which,
    json: bool,
    now: Timestamp,
) -> anyhow::Result<()> {
    let role = match which {
        Which::Primary => KeyRole::Primary,
        Which::Secondary => KeyRole::Secondary,
    };
    let key = crm_suite::keys::rotate_of_role(connection, tenant, role, now)?;
    if json { print(json!({ "id": tenant, "which": role.as_str(), "key": key.reveal() })) } else { print(key.reveal()) }
}

fn rotate_all(connection: &mut DbConnection, json: bool) -> anyhow::Result<()> {
    let rotated = tenants::rotate_all_keys(connection)?;
    if json {
        return print(Value::from_iter(
            rotated.iter().map(|(tenant, keys)| json!({ "id": tenant.public_id, "keys": keys })),
        ));
    }
    for (tenant, keys) in &rotated {
        for key in keys {
            let role = key.described.role.map_or("-", KeyRole::as_str);
            let secret = key.key.as_deref().unwrap_or_default();
            print(format_args!("{}\t{role}\t{}\t{secret}", tenant.public_id, key.described.name))?;
        }
    }
    Ok(())
}
