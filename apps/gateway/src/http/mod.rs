//! The routes, one file an area: each handler is extract, one database job, envelope.

mod process;

use crate::endpoint::Api;

/// Declares all of them.
pub fn routes(api: &mut Api) {
    process::routes(api);
}
