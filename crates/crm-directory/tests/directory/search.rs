//! Searching among a hundred thousand contacts: what each filter finds, by which index, and in what time.
//!
//! If you are here because a plan changed: docs/adr/0006 says which one is wanted and why.

use std::time::{Duration, Instant};

use crm_core::{BackendKind, DbConnection};
use crm_testkit::plans::look_at_tables;
use crm_testkit::statements::{Plan, Statement, statements};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use diesel::{QueryableByName, RunQueryDsl};

use crate::common::{Asked, Desk, asked, deleted_contacts};

const MANY: u32 = 100_000;
const ORGANIZATIONS: u32 = 10_000;

/// Writes contacts by plain SQL: the triggers and indexes do their work as they do for the service.
///
/// Every tenth contact is a Johnson; contact 500 has a name, an address and a number that no other has; every
/// organization but the last has a common name. The other tenant's contacts are all called Zebra.
fn fill(database: &TestDatabase) -> Desk {
    let desk = Desk::new(database, "ours");
    let other = Desk::new(database, "theirs");
    let mut connection = database.connect_to_fill();
    let (ours, theirs) = (desk.scope.tenant().as_i64(), other.scope.tenant().as_i64());
    for (tenant, contacts) in [(ours, MANY), (theirs, MANY / 5)] {
        connection.batch_execute(&organizations(database.kind(), tenant)).unwrap();
        connection.batch_execute(&contacts_with_values(database.kind(), tenant, contacts)).unwrap();
    }
    let rare = format!(
        "UPDATE contacts SET name_search = 'zebra quagga' WHERE tenant_id = {ours} AND id = 500;
         UPDATE contact_emails SET value_search = 'only@okapi.example' WHERE tenant_id = {ours} AND contact_id = 500;
         UPDATE contact_phones SET digits = '9998887776' WHERE tenant_id = {ours} AND contact_id = 500;
         UPDATE contacts SET name_search = 'zebra' WHERE tenant_id = {theirs};"
    );
    connection.batch_execute(&rare).unwrap();
    look_at_tables(&mut connection);
    desk
}

/// Numbers from 1, for both databases.
pub(crate) fn series(kind: BackendKind, count: u32) -> String {
    match kind {
        BackendKind::Postgres => format!("(SELECT generate_series(1, {count}) AS n) AS numbers"),
        BackendKind::Sqlite => {
            format!(
                "(WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s)"
            )
        }
    }
}

pub(crate) fn moment(kind: BackendKind) -> &'static str {
    match kind {
        BackendKind::Postgres => "timestamptz '2025-01-01Z' + n * interval '1 second'",
        BackendKind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%S.000Z', 1735689600 + n, 'unixepoch')",
    }
}

fn organizations(kind: BackendKind, tenant: i64) -> String {
    let (numbers, moment) = (series(kind, ORGANIZATIONS), moment(kind));
    format!(
        "INSERT INTO organizations (tenant_id, id, name, name_folded, name_key, name_search, custom_fields, created_on, last_updated_on)
         SELECT {tenant}, n, 'Organization', '', '', CASE n WHEN 9999 THEN 'gnu limited' ELSE 'common ' || n END, '{{}}', {moment}, {moment}
         FROM {numbers};"
    )
}

fn contacts_with_values(kind: BackendKind, tenant: i64, count: u32) -> String {
    let (numbers, moment) = (series(kind, count), moment(kind));
    let name = "CASE n % 10 WHEN 3 THEN 'mary johnson ' ELSE 'peter smith ' END || (n * 7919)";
    let (is_primary, nothing) = match kind {
        BackendKind::Postgres => ("true", "'00000000-0000-0000-0000-000000000000'"),
        BackendKind::Sqlite => ("1", "zeroblob(16)"),
    };
    format!(
        "INSERT INTO record_counts VALUES ({tenant}, 3, {nothing}, '', '', 0, {count}, 0, 0);
         INSERT INTO contacts (tenant_id, id, name, name_folded, name_key, name_search, organization_id, custom_fields, created_on, last_updated_on)
         SELECT {tenant}, n, 'Name', 'name', 'name', {name}, 1 + n % {ORGANIZATIONS}, '{{}}', {moment}, {moment} FROM {numbers};
         INSERT INTO contact_emails (tenant_id, contact_id, position, value, value_folded, value_search, is_primary)
         SELECT {tenant}, n, 0, 'x', 'x', 'p' || (n * 6007) || '@' || CASE n % 10 WHEN 3 THEN 'work.com' ELSE 'home.org' END, {is_primary}
         FROM {numbers};
         INSERT INTO contact_phones (tenant_id, contact_id, position, value, value_search, digits, is_primary)
         SELECT {tenant}, n, 0, 'x', 'x', '1555' || (1000000 + n), {is_primary} FROM {numbers};"
    )
}

/// A search, how many of the first 11 it finds, and the index that finds them where they are few.
struct Search {
    query: &'static [(&'static str, &'static str)],
    found: usize,
    index: Option<&'static str>,
}

const SEARCHES: &[Search] = &[
    Search { query: &[("name", "zebra")], found: 1, index: Some("contacts_search") },
    Search { query: &[("name", "mary johnson 23757")], found: 1, index: Some("contacts_search") },
    Search { query: &[("name", "no such name")], found: 0, index: Some("contacts_search") },
    Search { query: &[("email", "okapi")], found: 1, index: Some("contact_emails_search") },
    Search { query: &[("email", "nothing@like.it")], found: 0, index: Some("contact_emails_search") },
    Search { query: &[("phone", "999-888-777")], found: 1, index: Some("contact_phones_search") },
    Search { query: &[("phone", "reception")], found: 0, index: Some("contact_phones_search") },
    Search { query: &[("searchValue", "quagga")], found: 1, index: Some("contacts_search") },
    Search { query: &[("searchValue", "okapi")], found: 1, index: Some("contact_emails_search") },
    Search { query: &[("searchValue", "gnu limited")], found: 10, index: Some("organizations_search") },
    Search { query: &[("searchValue", "no such thing")], found: 0, index: Some("contact_emails_search") },
    Search { query: &[("name", "peter smith 791")], found: 11, index: Some("contacts_search") },
    // So many match that the list is read in its own order until the page is full.
    Search { query: &[("name", "johnson")], found: 11, index: None },
    Search { query: &[("name", "jo")], found: 11, index: None },
    Search { query: &[("email", "work.com")], found: 11, index: None },
    Search { query: &[("phone", "1555")], found: 11, index: None },
    Search { query: &[("searchValue", "common")], found: 11, index: None },
    // Shorter than a trigram and rare: every text of the tenant is read, once.
    Search { query: &[("name", "gq")], found: 0, index: None },
    Search { query: &[("email", "gq")], found: 0, index: None },
    Search { query: &[("searchValue", "gq")], found: 0, index: None },
    Search { query: &[("searchValue", "john"), ("orderBy", "name"), ("sort", "asc")], found: 11, index: None },
];

/// What the service sends for the list itself, before it completes the contacts of the page.
fn searched(desk: &mut Desk, search: &Search) -> (usize, Vec<Statement>, Duration) {
    let mut query = search.query.to_vec();
    query.push(("size", "11"));
    let Asked { filter, page } = asked(&query);
    let Desk { connection, scope } = desk;
    let once =
        |connection: &mut DbConnection| crm_directory::contacts::list(connection, scope, &filter, &page).unwrap();
    let (page, mut sent) = statements(connection, once);
    // Without candidates the list itself is not asked for.
    let list = sent.iter().position(|statement| statement.sql.contains("ORDER BY"));
    sent.truncate(list.map_or(sent.len(), |list| list + 1));
    let started = Instant::now();
    let _ = once(connection);
    (page.items.len(), sent, started.elapsed())
}

both_databases! {
    /// A rare text is found by its index and nothing is scanned; a common one needs no sorting of all matches.
    fn searches_among_many_contacts_use_indexes(database) {
        let started = Instant::now();
        let mut desk = fill(database);
        println!("{:?}: filled in {:?}", database.kind(), started.elapsed());
        for search in SEARCHES {
            let (found, sent, took) = searched(&mut desk, search);
            println!("{:?} {:?}: {found} in {took:?}", database.kind(), search.query);
            assert_eq!(found, search.found, "{:?}", search.query);
            let plans: Vec<Plan> = sent.iter().map(|statement| statement.plan(&mut desk.connection)).collect();
            // The tables of FTS5 begin with the same words.
            for plan in plans.iter().filter(|plan| search.query[0].1.len() > 2 && !plan.to_string().contains("VIRTUAL TABLE")) {
                assert!(!plan.scans("contacts") && !plan.scans("contact_emails"), "{:?}: {plan}", search.query);
            }
            let list = plans.last().filter(|plan| plan.to_string().contains("ORDER BY"));
            match (search.index, database.kind(), list) {
                (None, _, list) => {
                    let in_order = |list: &Plan| !list.sorts();
                    assert_eq!(list.is_some_and(in_order), search.found > 0, "{:?}: {list:?}", search.query);
                }
                (Some(index), BackendKind::Postgres, _) => {
                    assert!(plans.iter().any(|plan| plan.uses(index)), "{:?}: {plans:#?}", search.query);
                }
                // A table of FTS5 is an index as a whole; its plan does not say so by a name.
                (Some(index), BackendKind::Sqlite, list) => {
                    let by_index = |statement: &Statement| statement.sql.contains(&format!("{index} MATCH"));
                    assert!(sent.iter().any(by_index), "{:?}: {plans:#?}", search.query);
                    let by_id = |list: &Plan| list.uses("sqlite_autoindex_contacts_1");
                    assert!(list.is_none_or(by_id), "{:?}: {list:?}", search.query);
                }
            }
        }
    }
}

/// The rowids of the search tables are of our making, so that compacting the file cannot move them.
#[cfg_attr(not(feature = "sqlite"), ignore = "it needs SQLite")]
#[test]
fn a_search_finds_the_same_after_vacuum() {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        rowid: i64,
    }
    let database = TestDatabase::sqlite();
    let mut desk = Desk::new(&database, "a");
    for name in ["Anna", "Bert", "Cleo", "Dora"] {
        desk.contact(serde_json::json!({ "name": name, "email": [{ "value": format!("{name}@x.com") }] }));
    }
    let Desk { connection, scope } = &mut desk;
    let gone = [crm_core::ContactId::from_i64(1), crm_core::ContactId::from_i64(3)];
    connection.write(|connection| deleted_contacts(connection, scope, &gone)).unwrap();
    desk.connection.batch_execute("VACUUM").unwrap();
    assert_eq!(desk.contact_names(&[("email", "dora@")]), ["Dora"]);
    assert_eq!(desk.contact_names(&[("name", "bert")]), ["Bert"]);
    desk.contact(serde_json::json!({ "name": "Emil" }));
    assert_eq!(desk.contact_names(&[("name", "emil")]), ["Emil"]);
    let rows: Vec<Row> = diesel::sql_query("SELECT rowid FROM contacts_search WHERE contacts_search MATCH '\"emil\"'")
        .load(&mut desk.connection)
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].rowid, (desk.scope.tenant().as_i64() << 43) + (5 << 10));
}
