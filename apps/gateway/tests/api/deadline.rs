//! No answer is later than ten seconds, whatever a request waits for; what its client takes its time for does not count.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use crm_core::input::{FromBody, ObjectReader};
use crm_core::values::Title;
use crm_gateway::endpoint::{Answer, Body, NoContent, Typed};
use crm_gateway::error::Failure;

use crate::in_process::with_routes;
use crate::raw::{connect, rest, status};

/// How long the handler takes.
struct Wait(Duration);

impl FromBody for Wait {
    const READ_ONLY: &'static [&'static str] = &[];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let seconds: Title = reader.required("seconds")?;
        Some(Self(Duration::from_secs(seconds.as_str().parse().ok()?)))
    }
}

/// Waits twice, for half of the time each: what is waited for one after the other adds up.
async fn wait(Body(Wait(time)): Body<Wait>) -> Answer<NoContent> {
    for _ in 0..2 {
        tokio::time::sleep(time / 2).await;
    }
    Typed::of(NoContent).map_err(|failure: Failure| failure.into_problem("-"))
}

#[test]
fn every_answer_is_in_time_but_for_the_time_of_its_client() {
    with_routes(
        |routes| {
            routes.post("/wait", wait);
        },
        |client| {
            thread::scope(|scope| {
                let send =
                    |seconds: &str| client.send("POST", "/wait", &[], Some(&format!(r#"{{"seconds":"{seconds}"}}"#)));
                let given_up = scope.spawn(move || {
                    let began = Instant::now();
                    let answer = send("16");
                    answer.problem(503, "overloaded");
                    assert_eq!((answer.header("retry-after"), &answer.body["outcome"]), ("1", &"unknown".into()));
                    // Long before the handler ends, also on a machine that does much else.
                    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
                });
                let in_time = scope.spawn(move || assert_eq!(send("8").status, 204));
                // Four seconds for its body, and eight for the answer.
                let slow = scope.spawn(|| {
                    let (body, began) = (r#"{"seconds":"8"}"#, Instant::now());
                    let mut stream = connect(&client.base);
                    let head = format!(
                        "POST /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    stream.write_all(head.as_bytes()).unwrap();
                    thread::sleep(Duration::from_secs(4));
                    stream.write_all(body.as_bytes()).unwrap();
                    assert_eq!(status(&rest(&mut stream)), 204);
                    assert!(began.elapsed() >= Duration::from_secs(12));
                });
                for one in [given_up, in_time, slow] {
                    one.join().unwrap();
                }
            });
        },
    );
}
