//! Imports that go on by themselves, whoever was killed (docs/adr/0020): one task looks what is to be done, and does it a step at a
//! time, with connections of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crm_core::error::{Fault, fault};
use crm_core::{Scope, Uuid, statistics};
use crm_exchange::imports::{self, Left, Step};
use futures_util::{StreamExt, stream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::db::Executor;
use crate::error::Failure;
use crate::identity::or_deleted;
use crate::state::AppState;
use crate::wire::ProblemDetails;

/// How often the database is asked what another gateway has left behind.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How many imports go on at a time.
const AT_ONCE: usize = 2;
/// For how long one goes on before the others have their turn.
const TURN: Duration = Duration::from_millis(500);
/// After a fault of the database.
const AFTER_FAULT: Duration = Duration::from_millis(500);
/// How long imports are given back when the process ends.
const GIVING_BACK: Duration = Duration::from_secs(2);

/// Tells the task that something is to be done.
#[derive(Default)]
pub struct Importing(Notify);

impl Importing {
    /// An import has come, or the process is to stop.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Goes on with imports until the process is told to stop.
pub async fn run(state: Arc<AppState>, db: Executor) {
    let holder = Uuid::random();
    while !state.is_draining() {
        match db.look_up(move |connection| Ok::<_, Failure>(imports::left_behind(connection, holder)?)).await {
            Ok(left) if left.is_empty() => {
                // Woken, or not: then it is time to look what others have left.
                let _ = timeout(SWEEP_EVERY, state.importing.0.notified()).await;
            }
            Ok(left) => {
                let turns = left.into_iter().map(|one| turn(&state, &db, holder, one));
                let done: Vec<bool> = stream::iter(turns).buffer_unordered(AT_ONCE).collect().await;
                if !done.contains(&true) {
                    // Another gateway was quicker.
                    sleep(AFTER_FAULT).await;
                }
            }
            Err(failure) => {
                drop(failure.into_problem("imports"));
                sleep(AFTER_FAULT).await;
            }
        }
    }
    let _ = timeout(GIVING_BACK, give_back(&state, &db, holder)).await;
}

/// Goes on with an import for a while; whether anything was done.
async fn turn(state: &AppState, db: &Executor, holder: Uuid, one: Left) -> bool {
    let (began, mut is_done) = (Instant::now(), false);
    while began.elapsed() < TURN && !state.is_draining() {
        let Left { tenant, public_tenant, id } = one.clone();
        let scope = Scope::new(tenant, public_tenant, state.clock.now());
        let step = db
            .of(tenant)
            .write(move |connection| Ok::<_, Failure>(imports::step(connection, &scope, id, holder)?))
            .await;
        match step {
            Ok(Step::Nothing) => break,
            Ok(Step::Done) => {
                is_done = true;
                state.deliveries.wake(tenant, &one.public_tenant);
            }
            Err(failure) => {
                end_of(state, db, &one, failure).await;
                break;
            }
        }
    }
    if is_done {
        let looked_at = db.look_up(|connection| Ok::<_, Failure>(statistics::keep_up(connection)?)).await;
        // Rows are written without that too, only slower.
        let _ = looked_at.map_err(|failure| failure.into_problem(&one.id.to_string()));
    }
    is_done
}

/// What becomes of an import that could not go on: it is tried again later, unless that would be no better.
async fn end_of(state: &AppState, db: &Executor, one: &Left, failure: Failure) {
    let failure = or_deleted(&state.db, one.tenant, &ProblemDetails, failure).await;
    let is_bug = match &failure {
        Failure::Bug(_) => true,
        Failure::Database(error) => fault(error) == Fault::Bug,
        // Of a tenant that is deleted.
        Failure::Problem(_) => return,
        Failure::Unavailable(_) => false,
    };
    let Left { tenant, public_tenant, id } = one.clone();
    drop(failure.into_problem(&id.to_string()));
    if is_bug {
        let scope = Scope::new(tenant, public_tenant, state.clock.now());
        let why = "something went wrong here; the cause was logged under the id of the import";
        let given_up = db.write(move |connection| Ok::<_, Failure>(imports::give_up(connection, &scope, id, why)?));
        // The next turn is another chance.
        let _ = given_up.await.map_err(|failure| failure.into_problem(&id.to_string()));
    }
}

/// Leaves all imports to other gateways, at once.
async fn give_back(state: &AppState, db: &Executor, holder: Uuid) {
    let held = db.look_up(move |connection| Ok::<_, Failure>(imports::left_behind(connection, holder)?)).await;
    for Left { tenant, public_tenant, id } in held.unwrap_or_default() {
        let scope = Scope::new(tenant, public_tenant, state.clock.now());
        // Where it fails, they wait until it is held no more.
        let _: Result<(), Failure> =
            db.write(move |connection| Ok(imports::give_back(connection, &scope, id, holder)?)).await;
    }
}
