//! Who may use which tools, and whose records they see.

use crm_testkit::both_databases;
use serde_json::json;

use crate::client::{Api, Client};
use crate::tools::TOOLS;
use crate::{call, listed, post, refused};

fn names(client: &Client) -> Vec<String> {
    listed(client).iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// Calls of every tool that writes.
fn writing() -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("create_record", json!({ "kind": "lead", "fields": { "title": "A" } })),
        ("update_record", json!({ "kind": "lead", "id": "1", "fields": { "title": "B" } })),
        ("comment", json!({ "kind": "lead", "id": "1", "comment": "A" })),
        ("convert_lead", json!({ "id": "1" })),
        ("move_opportunity", json!({ "id": "1", "stage": "s" })),
        ("close_opportunity", json!({ "id": "1", "status": "won" })),
        ("walk_case", json!({ "id": "1", "to": "Closed" })),
        ("merge_records", json!({ "kind": "contact", "id": "1", "sourceId": ["2"], "dryRun": false })),
    ]
}

both_databases! {
    fn a_key_that_only_reads_is_offered_what_reads_and_refused_the_rest(database) {
        let api = Api::start(database);
        api.acme.post("/pipeline/leads", &json!({ "title": "Alvaro" })).item(201);
        let read_only = api.acme.read_only();
        let reading: Vec<&str> = TOOLS.iter().filter(|(_, effect)| *effect == "reads").map(|(name, _)| *name).collect();
        assert_eq!(names(&read_only), reading);
        let writing = writing();
        let mut all: Vec<&str> = reading.into_iter().chain(writing.iter().map(|(name, _)| *name)).collect();
        let mut known: Vec<&str> = TOOLS.iter().map(|(name, _)| *name).collect();
        all.sort_unstable();
        known.sort_unstable();
        assert_eq!(all, known, "every tool is one or the other");
        for (tool, arguments) in writing {
            refused(&read_only, tool, arguments, "read_only_key");
        }
        let read = call(&read_only, "get_record", json!({ "kind": "lead", "id": "1" }));
        assert_eq!(read["item"]["title"], "Alvaro");
        let history = api.acme.get("/pipeline/leads/1/history");
        assert_eq!(history.items().len(), 1, "nothing was changed");
    }

    fn a_key_of_some_areas_is_offered_their_kinds(database) {
        let api = Api::start(database);
        let scopes = json!({ "name": "some", "scopes": ["directory:write", "cases:read"] });
        let key = api.acme.post("/settings/keys", &scopes);
        let some = api.acme.with_key(key.item(201)["key"].as_str());
        let tools = listed(&some);
        let kinds = |name: &str| {
            let tool = tools.iter().find(|tool| tool["name"] == name)?;
            Some(tool["inputSchema"]["properties"]["kind"]["enum"].clone())
        };
        assert_eq!(kinds("get_record"), Some(json!(["contact", "organization", "case"])));
        assert_eq!(kinds("create_record"), Some(json!(["contact", "organization"])));
        assert_eq!((kinds("convert_lead"), kinds("walk_case"), kinds("pipeline_summary")), (None, None, None));
        let problem = refused(&some, "get_record", json!({ "kind": "lead", "id": "1" }), "missing_scope");
        assert_eq!(problem["scope"], "pipeline:read");
        refused(&some, "convert_lead", json!({ "id": "1" }), "missing_scope");
        call(&some, "create_record", json!({ "kind": "contact", "fields": { "name": "A" } }));
    }

    fn without_a_key_there_is_nothing(database) {
        let api = Api::start(database);
        for (key, code) in [(None, "missing_key"), (Some("nobody's"), "invalid_key")] {
            let client = api.acme.with_key(key);
            for method in ["initialize", "tools/list", "tools/call"] {
                let answer = post(&client, &[], method, json!({}));
                answer.problem(401, code);
                assert_eq!(answer.header("www-authenticate"), "ApiKey header=\"Ocp-Apim-Subscription-Key\"");
            }
        }
        // A key in the query string is as good.
        let keyless = api.acme.with_key(None);
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "list_records", "arguments": { "kind": "lead" } } }).to_string();
        let path = format!("/mcp?subscription-key={}", api.acme.keys.primary);
        let answer = keyless.send("POST", &path, &[], Some(&message));
        assert_eq!(answer.body["result"]["isError"], false, "{}", answer.text);
        keyless.send("POST", &format!("{path}&page=1"), &[], Some(&message)).refuses(&[("page", "unknown_field")]);
    }

    fn no_tool_sees_another_tenant(database) {
        let api = Api::start(database);
        let umbrella = api.tenant("umbrella");
        let made = [("lead", "title"), ("opportunity", "title"), ("contact", "name"), ("organization", "name"), ("case", "title")];
        for (kind, name) in made {
            let fields = json!({ name: "Alvaro", "externalId": "theirs" });
            call(&api.acme, "create_record", json!({ "kind": kind, "fields": fields }));
        }
        for (kind, _) in made {
            refused(&umbrella, "get_record", json!({ "kind": kind, "id": "1" }), "not_found");
            refused(&umbrella, "get_record", json!({ "kind": kind, "externalId": "theirs" }), "not_found");
            refused(&umbrella, "update_record", json!({ "kind": kind, "id": "1", "fields": {} }), "not_found");
            refused(&umbrella, "comment", json!({ "kind": kind, "id": "1", "comment": "A" }), "not_found");
            assert_eq!(call(&umbrella, "list_records", json!({ "kind": kind }))["items"], json!([]), "{kind}");
        }
        refused(&umbrella, "convert_lead", json!({ "id": "1" }), "not_found");
        refused(&umbrella, "walk_case", json!({ "id": "1" }), "not_found");
        refused(&umbrella, "close_opportunity", json!({ "id": "1", "status": "won" }), "not_found");
        let merge = json!({ "kind": "contact", "id": "1", "sourceId": ["2"], "dryRun": false });
        refused(&umbrella, "merge_records", merge, "not_found");
        assert_eq!(call(&umbrella, "search", json!({ "q": "alvaro" }))["items"], json!([]));
        let theirs = json!({ "kind": "lead", "fields": { "title": "A", "tenantId": "acme" } });
        refused(&umbrella, "create_record", theirs, "tenant_mismatch");
    }

    /// A message is a request, and so is each of those that it takes; all are those of the key that sent it.
    fn a_call_is_counted_and_told_as_its_key_s(database) {
        let api = Api::start_with(database, &[("CRM_RATE_LIMIT", "5")]);
        let arguments = json!({ "name": "create_record", "arguments": { "kind": "lead", "fields": { "title": "A" } } });
        let answer = post(&api.acme, &[("X-Request-Id", "from-a-model")], "tools/call", arguments.clone());
        assert_eq!(answer.header("x-request-id"), "from-a-model");
        let history = api.acme.get("/pipeline/leads/1/history");
        let change = &history.items()[0];
        assert_eq!((&change["requestId"], &change["key"]["name"]), (&json!("from-a-model"), &json!("primary")), "{change}");
        let limited = post(&api.acme, &[], "tools/call", arguments.clone());
        assert_eq!(limited.header("ratelimit"), "\"default\";r=1;t=48", "two and one before it, and its own");
        let structure = &limited.body["result"]["structuredContent"];
        assert!(structure["item"].is_object(), "{}", limited.text);
        post(&api.acme, &[], "tools/call", arguments).problem(429, "rate_limited");
    }
}
