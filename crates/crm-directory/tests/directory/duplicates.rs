//! Contacts and organizations that look like one, in groups.

use std::time::Instant;

use crm_core::page::Page;
use crm_core::{BackendKind, DbConnection};
use crm_directory::{Duplicates, DuplicatesRequest, contacts, organizations};
use crm_testkit::lists::Params;
use crm_testkit::plans::look_at_tables;
use crm_testkit::records::asked;
use crm_testkit::statements::statements;
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::common::Desk;
use crate::search::{moment, series};

fn request(params: &Params<'_>) -> DuplicatesRequest {
    asked(params).unwrap()
}

fn of_contacts(desk: &mut Desk, params: &Params<'_>) -> Page<Duplicates> {
    contacts::duplicates(&mut desk.connection, &desk.scope, &request(params)).unwrap()
}

/// `email jane@example.com 2: 1 3`
fn lines(page: &Page<Duplicates>) -> Vec<String> {
    let ids = |group: &Duplicates| group.items.iter().map(|one| one.id.clone()).collect::<Vec<_>>().join(" ");
    page.items.iter().map(|group| format!("{} {} {}: {}", group.by, group.value, group.count, ids(group))).collect()
}

fn body(name: &str, emails: &[&str], phones: &[&str]) -> Value {
    let list = |values: &[&str]| values.iter().map(|value| json!({ "value": value })).collect::<Vec<_>>();
    json!({ "name": name, "email": list(emails), "phone": list(phones) })
}

/// Of each kind by what they have in common, and with others that have nothing of it.
const EXPECTED: [&str; 4] =
    ["email zoe@example.com 2: 1 2", "phone 079460958 3: 1 3 4", "name mary 2: 5 6", "name zoë müller 2: 1 3"];

fn bodies() -> Vec<Value> {
    vec![
        // A record that has a number twice is not two.
        body("Zoë  Müller", &["Zoe@Example.com", "z@example.com"], &["+44 (20) 7946 0958", "020 7946 0958", "1234567"]),
        body("Zoe Muller", &["ZOE@example.COM"], &["460958"]),
        body("zoë müller", &["other@example.com"], &["00442079460958", "460958"]),
        body("Other", &[], &["2079460958"]),
        body("Mary", &[], &["7654321", "765-4321"]),
        body(" MARY ", &["mary@example.com"], &[]),
    ]
}

both_databases! {
    fn those_that_look_like_one_are_told_together(database) {
        let mut desk = Desk::new(database, "a");
        let mut other = Desk::new(database, "b");
        for body in bodies() {
            desk.contact(body.clone());
            desk.organization(body.clone());
            other.contact(body);
        }
        let page = of_contacts(&mut desk, &[]);
        assert_eq!(lines(&page), EXPECTED);
        let Desk { connection, scope, .. } = &mut desk;
        assert_eq!(lines(&organizations::duplicates(connection, scope, &request(&[])).unwrap()), EXPECTED);
        let jane = serde_json::to_value(&page.items[0].items[0]).unwrap();
        let made = json!(desk.scope.now());
        assert_eq!(jane, json!({
            "id": "1", "name": "Zoë  Müller", "email": "Zoe@Example.com", "phone": "+44 (20) 7946 0958",
            "createdOn": made, "lastUpdatedOn": made,
        }));
        for (by, expected) in [("email", &EXPECTED[..1]), ("phone", &EXPECTED[1..2]), ("name", &EXPECTED[2..])] {
            assert_eq!(lines(&of_contacts(&mut desk, &[("by", by)])), expected, "{by}");
        }
        assert_eq!(lines(&of_contacts(&mut desk, &[("by", "name,email")])), [EXPECTED[0], EXPECTED[2], EXPECTED[3]]);
        // What is no more, and what is changed, is none.
        desk.patch_contact(crm_core::ContactId::from_i64(2), json!({ "email": [] })).unwrap();
        assert!(of_contacts(&mut desk, &[("by", "email")]).items.is_empty());
    }

    /// A walk by tokens gives each group once, whatever the size; of a group the first twenty are shown.
    fn groups_come_in_pages(database) {
        let mut desk = Desk::new(database, "a");
        for number in 0..21 {
            let phone = format!("100000{}", number / 7);
            desk.contact(body("Same", &["twenty@example.com"], &[&phone]));
            if number < 19 {
                desk.patch_contact(crm_core::ContactId::from_i64(number + 1), json!({ "name": format!("N {}", number / 2) })).unwrap();
            }
        }
        desk.contact(body("Same", &[], &[]));
        let all = of_contacts(&mut desk, &[("size", "200")]);
        assert_eq!((all.items.len(), all.has_more, all.continuation_token.as_ref()), (1 + 3 + 10, false, None));
        assert_eq!((all.items[0].count, all.items[0].items.len()), (21, 20));
        let count_of_same = all.items.last().map(|group| (group.value.as_str(), group.count, group.items.len()));
        assert_eq!(count_of_same, Some(("same", 3, 3)));
        for size in [1, 2, 5, 13, 14] {
            let mut list = |params: &Params<'_>| of_contacts(&mut desk, params);
            assert_eq!(crm_testkit::lists::walk(&[], size, &mut list), all.items, "{size} at a time");
        }
        let first = of_contacts(&mut desk, &[("size", "2"), ("by", "email,name")]);
        let token = first.continuation_token.unwrap();
        assert_eq!(first.next, Some(format!("?size=2&by=email%2Cname&continuationToken={token}")));
        for (by, is_taken) in [("name", true), ("email,name", true), ("phone", false)] {
            let asked = asked::<DuplicatesRequest>(&[("by", by), ("continuationToken", &token)]);
            assert_eq!(asked.is_ok(), is_taken, "{by}");
        }
        for token in ["x", "e30", "eyJ2MSI6Im5hbWUiLCJrIjoiXHUwMDAwIiwicCI6MX0"] {
            assert!(asked::<DuplicatesRequest>(&[("continuationToken", token)]).is_err(), "{token}");
        }
    }
}

const MANY: u32 = 100_000;

/// A hundred thousand contacts, of which a hundred pairs are alike in each way, and those of another tenant, who all are.
fn fill(database: &TestDatabase) -> Desk {
    let (desk, other) = (Desk::new(database, "ours"), Desk::new(database, "theirs"));
    let mut connection = database.connect_to_fill();
    let kind = database.kind();
    let is_primary = if kind == BackendKind::Postgres { "true" } else { "1" };
    for (scope, many, alike) in
        [(&desk.scope, MANY, "CASE WHEN n > 99900 THEN n - 99900 ELSE n END"), (&other.scope, MANY / 5, "7")]
    {
        let (tenant, numbers, moment) = (scope.tenant().as_i64(), series(kind, many), moment(kind));
        let filled = connection.batch_execute(&format!(
            "INSERT INTO contacts (tenant_id, id, name, name_folded, name_key, name_search, custom_fields, created_on, last_updated_on)
             SELECT {tenant}, n, 'N', 'n', 'n ' || ({alike}), 'n', '{{}}', {moment}, {moment} FROM {numbers};
             INSERT INTO contact_emails (tenant_id, contact_id, position, value, value_folded, value_search, is_primary)
             SELECT {tenant}, n, 0, 'x', 'p' || ({alike}) || '@example.com', 'x', {is_primary} FROM {numbers};
             INSERT INTO contact_phones (tenant_id, contact_id, position, value, value_search, digits, last_digits, is_primary)
             SELECT {tenant}, n, 0, 'x', 'x', '1', '' || (1000000 + ({alike})), {is_primary} FROM {numbers};"
        ));
        filled.unwrap();
    }
    look_at_tables(&mut connection);
    desk
}

both_databases! {
    /// Every statement reads an index of its table from where the page before ended, and sorts no table.
    fn a_page_of_groups_is_read_from_indexes(database) {
        let Desk { mut connection, scope, .. } = fill(database);
        let list = |connection: &mut DbConnection, params: &Params<'_>| contacts::duplicates(connection, &scope, &request(params)).unwrap();
        for (by, index) in
            [("email", "contact_emails_folded"), ("phone", "contact_phones_last_digits"), ("name", "contacts_name_key")]
        {
            let first = list(&mut connection, &[("by", by)]);
            assert_eq!((first.items.len(), first.has_more), (10, true), "{by}");
            let token = first.continuation_token.unwrap();
            for params in [vec![("by", by)], vec![("by", by), ("continuationToken", token.as_str())]] {
                let (page, sent) = statements(&mut connection, |connection| list(connection, &params));
                assert_eq!((page.items.len(), sent.len()), (10, 3), "{by}: {sent:#?}");
                assert!(page.items.iter().all(|group| group.count == 2 && group.items.len() == 2), "{by}");
                for statement in &sent {
                    let plan = statement.plan(&mut connection);
                    assert!(["contacts", "contact_emails", "contact_phones"].iter().all(|table| !plan.scans(table)), "{by}: {plan}");
                }
                let groups = sent[0].plan(&mut connection);
                assert!(groups.uses(index) && !groups.to_string().contains("HashAggregate"), "{by}: {groups}");
                assert!(sent[1].plan(&mut connection).uses(index), "{by}: {}", sent[1].plan(&mut connection));
            }
        }
        let started = Instant::now();
        let (_, sent) = statements(&mut connection, |connection| list(connection, &[("size", "200")]));
        let took = started.elapsed();
        println!("{:?}: 200 groups in {took:?}", database.kind());
        // A hundred groups by each: of the names one is enough to know that there is more.
        assert_eq!(sent.len(), 6, "{sent:#?}");
    }
}
