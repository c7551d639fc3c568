//! The task that looks after what is to be delivered.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crm_core::{BackendKind, DeliveryId, PublicTenantId, Scope, TenantId, Timestamp, Uuid, WebhookId};
use crm_webhooks::Endpoint;
use crm_webhooks::deliveries::{self, Attempt, Due, Tried, Turn, Verdict, Wanted, next_try};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use super::courier::{Courier, Sent, TRY_TIMEOUT};
use super::message::Body;
use super::room::Rooms;
use super::work::{Done, Found, Report, sweep, turn};
use super::{Event, Events};
use crate::db::Executor;
use crate::error::Failure;
use crate::state::AppState;

/// How often the database is asked whether anything is left behind that nobody looks after: what another gateway could not
/// finish, what is due again, what another program has changed. The pause grows with the time that the question takes.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const SWEEP_PAUSES: u32 = 20;
/// When to look again after something was changed: another gateway may have the turn, or a transaction that began before
/// still runs, and then nobody sees the change yet.
const LOOKS: [Duration; 6] = [
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];
/// How often to look while something is under way: only who has the turn sees what other gateways change.
const WHILE_UNDER_WAY: Duration = Duration::from_millis(100);
/// The least time between two turns of a tenant, for what ends together to be noted together.
const LEAST_PAUSE: Duration = Duration::from_millis(5);
/// A tenant without webhooks is not asked about again for so long, however much it changes; then it is, if it has changed: it
/// may have a webhook by now, made here or at another gateway, whose first delivery is not to be late for that.
const WITHOUT_WEBHOOKS: Duration = Duration::from_millis(250);
/// After a fault of the database.
const AFTER_FAULT: Duration = Duration::from_secs(1);

/// Delivers until the process is told to stop, and then until what is under way has ended, or this long.
pub async fn run(state: Arc<AppState>, db: Executor, kind: BackendKind, courier: Courier, patience: Duration) {
    let Some(events) = state.deliveries.take_events() else { return };
    let task = Task {
        events: state.deliveries.sender(),
        state,
        db,
        kind,
        courier,
        holder: Uuid::random(),
        tenants: HashMap::new(),
        without: HashMap::new(),
        rooms: Rooms::default(),
        jobs: 0,
        next_sweep: Instant::now(),
    };
    task.deliver(events, patience).await;
}

struct Task {
    state: Arc<AppState>,
    db: Executor,
    kind: BackendKind,
    courier: Courier,
    /// Tells this process from others in the database.
    holder: Uuid,
    tenants: HashMap<TenantId, Tended>,
    /// Tenants without webhooks, and until when that is believed.
    without: HashMap<TenantId, Instant>,
    rooms: Rooms,
    /// Where threads and jobs report.
    events: UnboundedSender<Event>,
    /// How many jobs of the database are running.
    jobs: usize,
    next_sweep: Instant,
}

/// A tenant that is looked after.
struct Tended {
    public: PublicTenantId,
    under_way: HashMap<DeliveryId, WebhookId>,
    /// What has ended and is not noted yet.
    ended: Vec<Tried>,
    next_look: Instant,
    /// How often it was looked in vain.
    looks: usize,
    /// Whether something was changed since the last turn began.
    is_woken: bool,
    is_busy: bool,
    /// Until when the database is left alone: after a fault, or because there was no webhook a moment ago.
    rests_until: Instant,
}

impl Task {
    async fn deliver(mut self, mut events: Events, patience: Duration) {
        let mut stops: Option<Instant> = None;
        loop {
            if self.state.is_draining() {
                let end = *stops.get_or_insert_with(|| Instant::now() + patience);
                let is_over = self.rooms.is_empty() && self.jobs == 0 && !self.has_unnoted();
                if is_over || Instant::now() >= end {
                    break;
                }
            } else {
                self.sweep();
            }
            self.begin_turns(stops.is_some());
            if let Ok(Some(event)) = timeout(self.until_next(stops), events.recv()).await {
                self.take(event);
                while let Ok(event) = events.try_recv() {
                    self.take(event);
                }
            }
        }
        self.give_back().await;
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Woken => self.take_woken(),
            Event::Ended(report) => self.ended(*report),
            Event::Done(done) => self.done(*done),
        }
    }

    fn take_woken(&mut self) {
        let now = Instant::now();
        for (tenant, public) in self.state.deliveries.take_woken() {
            let without = self.without.get(&tenant).copied();
            let tended = self.tended(tenant, public);
            tended.wake(now);
            tended.rests_until = tended.rests_until.max(without.unwrap_or(now));
        }
    }

    fn tended(&mut self, tenant: TenantId, public: PublicTenantId) -> &mut Tended {
        self.tenants.entry(tenant).or_insert_with(|| Tended {
            public,
            under_way: HashMap::new(),
            ended: Vec::new(),
            next_look: Instant::now(),
            looks: 0,
            is_woken: false,
            is_busy: false,
            rests_until: Instant::now(),
        })
    }

    /// Asks what is left behind, where it is time to.
    fn sweep(&mut self) {
        let began = Instant::now();
        if began < self.next_sweep {
            return;
        }
        // Until the answer is there.
        self.next_sweep = began + Duration::from_secs(60);
        self.begin_job(sweep(self.db.clone(), self.state.clock.now()));
    }

    fn begin_job(&mut self, job: impl Future<Output = Done> + 'static) {
        self.jobs += 1;
        let events = self.events.clone();
        actix_rt::spawn(async move {
            // The task listens as long as a job runs, unless its patience is over.
            let _ = events.send(Event::Done(Box::new(job.await)));
        });
    }

    /// Begins a turn for each tenant whose time has come.
    fn begin_turns(&mut self, is_stopping: bool) {
        let now = Instant::now();
        let ready = |tended: &Tended| tended.next_turn().is_some_and(|moment| moment <= now);
        let ready: Vec<TenantId> =
            self.tenants.iter().filter(|(_, tended)| ready(tended)).map(|(tenant, _)| *tenant).collect();
        let room = self.rooms.left();
        let is_full = self.rooms.is_full() || is_stopping;
        for tenant in ready {
            let Some(tended) = self.tenants.get_mut(&tenant) else { continue };
            if is_stopping && tended.ended.is_empty() {
                continue;
            }
            (tended.is_busy, tended.is_woken) = (true, false);
            let wanted = Wanted { holder: self.holder, room: room.clone(), under_way: tended.under_way.clone() };
            let scope = Scope::new(tenant, tended.public.clone(), self.state.clock.now());
            let scope = scope.with_secrets(self.state.secrets.clone());
            let ended = std::mem::take(&mut tended.ended);
            let asks = !tended.is_known();
            self.begin_job(turn(self.db.of(tenant), scope, wanted, ended, asks, is_full));
        }
    }

    fn done(&mut self, done: Done) {
        let now = Instant::now();
        self.jobs -= 1;
        match done {
            Done::Sweep { took, found } => {
                self.next_sweep = now + SWEEP_EVERY.max(took * SWEEP_PAUSES);
                self.without.retain(|_, until| *until > now);
                match found {
                    Ok(found) => {
                        for (tenant, public) in found {
                            self.tended(tenant, public).wake(now);
                        }
                    }
                    // Logged there; the next sweep is another chance.
                    Err(failure) => drop(failure.into_problem("deliveries")),
                }
            }
            Done::Turn { tenant, noted, outcome } => self.turned(tenant, noted, outcome, now),
        }
    }

    fn turned(&mut self, tenant: TenantId, noted: Vec<Tried>, outcome: Result<Found, Failure>, now: Instant) {
        let Some(tended) = self.tenants.get_mut(&tenant) else { return };
        tended.is_busy = false;
        let (turn, bodies) = match outcome {
            Err(failure) => {
                drop(failure.into_problem("deliveries"));
                // Noted with the next turn.
                tended.ended.extend(noted);
                tended.rests_until = now + AFTER_FAULT;
                return;
            }
            Ok(found) => {
                for tried in &noted {
                    tended.under_way.remove(&tried.due.id);
                }
                match found {
                    Found::Turn { turn, bodies } => (turn, bodies),
                    Found::NoWebhooks => {
                        tended.rests_until = now + WITHOUT_WEBHOOKS;
                        self.without.insert(tenant, tended.rests_until);
                        return self.leave(tenant);
                    }
                    Found::Others => return self.look_later(tenant, now),
                }
            }
        };
        self.without.remove(&tenant);
        let Turn { endpoints, due, has_more } = turn;
        let begun = due.len();
        for due in due {
            match (endpoints.get(&due.webhook), bodies.get(&due.id)) {
                (Some(endpoint), Some(body)) => self.begin(tenant, endpoint.clone(), due, body),
                (_, None) => self.give_up(tenant, due),
                (None, Some(_)) => {}
            }
        }
        let Some(tended) = self.tenants.get_mut(&tenant) else { return };
        if tended.is_woken || (has_more && (begun > 0 || tended.under_way.is_empty())) {
            tended.next_look = now + LEAST_PAUSE;
        } else if !tended.under_way.is_empty() {
            tended.looks = 0;
            tended.next_look = now + WHILE_UNDER_WAY;
        } else {
            self.look_later(tenant, now);
        }
    }

    /// Looks again a few times, ever later, and then leaves the tenant to whoever notices something.
    fn look_later(&mut self, tenant: TenantId, now: Instant) {
        let Some(tended) = self.tenants.get_mut(&tenant) else { return };
        // On SQLite nobody else writes, and what is committed can be seen.
        let next = LOOKS.get(tended.looks).filter(|_| self.kind == BackendKind::Postgres);
        match next {
            Some(pause) => {
                tended.looks += 1;
                tended.next_look = now + *pause;
            }
            None => self.leave(tenant),
        }
    }

    fn leave(&mut self, tenant: TenantId) {
        if let Some(tended) = self.tenants.get_mut(&tenant) {
            if tended.under_way.is_empty() && tended.ended.is_empty() && !tended.is_woken {
                self.tenants.remove(&tenant);
            } else {
                tended.next_look = Instant::now() + if tended.is_woken { LEAST_PAUSE } else { WHILE_UNDER_WAY };
            }
        }
    }

    /// Sends something, on a thread of its own.
    fn begin(&mut self, tenant: TenantId, endpoint: Endpoint, due: Due, body: &Body) {
        if let Some(happened) = body.happened {
            let delay = self.state.clock.now().as_datetime() - happened.as_datetime();
            self.state.metrics.count_first_attempt(delay.to_std().unwrap_or_default());
        }
        let (courier, events, text) = (self.courier.clone(), self.events.clone(), Arc::clone(&body.text));
        let on = self.state.clock.now();
        let (id, webhook) = (due.id, due.webhook);
        let send = move || {
            let sent = courier.send(&endpoint, &due.id.to_string(), &text, on, TRY_TIMEOUT);
            // Nobody listens any more where the process ends: whoever comes next sends it again.
            let _ = events.send(Event::Ended(Box::new(Report { tenant, due, body: text, sent })));
        };
        match std::thread::Builder::new().name("webhook".to_owned()).stack_size(STACK).spawn(send) {
            Ok(_) => {
                self.rooms.begin(webhook);
                self.state.deliveries.under_way.fetch_add(1, Ordering::Relaxed);
                self.tenants.get_mut(&tenant).map(|tended| tended.under_way.insert(id, webhook));
            }
            // It is due still, and found by the next turn.
            Err(error) => log::error!("a thread for a webhook cannot be started: {error}"),
        }
    }

    fn ended(&mut self, report: Report) {
        let Report { tenant, mut due, body, sent } = report;
        self.rooms.end(due.webhook, &sent.attempt, sent.has_arrived());
        self.state.deliveries.under_way.fetch_sub(1, Ordering::Relaxed);
        let verdict = verdict(&due, &sent, self.state.clock.now());
        self.state.metrics.count_attempt(verdict == Verdict::Arrived);
        if verdict != Verdict::Arrived && due.body.is_none() {
            due.body = Some(body.to_string());
        }
        if let Some(tended) = self.tenants.get_mut(&tenant) {
            tended.ended.push(Tried { due, attempt: sent.attempt, verdict });
        }
    }

    /// What has waited so long that its change is forgotten cannot be told any more.
    fn give_up(&mut self, tenant: TenantId, due: Due) {
        let error = Some("the change is no longer kept".to_owned());
        let attempt = Attempt { on: self.state.clock.now(), status: None, milliseconds: 0, response: None, error };
        if let Some(tended) = self.tenants.get_mut(&tenant) {
            tended.ended.push(Tried { due, attempt, verdict: Verdict::Failed(None) });
        }
    }

    fn has_unnoted(&self) -> bool {
        self.tenants.values().any(|tended| !tended.ended.is_empty())
    }

    fn until_next(&self, stops: Option<Instant>) -> Duration {
        let looks = self.tenants.values().filter_map(Tended::next_turn);
        let next = match stops {
            Some(stops) => stops,
            None => looks.fold(self.next_sweep, Instant::min),
        };
        next.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
    }

    /// Leaves all turns to other gateways, at once.
    async fn give_back(&mut self) {
        for (tenant, tended) in std::mem::take(&mut self.tenants) {
            let (scope, holder) = (Scope::new(tenant, tended.public, self.state.clock.now()), self.holder);
            let given =
                self.db.write(move |connection| Ok::<_, Failure>(deliveries::give_back(connection, &scope, holder)?));
            // Where it fails, they wait until the turn is over by itself.
            let _ = timeout(AFTER_FAULT, given).await;
        }
    }
}

/// A thread that sends needs little of it.
const STACK: usize = 512 * 1024;

impl Tended {
    fn wake(&mut self, now: Instant) {
        (self.next_look, self.looks, self.is_woken) = (now, 0, true);
    }

    /// Whether it is known to have webhooks.
    fn is_known(&self) -> bool {
        self.looks > 0 || !self.under_way.is_empty()
    }

    /// When its next turn begins; `None` while one is taken.
    fn next_turn(&self) -> Option<Instant> {
        let next = if self.ended.is_empty() { self.next_look } else { self.rests_until };
        (!self.is_busy).then(|| next.max(self.rests_until))
    }
}

/// What comes of a try.
fn verdict(due: &Due, sent: &Sent, now: Timestamp) -> Verdict {
    if sent.has_arrived() {
        return Verdict::Arrived;
    }
    if sent.is_gone() {
        return Verdict::Gone;
    }
    // Any number will do: what failed together must not come back together.
    let chance = i64::from(due.id.as_uuid().as_bytes()[15]) * 100 / 256;
    Verdict::Failed(next_try(due.tries + 1, now, sent.retry_after, chance))
}
