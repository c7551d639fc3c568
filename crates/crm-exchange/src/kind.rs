use crm_cases::Case;
use crm_core::RecordKind;
use crm_core::keys::Area;
use crm_directory::{Contact, Organization};
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::batch::MatchBy;
use crm_suite::resource::Resource;
use crm_tags::TagKind;
use serde::Serialize;

/// The kinds of records that come in and go out as tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = TableKind))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Leads.
    Lead,
    /// Opportunities.
    Opportunity,
    /// Contacts.
    Contact,
    /// Organizations.
    Organization,
    /// Cases.
    Case,
}

impl Kind {
    /// Every kind with its name.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("lead", Self::Lead),
        ("opportunity", Self::Opportunity),
        ("contact", Self::Contact),
        ("organization", Self::Organization),
        ("case", Self::Case),
    ];

    /// Its name, as in `kind=contact`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.record().name()
    }

    /// What its records are called together: the last part of their path, and the name of a file of them.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Lead => "leads",
            Self::Opportunity => "opportunities",
            Self::Contact => "contacts",
            Self::Organization => "organizations",
            Self::Case => "cases",
        }
    }

    /// The kind of numbered record that it is.
    #[must_use]
    pub fn record(self) -> RecordKind {
        match self {
            Self::Lead => RecordKind::Lead,
            Self::Opportunity => RecordKind::Opportunity,
            Self::Contact => RecordKind::Contact,
            Self::Organization => RecordKind::Organization,
            Self::Case => RecordKind::Case,
        }
    }

    /// The area of the API that its records are in.
    #[must_use]
    pub fn area(self) -> Area {
        match self {
            Self::Lead | Self::Opportunity => Area::Pipeline,
            Self::Contact | Self::Organization => Area::Directory,
            Self::Case => Area::Cases,
        }
    }

    /// By what rows match its records.
    #[must_use]
    pub fn matches(self) -> &'static [MatchBy] {
        match self {
            Self::Lead => Lead::MATCHES,
            Self::Opportunity => Opportunity::MATCHES,
            Self::Contact => Contact::MATCHES,
            Self::Organization => Organization::MATCHES,
            Self::Case => Case::MATCHES,
        }
    }

    /// The tags that its records have.
    pub(crate) fn tags(self) -> TagKind {
        match self {
            Self::Lead => TagKind::Lead,
            Self::Opportunity => TagKind::Opportunity,
            Self::Contact => TagKind::Contact,
            Self::Organization => TagKind::Organization,
            Self::Case => TagKind::Case,
        }
    }

    /// The column without which no record can be made: its title or name.
    #[must_use]
    pub fn required(self) -> &'static str {
        match self {
            Self::Contact | Self::Organization => "name",
            Self::Lead | Self::Opportunity | Self::Case => "title",
        }
    }
}
