use crm_core::values::User;
use crm_core::{PublicTenantId, Timestamp, Uuid};
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
    user: Option<User>,
}

/// The token names more than one tenant.
#[derive(Debug)]
pub struct SeveralTenants;

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

    /// The tenant that the token names by this id, as a tenant's id is written: a UUID in either case.
    #[must_use]
    pub fn tenant(&self, id: &str) -> Option<PublicTenantId> {
        let named = canonical(id);
        self.tenants.iter().any(|tenant| canonical(tenant) == named).then(|| named.parse().ok())?
    }

    /// The one tenant that the token names; `None` where it names none.
    ///
    /// # Errors
    /// Where it names several.
    pub fn only_tenant(&self) -> Result<Option<PublicTenantId>, SeveralTenants> {
        match self.tenants.as_slice() {
            [] => Ok(None),
            [only] => Ok(canonical(only).parse().ok()),
            _ => Err(SeveralTenants),
        }
    }

    /// The tenants that the token names, as far as tenants can have such ids.
    pub fn tenants(&self) -> impl Iterator<Item = PublicTenantId> {
        self.tenants.iter().filter_map(|tenant| canonical(tenant).parse().ok())
    }

    /// The person whose token it is; `None` where it does not say so.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }
}

impl ClaimRules {
    /// Checks everything about a token for the routes, the time last: it is called expired where nothing else is wrong with it.
    pub(super) fn check(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<Identity, TokenError> {
        let expires = check_begin(claims, now)?;
        if is_another_kind(claims) {
            return Err(TokenError::Invalid("It is no access token."));
        }
        self.check_issuer(claims)?;
        let audience = texts(claims.get("aud"));
        if self.audience.as_ref().is_some_and(|expected| !audience.contains(expected)) {
            return Err(TokenError::Invalid("It is meant for another audience."));
        }
        check_end(expires, now)?;
        Ok(self.identity(claims))
    }

    /// Checks everything about an ID token that came for this client, which had sent this nonce (OpenID Connect Core, 3.1.3.7).
    pub(super) fn check_id(
        &self,
        claims: &Map<String, Value>,
        client: &str,
        nonce: impl FnOnce(&str) -> bool,
        now: Timestamp,
    ) -> Result<Identity, TokenError> {
        let expires = check_begin(claims, now)?;
        let is_id = |typ: &Value| typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("id"));
        if !claims.get("typ").is_none_or(is_id) || claims.contains_key("events") {
            return Err(TokenError::Invalid("It is no ID token."));
        }
        self.check_issuer(claims)?;
        let audience = texts(claims.get("aud"));
        let party = claims.get("azp").map(Value::as_str);
        let is_for_us = party.map_or(audience.len() == 1, |party| party == Some(client));
        if !is_for_us || !audience.iter().any(|member| member == client) {
            return Err(TokenError::Invalid("It is meant for another client."));
        }
        if !claims.get("nonce").and_then(Value::as_str).is_some_and(nonce) {
            return Err(TokenError::Invalid("It answers another request."));
        }
        check_end(expires, now)?;
        Ok(self.identity(claims))
    }

    fn check_issuer(&self, claims: &Map<String, Value>) -> Result<(), TokenError> {
        let issuer = claims.get("iss").and_then(Value::as_str);
        if self.issuer.as_deref().is_some_and(|expected| issuer != Some(expected)) {
            return Err(TokenError::Invalid("It is of another issuer."));
        }
        Ok(())
    }

    fn identity(&self, claims: &Map<String, Value>) -> Identity {
        let roles = claims.get("realm_access").and_then(|access| access.get("roles"));
        let roles = roles.filter(|roles| roles.is_array());
        Identity { roles: texts(roles), tenants: texts(claims.get(&self.tenant_claim)), user: user(claims) }
    }
}

/// When it expires, where its time has begun.
fn check_begin(claims: &Map<String, Value>, now: Timestamp) -> Result<i64, TokenError> {
    let now = now.as_datetime().timestamp();
    let expires = moment(claims, "exp")?.ok_or(TokenError::Invalid("It says nothing of when it expires."))?;
    for name in ["nbf", "iat"] {
        if moment(claims, name)?.is_some_and(|moment| moment > now.saturating_add(LEEWAY)) {
            return Err(TokenError::Invalid("It is not valid yet."));
        }
    }
    Ok(expires)
}

fn check_end(expires: i64, now: Timestamp) -> Result<(), TokenError> {
    let is_over = expires.saturating_add(LEEWAY) <= now.as_datetime().timestamp();
    if is_over { Err(TokenError::Expired) } else { Ok(()) }
}

/// The id of a tenant as it is stored: UUIDs are made in lower case.
fn canonical(id: &str) -> String {
    id.parse().map_or_else(|_| id.to_owned(), |uuid: Uuid| uuid.to_string())
}

/// Whose token it is. A name or an address that no user can have is left out.
fn user(claims: &Map<String, Value>) -> Option<User> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let (name, email) = (text("name").or_else(|| text("preferred_username")), text("email"));
    let mut user = User::new(text("sub")?).ok()?;
    if let Some(name) = name {
        user = user.clone().named(name).unwrap_or(user);
    }
    if let Some(email) = email {
        user = user.clone().with_email(email).unwrap_or(user);
    }
    Some(user)
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
