use std::collections::BTreeMap;

use crm_core::sql::Json;
use crm_core::{DbConnection, DeliveryId, ForUpdateExt, PortableExt, Scope, Timestamp, WebhookId, by_backend};
use diesel::prelude::*;

use crate::WebhookError;
use crate::deliveries::replay::schedule_next;
use crate::deliveries::{Attempt, DeliveryState, Due};
use crate::schema::{deliveries, delivery_turns};
use crate::service::{Outcome, failing, note_outcome};

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
    let mut over: Vec<DeliveryId> = Vec::new();
    let mut outcomes: BTreeMap<WebhookId, Outcome> = BTreeMap::new();
    let turn = delivery_turns::table.find(scope.tenant()).select(delivery_turns::erasures);
    let erasures: Option<i64> = turn.locked().get_result(connection).optional()?;
    let noted: Vec<Noted<'_>> = tried.iter().map(|one| Noted::new(scope, one, erasures.unwrap_or_default())).collect();
    store(connection, scope, &noted)?;
    for one in tried {
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
    schedule_next(connection, scope.tenant(), scope.now(), &over)?;
    // Most are as they were, and nobody waits for them.
    let arrived = outcomes.iter().filter(|(_, outcome)| **outcome == Outcome::Arrived).map(|(webhook, _)| *webhook);
    let recovered = failing(connection, scope, arrived.collect())?;
    outcomes.retain(|webhook, outcome| *outcome != Outcome::Arrived || recovered.contains(webhook));
    for (webhook, outcome) in outcomes {
        note_outcome(connection, scope, webhook, outcome)?;
    }
    Ok(())
}

/// A row as it is to be.
struct Noted<'a> {
    id: DeliveryId,
    due_on: Timestamp,
    state: DeliveryState,
    next: Option<Timestamp>,
    tries: i32,
    attempts: Vec<Attempt>,
    body: Option<&'a str>,
}

impl<'a> Noted<'a> {
    /// What was read before somebody was erased may hold a value of theirs: of that only how it ended is noted, and the next
    /// try sends what is there then.
    fn new(scope: &Scope, tried: &'a Tried, erasures: i64) -> Self {
        let Tried { due, attempt, verdict } = tried;
        let is_clean = due.erasures == erasures;
        let mut attempts = if is_clean { due.attempts.clone() } else { Vec::new() };
        if attempts.len() >= MOST_ATTEMPTS {
            attempts.remove(1);
        }
        let response = attempt.response.clone().filter(|_| is_clean);
        attempts.push(Attempt { response, ..attempt.clone() });
        let body = due.body.as_deref().filter(|_| is_clean);
        let (state, next, body) = match verdict {
            Verdict::Arrived => (DeliveryState::Delivered, None, None),
            Verdict::Failed(Some(next)) => (DeliveryState::Pending, Some(*next), body),
            Verdict::Failed(None) => (DeliveryState::Failed, None, None),
            // It stays for whoever switches the webhook on again.
            Verdict::Gone => (DeliveryState::Pending, Some(scope.now()), body),
        };
        let tries = i32::try_from(due.tries + 1).unwrap_or(i32::MAX);
        Self { id: due.id, due_on: due.due_on, state, next, tries, attempts, body }
    }
}

/// Writes all of them: on PostgreSQL, which may be far away, by one statement. Of what was replayed meanwhile, and is to be
/// sent again whatever came of this, only the attempts.
fn store(connection: &mut DbConnection, scope: &Scope, all: &[Noted<'_>]) -> QueryResult<()> {
    by_backend!(
        connection,
        Postgres(postgres) => store_together(postgres, scope, all),
        Sqlite(_) => all.iter().try_for_each(|noted| store_one(connection, scope, noted)),
    )
}

crm_core::on_sqlite! {
fn store_one(connection: &mut DbConnection, scope: &Scope, noted: &Noted<'_>) -> QueryResult<()> {
    let row = deliveries::table.find((scope.tenant(), noted.id));
    let attempts = || deliveries::attempts.eq(Json(&noted.attempts));
    let stored = diesel::update(row.filter(deliveries::next_try_on.eq(noted.due_on)))
        .set((
            deliveries::state.eq(noted.state.as_str()),
            deliveries::next_try_on.eq(noted.next),
            deliveries::tries.eq(noted.tries),
            attempts(),
            deliveries::body.eq(noted.body),
        ))
        .portable()
        .execute(connection)?;
    if stored == 0 {
        diesel::update(row).set(attempts()).portable().execute(connection)?;
    }
    Ok(())
}
}

crm_core::on_postgres! {
fn store_together(postgres: &mut PgConnection, scope: &Scope, all: &[Noted<'_>]) -> QueryResult<()> {
    use crm_core::sql::{Instant, Uid};
    use diesel::result::Error as DieselError;
    use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};

    if all.is_empty() {
        return Ok(());
    }
    let sql = "UPDATE deliveries AS d SET attempts = CAST(n.attempts AS json), \
               state = CASE WHEN n.is_as_read THEN n.state ELSE d.state END, \
               next_try_on = CASE WHEN n.is_as_read THEN n.next ELSE d.next_try_on END, \
               tries = CASE WHEN n.is_as_read THEN n.tries ELSE d.tries END, \
               body = CASE WHEN n.is_as_read THEN n.body ELSE d.body END \
               FROM (SELECT n.*, r.next_try_on IS NOT DISTINCT FROM n.due_on AS is_as_read \
               FROM unnest($2, $3, $4, $5, $6, $7, $8) AS n (id, due_on, state, next, tries, attempts, body) \
               JOIN deliveries AS r ON r.tenant_id = $1 AND r.id = n.id ORDER BY r.id FOR UPDATE OF r) AS n \
               WHERE d.tenant_id = $1 AND d.id = n.id";
    let attempts = all.iter().map(|noted| serde_json::to_string(&noted.attempts)).collect::<Result<Vec<_>, _>>();
    let attempts = attempts.map_err(|error| DieselError::SerializationError(Box::new(error)))?;
    diesel::sql_query(sql)
        .bind::<BigInt, _>(scope.tenant())
        .bind::<Array<Uid>, _>(all.iter().map(|noted| noted.id).collect::<Vec<_>>())
        .bind::<Array<Instant>, _>(all.iter().map(|noted| noted.due_on).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(all.iter().map(|noted| noted.state.as_str()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Instant>>, _>(all.iter().map(|noted| noted.next).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(all.iter().map(|noted| noted.tries).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(attempts)
        .bind::<Array<Nullable<Text>>, _>(all.iter().map(|noted| noted.body).collect::<Vec<_>>())
        .execute(postgres)
        .map(drop)
}
}
