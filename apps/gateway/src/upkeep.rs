//! What a gateway does now and then beside serving: it forgets what nobody needs any more, gives its room back, and sees to it that
//! PostgreSQL knows its tables.

use std::sync::Arc;
use std::time::Duration;

use crm_core::{DbConnection, counts, database, idempotency, keys, sessions, statistics};
use crm_exchange::imports;
use crm_webhooks::deliveries;
use diesel::QueryResult;

use crate::db::Executor;
use crate::error::Failure;
use crate::state::AppState;

/// How often.
const EVERY: Duration = Duration::from_secs(60);

/// Pages of 4 KiB that are given back in one step, those that stay free for what is written next, and the steps of a minute.
const PAGES_AT_ONCE: i64 = 256;
const KEPT_PAGES: i64 = 1024;
const MOST_STEPS: usize = 64;

/// Forgets kept answers after their 24 hours, and who has not asked for a while, until the process ends. Every gateway
/// on a database does so; what another has done is found done.
pub async fn keep_up(state: Arc<AppState>) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Some(limit) = &state.rate_limit {
            limit.forget_idle();
        }
        once(&state).await;
    }
}

/// What is done each minute.
pub(crate) async fn once(state: &AppState) {
    let outcomes = [
        forget_answers(state).await,
        forget_changes(state).await,
        forget_deliveries(state).await,
        forget_imports(state).await,
        empty_trash(state).await,
        note_uses(state).await,
        note_visits(state).await,
        forget_sessions(state).await,
        fold_counts(state).await,
        know_tables(state).await,
        shrink(&state.db).await,
    ];
    for failure in outcomes.into_iter().filter_map(Result::err) {
        // Whatever it was, it is logged there; the next minute is another chance.
        let _ = failure.into_problem("upkeep");
    }
}

/// How many keys are noted in one transaction.
const USES_AT_ONCE: usize = 100;

/// Writes down when keys were used last: what a request costs is no write.
async fn note_uses(state: &AppState) -> Result<(), Failure> {
    for uses in state.keys.take_uses().chunks(USES_AT_ONCE) {
        let uses = uses.to_vec();
        state.db.write(move |connection| Ok::<_, Failure>(keys::note_uses(connection, &uses)?)).await?;
    }
    Ok(())
}

/// Moves the end of the sessions on that were used.
async fn note_visits(state: &AppState) -> Result<(), Failure> {
    for uses in state.sessions.take_uses().chunks(USES_AT_ONCE) {
        let uses = uses.to_vec();
        state.db.write(move |connection| Ok::<_, Failure>(sessions::note_uses(connection, &uses)?)).await?;
    }
    Ok(())
}

/// Those whose time is over.
async fn forget_sessions(state: &AppState) -> Result<(), Failure> {
    let now = state.clock.now();
    forget(
        &state.db,
        move |connection| sessions::tenants_with_expired(connection, now),
        move |connection, tenant| Ok(sessions::forget_expired(connection, *tenant, now)? > 0),
    )
    .await
}

/// Adds up what many sessions have counted.
async fn fold_counts(state: &AppState) -> Result<(), Failure> {
    forget(
        &state.db,
        counts::tenants_in_parts,
        // What is left is held by those who are at work.
        |connection, tenant| counts::fold(connection, *tenant).map(|_| false).map_err(Into::into),
    )
    .await
}

/// Has PostgreSQL look at tables that have grown much, and thereby the first records of a new database, however they came.
async fn know_tables(state: &AppState) -> Result<(), Failure> {
    state.db.look_up(|connection| Ok::<_, Failure>(statistics::keep_up(connection)?)).await
}

/// For each that has something to forget: forgets a part of it at a time, until there is no more, in transactions so small
/// that no request notices them.
async fn forget<T: Clone + Send + 'static>(
    db: &Executor,
    all: impl Fn(&mut DbConnection) -> QueryResult<Vec<T>> + Send + 'static,
    a_part: impl Fn(&mut DbConnection, &T) -> Result<bool, Failure> + Clone + Send + 'static,
) -> Result<(), Failure> {
    for one in db.look_up(move |connection| Ok::<_, Failure>(all(connection)?)).await? {
        let forget_a_part = || {
            let (one, a_part) = (one.clone(), a_part.clone());
            db.write(move |connection| a_part(connection, &one))
        };
        while forget_a_part().await? {}
    }
    Ok(())
}

async fn forget_answers(state: &AppState) -> Result<(), Failure> {
    let now = state.clock.now();
    forget(
        &state.db,
        move |connection| idempotency::tenants_with_expired(connection, now),
        move |connection, tenant| Ok(idempotency::forget_expired(connection, *tenant, now)? > 0),
    )
    .await
}

/// What happened longer ago than is kept, but for what a webhook is still to be told of, which has some days more.
async fn forget_changes(state: &AppState) -> Result<(), Failure> {
    let Some(days) = state.history_days else { return Ok(()) };
    let before = crm_history::days_before(state.clock.now(), days);
    let at_last = crm_history::days_before(state.clock.now(), days + deliveries::WAITED_FOR_DAYS);
    forget(
        &state.db,
        move |connection| crm_history::tenants_with_older(connection, before),
        move |connection, tenant| {
            let unsent = |connection: &mut DbConnection, to| deliveries::first_unsent(connection, *tenant, to);
            let forgotten = crm_history::forget_before(connection, *tenant, before, unsent)?;
            Ok(forgotten + crm_history::forget_before(connection, *tenant, at_last, |_, _| Ok(None))? > 0)
        },
    )
    .await
}

/// The log of webhooks.
async fn forget_deliveries(state: &AppState) -> Result<(), Failure> {
    let now = state.clock.now();
    forget(
        &state.db,
        move |connection| deliveries::tenants_with_old(connection, now),
        move |connection, tenant| Ok(deliveries::forget_old(connection, *tenant, now)? > 0),
    )
    .await
}

/// Imports after their time, with what was wrong with their rows, and files that never came.
async fn forget_imports(state: &AppState) -> Result<(), Failure> {
    let now = state.clock.now();
    forget(
        &state.db,
        move |connection| imports::tenants_with_old(connection, now),
        move |connection, tenant| Ok(imports::forget_old(connection, *tenant, now)?),
    )
    .await
}

/// What is in the trash longer than it is kept there.
async fn empty_trash(state: &AppState) -> Result<(), Failure> {
    let (trash, now) = (state.trash, state.clock.now());
    forget(
        &state.db,
        move |connection| trash.tenants_with_expired(connection, now),
        move |connection, scope| Ok(crm_suite::trash::expire(connection, scope, trash)?),
    )
    .await
}

/// Gives the file system back what deletions left free in an SQLite file: in steps of a few milliseconds, and so many of them
/// that a gigabyte is gone in a quarter of an hour.
///
/// # Errors
/// When the database cannot be written.
pub async fn shrink(db: &Executor) -> Result<(), Failure> {
    for _ in 0..MOST_STEPS {
        let step = db.write(|connection| Ok::<_, Failure>(database::shrink(connection, PAGES_AT_ONCE, KEPT_PAGES)?));
        if !step.await? {
            break;
        }
    }
    Ok(())
}
