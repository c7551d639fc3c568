use crm_core::keys::Right;
use crm_core::secrets::SecretsError;
use crm_core::{FieldErrors, Unmet};
use diesel::result::Error as DieselError;

/// Why a webhook could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The tenant has no such webhook.
    #[error("no such webhook")]
    NotFound,
    /// The webhook has no such delivery.
    #[error("no such delivery")]
    NoSuchDelivery,
    /// The tenant has as many webhooks as it may.
    #[error("a tenant has at most {} webhooks", crate::MOST_WEBHOOKS)]
    LimitReached,
    /// It would be sent what whoever makes it may not read.
    #[error("the right {0} is missing")]
    MissingRight(Right),
    /// It is not as the caller of the change expected.
    #[error(transparent)]
    Unmet(#[from] Unmet),
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The operating system has no randomness to give.
    #[error("no randomness for a secret: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The input breaks a rule.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

crm_core::from_write_error!(WebhookError);
