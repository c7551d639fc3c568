//! Every example of the source for leads, contacts, organizations, their tags, forms and bulk actions, as printed
//! (comments and trailing commas removed, a missing last brace put), for a tenant of the id printed there.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::client::{Answer, Api, Client};
use crate::resources::assert_has;

/// The examples of one part of the source, and which of them were sent.
struct Examples {
    all: Vec<Value>,
    sent: RefCell<BTreeSet<usize>>,
}

impl Examples {
    fn of(text: &str) -> Self {
        Self { all: serde_json::from_str(text).unwrap(), sent: RefCell::default() }
    }

    /// The example of this method and path as printed; `number` counts those that are alike from 0.
    fn find(&self, method: &str, path: &str, number: usize) -> (String, Value) {
        let is_it = |example: &Value| example["method"] == method && example["path"] == path;
        let mut alike = self.all.iter().enumerate().filter(|(_, example)| is_it(example));
        let (index, example) =
            alike.nth(number).unwrap_or_else(|| panic!("{method} {path} is no example of the source"));
        self.sent.borrow_mut().insert(index);
        (example["path"].as_str().unwrap().to_owned(), example["body"].clone())
    }

    /// Sends an example with this id in the place of `{…}`.
    fn send(&self, client: &Client, method: &str, path: &str, id: &str) -> Answer {
        self.send_number(client, method, path, 0, id)
    }

    fn send_number(&self, client: &Client, method: &str, path: &str, number: usize, id: &str) -> Answer {
        let (path, body) = self.find(method, path, number);
        let path = match (path.find('{'), path.find('}')) {
            (Some(from), Some(to)) => format!("{}{id}{}", &path[..from], &path[to + 1..]),
            _ => path,
        };
        client.send(method, &path, &[], (!body.is_null()).then(|| body.to_string()).as_deref())
    }

    /// Sends the example of a POST or PATCH, whose members must all come back.
    fn send_kept(&self, client: &Client, method: &str, path: &str, number: usize, id: &str) -> Answer {
        let (_, mut body) = self.find(method, path, number);
        let answer = self.send_number(client, method, path, number, id);
        let item = answer.item(if method == "POST" { 201 } else { 200 });
        // An example has a member within a user that no user has.
        if let Some(owner) = body.get_mut("owner").and_then(Value::as_object_mut) {
            owner.remove("tags");
        }
        if method == "PATCH" {
            body.as_object_mut().unwrap().remove("customFields");
        }
        assert_has(item, &body);
        answer
    }

    /// Checks that every example was sent.
    fn assert_all_sent(&self) {
        let sent = self.sent.borrow();
        let left = self.all.iter().enumerate().filter(|(index, _)| !sent.contains(index));
        let left: Vec<String> =
            left.map(|(_, example)| format!("{} {}", example["method"], example["path"]).replace('"', "")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Makes a record with just this id, as if others had been made and deleted before.
fn make_numbered(database: &TestDatabase, client: &Client, path: &str, id: u32) {
    let kind = if path.ends_with("contacts") { 3 } else { 4 };
    let tenant = &client.keys.tenant;
    let last = id - 1;
    let set = format!(
        "INSERT INTO numbering (tenant_id, kind, last) SELECT id, {kind}, {last} FROM tenants WHERE public_id = '{tenant}' \
         ON CONFLICT (tenant_id, kind) DO UPDATE SET last = excluded.last"
    );
    database.connect().batch_execute(&set).unwrap();
    let made = client.post(
        path,
        &json!({
            "name": format!("Number {id}"),
            "email": [{ "value": format!("n{id}@example.com") }],
            "phone": [{ "value": format!("+1 555 {id}") }],
        }),
    );
    assert_eq!(made.item(201)["id"], id.to_string());
}

/// Tags, the same for every kind: made, changed, listed, deleted.
fn walk_tags(examples: &Examples, client: &Client, path: &str) {
    let made = examples.send(client, "POST", path, "");
    let (_, sent) = examples.find("POST", path, 0);
    assert_eq!((&made.item(201)["label"], &made.body["item"]["color"]), (&sent["label"], &sent["color"]));
    let id = made.body["item"]["id"].as_str().unwrap();
    let one = format!("{path}/{{tag id}}");
    let (_, patch) = examples.find("PATCH", &one, 0);
    let changed = examples.send(client, "PATCH", &one, id);
    assert_eq!((&changed.item(200)["label"], &changed.body["item"]["color"]), (&patch["label"], &patch["color"]));
    assert_eq!(examples.send(client, "GET", path, "").items(), std::slice::from_ref(changed.item(200)));
    assert_eq!(examples.send(client, "DELETE", &one, id).status, 204);
}

/// A form as printed is taken, and has what was sent.
fn walk_form(examples: &Examples, client: &Client, path: &str) {
    let form = examples.send(client, "PUT", path, "");
    let (_, sent) = examples.find("PUT", path, 0);
    let listed: Vec<&Value> = form.items().iter().map(|field| &field["id"]).collect();
    let expected: Vec<&Value> = sent["fields"].as_array().unwrap().iter().map(|field| &field["id"]).collect();
    assert_eq!(listed, expected);
    for (field, sent) in form.items().iter().zip(sent["fields"].as_array().unwrap()) {
        assert_has(field, sent);
    }
    assert_eq!(examples.send(client, "GET", path, "").items(), form.items());
}

/// The custom fields of lead "Example 2", each of the type that its comment names.
const FIELDS_OF_EXAMPLE_2: &[(&str, &str)] = &[
    ("3bf89603-37c2-4324-b3bf-665b7e35be23", "date"),
    ("e1e0b23d-163e-46ca-a072-95d50c4c7bb4", "date-range"),
    ("08a38c43-c43a-4aa8-9086-ca5015592526", "date-time"),
    ("21709e77-1af3-4964-8bf2-9494e0811eef", "date-time-range"),
    ("569b2afa-91b0-42bf-a7a2-d84b0b216073", "dropdown"),
    ("d8ae48c0-2820-45dc-8934-081a418aef29", "email"),
    ("b7c579cd-b139-43a8-b4a3-f382e687b10b", "monetary"),
    ("f9c1f41f-dbd8-4941-a8b1-7b8032852447", "number"),
    ("24d66f90-3b91-4868-b358-1700a7b87e18", "people-picker"),
    ("70c70538-d21b-4da3-9389-9dd4080e9726", "tel"),
    ("47c7cc14-2259-4dd3-90fa-921121b07be0", "text"),
    ("4189f7ce-6ff8-48f8-b05b-fc1244eb0e86", "text-area"),
    ("ddc0617c-9534-40d9-b0ef-a26bdef9d11a", "time"),
    ("2c0e1501-3d88-4d03-bbee-ffe85e4960ad", "time-range"),
    ("2258b428-d13c-4a7e-8139-d554cdc94c6f", "url"),
    ("4c405ec6-8eb8-4060-b873-ce1d09e5267e", "tag-picker"),
    // Of the PATCH.
    ("454f3b6e-4081-482c-8ac9-d25482667f7d", "text"),
];

fn form_of_example_2() -> Value {
    let field = |(id, kind): &(&str, &str)| {
        let mut field = json!({ "id": id, "label": kind, "category": "custom", "type": kind });
        match *kind {
            "dropdown" => {
                field["options"] = json!([{ "id": "5ddd0486-1700-49d3-a7ba-1c95ccaf3a4a", "label": "First" }]);
            }
            "tag-picker" => {
                field["options"] =
                    json!([{ "id": "7ed65a4e-a458-48ee-b57b-801b46e7f5d6", "label": "Tag3", "color": "#FF7A00" }]);
            }
            _ => {}
        }
        field
    };
    json!({ "fields": FIELDS_OF_EXAMPLE_2.iter().map(field).collect::<Vec<_>>() })
}

both_databases! {
    /// Leads: both examples of a creation, the one with its form; change, archive, tags, form, deletion.
    fn leads(database) {
        let examples = Examples::of(include_str!("fixtures/leads.json"));
        let api = Api::start(database);
        let (leads, lead) = ("/pipeline/leads", "/pipeline/leads/{lead id}");
        let first = api.tenant("fdsa-4321");
        make_numbered(database, &first, "/directory/organizations", 456);
        let made = examples.send_kept(&first, "POST", leads, 0, "");
        let found = examples.send(&first, "GET", "/pipeline/leads?page=1&size=5&sort=asc&orderBy=createdOn&title=Cloud", "");
        assert_eq!(found.items(), std::slice::from_ref(made.item(201)));

        let second = api.tenant("your-tenant-id");
        for id in [1, 5] {
            make_numbered(database, &second, "/directory/organizations", id);
            make_numbered(database, &second, "/directory/contacts", id);
        }
        make_numbered(database, &second, "/directory/contacts", 123);
        second.put("/pipeline/forms/opportunities", &form_of_example_2()).items();
        let made = examples.send_kept(&second, "POST", leads, 1, "");
        let id = made.body["item"]["id"].as_str().unwrap();
        assert_eq!(made.body["item"]["customFields"].as_object().unwrap().len(), 16, "{}", made.text);
        let changed = examples.send_kept(&second, "PATCH", lead, 0, id);
        assert_eq!(changed.body["item"]["customFields"]["454f3b6e-4081-482c-8ac9-d25482667f7d"], "some_custom_value");
        assert_eq!(changed.body["item"]["customFields"].as_object().unwrap().len(), 17, "the others stay");
        assert_eq!(examples.send(&second, "GET", lead, id).item(200), changed.item(200));
        let archived = examples.send(&second, "PATCH", "/pipeline/lead/{leads id}/archive", id);
        assert_eq!(archived.item(200)["isArchived"], true);
        let taken_up = examples.send(&second, "PATCH", "/pipeline/leads/{lead id}/unarchive", id);
        assert_eq!(taken_up.item(200)["isArchived"], false);
        let opportunity = examples.send(&second, "POST", "/pipeline/leads/{lead id}/convert", id);
        assert_eq!(opportunity.item(201)["customFields"], changed.body["item"]["customFields"]);
        walk_tags(&examples, &second, "/pipeline/tags/leads");
        assert_eq!(examples.send(&second, "DELETE", lead, id).status, 204);
        for title in ["Second", "Third"] {
            second.post(leads, &json!({ "title": title })).item(201);
        }
        let deleted = examples.send(&second, "POST", "/pipeline/bulk-actions", "");
        assert_eq!(deleted.body, json!({ "deleted": ["2", "3"], "notFound": ["1"] }));
        walk_form(&examples, &second, "/pipeline/forms/opportunities");
        examples.assert_all_sent();
    }

    /// Contacts: with the form that their example needs.
    fn contacts(database) {
        let examples = Examples::of(include_str!("fixtures/contacts.json"));
        let api = Api::start(database);
        let (contacts, contact, form) = ("/directory/contacts", "/directory/contacts/{contact id}", "/directory/forms/contacts");
        let client = api.tenant("your-tenant-id");
        make_numbered(database, &client, "/directory/organizations", 42);
        walk_form(&examples, &client, form);
        let made = examples.send_kept(&client, "POST", contacts, 0, "");
        assert_eq!(made.body["item"]["organization"], json!({ "id": "42", "name": "Number 42" }));
        let (_, mut fields) = examples.find("PUT", form, 0);
        fields["fields"].as_array_mut().unwrap().push(json!({
            "id": "custom_field_2", "label": "Another", "category": "custom", "type": "text",
        }));
        client.put(form, &fields).items();
        let changed = examples.send_kept(&client, "PATCH", contact, 0, "1");
        assert_eq!(changed.body["item"]["customFields"], json!({ "custom_field_1": "Some Value", "custom_field_2": "New Value" }));
        assert_eq!(examples.send(&client, "GET", contact, "1").item(200), changed.item(200));
        for id in [2, 3, 4] {
            make_numbered(database, &client, contacts, id);
        }
        let merged = examples.send(&client, "POST", "/directory/contacts/{contact id}/merge", "1");
        assert_eq!(merged.item(200)["email"].as_array().unwrap().len(), 4, "{}", merged.text);
        assert_eq!(merged.body["item"]["lastUpdatedBy"]["name"], "Alex Kim");
        walk_tags(&examples, &client, "/directory/tags/contacts");
        let found = examples.send(&client, "GET", "/directory/contacts?page=1&size=20&sort=asc&orderBy=name&name=John", "");
        assert!(found.items().is_empty());
        let deleted = examples.send(&client, "POST", "/directory/bulk-actions", "");
        assert_eq!(deleted.body, json!({ "deleted": ["1"], "notFound": ["2", "3"] }));
        make_numbered(database, &client, contacts, 5);
        assert_eq!(examples.send(&client, "DELETE", contact, "5").status, 204);
        examples.assert_all_sent();
    }

    /// Organizations.
    fn organizations(database) {
        let examples = Examples::of(include_str!("fixtures/organizations.json"));
        let api = Api::start(database);
        let (organizations, organization) = ("/directory/organizations", "/directory/organizations/{organization id}");
        let client = api.tenant("your-tenant-id");
        examples.send_kept(&client, "POST", organizations, 0, "");
        walk_form(&examples, &client, "/directory/forms/organizations");
        let changed = examples.send_kept(&client, "PATCH", organization, 0, "1");
        assert_eq!(examples.send(&client, "GET", organization, "1").item(200), changed.item(200));
        for id in [2, 3] {
            make_numbered(database, &client, organizations, id);
        }
        let merged = examples.send(&client, "POST", "/directory/organizations/{organization id}/merge", "1");
        assert_eq!(merged.item(200)["phone"].as_array().unwrap().len(), 3, "{}", merged.text);
        let found = examples.send(&client, "GET", "/directory/organizations?page=1&size=10&sort=desc&orderBy=name", "");
        assert_eq!(found.items(), std::slice::from_ref(merged.item(200)));
        walk_tags(&examples, &client, "/directory/tags/organizations");
        let deleted = examples.send(&client, "POST", "/directory/bulk-actions", "");
        assert_eq!(deleted.body, json!({ "deleted": ["1"], "notFound": ["2", "3"] }));
        make_numbered(database, &client, organizations, 4);
        assert_eq!(examples.send(&client, "DELETE", organization, "4").status, 204);
        examples.assert_all_sent();
    }
}
