/// A kind of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Lead,
    Opportunity,
    Contact,
    Organization,
    Case,
}

impl Kind {
    pub(crate) const ALL: &'static [Self] =
        &[Self::Lead, Self::Opportunity, Self::Contact, Self::Organization, Self::Case];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Opportunity => "opportunity",
            Self::Contact => "contact",
            Self::Organization => "organization",
            Self::Case => "case",
        }
    }

    /// The schema of its records in the API document.
    pub(crate) fn schema(self) -> &'static str {
        match self {
            Self::Lead => "Lead",
            Self::Opportunity => "Opportunity",
            Self::Contact => "Contact",
            Self::Organization => "Organization",
            Self::Case => "Case",
        }
    }

    /// The path of its collection.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::Lead => "/pipeline/leads",
            Self::Opportunity => "/pipeline/opportunities",
            Self::Contact => "/directory/contacts",
            Self::Organization => "/directory/organizations",
            Self::Case => "/cases/cases",
        }
    }

    /// The segment behind a record where its comments are: those on a case stand in its timeline.
    pub(crate) fn comments(self) -> &'static str {
        match self {
            Self::Case => "activities",
            Self::Lead | Self::Opportunity | Self::Contact | Self::Organization => "comments",
        }
    }

    /// The path of its form; a case has that of its type.
    pub(crate) fn form(self) -> &'static str {
        match self {
            Self::Lead | Self::Opportunity => "/pipeline/forms/opportunities",
            Self::Contact => "/directory/forms/contacts",
            Self::Organization => "/directory/forms/organizations",
            Self::Case => CASE_TYPES,
        }
    }

    /// The path of its tags.
    pub(crate) fn tags(self) -> &'static str {
        match self {
            Self::Lead => "/pipeline/tags/leads",
            Self::Opportunity => "/pipeline/tags/opportunities",
            Self::Contact => "/directory/tags/contacts",
            Self::Organization => "/directory/tags/organizations",
            Self::Case => "/cases/tags/cases",
        }
    }

    /// The operation that a template stands for, which has `{collection}`, `{comments}` or `{form}` in it.
    pub(crate) fn operation(self, template: &str) -> String {
        template
            .replace("{collection}", self.collection())
            .replace("{comments}", self.comments())
            .replace("{form}", self.form())
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// Where the types of cases are.
pub(crate) const CASE_TYPES: &str = "/cases/types/cases";
/// Where the pipelines of opportunities are.
pub(crate) const PIPELINES: &str = "/pipeline/pipelines/opportunities";
