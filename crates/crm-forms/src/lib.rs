#![doc = include_str!("../README.md")]

mod check;
mod checks;
mod custom;
mod error;
mod field;
mod field_type;
mod field_value;
mod form;
mod in_use;
mod moments;
#[cfg(feature = "openapi")]
mod openapi;
mod own;
mod rating;
mod replace;
mod schema;
pub mod search;
mod service;
mod value;

pub use custom::{CustomFields, CustomFieldsInput};
pub use error::FormError;
pub use field::{Category, Field, FieldOption, NewField, NewFields};
pub use field_type::FieldType;
pub use field_value::FieldValue;
pub use form::{Form, StoredForm};
pub use in_use::custom_fields_in_use;
pub use own::{CONTACTS, FormKind, ORGANIZATIONS, OwnField, OwnOptions, PIPELINE};
pub use rating::LeadRating;
pub use service::{NewForm, get, get_shared, of_stored, replace};
