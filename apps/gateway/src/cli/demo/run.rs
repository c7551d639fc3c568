use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use crm_core::error::Fault;
use crm_core::tenants::{self, Tenant};
use crm_core::{DbConnection, PublicTenantId, Scope, Timestamp, statistics};
use crm_suite::SuiteError;
use crm_suite::batch::{self, BatchRequest, Item, MatchBy, Mode, Outcome};
use crm_suite::resource::Resource;
use diesel::result::Error as DieselError;
use indicatif::ProgressBar;

use crate::db::JobError;
use crate::error::Failure;

use super::super::progress;
use super::super::share::Share;
use super::dice::Dice;

/// How many records a transaction makes: few enough that a gateway on the same database hardly waits.
const BATCH: usize = 500;
/// How often a batch is tried where others stand in its way.
const TRIES: u32 = 10;

/// One run of the command.
pub(super) struct Run {
    connection: DbConnection,
    tenant: Tenant,
    now: Timestamp,
    /// Where the run's chances come from.
    pub(super) dice: Dice,
    progress: ProgressBar,
    started: Instant,
    share: Share,
}

impl Run {
    /// A run that will make this many records.
    pub(super) fn new(
        connection: DbConnection,
        tenant: Tenant,
        now: Timestamp,
        seed: u64,
        total: u64,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            connection,
            tenant,
            now,
            dice: Dice::new(seed),
            progress: progress::of_rows(total)?,
            started: Instant::now(),
            share: Share::default(),
        })
    }

    pub(super) fn tenant(&self) -> &PublicTenantId {
        &self.tenant.public_id
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Takes the progress bar away, and tells how many seconds the run took.
    pub(super) fn finish(&self) -> f64 {
        self.progress.finish_and_clear();
        self.started.elapsed().as_secs_f64()
    }

    /// Makes records of one kind, the oldest of them created so many days ago and the others evenly since then.
    /// `draft` says what each is, and `made` what is remembered of it.
    pub(super) fn fill<R: Resource, T>(
        &mut self,
        kind: &'static str,
        count: u32,
        days: i64,
        mut draft: impl FnMut(&mut Dice, Timestamp) -> anyhow::Result<R::New>,
        made: impl Fn(R::Id, Timestamp, R::New) -> T,
    ) -> anyhow::Result<Vec<T>> {
        self.progress.set_message(kind);
        let count = i64::from(count);
        let span = Duration::from_secs(days.unsigned_abs() * 86_400);
        let step = i64::try_from(span.as_millis())? / count.max(1);
        let first = self.now.as_datetime() - span;
        let mut all = Vec::new();
        let mut next = 0;
        while next < count {
            let (mut moments, mut items) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
            for index in (next..count).take(BATCH) {
                let since = Duration::from_millis((index * step + self.dice.below(step)).unsigned_abs());
                let moment = Timestamp::from_datetime(first + since);
                moments.push(moment);
                items.push(Item::made(draft(&mut self.dice, moment)?, moment));
            }
            next += i64::try_from(items.len())?;
            let now = self.now;
            let batch: BatchRequest<R> =
                BatchRequest { mode: Mode::Create, match_by: MatchBy::Id, atomic: true, items };
            let ids = self.write(kind, |connection, tenant| {
                let outcomes = batch::run(connection, &scope(tenant, now), &batch)?;
                outcomes.into_iter().map(made_id).collect()
            })?;
            self.progress.inc(u64::try_from(ids.len())?);
            let news = batch.items.into_iter().filter_map(Item::into_new);
            all.extend(ids.into_iter().zip(moments).zip(news).map(|((id, moment), new)| made(id, moment, new)));
        }
        Ok(all)
    }

    /// Does something with some hundreds of these at a time, each in a transaction of its own.
    pub(super) fn each<N, T, E>(
        &mut self,
        what: &str,
        all: &[N],
        work: impl Fn(&mut DbConnection, &Scope, &[N]) -> Result<Vec<T>, E>,
    ) -> anyhow::Result<Vec<T>>
    where
        E: Display + From<DieselError> + Into<Failure>,
    {
        let mut done = Vec::with_capacity(all.len());
        for batch in all.chunks(BATCH) {
            let now = self.now;
            done.extend(self.write(what, |connection, tenant| {
                batch::together(connection, &scope(tenant, now), |connection, scope| work(connection, scope, batch))
            })?);
        }
        Ok(done)
    }

    /// Reads something of the tenant.
    pub(super) fn read<T, E>(&mut self, work: impl FnOnce(&mut DbConnection, &Scope) -> Result<T, E>) -> Result<T, E> {
        work(&mut self.connection, &scope(&self.tenant, self.now))
    }

    /// Runs a transaction, and again where somebody else stood in its way.
    fn write<T, E>(
        &mut self,
        what: &str,
        work: impl Fn(&mut DbConnection, &Tenant) -> Result<Vec<T>, E>,
    ) -> anyhow::Result<Vec<T>>
    where
        E: Display + From<DieselError> + Into<Failure>,
    {
        let mut tries = 0;
        loop {
            let started = Instant::now();
            tries += 1;
            tenants::find_to_write(&mut self.connection, &self.tenant.public_id)?;
            match self.connection.write(|connection| work(connection, &self.tenant)) {
                Ok(done) => {
                    statistics::keep_up(&mut self.connection)?;
                    self.share.after(&self.connection, started.elapsed());
                    return Ok(done);
                }
                Err(error) => {
                    let cause = anyhow!("{what} cannot be made: {error}");
                    match error.into().fault() {
                        Some(Fault::Collision | Fault::Deadlock | Fault::Unavailable) if tries < TRIES => {}
                        _ => return Err(cause),
                    }
                }
            }
        }
    }
}

/// The record that an item has made.
fn made_id<I>(outcome: Outcome<I>) -> Result<I, SuiteError> {
    match outcome {
        Outcome::Created(id) | Outcome::Updated(id) | Outcome::Unchanged(id) => Ok(id),
        Outcome::Failed(error) => Err(error),
    }
}

/// So many days after a moment.
pub(super) fn days_after(moment: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_datetime(moment.as_datetime() + Duration::from_secs(days.unsigned_abs() * 86_400))
}

fn scope(tenant: &Tenant, moment: Timestamp) -> Scope {
    Scope::new(tenant.id, tenant.public_id.clone(), moment)
}
