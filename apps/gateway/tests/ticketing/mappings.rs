//! Making, reading, changing and deleting mappings over HTTP. Their rules are tested in their own crate.

use crm_testkit::both_databases;
use serde_json::json;

use crate::setup::{ACME, Admin, LIST, ROOT, SECRET, make_tenant, minimal, refused, start};

both_databases! {
    fn a_mapping_lives_and_ends(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        let mut body = minimal("one");
        body["tenantId"] = json!(ACME);
        body["configuration"] = json!({ "endpoint": "http://127.0.0.1:1", "apiKey": "hush" });

        let made = admin.post(ROOT, &body);

        assert_eq!((made.status, made.body["success"].as_bool()), (201, Some(true)), "{}", made.text);
        assert_eq!(made.body["data"]["configuration"]["apiKey"], "********");
        let path = made.header("location").to_owned();
        let read = admin.get(&path);
        assert_eq!((read.status, &read.body["data"]), (200, &made.body["data"]));
        assert_eq!(read.header("etag"), made.header("etag"));
        assert!(read.header("etag").starts_with("W/\""));
        let changed = admin.patch(&path, &json!({ "clientName": "New", "configuration": { "apiKey": "********" } }));
        assert_eq!((changed.status, &changed.body["data"]["clientName"]), (200, &json!("New")), "{}", changed.text);
        let synced = admin.post(&format!("{path}/sync"), &json!({ "syncStatus": "success" }));
        assert_eq!(synced.status, 200);
        assert_eq!(synced.body["data"]["lastSyncAt"], synced.body["timestamp"]);
        let back = admin.patch(&path, &synced.body["data"]);
        assert_eq!((back.status, &back.body["data"]), (200, &synced.body["data"]), "what was read can be sent back");
        let gone = admin.send("DELETE", &path, &[], None);
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        refused(&admin.get(&path), 404, "NOT_FOUND");
        assert_eq!(admin.get(LIST).body["data"], json!({ "rows": [], "count": 0 }));
    }

    /// Two administrators who read the same: the second to write is told, on each route that writes.
    fn if_match_guards_against_lost_changes(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        let made = admin.post(ROOT, &minimal("one"));
        let (path, old) = (made.header("location"), made.header("etag"));
        let changed = admin.send("PATCH", path, &[("if-match", old)], Some("{\"clientName\":\"New\"}"));
        assert_eq!(changed.status, 200, "{}", changed.text);
        let sync = format!("{path}/sync");
        for (method, path, body) in [
            ("PATCH", path, Some("{\"clientName\":\"Newer\"}")),
            ("POST", &sync, Some("{\"syncStatus\":\"failed\"}")),
            ("DELETE", path, None),
        ] {
            refused(&admin.send(method, path, &[("if-match", old)], body), 412, "CONFLICT");
        }
        let now = admin.get(path);
        assert_eq!(now.body["data"], changed.body["data"]);
        let list = format!("\"x\", {}", now.header("etag"));
        assert_eq!(admin.send("DELETE", path, &[("if-match", &list)], None).status, 204);
    }

    fn a_head_is_a_get_without_its_body(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        admin.post(ROOT, &minimal("one"));
        let (get, head) = (admin.get(LIST), admin.send("HEAD", LIST, &[], None));
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        for name in ["etag", "content-type", "vary", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name}");
        }
    }
}
