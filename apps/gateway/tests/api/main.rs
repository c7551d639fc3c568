//! The API over HTTP: the built program, a real database of each kind, a client that knows nothing else.

#[path = "../common/client.rs"]
mod client;
#[path = "../common/process.rs"]
mod process;

mod case_types;
mod cases;
mod conversion;
mod leads;
mod opportunities;
