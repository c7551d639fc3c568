#![doc = include_str!("../README.md")]

mod cell;
mod columns;
mod export;
mod header;
mod import;
pub mod imports;
mod intake;
mod kind;
mod list;
mod names;
mod own;
mod reader;
mod row;
mod sheet;
mod vocabulary;
mod write;

pub use columns::{Access, Column, Columns, UnknownColumn};
pub use export::{Export, ExportFormat, Writer};
pub use header::Header;
pub use import::{Counts, Done, Import};
pub use intake::Intake;
pub use kind::Kind;
pub use reader::{Content, Delimiter, Format, RawRow, Reader, Unreadable, cells_line};
pub use row::{Lookup, NameToFind, Row};
pub use sheet::Sheet;
pub use vocabulary::columns;
