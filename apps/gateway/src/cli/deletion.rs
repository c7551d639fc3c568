//! Deleting a tenant while others, and its own clients, work: its keys first, then what it has in small parts, then itself.

use std::thread;
use std::time::{Duration, Instant};

use crm_core::error::{Fault, fault};
use crm_core::tenants::{self, Tenant, TenantError, TenantTable};
use crm_core::{DbConnection, PublicTenantId, Timestamp};
use indicatif::ProgressBar;

use crate::identity::DEAD_WITHIN;

use super::{print, progress};

/// A part is made so large that it takes about so long: nobody notices that.
const PART_TIME: Duration = Duration::from_millis(25);
/// How many rows a part has at first, and at the most.
const FIRST_PART: usize = 100;
const LARGEST_PART: usize = 5_000;
/// How often a part is tried where others stand in its way.
const ATTEMPTS: u32 = 30;

/// Deletes it, whatever an interrupted run before left of it.
pub(super) fn run(connection: &mut DbConnection, id: &PublicTenantId) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let tenant = retried(connection, |connection| tenants::revoke(connection, id, now))?;
    wait_for_gateways(&tenant, now);
    let tables = tenants::tables(connection)?;
    let mut rows = 0;
    for table in &tables {
        rows += table.count(connection, tenant.id)?;
    }
    let bar = progress::of_rows(rows.unsigned_abs())?;
    for table in &tables {
        bar.set_message(table.name().to_owned());
        erase(connection, &tenant, table, &bar)?;
    }
    retried(connection, |connection| tenants::delete(connection, id))?;
    bar.finish_and_clear();
    print(format_args!("tenant {id} is deleted"))
}

/// A gateway that still trusts a key must not find half a tenant behind it.
fn wait_for_gateways(tenant: &Tenant, now: Timestamp) {
    let since = tenant.deleted_on.unwrap_or(now);
    let passed = (now.as_datetime() - since.as_datetime()).to_std().unwrap_or_default();
    let left = DEAD_WITHIN.saturating_sub(passed);
    if !left.is_zero() {
        log::info!("the keys of {} are gone; waiting until every gateway knows", tenant.public_id);
        thread::sleep(left);
    }
}

fn erase(connection: &mut DbConnection, tenant: &Tenant, table: &TenantTable, bar: &ProgressBar) -> anyhow::Result<()> {
    let mut most = FIRST_PART;
    loop {
        let began = Instant::now();
        let gone = retried(connection, |connection| Ok(table.erase(connection, tenant.id, most)?))?;
        bar.inc(u64::try_from(gone)?);
        if gone < most {
            return Ok(());
        }
        let took = began.elapsed();
        most = if took > PART_TIME { most / 2 } else { most * 2 }.clamp(1, LARGEST_PART);
        // Half of the time is the others': on SQLite they wait for the same lock.
        thread::sleep(took);
    }
}

/// Runs a transaction again while others stand in its way.
fn retried<T>(
    connection: &mut DbConnection,
    work: impl Fn(&mut DbConnection) -> Result<T, TenantError>,
) -> Result<T, TenantError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match connection.write(&work) {
            Err(TenantError::Database(error))
                if attempt < ATTEMPTS
                    && matches!(fault(&error), Fault::Collision | Fault::Deadlock | Fault::Unavailable) =>
            {
                log::debug!("attempt {attempt}: {error}");
                thread::sleep(PART_TIME * attempt);
            }
            outcome => return outcome,
        }
    }
}
