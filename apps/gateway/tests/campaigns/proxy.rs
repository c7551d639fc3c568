//! A way to the database that can be cut: a TCP proxy before PostgreSQL.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the way to the database does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Way {
    /// Passes everything on.
    Open,
    /// Takes everything and passes nothing on, either way: a stopped server.
    Silent,
    /// Passes everything on, each time after a while: every question of the database takes long, and has an answer.
    Slow,
    /// Connections are broken, and new ones closed at once: a server that starts again.
    Closed,
    /// Takes everything of the connections that there are and passes nothing of them on, ever; new ones are as they should
    /// be: a firewall that forgets connections.
    Forgotten,
}

/// Listens on a port of its own and passes on to a server.
#[derive(Debug)]
pub(crate) struct Proxy {
    way: Arc<AtomicU8>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    /// How many times connections were forgotten; one that is of an earlier time is silent.
    time: Arc<AtomicU64>,
    address: SocketAddr,
}

/// How often a connection looks whether the way has changed.
const LOOK: Duration = Duration::from_millis(10);

/// How long a slow way takes in one direction.
const SLOW: Duration = Duration::from_millis(400);

impl Proxy {
    /// One before the server at this `host:port`, on this address of the machine. Its threads end with the process of the
    /// test.
    pub(crate) fn before(server: String, host: &str) -> Self {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let way = Arc::new(AtomicU8::new(Way::Open as u8));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let time = Arc::new(AtomicU64::new(0));
        let (shared_way, shared, shared_time) = (Arc::clone(&way), Arc::clone(&connections), Arc::clone(&time));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared_way.load(Ordering::Relaxed) == Way::Closed as u8 {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&server) else { continue };
                shared.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                let born = shared_time.load(Ordering::Relaxed);
                for (from, to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                    let (way, time) = (Arc::clone(&shared_way), Arc::clone(&shared_time));
                    std::thread::spawn(move || pass(from, to, &way, || time.load(Ordering::Relaxed) > born));
                }
            }
        });
        Self { way, connections, time, address }
    }

    /// Where it listens, in place of the `host:port` of a URL.
    pub(crate) fn instead_of(&self, url: &str) -> String {
        let (before, rest) = url.split_once('@').unwrap();
        let (_, path) = rest.split_once('/').unwrap();
        format!("{before}@{}/{path}", self.address)
    }

    pub(crate) fn turn(&self, way: Way) {
        self.way.store(way as u8, Ordering::Relaxed);
        if way == Way::Forgotten {
            self.time.fetch_add(1, Ordering::Relaxed);
        }
        if way == Way::Closed {
            for connection in self.connections.lock().unwrap().drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
    }
}

/// Passes bytes on until one side ends. What was taken while the way was silent goes on when it is open again; what is
/// forgotten never does.
fn pass(mut from: TcpStream, mut to: TcpStream, way: &AtomicU8, is_forgotten: impl Fn() -> bool) {
    from.set_read_timeout(Some(LOOK)).unwrap();
    let _ = to.set_nodelay(true);
    let mut bytes = [0; 16_384];
    loop {
        if way.load(Ordering::Relaxed) == Way::Silent as u8 || is_forgotten() {
            std::thread::sleep(LOOK);
            continue;
        }
        let came = from.read(&mut bytes);
        if way.load(Ordering::Relaxed) == Way::Slow as u8 && came.as_ref().is_ok_and(|length| *length > 0) {
            std::thread::sleep(SLOW);
        }
        match came {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Ok(length) if length > 0 && to.write_all(&bytes[..length]).is_ok() => {}
            _ => break,
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
