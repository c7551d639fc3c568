#![doc = include_str!("../README.md")]

mod ensure;
mod error;
mod filter;
mod links;
mod model;
#[cfg(feature = "openapi")]
mod openapi;
mod refs;
mod schema;
mod service;
mod told;

pub use ensure::ensure;
pub use error::TagError;
pub use filter::{HasAnyTag, resolve_filter, total};
pub use links::{add, existing, give, is_used, labels, lock_links, of, set, stored};
pub use model::{NewTag, TagKind, TagLabel, TagOption, TagPatch, Tagged};
pub use refs::{TagRefs, hold_each, resolve, resolve_patch, union};
pub(crate) use schema::Links;
pub use service::{MOST_TAGS, create, delete, get, list, update};
