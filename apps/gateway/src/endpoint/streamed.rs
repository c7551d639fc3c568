//! Answers that are sent while they are read.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use actix_web::web::Bytes;
use crm_exchange::ExportFormat;
use futures_util::Stream;
use futures_util::stream::LocalBoxStream;

use crate::error::Failure;
use crate::limits::{Held, SLICE};
use crate::wire::Rendered;

use super::operation::OperationDoc;
use super::reply::{Reply, header};

/// A file of records: 200, its bytes come in parts. They are put into the extensions of the request, as a [`Streamed`].
#[derive(Debug)]
pub struct File {
    /// What it is called, without its ending.
    pub name: String,
    /// What it is.
    pub format: ExportFormat,
}

/// A file of rows as they came, CSV or lines of JSON: 200, its bytes come in parts as those of a [`File`].
#[derive(Debug)]
pub struct RowsFile(pub File);

impl Reply for RowsFile {
    fn render(self) -> Result<Rendered, Failure> {
        self.0.render()
    }

    fn describe(operation: &mut OperationDoc) {
        operation.file_response(&[ExportFormat::Csv.media_type(), ExportFormat::Ndjson.media_type()]);
    }
}

impl Reply for File {
    fn render(self) -> Result<Rendered, Failure> {
        let Self { name, format } = self;
        let disposition = format!("attachment; filename=\"{name}.{}\"", format.extension());
        let media_type = match format {
            ExportFormat::Csv => "text/csv; charset=utf-8",
            ExportFormat::Ndjson | ExportFormat::Xlsx => format.media_type(),
        };
        let headers =
            vec![(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CONTENT_DISPOSITION, header(&disposition)?)];
        Ok(Rendered { status: StatusCode::OK, headers, body: Bytes::new(), repeated: None })
    }

    fn describe(operation: &mut OperationDoc) {
        let media_types: Vec<_> = ExportFormat::NAMES.iter().map(|(_, format)| format.media_type()).collect();
        operation.file_response(&media_types);
    }
}

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
