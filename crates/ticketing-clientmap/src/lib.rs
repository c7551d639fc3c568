#![doc = include_str!("../README.md")]

mod apply;
mod configuration;
mod error;
mod masking;
mod model;
mod row;
mod schema;
mod sealing;
mod service;
mod shown;
mod told;
mod words;

pub use apply::{ApplyError, Direction, Transform, Transforms, apply};
pub use configuration::{Configuration, FieldMapping};
pub use error::ClientMapError;
pub use masking::MASK;
pub use model::{ClientMap, ClientMapPatch, NewClientMap, SyncReport};
pub use service::{
    MOST_CLIENT_MAPS, MOST_CONFIGURED, create, delete, get, keys_in_use, list, report_sync, reseal, update, version,
};
pub use words::{ClientType, MapStatus, MappingType, SyncStatus};
