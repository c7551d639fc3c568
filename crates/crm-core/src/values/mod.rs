//! Value types: what a field may hold, checked where the value is made, the same on create and on patch.

mod color;
mod document;
mod email;
mod external_id;
mod id_list;
mod labeled;
mod money;
mod money_total;
mod participants;
mod reference;
mod text;
mod url;
mod user;

pub use color::Color;
pub use document::{Document, members};
pub use external_id::{ExternalId, ExternalIdTaken};
pub use id_list::IdList;
pub use labeled::{LabeledValue, LabeledValueKind, LabeledValues};
pub use money::{Currency, Money, NotACurrency, NotAnAmount};
pub use money_total::MoneyTotal;
pub use participants::{Participant, Participants};
pub use reference::{
    HasReferences, HoldReferences, Reference, ReferencedRecords, Vanished, check_seen, unknown_reference,
};
pub use text::{LongText, ShortText, Title, contains_control, is_blank, read_text};
pub use url::Url;
pub use user::{Followers, User};
// What an amount is made of.
pub use rust_decimal::Decimal;
