use crm_core::page::{Page, PageRequest, SortKey};
use crm_core::sql::Json;
use crm_core::{Condition, Db, DbConnection, ForUpdateExt, ImportId, PortableExt, Scope, Timestamp, columns};
use diesel::prelude::*;

use super::row::{ImportRow, StoredActor};
use super::schema::{import_problems, imports};
use super::upload::check_rights;
use super::{
    ImportError, ImportRun, ImportRunWithProblems, ImportSort, ImportState, PROBLEMS_SHOWN, RowProblem, clean,
};
use crate::{Content, Kind, RawRow, Sheet};

/// The most imports of a tenant that are under way.
pub const MOST_AT_ONCE: i64 = 5;

/// A page of the imports of these kinds.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    kinds: &[Kind],
    request: &PageRequest<ImportSort>,
) -> Result<Page<ImportRun>, ImportError> {
    let kinds: Vec<&'static str> = kinds.iter().map(|kind| kind.name()).collect();
    let matching = || {
        imports::table
            .filter(imports::tenant_id.eq(scope.tenant()))
            .filter(imports::kind.eq_any(kinds.clone()))
            .filter(imports::state.ne_all(ImportState::HIDDEN))
            .into_boxed::<Db>()
    };
    let page =
        request.load(connection, scope, matching, |row: &ImportRow, _, _| (SortKey::Moment(row.created_on), row.id))?;
    page.try_map(|rows| rows.into_iter().map(|row| Ok(row.into_run()?)).collect())
}

/// One import.
///
/// # Errors
/// [`ImportError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: ImportId) -> Result<ImportRun, ImportError> {
    Ok(find(connection, scope, id)?.into_run()?)
}

/// One import, with what was wrong with its first rows.
///
/// # Errors
/// As [`get`].
pub fn shown(connection: &mut DbConnection, scope: &Scope, id: ImportId) -> Result<ImportRunWithProblems, ImportError> {
    let run = get(connection, scope, id)?;
    with_problems(connection, scope, run)
}

fn with_problems(
    connection: &mut DbConnection,
    scope: &Scope,
    run: ImportRun,
) -> Result<ImportRunWithProblems, ImportError> {
    let problems: Vec<(i64, String)> = import_problems::table
        .filter(import_problems::tenant_id.eq(scope.tenant()).and(import_problems::import_id.eq(run.id)))
        .order(import_problems::line)
        .limit(PROBLEMS_SHOWN)
        .select((import_problems::line, import_problems::problem))
        .load(connection)?;
    let problems = problems.into_iter().map(|(line, problem)| RowProblem { line, problem }).collect();
    Ok(ImportRunWithProblems { run, problems })
}

/// An import whose file has come.
pub(super) fn find(connection: &mut DbConnection, scope: &Scope, id: ImportId) -> Result<ImportRow, ImportError> {
    let row: Option<ImportRow> = imports::table
        .find((scope.tenant(), id))
        .filter(imports::state.ne_all(ImportState::HIDDEN))
        .select(columns::<ImportRow>())
        .first(connection)
        .optional()?;
    row.ok_or(ImportError::NotFound)
}

/// An import in whatever state.
pub(super) fn find_locked(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ImportId,
) -> Result<ImportRow, ImportError> {
    let row = imports::table
        .find((scope.tenant(), id))
        .select(columns::<ImportRow>())
        .locked()
        .get_result(connection)
        .optional()?;
    row.ok_or(ImportError::NotFound)
}

/// An import whose file has come, as it is expected.
fn expected(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ImportId,
    condition: &Condition<ImportRunWithProblems>,
) -> Result<ImportRow, ImportError> {
    let row = find_locked(connection, scope, id)?;
    if matches!(row.state(), ImportState::Uploading | ImportState::Abandoned | ImportState::Draft) {
        return Err(ImportError::NotFound);
    }
    condition.check(|| with_problems(connection, scope, row.clone().into_run()?))?;
    Ok(row)
}

/// Ends an import after the part that is written just now; what it has made stays. One that is over stays as it is. Call it
/// in a [`DbConnection::write`].
///
/// # Errors
/// [`ImportError::NotFound`]; [`ImportError::Unmet`]; the database's.
pub fn cancel(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ImportId,
    condition: &Condition<ImportRunWithProblems>,
) -> Result<(), ImportError> {
    let row = expected(connection, scope, id, condition)?;
    if matches!(row.state(), ImportState::Queued | ImportState::Running) {
        diesel::update(imports::table.find((scope.tenant(), id)))
            .set((imports::state.eq(ImportState::Cancelled.as_str()), imports::finished_on.eq(scope.now())))
            .execute(connection)?;
    }
    Ok(())
}

/// Has what an import made and changed taken back; one of which that is done or under way stays as it is. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`ImportError::NotFound`]; [`ImportError::MissingRight`]; [`ImportError::Unmet`]; [`ImportError::UnderWay`]; the database's.
pub fn undo(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ImportId,
    condition: &Condition<ImportRunWithProblems>,
) -> Result<ImportRunWithProblems, ImportError> {
    // Without the lock, which the part that is written just now has.
    let row = find(connection, scope, id)?;
    check_rights(scope, row.import()?)?;
    if matches!(row.state(), ImportState::Queued | ImportState::Running) {
        return Err(ImportError::UnderWay);
    }
    let row = expected(connection, scope, id, condition)?;
    match row.state() {
        ImportState::Queued | ImportState::Running => return Err(ImportError::UnderWay),
        ImportState::Uploading
        | ImportState::Abandoned
        | ImportState::Draft
        | ImportState::Undoing
        | ImportState::Undone => {}
        ImportState::Done | ImportState::Failed | ImportState::Cancelled => {
            diesel::update(imports::table.find((scope.tenant(), id)))
                .set((
                    imports::state.eq(ImportState::Undoing.as_str()),
                    imports::is_open.eq(true),
                    imports::actor.eq(Json(StoredActor::of(scope.actor()))),
                    imports::finished_on.eq(None::<Timestamp>),
                ))
                .portable()
                .execute(connection)?;
        }
    }
    shown(connection, scope, id)
}

/// Rows that failed, as they came, as lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The lines.
    pub text: String,
    /// Whether they are of CSV; else of JSON.
    pub is_csv: bool,
    /// After which line of the import's file the next ones are; `None` where these are the last.
    pub after: Option<i64>,
}

/// How many rows that failed are read at once.
const PROBLEMS_AT_ONCE: i64 = 200;

/// The rows of an import that failed, after a line of its file: some of them, with what is wrong with each.
///
/// # Errors
/// [`ImportError::NotFound`]; the database's.
pub fn problems(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ImportId,
    after: i64,
) -> Result<Problems, ImportError> {
    let row = find(connection, scope, id)?;
    let of_import = import_problems::table
        .filter(import_problems::tenant_id.eq(scope.tenant()).and(import_problems::import_id.eq(id)));
    let found: Vec<(i64, String, String)> = of_import
        .filter(import_problems::line.gt(after))
        .order(import_problems::line)
        .limit(PROBLEMS_AT_ONCE)
        .select((import_problems::line, import_problems::content, import_problems::problem))
        .load(connection)?;
    let names = row.settings.0.names.as_deref();
    let mut text = if after == 0 { Sheet::problems_head(names) } else { String::new() };
    for (line, content, problem) in &found {
        let content: Content = serde_json::from_str(content).map_err(|error| clean::unreadable(Box::new(error)))?;
        let raw = RawRow { line: u64::try_from(*line).unwrap_or_default(), content };
        text.push_str(&Sheet::problem(names, &raw, problem));
    }
    let is_full = i64::try_from(found.len()).is_ok_and(|count| count == PROBLEMS_AT_ONCE);
    let is_csv = row.settings.0.names.is_some();
    Ok(Problems { text, is_csv, after: found.last().map(|(line, ..)| *line).filter(|_| is_full) })
}
