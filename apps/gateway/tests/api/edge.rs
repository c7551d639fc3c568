//! What a client may cost by what it does not do: read its answers, end its requests, go away.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use actix_web::web;
use crm_gateway::app::routes;
use crm_gateway::config::{Config, Settings};
use crm_gateway::db::{DbSettings, Executor};
use crm_gateway::endpoint::{Answer, Call, Extract, OperationDoc, Raw, Typed};
use crm_gateway::error::Problem;
use crm_gateway::server::{Patience, server_with};
use crm_gateway::state::AppState;
use crm_testkit::{TestDatabase, both_databases};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::client::{Api, Client};
use crate::process::{Serving, gateway};
use crate::raw::{connect, exchange, rest, status};

const UNREAD_LISTS: usize = 300;
const MEGABYTES: u64 = 64;

/// The resident memory of a gateway in megabytes.
fn resident(serving: &Serving) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// The value of a metric without labels.
fn metric(client: &Client, name: &str) -> u64 {
    let metrics = client.with_key(None).get("/metrics").text;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
    line.parse().unwrap()
}

/// Waits until this is so.
#[track_caller]
fn becomes(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < within, "{what}, not within {within:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Makes a list of two megabytes.
fn long_list(client: &Client) -> &'static str {
    for number in 0..200 {
        client
            .post("/pipeline/leads", &json!({ "title": format!("Lead {number}"), "note": "n".repeat(9_999) }))
            .item(201);
    }
    "/pipeline/leads?size=200"
}

/// A connection whose own side holds next to nothing: the kernel would take megabytes for a client that does not read.
fn narrow(url: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    socket.connect(&address.into()).unwrap();
    socket.into()
}

/// Sends a request and takes nothing of its answer.
fn unread(client: &Client, request: &str) -> TcpStream {
    let mut stream = narrow(&client.base);
    let key = client.key.as_ref().map(|key| format!("Ocp-Apim-Subscription-Key: {key}\r\n")).unwrap_or_default();
    stream.write_all(format!("GET {request}\r\n").replace("{key}", &key).as_bytes()).unwrap();
    stream
}

both_databases! {
    /// Three hundred clients that take none of their two megabytes: those that come when the key's answers are too many
    /// are refused before the work is done, others are served, and what was held is given back.
    fn answers_that_nobody_reads_take_little_memory(database) {
        let api = Api::start(database);
        let list = long_list(&api.acme);
        let other = api.tenant("umbrella");
        let whole = api.acme.get(list).text.len() as u64;
        assert!(whole > 2_000_000, "{whole}");
        // Each thread that has read such a list once keeps what it needs for the next.
        for coding in ["identity", "gzip"] {
            thread::scope(|threads| {
                for _ in 0..16 {
                    threads.spawn(|| api.acme.apart().send("GET", list, &[("accept-encoding", coding)], None));
                }
            });
        }
        let before = resident(&api.serving);
        for coding in ["", "Accept-Encoding: gzip\r\n"] {
            let clients: Vec<TcpStream> = (0..UNREAD_LISTS)
                .map(|_| unread(&api.acme, &format!("{list} HTTP/1.1\r\nHost: x\r\n{{key}}{coding}")))
                .collect();
            let mut most = 0;
            for _ in 0..50 {
                most = most.max(resident(&api.serving));
                assert_eq!(other.get("/pipeline/leads").status, 200, "another tenant is served");
                thread::sleep(Duration::from_millis(100));
            }
            assert!(most < before + MEGABYTES, "{before} MB became {most} {coding}");
            if coding.is_empty() {
                assert!(metric(&other, "crm_http_unread_bytes") > 8 * whole);
                let refused = api.acme.get(list);
                refused.problem(429, "rate_limited");
                assert_eq!(refused.header("retry-after"), "1");
            }
            drop(clients);
            becomes("what was held is given back", Duration::from_secs(5), || {
                metric(&other, "crm_http_unread_bytes") == 0
            });
            assert_eq!(api.acme.get(list).text.len() as u64, whole, "whole again");
        }
        becomes("the memory is given back", Duration::from_secs(30), || {
            other.get("/pipeline/leads");
            resident(&api.serving) < before + MEGABYTES / 2
        });
    }
}

/// The same without a key, on the longest answer that there is, and with two thousand requests on each connection.
#[test]
fn who_has_no_key_takes_little_memory_too() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    api.acme.get("/openapi.json");
    let before = resident(&api.serving);
    let stranger = api.acme.with_key(None);
    let many = "/openapi.json HTTP/1.1\r\nHost: x\r\n\r\nGET ".repeat(1999);
    for before_last in ["", many.as_str()] {
        for coding in ["", "Accept-Encoding: gzip\r\n"] {
            let request = format!("{before_last}/openapi.json HTTP/1.1\r\nHost: x\r\n{coding}");
            let clients: Vec<TcpStream> = (0..UNREAD_LISTS).map(|_| unread(&stranger, &request)).collect();
            thread::sleep(Duration::from_secs(2));
            let now = resident(&api.serving);
            assert!(now < before + MEGABYTES, "{before} MB became {now} {coding}");
            assert_eq!(api.acme.get("/pipeline/leads").status, 200, "others are served");
            drop(clients);
        }
    }
}

/// How much of the machine's time a gateway took so far, in hundredths of a second.
fn time_taken(serving: &Serving) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", serving.id())).unwrap();
    // The name before it may have blanks; of the numbers after it two are the time in the program and in the kernel.
    let numbers: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    numbers[11..13].iter().map(|number| number.parse::<u64>().unwrap()).sum()
}

/// Whoever sends requests behind one whose answer takes its time, or is not read, has them wait where they are: the event loop does
/// not look at them again and again meanwhile.
#[test]
fn requests_that_wait_cost_no_time() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    let list = long_list(&api.acme);
    let newest = api.acme.get("/changes?since=now").body["next"].as_str().unwrap().to_owned();
    let waiting = format!("/changes?since={newest}&wait=25");
    let key = &api.acme.keys.primary;
    let many = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10_000);
    for (length, body) in [(0, ""), (2, "{}"), (10_000_000, "{}")] {
        let paths = [list, "/pipeline/leads/export", "/openapi.json", &waiting];
        let clients: Vec<TcpStream> = paths
            .repeat(3)
            .iter()
            .map(|path| {
                let mut stream = narrow(&api.serving.url);
                stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
                let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nOcp-Apim-Subscription-Key: {key}\r\n");
                let request = format!("{head}Content-Length: {length}\r\n\r\n{body}{many}");
                // What the gateway does not take waits in the kernel, and not all fits there.
                let _ = stream.write_all(request.as_bytes());
                stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
                // The first part of a file is taken, so that another is looked for.
                let _ = stream.read_exact(&mut [0; 100_000]);
                stream
            })
            .collect();
        thread::sleep(Duration::from_secs(1));
        let before = time_taken(&api.serving);
        thread::sleep(Duration::from_secs(1));
        let taken = time_taken(&api.serving) - before;
        assert!(taken < 25, "{taken} hundredths of a second, with {length} bytes of a body");
        drop(clients);
    }
}

/// Requests that come together are answered in their order, however many they are and whatever a read splits.
#[test]
fn requests_that_come_together_are_all_answered() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    let key = &api.acme.keys.primary;
    let get = |number: usize| format!("GET /nowhere/{number} HTTP/1.1\r\nHost: x\r\n\r\n");
    let post = |number: usize| {
        let body = format!("{{\"title\":\"Lead {number}\",\"note\":\"{}\"}}", "n".repeat(number * 37 % 9_000));
        let head = "POST /pipeline/leads HTTP/1.1\r\nHost: x\r\nOcp-Apim-Subscription-Key";
        format!("{head}: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let requests: String = (0..600).map(|number| if number % 3 == 0 { post(number) } else { get(number) }).collect();
    let mut stream = connect(&api.serving.url);
    let mut writer = stream.try_clone().unwrap();
    let sender = thread::spawn(move || {
        writer.write_all(requests.as_bytes()).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let answers = rest(&mut stream);
    sender.join().unwrap();
    let mut at = 0;
    for number in 0..600 {
        let mark = if number % 3 == 0 { format!("\"title\":\"Lead {number}\"") } else { format!("/nowhere/{number}.") };
        at += answers[at..].find(&mark).unwrap_or_else(|| {
            panic!("no answer to request {number}; at the end {:?}", &answers[answers.len().saturating_sub(300)..])
        });
    }
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 600);
}

/// Nothing of a request.
struct Nothing;

impl Extract for Nothing {
    async fn extract(_: &mut Call) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn describe(_: &mut OperationDoc) {}
}

/// More than a kernel takes at once.
async fn long(_: Nothing) -> Answer<Raw> {
    let raw = Raw { content_type: "text/plain", body: vec![b'x'; 16 * 1024 * 1024].into() };
    Typed::of(raw).map_err(|failure| failure.into_problem("-"))
}

/// A gateway in this process, whose patience is short, and its URL.
fn impatient(database: &TestDatabase, patience: Patience) -> String {
    let db = Executor::open(database.url(), DbSettings::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let config = Config::new(&Settings::default()).unwrap();
            let state = web::Data::new(AppState::new(db, &config).await.unwrap());
            let all = || {
                let mut all = routes();
                all.get("/long", long);
                all
            };
            server_with(state, listener, &config, patience, all).unwrap().await.unwrap();
        });
    });
    let alive = exchange(&url, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&alive), 200, "{alive}");
    url
}

/// A client that takes something now and then gets its answer, however slowly; one that takes nothing for long is cut off.
#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let database = TestDatabase::sqlite();
    let patience = Patience { unread: Duration::from_secs(2), ..Patience::default() };
    let url = impatient(&database, patience);
    let ask = |mut stream: TcpStream| {
        stream.write_all(b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        stream
    };
    let (mut slow, mut silent) = (ask(connect(&url)), ask(narrow(&url)));
    let slow = thread::spawn(move || {
        let mut bytes = vec![0; 4 * 1024 * 1024];
        let mut length = 0;
        for _ in 0..3 {
            slow.read_exact(&mut bytes).unwrap();
            length += bytes.len();
            thread::sleep(Duration::from_millis(1500));
        }
        length + slow.read_to_end(&mut Vec::new()).unwrap()
    });
    thread::sleep(Duration::from_secs(4));
    let mut taken = Vec::new();
    // What the kernel had of it is all that comes; after that a reset, or an end.
    let _ = silent.read_to_end(&mut taken);
    assert!(taken.len() < 12 * 1024 * 1024, "{}", taken.len());
    assert!(slow.join().unwrap() > 16 * 1024 * 1024, "the whole answer and its head");
}

/// The head of a later request has no more time than the first's, and what was answered before stays answered: also where the one
/// before had a body that nobody reads.
#[test]
fn a_later_head_that_trickles_is_408() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    thread::scope(|threads| {
        for body in ["\r\n", "Content-Length: 2\r\n\r\n{}"] {
            let url = &api.serving.url;
            threads.spawn(move || a_head_that_trickles_after(url, body));
        }
    });
}

fn a_head_that_trickles_after(url: &str, body: &str) {
    let mut stream = connect(url);
    let beginning = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{body}GET /healthz HTTP/1.1\r\n");
    stream.write_all(beginning.as_bytes()).unwrap();
    let began = Instant::now();
    let mut writer = stream.try_clone().unwrap();
    let dripper = thread::spawn(move || {
        // Until it fails; one that never ends would be seen at the end of reading.
        while began.elapsed() < Duration::from_secs(15) && writer.write_all(b"X-A: b\r\n").is_ok() {
            thread::sleep(Duration::from_millis(500));
        }
    });
    let answers = rest(&mut stream);
    let took = began.elapsed().as_secs_f64();
    dripper.join().unwrap();
    assert!(answers.starts_with("HTTP/1.1 200 OK") && answers.contains("HTTP/1.1 408 "), "{answers}");
    assert!((4.0..8.0).contains(&took), "{took:.1} s");
}

/// Chunks that cannot be read are told of in a problem, wherever they break, and nothing is done.
#[test]
fn a_malformed_chunk_is_400() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    let head = format!(
        "POST /pipeline/leads HTTP/1.1\r\nHost: x\r\nOcp-Apim-Subscription-Key: {}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        api.acme.keys.primary
    );
    let title = "{\"title\":\"Broken\"}";
    let whole = format!("{:x}\r\n{title}", title.len());
    for (why, body) in [
        ("no number", format!("zz\r\n{title}\r\n0\r\n\r\n")),
        ("a sign", format!("+{whole}\r\n0\r\n\r\n")),
        ("nothing", format!("\r\n{title}\r\n0\r\n\r\n")),
        ("a length beyond 64 bits", format!("{}\r\n{title}\r\n0\r\n\r\n", "f".repeat(17))),
        ("a longer chunk than its length", format!("{whole}!\r\n0\r\n\r\n")),
        ("no number after the first", format!("{whole}\r\nzz\r\n\r\n")),
    ] {
        for apart in [false, true] {
            let mut stream = connect(&api.serving.url);
            stream.write_all(head.as_bytes()).unwrap();
            if apart {
                thread::sleep(Duration::from_millis(100));
            }
            stream.write_all(body.as_bytes()).unwrap();
            let answer = rest(&mut stream);
            assert_eq!((status(&answer), answer.matches("HTTP/1.1 ").count()), (400, 1), "{why}: {answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains("connection: close") && head.contains("application/problem+json"), "{why}: {head}");
            let body: Value = serde_json::from_str(body).unwrap();
            assert_eq!((&body["code"], &body["status"]), (&json!("malformed_json"), &json!(400)), "{why}");
            assert!(head.contains(&format!("x-request-id: {}", body["requestId"].as_str().unwrap())), "{why}: {head}");
        }
    }
    assert!(api.acme.get("/pipeline/leads").items().is_empty());
    let gone = "POST /api/v1/ticketing/clientMap HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    assert!(matches!(status(&exchange(&api.serving.url, gone.as_bytes())), 400 | 503), "in the other envelope");
}

/// The document is compressed once: a client that takes gzip gets the same bytes each time, with a length and an ETag.
#[test]
fn the_document_comes_compressed_once() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    let fetch = |coding: &str, etag: &str| {
        let request = format!(
            "GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: {coding}\r\n{etag}\r\n"
        );
        let mut stream = connect(&api.serving.url);
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        (String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase(), bytes[end + 4..].to_vec())
    };
    let etag = |head: &str| head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let (plain_head, plain) = fetch("identity", "");
    let (head, compressed) = fetch("gzip, br", "");
    let mut text = Vec::new();
    GzDecoder::new(compressed.as_slice()).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain);
    assert!(compressed.len() * 5 < plain.len(), "{} of {}", compressed.len(), plain.len());
    for (head, length) in [(&plain_head, plain.len()), (&head, compressed.len())] {
        assert!(head.contains(&format!("content-length: {length}\r\n")), "{head}");
        assert!(head.contains("vary: accept-encoding\r\n"), "{head}");
    }
    assert!(head.contains("content-encoding: gzip") && !plain_head.contains("content-encoding"), "{head}");
    assert_ne!(etag(&head), etag(&plain_head), "other bytes");
    assert_eq!(fetch("gzip, br", "").1, compressed);
    // The tag as it was sent: the head was lower-cased for the comparisons above.
    let sent = api.acme.with_key(None).send("GET", "/openapi.json", &[("accept-encoding", "identity")], None);
    let again = api.acme.with_key(None).send(
        "GET",
        "/openapi.json",
        &[("accept-encoding", "identity"), ("if-none-match", sent.header("etag"))],
        None,
    );
    assert_eq!((again.status, again.text.as_str()), (304, ""));
}

/// One address has at most half of the connections that the process's descriptors allow; the rest is for others. What is
/// past it is told so, and nothing breaks.
#[test]
fn an_address_has_at_most_half_of_the_connections() {
    let database = TestDatabase::sqlite();
    let mut command = std::process::Command::new("sh");
    let program = gateway(&database);
    command.args(["-c", "ulimit -n 288; exec \"$0\""]).arg(program.get_program());
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("CRM_DB_POOL", "2").env("CRM_WORKERS", "2").env("CRM_RATE_LIMIT", "0");
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    let serving = Serving::start(&mut command);
    // 288 without those of the process itself: 64, 8 for each worker, 4 for each connection to the database.
    let each = (288 - 64 - 2 * 8 - 2 * 4) / 2;
    let mut idle: Vec<TcpStream> = Vec::new();
    let ask = || exchange(&serving.url, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&ask()), 200);
    thread::sleep(Duration::from_millis(200));
    let mut answers = Vec::new();
    for _ in 0..each + 20 {
        let mut stream = connect(&serving.url);
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut bytes = [0; 1024];
        let length = stream.read(&mut bytes).unwrap_or(0);
        answers.push(status(&String::from_utf8_lossy(&bytes[..length])));
        idle.push(stream);
    }
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), each, "{answers:?}");
    assert!(answers[each..].iter().all(|status| matches!(status, 0 | 503)), "{answers:?}");
    drop(idle);
    becomes("places are given back", Duration::from_secs(5), || status(&ask()) == 200);
}
