//! The organizations and contacts that a form names.

use crm_console::fields::{Control, Entry, MAKE};
use crm_core::input::{FromBody, JsonObject};
use crm_core::keys::{Access, Area};
use crm_core::text::folded;
use crm_core::{DbConnection, FieldCode, FieldErrors, RecordKind, Scope};
use crm_directory::{NewContact, NewOrganization};
use crm_exchange::Lookup;
use crm_suite::search::{self, Match, Search};
use crm_suite::{contacts, organizations};
use serde_json::Value;

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
            Found::None => (FieldCode::UnknownReference, "is the name of none; make it first, or give # and a number"),
            Found::Several => {
                (FieldCode::InvalidValue, "is the name of several: give # and the number of the one that is meant")
            }
        };
        errors.push(&entry.id, code, words);
    }
    Ok(errors.into_result(())?)
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
