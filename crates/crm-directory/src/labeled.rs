//! The e-mail addresses and phone numbers of records: four tables of one shape.

use std::collections::HashSet;

use crm_core::input::{At, FromJson};
use crm_core::records::{Cell, Rows, Stored};
use crm_core::values::{LabeledValue, LabeledValueKind, LabeledValues};
use crm_core::{DbConnection, FieldErrors, Patch, Scope, check_growth};
use crm_history::MergeError;
use diesel::prelude::*;
use serde_json::{Value, json};

/// The most addresses or numbers that a record has after merging: far more than anybody has, and as many as the
/// index of their texts has positions for on SQLite (migration 00000000000004).
const MOST_VALUES: usize = 1_000;

/// The digits of a phone number or of a filter for one; everything else is how a person writes it.
pub(crate) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// What an address is told from others by.
fn value_folded(text: &str) -> String {
    LabeledValueKind::Email.folded(text)
}

/// What a phone number is told from others by: its last nine digits, where it has seven or more.
pub(crate) fn last_digits(text: &str) -> Option<String> {
    let digits = digits(text);
    (digits.len() >= 7).then(|| digits[digits.len().saturating_sub(9)..].to_owned())
}

/// Reads and writes one of the tables.
macro_rules! labeled_values {
    ($(#[$doc:meta])* $table:ident, $list:ident, $field:literal $(, $own:ident)+) => {
        $(#[$doc])*
        pub(crate) mod $table {
            use super::*;
            use crate::schema::$table;

            /// Gives a new record its values.
            pub(crate) fn insert(
                connection: &mut DbConnection,
                scope: &Scope,
                record: i64,
                values: &LabeledValues,
            ) -> QueryResult<()> {
                ROWS.insert(connection, scope, record, rows(values))
            }

            fn rows(values: &LabeledValues) -> Vec<Value> {
                let row = |(position, LabeledValue { label, value, primary }): (i16, &LabeledValue)| {
                    json!([position, label, value, $list::KIND.searchable(value), primary, $($own(value)),+])
                };
                (0_i16..).zip(values.as_slice()).map(row).collect()
            }

            const ROWS: Rows = Rows {
                table: stringify!($table),
                of: <$table::record_id as diesel::Column>::NAME,
                columns: &[
                    ("position", Cell::Number),
                    ("label", Cell::Text),
                    ("value", Cell::Text),
                    ("value_search", Cell::Text),
                    ("is_primary", Cell::Flag),
                    $((stringify!($own), Cell::Text)),+
                ],
                or_nothing: false,
            };

            /// Puts these values in the place of all that a record has.
            pub(crate) fn replace(
                connection: &mut DbConnection,
                scope: &Scope,
                record: i64,
                values: &LabeledValues,
            ) -> QueryResult<()> {
                ROWS.replace(connection, scope, record, rows(values))
            }

            /// Does to the values of a record what a patch says.
            pub(crate) fn patch(
                connection: &mut DbConnection,
                scope: &Scope,
                record: i64,
                patch: &Patch<$list>,
            ) -> QueryResult<()> {
                match patch {
                    Patch::Keep => Ok(()),
                    Patch::Clear => replace(connection, scope, record, &LabeledValues::default()),
                    Patch::Set(list) => replace(connection, scope, record, list.values()),
                }
            }

            /// The values of all these lists, which a merge gives the record of the first.
            pub(crate) fn merged<'a>(
                lists: impl IntoIterator<Item = &'a LabeledValues>,
            ) -> Result<LabeledValues, MergeError> {
                let all = union($list::KIND, lists);
                MergeError::check_length($field, all.as_slice().len(), MOST_VALUES)?;
                Ok(all)
            }
        }
    };
}

labeled_values!(
    /// E-mail addresses of contacts.
    contact_emails, Emails, "email", value_folded
);
labeled_values!(
    /// Phone numbers of contacts.
    contact_phones, Phones, "phone", digits, last_digits
);
labeled_values!(
    /// E-mail addresses of organizations.
    organization_emails, Emails, "email", value_folded
);
labeled_values!(
    /// Phone numbers of organizations.
    organization_phones, Phones, "phone", digits, last_digits
);

/// All values of several lists, each once however it is written: those of the first list first. The primary one is
/// that of the first list that has any.
fn union<'a>(kind: LabeledValueKind, lists: impl IntoIterator<Item = &'a LabeledValues>) -> LabeledValues {
    let mut seen = HashSet::new();
    let mut all: Vec<LabeledValue> = Vec::new();
    for list in lists {
        let is_first = all.is_empty();
        for value in list.as_slice().iter().filter(|value| seen.insert(kind.folded(&value.value))) {
            all.push(LabeledValue { primary: is_first && value.primary, ..value.clone() });
        }
    }
    LabeledValues::stored(all)
}

/// Declares the value types of the two lists, which differ in what a value may be.
macro_rules! labeled_lists {
    ($($(#[$doc:meta])* $name:ident $kind:ident, $field:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Default, PartialEq, Eq)]
            #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = Vec<LabeledValue>, max_items = 20))]
            pub struct $name(LabeledValues);

            impl $name {
                const KIND: LabeledValueKind = LabeledValueKind::$kind;

                /// These values: texts, or [`LabeledValue`]s.
                ///
                /// # Errors
                /// What is wrong with them.
                pub fn new<V: Into<LabeledValue>>(values: impl IntoIterator<Item = V>) -> Result<Self, FieldErrors> {
                    LabeledValues::new($field, Self::KIND, values).map(Self)
                }

                /// What a patch changes of a list. It may be longer than a list may be where a merge made it so.
                pub(crate) fn changing(
                    field: &str,
                    patch: &Patch<Self>,
                    present: &LabeledValues,
                    errors: &mut FieldErrors,
                ) -> Patch<Self> {
                    let length = patch.value().map_or(0, |list| list.0.as_slice().len());
                    check_growth(field, length, present.as_slice().len(), LabeledValues::LIMIT, errors);
                    patch.changing_list(&Self(present.clone()))
                }

                /// The list after a patch.
                pub(crate) fn patched(patch: Patch<Self>, present: LabeledValues) -> LabeledValues {
                    match patch {
                        Patch::Keep => present,
                        Patch::Clear => LabeledValues::default(),
                        Patch::Set(list) => list.0,
                    }
                }

                /// The values, in the order in which they were sent.
                #[must_use]
                pub fn values(&self) -> &LabeledValues {
                    &self.0
                }

                /// Whether there is none.
                #[must_use]
                pub fn is_empty(&self) -> bool {
                    self.0.is_empty()
                }
            }

            impl FromJson for $name {
                fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
                    LabeledValues::read(value, Self::KIND, at, errors).map(Self)
                }

                fn from_patch_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
                    LabeledValues::read_up_to(MOST_VALUES, value, Self::KIND, at, errors).map(Self)
                }
            }
        )*
    };
}

labeled_lists! {
    /// E-mail addresses to be stored: at most 20, each once, one of them primary.
    Emails Email, "email";
    /// Phone numbers to be stored: at most 20, each once, one of them primary.
    Phones Phone, "phone";
}
