use std::marker::PhantomData;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, LINK, LOCATION};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest};
use crm_core::page::Page;
use crm_suite::merge::Repointed;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Failure, Problem};
use crate::limits::Slices;
use crate::wire::Rendered;

use super::etag::{Tagged, etag_of, etag_of_bytes, names_etag};
use super::headers;
use super::operation::OperationDoc;
use super::streamed::Streamed;

/// What a handler returns: an answer of this kind, rendered, or a problem.
pub type Answer<R> = Result<Typed<R>, Problem>;

/// What a service's result becomes on the wire. Rendered inside the database job, so that the event loop
/// writes no JSON and an answer can be stored with the effect that it tells of.
pub trait Reply: Sized {
    /// Writes it.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which is a bug.
    fn render(self) -> Result<Rendered, Failure>;

    /// Writes status, headers and schema into the document.
    fn describe(operation: &mut OperationDoc);
}

/// A rendered response that remembers what it was, for the document.
#[derive(Debug)]
pub struct Typed<R> {
    /// The response.
    pub rendered: Rendered,
    reply: PhantomData<R>,
}

impl<R: Reply> Typed<R> {
    /// Renders a reply.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn of(reply: R) -> Result<Self, Failure> {
        Ok(Self { rendered: reply.render()?, reply: PhantomData })
    }

    /// An answer that was rendered before: another time, or as a refusal that is kept.
    pub(crate) fn rendered_before(rendered: Rendered) -> Self {
        Self { rendered, reply: PhantomData }
    }
}

/// `{ "item": … }`
#[derive(Serialize)]
pub(super) struct ItemEnvelope<T> {
    pub(super) item: T,
}

/// One record: 200 with its ETag.
#[derive(Debug)]
pub struct Item<T>(pub T);

/// A new record: 201 with its `Location` and ETag.
#[derive(Debug)]
pub struct Created<T> {
    /// Its path.
    pub location: String,
    /// The record.
    pub item: T,
}

/// Something that goes on by itself: 202 with its `Location` and ETag.
#[derive(Debug)]
pub struct Accepted<T> {
    /// Where its progress is seen.
    pub location: String,
    /// As it is now.
    pub item: T,
}

/// A record that is as it was wanted, made or changed: 201 or 200.
#[derive(Debug)]
pub enum Put<T> {
    /// It was made.
    Created(Created<T>),
    /// It was there.
    Changed(Item<T>),
}

/// A record that others were merged into, or would be: 200.
#[derive(Debug)]
pub enum Merge<T> {
    /// They were.
    Done(Item<T>),
    /// Nothing was done. There is no ETag: no record is so.
    Would {
        /// The record as it would be.
        item: T,
        /// What would point at it.
        repointed: Repointed,
    },
}

/// A page of records: 200.
#[derive(Debug)]
pub struct Listing<T>(pub Page<T>);

/// All records of a short list: 200, `{ "items": [ … ] }` with an ETag.
#[derive(Debug)]
pub struct Items<T>(pub Vec<T>);

#[derive(Serialize)]
struct ItemsEnvelope<T> {
    items: T,
}

/// The outcome of an action that is no record: 200, without an envelope.
#[derive(Debug)]
pub struct Plain<T>(pub T);

/// Nothing left to show: 204.
#[derive(Debug)]
pub struct NoContent;

/// A body that is ready: 200. For the few routes beside the API, which have no envelope.
#[derive(Debug)]
pub struct Raw {
    /// Its media type.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Result<Rendered, Failure> {
    let body = serde_json::to_vec(value)?.into();
    Ok(Rendered {
        status,
        headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        body,
        repeated: None,
    })
}

pub(crate) fn header(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|error| Failure::Bug(format!("{text:?} is no header value: {error}")))
}

fn item<T: Serialize>(status: StatusCode, item: T) -> Result<Rendered, Failure> {
    tagged(status, &ItemEnvelope { item })
}

fn tagged(status: StatusCode, envelope: &impl Serialize) -> Result<Rendered, Failure> {
    let mut rendered = json(status, envelope)?;
    rendered.headers.push((ETAG, header(&etag_of_bytes(&rendered.body))?));
    Ok(rendered)
}

impl<T: Serialize + ToSchema> Reply for Item<T> {
    fn render(self) -> Result<Rendered, Failure> {
        item(StatusCode::OK, self.0)
    }

    fn describe(operation: &mut OperationDoc) {
        operation.item_response::<T>(StatusCode::OK, "The record.", &[headers::ETAG]);
    }
}

impl<T: Serialize> Tagged for Item<T> {
    type Value = T;

    fn etag(item: &T) -> Result<String, serde_json::Error> {
        etag_of(&ItemEnvelope { item })
    }
}

impl<T: Serialize> Tagged for Items<T> {
    type Value = Vec<T>;

    fn etag(items: &Vec<T>) -> Result<String, serde_json::Error> {
        etag_of(&ItemsEnvelope { items })
    }
}

impl<T: Serialize + ToSchema> Reply for Created<T> {
    fn render(self) -> Result<Rendered, Failure> {
        let mut rendered = item(StatusCode::CREATED, self.item)?;
        rendered.headers.push((LOCATION, header(&self.location)?));
        Ok(rendered)
    }

    fn describe(operation: &mut OperationDoc) {
        operation.item_response::<T>(StatusCode::CREATED, "The new record.", &[headers::ETAG, headers::LOCATION]);
    }
}

impl<T: Serialize + ToSchema> Reply for Accepted<T> {
    fn render(self) -> Result<Rendered, Failure> {
        let mut rendered = item(StatusCode::ACCEPTED, self.item)?;
        rendered.headers.push((LOCATION, header(&self.location)?));
        Ok(rendered)
    }

    fn describe(operation: &mut OperationDoc) {
        operation.item_response::<T>(
            StatusCode::ACCEPTED,
            "It goes on by itself.",
            &[headers::ETAG, headers::LOCATION],
        );
    }
}

impl<T: Serialize + ToSchema> Reply for Put<T> {
    fn render(self) -> Result<Rendered, Failure> {
        match self {
            Self::Created(created) => created.render(),
            Self::Changed(item) => item.render(),
        }
    }

    fn describe(operation: &mut OperationDoc) {
        <Item<T> as Reply>::describe(operation);
        <Created<T> as Reply>::describe(operation);
    }
}

#[derive(Serialize)]
struct PreviewEnvelope<T> {
    item: T,
    repointed: Repointed,
}

impl<T: Serialize + ToSchema> Reply for Merge<T> {
    fn render(self) -> Result<Rendered, Failure> {
        match self {
            Self::Done(item) => item.render(),
            Self::Would { item, repointed } => json(StatusCode::OK, &PreviewEnvelope { item, repointed }),
        }
    }

    fn describe(operation: &mut OperationDoc) {
        operation.merge_response::<T>();
    }
}

/// The most bytes of the reference in `Link`, which repeats the filters of its request: proxies refuse answers with long heads.
const LONGEST_LINK: usize = 4 * 1024;

impl<T: Serialize + ToSchema> Reply for Listing<T> {
    fn render(self) -> Result<Rendered, Failure> {
        let mut rendered = json(StatusCode::OK, &self.0)?;
        if let Some(next) = self.0.next.as_ref().filter(|next| next.len() <= LONGEST_LINK) {
            rendered.headers.push((LINK, header(&format!("<{next}>; rel=\"next\""))?));
        }
        Ok(rendered)
    }

    fn describe(operation: &mut OperationDoc) {
        operation.page_response::<T>();
    }
}

impl<T: Serialize + ToSchema> Reply for Items<T> {
    fn render(self) -> Result<Rendered, Failure> {
        tagged(StatusCode::OK, &ItemsEnvelope { items: self.0 })
    }

    fn describe(operation: &mut OperationDoc) {
        operation.items_response::<T>();
    }
}

impl<T: Serialize + ToSchema> Reply for Plain<T> {
    fn render(self) -> Result<Rendered, Failure> {
        json(StatusCode::OK, &self.0)
    }

    fn describe(operation: &mut OperationDoc) {
        operation.plain_response::<T>();
    }
}

impl Reply for NoContent {
    fn render(self) -> Result<Rendered, Failure> {
        Ok(Rendered { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: Bytes::new(), repeated: None })
    }

    fn describe(operation: &mut OperationDoc) {
        operation.empty_response(StatusCode::NO_CONTENT, "Done; there is nothing to show.", &[]);
    }
}

impl Reply for Raw {
    fn render(self) -> Result<Rendered, Failure> {
        let headers = vec![(CONTENT_TYPE, HeaderValue::from_static(self.content_type))];
        Ok(Rendered { status: StatusCode::OK, headers, body: self.body, repeated: None })
    }

    fn describe(operation: &mut OperationDoc) {
        operation.raw_response("text/plain");
    }
}

impl Rendered {
    /// The response to this request: a 304 where a GET already has what is here (RFC 9110, 13.1.2).
    #[must_use]
    pub fn into_response(self, request: &HttpRequest) -> HttpResponse {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let etag = self.headers.iter().find(|(name, _)| *name == ETAG).and_then(|(_, value)| value.to_str().ok());
        let unchanged =
            reads && self.status == StatusCode::OK && etag.is_some_and(|etag| none_match_fails(request, etag));
        let status = if unchanged { StatusCode::NOT_MODIFIED } else { self.status };
        let mut response = HttpResponse::build(status);
        for (name, value) in self.headers {
            if !(unchanged && name == CONTENT_TYPE) {
                // Cookies come one by one.
                response.append_header((name, value));
            }
        }
        let streamed = request.extensions_mut().remove::<Streamed>();
        match (streamed, self.body) {
            (Some(streamed), _) => response.body(streamed),
            (None, body) if unchanged || body.is_empty() => response.finish(),
            (None, body) => match Slices::of(request, &body) {
                Some(slices) => response.body(slices),
                None => response.body(body),
            },
        }
    }
}

/// Whether `If-None-Match` names this ETag, by weak comparison.
fn none_match_fails(request: &HttpRequest, etag: &str) -> bool {
    let mut values = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    values.any(|value| names_etag(value, etag))
}
