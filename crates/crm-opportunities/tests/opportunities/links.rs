use super::*;
use crm_core::{ContactId, LeadId, OrganizationId};
use crm_opportunities::ConvertedLead;

/// An opportunity in a line: organization, contact, lead, participants, and whether it was changed.
fn line(connection: &mut DbConnection, scope: &Scope, before: &Opportunity) -> String {
    let read = get(connection, scope, before.id);
    let id = |id: Option<String>| id.unwrap_or_else(|| "-".to_owned());
    let participants: Vec<String> = read.participants.as_slice().iter().map(|one| one.id.to_string()).collect();
    let changed = if read.last_updated_on == before.last_updated_on { "" } else { " changed" };
    format!(
        "{} {} {} [{}]{changed}",
        id(read.organization_id.map(|id| id.to_string())),
        id(read.contact_id.map(|id| id.to_string())),
        id(read.lead_id.map(|id| id.to_string())),
        participants.join(" ")
    )
}

/// Opportunities that point at other records in every way.
fn linked(connection: &mut DbConnection, tenant: &Scope) -> (Vec<Opportunity>, Scope) {
    let scope = at(tenant, "2025-01-01T00:00:00Z");
    organizations(connection, &scope, &[1, 2, 3]);
    contacts(connection, &scope, &[1, 2, 3, 4]);
    lead(connection, &scope, 1);
    let mut made = [
        json!({ "title": "none" }),
        json!({ "title": "one", "organizationId": "1", "contactId": "1" }),
        json!({ "title": "target", "organizationId": "3", "contactId": "3", "participants": [{ "id": "3" }] }),
        json!({ "title": "all", "participants": [{ "id": "4" }, { "id": "2" }, { "id": "1" }] }),
    ]
    .map(|body| create(connection, &scope, &body))
    .to_vec();
    let fields = read(&json!({ "title": "from a lead", "organizationId": "2" })).unwrap();
    let converted = ConvertedLead {
        id: LeadId::from_i64(1),
        fields,
        custom_fields: crm_forms::CustomFields::default(),
        tags: Vec::new(),
        form: crm_forms::get(connection, &scope, crm_forms::FormKind::Pipeline).unwrap(),
    };
    made.push(
        connection.write(|connection| crm_opportunities::create_from_lead(connection, &scope, &converted)).unwrap(),
    );
    (made, at(tenant, "2025-02-01T00:00:00Z"))
}

crm_testkit::both_databases! {
    /// Whatever happens to records that opportunities point at, in one tenant, and not in the other.
    fn opportunities_follow_their_records(database) {
        type Act = fn(&mut DbConnection, &Scope) -> diesel::QueryResult<()>;
        let cases: [(&str, Act, [&str; 5]); 5] = [
            (
                "organizations 1 and 2 are deleted",
                |connection, scope| {
                    crm_opportunities::unlink_organizations(connection, scope, &[1, 2].map(OrganizationId::from_i64))
                },
                ["- - - []", "- 1 - [] changed", "3 3 - [3]", "- - - [4 2 1]", "- - 1 [] changed"],
            ),
            (
                "organizations 1 and 2 are merged into 3",
                |connection, scope| {
                    let (from, to) = ([1, 2].map(OrganizationId::from_i64), OrganizationId::from_i64(3));
                    crm_opportunities::repoint_organizations(connection, scope, &from, to)
                },
                ["- - - []", "3 1 - [] changed", "3 3 - [3]", "- - - [4 2 1]", "3 - 1 [] changed"],
            ),
            (
                "contacts 1 and 2 are deleted",
                |connection, scope| crm_opportunities::unlink_contacts(connection, scope, &[1, 2].map(ContactId::from_i64)),
                ["- - - []", "1 - - [] changed", "3 3 - [3]", "- - - [4] changed", "2 - 1 []"],
            ),
            (
                "contacts 1 and 2 are merged into 3",
                |connection, scope| {
                    let (from, to) = ([1, 2].map(ContactId::from_i64), ContactId::from_i64(3));
                    crm_opportunities::repoint_contacts(connection, scope, &from, to)
                },
                ["- - - []", "1 3 - [] changed", "3 3 - [3]", "- - - [4 3] changed", "2 - 1 []"],
            ),
            (
                "lead 1 is deleted",
                |connection, scope| crm_opportunities::unlink_leads(connection, scope, &[LeadId::from_i64(1)]),
                ["- - - []", "1 1 - []", "3 3 - [3]", "- - - [4 2 1]", "2 - - [] changed"],
            ),
        ];
        for (number, (why, act, expected)) in cases.into_iter().enumerate() {
            let mut connection = database.connect();
            let (scope, other) = (tenant(database, &format!("a{number}")), tenant(database, &format!("b{number}")));
            let (made, later) = linked(&mut connection, &scope);
            let (theirs, _) = linked(&mut connection, &other);
            connection.write(|connection| act(connection, &later)).unwrap();
            let lines: Vec<String> = made.iter().map(|one| line(&mut connection, &scope, one)).collect();
            assert_eq!(lines, expected, "{why}");
            for one in &theirs {
                assert_eq!(&get(&mut connection, &other, one.id), one, "{why}: another tenant");
            }
        }
    }

    /// Deleting takes participants and tags along, and tells which there were; a tenant goes with all it has.
    fn deleting_leaves_nothing(database) {
        let (mut connection, scope, other) = (database.connect(), tenant(database, "acme"), tenant(database, "other"));
        contacts(&mut connection, &scope, &[1]);
        tag(&mut connection, &scope, "t");
        let body = json!({ "title": "x", "participants": [{ "id": "1" }], "tags": "t" });
        let made = create(&mut connection, &scope, &body);
        let kept = create(&mut connection, &scope, &body);
        let ids = [kept.id.as_i64() + 7, made.id.as_i64()].map(OpportunityId::from_i64);
        let gone = connection.write(|connection| deleted(connection, &other, &ids)).unwrap();
        assert!(gone.is_empty(), "of another tenant: {gone:?}");
        let gone = connection.write(|connection| deleted(connection, &scope, &ids)).unwrap();
        assert_eq!(gone, [made.id]);
        assert_eq!(list(&mut connection, &scope, &[]).items, [kept]);
        connection.write(|connection| crm_core::tenants::delete(connection, scope.public_tenant())).unwrap();
        assert!(list(&mut connection, &scope, &[]).items.is_empty());
        assert!(pipelines_of(&mut connection, &scope, &[]).items.is_empty());
        default_pipeline(&mut connection, &other);
    }
}
