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
