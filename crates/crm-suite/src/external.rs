//! Records by the id that another system has for them.

use crm_core::input::{FromBody, JsonObject, ObjectReader};
use crm_core::values::ExternalId;
use crm_core::{Condition, DbConnection, FieldCode, FieldErrors, Patch, Scope};

use crate::SuiteError;
use crate::resource::Resource;

/// What a record with an external id is to be: read both ways, as which it is meant only the database knows.
pub struct Upsert<R: Resource> {
    new: Result<R::New, FieldErrors>,
    patch: Result<R::Patch, FieldErrors>,
}

impl<R: Resource> FromBody for Upsert<R> {
    const READ_ONLY: &'static [&'static str] = <R::New as FromBody>::READ_ONLY;

    /// Read for the API document, as what is changed: nothing is required of that.
    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        R::Patch::read(reader).map(|patch| Self { new: Err(FieldErrors::new()), patch: Ok(patch) })
    }

    fn from_body(body: &JsonObject) -> Result<Self, FieldErrors> {
        Ok(Self { new: R::New::from_body(body), patch: R::Patch::from_body(body) })
    }
}

/// What became of a record that was to be as it is now.
pub enum Upserted<R> {
    /// It was made.
    Created(R),
    /// It was there, and was changed where it differed.
    Updated(R),
}

/// The record that another system calls so.
///
/// # Errors
/// [`SuiteError::NoSuchExternalId`]; the database's.
pub fn get<R: Resource>(
    connection: &mut DbConnection,
    scope: &Scope,
    external_id: &ExternalId,
) -> Result<R, SuiteError> {
    match find::<R>(connection, scope, external_id)? {
        Some(id) => R::get(connection, scope, id),
        None => Err(SuiteError::NoSuchExternalId),
    }
}

/// Changes the record that another system calls so, or makes it: of any number of callers at once one makes it.
///
/// # Errors
/// Every problem of a new record or of the change, whichever it would be; that the record is not as expected; the
/// database's, a [collision](crm_core::error::Fault::Collision) among them where somebody else made it in between.
pub fn put<R: Resource>(
    connection: &mut DbConnection,
    scope: &Scope,
    external_id: &ExternalId,
    condition: &Condition<R>,
    wanted: &Upsert<R>,
) -> Result<Upserted<R>, SuiteError> {
    match find::<R>(connection, scope, external_id)? {
        Some(id) => {
            let mut patch = wanted.patch.clone()?;
            let of_patch = R::external_id_of_patch(&mut patch);
            let named = std::mem::take(of_patch);
            if !matches!(&named, Patch::Keep) && named.value() != Some(external_id) {
                return Err(differs().into());
            }
            Ok(Upserted::Updated(R::update(connection, scope, id, condition, &patch)?))
        }
        None => {
            condition.check_none()?;
            let mut new = wanted.new.clone()?;
            let named = R::external_id_of_new(&mut new).replace(external_id.clone());
            if named.is_some_and(|named| named != *external_id) {
                return Err(differs().into());
            }
            let made = R::create(connection, scope, &new);
            Ok(Upserted::Created(made.map_err(SuiteError::or_run_again)?))
        }
    }
}

fn find<R: Resource>(
    connection: &mut DbConnection,
    scope: &Scope,
    external_id: &ExternalId,
) -> Result<Option<R::Id>, SuiteError> {
    Ok(R::with_external_ids(connection, scope, &[external_id.as_str()])?.into_values().next())
}

fn differs() -> FieldErrors {
    FieldErrors::of("externalId", FieldCode::Conflicting, "names another record than the path")
}
