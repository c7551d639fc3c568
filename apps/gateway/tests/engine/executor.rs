use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use crm_core::error::{Fault, fault};
use crm_core::{BackendKind, DatabaseUrl, DbConnection, TenantId};
use crm_gateway::db::{DbSettings, Executor, JobError, Outcome, Unavailable};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use futures_util::future::join_all;

#[derive(Debug)]
pub(crate) enum Failure {
    Database(DieselError),
    Unavailable(Unavailable),
    Panicked,
    /// What a service says when it refuses something.
    Refused,
    /// An error of the database that a test makes up.
    MadeUp(Fault),
}

impl From<DieselError> for Failure {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

impl JobError for Failure {
    fn fault(&self) -> Option<Fault> {
        match self {
            Self::Database(error) => Some(fault(error)),
            Self::MadeUp(fault) => Some(*fault),
            Self::Unavailable(_) | Self::Panicked | Self::Refused => None,
        }
    }

    fn unavailable(why: Unavailable) -> Self {
        Self::Unavailable(why)
    }

    fn panicked() -> Self {
        Self::Panicked
    }
}

diesel::table! {
    marks (number) {
        number -> Integer,
    }
}

pub(crate) fn mark(connection: &mut DbConnection, number: i32) -> Result<(), Failure> {
    diesel::insert_into(marks::table).values(marks::number.eq(number)).execute(connection)?;
    Ok(())
}

pub(crate) fn marked(connection: &mut DbConnection) -> Result<Vec<i32>, Failure> {
    Ok(marks::table.select(marks::number).order(marks::number).load(connection)?)
}

/// An executor on a database with the table `marks`.
pub(crate) fn open(database: &TestDatabase, threads: usize) -> Executor {
    database.connect().batch_execute("CREATE TABLE marks (number INTEGER PRIMARY KEY)").unwrap();
    Executor::open(database.url(), DbSettings { threads: threads.try_into().ok() }).unwrap()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    actix_web::rt::System::new().block_on(future)
}

async fn sleep(milliseconds: u64) {
    actix_web::rt::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// A job that waits until the sender is dropped or sends.
fn gate() -> (mpsc::Sender<()>, impl FnMut(&mut DbConnection) -> Result<(), Failure> + Send) {
    let (open, gate) = mpsc::channel::<()>();
    (open, move |_: &mut DbConnection| {
        let _ = gate.recv();
        Ok(())
    })
}

both_databases! {
    /// What was answered is there for every other connection.
    fn a_write_is_answered_after_its_commit(database) {
        let db = open(database, 4);
        block_on(async {
            for number in 0..50 {
                db.write(move |connection| mark(connection, number)).await.unwrap();
                let seen = marked(&mut database.connect()).unwrap();
                assert_eq!(seen.last(), Some(&number));
            }
        });
        db.close();
    }

    /// A service that refuses, a statement that fails and a panic roll back their own changes only, and the
    /// threads go on.
    fn a_job_that_fails_leaves_the_others_alone(database) {
        let db = open(database, 2);
        block_on(async {
            let jobs = (0..20).map(|number| {
                db.write(move |connection| {
                    mark(connection, number)?;
                    match number % 4 {
                        0 => Ok(()),
                        1 => Err(Failure::Refused),
                        2 => mark(connection, number),
                        _ => connection.write(|connection| {
                            mark(connection, number + 1000)?;
                            // A panic inside of two transactions, past the hook: five backtraces can take longer than the
                            // others wait for their turn.
                            resume_unwind(Box::new("a bug that a test planted"))
                        }),
                    }
                })
            });
            for (number, outcome) in join_all(jobs).await.into_iter().enumerate() {
                match number % 4 {
                    0 => assert!(outcome.is_ok(), "{number}: {outcome:?}"),
                    1 => assert!(matches!(outcome, Err(Failure::Refused)), "{number}: {outcome:?}"),
                    2 => assert!(matches!(outcome, Err(Failure::Database(_))), "{number}: {outcome:?}"),
                    _ => assert!(matches!(outcome, Err(Failure::Panicked)), "{number}: {outcome:?}"),
                }
            }
            let expected: Vec<i32> = (0..20).step_by(4).collect();
            assert_eq!(db.read(marked).await.unwrap(), expected);
        });
        assert_eq!(db.stats().panics, 5);
        db.close();
    }

    /// A write that goes on after a failed statement is not answered as done unless it was.
    fn a_swallowed_error_is_no_false_answer(database) {
        let db = open(database, 1);
        let outcome = block_on(db.write(|connection| {
            mark(connection, 1)?;
            let _ = mark(connection, 1);
            Ok::<_, Failure>(())
        }));
        assert_eq!(outcome.is_ok(), marked(&mut database.connect()).unwrap() == [1], "{outcome:?}");
        db.close();
    }

    /// A panic of a reading job is answered, and its thread serves the next.
    fn a_read_that_panics_is_answered(database) {
        let db = open(database, 1);
        block_on(async {
            let outcome = db.read(|_| -> Result<(), Failure> { panic!("a reading job panics") }).await;
            assert!(matches!(outcome, Err(Failure::Panicked)));
            assert_eq!(db.read(marked).await.unwrap(), Vec::<i32>::new());
        });
        db.close();
    }

    /// 1024 jobs wait; one more is told that it cannot. After two seconds those that wait are told, and nothing of
    /// what they would have done is done.
    fn what_has_not_begun_after_two_seconds_is_not_done(database) {
        let db = open(database, 1);
        block_on(async {
            let (open, closed) = gate();
            let first = actix_web::rt::spawn({ let db = db.clone(); async move { db.write(closed).await } });
            sleep(100).await;
            let began = Instant::now();
            let waiting: Vec<_> = (0..1024)
                .map(|number| {
                    let db = db.clone();
                    actix_web::rt::spawn(async move { db.write(move |connection| mark(connection, number)).await })
                })
                .collect();
            while db.stats().queued < 1024 && began.elapsed() < Duration::from_secs(2) {
                sleep(20).await;
            }
            assert_eq!(db.stats().queued, 1024);
            let outcome = db.write(|_| Ok::<_, Failure>(())).await;
            assert!(matches!(outcome, Err(Failure::Unavailable(Unavailable::NotBegun))), "{outcome:?}");
            for outcome in join_all(waiting).await {
                let outcome = outcome.unwrap();
                assert!(matches!(outcome, Err(Failure::Unavailable(Unavailable::NotBegun))), "{outcome:?}");
            }
            let waited = began.elapsed();
            assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(6), "{waited:?}");
            assert_eq!(db.stats().queued, 0);
            drop(open);
            first.await.unwrap().unwrap();
            db.write(|connection| mark(connection, 9999)).await.unwrap();
            assert_eq!(db.read(marked).await.unwrap(), [9999]);
        });
        db.close();
    }

    /// A write that began is waited for some seconds, and what became of it is unknown: here it is done later. Of a read
    /// nothing can have been done.
    fn what_began_and_is_not_answered_in_time_is_told_so(database) {
        let db = open(database, 4);
        block_on(async {
            let (open, gate) = mpsc::channel::<()>();
            let slow = db.write(move |connection| {
                mark(connection, 1)?;
                let _ = gate.recv();
                Ok::<_, Failure>(())
            });
            let (shut, closed) = mpsc::channel::<()>();
            let read = db.read(move |_| { let _ = closed.recv(); Ok::<_, Failure>(()) });
            let began = Instant::now();
            let (write, read) = futures_util::future::join(slow, read).await;
            assert!(matches!(write, Err(Failure::Unavailable(why)) if why.outcome() == Outcome::Unknown), "{write:?}");
            assert!(matches!(read, Err(Failure::Unavailable(why)) if why.outcome() == Outcome::NotDone), "{read:?}");
            let waited = began.elapsed();
            assert!(waited > Duration::from_secs(5) && waited < Duration::from_secs(10), "{waited:?}");
            drop((open, shut));
            sleep(500).await;
            assert_eq!(db.read(marked).await.unwrap(), [1]);
        });
        db.close();
    }

    /// Whatever one tenant asks for, another finds a free thread.
    fn a_tenant_leaves_threads_to_the_others(database) {
        let db = open(database, 4);
        let [acme, umbrella] = [1, 2].map(|tenant| db.of(TenantId::from_i64(tenant)));
        block_on(async {
            let (open, gates): (Vec<_>, Vec<_>) = (0..12).map(|_| mpsc::channel::<()>()).unzip();
            let flood: Vec<_> = gates.into_iter().map(|gate| {
                let acme = acme.clone();
                actix_web::rt::spawn(async move {
                    acme.read(move |_| { let _ = gate.recv(); Ok::<_, Failure>(()) }).await
                })
            }).collect();
            // Half of the threads.
            busy(&db, 2).await;
            // None of these waits for two seconds, after which it would be refused.
            for number in 0..20 {
                umbrella.read(marked).await.unwrap();
                umbrella.write(move |connection| mark(connection, number)).await.unwrap();
            }
            drop(open);
            join_all(flood).await.into_iter().for_each(|outcome| outcome.unwrap().unwrap());
        });
        db.close();
    }

    /// The statements of a read see one state, whatever is committed between them.
    fn a_read_sees_one_state(database) {
        let db = open(database, 2);
        block_on(async {
            let url = database.url().clone();
            let (first, second) = db
                .read(move |connection| {
                    let first = marked(connection)?;
                    mark(&mut url.connect().unwrap(), i32::try_from(first.len()).unwrap())?;
                    Ok::<_, Failure>((first, marked(connection)?))
                })
                .await
                .unwrap();
            assert_eq!((first, second), (vec![], vec![]));
            assert_eq!(db.read(marked).await.unwrap(), [0]);
            let outcome = db.read(|connection| mark(connection, 1)).await;
            assert!(outcome.is_err(), "a read writes nothing");
        });
        db.close();
    }

    /// A request that has timed out costs nothing when its turn comes.
    fn an_abandoned_job_is_skipped(database) {
        let db = open(database, 1);
        block_on(async {
            let (open, closed) = gate();
            let first = actix_web::rt::spawn({ let db = db.clone(); async move { db.write(closed).await } });
            sleep(100).await;
            let job = db.write(|connection| mark(connection, 1));
            assert!(actix_web::rt::time::timeout(Duration::from_millis(100), job).await.is_err());
            drop(open);
            first.await.unwrap().unwrap();
            db.write(|connection| mark(connection, 2)).await.unwrap();
            assert_eq!(db.read(marked).await.unwrap(), [2]);
        });
        assert_eq!(db.stats().skipped, 1);
        db.close();
    }

    /// A lost connection is replaced twice, a collision repeated three times; then the job is given up, with
    /// nothing done.
    fn a_read_is_repeated_so_often_and_no_more(database) {
        let db = open(database, 1);
        for (fault, runs, why) in [
            (Fault::ConnectionLost, 3, Unavailable::ConnectionLost),
            (Fault::Collision, 4, Unavailable::Collision),
            (Fault::Deadlock, 4, Unavailable::Collision),
        ] {
            let counter = Arc::new(AtomicU32::new(0));
            let count = Arc::clone(&counter);
            let outcome: Result<(), Failure> = block_on(db.read(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                Err(Failure::MadeUp(fault))
            }));
            assert!(matches!(outcome, Err(Failure::Unavailable(reason)) if reason == why), "{outcome:?}");
            assert_eq!(counter.load(Ordering::Relaxed), runs, "{fault:?}");
        }
        db.close();
    }

    /// What was accepted before the end is done; what comes after is refused.
    fn closing_finishes_what_was_accepted(database) {
        let db = open(database, 2);
        block_on(async {
            let jobs: Vec<_> = (0..40)
                .map(|number| {
                    let db = db.clone();
                    actix_web::rt::spawn(async move { db.write(move |connection| mark(connection, number)).await })
                })
                .collect();
            sleep(20).await;
            db.clone().close();
            for outcome in join_all(jobs).await {
                outcome.unwrap().unwrap();
            }
            let late = db.write(|connection| mark(connection, 99)).await;
            assert!(matches!(late, Err(Failure::Unavailable(Unavailable::Closed))), "{late:?}");
        });
        assert_eq!(marked(&mut database.connect()).unwrap().len(), 40);
        if let Some(file) = database.url().file() {
            let log = crm_core::migrate::with_suffix(file, "-wal");
            assert!(std::fs::metadata(log).map_or(0, |log| log.len()) == 0, "the log is in the file");
        }
    }

    /// 64 writers at once, each reading before it writes, without one error and without a lost write.
    fn many_writers_never_collide(database) {
        let db = open(database, 8);
        database.connect().batch_execute("INSERT INTO marks VALUES (0)").unwrap();
        let until = Instant::now() + Duration::from_secs(test_seconds());
        let done: i32 = block_on(async {
            let writers = (0..64).map(|_| async {
                let mut done = 0;
                while Instant::now() < until {
                    let add = marks::number.eq(marks::number + 1);
                    let job = db.write(move |connection| {
                        marks::table.select(marks::number).first::<i32>(connection)?;
                        diesel::update(marks::table).set(add).execute(connection)?;
                        Ok::<_, Failure>(())
                    });
                    job.await.unwrap();
                    done += 1;
                }
                done
            });
            join_all(writers).await.into_iter().sum()
        });
        assert_eq!(marked(&mut database.connect()).unwrap(), [done]);
        let stats = db.stats();
        assert_eq!((stats.errors, stats.refused), (0, 0));
        if database.kind() == BackendKind::Sqlite {
            assert!(stats.commits < stats.jobs / 2, "writers share commits: {stats:?}");
        }
        db.close();
    }
}

/// How long the tests under load last; 2 unless `CRM_TEST_SECONDS` says otherwise.
fn test_seconds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "tests have no other settings")]
    std::env::var("CRM_TEST_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

/// Waits until so many threads are at work.
async fn busy(db: &Executor, threads: u64) {
    let began = Instant::now();
    while db.stats().busy < threads && began.elapsed() < Duration::from_secs(5) {
        sleep(5).await;
    }
    assert_eq!(db.stats().busy, threads);
}

#[test]
fn no_job_of_a_group_is_answered_before_the_commit_of_all() {
    // A group that a busy machine kept from taking the second job within its time is none of two.
    let seen = (0..5).any(|_| a_group_of_two_is_answered_at_its_end());
    assert!(seen, "a job was answered before what shares its commit had run");
}

fn a_group_of_two_is_answered_at_its_end() -> bool {
    let database = TestDatabase::sqlite();
    let db = open(&database, 2);
    let is_answered_early = block_on(async {
        let (open_first, mut first) = gate();
        let (begin, begun) = mpsc::channel();
        let first = actix_web::rt::spawn({
            let db = db.clone();
            let first = move |connection: &mut DbConnection| {
                let _ = begin.send(());
                first(connection)
            };
            async move { db.write(first).await }
        });
        while begun.try_recv().is_err() {
            sleep(5).await;
        }
        // While the writer waits in the first group, the second gathers: a job that is done at once, and one
        // that holds the group open.
        let quick = actix_web::rt::spawn({
            let db = db.clone();
            async move { db.write(|connection| mark(connection, 1)).await }
        });
        let (open_slow, slow) = gate();
        let slow = actix_web::rt::spawn({
            let db = db.clone();
            async move { db.write(slow).await }
        });
        sleep(50).await;
        drop(open_first);
        first.await.unwrap().unwrap();
        sleep(300).await;
        let is_answered_early = quick.is_finished();
        let committed = marked(&mut database.connect()).unwrap();
        assert_eq!(committed.len(), usize::from(is_answered_early), "what is answered is committed");
        drop(open_slow);
        quick.await.unwrap().unwrap();
        assert_eq!(marked(&mut database.connect()).unwrap(), [1]);
        slow.await.unwrap().unwrap();
        is_answered_early
    });
    assert_eq!((db.stats().commits, db.stats().jobs), (if is_answered_early { 3 } else { 2 }, 3));
    db.close();
    !is_answered_early
}

#[test]
fn a_reader_of_an_sqlite_file_cannot_write() {
    let database = TestDatabase::sqlite();
    let db = open(&database, 2);
    let outcome = block_on(db.read(|connection| mark(connection, 1)));
    assert!(matches!(outcome, Err(Failure::Database(_))), "{outcome:?}");
    db.close();
}

#[test]
fn an_sqlite_database_in_memory_lives_as_long_as_the_executor() {
    let url: DatabaseUrl = "sqlite::memory:".parse().unwrap();
    let db = Executor::open(&url, DbSettings::default()).unwrap();
    crm_core::migrate::migrate(&url).unwrap();
    block_on(async {
        let created = db.write(|connection| {
            Ok::<_, Failure>(connection.batch_execute("CREATE TABLE marks (number INTEGER PRIMARY KEY)")?)
        });
        created.await.unwrap();
        let jobs = (0..100).map(|number| db.write(move |connection| mark(connection, number)));
        join_all(jobs).await.into_iter().collect::<Result<Vec<()>, _>>().unwrap();
        assert_eq!(db.read(marked).await.unwrap().len(), 100);
    });
    db.close();
}

/// SQLite may answer a full disk by rolling back the whole transaction, other jobs' changes included: then
/// they are told.
#[test]
fn a_full_disk_in_one_job_leaves_no_false_answer_to_the_others() {
    let database = TestDatabase::sqlite();
    let db = open(&database, 2);
    database.connect().batch_execute("CREATE TABLE large (content BLOB)").unwrap();
    block_on(async {
        let (open_first, first) = gate();
        let first = actix_web::rt::spawn({
            let db = db.clone();
            async move { db.write(first).await }
        });
        sleep(100).await;
        let marks = (0..10).map(|number| {
            let db = db.clone();
            actix_web::rt::spawn(async move {
                let outcome = db.write(move |connection| {
                    if number == 5 {
                        connection.batch_execute("PRAGMA max_page_count = 1")?;
                        connection.batch_execute("INSERT INTO large VALUES (zeroblob(10000000))")?;
                    }
                    mark(connection, number)
                });
                (number, outcome.await)
            })
        });
        let marks: Vec<_> = marks.collect();
        sleep(100).await;
        drop(open_first);
        first.await.unwrap().unwrap();
        let mut told = Vec::new();
        for outcome in join_all(marks).await {
            match outcome.unwrap() {
                (number, Ok(())) => told.push(number),
                (5, Err(Failure::Database(error))) => assert_eq!(fault(&error), Fault::Unavailable, "{error}"),
                (_, Err(Failure::Unavailable(Unavailable::NotCommitted) | Failure::Database(_))) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(marked(&mut database.connect()).unwrap(), told);
        let reset = |connection: &mut DbConnection| Ok(connection.batch_execute("PRAGMA max_page_count = 1000000")?);
        db.write::<_, Failure>(reset).await.unwrap();
        db.write(|connection| mark(connection, 99)).await.unwrap();
    });
    db.close();
}
