//! The log keeps nobody waiting, and says in one line what a line is about.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crm_testkit::{TestDatabase, both_databases};

use crate::client::Api;
use crate::process::{Serving, gateway};

/// Sends so many requests over one connection and takes their answers.
fn many_requests(serving: &Serving, count: usize) {
    let stream = TcpStream::connect(serving.url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        writer.write_all("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".repeat(count).as_bytes()).unwrap();
    });
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert_eq!(lines.filter(|line| line.starts_with("HTTP/1.1 200")).take(count).count(), count);
    sender.join().unwrap();
}

fn dropped(api: &Api<'_>) -> u64 {
    let metrics = api.acme.with_key(None).get("/metrics").text;
    metrics.lines().find_map(|line| line.strip_prefix("crm_log_dropped_total ")).unwrap().parse().unwrap()
}

both_databases! {
    /// A log that nobody reads fills its pipe and its queue; after that lines are dropped and counted, requests are
    /// answered as ever, and the process still ends when it is told to.
    fn a_log_that_nobody_reads_stops_nothing(database) {
        let (reader, writer) = std::io::pipe().unwrap();
        let api = Api::start_logging(database, &[("CRM_WORKERS", "1")], File::from(std::os::fd::OwnedFd::from(writer)));
        many_requests(&api.serving, 12_000);
        assert!(dropped(&api) > 1_000, "{}", dropped(&api));
        let began = Instant::now();
        assert_eq!(api.acme.get("/pipeline/leads").status, 200);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let began = Instant::now();
        assert_eq!(api.serving.terminate(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        drop(reader);
    }
}

/// Whatever a client sends, a request is one line, and a short one.
#[test]
fn a_request_is_one_short_line_whatever_was_sent() {
    let database = TestDatabase::sqlite();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let api = Api::start_logging(&database, &[], File::create(&path).unwrap());
    let long = "M".repeat(7_000);
    let forged = "x%0a%0d[2030-01-01T00:00:00Z INFO  crm_gateway::access] method=GET route=/forged status=200";
    let requests = [
        format!("{long} /healthz HTTP/1.1\r\nHost: x\r\n"),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n", "p".repeat(7_000)),
        format!("GET /pipeline/leads/{} HTTP/1.1\r\nHost: x\r\n", forged.replace(' ', "%20")),
        format!("GET /healthz?{} HTTP/1.1\r\nHost: x\r\n", forged.replace(' ', "%20")),
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: {}\r\n", "i".repeat(7_000)),
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\u{1b}[2Jb\r\n".to_owned(),
        format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n", "h".repeat(7_000)),
    ];
    for request in &requests {
        let mut stream = TcpStream::connect(api.serving.url.strip_prefix("http://").unwrap()).unwrap();
        stream.write_all(format!("{request}Connection: close\r\n\r\n").as_bytes()).unwrap();
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    }
    assert_eq!(api.serving.terminate(), Some(0));
    let log = std::fs::read_to_string(&path).unwrap();
    let access: Vec<&str> = log.lines().filter(|line| line.contains(" status=")).collect();
    // A header that cannot be one is refused before there is a request.
    assert!((requests.len() - 1..=requests.len()).contains(&access.len()), "{log}");
    for line in log.lines() {
        assert!(line.len() < 500 && line.starts_with('['), "{} bytes: {line}", line.len());
        assert!(!line.contains("forged") && !line.contains('\u{1b}'), "{line}");
    }
    assert!(access[0].contains(&format!("method={} ", "M".repeat(32))), "{}", access[0]);
}

/// The last lines are written before the process ends, whichever way that is.
#[test]
fn the_last_lines_are_not_lost() {
    let database = TestDatabase::sqlite();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let api = Api::start_logging(&database, &[], File::create(&path).unwrap());
    many_requests(&api.serving, 500);
    assert_eq!(api.serving.terminate(), Some(0));
    let log = std::fs::read_to_string(&path).unwrap();
    assert_eq!(log.matches("route=/healthz status=200").count(), 500);
    assert!(log.contains("stopping: finishing the requests that were begun"));

    // A failure, with everything logged before it.
    let mut command = gateway(&database);
    let output = command.env("CRM_LISTEN", "192.0.2.1:1").env("RUST_LOG", "trace").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.lines().last().unwrap().starts_with("error: CRM_LISTEN: 192.0.2.1:1"), "{text}");
}

/// Nobody reads stderr from the start: a failure still ends with its code.
#[test]
fn a_failure_that_nobody_reads_of_ends_too() {
    let database = TestDatabase::empty_sqlite();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let filled = std::thread::spawn({
        let mut writer = writer.try_clone().unwrap();
        // Until the pipe takes no more; the rest waits until the reader is closed, below.
        move || writer.write_all(&vec![b'x'; 128 * 1024]).is_err()
    });
    std::thread::sleep(Duration::from_millis(300));
    let mut child: Command = gateway(&database);
    child.arg("tenants").arg("list").stderr(Stdio::from(std::os::fd::OwnedFd::from(writer.try_clone().unwrap())));
    let began = Instant::now();
    let status = child.stdout(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(reader);
    assert!(filled.join().unwrap(), "the pipe was full");
    assert!(writer.write_all(b"x").is_err());
}
