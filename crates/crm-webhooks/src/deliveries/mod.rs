//! What is delivered to webhooks: made of the changes in the order of the feed, tried until it arrives, kept as a log.

mod clean;
mod model;
mod outcome;
mod replay;
mod row;
mod schedule;
mod service;
mod turn;

pub use clean::{KEPT_DAYS, WAITED_FOR_DAYS, erase_records, first_unsent, forget_old, tenants_with_old};
pub use model::{Attempt, Delivery, DeliveryFilter, DeliverySort, DeliveryState};
pub use outcome::{Tried, Verdict, note_tried};
pub use replay::{MOST_REPLAYED, Replay, Replayed, replay, replay_all};
pub use schedule::{PAUSES, next_try};
pub use service::list;
pub use turn::{Due, Turn, Wanted, give_back, is_told, take_turn, tenants_with_work};

pub(crate) use turn::begin;
