use super::*;
use crm_core::{ContactId, OrganizationId};

/// A lead in a line: organization, contact, participants, and whether it was changed.
fn line(connection: &mut DbConnection, scope: &Scope, lead: &Lead) -> String {
    let read = get(connection, scope, lead.id);
    let id = |id: Option<String>| id.unwrap_or_else(|| "-".to_owned());
    let participants: Vec<String> = read
        .participants
        .as_slice()
        .iter()
        .map(|one| format!("{}{}", one.id, one.name.as_deref().unwrap_or("")))
        .collect();
    let changed = if read.last_updated_on == lead.last_updated_on { "" } else { " changed" };
    format!(
        "{} {} [{}]{changed}",
        id(read.organization_id.map(|id| id.to_string())),
        id(read.contact_id.map(|id| id.to_string())),
        participants.join(" ")
    )
}

/// Leads that point at organizations and contacts in every way, in two tenants.
fn linked_leads(connection: &mut DbConnection, tenant: &Scope) -> (Vec<Lead>, Scope) {
    let scope = at(tenant, "2025-01-01T00:00:00Z");
    organizations(connection, &scope, &[1, 2, 3]);
    contacts(connection, &scope, &[1, 2, 3, 4]);
    let leads = [
        json!({ "title": "none" }),
        json!({ "title": "one", "organizationId": "1", "contactId": "1" }),
        json!({ "title": "two", "organizationId": "2", "contactId": "2", "participants": [{ "id": "4" }] }),
        json!({ "title": "target", "organizationId": "3", "contactId": "3", "participants": [{ "id": "3", "name": "c" }] }),
        json!({ "title": "all", "participants": [{ "id": "4" }, { "id": "2", "name": "b" }, { "id": "1", "name": "a" }] }),
        json!({ "title": "beside", "participants": [{ "id": "1", "name": "a" }, { "id": "3", "name": "c" }] }),
        json!({ "title": "nameless", "participants": [{ "id": "4" }, { "id": "1" }, { "id": "2", "name": "b" }, { "id": "3" }] }),
        json!({ "title": "second", "participants": [{ "id": "1" }, { "id": "2", "name": "b" }] }),
    ]
    .map(|body| create(connection, &scope, &body));
    (leads.into(), at(tenant, "2025-02-01T00:00:00Z"))
}

crm_testkit::both_databases! {
    /// Whatever happens to records that leads point at, in one tenant, and not in the other.
    fn leads_follow_their_records(database) {
        type Act = fn(&mut DbConnection, &Scope) -> diesel::QueryResult<()>;
        let cases: [(&str, Act, [&str; 8]); 4] = [
            (
                "organizations 1 and 2 are deleted",
                |connection, scope| crm_leads::unlink_organizations(connection, scope, &[1, 2].map(OrganizationId::from_i64)),
                ["- - []", "- 1 [] changed", "- 2 [4] changed", "3 3 [3c]", "- - [4 2b 1a]", "- - [1a 3c]", "- - [4 1 2b 3]", "- - [1 2b]"],
            ),
            (
                "organizations 1 and 2 are merged into 3",
                |connection, scope| {
                    let (from, to) = ([1, 2].map(OrganizationId::from_i64), OrganizationId::from_i64(3));
                    crm_leads::repoint_organizations(connection, scope, &from, to)
                },
                ["- - []", "3 1 [] changed", "3 2 [4] changed", "3 3 [3c]", "- - [4 2b 1a]", "- - [1a 3c]", "- - [4 1 2b 3]", "- - [1 2b]"],
            ),
            (
                "contacts 1 and 2 are deleted",
                |connection, scope| crm_leads::unlink_contacts(connection, scope, &[1, 2].map(ContactId::from_i64)),
                ["- - []", "1 - [] changed", "2 - [4] changed", "3 3 [3c]", "- - [4] changed", "- - [3c] changed", "- - [4 3] changed", "- - [] changed"],
            ),
            (
                "contacts 1 and 2 are merged into 3: it takes the first place and the first name, and its own where it has one",
                |connection, scope| {
                    let (from, to) = ([1, 2].map(ContactId::from_i64), ContactId::from_i64(3));
                    crm_leads::repoint_contacts(connection, scope, &from, to)
                },
                ["- - []", "1 3 [] changed", "2 3 [4] changed", "3 3 [3c]", "- - [4 3b] changed", "- - [3c] changed", "- - [4 3b] changed", "- - [3b] changed"],
            ),
        ];
        let mut connection = database.connect();
        for (index, (what, act, expected)) in cases.into_iter().enumerate() {
            let (leads, scope) = linked_leads(&mut connection, &database.tenant(&format!("acme{index}")));
            let (others, other) = linked_leads(&mut connection, &database.tenant(&format!("other{index}")));
            connection.write(|connection| act(connection, &scope)).unwrap();
            let lines: Vec<String> = leads.iter().map(|lead| line(&mut connection, &scope, lead)).collect();
            assert_eq!(lines, expected, "{what}");
            for lead in &others {
                assert_eq!(&get(&mut connection, &other, lead.id), lead, "{what}: another tenant's");
            }
        }
    }

    /// The foreign keys keep a record that a lead still points at.
    fn a_record_in_use_cannot_go(database) {
        let mut connection = database.connect();
        let (_, scope) = linked_leads(&mut connection, &database.tenant("acme"));
        for table in ["organizations", "contacts"] {
            let delete = format!("DELETE FROM {table} WHERE tenant_id = {}", scope.tenant().as_i64());
            assert!(diesel::sql_query(delete).execute(&mut connection).is_err(), "{table}");
        }
    }
}
