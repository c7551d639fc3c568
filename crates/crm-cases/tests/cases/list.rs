use super::*;

fn titles(page: &Page<Case>) -> String {
    page.items.iter().map(|case| case.title.as_str()).collect::<Vec<_>>().join(" ")
}

/// Two types whose ids of statuses mean different labels, and seven cases, a to g, made a day apart.
fn seven_cases(connection: &mut DbConnection, tenant: &Scope) {
    organizations(connection, tenant, &[1, 2]);
    contacts(connection, tenant, &[1, 2]);
    tag(connection, tenant, "red");
    tag(connection, tenant, "blue");
    // Types 2 and 3: "1" is Open in one and Closed in the other.
    create_type(
        connection,
        tenant,
        &json!({ "label": "T", "workflow": workflow(&[("1", "Open"), ("2", "Closed")], &[]) }),
    );
    create_type(
        connection,
        tenant,
        &json!({ "label": "U", "workflow": workflow(&[("1", "Closed"), ("2", "Open")], &[]), "form": [] }),
    );
    for (day, body) in [
        json!({ "title": "a", "priority": "2_medium", "expectedDate": "2025-03-01", "organizationId": "1", "tags": "red" }),
        json!({ "title": "b", "status": "In Progress", "assignee": { "id": "x" }, "contactId": "1", "tags": "red,blue" }),
        json!({ "title": "c", "caseTypeId": "2", "owner": { "id": "o" }, "expectedDate": "2025-01-01" }),
        json!({ "title": "d", "caseTypeId": "3", "priority": "Überfällig", "organizationId": "2" }),
        json!({ "title": "e", "caseTypeId": "3", "status": "Open", "priority": "B", "contactId": "2" }),
        json!({ "title": "f", "status": "Resolved", "owner": { "id": "p" }, "assignee": { "id": "y" }, "priority": "1_high" }),
        json!({ "title": "g 100%_sure", "caseTypeId": "2", "status": "2", "expectedDate": "2025-02-01" }),
    ]
    .iter()
    .enumerate()
    {
        create(connection, &at(tenant, &format!("2025-01-0{}T00:00:00Z", day + 1)), body);
    }
}

crm_testkit::both_databases! {
    /// Each filter, oldest first.
    fn filters_filter(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        seven_cases(&mut connection, &scope);
        seven_cases(&mut connection, &tenant(database, "other"));
        for (params, expected) in [
            (vec![], "a b c d e f g 100%_sure"),
            (vec![("title", "G 1")], "g 100%_sure"),
            (vec![("title", "%_s")], "g 100%_sure"),
            (vec![("title", "1%")], ""),
            (vec![("status", "open")], "a c e"),
            (vec![("status", "OPEN")], "a c e"),
            (vec![("status", "in-progress")], "b"),
            (vec![("status", "In Progress")], "b"),
            // An id means the status of the type that has it, whatever another calls so.
            (vec![("status", "1")], "c d"),
            (vec![("status", "1"), ("caseType", "3")], "d"),
            (vec![("status", "2, in-progress")], "b e g 100%_sure"),
            (vec![("status", "resolved,1,nowhere")], "c d f"),
            (vec![("status", "nowhere")], ""),
            (vec![("caseType", "1")], "a b f"),
            (vec![("caseType", "2,3")], "c d e g 100%_sure"),
            (vec![("caseType", "9")], ""),
            (vec![("ids", "3,1,77,1")], "a c"),
            (vec![("ids", "77")], ""),
            (vec![("ids", "3,1"), ("ownerId", "o")], "c"),
            (vec![("ownerId", "o")], "c"),
            (vec![("ownerId", "o,p")], "c f"),
            (vec![("assigneeId", "x")], "b"),
            (vec![("assigneeId", "x,y")], "b f"),
            (vec![("organizationId", "1")], "a"),
            (vec![("organizationId", "1,2")], "a d"),
            (vec![("contactId", "2,1")], "b e"),
            (vec![("tags", "blue")], "b"),
            (vec![("tags", "RED,none")], "a b"),
            (vec![("tags", "none")], ""),
            (vec![("priority", "1_HIGH,überfällig")], "d f"),
            (vec![("priority", "b")], "e"),
            (vec![("createdAfterDate", "2025-01-06T00:00:00Z")], "f g 100%_sure"),
            (vec![("createdBeforeDate", "2025-01-02T00:00:00Z")], "a b"),
            (vec![("createdAfterDate", "2025-01-02T00:00:00Z"), ("createdBeforeDate", "2025-01-02T00:00:00Z")], "b"),
            (vec![("status", "open"), ("tags", "red"), ("organizationId", "1")], "a"),
        ] {
            let params: Vec<(&str, &str)> = params.into_iter().chain([("sort", "asc"), ("includeTotal", "true")]).collect();
            let page = list(&mut connection, &scope, &params);
            assert_eq!(titles(&page), expected, "{params:?}");
            assert_eq!(page.total, Some(i64::try_from(page.items.len()).unwrap()), "{params:?}");
        }
    }

    /// Each order, both ways, whole and in pages of two by token. Cases without a value come last both ways.
    fn orders_order(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        seven_cases(&mut connection, &scope);
        patch(&mut connection, &at(&scope, "2025-02-01T00:00:00Z"), CaseId::from_i64(3), &json!({ "description": "d" }));
        for (order, ascending, descending) in [
            ("createdOn", "a b c d e f g", "g f e d c b a"),
            ("createdAt", "a b c d e f g", "g f e d c b a"),
            ("lastUpdatedOn", "a b d e f g c", "c g f e d b a"),
            ("title", "a b c d e f g", "g f e d c b a"),
            ("status", "d g b a c e f", "f e c a b g d"),
            ("priority", "f a e d b c g", "d e a f g c b"),
            ("expectedDate", "c g a b d e f", "a g c f e d b"),
        ] {
            for (direction, expected) in [("asc", ascending), ("desc", descending)] {
                let whole = titles(&list(&mut connection, &scope, &[("orderBy", order), ("sort", direction)]));
                assert_eq!(whole.replace(" 100%_sure", ""), expected, "{order} {direction}");
                let (mut paged, mut token) = (Vec::new(), None::<String>);
                loop {
                    let params: Vec<(&str, &str)> = [("orderBy", order), ("sort", direction), ("size", "2")]
                        .into_iter()
                        .chain(token.as_deref().map(|token| ("continuationToken", token)))
                        .collect();
                    let page = list(&mut connection, &scope, &params);
                    paged.push(titles(&page));
                    match page.continuation_token {
                        Some(next) => token = Some(next),
                        None => break,
                    }
                }
                assert_eq!(paged.join(" "), whole, "{order} {direction} by token");
            }
        }
        let page = list(&mut connection, &scope, &[("offset", "5"), ("size", "1"), ("sort", "ASC")]);
        assert_eq!((titles(&page).as_str(), page.has_more), ("f", true));
    }

    /// Parameters that mean nothing are named.
    fn wrong_parameters_are_refused(database) {
        let _ = database;
        for (params, field, code) in [
            (vec![("orderBy", "value")], "orderBy", "invalid_value"),
            (vec![("caseTypeId", "1")], "caseTypeId", "unknown_field"),
            (vec![("caseType", "x")], "caseType", "invalid_id"),
            (vec![("status", "a,,b")], "status", "invalid_value"),
            (vec![("createdAfterDate", "yesterday")], "createdAfterDate", "invalid_date"),
            (vec![("page", "1"), ("offset", "0")], "offset", "conflicting"),
        ] {
            let Err(errors) = asked::<Asked>(&params) else { panic!("{params:?} is taken") };
            assert_eq!(problems(&errors), [(field, code)], "{params:?}");
        }
    }
}
