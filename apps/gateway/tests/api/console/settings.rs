//! Settings: tags, pipelines, forms, case types with their workflows, webhooks.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::browser::{Browser, between};
use crate::client::{Answer, Api};

const HOSTILE: &str = "<b>\"'&";
const TYPES: &str = "/console/settings/case-types";

/// What a browser sends of the form of this page, as it stands there: the first with this address.
pub(super) fn fields(page: &Answer, action: &str) -> Vec<(String, String)> {
    let form = between(&page.text, &format!("action=\"{action}\""), "</form>")
        .unwrap_or_else(|| panic!("no form {action}: {}", page.text));
    let unescaped =
        |text: &str| text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let attribute = |tag: &str, name: &str| between(tag, &format!(" {name}=\""), "\"").map(&unescaped);
    let mut sent = Vec::new();
    for start in form.match_indices('<').map(|(at, _)| &form[at..]) {
        let tag = start.split('>').next().unwrap();
        let Some(name) = attribute(tag, "name") else { continue };
        if tag.starts_with("<input") {
            let is_box = tag.contains("type=\"checkbox\"") || tag.contains("type=\"radio\"");
            if !is_box || tag.contains(" checked") {
                sent.push((name, attribute(tag, "value").unwrap_or_default()));
            }
        } else if tag.starts_with("<textarea") {
            sent.push((name, unescaped(between(start, ">\n", "</textarea>").unwrap())));
        } else if tag.starts_with("<select") {
            let options = start.split("</select>").next().unwrap();
            let chosen =
                options.split("<option").skip(1).find(|option| option.split('>').next().unwrap().contains(" selected"));
            let first = options.split("<option").nth(1);
            sent.push((name, chosen.or(first).and_then(|option| attribute(option, "value")).unwrap_or_default()));
        }
    }
    sent
}

/// Sends a form as it stands, but for these fields.
pub(super) fn submit(browser: &mut Browser, page: &str, changed: &[(&str, &str)]) -> Answer {
    let page_now = browser.get(page);
    assert_eq!(page_now.status, 200, "{}", page_now.text);
    let path = page.split('?').next().unwrap();
    send(browser, path, fields(&page_now, path), changed)
}

pub(super) fn send(
    browser: &mut Browser,
    path: &str,
    mut all: Vec<(String, String)>,
    changed: &[(&str, &str)],
) -> Answer {
    for (name, value) in changed {
        all.retain(|(given, _)| given != name);
        if *value != "(off)" {
            all.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    let all: Vec<(&str, &str)> =
        all.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| *name != "_token").collect();
    browser.post(path, &all)
}

both_databases! {
    fn tags_of_each_kind_are_made_changed_and_deleted(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        assert_eq!(browser.get("/console/settings/tags").header("location"), "/console/settings/tags/leads");
        for (kind, path) in [("leads", "/pipeline/tags/leads"), ("opportunities", "/pipeline/tags/opportunities"), ("contacts", "/directory/tags/contacts"), ("organizations", "/directory/tags/organizations"), ("cases", "/cases/tags/cases")] {
            let page = format!("/console/settings/tags/{kind}");
            assert!(browser.get(&page).text.contains("There are no tags"));
            let made = browser.post(&page, &[("label", HOSTILE), ("color", "#12ab34")]);
            assert_eq!((made.status, made.header("location")), (303, format!("{page}?done=made").as_str()), "{}", made.text);
            let shown = browser.get(&page);
            assert!(shown.text.contains("&lt;b&gt;&quot;'&amp;") && !shown.text.contains("<b>") && shown.text.contains("fill=\"#12ab34\""), "{}", shown.text);
            let tag = api.acme.get(path).items()[0].clone();
            let (id, one) = (tag["id"].as_str().unwrap().to_owned(), format!("{page}/{}", tag["id"].as_str().unwrap()));
            let refused = browser.post(&format!("{one}/edit"), &[("label", "a,b"), ("color", "#12ab34")]);
            assert!(refused.status == 400 && refused.text.contains("must not contain a comma") && refused.text.contains("value=\"a,b\""), "{}", refused.text);
            assert!(refused.text.contains(" open>") || refused.text.contains(" open=\"\""), "where it was: {}", refused.text);
            let changed = browser.post(&format!("{one}/edit"), &[("label", "vip"), ("color", "#000000")]);
            assert_eq!(changed.status, 303, "{}", changed.text);
            let tag = api.acme.get(path).items()[0].clone();
            assert_eq!((&tag["label"], &tag["color"], &tag["id"]), (&json!("vip"), &json!("#000000"), &json!(id)));
            let taken = browser.post(&page, &[("label", "VIP"), ("color", "#000000")]);
            assert!(taken.status == 409 && taken.text.contains("value=\"VIP\""), "{}", taken.text);
            assert_eq!(browser.post(&format!("{one}/delete"), &[]).status, 303);
            assert!(api.acme.get(path).items().is_empty());
            assert_eq!(browser.post(&format!("{one}/delete"), &[]).status, 404);
        }
    }

    fn pipelines_get_other_stages_in_another_order(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        const NEW: &str = "/console/settings/pipelines/new";
        let made = submit(&mut browser, NEW, &[("name", HOSTILE), ("stages[0].label", "First"), ("stages[0].place", "9"), ("stages[1].remove", "yes"), ("stages[3].label", "Extra")]);
        assert_eq!(made.status, 303, "{}", made.text);
        let page = made.header("location").split('?').next().unwrap().to_owned();
        let id = page.rsplit('/').next().unwrap().to_owned();
        let path = format!("/pipeline/pipelines/opportunities/{id}");
        let labels = |pipeline: &Value| -> Vec<String> { pipeline["stages"].as_array().unwrap().iter().map(|stage| stage["label"].as_str().unwrap().to_owned()).collect() };
        let before = api.acme.get(&path).item(200).clone();
        assert_eq!(labels(&before), ["Closing", "Extra", "First"]);
        let unchanged = submit(&mut browser, &page, &[]);
        assert_eq!(unchanged.status, 303, "{}", unchanged.text);
        let seen = browser.get(&page);
        assert!(seen.text.contains("&lt;b&gt;") && !seen.text.contains("<b>"), "{}", seen.text);
        assert_eq!(api.acme.get(&path).item(200)["stages"], before["stages"], "nothing was changed, and the keys stay");

        let refused = submit(&mut browser, &page, &[("stages[2].probability", "110"), ("name", "Kept")]);
        assert!(refused.status == 400 && refused.text.contains("value=\"Kept\"") && refused.text.contains("class=\"words bad\""), "{}", refused.text);
        let refused = submit(&mut browser, &page, &[("stages[1].label", "closing")]);
        assert!(refused.status == 400 && refused.text.contains("class=\"words bad\"") && refused.text.contains("value=\"closing\""), "{}", refused.text);
        // Somebody else changed it.
        let stale = browser.get(&page);
        api.acme.patch(&path, &json!({ "name": "Theirs" })).item(200);
        let late = send(&mut browser, &page, fields(&stale, &page), &[("name", "Mine")]);
        assert!(late.status == 412 && late.text.contains("Somebody else changed it meanwhile"), "{}", late.text);
        assert_eq!(api.acme.get(&path).item(200)["name"], "Theirs");
        let again = send(&mut browser, &page, fields(&late, &page), &[]);
        assert_eq!(again.status, 303, "saved once more, it counts: {}", again.text);
        assert_eq!(api.acme.get(&path).item(200)["name"], "Mine");

        api.acme.post("/pipeline/opportunities", &json!({ "title": "In it", "pipelineId": id })).item(201);
        let refused = browser.post(&format!("{page}/delete"), &[]);
        assert!(refused.status == 409 && refused.text.contains("Mine"), "{}", refused.text);
        let default = submit(&mut browser, &page, &[("isDefault", "yes")]);
        assert_eq!(default.status, 303);
        assert_eq!(api.acme.get(&path).item(200)["isDefault"], true);
        assert!(browser.get("/console/settings/pipelines").text.contains("Mine"));
    }

    fn forms_are_changed_once_it_was_said_what_breaks(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        assert_eq!(browser.get("/console/settings/forms").header("location"), "/console/settings/forms/opportunities");
        for (page, path) in [("/console/settings/forms/contacts", "/directory/forms/contacts"), ("/console/settings/forms/organizations", "/directory/forms/organizations"), ("/console/settings/forms/opportunities", "/pipeline/forms/opportunities")] {
            let before = api.acme.get(path).items().clone();
            assert_eq!(submit(&mut browser, page, &[]).status, 303);
            assert_eq!(api.acme.get(path).items(), &before, "nothing was changed: {page}");
            let new = format!("fields[{}]", before.len());
            let part = |member: &str| format!("{new}.{member}");
            let (label, id, kind, options, place) = (part("label"), part("id"), part("type"), part("options"), part("place"));
            let added = [(label.as_str(), HOSTILE), (id.as_str(), "shoe_size"), (kind.as_str(), "dropdown"), (options.as_str(), "s\r\nl | Large | #ffcc00\r\n"), (place.as_str(), "0")];
            assert_eq!(submit(&mut browser, page, &added).status, 303, "{page}");
            let fields_now = api.acme.get(path).items().clone();
            assert_eq!(fields_now[0]["options"], json!(["s", { "id": "l", "label": "Large", "color": "#ffcc00" }]), "first: {page}");
            assert_eq!((&fields_now[0]["id"], &fields_now[0]["label"], fields_now.len()), (&json!("shoe_size"), &json!(HOSTILE), before.len() + 1));
            let shown = browser.get(page);
            assert!(shown.text.contains("&lt;b&gt;") && !shown.text.contains("<b>"), "{}", shown.text);

            let asked = submit(&mut browser, page, &[("fields[0].remove", "yes")]);
            assert!(asked.status == 200 && asked.text.contains("is taken off the form") && asked.text.contains("all the same"), "{}", asked.text);
            assert_eq!(api.acme.get(path).items(), &fields_now, "it was only asked");
            let sure = send(&mut browser, page, fields(&asked, page), &[]);
            assert_eq!(sure.status, 303, "{}", sure.text);
            assert_eq!(api.acme.get(path).items(), &before);
            let refused = submit(&mut browser, page, &[(label.as_str(), "Bad"), (id.as_str(), "not an id"), (kind.as_str(), "tag-picker")]);
            assert!(refused.status == 400 && refused.text.contains("value=\"Bad\"") && refused.text.contains("must be 1 to 64 characters"), "{}", refused.text);
        }
    }

    fn a_type_that_changes_under_values_is_refused(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        const PAGE: &str = "/console/settings/forms/contacts";
        let count = api.acme.get("/directory/forms/contacts").items().len();
        let added = [(format!("fields[{count}].label"), "Shoes".to_owned()), (format!("fields[{count}].id"), "shoes".to_owned()), (format!("fields[{count}].type"), "text".to_owned())];
        let added: Vec<(&str, &str)> = added.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(submit(&mut browser, PAGE, &added).status, 303);
        api.acme.post("/directory/contacts", &json!({ "name": "A", "customFields": { "shoes": "red" } })).item(201);
        let kind = format!("fields[{count}].type");
        let asked = submit(&mut browser, PAGE, &[(&kind, "number")]);
        assert!(asked.text.contains("becomes another type"), "{}", asked.text);
        let refused = send(&mut browser, PAGE, fields(&asked, PAGE), &[]);
        assert!(refused.status == 409 && refused.text.contains("shoes"), "{} {}", refused.status, refused.text);
    }

    fn a_workflow_is_drawn_and_edited(database) {
        let api = Api::start(database);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let made = browser.get(TYPES);
        assert!(made.text.contains("General"));
        let made = browser.post(TYPES, &[("label", HOSTILE)]);
        assert_eq!(made.status, 303, "{}", made.text);
        let page = made.header("location").split('?').next().unwrap().to_owned();
        let path = format!("/cases/types/cases/{}", page.rsplit('/').next().unwrap());
        let workflow = json!({
            "note": "kept",
            "status": [
                { "id": "n1", "type": "custom", "width": 12, "position": { "x": 100.25, "y": 100 }, "data": { "label": "Open", "color": "#ff0000", "own": [1] } },
                { "id": "done", "type": "node", "position": { "x": 400, "y": 100 }, "data": { "label": "Done", "color": "red;}", "recordResolutionSLA": true } },
            ],
            "transition": [
                { "id": "e1", "type": "labeledEdge", "label": "Close", "source": "Open", "target": "done", "sourceHandle": null, "data": { "recordComment": true, "authorizedUsers": ["owner"], "isEditing": false } },
                { "id": "e2", "source": "Done", "target": "Waiting" },
            ],
        });
        api.acme.patch(&path, &json!({ "workflow": workflow })).item(200);
        let shown = browser.get(&page);
        let picture = between(&shown.text, "<svg class=\"graph\"", "</svg>").unwrap();
        assert_eq!((picture.matches("data-status=").count(), picture.matches("data-source=").count(), picture.matches("graph-ghost").count()), (3, 2, 1), "{picture}");
        assert!(picture.contains("fill=\"#ff0000\"") && !picture.contains("red;}") && picture.contains("Waiting") && picture.contains(">Close</text>"), "{picture}");
        assert!(shown.text.contains("&lt;b&gt;") && !shown.text.contains("<b>"));

        assert_eq!(submit(&mut browser, &page, &[]).status, 303);
        let stored = || api.acme.get(&path).item(200)["workflow"].clone();
        let same = stored();
        assert_eq!((&same["note"], &same["status"][0], &same["transition"][0]), (&workflow["note"], &workflow["status"][0], &workflow["transition"][0]), "member for member");
        assert_eq!(same["transition"][1]["target"], "Waiting");

        // A status is renamed and moved, one is made, a transition leads there.
        let moved = submit(&mut browser, &page, &[("workflow.status[0].data.label", "Begun"), ("workflow.status[0].position.x", "150"), ("workflow.status[2].data.label", "New one")]);
        assert_eq!(moved.status, 303, "{}", moved.text);
        let now = stored();
        assert_eq!((&now["status"][0]["data"]["label"], &now["status"][0]["position"]), (&json!("Begun"), &json!({ "x": 150, "y": 100 })));
        assert_eq!((&now["status"][0]["width"], &now["status"][0]["data"]["own"]), (&json!(12), &json!([1])));
        assert_eq!(now["transition"][0]["source"], "Begun", "what named it by its label follows");
        let new = now["status"][2]["id"].as_str().unwrap().to_owned();
        let drawn = submit(&mut browser, &page, &[("workflow.transition[2].source", "n1"), ("workflow.transition[2].target", &new), ("workflow.transition[2].label", "Go"), ("workflow.transition[2].data.authorizedUsers.assignee", "yes")]);
        assert_eq!(drawn.status, 303, "{}", drawn.text);
        let edge = stored()["transition"][2].clone();
        assert_eq!((&edge["source"], &edge["target"], &edge["label"], &edge["data"]["authorizedUsers"]), (&json!("n1"), &json!(new), &json!("Go"), &json!(["assignee"])));

        let refused = submit(&mut browser, &page, &[("workflow.status[1].data.label", "begun")]);
        assert!(refused.status == 400 && refused.text.contains("is the id or label of another status") && refused.text.contains("value=\"begun\""), "{}", refused.text);
        api.acme.post("/cases/cases", &json!({ "title": "In it", "caseTypeId": page.rsplit('/').next().unwrap(), "status": "Begun" })).item(201);
        let refused = submit(&mut browser, &page, &[("workflow.status[0].remove", "yes")]);
        assert!(refused.status == 409, "{} {}", refused.status, refused.text);
        let removed = submit(&mut browser, &page, &[("workflow.status[1].remove", "yes")]);
        assert_eq!(removed.status, 303, "{}", removed.text);
        let now = stored();
        assert_eq!((now["status"].as_array().unwrap().len(), now["transition"].as_array().unwrap().len()), (2, 1), "with its transitions: {now}");
        let form = format!("{page}/form");
        assert!(browser.get(&form).text.contains("name=\"form[0].label\""));
        assert_eq!(submit(&mut browser, &form, &[]).status, 303);
    }

    fn webhooks_are_made_tried_and_replayed(database) {
        let api = Api::start_with(database, &[("CRM_WEBHOOK_ALLOW", "127.0.0.0/8")]);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        const PAGE: &str = "/console/settings/webhooks";
        browser.get(PAGE);
        let refused = browser.post(PAGE, &[("url", "ftp://x"), ("events", "lead.nothing"), ("description", "Kept <b>")]);
        assert!(refused.status == 400 && refused.text.contains("Kept &lt;b&gt;") && refused.text.contains("id=\"f-events-words\""), "{}", refused.text);
        let made = browser.post(PAGE, &[("url", "http://127.0.0.1:9/hook"), ("events", "lead.*"), ("events", "case.created"), ("fields", ""), ("description", "A <b>")]);
        assert_eq!((made.status, made.header("cache-control")), (200, "no-store"), "{}", made.text);
        let secret = between(&made.text, "readonly value=\"", "\"").unwrap().to_owned();
        assert!(secret.starts_with("whsec_") && !made.text.contains("<b>"), "{}", made.text);
        assert!(!browser.get(PAGE).text.contains(&secret), "shown once");
        let id = api.acme.get("/settings/webhooks").items()[0]["id"].as_str().unwrap().to_owned();
        let page = format!("{PAGE}/{id}");
        assert_eq!(api.acme.get(&format!("/settings/webhooks/{id}")).item(200)["events"], json!(["lead.*", "case.created"]));
        let changed = submit(&mut browser, &page, &[("events", "*"), ("fields", "title")]);
        assert_eq!(changed.status, 303, "{}", changed.text);
        let webhook = api.acme.get(&format!("/settings/webhooks/{id}")).item(200).clone();
        assert_eq!((&webhook["events"], &webhook["fields"]), (&json!(["*"]), &json!(["title"])));
        let pinged = browser.post(&format!("{page}/test"), &[]);
        assert!(pinged.status == 200 && pinged.text.contains("was sent a ping"), "{}", pinged.text);

        api.acme.post("/pipeline/leads", &json!({ "title": "Told" })).item(201);
        let began = std::time::Instant::now();
        let shown = loop {
            let shown = browser.get(&page);
            if shown.text.contains("<th scope=\"row\">lead.created") {
                break shown;
            }
            assert!(began.elapsed() < std::time::Duration::from_secs(20), "{}", shown.text);
            std::thread::sleep(std::time::Duration::from_millis(100));
        };
        let delivery = between(&shown.text, "/deliveries/", "/replay").unwrap().to_owned();
        let replayed = browser.post(&format!("{page}/deliveries/{delivery}/replay"), &[]);
        assert_eq!((replayed.status, replayed.header("location")), (303, format!("{page}?done=replayed").as_str()), "{}", replayed.text);
        assert_eq!(browser.post(&format!("{page}/replay"), &[("since", "2020-01-01T00:00")]).status, 303);
        assert_eq!(browser.post(&format!("{page}/replay"), &[("since", "yesterday")]).status, 400);
        assert!(browser.get(&format!("{page}?state=delivered")).text.contains("There are none."));
        browser.get(&page);
        let rotated = browser.post(&format!("{page}/rotate"), &[("graceMinutes", "60")]);
        assert!(rotated.status == 200 && rotated.header("cache-control") == "no-store" && !rotated.text.contains(&secret), "{}", rotated.text);
        assert!(between(&rotated.text, "readonly value=\"", "\"").unwrap().starts_with("whsec_"));
        assert!(rotated.text.contains(&format!("/deliveries/{delivery}/replay")), "what was delivered is there still: {}", rotated.text);
        assert_eq!(browser.post(&format!("{page}/enable"), &[("enabled", "false")]).status, 303);
        assert_eq!(api.acme.get(&format!("/settings/webhooks/{id}")).item(200)["enabled"], false);
        assert_eq!(browser.post(&format!("{page}/delete"), &[]).status, 303);
        assert!(api.acme.get("/settings/webhooks").items().is_empty());
    }

    fn events_are_boxes(database) {
        let api = Api::start(database);
        let events = json!(["lead.created", "case.*", "tag.archived"]);
        let made = api.acme.post("/settings/webhooks", &json!({ "url": "https://example.com/h", "events": events, "enabled": false }));
        let page = format!("/console/settings/webhooks/{}", made.item(201)["id"].as_str().unwrap());
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let shown = browser.get(&page);
        let ticked = |text: &str| -> Vec<String> {
            let boxes = text.split("name=\"events\" value=\"").skip(1).filter(|rest| rest.split('>').next().unwrap().contains(" checked"));
            boxes.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        assert_eq!(ticked(&shown.text), ["lead.created", "case.*", "tag.archived"], "what is not offered stays too");
        // Each that is offered is one that the API takes.
        let offered: Vec<&str> = shown.text.split("name=\"events\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let taken = api.acme.post("/settings/webhooks", &json!({ "url": "https://example.com/all", "events": offered, "enabled": false }));
        assert_eq!(taken.item(201)["events"], json!(offered), "each once");
        assert_eq!(submit(&mut browser, &page, &[("url", "https://example.com/other")]).status, 303);
        assert_eq!(api.acme.get(&page.replace("/console", "")).item(200)["events"], events, "a form that was not touched changes none");
        let none = submit(&mut browser, &page, &[("events", "(off)")]);
        let words = between(&none.text, "id=\"f-events-words\"", "</div>").unwrap();
        assert!(none.status == 400 && words.contains("must name at least one event"), "{}", none.text);
        assert!(ticked(&none.text).is_empty(), "as it was sent");
        let list = browser.get("/console/settings/webhooks");
        assert!(list.text.contains(">Leads: created<") && list.text.contains(">Cases: all<"), "{}", list.text);
        // Of what somebody may not read they are told nothing.
        let made = api.acme.post("/settings/keys", &json!({ "name": "K", "scopes": ["settings:write", "cases:read"] }));
        let list = Browser::signed_in(&api.acme, made.item(201)["key"].as_str().unwrap()).get("/console/settings/webhooks");
        for (event, is_offered) in [("*", false), ("lead.*", false), ("tag.*", false), ("case.*", true), ("key.deleted", true)] {
            assert_eq!(list.text.contains(&format!("name=\"events\" value=\"{event}\"")), is_offered, "{event}");
        }
    }

    fn another_tenant_s_settings_do_not_exist(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        let tag = other.post("/pipeline/tags/leads", &json!({ "label": "Secret" })).item(201)["id"].as_str().unwrap().to_owned();
        let stages = json!([{ "label": "Secret" }]);
        let pipeline = other.post("/pipeline/pipelines/opportunities", &json!({ "name": "Secret", "stages": stages })).item(201)["id"].as_str().unwrap().to_owned();
        let of_type = other.post("/cases/types/cases", &json!({ "label": "Secret" })).item(201)["id"].as_str().unwrap().to_owned();
        let hook = other.post("/settings/webhooks", &json!({ "url": "https://example.com/secret", "events": ["*"] })).item(201)["id"].as_str().unwrap().to_owned();
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        browser.get("/console/settings/keys");
        // Its webhook goes on, so that its rows do too.
        let all = || -> Vec<String> {
            let paths = ["/pipeline/tags/leads", "/pipeline/pipelines/opportunities", "/cases/types/cases", "/settings/webhooks"];
            [&api.acme, &other].iter().flat_map(|client| paths.map(|path| client.get(path).text)).collect()
        };
        let before = all();
        let settings = "/console/settings";
        for page in [format!("{settings}/pipelines/{pipeline}"), format!("{TYPES}/{of_type}"), format!("{TYPES}/{of_type}/form"), format!("{settings}/webhooks/{hook}")] {
            assert_eq!(browser.get(&page).status, 404, "{page}");
        }
        browser.get("/console/settings/keys");
        for path in [
            format!("{settings}/tags/leads/{tag}/edit"), format!("{settings}/tags/leads/{tag}/delete"),
            format!("{settings}/pipelines/{pipeline}"), format!("{settings}/pipelines/{pipeline}/delete"),
            format!("{TYPES}/{of_type}"), format!("{TYPES}/{of_type}/form"), format!("{TYPES}/{of_type}/delete"),
            format!("{settings}/webhooks/{hook}"), format!("{settings}/webhooks/{hook}/rotate"), format!("{settings}/webhooks/{hook}/test"),
            format!("{settings}/webhooks/{hook}/enable"), format!("{settings}/webhooks/{hook}/replay"), format!("{settings}/webhooks/{hook}/delete"),
        ] {
            let answer = browser.post(&path, &[("label", "x"), ("name", "x"), ("stages[0].label", "x"), ("url", "https://example.com"), ("events", "*"), ("since", "2020-01-01T00:00")]);
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        }
        for page in ["tags/leads", "pipelines", "case-types", "webhooks"] {
            assert!(!browser.get(&format!("{settings}/{page}")).text.contains("Secret"), "{page}");
        }
        assert_eq!(all(), before, "nothing of anybody was changed");
    }
}
