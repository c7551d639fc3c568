use serde::{Deserialize, Serialize};

/// One row per type: the variant, its name on the wire, what a value of it is.
macro_rules! field_types {
    ($($variant:ident, $name:literal, $meaning:literal;)*) => {
        /// What a field holds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum FieldType {
            $(#[doc = $meaning] #[serde(rename = $name)] $variant,)*
        }

        impl FieldType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

field_types! {
    Text, "text", "A text of at most 1 000 characters.";
    TextArea, "text-area", "A text of at most 10 000 characters.";
    Number, "number", "A number, or a string that is one; exact, given back as sent.";
    Monetary, "monetary", "An amount of money, `{ amount, code }`.";
    Date, "date", "A day, `2025-02-20`.";
    DateRange, "date-range", "Two days, `{ start, end }`.";
    DateTime, "date-time", "A day and time without a zone, `2025-02-20T09:27` or with seconds.";
    DateTimeRange, "date-time-range", "Two of them, `{ start, end }`.";
    Time, "time", "A time of day, `09:28` or with seconds.";
    TimeRange, "time-range", "Two of them, `{ start, end }`.";
    Dropdown, "dropdown", "An array of options: the ids, or the strings where options are plain strings.";
    Email, "email", "An e-mail address.";
    Tel, "tel", "A phone number: any text of at most 64 characters.";
    Url, "url", "A web address, with or without a scheme.";
    PeoplePicker, "people-picker", "An array of users.";
    TagPicker, "tag-picker", "An array of `{ id, label, color }`, each id an option.";
    Combobox, "combobox", "A text of at most 255 characters.";
    EmailLabeled, "email_labeled", "An array of e-mail addresses, `{ label, value, primary }`.";
    TelLabeled, "tel_labeled", "An array of phone numbers, `{ label, value, primary }`.";
}

impl FieldType {
    /// The type of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == name)
    }

    /// Whether its values come out of the field's `options`.
    #[must_use]
    pub fn has_options(self) -> bool {
        matches!(self, Self::Dropdown | Self::TagPicker)
    }

    /// Whether its values carry a label, which the field's `labelOptions` offer.
    #[must_use]
    pub fn has_labels(self) -> bool {
        matches!(self, Self::EmailLabeled | Self::TelLabeled)
    }
}

// By hand: the derive does not see through a name that a macro fills in.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for FieldType {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("What a field holds."))
            .enum_values(Some(Self::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>()))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for FieldType {}
