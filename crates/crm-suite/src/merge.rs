//! What merging leads, contacts and organizations has in common: how it ends, and what it would come to.

use crm_core::{DbConnection, Scope};
use crm_history::{ChangeId, Kind, Merging, changed_by, comments};
use crm_tags::Tagged;
use diesel::QueryResult;
use diesel::result::Error as DieselError;
use serde::Serialize;

use crate::SuiteError;

/// A record that others were merged into.
#[derive(Debug)]
pub struct Merged<T> {
    /// The record as it is now.
    pub item: T,
    did: ChangeId,
    comments: usize,
}

/// How many records pointed at the sources of a merge, and point at its target instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Repointed {
    /// Contacts, whose organization it was.
    #[cfg_attr(feature = "openapi", schema(examples(0)))]
    pub contacts: i64,
    /// Leads.
    #[cfg_attr(feature = "openapi", schema(examples(2)))]
    pub leads: i64,
    /// Opportunities.
    #[cfg_attr(feature = "openapi", schema(examples(1)))]
    pub opportunities: i64,
    /// Cases.
    #[cfg_attr(feature = "openapi", schema(examples(0)))]
    pub cases: i64,
    /// Comments, which go along.
    #[cfg_attr(feature = "openapi", schema(examples(3)))]
    pub comments: i64,
}

/// What a merge would come to.
#[derive(Debug)]
pub struct Preview<T> {
    /// The record as it would be.
    pub item: T,
    /// What would point at it.
    pub repointed: Repointed,
}

/// A merge of which everything but the end of its sources is done.
pub(crate) struct Moved {
    did: ChangeId,
    comments: usize,
}

impl Moved {
    /// The record, once the sources are deleted.
    pub(crate) fn with<T>(self, item: T) -> Merged<T> {
        let Self { did, comments } = self;
        Merged { item, did, comments }
    }
}

/// Gives the target what belongs to the sources and to no other record: their comments, and, as all records are locked by now,
/// their tags.
pub(crate) fn take_over<I: Tagged>(
    connection: &mut DbConnection,
    scope: &Scope,
    merging: &Merging<I>,
) -> QueryResult<Moved> {
    let comments = comments::move_all(connection, scope, merging.sources(), merging.target())?;
    crm_tags::add(connection, scope, merging.target(), merging.tags())?;
    Ok(Moved { did: merging.did(), comments })
}

/// What a merge would come to: it is done, looked at and taken back, in a transaction of its own or within the caller's, so that
/// it is what the merge itself would do and refuse. Call it in a [`DbConnection::write`].
///
/// # Errors
/// Those of the merge.
pub fn preview<T>(
    connection: &mut DbConnection,
    scope: &Scope,
    merge: impl FnOnce(&mut DbConnection) -> Result<Merged<T>, SuiteError>,
) -> Result<Preview<T>, SuiteError> {
    let done = connection.write(|connection| {
        let Merged { item, did, comments } = merge(connection).map_err(Undone::Refused)?;
        let changed = changed_by(connection, scope, did)?;
        let of = |kind| changed.get(&kind).copied().unwrap_or_default();
        let repointed = Repointed {
            contacts: of(Kind::Contact),
            leads: of(Kind::Lead),
            opportunities: of(Kind::Opportunity),
            cases: of(Kind::Case),
            comments: i64::try_from(comments).unwrap_or(i64::MAX),
        };
        // An error, so that all of it is rolled back.
        Err::<std::convert::Infallible, _>(Undone::Seen(Preview { item, repointed }))
    });
    match done {
        Err(Undone::Seen(preview)) => Ok(preview),
        Err(Undone::Refused(error)) => Err(error),
        Ok(never) => match never {},
    }
}

/// Why nothing of a merge is left.
enum Undone<T> {
    /// It was only looked at.
    Seen(Preview<T>),
    /// It could not be done.
    Refused(SuiteError),
}

impl<T> From<DieselError> for Undone<T> {
    fn from(error: DieselError) -> Self {
        Self::Refused(error.into())
    }
}
