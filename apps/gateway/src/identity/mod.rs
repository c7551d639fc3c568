//! Who somebody is by their key, session or token, and what was found out about it in the last seconds
//! (docs/compatibility.md, "Keys"; docs/ticketing.md). It knows no requests.

mod fading;
mod guesses;
mod issuer;
mod keys;
mod roles;
mod sessions;
mod tenants;
pub mod tokens;

pub use issuer::Issuer;
pub(crate) use issuer::{Asked, IssuerError};
pub(crate) use keys::DEAD_WITHIN;
pub use keys::{KEY_PARAMETERS, KeyCache};
pub use roles::Roles;
pub use sessions::SessionCache;
pub use tenants::TenantCache;
pub(crate) use tenants::{Found, or_deleted, told};
