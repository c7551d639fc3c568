use crm_core::secrets::SecretsError;
use crm_core::{FieldErrors, Unmet};
use diesel::result::Error as DieselError;

/// Why a client map could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    /// The tenant has as many client maps as it may.
    #[error("a tenant has at most {} client maps", crate::MOST_CLIENT_MAPS)]
    LimitReached,
    /// The configurations of the tenant's client maps would have more bytes together than they may.
    #[error("the configurations of a tenant have at most {} bytes together", crate::MOST_CONFIGURED)]
    TooLarge,
    /// The input breaks a rule that depends on what is stored.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

crm_core::from_write_error!(ClientMapError);
