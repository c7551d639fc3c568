//! The organizations and contacts that a form names.

use std::collections::HashMap;

use crm_console::fields::{Control, Entry, MAKE};
use crm_core::input::{FromBody, JsonObject};
use crm_core::keys::{Access, Area};
use crm_core::text::folded;
use crm_core::values::Participants;
use crm_core::{ContactId, DbConnection, FieldCode, FieldErrors, RecordKind, Scope};
use crm_directory::{NewContact, NewOrganization, contacts as directory};
use crm_exchange::Lookup;
use crm_suite::search::{self, Match, Search};
use crm_suite::{contacts, organizations};
use serde_json::{Value, json};

use crate::endpoint::Form;
use crate::error::Failure;

use super::sought::Name;

/// What a name is the name of.
enum Found {
    One(String),
    None,
    Several,
}

/// Puts ids in the place of names of records; of `#12` the number. What none is called is made where the form says so.
pub(super) fn find(
    connection: &mut DbConnection,
    scope: &Scope,
    entries: &[Entry],
    form: &Form,
    body: &mut JsonObject,
) -> Result<(), Failure> {
    let mut errors = FieldErrors::new();
    for entry in entries {
        if entry.control == Control::Contacts {
            find_each(connection, scope, entry, body, &mut errors)?;
        }
        let Control::Record(lookup) = entry.control else { continue };
        let Some(Value::String(text)) = body.get(&entry.id) else { continue };
        let found = match text.strip_prefix('#') {
            Some(number) => Found::One(number.trim().to_owned()),
            None => match Name::read(&entry.id, text) {
                Ok(name) => called(connection, scope, lookup, &name)?,
                Err(refused) => {
                    errors.append(refused);
                    continue;
                }
            },
        };
        let (code, words) = match found {
            Found::One(id) => {
                body.insert(entry.id.clone(), id.into());
                continue;
            }
            Found::None if is_to_be_made(scope, form, entry) => {
                match make(connection, scope, lookup, text) {
                    Ok(id) => drop(body.insert(entry.id.clone(), id.into())),
                    Err(Failure::Problem(problem)) if !problem.errors.is_empty() => {
                        let words = format_args!("cannot be made by its name alone: {}", problem.errors);
                        errors.push(&entry.id, FieldCode::InvalidValue, words);
                    }
                    Err(failure) => return Err(failure),
                }
                continue;
            }
            Found::None => (FieldCode::UnknownReference, OF_NONE),
            Found::Several => (FieldCode::InvalidValue, OF_SEVERAL),
        };
        errors.push(&entry.id, code, words);
    }
    Ok(errors.into_result(())?)
}

const OF_NONE: &str = "is the name of none; make it first, or give # and a number";
const OF_SEVERAL: &str = "is the name of several: give # and the number of the one that is meant";

/// The same in a list of contacts: one statement for all their names, and one for what those are called that come in.
fn find_each(
    connection: &mut DbConnection,
    scope: &Scope,
    entry: &Entry,
    body: &mut JsonObject,
    errors: &mut FieldErrors,
) -> Result<(), Failure> {
    let Some(Value::Array(all)) = body.get_mut(&entry.id) else { return Ok(()) };
    // Of too many the API says so.
    if all.len() > Participants::LIMIT {
        return Ok(());
    }
    let mut names = HashMap::new();
    for text in all.iter().filter_map(Value::as_str) {
        match Name::read(&entry.id, text) {
            Ok(name) => drop(names.insert(text.to_owned(), folded(name.as_str()))),
            Err(refused) => errors.append(refused),
        }
    }
    let wanted: Vec<&str> = names.values().map(String::as_str).collect();
    // Of two of a name it is known that it is that of several.
    let found = if wanted.is_empty() { Vec::new() } else { directory::with_names(connection, scope, &wanted, 2)? };
    for one in all.iter_mut() {
        let Some((text, name)) = one.as_str().and_then(|text| names.get_key_value(text)) else { continue };
        let mut of_name = found.iter().filter(|(called, _)| called == name).map(|(_, id)| id);
        match (of_name.next(), of_name.next()) {
            (Some(only), None) => *one = json!({ "id": only.to_string() }),
            (Some(_), Some(_)) => {
                errors.push(&entry.id, FieldCode::InvalidValue, format_args!("“{text}” {OF_SEVERAL}"));
            }
            (None, _) => errors.push(&entry.id, FieldCode::UnknownReference, format_args!("“{text}” {OF_NONE}")),
        }
    }
    // Who was there before has a name, or none, as it was sent.
    let new = all.iter().filter(|one| one.get("name").is_none());
    let ids: Vec<ContactId> = new.filter_map(|one| one["id"].as_str()?.parse().ok()).collect();
    let called = directory::names(connection, scope, &ids)?;
    for one in all.iter_mut().filter(|one| one.is_object() && one.get("name").is_none()) {
        let name = one["id"].as_str().and_then(|id| called.get(&id.parse().ok()?));
        if let Some(name) = name {
            one["name"] = name.as_str().into();
        }
    }
    Ok(())
}

/// The most that look alike.
pub(super) const MOST_ALIKE: usize = 50;

/// The contacts or organizations with a name, address or number like this one.
pub(super) fn alike(
    connection: &mut DbConnection,
    scope: &Scope,
    lookup: Lookup,
    text: &Name,
) -> Result<Vec<Match>, Failure> {
    let kind = if lookup == Lookup::Contact { RecordKind::Contact } else { RecordKind::Organization };
    let search = Search { text: text.as_str().to_owned(), kinds: vec![kind], size: MOST_ALIKE };
    Ok(search::search(connection, scope, &search)?)
}

/// Those among them that are called just so.
pub(super) fn exact<'m>(found: &'m [Match], name: &Name) -> impl Iterator<Item = &'m Match> {
    let name = folded(name.as_str());
    found.iter().filter(move |hit| hit.found_in == "name" && folded(&hit.title) == name)
}

fn called(connection: &mut DbConnection, scope: &Scope, lookup: Lookup, name: &Name) -> Result<Found, Failure> {
    let found = alike(connection, scope, lookup, name)?;
    let mut exact = exact(&found, name);
    Ok(match (exact.next(), exact.next()) {
        (Some(only), None) => Found::One(only.id.clone()),
        (Some(_), Some(_)) => Found::Several,
        (None, _) => Found::None,
    })
}

/// Whether the box of this field is ticked, by somebody who may.
fn is_to_be_made(scope: &Scope, form: &Form, entry: &Entry) -> bool {
    let is_ticked = form.value(&format!("{MAKE}{}", entry.name())).is_some();
    is_ticked && scope.actor().rights().allow(Area::Directory, Access::Write)
}

/// Makes one that has this name and nothing else: its id.
fn make(connection: &mut DbConnection, scope: &Scope, lookup: Lookup, name: &str) -> Result<String, Failure> {
    let body = JsonObject::from_iter([("name".to_owned(), name.into())]);
    Ok(if lookup == Lookup::Contact {
        contacts::create(connection, scope, &NewContact::from_body(&body)?)?.id.to_string()
    } else {
        organizations::create(connection, scope, &NewOrganization::from_body(&body)?)?.id.to_string()
    })
}
