//! The ids of what rows name: looked up for all of them at once, and what is missing made.

use std::collections::{BTreeMap, HashMap};

use crm_core::text::folded;
use crm_core::values::Title;
use crm_core::{DbConnection, FieldCode, FieldErrors, OrganizationId, Scope};
use crm_directory::{NewOrganization, Organization};
use crm_suite::SuiteError;
use crm_suite::resource::Resource;

use crate::row::{Lookup, NameToFind};
use crate::{Kind, Row};

/// Whether a row names what is missing.
pub(crate) fn lacks(row: &Row, missing: &BTreeMap<String, String>) -> bool {
    row.names.iter().any(|named| is_missing(named, missing))
}

pub(crate) fn is_missing(named: &NameToFind, missing: &BTreeMap<String, String>) -> bool {
    named.lookup == Lookup::Organization && missing.contains_key(&folded(&named.name))
}

/// The ids of the records that rows name, asked for all at once.
pub(crate) struct Names(HashMap<(Lookup, String), Vec<String>>);

impl Names {
    pub(crate) fn find(
        connection: &mut DbConnection,
        scope: &Scope,
        kind: Kind,
        rows: &[Row],
    ) -> Result<Self, SuiteError> {
        let mut ids: HashMap<_, Vec<String>> = HashMap::new();
        for lookup in Lookup::of(kind) {
            let wanted = wanted(rows, *lookup);
            if wanted.is_empty() {
                continue;
            }
            let keys: Vec<&str> = wanted.keys().map(String::as_str).collect();
            for (name, id) in ids_of(connection, scope, *lookup, &keys)? {
                ids.entry((*lookup, name)).or_default().push(id);
            }
        }
        Ok(Self(ids))
    }

    /// The names of organizations that there are not, by how they are compared.
    pub(crate) fn missing(&self, rows: &[Row]) -> BTreeMap<String, String> {
        let wanted = wanted(rows, Lookup::Organization).into_iter();
        let missing = wanted.filter(|(key, _)| !self.0.contains_key(&(Lookup::Organization, key.clone())));
        missing.map(|(key, name)| (key, name.to_owned())).collect()
    }

    /// Makes these organizations, and tells which.
    pub(crate) fn make_organizations(
        &mut self,
        connection: &mut DbConnection,
        scope: &Scope,
        missing: &BTreeMap<String, String>,
    ) -> Result<Vec<OrganizationId>, SuiteError> {
        let mut made = Vec::new();
        for (key, name) in missing {
            // What is no name is told at its row.
            let Ok(title) = Title::new("organization", name.as_str()) else { continue };
            match Organization::create(connection, scope, &NewOrganization::new(title)) {
                Ok(organization) => {
                    made.push(organization.id);
                    self.0.insert((Lookup::Organization, key.clone()), vec![organization.id.to_string()]);
                }
                // A form that requires more than a name.
                Err(error) if error.is_refusal() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(made)
    }

    /// Puts the ids of what a row names into its body.
    pub(crate) fn settle(&self, row: &mut Row) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::new();
        for named in std::mem::take(&mut row.names) {
            let (member, id_member) = named.lookup.members();
            let found = self.0.get(&(named.lookup, folded(&named.name))).map_or(&[] as &[String], Vec::as_slice);
            let is_told = |id: &&String| named.id.as_ref().is_some_and(|told| told.as_str() == Some(id));
            match (found, found.iter().find(is_told)) {
                ([only], _) => drop(row.body.insert(id_member.to_owned(), only.as_str().into())),
                (_, Some(told)) => drop(row.body.insert(id_member.to_owned(), told.as_str().into())),
                ([], None) => {
                    errors.push(member, FieldCode::UnknownReference, format_args!("nothing is called {}", named.name));
                }
                (_, None) => {
                    let message =
                        format_args!("several are called {}: give the id of the one that is meant", named.name);
                    errors.push(member, FieldCode::Conflicting, message);
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// The names of this sort that rows have, by how they are compared.
fn wanted(rows: &[Row], lookup: Lookup) -> BTreeMap<String, &str> {
    let named = rows.iter().flat_map(|row| &row.names).filter(|named| named.lookup == lookup);
    named.map(|named| (folded(&named.name), named.name.as_str())).collect()
}

/// The most records of one name among which the id beside it says which is meant.
const MOST_NAMESAKES: usize = 1_000;

/// The ids of what has one of these names, which are folded, each with the name.
fn ids_of(
    connection: &mut DbConnection,
    scope: &Scope,
    lookup: Lookup,
    names: &[&str],
) -> Result<Vec<(String, String)>, SuiteError> {
    let numbered = |found: Vec<(String, i64)>| found.into_iter().map(|(name, id)| (name, id.to_string())).collect();
    Ok(match lookup {
        Lookup::Organization => {
            let found = crm_directory::organizations::with_names(connection, scope, names, MOST_NAMESAKES)?;
            numbered(found.into_iter().map(|(name, id)| (name, id.as_i64())).collect())
        }
        Lookup::Contact => {
            let found = crm_directory::contacts::with_names(connection, scope, names, MOST_NAMESAKES)?;
            numbered(found.into_iter().map(|(name, id)| (name, id.as_i64())).collect())
        }
        Lookup::CaseType => {
            let types = crm_cases::types::forms(connection, scope)?;
            types.into_iter().map(|(id, label, _)| (folded(&label), id.to_string())).collect()
        }
        Lookup::Pipeline => {
            let pipelines = crm_opportunities::pipelines::names(connection, scope)?;
            pipelines.into_iter().map(|(id, name)| (folded(&name), id.to_string())).collect()
        }
    })
}
