use std::io::{self, Write};

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, VARY};
use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::Failure;
use crate::wire::Rendered;

use super::etag::etag_of_bytes;
use super::operation::OperationDoc;
use super::reply::{Raw, Reply, header};

/// A text that stays the same while the process runs, as it is and compressed: once, and not for each who asks. All
/// answers share its bytes.
pub struct StoredForms {
    plain: Stored,
    gzip: Stored,
}

/// One form of it: 200 with an ETag of its own, since the bytes are others.
#[derive(Clone)]
pub struct Stored {
    content_type: &'static str,
    is_gzipped: bool,
    bytes: Bytes,
    etag: String,
}

impl StoredForms {
    /// Both forms of this text.
    ///
    /// # Errors
    /// When it cannot be compressed, which is a bug.
    pub fn new(content_type: &'static str, plain: Bytes) -> io::Result<Self> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&plain)?;
        let form =
            |is_gzipped: bool, bytes: Bytes| Stored { content_type, is_gzipped, etag: etag_of_bytes(&bytes), bytes };
        Ok(Self { gzip: form(true, encoder.finish()?.into()), plain: form(false, plain) })
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.plain.bytes
    }

    /// The form that a client takes.
    #[must_use]
    pub fn form(&self, takes_gzip: bool) -> Stored {
        if takes_gzip { self.gzip.clone() } else { self.plain.clone() }
    }
}

impl Reply for Stored {
    fn render(self) -> Result<Rendered, Failure> {
        let Self { content_type, is_gzipped, bytes, etag } = self;
        let mut headers = vec![
            (CONTENT_TYPE, HeaderValue::from_static(content_type)),
            (VARY, HeaderValue::from_static("Accept-Encoding")),
            (ETAG, header(&etag)?),
        ];
        if is_gzipped {
            headers.push((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
        }
        Ok(Rendered { status: StatusCode::OK, headers, body: bytes, repeated: None })
    }

    fn describe(operation: &mut OperationDoc) {
        Raw::describe(operation);
    }
}
