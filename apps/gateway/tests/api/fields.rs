//! Filters of lists by any field: custom fields of every type, what is empty, when it was changed; and where a list goes on.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::client::{Api, Client};
use crate::resources::{RESOURCES, ids};

const LEADS: &str = "/pipeline/leads";
const FORM: &str = "/pipeline/forms/opportunities";

/// A field of each type, by a short id.
const FIELDS: &[(&str, &str)] = &[
    ("t", "text"),
    ("ta", "text-area"),
    ("n", "number"),
    ("m", "monetary"),
    ("d", "date"),
    ("dr", "date-range"),
    ("dt", "date-time"),
    ("dtr", "date-time-range"),
    ("ti", "time"),
    ("tir", "time-range"),
    ("dd", "dropdown"),
    ("e", "email"),
    ("tel", "tel"),
    ("u", "url"),
    ("pp", "people-picker"),
    ("tp", "tag-picker"),
    ("c", "combobox"),
    ("el", "email_labeled"),
    ("tl", "tel_labeled"),
];

fn give_form(client: &Client) {
    let mut fields = client.get(FORM).body["items"].as_array().unwrap().clone();
    for (id, kind) in FIELDS {
        let mut field = json!({ "id": id, "label": id, "category": "custom", "type": kind });
        match *kind {
            "dropdown" => field["options"] = json!(["Gold", "Silver", "a,b"]),
            "tag-picker" => {
                field["options"] = json!([{ "id": "x", "label": "X", "color": "#112233" }, { "id": "y", "label": "Y", "color": "#112233" }]);
            }
            _ => {}
        }
        fields.push(field);
    }
    assert_eq!(client.put(FORM, &json!({ "fields": fields })).status, 200);
}

/// Three leads: one with low values, one with high ones, one without any.
fn values(low: bool) -> Value {
    let of = |one: Value, other: Value| if low { one } else { other };
    json!({
        "t": of(json!("50%_off, Größe"), json!("plain")),
        "ta": of(json!("first\nline"), json!("second")),
        "n": of(json!(-12.50), json!("1e3")),
        "m": of(json!({ "amount": 10, "code": "EUR" }), json!({ "amount": 1000.5, "code": "USD" })),
        "d": of(json!("2025-01-31"), json!("2025-03-01")),
        "dr": of(json!({ "start": "2025-01-01", "end": "2026-01-01" }), json!({ "start": "2025-06-01", "end": "2025-06-02" })),
        "dt": of(json!("2025-01-31T09:27"), json!("2025-03-01T10:00:30")),
        "dtr": of(json!({ "start": "2025-01-01T00:00", "end": "2025-01-02T00:00" }), json!({ "start": "2025-06-01T00:00", "end": "2025-06-02T00:00" })),
        "ti": of(json!("09:28"), json!("17:00:10")),
        "tir": of(json!({ "start": "08:00", "end": "09:00" }), json!({ "start": "16:00", "end": "17:00" })),
        "dd": of(json!(["Gold", "a,b"]), json!(["Silver"])),
        "e": of(json!("Ann@example.com"), json!("bob@example.com")),
        "tel": of(json!("+1 555 1"), json!("+1 555 2")),
        "u": of(json!("https://Example.com/a"), json!("example.com/b")),
        "pp": of(json!([{ "id": "U1" }, { "id": "u2" }]), json!([{ "id": "u3" }])),
        "tp": of(json!([{ "id": "x" }]), json!([{ "id": "y" }])),
        "c": of(json!("Red"), json!("blue")),
        "el": of(json!([{ "value": "a@x.com", "primary": true }]), json!([{ "value": "b@x.com", "primary": true }])),
        "tl": of(json!([{ "value": "111", "primary": true }]), json!([{ "value": "222", "primary": true }])),
    })
}

both_databases! {
    /// Of the leads 1 (low), 2 (high) and 3 (none), each filter has those that it says.
    fn lists_are_filtered_by_custom_fields_of_every_type(database) {
        let api = Api::start(database);
        give_form(&api.acme);
        for custom in [values(true), values(false), json!({})] {
            api.acme.post(LEADS, &json!({ "title": "L", "customFields": custom })).item(201);
        }
        let of = |query: &str| {
            let page = api.acme.get(&format!("{LEADS}?sort=asc&{query}"));
            ids(page.items()).concat()
        };
        for (query, expected) in [
            ("customFields.t=%25_OFF,%20gr%C3%B6sse", "1"),
            ("customFields.t=l", "2"),
            ("customFields.ta=LINE", "1"),
            ("customFields.n=-12.5", "1"),
            ("customFields.n=1000,-12.500", "12"),
            ("customFields.n.from=-12.5", "12"),
            ("customFields.n.from=-12.49", "2"),
            ("customFields.n.to=999.999", "1"),
            ("customFields.n.from=-20&customFields.n.to=0", "1"),
            ("customFields.m=10.0", "1"),
            ("customFields.m.from=10.01", "2"),
            ("customFields.d=2025-01-31,2025-03-01", "12"),
            ("customFields.d.to=2025-01-31", "1"),
            ("customFields.dr.from=2025-01-02", "2"),
            ("customFields.dt=2025-01-31", "1"),
            ("customFields.dt=2025-03-01T10:00", "2"),
            ("customFields.dt.to=2025-01-31", "1"),
            ("customFields.dt.from=2025-01-31T09:28", "2"),
            ("customFields.dtr.to=2025-05-31", "1"),
            ("customFields.ti=09:28:00", "1"),
            ("customFields.ti.from=17:00", "2"),
            ("customFields.tir.to=08:00", "1"),
            ("customFields.dd=gold", "1"),
            ("customFields.dd=a%5C,b,Silver", "12"),
            ("customFields.e=ANN@EXAMPLE.COM", "1"),
            ("customFields.tel=%2B1%20555%202", "2"),
            ("customFields.u=https://example.com/A", "1"),
            ("customFields.pp=u1,u3", "12"),
            ("customFields.tp=y", "2"),
            ("customFields.c=RED", "1"),
            ("customFields.el=B@x.com", "2"),
            ("customFields.tl=111", "1"),
            ("customFields.n.empty=true", "3"),
            ("customFields.n.empty=false", "12"),
            ("empty=customFields.n,owner", "3"),
            ("notEmpty=customFields.n", "12"),
            ("customFields.c=red&customFields.n.from=0", ""),
        ] {
            assert_eq!(of(query), expected, "{query}");
        }
        // A change is found by its new value, and not by the old one; what is deleted is found by none.
        api.acme.patch(&format!("{LEADS}/1"), &json!({ "customFields": { "c": "green", "n": null } })).item(200);
        for (query, expected) in [("customFields.c=red", ""), ("customFields.c=green", "1"), ("customFields.n.empty=true", "13"), ("customFields.t=off", "1")] {
            assert_eq!(of(query), expected, "{query} after the change");
        }
        assert_eq!(api.acme.delete(&format!("{LEADS}/1")).status, 204);
        assert_eq!(of("customFields.c=green"), "");
        // A lead that is converted has its values as an opportunity.
        api.acme.post(&format!("{LEADS}/2/convert"), &json!({})).item(201);
        assert_eq!(ids(api.acme.get("/pipeline/opportunities?customFields.c=blue&customFields.m.to=2000").items()), ["1"]);
    }

    fn a_filter_that_the_form_does_not_know_is_told(database) {
        let api = Api::start(database);
        give_form(&api.acme);
        for (query, field, code) in [
            ("customFields.none=1", "customFields.none", "unknown_custom_field"),
            ("customFields.none.from=1", "customFields.none", "unknown_custom_field"),
            ("empty=customFields.none", "customFields.none", "unknown_custom_field"),
            ("empty=nothing", "empty", "unknown_field"),
            ("notEmpty=title", "notEmpty", "unknown_field"),
            ("customFields.n=x", "customFields.n", "invalid_value"),
            ("customFields.n.from=x", "customFields.n.from", "invalid_value"),
            ("customFields.d=2025-02-30", "customFields.d", "invalid_value"),
            ("customFields.c.from=a", "customFields.c.from", "invalid_value"),
            ("customFields.c.like=a", "customFields.c.like", "unknown_field"),
            ("customFields.c.empty=yes", "customFields.c.empty", "invalid_value"),
            ("customFields.c=", "customFields.c", "required"),
            ("customField.c=a", "customField.c", "unknown_field"),
            ("updatedAfterDate=yesterday", "updatedAfterDate", "invalid_date"),
        ] {
            api.acme.get(&format!("{LEADS}?{query}")).refuses(&[(field, code)]);
        }
    }

    /// Every kind: which of its own fields are empty.
    fn lists_are_filtered_by_what_is_empty(database) {
        let api = Api::start(database);
        crate::resources::prepare(&api.acme);
        for resource in RESOURCES {
            let path = resource.path;
            let before = api.acme.get(&format!("{path}?size=200")).items().len();
            let full = api.acme.post(path, &(resource.full)()).item(201)["id"].clone();
            let bare = api.acme.post(path, &json!({ resource.text: "Bare" })).item(201)["id"].clone();
            let of = |query: &str| {
                let page = api.acme.get(&format!("{path}?size=200&{query}"));
                page.items().iter().map(|item| item["id"].clone()).collect::<Vec<_>>()
            };
            for field in ["owner", resource.note, "tags", "customFields.mood"] {
                let (empty, filled) = (of(&format!("empty={field}")), of(&format!("notEmpty={field}")));
                assert!(empty.contains(&bare) && !empty.contains(&full), "{path}: {field} of {empty:?}");
                assert!(filled.contains(&full) && !filled.contains(&bare), "{path}: {field} of {filled:?}");
                assert_eq!(empty.len() + filled.len(), before + 2, "{path}: {field}");
            }
            assert_eq!(of(&format!("notEmpty=owner,tags,{}", resource.note)), std::slice::from_ref(&full), "{path}");
            assert!(of("empty=owner&notEmpty=owner").is_empty());
        }
    }

    /// Of each own field that a list knows: who has something in it and who has not, as the records show it.
    fn every_own_field_is_empty_or_it_is_not(database) {
        let api = Api::start(database);
        let acme = &api.acme;
        crate::resources::prepare(acme);
        for resource in RESOURCES {
            let path = resource.path;
            let made = |body: &Value| acme.post(path, body).item(201)["id"].as_str().unwrap().to_owned();
            made(&json!({ resource.text: "Bare" }));
            let full = made(&(resource.full)());
            acme.patch(&format!("{path}/{full}"), &json!({ "externalId": "of another system" })).item(200);
            // What comes of what is done with a record.
            match path {
                "/pipeline/leads" => {
                    let lead = made(&json!({ "title": "Converted" }));
                    acme.post(&format!("{path}/{lead}/convert"), &json!({})).item(201);
                }
                "/pipeline/opportunities" => {
                    let lost = json!({ "status": "lost", "lostReason": { "reasonId": "price" } });
                    acme.patch(&format!("{path}/{full}/updateStatus"), &lost).item(200);
                }
                "/cases/cases" => {
                    acme.patch(&format!("{path}/{full}"), &json!({ "status": "Closed", "comment": "done" })).item(200);
                }
                _ => {}
            }
            let refused = acme.get(&format!("{path}?empty=nothing"));
            let message = refused.problem(400, "validation_failed").body["errors"][0]["message"].as_str().unwrap();
            let known = message.split_once("there are ").unwrap().1.split_once(", and customFields").unwrap().0;
            assert!(known.split(", ").count() >= 10, "{path}: {known}");
            let records = acme.get(&format!("{path}?size=200&sort=asc")).items().clone();
            for field in known.split(", ") {
                let is_empty = |record: &&Value| {
                    let value = record.get(field).unwrap_or_else(|| panic!("{path} shows no {field}"));
                    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
                };
                let (empty, filled): (Vec<&Value>, Vec<&Value>) = records.iter().partition(is_empty);
                assert!(!empty.is_empty() && !filled.is_empty(), "{path}: no record to tell {field} by");
                for (query, expected) in [("empty", empty), ("notEmpty", filled)] {
                    let found = acme.get(&format!("{path}?size=200&sort=asc&{query}={field}"));
                    assert_eq!(found.items().iter().collect::<Vec<_>>(), expected, "{path}?{query}={field}");
                }
            }
        }
    }

    /// The link of a page is the next one, and the last page has none.
    fn a_list_links_to_its_next_page(database) {
        let api = Api::start(database);
        for number in 1..=5 {
            api.acme.post(LEADS, &json!({ "title": format!("Ünited, {number}") })).item(201);
        }
        let mut path = format!("{LEADS}?title=%C3%BCnited,%20&size=2&sort=asc&includeTotal=true");
        let mut seen = Vec::new();
        loop {
            let page = api.acme.get(&path);
            seen.extend(ids(page.items()).into_iter().map(str::to_owned));
            let link = page.header("link");
            assert_eq!(link.is_empty(), page.body["hasMore"] == false, "{link}");
            assert_eq!(page.body["total"], 5);
            if link.is_empty() {
                break;
            }
            let query = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).unwrap();
            assert!(!query.contains("key"), "{query}");
            path = format!("{LEADS}{query}");
        }
        assert_eq!(seen, ["1", "2", "3", "4", "5"]);
        let by_key = api.acme.with_key(None).get(&format!("{LEADS}?size=1&subscription-key={}", api.acme.keys.primary));
        assert!(by_key.header("link").starts_with("<?size=1&continuationToken="), "{}", by_key.header("link"));
    }

    /// The link to the next page repeats the filters, and no header gets as long as a client can make those.
    fn a_link_that_would_be_long_is_left_out(database) {
        let api = Api::start(database);
        for _ in 0..2 {
            api.acme.post(LEADS, &json!({ "title": "t", "origin": "website" })).item(201);
        }
        for (length, has_link) in [(3_500, true), (4_100, false), (30_000, false)] {
            let page = api.acme.get(&format!("{LEADS}?size=1&origin=website,{}", "x".repeat(length)));
            assert_eq!(page.items().len(), 1);
            assert_eq!((&page.body["hasMore"], page.body["continuationToken"].is_string()), (&json!(true), true));
            let link = page.header("link");
            assert_eq!(!link.is_empty(), has_link, "{length}");
            assert!(link.len() <= 4 * 1024 + 20, "{} bytes", link.len());
        }
    }

    /// Who polls for changes goes on from the last token, and gets each change once.
    fn a_poller_goes_on_from_the_last_token(database) {
        let api = Api::start(database);
        let make = |title: &str| api.acme.post(LEADS, &json!({ "title": title })).item(201)["id"].as_str().unwrap().to_owned();
        let (first, second) = (make("1"), make("2"));
        let poll = |token: &str| {
            let token = if token.is_empty() { String::new() } else { format!("&continuationToken={token}") };
            let page = api.acme.get(&format!("{LEADS}?orderBy=lastUpdatedOn&sort=asc&includeToken=true&size=50{token}"));
            let found: Vec<String> = ids(page.items()).into_iter().map(str::to_owned).collect();
            assert_eq!(page.header("link"), "", "it has no next page yet");
            (found, page.body["continuationToken"].as_str().unwrap().to_owned())
        };
        let (found, token) = poll("");
        assert_eq!(found, [first.clone(), second]);
        let (nothing, token) = poll(&token);
        assert!(nothing.is_empty());
        api.acme.patch(&format!("{LEADS}/{first}"), &json!({ "note": "x" })).item(200);
        let third = make("3");
        let (found, token) = poll(&token);
        assert_eq!(found, [first, third]);
        assert!(poll(&token).0.is_empty());
        let without = api.acme.get(&format!("{LEADS}?orderBy=lastUpdatedOn"));
        assert!(without.body.get("continuationToken").is_none());
    }

    fn lists_are_filtered_by_when_records_were_changed(database) {
        let api = Api::start(database);
        for resource in RESOURCES {
            let path = resource.path;
            let made = api.acme.post(path, &json!({ resource.text: "A" })).item(201).clone();
            let moment = made["lastUpdatedOn"].as_str().unwrap();
            let day = &moment[..10];
            for (query, expected) in [
                (format!("updatedAfterDate={moment}&updatedBeforeDate={moment}"), true),
                (format!("updatedAfterDate={day}&updatedBeforeDate={day}"), true),
                ("updatedBeforeDate=2020-01-01".to_owned(), false),
                ("updatedAfterDate=2999-01-01".to_owned(), false),
            ] {
                let found = api.acme.get(&format!("{path}?{query}"));
                assert_eq!(found.items().iter().any(|item| item["id"] == made["id"]), expected, "{path}?{query}");
            }
        }
    }
}
