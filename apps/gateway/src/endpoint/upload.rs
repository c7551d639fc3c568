//! A file as the body of a request: as long as it may be, it is never whole in memory.

use std::time::{Duration, Instant};

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::BytesMut;
use crm_exchange::ExportFormat;
use encoding_rs::Encoding;
use futures_util::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use crate::error::{Problem, ProblemCode};
use crate::idempotency::Attempt;
use crate::limits::UploadPlace;

use super::call::Call;
use super::deadline::Deadline;
use super::extract::Extract;
use super::operation::OperationDoc;
use super::sent_file::{Chunks, SentFile};

/// The most bytes of a file.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// How long one may be on its way (docs/compatibility.md, "Limits").
pub const LONGEST_UPLOAD: Duration = Duration::from_secs(15 * 60);
/// What must come in each of these times, unless it is the end: who sends less holds a place for nothing.
const PACE: Duration = Duration::from_secs(10);
const LEAST_BYTES: usize = 64 * 1024;
/// How much is handed on at once.
const PIECE: usize = 256 * 1024;

/// A file that comes as the body, or in a form: CSV, or lines of JSON.
pub struct Upload {
    /// What it is.
    pub format: ExportFormat,
    /// In which encoding, where it does not say so itself.
    pub encoding: &'static Encoding,
    chunks: Chunks,
    taken: usize,
    ends: Instant,
    attempt: Attempt,
    hash: Option<Sha256>,
    deadline: Deadline,
    _place: UploadPlace,
}

impl Extract for Upload {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let (format, encoding) = media_type(call)?;
        let length = call.request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > MOST_BYTES) {
            return Err(too_large());
        }
        let place = call.state.uploads.enter().await?;
        let chunks = call.take_payload()?.map_err(|_| ()).boxed_local();
        let hash = call.attempt.hash();
        let attempt = (call.attempt.clone(), hash);
        Ok(Self::of(format, encoding, chunks, attempt, (call.deadline.clone(), place)))
    }

    fn describe(operation: &mut OperationDoc) {
        operation.file_body(&["text/csv", "application/x-ndjson"]);
        for code in [
            ProblemCode::ValidationFailed,
            ProblemCode::MalformedJson,
            ProblemCode::RequestTimeout,
            ProblemCode::BodyTooLarge,
            ProblemCode::UnsupportedMediaType,
        ] {
            operation.problem(code);
        }
    }
}

/// The file of a form, behind its other fields; none where nobody chose one.
pub struct FormFile(pub Option<SentFile>);

impl SentFile {
    /// The file, in this encoding unless it says another; lines of JSON where its name says so, else CSV.
    #[must_use]
    pub fn into_upload(self, encoding: &'static Encoding) -> Upload {
        let Self { name, chunks, deadline, place } = self;
        let name = name.to_ascii_lowercase();
        let is_lines = [".ndjson", ".jsonl"].iter().any(|end| name.ends_with(end));
        let format = if is_lines { ExportFormat::Ndjson } else { ExportFormat::Csv };
        Upload::of(format, encoding, chunks, (Attempt::default(), None), (deadline, place))
    }
}

impl Extract for FormFile {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self(call.file.take()))
    }

    fn describe(_: &mut OperationDoc) {}
}

impl Upload {
    fn of(
        format: ExportFormat,
        encoding: &'static Encoding,
        chunks: Chunks,
        (attempt, hash): (Attempt, Option<Sha256>),
        (deadline, place): (Deadline, UploadPlace),
    ) -> Self {
        let ends = Instant::now() + LONGEST_UPLOAD;
        Self { format, encoding, chunks, taken: 0, ends, attempt, hash, deadline, _place: place }
    }

    /// The next piece of the file; `None` behind the last.
    ///
    /// # Errors
    /// Where it does not come in time, ends too early or is too long.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let mut piece = BytesMut::new();
        let (mut window, mut before) = (Instant::now() + PACE, 0);
        while piece.len() < PIECE {
            let end = window.min(self.ends);
            let chunk = timeout(end.saturating_duration_since(Instant::now()), self.chunks.next());
            match self.deadline.aside(chunk).await {
                Ok(None) => break,
                Ok(Some(Ok(chunk))) => {
                    self.taken += chunk.len();
                    if self.taken > MOST_BYTES {
                        return Err(too_large());
                    }
                    piece.extend_from_slice(&chunk);
                }
                Ok(Some(Err(()))) => {
                    return Err(Problem::new(ProblemCode::MalformedJson, "The body ended too early."));
                }
                Err(_) if Instant::now() < self.ends && piece.len() - before >= LEAST_BYTES => {
                    (window, before) = (Instant::now() + PACE, piece.len());
                }
                Err(_) => {
                    let detail = "The file comes too slowly, or for longer than 15 minutes.";
                    return Err(Problem::new(ProblemCode::RequestTimeout, detail));
                }
            }
        }
        if let Some(hash) = &mut self.hash {
            hash.update(&piece);
        }
        if piece.is_empty() {
            if let Some(hash) = self.hash.take() {
                self.attempt.has_read(hash);
            }
            return Ok(None);
        }
        Ok(Some(piece.to_vec()))
    }
}

fn too_large() -> Problem {
    Problem::new(ProblemCode::BodyTooLarge, "The file has more than 256 MiB.")
}

/// What the body is, and its charset: UTF-8 where that is not said.
fn media_type(call: &Call) -> Result<(ExportFormat, &'static Encoding), Problem> {
    let unsupported = |detail: &str| Problem::new(ProblemCode::UnsupportedMediaType, detail);
    let headers = call.request.headers();
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(unsupported("The body must come without a content coding."));
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|text| text.to_str().ok()).unwrap_or_default();
    let mut parts = content_type.split(';').map(str::trim);
    let format = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "text/csv" => ExportFormat::Csv,
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => ExportFormat::Ndjson,
        _ => return Err(unsupported("The body must be text/csv or application/x-ndjson.")),
    };
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    let encoding = match charset {
        None => encoding_rs::UTF_8,
        Some(charset) => {
            Encoding::for_label(charset.as_bytes()).ok_or_else(|| unsupported("The charset of the body is unknown."))?
        }
    };
    Ok((format, encoding))
}
