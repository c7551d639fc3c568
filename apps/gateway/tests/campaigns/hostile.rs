//! Hostile clients of every class at once, beside a good tenant: it is served as if it were alone, and the process stays
//! as large as it was.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crm_testkit::{TestDatabase, both_databases};
use serde_json::json;

use crate::checker;
use crate::client::{Api, Client};
use crate::ledger::{Ledger, Told, prepare};
use crate::resources::Course;
use crate::settings::{Random, alone, duration, figure, is_long};
use crate::tokens::StopAtEnd;

/// Connections of each class.
const EACH: usize = 25;
/// How much more memory than without them the process may take.
const MEMORY: u64 = 64 << 20;
/// How many times slower the good tenant's slowest percent may be; measured in long runs only, on a quiet machine.
const SLOWER: u32 = 3;

/// A class of clients that mean no good.
#[derive(Debug, Clone, Copy)]
enum Class {
    /// Sends a head byte by byte.
    SlowHead,
    /// Sends a body byte by byte.
    SlowBody,
    /// Asks for lists and reads no answer.
    Unread,
    /// Asks for the document without a key, and reads no answer.
    UnreadDocument,
    /// Asks for what is dearest to answer, with the key that only reads.
    Dear,
    /// Sends bodies with as much wrong in them as fits.
    Wrong,
    /// Sends many parameters, without a key.
    Parameters,
    /// Sends keys that nobody has.
    Guesses,
}

const CLASSES: [Class; 8] = [
    Class::SlowHead,
    Class::SlowBody,
    Class::Unread,
    Class::UnreadDocument,
    Class::Dear,
    Class::Wrong,
    Class::Parameters,
    Class::Guesses,
];

/// Gives this thread the lowest priority: a generator of load on the machine of the gateway would otherwise measure
/// itself.
fn step_back() {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    let id = thread.file_name().unwrap().to_str().unwrap().to_owned();
    // Where it may not, the load is only harder.
    let _ = Command::new("renice").args(["-n", "19", "-p", &id]).output();
}

/// One hostile client.
struct Hostile<'a> {
    client: &'a Client,
    done: &'a AtomicBool,
    requests: &'a AtomicU64,
}

impl Hostile<'_> {
    fn run(&self, class: Class) {
        step_back();
        while !self.done.load(Ordering::Relaxed) {
            self.requests.fetch_add(1, Ordering::Relaxed);
            // Whatever it is answered, or that it is cut off, is no matter: the good tenant's answers count.
            let _ = match class {
                Class::SlowHead => self.drip(&self.head("GET", "/pipeline/leads", "X-Slow: ")),
                Class::SlowBody => {
                    self.drip(&self.head("POST", "/pipeline/leads", "Content-Length: 100000\r\n\r\n{\"title\":\""))
                }
                Class::Unread => self.unread(&self.head("GET", "/pipeline/leads?size=200", "\r\n")),
                Class::UnreadDocument => self.unread("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"),
                Class::Dear => {
                    let list = "/pipeline/leads?size=200&includeTotal=true&title=e&orderBy=value&ownerId=x";
                    self.client.read_only().try_send("GET", list, &[], None).map(drop).map_err(std::io::Error::other)
                }
                Class::Wrong => {
                    let wrong = json!({ "followers": (0..20_000).map(|n| json!({ "i": n })).collect::<Vec<_>>() });
                    self.ask(self.client, "POST", "/pipeline/leads", Some(&wrong.to_string()))
                }
                Class::Parameters => {
                    let many: String = (0..4_000).map(|n| format!("a{n}=&")).collect();
                    self.ask(&self.client.with_key(None), "GET", &format!("/healthz?{many}"), None)
                }
                Class::Guesses => {
                    let guess = format!("{:0>43}", self.requests.load(Ordering::Relaxed));
                    self.ask(&self.client.with_key(Some(&guess)), "GET", "/pipeline/leads", None)
                }
            };
        }
    }

    fn ask(&self, client: &Client, method: &str, path: &str, body: Option<&str>) -> std::io::Result<()> {
        client.try_send(method, path, &[], body).map(drop).map_err(std::io::Error::other)
    }

    fn head(&self, method: &str, path: &str, rest: &str) -> String {
        let key = &self.client.keys.secondary;
        let key = if method == "POST" { &self.client.keys.primary } else { key };
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nOcp-Apim-Subscription-Key: {key}\r\n{rest}")
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(self.client.base.strip_prefix("http://").unwrap_or_default())
    }

    /// Sends the beginning, and then a byte now and then until it is cut off.
    fn drip(&self, beginning: &str) -> std::io::Result<()> {
        let mut connection = self.connect()?;
        connection.write_all(beginning.as_bytes())?;
        connection.set_read_timeout(Some(Duration::from_millis(200)))?;
        while !self.done.load(Ordering::Relaxed) {
            connection.write_all(b"x")?;
            if connection.read(&mut [0; 512]).is_ok() {
                break;
            }
        }
        Ok(())
    }

    /// Sends the same again and again, and reads nothing.
    fn unread(&self, request: &str) -> std::io::Result<()> {
        let mut connection = self.connect()?;
        connection.set_write_timeout(Some(Duration::from_millis(200)))?;
        let end = Instant::now() + Duration::from_secs(60);
        while !self.done.load(Ordering::Relaxed) && Instant::now() < end {
            match connection.write(request.as_bytes()) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                sent => drop(sent?),
            }
        }
        Ok(())
    }
}

/// The good tenant at work for a while.
fn work(ledger: &mut Ledger, api: &Api<'_>, random: &mut Random, time: Duration, course: &mut Course) -> Told {
    let began = Instant::now();
    let (told, ()) = ledger.during(std::slice::from_ref(&api.acme), random, false, || {
        while began.elapsed() < time {
            course.sample(began.elapsed(), api.serving.id());
            std::thread::sleep((time / 60).max(Duration::from_millis(100)));
        }
    });
    told
}

fn beside_a_good_tenant(database: &TestDatabase) {
    let api = Api::start_with(database, &[("CRM_RATE_LIMIT", "60000")]);
    let bad = api.tenant("bad");
    for client in [&api.acme, &bad] {
        prepare(client);
    }
    let note = "e".repeat(5_000);
    for _ in 0..200 {
        bad.post("/pipeline/leads", &json!({ "title": "A lead", "note": note })).item(201);
    }
    let (mut ledger, mut random, time) = (Ledger::of(4), Random::new(), duration(Duration::from_secs(4)));
    let (mut before, mut course) = (Course::default(), Course::default());
    let baseline = work(&mut ledger, &api, &mut random, (time / 10).max(Duration::from_secs(2)), &mut before);
    let (done, requests) = (AtomicBool::new(false), AtomicU64::new(0));
    let told = std::thread::scope(|scope| {
        let _stop = StopAtEnd(&done);
        for class in CLASSES {
            for client in (0..EACH).map(|_| bad.apart()) {
                let (done, requests) = (&done, &requests);
                scope.spawn(move || Hostile { client: &client, done, requests }.run(class));
            }
        }
        work(&mut ledger, &api, &mut random, time, &mut course)
    });
    ledger.check(&api.acme);
    checker::check(database);
    let (alone, beside) = (baseline.latencies.at(99), told.latencies.at(99));
    figure(
        database,
        "hostile",
        format_args!(
            "{} connections, {} hostile requests in {time:?}; good tenant: answers {:?}, p99 {alone:.1} ms alone, \
             {beside:.1} ms beside them; {}",
            EACH * CLASSES.len(),
            requests.load(Ordering::Relaxed),
            told.statuses,
            course.summary(),
        ),
    );
    assert!(told.statuses.keys().all(|status| (200..300).contains(status)), "{:?}", told.statuses);
    let grown = course.most_memory().saturating_sub(before.most_memory());
    assert!(grown <= 2 * MEMORY, "the process grew by {grown} bytes");
    assert!(course.most_descriptors() < EACH * CLASSES.len() + 200, "{}", course.most_descriptors());
    if is_long() {
        assert!(beside < alone * f64::from(SLOWER), "p99 {beside} ms, {alone} ms alone");
        assert!(course.slope() * 600.0 < 1_048_576.0, "{}", course.summary());
    }
}

both_databases! {
    /// Beside clients of every hostile class a good tenant is served as if it were alone.
    fn hostile_clients_take_nothing_from_others(database) {
        let _alone = alone();
        beside_a_good_tenant(database);
    }
}
