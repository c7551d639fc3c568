//! The source's request as printed, and its conditional requests.

use crm_testkit::both_databases;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::setup::{ACME, Admin, LIST, OTHER, ROOT, SECRET, make_tenant, minimal, refused, start};

both_databases! {
    /// Made over HTTP in the order of the source: every member but the id and the times of the clock is as printed.
    fn the_rows_of_the_source_come_back(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        let example: Value =
            serde_json::from_str(include_str!("../../../../crates/ticketing-clientmap/tests/example.json")).unwrap();
        let mut expected = example["data"].clone();
        for row in expected["rows"].as_array_mut().unwrap() {
            let made = admin.post(ROOT, row);
            assert_eq!(made.status, 201, "{}", made.text);
            let id = made.body["data"]["id"].as_str().unwrap();
            assert_eq!(made.header("location"), format!("{ROOT}/{id}"));
            let run = json!({ "syncStatus": row["syncStatus"], "lastSyncAt": row["lastSyncAt"] });
            let synced = admin.post(&format!("{ROOT}/{id}/sync"), &run);
            assert_eq!(synced.status, 200, "{}", synced.text);
            for name in ["id", "createdAt", "updatedAt"] {
                row[name] = synced.body["data"][name].clone();
            }
            // Rows are ordered by their millisecond first.
            std::thread::sleep(std::time::Duration::from_millis(2));
        }

        let listed = admin.send("GET", LIST, &[("accept", "application/json")], None);

        assert_eq!(listed.status, 200);
        assert_eq!(listed.body["data"].to_string(), expected.to_string());
        let envelope: Vec<&String> = listed.body.as_object().unwrap().keys().collect();
        assert_eq!(envelope, ["success", "message", "data", "timestamp"]);
        assert_eq!((&listed.body["success"], &listed.body["message"]), (&example["success"], &example["message"]));
        assert_eq!(listed.header("cache-control"), "private, no-cache");
        assert_eq!(listed.headers.get_all("vary").iter().next().unwrap(), "Authorization, x-tenantid, usecase");
    }

    fn an_etag_answers_304_until_a_mapping_changes(database) {
        for tenant in [ACME, OTHER] {
            make_tenant(database, tenant);
        }
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let (admin, other) = (Admin::with_secret(&serving, ACME), Admin::with_secret(&serving, OTHER));
        let mut etag = admin.get(LIST).header("etag").to_owned();
        let mut seen = vec![etag.clone()];
        let unchanged = |etag: &str| {
            let answer = admin.list_unless(etag);
            assert_eq!((answer.status, answer.text.as_str(), answer.header("etag")), (304, "", etag));
            assert_eq!(answer.header("cache-control"), "private, no-cache");
            assert_eq!(answer.headers.get_all("vary").iter().next().unwrap(), "Authorization, x-tenantid, usecase");
        };
        let mut changed = |why: &str| {
            unchanged_is_over(&admin, &etag, why);
            etag = admin.get(LIST).header("etag").to_owned();
            assert!(etag.starts_with("W/\"") && !seen.contains(&etag), "{why}: {etag}");
            seen.push(etag.clone());
            unchanged(&etag);
        };
        let made = admin.post(ROOT, &minimal("one"));
        changed("made");
        let path = made.header("location").to_owned();
        admin.patch(&path, &json!({ "clientName": "New" }));
        changed("changed");
        admin.post(&format!("{path}/sync"), &json!({ "syncStatus": "failed" }));
        changed("a run was reported");
        admin.send("DELETE", &path, &[], None);
        changed("deleted");
        other.post(ROOT, &minimal("one"));
        unchanged(seen.last().unwrap());
    }

    /// With the table out of the way, only what reads it can fail.
    fn a_304_reads_no_mapping(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        assert_eq!(admin.post(ROOT, &minimal("one")).status, 201);
        let etag = admin.get(LIST).header("etag").to_owned();
        database.connect().batch_execute("ALTER TABLE client_maps RENAME TO elsewhere").unwrap();
        assert_eq!(admin.list_unless(&etag).status, 304);
        let details = admin.list_unless("\"another\"");
        let details = refused(&details, 500, "INTERNAL_ERROR");
        assert!(!details.contains("client_maps"), "nothing of the inside: {details}");
    }

    fn if_none_match_is_a_list_compared_weakly(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        let made = admin.post(ROOT, &minimal("one"));
        for path in [LIST, made.header("location")] {
            let etag = admin.get(path).header("etag").to_owned();
            let strong = etag.trim_start_matches("W/");
            for (sent, status, why) in [
                (etag.clone(), 304, "as it was given"),
                (strong.to_owned(), 304, "a strong one of the same text"),
                (format!("\"x\", {etag}"), 304, "in a list"),
                (format!("\"x\",{etag} , W/\"y\""), 304, "in the middle of a list"),
                ("*".to_owned(), 304, "any"),
                ("\"x\"".to_owned(), 200, "another"),
                (strong.trim_matches('"').to_owned(), 200, "without quotation marks"),
                (etag.to_lowercase(), 200, "in another case"),
            ] {
                let answer = admin.send("GET", path, &[("if-none-match", &sent)], None);
                assert_eq!(answer.status, status, "{why}: {sent} for {path}");
            }
            let twice = admin.send("GET", path, &[("if-none-match", "\"x\""), ("if-none-match", &etag)], None);
            assert_eq!(twice.status, 304, "in the second of two headers");
            assert_eq!(admin.send("HEAD", path, &[("if-none-match", &etag)], None).status, 304);
        }
    }

    fn the_use_case_filters_and_has_an_etag_of_its_own(database) {
        make_tenant(database, ACME);
        let serving = start(database, &[("CRM_JWT_SECRET", SECRET)]);
        let admin = Admin::with_secret(&serving, ACME);
        for (id, usecase) in [("a", "onboarding"), ("b", "two words"), ("c", "onboarding")] {
            let mut body = minimal(id);
            body["usecase"] = json!(usecase);
            assert_eq!(admin.post(ROOT, &body).status, 201);
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let mut etags = vec![admin.get(LIST).header("etag").to_owned()];
        for (usecase, expected) in [("onboarding", vec!["a", "c"]), ("two words", vec!["b"]), ("Onboarding", vec![])] {
            let answer = admin.send("GET", LIST, &[("usecase", usecase)], None);
            let rows = answer.body["data"]["rows"].as_array().unwrap();
            let ids: Vec<&str> = rows.iter().map(|row| row["clientId"].as_str().unwrap()).collect();
            assert_eq!(ids, expected);
            assert_eq!(answer.body["data"]["count"], expected.len());
            let etag = answer.header("etag").to_owned();
            assert!(!etags.contains(&etag), "{usecase}");
            etags.push(etag);
        }
        let others = admin.send("GET", LIST, &[("usecase", "onboarding"), ("if-none-match", &etags[0])], None);
        assert_eq!(others.status, 200, "the ETag of all is not the one of some");
    }
}

#[track_caller]
fn unchanged_is_over(admin: &Admin, etag: &str, why: &str) {
    assert_eq!(admin.list_unless(etag).status, 200, "{why}");
}
