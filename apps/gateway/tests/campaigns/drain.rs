//! SIGTERM under load: what was begun is finished.
//!
//! The clients behave as a load balancer in front of them makes them: no new connection once `/readyz` says 503, and
//! none is used again whose answer said `Connection: close`. They speak HTTP over plain sockets, since a client
//! library repeats some requests by itself.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crm_testkit::{TestDatabase, both_databases};

use crate::client::Keys;
use crate::process::{Serving, gateway};
use crate::settings::{Random, alone, figure, rounds};
use crate::tokens::StopAtEnd;

/// Clients that keep their connection, and as many that make one for each request.
const CLIENTS: usize = 8;

/// The exit may take this long after the last answer; the limit for running requests is 30 s.
const EXIT: Duration = Duration::from_secs(5);

struct Answer {
    status: u16,
    closes: bool,
}

/// One connection to the gateway.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.set_nodelay(true).unwrap();
        Some(Self(BufReader::new(stream)))
    }

    fn send(&mut self, request: &str) -> Result<(), Error> {
        self.0.get_mut().write_all(request.as_bytes())
    }

    fn receive(&mut self) -> Result<Answer, Error> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, line))?;
        let (mut length, mut closes) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(": ") {
                None => break,
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(("connection", value)) => closes = value == "close",
                Some(_) => {}
            }
        }
        self.0.read_exact(&mut vec![0; length])?;
        Ok(Answer { status, closes })
    }

    fn line(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        match self.0.read_line(&mut line)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

/// What became of a client's requests.
#[derive(Debug, Default)]
struct Outcome {
    answered: u64,
    /// Sent whole over a connection that was made, and not answered: what must not happen.
    unanswered: Vec<String>,
}

struct Load<'a> {
    address: &'a str,
    create: String,
    /// Set once `/readyz` said 503.
    leaving: &'a AtomicBool,
    done: &'a AtomicBool,
}

impl Load<'_> {
    /// Creates leads; over one connection as long as it lasts, or over a new one each.
    fn run(&self, keeps: bool) -> Outcome {
        let mut outcome = Outcome::default();
        let mut kept: Option<Connection> = None;
        while !self.done.load(Ordering::Relaxed) {
            let used = kept.is_some();
            let connection = match kept.take() {
                Some(connection) => Some(connection),
                None if self.leaving.load(Ordering::Relaxed) => break,
                None => Connection::open(self.address),
            };
            let Some(mut connection) = connection else { break };
            match connection.send(&self.create).and_then(|()| connection.receive()) {
                Ok(Answer { status: 201, closes }) => {
                    outcome.answered += 1;
                    kept = (keeps && !closes).then_some(connection);
                }
                Ok(Answer { status, .. }) => outcome.unanswered.push(format!("status {status}")),
                Err(error) => outcome.unanswered.push(format!("used before: {used}: {error}")),
            }
        }
        outcome
    }

    /// Asks `/readyz` until it says 503; whether it did.
    fn watch(&self) -> bool {
        let mut kept = None;
        loop {
            let Some(mut connection) = kept.take().or_else(|| Connection::open(self.address)) else { return false };
            let asked = connection.send("GET /readyz HTTP/1.1\r\nHost: gateway\r\n\r\n");
            match asked.and_then(|()| connection.receive()) {
                Ok(Answer { status: 200, closes }) => kept = (!closes).then_some(connection),
                Ok(Answer { status, .. }) => {
                    self.leaving.store(true, Ordering::Relaxed);
                    return status == 503;
                }
                Err(_) => return false,
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn create(key: &str) -> String {
    let body = r#"{"title":"Before the end"}"#;
    let length = body.len();
    format!(
        "POST /pipeline/leads HTTP/1.1\r\nHost: gateway\r\nOcp-Apim-Subscription-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Stops the gateway under load. Gives the requests that were answered, the time from the signal to the exit, and
/// what was not answered.
fn drain(database: &TestDatabase, keys: &Keys, random: &mut Random) -> (u64, Duration, Vec<String>) {
    let serving = Serving::start(gateway(database).env("CRM_RATE_LIMIT", "0"));
    let address = serving.url.strip_prefix("http://").unwrap().to_owned();
    let (leaving, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let load = Load { address: &address, create: create(&keys.primary), leaving: &leaving, done: &done };
    std::thread::scope(|scope| {
        let load = &load;
        let _done = StopAtEnd(&done);
        let clients: Vec<_> = (0..2 * CLIENTS).map(|n| scope.spawn(move || load.run(n < CLIENTS))).collect();
        let watcher = scope.spawn(|| load.watch());
        std::thread::sleep(random.millis(200, 500));
        let began = Instant::now();
        assert_eq!(serving.terminate(), Some(0));
        let time = began.elapsed();
        let (mut answered, mut unanswered) = (0, Vec::new());
        for client in clients {
            let outcome = client.join().unwrap();
            answered += outcome.answered;
            unanswered.extend(outcome.unanswered);
        }
        if !watcher.join().unwrap() {
            unanswered.push("/readyz did not say 503".to_owned());
        }
        (answered, time, unanswered)
    })
}

fn drain_again_and_again(database: &TestDatabase) {
    let mut random = Random::new();
    let keys = Keys::of_new_tenant(database, "acme");
    let (rounds, mut all, mut longest) = (rounds(2), 0, Duration::ZERO);
    let mut lost: Vec<String> = Vec::new();
    for _ in 0..rounds {
        let (answered, time, unanswered) = drain(database, &keys, &mut random);
        all += answered;
        longest = longest.max(time);
        lost.extend(unanswered);
    }
    figure(
        database,
        "drain",
        format_args!(
            "{rounds} times SIGTERM, {all} requests answered, {} not, exit within {} ms",
            lost.len(),
            longest.as_millis()
        ),
    );
    assert!(lost.is_empty(), "{lost:#?}");
    assert!(longest < EXIT, "{longest:?}");
}

both_databases! {
    /// Told to stop under load, the gateway answers every request that it took, says so on `/readyz`, and exits with 0.
    fn drain_answers_what_was_begun(database) {
        let _alone = alone();
        drain_again_and_again(database);
    }
}
