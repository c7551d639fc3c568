#![doc = include_str!("../README.md")]

mod action;
mod cascade;
mod change;
pub mod comments;
mod error;
mod feed;
mod fields;
mod forgetting;
mod history;
mod insert;
mod kind;
mod named;
mod participants;
mod position;
mod record;
mod schema;
mod told;
mod trash;
mod undo;
mod writes;
mod written;

pub use action::Action;
pub use cascade::{ContactColumns, ReferenceColumn, record_alike};
pub use change::{Change, FieldChange, UsedKey};
pub use error::{CommentError, HistoryError};
pub use feed::{FeedFilter, FeedPage, end, feed, find, kept, oldest_kept, written_after};
pub use fields::Fields;
pub use forgetting::{Past, days_before, forget_before, go_on, last_written, tenants_with_older};
pub use history::{HistorySort, history, is_known};
pub use kind::Kind;
pub use position::{ChangeId, NotAPosition, Position};
pub use record::{NewChange, What, record, record_each};
pub use told::{Linked, linked};
pub use trash::{Deleted, Discarded, Expired, Trash, TrashSort};
pub use undo::{Place, Places, Undone};
pub use written::{Deletion, Written};
