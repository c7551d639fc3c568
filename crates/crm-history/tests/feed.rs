//! Changes as they are written, and the order in which the feed gives them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use crm_core::records::Stored;
use crm_core::values::Title;
use crm_core::{Actor, DbConnection, KeyId, LeadId, Scope, Timestamp, keys::Rights, numbering};
use crm_history::{Action, Change, FeedFilter, FeedPage, Fields, HistoryError, Kind, NewChange, Position, What};
use crm_testkit::{TestDatabase, both_databases};
use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl};
use serde_json::{Value, json};

fn lead(number: i64) -> LeadId {
    LeadId::from_i64(number)
}

/// Writes down that a lead got this title.
fn retitle(connection: &mut DbConnection, scope: &Scope, number: i64, title: &str) {
    let fields = Fields::none().compare("title", "", title);
    let change = NewChange::new(Kind::Lead, Action::Updated);
    crm_history::record(connection, scope, change, What::changed(lead(number), fields).unwrap()).unwrap();
}

/// Waits until what is committed now is shown: a transaction that runs anywhere on the server holds it back, those of other
/// tests too.
fn settle(connection: &mut DbConnection) {
    #[derive(QueryableByName)]
    struct Settled {
        #[diesel(sql_type = BigInt)]
        first: i64,
        #[diesel(sql_type = BigInt)]
        next: i64,
    }
    if connection.kind() == crm_core::BackendKind::Sqlite {
        return;
    }
    let query = "SELECT pg_snapshot_xmin(s)::text::bigint AS first, pg_snapshot_xmax(s)::text::bigint AS next \
                 FROM pg_current_snapshot() s";
    let mut now = || diesel::sql_query(query).get_result::<Settled>(&mut *connection).unwrap();
    let until = now().next;
    while now().first < until {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn read(connection: &mut DbConnection, scope: &Scope, since: Option<Position>, size: i64) -> FeedPage {
    settle(connection);
    filtered(connection, scope, since, size, &FeedFilter::default()).unwrap()
}

fn filtered(
    connection: &mut DbConnection,
    scope: &Scope,
    since: Option<Position>,
    size: i64,
    filter: &FeedFilter,
) -> Result<FeedPage, HistoryError> {
    connection.begin_read().unwrap();
    let page = crm_history::feed(connection, scope, since, filter, size);
    connection.end_read().unwrap();
    page
}

fn titles(changes: &[Change]) -> Vec<&Value> {
    changes.iter().map(|change| &change.changes[0].to).collect()
}

fn committed(connection: &mut DbConnection, scope: &Scope, number: i64, title: &str) {
    let written = connection.write::<_, diesel::result::Error>(|connection| {
        // Whoever has records has taken numbers for them.
        numbering::next::<LeadId>(connection, scope)?;
        retitle(connection, scope, number, title);
        Ok(())
    });
    written.unwrap();
}

both_databases! {
    fn a_change_tells_all_that_is_known_of_it(database) {
        let scope = database.tenant("acme");
        let key = KeyId::random();
        let scope = scope.by(Actor::key(key, Title::stored("Sync".to_owned()), Rights::WRITE_ALL)).for_request("r-1");
        let mut connection = database.connect();
        let fields = Fields::none()
            .compare("title", "Tea", "Coffee")
            .compare("note", "as it was", "as it was")
            .changed("value", &json!({ "amount": 0.1, "code": "EUR" }), &Value::Null)
            .secret("password", true)
            .secret("token", false);
        let first = NewChange::new(Kind::Lead, Action::Updated);
        let first = crm_history::record(&mut connection, &scope, first, What::changed(lead(7), fields).unwrap()).unwrap();
        let gone = What::whole(lead(8), &json!({ "title": "Tea" })).unwrap().keeping(Some(&json!({ "names": ["Ann"] })));
        let gone = gone.unwrap().merged_with(&[lead(7)]);
        let second = NewChange::new(Kind::Lead, Action::MergedInto).following(first);
        crm_history::record(&mut connection, &scope, second, gone).unwrap();

        let page = read(&mut connection, &scope, None, 10);
        let shown = serde_json::to_value(&page.items).unwrap();
        let by_key = json!({ "id": key, "name": "Sync" });
        assert_eq!(shown, json!([
            {
                "id": first, "kind": "lead", "recordId": "7", "action": "updated", "on": scope.now(), "by": null,
                "key": by_key, "requestId": "r-1", "record": null, "cause": null, "erased": false,
                "changes": [
                    { "field": "title", "from": "Tea", "to": "Coffee" },
                    { "field": "value", "from": { "amount": 0.1, "code": "EUR" }, "to": null },
                    { "field": "password", "from": null, "to": null },
                ],
            },
            {
                "id": page.items[1].id, "kind": "lead", "recordId": "8", "action": "mergedInto", "on": scope.now(),
                "by": null, "key": by_key, "requestId": "r-1", "record": { "title": "Tea" }, "cause": first,
                "erased": false, "changes": [], "target": "7",
            },
        ]));
    }

    fn the_feed_goes_on_where_it_ended(database) {
        let (scope, other) = (database.tenant("acme"), database.tenant("other"));
        let mut connection = database.connect();
        assert_eq!(read(&mut connection, &scope, None, 2).items, [], "nothing happened yet");
        for number in 1..=5 {
            committed(&mut connection, &scope, number, &format!("{number}"));
            committed(&mut connection, &other, number, "of another tenant");
        }
        let (mut since, mut seen, mut parts) = (None, Vec::new(), 0);
        loop {
            let page = read(&mut connection, &scope, since, 2);
            seen.extend(page.items);
            (since, parts) = (Some(page.next), parts + 1);
            if !page.has_more {
                break;
            }
        }
        assert_eq!(titles(&seen), ["1", "2", "3", "4", "5"]);
        assert_eq!(parts, 3);
        assert_eq!(since.unwrap(), crm_history::end(&mut connection, &scope).unwrap(), "there is nothing behind it");
        let page = read(&mut connection, &scope, since, 2);
        assert!(page.items.is_empty() && !page.has_more && Some(page.next) == since, "{page:?}");
        committed(&mut connection, &scope, 6, "6");
        assert_eq!(titles(&read(&mut connection, &scope, since, 2).items), ["6"]);
        let future = since.map(|Position { turn, seq }| Position { turn: turn + 1_000_000, seq });
        assert!(matches!(filtered(&mut connection, &scope, future, 2, &FeedFilter::default()), Err(HistoryError::Gone)));
    }

    /// Who wants little is not sent through the rest again.
    fn a_filter_leaves_out_and_goes_on(database) {
        let scope = database.tenant("acme");
        let mut connection = database.connect();
        let whats: Vec<What> = (1..=12_000).map(|number| What::changed(lead(number), Fields::none()).unwrap()).collect();
        let many = NewChange::new(Kind::Lead, Action::Updated);
        let made = connection.write(|connection| crm_history::record_each(connection, &scope, many, &whats)).unwrap();
        assert_eq!(made.len(), whats.len());
        assert!(made.is_sorted());
        let rare = NewChange::new(Kind::Tag, Action::Created);
        crm_history::record(&mut connection, &scope, rare, What::changed("t", Fields::none()).unwrap()).unwrap();
        settle(&mut connection);
        let filter = FeedFilter { kinds: Some(vec![Kind::Tag]), actions: Some(vec![Action::Created]) };
        let page = filtered(&mut connection, &scope, None, 10, &filter).unwrap();
        assert!(page.items.is_empty() && page.has_more, "so far and no further in one request");
        let page = filtered(&mut connection, &scope, Some(page.next), 10, &filter).unwrap();
        assert_eq!(page.items.len(), 1);
        assert!(!page.has_more);
        let none = FeedFilter { kinds: Some(vec![]), actions: None };
        assert!(filtered(&mut connection, &scope, None, 10, &none).unwrap().items.is_empty(), "no kind is not every kind");
    }
}

both_databases! {
    /// What is old goes from the beginning of the feed on; who stood before it is told so, and numbers are never given again.
    fn what_is_forgotten_is_a_beginning(database) {
        let (scope, other) = (database.tenant("acme"), database.tenant("other"));
        let mut connection = database.connect();
        let days = |days: i64| Timestamp::from_datetime(scope.now().as_datetime() + chrono::Duration::days(days));
        let at = |moment: Timestamp| Scope::new(scope.tenant(), scope.public_tenant().clone(), moment);
        committed(&mut connection, &other, 1, "of another tenant");
        let mut places = vec![read(&mut connection, &scope, None, 10).next];
        for (number, age) in [(1, -10), (2, -9), (3, -1), (4, -8)] {
            committed(&mut connection, &at(days(age)), number, &format!("{number}"));
            places.push(read(&mut connection, &scope, None, 10).next);
        }
        assert_eq!(crm_history::tenants_with_older(&mut connection, days(-30)).unwrap(), []);
        assert_eq!(crm_history::tenants_with_older(&mut connection, days(-5)).unwrap(), [scope.tenant()]);
        let mut forget = |before| connection.write(|c| crm_history::forget_before(c, scope.tenant(), before, |_, _| Ok(None))).unwrap();
        assert_eq!(forget(days(-30)), 0);
        assert_eq!(forget(days(-5)), 2, "up to the first that is young");
        assert_eq!(forget(days(-5)), 0);
        assert_eq!(titles(&read(&mut connection, &scope, None, 10).items), ["3", "4"]);
        let all = FeedFilter::default();
        for gone in &places[..2] {
            assert!(matches!(filtered(&mut connection, &scope, Some(*gone), 10, &all), Err(HistoryError::Gone)));
        }
        assert_eq!(titles(&read(&mut connection, &scope, Some(places[2]), 10).items), ["3", "4"]);
        assert_eq!(connection.write(|c| crm_history::forget_before(c, scope.tenant(), days(1), |_, _| Ok(None))).unwrap(), 2);
        let end = crm_history::end(&mut connection, &scope).unwrap();
        assert_eq!(end, places[4], "nothing is left but the place");
        committed(&mut connection, &scope, 5, "5");
        assert_eq!(titles(&read(&mut connection, &scope, Some(places[4]), 10).items), ["5"]);
        assert_eq!(titles(&read(&mut connection, &other, None, 10).items), ["of another tenant"]);
    }
}

/// Numbers are taken before the commit: a reader that went by them would have gone past the first.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn what_commits_late_is_not_skipped() {
    let database = TestDatabase::postgres();
    let scope = database.tenant("acme");
    let (mut early, mut late, mut reader) = (database.connect(), database.connect(), database.connect());
    early.begin_write().unwrap();
    retitle(&mut early, &scope, 1, "begun first, committed last");
    committed(&mut late, &scope, 2, "begun last, committed first");
    let page = filtered(&mut reader, &scope, None, 10, &FeedFilter::default()).unwrap();
    assert_eq!(page.items, [], "something may still come before it");
    early.commit_write().unwrap();
    let page = read(&mut reader, &scope, Some(page.next), 10);
    assert_eq!(titles(&page.items), ["begun first, committed last", "begun last, committed first"]);
}

/// The transaction with the lower number waited for the other one's lock.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn the_changes_of_one_record_are_in_the_order_of_their_commits() {
    let database = TestDatabase::postgres();
    let scope = database.tenant("acme");
    let (mut early, mut late, mut reader) = (database.connect(), database.connect(), database.connect());
    early.begin_write().unwrap();
    retitle(&mut early, &scope, 1, "of another record");
    committed(&mut late, &scope, 2, "first");
    retitle(&mut early, &scope, 2, "second");
    early.commit_write().unwrap();
    let page = read(&mut reader, &scope, None, 10);
    let of_both: Vec<_> = titles(&page.items).into_iter().filter(|title| *title != "of another record").collect();
    assert_eq!(of_both, ["first", "second"]);
    assert_eq!(page.items.len(), 3);
}

/// What was restored into a server that counts from the start goes on above everything that was.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn turns_go_on_in_another_server() {
    let database = TestDatabase::postgres();
    let scope = database.tenant("acme");
    let mut connection = database.connect();
    committed(&mut connection, &scope, 1, "before");
    let seen = read(&mut connection, &scope, None, 10).next;
    assert_eq!(connection.write(crm_history::go_on).unwrap(), 0, "the server is the same");
    // As if it had been written by a server that has counted farther.
    let far = "UPDATE changes SET turn = turn + 1000000 WHERE tenant_id = ";
    diesel::sql_query(format!("{far}{}", scope.tenant().as_i64())).execute(&mut connection).unwrap();
    let remembered = Position { turn: seen.turn + 1_000_000, seq: seen.seq };
    assert_eq!(connection.write(crm_history::go_on).unwrap(), 1);
    assert_eq!(connection.write(crm_history::go_on).unwrap(), 0, "once");
    committed(&mut connection, &scope, 1, "after");
    committed(&mut connection, &scope, 2, "another record");
    let page = read(&mut connection, &scope, Some(remembered), 10);
    assert_eq!(titles(&page.items), ["after", "another record"]);
    let lost = Position { turn: remembered.turn + 5_000, seq: seen.seq + 70 };
    assert_eq!(
        titles(&read(&mut connection, &scope, Some(lost), 10).items),
        ["after", "another record"],
        "of a newer dump"
    );
}
