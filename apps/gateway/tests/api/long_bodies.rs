//! A body over 64 KiB is read beside the event loop that serves its request.

use std::thread::{self, ThreadId};

use crm_core::input::{FromBody, ObjectReader};
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
