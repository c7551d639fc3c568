//! What the executor does when PostgreSQL ends a connection or a transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crm_core::{DatabaseUrl, ForUpdateExt, TenantId};
use crm_gateway::db::{DbSettings, Executor, Unavailable};
use crm_testkit::TestDatabase;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use futures_util::future::join_all;

use crate::executor::{Failure, block_on, mark, marked, marks, open};

/// Ends every other connection to this database, as a restart of the server would.
fn kill_connections(url: &DatabaseUrl) {
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    url.connect().unwrap().batch_execute(kill).unwrap();
}

/// Waits until no thread works: one that answered a read may be ending its snapshot still, and a connection that dies there is
/// no trouble of a job.
async fn idle(db: &Executor) {
    while db.stats().busy > 0 {
        actix_web::rt::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_connection_that_died_while_idle_is_replaced_unnoticed() {
    let database = TestDatabase::postgres();
    // One thread: another may have no connection yet, and would open one without running anything again.
    let db = open(&database, 1);
    block_on(async {
        for round in 0..5 {
            join_all((0..12).map(|_| db.read(marked))).await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
            idle(&db).await;
            kill_connections(database.url());
            assert_eq!(db.read(marked).await.unwrap().len(), 2 * round, "round {round}: a read");
            let number = i32::try_from(round).unwrap();
            db.write(move |connection| mark(connection, number)).await.unwrap();
            idle(&db).await;
            kill_connections(database.url());
            db.write(move |connection| mark(connection, 100 + number)).await.unwrap();
        }
    });
    assert_eq!(db.stats().retries, 10, "{:?}", db.stats());
    db.close();
}

#[test]
fn one_dead_connection_has_the_others_opened_anew_before_they_are_used() {
    let database = TestDatabase::postgres();
    let db = open(&database, 8);
    // Each of so many tenants has a thread of its own while it is held.
    let on_each = async || {
        let held = (1..=8).map(|tenant| {
            let db = db.of(TenantId::from_i64(tenant));
            async move {
                db.read(|connection| {
                    std::thread::sleep(Duration::from_millis(300));
                    marked(connection)
                })
                .await
            }
        });
        join_all(held).await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        idle(&db).await;
    };
    block_on(async {
        on_each().await;
        assert_eq!(db.stats().connected, 8, "{:?}", db.stats());
        kill_connections(database.url());
        db.read(marked).await.unwrap();
        assert_eq!(db.stats().retries, 1, "{:?}", db.stats());
        on_each().await;
    });
    assert_eq!(db.stats().retries, 1, "no other job met a dead one: {:?}", db.stats());
    db.close();
}

#[test]
fn a_write_whose_connection_dies_before_the_commit_runs_again_and_counts_once() {
    let database = TestDatabase::postgres();
    let db = open(&database, 1);
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let url = database.url().clone();
    block_on(db.write(move |connection| {
        mark(connection, 1)?;
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            kill_connections(&url);
        }
        mark(connection, 2)
    }))
    .unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert_eq!(marked(&mut database.connect()).unwrap(), [1, 2]);
    db.close();
}

#[test]
fn a_write_whose_connection_dies_at_the_commit_is_not_run_again() {
    let database = TestDatabase::postgres();
    let db = open(&database, 1);
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let url = database.url().clone();
    let outcome = block_on(db.write(move |connection| {
        count.fetch_add(1, Ordering::Relaxed);
        mark(connection, 1)?;
        kill_connections(&url);
        Ok(())
    }));
    assert!(matches!(outcome, Err(Failure::Unavailable(Unavailable::CommitUnknown))), "{outcome:?}");
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    block_on(db.read(marked)).unwrap();
    db.close();
}

#[test]
fn transactions_that_deadlock_are_repeated_until_both_are_done() {
    let database = TestDatabase::postgres();
    // A quarter of the threads writes at once.
    let db = open(&database, 8);
    database.connect().batch_execute("INSERT INTO marks VALUES (1), (2)").unwrap();
    let swap = |first: i32, second: i32| {
        db.write(move |connection| {
            for number in [first, second] {
                marks::table.find(number).select(marks::number).locked().get_result::<i32>(connection)?;
                std::thread::sleep(Duration::from_millis(100));
            }
            Ok::<_, Failure>(())
        })
    };
    let outcomes = block_on(join_all([swap(1, 2), swap(2, 1)]));
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert!(db.stats().retries >= 1 && db.stats().deadlocks >= 1, "{:?}", db.stats());
    db.close();
}

#[test]
fn a_database_out_of_reach_is_told_within_seconds_also_to_those_who_wait() {
    let url: DatabaseUrl = "postgres://nobody@127.0.0.1:1/nothing".parse().unwrap();
    let db = Executor::open(&url, DbSettings { threads: 1.try_into().ok() }).unwrap();
    let began = Instant::now();
    let outcomes = block_on(join_all((0..50).map(|_| db.read(|_| Ok::<_, Failure>(())))));
    for outcome in outcomes {
        assert!(matches!(outcome, Err(Failure::Unavailable(Unavailable::NoConnection))), "{outcome:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    db.close();
}
