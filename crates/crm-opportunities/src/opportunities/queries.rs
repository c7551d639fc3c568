//! The SQL of opportunities. Every query starts at the tenant of a scope.

use crm_core::page::Contains;
use crm_core::search::{Candidates, Most, Sought, TextIndex};
use crm_core::sql::Json;
use crm_core::values::User;
use crm_core::{
    Db, DbConnection, OpportunityId, PipelineId, PortableExt, RecordKind, Scope, TagId, Timestamp, WriteError, any_of,
    changed, columns, created_within, list_query,
};
use crm_forms::search::ResolvedFields;
use crm_forms::{Form, StoredForm, of_fields};
use crm_history::Written;
use crm_tags::{HasAnyTag, TagKind};
use diesel::prelude::*;

use super::filter::SEARCHED;
use super::row::{OpportunityRow, OpportunityValues};
use super::{LostReason, OpportunityFilter, OpportunitySort, OpportunityStatus};
use crate::OpportunityError;
use crate::pipelines::Place;
use crate::schema::opportunities;

pub(crate) type Query = opportunities::BoxedQuery<'static, Db>;

crm_core::record_queries!(opportunities, OpportunityId, OpportunityRow: find_locked, lock, lock_rows);
// Makes `find_whole`, `find_whole_locked`, `remember`, `beside`.
crm_core::whole_records!(
    opportunities,
    OpportunityId,
    OpportunityRow,
    StoredForm,
    OpportunitySort,
    OpportunitiesAround {
        record: "opportunity_id",
        tags: "opportunity_tags",
        participants: Some("opportunity_participants"),
        addresses: None,
        shows: &["organization", "contact"],
        form: "forms AS b WHERE b.tenant_id = opportunities.tenant_id AND b.kind = 1"
    }
);
// Makes `update`, `delete`.
crm_history::record_writes!(opportunities, OpportunityId, OpportunityRow, OpportunityValues);
// Makes `with_external_ids`, `claim_external_id`.
crm_core::external_ids!(opportunities, OpportunityId, OpportunityError);
// Makes `insert`.
crm_history::record_inserts!(opportunities, OpportunityRow);

/// The pipeline and the key of the stage of an opportunity, which can have changed by the time that it is locked.
pub(crate) fn place_of(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
) -> QueryResult<Option<(PipelineId, String)>> {
    let columns = (opportunities::pipeline_id, opportunities::stage_key);
    opportunities::table.find((scope.tenant(), id)).select(columns).first(connection).optional()
}

/// What a filter means once other tables were asked.
pub(crate) struct ResolvedFilter {
    /// The records that its title and fields leave.
    candidates: Candidates,
    /// The tags that its spellings name.
    pub(crate) tags: Option<Vec<TagId>>,
    /// What is asked of any field.
    fields: ResolvedFields,
}

/// The index of titles (docs/adr/0006).
/// What a search over all kinds looks into.
pub const SOUGHT: Sought = Sought { index: TITLE, shown: "title", ordered: Some("title_folded") };

const TITLE: TextIndex =
    TextIndex { table: "opportunities", column: "title_search", record: "id", fts_column: "title" };

/// Asks the index of titles and the tags: one statement for a title, two for tags, where the filter has it,
/// and one before for how many are few.
pub(crate) fn resolve(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &OpportunityFilter,
    form: &Form,
) -> Result<ResolvedFilter, WriteError> {
    let most = &mut Most::of(RecordKind::Opportunity);
    let titled =
        filter.title.as_ref().map_or(Ok(Candidates::Many), |text| TITLE.candidates(connection, scope, most, text))?;
    let (tagged, tags) = crm_tags::resolve_filter(connection, scope, TagKind::Opportunity, most, filter.tags.as_ref())?;
    let fields = filter.fields.resolve(connection, scope, &SEARCHED, most, &[form])?;
    let candidates = titled.and(tagged).and(fields.candidates.clone());
    Ok(ResolvedFilter { candidates, tags, fields })
}

/// The opportunities that match, in no order.
pub(crate) fn matching(scope: &Scope, filter: &OpportunityFilter, resolved: &ResolvedFilter) -> Query {
    let OpportunityFilter {
        ids,
        title,
        contact_id,
        organization_id,
        tags: _,
        owner_id,
        status,
        stage,
        pipeline_id,
        external_id,
        fields,
        created_after,
        created_before,
    } = filter;
    let mut query = list_query!(opportunities, scope, &resolved.candidates);
    any_of!(query, opportunities::id, ids);
    any_of!(query, opportunities::contact_id, contact_id);
    any_of!(query, opportunities::organization_id, organization_id);
    any_of!(query, opportunities::owner_id, owner_id);
    let status = status.as_ref().map(|status| status.iter().map(|status| status.as_str()).collect::<Vec<_>>());
    any_of!(query, opportunities::status, status);
    any_of!(query, opportunities::stage_key, stage);
    any_of!(query, opportunities::pipeline_id, pipeline_id);
    if let Some(text) = title {
        query = query.filter(Contains::new("title_search", text));
    }
    if let Some(tags) = &resolved.tags {
        query = query.filter(HasAnyTag::new(scope, TagKind::Opportunity, tags.clone()));
    }
    any_of!(query, opportunities::external_id, external_id);
    of_fields!(query, opportunities, fields, &resolved.fields);
    created_within!(query, opportunities, created_after, created_before);
    query
}

/// What a change of the status writes.
#[derive(Clone, Copy)]
pub(crate) struct Closing<'a> {
    pub(crate) status: OpportunityStatus,
    pub(crate) lost_reason: Option<&'a LostReason>,
    pub(crate) closed_on: Option<Timestamp>,
}

/// Gives another status to an opportunity that is locked.
pub(crate) fn set_status(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    closing: Closing<'_>,
    by: Option<&User>,
) -> QueryResult<Written<OpportunityRow>> {
    let Closing { status, lost_reason, closed_on } = closing;
    diesel::update(opportunities::table.find((scope.tenant(), id)))
        .set((
            opportunities::status.eq(status),
            opportunities::lost_reason.eq(lost_reason.cloned().map(Json)),
            opportunities::closed_on.eq(closed_on),
            changed!(opportunities, scope, by),
        ))
        .returning(columns::<OpportunityRow>())
        .portable()
        .get_result(connection)
        .map(Written::new)
}

/// Moves an opportunity that is locked.
pub(crate) fn set_stage(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OpportunityId,
    place: &Place,
    by: Option<&User>,
) -> QueryResult<Written<OpportunityRow>> {
    let Place { pipeline_id, stage, position } = place;
    diesel::update(opportunities::table.find((scope.tenant(), id)))
        .set((
            opportunities::pipeline_id.eq(*pipeline_id),
            opportunities::stage_key.eq(stage.as_str()),
            opportunities::stage_position.eq(*position),
            opportunities::stage_since.eq(scope.now()),
            changed!(opportunities, scope, by),
        ))
        .returning(columns::<OpportunityRow>())
        .portable()
        .get_result(connection)
        .map(Written::new)
}
