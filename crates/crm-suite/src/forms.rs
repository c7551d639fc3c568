//! Forms, which may only change as far as the values of records allow.

use crm_core::{Condition, DbConnection, Scope};
use crm_directory::{contacts, organizations};
use crm_forms::{Form, FormKind, NewForm};
use diesel::QueryResult;

use crate::SuiteError;

/// The form of a kind of records.
///
/// # Errors
/// The database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, kind: FormKind) -> Result<Form, SuiteError> {
    Ok(crm_forms::get(connection, scope, kind)?)
}

/// Replaces the form of a kind of records.
///
/// # Errors
/// [`crm_forms::FormError::Unmet`]; every problem of its fields; [`crm_forms::FormError::FieldInUse`] where the type of a custom field would
/// change that has values; the database's.
pub fn replace(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: FormKind,
    condition: &Condition<Form>,
    new: &NewForm,
) -> Result<Form, SuiteError> {
    let in_use = |connection: &mut DbConnection, field: &str| has_value(connection, scope, kind, field);
    Ok(crm_forms::replace(connection, scope, kind, condition, new, in_use)?)
}

fn has_value(connection: &mut DbConnection, scope: &Scope, kind: FormKind, field: &str) -> QueryResult<bool> {
    match kind {
        FormKind::Pipeline => Ok(crm_leads::has_custom_value(connection, scope, field)?
            || crm_opportunities::has_custom_value(connection, scope, field)?),
        FormKind::Contacts => contacts::has_custom_value(connection, scope, field),
        FormKind::Organizations => organizations::has_custom_value(connection, scope, field),
    }
}
