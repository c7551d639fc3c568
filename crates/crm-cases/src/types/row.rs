use crm_core::page::{Direction, SortKey};
use crm_core::records::Stored;
use crm_core::sql::Json;
use crm_core::text::folded;
use crm_core::values::{Title, User};
use crm_core::{CaseTypeId, Db, FieldErrors, PublicTenantId, Scope, Timestamp};
use crm_forms::{Form, StoredForm};
use diesel::QueryResult;
use diesel::prelude::*;
use diesel::result::Error as DieselError;

use crate::schema::case_types;
use crate::types::model::CASES;
use crate::workflow::{StoredDocument, Workflow, WorkflowDocument};
use crate::{CaseType, CaseTypePatch, CaseTypeSort, NewCaseType};

/// A row of `case_types`, without its tenant.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = case_types, check_for_backend(Db))]
pub(crate) struct CaseTypeRow {
    pub(crate) id: CaseTypeId,
    #[diesel(embed)]
    pub(crate) values: CaseTypeValues,
    creator: Option<Json<User>>,
    pub(crate) is_default: bool,
    created_on: Timestamp,
}

/// The columns that creating and changing a case type write.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = case_types, check_for_backend(Db), treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct CaseTypeValues {
    label: String,
    label_folded: String,
    pub(crate) form: Json<StoredForm>,
    pub(crate) workflow: Json<StoredDocument>,
    owner: Option<Json<User>>,
    last_updated_by: Option<Json<User>>,
    last_updated_on: Timestamp,
}

impl CaseTypeValues {
    /// The columns of a new case type, except those that never change.
    pub(crate) fn of_new(new: &NewCaseType, form: &Form, workflow: WorkflowDocument, scope: &Scope) -> Self {
        let NewCaseType { label, form: _, workflow: _, owner, creator: _, last_updated_by } = new;
        Self {
            label: label.as_str().to_owned(),
            label_folded: folded(label.as_str()),
            form: Json(form.to_stored()),
            workflow: Json(StoredDocument(workflow)),
            owner: owner.clone().map(Json),
            last_updated_by: scope.author(last_updated_by.as_ref()).map(Json),
            last_updated_on: scope.now(),
        }
    }

    /// The columns after a patch, whose form was made from the present one.
    pub(crate) fn patched(self, patch: &CaseTypePatch, form: Option<&Form>, scope: &Scope) -> Self {
        let CaseTypePatch { label, form: _, workflow, owner, last_updated_by } = patch;
        let label = label.as_ref().map_or(self.label, |label| label.as_str().to_owned());
        Self {
            label_folded: folded(&label),
            label,
            form: form.map_or(self.form, |form| Json(form.to_stored())),
            workflow: workflow.clone().map_or(self.workflow, |workflow| Json(StoredDocument(workflow))),
            owner: owner.applied_to(self.owner, |user| Json(user.clone())),
            last_updated_by: scope.author_after(last_updated_by, self.last_updated_by.map(|Json(user)| user)).map(Json),
            last_updated_on: scope.now(),
        }
    }
}

impl CaseTypeValues {
    /// Who changed it last.
    pub(crate) fn author(&self) -> Option<&User> {
        self.last_updated_by.as_ref().map(|Json(user)| user)
    }

    /// Whether all is as before, but for who changed it and when.
    pub(crate) fn differs_in_nothing_from(&self, before: &Self) -> bool {
        let Self { label, label_folded: _, form, workflow, owner, last_updated_by: _, last_updated_on: _ } = self;
        (label, form, workflow, owner) == (&before.label, &before.form, &before.workflow, &before.owner)
    }
}

impl CaseTypeRow {
    /// Where the row stands in an order.
    pub(crate) fn place(&self, order_by: CaseTypeSort, _: Direction) -> (SortKey, i64) {
        let key = match order_by {
            CaseTypeSort::CreatedOn => SortKey::Moment(self.created_on),
            CaseTypeSort::LastUpdatedOn => SortKey::Moment(self.values.last_updated_on),
            CaseTypeSort::Label => SortKey::Text(self.values.label_folded.clone()),
        };
        (key, self.id.as_i64())
    }

    pub(crate) fn into_case_type(self, scope: &Scope) -> CaseType {
        let Self { id, values, creator, is_default, created_on } = self;
        let CaseTypeValues {
            label,
            label_folded: _,
            form: Json(form),
            workflow: Json(StoredDocument(workflow)),
            owner,
            last_updated_by,
            last_updated_on,
        } = values;
        CaseType {
            id,
            tenant_id: scope.public_tenant().clone(),
            label: Title::stored(label),
            form: stored_form(scope.public_tenant(), form).fields().to_vec(),
            workflow,
            owner: owner.map(|Json(user)| user),
            creator: creator.map(|Json(user)| user),
            last_updated_by: last_updated_by.map(|Json(user)| user),
            is_default,
            created_on,
            last_updated_on,
        }
    }
}

/// What a change of a case must know of its type.
#[derive(Debug)]
pub(crate) struct KnownType {
    pub(crate) id: CaseTypeId,
    pub(crate) form: Form,
    pub(crate) workflow: Workflow,
}

impl KnownType {
    pub(crate) fn of(
        (id, Json(form), Json(StoredDocument(workflow))): (CaseTypeId, Json<StoredForm>, Json<StoredDocument>),
        scope: &Scope,
    ) -> QueryResult<Self> {
        Ok(Self { id, form: stored_form(scope.public_tenant(), form), workflow: stored_graph(&workflow)? })
    }
}

pub(crate) fn stored_form(tenant: &PublicTenantId, stored: StoredForm) -> Form {
    Form::stored(CASES, tenant, stored)
}

/// The graph of a workflow that came from the database, where only checked ones are.
pub(crate) fn stored_graph(workflow: &WorkflowDocument) -> QueryResult<Workflow> {
    workflow.graph().map_err(|error: FieldErrors| DieselError::DeserializationError(Box::new(error)))
}
