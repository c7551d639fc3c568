//! What can be wrong with an input, and what a database error means to a caller.

use std::fmt;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde::Serialize;

/// One row per code: the variant, its name on the wire, its meaning.
macro_rules! field_code_table {
    ($($variant:ident, $name:literal, $meaning:literal;)*) => {
        /// Why one field was refused: the `code` of an entry of `errors` (contract/conventions, "Errors").
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FieldCode { $(#[doc = $meaning] $variant,)* }

        impl FieldCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

field_code_table! {
    Required, "required", "The field is required and was left out or empty.";
    NotNullable, "not_nullable", "The field is required, so that it cannot be cleared with null.";
    WrongType, "wrong_type", "The value is of another JSON type than the field takes.";
    UnknownField, "unknown_field", "No field or parameter has this name.";
    Repeated, "repeated", "The parameter was given more than once.";
    TooLong, "too_long", "The text has more characters than the field holds.";
    TooMany, "too_many", "The list has more entries than the field holds.";
    OutOfRange, "out_of_range", "The number lies outside the range of the field.";
    InvalidCharacters, "invalid_characters", "The text has a control character other than tab, CR and LF.";
    InvalidValue, "invalid_value", "The value is none of those that the field takes.";
    InvalidId, "invalid_id", "An id is a positive integer in plain decimal digits, or a UUID where the field says so.";
    InvalidAmount, "invalid_amount", "An amount is a decimal number with at most 4 decimals, between -10^14 and 10^14.";
    InvalidCurrency, "invalid_currency", "A currency is an ISO 4217 alphabetic code in upper case.";
    InvalidEmail, "invalid_email", "The text is no e-mail address.";
    InvalidUrl, "invalid_url", "The text is no URL.";
    InvalidDate, "invalid_date", "The text is no date or time of the form that the field takes.";
    InvalidColor, "invalid_color", "A color is # and six hexadecimal digits.";
    InvalidToken, "invalid_token", "The continuation token is malformed, or was made for another list, filter or order.";
    Duplicate, "duplicate", "The same value stands in the list twice.";
    Conflicting, "conflicting", "Two fields or parameters contradict each other.";
    UnknownReference, "unknown_reference", "No such record exists in this tenant.";
    UnknownTag, "unknown_tag", "No such tag exists for this kind of record.";
    UnknownCustomField, "unknown_custom_field", "The form has no custom field of this id.";
}

impl fmt::Display for FieldCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FieldCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where it is: a path such as `email[0].value`, or the name of a parameter.
    pub field: String,
    /// What kind of problem it is.
    pub code: FieldCode,
    /// What to change, for a person.
    pub message: String,
}

/// Everything that is wrong with an input; never empty where it is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// No problem yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A single problem.
    #[must_use]
    pub fn of(field: impl Into<String>, code: FieldCode, message: impl Into<String>) -> Self {
        let mut errors = Self::new();
        errors.push(field, code, message);
        errors
    }

    /// Adds a problem.
    pub fn push(&mut self, field: impl Into<String>, code: FieldCode, message: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), code, message: message.into() });
    }

    /// Adds all of `other`.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems, in the order in which they were found.
    #[must_use]
    pub fn as_slice(&self) -> &[FieldError] {
        &self.0
    }

    /// `Ok(value)` where nothing was wrong.
    ///
    /// # Errors
    /// These problems, where there are any.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}: {}", error.field, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for FieldErrors {}

/// Why something could not be written, in the words of code that every kind of record uses: a rule, or the database.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The input breaks a rule: every problem that was found.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

impl From<FieldErrors> for WriteError {
    fn from(errors: FieldErrors) -> Self {
        Self::Invalid(errors)
    }
}

impl From<DieselError> for WriteError {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

/// Lets an error with the variants `Invalid` and `Database` be made of a [`WriteError`], and of the two that it has.
#[macro_export]
macro_rules! from_write_error {
    ($error:ty) => {
        impl From<$crate::FieldErrors> for $error {
            fn from(errors: $crate::FieldErrors) -> Self {
                Self::Invalid(errors)
            }
        }

        impl From<::diesel::result::Error> for $error {
            fn from(error: ::diesel::result::Error) -> Self {
                Self::Database(error)
            }
        }

        impl From<$crate::WriteError> for $error {
            fn from(error: $crate::WriteError) -> Self {
                match error {
                    $crate::WriteError::Invalid(errors) => Self::Invalid(errors),
                    $crate::WriteError::Database(error) => Self::Database(error),
                }
            }
        }
    };
}

/// What a database error asks of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is gone: take another one and run the whole transaction again.
    ConnectionLost,
    /// Another transaction stood in the way (deadlock, serialization): run the whole transaction again.
    Collision,
    /// The database cannot do it now (statement time limit, locked, disk full, shutting down): try later.
    Unavailable,
    /// Anything else: a bug, or a constraint that the caller did not expect.
    Bug,
}

/// Sorts a database error; see [`Fault`].
///
/// Diesel keeps no SQLSTATE, so that some are told by the server's words, which this crate's connections
/// ask for in English (`lc_messages=C`).
#[must_use]
pub fn fault(error: &DieselError) -> Fault {
    match error {
        DieselError::DatabaseError(kind, information) => match kind {
            DatabaseErrorKind::SerializationFailure => Fault::Collision,
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => Fault::ConnectionLost,
            DatabaseErrorKind::ReadOnlyTransaction => Fault::Unavailable,
            DatabaseErrorKind::Unknown => fault_by_words(information.message()),
            _ => Fault::Bug,
        },
        DieselError::BrokenTransactionManager => Fault::ConnectionLost,
        DieselError::RollbackErrorOnCommit { rollback_error, .. } => fault(rollback_error),
        _ => Fault::Bug,
    }
}

/// An error that asks for the whole transaction to be run again ([`Fault::Collision`]): for whoever finds, under its
/// locks, that somebody else has changed what it locked by.
#[must_use]
pub fn collision(why: &'static str) -> DieselError {
    DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, Box::new(why.to_owned()))
}

fn fault_by_words(message: &str) -> Fault {
    const LOST: &[&str] = &[
        "server closed the connection",
        "terminating connection",
        "no connection to the server",
        "could not receive data from server",
        "could not send data to server",
        "SSL connection has been closed",
        "connection not open",
    ];
    const UNAVAILABLE: &[&str] = &[
        "canceling statement due to statement timeout",
        "canceling statement due to lock timeout",
        "database is locked",
        "database or disk is full",
        "database disk image is malformed",
        "file is not a database",
        "disk I/O error",
        "No space left on device",
        "could not extend file",
        "the database system is",
        "remaining connection slots",
        "too many clients",
    ];
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if message.contains("deadlock detected") {
        Fault::Collision
    } else if says(LOST) {
        Fault::ConnectionLost
    } else if says(UNAVAILABLE) {
        Fault::Unavailable
    } else {
        Fault::Bug
    }
}

/// Whether this is a violation of a UNIQUE constraint or primary key. SQLite does not name the constraint,
/// so that callers map it where the statement is.
#[must_use]
pub fn is_unique_violation(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
}

/// Whether this is a violation of a FOREIGN KEY constraint: something that it refers to is not there, or something refers
/// to what is deleted.
#[must_use]
pub fn is_foreign_key_violation(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _))
}
