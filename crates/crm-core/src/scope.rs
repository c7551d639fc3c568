use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Timestamp;
use crate::ids::database_integer;

database_integer! {
    /// A tenant inside the database: the first column of every key and index. Never shown to a client.
    TenantId
}

/// A tenant's id as clients see it: 1 to 64 characters of `A-Z a-z 0-9 . _ -`
/// (contract/conventions, "Resources, ids, time").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicTenantId(Arc<str>);

impl PublicTenantId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicTenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for PublicTenantId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Why a text is no [`PublicTenantId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant id has 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'")]
pub struct NotATenantId;

impl FromStr for PublicTenantId {
    type Err = NotATenantId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sane = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(sane) { Ok(Self(text.into())) } else { Err(NotATenantId) }
    }
}

/// For whom and when something is done: the second argument of every service function.
///
/// **Invariant:** no query runs without a tenant, and the only way to name one is a scope.
#[derive(Debug, Clone)]
pub struct Scope {
    tenant: TenantId,
    public_tenant: PublicTenantId,
    now: Timestamp,
}

impl Scope {
    /// The scope of one request: a tenant that was found by its key or token, and the time of the request.
    #[must_use]
    pub fn new(tenant: TenantId, public_tenant: PublicTenantId, now: Timestamp) -> Self {
        Self { tenant, public_tenant, now }
    }

    /// What every query filters by.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// What a client sees as `tenantId`.
    #[must_use]
    pub fn public_tenant(&self) -> &PublicTenantId {
        &self.public_tenant
    }

    /// The time of the request; `createdOn` and `lastUpdatedOn` are set to it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }
}
