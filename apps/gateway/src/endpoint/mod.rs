//! One declaration per route: its handler's signature says what it takes and gives back, which both
//! registers it with actix and writes it into the OpenAPI document.
//!
//! ```text
//! api.post("/pipeline/leads", create_lead).named("create_lead", "Create a lead");
//!
//! async fn create_lead(caller: Caller<area::Pipeline, Write>, body: Body<NewLead>) -> Answer<Created<Lead>> { … }
//! ```
//!
//! Arguments are extracted one after the other, in their order, so that nothing is said about a body to
//! somebody without a key. (Actix polls its extractors together.)

mod body;
mod call;
mod deadline;
mod etag;
mod examples;
mod extract;
mod file;
mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
mod handler;
pub(crate) mod headers;
mod html;
mod links;
mod openapi;
mod operation;
mod pairs;
mod problems;
mod query;
pub(crate) mod reply;
mod schemas;
mod sent_file;
mod shown;
mod stored;
mod streamed;
mod upload;

pub use body::{Body, Message, NoBody, OptionalBody};
pub(crate) use call::request_id;
pub use call::{AmbiguousHeader, Call, RequestId, TenantOfRequest};
pub use deadline::Deadline;
pub use etag::{Tagged, etag_of};
pub(crate) use etag::{etag_of_bytes, names_etag};
pub use extract::{Extract, PathExternalId, PathId, PathPart, PathPartId, Precondition};
pub use file::{File, RowsFile};
pub use form::Form;
pub use handler::{Api, Handler, Operation};
pub use html::Html;
pub use openapi::document;
pub use operation::OperationDoc;
pub(crate) use query::read_params;
pub use query::{Address, Params, Query};
pub use reply::{Accepted, Answer, Created, Item, Items, Listing, Merge, NoContent, Plain, Put, Raw, Reply, Typed};
pub use sent_file::SentFile;
pub use shown::{Secretive, Shown, ShownNew};
pub use stored::{Stored, StoredForms};
pub use streamed::{Cut, Part, Streamed};
pub use upload::{FormFile, LONGEST_UPLOAD, Upload};
