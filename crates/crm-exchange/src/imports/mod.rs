//! Imports that go on by themselves: a file is stored in parts while it comes in, and any gateway reads them, one after the
//! other, until none is left (docs/adr/0020).

mod clean;
mod draft;
mod error;
mod model;
mod row;
mod schema;
mod service;
mod step;
mod undo;
mod upload;

pub use clean::{KEPT_DAYS, erase_rows, forget_old, tenants_with_old};
pub use draft::{Draft, MOST_DRAFTS, copy_parts, draft, keep, settings, start};
pub use error::ImportError;
pub use model::{
    ImportRun, ImportRunWithProblems, ImportSort, ImportState, NewImport, PROBLEMS_SHOWN, RowProblem, TakenBack,
};
pub use service::{MOST_AT_ONCE, Problems, cancel, get, list, problems, shown, undo};
pub use step::{Left, Step, give_back, give_up, left_behind, step};
pub use upload::{Uploaded, abandon, add_parts, begin, finish};
