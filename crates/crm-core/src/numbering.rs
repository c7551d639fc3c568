//! Ids that count up from 1 in each tenant and kind (docs/compatibility.md, "Ids, times and money").

use std::collections::HashMap;
use std::fmt::Debug;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, SmallInt};

use crate::schema::numbering;
use crate::{DbConnection, PortableExt, RecordId, Scope, TenantId};

/// Gives numbers outside of the transactions that make the records, so that creations in one tenant do not wait for each
/// other's commits ([`Scope::numbered_by`]). It has a connection of its own, and calls [`advance`] there.
pub trait Numbers: Debug + Send + Sync {
    /// The next number of a tenant and kind; `None` where only the caller's transaction can take it. It may block for as long
    /// as a statement takes.
    fn next(&self, tenant: TenantId, kind: i16) -> Option<i64>;
}

/// Takes the next number of the scope's tenant: a number is never given twice.
///
/// Where the scope has [`Numbers`], nobody waits for anybody, and a transaction that is rolled back leaves a gap. Else this is
/// [`next_alone`]: so take it as the last thing before the insert.
///
/// # Errors
/// The database's.
pub fn next<I: RecordId>(connection: &mut DbConnection, scope: &Scope) -> QueryResult<I> {
    // A transaction of many changes holds the counter, and counts for itself.
    let numbers = scope.numbers().filter(|_| scope.memory().is_none());
    match numbers.and_then(|numbers| numbers.next(scope.tenant(), I::KIND.numbering())) {
        Some(next) => Ok(I::from_i64(next)),
        None => next_alone(connection, scope),
    }
}

/// As [`next`], in the caller's transaction: until it ends, all others in the tenant wait that take a number of this kind by this
/// function, or [`hold`] its counter, and see then what it has made. One that is rolled back leaves no gap.
///
/// # Errors
/// The database's.
pub fn next_alone<I: RecordId>(connection: &mut DbConnection, scope: &Scope) -> QueryResult<I> {
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

/// What became of [`advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advanced {
    /// The numbers are taken, of which this is the last.
    To(i64),
    /// A transaction holds the counter.
    Held,
    /// Nothing was counted yet, or the tenant is gone: the first number is taken by a transaction that makes a record.
    Absent,
}

/// Takes so many numbers at once from a counter that no transaction holds; it waits for none. PostgreSQL only, in a transaction of
/// its own.
///
/// That transaction need not be on disk before the numbers are used (`synchronous_commit = off`): what is made with them comes
/// later in the log, so that whatever of it survives has the counter before it.
///
/// # Errors
/// The database's.
pub fn advance(connection: &mut DbConnection, tenant: TenantId, kind: i16, count: i64) -> QueryResult<Advanced> {
    const ADVANCE: &str = "UPDATE numbering SET last = last + $3 WHERE tenant_id = $1 AND kind IN \
        (SELECT kind FROM numbering WHERE tenant_id = $1 AND kind = $2 FOR UPDATE SKIP LOCKED) RETURNING last";
    #[derive(QueryableByName)]
    struct Counter {
        #[diesel(sql_type = BigInt)]
        last: i64,
    }
    let asked = diesel::sql_query(ADVANCE).bind::<BigInt, _>(tenant).bind::<SmallInt, _>(kind).bind::<BigInt, _>(count);
    if let Some(Counter { last }) = asked.portable().get_result(connection).optional()? {
        return Ok(Advanced::To(last));
    }
    let counter = numbering::table.find((tenant, kind)).select(numbering::last);
    let is_there = counter.get_result::<i64>(connection).optional()?.is_some();
    Ok(if is_there { Advanced::Held } else { Advanced::Absent })
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
