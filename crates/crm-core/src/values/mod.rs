//! Value types: what a field may hold, checked where the value is made, the same on create and on patch.

mod labeled;
mod money;
mod reference;
mod text;
mod user;

pub use labeled::{LabeledValue, LabeledValueKind, LabeledValues};
pub use money::{Currency, Money};
pub use reference::Reference;
pub use text::{LongText, ShortText, Title, contains_control, lowercase};
pub use user::{Followers, User};
