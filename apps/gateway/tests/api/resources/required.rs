//! What a form requires of a record's own fields.

use crm_testkit::both_databases;
use serde_json::{Value, json};

use super::{RESOURCES, prepare};
use crate::client::Api;

both_databases! {
    /// Each own field of each kind can be required: with it a record is made, without it none, and no patch takes it off.
    fn every_own_field_can_be_required(database) {
        let api = Api::start(database);
        prepare(&api.acme);
        for resource in RESOURCES {
            let mut fields = resource.fields(&api.acme);
            for field in fields.iter_mut().filter(|field| field["category"] == "default") {
                field["required"] = json!(true);
            }
            assert_eq!(resource.set_fields(&api.acme, &fields, json!({})).status, 200);
        }
        for resource in RESOURCES {
            let full = (resource.full)();
            let made = api.acme.post(resource.path, &full).item(201)["id"].as_str().unwrap().to_owned();
            let fields = resource.fields(&api.acme);
            let own = fields.iter().filter(|field| field["category"] == "default" && field["id"] != resource.text);
            let own: Vec<&str> = own.map(|field| field["id"].as_str().unwrap()).collect();
            assert!(own.len() > 5, "{}: {own:?}", resource.path);
            for id in own {
                let mut without = full.clone();
                assert!(without.as_object_mut().unwrap().shift_remove(id).is_some(), "{}: {id}", resource.path);
                api.acme.post(resource.path, &without).refuses(&[(id, "required")]);
                let path = format!("{}/{made}", resource.path);
                api.acme.patch(&path, &json!({ id: Value::Null })).refuses(&[(id, "not_nullable")]);
            }
        }
    }
}
