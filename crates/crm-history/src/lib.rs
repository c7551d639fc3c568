#![doc = include_str!("../README.md")]

mod action;
mod change;
mod error;
mod feed;
mod fields;
mod insert;
mod kind;
mod named;
mod position;
mod record;
mod schema;

pub use action::Action;
pub use change::{Change, FieldChange, UsedKey};
pub use error::HistoryError;
pub use feed::{FeedFilter, FeedPage, end, feed, oldest_kept};
pub use fields::Fields;
pub use kind::Kind;
pub use position::{ChangeId, NotAPosition, Position};
pub use record::{NewChange, What, record, record_each};
