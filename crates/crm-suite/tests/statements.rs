//! A page costs a fixed number of statements, however long it is, and so does one record.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crm_core::input::FromBody;
use crm_core::page::{PageRequest, SortField};
use crm_core::{DbConnection, Scope, Timestamp};
use crm_directory::{ContactFilter, ContactSort, NewContact, NewOrganization, OrganizationFilter, OrganizationSort};
use crm_leads::{LeadFilter, LeadSort, NewLead};
use crm_suite::{contacts, leads, organizations, tenants};
use crm_tags::{NewTag, TagKind};
use crm_testkit::statements::{Statement, statements};
use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

/// More than the longest page.
const RECORDS: usize = 201;

fn body<T: FromBody>(body: Value) -> T {
    let Value::Object(body) = body else { unreachable!("bodies are objects") };
    T::from_body(&body).unwrap()
}

/// A tenant with its forms, and records of each kind that have everything which costs a statement to read.
fn filled(database: &TestDatabase) -> (DbConnection, Scope) {
    let mut connection = database.connect();
    let now = Timestamp::now();
    let made = connection.write(|connection| tenants::create(connection, &"acme".parse().unwrap(), "acme", None, now));
    let made = made.unwrap().tenant;
    let scope = Scope::new(made.id, made.public_id, now);
    connection
        .write(|connection| {
            for kind in [TagKind::Lead, TagKind::Contact, TagKind::Organization] {
                for label in ["new", "vip"] {
                    crm_tags::create(connection, &scope, kind, &body::<NewTag>(json!({ "label": label }))).unwrap();
                }
            }
            for number in 1..=RECORDS {
                let common = json!({
                    "name": format!("N{number}"), "tags": ["new", "vip"],
                    "email": [{ "value": format!("a{number}@example.com") }, { "value": format!("b{number}@example.com") }],
                    "phone": [{ "value": format!("+1 555 {number}") }],
                });
                let organization = organizations::create(connection, &scope, &body::<NewOrganization>(common.clone()))?;
                let mut contact = common;
                contact["organizationId"] = json!(organization.id);
                let contact = contacts::create(connection, &scope, &body::<NewContact>(contact))?;
                let lead = json!({
                    "title": format!("L{number}"), "tags": ["new", "vip"], "organizationId": organization.id,
                    "contactId": contact.id, "participants": [{ "id": contact.id }],
                });
                leads::create(connection, &scope, &body::<NewLead>(lead))?;
            }
            Ok::<_, crm_suite::SuiteError>(())
        })
        .unwrap();
    (connection, scope)
}

/// Runs a list with pages of 1, 10 and 200 records and returns the statements, which must be the same.
fn of_pages<S: SortField>(
    connection: &mut DbConnection,
    mut list: impl FnMut(&mut DbConnection, &PageRequest<S>) -> usize,
) -> usize {
    let mut counts = Vec::new();
    for size in [1_u32, 10, 200] {
        let request = PageRequest::first(i64::from(size));
        let (found, sent) = statements(connection, |connection| list(connection, &request));
        assert_eq!(u32::try_from(found), Ok(size), "the page is full");
        counts.push(count(&sent));
    }
    assert!(counts.iter().all(|count| *count == counts[0]), "pages of 1, 10 and 200 records: {counts:?}");
    counts[0]
}

fn count(sent: &[Statement]) -> usize {
    assert!(!sent.is_empty());
    sent.len()
}

both_databases! {
    /// The numbers may only become smaller.
    fn a_page_costs_a_fixed_number_of_statements(database) {
        let (mut connection, scope) = filled(database);
        let scope = &scope;
        let of_leads = of_pages::<LeadSort>(&mut connection, |connection, request| {
            leads::list(connection, scope, &LeadFilter::default(), request).unwrap().items.len()
        });
        let of_contacts = of_pages::<ContactSort>(&mut connection, |connection, request| {
            contacts::list(connection, scope, &ContactFilter::default(), request).unwrap().items.len()
        });
        let of_organizations = of_pages::<OrganizationSort>(&mut connection, |connection, request| {
            organizations::list(connection, scope, &OrganizationFilter::default(), request).unwrap().items.len()
        });
        assert_eq!((of_leads, of_contacts, of_organizations), (3, 3, 3));
    }

    /// One record is one statement: its form and what other tables have of it come with it.
    fn a_record_costs_a_fixed_number_of_statements(database) {
        let (mut connection, scope) = filled(database);
        for number in [1, 100] {
            let (_, sent) = statements(&mut connection, |connection| {
                leads::get(connection, &scope, crm_core::LeadId::from_i64(number)).unwrap()
            });
            assert_eq!(count(&sent), 1, "a lead: {sent:#?}");
            let (_, sent) = statements(&mut connection, |connection| {
                contacts::get(connection, &scope, crm_core::ContactId::from_i64(number)).unwrap()
            });
            assert_eq!(count(&sent), 1, "a contact: {sent:#?}");
            let (_, sent) = statements(&mut connection, |connection| {
                organizations::get(connection, &scope, crm_core::OrganizationId::from_i64(number)).unwrap()
            });
            assert_eq!(count(&sent), 1, "an organization: {sent:#?}");
        }
    }
}
