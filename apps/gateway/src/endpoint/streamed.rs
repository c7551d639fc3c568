//! Answers that are sent while they are read.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::LocalBoxStream;

use crate::limits::{Held, SLICE};

/// A part of an answer, with what is counted for it until the next one is asked for.
pub type Part = (Bytes, Option<Held>);

/// A body whose next part is read when its client has taken the one before. It is handed over in slices, so that a
/// connection whose client does not read copies none that it cannot send.
pub struct Streamed {
    parts: LocalBoxStream<'static, Result<Part, Cut>>,
    rest: Bytes,
    held: Option<Held>,
}

/// An answer that ended before its end. The client finds a body without its last chunk, and the log says why.
#[derive(Debug)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the rest of the answer could not be read")
    }
}

impl std::error::Error for Cut {}

impl Streamed {
    /// A body of these parts.
    #[must_use]
    pub fn new(parts: impl Stream<Item = Result<Part, Cut>> + 'static) -> Self {
        Self { parts: Box::pin(parts), rest: Bytes::new(), held: None }
    }
}

impl MessageBody for Streamed {
    type Error = Cut;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        let this = &mut *self;
        while this.rest.is_empty() {
            match ready!(this.parts.as_mut().poll_next(context)) {
                None => return Poll::Ready(None),
                Some(Err(cut)) => return Poll::Ready(Some(Err(cut))),
                Some(Ok((bytes, held))) => (this.rest, this.held) = (bytes, held),
            }
        }
        let length = this.rest.len().min(SLICE);
        Poll::Ready(Some(Ok(this.rest.split_to(length))))
    }
}
