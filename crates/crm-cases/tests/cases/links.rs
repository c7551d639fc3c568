use super::*;
use crm_core::{ContactId, OrganizationId};

/// A case in a line: organization, contact, and whether it was changed.
fn line(connection: &mut DbConnection, scope: &Scope, case: &Case) -> String {
    let read = get(connection, scope, case.id);
    let id = |id: Option<String>| id.unwrap_or_else(|| "-".to_owned());
    let changed = if read.last_updated_on == case.last_updated_on { "" } else { " changed" };
    format!(
        "{} {}{changed}",
        id(read.organization_id.map(|id| id.to_string())),
        id(read.contact_id.map(|id| id.to_string()))
    )
}

/// Cases of a tenant that point at records, and the tenant a month later.
fn linked_cases(connection: &mut DbConnection, tenant: &Scope) -> (Vec<Case>, Scope) {
    let scope = at(tenant, "2025-01-01T00:00:00Z");
    organizations(connection, &scope, &[1, 2, 3]);
    contacts(connection, &scope, &[1, 2, 3]);
    let cases = [
        json!({ "title": "none" }),
        json!({ "title": "one", "organizationId": "1", "contactId": "1" }),
        json!({ "title": "two", "organization": { "id": "2" }, "contact": { "id": "2" } }),
        json!({ "title": "target", "organizationId": "3", "contactId": "3" }),
    ]
    .map(|body| create(connection, &scope, &body));
    (cases.into(), at(tenant, "2025-02-01T00:00:00Z"))
}

crm_testkit::both_databases! {
    /// Whatever happens to records that cases point at, in one tenant, and not in the other.
    fn cases_follow_their_records(database) {
        type Act = fn(&mut DbConnection, &Scope) -> diesel::QueryResult<()>;
        let rows: [(&str, Act, [&str; 4]); 4] = [
            (
                "organizations 1 and 2 are deleted",
                |connection, scope| cases::unlink_organizations(connection, scope, &[1, 2].map(OrganizationId::from_i64)),
                ["- -", "- 1 changed", "- 2 changed", "3 3"],
            ),
            (
                "organizations 1 and 2 are merged into 3",
                |connection, scope| {
                    let (from, to) = ([1, 2].map(OrganizationId::from_i64), OrganizationId::from_i64(3));
                    cases::repoint_organizations(connection, scope, &from, to)
                },
                ["- -", "3 1 changed", "3 2 changed", "3 3"],
            ),
            (
                "contacts 1 and 2 are deleted",
                |connection, scope| cases::unlink_contacts(connection, scope, &[1, 2].map(ContactId::from_i64)),
                ["- -", "1 - changed", "2 - changed", "3 3"],
            ),
            (
                "contacts 1 and 2 are merged into 3",
                |connection, scope| {
                    let (from, to) = ([1, 2].map(ContactId::from_i64), ContactId::from_i64(3));
                    cases::repoint_contacts(connection, scope, &from, to)
                },
                ["- -", "1 3 changed", "2 3 changed", "3 3"],
            ),
        ];
        let mut connection = database.connect();
        for (index, (what, act, expected)) in rows.into_iter().enumerate() {
            let (made, scope) = linked_cases(&mut connection, &tenant(database, &format!("acme{index}")));
            let (others, other) = linked_cases(&mut connection, &tenant(database, &format!("other{index}")));
            connection.write(|connection| act(connection, &scope)).unwrap();
            let lines: Vec<String> = made.iter().map(|case| line(&mut connection, &scope, case)).collect();
            assert_eq!(lines, expected, "{what}");
            for case in &others {
                assert_eq!(&get(&mut connection, &other, case.id), case, "{what}: another tenant's");
            }
        }
    }
}
