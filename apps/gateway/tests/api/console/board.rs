//! The board: cards are moved, won and lost.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use super::settings::{fields, send};
use crate::browser::{Browser, between};
use crate::client::Api;

/// The stages of the default pipeline.
fn stages(api: &Api) -> Vec<String> {
    let pipelines = api.acme.get("/pipeline/pipelines/opportunities");
    let default = pipelines.items().iter().find(|pipeline| pipeline["isDefault"] == true).unwrap().clone();
    default["stages"].as_array().unwrap().iter().map(|stage| stage["key"].as_str().unwrap().to_owned()).collect()
}

/// What stands in the column of a stage.
fn column<'t>(page: &'t str, stage: &str) -> &'t str {
    between(page, &format!("data-stage=\"{stage}\""), "</section>").unwrap()
}

both_databases! {
    fn what_the_board_makes_is_in_its_pipeline(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let body = json!({ "name": "Workshops", "stages": [{ "key": "k1", "label": "Enquiry" }, { "key": "k2", "label": "Held" }] });
        let pipeline = acme.post("/pipeline/pipelines/opportunities", &body).item(201)["id"].as_str().unwrap().to_owned();
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let board = browser.get(&format!("/console/board?pipelineId={pipeline}"));
        let address = format!("/console/opportunities/new?type={pipeline}");
        assert!(board.text.contains(&format!("href=\"{address}\"")), "{}", board.text);
        let form = browser.get(&address);
        assert!(form.text.contains("aria-current=\"page\">Workshops</a>"), "{}", form.text);
        // What is wrong keeps the pipeline.
        let refused = browser.post("/console/opportunities/new", &[("type", &*pipeline), ("title", "")]);
        assert_eq!(refused.status, 400);
        assert!(refused.text.contains(&format!("name=\"type\" value=\"{pipeline}\"")), "{}", refused.text);
        let made = browser.post("/console/opportunities/new", &[("type", &*pipeline), ("title", "A day")]);
        assert_eq!(made.status, 303, "{}", made.text);
        let made = acme.get("/pipeline/opportunities/1");
        assert_eq!((&made.item(200)["pipelineId"], &made.item(200)["stage"]), (&json!(pipeline), &json!("k1")));
        // The list has the names that people gave.
        let list = browser.get("/console/opportunities?columns=stage,pipelineId");
        assert!(list.text.contains("Enquiry") && list.text.contains("Workshops") && !list.text.contains(">k1<"), "{}", list.text);
    }

    fn a_record_is_moved_to_another_pipeline(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        acme.post("/pipeline/opportunities", &json!({ "title": "A day" })).item(201);
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let page = browser.get("/console/opportunities/1");
        assert!(!page.text.contains("<optgroup"), "of one pipeline nothing is said: {}", page.text);
        let stages = json!([{ "key": "k1", "label": "Enquiry" }, { "key": "k2", "label": "Held <b>" }]);
        let made = acme.post("/pipeline/pipelines/opportunities", &json!({ "name": "Work & shops", "stages": stages }));
        let pipeline = made.item(201)["id"].as_str().unwrap().to_owned();
        let page = browser.get("/console/opportunities/1");
        let steps = between(&page.text, "name=\"to\"", "</select>").unwrap();
        assert_eq!((steps.matches("<optgroup").count(), steps.matches(" selected").count()), (2, 1), "{steps}");
        assert!(steps.find("label=\"Work &amp; shops\"") > steps.find(" selected"), "its own comes first: {steps}");
        for (key, label) in [("k2", "Held &lt;b&gt;"), ("k1", "Enquiry")] {
            let to = format!("{pipeline} {key}");
            assert!(steps.contains(&format!("<option value=\"{to}\">{label}</option>")), "{steps}");
            let moved = browser.post("/console/opportunities/1/stage", &[("to", &to)]);
            assert_eq!((moved.status, moved.header("location")), (303, "/console/opportunities/1?done=done"), "{}", moved.text);
            let item = acme.get("/pipeline/opportunities/1");
            assert_eq!((&item.item(200)["pipelineId"], &item.item(200)["stage"]), (&json!(pipeline), &json!(key)));
            let page = browser.get("/console/opportunities/1");
            let about = between(&page.text, "id=\"about\"", "</section>").unwrap();
            assert!(about.contains(&format!("<dd>{label}</dd>")) && about.contains("<dd>Work &amp; shops</dd>"), "{about}");
        }
        assert_eq!(browser.post("/console/opportunities/1/stage", &[("to", &format!("{pipeline} nowhere"))]).status, 400);
        assert_eq!(browser.post("/console/opportunities/1/stage", &[("to", "nothing at all")]).status, 400);
    }

    /// The board has one menu for all cards, which needs script: without it a link of each leads to a page with the same.
    fn a_card_is_moved_on_its_own_page(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let stages = stages(&api);
        for number in 0..10 {
            let owner = json!({ "id": if number == 7 { "eva" } else { "adam" } });
            acme.post("/pipeline/opportunities", &json!({ "title": format!("Deal {number} & <more>"), "owner": owner })).item(201);
        }
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let board = browser.get("/console/board?ownerId=eva");
        assert_eq!(board.text.matches("<select name=\"stage\"").count(), 1, "{}", board.text);
        let card = between(&board.text, "<li class=\"deal\">", "</li>").unwrap();
        assert!(card.contains("\">Deal 7 &amp; &lt;more&gt;</a>") && card.contains("aria-label=\"Move\""), "{card}");
        let link = between(card, "</a><a href=\"", "\"").unwrap().replace("&amp;", "&");
        let page = browser.get(&link);
        assert!(page.status == 200 && page.text.contains("<h1>Move Deal 7 &amp; &lt;more&gt;</h1>"), "{}", page.text);
        let options = between(&page.text, "<select name=\"stage\"", "</select>").unwrap();
        assert_eq!(options.matches("<option").count(), stages.len());
        assert!(options.contains(&format!("value=\"{}\" selected", stages[0])), "{options}");
        let back = between(&page.text, "name=\"back\" value=\"", "\"").unwrap().replace("&amp;", "&");
        assert_eq!(browser.get(&back).text.matches("<li class=\"deal\">").count(), 1, "the board is filtered as it was: {back}");
        let moved = browser.post("/console/opportunities/8/stage", &[("stage", &stages[1]), ("back", &back)]);
        assert_eq!((moved.status, moved.header("location")), (303, &*back), "{}", moved.text);
        let page = browser.get("/console/opportunities/8/stage?back=//evil.example");
        assert!(page.text.contains("name=\"back\" value=\"/console/board\""), "{}", page.text);
        assert!(page.text.contains(&format!("value=\"{}\" selected", stages[1])), "{}", page.text);
        assert_eq!(browser.post("/console/opportunities/8/status", &[("status", "won"), ("back", &back)]).status, 303);
        let closed = browser.get(&link);
        assert_eq!((closed.status, closed.header("location")), (303, "/console/opportunities/8"), "{}", closed.text);
        assert_eq!(browser.get("/console/opportunities/99/stage").status, 404);
        let all = browser.get("/console/board").text;
        assert!(all.contains("href=\"/console/opportunities/1/stage\""), "what leads back to all of it is not repeated: {all}");
    }

    fn cards_are_moved_won_and_lost(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let stages = stages(&api);
        for (title, amount) in [("Alpha", 1000), ("Beta", 2500), ("Gamma", 7)] {
            acme.post("/pipeline/opportunities", &json!({ "title": title, "value": { "amount": amount, "code": "EUR" } })).item(201);
        }
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let board = browser.get("/console/board");
        let first = column(&board.text, &stages[0]);
        assert!(["Alpha", "Beta", "Gamma", "3\u{202f}507", "EUR"].iter().all(|words| first.contains(words)), "{first}");
        let back = "/console/board";
        let moved = browser.post("/console/opportunities/2/stage", &[("stage", &stages[1]), ("back", back)]);
        assert_eq!((moved.status, moved.header("location")), (303, back), "{}", moved.text);
        let quiet = browser.post("/console/opportunities/3/stage", &[("stage", &stages[1]), ("quiet", "yes")]);
        assert_eq!((quiet.status, quiet.text.as_str()), (204, ""), "a script asks for no page");
        let board = browser.get(back);
        assert!(column(&board.text, &stages[1]).contains("Beta") && !column(&board.text, &stages[0]).contains("Beta"));
        assert_eq!(browser.post("/console/opportunities/2/stage", &[("stage", "nowhere"), ("quiet", "yes")]).status, 400);

        let refused = browser.post("/console/opportunities/1/status", &[("status", "lost"), ("back", back)]);
        assert!(refused.status == 400 && refused.text.contains("id=\"reason-console-opportunities-1-status-words\""), "lost asks for the reason: {}", refused.text);
        let lost = [("status", "lost"), ("reasonId", "too_expensive"), ("comment", "a\r\nb"), ("back", back)];
        assert_eq!(browser.post("/console/opportunities/1/status", &lost).status, 303);
        let reason = acme.get("/pipeline/opportunities/1").item(200)["lostReason"].clone();
        assert_eq!(reason, json!({ "reasonId": "too_expensive", "comment": "a\nb" }));
        assert_eq!(browser.post("/console/opportunities/2/status", &[("status", "won"), ("back", back)]).status, 303);
        assert_eq!(acme.get("/pipeline/opportunities/2").item(200)["status"], "won");
        let board = browser.get(back);
        assert!(!board.text.contains("Alpha") && !board.text.contains("Beta") && board.text.contains("Gamma"), "the closed ones are gone");
        let page = browser.get("/console/opportunities/1");
        assert!(page.text.contains("too_expensive") && page.text.contains("Reopen"), "{}", page.text);
        assert_eq!(browser.post("/console/opportunities/1/status", &[("status", "open")]).status, 303);
        assert_eq!(acme.get("/pipeline/opportunities/1").item(200)["lostReason"], Value::Null);
        let overview = browser.get("/console");
        for words in ["Won and lost by month", "Changed last", "Opportunity #1"] {
            assert!(overview.text.contains(words), "{words}: {}", overview.text);
        }
    }

    /// Whoever has an old menu before them is told, and undoes nothing.
    fn what_somebody_else_closed_meanwhile_stays_so(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        for title in ["First", "Second"] {
            acme.post("/pipeline/opportunities", &json!({ "title": title })).item(201);
        }
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        browser.get("/console/board");
        let close = |id: u8, change: &Value| {
            acme.patch(&format!("/pipeline/opportunities/{id}/updateStatus"), change).item(200);
        };
        let now = |id: u8| acme.get(&format!("/pipeline/opportunities/{id}")).item(200).clone();
        let back = ("back", "/console/board");
        let lost = [("status", "lost"), ("reasonId", "too_expensive"), back];
        close(1, &json!({ "status": "won" }));
        close(2, &json!({ "status": "lost", "lostReason": { "reasonId": "theirs" } }));
        for (id, sent, words) in [(1, &lost[..], "It is won already"), (2, &lost[..], "It is lost already"), (2, &[("status", "won"), back][..], "It is lost already")] {
            let before = now(id);
            let refused = browser.post(&format!("/console/opportunities/{id}/status"), sent);
            assert!(refused.status == 412 && refused.text.contains(words), "{id}: {} {}", refused.status, refused.text);
            assert_eq!(now(id), before, "{id}: {sent:?}");
        }
        // Twice won is won.
        let before = now(1);
        assert_eq!(browser.post("/console/opportunities/1/status", &[("status", "won"), back]).status, 303);
        assert_eq!(now(1), before);
        // What is opened again is what was shown.
        let page = browser.get("/console/opportunities/2");
        let form = fields(&page, "/console/opportunities/2/status");
        close(2, &json!({ "status": "open" }));
        close(2, &json!({ "status": "won" }));
        let refused = send(&mut browser, "/console/opportunities/2/status", form, &[]);
        assert!(refused.status == 412 && refused.text.contains("It is won already"), "{} {}", refused.status, refused.text);
        assert_eq!(now(2)["status"], "won");
        let page = browser.get("/console/opportunities/2");
        let form = fields(&page, "/console/opportunities/2/status");
        assert_eq!(send(&mut browser, "/console/opportunities/2/status", form, &[]).status, 303);
        assert_eq!(now(2)["status"], "open");
    }

    fn the_board_is_filtered_and_a_column_has_an_end(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let stages = stages(&api);
        let items: Vec<Value> = (0..205).map(|number| json!({ "title": format!("Deal {number}"), "owner": { "id": if number < 3 { "eva" } else { "adam" } } })).collect();
        assert_eq!(acme.post("/pipeline/opportunities/batch", &json!({ "mode": "create", "items": items })).status, 200);
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let all = browser.get("/console/board");
        let first = column(&all.text, &stages[0]);
        assert_eq!(first.matches("<li class=\"deal\">").count(), 200);
        assert!(first.contains(">205<") && first.contains("More of them"), "{}", &first[..500]);
        let tag = acme.post("/pipeline/tags/opportunities", &json!({ "label": "hot" })).item(201)["id"].as_str().unwrap().to_owned();
        let ids: Vec<Value> = (2..=204).map(|id| json!({ "id": id.to_string(), "tags": [{ "id": tag }] })).collect();
        for items in ids.chunks(100) {
            assert_eq!(acme.post("/pipeline/opportunities/batch", &json!({ "mode": "update", "items": items })).status, 200);
        }
        // What the column leaves out is where its link leads, filtered by the same.
        let narrowed = browser.get(&format!("/console/board?ownerId=adam&title=deal&tags={tag}"));
        let first = column(&narrowed.text, &stages[0]);
        assert_eq!(first.matches("<li class=\"deal\">").count(), 200, "of 201");
        let link = between(first, "<p class=\"small\"><a href=\"", "\"").unwrap().replace("&amp;", "&");
        let list = browser.get(&link);
        let on: Vec<&str> = list.text.split("class=\"active-words\">").skip(1).filter_map(|rest| rest.split('<').next()).collect();
        for words in ["Owner: adam", "Title: deal", "Tags: hot", "Status: open"] {
            assert!(on.contains(&words), "{words}: {on:?}");
        }
        let export = browser.get(&link.replacen('?', "/export?format=csv&", 1));
        assert_eq!(export.text.lines().count(), 202, "all of them and the head");
        let some = browser.get("/console/board?ownerId=eva&title=");
        let first = column(&some.text, &stages[0]);
        assert!(first.matches("<li class=\"deal\">").count() == 3 && !first.contains("More of them"));
        let read_only = Browser::signed_in(acme, &acme.keys.secondary).get("/console/board");
        assert!(!read_only.text.contains("data-menu") && !read_only.text.contains("/stage?") && !read_only.text.contains("/status\""), "who only reads moves nothing");
        assert_eq!(Browser::signed_in(acme, &acme.keys.secondary).get("/console/opportunities/1/stage").status, 403);
    }
}
