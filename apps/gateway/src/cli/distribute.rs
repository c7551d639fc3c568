use std::num::NonZeroU16;

use clap::Args;
use crm_core::distribute;

use crate::config::Settings;

use super::{connect, print};

#[derive(Args)]
pub(super) struct Distribute {
    /// Into how many parts: tenants of one part move together
    #[arg(long, default_value_t = NonZeroU16::new(32).expect("not zero"))]
    shards: NonZeroU16,
}

pub(super) fn run(settings: &Settings, Distribute { shards }: &Distribute) -> anyhow::Result<()> {
    let mut connection = connect(settings)?;
    let done = connection.write(|connection| {
        distribute::prepare(connection)?;
        distribute::distribute(connection, i32::from(shards.get()))
    })?;
    for table in &done {
        print(format_args!("{table}"))?;
    }
    print(match done.len() {
        0 => "every table is distributed already".to_owned(),
        tables => format!("{tables} tables are distributed"),
    })
}
