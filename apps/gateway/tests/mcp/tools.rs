//! What each tool does.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Api, Client};
use crate::{call, listed, refused};

/// Every tool, in the order in which they are listed, with what it may do: reads, adds, changes or removes.
pub(crate) const TOOLS: &[(&str, &str)] = &[
    ("search", "reads"),
    ("get_record", "reads"),
    ("list_records", "reads"),
    ("create_record", "adds"),
    ("update_record", "changes"),
    ("comment", "adds"),
    ("convert_lead", "adds"),
    ("move_opportunity", "changes"),
    ("close_opportunity", "changes"),
    ("pipeline_summary", "reads"),
    ("walk_case", "changes"),
    ("find_duplicates", "reads"),
    ("merge_records", "removes"),
    ("describe_forms", "reads"),
];

#[track_caller]
fn created(client: &Client, kind: &str, fields: Value) -> String {
    let made = call(client, "create_record", json!({ "kind": kind, "fields": fields }));
    made["item"]["id"].as_str().unwrap().to_owned()
}

/// Every `$ref` in a schema.
fn references<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    match schema {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(entries) => entries.iter().for_each(|entry| references(entry, found)),
        _ => {}
    }
}

both_databases! {
    fn every_tool_says_what_it_takes_and_may_do(database) {
        let api = Api::start(database);
        let tools = listed(&api.acme);
        let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, TOOLS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for (tool, (name, effect)) in tools.iter().zip(TOOLS) {
            let hints = &tool["annotations"];
            assert_eq!(hints["readOnlyHint"], *effect == "reads", "{name}");
            assert_eq!(hints["openWorldHint"], false, "{name}");
            if *effect != "reads" {
                assert_eq!(hints["destructiveHint"], matches!(*effect, "changes" | "removes"), "{name}");
                assert_eq!(hints["idempotentHint"], *effect == "changes", "{name}");
            }
            assert!(tool["title"].as_str().is_some_and(|title| !title.is_empty()), "{name}");
            assert!(tool["description"].as_str().is_some_and(|text| text.len() > 100), "{name}");
            let schema = &tool["inputSchema"];
            assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)), "{name}");
            let mut found = Vec::new();
            references(schema, &mut found);
            for reference in found {
                let definition = reference.strip_prefix("#/$defs/").unwrap();
                assert!(schema["$defs"][definition].is_object(), "{name}: {reference}");
            }
            for member in schema["required"].as_array().into_iter().flatten() {
                assert!(schema["properties"].get(member.as_str().unwrap()).is_some(), "{name}: {member}");
            }
            let text = schema.to_string();
            assert!(!text.contains("Read-only") && !text.contains("tenantId"), "{name}: what changes nothing is left out");
        }
        let length = Value::from(tools).to_string().len();
        assert!(length < 48_000, "a model reads all of it: {length} bytes");
    }

    fn records_are_made_found_read_listed_and_changed(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let organization = created(acme, "organization", json!({ "name": "Alvaro & Söhne" }));
        let contact = created(acme, "contact", json!({ "name": "Jane Doe", "organizationId": organization }));
        let lead = created(acme, "lead", json!({ "title": "New roof", "value": { "amount": 0.1, "code": "EUR" }, "contactId": contact }));
        let case = created(acme, "case", json!({ "title": "It leaks" }));
        let opportunity = created(acme, "opportunity", json!({ "title": "Old roof", "externalId": "erp/47 11" }));

        let found = call(acme, "search", json!({ "q": "sohne" }));
        assert_eq!(found["items"][0]["id"], *organization);
        let found = call(acme, "search", json!({ "q": "roof", "kinds": ["lead", "opportunity"], "size": 1 }));
        assert_eq!(found["items"].as_array().unwrap().len(), 1);

        let read = call(acme, "get_record", json!({ "kind": "lead", "id": lead }));
        assert_eq!(read["item"]["value"]["amount"].to_string(), "0.1", "exact");
        let same = acme.get(&format!("/pipeline/leads/{lead}"));
        assert_eq!((&read["item"], read["etag"].as_str().unwrap()), (same.item(200), same.header("etag")));
        let by_other = call(acme, "get_record", json!({ "kind": "opportunity", "externalId": "erp/47 11" }));
        assert_eq!(by_other["item"]["id"], *opportunity);

        call(acme, "comment", json!({ "kind": "lead", "id": lead, "comment": "Called." }));
        call(acme, "comment", json!({ "kind": "case", "id": case, "comment": "Seen.", "user": { "id": "u1" } }));
        let with = call(acme, "get_record", json!({ "kind": "case", "id": case, "with": ["comments", "history"] }));
        assert_eq!(with["comments"][0]["comment"], "Seen.");
        assert!(with["history"].as_array().is_some_and(|changes| !changes.is_empty()), "{with}");

        let changed = call(acme, "update_record", json!({
            "kind": "lead", "id": lead, "fields": { "note": "It rains in.", "contactId": null }, "ifMatch": read["etag"],
        }));
        assert_eq!((&changed["item"]["note"], &changed["item"]["contactId"]), (&json!("It rains in."), &Value::Null));
        let stale = json!({ "kind": "lead", "id": lead, "fields": { "note": "x" }, "ifMatch": read["etag"] });
        assert_eq!(refused(acme, "update_record", stale, "precondition_failed")["status"], 412);

        for title in ["A", "B", "C"] {
            created(acme, "lead", json!({ "title": title }));
        }
        let filtered = json!({ "kind": "lead", "filters": { "title": "roof", "isConverted": false }, "includeTotal": true });
        let page = call(acme, "list_records", filtered);
        assert_eq!((&page["total"], &page["items"][0]["id"]), (&json!(1), &json!(lead)));
        let mut titles = Vec::new();
        let mut arguments = json!({ "kind": "lead", "fields": ["title"], "orderBy": "title", "sort": "asc", "size": 2 });
        loop {
            let page = call(acme, "list_records", arguments.clone());
            for item in page["items"].as_array().unwrap() {
                assert_eq!(item.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "title"]);
                titles.push(item["title"].as_str().unwrap().to_owned());
            }
            if page["hasMore"] == false {
                break;
            }
            arguments["continuationToken"] = page["continuationToken"].clone();
        }
        assert_eq!(titles, ["A", "B", "C", "New roof"]);
    }

    /// What a repeat makes, it makes once.
    fn what_is_sent_again_is_done_once(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let arguments = json!({ "kind": "lead", "fields": { "title": "Once" }, "idempotencyKey": "one" });
        let first = call(acme, "create_record", arguments.clone());
        assert_eq!(call(acme, "create_record", arguments), first);
        let another = json!({ "kind": "lead", "fields": { "title": "Twice" }, "idempotencyKey": "one" });
        refused(acme, "create_record", another, "idempotency_key_reused");
        let lead = first["item"]["id"].clone();
        let convert = json!({ "id": lead, "idempotencyKey": "two" });
        let opportunity = call(acme, "convert_lead", convert.clone());
        assert_eq!(call(acme, "convert_lead", convert), opportunity);
        let problem = refused(acme, "convert_lead", json!({ "id": lead }), "already_converted");
        assert_eq!(problem["opportunityId"], opportunity["item"]["id"]);
        let all = call(acme, "list_records", json!({ "kind": "lead", "includeTotal": true }));
        assert_eq!(all["total"], 1);
    }

    fn an_opportunity_is_moved_won_and_added_up(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let id = created(acme, "opportunity", json!({ "title": "Roof", "value": { "amount": 0.1, "code": "EUR" } }));
        created(acme, "opportunity", json!({ "title": "Floor", "value": { "amount": 0.2, "code": "EUR" } }));
        let summary = call(acme, "pipeline_summary", json!({}));
        assert_eq!(summary["items"][0]["values"][0]["amount"].to_string(), "0.3");
        let summary = call(acme, "pipeline_summary", json!({ "filters": { "title": "roof" } }));
        assert_eq!(summary["items"][0]["count"], 1);

        let forms = call(acme, "describe_forms", json!({ "kind": "opportunity" }));
        let stages = forms["pipelines"][0]["stages"].as_array().unwrap();
        let moved = call(acme, "move_opportunity", json!({ "id": id, "stage": stages[1]["key"] }));
        assert_eq!(moved["item"]["stage"], stages[1]["key"]);
        let label = stages[2]["label"].as_str().unwrap().to_uppercase();
        let moved = call(acme, "move_opportunity", json!({ "id": id, "stage": label }));
        assert_eq!(moved["item"]["stage"], stages[2]["key"]);
        let problem = refused(acme, "move_opportunity", json!({ "id": id, "stage": "Nowhere" }), "validation_failed");
        assert_eq!(problem["stages"].as_array().unwrap().len(), stages.len());
        assert_eq!((&problem["stages"][0]["key"], &problem["stages"][0]["label"]), (&stages[0]["key"], &stages[0]["label"]));

        let won = call(acme, "close_opportunity", json!({ "id": id, "status": "won" }));
        assert_eq!(won["item"]["status"], "won");
        refused(acme, "move_opportunity", json!({ "id": id, "stage": stages[0]["key"] }), "opportunity_closed");
        let reason = json!({ "reasonId": "price", "comment": "Too dear" });
        let lost = call(acme, "close_opportunity", json!({ "id": id, "status": "lost", "lostReason": reason }));
        assert_eq!(lost["item"]["lostReason"]["comment"], "Too dear");
    }

    fn a_case_walks_as_its_workflow_says(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let edge = |source: &str, target: &str, comment: bool, users: &[&str]| json!({
            "id": target, "type": "labeledEdge", "label": format!("to {target}"), "source": source, "target": target,
            "data": { "recordComment": comment, "authorizedUsers": users },
        });
        let node = |id: &str, label: &str| json!({ "id": id, "type": "node", "data": { "label": label } });
        let case_type = json!({ "label": "Leak", "workflow": {
            "status": [node("n", "New"), node("d", "Done")],
            "transition": [edge("n", "Done", true, &[]), edge("Done", "Closed", false, &["owner"])],
        }});
        let case_type = acme.post("/cases/types/cases", &case_type).item(201)["id"].clone();
        let id = created(acme, "case", json!({ "title": "It leaks", "caseTypeId": case_type, "owner": { "id": "boss" } }));

        let steps = call(acme, "walk_case", json!({ "id": id }));
        assert_eq!(steps["status"], "New");
        assert_eq!(steps["steps"], json!([{ "to": "Done", "needsComment": true, "transition": "to Done" }]));
        let problem = refused(acme, "walk_case", json!({ "id": id, "to": "Done" }), "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "comment");
        refused(acme, "walk_case", json!({ "id": id, "to": "Closed", "comment": "x" }), "transition_not_allowed");
        let done = call(acme, "walk_case", json!({ "id": id, "to": "done", "comment": "Mended." }));
        assert_eq!(done["item"]["status"], "Done");

        let steps = call(acme, "walk_case", json!({ "id": id }));
        assert_eq!(steps["steps"][0]["authorizedUsers"], json!(["owner"]));
        refused(acme, "walk_case", json!({ "id": id, "to": "Closed" }), "not_authorized_for_transition");
        let closed = call(acme, "walk_case", json!({ "id": id, "to": "Closed", "lastUpdatedBy": { "id": "boss" } }));
        assert_eq!(closed["item"]["status"], "Closed");
        assert_eq!(call(acme, "walk_case", json!({ "id": id }))["steps"], json!([]));
    }

    fn duplicates_are_found_and_merged_after_a_look(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let address = json!([{ "value": "jane@doe.example" }]);
        let one = created(acme, "contact", json!({ "name": "Jane Doe", "email": address }));
        let two = created(acme, "contact", json!({ "name": "J. Doe", "email": address, "jobTitle": "Roofer" }));
        let lead = created(acme, "lead", json!({ "title": "Roof", "contactId": two }));
        let again = json!({ "kind": "contact", "fields": { "name": "Jane", "email": address }, "ifNoDuplicate": "email" });
        refused(acme, "create_record", again, "duplicate");

        let groups = call(acme, "find_duplicates", json!({ "kind": "contact", "by": "email" }));
        assert_eq!((&groups["items"][0]["by"], &groups["items"][0]["count"]), (&json!("email"), &json!(2)), "{groups}");
        let merge = json!({ "kind": "contact", "id": one, "sourceId": [two] });
        let would = call(acme, "merge_records", merge.clone());
        assert_eq!((&would["dryRun"], &would["item"]["jobTitle"]), (&json!(true), &json!("Roofer")), "{would}");
        assert_eq!(would["repointed"]["leads"], 1, "{would}");
        call(acme, "get_record", json!({ "kind": "contact", "id": two }));

        let mut really = merge;
        really["dryRun"] = json!(false);
        let merged = call(acme, "merge_records", really.clone());
        assert_eq!(merged["item"]["jobTitle"], "Roofer");
        refused(acme, "get_record", json!({ "kind": "contact", "id": two }), "not_found");
        assert_eq!(call(acme, "get_record", json!({ "kind": "lead", "id": lead }))["item"]["contactId"], *one);
        refused(acme, "merge_records", really, "not_found");
    }

    fn forms_are_described_with_what_a_tenant_made_of_them(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let form = json!({ "fields": [
            { "id": "budget", "label": "Budget", "category": "custom", "type": "number", "required": true },
        ]});
        assert_eq!(acme.put("/directory/forms/contacts", &form).status, 200);
        acme.post("/directory/tags/contacts", &json!({ "label": "VIP" })).item(201);
        let described = call(acme, "describe_forms", json!({ "kind": "contact" }));
        let budget = described["fields"].as_array().unwrap().iter().find(|field| field["id"] == "budget").unwrap();
        assert_eq!((&budget["type"], &budget["required"]), (&json!("number"), &json!(true)));
        assert_eq!(described["tags"], json!(["VIP"]));
        let missing = json!({ "kind": "contact", "fields": { "name": "A" } });
        let problem = refused(acme, "create_record", missing, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "customFields.budget");
        created(acme, "contact", json!({ "name": "A", "customFields": { "budget": 5 } }));
        let some = json!({ "kind": "contact", "filters": { "customFields.budget.from": 5 } });
        assert_eq!(call(acme, "list_records", some)["items"].as_array().unwrap().len(), 1);
        for kind in ["lead", "opportunity", "organization"] {
            assert!(call(acme, "describe_forms", json!({ "kind": kind }))["fields"].is_array(), "{kind}");
        }
        let cases = call(acme, "describe_forms", json!({ "kind": "case" }));
        assert_eq!(cases["caseTypes"][0]["statuses"][0], "Open");
    }

    /// What a client sends is an argument and nothing else: no other place of the API, no other tenant, no 500.
    fn hostile_arguments_are_refused(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        for id in ["../../settings/keys", "1/../../../settings/keys", "..", ".", "1?x=1", "1#", "%2e%2e", "a\r\nb", "🦀"] {
            refused(acme, "get_record", json!({ "kind": "lead", "id": id }), "not_found");
            refused(acme, "update_record", json!({ "kind": "lead", "id": id, "fields": {} }), "not_found");
        }
        refused(acme, "get_record", json!({ "kind": "lead", "externalId": "../../../settings/keys" }), "not_found");
        for (tool, arguments, field) in [
            ("get_record", json!({ "id": "1" }), "kind"),
            ("get_record", json!({ "kind": "key", "id": "1" }), "kind"),
            ("get_record", json!({ "kind": 1, "id": "1" }), "kind"),
            ("get_record", json!({ "kind": "lead" }), "id"),
            ("get_record", json!({ "kind": "lead", "id": "" }), "id"),
            ("get_record", json!({ "kind": "lead", "id": "1", "externalId": "1" }), "id"),
            ("get_record", json!({ "kind": "lead", "id": "1", "with": ["keys"] }), "with"),
            ("get_record", json!({ "kind": "lead", "id": "1", "more": true }), "more"),
            ("search", json!({}), "q"),
            ("search", json!({ "q": "a", "kinds": ["key"] }), "kinds"),
            ("search", json!({ "q": "a", "size": 0 }), "size"),
            ("search", json!({ "q": "a", "size": 1.5 }), "size"),
            ("list_records", json!({ "kind": "lead", "size": 201 }), "size"),
            ("list_records", json!({ "kind": "lead", "fields": ["title", "stage"] }), "fields"),
            ("list_records", json!({ "kind": "lead", "filters": { "title": ["a"] } }), "filters.title"),
            ("list_records", json!({ "kind": "lead", "filters": { "page": 2 } }), "filters.page"),
            ("list_records", json!({ "kind": "lead", "filters": { "key": "x" } }), "filters.key"),
            ("list_records", json!({ "kind": "lead", "filters": { "stage": "x" } }), "stage"),
            ("list_records", json!({ "kind": "lead", "filters": { "title&size": "x" } }), "title&size"),
            ("list_records", json!({ "kind": "lead", "continuationToken": "x" }), "continuationToken"),
            ("create_record", json!({ "kind": "lead" }), "fields"),
            ("create_record", json!({ "kind": "lead", "fields": [] }), "fields"),
            ("create_record", json!({ "kind": "lead", "fields": { "tittle": "a" } }), "tittle"),
            ("create_record", json!({ "kind": "lead", "fields": { "title": "a" }, "idempotencyKey": "a\r\nb" }), "idempotencyKey"),
            ("update_record", json!({ "kind": "lead", "id": "1", "fields": {}, "ifMatch": "a\r\nX-A: b" }), "ifMatch"),
            ("move_opportunity", json!({ "id": "1" }), "stage"),
            ("walk_case", json!({ "id": "1", "comment": "a" }), "to"),
            ("merge_records", json!({ "kind": "contact", "id": "1", "sourceId": ["2"], "dryRun": "no" }), "dryRun"),
        ] {
            let problem = refused(acme, tool, arguments.clone(), "validation_failed");
            let fields: Vec<&str> =
                problem["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
            assert!(fields.contains(&field), "{tool} {arguments}: {problem}");
        }
        let many: Value = (0..5_000).map(|number| (format!("{number}{}", "x".repeat(150)), json!(1))).collect::<serde_json::Map<_, _>>().into();
        refused(acme, "search", many, "validation_failed");
    }
}
