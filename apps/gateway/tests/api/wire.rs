//! What comes over the socket before there is a request: slow clients, and requests with two meanings.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crm_testkit::TestDatabase;
use serde_json::json;

use crate::client::Api;
use crate::raw::{connect, exchange, rest, status};

/// Requests that two servers in a row could take apart in two ways (RFC 9112, sections 5.2, 6.3 and 11.2), each with
/// a second request hidden in it.
fn smuggled(key: &str) -> Vec<(&'static str, String)> {
    let hidden = format!("GET /pipeline/leads HTTP/1.1\r\nHost: x\r\nOcp-Apim-Subscription-Key: {key}\r\n\r\n");
    let post = |headers: &str, body: &str| {
        format!(
            "POST /pipeline/leads HTTP/1.1\r\nHost: x\r\nOcp-Apim-Subscription-Key: {key}\r\n\
             Content-Type: application/json\r\n{headers}\r\n{body}{hidden}"
        )
    };
    let title = "{\"title\":\"Smuggled\"}";
    let chunked = format!("{:x}\r\n{title}\r\n0\r\n\r\n", title.len());
    let length = title.len();
    vec![
        ("a length and chunks", post(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), &chunked)),
        ("chunks and a length", post(&format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), &chunked)),
        ("two lengths", post(&format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length + 5), title)),
        ("a list of lengths", post(&format!("Content-Length: {length}, {}\r\n", length + 5), title)),
        ("a signed length", post(&format!("Content-Length: +{length}\r\n"), title)),
        ("a negative length", post("Content-Length: -1\r\n", title)),
        ("a hexadecimal length", post("Content-Length: 0x10\r\n", title)),
        ("a length beyond 64 bits", post("Content-Length: 18446744073709551617\r\n", title)),
        ("an unknown coding", post("Transfer-Encoding: xchunked\r\n", &chunked)),
        ("chunks that are not the last coding", post("Transfer-Encoding: chunked, identity\r\n", &chunked)),
        ("chunks twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", &chunked)),
        ("a space before the colon", post(&format!("Content-Length : {length}\r\n"), title)),
        ("a folded header", post(&format!("X-A: a\r\n b\r\nContent-Length: {length}\r\n"), title)),
        ("NUL in a header", post(&format!("X-A: a\0b\r\nContent-Length: {length}\r\n"), title)),
        ("a bare CR in a header", post(&format!("X-A: a\rb\r\nContent-Length: {length}\r\n"), title)),
        ("a chunk with a sign", post("Transfer-Encoding: chunked\r\n", &format!("+{chunked}"))),
        ("a chunk of no number", post("Transfer-Encoding: chunked\r\n", &format!("zz\r\n{title}\r\n0\r\n\r\n"))),
        ("no host", format!("GET /pipeline/leads HTTP/1.1\r\nOcp-Apim-Subscription-Key: {key}\r\n\r\n{hidden}")),
        ("two hosts", hidden.replace("Host: x\r\n", "Host: x\r\nHost: y\r\n")),
        ("no HTTP", format!("HELO x\r\n\r\n{hidden}")),
    ]
}

/// A request with two meanings is refused, and nothing behind it is taken for another one.
#[test]
fn a_request_with_two_meanings_is_refused() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    for (why, request) in smuggled(&api.acme.keys.primary) {
        let answer = exchange(&api.serving.url, request.as_bytes());
        assert_eq!(status(&answer), 400, "{why}: {answer}");
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{why}: the connection is closed behind it: {answer}");
    }
    assert!(api.acme.get("/pipeline/leads").items().is_empty(), "nothing was made");
}

/// Bytes that are no UTF-8, in the body and in the path.
#[test]
fn bytes_that_are_no_text_are_refused() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    let head = |line: &str, length: usize| {
        let key = &api.acme.keys.primary;
        format!(
            "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nOcp-Apim-Subscription-Key: {key}\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    for text in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80"] {
        let body = [b"{\"title\":\"", text, b"\"}"].concat();
        let request = [head("POST /pipeline/leads", body.len()).as_bytes(), &body].concat();
        let answer = exchange(&api.serving.url, &request);
        assert!(status(&answer) == 400 && answer.contains("malformed_json"), "{text:?}: {answer}");
        let request = [b"GET /pipeline/leads?title=", text, head("", 0).as_bytes()].concat();
        assert_eq!(status(&exchange(&api.serving.url, &request)), 400, "{text:?} in the query");
    }
    let long = head(&format!("GET /pipeline/leads?title={}", "a".repeat(200_000)), 0);
    assert!(matches!(status(&exchange(&api.serving.url, long.as_bytes())), 400 | 414 | 431), "a long path");
    assert_eq!(api.acme.get("/readyz").status, 200, "it lives");
}

/// A byte order mark before a body is no part of it, and `null` is no body where none is needed.
#[test]
fn a_byte_order_mark_is_skipped_and_null_is_no_body() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    let made = api.acme.send("POST", "/pipeline/leads", &[], Some("\u{feff}{\"title\":\"A lead\"}"));
    assert_eq!(made.item(201)["title"], "A lead");
    let lead = format!("/pipeline/leads/{}", made.body["item"]["id"].as_str().unwrap());
    for body in [None, Some("null"), Some(" null\n"), Some("\u{feff}null"), Some("{}")] {
        for action in ["archive", "unarchive"] {
            api.acme.send("PATCH", &format!("{lead}/{action}"), &[], body).item(200);
        }
    }
    for body in ["null", "\u{feff}\u{feff}{\"title\":\"A lead\"}", "{\"title\":\"A lead\"}\u{feff}"] {
        api.acme.send("POST", "/pipeline/leads", &[], Some(body)).problem(400, "malformed_json");
    }
    api.acme.send("PATCH", &format!("{lead}/archive"), &[], Some("[null]")).problem(400, "malformed_json");
}

/// A head must be there within 5 seconds and a body within 10, else the answer is 408; others are served meanwhile.
#[test]
fn a_slow_client_is_408() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    let url = api.serving.url.as_str();
    let key = api.acme.keys.primary.as_str();
    let head = format!("POST /pipeline/leads HTTP/1.1\r\nHost: x\r\nOcp-Apim-Subscription-Key: {key}\r\n");
    let started = format!("{head}Content-Length: 100\r\n\r\n{{");
    let dripping = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    thread::scope(|scope| {
        let slow = |first: String, drip: &'static str| {
            scope.spawn(move || {
                let began = Instant::now();
                let mut stream = connect(url);
                stream.write_all(first.as_bytes()).unwrap();
                // One that sends a little now and then is as slow as one that sends nothing.
                let mut drips = stream.try_clone().unwrap();
                let dripper = thread::spawn(move || {
                    while !drip.is_empty()
                        && began.elapsed() < Duration::from_secs(11)
                        && drips.write_all(drip.as_bytes()).is_ok()
                    {
                        thread::sleep(Duration::from_millis(500));
                    }
                });
                let mut first = [0; 4096];
                let length = stream.read(&mut first).unwrap();
                let took = began.elapsed().as_secs_f64();
                let answer = String::from_utf8_lossy(&first[..length]).into_owned();
                rest(&mut stream);
                let closed = began.elapsed().as_secs_f64() - took;
                assert!(closed < 3.0, "the connection was closed {closed:.1} s after {answer}");
                dripper.join().unwrap();
                (status(&answer), took, answer)
            })
        };
        let heads = [slow(head[..20].to_owned(), ""), slow(head.clone(), "X-A: b\r\n")];
        let bodies = [slow(started, ""), slow(dripping, "1\r\n \r\n")];
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(4) {
            assert_eq!(api.acme.get("/pipeline/leads").status, 200, "others are served");
            thread::sleep(Duration::from_millis(100));
        }
        for head in heads {
            let (status, took, answer) = head.join().unwrap();
            assert!(status == 408 && (4.0..7.0).contains(&took), "a head: {status} after {took:.1} s: {answer}");
        }
        for body in bodies {
            let (status, took, answer) = body.join().unwrap();
            assert!(status == 408 && (9.0..12.0).contains(&took), "a body: {status} after {took:.1} s: {answer}");
            assert!(answer.contains("request_timeout") && answer.contains("connection: close"), "{answer}");
        }
    });
}

/// A request that is answered before its body has come takes its connection with it, however the body is framed and
/// although the client keeps sending; one whose body has come does not.
#[test]
fn nobody_waits_for_the_rest_of_a_refused_body() {
    let database = TestDatabase::sqlite();
    let api = Api::start(&database);
    let key = format!("Ocp-Apim-Subscription-Key: {}\r\n", api.acme.keys.primary);
    let too_long = format!("{{\"title\":\"{}", "a".repeat(1024 * 1024));
    for (line, key, body, expected) in [
        ("POST /pipeline/leads", key.as_str(), too_long.as_str(), 413),
        ("POST /pipeline/leads", "", "{", 401),
        ("POST /nowhere", key.as_str(), "{", 404),
        ("PATCH /pipeline/leads", key.as_str(), "{", 405),
        ("GET /pipeline/leads", key.as_str(), "{", 200),
    ] {
        let head = format!("{line} HTTP/1.1\r\nHost: x\r\n{key}");
        let chunk = format!("{:x}\r\n{body}\r\n", body.len());
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}");
        let sized = format!("{head}Content-Length: 2000000\r\n\r\n{body}");
        for (request, more) in [(chunked, "1\r\n \r\n"), (sized, " ")] {
            let mut stream = connect(&api.serving.url);
            let mut drips = stream.try_clone().unwrap();
            // The gateway may answer before it read everything.
            let _ = stream.write_all(request.as_bytes());
            let began = Instant::now();
            let dripper = thread::spawn(move || {
                while began.elapsed() < Duration::from_secs(15) && drips.write_all(more.as_bytes()).is_ok() {
                    thread::sleep(Duration::from_millis(100));
                }
            });
            let answer = rest(&mut stream);
            let took = began.elapsed().as_secs_f64();
            assert_eq!(status(&answer), expected, "{line}: {answer}");
            assert!(answer.contains("connection: close"), "{line}: {answer}");
            assert!(took < 4.0, "{line}: the connection was closed after {took:.1} s");
            dripper.join().unwrap();
        }
    }
    let whole = "POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let answers = exchange(&api.serving.url, whole.repeat(3).as_bytes());
    assert_eq!(answers.matches("HTTP/1.1 404 ").count(), 3, "{answers}");
    assert!(!answers.contains("connection: close"), "{answers}");
    // Longer than what is read of heads at once, so that the second is not there before the first is answered.
    let body = json!({ "title": "A lead", "note": "n".repeat(600) }).to_string();
    let lead = format!(
        "POST /pipeline/leads HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nOcp-Apim-Subscription-Key: {}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        api.acme.keys.primary,
        body.len(),
    );
    let answers = exchange(&api.serving.url, lead.repeat(2).as_bytes());
    assert_eq!(answers.matches("HTTP/1.1 201 ").count(), 2, "{answers}");
    assert!(!answers.contains("connection: close"), "{answers}");
    let longer = format!("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{}", " ".repeat(9_000));
    let mut stream = connect(&api.serving.url);
    for _ in 0..3 {
        stream.write_all(longer.as_bytes()).unwrap();
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes).unwrap();
        let answer = String::from_utf8_lossy(&bytes[..length]);
        assert!(answer.starts_with("HTTP/1.1 404 ") && !answer.contains("connection: close"), "{answer}");
    }
}
