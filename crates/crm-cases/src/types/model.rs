use crm_core::input::{FromBody, ObjectReader};
use crm_core::page::{SortColumn, SortField, SortKind, Weight};
use crm_core::values::{Title, User};
use crm_core::{CaseTypeId, Patch, PublicTenantId, Scope, Timestamp};
use crm_forms::{Field, FieldType, NewFields, OwnField, OwnOptions};
use serde::Serialize;

use crate::workflow::WorkflowDocument;

/// A case type: which fields its cases have, which statuses, and how they change.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CaseType {
    /// Counts up from 1 in the tenant.
    pub id: CaseTypeId,
    /// The tenant that it belongs to.
    pub tenant_id: PublicTenantId,
    /// What it is called; unique in the tenant, in whatever case.
    pub label: Title,
    /// The fields of its cases.
    pub form: Vec<Field>,
    /// The statuses of its cases and the transitions between them.
    pub workflow: WorkflowDocument,
    /// Who takes care of it.
    pub owner: Option<User>,
    /// Who made it.
    pub creator: Option<User>,
    /// Who changed it last, as far as that was said.
    pub last_updated_by: Option<User>,
    /// Whether cases have it that are made without a type.
    pub is_default: bool,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was last changed.
    pub last_updated_on: Timestamp,
}

/// A case type to be made. Made from a body by [`FromBody`], or by [`NewCaseType::new`] and its fields.
#[derive(Debug, Clone)]
pub struct NewCaseType {
    /// Required.
    pub label: Title,
    /// The fields of its cases; those of the default type unless given.
    pub form: Option<NewFields>,
    /// Its workflow; that of the default type unless given.
    pub workflow: Option<WorkflowDocument>,
    /// Who takes care of it.
    pub owner: Option<User>,
    /// Who makes it; unless given, the [author](crm_core::Scope::author) of the scope, else the owner.
    pub creator: Option<User>,
    /// Who makes it, as every change says.
    pub last_updated_by: Option<User>,
}

/// A change of a case type, a JSON merge patch. By default it changes nothing.
#[derive(Debug, Clone, Default)]
pub struct CaseTypePatch {
    /// A new label; it cannot be cleared.
    pub label: Option<Title>,
    /// All fields of its cases.
    pub form: Option<NewFields>,
    /// The whole workflow.
    pub workflow: Option<WorkflowDocument>,
    /// Who takes care of it.
    pub owner: Patch<User>,
    /// Who makes this change; left out, the [author](crm_core::Scope::author) of the scope, and without one
    /// whoever changed it before.
    pub last_updated_by: Patch<User>,
}

impl NewCaseType {
    /// A case type with this label, and the default type's form and workflow.
    #[must_use]
    pub fn new(label: Title) -> Self {
        Self { label, form: None, workflow: None, owner: None, creator: None, last_updated_by: None }
    }
}

impl FromBody for NewCaseType {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let label = reader.required("label");
        let form = reader.optional("form");
        let workflow = reader.optional("workflow");
        let owner = reader.optional("owner");
        let creator = reader.optional("creator");
        let last_updated_by = reader.optional("lastUpdatedBy");
        label.map(|label| Self { label, form, workflow, owner, creator, last_updated_by })
    }
}

impl CaseTypePatch {
    /// Whether it has nothing but who changes the type, and that is somebody new: then it is the change.
    pub(crate) fn renames_who(&self, scope: &Scope, before: Option<&User>) -> bool {
        let Self { label, form, workflow, owner, last_updated_by } = self;
        let alone = label.is_none() && form.is_none() && workflow.is_none() && owner.is_keep();
        alone && scope.renames_author(last_updated_by, before)
    }
}

impl FromBody for CaseTypePatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        reader.ignored("creator");
        Some(Self {
            label: reader.patch_required("label"),
            form: reader.patch_required("form"),
            workflow: reader.patch_required("workflow"),
            owner: reader.patch("owner"),
            last_updated_by: reader.patch("lastUpdatedBy"),
        })
    }
}

/// Members of a case type that a client may send back as it read them.
const READ_ONLY: &[&str] = &["id", "tenantId", "isDefault", "createdOn", "lastUpdatedOn"];

/// What a list of case types can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseTypeSort {
    /// When it was made; the default.
    CreatedOn,
    /// When it was last changed.
    LastUpdatedOn,
    /// The label folded, by code points.
    Label,
}

impl SortField for CaseTypeSort {
    const LIST: &'static str = "case types";

    const WEIGHT: Option<Weight> = Some(Weight { table: "case_types", columns: &["workflow", "form"] });

    const NAMES: &'static [(&'static str, Self)] = &[
        ("createdOn", Self::CreatedOn),
        ("createdAt", Self::CreatedOn),
        ("lastUpdatedOn", Self::LastUpdatedOn),
        ("updatedAt", Self::LastUpdatedOn),
        ("label", Self::Label),
    ];

    fn column(self) -> SortColumn {
        match self {
            Self::CreatedOn => SortColumn::plain("created_on", SortKind::Moment),
            Self::LastUpdatedOn => SortColumn::plain("last_updated_on", SortKind::Moment),
            Self::Label => SortColumn::plain("label_folded", SortKind::Text),
        }
    }
}

/// The own fields of cases, in the order of the default form.
pub(crate) const CASES: &[OwnField] = &[
    OwnField::always("title", "Title", FieldType::Text),
    OwnField::plain("description", "Description", FieldType::TextArea),
    OwnField::dropdown("priority", "Priority", OwnOptions::Free(&["1_high", "2_medium", "3_low"])),
    OwnField::plain("expectedDate", "Expected date", FieldType::Date),
    OwnField::plain("organizationId", "Organization", FieldType::Combobox),
    OwnField::plain("contactId", "Contact", FieldType::Combobox),
    OwnField::plain("assignee", "Assignee", FieldType::Combobox),
    OwnField::plain("owner", "Owner", FieldType::Combobox),
    OwnField::plain("tags", "Tags", FieldType::TagPicker),
];
