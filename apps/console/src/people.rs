//! Owners and assignees in filters: the address has their ids, people read names.

use std::collections::HashMap;

use crm_core::params::{entries, escaped};
use crm_core::text::folded;
use crm_core::values::User;
use crm_exchange::Kind;
use maud::{Markup, html};

use crate::filters::{Group, Spot, choice, told, unknown};

/// The most people to choose from; more are asked for by what they are called.
pub const MOST_OFFERED: usize = 200;

/// What somebody is to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Whose it is.
    Owner,
    /// Who works on a case.
    Assignee,
}

impl Role {
    /// What people are to records of a kind.
    #[must_use]
    pub fn of(kind: Kind) -> &'static [Self] {
        if kind == Kind::Case { &[Self::Owner, Self::Assignee] } else { &[Self::Owner] }
    }

    /// The parameter with a name, and the filter with ids.
    #[must_use]
    pub fn members(self) -> (&'static str, &'static str) {
        match self {
            Self::Owner => ("owner", "ownerId"),
            Self::Assignee => ("assignee", "assigneeId"),
        }
    }
}

/// The people that a list can be filtered by.
#[derive(Debug)]
pub struct People {
    /// What they are to its records.
    pub role: Role,
    /// Those to choose from, in the order of their names.
    offered: Vec<User>,
    /// Whether there are others.
    is_cut: bool,
    /// Those of the others that are filtered by.
    others: Vec<User>,
}

impl People {
    /// These, of whom one more than [`MOST_OFFERED`] says that there are others.
    #[must_use]
    pub fn new(role: Role, mut first: Vec<User>) -> Self {
        let is_cut = first.len() > MOST_OFFERED;
        first.truncate(MOST_OFFERED);
        first.sort_by_cached_key(|user| (folded(name(user)), user.id().to_owned()));
        Self { role, offered: first, is_cut, others: Vec::new() }
    }

    /// The ids of a filter of whom nothing is known, and could be.
    #[must_use]
    pub fn unknown(&self, ids: &str) -> Vec<String> {
        let is_unknown = |id: &String| self.is_cut && self.find(id).is_none();
        entries(ids).iter().map(|id| id.trim().to_owned()).filter(is_unknown).collect()
    }

    /// The same, knowing these too.
    #[must_use]
    pub fn knowing(self, others: Vec<User>) -> Self {
        Self { others, ..self }
    }

    fn find(&self, id: &str) -> Option<&User> {
        self.offered.iter().chain(&self.others).find(|user| user.id() == id)
    }

    /// What those with the ids of a filter are called.
    #[must_use]
    pub fn called(&self, ids: &str) -> String {
        let labels = self.labels();
        told(ids, |id| match self.find(id) {
            Some(user) => label(&labels, user),
            None => unknown(self.role.members().0, id),
        })
    }

    /// How many are called each name.
    fn labels(&self) -> HashMap<String, usize> {
        let mut labels = HashMap::new();
        for user in self.offered.iter().chain(&self.others) {
            *labels.entry(folded(name(user))).or_insert(0) += 1;
        }
        labels
    }

    /// What the filter is called, where it says what it takes.
    pub(crate) fn words(&self, words: &str) -> String {
        if self.is_cut { format!("{words} (name, e-mail or id)") } else { words.to_owned() }
    }

    /// What a field for one of them suggests: their ids, and what they are called.
    pub(crate) fn suggested(&self, id: &str) -> Markup {
        html! {
            datalist id=(id) { @for user in &self.offered { option value=(user.id()) { (name(user)) } } }
        }
    }

    /// The filter: a choice of all of them, or a field for what one of them is called. What stands there already keeps its ids.
    pub(crate) fn control(&self, spot: &Spot<'_>, ids: &str) -> Markup {
        let (parameter, member) = self.role.members();
        if !self.is_cut {
            let labels = self.labels();
            let options = self.offered.iter().map(|user| (escaped(user.id()), label(&labels, user)));
            return choice(spot, member, ids, &self.called(ids), &Group::of(options));
        }
        let stood = if ids.is_empty() { String::new() } else { self.called(ids) };
        html! {
            @if !ids.is_empty() { input type="hidden" name=(member) value=(ids); }
            (spot.line("text", parameter, spot.typed.unwrap_or(&stood)))
        }
    }
}

/// What somebody is called: by name, or else by e-mail address or id.
#[must_use]
pub fn name(user: &User) -> &str {
    user.name().or(user.email()).unwrap_or(user.id())
}

/// The same, with the id beside a name that several have.
fn label(labels: &HashMap<String, usize>, user: &User) -> String {
    let name = name(user);
    let are_several = labels.get(&folded(name)).is_some_and(|count| *count > 1);
    if are_several { format!("{name} ({})", user.id()) } else { name.to_owned() }
}
