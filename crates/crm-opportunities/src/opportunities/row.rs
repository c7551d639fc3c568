use crm_core::counts::Counted;
use crm_core::page::{Direction, SortKey};
use crm_core::records::Stored;
use crm_core::sql::Json;
use crm_core::text::{folded, searchable};
use crm_core::values::{
    ExternalId, Followers, LongText, Money, Participant, Participants, ReferencedRecords, ShortText, Title, User,
    Vanished,
};
use crm_core::{ContactId, Db, LeadId, OpportunityId, OrganizationId, PipelineId, Scope, Timestamp};
use crm_forms::{CustomFields, Form, LeadRating};
use crm_tags::TagOption;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{LostReason, NewOpportunity, Opportunity, OpportunityPatch, OpportunitySort, OpportunityStatus};
use crate::pipelines::{Place, StageKey};
use crate::schema::opportunities;

/// A row of `opportunities`, without its tenant.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = opportunities, check_for_backend(Db), treat_none_as_default_value = false)]
pub(crate) struct OpportunityRow {
    pub(crate) id: OpportunityId,
    #[diesel(embed)]
    pub(crate) values: OpportunityValues,
    creator: Option<Json<User>>,
    pub(crate) status: OpportunityStatus,
    lost_reason: Option<Json<LostReason>>,
    pub(crate) closed_on: Option<Timestamp>,
    pub(crate) lead_id: Option<LeadId>,
    created_on: Timestamp,
}

/// The columns that creating and changing an opportunity write. A change writes all of them, from a row that it holds
/// locked: one statement whatever the patch has, which is prepared once.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = opportunities, check_for_backend(Db), treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct OpportunityValues {
    title: String,
    title_folded: String,
    title_search: String,
    value_units: Option<i64>,
    value_code: Option<String>,
    origin: Option<String>,
    lead_rating: Option<LeadRating>,
    note: Option<String>,
    organization_id: Option<OrganizationId>,
    contact_id: Option<ContactId>,
    owner: Option<Json<User>>,
    owner_id: Option<String>,
    last_updated_by: Option<Json<User>>,
    followers: Json<Followers>,
    pub(crate) external_id: Option<String>,
    pub(crate) custom_fields: Json<CustomFields>,
    pub(crate) pipeline_id: PipelineId,
    stage_key: String,
    stage_position: i16,
    /// When it came there; `None` where it was made there.
    stage_since: Option<Timestamp>,
    pub(crate) last_updated_on: Timestamp,
}

impl OpportunityRow {
    /// The row of an opportunity that is made, of this lead where it is one that was converted.
    pub(crate) fn of_new(
        id: OpportunityId,
        values: OpportunityValues,
        creator: Option<User>,
        lead: Option<LeadId>,
        scope: &Scope,
    ) -> Self {
        Self {
            id,
            values,
            creator: creator.map(Json),
            status: OpportunityStatus::Open,
            lost_reason: None,
            closed_on: None,
            lead_id: lead,
            created_on: scope.now(),
        }
    }

    /// What it is counted as: those that are open by their stages, with their values.
    pub(crate) fn counted(&self) -> Counted {
        let OpportunityValues { pipeline_id, stage_key, value_units, value_code, .. } = &self.values;
        match self.status {
            OpportunityStatus::Open => {
                Counted::within(pipeline_id.as_uuid(), stage_key, value_units.zip(value_code.as_deref()))
            }
            OpportunityStatus::Won | OpportunityStatus::Lost => Counted::in_no_group(),
        }
    }
}

impl OpportunityValues {
    /// The columns of a new opportunity, except those that never change.
    pub(crate) fn of_new(new: &NewOpportunity, custom_fields: CustomFields, place: Place, scope: &Scope) -> Self {
        let Place { pipeline_id, stage, position } = place;
        let NewOpportunity {
            title,
            value,
            origin,
            lead_rating,
            note,
            organization_id,
            contact_id,
            owner,
            creator: _,
            last_updated_by,
            followers,
            participants: _,
            tags: _,
            external_id,
            custom_fields: _,
            pipeline_id: _,
            stage: _,
        } = new;
        Self {
            title: title.as_str().to_owned(),
            title_folded: folded(title.as_str()),
            title_search: searchable(title.as_str()),
            value_units: value.map(|money| money.units()),
            value_code: value.map(|money| money.currency().code().to_owned()),
            origin: origin.as_ref().map(ToString::to_string),
            lead_rating: *lead_rating,
            note: note.as_ref().map(ToString::to_string),
            organization_id: *organization_id,
            contact_id: *contact_id,
            owner: owner.clone().map(Json),
            owner_id: owner.as_ref().map(|owner| owner.id().to_owned()),
            last_updated_by: scope.author(last_updated_by.as_ref()).map(Json),
            followers: Json(followers.clone()),
            external_id: external_id.as_ref().map(ToString::to_string),
            custom_fields: Json(custom_fields),
            pipeline_id,
            stage_key: stage.as_str().to_owned(),
            stage_position: position,
            stage_since: None,
            last_updated_on: scope.now(),
        }
    }

    /// The pipeline and the key of the stage that the opportunity is in.
    pub(crate) fn place(&self) -> (PipelineId, String) {
        (self.pipeline_id, self.stage_key.clone())
    }

    /// Whether the opportunity is in this stage of its pipeline.
    pub(crate) fn is_in(&self, stage: &StageKey) -> bool {
        self.stage_key == stage.as_str()
    }

    /// The columns after a patch; `place` is where it moves, if it does.
    pub(crate) fn patched(
        self,
        patch: &OpportunityPatch,
        custom_fields: CustomFields,
        place: Option<Place>,
        scope: &Scope,
    ) -> Self {
        let (pipeline_id, stage_key, stage_position, stage_since) = match place {
            None => (self.pipeline_id, self.stage_key, self.stage_position, self.stage_since),
            Some(Place { pipeline_id, stage, position }) => {
                (pipeline_id, stage.as_str().to_owned(), position, Some(scope.now()))
            }
        };
        let OpportunityPatch {
            title,
            value,
            origin,
            lead_rating,
            note,
            organization_id,
            contact_id,
            seen_organization: _,
            seen_contact: _,
            owner,
            last_updated_by,
            followers,
            participants: _,
            tags: _,
            external_id,
            custom_fields: _,
            pipeline_id: _,
            stage: _,
        } = patch;
        let title = title.as_ref().map_or(self.title, |title| title.as_str().to_owned());
        let money = self.value_units.zip(self.value_code);
        let money = value.applied_to(money, |money| (money.units(), money.currency().code().to_owned()));
        let (value_units, value_code) = money.unzip();
        let owner = owner.applied_to(self.owner, |user| Json(user.clone()));
        Self {
            title_folded: folded(&title),
            title_search: searchable(&title),
            title,
            value_units,
            value_code,
            origin: origin.applied_to(self.origin, ToString::to_string),
            lead_rating: lead_rating.applied_to(self.lead_rating, |rating| *rating),
            note: note.applied_to(self.note, ToString::to_string),
            organization_id: organization_id.applied_to(self.organization_id, |id| *id),
            contact_id: contact_id.applied_to(self.contact_id, |id| *id),
            owner_id: owner.as_ref().map(|Json(owner)| owner.id().to_owned()),
            owner,
            last_updated_by: scope.author_after(last_updated_by, self.last_updated_by.map(|Json(user)| user)).map(Json),
            followers: followers
                .applied_to(Some(self.followers), |users| Json(users.clone()))
                .unwrap_or_else(|| Json(Followers::default())),
            external_id: external_id.applied_to(self.external_id, ToString::to_string),
            custom_fields: Json(custom_fields),
            pipeline_id,
            stage_key,
            stage_position,
            stage_since,
            last_updated_on: scope.now(),
        }
    }
}

impl OpportunityRow {
    /// This row as it comes back: without what vanished meanwhile, changed now.
    pub(crate) fn restored(
        mut self,
        scope: &Scope,
        by: Option<&User>,
        vanished: &Vanished,
        place: Place,
        lead: Option<LeadId>,
    ) -> Self {
        let values = &mut self.values;
        values.organization_id = vanished.organization(values.organization_id);
        values.contact_id = vanished.contact(values.contact_id);
        values.last_updated_by = scope.author(by).map(Json).or_else(|| values.last_updated_by.take());
        values.last_updated_on = scope.now();
        let Place { pipeline_id, stage, position } = place;
        (values.pipeline_id, values.stage_key, values.stage_position) =
            (pipeline_id, stage.as_str().to_owned(), position);
        self.lead_id = lead;
        self
    }

    /// What it points at, with these participants.
    pub(crate) fn references(&self, participants: &Participants) -> ReferencedRecords {
        ReferencedRecords::of(self.values.organization_id, self.values.contact_id, Some(participants))
    }

    /// Where the row stands in an order.
    pub(crate) fn place(&self, order_by: OpportunitySort, direction: Direction) -> (SortKey, i64) {
        let values = &self.values;
        let key = match order_by {
            OpportunitySort::CreatedOn => SortKey::Moment(self.created_on),
            OpportunitySort::LastUpdatedOn => SortKey::Moment(values.last_updated_on),
            OpportunitySort::Title => SortKey::Text(values.title_folded.clone()),
            OpportunitySort::Value => SortKey::nullable_number(values.value_units, direction),
            OpportunitySort::LeadRating => {
                SortKey::nullable_text(values.lead_rating.map(LeadRating::as_str), direction)
            }
            OpportunitySort::ClosedOn => SortKey::nullable_moment(self.closed_on, direction),
            OpportunitySort::Stage => SortKey::Number(values.stage_position.into()),
        };
        (key, self.id.as_i64())
    }

    /// Why it was lost.
    pub(crate) fn lost_reason(&self) -> Option<&LostReason> {
        self.lost_reason.as_ref().map(|Json(reason)| reason)
    }

    /// The opportunity that this row is, with what other tables have of it. The names of its organization and contact
    /// are left to whoever knows them.
    pub(crate) fn into_opportunity(
        self,
        scope: &Scope,
        form: &Form,
        participants: Vec<Participant>,
        tags: Vec<TagOption>,
    ) -> Opportunity {
        let Self { id, values, creator, status, lost_reason, closed_on, lead_id, created_on } = self;
        let OpportunityValues {
            title,
            title_folded: _,
            title_search: _,
            value_units,
            value_code,
            origin,
            lead_rating,
            note,
            organization_id,
            contact_id,
            owner,
            owner_id: _,
            last_updated_by,
            followers: Json(followers),
            external_id,
            custom_fields: Json(custom_fields),
            pipeline_id,
            stage_key,
            stage_position: _,
            stage_since,
            last_updated_on,
        } = values;
        Opportunity {
            id,
            tenant_id: scope.public_tenant().clone(),
            title: Title::stored(title),
            // A currency that ISO 4217 no longer has, after an update of the list, shows no value; the row keeps it.
            value: value_units.zip(value_code).and_then(|(units, code)| Money::stored(units, &code)),
            origin: origin.map(ShortText::stored),
            lead_rating,
            note: note.map(LongText::stored),
            organization_id,
            organization: None,
            contact_id,
            contact: None,
            owner: owner.map(|Json(user)| user),
            creator: creator.map(|Json(user)| user),
            last_updated_by: last_updated_by.map(|Json(user)| user),
            followers,
            participants: Participants::stored(participants),
            tags,
            external_id: external_id.map(ExternalId::stored),
            custom_fields: form.visible(&custom_fields),
            pipeline_id,
            stage: StageKey::stored(stage_key),
            stage_since: stage_since.unwrap_or(created_on),
            status,
            lost_reason: lost_reason.map(|Json(reason)| reason),
            closed_on,
            lead_id,
            created_on,
            last_updated_on,
        }
    }
}
