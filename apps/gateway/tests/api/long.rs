//! Records as long as a body may be: what a page of them, and a list of everything, may cost.

use crm_core::BackendKind;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::client::{Api, Client};
use crate::memory::cost;
use crate::process::{Serving, gateway};

const MIB: u64 = 1024 * 1024;

/// A workflow of so many bytes, most of which mean nothing here: small things, which a tree makes the most of, and a long
/// one.
fn workflow(bytes: usize) -> Value {
    let node = json!({ "id": "a", "type": "node", "data": { "label": "A" } });
    let (small, long) = (vec![json!({}); bytes / 60], "x".repeat(bytes - bytes / 20 - 200));
    json!({ "status": [node], "transition": [], "small": small, "long": long })
}

fn case_types(client: &Client, count: usize, bytes: usize) {
    for number in 0..count {
        let body = json!({ "label": format!("Long {number}"), "workflow": workflow(bytes) });
        client.post("/cases/types/cases", &body).item(201);
    }
}

both_databases! {
    /// A page ends at 8 MiB, and its token goes on where it ended: every record is shown once. One request needs less
    /// than 64 MiB.
    fn a_page_of_long_records_ends_at_8_mib(database) {
        let api = Api::start(database);
        case_types(&api.acme, 12, 900_000);
        // A gateway that has done nothing else yet.
        let Api { serving, acme, .. } = api;
        serving.kill();
        let serving = Serving::start(&mut gateway(database));
        let client = Client::new(&serving.url, acme.keys);
        let list = |more: &str| client.get(&format!("/cases/types/cases?size=200&sort=asc&includeTotal=true{more}"));
        client.get("/cases/types/cases?size=1&sort=asc").items();
        let (first, cost) = cost(&serving, || list(""));
        // The default type and nine long ones: the tenth would be too much.
        let mut labels: Vec<String> = labels_of(&first.items()[..]);
        assert_eq!((labels.len(), &first.body["hasMore"], &first.body["total"]), (10, &json!(true), &json!(13)));
        assert_eq!((&first.body["size"], &first.body["page"]), (&json!(200), &json!(1)));
        assert_eq!(first.items()[1]["workflow"], workflow(900_000), "as it was sent");
        assert!(first.text.len() < 9 * 1024 * 1024);
        assert!(cost < 64 * MIB, "a page cost {} MiB", cost / MIB);
        println!("{:?}: a page of {} bytes cost {} KiB", database.kind(), first.text.len(), cost / 1024);

        let mut token = first.body["continuationToken"].as_str().map(str::to_owned);
        while let Some(place) = token.take() {
            let next = list(&format!("&continuationToken={place}"));
            labels.extend(labels_of(next.items()));
            assert_eq!(next.body["hasMore"], next.body.get("continuationToken").is_some());
            token = next.body["continuationToken"].as_str().map(str::to_owned);
        }
        let expected: Vec<String> =
            ["General".to_owned()].into_iter().chain((0..12).map(|number| format!("Long {number}"))).collect();
        assert_eq!(labels, expected);
        // An offset counts records, whatever a page could hold.
        assert_eq!(labels_of(list("&offset=10").items())[0], "Long 9");
        // A page that fits by its size is whole.
        let small = client.get("/cases/types/cases?size=3&sort=asc");
        assert_eq!((small.items().len(), &small.body["hasMore"]), (3, &json!(true)));
        let last = client.get("/cases/types/cases?size=3&sort=asc&offset=10");
        assert_eq!((last.items().len(), &last.body["hasMore"]), (3, &json!(false)));
    }

    /// Custom fields as well, also where the database sorts; other tenants and empty lists are not concerned.
    fn a_page_of_long_custom_fields_ends_at_8_mib(database) {
        let api = Api::start(database);
        let field = |id: usize| json!({ "id": format!("f{id}"), "label": "F", "category": "custom", "type": "text-area" });
        let fields: Vec<Value> = (0..100).map(field).collect();
        api.acme.put("/pipeline/forms/opportunities", &json!({ "fields": fields })).items();
        let values: Value = (0..95).map(|id| (format!("f{id}"), json!("v".repeat(10_000)))).collect();
        for number in 0..12 {
            let lead = json!({ "title": format!("Lead {number:02}"), "origin": "website", "customFields": values });
            api.acme.post("/pipeline/leads", &lead).item(201);
        }
        for list in ["size=200", "size=200&origin=website&orderBy=title", "size=200&title=lead&orderBy=title&sort=asc"] {
            let path = format!("/pipeline/leads?{list}");
            let (page, cost) = cost(&api.serving, || api.acme.get(&path));
            assert_eq!((page.items().len(), &page.body["hasMore"]), (8, &json!(true)), "{list}");
            assert_eq!(page.items()[0]["customFields"], values);
            assert!(cost < 64 * MIB, "{list} cost {} MiB", cost / MIB);
            println!("{:?}: {list}: {} bytes cost {} KiB", database.kind(), page.text.len(), cost / 1024);
        }
        assert_eq!(api.acme.get("/pipeline/leads?origin=partner").items().len(), 0);
        let other = api.tenant("other");
        other.post("/pipeline/leads", &json!({ "title": "Short" })).item(201);
        assert_eq!(other.get("/pipeline/leads").items().len(), 1);
    }

    /// Each cap at its bound and past it, whoever asks at the same time.
    fn what_is_listed_whole_has_a_cap(database) {
        let api = Api::start(database);
        let tag = |number: usize| json!({ "label": format!("t{number}") });
        let stages = json!([{ "key": "s", "label": "S" }]);
        let pipeline = |number: usize| json!({ "name": format!("P{number}"), "stages": stages });
        let case_type = |number: usize| json!({ "label": format!("C{number}") });
        fill(database);
        reaches_its_cap(&api.acme, "/pipeline/tags/leads", &tag);
        reaches_its_cap(&api.acme, "/pipeline/pipelines/opportunities", &pipeline);
        reaches_its_cap(&api.acme, "/cases/types/cases", &case_type);
        // Another kind, and another tenant, have caps of their own.
        api.acme.post("/pipeline/tags/opportunities", &tag(0)).item(201);
        api.tenant("other").post("/pipeline/tags/leads", &tag(0)).item(201);
        // A conversion makes the tags of the lead for opportunities.
        let made = api.acme.post("/pipeline/leads", &json!({ "title": "Tagged", "tags": [{ "label": "x1" }] }));
        let path = format!("/pipeline/leads/{}/convert", made.item(201)["id"].as_str().unwrap());
        api.acme.post(&path, &json!({})).item(201);
    }
}

fn labels_of(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
}

/// Gives the only tenant all but one of what it may have.
fn fill(database: &TestDatabase) {
    let mut connection = database.connect();
    let (uuid, now) = match database.kind() {
        BackendKind::Postgres => ("gen_random_uuid()", "now()"),
        BackendKind::Sqlite => ("randomblob(16)", "'2025-01-01T00:00:00.000Z'"),
    };
    let numbers = |most: usize| {
        format!("WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {most})")
    };
    let tags = format!(
        "{} INSERT INTO tags (tenant_id, kind, id, label, label_folded, color)
         SELECT t.id, 1, {uuid}, 'x' || n, 'x' || n, '#808080' FROM numbers, tenants t",
        numbers(9_999)
    );
    let pipelines = format!(
        "{} INSERT INTO pipelines (tenant_id, id, name, name_folded, created_on, last_updated_on)
         SELECT t.id, {uuid}, 'x' || n, 'x' || n, {now}, {now} FROM numbers, tenants t",
        numbers(198)
    );
    let case_types = format!(
        "{} INSERT INTO case_types (tenant_id, id, label, label_folded, form, workflow, is_default, created_on, last_updated_on)
         SELECT c.tenant_id, 1000 + n, 'x' || n, 'x' || n, c.form, c.workflow, {no}, {now}, {now} FROM numbers, case_types c",
        numbers(498),
        no = if database.kind() == BackendKind::Postgres { "FALSE" } else { "0" },
    );
    for statement in [tags, pipelines, case_types] {
        connection.batch_execute(&statement).unwrap();
    }
}

/// Four ask for the last one at once: one of them gets it, and nobody gets another, until one is deleted.
fn reaches_its_cap(client: &Client, path: &str, body: &(impl Fn(usize) -> Value + Sync)) {
    let answers: Vec<_> = std::thread::scope(|threads| {
        let asking = (0..4).map(|number| threads.spawn(move || client.apart().post(path, &body(number))));
        asking.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1, "{path}: {answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "limit_reached");
    }
    client.post(path, &body(9)).problem(409, "limit_reached");
    assert_eq!(client.delete(&format!("{path}/{}", made[0].item(201)["id"].as_str().unwrap())).status, 204);
    client.post(path, &body(9)).item(201);
}
