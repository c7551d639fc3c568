//! A merge or deletion that fails half-way changes nothing: every table is compared, row for row.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/dump.rs"]
mod dump;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crm_core::input::FromBody;
use crm_core::{BackendKind, Condition, ContactId, DbConnection, LeadId, OrganizationId, RecordId, Scope};
use crm_directory::{NewContact, NewOrganization};
use crm_history::MergeRequest;
use crm_leads::NewLead;
use crm_suite::{SuiteError, contacts, leads, organizations};
use crm_tags::{NewTag, TagKind};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use serde_json::{Value, json};

use crate::dump::dump;

fn read<T: FromBody>(body: &Value) -> T {
    T::from_body(body.as_object().unwrap()).unwrap()
}

/// Three organizations and three contacts that all have something of their own, and leads of each.
fn fill(connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError> {
    for kind in [TagKind::Contact, TagKind::Organization, TagKind::Lead] {
        for label in ["a", "b", "c"] {
            crm_tags::create(connection, scope, kind, &read::<NewTag>(&json!({ "label": label }))).unwrap();
        }
    }
    for (number, tag) in [(1, "a"), (2, "b"), (3, "c")] {
        let values = |domain: &str| json!([{ "value": format!("{number}@{domain}") }, { "value": "info@shared" }]);
        let body = json!({
            "name": format!("Organization {number}"), "email": values("o"), "phone": [{ "value": format!("+{number}") }],
            "tags": tag, "note": "Known.",
        });
        organizations::create(connection, scope, &read::<NewOrganization>(&body))?;
        let body = json!({
            "name": format!("Contact {number}"), "email": values("c"), "phone": [{ "value": format!("+{number}") }],
            "organizationId": number, "tags": tag, "note": "Called.",
        });
        contacts::create(connection, scope, &read::<NewContact>(&body))?;
    }
    for (number, tag) in [(1, "a"), (2, "b"), (3, "c")] {
        let others: Vec<Value> = (1..=3).filter(|other| *other != number).map(|other| json!({ "id": other })).collect();
        let body = json!({
            "title": format!("Lead {number}"), "organizationId": number, "contactId": number, "participants": others,
            "tags": tag,
        });
        leads::create(connection, scope, &read::<NewLead>(&body))?;
    }
    Ok(())
}

/// Something that must happen as a whole.
type Action = fn(&mut DbConnection, &Scope) -> Result<(), SuiteError>;

fn merge_request<I: RecordId>() -> MergeRequest<I> {
    MergeRequest { source_ids: vec![I::from_i64(2), I::from_i64(3)], last_updated_by: None }
}

const ACTIONS: [(&str, Action); 5] = [
    ("merge contacts", |connection, scope| {
        contacts::merge(connection, scope, ContactId::from_i64(1), &Condition::none(), &merge_request()).map(drop)
    }),
    ("merge organizations", |connection, scope| {
        organizations::merge(connection, scope, OrganizationId::from_i64(1), &Condition::none(), &merge_request())
            .map(drop)
    }),
    ("merge leads", |connection, scope| {
        leads::merge(connection, scope, LeadId::from_i64(1), &Condition::none(), &merge_request()).map(drop)
    }),
    ("delete contacts", |connection, scope| {
        contacts::delete(connection, scope, &[1, 2, 3].map(ContactId::from_i64), &Condition::none()).map(drop)
    }),
    ("delete organizations", |connection, scope| {
        organizations::delete(connection, scope, &[1, 2, 3].map(OrganizationId::from_i64), &Condition::none()).map(drop)
    }),
];

/// A new tenant with records.
fn filled(database: &TestDatabase, tenant: &str) -> (DbConnection, Scope) {
    let scope = database.tenant(tenant);
    let mut connection = database.connect();
    connection.write(|connection| fill(connection, &scope)).unwrap();
    (connection, scope)
}

/// Makes every statement of this kind on this table fail; gives what takes that back.
fn break_table(connection: &mut DbConnection, event: &str, table: &str) -> &'static str {
    let (make, undo) = match connection.kind() {
        BackendKind::Sqlite => (
            format!("CREATE TRIGGER failpoint AFTER {event} ON {table} BEGIN SELECT RAISE(ABORT, 'failpoint'); END"),
            "DROP TRIGGER failpoint",
        ),
        BackendKind::Postgres => (
            format!(
                "CREATE FUNCTION failpoint() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'failpoint'; END $$; \
                 CREATE TRIGGER failpoint AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION failpoint()"
            ),
            "DROP FUNCTION failpoint CASCADE",
        ),
    };
    connection.batch_execute(&make).unwrap();
    undo
}

/// Where each action writes.
const BREAKS: [(&str, &[(&str, &str)]); 5] = [
    (
        "merge contacts",
        &[
            ("UPDATE", "contacts"),
            ("DELETE", "contact_emails"),
            ("INSERT", "contact_emails"),
            ("INSERT", "contact_phones"),
            ("INSERT", "contact_tags"),
            ("UPDATE", "leads"),
            ("INSERT", "lead_participants"),
            ("DELETE", "lead_participants"),
            ("DELETE", "contacts"),
        ],
    ),
    (
        "merge organizations",
        &[
            ("UPDATE", "organizations"),
            ("INSERT", "organization_emails"),
            ("INSERT", "organization_phones"),
            ("INSERT", "organization_tags"),
            ("UPDATE", "contacts"),
            ("UPDATE", "leads"),
            ("DELETE", "organizations"),
        ],
    ),
    (
        "merge leads",
        &[
            ("UPDATE", "leads"),
            ("DELETE", "lead_participants"),
            ("INSERT", "lead_participants"),
            ("INSERT", "lead_tags"),
            ("DELETE", "leads"),
        ],
    ),
    ("delete contacts", &[("UPDATE", "leads"), ("DELETE", "lead_participants"), ("DELETE", "contacts")]),
    ("delete organizations", &[("UPDATE", "contacts"), ("UPDATE", "leads"), ("DELETE", "organizations")]),
];

/// Does it in a transaction that ends just before its statement of this number, as when the process dies there;
/// whether it has that many. COMMIT is one too.
fn dies_before(database: &TestDatabase, statement: usize, action: Action, scope: &Scope) -> bool {
    let mut connection = database.connect();
    let mut sent = 0;
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { .. } = event {
            if sent == statement {
                // Past the hook of panics, which would print it.
                resume_unwind(Box::new(()));
            }
            sent += 1;
        }
    });
    let outcome = catch_unwind(AssertUnwindSafe(|| connection.write(|connection| action(connection, scope))));
    outcome.map(Result::unwrap).is_err()
}

both_databases! {
    /// The database refuses a statement in the middle.
    fn a_statement_that_fails_takes_back_those_before_it(database) {
        let (mut connection, scope) = filled(database, "acme");
        for ((name, action), (named, breaks)) in ACTIONS.into_iter().zip(BREAKS) {
            assert_eq!(name, named);
            for (event, table) in breaks {
                let before = dump(&mut connection);
                let undo = break_table(&mut connection, event, table);
                let outcome = connection.write(|connection| action(connection, &scope));
                connection.batch_execute(undo).unwrap();
                let message = outcome.unwrap_err().to_string();
                assert!(message.contains("failpoint"), "{name}, {event} on {table}: {message}");
                assert_eq!(dump(&mut connection), before, "{name}, {event} on {table}");
            }
        }
    }

    /// The process dies before one statement after the other, the COMMIT last.
    fn a_process_that_dies_before_the_commit_has_done_nothing(database) {
        for (name, action) in ACTIONS {
            let (mut connection, scope) = filled(database, &name.replace(' ', "-"));
            let before = dump(&mut connection);
            let mut statement = 0;
            while dies_before(database, statement, action, &scope) {
                assert_eq!(dump(&mut connection), before, "{name}, dead before statement {statement}");
                statement += 1;
            }
            assert!(statement > 5, "{name} has only {statement} statements");
            assert_ne!(dump(&mut connection), before, "{name} is done where nothing stops it");
        }
    }
}
