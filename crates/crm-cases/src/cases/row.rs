use crm_core::page::{Direction, SortKey};
use crm_core::records::Stored;
use crm_core::sql::Json;
use crm_core::text::{folded, searchable};
use crm_core::values::{ExternalId, LongText, ReferencedRecords, Title, User, Vanished};
use crm_core::{CaseId, CaseTypeId, ContactId, Db, OrganizationId, Patch, Scope, Timestamp};
use crm_forms::{CustomFields, Form};
use crm_tags::TagOption;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cases::step::Step;
use crate::schema::cases;
use crate::workflow::{Roles, Status};
use crate::{Case, CasePatch, CaseSort, Day, NewCase, Priority};

/// A row of `cases`, without its tenant.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = cases, check_for_backend(Db), treat_none_as_default_value = false)]
pub(crate) struct CaseRow {
    pub(crate) id: CaseId,
    #[diesel(embed)]
    pub(crate) values: CaseValues,
    creator: Option<Json<User>>,
    created_on: Timestamp,
}

/// The columns that creating and changing a case write. A change writes all of them, from a row that it holds
/// locked: one statement whatever the patch has, which is prepared once.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = cases, check_for_backend(Db), treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct CaseValues {
    title: String,
    title_folded: String,
    title_search: String,
    description: Option<String>,
    pub(crate) case_type_id: CaseTypeId,
    pub(crate) status: String,
    status_folded: String,
    priority: Option<String>,
    priority_folded: Option<String>,
    priority_search: Option<String>,
    expected_date: Option<String>,
    organization_id: Option<OrganizationId>,
    contact_id: Option<ContactId>,
    assignee: Option<Json<User>>,
    assignee_id: Option<String>,
    owner: Option<Json<User>>,
    owner_id: Option<String>,
    last_updated_by: Option<Json<User>>,
    pub(crate) external_id: Option<String>,
    pub(crate) custom_fields: Json<CustomFields>,
    first_resolution_on: Option<Timestamp>,
    last_resolution_on: Option<Timestamp>,
    last_updated_on: Timestamp,
}

impl CaseValues {
    /// The columns of a new case, except those that never change.
    pub(crate) fn of_new(
        new: &NewCase,
        case_type: CaseTypeId,
        status: &Status,
        custom_fields: CustomFields,
        scope: &Scope,
    ) -> Self {
        let NewCase {
            title,
            description,
            case_type_id: _,
            status: _,
            priority,
            expected_date,
            organization_id,
            contact_id,
            assignee,
            owner,
            creator: _,
            last_updated_by,
            tags: _,
            external_id,
            custom_fields: _,
        } = new;
        let resolution = status.records_resolution.then_some(scope.now());
        Self {
            title: title.as_str().to_owned(),
            title_folded: folded(title.as_str()),
            title_search: searchable(title.as_str()),
            description: description.as_ref().map(ToString::to_string),
            case_type_id: case_type,
            status: status.label.clone(),
            status_folded: folded(&status.label),
            priority: priority.as_ref().map(ToString::to_string),
            priority_folded: priority.as_ref().map(|priority| folded(priority.as_str())),
            priority_search: priority.as_ref().map(|priority| searchable(priority.as_str())),
            expected_date: expected_date.as_ref().map(ToString::to_string),
            organization_id: *organization_id,
            contact_id: *contact_id,
            assignee: assignee.clone().map(Json),
            assignee_id: assignee.as_ref().map(|user| user.id().to_owned()),
            owner: owner.clone().map(Json),
            owner_id: owner.as_ref().map(|user| user.id().to_owned()),
            last_updated_by: scope.author(last_updated_by.as_ref()).map(Json),
            external_id: external_id.as_ref().map(ToString::to_string),
            custom_fields: Json(custom_fields),
            first_resolution_on: resolution,
            last_resolution_on: resolution,
            last_updated_on: scope.now(),
        }
    }

    /// The columns after a patch, which takes the case the step where there is one.
    pub(crate) fn patched(
        self,
        patch: &CasePatch,
        step: Option<&Step>,
        custom_fields: CustomFields,
        scope: &Scope,
    ) -> Self {
        let CasePatch {
            title,
            description,
            case_type_id,
            status: _,
            comment: _,
            priority,
            expected_date,
            organization_id,
            contact_id,
            seen_organization: _,
            seen_contact: _,
            assignee,
            owner,
            last_updated_by,
            tags: _,
            external_id,
            custom_fields: _,
        } = patch;
        let title = title.as_ref().map_or(self.title, |title| title.as_str().to_owned());
        let status = step.map_or(self.status, |step| step.status.label.clone());
        let resolution = step.filter(|step| step.status.records_resolution).map(|_| scope.now());
        let priority = priority.applied_to(self.priority, ToString::to_string);
        let assignee = assignee.applied_to(self.assignee, |user| Json(user.clone()));
        let owner = owner.applied_to(self.owner, |user| Json(user.clone()));
        Self {
            title_folded: folded(&title),
            title_search: searchable(&title),
            title,
            description: description.applied_to(self.description, ToString::to_string),
            case_type_id: case_type_id.unwrap_or(self.case_type_id),
            status_folded: folded(&status),
            status,
            priority_folded: priority.as_deref().map(folded),
            priority_search: priority.as_deref().map(searchable),
            priority,
            expected_date: expected_date.applied_to(self.expected_date, ToString::to_string),
            organization_id: organization_id.applied_to(self.organization_id, |id| *id),
            contact_id: contact_id.applied_to(self.contact_id, |id| *id),
            assignee_id: assignee.as_ref().map(|Json(user)| user.id().to_owned()),
            assignee,
            owner_id: owner.as_ref().map(|Json(user)| user.id().to_owned()),
            owner,
            last_updated_by: scope.author_after(last_updated_by, self.last_updated_by.map(|Json(user)| user)).map(Json),
            external_id: external_id.applied_to(self.external_id, ToString::to_string),
            custom_fields: Json(custom_fields),
            first_resolution_on: self.first_resolution_on.or(resolution),
            last_resolution_on: resolution.or(self.last_resolution_on),
            last_updated_on: scope.now(),
        }
    }
}

impl CaseValues {
    /// The columns of a case that was resolved at these moments in the system that it comes from.
    pub(crate) fn resolved(self, first: Option<Timestamp>, last: Option<Timestamp>, scope: &Scope) -> Self {
        let before = self.last_updated_by.map(|Json(user)| user);
        Self {
            first_resolution_on: first,
            last_resolution_on: last,
            last_updated_by: scope.author_after(&Patch::Keep, before).map(Json),
            last_updated_on: scope.now(),
            ..self
        }
    }
}

impl CaseRow {
    /// The row of a case that is made.
    pub(crate) fn of_new(id: CaseId, values: CaseValues, creator: Option<User>, scope: &Scope) -> Self {
        Self { id, values, creator: creator.map(Json), created_on: scope.now() }
    }

    /// This row as it comes back: without what vanished meanwhile, changed now.
    pub(crate) fn restored(mut self, scope: &Scope, by: Option<&User>, vanished: &Vanished) -> Self {
        let values = &mut self.values;
        values.organization_id = vanished.organization(values.organization_id);
        values.contact_id = vanished.contact(values.contact_id);
        values.last_updated_by = scope.author(by).map(Json).or_else(|| values.last_updated_by.take());
        values.last_updated_on = scope.now();
        self
    }

    /// What it points at.
    pub(crate) fn references(&self) -> ReferencedRecords {
        ReferencedRecords::of(self.values.organization_id, self.values.contact_id, None)
    }

    /// What the person with this id is to the case as it stands.
    pub(crate) fn roles_of(&self, user: &str) -> Roles {
        let is = |person: Option<&Json<User>>| person.is_some_and(|Json(person)| person.id() == user);
        Roles {
            owner: is(self.values.owner.as_ref()),
            assignee: is(self.values.assignee.as_ref()),
            requestor: is(self.creator.as_ref()),
        }
    }

    /// Where the row stands in an order.
    pub(crate) fn place(&self, order_by: CaseSort, direction: Direction) -> (SortKey, i64) {
        let values = &self.values;
        let key = match order_by {
            CaseSort::CreatedOn => SortKey::Moment(self.created_on),
            CaseSort::LastUpdatedOn => SortKey::Moment(values.last_updated_on),
            CaseSort::Title => SortKey::Text(values.title_folded.clone()),
            CaseSort::Status => SortKey::Text(values.status_folded.clone()),
            CaseSort::Priority => SortKey::nullable_text(values.priority_folded.as_deref(), direction),
            CaseSort::ExpectedDate => SortKey::nullable_text(values.expected_date.as_deref(), direction),
        };
        (key, self.id.as_i64())
    }

    /// The case that this row is, with what other tables have of it. The names of its organization and contact are
    /// left to whoever knows them.
    pub(crate) fn into_case(self, scope: &Scope, form: &Form, tags: Vec<TagOption>) -> Case {
        let Self { id, values, creator, created_on } = self;
        let CaseValues {
            title,
            title_folded: _,
            title_search: _,
            description,
            case_type_id,
            status,
            status_folded: _,
            priority,
            priority_folded: _,
            priority_search: _,
            expected_date,
            organization_id,
            contact_id,
            assignee,
            assignee_id: _,
            owner,
            owner_id: _,
            last_updated_by,
            external_id,
            custom_fields: Json(custom_fields),
            first_resolution_on,
            last_resolution_on,
            last_updated_on,
        } = values;
        Case {
            id,
            tenant_id: scope.public_tenant().clone(),
            title: Title::stored(title),
            description: description.map(LongText::stored),
            case_type_id,
            status: Title::stored(status),
            priority: priority.map(Priority::stored),
            expected_date: expected_date.map(Day::stored),
            organization_id,
            organization: None,
            contact_id,
            contact: None,
            assignee: assignee.map(|Json(user)| user),
            owner: owner.map(|Json(user)| user),
            creator: creator.map(|Json(user)| user),
            last_updated_by: last_updated_by.map(|Json(user)| user),
            tags,
            external_id: external_id.map(ExternalId::stored),
            custom_fields: form.visible(&custom_fields),
            first_resolution_on,
            last_resolution_on,
            created_on,
            last_updated_on,
        }
    }
}
