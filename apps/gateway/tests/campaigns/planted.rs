//! Each rule of the checker is broken once, past all constraints of the database: one that no fault breaks would
//! prove nothing.

use std::collections::BTreeSet;

use crm_core::{BackendKind, DbConnection};
use crm_gateway::checkup::rules::{JSON, Rule, SEARCHED, references, rules, rules_of_json, rules_of_search};
use crm_gateway::checkup::{case_types_at_odds, statuses_at_odds, violations};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::checker::broken;
use crate::client::{Api, Client};
use crate::process::stdout;

/// Faults, by the beginning of the name of the rule that they break.
const FAULTS: [(&str, &str); 38] = [
    ("leads are not as many", "UPDATE record_counts SET records = records + 1 WHERE kind = 1"),
    ("opportunities are not as many", "DELETE FROM record_counts WHERE kind = 2"),
    ("contacts are not as many", "DELETE FROM record_counts WHERE kind = 3"),
    ("organizations are not as many", "UPDATE record_counts SET kind = 7 WHERE kind = 4"),
    ("cases are not as many", "UPDATE record_counts SET records = -records WHERE kind = 5"),
    ("a stage has not what", "UPDATE record_counts SET rest = rest + 1 WHERE kind = 2"),
    ("contact_emails has a value twice", "UPDATE contact_emails SET value_search = 'x'"),
    ("contact_phones has a value twice", "UPDATE contact_phones SET value_search = 'x'"),
    ("organization_emails has a value twice", "UPDATE organization_emails SET value_search = 'x'"),
    ("organization_phones has a value twice", "UPDATE organization_phones SET value_search = 'x'"),
    ("contact_emails has not one primary", "UPDATE contact_emails SET is_primary = (1 = 0)"),
    ("contact_phones has not one primary", "UPDATE contact_phones SET is_primary = (1 = 1)"),
    ("organization_emails has not one primary", "UPDATE organization_emails SET is_primary = (1 = 1)"),
    ("organization_phones has not one primary", "UPDATE organization_phones SET is_primary = (1 = 0)"),
    ("leads has an id", "DELETE FROM numbering WHERE kind = 1"),
    ("opportunities has an id", "UPDATE numbering SET last = last - 1 WHERE kind = 2"),
    ("contacts has an id", "DELETE FROM numbering WHERE kind = 3"),
    ("organizations has an id", "UPDATE numbering SET last = last - 1 WHERE kind = 4"),
    ("cases has an id", "UPDATE numbering SET last = last - 1 WHERE kind = 5"),
    ("case_types has an id", "UPDATE numbering SET last = 0 WHERE kind = 6"),
    ("a lead names an opportunity", "UPDATE opportunities SET lead_id = NULL"),
    ("an opportunity names a lead", "UPDATE leads SET opportunity_id = NULL"),
    ("a lead has two participants", "UPDATE lead_participants SET position = 1"),
    ("an opportunity has two participants", "UPDATE opportunity_participants SET position = 1"),
    ("a case is in a status", "UPDATE cases SET status_folded = 'x'"),
    ("a change of status does not begin", "UPDATE case_activities SET from_status = 'Closed' WHERE id > 1"),
    ("a case is not where", "UPDATE cases SET status = 'Reopened'"),
    ("a timeline has a gap", "DELETE FROM case_activities WHERE id = 1"),
    (
        "a timeline is of a case",
        "INSERT INTO case_activities (tenant_id, case_id, id, comment, created_on) \
         SELECT tenant_id, 999999, 1, 'Said.', created_on FROM cases WHERE id = 1",
    ),
    (
        "a record is there and in the trash",
        "UPDATE changes SET kept = '{}', action = 'deleted' WHERE action = 'created'",
    ),
    ("an erased change says", "UPDATE changes SET erased = (1 = 1) WHERE action = 'created'"),
    ("something is said about a record", "UPDATE changes SET action = 'erased' WHERE kind = 'lead'"),
    ("a comment is on a record", "UPDATE comments SET record_id = 999999"),
    ("a tenant has not its two keys", "DELETE FROM api_keys WHERE role = 'secondary'"),
    ("a pipeline has no stages", "DELETE FROM pipeline_stages WHERE position = 2"),
    ("an opportunity has not the place", "UPDATE opportunities SET stage_position = stage_position + 1"),
    ("a tenant has no default pipeline", "DELETE FROM default_pipelines"),
    ("a tenant has not one default case type", "DELETE FROM case_types"),
];

/// Makes rows in every table, so that each has something to break.
fn fill(database: &TestDatabase) {
    let api = Api::start(database);
    let demo = ["demo", "--organizations", "5", "--contacts", "10", "--leads", "60", "--cases", "20", "--seed", "1"];
    stdout(database, &demo);
    let client = &api.acme;
    let two = json!([{ "value": "one@example.com" }, { "value": "two@example.com" }]);
    let addresses = json!({ "name": "Two of each", "email": two, "phone": two });
    let made = |path: &str, body: &Value| client.post(path, body).item(201)["id"].as_str().unwrap().to_owned();
    made("/directory/organizations", &addresses);
    let contacts = [made("/directory/contacts", &addresses), made("/directory/contacts", &addresses)];
    let tag = made("/pipeline/tags/leads", &json!({ "label": "planted" }));
    let participants = contacts.map(|id| json!({ "id": id }));
    let body = json!({ "title": "Converted", "participants": participants, "tags": [{ "id": tag }] });
    let lead = made("/pipeline/leads", &body);
    client.post(&format!("/pipeline/leads/{lead}/comments"), &json!({ "comment": "Said" })).item(201);
    client.post(&format!("/pipeline/leads/{lead}/convert"), &json!({ "lastUpdatedBy": { "id": "u" } })).item(201);
    made("/settings/webhooks", &json!({ "url": "https://example.com/hook", "events": ["lead.created"] }));
    walk(client, &made("/cases/cases", &json!({ "title": "Walked" })));
    // No database folds these as they are compared.
    let node = |id: &str| json!({ "id": id, "data": { "label": id } });
    let edge = json!({ "id": "e", "source": "Straße", "target": "\u{dc}bergeben" });
    let workflow =
        json!({ "status": [node("Straße"), node("\u{dc}bergeben"), node("U\u{308}ben")], "transition": [edge] });
    let case_type = made("/cases/types/cases", &json!({ "label": "Elsewhere", "workflow": workflow }));
    made("/cases/cases", &json!({ "title": "On its way", "caseTypeId": case_type }));
    let form = client.get("/pipeline/forms/opportunities").items().clone();
    client.put("/pipeline/forms/opportunities", &json!({ "fields": form })).items();
    let once = client.send("POST", "/pipeline/leads", &[("Idempotency-Key", "once")], Some("{\"title\":\"Once\"}"));
    once.item(201);
    assert_eq!(api.serving.terminate(), Some(0));
}

fn walk(client: &Client, id: &str) {
    for status in ["In Progress", "Resolved", "Closed"] {
        client.patch(&format!("/cases/cases/{id}"), &json!({ "status": status, "comment": "on" })).item(200);
    }
}

/// Rows of the tables that only tokens open, of those that take a year to have any, and of those that are soon empty again.
fn fill_client_maps(connection: &mut DbConnection) {
    let uuid = if connection.kind() == BackendKind::Sqlite {
        "x'c4d5e6f7890123456789abcdef012345'"
    } else {
        "'c4d5e6f7-8901-2345-6789-abcdef012345'"
    };
    let now = "'2026-01-01T00:00:00.000Z'";
    let rows = format!(
        "INSERT INTO change_horizons (tenant_id, base, turn, seq) VALUES (1, 0, 0, 0); \
         INSERT INTO client_maps (tenant_id, id, client_id, client_name, client_type, mapping_type, status, sync_status, \
         created_at, updated_at) VALUES (1, {uuid}, 'c', 'C', 'crm', 'inbound', 'active', 'pending', {now}, {now}); \
         INSERT INTO clientmap_versions (tenant_id, version) VALUES (1, {uuid}); \
         INSERT INTO deliveries (tenant_id, id, webhook_id, change_seq, change_turn, kind, record_id, action, state, tries, \
         attempts, created_on) VALUES (1, {uuid}, {uuid}, 1, 1, 'lead', '1', 'created', 'pending', 0, '[]', {now}); \
         INSERT INTO delivery_turns (tenant_id, turn, seq, erasures) VALUES (1, 0, 0, 0) ON CONFLICT DO NOTHING; \
         INSERT INTO sessions (tenant_id, hash, key_hash, created_on, expires_on) \
         SELECT tenant_id, hash, hash, {now}, {now} FROM api_keys WHERE tenant_id = 1; \
         INSERT INTO imports (tenant_id, id, kind, mode, match_by, dry_run, settings, actor, state, is_open, total, created, \
         updated, unchanged, failed, deleted, restored, left_as_is, created_on) VALUES (1, {uuid}, 'lead', 'create', 'id', \
         (1 = 0), '{{}}', '{{}}', 'uploading', (1 = 1), 0, 0, 0, 0, 0, 0, 0, 0, {now}); \
         INSERT INTO import_parts (tenant_id, import_id, part, content) VALUES (1, {uuid}, 1, '[]'); \
         INSERT INTO import_problems (tenant_id, import_id, line, content, problem) VALUES (1, {uuid}, 1, '[]', 'p'); \
         INSERT INTO import_records (tenant_id, import_id, kind, record_id, is_new) VALUES (1, {uuid}, 'lead', '1', (1 = 1));"
    );
    connection.batch_execute(&rows).unwrap();
    for (kind, table) in [
        ("lead", "leads"),
        ("opportunity", "opportunities"),
        ("contact", "contacts"),
        ("organization", "organizations"),
        ("case", "cases"),
    ] {
        let value = format!(
            "INSERT INTO {kind}_values (tenant_id, {kind}_id, position, field, value)
             SELECT tenant_id, min(id), 0, 'planted', 'v' FROM {table} WHERE tenant_id = 1 GROUP BY tenant_id"
        );
        connection.batch_execute(&value).unwrap();
    }
}

/// Lets this connection write what the database would refuse.
fn allow_everything(connection: &mut DbConnection) {
    let settings = match connection.kind() {
        BackendKind::Sqlite => "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON",
        BackendKind::Postgres => "SET session_replication_role = replica",
    };
    connection.batch_execute(settings).unwrap();
}

/// Does something and takes it back, with what was found meanwhile.
fn with_fault<T>(connection: &mut DbConnection, fault: &str, find: impl FnOnce(&mut DbConnection) -> T) -> T {
    connection.batch_execute("BEGIN").unwrap();
    connection.batch_execute(fault).unwrap_or_else(|error| panic!("{fault}: {error}"));
    let found = find(connection);
    connection.batch_execute("ROLLBACK").unwrap();
    found
}

/// Each rule with a fault that breaks it.
fn faults(connection: &mut DbConnection) -> Vec<(Rule, String)> {
    let kind = connection.kind();
    let references = references(connection).unwrap();
    let dangling = references.iter().map(|reference| (reference.rule(), format!("DELETE FROM {}", reference.target)));
    let mut faults: Vec<(Rule, String)> = dangling.collect();
    for rule in rules() {
        let of_rule: Vec<&str> =
            FAULTS.iter().filter(|(name, _)| rule.name.starts_with(name)).map(|(_, fault)| *fault).collect();
        let [fault] = of_rule.as_slice() else { panic!("{} needs a fault: {of_rule:?}", rule.name) };
        faults.push((rule, (*fault).to_owned()));
    }
    // PostgreSQL cannot be told to pass a check by.
    let among = |column: &str| if column == "lost_reason" { " WHERE status = 'lost'" } else { "" };
    let unreadable = JSON.map(|(table, column)| format!("UPDATE {table} SET {column} = '1'{}", among(column)));
    faults.extend(rules_of_json(kind).into_iter().zip(unreadable));
    if kind == BackendKind::Sqlite {
        let forgotten = SEARCHED.map(|(table, _)| format!("DELETE FROM {table}_search_docsize"));
        faults.extend(rules_of_search().into_iter().zip(forgotten));
    }
    faults
}

both_databases! {
    /// Without a fault no rule is broken; with the fault of a rule it is.
    fn every_rule_can_be_broken(database) {
        fill(database);
        let mut connection = database.connect_to_fill();
        fill_client_maps(&mut connection);
        assert!(broken(&mut connection).is_empty(), "{:#?}", broken(&mut connection));
        allow_everything(&mut connection);
        let mut seen = BTreeSet::new();
        for (rule, fault) in faults(&mut connection) {
            let count = with_fault(&mut connection, &fault, |connection| violations(connection, &rule).unwrap());
            assert!(count > 0, "{}: {fault} does not break it", rule.name);
            seen.insert(rule.name);
        }
        assert!(seen.len() > 120, "{}", seen.len());
        let fault = "DELETE FROM case_statuses WHERE label_folded = 'closed'";
        assert!(!with_fault(&mut connection, fault, case_types_at_odds).unwrap().is_empty());
        let fault = "UPDATE cases SET status = 'Strasse' WHERE status = 'Straße'";
        assert!(with_fault(&mut connection, fault, statuses_at_odds).unwrap().is_empty(), "it folds to the same");
        let fault = "UPDATE cases SET status_folded = 'straße' WHERE status = 'Straße'";
        assert!(!with_fault(&mut connection, fault, statuses_at_odds).unwrap().is_empty());
        if connection.kind() == BackendKind::Sqlite {
            let fault = "DELETE FROM tags; UPDATE leads SET lead_rating = 'x'; PRAGMA ignore_check_constraints = OFF";
            let found = with_fault(&mut connection, fault, broken);
            for of_sqlite in ["foreign key of lead_tags", "CHECK constraint failed"] {
                assert!(found.iter().any(|line| line.starts_with(of_sqlite)), "{of_sqlite}: {found:#?}");
            }
        }
        assert!(broken(&mut connection).is_empty(), "every fault was taken back");
    }
}
