use chrono::{Datelike, NaiveDate};
use crm_core::input::{At, FromJson};
use crm_core::values::{is_blank, read_text};
use crm_core::{FieldCode, FieldErrors, checked_text};
use serde_json::Value;

/// How pressing a case is: 1 to 64 characters, trimmed, such as `1_high`. A blank text means none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Priority(String);

/// A day, `YYYY-MM-DD`, in the years 1 to 9999.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(String);

checked_text!(Priority);
checked_text!(Day);

impl Priority {
    /// The most characters it holds.
    pub const LIMIT: usize = 64;
}

impl FromJson for Priority {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        read_text(value, at, Self::LIMIT, true, errors).map(|text| Self(text.to_owned()))
    }

    fn means_nothing(value: &Value) -> bool {
        is_blank(value)
    }
}

impl FromJson for Day {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let text = read_text(value, at, usize::MAX, true, errors)?;
        // chrono also takes `2025-2-3` and `+12025-02-03`, which have another length.
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|date| text.len() == 10 && date.year() >= 1);
        if date.is_none() {
            errors.push(at, FieldCode::InvalidDate, "must be a day such as 2024-03-01");
        }
        date.map(|date| Self(date.format("%Y-%m-%d").to_string()))
    }

    fn means_nothing(value: &Value) -> bool {
        is_blank(value)
    }
}

#[cfg(feature = "openapi")]
mod schemas {
    use utoipa::openapi::RefOr;
    use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

    impl utoipa::PartialSchema for super::Priority {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some("At most 64 characters; one of the form's options where it has any."))
                .max_length(Some(Self::LIMIT))
                .examples([serde_json::Value::from("1_high")])
                .into()
        }
    }

    impl utoipa::ToSchema for super::Priority {}

    impl utoipa::PartialSchema for super::Day {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .description(Some("A day."))
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
                .examples([serde_json::Value::from("2024-03-01")])
                .into()
        }
    }

    impl utoipa::ToSchema for super::Day {}
}
