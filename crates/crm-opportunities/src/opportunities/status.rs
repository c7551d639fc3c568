use crm_core::input::{At, FromJson, checked};
use crm_core::values::read_text;
use crm_core::{FieldCode, FieldErrors};
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How an opportunity stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
#[diesel(sql_type = Text)]
pub enum OpportunityStatus {
    /// Being worked on.
    Open,
    /// Sold.
    Won,
    /// Not sold.
    Lost,
}

impl OpportunityStatus {
    /// Every status with its name on the wire, which is how it is stored too.
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("open", Self::Open), ("won", Self::Won), ("lost", Self::Lost)];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, status)| *status)
    }
}

impl FromJson for OpportunityStatus {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let status = value.as_str().and_then(Self::of_name);
        if status.is_none() {
            errors.push(at, FieldCode::InvalidValue, "must be one of open, won, lost");
        }
        status
    }
}

impl<B> FromSql<Text, B> for OpportunityStatus
where
    B: Backend,
    String: FromSql<Text, B>,
{
    fn from_sql(value: B::RawValue<'_>) -> deserialize::Result<Self> {
        let name = String::from_sql(value)?;
        Self::of_name(&name).ok_or_else(|| format!("{name:?} is no status of an opportunity").into())
    }
}

impl<B> ToSql<Text, B> for OpportunityStatus
where
    B: Backend,
    str: ToSql<Text, B>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, B>) -> serialize::Result {
        self.as_str().to_sql(out)
    }
}

/// Why an opportunity was lost: `{ reasonId, comment }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", try_from = "Value")]
pub struct LostReason {
    /// One of the client's own reasons, 1 to 255 characters; it is not looked up.
    #[cfg_attr(feature = "openapi", schema(max_length = 255, pattern = r"\S", examples("too_expensive")))]
    reason_id: String,
    /// Anything else, at most 10 000 characters.
    #[cfg_attr(
        feature = "openapi",
        schema(required = false, max_length = 10_000, examples("Customer chose a cheaper competitor."))
    )]
    comment: Option<String>,
}

impl LostReason {
    /// The reason with this id.
    ///
    /// # Errors
    /// What is wrong with the id.
    pub fn new(reason_id: &str) -> Result<Self, FieldErrors> {
        checked("lostReason", json!({ "reasonId": reason_id }))
    }

    /// The same reason with something said about it; a blank text is nothing.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn with_comment(self, comment: &str) -> Result<Self, FieldErrors> {
        checked("lostReason", json!({ "reasonId": self.reason_id, "comment": comment }))
    }

    /// The reason.
    #[must_use]
    pub fn reason_id(&self) -> &str {
        &self.reason_id
    }

    /// What was said about it.
    #[must_use]
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }
}

impl TryFrom<Value> for LostReason {
    type Error = FieldErrors;

    fn try_from(value: Value) -> Result<Self, FieldErrors> {
        checked("lostReason", value)
    }
}

impl FromJson for LostReason {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let Value::Object(members) = value else {
            errors.push(at, FieldCode::WrongType, "must be an object { reasonId, comment }");
            return None;
        };
        let stranger = members.keys().find(|name| !matches!(name.as_str(), "reasonId" | "comment"));
        if let Some(name) = stranger {
            let message = "a reason has the members reasonId and comment";
            errors.push(at.key(name), FieldCode::UnknownField, message);
        }
        let mut text = |name: &str, limit: usize, trim: bool| match members.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => {
                let text = read_text(value, &at.key(name), limit, trim, errors)?;
                Some((!text.trim().is_empty()).then(|| text.to_owned()))
            }
        };
        let (reason_id, comment) = (text("reasonId", 255, true), text("comment", 10_000, false));
        if reason_id == Some(None) {
            errors.push(at.key("reasonId"), FieldCode::Required, "is required: 1 to 255 characters");
        }
        if stranger.is_some() { None } else { Some(Self { reason_id: reason_id??, comment: comment? }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_is_deserialized_keeps_the_rules() {
        let read = |id: &str| serde_json::from_value::<LostReason>(json!({ "reasonId": id, "comment": null })).ok();
        assert_eq!(read("too_expensive"), LostReason::new("too_expensive").ok());
        assert!(read(&"a".repeat(255)).is_some());
        assert_eq!([read(&"a".repeat(256)), read(" ")], [None, None]);
    }
}
