use crm_core::secrets::SecretsError;
use crm_core::{FieldErrors, Unmet};
use diesel::result::Error as DieselError;

/// Why a client map could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ClientMapError {
    /// No client map has this id in the tenant.
    #[error("no such client map")]
    NotFound,
    /// Another client map of the tenant has this `clientId`.
    #[error("another client map has this clientId")]
    ClientIdTaken,
    /// The client map is not as the caller expected it to be.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The input breaks a rule that depends on what is stored.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

crm_core::from_write_error!(ClientMapError);
