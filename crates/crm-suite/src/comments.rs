//! Comments on records that are there, and that nobody deletes meanwhile.

use crm_core::page::{Page, PageRequest};
use crm_core::{CommentId, Condition, ContactId, DbConnection, LeadId, OpportunityId, OrganizationId, RecordId, Scope};
use crm_directory::{DirectoryError, contacts, organizations};
use crm_history::comments::{self, Comment, CommentPatch, CommentSort, Commented, NewRecordComment};
use crm_leads::LeadError;
use crm_opportunities::OpportunityError;

use crate::{SuiteError, leads, opportunities};

/// A kind of record that has comments, by the type of its ids.
pub trait HasComments: RecordId + PartialEq {
    /// Locks the record.
    ///
    /// # Errors
    /// That it does not exist; the database's.
    fn hold(self, connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError>;

    /// Another record whose comments are shown with its own.
    ///
    /// # Errors
    /// That it does not exist; the database's.
    fn with(self, connection: &mut DbConnection, scope: &Scope) -> Result<Option<Commented>, SuiteError>;
}

/// Whether a record of these was found.
fn found<I, E: Into<SuiteError>>(locked: &[I], missing: impl FnOnce() -> E) -> Result<(), SuiteError> {
    if locked.is_empty() { Err(missing().into()) } else { Ok(()) }
}

impl HasComments for LeadId {
    fn hold(self, connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError> {
        found(&crm_leads::lock(connection, scope, &[self])?, || LeadError::NotFound)
    }

    fn with(self, connection: &mut DbConnection, scope: &Scope) -> Result<Option<Commented>, SuiteError> {
        leads::get(connection, scope, self).map(|_| None)
    }
}

impl HasComments for OpportunityId {
    fn hold(self, connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError> {
        found(&crm_opportunities::lock(connection, scope, &[self])?, || OpportunityError::NotFound)
    }

    fn with(self, connection: &mut DbConnection, scope: &Scope) -> Result<Option<Commented>, SuiteError> {
        Ok(opportunities::get(connection, scope, self)?.lead_id.map(Commented::of))
    }
}

impl HasComments for ContactId {
    fn hold(self, connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError> {
        found(&contacts::lock(connection, scope, &[self])?, || {
            DirectoryError::NotFound(Self::KIND, vec![self.as_i64()])
        })
    }

    fn with(self, connection: &mut DbConnection, scope: &Scope) -> Result<Option<Commented>, SuiteError> {
        let missing = contacts::missing(connection, scope, &[self])?;
        if missing.is_empty() {
            Ok(None)
        } else {
            Err(DirectoryError::NotFound(Self::KIND, vec![self.as_i64()]).into())
        }
    }
}

impl HasComments for OrganizationId {
    fn hold(self, connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError> {
        found(&organizations::lock(connection, scope, &[self])?, || {
            DirectoryError::NotFound(Self::KIND, vec![self.as_i64()])
        })
    }

    fn with(self, connection: &mut DbConnection, scope: &Scope) -> Result<Option<Commented>, SuiteError> {
        let missing = organizations::missing(connection, scope, &[self])?;
        if missing.is_empty() {
            Ok(None)
        } else {
            Err(DirectoryError::NotFound(Self::KIND, vec![self.as_i64()]).into())
        }
    }
}

/// Adds a comment.
///
/// # Errors
/// That the record does not exist; the database's.
pub fn add<I: HasComments>(
    connection: &mut DbConnection,
    scope: &Scope,
    record: I,
    new: &NewRecordComment,
) -> Result<Comment, SuiteError> {
    record.hold(connection, scope)?;
    Ok(comments::add(connection, scope, Commented::of(record), new)?)
}

/// A page of the comments of a record; of an opportunity with those of the lead that it was made of.
///
/// # Errors
/// That the record does not exist; the database's.
pub fn list<I: HasComments>(
    connection: &mut DbConnection,
    scope: &Scope,
    record: I,
    request: &PageRequest<CommentSort>,
) -> Result<Page<Comment>, SuiteError> {
    let also = record.with(connection, scope)?;
    Ok(comments::list(connection, scope, Commented::of(record), also, request)?)
}

/// One of the comments that [`list`] shows.
///
/// # Errors
/// That there is no such; the database's.
pub fn get<I: HasComments>(
    connection: &mut DbConnection,
    scope: &Scope,
    record: I,
    id: CommentId,
) -> Result<Comment, SuiteError> {
    let also = record.with(connection, scope)?;
    Ok(comments::get(connection, scope, Commented::of(record), also, id)?)
}

/// Puts a comment in other words.
///
/// # Errors
/// That the record or the comment does not exist, or is not as expected; the database's.
pub fn update<I: HasComments>(
    connection: &mut DbConnection,
    scope: &Scope,
    record: I,
    id: CommentId,
    condition: &Condition<Comment>,
    patch: &CommentPatch,
) -> Result<Comment, SuiteError> {
    record.hold(connection, scope)?;
    Ok(comments::update(connection, scope, Commented::of(record), id, condition, patch)?)
}

/// Deletes a comment.
///
/// # Errors
/// That the record or the comment does not exist, or is not as expected; the database's.
pub fn delete<I: HasComments>(
    connection: &mut DbConnection,
    scope: &Scope,
    record: I,
    id: CommentId,
    condition: &Condition<Comment>,
) -> Result<(), SuiteError> {
    record.hold(connection, scope)?;
    Ok(comments::delete(connection, scope, Commented::of(record), id, condition)?)
}
