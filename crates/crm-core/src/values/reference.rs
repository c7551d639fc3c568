use serde::Serialize;

use crate::{ContactId, OrganizationId};

/// A record that another one points at, as responses show it: `{ id, name }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reference<I> {
    /// The id of the record.
    pub id: I,
    /// Its name at the time of the response.
    #[cfg_attr(feature = "openapi", schema(examples("Acme Corporation")))]
    pub name: String,
}

/// The records that a new or changed record points at, each with the field to blame where it does not exist:
/// what must be checked by somebody who knows those records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Its organization.
    pub organization: Option<OrganizationId>,
    /// Its contact and participants, with a path such as `participants[0].id`.
    pub contacts: Vec<(String, ContactId)>,
}

impl References {
    /// The field of the organization.
    pub const ORGANIZATION_FIELD: &'static str = "organizationId";
    /// The field of the contact.
    pub const CONTACT_FIELD: &'static str = "contactId";
}
