//! The tests of tags: one program, because each program links both databases.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
mod input;
mod links;
mod service;
