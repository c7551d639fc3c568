use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::http::header::CONTENT_TYPE;
use futures_util::StreamExt;
use futures_util::stream::unfold;
use tokio::time::timeout;

use crate::error::{Problem, ProblemCode};

use super::body;
use super::call::Call;
use super::pairs::{Pairs, decode, decode_pairs};
use super::sent_file::{Chunks, SentFile};

/// The most bytes of a form, as of the body of a record.
const MOST_BYTES: usize = 1024 * 1024;
/// The most fields of a form: those of a record with 200 custom ones, or the boxes of a page of a list.
const MOST_FIELDS: usize = 2_000;
/// How long the fields before a file may take.
const FIELDS_TIMEOUT: Duration = Duration::from_secs(10);

/// What a browser sends of a form: names and values, in their order.
#[derive(Debug, Clone, Default)]
pub struct Form(Pairs);

impl Form {
    /// What an address has behind its path, as a form that it came of.
    ///
    /// # Errors
    /// When it has too many parameters, or is not percent-encoded UTF-8.
    pub(crate) fn of_address(address: &str) -> Result<Self, Problem> {
        decode(address.split_once('?').map_or("", |(_, query)| query)).map(Self)
    }

    /// The same of parameters that were read.
    #[must_use]
    pub fn of_pairs(pairs: &[(String, String)]) -> Self {
        Self(pairs.to_vec())
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is no form, too large, or comes too slowly.
    pub(crate) async fn read(call: &mut Call) -> Result<Self, Problem> {
        let content_type = call.request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("multipart/form-data") {
            let deadline = call.deadline.clone();
            return match deadline.aside(timeout(FIELDS_TIMEOUT, Self::read_parts(call))).await {
                Ok(read) => read,
                Err(_) => Err(Problem::new(ProblemCode::RequestTimeout, "The form did not arrive within 10 seconds.")),
            };
        }
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Problem::new(
                ProblemCode::UnsupportedMediaType,
                "A form is application/x-www-form-urlencoded, or multipart/form-data with a file.",
            ));
        }
        let bytes = body::read(call, MOST_BYTES).await?;
        body::here_or_beside(call, bytes.len(), move || Self::of_bytes(&bytes)).await
    }

    fn of_bytes(bytes: &[u8]) -> Result<Self, Problem> {
        let malformed = |_| Problem::new(ProblemCode::MalformedQuery, "The form is no percent-encoded UTF-8.");
        decode_pairs(std::str::from_utf8(bytes).map_err(malformed)?, MOST_FIELDS).map(Self)
    }

    /// Reads the fields up to the file, which is left in the call for whoever wants it.
    async fn read_parts(call: &mut Call) -> Result<Self, Problem> {
        let malformed = || Problem::new(ProblemCode::MalformedQuery, "The form is no multipart/form-data.");
        let headers = call.request.headers().clone();
        let mut parts = Multipart::new(&headers, call.take_payload()?);
        let (mut pairs, mut bytes) = (Pairs::new(), 0);
        while let Some(part) = parts.next().await {
            let mut part = part.map_err(|_| malformed())?;
            let name = part.name().unwrap_or_default().to_owned();
            if let Some(file) = part.content_disposition().and_then(|disposition| disposition.get_filename()) {
                if !file.is_empty() {
                    let file = file.to_owned();
                    let (deadline, place) = (call.deadline.clone(), call.state.uploads.enter().await?);
                    call.file = Some(SentFile { name: file, chunks: file_chunks(parts, part), deadline, place });
                }
                break;
            }
            let value = part.bytes(MOST_BYTES - bytes).await;
            let too_large = |_| Problem::new(ProblemCode::BodyTooLarge, "The fields of the form have more than 1 MiB.");
            let value = value.map_err(too_large)?.map_err(|_| malformed())?;
            bytes += value.len();
            if pairs.len() == MOST_FIELDS {
                return Err(malformed());
            }
            pairs.push((name, String::from_utf8(value.to_vec()).map_err(|_| malformed())?));
        }
        Ok(Self(pairs))
    }

    /// The first value of a field.
    #[must_use]
    pub fn value<'f>(&'f self, name: &'f str) -> Option<&'f str> {
        self.values(name).next()
    }

    /// All values of a field, of boxes that were ticked.
    pub fn values<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// All fields.
    #[must_use]
    pub fn fields(&self) -> &[(String, String)] {
        &self.0
    }
}

/// What comes of the file of a form. The form is held along: without it nothing more comes.
fn file_chunks(parts: Multipart, file: Field) -> Chunks {
    let next = async |(parts, mut file): (Multipart, Field)| {
        let chunk = file.next().await?;
        Some((chunk.map_err(|_| ()), (parts, file)))
    };
    // Whoever asks behind the end is told of it again.
    unfold((parts, file), next).fuse().boxed_local()
}
