#![doc = include_str!("../README.md")]

mod cell;
mod columns;
mod header;
mod kind;
mod list;
mod own;
mod row;
mod vocabulary;

pub use columns::{Access, Column, Columns, UnknownColumn};
pub use header::Header;
pub use kind::Kind;
pub use row::{Lookup, Named, Row};
pub use vocabulary::columns;
