//! Webhooks on their way: who is told, when, and what comes of it (docs/adr/0018).
//!
//! One [task](run) looks after all tenants, with connections of its own. It takes a tenant's turn, which makes deliveries of
//! the changes since the last one, and gives what is due to a thread for each try; what the threads report is noted with the next
//! turn. Nothing is kept in memory but what is under way: what waits are rows.

mod courier;
mod message;
mod reach;
mod record;
mod room;
mod tending;
mod work;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crm_core::{PublicTenantId, TenantId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub use courier::{AWAITED_TIMEOUT, Courier, Sent};
pub(crate) use message::ping;
pub use reach::{NotNetworks, Reach, Refused};
pub use tending::run;

use work::{Done, Report};

/// What the rest of the process tells the task, and hears of it.
pub struct Deliveries {
    woken: Mutex<HashMap<TenantId, PublicTenantId>>,
    sender: UnboundedSender<Event>,
    receiver: Mutex<Option<Events>>,
    under_way: AtomicUsize,
}

/// What the task hears: at most one [`Event::Woken`] that it has not taken yet, and one for each try and job under way.
enum Event {
    /// Somebody changed something, or the process is to stop.
    Woken,
    Ended(Box<Report>),
    Done(Box<Done>),
}

type Events = UnboundedReceiver<Event>;

impl Default for Deliveries {
    fn default() -> Self {
        let (sender, receiver) = unbounded_channel();
        Self { woken: Mutex::default(), sender, receiver: Mutex::new(Some(receiver)), under_way: AtomicUsize::new(0) }
    }
}

impl Deliveries {
    /// Something of this tenant was changed: whoever is to be told of it is told now, and not when somebody looks next.
    pub fn wake(&self, tenant: TenantId, public: &PublicTenantId) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        if woken.is_empty() {
            self.nudge();
        }
        woken.entry(tenant).or_insert_with(|| public.clone());
    }

    /// The task is to look what is up: that the process is to stop, for one.
    pub fn nudge(&self) {
        // Nobody listens in a process that delivers nothing.
        let _ = self.sender.send(Event::Woken);
    }

    /// How many tries are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    fn take_woken(&self) -> HashMap<TenantId, PublicTenantId> {
        std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take_events(&self) -> Option<Events> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn sender(&self) -> UnboundedSender<Event> {
        self.sender.clone()
    }
}
