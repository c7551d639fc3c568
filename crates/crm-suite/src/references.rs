//! Whether the records exist that another one is about to point at.

use crm_core::values::{References, Referring};
use crm_core::{ContactId, DbConnection, FieldCode, FieldErrors, RecordId, Scope};
use crm_directory::{contacts, organizations};

use crate::SuiteError;

/// Writes an input whose references are checked first. Those that name no record of the tenant are told together with
/// everything else that is wrong with it; those that do cannot be deleted before the end of the transaction.
pub(crate) fn checked<N: Referring, T, E: Into<SuiteError>>(
    connection: &mut DbConnection,
    scope: &Scope,
    input: &N,
    write: impl FnOnce(&mut DbConnection, &N) -> Result<T, E>,
) -> Result<T, SuiteError> {
    let mut errors = unknown(connection, scope, &input.references())?;
    if errors.is_empty() {
        return write(connection, input).map_err(Into::into);
    }
    // To hear what else is wrong; whatever this writes is rolled back with the error that follows.
    if let Err(error) = write(connection, &input.without_references()) {
        let others = error.into().into_invalid()?;
        errors.append_other_fields(others);
    }
    Err(SuiteError::Invalid(errors))
}

fn unknown(connection: &mut DbConnection, scope: &Scope, references: &References) -> Result<FieldErrors, SuiteError> {
    let mut errors = FieldErrors::new();
    if let Some(id) = references.organization
        && !organizations::lock_missing(connection, scope, &[id])?.is_empty()
    {
        blame(&mut errors, References::ORGANIZATION_FIELD, id);
    }
    let ids: Vec<ContactId> = references.contacts.iter().map(|(_, id)| *id).collect();
    let missing = if ids.is_empty() { Vec::new() } else { contacts::lock_missing(connection, scope, &ids)? };
    for (field, id) in references.contacts.iter().filter(|(_, id)| missing.contains(id)) {
        blame(&mut errors, field, *id);
    }
    Ok(errors)
}

/// Keeps those of these references that exist from being deleted before the end of the transaction.
pub(crate) fn hold(connection: &mut DbConnection, scope: &Scope, references: &References) -> Result<(), SuiteError> {
    unknown(connection, scope, references).map(drop)
}

fn blame<I: RecordId>(errors: &mut FieldErrors, field: &str, id: I) {
    errors.push(field, FieldCode::UnknownReference, format!("no {} has the id {id}", I::KIND.name()));
}
