//! The bodies of the source, as printed there (without comments and trailing commas).

use crm_core::OrganizationId;
use crm_core::{Condition, ContactId};
use crm_directory::{contacts, organizations};
use crm_forms::{FormKind, NewForm};
use crm_history::MergeRequest;
use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::common::{Desk, read, shown};

fn example(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

both_databases! {
    /// A contact is made, changed and merged by the bodies of the source.
    fn contacts_of_the_source_work_as_printed(database) {
        let mut desk = Desk::new(database, "your-tenant-id");
        let mut form = example(include_str!("fixtures/contact_form.json"));
        let second = json!({ "id": "custom_field_2", "label": "Second", "category": "custom", "type": "text", "required": false });
        form["fields"].as_array_mut().unwrap().push(second);
        let form: NewForm = read(form).unwrap();
        let Desk { connection, scope } = &mut desk;
        connection
            .write(|connection| crm_forms::replace(connection, scope, FormKind::Contacts, &Condition::none(), &form, |_, _| Ok([].into())))
            .unwrap();
        for number in 1..=42 {
            desk.organization(json!({ "name": format!("Organization {number}") }));
        }

        let created = example(include_str!("fixtures/contact_create.json"));
        let jane = desk.contact(created.clone());
        let seen = shown(&jane);
        for member in ["name", "email", "phone", "organizationId", "linkedin", "jobTitle", "seniorityLevel", "department", "note", "owner", "creator", "tenantId", "customFields"] {
            assert_eq!(seen[member], created[member], "{member}");
        }
        assert_eq!(seen["organization"], json!({ "id": "42", "name": "Organization 42" }));

        let patch = example(include_str!("fixtures/contact_patch.json"));
        let seen = shown(&desk.patch_contact(jane.id, patch.clone()).unwrap());
        for member in ["name", "email", "owner", "jobTitle", "note", "lastUpdatedBy"] {
            assert_eq!(seen[member], patch[member], "{member}");
        }
        assert_eq!(seen["customFields"], json!({ "custom_field_1": "Some Value", "custom_field_2": "New Value" }));
        assert_eq!(seen["phone"], created["phone"], "left out, so it stays");

        for number in 2..=4 {
            desk.contact(json!({
                "name": format!("Jane {number}"),
                "email": [{ "value": format!("{number}@example.com") }],
                "phone": [{ "value": "1" }],
            }));
        }
        let request: MergeRequest<ContactId> = read(example(include_str!("fixtures/contact_merge.json"))).unwrap();
        let Desk { connection, scope } = &mut desk;
        let _ = connection.write(|connection| contacts::merge(connection, scope, jane.id, &Condition::none(), &request)).unwrap();
        let merged = desk.get_contact(jane.id).unwrap();
        assert_eq!(merged.email.as_slice().len(), 4);
        assert_eq!(merged.last_updated_by.unwrap().name(), Some("Alex Kim"));
    }

    /// An organization is made, changed and merged by the bodies of the source.
    fn organizations_of_the_source_work_as_printed(database) {
        let mut desk = Desk::new(database, "your-tenant-id");
        let created = example(include_str!("fixtures/organization_create.json"));
        let acme = desk.organization(created.clone());
        let seen = shown(&acme);
        for (member, value) in created.as_object().unwrap() {
            assert_eq!(seen[member], *value, "{member}");
        }

        let patch = example(include_str!("fixtures/organization_patch.json"));
        let seen = shown(&desk.patch_organization(acme.id, patch.clone()).unwrap());
        for (member, value) in patch.as_object().unwrap() {
            assert_eq!(seen[member], *value, "{member}");
        }

        desk.organization(json!({ "name": "Second", "annualRevenue": "1" }));
        desk.organization(json!({ "name": "Third" }));
        let request: MergeRequest<OrganizationId> = read(example(include_str!("fixtures/organization_merge.json"))).unwrap();
        let Desk { connection, scope } = &mut desk;
        let _ = connection.write(|connection| organizations::merge(connection, scope, acme.id, &Condition::none(), &request)).unwrap();
        let merged = desk.get_organization(acme.id).unwrap();
        assert_eq!(merged.annual_revenue.unwrap().as_str(), "4_tenToHundredMillion", "the target keeps what it has");
    }
}
