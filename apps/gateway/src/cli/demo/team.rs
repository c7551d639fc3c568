use crm_core::FieldErrors;
use crm_core::values::{Followers, User};

use super::dice::Dice;

/// The sales team of the company that the demo is about. Nobody's mail goes to `.example` (RFC 2606).
const TEAM: [(&str, &str); 7] = [
    ("amelia.hart", "Amelia Hart"),
    ("ben.okafor", "Ben Okafor"),
    ("chiara.rossi", "Chiara Rossi"),
    ("diego.alvarez", "Diego Álvarez"),
    ("elif.yilmaz", "Elif Yılmaz"),
    ("finn.larsen", "Finn Larsen"),
    ("grace.kim", "Grace Kim"),
];

/// One of the team. The first take care of more records than the last.
pub(super) fn member(dice: &mut Dice) -> Result<User, FieldErrors> {
    let first = dice.place(TEAM.len()).unwrap_or_default();
    let second = dice.place(TEAM.len()).unwrap_or_default();
    user(first.min(second))
}

/// Up to three who follow a record, each once.
pub(super) fn followers(dice: &mut Dice) -> Result<Followers, FieldErrors> {
    let count = dice.place(4).unwrap_or_default();
    let start = dice.place(TEAM.len()).unwrap_or_default();
    let users: Result<Vec<User>, FieldErrors> = (start..start + count).map(|place| user(place % TEAM.len())).collect();
    Followers::new(users?)
}

fn user(place: usize) -> Result<User, FieldErrors> {
    let (id, name) = TEAM[place];
    User::new(id)?.named(name)?.with_email(&format!("{id}@brightwater.example"))
}
