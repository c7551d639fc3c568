//! Short ways for the tests of a kind of records: bodies and lists as a request has them, and what stands around a record.

use crm_core::input::FromBody;
use crm_core::page::{PageRequest, SortField};
use crm_core::params::{FromParams, ParamReader};
use crm_core::{DbConnection, FieldErrors, Scope};
use diesel::RunQueryDsl;
use serde_json::Value;

use crate::lists::Params;

/// A body as a type reads it.
///
/// # Errors
/// Every problem of the body.
pub fn read<T: FromBody>(body: &Value) -> Result<T, FieldErrors> {
    T::from_body(body.as_object().unwrap())
}

/// What a client sees of a record.
pub fn json_of(record: &impl serde::Serialize) -> Value {
    serde_json::to_value(record).unwrap()
}

/// The field and code of each problem.
#[must_use]
pub fn problems(errors: &FieldErrors) -> Vec<(&str, &str)> {
    errors.as_slice().iter().map(|error| (error.field.as_str(), error.code.as_str())).collect()
}

/// All parameters of a list.
#[derive(Debug)]
pub struct Asked<F, S> {
    /// Which records.
    pub filter: F,
    /// Which page of them.
    pub page: PageRequest<S>,
}

impl<F: FromParams, S: SortField> FromParams for Asked<F, S> {
    fn from_params(params: &mut ParamReader) -> Self {
        Self { filter: F::from_params(params), page: PageRequest::from_params(params) }
    }
}

/// Parameters as a type reads them.
///
/// # Errors
/// Every problem of the parameters.
pub fn asked<T: FromParams>(params: &Params<'_>) -> Result<T, FieldErrors> {
    let given = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ParamReader::new(given).read()
}

/// The same tenant at another time.
#[must_use]
pub fn at(scope: &Scope, moment: &str) -> Scope {
    Scope::new(scope.tenant(), scope.public_tenant().clone(), moment.parse().unwrap())
}

/// Makes organizations, for tests of crates that know the keys of their table only.
pub fn organizations(connection: &mut DbConnection, scope: &Scope, ids: &[i64]) {
    ids.iter().for_each(|id| record(connection, scope, "organizations", *id));
}

/// As [`organizations`], of contacts.
pub fn contacts(connection: &mut DbConnection, scope: &Scope, ids: &[i64]) {
    ids.iter().for_each(|id| record(connection, scope, "contacts", *id));
}

fn record(connection: &mut DbConnection, scope: &Scope, table: &str, id: i64) {
    diesel::sql_query(format!(
        "INSERT INTO {table} (tenant_id, id, name, name_folded, name_key, name_search, custom_fields, created_on, last_updated_on) \
         VALUES ({}, {id}, 'N', 'n', 'n', 'n', '{{}}', '2025-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z')",
        scope.tenant().as_i64()
    ))
    .execute(connection)
    .unwrap();
}
