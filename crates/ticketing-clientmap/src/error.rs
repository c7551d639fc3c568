use std::fmt;

use crm_core::FieldErrors;
use diesel::result::Error as DieselError;

/// Why a client map could not be read or changed.
#[derive(Debug)]
pub enum ClientMapError {
    /// No client map has this id in the tenant.
    NotFound,
    /// Another client map of the tenant has this `clientId`.
    ClientIdTaken,
    /// The input breaks a rule that depends on what is stored.
    Invalid(FieldErrors),
    /// The database's error.
    Database(DieselError),
}

impl fmt::Display for ClientMapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such client map"),
            Self::ClientIdTaken => f.write_str("another client map has this clientId"),
            Self::Invalid(errors) => errors.fmt(f),
            Self::Database(error) => write!(f, "database: {error}"),
        }
    }
}

impl std::error::Error for ClientMapError {}

crm_core::from_write_error!(ClientMapError);
