//! A tenant with short ways to make, read and list its records.

use crm_core::input::{FromBody, JsonObject};
use crm_core::page::{Page, SortField};
use crm_core::params::FromParams;
use crm_core::values::ReferencedRecords;
use crm_core::{Condition, ContactId, DbConnection, FieldErrors, OrganizationId, Scope};
use crm_directory::{
    Contact, ContactFilter, ContactPatch, ContactSort, DirectoryError, NewContact, NewOrganization, Organization,
    OrganizationFilter, OrganizationPatch, OrganizationSort, contacts, organizations,
};
use crm_tags::{NewTag, TagKind};
use crm_testkit::TestDatabase;
pub(crate) use crm_testkit::records::Asked;
use serde_json::{Value, json};

pub(crate) struct Desk {
    pub(crate) connection: DbConnection,
    pub(crate) scope: Scope,
}

pub(crate) fn object(value: Value) -> JsonObject {
    let Value::Object(object) = value else { panic!("no object: {value}") };
    object
}

pub(crate) fn read<T: FromBody>(value: Value) -> Result<T, FieldErrors> {
    T::from_body(&object(value))
}

/// The problems of a refused input as `field code`.
pub(crate) fn problems(errors: &FieldErrors) -> Vec<String> {
    errors.as_slice().iter().map(|error| format!("{} {}", error.field, error.code)).collect()
}

/// Deletes contacts that nothing points at.
pub(crate) fn deleted_contacts(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[ContactId],
) -> Result<Vec<ContactId>, DirectoryError> {
    let deletion = contacts::record_deletion(connection, scope, ids)?;
    contacts::delete(connection, scope, deletion)
}

/// Deletes organizations that nothing points at.
pub(crate) fn deleted_organizations(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[OrganizationId],
) -> Result<Vec<OrganizationId>, DirectoryError> {
    let deletion = organizations::record_deletion(connection, scope, ids)?;
    organizations::delete(connection, scope, deletion)
}

/// A list as a request asks for it.
pub(crate) fn asked<F: FromParams, S: SortField>(query: &[(&str, &str)]) -> Asked<F, S> {
    crm_testkit::records::asked(query).unwrap()
}

impl Desk {
    pub(crate) fn new(database: &TestDatabase, tenant: &str) -> Self {
        Self { connection: database.connect(), scope: database.tenant(tenant) }
    }

    /// Later by so many milliseconds.
    pub(crate) fn wait(&mut self, milliseconds: i64) {
        let moment = self.scope.now().as_datetime() + std::time::Duration::from_millis(milliseconds.unsigned_abs());
        let now = crm_core::Timestamp::from_datetime(moment);
        self.scope = Scope::new(self.scope.tenant(), self.scope.public_tenant().clone(), now);
    }

    pub(crate) fn tag(&mut self, kind: TagKind, label: &str) {
        let new: NewTag = read(json!({ "label": label })).unwrap();
        self.connection.write(|connection| crm_tags::create(connection, &self.scope, kind, &new)).unwrap();
    }

    pub(crate) fn contact(&mut self, body: Value) -> Contact {
        self.try_contact(&read(body).unwrap()).unwrap()
    }

    pub(crate) fn try_contact(&mut self, new: &NewContact) -> Result<Contact, DirectoryError> {
        let Self { connection, scope } = self;
        connection.write(|connection| contacts::create(connection, scope, new, ReferencedRecords::unchecked))
    }

    pub(crate) fn organization(&mut self, body: Value) -> Organization {
        self.try_organization(&read(body).unwrap()).unwrap()
    }

    pub(crate) fn try_organization(&mut self, new: &NewOrganization) -> Result<Organization, DirectoryError> {
        let Self { connection, scope } = self;
        connection.write(|connection| organizations::create(connection, scope, new))
    }

    pub(crate) fn patch_contact(&mut self, id: ContactId, body: Value) -> Result<Contact, DirectoryError> {
        let patch: ContactPatch = read(body)?;
        let Self { connection, scope } = self;
        connection.write(|connection| {
            contacts::update(connection, scope, id, &Condition::none(), &patch, ReferencedRecords::unchecked)
        })
    }

    pub(crate) fn patch_organization(
        &mut self,
        id: OrganizationId,
        body: Value,
    ) -> Result<Organization, DirectoryError> {
        let patch: OrganizationPatch = read(body)?;
        let Self { connection, scope } = self;
        connection.write(|connection| organizations::update(connection, scope, id, &Condition::none(), &patch))
    }

    pub(crate) fn get_contact(&mut self, id: ContactId) -> Result<Contact, DirectoryError> {
        contacts::get(&mut self.connection, &self.scope, id)
    }

    pub(crate) fn get_organization(&mut self, id: OrganizationId) -> Result<Organization, DirectoryError> {
        organizations::get(&mut self.connection, &self.scope, id)
    }

    pub(crate) fn contacts(&mut self, query: &[(&str, &str)]) -> Page<Contact> {
        let Asked { filter, page } = asked::<ContactFilter, ContactSort>(query);
        contacts::list(&mut self.connection, &self.scope, &filter, &page).unwrap()
    }

    pub(crate) fn organizations(&mut self, query: &[(&str, &str)]) -> Page<Organization> {
        let Asked { filter, page } = asked::<OrganizationFilter, OrganizationSort>(query);
        organizations::list(&mut self.connection, &self.scope, &filter, &page).unwrap()
    }

    /// The names of the contacts that a list has, in its order.
    pub(crate) fn contact_names(&mut self, query: &[(&str, &str)]) -> Vec<String> {
        self.contacts(query).items.iter().map(|contact| contact.name.to_string()).collect()
    }

    /// The names of the organizations that a list has, in its order.
    pub(crate) fn organization_names(&mut self, query: &[(&str, &str)]) -> Vec<String> {
        self.organizations(query).items.iter().map(|organization| organization.name.to_string()).collect()
    }
}

/// What a client sees of a record.
pub(crate) fn shown(record: &impl serde::Serialize) -> Value {
    serde_json::to_value(record).unwrap()
}
