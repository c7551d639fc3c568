use crm_core::RecordKind;

use crate::named::named;

named! {
    /// What a change is a change of: a record, or something of a tenant's settings.
    Kind;
    /// A lead.
    Lead "lead";
    /// An opportunity.
    Opportunity "opportunity";
    /// A contact.
    Contact "contact";
    /// An organization.
    Organization "organization";
    /// A case.
    Case "case";
    /// A pipeline, with its stages.
    Pipeline "pipeline";
    /// A case type, with its workflow.
    CaseType "caseType";
    /// A form; its id is the name of the part of the API that it is for.
    Form "form";
    /// A tag.
    Tag "tag";
    /// A key.
    Key "key";
    /// A webhook.
    Webhook "webhook";
    /// A client map.
    ClientMap "clientMap";
}

impl Kind {
    /// The kind of records whose [counts](crm_core::counts) a transaction keeps.
    pub(crate) fn counted(self) -> Option<RecordKind> {
        match self {
            Self::Lead => Some(RecordKind::Lead),
            Self::Opportunity => Some(RecordKind::Opportunity),
            Self::Contact => Some(RecordKind::Contact),
            Self::Organization => Some(RecordKind::Organization),
            Self::Case => Some(RecordKind::Case),
            Self::Pipeline | Self::CaseType | Self::Form | Self::Tag | Self::Key | Self::Webhook | Self::ClientMap => {
                None
            }
        }
    }
}

impl From<RecordKind> for Kind {
    fn from(kind: RecordKind) -> Self {
        match kind {
            RecordKind::Lead => Self::Lead,
            RecordKind::Opportunity => Self::Opportunity,
            RecordKind::Contact => Self::Contact,
            RecordKind::Organization => Self::Organization,
            RecordKind::Case => Self::Case,
            RecordKind::CaseType => Self::CaseType,
        }
    }
}
