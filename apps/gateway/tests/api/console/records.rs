//! Records are made, changed, talked about, deleted and restored.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use super::settings::{fields, send, submit};
use crate::browser::{Browser, between};
use crate::client::{Answer, Api};

both_databases! {
    fn a_record_is_made_by_a_form(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        acme.post("/directory/organizations", &json!({ "name": "Acme Corp" })).item(201);
        for _ in 0..2 {
            acme.post("/directory/organizations", &json!({ "name": "Twin" })).item(201);
        }
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        browser.get("/console/opportunities/new");
        let fields = [
            ("title", "Big deal"), ("value.amount", "25000.50"), ("value.code", "EUR"), ("organizationId", "acme corp"),
            ("origin", "referral"), ("owner.name", "Sarah"), ("owner.email", "sarah@example.com"), ("note", "a\r\nb"),
        ];
        let made = browser.post("/console/opportunities/new", &fields);
        assert_eq!((made.status, made.header("location")), (303, "/console/opportunities/1?done=made"), "{}", made.text);
        let item = acme.get("/pipeline/opportunities/1");
        let item = item.item(200);
        assert_eq!((&item["title"], &item["value"]["code"], &item["organization"]["name"]), (&json!("Big deal"), &json!("EUR"), &json!("Acme Corp")));
        assert_eq!((&item["owner"]["id"], &item["note"], &item["origin"]), (&json!("sarah@example.com"), &json!("a\nb"), &json!("referral")));
        let page = browser.get(made.header("location"));
        for words in ["Made.", "Big deal", "25\u{202f}000.5", "Acme Corp", "Sarah", "Created"] {
            assert!(page.text.contains(words), "{words}: {}", page.text);
        }
        for (name, words) in [("Twin", "is the name of several"), ("Nobody", "is the name of none")] {
            let refused = browser.post("/console/opportunities/new", &[("title", "Kept"), ("organizationId", name), ("value.amount", "much")]);
            assert_eq!(refused.status, 400);
            assert!(refused.text.contains(words) && refused.text.contains("value=\"Kept\""), "{}", refused.text);
        }
        let refused = browser.post("/console/opportunities/new", &[("title", ""), ("value.amount", "much"), ("value.code", "EUR")]);
        let words = between(&refused.text, "id=\"f-title-words\"", "</div>").unwrap();
        assert!(words.contains("class=\"bad\"") && refused.text.contains("value=\"much\""), "{}", refused.text);
    }

    fn what_none_is_called_is_made_on_the_way(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let all = |path: &str| acme.get(path).items().len();
        for (records, path, title) in [("contacts", "/directory/contacts", "name"), ("leads", "/pipeline/leads", "title"), ("opportunities", "/pipeline/opportunities", "title"), ("cases", "/cases/cases", "title")] {
            let new = format!("/console/{records}/new");
            browser.get(&new);
            let name = format!("New & <b>{records}</b>");
            let fields = [(title, "Kept"), ("organizationId", name.as_str())];
            let (records_before, organizations) = (all(path), all("/directory/organizations"));
            let refused = browser.post(&new, &fields);
            assert_eq!(refused.status, 400, "{}", refused.text);
            assert!(refused.text.contains("value=\"Kept\"") && refused.text.contains(&format!("value=\"New &amp; &lt;b&gt;{records}&lt;/b&gt;\"")), "{}", refused.text);
            assert!(refused.text.contains("name=\"make:organizationId\""), "{}", refused.text);
            assert_eq!((all(path), all("/directory/organizations")), (records_before, organizations), "nothing was made");
            // What is wrong elsewhere makes neither.
            let wrong = browser.post(&new, &[(title, ""), fields[1], ("make:organizationId", "yes")]);
            assert_eq!((wrong.status, all("/directory/organizations")), (400, organizations), "{}", wrong.text);
            let made = browser.post(&new, &[fields[0], fields[1], ("make:organizationId", "yes")]);
            assert_eq!(made.status, 303, "{}", made.text);
            let id = made.header("location").split('/').next_back().unwrap().split('?').next().unwrap().to_owned();
            assert_eq!(acme.get(&format!("{path}/{id}")).item(200)["organization"]["name"], name);
            // The name is there now: the box makes no second one.
            assert_eq!(browser.post(&new, &[fields[0], fields[1], ("make:organizationId", "yes")]).status, 303);
            assert_eq!(all("/directory/organizations"), organizations + 1);
        }
        // A contact too, of a record that is there.
        let form = browser.get("/console/leads/1/edit");
        let refused = browser.post("/console/leads/1/edit", &[("was:contactId", ""), ("contactId", "Jane New")]);
        assert!(form.status == 200 && refused.status == 400 && refused.text.contains("Make a contact of this name"), "{}", refused.text);
        let made = browser.post("/console/leads/1/edit", &[("was:contactId", ""), ("contactId", "Jane New"), ("make:contactId", "yes")]);
        assert_eq!(made.status, 303, "{}", made.text);
        assert_eq!(acme.get("/pipeline/leads/1").item(200)["contact"]["name"], "Jane New");
        // A number that none has is nothing to be made of.
        let refused = browser.post("/console/leads/new", &[("title", "T"), ("organizationId", "#999"), ("make:organizationId", "yes")]);
        assert!(refused.status == 400 && !refused.text.contains("name=\"make:"), "{}", refused.text);
        // What its form asks for beside the name is said where the name was typed.
        let field = json!({ "id": "branch", "label": "Branch", "category": "custom", "type": "text", "required": true });
        assert_eq!(acme.put("/directory/forms/organizations", &json!({ "fields": [field] })).status, 200);
        let refused = browser.post("/console/leads/new", &[("title", "T"), ("organizationId", "Another"), ("make:organizationId", "yes")]);
        let words = between(&refused.text, "id=\"f-organizationId-words\"", "</div>").unwrap();
        assert!(refused.status == 400 && words.contains("cannot be made by its name alone: customFields.branch"), "{}", refused.text);

        // Nobody makes what they may not.
        let made = acme.post("/settings/keys", &json!({ "name": "K", "scopes": ["pipeline:write", "directory:read"] }));
        let mut some = Browser::signed_in(acme, made.item(201)["key"].as_str().unwrap());
        some.get("/console/leads/new");
        let before = all("/directory/organizations");
        let refused = some.post("/console/leads/new", &[("title", "T"), ("organizationId", "Not theirs"), ("make:organizationId", "yes")]);
        assert!(refused.status == 400 && refused.text.contains("is the name of none") && !refused.text.contains("name=\"make:"), "{}", refused.text);
        assert_eq!(all("/directory/organizations"), before);
    }

    fn two_people_change_one_record(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        acme.post("/pipeline/leads", &json!({ "title": "Before", "origin": "website" })).item(201);
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let form = browser.get("/console/leads/1/edit");
        let was = |page: &str| -> Vec<(String, String)> {
            let fields = page.split("name=\"was:").skip(1);
            let pairs = fields.map(|rest| (format!("was:{}", rest.split('"').next().unwrap()), between(rest, "value=\"", "\"").unwrap_or_default().to_owned()));
            pairs.collect()
        };
        let send = |browser: &mut Browser, was: &[(String, String)], changed: &[(&str, &str)]| {
            let mut all: Vec<(&str, &str)> = was.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let same: Vec<(&str, &str)> = was.iter().map(|(name, value)| (name.trim_start_matches("was:"), value.as_str())).collect();
            all.extend(same.into_iter().filter(|(name, _)| !changed.iter().any(|(other, _)| other == name)));
            all.extend(changed);
            browser.post("/console/leads/1/edit", &all)
        };
        let was_at_first = was(&form.text);
        acme.patch("/pipeline/leads/1", &json!({ "origin": "partner", "title": "Theirs" })).item(200);
        // Another field: both are kept.
        let saved = send(&mut browser, &was_at_first, &[("note", "mine")]);
        assert_eq!((saved.status, saved.header("location")), (303, "/console/leads/1?done=saved"), "{}", saved.text);
        let lead = acme.get("/pipeline/leads/1");
        assert_eq!((&lead.item(200)["note"], &lead.item(200)["origin"], &lead.item(200)["title"]), (&json!("mine"), &json!("partner"), &json!("Theirs")));
        // The same field: both are shown, and nothing is changed.
        let etag = lead.header("etag").to_owned();
        let conflict = send(&mut browser, &was_at_first, &[("title", "Mine")]);
        assert_eq!(conflict.status, 412, "{}", conflict.text);
        assert!(conflict.text.contains("value=\"Mine\"") && conflict.text.contains("Keep theirs: <strong>Theirs"), "{}", conflict.text);
        assert_eq!(acme.get("/pipeline/leads/1").header("etag"), etag);
        let was_now = was(&conflict.text);
        let theirs = send(&mut browser, &was_now, &[("title", "Mine"), ("keep:title", "theirs")]);
        assert_eq!(theirs.status, 303);
        assert_eq!(acme.get("/pipeline/leads/1").item(200)["title"], "Theirs");
        // What was chosen is kept where something else is refused.
        let refused = send(&mut browser, &was_now, &[("title", "Mine"), ("keep:title", "theirs"), ("organizationId", "Nobody")]);
        assert!(refused.status == 400 && refused.text.contains("name=\"title\" value=\"Theirs\""), "{} {}", refused.status, refused.text);
        // Somebody changes it a third time while both are shown: nobody saw that, whatever was chosen.
        acme.patch("/pipeline/leads/1", &json!({ "title": "Third" })).item(200);
        for choice in ["mine", "theirs"] {
            let late = send(&mut browser, &was_now, &[("title", "Mine"), ("keep:title", choice)]);
            assert!(late.status == 412 && late.text.contains("Keep theirs: <strong>Third"), "{choice}: {} {}", late.status, late.text);
            assert_eq!(acme.get("/pipeline/leads/1").item(200)["title"], "Third", "{choice}");
        }
        let was_now = was(&send(&mut browser, &was_now, &[("title", "Mine"), ("keep:title", "mine")]).text);
        let mine = send(&mut browser, &was_now, &[("title", "Mine"), ("keep:title", "mine")]);
        assert_eq!(mine.status, 303, "{}", mine.text);
        assert_eq!(acme.get("/pipeline/leads/1").item(200)["title"], "Mine");
        let unchanged = acme.get("/pipeline/leads/1").header("etag").to_owned();
        let form = browser.get("/console/leads/1/edit");
        assert_eq!(send(&mut browser, &was(&form.text), &[]).status, 303);
        assert_eq!(acme.get("/pipeline/leads/1").header("etag"), unchanged, "a form that nobody touched changes nothing");
    }

    /// An option that a field has no longer goes when somebody takes it off, and not by saving something else.
    fn what_is_no_longer_offered_stays_until_it_is_taken_off(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let form = |options: Value, tags: Value| json!({ "fields": [
            { "id": "sizes", "label": "Sizes", "category": "custom", "type": "dropdown", "options": options },
            { "id": "marks", "label": "Marks", "category": "custom", "type": "tag-picker", "options": tags },
        ] });
        let tag = |id: &str, label: &str| json!({ "id": id, "label": label, "color": "#ffcc00" });
        assert_eq!(acme.put("/directory/forms/contacts", &form(json!(["a", "b", "c"]), json!([tag("old", "Old <mark>"), tag("new", "New")]))).status, 200);
        let values = json!({ "sizes": ["c", "a"], "marks": [{ "id": "old" }] });
        acme.post("/directory/contacts", &json!({ "name": "Jane", "customFields": values })).item(201);
        let now = || acme.get("/directory/contacts/1").item(200).clone();
        let ids = |list: &Value| list.as_array().into_iter().flatten().map(|one| one["id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>();
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let edit = "/console/contacts/1/edit";
        // In another order than the form has them, and untouched.
        let before = acme.get("/directory/contacts/1").header("etag").to_owned();
        assert_eq!(submit(&mut browser, edit, &[]).status, 303);
        assert_eq!(acme.get("/directory/contacts/1").header("etag"), before, "nothing was changed");
        acme.put("/directory/forms/contacts", &form(json!(["a", "b"]), json!([tag("new", "New")])));
        let page = browser.get(edit);
        for words in ["c (no longer offered)", "Old &lt;mark&gt; (no longer offered)"] {
            assert!(page.text.contains(words), "{words}: {}", page.text);
        }
        assert_eq!(submit(&mut browser, edit, &[("name", "Jane W")]).status, 303);
        let contact = now();
        assert_eq!((&contact["name"], &contact["customFields"]["sizes"], ids(&contact["customFields"]["marks"])), (&json!("Jane W"), &json!(["c", "a"]), vec!["old".to_owned()]));
        // The same list is no change to the API either.
        let same = acme.patch("/directory/contacts/1", &json!({ "name": "Jane", "customFields": { "sizes": ["c", "a"] } }));
        assert_eq!(same.item(200)["customFields"]["sizes"], json!(["c", "a"]));
        // Taken off, with what was typed shown again where something else is wrong.
        let taken = |name: &str, id: &str| -> Vec<(String, String)> {
            let all = fields(&page, edit).into_iter();
            all.filter(|(of, value)| !(of == name && value == id)).collect()
        };
        let refused = send(&mut browser, edit, taken("customFields.marks", "old"), &[("name", "")]);
        assert!(refused.status == 400 && refused.text.contains("value=\"old\">"), "it is drawn, and not ticked: {}", refused.text);
        assert_eq!(send(&mut browser, edit, taken("customFields.sizes", "c"), &[]).status, 303);
        assert_eq!(send(&mut browser, edit, taken("customFields.marks", "old"), &[]).status, 303);
        let contact = now();
        assert_eq!((&contact["customFields"]["sizes"], ids(&contact["customFields"]["marks"]).len()), (&json!(["a"]), 0), "{contact}");
        let page = browser.get(edit);
        assert!(!page.text.contains("no longer offered"), "{}", page.text);
    }

    fn a_record_is_talked_about_deleted_and_restored(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        for (records, path) in super::KINDS {
            let name = if path.starts_with("/directory") { "name" } else { "title" };
            acme.post(path, &json!({ name: "Phoenix" })).item(201);
            let page = format!("/console/{records}/1");
            browser.get(&page);
            assert_eq!(browser.post(&format!("{page}/comments"), &[("comment", "Said <i>here</i>")]).status, 303);
            assert!(browser.get(&page).text.contains("Said &lt;i&gt;here"), "{records}");
            let empty = browser.post(&format!("{page}/comments"), &[("comment", " ")]);
            assert!(empty.status == 400 && empty.text.contains("id=\"f-comment-words\""), "{}", empty.text);
            let deleted = browser.post(&format!("{page}/delete"), &[]);
            assert_eq!((deleted.status, deleted.header("location")), (303, format!("/console/{records}?notice=deleted").as_str()));
            assert_eq!(browser.get(&page).status, 404);
            let trash = browser.get("/console/trash");
            let restore = between(&trash.text, "action=\"", "\"").map(str::to_owned);
            assert!(trash.text.contains("Phoenix") && restore.is_some(), "{}", trash.text);
            let singular = if records == "opportunities" { "opportunity" } else { records.trim_end_matches('s') };
            let restored = browser.post(&format!("/console/trash/{singular}/1/restore"), &[]);
            assert_eq!(restored.header("location"), format!("{page}?done=restored"), "{}", restored.text);
            assert!(browser.get(restored.header("location")).text.contains("Said &lt;i&gt;here"));
            browser.post(&format!("{page}/delete"), &[]);
            let gone = browser.post(&format!("/console/trash/{singular}/1/delete"), &[]);
            assert_eq!(gone.header("location"), "/console/trash?done=gone");
            assert_eq!(browser.post(&format!("/console/trash/{singular}/1/restore"), &[]).status, 404);
        }
    }

    fn leads_are_archived_and_converted_contacts_merged_cases_walked(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        acme.post("/pipeline/leads", &json!({ "title": "L" })).item(201);
        browser.get("/console/leads/1");
        for (action, is_archived) in [("archive", true), ("unarchive", false)] {
            assert_eq!(browser.post(&format!("/console/leads/1/{action}"), &[]).header("location"), "/console/leads/1?done=done");
            assert_eq!(acme.get("/pipeline/leads/1").item(200)["isArchived"], is_archived);
        }
        assert_eq!(browser.post("/console/leads/1/convert", &[]).header("location"), "/console/opportunities/1?done=converted");
        let again = browser.post("/console/leads/1/convert", &[]);
        assert!(again.status == 409 && again.text.contains("The lead was converted into the opportunity 1."), "{}", again.text);
        for name in ["One", "Two"] {
            acme.post("/directory/contacts", &json!({ "name": name })).item(201);
            acme.post("/directory/organizations", &json!({ "name": name })).item(201);
            acme.post("/pipeline/leads", &json!({ "title": name })).item(201);
        }
        // From the page of a lead too.
        let page = browser.get("/console/leads/2");
        let form = fields(&page, "/console/leads/2/merge");
        let wrong = send(&mut browser, "/console/leads/2/merge", form.clone(), &[("sourceId", "nine")]);
        assert!(wrong.status == 400 && wrong.text.contains("<h1>One</h1>") && wrong.text.contains("id=\"merge-source\""), "{}", wrong.text);
        let merged = send(&mut browser, "/console/leads/2/merge", form, &[("sourceId", "3")]);
        assert_eq!(merged.header("location"), "/console/leads/2?done=merged", "{}", merged.text);
        assert_eq!(browser.get("/console/leads/3").status, 404);
        for records in ["contacts", "organizations"] {
            let merged = browser.post(&format!("/console/{records}/1/merge"), &[("sourceId", "#2")]);
            assert_eq!(merged.header("location"), format!("/console/{records}/1?done=merged"), "{}", merged.text);
            assert_eq!(browser.get(&format!("/console/{records}/2")).status, 404);
        }
        let case = acme.post("/cases/cases", &json!({ "title": "C" }));
        let first = case.item(201)["status"].as_str().unwrap().to_owned();
        let page = browser.get("/console/cases/1");
        let steps = between(&page.text, "<select id=\"f-step\"", "</select>").unwrap();
        let step = steps.split("<option value=\"").nth(2).unwrap().split('"').next().unwrap().to_owned();
        let walked = browser.post("/console/cases/1/status", &[("step", &step), ("said", "On it")]);
        assert_eq!(walked.status, 303, "{}", walked.text);
        let now = acme.get("/cases/cases/1").item(200)["status"].as_str().unwrap().to_owned();
        assert!(step.ends_with(&format!(":{now}")) && now != first);
        assert!(browser.get("/console/cases/1").text.contains("On it"));
    }

    /// A browser leaves seconds out that are none, and line ends of a field of one line.
    fn a_form_that_nobody_touched_is_sent_as_a_browser_writes_it(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let field = |id: &str, kind: &str| json!({ "id": id, "label": id, "category": "custom", "type": kind });
        let own = [field("at", "date-time"), field("within", "date-time-range"), field("hour", "time"), field("said", "text")];
        assert_eq!(acme.put("/directory/forms/contacts", &json!({ "fields": own })).status, 200);
        let values = json!({
            "at": "2025-02-20T09:27:00", "within": { "start": "2025-02-20T09:00:00", "end": "2025-02-20T09:00:30" },
            "hour": "09:00:00", "said": "one\ntwo",
        });
        acme.post("/directory/contacts", &json!({ "name": "Jane", "customFields": values })).item(201);
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let as_in_a_browser = |page: &Answer| -> Vec<(String, String)> {
            let all = fields(page, "/console/contacts/1/edit").into_iter();
            let sent = all.map(|(name, value)| match name.as_str() {
                "customFields.at" | "customFields.within.start" | "customFields.hour" => {
                    let short = value.strip_suffix(":00").filter(|short| short.ends_with(":27") || short.ends_with(":00"));
                    (name, short.unwrap_or(&value).to_owned())
                }
                "customFields.said" => (name, value.replace('\n', "")),
                _ => (name, value),
            });
            sent.collect()
        };
        let page = browser.get("/console/contacts/1/edit");
        let sent = as_in_a_browser(&page);
        let is_sent = |name: &str, value: &str| sent.iter().any(|pair| *pair == (name.to_owned(), value.to_owned()));
        assert_eq!(page.text.matches("step=\"1\"").count(), 4, "a time has seconds: {}", page.text);
        assert!(is_sent("customFields.at", "2025-02-20T09:27") && is_sent("was:customFields.at", "2025-02-20T09:27:00"), "{sent:?}");
        let before = acme.get("/directory/contacts/1");
        let saved = send(&mut browser, "/console/contacts/1/edit", sent.clone(), &[]);
        assert_eq!(saved.status, 303, "{}", saved.text);
        assert_eq!(acme.get("/directory/contacts/1").header("etag"), before.header("etag"), "nothing was changed");
        // Nor is anything in the way of what somebody else changed meanwhile.
        let theirs = json!({ "customFields": { "at": "2026-01-01T00:00", "hour": "10:00" } });
        acme.patch("/directory/contacts/1", &theirs).item(200);
        let saved = send(&mut browser, "/console/contacts/1/edit", sent.clone(), &[("name", "Jane W")]);
        assert_eq!(saved.status, 303, "{}", saved.text);
        let now = acme.get("/directory/contacts/1");
        let now = now.item(200);
        assert_eq!((&now["name"], &now["customFields"]["at"], &now["customFields"]["said"]), (&json!("Jane W"), &json!("2026-01-01T00:00"), &json!("one\ntwo")));
        // What is changed is changed.
        let page = browser.get("/console/contacts/1/edit");
        let changed = [("customFields.at", "2026-01-01T00:00:30"), ("customFields.hour", "")];
        assert_eq!(send(&mut browser, "/console/contacts/1/edit", as_in_a_browser(&page), &changed).status, 303);
        let now = acme.get("/directory/contacts/1");
        assert_eq!((&now.item(200)["customFields"]["at"], &now.item(200)["customFields"]["hour"]), (&json!("2026-01-01T00:00:30"), &Value::Null));
    }

    /// Each on a line.
    fn people_and_participants_are_written_in_lines(database) {
        let api = Api::start(database);
        let (acme, other) = (&api.acme, api.tenant("other"));
        let mut form = acme.get("/pipeline/forms/opportunities").items().to_vec();
        form.iter_mut().for_each(|field| drop(field.as_object_mut().unwrap().remove("tenantId")));
        form.push(json!({ "id": "team", "label": "Team", "category": "custom", "type": "people-picker", "required": true }));
        assert_eq!(acme.put("/pipeline/forms/opportunities", &json!({ "fields": form })).status, 200);
        for name in ["Jane <b>", "Twin", "Twin", "Bob"] {
            acme.post("/directory/contacts", &json!({ "name": name })).item(201);
        }
        other.post("/directory/contacts", &json!({ "name": "Theirs" })).item(201);
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        let new = browser.get("/console/leads/new");
        assert!(["followers", "participants", "customFields.team"].iter().all(|name| new.text.contains(&format!("<textarea id=\"f-{name}\""))), "{}", new.text);
        let empty = browser.post("/console/leads/new", &[("title", "T")]);
        let words = between(&empty.text, "id=\"f-customFields.team-words\"", "</div>").unwrap();
        assert!(empty.status == 400 && words.contains("class=\"bad\""), "{}", empty.text);
        let lines = [
            ("title", "T"), ("customFields.team", "Ada Lovelace <ada@example.com>\r\nbob@example.com\r\n\r\nu-1\r\nUma <u-2>"),
            ("followers", "u-9"), ("participants", "jane <B>\r\n#4"),
        ];
        let made = browser.post("/console/leads/new", &lines);
        assert_eq!(made.status, 303, "{}", made.text);
        let lead = acme.get("/pipeline/leads/1");
        let user = |id: &str, name: Option<&str>, email: Option<&str>| json!({ "id": id, "name": name, "email": email });
        let people = json!([
            user("ada@example.com", Some("Ada Lovelace"), Some("ada@example.com")), user("bob@example.com", None, Some("bob@example.com")),
            user("u-1", None, None), user("u-2", Some("Uma"), None),
        ]);
        assert_eq!(lead.item(200)["customFields"]["team"], people);
        assert_eq!(lead.item(200)["followers"], json!([user("u-9", None, None)]));
        assert_eq!(lead.item(200)["participants"], json!([{ "id": "1", "name": "Jane <b>" }, { "id": "4", "name": "Bob" }]));
        let page = browser.get("/console/leads/1");
        assert!(page.text.contains("Ada Lovelace, bob@example.com, u-1, Uma") && page.text.contains("href=\"/console/contacts/1\">Jane &lt;b&gt;</a>"), "{}", page.text);

        // Who stands there already stays as they are, whatever their line does not say.
        let known = json!({
            "customFields": { "team": [user("7", Some("Sarah"), Some("sarah@example.com")), user("8", Some("Sarah"), Some("sarah@example.com"))] },
            "followers": [user("x", Some("Line\nend"), None)], "participants": [{ "id": "2", "name": "Twin" }, { "id": "3" }, { "id": "1", "name": "Jane, as she was" }],
        });
        acme.patch("/pipeline/leads/1", &known).item(200);
        let before = acme.get("/pipeline/leads/1");
        let edit = "/console/leads/1/edit";
        assert_eq!(submit(&mut browser, edit, &[]).status, 303);
        assert_eq!(acme.get("/pipeline/leads/1").header("etag"), before.header("etag"), "a form that nobody touched changes nothing");
        let saved = submit(&mut browser, edit, &[
            ("customFields.team", "Sarah <sarah@example.com>\r\nSarah <sarah@example.com>\r\nnew"), ("participants", "Bob\r\nTwin\r\n#3"), ("followers", ""),
        ]);
        assert_eq!(saved.status, 303, "{}", saved.text);
        let lead = acme.get("/pipeline/leads/1");
        let lead = lead.item(200);
        assert_eq!(lead["customFields"]["team"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap()).collect::<Vec<_>>(), ["7", "8", "new"]);
        assert_eq!(lead["participants"], json!([{ "id": "4", "name": "Bob" }, { "id": "2", "name": "Twin" }, { "id": "3", "name": null }]));
        assert_eq!(lead["followers"], json!([]));

        // What is wrong stands beside the field, with what was typed.
        let many = (0..101).map(|number| format!("Nobody {number}")).collect::<Vec<_>>().join("\r\n");
        let long = "x".repeat(129);
        for (name, typed, words) in [
            ("participants", "Twin\r\nTwin\r\nTwin", "“Twin” is the name of several"), ("participants", "Theirs", "“Theirs” is the name of none"),
            ("participants", "#99", "no contact has the id 99"), ("participants", "#nine", "id"), ("participants", "a\0", "control characters"),
            ("participants", many.as_str(), "at most 100"), ("followers", many.as_str(), "at most 100"),
            ("customFields.team", "a\r\na", "twice"), ("followers", long.as_str(), "at most 128"), ("customFields.team", "", "required"),
        ] {
            let refused = submit(&mut browser, edit, &[(name, typed), ("note", "Kept")]);
            assert_eq!(refused.status, 400, "{name}: {}", refused.text);
            let beside = between(&refused.text, &format!("id=\"f-{name}-words\""), "</div>").unwrap();
            assert!(beside.contains("class=\"bad\"") && beside.contains(words), "{name}: {words}: {beside}");
            let first = typed.split("\r\n").next().unwrap();
            assert!(refused.text.contains("Kept</textarea>") && refused.text.contains(first), "{name}: {}", refused.text);
        }
        // Two people: what the other added is told.
        let opened = browser.get(edit);
        acme.patch("/pipeline/leads/1", &json!({ "followers": [user("theirs", None, None)] })).item(200);
        let conflict = send(&mut browser, edit, fields(&opened, edit), &[("followers", "mine")]);
        assert!(conflict.status == 412 && conflict.text.contains("Keep theirs: <strong>theirs</strong>"), "{}", conflict.text);
    }

    fn older_comments_and_changes_are_reached(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        for (records, path) in super::KINDS {
            let name = if path.starts_with("/directory") { "name" } else { "title" };
            acme.post(path, &json!({ name: "Change 0." })).item(201);
            let comments = if records == "cases" { format!("{path}/1/activities") } else { format!("{path}/1/comments") };
            for number in 0..55 {
                assert_eq!(acme.post(&comments, &json!({ "comment": format!("Said {number}.") })).status, 201, "{comments}");
            }
            for number in 1..=25 {
                acme.patch(&format!("{path}/1"), &json!({ name: format!("Change {number}.") })).item(200);
            }
            let page = format!("/console/{records}/1");
            let first = browser.get(&page);
            let section = |answer: &Answer, id: &str| between(&answer.text, &format!("id=\"{id}\""), "</section>").unwrap().to_owned();
            let said = |answer: &Answer| {
                let comments = section(answer, "comments");
                (0..55).filter(|number| comments.contains(&format!("Said {number}."))).collect::<Vec<_>>()
            };
            assert_eq!(said(&first), (5..55).collect::<Vec<_>>(), "{records}");
            let link = |answer: &Answer, words: &str| {
                let before = answer.text.split(&format!("\">{words}</a>")).next().unwrap();
                before.rsplit_once("href=\"").unwrap().1.to_owned()
            };
            let older = link(&first, "Older comments");
            assert!(older.starts_with(&format!("{page}?comments=")) && older.ends_with("#comments"), "{older}");
            let second = browser.get(older.split('#').next().unwrap());
            assert_eq!(said(&second), (0..5).collect::<Vec<_>>(), "{records}");
            assert!(!second.text.contains("Older comments") && link(&second, "Latest comments") == format!("{page}#comments"), "{records}");
            let changes = |answer: &Answer| (1..=25).filter(|number| section(answer, "history").contains(&format!("→ <ins>Change {number}.</ins>"))).collect::<Vec<_>>();
            assert_eq!(changes(&second), (6..=25).collect::<Vec<_>>(), "the other part is as it was");
            let older = link(&first, "Older changes");
            let second = browser.get(older.split('#').next().unwrap());
            assert_eq!((changes(&first), changes(&second)), ((6..=25).collect(), (1..=5).collect()), "{records}");
            assert!(link(&second, "Latest changes") == format!("{page}#history"));
            // A token of the one leads to nothing of the other.
            for query in ["comments=x", "history=x", &format!("comments={}", older.split(['=', '#']).nth(1).unwrap())] {
                let refused = browser.get(&format!("{page}?{query}"));
                assert!(refused.status == 400 && refused.text.contains(query.split('=').next().unwrap()), "{records}: {query}: {}", refused.text);
            }
        }
    }

    fn everything_is_searched_from_every_page(database) {
        let api = Api::start(database);
        api.acme.post("/directory/contacts", &json!({ "name": "Álvaro & Söhne", "email": [{ "value": "alvaro@example.com" }] })).item(201);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        for text in ["alvaro", "SÖHNE", "alvaro@example"] {
            let found = browser.get(&format!("/console/search?q={}", crate::browser::encoded(text)));
            assert!(found.text.contains("href=\"/console/contacts/1\"") && found.text.contains("Álvaro &amp; Söhne"), "{}", found.text);
        }
        assert!(browser.get("/console/search?q=zebra").text.contains("Nothing was found"));
        assert_eq!(browser.get("/console/search").status, 200);
        assert!(browser.get("/console").text.contains("action=\"/console/search\""));
    }
}
