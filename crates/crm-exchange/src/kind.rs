use crm_core::RecordKind;

/// The kinds of records that come in and go out as tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

    /// The column without which no record can be made: its title or name.
    #[must_use]
    pub fn required(self) -> &'static str {
        match self {
            Self::Contact | Self::Organization => "name",
            Self::Lead | Self::Opportunity | Self::Case => "title",
        }
    }
}
