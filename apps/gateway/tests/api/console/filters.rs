//! Filters by what people call contacts, organizations, pipelines, stages, case types and tags, where the address has ids.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use super::settings::fields;
use crate::browser::{Browser, between, encoded};
use crate::client::{Answer, Api, Client};

const HOSTILE: &str = "Jörg <b>\"'&";
const ESCAPED: &str = "Jörg &lt;b&gt;&quot;'&amp;";

fn make(client: &Client, path: &str, body: &Value) -> String {
    client.post(path, body).item(201)["id"].as_str().unwrap().to_owned()
}

/// What the filters that are on say.
fn active(page: &Answer) -> Vec<&str> {
    let list = between(&page.text, "aria-label=\"Filters that are on\">", "</ul>").unwrap_or_default();
    list.split("<span class=\"active-words\">").skip(1).filter_map(|rest| rest.split("</span>").next()).collect()
}

/// Which of these titles the list shows.
fn shown<'t>(page: &Answer, titles: &[&'t str]) -> Vec<&'t str> {
    titles.iter().copied().filter(|title| page.text.contains(&format!(">{title}</a>"))).collect()
}

/// The address to which the form of filters leads, as it stands but for these fields.
fn applied(browser: &mut Browser, page: &Answer, list: &str, changed: &[(&str, &str)]) -> Answer {
    let mut sent = fields(page, list);
    for (name, value) in changed {
        let field = sent.iter_mut().find(|(given, _)| given == name).unwrap_or_else(|| panic!("no field {name}"));
        (*value).clone_into(&mut field.1);
    }
    sent.retain(|(name, _)| name != "columns");
    let sent: Vec<String> = sent.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    browser.get(&format!("{list}?{}", sent.join("&")))
}

/// What can be chosen in a filter: values and words, with the one that is chosen.
fn options<'t>(page: &'t Answer, id: &str) -> (Vec<(&'t str, &'t str)>, Vec<&'t str>) {
    let select = between(&page.text, &format!("<select id=\"{id}\""), "</select>")
        .unwrap_or_else(|| panic!("no {id}: {}", page.text));
    let all = || select.split("<option value=\"").skip(1);
    let value = |option: &'t str| option.split('"').next().unwrap();
    let words = |option: &'t str| between(option, ">", "</option>").unwrap();
    let chosen = all().filter(|option| option.split('>').next().unwrap().contains(" selected")).map(words);
    (all().map(|option| (value(option), words(option))).collect(), chosen.collect())
}

both_databases! {
    fn people_are_searched_for_by_their_names(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let organization = make(acme, "/directory/organizations", &json!({ "name": "Acme, Inc." }));
        for (name, email) in [("Jane Doe", "jane@acme.example"), ("Jane Doe", "doe@other.example"), (HOSTILE, "joerg@acme.example")] {
            make(acme, "/directory/contacts", &json!({ "name": name, "email": [{ "value": email }], "organizationId": organization }));
        }
        for (title, contact) in [("L1", "1"), ("L2", "2"), ("L3", "3")] {
            make(acme, "/pipeline/leads", &json!({ "title": title, "contactId": contact, "organizationId": organization }));
        }
        let all = ["L1", "L2", "L3"];
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        const LIST: &str = "/console/leads";
        let page = browser.get(LIST);
        assert_eq!((shown(&page, &all), active(&page)), (all.to_vec(), vec![]));
        // A part of the name that one alone has, in any case.
        let found = applied(&mut browser, &page, LIST, &[("contact", "jörg"), ("title", "L")]);
        assert_eq!((found.status, found.header("location")), (303, "/console/leads?title=L&contactId=3"), "{}", found.text);
        let page = browser.get(found.header("location"));
        assert_eq!((shown(&page, &all), active(&page)), (vec!["L3"], vec!["Title: L", &format!("Contact: {ESCAPED}")]), "{}", page.text);
        assert!(!page.text.contains("<b>"), "{}", page.text);
        // Each filter is taken away by itself.
        let list = between(&page.text, "aria-label=\"Filters that are on\">", "</ul>").unwrap();
        assert_eq!(between(list, "href=\"", "\""), Some("/console/leads?contactId=3"), "{list}");
        // What nobody touched stays, what is emptied goes, whatever else is changed.
        for (changed, leads) in [
            (("title", "L3"), "/console/leads?title=L3&contactId=3"),
            (("contact", ""), "/console/leads?title=L"),
            (("contact", "#2"), "/console/leads?title=L&contactId=2"),
            (("contact", "jane@acme"), "/console/leads?title=L&contactId=1"),
            (("organization", "acme"), "/console/leads?title=L&contactId=3&organizationId=1"),
        ] {
            let answer = applied(&mut browser, &page, LIST, &[changed]);
            assert_eq!((answer.status, answer.header("location")), (303, leads), "{changed:?}");
        }
        // Two of one name are told apart.
        let which = applied(&mut browser, &page, LIST, &[("contact", "jane doe"), ("organization", "ACME, INC.")]);
        assert!(which.status == 200 && which.text.contains("<h1>Which contact?</h1>") && which.text.contains("Acme, Inc. · jane@acme.example · #1"), "{}", which.text);
        for id in ["1", "2"] {
            let way = format!("href=\"/console/leads?title=L&amp;organizationId=1&amp;contactId={id}\"");
            assert!(which.text.contains(&way), "{way}: {}", which.text);
        }
        // Where both are several, one is asked for after the other.
        make(acme, "/directory/organizations", &json!({ "name": "Acme Ltd" }));
        let which = browser.get("/console/leads?contact=doe&organization=acme");
        let way = between(&which.text, "<ul class=\"rows card\"><li><a href=\"", "\"").unwrap().replace("&amp;", "&");
        assert!(which.text.contains("Which organization?"), "{}", which.text);
        let which = browser.get(&way);
        assert!(which.text.contains("Which contact?"), "{}", which.text);
        let way = between(&which.text, "<ul class=\"rows card\"><li><a href=\"", "\"").unwrap().replace("&amp;", "&");
        let page = browser.get(&way);
        assert_eq!(active(&page).len(), 2, "{way}: {}", page.text);
        // What none is called is said, as it was typed.
        let none = browser.get(&format!("/console/leads?contact={}&title=L", encoded("<i>nobody")));
        assert!(none.status == 200 && none.text.contains("No contact is called “<bdi>&lt;i&gt;nobody</bdi>”") && !none.text.contains("<i>"), "{}", none.text);
        assert!(none.text.contains("href=\"/console/leads?title=L\""), "the list without it: {}", none.text);
        for (path, words) in [
            (format!("/console/leads?contact={}", "a".repeat(256)), "at most 255 characters"),
            ("/console/leads?contact=a%00b".to_owned(), "control characters"),
            ("/console/leads?contact=a&contact=b".to_owned(), "must be given once"),
            ("/console/contacts?contact=Jane".to_owned(), "is no parameter"),
            ("/console/organizations?organization=Acme".to_owned(), "is no parameter"),
        ] {
            let refused = browser.get(&path);
            assert!(refused.status == 400 && refused.text.contains(words), "{path}: {}", refused.text);
        }
        // Each kind that is filtered by them.
        for kind in ["leads", "opportunities", "cases"] {
            assert_eq!(browser.get(&format!("/console/{kind}?contact=j%C3%B6rg")).header("location"), format!("/console/{kind}?contactId=3"));
        }
        assert_eq!(browser.get("/console/contacts?organization=Ltd").header("location"), "/console/contacts?organizationId=2");
    }

    fn many_are_counted(database) {
        let api = Api::start(database);
        for number in 1..=5 {
            make(&api.acme, "/directory/contacts", &json!({ "name": format!("C{number} {}", "x".repeat(200)) }));
        }
        make(&api.acme, "/pipeline/leads", &json!({ "title": "L", "contactId": "4" }));
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        let page = browser.get("/console/leads?contactId=1,4,5,2,9");
        let words = active(&page)[0].to_owned();
        assert!(words.starts_with("Contact: C1 x") && words.ends_with("x and 2 more"), "{words}");
        assert_eq!(shown(&page, &["L"]), ["L"]);
        let same = applied(&mut browser, &page, "/console/leads", &[]);
        assert_eq!(same.header("location"), "/console/leads?contactId=1%2C4%2C5%2C2%2C9", "longer than a name may be, and nobody touched it");
    }

    fn what_a_tenant_has_is_chosen_by_name(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        let stages = json!([{ "key": "k1", "label": HOSTILE }, { "key": "k2", "label": "Held" }]);
        let pipeline = make(acme, "/pipeline/pipelines/opportunities", &json!({ "name": HOSTILE, "stages": stages }));
        let tag = make(acme, "/pipeline/tags/opportunities", &json!({ "label": HOSTILE }));
        for (title, stage) in [("In it", "k1"), ("Held there", "k2")] {
            make(acme, "/pipeline/opportunities", &json!({ "title": title, "pipelineId": pipeline, "stage": stage, "tags": [{ "id": tag }] }));
        }
        make(acme, "/pipeline/opportunities", &json!({ "title": "Elsewhere" }));
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        const LIST: &str = "/console/opportunities";
        let page = browser.get(LIST);
        assert!(options(&page, "filter-pipelineId").0.contains(&(&pipeline, ESCAPED)), "{}", page.text);
        assert_eq!(options(&page, "filter-pipelineId").1, [""; 0]);
        assert!(options(&page, "filter-stage").0.contains(&("k2", "Held")) && page.text.contains(&format!("<optgroup label=\"{ESCAPED}\">")), "{}", page.text);
        let page = applied(&mut browser, &page, LIST, &[("pipelineId", &pipeline), ("stage", "k1"), ("tags", &tag)]);
        assert_eq!((page.status, shown(&page, &["In it", "Held there", "Elsewhere"])), (200, vec!["In it"]), "{}", page.text);
        let mut words = active(&page);
        words.sort_unstable();
        assert_eq!(words, [format!("Pipeline: {ESCAPED}"), format!("Stage: {ESCAPED}"), format!("Tags: {ESCAPED}")]);
        for filter in ["filter-pipelineId", "filter-stage", "filter-tags"] {
            assert_eq!(options(&page, filter).1, [ESCAPED], "{filter}");
        }
        assert!(!page.text.contains("<b>"), "{}", page.text);
        // The stages are those of the pipeline that is chosen.
        assert_eq!(options(&page, "filter-stage").0.len(), 3, "any, and two: {}", page.text);
        // What the address has in another spelling, and several of them.
        let upper = browser.get(&format!("{LIST}?pipelineId={}&tags={}", pipeline.to_uppercase(), encoded(&HOSTILE.to_uppercase())));
        assert_eq!((options(&upper, "filter-pipelineId").1, options(&upper, "filter-tags").1), (vec![ESCAPED], vec![ESCAPED]), "{}", upper.text);
        let both = browser.get(&format!("{LIST}?stage=k1,k2"));
        assert_eq!((active(&both), options(&both, "filter-stage").1), (vec![format!("Stage: {ESCAPED}, Held").as_str()], vec![format!("{ESCAPED}, Held").as_str()]));
        assert_eq!(shown(&applied(&mut browser, &both, LIST, &[]), &["In it", "Held there", "Elsewhere"]), ["In it", "Held there"], "both stay");
        let board = browser.get(&format!("/console/board?pipelineId={pipeline}&tags={tag}"));
        assert_eq!((options(&board, "board-pipeline").1, options(&board, "board-tags").1), (vec![ESCAPED], vec![ESCAPED]), "{}", board.text);
        assert!(!board.text.contains("is unknown here"));

        let of_type = make(acme, "/cases/types/cases", &json!({ "label": HOSTILE }));
        make(acme, "/cases/cases", &json!({ "title": "C1", "caseTypeId": of_type }));
        make(acme, "/cases/cases", &json!({ "title": "C2" }));
        let cases = browser.get(&format!("/console/cases?caseType={of_type}"));
        assert_eq!((shown(&cases, &["C1", "C2"]), active(&cases), options(&cases, "filter-caseType").1), (vec!["C1"], vec![format!("Case type: {ESCAPED}").as_str()], vec![ESCAPED]));
        // Filters that no field has are told too.
        let words = browser.get("/console/leads?leadRating=3_hot&isArchived=false&notEmpty=organizationId,note");
        assert_eq!(active(&words), ["Lead rating: hot", "Archived: no", "Fields that are filled in: Organization, Note"], "{}", words.text);
    }

    fn what_is_gone_or_somebody_else_s_is_unknown(database) {
        let api = Api::start(database);
        let (acme, other) = (&api.acme, api.tenant("other"));
        for _ in 0..3 {
            make(&other, "/directory/contacts", &json!({ "name": "Secret" }));
            make(&other, "/directory/organizations", &json!({ "name": "Secret" }));
            make(&other, "/cases/types/cases", &json!({ "label": format!("Secret {}", uuid()) }));
        }
        let stages = json!([{ "label": "Secret" }]);
        let pipeline = other.post("/pipeline/pipelines/opportunities", &json!({ "name": "Secret", "stages": stages })).item(201).clone();
        let (pipeline, stage) = (pipeline["id"].as_str().unwrap(), pipeline["stages"][0]["key"].as_str().unwrap());
        let tag = make(&other, "/pipeline/tags/opportunities", &json!({ "label": "Secret" }));
        make(acme, "/directory/contacts", &json!({ "name": "Jane" }));
        make(acme, "/pipeline/opportunities", &json!({ "title": "Deal", "contactId": "1" }));
        assert_eq!(acme.delete("/directory/contacts/1").status, 204);
        let mut browser = Browser::signed_in(acme, &acme.keys.primary);
        for (path, words) in [
            ("opportunities?contactId=3".to_owned(), "Contact: unknown contact (#3)"),
            ("opportunities?contactId=1".to_owned(), "Contact: unknown contact (#1)"),
            ("leads?organizationId=2".to_owned(), "Organization: unknown organization (#2)"),
            ("contacts?organizationId=2".to_owned(), "Organization: unknown organization (#2)"),
            ("cases?caseType=3".to_owned(), "Case type: unknown case type (#3)"),
            (format!("opportunities?pipelineId={pipeline}"), "Pipeline: unknown pipeline"),
            (format!("opportunities?stage={stage}"), "Stage: unknown stage"),
            ("opportunities?stage=k%3Cb%3E".to_owned(), "Stage: unknown stage “k&lt;b&gt;”"),
            (format!("opportunities?tags={tag}"), "Tags: unknown tag"),
            ("opportunities?tags=no%3Cb%3E".to_owned(), "Tags: unknown tag “no&lt;b&gt;”"),
        ] {
            let page = browser.get(&format!("/console/{path}"));
            assert_eq!((page.status, active(&page)), (200, vec![words]), "{path}: {}", page.text);
            assert!(page.text.contains("Nothing matches") && !page.text.contains("Secret") && !page.text.contains("<b>"), "{path}: {}", page.text);
            // It stays until somebody takes it away.
            let list = format!("/console/{}", path.split('?').next().unwrap());
            let same = applied(&mut browser, &page, &list, &[]);
            let same = if same.status == 303 { browser.get(same.header("location")) } else { same };
            assert_eq!(active(&same), [words], "{path}");
        }
        assert_eq!(browser.get("/console/leads?contact=Secret").status, 200);
        assert!(browser.get("/console/leads?contact=Secret").text.contains("No contact is called"));
        let board = browser.get(&format!("/console/board?pipelineId={pipeline}&tags={tag}"));
        assert!(board.status == 200 && board.text.contains("is unknown here") && !board.text.contains("Secret"), "{}", board.text);
        assert_eq!(options(&board, "board-tags").1, ["unknown tag"]);
        assert!(!browser.get("/console/board").text.contains("is unknown here"));
        // What comes back has its name again.
        assert_eq!(browser.post("/console/trash/contact/1/restore", &[]).status, 303);
        let page = browser.get("/console/opportunities?contactId=1");
        assert_eq!((active(&page), shown(&page, &["Deal"])), (vec!["Contact: Jane"], vec!["Deal"]), "{}", page.text);
    }

    fn owners_and_assignees_are_chosen_by_their_names(database) {
        let api = Api::start(database);
        let other = api.tenant("other");
        let people = [
            ("u-1", json!({ "id": "u-1", "name": HOSTILE, "email": "joerg@acme.example" })),
            ("a,b\\c", json!({ "id": "a,b\\c", "name": "Ada" })),
            ("u-3", json!({ "id": "u-3", "name": "ADA", "email": "ada@acme.example" })),
            ("zoe@acme.example", json!({ "id": "zoe@acme.example", "email": "zoe@acme.example" })),
        ];
        for (records, path) in super::KINDS {
            let name = if path.starts_with("/directory") { "name" } else { "title" };
            let roles: &[&str] = if records == "cases" { &["owner", "assignee"] } else { &["owner"] };
            for role in roles {
                make(&api.acme, path, &json!({ name: format!("{role} old"), *role: { "id": "u-1", "name": "Before" } }));
                for (id, person) in &people {
                    make(&api.acme, path, &json!({ name: format!("{role} {id}"), *role: person }));
                }
                make(&other, path, &json!({ name: "Theirs", *role: { "id": "o-1", "name": "Their person" } }));
                let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.secondary);
                let list = format!("/console/{records}");
                let page = browser.get(&list);
                let select = format!("filter-{role}Id");
                let offered = [("", "any"), ("a\\,b\\\\c", "Ada (a,b\\c)"), ("u-3", "ADA (u-3)"), ("u-1", ESCAPED), ("zoe@acme.example", "zoe@acme.example")];
                assert_eq!(options(&page, &select).0, offered, "{records}: as the latest record calls them, and no one of others");
                assert!(!page.text.contains("Their person"), "{}", page.text);
                let word = if *role == "owner" { "Owner" } else { "Assignee" };
                let all: Vec<String> = people.iter().map(|(id, _)| format!("{role} {id}")).chain([format!("{role} old")]).collect();
                let all: Vec<&str> = all.iter().map(String::as_str).collect();
                let member = format!("{role}Id");
                for (index, chosen, words) in [(1, "a\\,b\\\\c", "Ada (a,b\\c)"), (0, "u-1", ESCAPED)] {
                    let page = applied(&mut browser, &page, &list, &[(&member, chosen)]);
                    let titles = if index == 0 { vec![all[0], all[4]] } else { vec![all[index]] };
                    let mut found = shown(&page, &all);
                    found.sort_by_key(|title| all.iter().position(|one| one == title));
                    assert_eq!((found, active(&page)), (titles, vec![format!("{word}: {words}").as_str()]), "{records}: {}", page.text);
                    assert_eq!(options(&page, &select).1, [words]);
                }
                let several = browser.get(&format!("{list}?{role}Id=u-3,o-1,nobody"));
                let told = format!("{word}: ADA (u-3), unknown {role} “o-1”, unknown {role} “nobody”");
                assert_eq!((shown(&several, &all), active(&several)), (vec![all[2]], vec![told.as_str()]), "{records}");
                // Whoever types finds them too.
                for (text, id) in [("u-1", "u%2D1"), ("jörg", "u%2D1"), ("JOERG@ACME.EXAMPLE", "u%2D1"), ("zoe", "zoe%40acme%2Eexample"), ("a,b\\c", "a%5C%2Cb%5C%5Cc")] {
                    let found = browser.get(&format!("{list}?{role}={}", encoded(text)));
                    assert_eq!((found.status, found.header("location")), (303, format!("{list}?{role}Id={id}").as_str()), "{text}: {}", found.text);
                }
                let which = browser.get(&format!("{list}?{role}=ada&{name}=x"));
                assert!(which.status == 200 && which.text.contains(&format!("<h1>Which {role}?</h1>")), "{}", which.text);
                for address in ["a%5C%2Cb%5C%5Cc", "u%2D3"] {
                    assert!(which.text.contains(&format!("href=\"{list}?{name}=x&amp;{role}Id={address}\"")), "{}", which.text);
                }
                for text in ["Their person", "o-1", "\u{301}"] {
                    let none = browser.get(&format!("{list}?{role}={}", encoded(text)));
                    assert!(none.status == 200 && none.text.contains(&format!("No {role} is called")), "{text}: {}", none.text);
                }
            }
        }
        // The board as well.
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.secondary);
        let board = browser.get("/console/board");
        assert_eq!(options(&board, "board-ownerId").0.len(), 5);
        let one = browser.get("/console/board?ownerId=u-3");
        assert!(one.text.matches("class=\"deal\"").count() == 1 && options(&one, "board-ownerId").1 == ["ADA (u-3)"], "{}", one.text);
        assert_eq!(browser.get("/console/board?owner=zoe&title=o").header("location"), "/console/board?title=o&ownerId=zoe%40acme%2Eexample");
        let which = browser.get("/console/board?owner=ada");
        assert!(which.text.contains("href=\"/console/board?ownerId=u%2D3\"") && which.text.contains("action=\"/console/board\""), "{}", which.text);
        let unknown = browser.get("/console/board?ownerId=o-1");
        assert_eq!((unknown.text.matches("class=\"deal\"").count(), options(&unknown, "board-ownerId").1), (0, vec!["unknown owner “o-1”"]));
    }

    fn more_people_than_are_offered_are_typed(database) {
        let api = Api::start(database);
        let items: Vec<Value> = (0..=200).map(|number| json!({ "title": format!("L{number}"), "owner": { "id": format!("u-{number:03}"), "name": format!("Person {number}") } })).collect();
        assert_eq!(api.acme.post("/pipeline/leads/batch", &json!({ "mode": "create", "items": items[..200] })).status, 200);
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.primary);
        const LIST: &str = "/console/leads";
        assert_eq!(options(&browser.get(LIST), "filter-ownerId").0.len(), 201, "any, and 200");
        make(&api.acme, "/pipeline/leads", &items[200]);
        let page = browser.get(LIST);
        assert!(page.text.contains(">Owner (name, e-mail or id)</label>"), "{}", page.text);
        // The last of them has no place among the first 200, and is found and told all the same.
        for (typed, id, words) in [("person 200", "u-200", "Owner: Person 200"), ("u-007", "u-007", "Owner: Person 7"), ("Person 7", "u-007", "Owner: Person 7")] {
            let found = applied(&mut browser, &page, LIST, &[("owner", typed)]);
            assert_eq!((found.status, found.header("location")), (303, format!("{LIST}?ownerId={}", id.replace('-', "%2D")).as_str()), "{typed}: {}", found.text);
            let page = browser.get(found.header("location"));
            assert_eq!(active(&page), [words]);
            let same = applied(&mut browser, &page, LIST, &[("title", "L")]);
            assert_eq!(same.header("location"), format!("{LIST}?title=L&ownerId={}", id.replace('-', "%2D")), "{}", same.text);
            assert_eq!(applied(&mut browser, &page, LIST, &[("owner", "")]).header("location"), LIST);
        }
        let which = applied(&mut browser, &page, LIST, &[("owner", "person")]);
        assert!(which.text.contains("Which owner?") && which.text.contains("There can be more"), "{}", which.text);
        assert_eq!(which.text.matches("ownerId=").count(), 50);
    }

    fn stages_of_too_many_pipelines_are_chosen_after_one(database) {
        let api = Api::start(database);
        let mut pipeline = String::new();
        for number in 0..3 {
            let stages: Vec<Value> = (0..100).map(|stage| json!({ "key": format!("p{number}s{stage}"), "label": format!("Stage {number}/{stage}") })).collect();
            pipeline = make(&api.acme, "/pipeline/pipelines/opportunities", &json!({ "name": format!("P{number}"), "stages": stages }));
        }
        make(&api.acme, "/pipeline/opportunities", &json!({ "title": "There", "pipelineId": pipeline, "stage": "p2s99" }));
        let mut browser = Browser::signed_in(&api.acme, &api.acme.keys.secondary);
        const LIST: &str = "/console/opportunities";
        let page = browser.get(LIST);
        assert_eq!(options(&page, "filter-stage"), (vec![("", "any")], vec![]), "no part of them");
        assert!(page.text.contains("aria-describedby=\"filter-stage-hint\"") && page.text.contains("There are more than 300 stages: choose a pipeline"), "{}", page.text);
        let page = applied(&mut browser, &page, LIST, &[("pipelineId", &pipeline)]);
        assert_eq!(options(&page, "filter-stage").0.len(), 101, "any, and its own");
        assert!(!page.text.contains("filter-stage-hint"), "{}", page.text);
        let page = applied(&mut browser, &page, LIST, &[("stage", "p2s99")]);
        assert_eq!((shown(&page, &["There"]), active(&page)), (vec!["There"], vec!["Stage: Stage 2/99", "Pipeline: P2"]));
        // What is filtered by stays, and is told, without the pipeline too.
        let page = browser.get(&format!("{LIST}?stage=p2s99"));
        assert_eq!(options(&page, "filter-stage"), (vec![("", "any"), ("p2s99", "Stage 2/99")], vec!["Stage 2/99"]));
        assert_eq!(active(&page), ["Stage: Stage 2/99"]);
    }

    fn who_may_not_read_contacts_is_told_no_names(database) {
        let api = Api::start(database);
        make(&api.acme, "/directory/contacts", &json!({ "name": "Jane" }));
        let made = api.acme.post("/settings/keys", &json!({ "name": "K", "scopes": ["pipeline:read"] }));
        let mut browser = Browser::signed_in(&api.acme, made.item(201)["key"].as_str().unwrap());
        for (id, words) in [("1", "Contact: #1"), ("2", "Contact: #2")] {
            let page = browser.get(&format!("/console/leads?contactId={id}"));
            assert_eq!((active(&page), page.text.contains("Jane")), (vec![words], false), "{}", page.text);
            let same = applied(&mut browser, &page, "/console/leads", &[]);
            assert_eq!(same.header("location"), format!("/console/leads?contactId={id}"));
        }
        assert!(browser.get("/console/leads?contact=Jane").text.contains("No contact is called"));
        assert_eq!(browser.get("/console/leads?contact=%231").header("location"), "/console/leads?contactId=1");
    }
}

/// Another text each time.
fn uuid() -> String {
    crm_core::Uuid::random().to_string()
}
