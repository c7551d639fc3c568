//! The tests of forms: one program, because each program links both databases.

mod common;
mod custom;
mod fields;
mod service;
mod source;
mod values;
