use super::*;
use crm_core::page::{Direction, PageRequest};
use crm_core::{FieldCode, OpportunityId};
use crm_testkit::lists::{assert_every_way_agrees, walk};

/// Leads of every kind, a day apart, named by their titles.
fn some_leads(connection: &mut DbConnection, tenant: &Scope) {
    organizations(connection, tenant, &[1, 2]);
    contacts(connection, tenant, &[1, 2]);
    tag(connection, tenant, "Red");
    tag(connection, tenant, "blue");
    let leads = [
        json!({ "title": "banana", "value": { "amount": 5, "code": "USD" }, "leadRating": "2_warm", "origin": "website" }),
        json!({ "title": "Äpfel 100%", "organizationId": "1", "tags": "red", "owner": { "id": "o1" } }),
        json!({ "title": "äpfel_1", "organizationId": "2", "contactId": "1", "tags": "red,blue", "owner": { "id": "o2" } }),
        json!({ "title": "Zebra\\back", "value": { "amount": -1.5, "code": "EUR" }, "leadRating": "3_hot", "tags": "blue" }),
        json!({ "title": "a, b", "value": { "amount": 5, "code": "EUR" }, "leadRating": "1_cold", "contactId": "2" }),
        json!({ "title": "Banana", "leadRating": "2_warm", "origin": "other", "owner": { "id": "o1" } }),
    ];
    for (day, body) in (1..).zip(leads) {
        let made = create(connection, &at(tenant, &format!("2025-01-0{day}T00:00:00Z")), &body);
        let scope = at(tenant, &format!("2025-02-{:02}T00:00:00Z", 10 - day));
        match day {
            2 => {
                crm_leads::archive(connection, &scope, made.id, &Condition::none(), None).unwrap();
            }
            4 => {
                crm_leads::mark_converted(connection, &scope, made.id, OpportunityId::from_i64(9), None).unwrap();
            }
            _ => {}
        }
    }
}

fn titles(page: &Page<Lead>) -> Vec<&str> {
    page.items.iter().map(|lead| lead.title.as_str()).collect()
}

crm_testkit::both_databases! {
    /// A program goes from page to page by the token alone, in an order of its choice.
    fn a_program_goes_on_after_a_token(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        some_leads(&mut connection, &scope);
        let by_title = || PageRequest::first(4).ordered_by(LeadSort::Title, Direction::Asc);
        let mut list = |request: &PageRequest<LeadSort>| {
            crm_leads::list(&mut connection, &scope, &LeadFilter::default(), request).unwrap()
        };
        let first = list(&by_title());
        let token = first.continuation_token.clone().unwrap();
        let second = list(&by_title().after(&token).unwrap());
        assert_eq!((first.items.len(), second.items.len(), second.page), (4, 2, 2));
        assert_eq!(second.continuation_token, None);
        let mut seen = [titles(&first), titles(&second)].concat();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 6, "each once");
        for (request, token) in [(PageRequest::first(4), token.as_str()), (by_title(), "nothing")] {
            let errors = request.after(token).unwrap_err();
            assert_eq!(errors.as_slice()[0].code, FieldCode::InvalidToken, "of another order, or no token at all");
        }
    }

    /// What each filter finds, in the default order, the newest first. The total says the same.
    fn filters_find_what_matches(database) {
        let (mut connection, scope, other) = (database.connect(), database.tenant("acme"), database.tenant("other"));
        some_leads(&mut connection, &other);
        some_leads(&mut connection, &scope);
        let blue = list(&mut connection, &scope, &[("tags", "blue")]).items[0].tags[0].id.to_string();
        let all = vec!["Banana", "a, b", "Zebra\\back", "äpfel_1", "Äpfel 100%", "banana"];
        for (params, expected) in [
            (vec![], all.clone()),
            (vec![("title", "BANANA")], vec!["Banana", "banana"]),
            (vec![("title", "ÄPFEL")], vec!["äpfel_1", "Äpfel 100%"]),
            (vec![("title", "apfel")], vec!["äpfel_1", "Äpfel 100%"]),
            (vec![("title", "%")], vec!["Äpfel 100%"]),
            (vec![("title", "_")], vec!["äpfel_1"]),
            (vec![("title", "\\")], vec!["Zebra\\back"]),
            (vec![("title", "a, b")], vec!["a, b"]),
            (vec![("title", "' OR 1=1 --")], vec![]),
            (vec![("organizationId", "1")], vec!["Äpfel 100%"]),
            (vec![("organizationId", "1, 2")], vec!["äpfel_1", "Äpfel 100%"]),
            (vec![("organizationId", "99")], vec![]),
            (vec![("contactId", "1,2")], vec!["a, b", "äpfel_1"]),
            (vec![("ids", "3,1,77,1")], vec!["äpfel_1", "banana"]),
            (vec![("ids", "77")], vec![]),
            (vec![("ids", "3,1"), ("tags", "red")], vec!["äpfel_1"]),
            (vec![("tags", "RED")], vec!["äpfel_1", "Äpfel 100%"]),
            (vec![("tags", "red,blue")], vec!["Zebra\\back", "äpfel_1", "Äpfel 100%"]),
            (vec![("tags", blue.as_str())], vec!["Zebra\\back", "äpfel_1"]),
            (vec![("tags", "nope")], vec![]),
            (vec![("tags", "nope,blue")], vec!["Zebra\\back", "äpfel_1"]),
            (vec![("isArchived", "true")], vec!["Äpfel 100%"]),
            (vec![("isArchived", "false")], vec!["Banana", "a, b", "Zebra\\back", "äpfel_1", "banana"]),
            (vec![("isConverted", "true")], vec!["Zebra\\back"]),
            (vec![("isConverted", "false")], vec!["Banana", "a, b", "äpfel_1", "Äpfel 100%", "banana"]),
            (vec![("ownerId", "o1")], vec!["Banana", "Äpfel 100%"]),
            (vec![("ownerId", "o2,o1")], vec!["Banana", "äpfel_1", "Äpfel 100%"]),
            (vec![("origin", "other")], vec!["Banana"]),
            (vec![("origin", "other,website")], vec!["Banana", "banana"]),
            (vec![("leadRating", "2_warm")], vec!["Banana", "banana"]),
            (vec![("leadRating", "1_cold,3_hot")], vec!["a, b", "Zebra\\back"]),
            (vec![("createdAfterDate", "2025-01-05T00:00:00Z")], vec!["Banana", "a, b"]),
            (vec![("createdBeforeDate", "2025-01-02T01:00:00+01:00")], vec!["Äpfel 100%", "banana"]),
            (vec![("tags", "red"), ("ownerId", "o1"), ("isArchived", "true"), ("title", "pf")], vec!["Äpfel 100%"]),
            (vec![("tags", "red"), ("ownerId", "o1"), ("isArchived", "false")], vec![]),
        ] {
            let mut params = params;
            params.push(("includeTotal", "true"));
            let page = list(&mut connection, &scope, &params);
            assert_eq!(titles(&page), expected, "{params:?}");
            assert_eq!(page.total, i64::try_from(expected.len()).ok(), "{params:?}");
        }
        assert_eq!(list(&mut connection, &scope, &[]).total, None, "no count unless it is asked for");
    }

    /// Each order both ways: without a value last, ties by id in the same direction.
    fn orders_put_nothing_last(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        some_leads(&mut connection, &scope);
        for (order, ascending, descending) in [
            ("createdOn", "123456", "654321"),
            ("createdAt", "123456", "654321"),
            // 2 was archived on the 8th of February, 4 converted on the 6th.
            ("lastUpdatedOn", "135642", "246531"),
            ("title", "516423", "324615"),
            ("name", "516423", "324615"),
            ("value", "415236", "514632"),
            ("leadRating", "516423", "461532"),
        ] {
            for (direction, expected) in [("asc", ascending), ("DESC", descending)] {
                let page = list(&mut connection, &scope, &[("orderBy", order), ("sort", direction)]);
                let ids: String = page.items.iter().map(|lead| lead.id.to_string()).collect();
                assert_eq!(ids, expected, "{order} {direction}");
            }
        }
    }

    /// The rules of every list, with many ties and many leads without a value.
    fn every_way_through_the_list_agrees(database) {
        let (mut connection, scope, other) = (database.connect(), database.tenant("acme"), database.tenant("other"));
        some_leads(&mut connection, &other);
        for _ in 0..3 {
            for body in [
                json!({ "title": "same" }),
                json!({ "title": "Same", "value": { "amount": 1, "code": "USD" }, "leadRating": "3_hot" }),
                json!({ "title": "other", "value": { "amount": 1, "code": "EUR" } }),
                json!({ "title": "\u{10fffd}", "leadRating": "1_cold" }),
            ] {
                create(&mut connection, &scope, &body);
            }
        }
        let orders = ["createdOn", "lastUpdatedOn", "title", "value", "leadRating"];
        assert_every_way_agrees(&orders, |params| list(&mut connection, &scope, params));
    }

    /// Leads that come and go between two pages make no other one appear twice or be skipped.
    fn a_walk_is_stable(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        for order in ["createdOn", "title", "value", "leadRating"] {
            for direction in ["asc", "desc"] {
                let rated = json!({ "title": "m", "leadRating": "2_warm", "value": { "amount": 2, "code": "USD" } });
                let bare = json!({ "title": "m" });
                let there: Vec<LeadId> =
                    (0..8).map(|n| create(&mut connection, &scope, if n % 2 == 0 { &rated } else { &bare }).id).collect();
                let mut passing = Vec::new();
                let seen = walk(&[("orderBy", order), ("sort", direction)], 2, &mut |params| {
                    let page = list(&mut connection, &scope, params);
                    let passed = passing.split_off(0);
                    connection.write(|connection| deleted(connection, &scope, &passed)).unwrap();
                    passing.extend([&rated, &bare].map(|body| create(&mut connection, &scope, body).id));
                    page
                });
                let seen: Vec<LeadId> = seen.iter().map(|lead| lead.id).collect();
                for id in there {
                    assert_eq!(seen.iter().filter(|one| **one == id).count(), 1, "{order} {direction}: lead {id}");
                }
                connection.write(|connection| deleted(connection, &scope, &seen)).unwrap();
                connection.write(|connection| deleted(connection, &scope, &passing)).unwrap();
            }
        }
    }

    /// A token goes with its filters and its order.
    fn a_token_is_for_one_list(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        some_leads(&mut connection, &scope);
        let page = list(&mut connection, &scope, &[("size", "1"), ("ownerId", "o1"), ("orderBy", "title")]);
        let token = page.continuation_token.unwrap();
        let token = ("continuationToken", token.as_str());
        let next = list(&mut connection, &scope, &[token, ("orderBy", "name"), ("ownerId", "o1"), ("size", "5")]);
        assert_eq!(titles(&next), ["Banana"], "size may change, and the order may have its other name");
        for params in [
            vec![token, ("orderBy", "title")],
            vec![token, ("orderBy", "title"), ("ownerId", "o2")],
            vec![token, ("ownerId", "o1")],
            vec![token, ("ownerId", "o1"), ("orderBy", "title"), ("sort", "asc")],
            vec![("continuationToken", "x"), ("ownerId", "o1"), ("orderBy", "title")],
        ] {
            let errors = asked::<Asked>(&params).map(|_| ()).unwrap_err();
            assert_eq!(problems(&errors), [("continuationToken", "invalid_token")], "{params:?}");
        }
    }
}

#[test]
fn a_parameter_that_is_none_is_refused() {
    for (name, value, code) in [
        ("titel", "x", "unknown_field"),
        ("title", "", "required"),
        ("organizationId", "1,x", "invalid_id"),
        ("contactId", "0", "invalid_id"),
        ("isArchived", "yes", "invalid_value"),
        ("isConverted", "1", "invalid_value"),
        ("leadRating", "warm", "invalid_value"),
        ("createdAfterDate", "yesterday", "invalid_date"),
        ("orderBy", "note", "invalid_value"),
        ("sort", "up", "invalid_value"),
        ("size", "201", "out_of_range"),
    ] {
        let errors = asked::<Asked>(&[(name, value)]).map(|_| ()).unwrap_err();
        assert_eq!(problems(&errors), [(name, code)], "{name}={value}");
    }
}
