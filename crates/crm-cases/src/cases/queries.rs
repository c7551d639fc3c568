//! The SQL of cases. Every query starts at the tenant of a scope.

use crm_core::page::{Contains, PageRequest};
use crm_core::search::{Among, Candidates, TextIndex};
use crm_core::sql::Json;
use crm_core::values::{User, lowercase};
use crm_core::{CaseId, CaseTypeId, Db, DbConnection, ForUpdateExt, PortableExt, Scope, Uuid, any_of, columns};
use crm_tags::{HasAnyTag, TagKind};
use diesel::prelude::*;

use crate::cases::row::{CaseRow, CaseValues};
use crate::cases::status_filter::InStatus;
use crate::schema::cases;
use crate::{CaseFilter, CaseSort};

type Query = cases::BoxedQuery<'static, Db>;

pub(crate) fn find(connection: &mut DbConnection, scope: &Scope, id: CaseId) -> QueryResult<Option<CaseRow>> {
    cases::table.find((scope.tenant(), id)).select(columns::<CaseRow>()).first(connection).optional()
}

pub(crate) fn find_locked(connection: &mut DbConnection, scope: &Scope, id: CaseId) -> QueryResult<Option<CaseRow>> {
    cases::table.find((scope.tenant(), id)).select(columns::<CaseRow>()).locked().get_result(connection).optional()
}

/// The type of a case, which can have changed by the time that the case is locked.
pub(crate) fn type_of(connection: &mut DbConnection, scope: &Scope, id: CaseId) -> QueryResult<Option<CaseTypeId>> {
    cases::table.find((scope.tenant(), id)).select(cases::case_type_id).first(connection).optional()
}

/// Locks those of these cases that exist, in ascending order as everybody does, so that no two wait for each
/// other.
pub(crate) fn lock(connection: &mut DbConnection, scope: &Scope, mut ids: Vec<CaseId>) -> QueryResult<Vec<CaseId>> {
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_OF_A_STATEMENT) {
        let locked: Vec<CaseId> = cases::table
            .filter(cases::tenant_id.eq(scope.tenant()))
            .filter(cases::id.eq_any(ids))
            .order(cases::id)
            .select(cases::id)
            .locked()
            .load(connection)?;
        found.extend(locked);
    }
    Ok(found)
}

/// SQLite takes at most 32 766 values in a statement.
const IDS_OF_A_STATEMENT: usize = 10_000;

/// The index of titles (docs/adr/0006).
pub(crate) const TITLE: TextIndex =
    TextIndex { table: "cases", column: "title_lower", record: "id", fts_column: "title" };

/// What a filter means once other tables were asked: the cases that its title leaves, its tags and statuses.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) titled: Candidates,
    pub(crate) tags: Option<Vec<Uuid>>,
    pub(crate) status: Option<InStatus>,
}

/// The cases that match, in no order.
fn matching(scope: &Scope, filter: &CaseFilter, named: &Named) -> Query {
    let CaseFilter {
        title,
        status: _,
        case_type,
        owner_id,
        assignee_id,
        contact_id,
        organization_id,
        tags: _,
        priority,
        created_after,
        created_before,
    } = filter;
    let priority = priority.as_ref().map(|entries| entries.iter().map(|entry| lowercase(entry)).collect::<Vec<_>>());
    let mut query = match &named.titled {
        Candidates::Few(ids) => cases::table.filter(Among::new(scope, ids)).into_boxed::<Db>(),
        Candidates::Many => cases::table.filter(cases::tenant_id.eq(scope.tenant())).into_boxed::<Db>(),
    };
    any_of!(query, cases::case_type_id, case_type);
    any_of!(query, cases::owner_id, owner_id);
    any_of!(query, cases::assignee_id, assignee_id);
    any_of!(query, cases::contact_id, contact_id);
    any_of!(query, cases::organization_id, organization_id);
    any_of!(query, cases::priority_lower, priority);
    if let Some(text) = title {
        query = query.filter(Contains::new("title_lower", text));
    }
    if let Some(status) = &named.status {
        query = query.filter(status.clone());
    }
    if let Some(tags) = &named.tags {
        query = query.filter(HasAnyTag::new(scope, TagKind::Case, tags.clone()));
    }
    if let Some(moment) = created_after {
        query = query.filter(cases::created_on.ge(*moment));
    }
    if let Some(moment) = created_before {
        query = query.filter(cases::created_on.le(*moment));
    }
    query
}

pub(crate) fn page(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &CaseFilter,
    named: &Named,
    request: &PageRequest<CaseSort>,
) -> QueryResult<Vec<CaseRow>> {
    request.apply(matching(scope, filter, named)).select(columns::<CaseRow>()).load(connection)
}

pub(crate) fn count(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &CaseFilter,
    named: &Named,
) -> QueryResult<i64> {
    matching(scope, filter, named).count().get_result(connection)
}

pub(crate) fn insert(
    connection: &mut DbConnection,
    scope: &Scope,
    id: CaseId,
    creator: Option<User>,
    values: &CaseValues,
) -> QueryResult<CaseRow> {
    let constant = (
        cases::tenant_id.eq(scope.tenant()),
        cases::id.eq(id),
        cases::creator.eq(creator.map(Json)),
        cases::created_on.eq(scope.now()),
    );
    diesel::insert_into(cases::table).values((constant, values)).returning(columns::<CaseRow>()).get_result(connection)
}

pub(crate) fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: CaseId,
    values: &CaseValues,
) -> QueryResult<CaseRow> {
    diesel::update(cases::table.find((scope.tenant(), id)))
        .set(values)
        .returning(columns::<CaseRow>())
        .portable()
        .get_result(connection)
}

pub(crate) fn delete(connection: &mut DbConnection, scope: &Scope, ids: &[CaseId]) -> QueryResult<()> {
    for ids in ids.chunks(IDS_OF_A_STATEMENT) {
        let these = cases::table.filter(cases::tenant_id.eq(scope.tenant())).filter(cases::id.eq_any(ids));
        diesel::delete(these).execute(connection)?;
    }
    Ok(())
}
