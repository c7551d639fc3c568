use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;

use crate::wire::Dialect;

/// How much is read for somebody who waits for more of a body and does not look at what has come: who waits looks at each part, unless
/// what it needs of the body has come and only its end is missing.
const MOST_AWAITED: usize = 64 * 1024;

/// The request that a connection is at, as the connection and the middlewares see it: among the connection's data, and
/// in the connection itself.
#[derive(Clone, Default)]
pub struct Exchange(Rc<State>);

#[derive(Default)]
struct State {
    /// How many requests were handed over so far.
    begun: Cell<u64>,
    /// Whether one has no answer yet.
    is_answering: Cell<bool>,
    /// Whether one has an answer that is not handed over to its end.
    is_sending: Cell<bool>,
    /// Whether the end of its body has not come, or not been looked at.
    has_open_body: Cell<bool>,
    /// How much more is read for somebody who waits for more of it; nothing where nobody does.
    awaited: Cell<usize>,
    /// The body of the latest request, which actix must find held by somebody.
    body: RefCell<Option<SharedBody>>,
    request_id: RefCell<Option<Rc<str>>>,
    dialect: Cell<&'static dyn Dialect>,
    /// Who reads on when there is more to read.
    reader: Cell<Option<Waker>>,
}

#[derive(Clone)]
struct SharedBody(Rc<RefCell<Payload>>);

/// A body whose end the connection hears of.
struct WatchedBody {
    body: SharedBody,
    exchange: Exchange,
}

/// An answer on its way.
pub(crate) struct Sending(Exchange);

impl Exchange {
    /// A request is handed over.
    pub(crate) fn begin(&self, spoken: &'static dyn Dialect) {
        let State { begun, is_answering, has_open_body, awaited, dialect, .. } = &*self.0;
        begun.set(begun.get() + 1);
        is_answering.set(true);
        has_open_body.set(false);
        awaited.set(0);
        dialect.set(spoken);
    }

    /// It has an answer, which is sent until what this gives is dropped. Not called where the request was given up.
    pub(crate) fn answered(&self) -> Sending {
        self.0.is_answering.set(false);
        self.0.is_sending.set(true);
        Sending(self.clone())
    }

    /// Somebody waits for more of the body, and lets the connection read it.
    pub(crate) fn await_body(&self) {
        self.0.awaited.set(MOST_AWAITED);
        self.read_on();
    }

    /// Nobody reads the body any more: whether it has come to its end is found out, and what has come of it is forgotten.
    pub(crate) fn let_go_of_body(&self) {
        self.0.awaited.set(0);
        let Some(body) = self.0.body.borrow().clone() else { return };
        let mut nobody = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(Ok(_))) = self.poll_body(&body, &mut nobody) {}
    }

    /// What comes next of the body, of whose end this takes note.
    fn poll_body(&self, body: &SharedBody, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let next = Pin::new(&mut *body.0.borrow_mut()).poll_next(context);
        if matches!(next, Poll::Ready(None)) {
            self.0.has_open_body.set(false);
        }
        next
    }

    /// It has this body, which is kept until the next request's, and given back to be read.
    pub(crate) fn keep_body(&self, payload: Payload) -> Payload {
        let body = SharedBody(Rc::new(RefCell::new(payload)));
        self.0.body.replace(Some(body.clone()));
        self.0.has_open_body.set(true);
        Payload::Stream { payload: Box::pin(WatchedBody { body, exchange: self.clone() }) }
    }

    /// It has this id.
    pub(crate) fn identify(&self, id: &Rc<str>) {
        self.0.request_id.replace(Some(Rc::clone(id)));
    }

    /// The id of the latest request, and the dialect that is spoken there.
    pub(super) fn latest(&self) -> (Rc<str>, &'static dyn Dialect) {
        let id = self.0.request_id.borrow().clone();
        (id.unwrap_or_else(|| Rc::from("-")), self.0.dialect.get())
    }

    pub(super) fn begun(&self) -> u64 {
        self.0.begun.get()
    }

    pub(super) fn is_answering(&self) -> bool {
        self.0.is_answering.get()
    }

    pub(crate) fn has_open_body(&self) -> bool {
        self.0.has_open_body.get()
    }

    /// Whether nothing more is to be read: there is an answer to find, for which nobody waits for more of the request, or one to send.
    /// What would be read then may be the next requests, of which a client can send any number.
    pub(super) fn is_busy(&self) -> bool {
        let State { is_answering, is_sending, awaited, .. } = &*self.0;
        is_sending.get() || (is_answering.get() && awaited.get() == 0)
    }

    /// So much was read.
    pub(super) fn has_read(&self, bytes: usize) {
        self.0.awaited.set(self.0.awaited.get().saturating_sub(bytes));
    }

    /// Wakes this one when there is more to read.
    pub(super) fn read_later(&self, reader: &Waker) {
        self.0.reader.set(Some(reader.clone()));
    }

    /// Wakes who waits to read.
    pub(super) fn read_on(&self) {
        if let Some(reader) = self.0.reader.take() {
            reader.wake();
        }
    }
}

impl Stream for WatchedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.exchange.poll_body(&self.body, context);
        match next {
            Poll::Pending => self.exchange.await_body(),
            Poll::Ready(_) => self.exchange.0.awaited.set(0),
        }
        next
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.0.is_sending.set(false);
        self.0.read_on();
    }
}
