//! What a form makes of a record: only what somebody changed, and nothing of what others changed meanwhile.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;

use crm_console::fields::{self, Entry, KEEP, WAS};
use crm_forms::{Category, Field, FieldOption, FieldType};
use serde_json::{Value, json};

fn field(id: &str, category: Category, field_type: FieldType, options: Option<Vec<FieldOption>>) -> Field {
    Field {
        id: id.to_owned(),
        label: id.to_owned(),
        category,
        field_type,
        required: false,
        options,
        label_options: None,
        tenant_id: "acme".parse().unwrap(),
    }
}

fn entries() -> Vec<Entry> {
    let custom = |id: &str, field_type| field(id, Category::Custom, field_type, None);
    let own = |id: &str, field_type| field(id, Category::Default, field_type, None);
    let sizes = Some(vec![FieldOption::Plain("s".to_owned()), FieldOption::Plain("l".to_owned())]);
    let fields = [
        own("title", FieldType::Text),
        own("value", FieldType::Monetary),
        own("organizationId", FieldType::Combobox),
        own("owner", FieldType::Combobox),
        own("email", FieldType::EmailLabeled),
        own("note", FieldType::TextArea),
        custom("n", FieldType::Number),
        custom("when", FieldType::DateRange),
        field("sizes", Category::Custom, FieldType::Dropdown, sizes),
        custom("team", FieldType::PeoplePicker),
        own("participants", FieldType::PeoplePicker),
        custom("at", FieldType::DateTime),
    ];
    fields::entries(&fields, &[])
}

fn record() -> Value {
    json!({
        "id": "7", "title": "A", "value": { "amount": "10.50", "code": "USD" },
        "organization": { "id": "3", "name": "Acme" }, "organizationId": "3",
        "owner": { "id": "u1", "name": "Sarah", "email": "s@example.com" },
        "email": [{ "label": "Work", "value": "a@b.example", "primary": true }, { "label": null, "value": "c@d.example", "primary": false }],
        "note": "one\ntwo",
        "customFields": { "n": 12, "when": { "start": "2025-01-01", "end": "2025-02-01" }, "sizes": ["s"], "team": [{ "id": "x" }], "at": "2025-02-20T09:27:00" },
        "participants": [{ "id": "4", "name": "Jane Doe" }, { "id": "5", "name": null }, { "id": "6", "name": "Jane Doe" }]
    })
}

/// What a browser sends of the form of this record, once these were changed.
fn sent(record: &Value, changed: &[(&str, &str)]) -> HashMap<String, String> {
    let mut sent = HashMap::new();
    for entry in &entries() {
        for (part, text) in entry.parts().into_iter().zip(entry.texts(record)) {
            sent.insert(format!("{WAS}{part}"), text.clone());
            sent.insert(part, text.replace('\n', "\r\n"));
        }
    }
    sent.extend(changed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    sent
}

fn edit(now: &Value, sent: &HashMap<String, String>) -> fields::Edit {
    fields::edit(&entries(), now, |name| sent.get(name).cloned())
}

#[test]
fn a_form_that_nobody_touched_changes_nothing() {
    assert_eq!(edit(&record(), &sent(&record(), &[])), fields::Edit::default());
}

#[test]
fn a_time_without_seconds_is_the_time_that_it_was() {
    let short = sent(&record(), &[("customFields.at", "2025-02-20T09:27")]);
    assert_eq!(edit(&record(), &short), fields::Edit::default());
    let mut now = record();
    now["customFields"]["at"] = "2026-01-01T00:00:00".into();
    assert_eq!(edit(&now, &short), fields::Edit::default(), "no conflict where nobody touched it");
    let carried = fields::carried(&entries(), &now, |name| short.get(name).cloned());
    assert!(carried.contains(&("customFields.at".to_owned(), "2026-01-01T00:00:00".to_owned())));
}

#[test]
fn each_control_makes_the_value_that_the_api_takes() {
    for (changed, body) in [
        (vec![("title", " B ")], json!({ "title": "B" })),
        (vec![("title", "")], json!({ "title": null })),
        (vec![("value.amount", "11")], json!({ "value": { "amount": 11, "code": "USD" } })),
        (vec![("value.amount", "much")], json!({ "value": { "amount": "much", "code": "USD" } })),
        (vec![("value.amount", ""), ("value.code", "")], json!({ "value": null })),
        (vec![("organizationId", "#12")], json!({ "organizationId": "#12" })),
        (vec![("organizationId", "")], json!({ "organizationId": null })),
        (vec![("owner.name", "Sara")], json!({ "owner": { "id": "u1", "name": "Sara", "email": "s@example.com" } })),
        (
            vec![("owner.name", "Bob"), ("owner.email", "bob@example.com")],
            json!({ "owner": { "id": "bob@example.com", "name": "Bob", "email": "bob@example.com" } }),
        ),
        (vec![("owner.name", ""), ("owner.email", "")], json!({ "owner": null })),
        (
            vec![("email", "Home: x@y.example\r\n*z@y.example")],
            json!({ "email": [{ "label": "Home", "value": "x@y.example" }, { "label": null, "value": "z@y.example", "primary": true }] }),
        ),
        (vec![("note", "one\r\n\r\nthree")], json!({ "note": "one\n\nthree" })),
        (
            vec![("customFields.n", "12.50")],
            json!({ "customFields": { "n": serde_json::from_str::<Value>("12.50").unwrap() } }),
        ),
        (
            vec![("customFields.when.end", "")],
            json!({ "customFields": { "when": { "start": "2025-01-01", "end": null } } }),
        ),
        (
            vec![("customFields.team", "Uma <u@x.example>\r\n\r\n x \r\nno address\r\na@b.example\r\nBob <b-1>")],
            json!({ "customFields": { "team": [
                { "id": "u@x.example", "name": "Uma", "email": "u@x.example" }, { "id": "x" },
                { "id": "no address", "name": null, "email": null }, { "id": "a@b.example", "name": null, "email": "a@b.example" },
                { "id": "b-1", "name": "Bob", "email": null },
            ] } }),
        ),
        (vec![("customFields.team", "")], json!({ "customFields": { "team": null } })),
        // Of two of a name each stands for one; who is new is looked for.
        (
            vec![("participants", "Jane Doe\r\nBob\r\n#5\r\nJane Doe\r\nJane Doe\r\n#7")],
            json!({ "participants": [
                { "id": "4", "name": "Jane Doe" }, "Bob", { "id": "5", "name": null }, { "id": "6", "name": "Jane Doe" }, "Jane Doe",
                { "id": "7" },
            ] }),
        ),
        (vec![("customFields.at", "2025-02-20T09:28")], json!({ "customFields": { "at": "2025-02-20T09:28" } })),
        (vec![("customFields.sizes", "s\nl")], json!({ "customFields": { "sizes": ["s", "l"] } })),
    ] {
        let edit = edit(&record(), &sent(&record(), &changed));
        assert_eq!((Value::from(edit.body), edit.conflicts), (body, Vec::new()), "{changed:?}");
    }
}

#[test]
fn what_two_people_changed_is_kept_of_both_unless_it_is_the_same_field() {
    let mut now = record();
    now["note"] = "theirs".into();
    now["title"] = "Theirs".into();
    let mine = sent(&record(), &[("value.amount", "11")]);
    assert_eq!(Value::from(edit(&now, &mine).body), json!({ "value": { "amount": 11, "code": "USD" } }), "others stay");
    let mine = sent(&record(), &[("title", "Mine"), ("value.amount", "11")]);
    assert_eq!(edit(&now, &mine).conflicts, ["title"]);
    let carried = fields::carried(&entries(), &now, |name| mine.get(name).cloned());
    let shown = |name: &str| carried.iter().find(|(part, _)| part == name).unwrap().1.clone();
    assert_eq!((shown("title"), shown("value.amount"), shown("note")), ("Mine".into(), "11".into(), "theirs".into()));
    for (keep, title) in [("mine", json!("Mine")), ("theirs", Value::Null)] {
        let mut chosen = sent(&now, &[("title", "Mine")]);
        chosen.insert(format!("{KEEP}title"), keep.to_owned());
        let edit = edit(&now, &chosen);
        assert_eq!(
            (edit.body.get("title").cloned().unwrap_or_default(), edit.conflicts),
            (title, Vec::new()),
            "{keep}"
        );
        // Between what was shown: what a third has typed meanwhile is asked about too.
        chosen.insert(format!("{WAS}title"), "A".to_owned());
        assert_eq!(self::edit(&now, &chosen).conflicts, ["title"], "{keep}");
    }
    let mine = sent(&record(), &[("title", "Theirs")]);
    assert_eq!(edit(&now, &mine), fields::Edit::default(), "both did the same");
}

#[test]
fn a_new_record_has_what_was_filled_in() {
    let sent: HashMap<&str, &str> =
        HashMap::from([("title", "T"), ("value.amount", ""), ("value.code", ""), ("customFields.n", "5")]);
    let body = fields::new_body(&entries(), |name| sent.get(name).map(|text| (*text).to_owned()));
    assert_eq!(Value::from(body), json!({ "title": "T", "customFields": { "n": 5 } }));
}
