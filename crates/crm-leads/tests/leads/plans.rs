use super::*;
use crm_core::BackendKind;
use crm_testkit::TestDatabase;
use crm_testkit::statements::{Plan, Statement, statements};
use diesel::connection::SimpleConnection;

/// Ten tenants with ten thousand leads each, and statistics; the scope of one of them.
fn hundred_thousand(database: &TestDatabase, connection: &mut DbConnection) -> Scope {
    let scopes: Vec<Scope> = (0..10).map(|number| database.tenant(&format!("tenant-{number}"))).collect();
    for scope in &scopes {
        organizations(connection, scope, &(1..=200).collect::<Vec<_>>());
        contacts(connection, scope, &(1..=200).collect::<Vec<_>>());
        tag(connection, scope, "rare");
    }
    // A moment `n` minutes into the year, in each database's words.
    let moment = |n: &str| match database.kind() {
        BackendKind::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%fZ', '2025-01-01', ({n}) || ' minutes')"),
        BackendKind::Postgres => format!("TIMESTAMPTZ '2025-01-01T00:00:00Z' + ({n}) * INTERVAL '1 minute'"),
    };
    let boolean = |condition: &str| match database.kind() {
        BackendKind::Sqlite => condition.to_owned(),
        BackendKind::Postgres => format!("({condition})"),
    };
    let (archived, created, updated) = (boolean("n % 20 = 0"), moment("n"), moment("n * 7919 % 10000"));
    // One statement for each tenant: none may run longer than the database's time limit.
    for scope in &scopes {
        let tenant = scope.tenant().as_i64();
        connection
            .batch_execute(&format!(
                "INSERT INTO leads (tenant_id, id, title, title_lower, value_units, value_code, origin, lead_rating,
                    organization_id, contact_id, owner_id, followers, custom_fields, is_archived, converted_on,
                    created_on, last_updated_on)
                WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000)
                SELECT {tenant}, n, 'Lead ' || n, 'lead ' || (n * 7919 % 10000),
                    CASE WHEN n % 3 = 0 THEN n * 7919 % 10000 END, CASE WHEN n % 3 = 0 THEN 'USD' END,
                    CASE n % 5 WHEN 0 THEN 'website' WHEN 1 THEN 'other' END,
                    CASE n % 4 WHEN 0 THEN '1_cold' WHEN 1 THEN '2_warm' WHEN 2 THEN '3_hot' END,
                    n % 200 + 1, n * 7 % 200 + 1, 'owner-' || (n % 50), '[]', '{{}}',
                    {archived}, CASE WHEN n % 10 = 0 THEN {created} END, {created}, {updated}
                FROM numbers;
                INSERT INTO lead_participants (tenant_id, lead_id, contact_id, position)
                SELECT tenant_id, id, id % 200 + 1, 0 FROM leads WHERE tenant_id = {tenant} AND id % 2 = 0;
                INSERT INTO lead_tags (tenant_id, lead_id, tag_id)
                SELECT leads.tenant_id, leads.id, tags.id FROM leads JOIN tags ON tags.tenant_id = leads.tenant_id
                WHERE leads.tenant_id = {tenant} AND leads.id % 100 = 0;"
            ))
            .unwrap();
    }
    connection.batch_execute("ANALYZE").unwrap();
    scopes[4].clone()
}

/// The statements of one page, and the plan of the one that reads leads.
fn plan(connection: &mut DbConnection, scope: &Scope, params: &[(&str, &str)]) -> (Page<Lead>, Vec<Statement>, Plan) {
    let (page, sent) = statements(connection, |connection| list(connection, scope, params));
    let rows = sent.iter().find(|statement| statement.sql.contains("last_updated_on")).unwrap();
    let plan = rows.plan(connection);
    for table in ["leads", "lead_tags", "lead_participants"] {
        assert!(!plan.scans(table), "{params:?} reads all of {table}:\n{plan}");
    }
    (page, sent, plan)
}

crm_testkit::both_databases! {
    /// A page costs as many statements however many leads it has, and reading one costs three.
    fn statements_are_few(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        contacts(&mut connection, &scope, &[1]);
        tag(&mut connection, &scope, "t");
        let body = json!({ "title": "x", "participants": [{ "id": "1" }], "tags": "t" });
        let ids: Vec<LeadId> = (0..20).map(|_| create(&mut connection, &scope, &body).id).collect();
        for (params, expected) in [
            (vec![("size", "1")], 3),
            (vec![("size", "20")], 3),
            (vec![("size", "20"), ("includeTotal", "true")], 4),
            (vec![("size", "20"), ("tags", "t,u,v")], 4),
            (vec![("size", "20"), ("tags", "t"), ("includeTotal", "true")], 5),
        ] {
            let (_, sent) = statements(&mut connection, |connection| list(connection, &scope, &params));
            assert_eq!(sent.len(), expected, "{params:?}: {sent:#?}");
        }
        let (_, sent) = statements(&mut connection, |connection| get(connection, &scope, ids[0]));
        assert_eq!(sent.len(), 3, "{sent:#?}");
    }

    /// At 100 000 leads of ten tenants nothing reads the whole table, and a page in one of the orders, the first
    /// or one behind a token, is read from the index of that order without sorting.
    fn every_list_has_its_index(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);

        let (_, sent) = statements(&mut connection, |connection| get(connection, &scope, LeadId::from_i64(77)));
        let by_id = sent[0].plan(&mut connection);
        assert!(!by_id.scans("leads"), "{by_id}");

        for (order, ascending, descending) in [
            ("createdOn", "leads_created_on", "leads_created_on"),
            ("lastUpdatedOn", "leads_last_updated_on", "leads_last_updated_on"),
            ("title", "leads_title", "leads_title"),
            ("value", "leads_value_asc", "leads_value_desc"),
            ("leadRating", "leads_rating_asc", "leads_rating_desc"),
        ] {
            for (direction, index) in [("asc", ascending), ("desc", descending)] {
                let params = [("orderBy", order), ("sort", direction)];
                let (page, _, first) = plan(&mut connection, &scope, &params);
                let token = page.continuation_token.unwrap();
                let (_, _, next) =
                    plan(&mut connection, &scope, &[params[0], params[1], ("continuationToken", &token)]);
                for plan in [first, next] {
                    assert!(plan.uses(index) && !plan.sorts(), "{order} {direction} is not read from {index}:\n{plan}");
                }
            }
        }

        // In the default order these need no sorting either: the index goes on with it behind the filtered value.
        for (params, index) in [
            (("organizationId", "7"), Some("leads_organization")),
            (("contactId", "7"), Some("leads_contact")),
            (("ownerId", "owner-7"), Some("leads_owner")),
            (("origin", "website"), None),
            (("leadRating", "3_hot"), None),
            (("isArchived", "true"), Some("leads_archived")),
            (("isArchived", "false"), None),
            (("isConverted", "true"), Some("leads_converted")),
            (("isConverted", "false"), None),
            (("createdAfterDate", "2025-01-03T00:00:00Z"), Some("leads_created_on")),
            (("createdBeforeDate", "2025-01-03T00:00:00Z"), Some("leads_created_on")),
        ] {
            let (_, _, plan) = plan(&mut connection, &scope, &[params]);
            assert!(!plan.sorts(), "{params:?} sorts:\n{plan}");
            assert!(index.is_none_or(|index| plan.uses(index)), "{params:?} does not use {index:?}:\n{plan}");
        }
        for params in [
            ("tags", "rare"),
            ("title", "lead 99"),
            ("organizationId", "7,8"),
            ("contactId", "7,8"),
            ("ownerId", "owner-7,owner-8"),
            ("origin", "website,other"),
            ("leadRating", "1_cold,3_hot"),
        ] {
            let (page, sent, _) = plan(&mut connection, &scope, &[params, ("includeTotal", "true")]);
            assert!(page.has_more, "{params:?}");
            for statement in sent {
                let plan = statement.plan(&mut connection);
                assert!(!plan.scans("leads"), "{params:?} reads all leads:\n{plan}");
            }
        }
    }
}
