//! A case is walked by the transition that somebody chooses, and what it asks for is not passed by.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::browser::{Browser, between};
use crate::client::Api;

/// From `Open`: closed plainly, rejected with a comment to the same status, paused with one, and escalated by its owner alone.
fn workflow() -> Value {
    let status = |id: &str, label: &str| json!({ "id": id, "type": "node", "data": { "label": label } });
    let way = |id: &str, label: &str, target: &str, data: Value| json!({ "id": id, "type": "labeledEdge", "source": "o", "target": target, "label": label, "data": data });
    json!({
        "status": [status("o", "Open"), status("c", "Closed"), status("p", "Paused <i>"), status("e", "Escalated")],
        "transition": [
            way("1", "Close", "c", json!({})), way("2", "Reject <b>", "c", json!({ "recordComment": true })),
            way("3", "Pause", "p", json!({ "recordComment": true })), way("4", "Escalate", "e", json!({ "authorizedUsers": ["owner"] })),
        ],
    })
}

/// The steps that a page offers, by their ids and words.
fn steps(page: &str) -> Vec<(String, String)> {
    let options = between(page, "<select id=\"f-step\"", "</select>").unwrap().split("<option value=\"").skip(1);
    let pair = |option: &str| {
        let id = option.split('"').next().unwrap().replace("&lt;", "<").replace("&gt;", ">");
        (id, between(option, ">", "</option>").unwrap().to_owned())
    };
    options.map(pair).filter(|(id, _)| !id.is_empty()).collect()
}

both_databases! {
    fn a_transition_is_chosen_and_its_comment_is_asked_for(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let made = acme.post("/cases/types/cases", &json!({ "label": "Repairs", "workflow": workflow() }));
        let of_type = made.item(201)["id"].clone();
        for title in ["A", "B", "C"] {
            acme.post("/cases/cases", &json!({ "title": title, "caseTypeId": of_type })).item(201);
        }
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let page = browser.get("/console/cases/1").text;
        let offered = steps(&page);
        // The picture has them all, and where the case is.
        let picture = between(&page, "<section class=\"card no-print\" aria-labelledby=\"workflow\"", "</section>").unwrap();
        assert_eq!((picture.matches("data-status=").count(), picture.matches("data-source=").count()), (4, 4), "{picture}");
        assert_eq!((picture.matches("graph-here").count(), picture.matches("graph-handle").count()), (1, 0), "{picture}");
        let here = between(picture, "graph-here", "</g>").unwrap();
        assert!(here.contains(">Open") && picture.contains("the case is at “Open”"), "{picture}");
        let words = "From there you may take it by: Close → Closed, Reject &lt;b&gt; → Closed (with a comment), Pause → Paused &lt;i&gt; (with a comment).";
        assert!(picture.contains(words), "{picture}");
        let read_only = Browser::signed_in(acme, &acme.keys.secondary).get("/console/cases/1").text;
        assert!(read_only.contains("graph-here") && !read_only.contains("you may take it"), "{read_only}");
        let [close, reject, pause] = &offered[..] else { panic!("{offered:?}") };
        assert_eq!(close.1, "Close → Closed");
        assert_eq!(reject.1, "Reject &lt;b&gt; → Closed (with a comment)");
        assert_eq!(pause.1, "Pause → Paused &lt;i&gt; (with a comment)");

        let status = |case: &str| acme.get(&format!("/cases/cases/{case}")).item(200)["status"].clone();
        let walked = |case: &str| acme.get(&format!("/cases/cases/{case}/activities")).items()[0].clone();
        // Without the comment nothing is done, and what was chosen stays beside what is wrong.
        for said in ["", " \r\n"] {
            let refused = browser.post("/console/cases/1/status", &[("step", &reject.0), ("said", said)]);
            let words = between(&refused.text, "id=\"f-said-words\"", "</div>").unwrap();
            assert!(refused.status == 400 && words.contains("is required by this step"), "{}", refused.text);
            assert!(refused.text.contains("<details class=\"pop\" open>"), "{}", refused.text);
            assert!(refused.text.contains("value=\"said:Closed\" selected"), "{}", refused.text);
        }
        // A comment leads along no other transition than the one that was chosen.
        let other = browser.post("/console/cases/1/status", &[("step", &close.0), ("said", "Bye <i>")]);
        assert!(other.status == 400 && other.text.contains("goes with another step") && other.text.contains("Bye &lt;i&gt;"), "{}", other.text);
        assert_eq!(status("1"), "Open");
        for (case, step, said, transition, at) in [
            ("1", close, "", "Close", "Closed"), ("2", reject, "No\r\nway", "Reject <b>", "Closed"), ("3", pause, "Later", "Pause", "Paused <i>"),
        ] {
            let done = browser.post(&format!("/console/cases/{case}/status"), &[("step", &step.0), ("said", said)]);
            assert_eq!((done.status, done.header("location")), (303, format!("/console/cases/{case}?done=done").as_str()), "{}", done.text);
            assert_eq!(status(case), at);
            let activity = walked(case);
            assert_eq!((&activity["transition"], activity["comment"].as_str().unwrap_or_default()), (&json!(transition), said.replace("\r\n", "\n").as_str()));
        }
        // Where no transition leads on, nothing is offered, and a page that is old says so.
        let ended = browser.get("/console/cases/1").text;
        assert!(!ended.contains("Change the status") && ended.contains("No step leads on from there for you."), "{ended}");
        assert!(between(&ended, "graph-here", "</g>").unwrap().contains(">Closed"), "{ended}");
        let late = browser.post("/console/cases/1/status", &[("step", &close.0)]);
        assert!(late.status == 400 && late.text.contains("leads nowhere from where the case is now"), "{}", late.text);
    }
}
