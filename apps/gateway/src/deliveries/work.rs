//! The jobs of the database that deliveries need, and what they find.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crm_core::{DeliveryId, PublicTenantId, Scope, TenantId, Timestamp, tenants};
use crm_webhooks::deliveries::{self, Due, Tried, Turn, Wanted};

use super::courier::Sent;
use super::message::{Body, bodies};
use crate::db::Executor;
use crate::error::Failure;

/// A try that has ended.
pub(super) struct Report {
    pub(super) tenant: TenantId,
    pub(super) due: Due,
    pub(super) body: Arc<str>,
    pub(super) sent: Sent,
}

/// What a job of the database found.
pub(super) enum Done {
    Sweep { took: Duration, found: Result<Vec<(TenantId, PublicTenantId)>, Failure> },
    Turn { tenant: TenantId, noted: Vec<Tried>, outcome: Result<Found, Failure> },
}

/// What a turn found, with what is to be sent.
pub(super) enum Found {
    NoWebhooks,
    Others,
    Turn { turn: Turn, bodies: HashMap<DeliveryId, Body> },
}

/// Asks which tenants something is left behind of.
pub(super) async fn sweep(db: Executor, now: Timestamp) -> Done {
    let began = Instant::now();
    let found = db.look_up(move |connection| Ok::<_, Failure>(deliveries::tenants_with_work(connection, now)?)).await;
    Done::Sweep { took: began.elapsed(), found }
}

/// Notes what has ended, takes the turn, and writes what is to be sent.
pub(super) async fn turn(
    db: Executor,
    scope: Scope,
    wanted: Wanted,
    ended: Vec<Tried>,
    asks: bool,
    is_full: bool,
) -> Done {
    let tenant = scope.tenant();
    let noted = Arc::new(ended);
    let outcome = found(&db, scope, wanted, Arc::clone(&noted), asks, is_full).await;
    Done::Turn { tenant, noted: Arc::unwrap_or_clone(noted), outcome }
}

async fn found(
    db: &Executor,
    scope: Scope,
    wanted: Wanted,
    ended: Arc<Vec<Tried>>,
    asks: bool,
    is_full: bool,
) -> Result<Found, Failure> {
    if asks && ended.is_empty() {
        let scope = scope.clone();
        // A look first: most tenants have no webhook, and a turn writes.
        if !db.look_up(move |connection| Ok::<_, Failure>(deliveries::is_told(connection, &scope)?)).await? {
            return Ok(Found::NoWebhooks);
        }
    }
    let turn = {
        let scope = scope.clone();
        db.write(move |connection| {
            if !ended.is_empty() {
                deliveries::note_tried(connection, &scope, &ended)?;
            }
            let waits = is_full || tenants::is_frozen(connection, scope.tenant())?;
            if waits { Ok(None) } else { Ok::<_, Failure>(deliveries::take_turn(connection, &scope, &wanted)?) }
        })
        .await?
    };
    let Some(turn) = turn else { return Ok(Found::Others) };
    if turn.due.is_empty() {
        return Ok(Found::Turn { turn, bodies: HashMap::new() });
    }
    let due = turn.due.clone();
    let bodies = db.read(move |connection| bodies(connection, &scope, &due)).await?;
    Ok(Found::Turn { turn, bodies })
}
