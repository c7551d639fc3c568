//! Stopping the writes of one tenant, while it is moved to another database.

use std::thread;
use std::time::Duration;

use crm_core::tenants::{self, Tenant};
use crm_core::{DbConnection, PublicTenantId, Timestamp};

use crate::identity::DEAD_WITHIN;

use super::print;

/// The longest that a write takes which a gateway took before it knew.
const LAST_WRITE: Duration = Duration::from_secs(7);

pub(super) fn freeze(connection: &mut DbConnection, id: &PublicTenantId) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let Tenant { frozen_on, .. } = connection.write(|connection| tenants::freeze(connection, id, now))?;
    let since = frozen_on.unwrap_or(now);
    let passed = (Timestamp::now().as_datetime() - since.as_datetime()).to_std().unwrap_or_default();
    let left = (DEAD_WITHIN + LAST_WRITE).saturating_sub(passed);
    if !left.is_zero() {
        log::info!(
            "{id} is frozen; waiting {} s until every gateway knows and has written its last",
            left.as_secs() + 1
        );
        thread::sleep(left);
    }
    print(format_args!("tenant {id} is frozen"))
}

pub(super) fn thaw(connection: &mut DbConnection, id: &PublicTenantId) -> anyhow::Result<()> {
    connection.write(|connection| tenants::thaw(connection, id))?;
    print(format_args!("tenant {id} takes writes again, on every gateway within {} s", DEAD_WITHIN.as_secs()))
}
