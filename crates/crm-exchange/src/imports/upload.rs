//! A file on its way in: its parts are stored as they come, in transactions of their own, so that nobody waits for a client.

use crm_core::sql::Json;
use crm_core::{DbConnection, ImportId, PortableExt, Scope, each_backend, wait_for_turn};
use diesel::prelude::*;

use super::row::{Settings, StoredActor};
use super::schema::{import_parts, imports};
use super::service::shown;
use super::{ImportError, ImportRunWithProblems, ImportState, MOST_AT_ONCE, NewImport};
use crate::{Content, Import, RawRow, Unreadable};

/// Begins an import, whose file is on its way. Nobody is shown it before it has come. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`ImportError::MissingRight`]; [`ImportError::LimitReached`], after which the transaction can only be rolled back; the
/// database's.
pub fn begin(connection: &mut DbConnection, scope: &Scope, id: ImportId, new: &NewImport) -> Result<(), ImportError> {
    check_rights(scope, new.import)?;
    diesel::insert_into(imports::table)
        .values((
            imports::tenant_id.eq(scope.tenant()),
            imports::id.eq(id),
            imports::kind.eq(new.import.kind.name()),
            imports::mode.eq(new.import.mode.as_str()),
            imports::match_by.eq(new.import.match_by.as_str()),
            imports::dry_run.eq(new.dry_run),
            imports::settings.eq(Json(Settings::of(new))),
            imports::actor.eq(Json(StoredActor::of(scope.actor()))),
            imports::state.eq(ImportState::Uploading.as_str()),
            imports::is_open.eq(true),
            (imports::total.eq(0), imports::created.eq(0), imports::updated.eq(0)),
            (imports::unchanged.eq(0), imports::failed.eq(0)),
            (imports::deleted.eq(0), imports::restored.eq(0), imports::left_as_is.eq(0)),
            imports::created_on.eq(scope.now()),
        ))
        .execute(connection)?;
    check_limit(connection, scope)
}

/// That whoever asks for an import may do by himself what it does: it goes on without him.
pub(super) fn check_rights(scope: &Scope, import: Import) -> Result<(), ImportError> {
    let missing = scope.actor().rights().lacking(import.needs());
    missing.map_or(Ok(()), |right| Err(ImportError::MissingRight(right)))
}

/// That no more are under way than may be, the one included that was just begun.
pub(super) fn check_limit(connection: &mut DbConnection, scope: &Scope) -> Result<(), ImportError> {
    wait_for_turn(connection, scope, "imports under way")?;
    let open = imports::table.filter(imports::tenant_id.eq(scope.tenant()).and(imports::is_open));
    let begun = open.filter(imports::state.ne(ImportState::Draft.as_str()));
    let open: i64 = begun.count().get_result(connection)?;
    if open > MOST_AT_ONCE { Err(ImportError::LimitReached) } else { Ok(()) }
}

/// Stores parts of the file, the first of which is the one of this number. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn add_parts(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ImportId,
    first: i64,
    parts: &[Vec<RawRow>],
) -> Result<(), ImportError> {
    let mut rows = Vec::with_capacity(parts.len());
    for (part, content) in (first..).zip(parts) {
        let content: Vec<(u64, &Content)> = content.iter().map(|row| (row.line, &row.content)).collect();
        let content = serde_json::to_string(&content).map_err(|error| unwritable(Box::new(error)))?;
        rows.push((
            import_parts::tenant_id.eq(scope.tenant()),
            import_parts::import_id.eq(id),
            import_parts::part.eq(part),
            import_parts::content.eq(content),
        ));
    }
    each_backend!(connection, connection => {
        diesel::insert_into(import_parts::table).values(&rows).execute(connection)
    })?;
    Ok(())
}

pub(super) fn unwritable(error: Box<dyn std::error::Error + Send + Sync>) -> diesel::result::Error {
    diesel::result::Error::SerializationError(error)
}

/// How a file ended.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// How many rows it has.
    pub total: i64,
    /// Where it cannot be read any further: nothing is made of it then.
    pub unreadable: Option<Unreadable>,
}

/// The file has come: the import waits for its turn, or has failed. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`ImportError::NotFound`]; the database's.
pub fn finish(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ImportId,
    uploaded: &Uploaded,
) -> Result<ImportRunWithProblems, ImportError> {
    let error = uploaded.unreadable.as_ref().map(ToString::to_string);
    let (state, finished_on) = match error {
        Some(_) => (ImportState::Failed, Some(scope.now())),
        None => (ImportState::Queued, None),
    };
    let finished = diesel::update(imports::table.find((scope.tenant(), id)))
        .filter(imports::state.eq(ImportState::Uploading.as_str()))
        .set((
            imports::state.eq(state.as_str()),
            imports::total.eq(uploaded.total),
            imports::error.eq(error),
            imports::finished_on.eq(finished_on),
        ))
        .portable()
        .execute(connection)?;
    if finished == 0 {
        return Err(ImportError::NotFound);
    }
    shown(connection, scope, id)
}

/// The file does not come, or nothing is to be made of it: what came of it is forgotten, a step at a time. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn abandon(connection: &mut DbConnection, scope: &Scope, id: ImportId) -> QueryResult<()> {
    diesel::update(imports::table.find((scope.tenant(), id)))
        .filter(imports::state.eq_any([ImportState::Uploading, ImportState::Draft].map(ImportState::as_str)))
        .set(imports::state.eq(ImportState::Abandoned.as_str()))
        .execute(connection)
        .map(drop)
}
