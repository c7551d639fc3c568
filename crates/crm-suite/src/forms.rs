//! Forms, which may only change as far as the values of records allow.

use std::collections::HashSet;

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
    let in_use = |connection: &mut DbConnection, fields: &[&str]| fields_in_use(connection, scope, kind, fields);
    Ok(crm_forms::replace(connection, scope, kind, condition, new, in_use)?)
}

fn fields_in_use(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: FormKind,
    fields: &[&str],
) -> QueryResult<HashSet<String>> {
    match kind {
        FormKind::Pipeline => {
            let mut used = crm_leads::custom_fields_in_use(connection, scope, fields)?;
            used.extend(crm_opportunities::custom_fields_in_use(connection, scope, fields)?);
            Ok(used)
        }
        FormKind::Contacts => contacts::custom_fields_in_use(connection, scope, fields),
        FormKind::Organizations => organizations::custom_fields_in_use(connection, scope, fields),
    }
}
