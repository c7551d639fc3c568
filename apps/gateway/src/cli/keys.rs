use clap::ValueEnum;
use crm_core::keys::KeyRole;
use crm_core::{PublicTenantId, tenants};
use serde_json::json;

use crate::config::Settings;

use super::{connect, print};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Replaces a key of a tenant and prints the new one; the old one stops working within 5 seconds
    Rotate {
        /// The tenant's id
        #[arg(long, value_name = "ID")]
        tenant: PublicTenantId,
        /// Which of its two keys
        #[arg(long)]
        which: Which,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Which {
    /// The key that reads and writes
    Primary,
    /// The key that only reads
    Secondary,
}

pub(super) fn run(settings: &Settings, command: Command) -> anyhow::Result<()> {
    let Command::Rotate { tenant, which, json } = command;
    let role = match which {
        Which::Primary => KeyRole::Primary,
        Which::Secondary => KeyRole::Secondary,
    };
    let mut connection = connect(settings)?;
    let key = connection.write(|connection| tenants::rotate_key(connection, &tenant, role))?;
    if json { print(json!({ "id": tenant, "which": role.as_str(), "key": key.reveal() })) } else { print(key.reveal()) }
}
