//! The clients that mean no good, in a process of their own at the lowest priority: a thread of theirs that is stopped in the middle of
//! what all threads of a process share, its memory, would keep the good tenant's clients waiting in its place.

use std::io::{BufRead, BufReader, Lines, Read, Write, stdin};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, Keys};
use crate::settings::is_long;
use crate::tokens::StopAtEnd;

/// The lowest of priorities.
const LOWEST: i32 = 19;
/// The variable in which the campaign says whom to trouble, and how.
const ORDERS: &str = "CRM_TEST_HOSTILE";
/// What is said when they begin.
const AT_WORK: &str = "at work";
/// What stands before the number of requests that were sent.
const SENT: &str = "sent: ";

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
    fn of(ping: String) -> Self {
        let text = "e".repeat(1_800);
        let lead = json!({ "title": "Not to be", "note": text });
        // Of a build without optimization, one of 500 would hold an SQLite file for seconds.
        let mut items = vec![lead; if is_long() { 499 } else { 49 }];
        items.push(json!({ "title": 7 }));
        let lines: String = (0..5_000).map(|n| format!("Person {n},p{n}@example.com,{}\n", &text[..150])).collect();
        let tool = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "list_records", "arguments": { "kind": "lead", "filters": { "title": "e" } } } });
        Self {
            wrong: json!({ "followers": (0..20_000).map(|n| json!({ "i": n })).collect::<Vec<_>>() }).to_string(),
            batch: json!({ "mode": "create", "atomic": true, "items": items }).to_string(),
            file: format!("name,email,note\n{lines}"),
            tool: tool.to_string(),
            parameters: (0..4_000).map(|n| format!("a{n}=&")).collect(),
            ping,
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

/// The clients of one tenant, at work.
pub(super) struct Clients {
    process: Child,
    told: Lines<BufReader<ChildStdout>>,
}

impl Clients {
    /// Starts so many, whose pings go to this webhook of theirs.
    pub(super) fn start(client: &Client, webhook: &str, connections: usize, with_writers: bool) -> Self {
        let Keys { tenant, primary, secondary } = &client.keys;
        let orders = json!({ "base": client.base, "tenant": tenant, "primary": primary, "secondary": secondary,
            "webhook": webhook, "connections": connections, "withWriters": with_writers });
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["hostile::clients::at_work", "--exact", "--ignored", "--nocapture"])
            .env(ORDERS, orders.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut clients = Self { process, told };
        clients.wait_for(AT_WORK);
        clients
    }

    /// Ends them, and says how many requests they sent.
    pub(super) fn end(mut self) -> u64 {
        // By this they know.
        drop(self.process.stdin.take());
        let sent = self.wait_for(SENT).parse().unwrap();
        self.told.by_ref().for_each(drop);
        assert!(self.process.wait().unwrap().success());
        sent
    }

    /// What they tell in the line that begins so.
    fn wait_for(&mut self, beginning: &str) -> String {
        let mut found =
            self.told.by_ref().map_while(Result::ok).filter_map(|line| Some(line.strip_prefix(beginning)?.to_owned()));
        found.next().unwrap_or_else(|| panic!("the hostile clients ended before they said {beginning:?}"))
    }
}

/// The process of [`Clients`], until its standard input ends.
#[test]
#[ignore = "started by the campaign, in a process of its own"]
fn at_work() {
    #[expect(clippy::disallowed_methods, reason = "what the campaign says, and no setting")]
    let orders: Value = serde_json::from_str(&std::env::var(ORDERS).expect(ORDERS)).unwrap();
    let text = |name: &str| orders[name].as_str().unwrap().to_owned();
    let keys = Keys { tenant: text("tenant"), primary: text("primary"), secondary: text("secondary") };
    let client = Client::new(&text("base"), keys);
    let bodies = Bodies::of(format!("/settings/webhooks/{}/test", text("webhook")));
    bodies.check(&client);
    step_back();
    let classes = if orders["withWriters"] == true { [READERS, WRITERS].concat() } else { READERS.to_vec() };
    let connections = usize::try_from(orders["connections"].as_u64().unwrap()).unwrap();
    let (done, requests) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let _stop = StopAtEnd(&done);
        for (class, client) in classes.iter().cycle().zip((0..connections).map(|_| client.apart())) {
            let (bodies, done, requests) = (&bodies, &done, &requests);
            scope.spawn(move || Hostile { client: &client, bodies, done, requests }.run(*class));
        }
        println!("\n{AT_WORK}");
        stdin().read_to_end(&mut Vec::new()).unwrap();
    });
    println!("{SENT}{}", requests.load(Ordering::Relaxed));
}

/// Gives this thread, and those that it starts, the lowest priority: a generator of load on the machine of the gateway would
/// otherwise measure itself. Where the kernel shares the machine between sessions first, this is one, with as low a priority
/// (sched(7), "The autogroup feature").
fn step_back() {
    // Where it may not, the load is only harder.
    let _ = rustix::process::setsid();
    let _ = std::fs::write("/proc/self/autogroup", LOWEST.to_string());
    // In Linux, of the thread that asks.
    let _ = rustix::process::setpriority_process(None, LOWEST);
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
