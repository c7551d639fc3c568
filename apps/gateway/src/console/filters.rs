//! Filters by contacts, organizations and people: the address has their ids, people type what they are called.

use std::collections::HashMap;

use crm_console::filters::{self, Called, Found, Which, record_id};
use crm_console::list::at;
use crm_console::people::{People, Role, name};
use crm_console::{Frame, Place};
use crm_core::keys::{Access, Area};
use crm_core::page::PageRequest;
use crm_core::params::{entries, escaped};
use crm_core::values::{LabeledValues, User};
use crm_core::{ContactId, DbConnection, FieldCode, FieldErrors, OrganizationId, Scope};
use crm_directory::{ContactFilter, OrganizationFilter, contacts, organizations};
use crm_exchange::{Kind, Lookup};
use crm_suite::search::Match;

use crate::endpoint::Html;
use crate::error::Failure;

use super::named::{MOST_ALIKE, alike, exact};
use super::people;
use super::sought::Name;

/// Pairs of a query.
type Pairs = [(String, String)];

/// What the lists of a kind are filtered by that is found by its name.
fn lookups(kind: Kind) -> impl Iterator<Item = Lookup> {
    let all = Lookup::of(kind).iter().copied();
    all.filter(|lookup| matches!(lookup, Lookup::Contact | Lookup::Organization))
}

/// Whether a parameter has a name where a filter has ids.
pub(super) fn is_name(kind: Kind, parameter: &str) -> bool {
    let mut names =
        lookups(kind).map(|lookup| lookup.members().0).chain(Role::of(kind).iter().map(|role| role.members().0));
    names.any(|name| name == parameter)
}

pub(super) fn value<'p>(pairs: &'p Pairs, name: &str) -> Option<&'p str> {
    pairs.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
}

/// What the contacts and organizations are called that are filtered by: a statement of each at the most. Whoever may not read
/// them is told the numbers that the address has.
pub(super) fn called(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: Kind,
    given: &Pairs,
) -> Result<Called, Failure> {
    let mut called = Called::new();
    let may_read = scope.actor().rights().allow(Area::Directory, Access::Read);
    for lookup in lookups(kind) {
        let given = value(given, lookup.members().1).map(entries).unwrap_or_default();
        let ids = given.iter().filter_map(|entry| record_id(lookup, entry));
        if !may_read {
            called.extend(ids.map(|id| ((lookup, id.clone()), format!("#{id}"))));
            continue;
        }
        if lookup == Lookup::Contact {
            let ids: Vec<ContactId> = ids.filter_map(|id| id.parse().ok()).collect();
            let names = contacts::names(connection, scope, &ids)?;
            called.extend(names.into_iter().map(|(id, name)| ((lookup, id.to_string()), name)));
        } else {
            let ids: Vec<OrganizationId> = ids.filter_map(|id| id.parse().ok()).collect();
            let names = organizations::names(connection, scope, &ids)?;
            called.extend(names.into_iter().map(|(id, name)| ((lookup, id.to_string()), name)));
        }
    }
    Ok(called)
}

/// A form with names that was sent.
pub(super) struct Sent<'a> {
    pub(super) frame: &'a Frame,
    /// What is filtered.
    pub(super) kind: Kind,
    /// Where.
    pub(super) place: Place,
    /// The path of it.
    pub(super) path: &'a str,
    /// The names.
    pub(super) typed: &'a Pairs,
    /// The other parameters.
    pub(super) given: &'a Pairs,
    /// What the contacts and organizations are called that are filtered by.
    pub(super) called: &'a Called,
    /// The people that it can be filtered by.
    pub(super) people: &'a [People],
}

/// What is found by its name.
#[derive(Clone, Copy)]
enum Sought<'a> {
    Record(Lookup),
    Person(&'a People),
}

impl Sought<'_> {
    /// The parameter with a name, and the filter with ids.
    fn members(self) -> (&'static str, &'static str) {
        match self {
            Self::Record(lookup) => lookup.members(),
            Self::Person(people) => people.role.members(),
        }
    }
}

/// Where a form with names leads: to the address that has the ids in their place, or to a choice of those that can be meant.
/// Nothing where no name says anything.
pub(super) fn settled(connection: &mut DbConnection, scope: &Scope, sent: &Sent<'_>) -> Result<Option<Html>, Failure> {
    let Sent { frame, kind, place, path, typed, given, called, people } = *sent;
    let mut settled = given.to_vec();
    let mut is_moved = false;
    let mut asked: Option<(Sought<'_>, Name, Several)> = None;
    for sought in lookups(kind).map(Sought::Record).chain(people.iter().map(Sought::Person)) {
        let (name, member) = sought.members();
        let Some(text) = value(typed, name).map(str::trim) else { continue };
        if typed.iter().filter(|(given, _)| given == name).nth(1).is_some() {
            return Err(FieldErrors::of(name, FieldCode::Repeated, "must be given once").into());
        }
        let ids = value(given, member);
        if text.is_empty() && ids.is_none() {
            continue;
        }
        is_moved = true;
        // What a form has that nobody touched.
        let stood = ids.map(|ids| match sought {
            Sought::Record(lookup) => filters::called(called, lookup, ids),
            Sought::Person(people) => people.called(ids),
        });
        if stood.is_some_and(|stood| stood.trim() == text) {
            continue;
        }
        settled.retain(|(given, _)| given != member);
        if text.is_empty() {
            continue;
        }
        let text = Name::read(name, text)?;
        let meant = match sought {
            Sought::Record(lookup) => record(connection, scope, lookup, &text)?,
            Sought::Person(people) => person(people::meant(connection, scope, (kind, people.role), &text)?),
        };
        match meant {
            Meant::One(id) => settled.push((member.to_owned(), id)),
            Meant::OneOf(several) if asked.is_none() => asked = Some((sought, text, several)),
            // It is asked for next.
            Meant::OneOf(_) => settled.push((name.to_owned(), text.as_str().to_owned())),
        }
    }
    if let Some((sought, text, several)) = asked {
        let found = match several {
            Several::Records(lookup, found) => told_apart(connection, scope, lookup, found)?,
            Several::People(found) => found.iter().take(MOST_ALIKE).map(found_person).collect(),
        };
        let is_cut = found.len() >= MOST_ALIKE;
        let members = sought.members();
        let which = Which { place, path, members, text: text.as_str(), given: &settled, found: &found, is_cut };
        return Ok(Some(Html::page(which.page(frame))));
    }
    let pairs = settled.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(is_moved.then(|| Html::see_other(at(path, pairs))))
}

/// Whom a text means, as the address has it.
enum Meant {
    One(String),
    OneOf(Several),
}

/// Those that a text can mean, or nobody.
enum Several {
    Records(Lookup, Vec<Match>),
    People(Vec<User>),
}

fn person(found: Vec<User>) -> Meant {
    match found.as_slice() {
        [only] => Meant::One(escaped(only.id())),
        _ => Meant::OneOf(Several::People(found)),
    }
}

fn found_person(user: &User) -> Found {
    let title = name(user).to_owned();
    let told = [user.email(), Some(user.id())].into_iter().flatten().filter(|told| *told != title);
    Found { value: escaped(user.id()), beside: told.collect::<Vec<_>>().join(" · "), title }
}

/// The one of this number, the only one of this name, or the only one that is found; else those that are found.
fn record(connection: &mut DbConnection, scope: &Scope, lookup: Lookup, text: &Name) -> Result<Meant, Failure> {
    if let Some(id) = text.as_str().strip_prefix('#').and_then(|number| record_id(lookup, number)) {
        return Ok(Meant::One(id));
    }
    let found = alike(connection, scope, lookup, text)?;
    let of_name: Vec<&Match> = exact(&found, text).collect();
    let only = if of_name.is_empty() { found.iter().collect() } else { of_name };
    Ok(match only[..] {
        [only] => Meant::One(only.id.clone()),
        _ => Meant::OneOf(Several::Records(lookup, found)),
    })
}

/// With what others of its name have not beside each: where somebody works, an address, and the number.
fn told_apart(
    connection: &mut DbConnection,
    scope: &Scope,
    lookup: Lookup,
    found: Vec<Match>,
) -> Result<Vec<Found>, Failure> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let size = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let first = |values: &LabeledValues| values.as_slice().first().map(|first| first.value.clone());
    let mut beside: HashMap<String, [Option<String>; 2]> = HashMap::new();
    if lookup == Lookup::Contact {
        let ids = found.iter().filter_map(|hit| hit.id.parse().ok()).collect();
        let filter = ContactFilter { ids: Some(ids), ..ContactFilter::default() };
        for contact in contacts::list(connection, scope, &filter, &PageRequest::first(size))?.items {
            let organization = contact.organization.map(|organization| organization.name);
            beside.insert(contact.id.to_string(), [organization, first(&contact.email)]);
        }
    } else {
        let ids = found.iter().filter_map(|hit| hit.id.parse().ok()).collect();
        let filter = OrganizationFilter { ids: Some(ids), ..OrganizationFilter::default() };
        for organization in organizations::list(connection, scope, &filter, &PageRequest::first(size))?.items {
            let website = organization.website.map(|website| website.to_string());
            beside.insert(organization.id.to_string(), [website, first(&organization.email)]);
        }
    }
    let found = found.into_iter().map(|Match { id, title, subtitle, .. }| {
        let [other, address] = beside.remove(&id).unwrap_or_default();
        let number = format!("#{id}");
        let told: Vec<String> = [other, subtitle.or(address), Some(number)].into_iter().flatten().collect();
        Found { value: id, title, beside: told.join(" · ") }
    });
    Ok(found.collect())
}
