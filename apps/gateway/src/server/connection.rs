use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_rt::net::TcpStream;
use actix_rt::time::{Instant, Sleep, sleep, timeout};
use actix_web::web;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::{Problem, ProblemCode};
use crate::state::AppState;
use crate::wire::Rendered;

use super::exchange::Exchange;
use super::places::Place;
use super::{DISCONNECT_TIMEOUT, Patience};

/// How much of heads is read before it is looked at. Actix takes apart all requests that it has read, and each takes up
/// to eighty times the memory of the bytes that it came in.
const HEADS_AT_ONCE: usize = 512;
/// The same of bodies.
const BODY_AT_ONCE: usize = 16 * 1024;
const TOO_LATE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n";

/// A client's socket. It ends where the client takes nothing of an answer for too long or sends the head of a request
/// too slowly, and reads no further request while there is one to answer.
pub(super) struct Connection {
    socket: Option<TcpStream>,
    exchange: Exchange,
    state: web::Data<AppState>,
    patience: Patience,
    _place: Place,
    /// The end of the client's patience with an answer that waits for it, while one does.
    unread: Option<Pin<Box<Sleep>>>,
    /// When the head of a later request must be there, while one has begun. Actix looks after the first.
    head: Option<Pin<Box<Sleep>>>,
    /// The request before that head.
    before: u64,
    /// Bytes since the last pause.
    at_once: usize,
    /// Whether the client said, while its body was read, that it sends no more.
    has_ended: bool,
    /// Whether the network, the client or this gave it up.
    has_failed: bool,
}

impl Connection {
    /// The connection from this address over this socket.
    ///
    /// # Errors
    /// Where the address has as many connections as it may.
    pub(super) fn accept(
        socket: TcpStream,
        state: web::Data<AppState>,
        patience: Patience,
    ) -> io::Result<(Self, Option<SocketAddr>)> {
        let address = socket.peer_addr()?;
        let Some(place) = state.places.enter(address.ip()) else {
            // What does not fit into an empty buffer at once is not worth waiting for.
            let _ = socket.try_write(TOO_MANY);
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let connection = Self {
            socket: Some(socket),
            exchange: Exchange::default(),
            state,
            patience,
            _place: place,
            unread: None,
            head: None,
            before: 0,
            at_once: 0,
            has_ended: false,
            has_failed: false,
        };
        Ok((connection, Some(address)))
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Whether nothing is to be read: there is an answer to find or to get rid of first.
    fn is_busy(&self) -> bool {
        self.unread.is_some() || self.exchange.is_busy()
    }

    /// Waits without reading. A client that goes away is noticed, so that nothing more is done for it, unless bytes of it
    /// wait, which the kernel gives first; one that only says that it sends no more is not yet: Actix takes no request apart
    /// after that, and may have read some that it has not.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut byte = [0];
        let peeked = socket(&mut self.socket)?.poll_peek(context, &mut ReadBuf::new(&mut byte));
        match ready!(peeked) {
            Ok(_) => {
                self.exchange.read_later(context.waker());
                Poll::Pending
            }
            Err(error) => {
                self.has_failed = true;
                Poll::Ready(Err(error))
            }
        }
    }

    /// Ready where a head that has begun is not complete in time; the answer then is on its way.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.exchange.begun() != self.before {
            self.before = self.exchange.begun();
            self.head = None;
        }
        let Some(head) = &mut self.head else { return Poll::Pending };
        ready!(head.as_mut().poll(context));
        if let Some(socket) = &self.socket {
            let _ = socket.try_write(TOO_LATE);
        }
        self.has_failed = true;
        Poll::Ready(())
    }

    /// Bytes have come: those of a head, unless they are a body's.
    fn have_come(&mut self, bytes: usize) {
        self.at_once += bytes;
        self.exchange.has_read(bytes);
        let is_head = self.before > 0 && !self.exchange.is_answering() && !self.exchange.has_open_body();
        if bytes > 0 && is_head && self.head.is_none() {
            self.head = Some(Box::pin(sleep(self.patience.head)));
        }
    }
}

/// The socket, which is there as long as the connection is.
fn socket(socket: &mut Option<TcpStream>) -> io::Result<Pin<&mut TcpStream>> {
    socket.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.poll_head(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if this.is_busy() {
            return this.poll_gone(context);
        }
        let most = if this.exchange.has_open_body() { BODY_AT_ONCE } else { HEADS_AT_ONCE };
        if this.at_once >= most {
            this.at_once = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let room = buffer.remaining().min(most - this.at_once);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        let read = socket(&mut this.socket)?.poll_read(context, &mut part);
        match &read {
            Poll::Ready(Ok(())) => {
                let length = part.filled().len();
                if length == 0 && this.exchange.is_answering() && !this.has_ended {
                    // What came before it is looked at first, for the same reason.
                    this.has_ended = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                buffer.advance(length);
                this.have_come(length);
                // Its time begins to run.
                let _ = this.poll_head(context);
            }
            Poll::Ready(Err(_)) => this.has_failed = true,
            Poll::Pending => this.at_once = 0,
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        match socket(&mut this.socket)?.poll_write(context, bytes) {
            Poll::Ready(written) => {
                if this.unread.take().is_some() {
                    this.exchange.read_on();
                }
                this.has_failed |= written.is_err();
                Poll::Ready(written)
            }
            Poll::Pending => {
                let patience = this.patience.unread;
                let unread = this.unread.get_or_insert_with(|| Box::pin(sleep(patience)));
                ready!(unread.as_mut().poll(context));
                this.has_failed = true;
                // What the kernel holds of the answer is given up with it.
                if let Some(socket) = &this.socket {
                    SockRef::from(socket).set_linger(Some(Duration::ZERO))?;
                }
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        socket(&mut self.socket)?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        socket(&mut self.socket)?.poll_shutdown(context)
    }
}

impl Drop for Connection {
    /// Actix takes a body whose chunks it cannot read for a client that went away, and hangs up. The client is there,
    /// and is told.
    fn drop(&mut self) {
        let is_refused = self.exchange.is_answering() && self.exchange.has_open_body() && !self.has_failed;
        if !is_refused || self.state.is_draining() || std::thread::panicking() {
            return;
        }
        let Some(socket) = self.socket.take() else { return };
        let (request_id, dialect) = self.exchange.latest();
        log::info!(target: "crm_gateway::access", "status=400 request_id={request_id} the chunks of its body cannot be read");
        let problem = Problem::new(ProblemCode::MalformedJson, "The chunks of the body cannot be read.");
        let answer = problem.render(dialect, &request_id, self.state.clock.now());
        if socket.try_write(&on_the_wire(&answer, &request_id)).is_ok() {
            actix_rt::spawn(linger(socket));
        }
    }
}

/// Reads on for a moment: a socket that is closed before everything was read takes its last answer back.
async fn linger(socket: TcpStream) {
    let _ = SockRef::from(&socket).shutdown(std::net::Shutdown::Write);
    let until = Instant::now() + DISCONNECT_TIMEOUT;
    let mut bytes = [0; 1024];
    while timeout(until.saturating_duration_since(Instant::now()), socket.readable()).await.is_ok() {
        match socket.try_read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// An answer as bytes, for where actix writes none any more.
fn on_the_wire(answer: &Rendered, request_id: &str) -> Vec<u8> {
    let Rendered { status, headers, body, repeated: _ } = answer;
    let mut bytes = Vec::with_capacity(512 + body.len());
    // A `Vec` takes everything.
    let _ = write!(bytes, "HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        let _ = write!(bytes, "{name}: ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let _ = write!(
        bytes,
        "x-request-id: {request_id}\r\ncontent-length: {}\r\ncache-control: private, no-cache\r\n\
         x-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
        body.len()
    );
    bytes.extend_from_slice(body);
    bytes
}
