//! Whether the records exist that another one is about to point at.

use crm_core::values::{References, Referring};
use crm_core::{ContactId, DbConnection, FieldCode, FieldErrors, RecordId, Scope};
use crm_directory::{contacts, organizations};
use diesel::QueryResult;

/// Keeps the records that an input points at from being deleted before the end of the transaction. Gives the problems
/// with those that do not exist, which whoever writes the input tells together with everything else that is wrong.
pub(crate) fn checked(
    connection: &mut DbConnection,
    scope: &Scope,
    input: &impl Referring,
) -> QueryResult<FieldErrors> {
    hold(connection, scope, &input.references())
}

/// As [`checked`], of what a record points at.
pub(crate) fn hold(connection: &mut DbConnection, scope: &Scope, references: &References) -> QueryResult<FieldErrors> {
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

fn blame<I: RecordId>(errors: &mut FieldErrors, field: &str, id: I) {
    errors.push(field, FieldCode::UnknownReference, format_args!("no {} has the id {id}", I::KIND.name()));
}
