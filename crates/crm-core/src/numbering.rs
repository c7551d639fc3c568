//! Ids that count up from 1 in each tenant and kind (docs/compatibility.md, "Ids, times and money").

use std::collections::HashMap;

use diesel::prelude::*;

use crate::schema::numbering;
use crate::{DbConnection, PortableExt, RecordId, Scope, TenantId};

/// Takes the next number of the scope's tenant.
///
/// The counter is part of the caller's transaction: a number is never given twice, a rolled-back one leaves
/// no gap. On PostgreSQL two creations in one tenant and kind wait for each other from here to the commit,
/// so take it as the last thing before the insert (docs/adr/0005 has the figures and the way out).
///
/// # Errors
/// The database's.
pub fn next<I: RecordId>(connection: &mut DbConnection, scope: &Scope) -> QueryResult<I> {
    let kind = I::KIND.numbering();
    if let Some(memory) = scope.memory() {
        let next = memory.with(|Taken(taken): &mut Taken| {
            let last = taken.get_mut(&kind)?;
            *last += 1;
            Some(*last)
        });
        if let Some(next) = next {
            return Ok(I::from_i64(next));
        }
    }
    let next = next_number(connection, scope.tenant(), kind)?;
    if let Some(memory) = scope.memory() {
        memory.with(|Taken(taken): &mut Taken| taken.insert(kind, next));
    }
    Ok(I::from_i64(next))
}

/// Takes the counter of a kind without a number: until the end of the transaction nobody else makes a record of it.
///
/// # Errors
/// The database's.
pub fn hold<I: RecordId>(connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
    let kind = I::KIND.numbering();
    let last: i64 = diesel::insert_into(numbering::table)
        .values((numbering::tenant_id.eq(scope.tenant()), numbering::kind.eq(kind), numbering::last.eq(0)))
        .on_conflict((numbering::tenant_id, numbering::kind))
        .do_update()
        .set(numbering::last.eq(numbering::last))
        .returning(numbering::last)
        .portable()
        .get_result(connection)?;
    if let Some(memory) = scope.memory() {
        memory.with(|Taken(taken): &mut Taken| taken.insert(kind, last));
    }
    Ok(())
}

/// The last number of each kind that a transaction of many changes has taken: the first by the counter, which is locked from
/// then on, the others here.
#[derive(Default)]
struct Taken(HashMap<i16, i64>);

/// Writes down which numbers a transaction of many changes ([`Scope::remembering`]) has taken: the last thing that it does.
///
/// # Errors
/// The database's.
pub fn settle(connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
    let Some(memory) = scope.memory() else { return Ok(()) };
    for (kind, last) in memory.with(|Taken(taken): &mut Taken| std::mem::take(taken)) {
        let counter = numbering::table.find((scope.tenant(), kind));
        diesel::update(counter).set(numbering::last.eq(last)).execute(connection)?;
    }
    Ok(())
}

fn next_number(connection: &mut DbConnection, tenant: TenantId, kind: i16) -> QueryResult<i64> {
    diesel::insert_into(numbering::table)
        .values((numbering::tenant_id.eq(tenant), numbering::kind.eq(kind), numbering::last.eq(1)))
        .on_conflict((numbering::tenant_id, numbering::kind))
        .do_update()
        .set(numbering::last.eq(numbering::last + 1))
        .returning(numbering::last)
        .portable()
        .get_result(connection)
}
