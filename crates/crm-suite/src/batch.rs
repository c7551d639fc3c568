//! Many records of one kind made and changed in one transaction, by the rules of each by itself.

mod input;
mod matching;

use std::collections::HashSet;

use crm_core::counts::{self, Unsettled};
use crm_core::{Condition, DbConnection, FieldCode, FieldErrors, RecordId, Scope, numbering};

use crate::resource::Resource;
use crate::{SuiteError, references};

pub use input::{BatchRequest, Item, MatchBy, Mode};
use matching::Matches;

/// What became of an item.
#[derive(Debug)]
pub enum Outcome<I> {
    /// A record was made.
    Created(I),
    /// The record was changed.
    Updated(I),
    /// The record is as the item has it already.
    Unchanged(I),
    /// Nothing: this is wrong with it.
    Failed(SuiteError),
}

/// Does what each item says, in their order: what is wrong with one stops no other, unless the batch is
/// [atomic](BatchRequest::atomic): then it ends there, and the caller rolls back.
///
/// What the items ask for alike is asked once. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn run<R: Resource>(
    connection: &mut DbConnection,
    scope: &Scope,
    batch: &BatchRequest<R>,
) -> Result<Vec<Outcome<R::Id>>, SuiteError> {
    let scope = &scope.clone().remembering();
    hold_all(connection, scope, batch)?;
    if batch.mode == Mode::Upsert {
        // Whoever makes a record waits for its number: two that look for the same one, and find none, make one.
        numbering::hold::<R::Id>(connection, scope)?;
    }
    let mut matches = Matches::find(connection, scope, batch)?;
    matches.lock(connection, scope)?;
    let mut touched = HashSet::new();
    let mut outcomes = Vec::with_capacity(batch.items.len());
    for item in &batch.items {
        // What is refused has written nothing, but for a tag that is deleted at this very moment, and what is moved in after
        // a record was made: those take a savepoint.
        let outcome = match item.is_refused_late {
            true => {
                let unsettled = Unsettled::of(scope);
                let outcome = connection.write(|connection| one(connection, scope, batch, item, &matches));
                if outcome.is_err() {
                    unsettled.restore(scope);
                }
                outcome
            }
            false => one(connection, scope, batch, item, &matches),
        };
        let outcome = match outcome {
            Ok(Done { record, was, changed }) => {
                let id = record.id();
                let again = !touched.insert(id);
                matches.now(batch.match_by, &record);
                match was {
                    false => Outcome::Created(id),
                    true if changed || again => Outcome::Updated(id),
                    true => Outcome::Unchanged(id),
                }
            }
            Err(error) if error.is_refusal() => Outcome::Failed(error),
            Err(error) => return Err(error),
        };
        let ends = batch.atomic && matches!(outcome, Outcome::Failed(_));
        outcomes.push(outcome);
        if ends {
            break;
        }
    }
    numbering::settle(connection, scope)?;
    counts::settle(connection, scope)?;
    Ok(outcomes)
}

/// Holds all that the items point at, in the order in which everybody locks.
fn hold_all<R: Resource>(
    connection: &mut DbConnection,
    scope: &Scope,
    batch: &BatchRequest<R>,
) -> Result<(), SuiteError> {
    R::hold_form(connection, scope)?;
    let of_item = |item: &Item<R>| {
        let new = item.new.as_ref().and_then(|new| new.as_ref().ok()).map(R::references_of_new);
        let patch = item.patch.as_ref().and_then(|patch| patch.as_ref().ok()).map(R::references_of_patch);
        new.into_iter().chain(patch)
    };
    let all: Vec<_> = batch.items.iter().flat_map(of_item).collect();
    references::hold_each(connection, scope, &all)?;
    Ok(())
}

/// A record that is as an item has it.
struct Done<R> {
    record: R,
    /// Whether it was there before.
    was: bool,
    /// Whether it was changed, if it was.
    changed: bool,
}

fn one<R: Resource>(
    connection: &mut DbConnection,
    scope: &Scope,
    batch: &BatchRequest<R>,
    item: &Item<R>,
    matches: &Matches<R>,
) -> Result<Done<R>, SuiteError> {
    if let Some(tenant) = &item.tenant
        && tenant != scope.public_tenant().as_str()
    {
        return Err(SuiteError::TenantMismatch);
    }
    if let Some(errors) = &item.refused {
        return Err(errors.clone().into());
    }
    let found = match batch.mode {
        Mode::Create => None,
        Mode::Update | Mode::Upsert => matches.of(batch.match_by, item)?,
    };
    match (found, batch.mode) {
        (Some(id), _) => {
            let patch = parsed(item.patch.as_ref())?;
            let record = R::update(connection, scope, id, &Condition::none(), patch)?;
            let changed = record.last_updated_on() == scope.now();
            let (record, moved) = record.move_in(connection, scope, &item.moved)?;
            Ok(Done { record, was: true, changed: changed || moved })
        }
        (None, Mode::Update) => Err(SuiteError::NoMatch),
        (None, _) if batch.match_by == MatchBy::Id && item.id.is_some() => Err(SuiteError::NoMatch),
        (None, _) => {
            let made_on = item.made_on.map(|moment| scope.clone().at(moment));
            let scope = made_on.as_ref().unwrap_or(scope);
            let made = R::create(connection, scope, parsed(item.new.as_ref())?);
            // An upsert had looked for its external id, and found it with nobody.
            let looked_for = batch.mode == Mode::Upsert && batch.match_by == MatchBy::ExternalId;
            let record = if looked_for { made.map_err(SuiteError::or_run_again)? } else { made? };
            let (record, _) = record.move_in(connection, scope, &item.moved)?;
            Ok(Done { record, was: false, changed: false })
        }
    }
}

fn parsed<T>(read: Option<&Result<T, FieldErrors>>) -> Result<&T, SuiteError> {
    match read {
        Some(Ok(read)) => Ok(read),
        Some(Err(errors)) => Err(errors.clone().into()),
        None => Err(FieldErrors::of("mode", FieldCode::InvalidValue, "does not do that").into()),
    }
}

impl<I: RecordId> Outcome<I> {
    /// The record that it is about, where there is one.
    pub fn id(&self) -> Option<I> {
        match self {
            Self::Created(id) | Self::Updated(id) | Self::Unchanged(id) => Some(*id),
            Self::Failed(_) => None,
        }
    }

    /// What became of the item, in a word.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Updated(_) => "updated",
            Self::Unchanged(_) => "unchanged",
            Self::Failed(_) => "failed",
        }
    }
}
