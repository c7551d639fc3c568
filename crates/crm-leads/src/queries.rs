//! The SQL of leads. Every query starts at the tenant of a scope.

use crm_core::page::Contains;
use crm_core::search::{Candidates, Most, Sought, TextIndex};
use crm_core::sql::among;
use crm_core::text::all_searchable;
use crm_core::values::User;
use crm_core::{
    Db, DbConnection, LeadId, OpportunityId, PortableExt, RecordKind, Scope, TagId, WriteError, any_of, changed,
    columns, created_within, list_query,
};
use crm_forms::search::ResolvedFields;
use crm_forms::{Form, StoredForm, of_fields};
use crm_history::Written;
use crm_tags::{HasAnyTag, TagKind};
use diesel::prelude::*;

use crate::filter::SEARCHED;
use crate::row::{LeadRow, LeadValues};
use crate::schema::leads;
use crate::{LeadError, LeadFilter, LeadSort};

type Query = leads::BoxedQuery<'static, Db>;

crm_core::record_queries!(leads, LeadId, LeadRow: find, find_locked, lock, lock_rows);
// Makes `find_whole`, `find_whole_locked`, `remember`, `beside`.
crm_core::whole_records!(
    leads,
    LeadId,
    LeadRow,
    StoredForm,
    LeadSort,
    LeadsAround {
        record: "lead_id",
        tags: "lead_tags",
        participants: Some("lead_participants"),
        addresses: None,
        shows: &["organization", "contact"],
        form: "forms AS b WHERE b.tenant_id = leads.tenant_id AND b.kind = 1"
    }
);
// Makes `update`, `delete`.
crm_history::record_writes!(leads, LeadId, LeadRow, LeadValues);
// Makes `with_external_ids`, `claim_external_id`.
crm_core::external_ids!(leads, LeadId, LeadError);
// Makes `release_external_ids`, `external_id_again`.
crm_core::released_external_ids!(leads, LeadId, LeadError);
// Makes `insert`.
crm_history::record_inserts!(leads, LeadRow);

/// What a filter means once other tables were asked.
pub(crate) struct ResolvedFilter {
    /// The records that its title and fields leave.
    candidates: Candidates,
    /// The tags that its spellings name.
    pub(crate) tags: Option<Vec<TagId>>,
    /// What is asked of any field.
    fields: ResolvedFields,
}

/// What a search over all kinds looks into.
pub const SOUGHT: Sought = Sought { index: TITLE, shown: "title", ordered: Some("title_folded") };

/// The index of titles (docs/adr/0006).
const TITLE: TextIndex = TextIndex { table: "leads", column: "title_search", record: "id", fts_column: "title" };

/// Asks the index of titles and the tags: one statement for a title, two for tags, where the filter has it,
/// and one before for how many are few.
pub(crate) fn resolve(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &LeadFilter,
    form: &Form,
) -> Result<ResolvedFilter, WriteError> {
    let most = &mut Most::of(RecordKind::Lead);
    let titled =
        filter.title.as_ref().map_or(Ok(Candidates::Many), |text| TITLE.candidates(connection, scope, most, text))?;
    let (tagged, tags) = crm_tags::resolve_filter(connection, scope, TagKind::Lead, most, filter.tags.as_ref())?;
    let fields = filter.fields.resolve(connection, scope, &SEARCHED, most, &[form])?;
    let candidates = titled.and(tagged).and(fields.candidates.clone());
    Ok(ResolvedFilter { candidates, tags, fields })
}

/// The leads that match, in no order.
pub(crate) fn matching(scope: &Scope, filter: &LeadFilter, resolved: &ResolvedFilter) -> Query {
    let LeadFilter {
        ids,
        title,
        contact_id,
        organization_id,
        tags: _,
        is_archived,
        is_converted,
        owner_id,
        origin,
        lead_rating,
        external_id,
        fields,
        created_after,
        created_before,
    } = filter;
    let origin = origin.as_deref().map(all_searchable);
    let mut query = list_query!(leads, scope, &resolved.candidates);
    any_of!(query, leads::id, ids);
    any_of!(query, leads::contact_id, contact_id);
    any_of!(query, leads::organization_id, organization_id);
    any_of!(query, leads::owner_id, owner_id);
    any_of!(query, leads::origin_search, origin);
    any_of!(query, leads::lead_rating, lead_rating);
    if let Some(text) = title {
        query = query.filter(Contains::new("title_search", text));
    }
    if let Some(tags) = &resolved.tags {
        query = query.filter(HasAnyTag::new(scope, TagKind::Lead, tags.clone()));
    }
    if let Some(archived) = is_archived {
        query = query.filter(leads::is_archived.eq(*archived));
    }
    match is_converted {
        None => {}
        Some(true) => query = query.filter(leads::converted_on.is_not_null()),
        Some(false) => query = query.filter(leads::converted_on.is_null()),
    }
    any_of!(query, leads::external_id, external_id);
    of_fields!(query, leads, fields, &resolved.fields);
    created_within!(query, leads, created_after, created_before);
    query
}

/// Those of these leads that exist, which nobody keeps as they are.
pub(crate) fn rows(connection: &mut DbConnection, scope: &Scope, ids: &[LeadId]) -> QueryResult<Vec<LeadRow>> {
    let these = leads::table.filter(among(scope, leads::tenant_id, leads::id, ids));
    these.select(columns::<LeadRow>()).load(connection)
}

/// Archives or unarchives a lead that is not in that state; `None` where it is, or where there is no such lead.
pub(crate) fn set_archived(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    archived: bool,
    by: Option<&User>,
) -> QueryResult<Option<Written<LeadRow>>> {
    let changed = diesel::update(leads::table.find((scope.tenant(), id)).filter(leads::is_archived.ne(archived)))
        .set((leads::is_archived.eq(archived), changed!(leads, scope, by)))
        .returning(columns::<LeadRow>())
        .portable()
        .get_result(connection)
        .optional()?;
    Ok(changed.map(Written::new))
}

/// Converts a lead that can be; `None` where it cannot.
pub(crate) fn set_converted(
    connection: &mut DbConnection,
    scope: &Scope,
    id: LeadId,
    opportunity: OpportunityId,
    by: Option<&User>,
) -> QueryResult<Option<Written<LeadRow>>> {
    let open = leads::table
        .find((scope.tenant(), id))
        .filter(leads::converted_on.is_null())
        .filter(leads::is_archived.eq(false));
    let converted = diesel::update(open)
        .set((leads::converted_on.eq(scope.now()), leads::opportunity_id.eq(opportunity), changed!(leads, scope, by)))
        .returning(columns::<LeadRow>())
        .portable()
        .get_result(connection)
        .optional()?;
    Ok(converted.map(Written::new))
}
