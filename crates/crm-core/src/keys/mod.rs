//! API keys: how one is made, recognised and stored, what it may do, and how it is replaced (docs/compatibility.md, "Keys").

mod model;
mod rights;
mod secret;
mod service;
mod stored;

pub use model::{ChangedKey, GraceMinutes, Key, KeyPatch, KeyWithSecret, NewKey, Rotation};
pub use rights::{Access, Area, NotARight, Right, Rights};
pub use secret::{ApiKey, KeyHash, KeyRole, NotAKey, SHORTEST_CHOSEN_KEY};
pub use service::{KeyError, MOST_KEYS, create, delete, get, list, prefixes, rotate, rotate_own, update};
pub use stored::{Holder, any_chosen, find_holder, note_uses};

pub(crate) use service::{delete_all, delete_named, replace_all};
pub(crate) use stored::{replace_of_role, store_first};
