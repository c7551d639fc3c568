//! The examples of the source documents, as printed: `fixtures/` has their bodies without the comments.

use crm_core::input::FromJson;
use crm_core::{Condition, FieldErrors};
use crm_forms::{CONTACTS, CustomFieldsInput, Form, FormKind, NewForm, PIPELINE};
use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::common::{form, input, object};

const PUT_OPPORTUNITIES: &str = include_str!("fixtures/put_opportunities.json");
const PUT_CONTACTS: &str = include_str!("fixtures/put_contacts.json");
const PUT_ORGANIZATIONS: &str = include_str!("fixtures/put_organizations.json");
const POST_LEAD_EXAMPLE_2: &str = include_str!("fixtures/post_lead_example_2.json");

both_databases! {
    /// The three PUT examples are taken and come back field by field, with the tenant added.
    fn the_put_examples_come_back_as_sent(database) {
        let mut connection = database.connect();
        let scope = database.tenant("your-tenant-id");
        for (kind, body) in [
            (FormKind::Pipeline, PUT_OPPORTUNITIES),
            (FormKind::Contacts, PUT_CONTACTS),
            (FormKind::Organizations, PUT_ORGANIZATIONS),
        ] {
            let new: NewForm = crate::common::new_form(body);
            let put = connection.write(|connection| crm_forms::replace(connection, &scope, kind, &Condition::none(), &new, |_, _| Ok([].into()))).unwrap();
            let mut sent = object(body)["fields"].clone();
            for field in sent.as_array_mut().unwrap() {
                field["tenantId"] = json!("your-tenant-id");
            }
            assert_eq!(serde_json::to_value(put.fields()).unwrap(), sent, "{kind:?}");
            let got = crm_forms::get(&mut connection, &scope, kind).unwrap();
            assert_eq!(got.fields(), put.fields(), "{kind:?}");
        }
    }
}

#[test]
fn the_custom_fields_of_lead_example_2_come_back_as_sent() {
    let fields = json!([
        custom("3bf89603-37c2-4324-b3bf-665b7e35be23", "date", &Value::Null),
        custom("e1e0b23d-163e-46ca-a072-95d50c4c7bb4", "date-range", &Value::Null),
        custom("08a38c43-c43a-4aa8-9086-ca5015592526", "date-time", &Value::Null),
        custom("21709e77-1af3-4964-8bf2-9494e0811eef", "date-time-range", &Value::Null),
        custom(
            "569b2afa-91b0-42bf-a7a2-d84b0b216073",
            "dropdown",
            &json!([{ "id": "5ddd0486-1700-49d3-a7ba-1c95ccaf3a4a", "label": "One" }]),
        ),
        custom("d8ae48c0-2820-45dc-8934-081a418aef29", "email", &Value::Null),
        custom("b7c579cd-b139-43a8-b4a3-f382e687b10b", "monetary", &Value::Null),
        custom("f9c1f41f-dbd8-4941-a8b1-7b8032852447", "number", &Value::Null),
        custom("24d66f90-3b91-4868-b358-1700a7b87e18", "people-picker", &Value::Null),
        custom("70c70538-d21b-4da3-9389-9dd4080e9726", "tel", &Value::Null),
        custom("47c7cc14-2259-4dd3-90fa-921121b07be0", "text", &Value::Null),
        custom("4189f7ce-6ff8-48f8-b05b-fc1244eb0e86", "text-area", &Value::Null),
        custom("ddc0617c-9534-40d9-b0ef-a26bdef9d11a", "time", &Value::Null),
        custom("2c0e1501-3d88-4d03-bbee-ffe85e4960ad", "time-range", &Value::Null),
        custom("2258b428-d13c-4a7e-8139-d554cdc94c6f", "url", &Value::Null),
        custom(
            "4c405ec6-8eb8-4060-b873-ce1d09e5267e",
            "tag-picker",
            &json!([{ "id": "7ed65a4e-a458-48ee-b57b-801b46e7f5d6", "label": "Tag3", "color": "#FF7A00" }]),
        ),
    ]);
    let form = form(PIPELINE, &fields.to_string()).unwrap();
    let sent = object(POST_LEAD_EXAMPLE_2)["customFields"].clone();
    let mut errors = FieldErrors::new();
    let at = crm_core::input::At::field("customFields");
    let read = CustomFieldsInput::from_json(&sent, &at, &mut errors).unwrap();
    let checked = form.check_new(Some(&read), &mut errors);
    assert_eq!(errors, FieldErrors::new());
    assert_eq!(serde_json::to_value(&checked).unwrap(), sent);
}

fn custom(id: &str, field_type: &str, options: &Value) -> Value {
    json!({ "id": id, "label": field_type, "category": "custom", "type": field_type, "required": true, "options": options })
}

#[test]
fn the_form_of_contacts_requires_what_its_example_says() {
    let fields = object(PUT_CONTACTS)["fields"].to_string();
    let form: Form = form(CONTACTS, &fields).unwrap();
    let mut errors = FieldErrors::new();
    form.require_new(|field| field == "phone", &mut errors);
    form.check_new(Some(&input(r#"{"custom_field_1": "Some Value"}"#)), &mut errors);
    assert_eq!(crate::common::problems(&errors), ["email required"], "name is the resource's own business");
}
