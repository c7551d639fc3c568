use serde::Serialize;

use crate::values::Participants;
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

    /// Those of a record with an organization, a contact and participants.
    #[must_use]
    pub fn of(
        organization: Option<OrganizationId>,
        contact: Option<ContactId>,
        participants: Option<&Participants>,
    ) -> Self {
        let contact = contact.map(|id| (Self::CONTACT_FIELD.to_owned(), id));
        let participants = participants.into_iter().flat_map(Participants::references);
        Self { organization, contacts: contact.into_iter().chain(participants).collect() }
    }
}

/// An input that points at other records: what must be known of it to check them and its own rules together.
pub trait Referring: Clone {
    /// What it points at.
    fn references(&self) -> References;

    /// The same input pointing at nothing.
    #[must_use]
    fn without_references(&self) -> Self;
}
