use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest};

use crate::error::{Problem, ProblemCode};

use super::Payer;

/// How much is handed over at once, and how much a connection's own buffer takes. What is no longer than this is handed
/// over at once and not counted: the bound to connections bounds it.
pub(crate) const SLICE: usize = 16 * 1024;
/// How many bytes of answers to one payer may wait. It is looked at before the work for another begins, so that there
/// can be as many answers more as the payer has places at the database.
const MOST_EACH: usize = 16 * 1024 * 1024;
/// How many of all may wait. Beyond it, only those are served that have read everything.
const MOST_OF_ALL: usize = 128 * 1024 * 1024;

/// The bytes of answers that wait for their clients to read them.
#[derive(Clone, Default)]
pub struct Unread(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    each: HashMap<Payer, usize>,
    all: usize,
}

/// The bytes of one answer, until this is dropped.
pub struct Held {
    unread: Unread,
    payer: Payer,
    bytes: usize,
}

/// A body that is handed over in slices of the same bytes, so that a connection whose client does not read copies none
/// that it cannot send.
pub struct Slices {
    rest: Bytes,
    _held: Option<Held>,
}

impl Unread {
    /// Whether more may be done for this payer.
    ///
    /// # Errors
    /// [`ProblemCode::RateLimited`] where it has read too little, [`ProblemCode::Overloaded`] where all together have.
    pub fn admit(&self, payer: Payer) -> Result<(), Problem> {
        let waiting = self.waiting();
        match waiting.each.get(&payer).copied().unwrap_or_default() {
            0 => Ok(()),
            own if own >= MOST_EACH => {
                let detail = format!("{own} bytes of answers wait to be read. Read them, or close their connections.");
                Err(Problem::new(ProblemCode::RateLimited, detail))
            }
            _ if waiting.all >= MOST_OF_ALL => {
                Err(Problem::new(ProblemCode::Overloaded, "Too many answers wait to be read, some of them yours."))
            }
            _ => Ok(()),
        }
    }

    /// How many bytes wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.waiting().all
    }

    /// Counts an answer that was written for this payer; one that is a single slice is not.
    #[must_use]
    pub fn hold(&self, payer: Payer, bytes: usize) -> Option<Held> {
        if bytes <= SLICE {
            return None;
        }
        let mut waiting = self.waiting();
        waiting.all += bytes;
        *waiting.each.entry(payer).or_default() += bytes;
        drop(waiting);
        Some(Held { unread: self.clone(), payer, bytes })
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slices {
    /// The slices of an answer to this request; `None` where it is one. With it goes what was counted for it when it was
    /// written. What nobody pays for is there once for all who read it.
    #[must_use]
    pub fn of(request: &HttpRequest, bytes: &Bytes) -> Option<Self> {
        let held = request.extensions_mut().remove::<Held>();
        (bytes.len() > SLICE).then(|| Self { rest: bytes.clone(), _held: held })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut waiting = self.unread.waiting();
        waiting.all -= self.bytes;
        if let Some(own) = waiting.each.get_mut(&self.payer) {
            *own -= self.bytes;
            if *own == 0 {
                waiting.each.remove(&self.payer);
            }
        }
    }
}

impl MessageBody for Slices {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let length = self.rest.len().min(SLICE);
        Poll::Ready((length > 0).then(|| Ok(self.rest.split_to(length))))
    }
}

#[cfg(test)]
mod tests {
    use crm_core::keys::ApiKey;

    use super::*;

    fn payer(letter: &str) -> Payer {
        Payer::Key(ApiKey::parse(&letter.repeat(32)).unwrap().hash())
    }

    fn code(unread: &Unread, payer: Payer) -> Option<ProblemCode> {
        unread.admit(payer).err().map(|problem| problem.code)
    }

    fn hold(unread: &Unread, letter: &str, bytes: usize) -> Held {
        unread.hold(payer(letter), bytes).unwrap()
    }

    #[test]
    fn who_reads_nothing_gets_no_more() {
        let unread = Unread::default();
        assert!(unread.hold(payer("a"), SLICE).is_none(), "a single slice");
        let almost = hold(&unread, "a", MOST_EACH - SLICE - 1);
        assert_eq!(code(&unread, payer("a")), None);
        let last = hold(&unread, "a", SLICE + 1);
        assert_eq!(code(&unread, payer("a")), Some(ProblemCode::RateLimited));
        assert_eq!(code(&unread, payer("b")), None, "another");
        drop(last);
        assert_eq!(code(&unread, payer("a")), None);
        drop(almost);
        assert!(unread.waiting().each.is_empty() && unread.bytes() == 0);
    }

    #[test]
    fn where_all_read_too_little_those_are_served_that_have_read_everything() {
        let unread = Unread::default();
        let most = MOST_EACH - 1;
        let held: Vec<_> = (0..=MOST_OF_ALL / most).map(|number| hold(&unread, &format!("{number}"), most)).collect();
        assert!(unread.bytes() > MOST_OF_ALL);
        assert_eq!(code(&unread, payer("0")), Some(ProblemCode::Overloaded));
        assert_eq!(code(&unread, payer("z")), None);
        drop(held);
        assert_eq!(code(&unread, payer("0")), None);
    }

    #[test]
    fn a_body_comes_in_slices_and_counts_until_it_is_gone() {
        let unread = Unread::default();
        let held = hold(&unread, "a", 2 * SLICE + 1);
        let mut body = Slices { rest: vec![0; 2 * SLICE + 1].into(), _held: Some(held) };
        assert_eq!(body.size(), BodySize::Sized(2 * SLICE as u64 + 1));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let lengths = std::iter::from_fn(|| match Pin::new(&mut body).poll_next(&mut context) {
            Poll::Ready(Some(Ok(slice))) => Some(slice.len()),
            _ => None,
        });
        assert_eq!(lengths.collect::<Vec<_>>(), [SLICE, SLICE, 1]);
        assert_eq!(unread.bytes(), 2 * SLICE + 1);
        drop(body);
        assert_eq!(unread.bytes(), 0);
    }
}
