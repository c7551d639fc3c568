//! What every kind of record must do, whatever it is.

mod conditions;
mod external_ids;
mod hostile;
mod ids;
mod isolation;
mod lists;
mod patches;
mod records;
mod required;
mod table;
mod texts;

use serde_json::{Value, json};

use crate::client::{Answer, Client};

pub(crate) use table::RESOURCES;
use table::{OF_CASES, OF_CONTACTS, OF_ORGANIZATIONS};

/// One kind of record, as the tests here need to know it.
pub(crate) struct Resource {
    /// Where its records are listed and made.
    pub(crate) path: &'static str,
    /// The required text, which is trimmed, sorted and searched under its own name.
    pub(crate) text: &'static str,
    /// The text that holds most.
    pub(crate) note: &'static str,
    /// A body with every member that a client may send. Refers to what [`prepare`] made.
    pub(crate) full: fn() -> Value,
    /// A patch that changes every member that may be changed; what is `null` in it is cleared.
    pub(crate) patch: fn() -> Value,
    /// Members that a client may send back as it read them.
    pub(crate) read_only: &'static [&'static str],
    /// The names for `orderBy`.
    pub(crate) orders: &'static [&'static str],
    /// Texts that take what a person writes: where they are in a full body, and how many characters they hold.
    pub(crate) texts: &'static [(&'static str, usize)],
    /// Texts with rules of their own.
    pub(crate) strict: &'static [&'static str],
    /// Amounts of money, where they are in a full body.
    pub(crate) money: &'static [&'static str],
    /// References by id: the member, and the path of what it refers to.
    pub(crate) references: &'static [(&'static str, &'static str)],
    /// Filters that take a text.
    pub(crate) text_filters: &'static [&'static str],
    /// Filters that take ids, and the path of what they are ids of.
    pub(crate) id_filters: &'static [(&'static str, &'static str)],
    /// What can be done with a record beyond PATCH and DELETE.
    pub(crate) actions: &'static [Action],
    /// Where many are deleted at once, and what they are called there.
    pub(crate) bulk: (&'static str, &'static str),
    /// Where its tags are.
    pub(crate) tags: &'static str,
    /// Where its form is; that of cases is a member of their type.
    pub(crate) form: &'static str,
}

impl Resource {
    /// The fields of its form.
    pub(crate) fn fields(&self, client: &Client) -> Vec<Value> {
        let read = client.get(self.form);
        let fields = if self.form == OF_CASES { &read.item(200)["form"] } else { &read.body["items"] };
        fields.as_array().unwrap().clone()
    }

    /// Gives it a form of these fields, with these members beside them.
    pub(crate) fn set_fields(&self, client: &Client, fields: &[Value], mut body: Value) -> Answer {
        if self.form == OF_CASES {
            body["form"] = json!(fields);
            return client.patch(self.form, &body);
        }
        body["fields"] = json!(fields);
        client.put(self.form, &body)
    }
}

/// The method, what follows the id in the path, and a body.
pub(crate) type Action = (&'static str, &'static str, fn() -> Value);

/// Makes what the bodies of [`RESOURCES`] refer to: organizations and contacts 1 and 2, tags, custom fields.
pub(crate) fn prepare(client: &Client) {
    for resource in RESOURCES {
        for label in ["new", "vip"] {
            client.post(resource.tags, &json!({ "label": label })).item(201);
        }
        let mut fields = resource.fields(client);
        // Two kinds may share a form.
        let missing = [("mood", "text"), ("age", "number")]
            .into_iter()
            .filter(|(id, _)| !fields.iter().any(|field| field["id"] == *id));
        for (id, kind) in missing.collect::<Vec<_>>() {
            fields.push(json!({ "id": id, "label": id, "category": "custom", "type": kind }));
        }
        assert_eq!(resource.set_fields(client, &fields, json!({})).status, 200);
    }
    for path in [OF_ORGANIZATIONS, OF_CONTACTS] {
        for number in ["1", "2"] {
            let made = client.post(path, &json!({ "name": format!("Reference {number}") }));
            assert_eq!(made.item(201)["id"], number);
        }
    }
}

/// Makes a record of this kind with this text and nothing else, and gives its id.
pub(crate) fn make(client: &Client, resource: &Resource, text: &str) -> String {
    let made = client.post(resource.path, &json!({ resource.text: text }));
    made.item(201)["id"].as_str().unwrap().to_owned()
}

/// The ids of some records.
pub(crate) fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Checks that a record has each member of a body as it was sent.
#[track_caller]
pub(crate) fn assert_has(item: &Value, body: &Value) {
    for (name, sent) in body.as_object().unwrap() {
        let found = match name.as_str() {
            "tags" => item["tags"].as_array().unwrap().iter().map(|tag| tag["label"].clone()).collect(),
            _ => item[name].clone(),
        };
        assert_eq!(&found, sent, "{name} of {item}");
    }
}
