use crate::{FieldType, LeadRating};

/// The forms that a tenant has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormKind {
    /// Of leads and opportunities, which share one.
    Pipeline,
    /// Of contacts.
    Contacts,
    /// Of organizations.
    Organizations,
}

impl FormKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Pipeline, Self::Contacts, Self::Organizations];

    /// Its number in the column `kind`, which never changes.
    #[must_use]
    pub fn number(self) -> i16 {
        match self {
            Self::Pipeline => 1,
            Self::Contacts => 2,
            Self::Organizations => 3,
        }
    }

    /// The part of the API that it is for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Contacts => "contacts",
            Self::Organizations => "organizations",
        }
    }

    /// The resource's own fields, in the order of the default form.
    #[must_use]
    pub fn own_fields(self) -> &'static [OwnField] {
        match self {
            Self::Pipeline => PIPELINE,
            Self::Contacts => CONTACTS,
            Self::Organizations => ORGANIZATIONS,
        }
    }
}

/// A field that the resource has by itself: what a form calls a `default` field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnField {
    /// The member of the resource.
    pub id: &'static str,
    /// What the default form calls it.
    pub label: &'static str,
    /// Its type on every form.
    pub field_type: FieldType,
    /// Whether it is on every form, and required there.
    pub always_required: bool,
    /// What `options` mean for it.
    pub options: OwnOptions,
}

/// What the `options` of a default field can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnOptions {
    /// It has none: a tag field among them, whose options are the tags themselves.
    Never,
    /// Any, or none, which makes every text a value; these on the default form.
    Free(&'static [&'static str]),
    /// Some of these, which are all that the resource knows; all on the default form.
    Closed(&'static [&'static str]),
}

impl OwnField {
    /// A field without options.
    #[must_use]
    pub const fn plain(id: &'static str, label: &'static str, field_type: FieldType) -> Self {
        Self { id, label, field_type, always_required: false, options: OwnOptions::Never }
    }

    /// A field that is on every form and required there.
    #[must_use]
    pub const fn always(id: &'static str, label: &'static str, field_type: FieldType) -> Self {
        Self { id, label, field_type, always_required: true, options: OwnOptions::Never }
    }

    /// A field whose values a form can narrow to options.
    #[must_use]
    pub const fn dropdown(id: &'static str, label: &'static str, options: OwnOptions) -> Self {
        Self { id, label, field_type: FieldType::Dropdown, always_required: false, options }
    }
}

const NO_OPTIONS: OwnOptions = OwnOptions::Free(&[]);
const ORIGINS: OwnOptions = OwnOptions::Free(&["website", "referral", "partner", "inbound", "other"]);
const RATINGS: OwnOptions =
    OwnOptions::Closed(&[LeadRating::Cold.as_str(), LeadRating::Warm.as_str(), LeadRating::Hot.as_str()]);

/// The own fields of leads and opportunities.
pub const PIPELINE: &[OwnField] = &[
    OwnField::always("title", "Title", FieldType::Text),
    OwnField::plain("value", "Value", FieldType::Monetary),
    OwnField::plain("organizationId", "Organization", FieldType::Combobox),
    OwnField::plain("contactId", "Contact", FieldType::Combobox),
    OwnField::dropdown("origin", "Origin", ORIGINS),
    OwnField::dropdown("leadRating", "Lead rating", RATINGS),
    OwnField::plain("owner", "Owner", FieldType::Combobox),
    OwnField::plain("followers", "Followers", FieldType::PeoplePicker),
    OwnField::plain("participants", "Participants", FieldType::PeoplePicker),
    OwnField::plain("tags", "Tags", FieldType::TagPicker),
    OwnField::plain("note", "Note", FieldType::TextArea),
];

/// The own fields of contacts.
pub const CONTACTS: &[OwnField] = &[
    OwnField::always("name", "Name", FieldType::Text),
    OwnField::plain("email", "Email", FieldType::EmailLabeled),
    OwnField::plain("phone", "Phone", FieldType::TelLabeled),
    OwnField::plain("organizationId", "Organization", FieldType::Combobox),
    OwnField::plain("jobTitle", "Job title", FieldType::Text),
    OwnField::dropdown("department", "Department", NO_OPTIONS),
    OwnField::dropdown("seniorityLevel", "Seniority level", NO_OPTIONS),
    OwnField::plain("linkedin", "LinkedIn", FieldType::Url),
    OwnField::plain("owner", "Owner", FieldType::Combobox),
    OwnField::plain("tags", "Tags", FieldType::TagPicker),
    OwnField::plain("note", "Note", FieldType::TextArea),
];

/// The own fields of organizations.
pub const ORGANIZATIONS: &[OwnField] = &[
    OwnField::always("name", "Name", FieldType::Text),
    OwnField::plain("address", "Address", FieldType::Text),
    OwnField::plain("email", "Email", FieldType::EmailLabeled),
    OwnField::plain("phone", "Phone", FieldType::TelLabeled),
    OwnField::plain("website", "Website", FieldType::Url),
    OwnField::dropdown("industry", "Industry", NO_OPTIONS),
    OwnField::dropdown("size", "Size", NO_OPTIONS),
    OwnField::dropdown("annualRevenue", "Annual revenue", NO_OPTIONS),
    OwnField::plain("owner", "Owner", FieldType::Combobox),
    OwnField::plain("tags", "Tags", FieldType::TagPicker),
    OwnField::plain("note", "Note", FieldType::TextArea),
];
