//! Texts of all languages: how they are found, compared and refused (docs/compatibility.md, "Texts").

use crm_testkit::both_databases;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::client::Api;

use super::{OF_ORGANIZATIONS, RESOURCES, make, prepare};

/// A text and what finds it.
const FOUND: &[(&str, &[&str])] = &[
    ("Álvaro Straße", &["alvaro", "ÁLVARO", "A\u{301}lvaro", "strasse", "STRASSE", "STRAẞE", "o s"]),
    ("A\u{301}LVARO STRASSE", &["alvaro", "álvaro", "straße", "o s"]),
    ("Ὀδυσσεύς", &["οδυσσευς", "ΟΔΥΣΣΕΥΣ", "οδυσσευσ", "ς"]),
    ("ガガ", &["ガ", "カ\u{3099}"]),
];

both_databases! {
    /// Each kind of record is found whatever the case, the accents and the composition of its text, which comes back as
    /// it was sent; a letter that is another one is not found.
    fn a_text_is_found_however_it_is_written(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            for (text, _) in FOUND {
                let id = make(&api.acme, resource, text);
                assert_eq!(api.acme.get(&format!("{}/{id}", resource.path)).item(200)[resource.text], *text);
            }
            for (text, parts) in FOUND {
                for part in *parts {
                    let encoded = utf8_percent_encode(part, NON_ALPHANUMERIC);
                    let found = api.acme.get(&format!("{}?{}={encoded}", resource.path, resource.text));
                    assert!(found.items().iter().any(|item| item[resource.text] == *text), "{part}: {}", found.text);
                }
            }
            let other = api.acme.get(&format!("{}?{}=%E3%82%AB", resource.path, resource.text));
            assert!(other.items().is_empty(), "{}", other.text);
            let alone = api.acme.get(&format!("{}?{}=%CC%81", resource.path, resource.text));
            alone.refuses(&[(resource.text, "invalid_value")]);
        }
    }

    /// A label is taken in whatever case and composition; with another accent it is another one.
    fn labels_are_kept_unique_folded(database) {
        let api = Api::start(database);
        for path in RESOURCES.iter().map(|resource| resource.tags) {
            api.acme.post(path, &json!({ "label": "Éß" })).item(201);
            for taken in ["éSS", "E\u{301}ẞ"] {
                api.acme.post(path, &json!({ "label": taken })).problem(409, "label_taken");
            }
            api.acme.post(path, &json!({ "label": "Ess" })).item(201);
        }
        api.acme.post("/cases/types/cases", &json!({ "label": "Größe" })).item(201);
        api.acme.post("/cases/types/cases", &json!({ "label": "GRÖSSE" })).problem(409, "label_taken");
    }

    /// A name has something to see, whatever else stands in it.
    fn a_name_has_a_visible_character(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            for text in [" ", "\u{200b}", "\u{feff}\u{ad}", "\u{2060} \u{34f}", "\u{3164}", "\u{301}"] {
                api.acme.post(resource.path, &json!({ resource.text: text })).refuses(&[(resource.text, "required")]);
                api.acme.post(resource.tags, &json!({ "label": text })).refuses(&[("label", "required")]);
            }
            make(&api.acme, resource, "\u{200b}名");
        }
    }

    /// Addresses are of all scripts, and have nothing in them that nobody sees; a domain is one in both of its spellings.
    fn addresses_are_of_all_scripts(database) {
        let api = Api::start(database);
        for path in ["/directory/contacts", OF_ORGANIZATIONS] {
            let email = json!([{ "value": "josé@example.com" }, { "value": "用户@例子.公司" }, { "value": "jane@münchen.de" }]);
            let made = api.acme.post(path, &json!({ "name": "All scripts", "email": email }));
            assert_eq!(made.item(201)["email"][2]["value"], "jane@münchen.de");
            for part in ["jose@", "JOS%C3%89", "xn--mnchen-3ya.de", "m%C3%BCnchen", "munchen"] {
                assert_eq!(api.acme.get(&format!("{path}?email={part}")).items().len(), 1, "{part}");
                assert_eq!(api.acme.get(&format!("{path}?searchValue={part}")).items().len(), 1, "{part}");
            }
            let twice = json!([{ "value": "jane@münchen.de" }, { "value": "JANE@xn--mnchen-3ya.de" }]);
            api.acme.post(path, &json!({ "name": "A", "email": twice })).refuses(&[("email[1].value", "duplicate")]);
            for unseen in ["\u{200b}", "\u{feff}", "\u{ad}", "\u{2060}", "\u{34f}"] {
                let body = json!({ "name": "A", "email": [{ "value": format!("jane@exam{unseen}ple.com") }] });
                api.acme.post(path, &body).refuses(&[("email[0].value", "invalid_email")]);
            }
        }
        for (url, status) in [("http://[2001:db8::1]:8080/a", 201), ("[::1]", 201), ("https://हिन्दी.भारत", 201), ("http://[::1", 400), ("exam\u{2060}ple.com", 400)] {
            assert_eq!(api.acme.post(OF_ORGANIZATIONS, &json!({ "name": "A", "website": url })).status, status, "{url}");
        }
    }

    /// A control character is refused and not lost, in custom fields and in tags too, where it is a blank at an end or all
    /// there is.
    fn a_control_character_is_told(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            for text in ["\u{85}", "\u{b}", "mood\u{c}", "\u{1c}mood"] {
                let body = json!({ resource.text: "A", "customFields": { "mood": text }, "tags": text });
                api.acme.post(resource.path, &body).refuses(&[("tags", "invalid_characters")]);
                let body = json!({ resource.text: "A", "customFields": { "mood": text } });
                api.acme.post(resource.path, &body).refuses(&[("customFields.mood", "invalid_characters")]);
            }
        }
    }

    /// An unknown tag is named as it was sent.
    fn an_unknown_tag_is_named_as_it_was_sent(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            let answer = api.acme.post(resource.path, &json!({ resource.text: "A", "tags": ["Größe XL"] }));
            answer.refuses(&[("tags[0]", "unknown_tag")]);
            assert_eq!(answer.body["errors"][0]["message"], "no such tag: Größe XL");
        }
    }

    /// A participant keeps the name that it was sent with when it is merged into one without, where both take part.
    fn a_merge_keeps_the_name_of_a_participant(database) {
        let api = Api::start(database);
        for path in ["/pipeline/leads", "/pipeline/opportunities"] {
            let ids: Vec<Value> = (0..2).map(|_| api.acme.post("/directory/contacts", &json!({ "name": "C" })).item(201)["id"].clone()).collect();
            let participants = json!([{ "id": ids[0] }, { "id": ids[1], "name": "Bob" }]);
            let made = api.acme.post(path, &json!({ "title": "Both", "participants": participants }));
            let merge = format!("/directory/contacts/{}/merge", ids[0].as_str().unwrap());
            api.acme.post(&merge, &json!({ "sourceId": [ids[1]] })).item(200);
            let merged = api.acme.get(made.header("location"));
            assert_eq!(merged.item(200)["participants"], json!([{ "id": ids[0], "name": "Bob" }]), "{path}");
        }
    }

    /// In every comma list a comma is written with a backslash before it, and so is a backslash.
    fn a_comma_in_a_list_is_escaped(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for industry in ["Technology, Information and Internet", "Technology", "Information and Internet", "a\\b"] {
            api.acme.post(OF_ORGANIZATIONS, &json!({ "name": industry, "industry": industry })).item(201);
        }
        for (query, expected) in [
            ("Technology%5C,%20Information%20and%20Internet", vec!["Technology, Information and Internet"]),
            ("Technology,%20Information%20and%20Internet", vec!["Technology", "Information and Internet"]),
            ("technology%5C,%20information%20and%20internet,technology", vec!["Technology, Information and Internet", "Technology"]),
            ("a%5C%5Cb", vec!["a\\b"]),
            ("a%5Cb", vec!["a\\b"]),
            ("a%5C%5C,Technology", vec!["Technology"]),
        ] {
            let found = api.acme.get(&format!("{OF_ORGANIZATIONS}?sort=asc&industry={query}"));
            let names: Vec<&Value> = found.items().iter().map(|item| &item["name"]).collect();
            assert_eq!(names, expected, "{query}");
        }
        for resource in RESOURCES {
            let user = json!({ "id": "a,b\\" });
            let made = api.acme.post(resource.path, &json!({ resource.text: "Owned", "owner": user })).item(201).clone();
            let found = api.acme.get(&format!("{}?ownerId=x,a%5C,b%5C%5C", resource.path));
            assert_eq!(found.items(), &vec![made], "{}", resource.path);
            assert!(api.acme.get(&format!("{}?ownerId=a,b%5C", resource.path)).items().is_empty());
            api.acme.get(&format!("{}?ownerId=a%5C%5C,", resource.path)).refuses(&[("ownerId", "invalid_value")]);
            assert!(api.acme.get(&format!("{}?tags=a%5C,b", resource.path)).items().is_empty(), "no tag has a comma");
        }
    }

    /// A day in a filter by time is its begin or its end.
    fn a_day_means_its_begin_or_its_end(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            let id = make(&api.acme, resource, "Today");
            let made = api.acme.get(&format!("{}/{id}", resource.path)).item(200)["createdOn"].as_str().unwrap().to_owned();
            let day = &made[..10];
            let count = |query: &str| api.acme.get(&format!("{}?{query}", resource.path)).items().len();
            assert_eq!(count(&format!("createdAfterDate={day}&createdBeforeDate={day}")), 1, "{made}");
            assert_eq!(count(&format!("createdAfterDate={day}T23:59:59.999Z")), usize::from(made.ends_with("23:59:59.999Z")));
            assert_eq!(count(&format!("createdBeforeDate={day}T00:00:00Z")), usize::from(made.ends_with("00:00:00.000Z")));
            assert_eq!(count("createdAfterDate=9999-12-31"), 0);
            assert_eq!(count("createdBeforeDate=0001-01-01"), 0);
            for wrong in ["2025-02-30", "2025-2-300", "0000-01-01", "2025-07-1", "20250710", "2025-07-10T", "2025-07-10Z"] {
                let answer = api.acme.get(&format!("{}?createdAfterDate={wrong}&createdBeforeDate={wrong}", resource.path));
                answer.refuses(&[("createdAfterDate", "invalid_date"), ("createdBeforeDate", "invalid_date")]);
            }
        }
    }
}
