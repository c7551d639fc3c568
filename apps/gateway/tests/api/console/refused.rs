//! What a form or an address is refused for: told on the page with the form, which has what was typed.

use crm_testkit::both_databases;
use serde_json::json;

use super::settings::{fields, submit};
use super::{KINDS, PAGES, paths};
use crate::browser::{Browser, between};
use crate::client::{Answer, Api, Client};

/// The part of a page with the field of this id, up to the next one.
fn field<'p>(page: &'p Answer, id: &str) -> &'p str {
    between(&page.text, &format!("<label for=\"{id}\""), "</div></div>")
        .unwrap_or_else(|| panic!("{id}: {}", page.text))
}

/// The paths of the forms on a page that are sent.
fn forms(page: &Answer) -> Vec<String> {
    let forms = page.text.split("<form").skip(1).filter_map(|rest| rest.split_once('>'));
    let sent = forms.filter(|(tag, _)| tag.contains("method=\"post\""));
    let mut actions: Vec<String> =
        sent.filter_map(|(tag, _)| between(tag, "action=\"", "\"").map(str::to_owned)).collect();
    actions.retain(|action| !action.ends_with("/sign-out") && !action.ends_with("/rotate"));
    actions.dedup();
    actions
}

fn one_of_each_kind(client: &Client) {
    for (_, path) in KINDS {
        let name = if path.starts_with("/directory") { "name" } else { "title" };
        client.post(path, &json!({ name: "One" })).item(201);
    }
}

both_databases! {
    /// PostgreSQL holds no NUL: a page that asks for one has to be asked before.
    fn a_text_that_no_database_holds_is_told_beside_its_field(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        one_of_each_kind(acme);
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let long = "x".repeat(256);
        for (path, field, required) in [
            ("/console/leads/new", "organizationId", "title"),
            ("/console/leads/new", "contactId", "title"),
            ("/console/opportunities/new", "organizationId", "title"),
            ("/console/cases/new", "contactId", "title"),
            ("/console/leads/1/edit", "contactId", "title"),
            ("/console/contacts/1/edit", "organizationId", "name"),
        ] {
            for (text, words) in [("a\0", "control characters"), (long.as_str(), "at most 255 characters")] {
                let refused = submit(&mut browser, path, &[(required, "Kept"), (field, text)]);
                assert_eq!(refused.status, 400, "{path}: {field}: {}", refused.text);
                let beside = between(&refused.text, &format!("id=\"f-{field}-words\""), "</div>");
                assert!(beside.is_some_and(|beside| beside.contains(words)), "{path}: {field}: {}", refused.text);
                assert!(refused.text.contains("value=\"Kept\""), "{path}: {}", refused.text);
            }
        }
        for text in ["a\0", "\0"] {
            let refused = browser.post("/console/leads/selected", &[("id", "1"), ("action", "owner"), ("owner", text)]);
            assert!(refused.status == 400 && field(&refused, "selected-owner").contains("control characters"), "{}", refused.text);
        }
        for query in ["owner=a%00", "ownerId=a%00", "contact=%00b", "contactId=%00", "title=%00", "tags=%00", "customFields.a=%00", "%00=1"] {
            for page in ["/console/leads", "/console/board", "/console/cases", "/console/leads/export"] {
                assert_eq!(browser.get(&format!("{page}?{query}")).status, 400, "{page}?{query}");
            }
        }
        for path in ["/console/search?q=%00", "/console/leads/compare?id=%00", "/console/trash?continuationToken=%00"] {
            assert!([400, 404].contains(&browser.get(path).status), "{path}");
        }
    }

    /// Each field of each form, one after the other.
    fn no_field_of_a_form_breaks_a_page(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        for (records, path) in KINDS {
            let name = if path.starts_with("/directory") { "name" } else { "title" };
            acme.post(path, &json!({ name: "One" })).item(201);
            let tags = path.rsplit_once('/').map(|(area, _)| format!("{area}/tags/{records}")).unwrap();
            acme.post(&tags, &json!({ "label": "new", "color": "#00ff00" })).item(201);
        }
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let mut seen = Vec::new();
        for path in paths(PAGES, "1").iter().filter(|path| !path.contains("/export")) {
            let page = browser.get(path);
            for action in forms(&page) {
                if seen.contains(&action) {
                    continue;
                }
                let all = fields(&page, &action);
                // One row of a table is as the others.
                let is_first = |name: &&str| !name.contains('[') || name.contains("[0]");
                let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "_token").filter(is_first).collect();
                for name in names {
                    let sent: Vec<(&str, &str)> = all
                        .iter()
                        .filter(|(other, _)| other != "_token")
                        .map(|(other, value)| (other.as_str(), if other == name { "a\0b" } else { value.as_str() }))
                        .collect();
                    let answer = browser.post(&action, &sent);
                    assert!(answer.status < 500, "{action}: {name}: {} {}", answer.status, answer.text);
                }
                seen.push(action);
            }
        }
        assert!(seen.len() > 40, "{seen:?}");
    }

    fn a_loss_that_is_refused_is_asked_for_again(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        acme.post("/pipeline/opportunities", &json!({ "title": "Alpha" })).item(201);
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let long = "x".repeat(306);
        for reason in ["", " ", long.as_str()] {
            for back in [None, Some("/console/board?title=Al")] {
                browser.get("/console/board");
                let form = [("status", "lost"), ("reasonId", reason), ("comment", "TYPED\r\nmore")];
                let form: Vec<_> = form.into_iter().chain(back.map(|back| ("back", back))).collect();
                let refused = browser.post("/console/opportunities/1/status", &form);
                assert_eq!(refused.status, 400, "{}", refused.text);
                let asked = between(&refused.text, "<summary>Lost</summary>", "</details>").unwrap();
                assert!(asked.contains("class=\"bad\"") && asked.contains("aria-invalid=\"true\""), "{asked}");
                assert!(asked.contains(&format!("name=\"reasonId\" type=\"text\" value=\"{reason}\"")), "{asked}");
                assert!(asked.contains("TYPED\r\nmore</textarea>"), "{asked}");
                assert_eq!(back.is_some(), asked.contains("name=\"back\" value=\"/console/board?title=Al\""), "{asked}");
                assert!(refused.text.contains("<details class=\"pop\" open><summary>Lost"), "{}", refused.text);
                assert_eq!(refused.text.matches("TYPED").count(), 1, "it is no comment about the record");
            }
        }
        // What no field is wrong with is told above.
        acme.post("/pipeline/opportunities/1/updateStatus", &json!({ "status": "won" }));
        browser.get("/console/board");
        let refused = browser.post("/console/opportunities/1/stage", &[("stage", "nowhere")]);
        assert!([400, 409].contains(&refused.status), "{}", refused.text);
        assert!(refused.text.contains("role=\"alert\"") && refused.text.contains("Alpha"), "{}", refused.text);
        for (records, path) in [("contacts", "/directory/contacts"), ("organizations", "/directory/organizations")] {
            acme.post(path, &json!({ "name": "One" })).item(201);
            let refused = browser.post(&format!("/console/{records}/1/merge"), &[("sourceId", "nine")]);
            assert!(refused.status == 400 && field(&refused, "merge-source").contains("value=\"nine\""), "{}", refused.text);
            // The number of none is wrong beside its field too; of a record that is gone itself there is no page.
            let refused = browser.post(&format!("/console/{records}/1/merge"), &[("sourceId", "#99")]);
            let told = field(&refused, "merge-source");
            assert!(refused.status == 400 && told.contains("value=\"#99\"") && told.contains("is the number of no "), "{}", refused.text);
            assert_eq!(browser.post(&format!("/console/{records}/98/merge"), &[("sourceId", "99")]).status, 404);
        }
    }

    fn what_is_wrong_with_those_that_are_selected_is_told_on_their_list(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        for (records, path) in KINDS {
            let name = if path.starts_with("/directory") { "name" } else { "title" };
            for text in ["Alpha", "Alphabet", "Beta"] {
                acme.post(path, &json!({ name: text, "owner": { "id": "eva" } })).item(201);
            }
            let mut browser = Browser::signed_in(acme, &acme.keys.primary);
            let back = format!("/console/{records}?{name}=Alpha");
            browser.get(&back);
            let selected = format!("/console/{records}/selected");
            let long = "x".repeat(305);
            for owner in [long.as_str(), "", " "] {
                let refused = browser.post(&selected, &[("id", "2"), ("action", "owner"), ("owner", owner), ("back", &back)]);
                assert_eq!(refused.status, 400, "{records}: {}", refused.text);
                let beside = field(&refused, "selected-owner");
                assert!(beside.contains(&format!("value=\"{owner}\"")) && beside.contains("class=\"bad\""), "{beside}");
                assert!(refused.text.contains("value=\"2\" checked") && !refused.text.contains("value=\"1\" checked"), "{}", refused.text);
                assert!(refused.text.contains(">Alphabet</a>") && !refused.text.contains(">Beta</a>"), "the list that it was: {}", refused.text);
            }
            for action in ["bogus", ""] {
                let refused = browser.post(&selected, &[("id", "1"), ("action", action), ("back", &back)]);
                assert!(refused.status == 400 && refused.text.contains("none that this page offers"), "{}", refused.text);
            }
            assert_eq!(browser.post(&selected, &[("id", "1"), ("back", &back)]).status, 400);
            assert_eq!(acme.get(&format!("{path}/1")).item(200)["owner"]["id"], "eva", "nobody said that it is nobody's");
            let taken = browser.post(&selected, &[("id", "1"), ("id", "2"), ("action", "noOwner"), ("owner", "x"), ("back", &back)]);
            assert_eq!((taken.status, taken.header("location")), (303, format!("{back}&notice=changed").as_str()));
            assert!(acme.get(&format!("{path}/1")).item(200)["owner"].is_null() && acme.get(&format!("{path}/3")).item(200)["owner"].is_object());
        }
    }

    fn a_method_that_a_page_has_not_is_told_which_it_has(database) {
        let api = Api::start(database);
        for (method, path, allowed) in [
            ("PUT", "/console/leads", "GET, HEAD"),
            ("POST", "/console", "GET, HEAD"),
            ("OPTIONS", "/console", "GET, HEAD"),
            ("GET", "/console/sign-out", "POST"),
            ("GET", "/console/leads/1/convert", "POST"),
            ("DELETE", "/console/leads/1/edit", "GET, HEAD, POST"),
        ] {
            let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
            let refused = browser.send(method, path, None, &[]);
            assert_eq!((refused.status, refused.header("allow")), (405, allowed), "{method} {path}");
            assert_eq!(refused.header("content-type"), "text/html; charset=utf-8", "{method} {path}");
        }
    }

    /// The form of the filters has what was typed, and beside each field what is wrong with it.
    fn a_filter_that_is_refused_is_asked_for_again(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let long = "x".repeat(300);
        for (records, path) in KINDS {
            let name = if path.starts_with("/directory") { "name" } else { "title" };
            acme.post(path, &json!({ name: "One of them" })).item(201);
            let mut browser = Browser::signed_in(acme, &acme.keys.primary);
            let list = format!("/console/{records}");
            let refused = browser.get(&format!("{list}?createdAfterDate=zz&{name}=KEEP&orderBy={name}&columns=id"));
            assert_eq!(refused.status, 400, "{}", refused.text);
            let date = field(&refused, "filter-createdAfterDate");
            assert!(date.contains("type=\"text\"") && date.contains("value=\"zz\"") && date.contains("class=\"bad\""), "{date}");
            assert!(date.contains("aria-invalid=\"true\"") && date.contains("aria-describedby=\"filter-createdAfterDate-words\""), "{date}");
            assert!(refused.text.contains(&format!("name=\"{name}\" value=\"KEEP\"")), "{}", refused.text);
            assert!(refused.text.contains(&format!("name=\"orderBy\" value=\"{name}\"")), "{}", refused.text);
            assert!(!refused.text.contains("One of them") && !refused.text.contains("Nothing matches"), "{}", refused.text);
            let ids = browser.get(&format!("{list}?ids=abc"));
            assert!(ids.status == 400 && field(&ids, "filter-ids").contains("value=\"abc\""), "{}", ids.text);
            let text = browser.get(&format!("{list}?{name}={long}"));
            assert!(text.status == 400 && field(&text, &format!("filter-{name}")).contains("at most 255 characters"), "{}", text.text);
            let bogus = browser.get(&format!("{list}?bogus=1"));
            assert!(bogus.status == 400 && bogus.text.contains("bogus: is no parameter"), "{}", bogus.text);
            assert!(!bogus.text.contains("name=\"bogus\""), "the form does not ask for it again: {}", bogus.text);
        }
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let contact = browser.get(&format!("/console/leads?contact={long}&title=KEEP"));
        assert_eq!(contact.status, 400);
        assert!(field(&contact, "filter-contactId").contains(&format!("value=\"{long}\"")) && contact.text.contains("value=\"KEEP\""), "{}", contact.text);
        // What it is filtered by besides stays what it was.
        let named = browser.get("/console/leads?contactId=1&createdAfterDate=zz");
        assert!(named.text.contains("name=\"contact\" value=\"One of them\""), "{}", named.text);
        let board = browser.get(&format!("/console/board?title={long}&ownerId=eva"));
        assert!(board.status == 400 && field(&board, "board-title").contains("at most 255 characters"), "{}", board.text);
        assert!(!board.text.contains("class=\"deal\""), "{}", board.text);
        let search = browser.get(&format!("/console/search?q={long}"));
        assert!(search.status == 400 && field(&search, "q").contains(&format!("value=\"{long}\"")), "{}", search.text);
        let trash = browser.get(&format!("/console/trash?title={long}&kinds=lead"));
        assert!(trash.status == 400 && field(&trash, "trash-title").contains("at most 255 characters"), "{}", trash.text);
        assert!(trash.text.contains("<option value=\"lead\" selected>"), "{}", trash.text);
    }

    /// No page takes a parameter that it does not know.
    fn a_parameter_that_nobody_reads_is_refused(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        one_of_each_kind(acme);
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        for path in paths(PAGES, "1") {
            let sign = if path.contains('?') { '&' } else { '?' };
            let refused = browser.get(&format!("{path}{sign}bogus=1"));
            assert!(refused.status == 400 && refused.text.contains("bogus"), "{path}: {}", refused.text);
        }
        for path in ["/console/board?stage=zz", "/console/leads/1?done=bogus", "/console/settings/keys?done", "/console/imports?file=1"] {
            assert_eq!(browser.get(path).status, 400, "{path}");
        }
        for path in ["/console/leads/1?done=saved", "/console/settings/keys?done=deleted", "/console/trash?done=gone", "/console/leads?notice=changed", "/console/leads?title=&owner="] {
            let page = browser.get(path);
            assert!(page.status == 200 || page.status == 303, "{path}: {}", page.text);
        }
        for path in paths(super::FORMS, "1") {
            assert_eq!(browser.post(&format!("{path}?bogus=1"), &[]).status, 400, "{path}");
        }
    }

    fn the_trash_is_searched_and_what_is_in_it_erased(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        for (records, path) in KINDS {
            let name = if path.starts_with("/directory") { "name" } else { "title" };
            for text in ["Ärger", "Zebra"] {
                let id = acme.post(path, &json!({ name: format!("{text} {records}") })).item(201)["id"].as_str().unwrap().to_owned();
                assert_eq!(acme.delete(&format!("{path}/{id}")).status, 204);
            }
        }
        let rows = |page: &Answer| page.text.matches("/restore\"").count();
        let all = browser.get("/console/trash");
        assert_eq!((all.status, rows(&all)), (200, 10), "{}", all.text);
        for (query, found) in [("title=arger", 5), ("title=ZEB&kinds=lead", 1), ("kinds=case", 2), ("title=&kinds=", 10), ("title=none", 0), ("kinds=lead&title=%25", 0)] {
            let page = browser.get(&format!("/console/trash?{query}"));
            assert_eq!((page.status, rows(&page)), (200, found), "{query}: {}", page.text);
        }
        let next = browser.get("/console/trash?kinds=lead&sort=asc");
        assert!(next.text.contains("<option value=\"lead\" selected>"), "{}", next.text);
        for (records, path) in KINDS {
            let kind = if records == "opportunities" { "opportunity" } else { records.trim_end_matches('s') };
            let page = browser.get(&format!("/console/trash?kinds={kind}&title=zebra"));
            let action = format!("/console/trash/{kind}/2/delete");
            assert!(page.text.contains("name=\"erase\"") && page.text.contains("This cannot be undone."), "{}", page.text);
            let form = fields(&page, &action);
            assert!(!form.iter().any(|(name, _)| name == "erase"), "nobody erases who does not say so: {form:?}");
            let erased = browser.post(&action, &[("erase", "true")]);
            assert_eq!((erased.status, erased.header("location")), (303, "/console/trash?done=erased"), "{}", erased.text);
            assert!(browser.get("/console/trash?done=erased").text.contains("and so are its values in the history"));
            let history = acme.get(&format!("{path}/2/history"));
            assert!(history.items().iter().any(|change| change["erased"] == true), "{kind}: {}", history.text);
            assert!(!history.text.contains("Zebra"), "{kind}: {}", history.text);
            assert_eq!(browser.post(&action, &[("erase", "true")]).status, 404, "{kind}");
            let gone = browser.post(&format!("/console/trash/{kind}/1/delete"), &[]);
            assert_eq!((gone.status, gone.header("location")), (303, "/console/trash?done=gone"), "{}", gone.text);
            let history = acme.get(&format!("{path}/1/history"));
            assert!(history.items().iter().all(|change| change["erased"] != true), "{kind}: {}", history.text);
        }
        // Somebody's who may not read them is neither shown nor found.
        let made = acme.post("/settings/keys", &json!({ "name": "D", "scopes": ["directory:read"] }));
        let mut other = Browser::signed_in(acme, made.item(201)["key"].as_str().unwrap());
        acme.post("/pipeline/leads", &json!({ "title": "Hidden" })).item(201);
        assert_eq!(acme.delete("/pipeline/leads/3").status, 204);
        for query in ["", "?kinds=lead", "?title=hidden", "?title=hidden&kinds=lead,contact"] {
            let page = other.get(&format!("/console/trash{query}"));
            assert!(page.status == 200 && !page.text.contains("Hidden"), "{query}: {}", page.text);
        }
    }
}
