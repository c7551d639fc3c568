//! `crm-gateway copy`: everything that tenants have, from one database into another.
//!
//! One transaction of the target has it all, so that what is killed half-way leaves nothing, and one state of the source
//! is read. Before the commit everything is read again out of the target and compared.

mod catalog;
mod rows;

use std::collections::HashMap;

use anyhow::{Context, ensure};
use crm_core::database::DatabaseUrl;
use crm_core::tenants::{self, Tenant};
use crm_core::{BackendKind, DbConnection, PublicTenantId, each_backend, statistics};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};
use indicatif::ProgressBar;

use catalog::{Column, Table};
use rows::Sum;

use super::{connect_to, print, progress};

/// What is copied, and where to.
#[derive(clap::Args)]
pub(super) struct Copy {
    /// The database to read, as in DATABASE_URL
    #[arg(long, value_name = "URL")]
    from: DatabaseUrl,
    /// The database to write, whose schema `crm-gateway migrate` has made. It must have no tenant of that id
    #[arg(long, value_name = "URL")]
    to: DatabaseUrl,
    /// The tenant to copy; all of them unless given
    #[arg(long, value_name = "ID")]
    tenant: Option<PublicTenantId>,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Nullable<BigInt>)]
    number: Option<i64>,
}

pub(super) fn run(arguments: &Copy) -> anyhow::Result<()> {
    let Copy { from, to, tenant } = arguments;
    let (mut source, mut target) = (open(from)?, open(to)?);
    source.begin_read()?;
    let (of_source, of_target) = (catalog::tables(&mut source)?, catalog::tables(&mut target)?);
    ensure!(same(&of_source, &of_target), "{from} and {to} have not the same tables and columns");
    let tables = paired(&of_source, of_target);
    let wanted = wanted(&mut source, tenant.as_ref())?;
    let bar = progress::of_rows(count(&mut source, &tables, &wanted)?)?;
    let rows = target.write(|target| -> anyhow::Result<u64> {
        for tenant in &wanted {
            ensure!(find(target, tenant)?.is_none(), "the target has a tenant {} already", tenant.public_id);
        }
        let mut rows = 0;
        for tenant in &wanted {
            rows += copy(&mut source, target, &tables, tenant, &bar)?;
        }
        Ok(rows)
    })?;
    source.end_read()?;
    bar.finish_and_clear();
    let tenants = wanted.len();
    print(format_args!("copied {tenants} tenants with {rows} rows from {from} to {to}; counts and hashes are the same"))
}

fn open(url: &DatabaseUrl) -> anyhow::Result<DbConnection> {
    let mut connection = connect_to(&url.clone().canonical()?)?;
    if let DbConnection::Postgres(postgres) = &mut connection {
        // Each waits for the other within its transaction.
        postgres.batch_execute("SET idle_in_transaction_session_timeout = 0")?;
    }
    Ok(connection)
}

/// Whether the tables are the same but for what each database calls its types.
fn same(source: &[Table], target: &[Table]) -> bool {
    let names = |tables: &[Table]| -> HashMap<String, Vec<String>> {
        let columns = |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect();
        tables.iter().map(|table| (table.name.clone(), columns(table))).collect()
    };
    names(source) == names(target)
}

/// Each table of the target, in its order, as the two databases have it.
fn paired(of_source: &[Table], of_target: Vec<Table>) -> Vec<(Table, Table)> {
    let pair = |target: Table| {
        let source = of_source.iter().find(|table| table.name == target.name)?;
        Some((source.clone(), target))
    };
    of_target.into_iter().filter_map(pair).collect()
}

fn wanted(source: &mut DbConnection, tenant: Option<&PublicTenantId>) -> anyhow::Result<Vec<Tenant>> {
    Ok(match tenant {
        Some(id) => vec![tenants::find(source, id)?],
        // What is being deleted is on its way out.
        None => tenants::list(source)?.into_iter().filter(|tenant| tenant.deleted_on.is_none()).collect(),
    })
}

fn count(source: &mut DbConnection, tables: &[(Table, Table)], wanted: &[Tenant]) -> anyhow::Result<u64> {
    let mut rows = 0;
    for tenant in wanted {
        for (Table { name, owner, .. }, _) in tables {
            let ask = format!("SELECT count(*) AS number FROM \"{name}\" WHERE {owner} = {}", tenant.id.as_i64());
            rows += number(source, &ask)?.unwrap_or_default().unsigned_abs();
        }
    }
    Ok(rows)
}

fn number(connection: &mut DbConnection, ask: &str) -> QueryResult<Option<i64>> {
    let Number { number } = each_backend!(connection, connection => diesel::sql_query(ask).get_result(connection))?;
    Ok(number)
}

/// The number of a tenant where it is copied to.
fn find(target: &mut DbConnection, tenant: &Tenant) -> QueryResult<Option<i64>> {
    // An id has no character that SQL would take for more.
    number(target, &format!("SELECT max(id) AS number FROM tenants WHERE public_id = '{}'", tenant.public_id))
}

/// Copies a tenant and compares it.
fn copy(
    source: &mut DbConnection,
    target: &mut DbConnection,
    tables: &[(Table, Table)],
    tenant: &Tenant,
    bar: &ProgressBar,
) -> anyhow::Result<u64> {
    let id = &tenant.public_id;
    let (mut sums, mut new_id): (Vec<Sum>, Option<i64>) = (Vec::new(), None);
    for (table, into) in tables {
        bar.set_message(table.name.clone());
        let sum = rows::copy((source, table, tenant.id.as_i64()), (target, into, new_id), |rows| bar.inc(rows));
        sums.push(sum.with_context(|| format!("{} of {id}", table.name))?);
        // What comes next points at it.
        statistics::keep_up(target)?;
        new_id = new_id.or(find(target, tenant)?);
    }
    let new_id = new_id.context("the tenant was not made")?;
    let mut all = 0;
    for ((_, table), sum) in tables.iter().zip(sums) {
        bar.set_message(format!("{}, compared", table.name));
        let copied = rows::sum(target, table, new_id)?;
        ensure!(copied == sum, "{} of {id} has other rows in the target: nothing was copied", table.name);
        all += sum.rows;
    }
    settle(target, tables, new_id)?;
    Ok(all)
}

/// What a database counts by itself goes on behind what was copied.
fn settle(target: &mut DbConnection, tables: &[(Table, Table)], tenant: i64) -> anyhow::Result<()> {
    match target.kind() {
        BackendKind::Sqlite => {
            // The feed is in the order of `turn` and `seq`, and SQLite gives every change the turn 0.
            target.batch_execute(&format!(
                "UPDATE changes SET turn = 0 WHERE tenant_id = {tenant}; \
                 UPDATE change_horizons SET turn = 0, base = 0 WHERE tenant_id = {tenant}"
            ))?;
        }
        BackendKind::Postgres => {
            let counting = |table: &Table| table.columns.iter().find(|column| column.counts).cloned();
            for (table, Column { name: column, .. }) in
                tables.iter().filter_map(|(_, table)| Some((table, counting(table)?)))
            {
                let name = &table.name;
                target.batch_execute(&format!(
                    "SELECT setval(pg_get_serial_sequence('{name}', '{column}'), \
                     greatest((SELECT max({column}) FROM {name}), nextval(pg_get_serial_sequence('{name}', '{column}'))))"
                ))?;
            }
            // As when a gateway starts on a restored dump.
            crm_history::go_on(target)?;
        }
    }
    Ok(())
}
