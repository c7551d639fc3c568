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
use crate::receiver::{Receiver, Says};
use crate::resources::Course;
use crate::settings::{Random, alone, duration, figure, is_long};
use crate::tokens::StopAtEnd;

/// Connections in all, and in a short run, which the machine of a build has to stand too.
const CONNECTIONS: usize = 200;
const FEW_CONNECTIONS: usize = 52;
/// How much more memory than without them the process may take: two long bodies that are read at once may have 64 MiB each, and
/// what nobody reads, and what waits, as much again.
const MEMORY: u64 = 256 << 20;
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
    /// Has everything sent out, and reads none of it.
    UnreadExport,
    /// Asks by way of the tools for models.
    Tool,
    /// Has a receiver tried that never answers.
    Ping,
    /// Sends a batch of leads, of which the last undoes all; in a long run as many as it may have.
    Batch,
    /// Sends files to be looked through.
    Import,
}

/// Those that write nothing, of which another notices nothing.
const READERS: &[Class] = &[
    Class::SlowHead,
    Class::SlowBody,
    Class::Unread,
    Class::UnreadDocument,
    Class::Dear,
    Class::Wrong,
    Class::Parameters,
    Class::Guesses,
    Class::UnreadExport,
    Class::Tool,
    Class::Ping,
];
/// Those that are let write: others are served beside them, and wait for their turn behind one of their transactions where there is
/// one writer.
const WRITERS: &[Class] = &[Class::Batch, Class::Import];

/// What the classes that send much send: made once, so that making it costs the machine nothing.
struct Bodies {
    wrong: String,
    batch: String,
    file: String,
    tool: String,
    parameters: String,
    /// The path that tries the receiver that never answers.
    ping: String,
}

impl Bodies {
    fn of(client: &Client, receiver: &Receiver) -> Self {
        let text = "e".repeat(1_800);
        let lead = json!({ "title": "Not to be", "note": text });
        // Of a build without optimization, one of 500 would hold an SQLite file for seconds.
        let mut items = vec![lead; if is_long() { 499 } else { 49 }];
        items.push(json!({ "title": 7 }));
        let lines: String = (0..5_000).map(|n| format!("Person {n},p{n}@example.com,{}\n", &text[..150])).collect();
        let tool = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "list_records", "arguments": { "kind": "lead", "filters": { "title": "e" } } } });
        let hook = json!({ "url": receiver.url(), "events": ["case.deleted"] });
        let id = client.post("/settings/webhooks", &hook).item(201)["id"].as_str().unwrap().to_owned();
        Self {
            wrong: json!({ "followers": (0..20_000).map(|n| json!({ "i": n })).collect::<Vec<_>>() }).to_string(),
            batch: json!({ "mode": "create", "atomic": true, "items": items }).to_string(),
            file: format!("name,email,note\n{lines}"),
            tool: tool.to_string(),
            parameters: (0..4_000).map(|n| format!("a{n}=&")).collect(),
            ping: format!("/settings/webhooks/{id}/test"),
        }
    }

    /// Checks that each body is what its class says: answered as it should be by a gateway that does nothing else.
    fn check(&self, client: &Client) {
        let send =
            |path: &str, kind: &str, body: &str| client.send("POST", path, &[("Content-Type", kind)], Some(body));
        assert_eq!(send("/pipeline/leads", "application/json", &self.wrong).status, 400);
        send("/pipeline/leads/batch", "application/json", &self.batch).problem(400, "batch_undone");
        assert_eq!(client.get("/pipeline/leads?size=1&title=Not%20to%20be").items().len(), 0);
        let file = send(FILES, "text/csv", &self.file);
        assert_eq!(file.status, 202, "{file:?}");
        assert_eq!(send("/mcp", "application/json", &self.tool).status, 200);
        assert!(self.batch.len() < 1 << 20 && self.file.len() < 1 << 20 && self.wrong.len() < 1 << 20);
    }
}

/// Where files are sent that are only looked through.
const FILES: &str = "/imports?kind=contact&dryRun=true";

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
    bodies: &'a Bodies,
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
                Class::Wrong => self.ask(self.client, "POST", "/pipeline/leads", Some(&self.bodies.wrong)),
                Class::Parameters => {
                    let many = format!("/healthz?{}", self.bodies.parameters);
                    self.ask(&self.client.with_key(None), "GET", &many, None)
                }
                Class::Guesses => {
                    let guess = format!("{:0>43}", self.requests.load(Ordering::Relaxed));
                    self.ask(&self.client.with_key(Some(&guess)), "GET", "/pipeline/leads", None)
                }
                Class::Batch => self.ask(self.client, "POST", "/pipeline/leads/batch", Some(&self.bodies.batch)),
                Class::Import => self
                    .client
                    .try_send("POST", FILES, &[("Content-Type", "text/csv")], Some(&self.bodies.file))
                    .map(drop)
                    .map_err(std::io::Error::other),
                Class::UnreadExport => self.unread(&self.head("GET", "/pipeline/leads/export", "\r\n")),
                Class::Tool => self.ask(self.client, "POST", "/mcp", Some(&self.bodies.tool)),
                Class::Ping => self.ask(self.client, "POST", &self.bodies.ping, None),
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
    let receiver = Receiver::start(|_, _| Says::Nothing);
    let settings = [("CRM_RATE_LIMIT", "60000"), ("CRM_WEBHOOK_ALLOW", "127.0.0.0/8")];
    let api = Api::start_with(database, &settings);
    let bad = api.tenant("bad");
    for client in [&api.acme, &bad] {
        prepare(client);
    }
    let note = "e".repeat(5_000);
    for _ in 0..200 {
        bad.post("/pipeline/leads", &json!({ "title": "A lead", "note": note })).item(201);
    }
    let bodies = Bodies::of(&bad, &receiver);
    bodies.check(&bad);
    let (mut ledger, mut random, time) = (Ledger::of(4), Random::new(), duration(Duration::from_secs(4)));
    let mut before = Course::default();
    let baseline = work(&mut ledger, &api, &mut random, (time / 10).max(Duration::from_secs(2)), &mut before);
    let alone = baseline.latencies.at(99);
    for (name, classes, time, is_judged) in
        [("readers", READERS, time, is_long()), ("readers and writers", &[READERS, WRITERS].concat(), time / 4, false)]
    {
        let (done, requests, mut course) = (AtomicBool::new(false), AtomicU64::new(0), Course::default());
        let connections = if is_long() { CONNECTIONS } else { FEW_CONNECTIONS };
        let told = std::thread::scope(|scope| {
            let _stop = StopAtEnd(&done);
            for (class, client) in classes.iter().cycle().zip((0..connections).map(|_| bad.apart())) {
                let (bodies, done, requests) = (&bodies, &done, &requests);
                scope.spawn(move || Hostile { client: &client, bodies, done, requests }.run(*class));
            }
            work(&mut ledger, &api, &mut random, time, &mut course)
        });
        ledger.check(&api.acme);
        checker::check(database);
        let beside = told.latencies.at(99);
        figure(
            database,
            "hostile",
            format_args!(
                "{name}: {connections} connections, {} hostile requests in {time:?}; good tenant: answers {:?}, p99 {alone:.1} ms \
                 alone, {beside:.1} ms beside them, the latest after {} ms; {}",
                requests.load(Ordering::Relaxed),
                told.statuses,
                told.longest.as_millis(),
                course.summary(),
            ),
        );
        assert!(told.statuses.keys().all(|status| (200..300).contains(status)), "{:?}", told.statuses);
        let grown = course.most_memory().saturating_sub(before.most_memory());
        assert!(grown <= MEMORY, "the process grew by {grown} bytes");
        assert!(course.most_descriptors() < connections + 200, "{}", course.most_descriptors());
        if is_judged {
            assert!(beside < alone * f64::from(SLOWER), "p99 {beside} ms, {alone} ms alone");
            assert!(course.slope() * 600.0 < 1_048_576.0, "{}", course.summary());
        }
    }
}

both_databases! {
    /// Beside clients of every hostile class a good tenant is served as if it were alone.
    fn hostile_clients_take_nothing_from_others(database) {
        let _alone = alone();
        beside_a_good_tenant(database);
    }
}
