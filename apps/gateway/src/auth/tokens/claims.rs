use crm_core::{Timestamp, Uuid};
use serde_json::{Map, Value};

use super::TokenError;

/// How far the clocks of the issuer and of this machine may differ, in seconds.
const LEEWAY: i64 = 60;

/// What a token must say of itself.
pub(super) struct ClaimRules {
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) tenant_claim: String,
}

/// Who holds a token that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    roles: Vec<String>,
    tenants: Vec<String>,
}

impl Identity {
    /// Whether the holder has this role, by its exact name.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|has| has == role)
    }

    /// Whether the token is for this tenant.
    #[must_use]
    pub fn is_of_tenant(&self, tenant: Uuid) -> bool {
        self.tenants.iter().any(|named| named.parse() == Ok(tenant))
    }
}

impl ClaimRules {
    /// Checks everything, the time last: a token is called expired where nothing else is wrong with it.
    pub(super) fn check(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<Identity, TokenError> {
        let now = now.as_datetime().timestamp();
        let expires = moment(claims, "exp")?.ok_or(TokenError::Invalid("It says nothing of when it expires."))?;
        for name in ["nbf", "iat"] {
            if moment(claims, name)?.is_some_and(|moment| moment > now.saturating_add(LEEWAY)) {
                return Err(TokenError::Invalid("It is not valid yet."));
            }
        }
        if is_another_kind(claims) {
            return Err(TokenError::Invalid("It is no access token."));
        }
        let issuer = claims.get("iss").and_then(Value::as_str);
        if self.issuer.as_deref().is_some_and(|expected| issuer != Some(expected)) {
            return Err(TokenError::Invalid("It is of another issuer."));
        }
        let audience = texts(claims.get("aud"));
        if self.audience.as_ref().is_some_and(|expected| !audience.contains(expected)) {
            return Err(TokenError::Invalid("It is meant for another audience."));
        }
        if expires.saturating_add(LEEWAY) <= now {
            return Err(TokenError::Expired);
        }
        let roles = claims.get("realm_access").and_then(|access| access.get("roles"));
        let roles = roles.filter(|roles| roles.is_array());
        Ok(Identity { roles: texts(roles), tenants: texts(claims.get(&self.tenant_claim)) })
    }
}

/// ID, refresh and logout tokens are signed with the same key. Keycloak names the kind in the claim `typ`; an ID
/// token holds the hash of what it came with (OpenID Connect Core, 3.1.3.6), a logout token its event. That the
/// audience is checked too is the operator's setting.
fn is_another_kind(claims: &Map<String, Value>) -> bool {
    let typ = claims.get("typ");
    let is_bearer = |typ: &Value| typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("bearer"));
    !typ.is_none_or(is_bearer) || ["at_hash", "c_hash", "events"].iter().any(|name| claims.contains_key(*name))
}

/// A whole number of seconds since 1970. Fractions, which RFC 7519 would allow, are sent by no issuer.
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, TokenError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_i64().filter(|seconds| *seconds >= 0);
    seconds.map(Some).ok_or(TokenError::Invalid("One of its times is no whole number of seconds."))
}

/// The texts of a claim that is one or has a list of them.
fn texts(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(entries)) => entries.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
