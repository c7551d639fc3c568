use actix_web::http::Method;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::Operation;

use crate::wire::Dialect;

use super::operation::OperationDoc;

/// Says of an operation that makes a record what can be done with it: each operation on its path takes the new id.
/// Readers see the connection, and tools that test by the document find records to work on.
pub(super) fn add<'a>(
    operation: &mut Operation,
    doc: &OperationDoc,
    dialect: &dyn Dialect,
    all: impl Iterator<Item = &'a OperationDoc>,
) {
    let responses = &mut operation.responses.responses;
    let status = if responses.contains_key("201") { "201" } else { "202" };
    let Some(RefOr::T(created)) = responses.get_mut(status) else { return };
    let acts_on_it = |other: &&OperationDoc| {
        let rest = other.path.strip_prefix(doc.path.as_str()).and_then(|rest| rest.strip_prefix("/{id}"));
        doc.method == Method::POST && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for other in all.filter(acts_on_it) {
        let link: Link =
            LinkBuilder::new().operation_id(other.id.as_str()).parameter("id", Value::from(dialect.made_id())).build();
        created.links.insert(other.id.to_owned(), link.into());
    }
}
