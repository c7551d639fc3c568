//! `/pipeline/leads` (docs/compatibility.md, "Leads").

use crm_testkit::both_databases;
use serde_json::json;

use crate::client::Api;

both_databases! {
    /// The first example of the source, without the organization, is created, listed and found by its title.
    fn the_source_example_is_created_and_found(database) {
        let api = Api::start(database);
        let mut lead = json!({
            "title": "Cloud Migration Project - Acme Corp",
            "value": { "amount": 25000, "code": "USD" },
            "origin": "referral",
            "leadRating": "2_warm",
            "note": "Referred by John Smith. Initial meeting scheduled.",
            "owner": { "id": "789", "name": "Sarah Lee", "email": "sarah.lee@example.com" },
            "creator": { "id": "user-012", "name": "Alex Kim", "email": "alex.kim@example.com" },
            "tenantId": "acme",
            "customFields": {}
        });

        let made = api.acme.post("/pipeline/leads", &lead);

        let item = made.item(201);
        assert_eq!(item["id"], "1");
        assert_eq!(made.header("location"), "/pipeline/leads/1");
        for (name, sent) in lead.as_object_mut().unwrap() {
            assert_eq!(&item[name], sent, "{name} comes back as it was sent");
        }
        let found = api.acme.get("/pipeline/leads?page=1&size=5&sort=asc&orderBy=createdOn&title=Cloud");
        assert_eq!(found.items(), std::slice::from_ref(item));
        assert_eq!(found.body["hasMore"], false);
        let read = api.acme.get("/pipeline/leads/1");
        assert_eq!((read.item(200), read.header("etag")), (item, made.header("etag")));
    }

    /// References, tags and custom fields that do not exist are told together, and nothing is made; the same in a patch.
    fn all_that_the_database_knows_better_is_told_together(database) {
        let api = Api::start(database);
        let wrong = json!({
            "title": "Lead",
            "organizationId": "7",
            "contactId": "8",
            "participants": [{ "id": "9" }],
            "tags": "nowhere",
            "customFields": { "none": 1 }
        });
        let problems = [
            ("organizationId", "unknown_reference"),
            ("contactId", "unknown_reference"),
            ("participants[0].id", "unknown_reference"),
            ("tags", "unknown_tag"),
            ("customFields.none", "unknown_custom_field"),
        ];
        api.acme.post("/pipeline/leads", &wrong).refuses(&problems);
        assert!(api.acme.get("/pipeline/leads").items().is_empty());

        let made = api.acme.post("/pipeline/leads", &json!({ "title": "Lead" }));
        assert_eq!(made.item(201)["id"], "1");
        api.acme.patch("/pipeline/leads/1", &wrong).refuses(&problems);
        assert_eq!(api.acme.get("/pipeline/leads/1").item(200), made.item(201));
    }
}
