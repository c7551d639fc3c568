//! The SQL of cases. Every query starts at the tenant of a scope.

use crm_core::page::Contains;
use crm_core::search::{Candidates, Sought, TextIndex};
use crm_core::text::all_searchable;
use crm_core::{CaseId, CaseTypeId, Db, DbConnection, Scope, TagId, any_of, created_within, list_query};
use crm_forms::search::ResolvedFields;
use crm_forms::{StoredForm, of_fields};
use crm_tags::{HasAnyTag, TagKind};
use diesel::prelude::*;

use crate::cases::row::{CaseRow, CaseValues};
use crate::cases::status_filter::InStatus;
use crate::schema::cases;
use crate::{CaseError, CaseFilter, CaseSort};

type Query = cases::BoxedQuery<'static, Db>;

crm_core::record_queries!(cases, CaseId, CaseRow: find_locked, lock, lock_rows);
// Makes `find_whole`, `find_whole_locked`, `remember`, `beside`.
crm_core::whole_records!(
    cases,
    CaseId,
    CaseRow,
    StoredForm,
    CaseSort,
    CasesAround {
        record: "case_id",
        tags: "case_tags",
        participants: None,
        addresses: None,
        shows: &["organization", "contact"],
        form: "case_types AS b WHERE b.tenant_id = cases.tenant_id AND b.id = cases.case_type_id"
    }
);
// Makes `update`, `delete`.
crm_history::record_writes!(cases, CaseId, CaseRow, CaseValues);
// Makes `with_external_ids`, `claim_external_id`.
crm_core::external_ids!(cases, CaseId, CaseError);
// Makes `insert`.
crm_history::record_inserts!(cases, CaseRow);

/// The type of a case, which can have changed by the time that the case is locked.
pub(crate) fn type_of(connection: &mut DbConnection, scope: &Scope, id: CaseId) -> QueryResult<Option<CaseTypeId>> {
    cases::table.find((scope.tenant(), id)).select(cases::case_type_id).first(connection).optional()
}

/// As [`type_of`], of many.
pub(crate) fn types_of(connection: &mut DbConnection, scope: &Scope, ids: &[CaseId]) -> QueryResult<Vec<CaseTypeId>> {
    let these = cases::table.filter(crm_core::sql::among(scope, cases::tenant_id, cases::id, ids));
    these.select(cases::case_type_id).distinct().load(connection)
}

/// What a search over all kinds looks into.
pub const SOUGHT: Sought = Sought { index: TITLE, shown: "title", ordered: Some("title_folded") };

/// The index of titles (docs/adr/0006).
pub(crate) const TITLE: TextIndex =
    TextIndex { table: "cases", column: "title_search", record: "id", fts_column: "title" };

/// What a filter means once other tables were asked: the cases that its title leaves, its tags and statuses.
#[derive(Debug)]
pub(crate) struct ResolvedFilter {
    pub(crate) candidates: Candidates,
    pub(crate) tags: Option<Vec<TagId>>,
    pub(crate) status: Option<InStatus>,
    pub(crate) fields: ResolvedFields,
}

/// The cases that match, in no order.
pub(crate) fn matching(scope: &Scope, filter: &CaseFilter, resolved: &ResolvedFilter) -> Query {
    let CaseFilter {
        ids,
        title,
        status: _,
        case_type,
        owner_id,
        assignee_id,
        contact_id,
        organization_id,
        tags: _,
        priority,
        external_id,
        fields,
        created_after,
        created_before,
    } = filter;
    let priority = priority.as_deref().map(all_searchable);
    let mut query = list_query!(cases, scope, &resolved.candidates);
    any_of!(query, cases::id, ids);
    any_of!(query, cases::case_type_id, case_type);
    any_of!(query, cases::owner_id, owner_id);
    any_of!(query, cases::assignee_id, assignee_id);
    any_of!(query, cases::contact_id, contact_id);
    any_of!(query, cases::organization_id, organization_id);
    any_of!(query, cases::priority_search, priority);
    if let Some(text) = title {
        query = query.filter(Contains::new("title_search", text));
    }
    if let Some(status) = &resolved.status {
        query = query.filter(status.clone());
    }
    if let Some(tags) = &resolved.tags {
        query = query.filter(HasAnyTag::new(scope, TagKind::Case, tags.clone()));
    }
    any_of!(query, cases::external_id, external_id);
    of_fields!(query, cases, fields, &resolved.fields);
    created_within!(query, cases, created_after, created_before);
    query
}
