//! What `scripts/instructions` counts: one operation so many times, on an SQLite file.
//!
//! ```text
//! instructions FILE prepare            makes the file, with a tenant and its records
//! instructions FILE OPERATION TIMES    does that
//! ```

use std::error::Error;
use std::hint::black_box;

use crm_core::database::DatabaseUrl;
use crm_core::input::FromBody;
use crm_core::page::PageRequest;
use crm_core::{Condition, DbConnection, LeadId, PublicTenantId, Scope, Timestamp, migrate};
use crm_directory::{NewContact, NewOrganization};
use crm_forms::FormKind;
use crm_leads::{LeadFilter, LeadPatch, NewLead};
use crm_suite::{contacts, forms, leads, organizations, tenants};
use crm_tags::{NewTag, TagKind};
use serde_json::{Map, Value};

type Outcome<T> = Result<T, Box<dyn Error>>;

const TENANT: &str = "acme";
const NOW: &str = "2026-01-01T00:00:00Z";

/// How many leads there are before anything is counted.
const LEADS: i64 = 200;

const ORGANIZATION: &str = r#"{ "name": "Acme", "email": [{ "value": "info@acme.example" }] }"#;
const CONTACT: &str = r#"{ "name": "Jane Doe", "organizationId": "1", "phone": [{ "value": "+1 555 0100" }] }"#;
const FORM: &str = r#"{ "fields": [
    { "id": "region", "label": "Region", "category": "custom", "type": "text" },
    { "id": "seats", "label": "Seats", "category": "custom", "type": "number" }
] }"#;
const LEAD: &str = r#"{
    "title": "A hundred seats for Acme", "value": { "amount": 1200.5, "code": "USD" }, "origin": "website",
    "leadRating": "2_warm", "note": "Asked at the fair, wants an offer by the end of the month.", "organizationId": "1",
    "contactId": "1", "owner": { "id": "7", "name": "Sarah" }, "followers": [{ "id": "7" }, { "id": "8" }],
    "participants": [{ "id": "1" }], "tags": ["new", "vip"], "customFields": { "region": "North", "seats": 100 }
}"#;
const PATCH: &str = r#"{ "title": "A hundred and ten seats for Acme", "customFields": { "seats": 110 } }"#;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [file, "prepare"] => prepare(&url(file)?),
        [file, operation, times] => {
            let mut connection = url(file)?.connect()?;
            let scope = scope(&mut connection)?;
            repeat(&mut connection, &scope, operation, times.parse()?)
        }
        _ => Err("instructions FILE prepare, or instructions FILE OPERATION TIMES".into()),
    }
}

fn url(file: &str) -> Outcome<DatabaseUrl> {
    Ok(format!("sqlite://{file}").parse()?)
}

fn body<T: FromBody>(text: &str) -> Outcome<T> {
    let body: Map<String, Value> = serde_json::from_str(text)?;
    T::from_body(&body).map_err(|errors| format!("{errors:?}").into())
}

fn scope(connection: &mut DbConnection) -> Outcome<Scope> {
    let id: PublicTenantId = TENANT.parse()?;
    let tenant = crm_core::tenants::find(connection, &id)?;
    Ok(Scope::new(tenant.id, tenant.public_id, NOW.parse()?))
}

fn prepare(url: &DatabaseUrl) -> Outcome<()> {
    migrate::migrate(url)?;
    let now: Timestamp = NOW.parse()?;
    url.connect()?.write(|connection| {
        tenants::create(connection, &TENANT.parse()?, "Acme", None, now)?;
        let scope = scope(connection)?;
        forms::replace(connection, &scope, FormKind::Pipeline, &Condition::none(), &body(FORM)?)?;
        for label in ["new", "vip"] {
            let tag: NewTag = body(&format!(r#"{{ "label": "{label}" }}"#))?;
            crm_tags::create(connection, &scope, TagKind::Lead, &tag)?;
        }
        organizations::create(connection, &scope, &body::<NewOrganization>(ORGANIZATION)?)?;
        contacts::create(connection, &scope, &body::<NewContact>(CONTACT)?)?;
        for _ in 0..LEADS {
            leads::create(connection, &scope, &body::<NewLead>(LEAD)?)?;
        }
        Ok(())
    })
}

/// Reads in a transaction, as the gateway does.
fn read<T>(connection: &mut DbConnection, read: impl FnOnce(&mut DbConnection) -> Outcome<T>) -> Outcome<T> {
    connection.begin_read()?;
    let found = read(connection)?;
    connection.end_read()?;
    Ok(found)
}

fn repeat(connection: &mut DbConnection, scope: &Scope, operation: &str, times: i64) -> Outcome<()> {
    let shown = read(connection, |connection| Ok(leads::get(connection, scope, LeadId::from_i64(1))?))?;
    for id in (0..times).map(|time| LeadId::from_i64(time % LEADS + 1)) {
        match operation {
            "get" => drop(black_box(read(connection, |connection| Ok(leads::get(connection, scope, id)?))?)),
            "list" => drop(black_box(read(connection, |connection| {
                Ok(leads::list(connection, scope, &LeadFilter::default(), &PageRequest::first(10))?)
            })?)),
            "create" => {
                let new: NewLead = body(LEAD)?;
                drop(black_box(connection.write(|connection| leads::create(connection, scope, &new))?));
            }
            "patch" => {
                let patch: LeadPatch = body(PATCH)?;
                let change =
                    |connection: &mut DbConnection| leads::update(connection, scope, id, &Condition::none(), &patch);
                drop(black_box(connection.write(change)?));
            }
            "read-json" => drop(black_box(body::<NewLead>(black_box(LEAD))?)),
            "write-json" => drop(black_box(serde_json::to_vec(black_box(&shown))?)),
            _ => return Err(format!("there is no operation {operation}").into()),
        }
    }
    Ok(())
}
