#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, unused_imports, unused_variables, reason = "settings, arrays and locks are PostgreSQL's")
)]

#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
compile_error!("choose a database: the feature `postgres`, `sqlite`, or both");

#[macro_use]
mod backends;
mod condition;
mod connection;
pub mod counts;
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
pub mod statistics;
pub mod tenants;
pub mod text;
mod timestamp;
mod turn;
mod uuid;
pub mod values;

pub use condition::{Condition, Unmet};
#[cfg(feature = "postgres")]
pub use connection::with_pg;
#[cfg(feature = "sqlite")]
pub use connection::with_sqlite;
pub use connection::{BackendKind, Db, DbConnection, OnEach, Portable, PortableExt, columns};
pub use database::DatabaseUrl;
#[cfg(feature = "sqlite")]
pub use database::set_up_sqlite;
#[cfg(feature = "postgres")]
pub use database::{PgSchema, set_up_pg};
pub use error::{FieldCode, FieldError, FieldErrors, WriteError};
pub use ids::{
    CaseId, CaseTypeId, ClientMapId, CommentId, ContactId, DeliveryId, ImportId, KeyId, LeadId, NotAnId, OpportunityId,
    OrganizationId, PipelineId, RecordId, RecordKind, TagId, WebhookId,
};
pub use memory::Memory;
pub use patch::{Patch, check_growth};
pub use row_lock::{ForKeyShare, ForKeyShareExt, ForShare, ForShareExt, ForUpdate, ForUpdateExt};
pub use scope::{Actor, NotATenantId, PublicTenantId, Scope, TenantId};
pub use timestamp::{NotATimestamp, Timestamp};
pub use turn::wait_for_turn;
pub use uuid::{NotAUuid, Uuid};

// Diesel binds the C libraries; these names let the features choose how they are built (Cargo.toml).
#[cfg(feature = "sqlite")]
use libsqlite3_sys as _;
#[cfg(feature = "bundled-postgres")]
use openssl_sys as _;
#[cfg(feature = "postgres")]
use pq_sys as _;
