use super::*;
use crm_testkit::lists::assert_every_way_agrees;

/// Opportunities of every kind, a day apart, named by their titles.
fn some(connection: &mut DbConnection, tenant: &Scope) {
    organizations(connection, tenant, &[1, 2]);
    contacts(connection, tenant, &[1]);
    tag(connection, tenant, "Red");
    tag(connection, tenant, "blue");
    let own = json!({ "id": OWN, "name": "Own", "stages": [{ "key": "a", "label": "A" }, { "key": "proposal", "label": "P" }] });
    pipeline(connection, tenant, &own);
    let all = [
        json!({ "title": "banana", "value": { "amount": 5, "code": "USD" }, "leadRating": "2_warm", "stage": "proposal" }),
        json!({ "title": "Äpfel 100%", "organizationId": "1", "tags": "red", "owner": { "id": "o1" }, "stage": "closing" }),
        json!({ "title": "cherry", "organizationId": "2", "contactId": "1", "tags": "red,blue", "owner": { "id": "o2" } }),
        json!({ "title": "date", "value": { "amount": -1.5, "code": "EUR" }, "leadRating": "3_hot", "pipelineId": OWN }),
        json!({ "title": "Elder", "leadRating": "1_cold", "contactId": "1", "pipelineId": OWN, "stage": "proposal" }),
    ];
    for (day, body) in (1..).zip(all) {
        let made = create(connection, &at(tenant, &format!("2025-01-0{day}T00:00:00Z")), &body);
        let scope = at(tenant, &format!("2025-02-{:02}T00:00:00Z", 10 - day));
        match day {
            2 => try_status(connection, &scope, made.id, &json!({ "status": "won" })).unwrap(),
            4 => try_status(connection, &scope, made.id, &json!({ "status": "lost" })).unwrap(),
            _ => made,
        };
    }
}

const OWN: &str = "c4d5e6f7-8901-4345-8789-abcdef012345";

fn titles(page: &Page<Opportunity>) -> Vec<&str> {
    page.items.iter().map(|one| one.title.as_str()).collect()
}

crm_testkit::both_databases! {
    /// What each filter finds, in the default order, the newest first. The total says the same.
    fn filters_find_what_matches(database) {
        let (mut connection, scope, other) = (database.connect(), tenant(database, "acme"), tenant(database, "other"));
        some(&mut connection, &other);
        some(&mut connection, &scope);
        let sales = default_pipeline(&mut connection, &scope).id.to_string();
        let both = format!("{sales},{OWN}");
        let all = vec!["Elder", "date", "cherry", "Äpfel 100%", "banana"];
        for (params, expected) in [
            (vec![], all.clone()),
            (vec![("title", "ÄPFEL 100%")], vec!["Äpfel 100%"]),
            (vec![("title", "E")], vec!["Elder", "date", "cherry", "Äpfel 100%"]),
            (vec![("organizationId", "1,2")], vec!["cherry", "Äpfel 100%"]),
            (vec![("contactId", "1")], vec!["Elder", "cherry"]),
            (vec![("ids", "3,1,77,1")], vec!["cherry", "banana"]),
            (vec![("ids", "77")], vec![]),
            (vec![("ids", "3,1"), ("tags", "red")], vec!["cherry"]),
            (vec![("tags", "RED")], vec!["cherry", "Äpfel 100%"]),
            (vec![("tags", "unknown")], vec![]),
            (vec![("ownerId", "o1,o2")], vec!["cherry", "Äpfel 100%"]),
            (vec![("status", "open")], vec!["Elder", "cherry", "banana"]),
            (vec![("status", "won,lost")], vec!["date", "Äpfel 100%"]),
            (vec![("stage", "proposal")], vec!["Elder", "banana"]),
            (vec![("stage", "proposal,a")], vec!["Elder", "date", "banana"]),
            (vec![("stage", "Proposal")], vec![]),
            (vec![("pipelineId", OWN)], vec!["Elder", "date"]),
            (vec![("pipelineId", &both)], all.clone()),
            (vec![("pipelineId", &sales), ("stage", "proposal")], vec!["banana"]),
            (vec![("createdAfterDate", "2025-01-04T00:00:00Z")], vec!["Elder", "date"]),
            (vec![("createdBeforeDate", "2025-01-02T00:00:00Z")], vec!["Äpfel 100%", "banana"]),
            (vec![("status", "open"), ("contactId", "1"), ("tags", "blue")], vec!["cherry"]),
        ] {
            let mut params = params;
            params.push(("includeTotal", "true"));
            let page = list(&mut connection, &scope, &params);
            assert_eq!(titles(&page), expected, "{params:?}");
            assert_eq!(page.total, i64::try_from(expected.len()).ok(), "{params:?}");
        }
    }

    /// What each order gives, both ways: nothing comes last, and ties follow the id.
    fn orders_put_nothing_last(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        some(&mut connection, &scope);
        for (order, ascending, descending) in [
            ("createdOn", ["banana", "Äpfel 100%", "cherry", "date", "Elder"], ["Elder", "date", "cherry", "Äpfel 100%", "banana"]),
            ("lastUpdatedOn", ["banana", "cherry", "Elder", "date", "Äpfel 100%"], ["Äpfel 100%", "date", "Elder", "cherry", "banana"]),
            ("title", ["banana", "cherry", "date", "Elder", "Äpfel 100%"], ["Äpfel 100%", "Elder", "date", "cherry", "banana"]),
            ("value", ["date", "banana", "Äpfel 100%", "cherry", "Elder"], ["banana", "date", "Elder", "cherry", "Äpfel 100%"]),
            ("leadRating", ["Elder", "banana", "date", "Äpfel 100%", "cherry"], ["date", "banana", "Elder", "cherry", "Äpfel 100%"]),
            ("closedOn", ["date", "Äpfel 100%", "banana", "cherry", "Elder"], ["Äpfel 100%", "date", "Elder", "cherry", "banana"]),
            ("stage", ["cherry", "date", "Elder", "banana", "Äpfel 100%"], ["Äpfel 100%", "banana", "Elder", "date", "cherry"]),
        ] {
            for (direction, expected) in [("asc", ascending), ("desc", descending)] {
                let page = list(&mut connection, &scope, &[("orderBy", order), ("sort", direction)]);
                assert_eq!(titles(&page), expected, "{order} {direction}");
            }
        }
    }

    /// Pages by token, number and offset agree in every order, of pipelines too, whose ids are UUIDs.
    fn every_way_agrees(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        some(&mut connection, &scope);
        for number in 0..8 {
            create(&mut connection, &scope, &json!({ "title": "x", "stage": if number % 2 == 0 { "closing" } else { "" } }));
            pipeline(&mut connection, &scope, &json!({ "name": format!("P{}", number % 3), "stages": [{ "label": "S" }] }));
        }
        let orders = ["createdOn", "lastUpdatedOn", "title", "value", "leadRating", "closedOn", "stage"];
        assert_every_way_agrees(&orders, |params| list(&mut connection, &scope, params));
        let orders = ["createdOn", "lastUpdatedOn", "name"];
        assert_every_way_agrees(&orders, |params| pipelines_of(&mut connection, &scope, params));
    }

    /// Tokens are for the list, order and filter that they were made for.
    fn a_token_is_for_its_list(database) {
        let (mut connection, scope) = (database.connect(), tenant(database, "acme"));
        some(&mut connection, &scope);
        let token = list(&mut connection, &scope, &[("size", "1"), ("status", "open")]).continuation_token.unwrap();
        for params in [
            vec![("continuationToken", "nonsense")],
            vec![("continuationToken", &token)],
            vec![("continuationToken", &token), ("status", "won")],
            vec![("continuationToken", &token), ("status", "open"), ("orderBy", "stage")],
        ] {
            let errors = asked::<Asked>(&params).err().unwrap();
            assert_eq!(problems(&errors), [("continuationToken", "invalid_token")], "{params:?}");
        }
        assert!(asked::<Asked>(&[("continuationToken", &token), ("status", "open")]).is_ok());
    }
}

#[test]
fn what_is_no_filter_is_named() {
    for (params, expected) in [
        (("isArchived", "true"), ("isArchived", "unknown_field")),
        (("status", "closed"), ("status", "invalid_value")),
        (("pipelineId", "1"), ("pipelineId", "invalid_id")),
        (("orderBy", "status"), ("orderBy", "invalid_value")),
        (("stage", "a,,b"), ("stage", "invalid_value")),
    ] {
        let errors = asked::<Asked>(&[params]).err().unwrap();
        assert_eq!(problems(&errors), [expected], "{params:?}");
    }
}
