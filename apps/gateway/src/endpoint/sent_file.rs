use actix_web::web::Bytes;
use futures_util::stream::LocalBoxStream;

use crate::limits::UploadPlace;

use super::deadline::Deadline;

/// What comes of a file; an error where it ends too early.
pub(super) type Chunks = LocalBoxStream<'static, Result<Bytes, ()>>;

/// A file in a form.
pub struct SentFile {
    pub(super) name: String,
    pub(super) chunks: Chunks,
    pub(super) deadline: Deadline,
    pub(super) place: UploadPlace,
}
