#![doc = include_str!("../README.md")]

mod condition;
mod connection;
pub mod database;
pub mod distribute;
pub mod error;
pub mod idempotency;
mod ids;
pub mod input;
pub mod keys;
mod memory;
pub mod migrate;
pub mod numbering;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod page;
pub mod params;
mod patch;
pub mod records;
mod row_lock;
mod schema;
mod scope;
pub mod search;
pub mod secrets;
pub mod sessions;
pub mod sql;
pub mod tenants;
pub mod text;
mod timestamp;
mod turn;
mod uuid;
pub mod values;

pub use condition::{Condition, Unmet};
pub use connection::{BackendKind, Db, DbConnection, Portable, PortableExt, columns, with_pg, with_sqlite};
pub use database::{DatabaseUrl, PgSchema, set_up_pg, set_up_sqlite};
pub use error::{FieldCode, FieldError, FieldErrors, WriteError};
pub use ids::{CaseId, CaseTypeId, ContactId, LeadId, NotAnId, OpportunityId, OrganizationId, RecordId, RecordKind};
pub use memory::Memory;
pub use patch::{Patch, check_growth};
pub use row_lock::{ForKeyShare, ForKeyShareExt, ForShare, ForShareExt, ForUpdate, ForUpdateExt};
pub use scope::{Actor, NotATenantId, PublicTenantId, Scope, TenantId};
pub use timestamp::{NotATimestamp, Timestamp};
pub use turn::wait_for_turn;
pub use uuid::{NotAUuid, Uuid};

// Diesel binds the C libraries; these names make the workspace choose how they are built (Cargo.toml).
use {libsqlite3_sys as _, openssl_sys as _, pq_sys as _};
