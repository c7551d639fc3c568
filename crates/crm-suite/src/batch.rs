//! Many records of one kind made and changed in one transaction, by the rules of each by itself.

mod input;
mod matching;

use std::collections::HashSet;

use crm_core::counts::{self, Unsettled};
use crm_core::records::{self, ExternalIds};
use crm_core::{Condition, DbConnection, FieldCode, FieldErrors, OrganizationId, RecordId, Scope, numbering};
use crm_tags::{TagRefs, Tagged as _};
use diesel::QueryResult;
use diesel::result::Error as DieselError;

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
/// What the items ask for alike is asked once, and what they write beside their records is written at the end, together. Call
/// it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn run<R: Resource>(
    connection: &mut DbConnection,
    scope: &Scope,
    batch: &BatchRequest<R>,
) -> Result<Vec<Outcome<R::Id>>, SuiteError> {
    let held = hold(connection, scope, batch)?;
    held.hold_tags(connection, batch)?;
    held.run(connection, batch)
}

/// All that the items of a batch need but for their tags, locked in the order in which everybody locks.
pub struct Held<R: Resource> {
    scope: Scope,
    matches: Matches<R>,
    /// The records that an item made or changed.
    touched: HashSet<R::Id>,
}

/// Locks what the items of a batch match and point at, and what they count by: the first step of [`run`].
///
/// # Errors
/// The database's.
pub fn hold<R: Resource>(
    connection: &mut DbConnection,
    scope: &Scope,
    batch: &BatchRequest<R>,
) -> Result<Held<R>, SuiteError> {
    let scope = scope.clone().remembering();
    hold_references(connection, &scope, batch)?;
    let mut matches = Matches::find(connection, &scope, batch)?;
    let news: Vec<&R::New> = batch.items.iter().filter_map(Item::as_new).collect();
    let patches: Vec<&R::Patch> = batch.items.iter().filter_map(Item::as_patch).collect();
    R::hold_places(connection, &scope, &matches.records(), &news, &patches)?;
    matches.lock(connection, &scope)?;
    if batch.mode != Mode::Update {
        // Whoever looks for one first waits for the counter: two that look for the same one, and find none, make one.
        numbering::hold::<R::Id>(connection, &scope)?;
    }
    if batch.mode == Mode::Upsert {
        matches.find_again(connection, &scope, batch)?;
    }
    R::remember(connection, &scope, &matches.each(batch))?;
    let external_ids: Vec<&str> = batch.items.iter().filter_map(Item::external_id).collect();
    if !external_ids.is_empty() {
        let holders = R::with_external_ids(connection, &scope, &external_ids)?;
        ExternalIds::remember(&scope, &external_ids, &holders);
    }
    Ok(Held { scope, matches, touched: HashSet::new() })
}

impl<R: Resource> Held<R> {
    /// The scope of the batch: what items point at, and is made when all that there is is held, is made in it.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Organizations that were made since then are written, and need not be asked for.
    ///
    /// # Errors
    /// The database's.
    pub fn know_organizations(&self, connection: &mut DbConnection, made: &[OrganizationId]) -> QueryResult<()> {
        records::settle(connection, &self.scope)?;
        references::know(&self.scope, made);
        Ok(())
    }

    /// Holds the tags that the items name, so that none is deleted before it is given to a record: the second step of [`run`].
    ///
    /// # Errors
    /// The database's.
    pub fn hold_tags(&self, connection: &mut DbConnection, batch: &BatchRequest<R>) -> QueryResult<()> {
        let news = batch.items.iter().filter_map(Item::as_new).map(R::tags_of_new);
        let patches = batch.items.iter().filter_map(Item::as_patch).filter_map(R::tags_of_patch);
        let all: Vec<&TagRefs> = news.chain(patches).collect();
        crm_tags::hold_each(connection, &self.scope, R::Id::TAGS, &all)
    }

    /// Does what each item says: the last step of [`run`].
    ///
    /// # Errors
    /// The database's.
    pub fn run(
        mut self,
        connection: &mut DbConnection,
        batch: &BatchRequest<R>,
    ) -> Result<Vec<Outcome<R::Id>>, SuiteError> {
        let mut outcomes = Vec::with_capacity(batch.items.len());
        for item in &batch.items {
            let outcome = match self.by_itself(connection, batch, item) {
                Ok(Done { record, was, changed }) => {
                    let id = record.id();
                    self.touched.insert(id);
                    self.matches.now(batch.match_by, &record);
                    ExternalIds::now(&self.scope, id, record.keys(MatchBy::ExternalId).first().map(String::as_str));
                    match was {
                        false => Outcome::Created(id),
                        true if changed => Outcome::Updated(id),
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
        settle(connection, &self.scope)?;
        Ok(outcomes)
    }

    /// What is refused has written nothing, but for what is moved in after a record was made: that takes a savepoint.
    fn by_itself(
        &self,
        connection: &mut DbConnection,
        batch: &BatchRequest<R>,
        item: &Item<R>,
    ) -> Result<Done<R>, SuiteError> {
        if !item.is_refused_late() {
            return self.one(connection, batch, item);
        }
        write_down(connection, &self.scope)?;
        let unsettled = Unsettled::of(&self.scope);
        let outcome = connection.write(|connection| {
            let done = self.one(connection, batch, item)?;
            write_down(connection, &self.scope)?;
            Ok(done)
        });
        if outcome.is_err() {
            unsettled.restore(&self.scope);
            records::forget_unwritten(&self.scope);
            crm_history::forget_unwritten(&self.scope);
        }
        outcome
    }
}

/// Does many things by one piece of `work`, in a scope in which what they ask for alike is asked once, and what they write beside
/// their records is written at the end, together. Call it in a [`DbConnection::write`].
///
/// # Errors
/// Those of the work; the database's.
pub fn together<T, E: From<DieselError>>(
    connection: &mut DbConnection,
    scope: &Scope,
    work: impl FnOnce(&mut DbConnection, &Scope) -> Result<T, E>,
) -> Result<T, E> {
    let scope = scope.clone().remembering();
    let done = work(connection, &scope)?;
    settle(connection, &scope)?;
    Ok(done)
}

/// Writes down all that a transaction of many changes has kept: the last thing that it does.
fn settle(connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
    write_down(connection, scope)?;
    numbering::settle(connection, scope)?;
    counts::settle(connection, scope)
}

/// Writes down what was kept to be written together.
fn write_down(connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
    records::settle(connection, scope)?;
    crm_history::settle(connection, scope)
}

/// Holds all that the items point at, in the order in which everybody locks.
fn hold_references<R: Resource>(
    connection: &mut DbConnection,
    scope: &Scope,
    batch: &BatchRequest<R>,
) -> Result<(), SuiteError> {
    R::hold_form(connection, scope)?;
    let news = batch.items.iter().filter_map(Item::as_new).map(R::references_of_new);
    let patches = batch.items.iter().filter_map(Item::as_patch).map(R::references_of_patch);
    let all: Vec<_> = news.chain(patches).collect();
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

impl<R: Resource> Held<R> {
    fn one(
        &self,
        connection: &mut DbConnection,
        batch: &BatchRequest<R>,
        item: &Item<R>,
    ) -> Result<Done<R>, SuiteError> {
        let Self { scope, matches, touched } = self;
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
                if touched.contains(&id) {
                    // It is read as it is now.
                    write_down(connection, scope)?;
                }
                let told = crm_history::changes_told(scope);
                let record = R::update(connection, scope, id, &Condition::none(), patch)?;
                let record = moved_in(record, connection, scope, item)?;
                Ok(Done { record, was: true, changed: crm_history::changes_told(scope) > told })
            }
            (None, mode) if mode == Mode::Update || (batch.match_by == MatchBy::Id && item.id.is_some()) => {
                // What is wrong with an item itself is told first, as of a request.
                parsed(item.patch.as_ref())?;
                Err(SuiteError::NoMatch)
            }
            (None, _) => {
                let made_on = item.made_on.map(|moment| scope.clone().at(moment));
                let scope = made_on.as_ref().unwrap_or(scope);
                let made = R::create(connection, scope, parsed(item.new.as_ref())?);
                // An upsert had looked for its external id, and found it with nobody.
                let looked_for = batch.mode == Mode::Upsert && batch.match_by == MatchBy::ExternalId;
                let record = if looked_for { made.map_err(SuiteError::or_run_again)? } else { made? };
                let record = moved_in(record, connection, scope, item)?;
                Ok(Done { record, was: false, changed: false })
            }
        }
    }
}

fn moved_in<R: Resource>(
    record: R,
    connection: &mut DbConnection,
    scope: &Scope,
    item: &Item<R>,
) -> Result<R, SuiteError> {
    if record.has_moved(&item.moved) {
        return Ok(record);
    }
    // It is read as it was made just now.
    write_down(connection, scope)?;
    record.move_in(connection, scope, &item.moved)
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
