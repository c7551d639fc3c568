use std::hash::Hash;

use crm_core::input::{At, FromBody, FromJson, ObjectReader};
use crm_core::text::is_visible;
use crm_core::values::{Color, read_text};
use crm_core::{
    CaseId, ContactId, FieldCode, FieldErrors, LeadId, OpportunityId, OrganizationId, Patch, PublicTenantId, RecordId,
    RecordKind, TagId, checked_text,
};
use serde::Serialize;
use serde_json::Value;

/// A tag that records of one kind can have: `{ id, label, color, tenantId }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TagOption {
    /// Its id, made by the server.
    pub id: TagId,
    /// 1 to 64 characters without commas; unique in the tenant and kind, in whatever case; accents count.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64, examples("high-priority")))]
    pub label: String,
    /// `#` and six hexadecimal digits, as sent.
    #[cfg_attr(feature = "openapi", schema(pattern = "^#[0-9A-Fa-f]{6}$", examples("#ff0000")))]
    pub color: String,
    /// The tenant that it belongs to.
    pub tenant_id: PublicTenantId,
}

/// What a tag is for. Each kind has its own tags: a contact's tag cannot be put on a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TagKind {
    /// Tags of leads.
    Lead,
    /// Tags of opportunities.
    Opportunity,
    /// Tags of contacts.
    Contact,
    /// Tags of organizations.
    Organization,
    /// Tags of cases.
    Case,
}

impl TagKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Lead, Self::Opportunity, Self::Contact, Self::Organization, Self::Case];

    /// What it is for, in a word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Opportunity => "opportunity",
            Self::Contact => "contact",
            Self::Organization => "organization",
            Self::Case => "case",
        }
    }

    /// What its tags are called together.
    pub(crate) fn tags(self) -> &'static str {
        match self {
            Self::Lead => "tags of leads",
            Self::Opportunity => "tags of opportunities",
            Self::Contact => "tags of contacts",
            Self::Organization => "tags of organizations",
            Self::Case => "tags of cases",
        }
    }

    /// The kind of records that have them.
    pub(crate) fn records(self) -> RecordKind {
        match self {
            Self::Lead => RecordKind::Lead,
            Self::Opportunity => RecordKind::Opportunity,
            Self::Contact => RecordKind::Contact,
            Self::Organization => RecordKind::Organization,
            Self::Case => RecordKind::Case,
        }
    }

    /// Its number in the column `kind`, which never changes.
    #[must_use]
    pub fn number(self) -> i16 {
        match self {
            Self::Lead => 1,
            Self::Opportunity => 2,
            Self::Contact => 3,
            Self::Organization => 4,
            Self::Case => 5,
        }
    }
}

/// The id of a record that can have tags.
pub trait Tagged: RecordId + Eq + Hash {
    /// The tags that it can have.
    const TAGS: TagKind;
}

macro_rules! tagged {
    ($($id:ident: $kind:ident;)*) => {
        $(impl Tagged for $id {
            const TAGS: TagKind = TagKind::$kind;
        })*
    };
}

tagged! {
    LeadId: Lead;
    OpportunityId: Opportunity;
    ContactId: Contact;
    OrganizationId: Organization;
    CaseId: Case;
}

/// The label of a tag: 1 to 64 characters after both ends were trimmed, one of them visible, no comma, because lists of labels
/// are written with commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagLabel(String);

impl TagLabel {
    /// The most characters it holds.
    pub const LIMIT: usize = 64;
}

checked_text!(TagLabel);

impl FromJson for TagLabel {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let text = read_text(value, at, Self::LIMIT, true, errors)?;
        if !is_visible(text) {
            errors.push(at, FieldCode::Required, "must have 1 to 64 characters, one of them visible");
            return None;
        }
        if text.contains(',') {
            errors.push(at, FieldCode::InvalidCharacters, "must not contain a comma");
            return None;
        }
        Some(Self(text.to_owned()))
    }
}

/// A tag to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTag {
    /// Its label.
    pub label: TagLabel,
    /// Its colour; grey (`#808080`) unless given.
    pub color: Option<Color>,
}

impl NewTag {
    /// A tag with this label, which is grey.
    #[must_use]
    pub fn new(label: TagLabel) -> Self {
        Self { label, color: None }
    }
}

impl FromBody for NewTag {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let label = reader.required("label");
        let color = reader.optional("color");
        label.map(|label| Self { label, color })
    }
}

/// A change of a tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagPatch {
    /// A new label.
    pub label: Option<TagLabel>,
    /// A new colour; cleared, it is grey again.
    pub color: Patch<Color>,
}

impl FromBody for TagPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let label = reader.patch_required("label");
        let color = reader.patch("color");
        Some(Self { label, color })
    }
}

/// Members of a tag that a client may send back as it read them.
const READ_ONLY: &[&str] = &["id", "tenantId"];
