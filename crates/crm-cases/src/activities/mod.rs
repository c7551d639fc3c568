//! What happened to a case: changes of its status, and comments (docs/compatibility.md, "Cases and case types").

mod model;
mod queries;
mod service;

pub use model::{Activity, ActivitySort, NewComment};
pub use service::*;

pub(crate) use service::record_step;
