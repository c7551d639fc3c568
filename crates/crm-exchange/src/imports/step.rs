//! One step of an import: a part of its rows becomes records, or of what it made is taken back, in one transaction with
//! the counts of it. Whoever is killed meanwhile has done nothing, and whoever comes next goes on where it was.

use crm_core::sql::{Instant, Uid};
use crm_core::{
    BackendKind, DbConnection, ImportId, PortableExt, PublicTenantId, Scope, TenantId, Timestamp, Uuid, columns,
    each_backend,
};
use crm_history::Kind;
use crm_suite::SuiteError;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bool, Text};

use super::row::{ImportRow, Settings};
use super::schema::{import_parts, import_problems, import_records, imports};
use super::upload::unwritable;
use super::{ImportError, ImportState, clean, undo};
use crate::import::LONGEST_PROBLEM;
use crate::{Content, Counts, Done, Import, RawRow, Sheet};

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing is to be done, or another program does it.
    Nothing,
    /// Something was done, and there may be more.
    Done,
}

/// For how long an import is held, by the clock of the database, which all gateways share: should the one that holds it be
/// gone, others take over then.
const HELD_FOR: &str = "interval '8 seconds'";

/// Does the next step of an import, unless another program works on it: it is held for eight seconds from the last step. Call
/// it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn step(connection: &mut DbConnection, scope: &Scope, id: ImportId, holder: Uuid) -> Result<Step, ImportError> {
    if !hold(connection, scope, id, holder)? {
        return Ok(Step::Nothing);
    }
    let row: Option<ImportRow> = imports::table
        .find((scope.tenant(), id))
        .filter(imports::is_open)
        .select(columns::<ImportRow>())
        .first(connection)
        .optional()?;
    let Some(row) = row else { return Ok(Step::Nothing) };
    match row.state() {
        ImportState::Uploading | ImportState::Draft => return Ok(Step::Nothing),
        ImportState::Queued | ImportState::Running => read_part(connection, scope, &row)?,
        ImportState::Abandoned => drop(clean::forget(connection, scope.tenant(), id)?),
        ImportState::Undoing => undo::step(connection, scope, &row)?,
        ImportState::Done | ImportState::Failed | ImportState::Cancelled | ImportState::Undone => {
            if !clean::forget_parts(connection, scope.tenant(), id)? {
                diesel::update(imports::table.find((scope.tenant(), id)))
                    .set(imports::is_open.eq(false))
                    .execute(connection)?;
            }
        }
    }
    Ok(Step::Done)
}

/// Locks an import and holds it on; whether it is there, and nobody else's.
fn hold(connection: &mut DbConnection, scope: &Scope, id: ImportId, holder: Uuid) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Place {
        #[diesel(sql_type = Bool)]
        is_free: bool,
    }
    // The one gateway on the file.
    if connection.kind() == BackendKind::Sqlite {
        return Ok(true);
    }
    let place = "SELECT coalesce(held_until < now() OR holder = $3, TRUE) AS is_free FROM imports \
                 WHERE tenant_id = $1 AND id = $2 AND is_open FOR UPDATE SKIP LOCKED";
    let place = diesel::sql_query(place).bind::<BigInt, _>(scope.tenant().as_i64()).bind::<Uid, _>(id);
    let place: Option<Place> = place.bind::<Uid, _>(holder).portable().get_result(connection).optional()?;
    if !place.is_some_and(|place| place.is_free) {
        return Ok(false);
    }
    let hold =
        format!("UPDATE imports SET holder = $3, held_until = now() + {HELD_FOR} WHERE tenant_id = $1 AND id = $2");
    let hold = diesel::sql_query(hold).bind::<BigInt, _>(scope.tenant().as_i64()).bind::<Uid, _>(id);
    hold.bind::<Uid, _>(holder).portable().execute(connection)?;
    Ok(true)
}

/// Gives an import back, so that another program can go on with it at once. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn give_back(connection: &mut DbConnection, scope: &Scope, id: ImportId, holder: Uuid) -> QueryResult<()> {
    let held = imports::table.find((scope.tenant(), id)).filter(imports::holder.eq(holder));
    let nobody = (imports::holder.eq(None::<Uuid>), imports::held_until.eq(None::<Timestamp>));
    diesel::update(held).set(nobody).portable().execute(connection).map(drop)
}

/// Ends an import that cannot go on; what it has made stays. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn give_up(connection: &mut DbConnection, scope: &Scope, id: ImportId, why: &str) -> Result<(), ImportError> {
    let under_way = [ImportState::Queued, ImportState::Running, ImportState::Undoing].map(ImportState::as_str);
    diesel::update(imports::table.find((scope.tenant(), id)).filter(imports::state.eq_any(under_way)))
        .set((
            imports::state.eq(ImportState::Failed.as_str()),
            imports::error.eq(why),
            imports::finished_on.eq(scope.now()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Reads the next part; where there is none the import is done.
fn read_part(connection: &mut DbConnection, scope: &Scope, row: &ImportRow) -> Result<(), ImportError> {
    let of_import = || {
        import_parts::table.filter(import_parts::tenant_id.eq(scope.tenant()).and(import_parts::import_id.eq(row.id)))
    };
    let next: Option<(i64, String)> = of_import()
        .order(import_parts::part)
        .select((import_parts::part, import_parts::content))
        .first(connection)
        .optional()?;
    let Some((part, content)) = next else { return end(connection, scope, row.id, ImportState::Done) };
    let raw: Vec<(u64, Content)> =
        serde_json::from_str(&content).map_err(|error| clean::unreadable(Box::new(error)))?;
    let raw: Vec<RawRow> = raw.into_iter().map(|(line, content)| RawRow { line, content }).collect();
    let import = row.import()?;
    let sheet = match sheet(connection, scope, &import, &row.settings.0)? {
        Ok(sheet) => sheet,
        Err(why) => return give_up(connection, scope, row.id, &why),
    };
    let own = row.scope(scope);
    let done = if row.dry_run {
        what_would_be(connection, |connection| import.rows(connection, &own, &sheet, &raw))?
    } else {
        import.rows(connection, &own, &sheet, &raw)?
    };
    note_problems(connection, scope, row.id, &raw, &done.problems)?;
    if !row.dry_run {
        note_records(connection, scope, row.id, import, &done)?;
    }
    diesel::delete(of_import().filter(import_parts::part.eq(part))).execute(connection)?;
    count(connection, scope, row.id, done.counts)?;
    Ok(())
}

/// What the rows are read against; why they cannot be, where fields were renamed or taken away since the file came.
fn sheet(
    connection: &mut DbConnection,
    scope: &Scope,
    import: &Import,
    settings: &Settings,
) -> Result<Result<Sheet, String>, ImportError> {
    let Some(names) = &settings.names else { return Ok(Ok(Sheet::lines(import.kind))) };
    let columns = crate::columns(connection, scope, import.kind)?;
    let sheet = Sheet::csv(import, &columns, names.clone(), &settings.map);
    Ok(sheet.map_err(|errors| format!("the columns are no longer what they were: {}", readable(&errors.to_string()))))
}

/// Does some work, takes it back, and tells what it came to.
fn what_would_be<T>(
    connection: &mut DbConnection,
    work: impl FnOnce(&mut DbConnection) -> Result<T, SuiteError>,
) -> Result<T, SuiteError> {
    enum Undone<T> {
        Work(T),
        Failed(SuiteError),
    }
    impl<T> From<DieselError> for Undone<T> {
        fn from(error: DieselError) -> Self {
            Self::Failed(error.into())
        }
    }
    let undone = connection.write(|connection| match work(connection) {
        Ok(done) => Err::<(), _>(Undone::Work(done)),
        Err(error) => Err(Undone::Failed(error)),
    });
    match undone {
        Err(Undone::Work(done)) => Ok(done),
        Err(Undone::Failed(error)) => Err(error),
        Ok(()) => Err(DieselError::RollbackTransaction.into()),
    }
}

/// The most rows of which it is kept what is wrong with them: all are counted.
const MOST_PROBLEMS: i64 = 100_000;

/// Without NUL, which PostgreSQL does not take, nor other control characters, and of a length.
fn readable(text: &str) -> String {
    let is_odd = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\n');
    text.chars().take(LONGEST_PROBLEM).map(|c| if is_odd(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn note_problems(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ImportId,
    raw: &[RawRow],
    problems: &[(usize, String)],
) -> Result<(), ImportError> {
    let kept: i64 = if problems.is_empty() {
        return Ok(());
    } else {
        imports::table.find((scope.tenant(), id)).select(imports::failed).first(connection)?
    };
    let room = usize::try_from(MOST_PROBLEMS - kept).unwrap_or_default();
    let mut rows = Vec::with_capacity(problems.len());
    for (row, why) in problems.iter().take(room).filter_map(|(place, why)| Some((raw.get(*place)?, why))) {
        let content = serde_json::to_string(&row.content).map_err(|error| unwritable(Box::new(error)))?;
        rows.push((
            import_problems::tenant_id.eq(scope.tenant()),
            import_problems::import_id.eq(id),
            import_problems::line.eq(i64::try_from(row.line).unwrap_or(i64::MAX)),
            import_problems::content.eq(content),
            import_problems::problem.eq(readable(why)),
        ));
    }
    each_backend!(connection, connection => {
        diesel::insert_into(import_problems::table).values(&rows).execute(connection)
    })?;
    Ok(())
}

fn note_records(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ImportId,
    import: Import,
    done: &Done,
) -> Result<(), ImportError> {
    let kind = Kind::from(import.kind.record());
    let texts = |ids: &[i64]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let tags: Vec<String> = done.tags.iter().map(ToString::to_string).collect();
    // What was made first, for a row that changes it later on.
    for (kind, ids, is_new) in [
        (kind, texts(&done.made), true),
        (Kind::Organization, texts(&done.organizations), true),
        (Kind::Tag, tags, true),
        (kind, texts(&done.changed), false),
    ] {
        let row = |record_id: String| {
            (
                import_records::tenant_id.eq(scope.tenant()),
                import_records::import_id.eq(id),
                import_records::kind.eq(kind.as_str()),
                import_records::record_id.eq(record_id),
                import_records::is_new.eq(is_new),
            )
        };
        let rows: Vec<_> = ids.into_iter().map(row).collect();
        if !rows.is_empty() {
            each_backend!(&mut *connection, connection => diesel::insert_into(import_records::table)
                .values(&rows)
                .on_conflict_do_nothing()
                .execute(connection))?;
        }
    }
    Ok(())
}

fn count(connection: &mut DbConnection, scope: &Scope, id: ImportId, counts: Counts) -> QueryResult<()> {
    let Counts { created, updated, unchanged, failed } = counts;
    // SQLite numbers these parameters as they come first.
    let sql = "UPDATE imports SET state = 'running', started_on = coalesce(started_on, $1), created = created + $2, \
               updated = updated + $3, unchanged = unchanged + $4, failed = failed + $5 WHERE tenant_id = $6 AND id = $7";
    let query = diesel::sql_query(sql)
        .bind::<Instant, _>(scope.now())
        .bind::<BigInt, _>(created)
        .bind::<BigInt, _>(updated)
        .bind::<BigInt, _>(unchanged)
        .bind::<BigInt, _>(failed)
        .bind::<BigInt, _>(scope.tenant().as_i64())
        .bind::<Uid, _>(id);
    query.portable().execute(connection).map(drop)
}

/// It is over; one of which all parts were read has nothing left to do.
pub(super) fn end(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ImportId,
    state: ImportState,
) -> Result<(), ImportError> {
    let is_open = state != ImportState::Done;
    diesel::update(imports::table.find((scope.tenant(), id)))
        .set((imports::state.eq(state.as_str()), imports::is_open.eq(is_open), imports::finished_on.eq(scope.now())))
        .execute(connection)?;
    Ok(())
}

/// An import that something is to be done for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Whose it is.
    pub tenant: TenantId,
    /// The tenant as clients know it.
    pub public_tenant: PublicTenantId,
    /// Its id.
    pub id: ImportId,
}

/// How many imports are told at once.
const LEFT_AT_ONCE: i64 = 100;

/// The imports that something is to be done for and that nobody holds, or this one. For a program to ask once in a while:
/// what came to it, it knows.
///
/// # Errors
/// The database's.
pub fn left_behind(connection: &mut DbConnection, holder: Uuid) -> QueryResult<Vec<Left>> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = BigInt)]
        tenant: i64,
        #[diesel(sql_type = Text)]
        public_id: String,
        #[diesel(sql_type = Uid)]
        id: ImportId,
    }
    let is_free = match connection.kind() {
        BackendKind::Postgres => "coalesce(i.held_until < now() OR i.holder = $1, TRUE)",
        // A place for the parameter: on SQLite nobody else works on it.
        BackendKind::Sqlite => "$1 IS NOT NULL",
    };
    let sql = format!(
        "SELECT t.id AS tenant, t.public_id AS public_id, i.id AS id FROM tenants t \
         JOIN imports i ON i.tenant_id = t.id AND i.is_open AND i.state NOT IN ('uploading', 'draft') \
         WHERE t.deleted_on IS NULL AND t.frozen_on IS NULL AND {is_free} ORDER BY i.created_on, i.id LIMIT $2"
    );
    let query = diesel::sql_query(sql).bind::<Uid, _>(holder).bind::<BigInt, _>(LEFT_AT_ONCE);
    let found: Vec<Found> = query.portable().load(connection)?;
    let left = found.into_iter().map(|Found { tenant, public_id, id }| {
        Some(Left { tenant: TenantId::from_i64(tenant), public_tenant: public_id.parse().ok()?, id })
    });
    Ok(left.flatten().collect())
}
