use crm_core::page::{Direction, SortKey};
use crm_core::records::Stored;
use crm_core::sql::Json;
use crm_core::text::{folded, searchable};
use crm_core::values::{
    ExternalId, Followers, LongText, Money, Participant, Participants, ReferencedRecords, ShortText, Title, User,
    Vanished,
};
use crm_core::{ContactId, Db, LeadId, OpportunityId, OrganizationId, Scope, Timestamp};
use crm_forms::{CustomFields, Form, LeadRating};
use crm_tags::TagOption;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::schema::leads;
use crate::{Lead, LeadPatch, LeadSort, NewLead};

/// A row of `leads`, without its tenant.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = leads, check_for_backend(Db), treat_none_as_default_value = false)]
pub(crate) struct LeadRow {
    pub(crate) id: LeadId,
    #[diesel(embed)]
    pub(crate) values: LeadValues,
    creator: Option<Json<User>>,
    pub(crate) is_archived: bool,
    pub(crate) converted_on: Option<Timestamp>,
    pub(crate) opportunity_id: Option<OpportunityId>,
    created_on: Timestamp,
}

/// The columns that creating and changing a lead write. A change writes all of them, from a row that it holds
/// locked: one statement whatever the patch has, which is prepared once.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = leads, check_for_backend(Db), treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct LeadValues {
    title: String,
    title_folded: String,
    title_search: String,
    value_units: Option<i64>,
    value_code: Option<String>,
    origin: Option<String>,
    origin_search: Option<String>,
    lead_rating: Option<LeadRating>,
    pub(crate) note: Option<String>,
    organization_id: Option<OrganizationId>,
    contact_id: Option<ContactId>,
    owner: Option<Json<User>>,
    owner_id: Option<String>,
    last_updated_by: Option<Json<User>>,
    followers: Json<Followers>,
    pub(crate) external_id: Option<String>,
    pub(crate) custom_fields: Json<CustomFields>,
    last_updated_on: Timestamp,
}

impl LeadValues {
    /// The columns of a new lead, except those that never change.
    pub(crate) fn of_new(new: &NewLead, custom_fields: CustomFields, scope: &Scope) -> Self {
        let NewLead {
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
        } = new;
        Self {
            title: title.as_str().to_owned(),
            title_folded: folded(title.as_str()),
            title_search: searchable(title.as_str()),
            value_units: value.map(|money| money.units()),
            value_code: value.map(|money| money.currency().code().to_owned()),
            origin: origin.as_ref().map(ToString::to_string),
            origin_search: origin.as_ref().map(|origin| searchable(origin.as_str())),
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
            last_updated_on: scope.now(),
        }
    }

    /// The columns after a patch.
    pub(crate) fn patched(self, patch: &LeadPatch, custom_fields: CustomFields, scope: &Scope) -> Self {
        let LeadPatch {
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
        } = patch;
        let title = title.as_ref().map_or(self.title, |title| title.as_str().to_owned());
        let money = self.value_units.zip(self.value_code);
        let money = value.applied_to(money, |money| (money.units(), money.currency().code().to_owned()));
        let (value_units, value_code) = money.unzip();
        let origin = origin.applied_to(self.origin, ToString::to_string);
        let owner = owner.applied_to(self.owner, |user| Json(user.clone()));
        Self {
            title_folded: folded(&title),
            title_search: searchable(&title),
            title,
            value_units,
            value_code,
            origin_search: origin.as_deref().map(searchable),
            origin,
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
            last_updated_on: scope.now(),
        }
    }
}

impl LeadValues {
    /// These columns, where empty filled from `source`. The note and the followers are left to the caller, who joins all of them.
    pub(crate) fn filled_from(self, source: Self) -> Self {
        let Self {
            title: _,
            title_folded: _,
            title_search: _,
            value_units,
            value_code,
            origin,
            origin_search,
            lead_rating,
            note: _,
            organization_id,
            contact_id,
            owner,
            owner_id,
            last_updated_by: _,
            followers: _,
            external_id,
            custom_fields: Json(custom_fields),
            last_updated_on: _,
        } = source;
        let money = self.value_units.zip(self.value_code).or_else(|| value_units.zip(value_code));
        let (value_units, value_code) = money.unzip();
        Self {
            value_units,
            value_code,
            origin: self.origin.or(origin),
            origin_search: self.origin_search.or(origin_search),
            lead_rating: self.lead_rating.or(lead_rating),
            organization_id: self.organization_id.or(organization_id),
            contact_id: self.contact_id.or(contact_id),
            owner: self.owner.or(owner),
            owner_id: self.owner_id.or(owner_id),
            external_id: self.external_id.or(external_id),
            custom_fields: Json(self.custom_fields.0.filled_from(&custom_fields)),
            ..self
        }
    }

    /// These columns as a merge leaves them.
    pub(crate) fn merged(self, scope: &Scope, note: Option<String>, followers: Followers, by: Option<&User>) -> Self {
        let last_updated_by = scope.author(by).map(Json).or(self.last_updated_by);
        Self { note, followers: Json(followers), last_updated_by, last_updated_on: scope.now(), ..self }
    }
}

impl LeadRow {
    /// The row of a lead that is made.
    pub(crate) fn of_new(id: LeadId, values: LeadValues, creator: Option<User>, scope: &Scope) -> Self {
        Self {
            id,
            values,
            creator: creator.map(Json),
            is_archived: false,
            converted_on: None,
            opportunity_id: None,
            created_on: scope.now(),
        }
    }

    /// This row as it comes back: without what vanished meanwhile, changed now.
    pub(crate) fn restored(
        mut self,
        scope: &Scope,
        by: Option<&User>,
        vanished: &Vanished,
        opportunity: Option<OpportunityId>,
    ) -> Self {
        let values = &mut self.values;
        values.organization_id = vanished.organization(values.organization_id);
        values.contact_id = vanished.contact(values.contact_id);
        values.last_updated_by = scope.author(by).map(Json).or_else(|| values.last_updated_by.take());
        values.last_updated_on = scope.now();
        self.opportunity_id = opportunity;
        self
    }

    /// What it points at, with these participants.
    pub(crate) fn references(&self, participants: &Participants) -> ReferencedRecords {
        ReferencedRecords::of(self.values.organization_id, self.values.contact_id, Some(participants))
    }

    /// Where the row stands in an order.
    pub(crate) fn place(&self, order_by: LeadSort, direction: Direction) -> (SortKey, i64) {
        let values = &self.values;
        let key = match order_by {
            LeadSort::CreatedOn => SortKey::Moment(self.created_on),
            LeadSort::LastUpdatedOn => SortKey::Moment(values.last_updated_on),
            LeadSort::Title => SortKey::Text(values.title_folded.clone()),
            LeadSort::Value => SortKey::nullable_number(values.value_units, direction),
            LeadSort::LeadRating => SortKey::nullable_text(values.lead_rating.map(LeadRating::as_str), direction),
        };
        (key, self.id.as_i64())
    }

    /// The lead that this row is, with what other tables have of it. The names of its organization and contact
    /// are left to whoever knows them.
    pub(crate) fn into_lead(
        self,
        scope: &Scope,
        form: &Form,
        participants: Vec<Participant>,
        tags: Vec<TagOption>,
    ) -> Lead {
        let Self { id, values, creator, is_archived, converted_on, opportunity_id, created_on } = self;
        let LeadValues {
            title,
            title_folded: _,
            title_search: _,
            value_units,
            value_code,
            origin,
            origin_search: _,
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
            last_updated_on,
        } = values;
        Lead {
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
            is_archived,
            is_converted: converted_on.is_some(),
            opportunity_id,
            converted_on,
            created_on,
            last_updated_on,
        }
    }
}
