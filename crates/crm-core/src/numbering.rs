//! Ids that count up from 1 in each tenant and kind (docs/compatibility.md, "Ids, times and money").

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
    next_number(connection, scope.tenant(), I::KIND.numbering()).map(I::from_number)
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
