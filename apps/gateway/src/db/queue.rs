//! Whose turn it is: the jobs that wait for a thread, and the threads that are at work.
//!
//! Tenants take turns, and each has a share below the number of threads: however many of its jobs wait, and however
//! long those under way take, another tenant finds a free thread. Its reads and its writes wait apart, so that what
//! waits for a lock keeps nobody from reading.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crm_core::TenantId;

use super::counters::Counters;
use super::job::Request;
use super::unavailable::Unavailable;

/// How many jobs may wait in a lane.
const LANE_LENGTH: usize = 1024;
/// A thread that is at work for longer hangs: longer than a statement may take, shorter than a client waits.
const HANGING: Duration = Duration::from_secs(6);

/// Whose job it is, a tenant's or the gateway's own, and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Reads(Option<TenantId>),
    Writes(Option<TenantId>),
}

impl Lane {
    fn owner(self) -> Option<TenantId> {
        match self {
            Self::Reads(owner) | Self::Writes(owner) => owner,
        }
    }
}

/// How many threads there are, and how many of them a lane may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) threads: usize,
    reads: usize,
    /// The same while another tenant has something to do: a free thread is no free database.
    reads_beside_others: usize,
    writes: usize,
    /// How many of them one tenant may have in all.
    tenant: usize,
    /// How many threads that hang are replaced.
    replacements: usize,
}

impl Limits {
    /// Half of the threads for a tenant, half of those for what it writes, and for what it reads beside others, and so always a
    /// free one for others where there are more than one. One thread is the least that each has, and two for reads beside others where
    /// half are as many.
    pub(super) fn shared(threads: usize) -> Self {
        let (half, quarter) = ((threads / 2).max(1), threads / 4);
        let (reads_beside_others, writes) = (quarter.max(2).min(half), quarter.max(1));
        Self { threads, reads: half, reads_beside_others, writes, tenant: half, replacements: threads }
    }

    /// One thread, which takes whatever waits and is never replaced: SQLite has one writer.
    pub(super) fn only_writer() -> Self {
        Self { threads: 1, reads: 1, reads_beside_others: 1, writes: 1, tenant: 1, replacements: 0 }
    }

    fn of(&self, lane: Lane, is_beside_others: bool) -> usize {
        match lane {
            Lane::Reads(_) if is_beside_others => self.reads_beside_others,
            Lane::Reads(_) => self.reads,
            Lane::Writes(_) => self.writes,
        }
    }
}

pub(super) struct Queue {
    limits: Limits,
    counters: Arc<Counters>,
    state: Mutex<State>,
    /// There may be a job for a thread that waits, or no more will come.
    arrived: Condvar,
    /// A thread has left.
    left: Condvar,
    doubts: AtomicU64,
}

#[derive(Default)]
struct State {
    waiting: HashMap<Lane, VecDeque<Request>>,
    /// The lanes in which somebody waits, in the order of their turns.
    turns: VecDeque<Lane>,
    at_work: Vec<AtWork>,
    /// Threads that serve, those not counted that hang and were replaced.
    serving: usize,
    replaced: usize,
    hired: usize,
    is_closed: bool,
}

struct AtWork {
    thread: usize,
    lane: Lane,
    since: Instant,
    /// Those that there were when it began.
    doubts: u64,
    is_replaced: bool,
}

impl Queue {
    pub(super) fn new(limits: Limits, counters: Arc<Counters>) -> Self {
        let (state, arrived, left) = (Mutex::default(), Condvar::new(), Condvar::new());
        Self { limits, counters, state, arrived, left, doubts: AtomicU64::new(0) }
    }

    /// How often connections have become doubtful: one was lost or hangs, and those that are as old may be as dead without
    /// anybody having said so (a firewall that forgot them, a server that is another). Who holds one of before opens it anew
    /// instead of waiting for it.
    pub(super) fn doubts(&self) -> u64 {
        self.doubts.load(Ordering::Relaxed)
    }

    /// A connection that was opened at this many doubts is lost, or hangs.
    pub(super) fn doubt(&self, opened: u64) {
        // Where another of that time was before, nothing new is known.
        let _ = self.doubts.compare_exchange(opened, opened + 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The number of a new thread.
    pub(super) fn hire(&self) -> usize {
        let mut state = self.state();
        state.serving += 1;
        state.hired += 1;
        state.hired
    }

    /// Adds a job, and says how many threads have to be started because others hang. A thread that hangs is noticed
    /// when somebody asks for one, and at no other time.
    pub(super) fn push(&self, request: Request) -> Result<usize, Unavailable> {
        let mut state = self.state();
        if state.is_closed {
            return Err(Unavailable::Closed);
        }
        let lane = request.lane;
        let waiting = state.waiting.entry(lane).or_default();
        let is_first = waiting.is_empty();
        if waiting.len() >= LANE_LENGTH {
            waiting.retain(|request| !request.is_given_up());
        }
        if waiting.len() >= LANE_LENGTH {
            return Err(Unavailable::NotBegun);
        }
        waiting.push_back(request);
        if is_first {
            state.turns.push_back(lane);
        }
        let (replaced, doubts) = state.replace_hanging(&self.limits);
        drop(state);
        if replaced == 0 {
            self.arrived.notify_one();
        } else {
            self.doubt(doubts);
            self.arrived.notify_all();
        }
        Ok(replaced)
    }

    /// Waits for a job whose turn it is; `None` when the queue is closed and nobody waits.
    pub(super) fn take(&self, thread: usize) -> Option<Request> {
        let mut state = self.state();
        loop {
            let found = state.next(thread, self);
            let is_over = state.is_closed && state.turns.is_empty();
            if is_over {
                // Others may have waited for a lane that had its share.
                self.arrived.notify_all();
            }
            if found.is_some() || is_over {
                return found;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The job whose turn it is, if there is one, for a thread that has done the one before; none where another has
    /// taken its place.
    pub(super) fn take_another(&self, thread: usize) -> Option<Request> {
        let mut state = self.state();
        if let Some(place) = state.at_work.iter().position(|at_work| at_work.thread == thread) {
            if state.at_work[place].is_replaced {
                return None;
            }
            state.at_work.swap_remove(place);
        }
        state.next(thread, self)
    }

    /// Waits until somebody waits; false when the queue is closed and nobody does.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.state();
        while state.turns.is_empty() && !state.is_closed {
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.turns.is_empty()
    }

    /// A thread has done its job. False where another has taken its place meanwhile: then it ends.
    pub(super) fn done(&self, thread: usize) -> bool {
        let mut state = self.state();
        let place = state.at_work.iter().position(|at_work| at_work.thread == thread);
        let is_replaced = place.is_some_and(|place| state.at_work.swap_remove(place).is_replaced);
        if is_replaced {
            state.replaced -= 1;
            if state.serving < self.limits.threads {
                state.serving += 1;
                return true;
            }
            self.left.notify_all();
        }
        !is_replaced
    }

    /// A thread ends, or could not be started.
    pub(super) fn leave(&self) {
        self.state().serving -= 1;
        self.left.notify_all();
    }

    /// Takes no more jobs.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.arrived.notify_all();
    }

    /// Waits until all threads have ended, those that hang no longer than this.
    pub(super) fn wait_for_threads(&self, longest: Duration) {
        let some = |state: &mut State| state.serving + state.replaced > 0;
        let waited = self.left.wait_timeout_while(self.state(), longest, some);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let hanging = state.serving + state.replaced;
        if hanging > 0 {
            log::warn!("{hanging} threads of the database hang, and are left behind");
        }
    }

    /// How many jobs wait, and how many threads hang and were replaced.
    pub(super) fn waiting_and_hanging(&self) -> (usize, usize) {
        let state = self.state();
        let waiting = state.waiting.values().flatten().filter(|request| !request.is_given_up()).count();
        (waiting, state.replaced)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self, thread: usize, queue: &Queue) -> Option<Request> {
        let mut lanes = self.turns.len();
        while lanes > 0 {
            lanes -= 1;
            let lane = self.turns.pop_front()?;
            if self.has_its_share(lane, &queue.limits) {
                self.turns.push_back(lane);
                continue;
            }
            let waiting = self.waiting.get_mut(&lane)?;
            let found = std::iter::from_fn(|| waiting.pop_front()).find(|request| {
                let begins = request.begin();
                queue.counters.skipped.add(u64::from(!begins));
                begins
            });
            if waiting.is_empty() {
                self.waiting.remove(&lane);
            } else {
                self.turns.push_back(lane);
            }
            if found.is_some() {
                let (since, doubts) = (Instant::now(), queue.doubts());
                self.at_work.push(AtWork { thread, lane, since, doubts, is_replaced: false });
                // The end of a job can be the turn of more than one of another tenant's.
                if self.has_turn_for_another(&queue.limits) {
                    queue.arrived.notify_one();
                }
                return found;
            }
            // Others may have been kept from their turn by those who have gone.
            lanes = self.turns.len();
        }
        None
    }

    /// Whether a thread that waits would find a job.
    fn has_turn_for_another(&self, limits: &Limits) -> bool {
        let at_work = self.at_work.iter().filter(|at_work| !at_work.is_replaced).count();
        at_work < self.serving && self.turns.iter().any(|lane| !self.has_its_share(*lane, limits))
    }

    fn has_its_share(&self, lane: Lane, limits: &Limits) -> bool {
        // The gateway's own jobs, which look up keys, are everybody's.
        let is_other = |other: Lane| other.owner().is_some() && lane.owner().is_some() && other.owner() != lane.owner();
        let mut is_beside_others = self.turns.iter().copied().any(is_other);
        let (mut of_lane, mut of_owner) = (0, 0);
        for at_work in self.at_work.iter().filter(|at_work| !at_work.is_replaced) {
            of_owner += usize::from(at_work.lane.owner() == lane.owner());
            of_lane += usize::from(at_work.lane == lane);
            is_beside_others |= is_other(at_work.lane);
        }
        of_lane >= limits.of(lane, is_beside_others) || of_owner >= limits.tenant
    }

    /// How many hang and are replaced from now on, and the doubts at which the newest of them began.
    fn replace_hanging(&mut self, limits: &Limits) -> (usize, u64) {
        let now = Instant::now();
        let room = limits.replacements.saturating_sub(self.replaced);
        let hangs = |at_work: &&mut AtWork| !at_work.is_replaced && now.duration_since(at_work.since) > HANGING;
        let hanging = self.at_work.iter_mut().filter(hangs).take(room);
        let (mut number, mut doubts) = (0, 0);
        for at_work in hanging {
            at_work.is_replaced = true;
            doubts = doubts.max(at_work.doubts);
            number += 1;
        }
        self.serving -= number;
        self.replaced += number;
        (number, doubts)
    }
}

#[cfg(test)]
mod tests {
    use crm_core::DbConnection;
    use diesel::result::Error;

    use crate::db::job::{Access, Job, Trouble};

    use super::*;

    /// A job that does nothing, and that somebody has or has not abandoned.
    struct Idle(bool);

    impl Job for Idle {
        fn is_abandoned(&self) -> bool {
            self.0
        }

        fn run(&mut self, _: &mut DbConnection) -> Result<(), Trouble> {
            Ok(())
        }

        fn fail(&mut self, _: Error) {}

        fn answer(self: Box<Self>) {}

        fn refuse(self: Box<Self>, _: Unavailable) {}
    }

    fn acme() -> Lane {
        Lane::Reads(Some(TenantId::from_i64(1)))
    }

    fn umbrella() -> Lane {
        Lane::Reads(Some(TenantId::from_i64(2)))
    }

    fn queue(threads: usize) -> Queue {
        let queue = Queue::new(Limits::shared(threads), Arc::default());
        for _ in 0..threads {
            queue.hire();
        }
        queue
    }

    fn push(queue: &Queue, lane: Lane) -> Result<usize, Unavailable> {
        let job = Box::new(Idle(false));
        queue.push(Request { access: Access::Read, lane, ticket: Arc::default(), job })
    }

    fn lane(taken: Option<Request>) -> Option<Lane> {
        taken.map(|request| request.lane)
    }

    #[test]
    fn tenants_take_turns_and_none_has_more_than_its_share() {
        let queue = queue(8);
        (0..20).for_each(|_| assert_eq!(push(&queue, acme()), Ok(0)));
        assert_eq!(push(&queue, umbrella()), Ok(0));
        let take = |threads: &[usize]| -> Vec<_> { threads.iter().map(|it| lane(queue.take_another(*it))).collect() };
        let first = [Some(acme()), Some(umbrella()), Some(acme()), None];
        assert_eq!(take(&[1, 2, 3, 4]), first, "a quarter beside another");
        assert!(queue.done(2));
        assert_eq!(take(&[4, 5, 6]), [Some(acme()), Some(acme()), None], "alone half of the threads");
        let writes = Lane::Writes(Some(TenantId::from_i64(1)));
        (0..3).for_each(|_| assert_eq!(push(&queue, writes), Ok(0)));
        assert_eq!([6, 7, 8].map(|thread| lane(queue.take_another(thread))), [None, None, None], "its writes included");
        assert!(queue.done(1));
        assert_eq!(lane(queue.take_another(8)), Some(acme()));
        assert!(queue.done(3));
        assert_eq!([6, 7].map(|thread| lane(queue.take_another(thread))), [Some(writes), None]);
        assert!(queue.done(4) && queue.done(5));
        assert_eq!([7, 5].map(|thread| lane(queue.take_another(thread))), [Some(acme()), Some(writes)]);
        assert!(queue.done(8));
        assert_eq!(lane(queue.take_another(8)), Some(acme()), "a quarter for writes");
    }

    #[test]
    fn the_end_of_a_job_wakes_all_whose_turn_it_is() {
        let queue = queue(8);
        (0..5).for_each(|_| assert_eq!(push(&queue, acme()), Ok(0)));
        assert_eq!(push(&queue, umbrella()), Ok(0));
        let taken: Vec<_> = (1..=4).map(|thread| lane(queue.take_another(thread))).collect();
        assert_eq!(taken, [Some(acme()), Some(umbrella()), Some(acme()), None]);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| lane(queue.take(5)));
            std::thread::sleep(Duration::from_millis(50));
            assert!(!waiting.is_finished());
            assert_eq!(lane(queue.take_another(2)), Some(acme()), "in the place of umbrella's");
            assert_eq!(waiting.join().unwrap(), Some(acme()), "alone half of the threads");
        });
        assert_eq!(lane(queue.take_another(6)), None);
    }

    #[test]
    fn those_who_have_gone_keep_nobody_from_their_turn() {
        let queue = queue(8);
        (0..3).for_each(|_| assert_eq!(push(&queue, acme()), Ok(0)));
        assert_eq!([1, 2].map(|thread| lane(queue.take_another(thread))), [Some(acme()), Some(acme())]);
        let job = Box::new(Idle(true));
        queue.push(Request { access: Access::Read, lane: umbrella(), ticket: Arc::default(), job }).unwrap();
        assert_eq!(lane(queue.take_another(3)), Some(acme()));
    }

    #[test]
    fn a_share_is_below_the_number_of_threads() {
        for threads in 2..=64 {
            let limits = Limits::shared(threads);
            assert!((1..threads).contains(&limits.reads), "{threads}");
            assert!(limits.writes == 1 || 4 * limits.writes <= threads, "{threads}");
            assert!(threads < 4 || limits.reads + limits.writes < threads, "{threads}");
        }
    }

    #[test]
    fn a_full_lane_refuses_and_leaves_the_others_alone() {
        let queue = queue(2);
        (0..LANE_LENGTH).for_each(|_| assert_eq!(push(&queue, acme()), Ok(0)));
        assert_eq!(push(&queue, acme()), Err(Unavailable::NotBegun));
        assert_eq!(push(&queue, umbrella()), Ok(0));
        for request in queue.state().waiting.values().flatten() {
            assert!(request.ticket.give_up());
        }
        assert_eq!(queue.waiting_and_hanging().0, 0);
        assert_eq!(push(&queue, acme()), Ok(0), "who has gone takes no place");
        assert_eq!(lane(queue.take(1)), Some(acme()));
        queue.close();
        assert_eq!(push(&queue, acme()), Err(Unavailable::Closed));
    }

    #[test]
    fn what_nobody_waits_for_is_skipped() {
        let queue = queue(2);
        let job = Box::new(Idle(true));
        queue.push(Request { access: Access::Read, lane: acme(), ticket: Arc::default(), job }).unwrap();
        assert_eq!(lane(queue.take_another(1)), None);
        assert_eq!(queue.counters.skipped.get(), 1);
    }

    #[test]
    fn a_thread_that_hangs_is_replaced_and_comes_back_where_there_is_room() {
        let queue = queue(2);
        let hang = |queue: &Queue| queue.state().at_work.iter_mut().for_each(|at_work| at_work.since -= 2 * HANGING);
        (0..3).for_each(|_| assert_eq!(push(&queue, acme()), Ok(0)));
        assert_eq!(lane(queue.take(1)), Some(acme()));
        assert_eq!(lane(queue.take_another(2)), None);
        hang(&queue);
        assert_eq!(queue.doubts(), 0);
        assert_eq!(push(&queue, acme()), Ok(1), "one has to be started");
        assert_eq!(push(&queue, acme()), Ok(0), "once");
        assert_eq!(queue.doubts(), 1, "what hangs once makes what is as old doubtful");
        queue.doubt(0);
        assert_eq!(queue.doubts(), 1, "known already");
        queue.doubt(1);
        assert_eq!(queue.doubts(), 2, "one that is newer is lost");
        assert_eq!(lane(queue.take(queue.hire())), Some(acme()), "the share is free again");
        hang(&queue);
        assert_eq!(push(&queue, acme()), Ok(1));
        assert_eq!(lane(queue.take(2)), Some(acme()));
        hang(&queue);
        assert_eq!(push(&queue, acme()), Ok(0), "as many as there are threads, and no more");
        assert_eq!(lane(queue.take_another(1)), None, "another has its place");
        assert!(queue.done(1), "there is room, since the second was not replaced yet");
        let _ = queue.hire();
        assert!(!queue.done(3), "there is none");
        assert_eq!(queue.waiting_and_hanging().1, 0);
    }
}
