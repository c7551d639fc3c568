//! The routes, one file an area: each handler is extract, one database job, envelope.

mod admin;
mod bulk;
mod case_types;
mod cases;
mod changes;
mod clientmap;
mod collections;
mod comments;
mod contacts;
mod docs;
pub(crate) mod export;
mod forms;
mod history;
pub(crate) mod imports;
mod keys;
mod leads;
mod mcp;
mod merges;
mod opportunities;
mod organizations;
mod pipelines;
mod process;
mod search;
mod tags;
mod trash;
pub(crate) mod webhooks;

pub(crate) use changes::readable;
pub(crate) use trash::erase;

use crate::endpoint::Api;

/// Declares all of them.
pub fn routes(api: &mut Api) {
    leads::routes(api);
    opportunities::routes(api);
    pipelines::routes(api);
    contacts::routes(api);
    organizations::routes(api);
    cases::routes(api);
    case_types::routes(api);
    search::routes(api);
    tags::routes(api);
    forms::routes(api);
    bulk::routes(api);
    imports::routes(api);
    comments::routes(api);
    history::routes(api);
    changes::routes(api);
    trash::routes(api);
    keys::routes(api);
    webhooks::routes(api);
    admin::routes(api);
    clientmap::routes(api);
    process::routes(api);
    docs::routes(api);
    mcp::routes(api);
}
