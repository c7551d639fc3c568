//! Filters by contacts and organizations: the address has their ids, people type what they are called.

use std::collections::HashMap;

use crm_console::Frame;
use crm_console::filters::{self, Called, Which, record_id};
use crm_console::list::address;
use crm_core::keys::{Access, Area};
use crm_core::page::PageRequest;
use crm_core::params::{ParamReader, entries};
use crm_core::values::LabeledValues;
use crm_core::{ContactId, DbConnection, FieldErrors, OrganizationId, Scope};
use crm_directory::{ContactFilter, OrganizationFilter, contacts, organizations};
use crm_exchange::{Kind, Lookup};
use crm_suite::search::Match;

use crate::endpoint::Html;
use crate::error::Failure;

use super::named::{MOST_ALIKE, alike, exact};

/// Pairs of a query.
type Pairs = [(String, String)];

/// What the lists of a kind are filtered by that is found by its name.
fn lookups(kind: Kind) -> impl Iterator<Item = Lookup> {
    let all = Lookup::of(kind).iter().copied();
    all.filter(|lookup| matches!(lookup, Lookup::Contact | Lookup::Organization))
}

/// Whether a parameter has a name where a filter has ids.
pub(super) fn is_name(kind: Kind, parameter: &str) -> bool {
    lookups(kind).any(|lookup| lookup.members().0 == parameter)
}

fn value<'p>(pairs: &'p Pairs, name: &str) -> Option<&'p str> {
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

/// Where a form with names leads: to the address that has the ids in their place, or to a choice of those that can be meant.
/// Nothing where no name says anything.
pub(super) fn settled(
    connection: &mut DbConnection,
    scope: &Scope,
    frame: &Frame,
    kind: Kind,
    (typed, given, called): (&Pairs, &Pairs, &Called),
) -> Result<Option<Html>, Failure> {
    let mut settled = given.to_vec();
    let mut is_moved = false;
    let mut asked: Option<(Lookup, String, Vec<Match>)> = None;
    for lookup in lookups(kind) {
        let (name, member) = lookup.members();
        let Some(text) = value(typed, name).map(str::trim) else { continue };
        let ids = value(given, member);
        if text.is_empty() && ids.is_none() {
            continue;
        }
        is_moved = true;
        // What a form has that nobody touched.
        if ids.is_some_and(|ids| filters::called(called, lookup, ids).trim() == text) {
            continue;
        }
        settled.retain(|(given, _)| given != member);
        if text.is_empty() {
            continue;
        }
        match meant(connection, scope, lookup, &read(typed, name)?)? {
            Meant::One(id) => settled.push((member.to_owned(), id)),
            Meant::OneOf(found) if asked.is_none() => asked = Some((lookup, text.to_owned(), found)),
            // It is asked for next.
            Meant::OneOf(_) => settled.push((name.to_owned(), text.to_owned())),
        }
    }
    if let Some((lookup, text, mut found)) = asked {
        tell_apart(connection, scope, lookup, &mut found)?;
        let is_cut = found.len() >= MOST_ALIKE;
        let which = Which { kind, lookup, text: &text, given: &settled, found: &found, is_cut };
        return Ok(Some(Html::page(which.page(frame))));
    }
    let pairs = settled.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(is_moved.then(|| Html::see_other(address(kind, pairs))))
}

/// Whom a text means.
enum Meant {
    One(String),
    OneOf(Vec<Match>),
}

/// The one of this number, the only one of this name, or the only one that is found; else those that are found.
fn meant(connection: &mut DbConnection, scope: &Scope, lookup: Lookup, text: &str) -> Result<Meant, Failure> {
    if let Some(id) = text.strip_prefix('#').and_then(|number| record_id(lookup, number)) {
        return Ok(Meant::One(id));
    }
    let found = alike(connection, scope, lookup, text)?;
    let of_name: Vec<&Match> = exact(&found, text).collect();
    let only = if of_name.is_empty() { found.iter().collect() } else { of_name };
    Ok(match only[..] {
        [only] => Meant::One(only.id.clone()),
        _ => Meant::OneOf(found),
    })
}

/// Says beside each what others of its name have not: where somebody works, and an address.
fn tell_apart(
    connection: &mut DbConnection,
    scope: &Scope,
    lookup: Lookup,
    found: &mut [Match],
) -> Result<(), Failure> {
    if found.is_empty() {
        return Ok(());
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
    for hit in found {
        let [other, address] = beside.remove(&hit.id).unwrap_or_default();
        let told: Vec<String> = [other, hit.subtitle.take().or(address)].into_iter().flatten().collect();
        hit.subtitle = (!told.is_empty()).then(|| told.join(" · "));
    }
    Ok(())
}

/// A name as parameters are read: once, of so many characters, and none that controls.
fn read(typed: &Pairs, parameter: &'static str) -> Result<String, Failure> {
    let mut reader = ParamReader::new(typed.iter().filter(|(name, _)| name == parameter).cloned().collect());
    let read = reader.text(parameter, "");
    let errors = std::mem::replace(reader.errors(), FieldErrors::new());
    Ok(errors.into_result(read.unwrap_or_default().trim().to_owned())?)
}
