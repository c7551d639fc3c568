#![doc = include_str!("../README.md")]

mod cell;
mod columns;
mod export;
mod header;
mod import;
mod kind;
mod list;
mod own;
mod reader;
mod row;
mod vocabulary;
mod write;

pub use columns::{Access, Column, Columns, UnknownColumn};
pub use export::{Export, ExportFormat, Writer};
pub use header::Header;
pub use import::{Import, Imported};
pub use kind::Kind;
pub use reader::{Content, Delimiter, Format, RawRow, Reader, Unreadable, cells_line};
pub use row::{Lookup, Named, Row};
pub use vocabulary::columns;
