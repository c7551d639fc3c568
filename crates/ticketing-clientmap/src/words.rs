//! The value sets of a client map (docs/ticketing.md). Each is stored by its word on the wire.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crm_core::input::{At, FromJson};
use crm_core::{FieldCode, FieldErrors};

/// Declares a set of words: one row each with its variant, its word and its meaning.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($variant:ident, $word:literal, $meaning:literal;)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
        #[diesel(sql_type = Text)]
        pub enum $name { $(#[doc = $meaning] $variant,)* }

        impl $name {
            /// Every value, in the order of the source.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its word on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl FromJson for $name {
            fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
                let known = value.as_str().and_then(Self::of_word);
                if known.is_none() {
                    let words: Vec<&str> = Self::ALL.iter().map(|known| known.as_str()).collect();
                    errors.push(at, FieldCode::InvalidValue, format_args!("must be one of {}", words.join(", ")));
                }
                known
            }
        }

        impl<B> FromSql<Text, B> for $name
        where
            B: Backend,
            String: FromSql<Text, B>,
        {
            fn from_sql(value: B::RawValue<'_>) -> deserialize::Result<Self> {
                let word = String::from_sql(value)?;
                Self::of_word(&word).ok_or_else(|| format!(concat!("{:?} is no ", stringify!($name)), word).into())
            }
        }

        impl<B> ToSql<Text, B> for $name
        where
            B: Backend,
            str: ToSql<Text, B>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, B>) -> serialize::Result {
                self.as_str().to_sql(out)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(concat!($("`", $word, "`: ", $meaning, " ",)*).trim_end()))
                    .enum_values(Some([$($word,)*]))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}

words! {
    /// What kind of system the client is.
    ClientType:
    Itsm, "itsm", "An IT service management tool, such as ServiceNow, Jira or Zendesk.";
    Email, "email", "An e-mail gateway.";
    Messaging, "messaging", "A messaging platform, such as Slack or Teams.";
    Crm, "crm", "A customer relationship management system.";
    Custom, "custom", "An integration of one's own.";
}

words! {
    /// Which way tickets go.
    MappingType:
    Inbound, "inbound", "The external system pushes to ticketing.";
    Outbound, "outbound", "Ticketing pushes to the external system.";
    Bidirectional, "bidirectional", "Both.";
}

words! {
    /// Whether the client map is in use.
    MapStatus:
    Active, "active", "In use.";
    Inactive, "inactive", "Kept, but not in use.";
}

words! {
    /// How the last run of the integration went.
    SyncStatus:
    Success, "success", "The last run completed.";
    Failed, "failed", "The last run met errors.";
    Pending, "pending", "A run is queued.";
    InProgress, "in_progress", "A run is under way.";
    Disabled, "disabled", "There are no runs.";
}

impl SyncStatus {
    /// Whether a run has ended.
    #[must_use]
    pub fn is_ended_run(self) -> bool {
        matches!(self, Self::Success | Self::Failed)
    }
}
