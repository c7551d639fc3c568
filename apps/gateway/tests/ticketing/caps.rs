//! One answer shows all mappings of a tenant, so that they have a bound.

use crm_core::BackendKind;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use serde_json::json;

use crate::client::Answer;
use crate::memory::cost;
use crate::setup::{ACME, Admin, LIST, ROOT, SECRET, make_tenant, minimal, refused, start};

/// Gives the only tenant 997 mappings, 127 of them with a configuration of 64 KiB.
fn fill(database: &TestDatabase) {
    let (uuid, now, letters, json) = match database.kind() {
        BackendKind::Postgres => ("gen_random_uuid()", "now()", "repeat('a', 65528)", "::json"),
        BackendKind::Sqlite => {
            let letters = "replace(hex(zeroblob(32764)), '0', 'a')";
            ("randomblob(16)", "'2025-01-01T00:00:00.000Z'", letters, "")
        }
    };
    let statement = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 997)
         INSERT INTO client_maps (tenant_id, id, client_id, client_name, client_type, mapping_type, configuration,
             status, sync_status, created_at, updated_at)
         SELECT t.id, {uuid}, 'x' || n, 'X', 'custom', 'inbound',
             CASE WHEN n <= 127 THEN ('{{\"k\":\"' || {letters} || '\"}}'){json} END, 'active', 'pending', {now}, {now}
         FROM numbers, tenants t"
    );
    database.connect().batch_execute(&statement).unwrap();
}

both_databases! {
    /// A thousand, whose configurations have 8 MiB together; and the answer that shows all costs not much more than it.
    fn mappings_have_caps(database) {
        make_tenant(database, ACME);
        fill(database);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        let with = |id: &str, configuration| {
            let mut body = minimal(id);
            body["configuration"] = configuration;
            body
        };
        let made = |answer: Answer| assert_eq!(answer.status, 201, "{}", answer.text);

        made(admin.post(ROOT, &with("largest", json!({ "k": "b".repeat(65_528) }))));
        refused(&admin.post(ROOT, &with("too much", json!({ "k": 1 }))), 409, "CONFLICT");
        let short = admin.post(ROOT, &minimal("short"));
        let path = short.header("location").to_owned();
        made(short);
        refused(&admin.patch(&path, &json!({ "configuration": { "k": 1 } })), 409, "CONFLICT");
        assert_eq!(admin.patch(&path, &json!({ "clientName": "New" })).status, 200, "what is no longer is not refused");
        made(admin.post(ROOT, &minimal("the thousandth")));
        refused(&admin.post(ROOT, &minimal("one more")), 409, "CONFLICT");

        let (all, cost) = cost(&serving, || admin.get(LIST));
        let length = u64::try_from(all.text.len()).unwrap();
        assert_eq!(all.body["data"]["count"], 1000);
        println!("{:?}: {length} bytes cost {} KiB", database.kind(), cost / 1024);
        // The rows, the body as it grows, what of it is being sent, and of SQLite's file the pages that were read.
        assert!(cost < 64 * 1024 * 1024, "an answer of {length} bytes cost {cost}");

        assert_eq!(admin.send("DELETE", &path, &[], None).status, 204);
        made(admin.post(ROOT, &minimal("in its place")));
    }
}
