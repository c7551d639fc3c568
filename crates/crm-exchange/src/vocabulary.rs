//! What a tenant calls things, asked of the database.

use crm_core::{DbConnection, Scope};
use crm_forms::FormKind;
use crm_suite::SuiteError;

use crate::row::Lookup;
use crate::{Columns, Kind};

/// The columns that a kind of records has in the scope's tenant.
///
/// # Errors
/// The database's.
pub fn columns(connection: &mut DbConnection, scope: &Scope, kind: Kind) -> Result<Columns, SuiteError> {
    let form = match kind {
        Kind::Lead | Kind::Opportunity => FormKind::Pipeline,
        Kind::Contact => FormKind::Contacts,
        Kind::Organization => FormKind::Organizations,
        Kind::Case => {
            let types = crm_cases::types::forms(connection, scope)?;
            let fields: Vec<_> = types.iter().flat_map(|(_, _, form)| form.fields()).cloned().collect();
            let names = types.into_iter().map(|(id, label, _)| (id.to_string(), label)).collect();
            return Ok(Columns::of(kind, &fields).with_names([(Lookup::CaseType, names)]));
        }
    };
    let columns = Columns::of(kind, crm_forms::get(connection, scope, form)?.fields());
    if kind != Kind::Opportunity {
        return Ok(columns);
    }
    let names = crm_opportunities::pipelines::names(connection, scope)?;
    let names = names.into_iter().map(|(id, name)| (id.to_string(), name)).collect();
    Ok(columns.with_names([(Lookup::Pipeline, names)]))
}
