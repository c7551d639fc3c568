//! One field in which people search for anything (docs/adr/0006).

use std::collections::HashMap;

use crm_core::keys::{Access, Area};
use crm_core::params::{FromParams, ParamReader};
use crm_core::search::{Hit, Sought};
use crm_core::text::{folded, searchable, with_unicode_domains};
use crm_core::{ContactId, DbConnection, OrganizationId, RecordKind, Scope};
use crm_directory::{contacts, organizations};
use serde::Serialize;

use crate::SuiteError;

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The text, as it was typed; an empty one finds nothing.
    pub text: String,
    /// The kinds of records that are wanted.
    pub kinds: Vec<RecordKind>,
    /// The most records.
    pub size: usize,
}

/// A record that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Match {
    /// What it is: `lead`, `opportunity`, `contact`, `organization` or `case`.
    #[cfg_attr(feature = "openapi", schema(examples("contact")))]
    pub kind: &'static str,
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(examples("42")))]
    pub id: String,
    /// Its title or name.
    #[cfg_attr(feature = "openapi", schema(examples("Jane Doe")))]
    pub title: String,
    /// The address, number or external id that was found, where it was one.
    #[cfg_attr(feature = "openapi", schema(examples("jane.doe@work.com")))]
    pub subtitle: Option<String>,
    /// Where the text was found: `title`, `name`, `email`, `phone`, `externalId` or `id`.
    #[serde(rename = "match")]
    #[cfg_attr(feature = "openapi", schema(examples("email")))]
    pub found_in: &'static str,
}

/// Where a text is found that is looked for as it stands, in any kind.
const EXTERNAL_ID: &str = "externalId";

const KINDS: &[(&str, RecordKind)] = &[
    ("lead", RecordKind::Lead),
    ("opportunity", RecordKind::Opportunity),
    ("contact", RecordKind::Contact),
    ("organization", RecordKind::Organization),
    ("case", RecordKind::Case),
];

/// The most records of a search, and how many come unless it says.
const MOST: i64 = 50;
const USUAL: i64 = 10;
/// The fewest digits of a phone number that are searched for as one.
const FEWEST_DIGITS: usize = 3;

impl FromParams for Search {
    fn from_params(params: &mut ParamReader) -> Self {
        let text = params
            .text("q", "What is searched for: a part of a title, name, e-mail address or phone number, the beginning of an external id, or an id; without it nothing is found.");
        let kinds = params.words(
            "kinds",
            KINDS,
            "The kinds of records that are wanted; all that the key may read unless given.",
        );
        let size = params.integer("size", 1, MOST, "The most records; 10 unless given.").unwrap_or(USUAL);
        Self {
            text: text.unwrap_or_default(),
            kinds: kinds.unwrap_or_else(|| KINDS.iter().map(|(_, kind)| *kind).collect()),
            size: usize::try_from(size).unwrap_or_default(),
        }
    }
}

/// In which area the records of a kind are, and which of their texts are searched: where, and how that is called.
fn searched(kind: RecordKind) -> (Area, &'static [(&'static str, Sought)]) {
    match kind {
        RecordKind::Lead => (Area::Pipeline, &[("title", crm_leads::SOUGHT)]),
        RecordKind::Opportunity => (Area::Pipeline, &[("title", crm_opportunities::SOUGHT)]),
        RecordKind::Contact => (Area::Directory, contacts::SOUGHT),
        RecordKind::Organization => (Area::Directory, organizations::SOUGHT),
        RecordKind::Case => (Area::Cases, &[("title", crm_cases::cases::SOUGHT)]),
        RecordKind::CaseType => (Area::Cases, &[]),
    }
}

/// The records with a text that matches, those first that are the text, then those that begin with it, then those that
/// contain it; of the kinds that the scope's actor may read. A fixed number of statements.
///
/// # Errors
/// The database's.
pub fn search(connection: &mut DbConnection, scope: &Scope, search: &Search) -> Result<Vec<Match>, SuiteError> {
    let mut found: Vec<(usize, RecordKind, &'static str, Hit)> = Vec::new();
    let rights = scope.actor().rights();
    for (_, kind) in KINDS.iter().filter(|(_, kind)| search.kinds.contains(kind)) {
        let (area, texts) = searched(*kind);
        if !rights.allow(area, Access::Read) {
            continue;
        }
        let text = search.text.trim();
        if let Some((_, first)) = texts.first().filter(|_| !text.is_empty()) {
            if let Ok(id) = text.parse() {
                let hit = first.by_id(connection, scope, id)?;
                found.extend(hit.map(|hit| (0, *kind, "id", hit)));
            }
            let hits = first.by_external_id(connection, scope, text, search.size)?;
            found.extend(hits.into_iter().map(|hit| (rank(&hit.text, text), *kind, EXTERNAL_ID, hit)));
        }
        for (name, text) in texts {
            let Some((part, begin)) = wanted(name, &search.text) else { continue };
            let hits = text.hits(connection, scope, &part, &begin, search.size)?;
            found.extend(hits.into_iter().map(|hit| (rank(&hit.text, &part), *kind, *name, hit)));
        }
    }
    // Newer ones first, as far as nothing else tells.
    found.sort_by(|(rank, kind, _, hit), (other_rank, other_kind, _, other)| {
        (rank, place(*kind), other.record).cmp(&(other_rank, place(*other_kind), hit.record))
    });
    let mut seen = std::collections::HashSet::new();
    found.retain(|(_, kind, _, hit)| seen.insert((*kind, hit.record)));
    found.truncate(search.size);
    shown(connection, scope, found)
}

/// What a column is asked for: a part of its texts, and how those begin; nothing where the text cannot be one of them.
fn wanted(column: &str, text: &str) -> Option<(String, String)> {
    let text = text.trim();
    let (part, begin) = match column {
        "phone" => {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let is_number = digits.len() >= FEWEST_DIGITS && !text.chars().any(char::is_alphabetic);
            is_number.then_some((digits.clone(), digits))?
        }
        "email" => (searchable(&with_unicode_domains(text)), folded(&with_unicode_domains(text))),
        _ => (searchable(text), folded(text)),
    };
    (!part.is_empty()).then_some((part, begin))
}

fn rank(text: &str, part: &str) -> usize {
    if text == part {
        0
    } else if text.starts_with(part) {
        1
    } else {
        2
    }
}

fn place(kind: RecordKind) -> usize {
    KINDS.iter().position(|(_, known)| *known == kind).unwrap_or(KINDS.len())
}

/// The records as they are shown: those that were found by an address or a number with their name.
fn shown(
    connection: &mut DbConnection,
    scope: &Scope,
    found: Vec<(usize, RecordKind, &'static str, Hit)>,
) -> Result<Vec<Match>, SuiteError> {
    let is_value = |name: &str| matches!(name, "email" | "phone");
    let of = |wanted: RecordKind| -> Vec<i64> {
        let hits = found.iter().filter(|(_, kind, name, _)| *kind == wanted && is_value(name));
        hits.map(|(_, _, _, hit)| hit.record).collect()
    };
    let ids: Vec<ContactId> = of(RecordKind::Contact).into_iter().map(ContactId::from_i64).collect();
    let people = contacts::names(connection, scope, &ids)?;
    let ids: Vec<OrganizationId> = of(RecordKind::Organization).into_iter().map(OrganizationId::from_i64).collect();
    let companies = organizations::names(connection, scope, &ids)?;
    let mut names: HashMap<(RecordKind, i64), String> = HashMap::new();
    names.extend(people.into_iter().map(|(id, name)| ((RecordKind::Contact, id.as_i64()), name)));
    names.extend(companies.into_iter().map(|(id, name)| ((RecordKind::Organization, id.as_i64()), name)));
    let matches = found.into_iter().map(|(_, kind, found_in, hit)| {
        let (title, subtitle) = match names.remove(&(kind, hit.record)).filter(|_| is_value(found_in)) {
            Some(name) => (name, Some(hit.shown)),
            None => (hit.shown, Some(hit.text).filter(|_| found_in == EXTERNAL_ID)),
        };
        Match { kind: kind.name(), id: hit.record.to_string(), title, subtitle, found_in }
    });
    Ok(matches.collect())
}
