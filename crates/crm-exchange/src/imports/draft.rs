//! A file that has come and waits: somebody looks at its first rows and says what its columns are, tries it, and has it
//! imported.

use crm_core::sql::{Json, Uid};
use crm_core::{DbConnection, ImportId, PortableExt, Scope, each_backend};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::row::{ImportRow, Settings, StoredActor};
use super::schema::{import_parts, imports};
use super::service::{find, find_locked};
use super::upload::{abandon, check_limit, check_rights};
use super::{ImportError, ImportRun, ImportState, NewImport, clean};
use crate::{Content, Kind, RawRow};

/// The most files of a tenant that wait. One more takes the place of the oldest.
pub const MOST_DRAFTS: i64 = 5;
/// How many parts are copied in one transaction: a few milliseconds.
const PARTS_AT_ONCE: i64 = 10;

/// A file that waits.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What its rows are.
    pub kind: Kind,
    /// The header of CSV.
    pub names: Option<Vec<String>>,
    /// How many rows it has.
    pub total: i64,
    /// The first of them.
    pub rows: Vec<RawRow>,
}

/// The file has come, and waits, for a day at most. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`ImportError::NotFound`]; the database's.
pub fn keep(connection: &mut DbConnection, scope: &Scope, id: ImportId, total: i64) -> Result<(), ImportError> {
    let kept = diesel::update(imports::table.find((scope.tenant(), id)))
        .filter(imports::state.eq(ImportState::Uploading.as_str()))
        .set((imports::state.eq(ImportState::Draft.as_str()), imports::total.eq(total)))
        .execute(connection)?;
    if kept == 0 {
        return Err(ImportError::NotFound);
    }
    let drafts = imports::table
        .filter(imports::tenant_id.eq(scope.tenant()).and(imports::is_open))
        .filter(imports::state.eq(ImportState::Draft.as_str()));
    let others: Vec<ImportId> = drafts
        .filter(imports::id.ne(id))
        .order((imports::created_on.desc(), imports::id))
        .offset(MOST_DRAFTS - 1)
        .limit(MOST_DRAFTS)
        .select(imports::id)
        .load(connection)?;
    for other in others {
        abandon(connection, scope, other)?;
    }
    Ok(())
}

/// A file that waits, with its first rows, at most so many.
///
/// # Errors
/// [`ImportError::NotFound`]; the database's.
pub fn draft(connection: &mut DbConnection, scope: &Scope, id: ImportId, rows: usize) -> Result<Draft, ImportError> {
    let row: Option<ImportRow> = imports::table
        .find((scope.tenant(), id))
        .filter(imports::state.eq(ImportState::Draft.as_str()))
        .select(crm_core::columns::<ImportRow>())
        .first(connection)
        .optional()?;
    let row = row.ok_or(ImportError::NotFound)?;
    let first: Option<String> = import_parts::table
        .filter(import_parts::tenant_id.eq(scope.tenant()).and(import_parts::import_id.eq(id)))
        .order(import_parts::part)
        .select(import_parts::content)
        .first(connection)
        .optional()?;
    let read: Vec<(u64, Content)> = match first {
        Some(content) => serde_json::from_str(&content).map_err(|error| clean::unreadable(Box::new(error)))?,
        None => Vec::new(),
    };
    let kind = row.kind()?;
    let (names, total) = (row.settings.0.names.clone(), row.total());
    let rows = read.into_iter().take(rows).map(|(line, content)| RawRow { line, content }).collect();
    Ok(Draft { kind, names, total, rows })
}

/// The file that waits becomes an import; what it has of a header stays. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`ImportError::NotFound`]; [`ImportError::MissingRight`]; [`ImportError::LimitReached`], after which the transaction can
/// only be rolled back; the database's.
pub fn start(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ImportId,
    new: &NewImport,
) -> Result<ImportRun, ImportError> {
    check_rights(scope, new.import)?;
    let row = find_locked(connection, scope, id)?;
    if row.state() != ImportState::Draft {
        return Err(ImportError::NotFound);
    }
    let new = NewImport { names: row.settings.0.names, ..new.clone() };
    diesel::update(imports::table.find((scope.tenant(), id)))
        .set((
            imports::mode.eq(new.import.mode.as_str()),
            imports::match_by.eq(new.import.match_by.as_str()),
            imports::dry_run.eq(new.dry_run),
            imports::settings.eq(Json(Settings::of(&new))),
            imports::actor.eq(Json(StoredActor::of(scope.actor()))),
            imports::state.eq(ImportState::Queued.as_str()),
            imports::created_on.eq(scope.now()),
        ))
        .portable()
        .execute(connection)?;
    check_limit(connection, scope)?;
    Ok(find(connection, scope, id)?.into_run()?)
}

/// What was said of a file when it was tried, for it to be imported the same way.
///
/// # Errors
/// [`ImportError::NotFound`]; the database's.
pub fn settings(connection: &mut DbConnection, scope: &Scope, id: ImportId) -> Result<NewImport, ImportError> {
    let row = find(connection, scope, id)?;
    let import = row.import()?;
    let Settings { names, map, .. } = row.settings.0;
    Ok(NewImport { import, dry_run: row.dry_run, names, map })
}

/// Gives an import whose file is on its way some of the rows of a file that waits, behind a part: so that it can be tried
/// and still be imported. The last part that was copied; `None` where there was none left. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn copy_parts(
    connection: &mut DbConnection,
    scope: &Scope,
    (from, to): (ImportId, ImportId),
    after: i64,
) -> QueryResult<Option<i64>> {
    let sql = "INSERT INTO import_parts (tenant_id, import_id, part, content) \
               SELECT tenant_id, $1, part, content FROM import_parts \
               WHERE tenant_id = $2 AND import_id = $3 AND part > $4 ORDER BY part LIMIT $5";
    let query = diesel::sql_query(sql)
        .bind::<Uid, _>(to)
        .bind::<BigInt, _>(scope.tenant().as_i64())
        .bind::<Uid, _>(from)
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(PARTS_AT_ONCE);
    if each_backend!(&mut *connection, connection => query.execute(connection))? == 0 {
        return Ok(None);
    }
    import_parts::table
        .filter(import_parts::tenant_id.eq(scope.tenant()).and(import_parts::import_id.eq(to)))
        .select(diesel::dsl::max(import_parts::part))
        .first(connection)
}
