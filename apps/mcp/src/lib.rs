//! The tools by which a model works with the CRM (Model Context Protocol; docs/mcp.md).
//!
//! Each tool is composed of requests of the HTTP API and of nothing else, so that it does, allows and refuses what the API
//! does: this crate knows an [`Api`] that answers requests, and no database. What the tools take is read off the API
//! document, so that the two cannot disagree.

mod answer;
mod api;
mod arguments;
mod document;
mod exchange;
mod kinds;
mod schema;
mod server;
mod tools;

pub use api::{Api, Method, Request, Response, Unreachable};
pub use document::Document;
pub use exchange::{Exchanged, exchange};
pub use server::{Server, serve_stdio};
