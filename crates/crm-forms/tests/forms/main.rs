//! The tests of forms: one program, because each program links both databases.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;
mod common;
mod custom;
mod fields;
mod in_code;
mod merge;
mod service;
mod source;
mod values;
