use std::collections::BTreeMap;

use crm_core::sql::Json;
use crm_core::{DbConnection, PortableExt, Scope, Timestamp, Uuid};
use diesel::prelude::*;

use crate::WebhookError;
use crate::deliveries::replay::schedule_next;
use crate::deliveries::{Attempt, DeliveryState, Due};
use crate::schema::deliveries;
use crate::service::{Outcome, note_outcome};

/// A try that has ended.
#[derive(Debug, Clone)]
pub struct Tried {
    /// What was tried.
    pub due: Due,
    /// How.
    pub attempt: Attempt,
    /// What comes of it.
    pub verdict: Verdict,
}

/// What comes of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has arrived.
    Arrived,
    /// It is tried again, at this moment; where there is none, it was the last try.
    Failed(Option<Timestamp>),
    /// The receiver wants nothing more, ever.
    Gone,
}

/// The most tries that are kept of one delivery: the first, and then the last ones.
const MOST_ATTEMPTS: usize = 11;

/// Notes tries of the scope's tenant that have ended: the next delivery of a record whose turn has come is due, a webhook
/// that fails for long or is gone is switched off. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn note_tried(connection: &mut DbConnection, scope: &Scope, tried: &[Tried]) -> Result<(), WebhookError> {
    let mut over: Vec<Uuid> = Vec::new();
    let mut outcomes: BTreeMap<Uuid, Outcome> = BTreeMap::new();
    for one in tried {
        store(connection, scope, one)?;
        let outcome = match one.verdict {
            Verdict::Arrived => Outcome::Arrived,
            Verdict::Failed(_) => Outcome::Failed,
            Verdict::Gone => Outcome::Gone,
        };
        if !matches!(one.verdict, Verdict::Failed(Some(_)) | Verdict::Gone) {
            over.push(one.due.id);
        }
        // Of several the one that decides more.
        let known = outcomes.entry(one.due.webhook).or_insert(outcome);
        if outcome == Outcome::Gone || (outcome == Outcome::Arrived && *known == Outcome::Failed) {
            *known = outcome;
        }
    }
    schedule_next(connection, scope, &over)?;
    for (webhook, outcome) in outcomes {
        note_outcome(connection, scope, webhook, outcome)?;
    }
    Ok(())
}

fn store(connection: &mut DbConnection, scope: &Scope, tried: &Tried) -> QueryResult<()> {
    let Tried { due, attempt, verdict } = tried;
    let mut attempts = due.attempts.clone();
    if attempts.len() >= MOST_ATTEMPTS {
        attempts.remove(1);
    }
    attempts.push(attempt.clone());
    let (state, next, body) = match verdict {
        Verdict::Arrived => (DeliveryState::Delivered, None, None),
        Verdict::Failed(Some(next)) => (DeliveryState::Pending, Some(*next), due.body.as_deref()),
        Verdict::Failed(None) => (DeliveryState::Failed, None, None),
        // It stays for whoever switches the webhook on again.
        Verdict::Gone => (DeliveryState::Pending, Some(scope.now()), due.body.as_deref()),
    };
    let attempts = deliveries::attempts.eq(Json(attempts));
    let row = deliveries::table.find((scope.tenant(), due.id));
    let stored = diesel::update(row.filter(deliveries::next_try_on.eq(due.due_on)))
        .set((
            deliveries::state.eq(state.as_str()),
            deliveries::next_try_on.eq(next),
            deliveries::tries.eq(i32::try_from(due.tries + 1).unwrap_or(i32::MAX)),
            attempts.clone(),
            deliveries::body.eq(body),
        ))
        .portable()
        .execute(connection)?;
    if stored == 0 {
        // It was replayed meanwhile, and is to be sent again, whatever came of this.
        diesel::update(row).set(attempts).portable().execute(connection)?;
    }
    Ok(())
}
