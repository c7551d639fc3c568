//! Each feature of Diesel that the two-backend connection leans on, on both databases.
//!
//! If you are here because one of these failed after an update of Diesel: crm-core/src/connection.rs or sql/ uses
//! something that changed. docs/adr/0002 says what and why.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crm_core::page::Contains;
use crm_core::sql::{Json, one_of};
use crm_core::{BackendKind, Db, DbConnection, ForUpdateExt, PortableExt, Timestamp, Uuid, columns, each_backend};
use crm_testkit::both_databases;
use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::upsert::excluded;
use serde_json::{Value, json};

mod schema {
    diesel::table! {
        use diesel::sql_types::*;
        use crm_core::sql::{Instant, JsonText, Uid};

        things (id) {
            id -> BigInt,
            name -> Text,
            score -> Nullable<BigInt>,
            document -> Nullable<JsonText>,
            made_on -> Instant,
            code -> Uid,
            is_good -> Bool,
        }
    }
}

use schema::things;

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = things, check_for_backend(Db), treat_none_as_default_value = false, treat_none_as_null = true)]
struct Thing {
    id: i64,
    name: String,
    score: Option<i64>,
    document: Option<Json<Value>>,
    made_on: Timestamp,
    code: Uuid,
    is_good: bool,
}

fn thing(id: i64, name: &str) -> Thing {
    Thing {
        id,
        name: name.to_owned(),
        score: None,
        document: Some(Json(json!({ "b": 1, "a": [null, "ümläut"] }))),
        made_on: "2025-07-10T12:34:56.789Z".parse().unwrap(),
        code: Uuid::random(),
        is_good: true,
    }
}

fn made(connection: &mut DbConnection) {
    let (json, instant, uid, boolean) = match connection.kind() {
        BackendKind::Postgres => ("json", "timestamptz", "uuid", "boolean"),
        BackendKind::Sqlite => ("TEXT", "TEXT", "BLOB", "INTEGER"),
    };
    let table = format!(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, score BIGINT, document {json},
         made_on {instant} NOT NULL, code {uid} NOT NULL, is_good {boolean} NOT NULL)"
    );
    each_backend!(connection, connection => diesel::sql_query(table).execute(connection)).unwrap();
}

fn insert(connection: &mut DbConnection, new: &Thing) -> QueryResult<Thing> {
    diesel::insert_into(things::table).values(new).returning(columns::<Thing>()).get_result(connection)
}

fn names(connection: &mut DbConnection) -> Vec<String> {
    things::table.order(things::id).select(things::name).load(connection).unwrap()
}

both_databases! {
    /// INSERT … RETURNING gives back each of our types as it went in, NULL and JSON null kept apart.
    fn types_round_trip(database) {
        let mut connection = database.connect();
        made(&mut connection);
        let exact: Value = serde_json::from_str(r#"{"z":1.10,"a":1e3,"n":null}"#).unwrap();
        let null = Thing { document: Some(Json(Value::Null)), ..thing(2, "JSON null") };
        let none = Thing { document: None, score: Some(i64::MIN), ..thing(3, "NULL") };
        let words = Thing { document: Some(Json(exact)), is_good: false, ..thing(4, "words") };
        for new in [thing(1, "plain"), null, none, words] {
            assert_eq!(insert(&mut connection, &new).unwrap(), new);
        }
        let stored: Option<Json<Value>> =
            things::table.find(4).select(things::document).first(&mut connection).unwrap();
        assert_eq!(stored.unwrap().0.to_string(), r#"{"z":1.10,"a":1e+3,"n":null}"#);
        let first: Timestamp = "0001-01-01T00:00:00.000Z".parse().unwrap();
        let last: Timestamp = "9999-12-31T23:59:59.999Z".parse().unwrap();
        for (id, moment) in [(5, first), (6, last)] {
            let new = Thing { made_on: moment, ..thing(id, &moment.to_string()) };
            assert_eq!(insert(&mut connection, &new).unwrap().made_on, moment);
        }
        let ordered: Vec<i64> = things::table.order(things::made_on).select(things::id).load(&mut connection).unwrap();
        assert_eq!((ordered[0], ordered[5]), (5, 6));
    }

    /// ON CONFLICT, with DO UPDATE and DO NOTHING, and a cached UPDATE, all with RETURNING.
    fn portable_adds_what_the_derive_lacks(database) {
        let mut connection = database.connect();
        made(&mut connection);
        for round in 1..=3 {
            let new = Thing { score: Some(1), ..thing(1, "upserted") };
            let stored: Thing = diesel::insert_into(things::table)
                .values(&new)
                .on_conflict(things::id)
                .do_update()
                .set((things::score.eq(things::score + 1), things::is_good.eq(excluded(things::is_good))))
                .returning(columns::<Thing>())
                .portable()
                .get_result(&mut connection)
                .unwrap();
            assert_eq!(stored.score, Some(round));
        }
        let nothing = diesel::insert_into(things::table)
            .values(&thing(1, "again"))
            .on_conflict_do_nothing()
            .portable()
            .execute(&mut connection);
        assert_eq!(nothing, Ok(0));
        for name in ["one", "two"] {
            let change = diesel::update(things::table.find(1)).set(things::name.eq(name));
            let changed: Thing = change.returning(columns::<Thing>()).portable().get_result(&mut connection).unwrap();
            assert_eq!(changed.name, name);
        }
    }

    /// An UPDATE … RETURNING through `portable` is prepared once and kept; without it Diesel keeps none.
    fn portable_updates_stay_prepared(database) {
        let mut connection = database.connect();
        made(&mut connection);
        insert(&mut connection, &thing(1, "one")).unwrap();
        let kept = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&kept);
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let change = |score: i64| {
            let change = diesel::update(things::table.find(1)).set(things::score.eq(Some(score)));
            change.returning(things::id)
        };
        for score in 0..3 {
            let _: i64 = change(score).get_result(&mut connection).unwrap();
        }
        assert_eq!(kept.load(Ordering::Relaxed), 0);
        for score in 0..3 {
            let _: i64 = change(score).portable().get_result(&mut connection).unwrap();
        }
        assert_eq!(kept.load(Ordering::Relaxed), 1);
        for score in 0..3 {
            let change = diesel::update(things::table.find(1)).set(things::score.eq(Some(score)));
            assert_eq!(change.portable().execute(&mut connection), Ok(1));
        }
        assert_eq!(kept.load(Ordering::Relaxed), 2, "without RETURNING");
    }

    /// Any number of values is one statement, which is kept; values of each type are found, and what no row has is not.
    fn a_column_among_values_is_one_statement(database) {
        let mut connection = database.connect();
        made(&mut connection);
        let mut codes = Vec::new();
        for (id, name) in [(1, "a"), (2, "\"b\", [c]"), (3, "ü\u{10ffff}")] {
            codes.push(insert(&mut connection, &thing(id, name)).unwrap().code);
        }
        let kept = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&kept);
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let connection = &mut connection;
        let found = |connection: &mut DbConnection, ids: &[i64]| -> Vec<i64> {
            things::table.filter(one_of(things::id, ids)).order(things::id).select(things::id).load(connection).unwrap()
        };
        for (ids, expected) in [(&[][..], &[][..]), (&[2], &[2]), (&[1, 3, 7], &[1, 3])] {
            assert_eq!(found(connection, ids), expected);
        }
        assert_eq!(kept.load(Ordering::Relaxed), 1);
        let names = vec!["\"b\", [c]".to_owned(), "ü\u{10ffff}".to_owned(), "A".to_owned()];
        let named: Vec<i64> =
            things::table.filter(one_of(things::name, names)).order(things::id).select(things::id).load(connection).unwrap();
        assert_eq!(named, [2, 3]);
        let coded: Vec<i64> =
            things::table.filter(one_of(things::code, &codes[1..])).order(things::id).select(things::id).load(connection).unwrap();
        assert_eq!(coded, [2, 3]);
        let others: Vec<i64> = things::table
            .filter(diesel::dsl::not(one_of(things::id, [1_i64, 3])))
            .select(things::id)
            .load(connection)
            .unwrap();
        assert_eq!(others, [2]);
    }

    /// A boxed query with conditions that depend on the input, `= ANY` or `IN`, and wildcards taken literally.
    fn boxed_queries_and_contains(database) {
        let mut connection = database.connect();
        made(&mut connection);
        for (id, name) in [(1, "a%b"), (2, "a_b"), (3, "a\\b"), (4, "aüb"), (5, "axb")] {
            insert(&mut connection, &thing(id, name)).unwrap();
        }
        let mut find = |text: &str| -> Vec<i64> {
            let query = things::table.into_boxed::<Db>().filter(Contains::new("name", text));
            query.filter(things::id.eq_any(vec![1_i64, 2, 3, 4, 5])).select(things::id).load(&mut connection).unwrap()
        };
        for (text, id) in [("%", 1), ("_", 2), ("\\", 3), ("ü", 4), ("xb", 5)] {
            assert_eq!(find(text), [id], "{text}");
        }
    }

    /// A nested `write` is a savepoint: what fails inside is gone, what is around it stays.
    fn nested_writes_are_savepoints(database) {
        let mut connection = database.connect();
        made(&mut connection);
        let outcome: Result<(), DieselError> = connection.write(|connection| {
            insert(connection, &thing(1, "outer"))?;
            let inner: Result<(), DieselError> = connection.write(|connection| {
                insert(connection, &thing(2, "inner"))?;
                Err(DieselError::RollbackTransaction)
            });
            assert_eq!(inner, Err(DieselError::RollbackTransaction));
            insert(connection, &thing(3, "after")).map(drop)
        });
        assert_eq!(outcome, Ok(()));
        assert_eq!(names(&mut connection), ["outer", "after"]);
        assert_eq!(connection.transaction_depth(), Ok(0));
    }

    /// A statement that failed unnoticed makes the whole write an error, whatever the closure returns.
    fn a_swallowed_failure_is_not_committed(database) {
        let mut connection = database.connect();
        made(&mut connection);
        let outcome: Result<(), DieselError> = connection.write(|connection| {
            insert(connection, &thing(1, "one"))?;
            let _ = insert(connection, &thing(1, "one"));
            Ok(())
        });
        let there = names(&mut connection);
        // PostgreSQL gives up the transaction, SQLite the statement alone: neither says done and has not.
        assert_eq!(outcome.is_ok(), there == ["one"], "{outcome:?} {there:?}");
    }

    /// Violations are told apart on both, though SQLite names no constraint.
    fn violations_are_classified(database) {
        let mut connection = database.connect();
        made(&mut connection);
        insert(&mut connection, &thing(1, "one")).unwrap();
        let error = insert(&mut connection, &thing(2, "one")).unwrap_err();
        assert!(crm_core::error::is_unique_violation(&error), "{error:?}");
        let not_null = each_backend!(&mut connection, connection =>
            diesel::sql_query("INSERT INTO things (id) VALUES (9)").execute(connection));
        assert!(matches!(not_null, Err(DieselError::DatabaseError(DatabaseErrorKind::NotNullViolation, _))));
    }

    /// Many rows in one statement, the one thing that wants the concrete connection.
    fn many_rows_in_one_insert(database) {
        let mut connection = database.connect();
        made(&mut connection);
        let rows: Vec<Thing> = (1..=50).map(|id| thing(id, &format!("thing {id}"))).collect();
        let insert = diesel::insert_into(things::table).values(&rows);
        let inserted = each_backend!(&mut connection, connection => insert.execute(connection));
        assert_eq!(inserted, Ok(50));
    }

    /// A row that one writer holds locked makes another one wait.
    fn locked_rows_make_others_wait(database) {
        let mut connection = database.connect();
        made(&mut connection);
        insert(&mut connection, &Thing { score: Some(0), ..thing(1, "counter") }).unwrap();
        let count_up = || {
            let mut connection = database.connect();
            for _ in 0..25 {
                let counted: Result<(), DieselError> = connection.write(|connection| {
                    let query = things::table.find(1).select(things::score);
                    let score: Option<i64> = query.locked().get_result(connection)?;
                    diesel::update(things::table.find(1))
                        .set(things::score.eq(score.map(|score| score + 1)))
                        .portable()
                        .execute(connection)
                        .map(drop)
                });
                counted.unwrap();
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(count_up);
            }
        });
        let score: Option<i64> = things::table.find(1).select(things::score).first(&mut connection).unwrap();
        assert_eq!(score, Some(100));
    }
}
