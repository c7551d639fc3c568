use super::*;
use crm_testkit::any_field::AnyField;
use crm_testkit::plans::{Indexes, assert_people_are_read_from, moment, ten_tenants};
use crm_testkit::statements::statements;
use diesel::connection::SimpleConnection;

/// Ten tenants with ten thousand cases each, and statistics; the scope of one of them.
fn hundred_thousand(database: &TestDatabase, connection: &mut DbConnection) -> Scope {
    let (created, updated) = (moment(database.kind(), "n"), moment(database.kind(), "n * 7919 % 10000"));
    let filled = |connection: &mut DbConnection, id: &str| {
        let scope = tenant(database, id);
        tag(connection, &scope, "rare");
        for number in 2..=10 {
            create_type(connection, &scope, &json!({ "label": format!("Type {number}") }));
        }
        scope
    };
    ten_tenants(connection, filled, |tenant| {
        format!(
            "INSERT INTO cases (tenant_id, id, title, title_folded, title_search, case_type_id, status, status_folded, priority,
                priority_folded, priority_search, expected_date, organization_id, contact_id, assignee_id, owner_id, custom_fields,
                created_on, last_updated_on)
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000)
            SELECT {tenant}, n, 'Case ' || n, 'case ' || (n * 7919 % 10000), 'case ' || (n * 7919 % 10000), n % 10 + 1,
                CASE n % 3 WHEN 0 THEN 'Open' WHEN 1 THEN 'In Progress' ELSE 'Closed' END,
                CASE n % 3 WHEN 0 THEN 'open' WHEN 1 THEN 'in progress' ELSE 'closed' END,
                CASE n % 4 WHEN 0 THEN '1_high' WHEN 1 THEN '3_low' END,
                CASE n % 4 WHEN 0 THEN '1_high' WHEN 1 THEN '3_low' END,
                CASE n % 4 WHEN 0 THEN '1_high' WHEN 1 THEN '3_low' END,
                CASE WHEN n % 3 = 0 THEN '2025-0' || (n % 9 + 1) || '-01' END,
                n % 200 + 1, n * 7 % 200 + 1, 'assignee-' || (n % 40), 'owner-' || (n % 50), '{{}}',
                {created}, {updated}
            FROM numbers;
            INSERT INTO case_activities (tenant_id, case_id, id, comment, created_on)
            SELECT tenant_id, id, 1, 'c', created_on FROM cases WHERE tenant_id = {tenant};
            INSERT INTO case_tags (tenant_id, case_id, tag_id)
            SELECT cases.tenant_id, cases.id, tags.id FROM cases JOIN tags ON tags.tenant_id = cases.tenant_id
            WHERE cases.tenant_id = {tenant} AND cases.id % 100 = 0;"
        )
    })
}

crm_testkit::both_databases! {
    /// A page costs as many statements however many cases it has, of however many types, and reading one costs one.
    fn statements_are_few(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        tag(&mut connection, &scope, "t");
        create_type(&mut connection, &scope, &json!({ "label": "T" }));
        let body = |number: usize| json!({ "title": "x", "tags": "t", "caseTypeId": (number % 2 + 1).to_string() });
        let ids: Vec<CaseId> = (0..20).map(|number| create(&mut connection, &scope, &body(number)).id).collect();
        for (params, expected) in [
            (vec![("size", "1")], 3),
            (vec![("size", "20")], 3),
            (vec![("size", "20"), ("includeTotal", "true")], 4),
            (vec![("size", "20"), ("tags", "t,u,v")], 6),
            (vec![("size", "20"), ("status", "open,x"), ("tags", "t"), ("includeTotal", "true")], 8),
        ] {
            let (_, sent) = statements(&mut connection, |connection| list(connection, &scope, &params));
            assert_eq!(sent.len(), expected, "{params:?}: {sent:#?}");
        }
        let (_, sent) = statements(&mut connection, |connection| get(connection, &scope, ids[0]));
        assert_eq!(sent.len(), 1, "{sent:#?}");
    }

    /// At 100 000 cases of ten tenants nothing reads the whole table, and a page in one of the orders, the first
    /// or one behind a token, is read from the index of that order without sorting.
    fn every_list_has_its_index(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);

        let (_, sent) = statements(&mut connection, |connection| get(connection, &scope, CaseId::from_i64(77)));
        let by_id = sent[0].plan(&mut connection);
        assert!(!by_id.scans("cases"), "{by_id}");

        let indexes = Indexes {
            table: "cases",
            beside: &["case_tags"],
            orders: &[
                ("createdOn", "cases_created_on", "cases_created_on"),
                ("lastUpdatedOn", "cases_last_updated_on", "cases_last_updated_on"),
                ("title", "cases_title", "cases_title"),
                ("status", "cases_status_order", "cases_status_order"),
                ("priority", "cases_priority_asc", "cases_priority_desc"),
                ("expectedDate", "cases_expected_date_asc", "cases_expected_date_desc"),
            ],
            filters: &[
                (("organizationId", "7"), Some("cases_organization")),
                (("contactId", "7"), Some("cases_contact")),
                (("ownerId", "owner-7"), Some("cases_owner")),
                (("assigneeId", "assignee-7"), Some("cases_assignee")),
                (("priority", "1_high"), None),
                (("status", "open"), None),
                (("caseType", "7"), None),
                (("createdAfterDate", "2025-01-03T00:00:00Z"), Some("cases_created_on")),
                (("createdBeforeDate", "2025-01-03T00:00:00Z"), Some("cases_created_on")),
            ],
            sorted: &[
                ("tags", "rare"),
                ("ids", "1,2,3,4,5,6,7,8,9,10,11,12"),
                ("title", "case 99"),
                ("organizationId", "7,8"),
                ("ownerId", "owner-7,owner-8"),
                ("assigneeId", "assignee-7,assignee-8"),
                ("priority", "1_high,3_low"),
                ("status", "open,closed"),
                ("status", "in-progress"),
                ("caseType", "2,3"),
            ],
        };
        indexes.assert_used(&mut connection, |connection, params| list(connection, &scope, params));
        assert_people_are_read_from("cases_owner", crm_cases::OWNERS, &mut connection, &scope);
        assert_people_are_read_from("cases_assignee", crm_cases::ASSIGNEES, &mut connection, &scope);
    }

    fn filters_by_any_field_have_their_indexes(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);
        let form = json!({ "form": AnyField::fields() });
        try_patch_type(&mut connection, &scope, CaseTypeId::from_i64(1), &form).unwrap();
        let filters = AnyField {
            table: "cases",
            values: ("case_values", "case_id"),
            beside: &["case_tags"],
            own: &[
                (("empty", "priority,expectedDate"), 9),
                (("empty", "owner"), 0),
                (("notEmpty", "firstResolutionOn"), 0),
                (("notEmpty", "externalId"), 0),
                (("notEmpty", "tags"), 9),
            ],
        };
        filters.assert_used(&mut connection, &scope, |connection, params| list(connection, &scope, params));
    }

    /// At that size an edit of a workflow and a change of a status read no whole table, and neither does a timeline.
    fn writes_have_their_indexes(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);
        let edit = json!({ "workflow": workflow(&[("open", "Fresh"), ("in-progress", "In Progress"), ("closed", "Closed")], &[]) });
        let (_, mut sent) =
            statements(&mut connection, |connection| try_patch_type(connection, &scope, CaseTypeId::from_i64(7), &edit).unwrap());
        let (_, walked) = statements(&mut connection, |connection| {
            let case = patch(connection, &scope, CaseId::from_i64(6), &json!({ "status": "Closed" }));
            happened(connection, &scope, case.id);
            connection.write(|connection| case_types::delete(connection, &scope, CaseTypeId::from_i64(8), &Condition::none())).unwrap_err();
        });
        sent.extend(walked);
        // Rows that are written by their key hold documents, which the kit cannot write down as values.
        let by_key = |sql: &str| ["INSERT", "UPDATE \"cases\" SET \"title\"", "UPDATE \"case_types\""].iter().any(|start| sql.starts_with(start));
        sent.retain(|statement| !by_key(&statement.sql));
        assert!(sent.len() > 10, "{sent:#?}");
        for statement in sent {
            let plan = statement.plan(&mut connection);
            for table in ["cases", "case_activities", "case_tags"] {
                assert!(!plan.scans(table), "reads all of {table}:\n{plan}");
            }
        }
    }

    /// How old the cases of each status are is read from an index, and of one tenant.
    fn the_ages_have_their_index(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);
        connection.batch_execute("VACUUM").unwrap();
        let mut ages = |now: &str| {
            let scope = scope.clone().at(now.parse().unwrap());
            statements(&mut connection, |connection| crm_cases::ages_by_status(connection, &scope, 12).unwrap())
        };
        let counted = |ages: &[crm_cases::StatusAges]| -> Vec<(String, i64, i64, i64)> {
            ages.iter().map(|of| (of.status.clone(), of.week, of.month, of.older)).collect()
        };
        let (early, _) = ages("2025-01-12T00:00:00Z");
        let expected = [("In Progress", 1_414, 1_920, 0), ("Closed", 1_413, 1_920, 0), ("Open", 1_414, 1_919, 0)];
        assert_eq!(counted(&early), expected.map(|(status, week, month, older)| (status.to_owned(), week, month, older)));
        let (late, sent) = ages("2025-02-03T00:00:00Z");
        let expected = [("In Progress", 0, 1_894, 1_440), ("Closed", 0, 1_893, 1_440), ("Open", 0, 1_894, 1_439)];
        assert_eq!(counted(&late), expected.map(|(status, week, month, older)| (status.to_owned(), week, month, older)));
        let [statement] = &sent[..] else { panic!("{sent:#?}") };
        let plan = statement.plan(&mut connection);
        assert!(plan.uses("cases_status") && !plan.scans("cases"), "{plan}");
    }
}
