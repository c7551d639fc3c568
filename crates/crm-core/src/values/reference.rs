use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde::Serialize;

use crate::records::{Stored, run_again_where_taken};
use crate::values::{Participant, Participants};
use crate::{ContactId, DbConnection, FieldCode, FieldErrors, OrganizationId, Patch, RecordId, Scope, WriteError};

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

impl<I: Clone + PartialEq> Reference<I> {
    /// What was seen of the record that is pointed at, where it is the one with this id still.
    #[must_use]
    pub fn still(seen: Option<&Self>, id: Option<&I>) -> Option<Self> {
        seen.filter(|seen| Some(&seen.id) == id).cloned()
    }
}

/// The records that a new or changed record points at, each with the field to blame where it does not exist:
/// what must be checked by somebody who knows those records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferencedRecords {
    /// Its organization.
    pub organization: Option<OrganizationId>,
    /// Its contact and participants, with a path such as `participants[0].id`.
    pub contacts: Vec<(String, ContactId)>,
}

impl ReferencedRecords {
    /// The field of the organization.
    pub const ORGANIZATION_FIELD: &'static str = "organizationId";
    /// The organization as an object, beside its id.
    pub const ORGANIZATION: (&'static str, &'static str) = (Self::ORGANIZATION_FIELD, "organization");
    /// The contact as an object, beside its id.
    pub const CONTACT: (&'static str, &'static str) = (Self::CONTACT_FIELD, "contact");
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

    /// What a service is given that writes a record where nobody is to be asked: the foreign keys of the database have the last
    /// word, which tells of one record at a time. See [`HoldReferences`].
    ///
    /// # Errors
    /// None.
    pub fn unchecked(_: &mut DbConnection, _: &Scope, _: &Self) -> QueryResult<FieldErrors> {
        Ok(FieldErrors::new())
    }
}

/// Keeps what a record is about to point at from being deleted before the end of the transaction, and gives the problems with
/// what does not exist, to be told with all others of the record.
///
/// A service that writes a record is given one, because it knows of no other kind of records, and calls it once, in its place
/// in the order of locks: after it has locked the form, and before the record. crm-suite gives what asks contacts and
/// organizations; [`ReferencedRecords::unchecked`] asks nobody.
pub trait HoldReferences: FnOnce(&mut DbConnection, &Scope, &ReferencedRecords) -> QueryResult<FieldErrors> {}

impl<F: FnOnce(&mut DbConnection, &Scope, &ReferencedRecords) -> QueryResult<FieldErrors>> HoldReferences for F {}

/// Records that another one pointed at, and that do not exist any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vanished {
    /// Organizations.
    pub organizations: Vec<OrganizationId>,
    /// Contacts.
    pub contacts: Vec<ContactId>,
}

impl Vanished {
    /// The organization, unless it vanished.
    #[must_use]
    pub fn organization(&self, id: Option<OrganizationId>) -> Option<OrganizationId> {
        id.filter(|id| !self.organizations.contains(id))
    }

    /// The contact, unless it vanished.
    #[must_use]
    pub fn contact(&self, id: Option<ContactId>) -> Option<ContactId> {
        id.filter(|id| !self.contacts.contains(id))
    }

    /// Those of these participants whose contacts are still there.
    #[must_use]
    pub fn participants(&self, mut all: Vec<Participant>) -> Participants {
        all.retain(|participant| !self.contacts.contains(&participant.id));
        Participants::stored(all)
    }
}

/// What it means that the database refused a row of `table` with these references: the caller checked that nobody has its
/// external id, and somebody took it since, so that the transaction is to be run again; or that the records exist, and one
/// of them vanished since. Which one is told by the name of the constraint, and on SQLite, which has
/// none, by there being only one.
#[must_use]
pub fn unknown_reference(
    error: DieselError,
    table: &str,
    organization: Option<OrganizationId>,
    contact: Option<ContactId>,
) -> WriteError {
    let DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, information) = &error else {
        return run_again_where_taken(error).into();
    };
    let violated = |what: &str| match information.constraint_name() {
        Some(name) => name.strip_prefix(table) == Some(what),
        None => organization.is_none() || contact.is_none(),
    };
    let field = if organization.is_some() && violated("_organization_fkey") {
        ReferencedRecords::ORGANIZATION_FIELD
    } else if contact.is_some() && violated("_contact_fkey") {
        ReferencedRecords::CONTACT_FIELD
    } else {
        return error.into();
    };
    FieldErrors::of(field, FieldCode::UnknownReference, "names a record that does not exist").into()
}

/// Checks the objects that a patch has beside other ids (see
/// [`patch_reference`](crate::input::ObjectReader::patch_reference)): each must be what the record has.
pub fn check_seen<I: RecordId + PartialEq>(
    seen: &Patch<I>,
    present: Option<I>,
    (id_field, field): (&str, &str),
    errors: &mut FieldErrors,
) {
    let differs = match seen {
        Patch::Keep => false,
        Patch::Clear => present.is_some(),
        Patch::Set(id) => present != Some(*id),
    };
    if differs {
        let message = format!("names another record than {id_field}, and none that the record has");
        errors.push(field, FieldCode::Conflicting, message);
    }
}

/// An input that points at other records: what must be known of it to check them.
pub trait HasReferences {
    /// What it points at.
    fn references(&self) -> ReferencedRecords;
}
