use super::*;
use crm_cases::{ActivitySort, NewComment};

fn try_comment(connection: &mut DbConnection, scope: &Scope, id: CaseId, body: &Value) -> Result<Activity, CaseError> {
    let new: NewComment = read(body)?;
    connection.write(|connection| timeline::add(connection, scope, id, &new))
}

fn page(connection: &mut DbConnection, scope: &Scope, id: CaseId, params: &[(&str, &str)]) -> Page<Activity> {
    let request: PageRequest<ActivitySort> = asked(params).unwrap();
    timeline::list(connection, scope, id, &request).unwrap()
}

crm_testkit::both_databases! {
    /// Changes and comments in one order, newest first, whatever the clocks say.
    fn the_timeline_is_in_the_order_of_what_happened(database) {
        let (mut connection, tenant) = (database.connect(), tenant(database, "acme"));
        let scope = at(&tenant, "2025-01-02T00:00:00Z");
        let case = create(&mut connection, &scope, &json!({ "title": "t" }));
        let other = create(&mut connection, &scope, &json!({ "title": "other" }));
        let added = try_comment(&mut connection, &scope, case.id, &json!({ "comment": " first\n", "user": { "id": "u", "name": "U" } })).unwrap();
        assert_eq!(
            json_of(&added),
            json!({
                "id": "1", "from": null, "to": null, "transition": null, "comment": " first\n",
                "user": { "id": "u", "name": "U", "email": null }, "createdOn": "2025-01-02T00:00:00.000Z"
            })
        );
        // A gateway whose clock is late.
        let late = at(&tenant, "2025-01-01T00:00:00Z");
        patch(&mut connection, &late, case.id, &json!({ "status": "closed", "comment": "off", "lastUpdatedBy": { "id": "v" } }));
        try_comment(&mut connection, &scope, case.id, &json!({ "comment": "third" })).unwrap();
        try_comment(&mut connection, &scope, other.id, &json!({ "comment": "elsewhere" })).unwrap();
        assert_eq!(
            happened(&mut connection, &scope, case.id),
            ["\"third\" nobody", "Open > Closed (Cancel) \"off\" v", "\" first\\n\" u"]
        );
        // A comment is no change of the case.
        assert_eq!(get(&mut connection, &scope, other.id), other);

        let oldest: Vec<String> = page(&mut connection, &scope, case.id, &[("sort", "asc")]).items.into_iter().map(|one| one.id).collect();
        assert_eq!(oldest, ["1", "2", "3"]);
    }

    /// Pages follow each other by token while comments come in, and by offset.
    fn the_timeline_has_pages(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let case = create(&mut connection, &scope, &json!({ "title": "t" }));
        let comment = |connection: &mut DbConnection, number: usize| {
            try_comment(connection, &scope, case.id, &json!({ "comment": number.to_string() })).unwrap();
        };
        (1..=7).for_each(|number| comment(&mut connection, number));
        let mut seen = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let params: Vec<(&str, &str)> =
                [("size", "3")].into_iter().chain(token.as_deref().map(|token| ("continuationToken", token))).collect();
            let page = page(&mut connection, &scope, case.id, &params);
            seen.extend(page.items.iter().map(|one| one.id.clone()));
            comment(&mut connection, 99);
            match page.continuation_token {
                Some(next) => token = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, ["7", "6", "5", "4", "3", "2", "1"]);
        let page = page(&mut connection, &scope, case.id, &[("offset", "8"), ("size", "1"), ("includeTotal", "true")]);
        assert_eq!((page.items[0].id.as_str(), page.total, page.has_more), ("2", Some(10), true));
    }

    /// What cannot be said, and where.
    fn wrong_comments_are_refused(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        let other = tenant(database, "other");
        let case = create(&mut connection, &scope, &json!({ "title": "t" }));
        for (body, expected) in [
            (json!({}), vec![("comment", "required")]),
            (json!({ "comment": "  " }), vec![("comment", "required")]),
            (json!({ "comment": "a".repeat(10_001) }), vec![("comment", "too_long")]),
            (json!({ "comment": "a", "user": "me" }), vec![("user", "wrong_type")]),
            (json!({ "comment": "a", "text": "b" }), vec![("text", "unknown_field")]),
        ] {
            match try_comment(&mut connection, &scope, case.id, &body) {
                Err(CaseError::Invalid(errors)) => assert_eq!(problems(&errors), expected, "{body}"),
                outcome => panic!("{body}: {outcome:?}"),
            }
        }
        for (scope, id) in [(&scope, CaseId::from_i64(2)), (&other, case.id)] {
            let added = try_comment(&mut connection, scope, id, &json!({ "comment": "a" }));
            assert!(matches!(added, Err(CaseError::NotFound)), "{added:?}");
            let listed = timeline::list(&mut connection, scope, id, &PageRequest::first(1));
            assert!(matches!(listed, Err(CaseError::NotFound)), "{listed:?}");
        }
    }
}
