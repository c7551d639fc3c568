use crm_core::page::{Direction, SortKey};
use crm_core::records::Stored;
use crm_core::sql::Json;
use crm_core::text::{folded, name_key, searchable};
use crm_core::values::{ExternalId, LabeledValues, LongText, Reference, ShortText, Title, Url, User, Vanished};
use crm_core::{ContactId, Db, OrganizationId, Scope, Timestamp};
use crm_forms::{CustomFields, Form};
use crm_tags::TagOption;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::schema::contacts;
use crate::{Contact, ContactPatch, ContactSort, NewContact};

/// A row of `contacts`, without its tenant.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = contacts, check_for_backend(Db), treat_none_as_default_value = false)]
pub(crate) struct ContactRow {
    pub(crate) id: ContactId,
    #[diesel(embed)]
    pub(crate) values: ContactValues,
    creator: Option<Json<User>>,
    created_on: Timestamp,
}

/// The columns that creating and changing a contact write. A change writes all of them, from a row that it holds
/// locked: one statement whatever the patch has, which is prepared once.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = contacts, check_for_backend(Db), treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ContactValues {
    name: String,
    name_folded: String,
    name_search: String,
    name_key: String,
    pub(crate) organization_id: Option<OrganizationId>,
    job_title: Option<String>,
    job_title_folded: Option<String>,
    department: Option<String>,
    seniority_level: Option<String>,
    linkedin: Option<String>,
    pub(crate) note: Option<String>,
    owner: Option<Json<User>>,
    owner_id: Option<String>,
    last_updated_by: Option<Json<User>>,
    pub(crate) external_id: Option<String>,
    pub(crate) custom_fields: Json<CustomFields>,
    last_updated_on: Timestamp,
}

impl ContactValues {
    /// The columns of a new contact, except those that never change.
    pub(crate) fn of_new(new: &NewContact, custom_fields: CustomFields, scope: &Scope) -> Self {
        let NewContact {
            name,
            email: _,
            phone: _,
            organization_id,
            job_title,
            department,
            seniority_level,
            linkedin,
            note,
            owner,
            creator: _,
            last_updated_by,
            tags: _,
            external_id,
            custom_fields: _,
        } = new;
        Self {
            name: name.as_str().to_owned(),
            name_folded: folded(name.as_str()),
            name_search: searchable(name.as_str()),
            name_key: name_key(name.as_str()),
            organization_id: *organization_id,
            job_title: job_title.as_ref().map(ToString::to_string),
            job_title_folded: job_title.as_ref().map(|title| folded(title.as_str())),
            department: department.as_ref().map(ToString::to_string),
            seniority_level: seniority_level.as_ref().map(ToString::to_string),
            linkedin: linkedin.as_ref().map(ToString::to_string),
            note: note.as_ref().map(ToString::to_string),
            owner: owner.clone().map(Json),
            owner_id: owner.as_ref().map(|owner| owner.id().to_owned()),
            last_updated_by: scope.author(last_updated_by.as_ref()).map(Json),
            external_id: external_id.as_ref().map(ToString::to_string),
            custom_fields: Json(custom_fields),
            last_updated_on: scope.now(),
        }
    }

    /// The columns after a patch.
    pub(crate) fn patched(self, patch: &ContactPatch, custom_fields: CustomFields, scope: &Scope) -> Self {
        let ContactPatch {
            name,
            email: _,
            phone: _,
            organization_id,
            seen_organization: _,
            job_title,
            department,
            seniority_level,
            linkedin,
            note,
            owner,
            last_updated_by,
            tags: _,
            external_id,
            custom_fields: _,
        } = patch;
        let name = name.as_ref().map_or(self.name, |name| name.as_str().to_owned());
        let job_title = job_title.applied_to(self.job_title, ToString::to_string);
        let owner = owner.applied_to(self.owner, |user| Json(user.clone()));
        Self {
            name_folded: folded(&name),
            name_search: searchable(&name),
            name_key: name_key(&name),
            name,
            organization_id: organization_id.applied_to(self.organization_id, |id| *id),
            job_title_folded: job_title.as_deref().map(folded),
            job_title,
            department: department.applied_to(self.department, ToString::to_string),
            seniority_level: seniority_level.applied_to(self.seniority_level, ToString::to_string),
            linkedin: linkedin.applied_to(self.linkedin, ToString::to_string),
            note: note.applied_to(self.note, ToString::to_string),
            owner_id: owner.as_ref().map(|Json(owner)| owner.id().to_owned()),
            owner,
            last_updated_by: scope.author_after(last_updated_by, self.last_updated_by.map(|Json(user)| user)).map(Json),
            external_id: external_id.applied_to(self.external_id, ToString::to_string),
            custom_fields: Json(custom_fields),
            last_updated_on: scope.now(),
        }
    }

    /// These columns, where empty filled from `source`. The note is left to the caller, who joins all of them.
    pub(crate) fn filled_from(self, source: Self) -> Self {
        let Self {
            name: _,
            name_folded: _,
            name_search: _,
            name_key: _,
            organization_id,
            job_title,
            job_title_folded,
            department,
            seniority_level,
            linkedin,
            note: _,
            owner,
            owner_id,
            last_updated_by: _,
            external_id,
            custom_fields: Json(custom_fields),
            last_updated_on: _,
        } = source;
        Self {
            organization_id: self.organization_id.or(organization_id),
            job_title: self.job_title.or(job_title),
            job_title_folded: self.job_title_folded.or(job_title_folded),
            department: self.department.or(department),
            seniority_level: self.seniority_level.or(seniority_level),
            linkedin: self.linkedin.or(linkedin),
            owner: self.owner.or(owner),
            owner_id: self.owner_id.or(owner_id),
            external_id: self.external_id.or(external_id),
            custom_fields: Json(self.custom_fields.0.filled_from(&custom_fields)),
            ..self
        }
    }

    /// These columns as a merge leaves them.
    pub(crate) fn merged(self, scope: &Scope, note: Option<String>, by: Option<&User>) -> Self {
        let last_updated_by = scope.author(by).map(Json).or(self.last_updated_by);
        Self { note, last_updated_by, last_updated_on: scope.now(), ..self }
    }
}

impl ContactRow {
    /// The row of a contact that is made.
    pub(crate) fn of_new(id: ContactId, values: ContactValues, creator: Option<User>, scope: &Scope) -> Self {
        Self { id, values, creator: creator.map(Json), created_on: scope.now() }
    }

    /// This row as it comes back: without what vanished meanwhile, changed now.
    pub(crate) fn restored(mut self, scope: &Scope, by: Option<&User>, vanished: &Vanished) -> Self {
        let values = &mut self.values;
        values.organization_id = vanished.organization(values.organization_id);
        values.last_updated_by = scope.author(by).map(Json).or_else(|| values.last_updated_by.take());
        values.last_updated_on = scope.now();
        self
    }

    /// Where the row stands in an order.
    pub(crate) fn place(&self, order_by: ContactSort, direction: Direction) -> (SortKey, i64) {
        let values = &self.values;
        let key = match order_by {
            ContactSort::CreatedOn => SortKey::Moment(self.created_on),
            ContactSort::LastUpdatedOn => SortKey::Moment(values.last_updated_on),
            ContactSort::Name => SortKey::Text(values.name_folded.clone()),
            ContactSort::JobTitle => SortKey::nullable_text(values.job_title_folded.as_deref(), direction),
        };
        (key, self.id.as_i64())
    }

    /// The contact that this row is, with what other tables have of it.
    pub(crate) fn into_contact(
        self,
        scope: &Scope,
        form: &Form,
        email: LabeledValues,
        phone: LabeledValues,
        organization: Option<Reference<OrganizationId>>,
        tags: Vec<TagOption>,
    ) -> Contact {
        let Self { id, values, creator, created_on } = self;
        let ContactValues {
            name,
            name_folded: _,
            name_search: _,
            name_key: _,
            organization_id,
            job_title,
            job_title_folded: _,
            department,
            seniority_level,
            linkedin,
            note,
            owner,
            owner_id: _,
            last_updated_by,
            external_id,
            custom_fields: Json(custom_fields),
            last_updated_on,
        } = values;
        Contact {
            id,
            tenant_id: scope.public_tenant().clone(),
            name: Title::stored(name),
            email,
            phone,
            organization_id,
            organization,
            job_title: job_title.map(ShortText::stored),
            department: department.map(ShortText::stored),
            seniority_level: seniority_level.map(ShortText::stored),
            linkedin: linkedin.map(Url::stored),
            note: note.map(LongText::stored),
            owner: owner.map(|Json(user)| user),
            creator: creator.map(|Json(user)| user),
            last_updated_by: last_updated_by.map(|Json(user)| user),
            tags,
            external_id: external_id.map(ExternalId::stored),
            custom_fields: form.visible(&custom_fields),
            created_on,
            last_updated_on,
        }
    }
}
