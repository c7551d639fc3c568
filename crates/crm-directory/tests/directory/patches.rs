//! Creating, reading and changing one record.

use crm_core::{Condition, ContactId, FieldErrors};
use crm_directory::{DirectoryError, contacts, organizations};
use crm_forms::{FormKind, NewForm};
use crm_tags::TagKind;
use crm_testkit::both_databases;
use serde_json::{Value, json};

use crate::common::{Desk, deleted_contacts, deleted_organizations, problems, read, shown};

fn invalid<T: std::fmt::Debug>(result: Result<T, DirectoryError>) -> FieldErrors {
    match result.unwrap_err() {
        DirectoryError::Invalid(errors) => errors,
        other => panic!("{other:?}"),
    }
}

both_databases! {
    /// A contact prints every member, null where unset, and its creator is its owner unless it has one.
    fn a_new_contact_shows_every_member(database) {
        let mut desk = Desk::new(database, "a");
        let contact = desk.contact(json!({ "name": " Jane Doe ", "owner": { "id": "u" }, "email": [] }));
        let now = json!(desk.scope.now());
        assert_eq!(shown(&contact), json!({
            "id": "1", "tenantId": "a", "name": "Jane Doe", "email": [], "phone": [], "organizationId": null,
            "organization": null, "jobTitle": null, "department": null, "seniorityLevel": null, "linkedin": null,
            "note": null, "owner": { "id": "u", "name": null, "email": null },
            "creator": { "id": "u", "name": null, "email": null }, "lastUpdatedBy": null, "tags": [],
            "externalId": null, "customFields": {}, "createdOn": now, "lastUpdatedOn": now,
        }));
        assert_eq!(desk.get_contact(contact.id).unwrap(), contact);
    }

    /// An organization prints every member, null where unset.
    fn a_new_organization_shows_every_member(database) {
        let mut desk = Desk::new(database, "a");
        let organization = desk.organization(json!({ "name": "Acme", "phone": [{ "value": "1" }, { "value": "2", "primary": true }] }));
        let now = json!(desk.scope.now());
        assert_eq!(shown(&organization), json!({
            "id": "1", "tenantId": "a", "name": "Acme", "email": [],
            "phone": [{ "label": null, "value": "1", "primary": false }, { "label": null, "value": "2", "primary": true }],
            "address": null, "industry": null, "size": null, "annualRevenue": null, "website": null, "note": null,
            "owner": null, "creator": null, "lastUpdatedBy": null, "tags": [], "externalId": null, "customFields": {},
            "createdOn": now, "lastUpdatedOn": now,
        }));
        assert_eq!(desk.get_organization(organization.id).unwrap(), organization);
    }

    /// Absent members stay, null clears, lists are replaced whole, and an empty patch changes nothing at all.
    fn a_patch_merges_at_the_top_level(database) {
        let mut desk = Desk::new(database, "a");
        desk.tag(TagKind::Contact, "one");
        desk.tag(TagKind::Contact, "two");
        let acme = desk.organization(json!({ "name": "Acme" }));
        let body = json!({
            "name": "Jane", "email": [{ "value": "a@x.com" }, { "value": "b@x.com" }], "phone": [{ "value": "+1 555" }],
            "organizationId": acme.id, "jobTitle": "Engineer", "department": "R&D", "seniorityLevel": "2", "linkedin": "x.com/jane",
            "note": "hello", "owner": { "id": "u" }, "tags": "one,two",
        });
        let before = desk.contact(body);
        desk.wait(5);
        assert_eq!(desk.patch_contact(before.id, json!({})).unwrap(), before, "nothing, lastUpdatedOn included");

        let after = desk.patch_contact(before.id, json!({ "jobTitle": null, "email": [{ "value": "B@x.com" }], "tags": ["two"] })).unwrap();
        let mut expected = shown(&before);
        expected["jobTitle"] = Value::Null;
        expected["email"] = json!([{ "label": null, "value": "B@x.com", "primary": true }]);
        expected["tags"].as_array_mut().unwrap().remove(0);
        expected["lastUpdatedOn"] = json!(desk.scope.now());
        assert_eq!(shown(&after), expected);
        assert_eq!(desk.get_contact(before.id).unwrap(), after);

        let cleared = json!({ "email": null, "phone": [], "organization": null, "department": null, "seniorityLevel": "",
            "linkedin": null, "note": null, "owner": null, "tags": "", "lastUpdatedBy": { "id": "v" } });
        let after = shown(&desk.patch_contact(before.id, cleared).unwrap());
        for member in ["organizationId", "organization", "department", "seniorityLevel", "linkedin", "note", "owner"] {
            assert_eq!(after[member], Value::Null, "{member}");
        }
        for member in ["email", "phone", "tags"] {
            assert_eq!(after[member], json!([]), "{member}");
        }
        assert_eq!(after["creator"]["id"], "u", "the creator never changes");
        assert_eq!(after["lastUpdatedBy"]["id"], "v");
    }

    /// The form's options, required fields and custom fields hold on create and on patch, all problems together.
    fn the_form_is_enforced(database) {
        let mut desk = Desk::new(database, "a");
        let field = |id: &str, category: &str, kind: &str, required: bool| {
            json!({ "id": id, "label": id, "category": category, "type": kind, "required": required })
        };
        let mut industry = field("industry", "default", "dropdown", false);
        industry["options"] = json!(["Technology", "Mining"]);
        let fields = [industry, field("email", "default", "email_labeled", true), field("floor", "custom", "number", false)];
        let form: NewForm = read(json!({ "fields": fields })).unwrap();
        let Desk { connection, scope } = &mut desk;
        connection
            .write(|connection| crm_forms::replace(connection, scope, FormKind::Organizations, &Condition::none(), &form, |_, _| Ok([].into())))
            .unwrap();

        let wrong = read(json!({ "name": "A", "industry": "Farming", "tags": "none", "customFields": { "roof": 1 } })).unwrap();
        let mut found = problems(&invalid(desk.try_organization(&wrong)));
        found.sort();
        assert_eq!(found, ["customFields.roof unknown_custom_field", "email required", "industry invalid_value", "tags unknown_tag"]);

        let floor: Value = serde_json::from_str("10.10").unwrap();
        let right = desk.organization(json!({ "name": "A", "industry": "Mining", "email": [{ "value": "a@x.com" }], "customFields": { "floor": floor } }));
        assert_eq!(shown(&right)["customFields"].to_string(), r#"{"floor":10.10}"#, "exact");
        for (patch, expected) in [
            (json!({ "email": null }), "email not_nullable"),
            (json!({ "email": [] }), "email not_nullable"),
            (json!({ "industry": "x" }), "industry invalid_value"),
            (json!({ "customFields": { "floor": "ten" } }), "customFields.floor wrong_type"),
        ] {
            let found = problems(&invalid(desk.patch_organization(right.id, patch)));
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].split(' ').next(), expected.split(' ').next());
        }
        assert_eq!(desk.get_organization(right.id).unwrap(), right, "a refused patch changes nothing");
        let fields = ["floor", "roof"];
        let in_use = |desk: &mut Desk| organizations::custom_fields_in_use(&mut desk.connection, &desk.scope, &fields).unwrap();
        assert_eq!(in_use(&mut desk), ["floor".to_owned()].into());
        assert!(contacts::custom_fields_in_use(&mut desk.connection, &desk.scope, &fields).unwrap().is_empty());
        desk.patch_organization(right.id, json!({ "customFields": { "floor": null } })).unwrap();
        assert!(in_use(&mut desk).is_empty());
    }

    /// Another tenant's records are none: not read, changed, deleted, referred to, listed or named.
    fn another_tenants_records_do_not_exist(database) {
        let mut ours = Desk::new(database, "ours");
        let mut theirs = Desk::new(database, "theirs");
        theirs.organization(json!({ "name": "Their other" }));
        let acme = theirs.organization(json!({ "name": "Theirs", "email": [{ "value": "x@theirs.com" }] }));
        let jane = theirs.contact(json!({ "name": "Theirs", "organizationId": acme.id, "email": [{ "value": "jane@theirs.com" }] }));
        let is_missing = |result: Result<(), DirectoryError>| matches!(result, Err(DirectoryError::NotFound(_, ids)) if ids == [jane.id.as_i64()]);
        assert!(is_missing(ours.get_contact(jane.id).map(|_| ())));
        assert!(is_missing(ours.patch_contact(jane.id, json!({ "name": "Ours" })).map(|_| ())));
        let Desk { connection, scope } = &mut ours;
        assert!(connection.write(|connection| deleted_contacts(connection, scope, &[jane.id])).unwrap().is_empty());
        assert_eq!(contacts::missing(connection, scope, &[jane.id]).unwrap(), [jane.id]);
        assert!(contacts::names(connection, scope, &[jane.id]).unwrap().is_empty());
        let to_theirs = read(json!({ "name": "Ours", "organizationId": acme.id })).unwrap();
        assert_eq!(problems(&invalid(ours.try_contact(&to_theirs))), ["organizationId unknown_reference"]);
        for query in [&[][..], &[("name", "theirs")], &[("email", "theirs")], &[("searchValue", "theirs")], &[("ids", "1")]] {
            assert!(ours.contacts(query).items.is_empty(), "{query:?}");
            assert!(ours.organizations(query).items.is_empty(), "{query:?}");
            assert_eq!(theirs.contacts(query).items.len(), 1, "{query:?}");
        }
        assert_eq!(theirs.get_contact(jane.id).unwrap(), jane);
    }

    /// Deleting removes what is theirs, says who existed, and is refused while something points at them.
    fn deleting_takes_everything_along(database) {
        let mut desk = Desk::new(database, "a");
        desk.tag(TagKind::Contact, "one");
        let acme = desk.organization(json!({ "name": "Acme" }));
        let jane = desk.contact(json!({ "name": "Jane", "organizationId": acme.id, "tags": "one", "email": [{ "value": "jane@x.com" }], "phone": [{ "value": "555" }] }));
        let joe = desk.contact(json!({ "name": "Joe" }));
        let Desk { connection, scope } = &mut desk;
        let refused = connection.write(|connection| deleted_organizations(connection, scope, &[acme.id]));
        assert!(matches!(refused, Err(DirectoryError::Database(_))), "a contact points at it");
        let asked = [joe.id, ContactId::from_i64(99), jane.id, jane.id];
        let deleted = connection.write(|connection| deleted_contacts(connection, scope, &asked)).unwrap();
        assert_eq!(deleted, [jane.id, joe.id]);
        assert_eq!(connection.write(|connection| deleted_organizations(connection, scope, &[acme.id])).unwrap(), [acme.id]);
        assert!(desk.contacts(&[("searchValue", "jane")]).items.is_empty());
        assert!(desk.contacts(&[("phone", "555")]).items.is_empty());
        assert_eq!(desk.contact(json!({ "name": "Next" })).id.as_i64(), 3, "a number is never used twice");
    }

    /// A tenant is deleted with its directory, though contacts refer to organizations without an action.
    fn a_tenant_is_deleted_with_its_directory(database) {
        let mut desk = Desk::new(database, "a");
        let acme = desk.organization(json!({ "name": "Acme" }));
        desk.contact(json!({ "name": "Jane", "organizationId": acme.id, "email": [{ "value": "jane@x.com" }] }));
        let Desk { connection, scope } = &mut desk;
        connection.write(|connection| crm_core::tenants::delete(connection, scope.public_tenant())).unwrap();
        assert!(desk.contacts(&[("email", "jane")]).items.is_empty());
    }
}
