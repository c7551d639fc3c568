//! What many things come to that are done together is what they come to one by one, in every row.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crm_cases::Case;
use crm_core::input::FromBody;
use crm_core::{BackendKind, Condition, DbConnection, LeadId, OpportunityId, Scope, Timestamp};
use crm_directory::{Contact, Organization};
use crm_forms::FormKind;
use crm_leads::{Lead, LeadError};
use crm_opportunities::{Opportunity, OpportunityStatus, StatusChange};
use crm_suite::convert::{Conversion, convert, convert_each};
use crm_suite::resource::Resource;
use crm_suite::{SuiteError, batch, forms, leads, opportunities, tenants};
use crm_tags::TagKind;
use crm_testkit::both_databases;
use serde_json::{Value, json};

use lines::lines;

#[path = "common/lines.rs"]
mod lines;

fn body<T: FromBody>(body: &Value) -> T {
    T::from_body(body.as_object().unwrap()).unwrap()
}

/// A tenant with a custom field in each form and two tags of each kind.
fn tenant(connection: &mut DbConnection, id: &str, now: Timestamp) -> Scope {
    let make = |connection: &mut DbConnection| {
        let made = tenants::create(connection, &id.parse().unwrap(), "T", None, now).unwrap().tenant;
        let scope = Scope::new(made.id, made.public_id, now);
        for kind in [FormKind::Pipeline, FormKind::Contacts, FormKind::Organizations] {
            let field = json!({ "id": "x", "label": "X", "category": "custom", "type": "text" });
            forms::replace(connection, &scope, kind, &Condition::none(), &body(&json!({ "fields": [field] }))).unwrap();
        }
        for kind in [TagKind::Lead, TagKind::Contact, TagKind::Organization, TagKind::Case, TagKind::Opportunity] {
            for label in ["a", "b"] {
                crm_tags::create(connection, &scope, kind, &body(&json!({ "label": label }))).unwrap();
            }
        }
        Ok::<_, SuiteError>(scope)
    };
    connection.write(make).unwrap()
}

fn user(id: &str) -> Value {
    json!({ "id": id, "name": format!("Ünal \"{id}\" \\ \u{1f600}"), "email": format!("{id}@example.com") })
}

/// One with all that it can have, one with some and one with nothing but what it must.
fn organizations_of() -> Vec<Value> {
    vec![
        json!({
            "name": "Äcme & Sons", "email": [{ "value": "Info@Acme.example", "label": "Office" }], "phone": [{ "value": "+1 555 0100" }],
            "address": "1 Main St\nPortland", "industry": "Éducation", "size": "1-10", "annualRevenue": "1M", "website": "https://www.acme.example/",
            "note": "Tab\there, \"quoted\", \\ and \u{1f600}", "owner": user("o"), "creator": user("c"), "lastUpdatedBy": user("l"),
            "tags": "b,a", "externalId": "ext-1", "customFields": { "x": "Ünwanted" },
        }),
        json!({ "name": "Beta", "tags": "a", "email": [{ "value": "b@example.com" }, { "value": "c@example.com" }] }),
        json!({ "name": "Gamma" }),
    ]
}

fn contacts_of() -> Vec<Value> {
    vec![
        json!({
            "name": "Jané Dœ", "email": [{ "value": "Jane@Acme.example" }], "phone": [{ "value": "+49 30 123456789" }], "organizationId": 1,
            "jobTitle": "CTO", "department": "IT", "seniorityLevel": "Senior", "linkedin": "https://linkedin.com/in/jane",
            "note": "'; DROP TABLE contacts; --", "owner": user("o"), "tags": "a,b", "externalId": "null", "customFields": { "x": "1" },
        }),
        json!({ "name": "John", "organizationId": 2 }),
        json!({ "name": "Nobody" }),
    ]
}

fn leads_of() -> Vec<Value> {
    vec![
        json!({
            "title": "Öffer {}", "value": { "amount": 1234.56, "code": "EUR" }, "origin": "Wébsite", "leadRating": "3_hot", "note": "null",
            "organizationId": 1, "contactId": 1, "owner": user("o"), "lastUpdatedBy": user("l"), "followers": [user("f"), user("g")],
            "participants": [{ "id": 2 }, { "id": 3, "name": "Three" }], "tags": "a,b", "externalId": "1", "customFields": { "x": "[1]" },
        }),
        json!({ "title": "Second", "participants": [{ "id": 1 }], "tags": "b", "value": { "amount": 0, "code": "USD" } }),
        json!({ "title": "Third" }),
        json!({ "title": "Fourth" }),
    ]
}

fn opportunities_of() -> Vec<Value> {
    vec![
        json!({
            "title": "Big", "value": { "amount": 99, "code": "EUR" }, "note": "{\"a\":1}", "organizationId": 1, "contactId": 1,
            "owner": user("o"), "followers": [user("f")], "participants": [{ "id": 3 }], "tags": "a", "externalId": "x", "customFields": { "x": "y" },
        }),
        json!({ "title": "Small" }),
    ]
}

fn cases_of() -> Vec<Value> {
    vec![
        json!({
            "title": "Bröken", "description": "All of it", "priority": "1_high", "expectedDate": "2026-02-28", "organizationId": 1, "contactId": 1,
            "assignee": user("a"), "owner": user("o"), "tags": "a,b", "externalId": "e",
        }),
        json!({ "title": "Fine" }),
    ]
}

/// Makes them, each at a moment of its own.
fn make<R: Resource>(connection: &mut DbConnection, scope: &Scope, bodies: &[Value]) -> Result<(), SuiteError> {
    for (second, new) in (0..).zip(bodies) {
        let moment =
            Timestamp::from_datetime(scope.now().as_datetime() + chrono::TimeDelta::milliseconds(second * 1_001));
        R::create(connection, &scope.clone().at(moment), &body(new))?;
    }
    Ok(())
}

fn conversions(now: Timestamp) -> Vec<(Timestamp, LeadId, Conversion)> {
    let later = |seconds| Timestamp::from_datetime(now.as_datetime() + chrono::TimeDelta::seconds(seconds));
    let conversion = |by: Value| body(&json!({ "lastUpdatedBy": by }));
    vec![
        (later(60), LeadId::from_i64(1), conversion(user("w"))),
        (later(61), LeadId::from_i64(2), conversion(Value::Null)),
    ]
}

fn won() -> StatusChange {
    StatusChange { status: OpportunityStatus::Won, lost_reason: None, last_updated_by: None }
}

/// Where the places of two tenants differ.
const OWN: [&str; 3] = ["tenant_id", "seq", "turn"];

/// Every row of a tenant with tags and pipelines by their names, in no order.
fn rows_of(connection: &mut DbConnection, scope: &Scope) -> Vec<String> {
    let (tenant, kind) = (scope.tenant().as_i64(), connection.kind());
    let (tables, id) = match kind {
        BackendKind::Sqlite => (
            "SELECT m.name AS line FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' \
             AND c.name = 'tenant_id' AND m.name NOT GLOB '*_search' ORDER BY 1",
            "lower(hex(id))",
        ),
        BackendKind::Postgres => (
            "SELECT table_name::text AS line FROM information_schema.columns WHERE table_schema = 'public' \
             AND column_name = 'tenant_id' ORDER BY 1",
            "id::text",
        ),
    };
    let named = |table: &str, name: &str| {
        format!("SELECT {id} || '=' || {name} AS line FROM {table} WHERE tenant_id = {tenant}")
    };
    let mut names = lines(connection, &named("tags", "kind || '.' || label"));
    names.extend(lines(connection, &named("pipelines", "name")));
    let mut all = Vec::new();
    // Keys are random.
    for table in lines(connection, tables).into_iter().filter(|table| table != "api_keys") {
        let columns = match kind {
            BackendKind::Sqlite => lines(connection, &format!("SELECT name AS line FROM pragma_table_info('{table}')")),
            BackendKind::Postgres => lines(
                connection,
                &format!(
                    "SELECT attname::text AS line FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0"
                ),
            ),
        };
        let columns = columns.iter().filter(|column| !OWN.contains(&column.as_str()));
        let values: Vec<String> = match kind {
            BackendKind::Sqlite => columns.map(|column| format!("quote(\"{column}\")")).collect(),
            BackendKind::Postgres => columns.map(|column| format!("coalesce(\"{column}\"::text, 'NULL')")).collect(),
        };
        let ask = format!("SELECT {} AS line FROM {table} WHERE tenant_id = {tenant}", values.join(" || '|' || "));
        for row in lines(connection, &ask) {
            let mut row = format!("{table}: {row}").replace(scope.public_tenant().as_str(), "tenant");
            for name in &names {
                let (id, name) = name.split_once('=').unwrap();
                let plain = id.replace('-', "");
                let uuid =
                    format!("{}-{}-{}-{}-{}", &plain[..8], &plain[8..12], &plain[12..16], &plain[16..20], &plain[20..]);
                row = row.replace(&uuid, name).replace(&plain, name).replace(&plain.to_uppercase(), name);
            }
            all.push(row);
        }
    }
    all.sort_unstable();
    all
}

both_databases! {
    /// Records of each kind with all that they can have, leads that become opportunities, those that are put aside, won ones.
    fn together_comes_to_what_it_does_one_by_one(database) {
        let mut connection = database.connect();
        let now = Timestamp::now();
        let (alone, together) = (tenant(&mut connection, "t-alone", now), tenant(&mut connection, "t-together", now));
        let first = LeadId::from_i64(3);
        let opportunity = OpportunityId::from_i64(1);
        let records = |connection: &mut DbConnection, scope: &Scope| {
            make::<Organization>(connection, scope, &organizations_of())?;
            make::<Contact>(connection, scope, &contacts_of())?;
            make::<Lead>(connection, scope, &leads_of())?;
            make::<Opportunity>(connection, scope, &opportunities_of())?;
            make::<Case>(connection, scope, &cases_of())
        };
        let ends = |connection: &mut DbConnection, scope: &Scope| {
            leads::archive(connection, scope, first, &Condition::none(), None)?;
            opportunities::update_status(connection, scope, opportunity, &Condition::none(), &won())?;
            Ok::<_, SuiteError>(())
        };

        connection.write(|connection| records(connection, &alone)).unwrap();
        for (moment, id, conversion) in conversions(now) {
            let scope = alone.clone().at(moment);
            connection.write(|c| convert(c, &scope, id, &Condition::none(), &conversion)).unwrap();
        }
        connection.write(|connection| ends(connection, &alone)).unwrap();

        connection.write(|c| batch::together(c, &together, |c, scope| records(c, scope))).unwrap();
        connection.write(|c| batch::together(c, &together, |c, scope| convert_each(c, scope, &conversions(now)))).unwrap();
        let held = |connection: &mut DbConnection, scope: &Scope| {
            Lead::lock(connection, scope, &[first])?;
            Lead::remember(connection, scope, &[first])?;
            Opportunity::lock(connection, scope, &[opportunity])?;
            Opportunity::remember(connection, scope, &[opportunity])?;
            ends(connection, scope)
        };
        connection.write(|c| batch::together(c, &together, |c, scope| held(c, scope))).unwrap();

        let (expected, found) = (rows_of(&mut connection, &alone), rows_of(&mut connection, &together));
        assert!(expected.len() > 60, "{expected:#?}");
        for (one, other) in expected.iter().zip(&found) {
            assert_eq!(one, other);
        }
        assert_eq!(expected.len(), found.len());
    }

    /// The second conversion of a lead is told what the first one made, as it is by [`convert`], and nothing is left of both.
    fn a_lead_becomes_one_opportunity(database) {
        let mut connection = database.connect();
        let now = Timestamp::now();
        let scope = tenant(&mut connection, "t", now);
        connection.write(|c| make::<Lead>(c, &scope, &[json!({ "title": "Harbour" })])).unwrap();
        let before = rows_of(&mut connection, &scope);

        let conversion = (now, LeadId::from_i64(1), Conversion::default());
        let twice = connection.write(|c| {
            batch::together(c, &scope, |c, scope| convert_each(c, scope, &[conversion.clone(), conversion.clone()]))
        });

        let refused = twice.unwrap_err();
        assert!(matches!(refused, SuiteError::Lead(LeadError::AlreadyConverted(Some(_)))), "{refused:?}");
        assert_eq!(rows_of(&mut connection, &scope), before);
    }
}
