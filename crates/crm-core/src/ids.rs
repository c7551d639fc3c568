//! The ids of records: numbers that count up from 1 in a tenant and kind, and UUIDs
//! (docs/compatibility.md, "Ids, times and money").

use std::fmt;

use crate::page::RowId;
use crate::{NotAUuid, Uuid, sql};

/// Declares a newtype of a positive `i64` that Diesel stores as `BIGINT`.
macro_rules! database_integer {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
        )]
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        pub struct $name(i64);

        impl $name {
            /// The id with this number, which came from the database. Any number is taken: one that nothing has finds nothing.
            #[must_use]
            pub fn from_i64(number: i64) -> Self {
                Self(number)
            }

            /// The number.
            #[must_use]
            pub fn as_i64(self) -> i64 {
                self.0
            }
        }

        impl<B> diesel::deserialize::FromSql<diesel::sql_types::BigInt, B> for $name
        where
            B: diesel::backend::Backend,
            i64: diesel::deserialize::FromSql<diesel::sql_types::BigInt, B>,
        {
            fn from_sql(value: B::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                i64::from_sql(value).map(Self)
            }
        }

        impl<B> diesel::serialize::ToSql<diesel::sql_types::BigInt, B> for $name
        where
            B: diesel::backend::Backend,
            i64: diesel::serialize::ToSql<diesel::sql_types::BigInt, B>,
        {
            fn to_sql<'b>(&'b self, out: &mut diesel::serialize::Output<'b, '_, B>) -> diesel::serialize::Result {
                self.0.to_sql(out)
            }
        }

        impl $crate::sql::Listed for $name {
            type Sql = diesel::sql_types::BigInt;

            fn list(values: impl Iterator<Item = Self>) -> $crate::sql::List {
                $crate::sql::List::of_numbers(values.map(|id| id.0))
            }
        }
    };
}

pub(crate) use database_integer;

/// Why a text is no record id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a positive integer in plain decimal digits")]
pub struct NotAnId;

/// Reads the one spelling of an id, `[1-9][0-9]*` up to 2^63 - 1. Rust's own parser also takes `+1` and `007`.
fn canonical(text: &str) -> Result<i64, NotAnId> {
    let plain = !text.starts_with('0') && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().map_err(|_| NotAnId) } else { Err(NotAnId) }
}

/// An id that counts up from 1 within a tenant and kind. On the wire a JSON string of decimal digits.
pub trait RecordId: Copy + fmt::Display + std::str::FromStr<Err = NotAnId> + Send + Sync + 'static {
    /// What it is the id of.
    const KIND: RecordKind;

    /// The id with this number, which came from the database. Any number is taken: one that no record has finds none.
    fn from_i64(number: i64) -> Self;

    /// The number.
    fn as_i64(self) -> i64;
}

/// Declares the kinds of records that are numbered, with the types of their ids.
macro_rules! record_ids {
    ($($kind:ident, $id:ident, $name:literal, $numbering:literal;)*) => {
        /// A kind of record that is numbered in each tenant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RecordKind { $(#[doc = concat!("A ", $name, ".")] $kind,)* }

        impl RecordKind {
            /// What a person calls it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// Its number in the table `numbering`, which never changes.
            #[must_use]
            pub fn numbering(self) -> i16 {
                match self { $(Self::$kind => $numbering,)* }
            }
        }

        $(
            database_integer! {
                #[doc = concat!("The id of a ", $name, " within its tenant; on the wire a string of decimal digits.")]
                $id
            }

            impl fmt::Display for $id {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }

            impl std::str::FromStr for $id {
                type Err = NotAnId;

                fn from_str(text: &str) -> Result<Self, Self::Err> {
                    canonical(text).map(Self)
                }
            }

            impl serde::Serialize for $id {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(&self.0)
                }
            }

            impl<'de> serde::Deserialize<'de> for $id {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                }
            }

            impl RecordId for $id {
                const KIND: RecordKind = RecordKind::$kind;

                fn from_i64(number: i64) -> Self {
                    Self(number)
                }

                fn as_i64(self) -> i64 {
                    self.0
                }
            }

            #[cfg(feature = "openapi")]
            crate::openapi::string_schema!($id, "A positive integer as a string of decimal digits.", "42", pattern: "^[1-9][0-9]{0,18}$");
        )*
    };
}

record_ids! {
    Lead, LeadId, "lead", 1;
    Opportunity, OpportunityId, "opportunity", 2;
    Contact, ContactId, "contact", 3;
    Organization, OrganizationId, "organization", 4;
    Case, CaseId, "case", 5;
    CaseType, CaseTypeId, "case type", 6;
}

/// Declares the types of ids that are UUIDs.
macro_rules! uuid_ids {
    ($($id:ident, $name:literal;)*) => {
        $(
            #[doc = concat!("The id of a ", $name, ", a UUID.")]
            #[derive(
                Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
                diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
            )]
            #[diesel(sql_type = sql::Uid)]
            #[serde(transparent)]
            pub struct $id(Uuid);

            impl $id {
                /// A new random one.
                #[must_use]
                pub fn random() -> Self {
                    Self(Uuid::random())
                }

                /// The id with this UUID.
                #[must_use]
                pub fn from_uuid(uuid: Uuid) -> Self {
                    Self(uuid)
                }

                /// The UUID.
                #[must_use]
                pub fn as_uuid(self) -> Uuid {
                    self.0
                }
            }

            impl fmt::Display for $id {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.fmt(f)
                }
            }

            impl std::str::FromStr for $id {
                type Err = NotAUuid;

                fn from_str(text: &str) -> Result<Self, Self::Err> {
                    text.parse().map(Self)
                }
            }

            impl<B> diesel::deserialize::FromSql<sql::Uid, B> for $id
            where
                B: diesel::backend::Backend,
                Uuid: diesel::deserialize::FromSql<sql::Uid, B>,
            {
                fn from_sql(value: B::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                    Uuid::from_sql(value).map(Self)
                }
            }

            impl<B> diesel::serialize::ToSql<sql::Uid, B> for $id
            where
                B: diesel::backend::Backend,
                Uuid: diesel::serialize::ToSql<sql::Uid, B>,
            {
                fn to_sql<'b>(&'b self, out: &mut diesel::serialize::Output<'b, '_, B>) -> diesel::serialize::Result {
                    self.0.to_sql(out)
                }
            }

            impl From<$id> for RowId {
                fn from(id: $id) -> Self {
                    id.0.into()
                }
            }

            impl sql::Listed for $id {
                type Sql = sql::Uid;

                fn list(values: impl Iterator<Item = Self>) -> sql::List {
                    sql::List::of_uuids(values.map(|id| id.0))
                }
            }

            /// As a [`Uuid`], under its name.
            #[cfg(feature = "openapi")]
            impl utoipa::PartialSchema for $id {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                    Uuid::schema()
                }
            }

            #[cfg(feature = "openapi")]
            impl utoipa::ToSchema for $id {
                fn name() -> std::borrow::Cow<'static, str> {
                    Uuid::name()
                }
            }
        )*
    };
}

uuid_ids! {
    TagId, "tag";
    PipelineId, "pipeline";
    ClientMapId, "client map";
    CommentId, "comment";
    DeliveryId, "delivery";
    ImportId, "import";
    KeyId, "key";
    WebhookId, "webhook";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_decimals_are_ids() {
        for (text, why) in [
            ("", "nothing"),
            ("0", "counts from 1"),
            ("01", "a second spelling of 1"),
            ("+1", "Rust's parser takes it"),
            ("-1", "negative"),
            (" 1", "white space"),
            ("1.0", "a decimal"),
            ("1e3", "an exponent"),
            ("\u{ff11}", "a full-width digit"),
            ("9223372036854775808", "beyond 64 bits"),
        ] {
            assert_eq!(text.parse::<LeadId>(), Err(NotAnId), "{text:?}: {why}");
        }
        assert_eq!("9223372036854775807".parse::<LeadId>().map(LeadId::as_i64), Ok(i64::MAX));
    }
}
