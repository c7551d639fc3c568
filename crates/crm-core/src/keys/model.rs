use rust_decimal::Decimal;
use serde::Serialize;

use super::{KeyRole, Rights};
use crate::input::{At, FromBody, FromJson, ObjectReader};
use crate::values::Title;
use crate::{FieldCode, FieldErrors, KeyId, Patch, Timestamp};

/// A key of a tenant as its settings show it: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// What people call it.
    pub name: Title,
    /// What it may do.
    pub scopes: Rights,
    /// When it stops working; null is never.
    pub expires_on: Option<Timestamp>,
    /// Which of the two keys that every tenant has; null for all others.
    pub role: Option<KeyRole>,
    /// How the key begins.
    #[cfg_attr(feature = "openapi", schema(examples("crm_rw_x7Qp")))]
    pub prefix: String,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it was used last, right to five minutes; null is never.
    pub last_used_on: Option<Timestamp>,
}

/// A key that was just made or rotated, with the secret, which is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyWithSecret {
    /// The key.
    #[serde(flatten)]
    pub described: Key,
    /// The key itself. It is shown once: a repeat of the request by its `Idempotency-Key` has null here.
    #[cfg_attr(feature = "openapi", schema(required, examples("crm_rw_…")))]
    pub key: Option<String>,
}

/// A key that was changed, if the patch changed anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedKey {
    /// As it was.
    pub before: Key,
    /// As it is.
    pub after: Key,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What people call it.
    pub name: Title,
    /// What it may do.
    pub scopes: Rights,
    /// When it stops working, which must lie in the future.
    pub expires_on: Option<Timestamp>,
}

/// A merge patch of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPatch {
    /// The new name.
    pub name: Option<Title>,
    /// All that it may do from now on.
    pub scopes: Option<Rights>,
    /// When it stops working; cleared, never.
    pub expires_on: Patch<Timestamp>,
}

/// How a key is replaced by a new one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotation {
    /// For how many minutes the old one works beside the new one.
    pub grace_minutes: GraceMinutes,
}

/// Minutes from 0 to 10 080, a week.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GraceMinutes(i64);

impl GraceMinutes {
    const MOST: i64 = 10_080;

    /// So many minutes, from 0 to 10 080.
    #[must_use]
    pub fn new(minutes: i64) -> Option<Self> {
        (0..=Self::MOST).contains(&minutes).then_some(Self(minutes))
    }

    /// The end of the grace that begins now; `None` where there is none.
    #[must_use]
    pub fn after(self, now: Timestamp) -> Option<Timestamp> {
        (self.0 > 0).then(|| Timestamp::from_datetime(now.as_datetime() + chrono::Duration::minutes(self.0)))
    }
}

impl FromJson for GraceMinutes {
    fn from_json(value: &serde_json::Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Some(number) = value.as_number() else {
            errors.push(at.to_string(), FieldCode::WrongType, "must be a number");
            return None;
        };
        // `60.0` is a whole number too.
        let number = number.to_string().parse::<Decimal>().ok();
        let whole = number.filter(|number| number.fract().is_zero()).and_then(|number| i64::try_from(number).ok());
        let minutes = whole.and_then(Self::new);
        if minutes.is_none() {
            let message = format!("must be a whole number of minutes from 0 to {}", Self::MOST);
            errors.push(at.to_string(), FieldCode::OutOfRange, message);
        }
        minutes
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for GraceMinutes {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::Integer)
            .minimum(Some(0))
            .maximum(Some(Self::MOST))
            .description(Some("For how many minutes the old key works beside the new one; left out, not at all."))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for GraceMinutes {}

/// Members of a key that a client may send back as it read them.
const READ_ONLY: &[&str] = &["id", "tenantId", "role", "prefix", "createdOn", "lastUsedOn", "key"];

impl FromBody for NewKey {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let (name, scopes) = (reader.required("name"), reader.required("scopes"));
        let expires_on = reader.optional("expiresOn");
        Some(Self { name: name?, scopes: scopes?, expires_on })
    }
}

impl FromBody for KeyPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let (name, scopes) = (reader.patch_required("name"), reader.patch_required("scopes"));
        Some(Self { name, scopes, expires_on: reader.patch("expiresOn") })
    }
}

impl FromBody for Rotation {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        Some(Self { grace_minutes: reader.optional("graceMinutes").unwrap_or_default() })
    }
}
