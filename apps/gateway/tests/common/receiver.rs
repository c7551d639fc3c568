//! A receiver of webhooks on this machine, which does what a test wants.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    /// By names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Received {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// The record that it is about.
    pub(crate) fn record(&self) -> &str {
        self.body["data"]["change"]["recordId"].as_str().unwrap_or_default()
    }

    /// The number of the change, which counts up in the order of a record's changes.
    pub(crate) fn change(&self) -> i64 {
        self.body["data"]["change"]["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default()
    }
}

/// What a receiver does with something.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// Answers with this status, these lines of a head and this body.
    Status(u16, &'static str, String),
    /// Nothing, and keeps the connection.
    Nothing,
    /// Closes the connection without an answer.
    Closes,
    /// Closes it in the middle of the answer's head.
    ClosesHalfway,
}

impl Says {
    pub(crate) fn ok() -> Self {
        Self::Status(200, "", "thank you".to_owned())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, "", String::new())
    }
}

type Behaviour = dyn Fn(&Received, usize) -> Says + Send + Sync;

/// It listens until the test ends.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    behaviour: Box<Behaviour>,
    received: Mutex<Vec<Received>>,
    /// How often each id came.
    seen: Mutex<HashMap<String, usize>>,
    connections: AtomicUsize,
}

impl Receiver {
    /// One that says what this function says of each request, which is told how many of its id came before.
    pub(crate) fn start(behaviour: impl Fn(&Received, usize) -> Says + Send + Sync + 'static) -> Self {
        Self::listening(TcpListener::bind("127.0.0.1:0").unwrap(), behaviour)
    }

    pub(crate) fn listening(
        listener: TcpListener,
        behaviour: impl Fn(&Received, usize) -> Says + Send + Sync + 'static,
    ) -> Self {
        let port = listener.local_addr().unwrap().port();
        let inner = Inner {
            behaviour: Box::new(behaviour),
            received: Mutex::default(),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
        };
        let receiver = Self { port, inner: Arc::new(inner) };
        let accepting = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                accepting.inner.connections.fetch_add(1, Ordering::Relaxed);
                let serving = accepting.clone();
                std::thread::spawn(move || serving.serve(&stream));
            }
        });
        receiver
    }

    /// One that takes everything.
    pub(crate) fn taking() -> Self {
        Self::start(|_, _| Says::ok())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Everything that came so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.inner.received.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.inner.received.lock().unwrap().len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.inner.connections.load(Ordering::Relaxed)
    }

    /// Waits until so much has come.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize, longest: Duration) -> Vec<Received> {
        let began = Instant::now();
        while self.count() < count {
            assert!(began.elapsed() < longest, "{} of {count} came: {:?}", self.count(), self.received());
            std::thread::sleep(Duration::from_millis(5));
        }
        self.received()
    }

    fn serve(&self, stream: &TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(received) = read(&mut reader) {
            let says = {
                let earlier = {
                    let mut seen = self.inner.seen.lock().unwrap();
                    let count = seen.entry(received.id().to_owned()).or_default();
                    *count += 1;
                    *count - 1
                };
                self.inner.received.lock().unwrap().push(received.clone());
                (self.inner.behaviour)(&received, earlier)
            };
            let mut stream = stream;
            let outcome = match says {
                Says::Nothing => {
                    // Until the sender has had enough.
                    let _ = reader.read_to_end(&mut Vec::new());
                    return;
                }
                Says::Closes => return drop(stream.shutdown(Shutdown::Both)),
                Says::ClosesHalfway => {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Le");
                    return drop(stream.shutdown(Shutdown::Both));
                }
                Says::Status(status, head, body) => {
                    let length = body.len();
                    write!(stream, "HTTP/1.1 {status} X\r\n{head}Content-Length: {length}\r\n\r\n{body}")
                }
            };
            if outcome.is_err() {
                return;
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut headers = HashMap::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let at = Instant::now();
    let mut bytes = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).unwrap();
    Some(Received { at, headers, body: serde_json::from_str(&text).unwrap_or_default(), text })
}
