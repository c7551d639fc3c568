//! The tests of tags: one program, because each program links both databases.

mod common;
mod input;
mod links;
mod service;
