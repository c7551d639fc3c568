//! Two people who change one thing of the settings.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use super::settings::{fields, send, submit};
use crate::browser::{Browser, between};
use crate::client::Api;

const CHANGED: &str = "Somebody else changed it meanwhile";

both_databases! {
    fn two_people_draw_one_workflow(database) {
        let api = Api::start(database);
        let (mut eva, mut adam) = (Browser::signed_in(&api.acme, &api.acme.keys.primary), Browser::signed_in(&api.acme, &api.acme.keys.primary));
        let of_type = api.acme.post("/cases/types/cases", &json!({ "label": "Repairs" })).item(201)["id"].as_str().unwrap().to_owned();
        let path = format!("/cases/types/cases/{of_type}");
        let page = format!("/console/settings/case-types/{of_type}");
        let workflow = json!({
            "note": "kept",
            "status": [
                { "id": "n1", "type": "custom", "position": { "x": 0, "y": 0 }, "data": { "label": "Open", "own": [1] } },
                { "id": "n2", "type": "custom", "position": { "x": 300, "y": 0 }, "data": { "label": "Done", "recordResolutionSLA": true } },
            ],
            // With an id, without one, and two with the same: each keeps what is its own.
            "transition": [
                { "id": "e1", "source": "n1", "target": "n2", "label": "First", "own": "first" },
                { "source": "n2", "target": "n1", "label": "Second", "own": "second" },
                { "id": "twin", "source": "n1", "target": "n1", "label": "Third", "own": "third" },
                { "id": "twin", "source": "n2", "target": "n2", "label": "Fourth", "own": "fourth" },
            ],
        });
        api.acme.patch(&path, &json!({ "workflow": workflow })).item(200);
        let stored = || api.acme.get(&path).item(200)["workflow"].clone();
        let label = |workflow: &Value, own: &str| -> Value {
            let edges = workflow["transition"].as_array().unwrap();
            edges.iter().find(|edge| edge["own"] == own).map_or(Value::Null, |edge| edge["label"].clone())
        };
        let opened = eva.get(&page);
        // He takes the first transition away, and adds a status with a way to it.
        let his = submit(&mut adam, &page, &[("workflow.transition[0].remove", "yes"), ("workflow.status[2].data.label", "On <hold>")]);
        assert_eq!(his.status, 303, "{}", his.text);
        let hold = stored()["status"][2]["id"].as_str().unwrap().to_owned();
        let his = submit(&mut adam, &page, &[("workflow.transition[3].source", "n1"), ("workflow.transition[3].target", &hold), ("workflow.transition[3].label", "Wait")]);
        assert_eq!(his.status, 303, "{}", his.text);
        let his = stored();
        // She changes each label, takes the third away, and draws another.
        let hers: &[(&str, &str)] = &[
            ("label", "Her repairs"), ("workflow.status[0].data.label", "Begun"), ("workflow.transition[0].label", "1st"), ("workflow.transition[1].label", "2nd"),
            ("workflow.transition[2].remove", "yes"), ("workflow.transition[3].label", "4th"), ("workflow.transition[4].source", "n2"), ("workflow.transition[4].target", "n1"),
            ("workflow.transition[4].label", "Her <new>"),
        ];
        let late = send(&mut eva, &page, fields(&opened, &page), hers);
        assert!(late.status == 412 && late.text.contains(CHANGED), "{} {}", late.status, late.text);
        assert_eq!(stored(), his, "nothing was changed");
        for kept in ["Her repairs", "Begun", "1st", "2nd", "4th", "Her &lt;new&gt;"] {
            assert!(late.text.contains(&format!("value=\"{kept}\"")), "{kept}: {}", late.text);
        }
        assert!(!late.text.contains("value=\"Third\"") && !late.text.contains("<hold>") && !late.text.contains("<new>"), "{}", late.text);
        let lost = between(&late.text, "takes away from it:</p><ul>", "</ul>").unwrap();
        assert!(lost.contains("the status On &lt;hold&gt;") && lost.contains("the transition Wait: Open → On &lt;hold&gt;"), "{lost}");
        assert!(late.text.contains(&format!("<a href=\"{page}\" target=\"_blank\">Look at theirs</a>")), "{}", late.text);
        // A mistake on the way loses nothing either.
        let wrong = send(&mut eva, &page, fields(&late, &page), &[("workflow.status[1].data.label", "begun")]);
        assert!(wrong.status == 400 && !wrong.text.contains(CHANGED) && wrong.text.contains("value=\"Her &lt;new&gt;\""), "{}", wrong.text);
        let saved = send(&mut eva, &page, fields(&wrong, &page), &[("workflow.status[1].data.label", "Done")]);
        assert_eq!(saved.status, 303, "{}", saved.text);
        let now = stored();
        assert_eq!((&now["note"], &now["status"][0]["data"]["own"], &now["status"][0]["data"]["label"]), (&json!("kept"), &json!([1]), &json!("Begun")));
        assert_eq!((label(&now, "second"), label(&now, "fourth"), label(&now, "third")), (json!("2nd"), json!("4th"), Value::Null), "{now}");
        let labels: Vec<&str> = now["transition"].as_array().unwrap().iter().map(|edge| edge["label"].as_str().unwrap()).collect();
        assert_eq!(labels, ["1st", "2nd", "4th", "Her <new>"], "the one that he took away is drawn anew");
        assert_eq!(api.acme.get(&path).item(200)["label"], "Her repairs");
        // A case in what he added would be nowhere: hers is refused, and kept.
        submit(&mut adam, &page, &[("workflow.status[2].data.label", "Parts")]);
        let opened = eva.get(&page);
        api.acme.post("/cases/cases", &json!({ "title": "C", "caseTypeId": of_type, "status": "Parts" })).item(201);
        let refused = send(&mut eva, &page, fields(&opened, &page), &[("workflow.status[2].remove", "yes"), ("label", "Mine again")]);
        assert!(refused.status == 409 && refused.text.contains("value=\"Mine again\""), "{} {}", refused.status, refused.text);
        // Whoever deletes it first is first.
        let other = submit(&mut adam, "/console/settings/case-types", &[("label", "Other")]);
        let other = other.header("location").split('?').next().unwrap().to_owned();
        let opened = eva.get(&other);
        assert_eq!(adam.post(&format!("{other}/delete"), &[]).status, 303);
        assert_eq!(send(&mut eva, &other, fields(&opened, &other), &[]).status, 404);
    }

    fn a_mistake_hides_no_change_of_somebody_else(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let id = |answer: crate::client::Answer| answer.item(201)["id"].as_str().unwrap().to_owned();
        let pipeline = id(acme.post("/pipeline/pipelines/opportunities", &json!({ "name": "P", "stages": [{ "label": "A" }] })));
        let webhook = id(acme.post("/settings/webhooks", &json!({ "url": "https://example.com/h", "events": ["*"], "enabled": false })));
        let of_type = id(acme.post("/cases/types/cases", &json!({ "label": "T" })));
        let (mut eva, mut adam) = (Browser::signed_in(acme, &acme.keys.primary), Browser::signed_in(acme, &acme.keys.primary));
        let settings = "/console/settings";
        let contacts = acme.get("/directory/forms/contacts").items().len();
        let cases = acme.get(&format!("/cases/types/cases/{of_type}")).item(200)["form"].as_array().unwrap().len();
        let new = |list: &str, count: usize, id: &str| -> Pairs {
            [("label", "Mine"), ("id", id), ("type", "text")].map(|(member, value)| (format!("{list}[{count}].{member}"), value.to_owned())).to_vec()
        };
        let rows: [(String, Pairs, Pairs, Pairs); 5] = [
            (format!("{settings}/pipelines/{pipeline}"), text(&[("name", "Theirs")]), text(&[("stages[0].probability", "110"), ("name", "Mine")]), text(&[("stages[0].probability", "10")])),
            (format!("{settings}/webhooks/{webhook}"), text(&[("description", "Theirs")]), text(&[("url", "ftp://x"), ("description", "Mine")]), text(&[("url", "https://example.com/h")])),
            (format!("{settings}/case-types/{of_type}"), text(&[("label", "Theirs")]), text(&[("workflow.status[0].data.label", "Mine"), ("label", "")]), text(&[("label", "Mine")])),
            (format!("{settings}/forms/contacts"), text(&[("fields[1].label", "Theirs")]), new("fields", contacts, "not/an/id"), new("fields", contacts, "fine")),
            (format!("{settings}/case-types/{of_type}/form"), text(&[("form[1].label", "Theirs")]), new("form", cases, "not/an/id"), new("form", cases, "fine")),
        ];
        for (page, theirs, wrong, mended) in &rows {
            let opened = eva.get(page);
            let done = submit(&mut adam, page, &borrowed(theirs));
            assert_eq!(done.status, 303, "{page}: {}", done.text);
            let refused = send(&mut eva, page, fields(&opened, page), &borrowed(wrong));
            assert!(refused.status == 400 && refused.text.contains("value=\"Mine\""), "{page}: {} {}", refused.status, refused.text);
            let late = send(&mut eva, page, fields(&refused, page), &borrowed(mended));
            assert!(late.status == 412 && late.text.contains(CHANGED) && late.text.contains("value=\"Mine\""), "{page}: {} {}", late.status, late.text);
            assert!(adam.get(page).text.contains("value=\"Theirs\""), "{page}: theirs is there");
            let saved = send(&mut eva, page, fields(&late, page), &[]);
            assert_eq!(saved.status, 303, "{page}: {}", saved.text);
            let now = eva.get(page);
            assert!(now.text.contains("value=\"Mine\"") && !now.text.contains("value=\"Theirs\""), "{page}: {}", now.text);
        }
        // Nor does the question whether it may break something.
        for (page, list, count) in [(format!("{settings}/forms/contacts"), "fields", contacts), (format!("{settings}/case-types/{of_type}/form"), "form", cases)] {
            let opened = eva.get(&page);
            assert_eq!(submit(&mut adam, &page, &[(&format!("{list}[1].label"), "Theirs again")]).status, 303);
            let asked = send(&mut eva, &page, fields(&opened, &page), &[(&format!("{list}[{count}].remove"), "yes")]);
            assert!(asked.status == 200 && asked.text.contains("is taken off the form"), "{page}: {}", asked.text);
            let late = send(&mut eva, &page, fields(&asked, &page), &[]);
            assert!(late.status == 412 && late.text.contains(CHANGED), "{page}: {} {}", late.status, late.text);
            assert!(adam.get(&page).text.contains("value=\"Theirs again\"") && adam.get(&page).text.contains("value=\"Mine\""), "{page}");
        }
    }
}

/// Fields of a form.
type Pairs = Vec<(String, String)>;

fn text(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
