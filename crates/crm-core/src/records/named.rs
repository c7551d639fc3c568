//! The names of the organization and contact that a record points at.

use diesel::QueryResult;

use super::Beside;
use crate::values::Reference;
use crate::{ContactId, OrganizationId, Scope};

/// A record that shows an organization and a contact with their names. [`shows_names!`](crate::shows_names) makes it one.
pub trait ShowsNames: Sized {
    /// What it points at and shows no name of yet.
    fn unnamed(&self) -> (Option<OrganizationId>, Option<ContactId>);

    /// What it shows with a name.
    fn names(&self) -> (Option<&Reference<OrganizationId>>, Option<&Reference<ContactId>>);

    /// Takes those of the two whose names were unknown.
    fn set_names(&mut self, organization: Option<Reference<OrganizationId>>, contact: Option<Reference<ContactId>>);

    /// With the names that were read with it.
    #[must_use]
    fn with_names_of(mut self, beside: &mut Beside) -> Self {
        let (organization, contact) = self.unnamed();
        self.set_names(beside.take_organization(organization), beside.take_contact(contact));
        self
    }

    /// With the names of what it points at as it did when it was seen.
    #[must_use]
    fn with_names_seen(mut self, seen: &Self) -> Self {
        let ((organization, contact), (named, person)) = (self.unnamed(), seen.names());
        self.set_names(Reference::still(named, organization.as_ref()), Reference::still(person, contact.as_ref()));
        self
    }
}

/// A record that was written, with the names that it shows: `beside` reads them, where they are not known yet.
///
/// # Errors
/// Those of `beside`.
pub fn named<T: ShowsNames>(
    scope: &Scope,
    record: T,
    beside: impl FnOnce(&T) -> QueryResult<Option<Beside>>,
) -> QueryResult<T> {
    // Of many that are changed at once nobody is shown the names.
    if record.unnamed() == (None, None) || scope.memory().is_some() {
        return Ok(record);
    }
    let mut beside = beside(&record)?.unwrap_or_default();
    Ok(record.with_names_of(&mut beside))
}

/// Makes records with `organization_id`, `organization`, `contact_id` and `contact` some that show names
/// ([`ShowsNames`](crate::records::ShowsNames)).
#[macro_export]
macro_rules! shows_names {
    ($record:ty) => {
        impl $crate::records::ShowsNames for $record {
            fn unnamed(&self) -> (Option<$crate::OrganizationId>, Option<$crate::ContactId>) {
                let organization = self.organization_id.filter(|_| self.organization.is_none());
                (organization, self.contact_id.filter(|_| self.contact.is_none()))
            }

            fn names(
                &self,
            ) -> (
                Option<&$crate::values::Reference<$crate::OrganizationId>>,
                Option<&$crate::values::Reference<$crate::ContactId>>,
            ) {
                (self.organization.as_ref(), self.contact.as_ref())
            }

            fn set_names(
                &mut self,
                organization: Option<$crate::values::Reference<$crate::OrganizationId>>,
                contact: Option<$crate::values::Reference<$crate::ContactId>>,
            ) {
                self.organization = organization.or_else(|| self.organization.take());
                self.contact = contact.or_else(|| self.contact.take());
            }
        }
    };
}
