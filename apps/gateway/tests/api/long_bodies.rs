//! A body over 64 KiB is read beside the event loop that serves its request.

use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};

use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::Title;
use crm_gateway::endpoint::{Answer, Body, NoContent, Typed};
use crm_gateway::error::{Failure, Problem, ProblemCode};

use crate::in_process::with_routes;

/// Which thread read the body.
struct ReadBy(ThreadId);

impl FromBody for ReadBy {
    const READ_ONLY: &'static [&'static str] = &["padding"];

    fn read(_: &mut ObjectReader<'_>) -> Option<Self> {
        Some(Self(thread::current().id()))
    }
}

/// 204 where the body was read on the thread of the handler, which is the event loop's.
async fn read_here(Body(ReadBy(reader)): Body<ReadBy>) -> Answer<NoContent> {
    if reader == thread::current().id() {
        Typed::of(NoContent).map_err(|failure: Failure| failure.into_problem("-"))
    } else {
        Err(Problem::new(ProblemCode::NotFound, "read elsewhere"))
    }
}

#[test]
fn a_body_over_64_kib_is_not_read_on_an_event_loop() {
    with_routes(
        |routes| {
            routes.post("/read-here", read_here);
        },
        |client| {
            let around = r#"{"padding":""}"#.len();
            for (length, status) in [(around, 204), (64 * 1024, 204), (64 * 1024 + 1, 404), (1024 * 1024, 404)] {
                let body = format!(r#"{{"padding":"{}"}}"#, "x".repeat(length - around));
                assert_eq!(client.send("POST", "/read-here", &[], Some(&body)).status, status, "{length} bytes");
            }
            let refused = format!(r#"{{"padding":"{}","other":0}}"#, "x".repeat(70_000));
            client.send("POST", "/read-here", &[], Some(&refused)).refuses(&[("other", "unknown_field")]);
        },
    );
}

/// A body that is read until it may end.
struct ReadLong;

/// How many are being read, and whether they may end.
static READING: Mutex<(usize, bool)> = Mutex::new((0, false));
static CHANGED: Condvar = Condvar::new();

impl FromBody for ReadLong {
    const READ_ONLY: &'static [&'static str] = &["padding"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        // Without a body it is described.
        let _: Title = reader.optional("title")?;
        let mut reading = READING.lock().unwrap();
        reading.0 += 1;
        CHANGED.notify_all();
        drop(CHANGED.wait_while(reading, |(_, may_end)| !*may_end).unwrap());
        Some(Self)
    }
}

async fn read_long(Body(ReadLong): Body<ReadLong>) -> Answer<NoContent> {
    Typed::of(NoContent).map_err(|failure: Failure| failure.into_problem("-"))
}

/// While two long bodies are read, a long form and a long message wait, as they would for a place of their own: so they are
/// read there too. Short ones are read at once.
#[test]
fn forms_and_messages_over_64_kib_are_not_read_on_an_event_loop() {
    with_routes(
        |routes| {
            routes.post("/read-long", read_long);
        },
        |client| {
            let body = format!(r#"{{"title":"T","padding":"{}"}}"#, "x".repeat(70_000));
            thread::scope(|scope| {
                let readers: Vec<_> = (0..2)
                    .map(|_| scope.spawn(|| client.send("POST", "/read-long", &[], Some(&body)).status))
                    .collect();
                drop(CHANGED.wait_while(READING.lock().unwrap(), |(count, _)| *count < 2).unwrap());
                let guest = client.with_key(None).get("/console/sign-in").header("set-cookie").to_owned();
                let guest = guest.split(';').next().unwrap();
                let form = |length: usize| {
                    let body = format!("key={}", "x".repeat(length));
                    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", guest)];
                    client.with_key(None).send("POST", "/console/sign-in", &headers, Some(&body)).status
                };
                let message = |length: usize| {
                    let body = format!(
                        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":"{}"}}}}"#,
                        "x".repeat(length)
                    );
                    client.send("POST", "/mcp", &[], Some(&body)).status
                };
                assert_eq!((form(70_000), message(70_000)), (503, 503));
                assert_eq!((form(1_000), message(1_000)), (403, 200));
                READING.lock().unwrap().1 = true;
                CHANGED.notify_all();
                for reader in readers {
                    // Or it was given up meanwhile.
                    assert!(matches!(reader.join().unwrap(), 204 | 503));
                }
                assert_eq!((form(70_000), message(70_000)), (403, 200));
            });
        },
    );
}
