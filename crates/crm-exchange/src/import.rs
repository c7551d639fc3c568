//! Rows become records: by the rules of a batch, with the names in them looked up, and what is missing made.

use std::collections::{BTreeMap, HashMap, HashSet};

use crm_cases::Case;
use crm_core::input::{FromBody, JsonObject};
use crm_core::text::folded;
use crm_core::values::Title;
use crm_core::{DbConnection, FieldCode, FieldErrors, RecordId, Scope, TagId};
use crm_directory::{Contact, NewOrganization, Organization};
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::SuiteError;
use crm_suite::batch::{self, BatchRequest, Item, MatchBy, Mode};
use crm_suite::resource::Resource;
use crm_tags::{NewTag, TagKind};
use serde_json::Value;

use crate::row::Lookup;
use crate::{Columns, Header, Kind, RawRow, Row, Sheet};

/// What is done with the rows of a file.
#[derive(Debug, Clone, Copy)]
pub struct Import {
    /// What they are.
    pub kind: Kind,
    /// Whether they are made, changed, or either.
    pub mode: Mode,
    /// By what a row matches a record that exists.
    pub match_by: MatchBy,
    /// Whether an organization that a row names is made where there is none.
    pub makes_organizations: bool,
    /// Whether tags are made that there are not.
    pub makes_tags: bool,
    /// Whether rows may say what the API only shows: when a record was made, whether it is archived, won or lost.
    pub moves: bool,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Imported {
    /// A record was made: its id.
    Created(i64),
    /// A record was changed.
    Updated(i64),
    /// It is as the row has it already.
    Unchanged(i64),
    /// Nothing: this is wrong with it.
    Failed(String),
}

/// How many rows came to which end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Each made a record.
    pub created: i64,
    /// Each changed one.
    pub updated: i64,
    /// Each is as its record has it already.
    pub unchanged: i64,
    /// Each with a problem.
    pub failed: i64,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn rows(self) -> i64 {
        self.created + self.updated + self.unchanged + self.failed
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.failed += other.failed;
    }
}

/// What became of some rows.
#[derive(Debug, Default)]
pub struct Done {
    /// How many came to which end.
    pub counts: Counts,
    /// The records that were made, by their ids.
    pub made: Vec<i64>,
    /// The records that were changed.
    pub changed: Vec<i64>,
    /// The organizations that were made because rows name them.
    pub organizations: Vec<i64>,
    /// The tags that were made because rows have them.
    pub tags: Vec<TagId>,
    /// The places of the rows that failed, ascending, and what is wrong with each.
    pub problems: Vec<(usize, String)>,
}

impl Import {
    /// What is wrong with a header for this import.
    ///
    /// # Errors
    /// A column that is missing: the one without which no record is made, or by which rows match.
    pub fn check_header(&self, header: &Header) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::new();
        let names = || header.columns().iter().flatten().map(crate::Column::name);
        let has = |name: &str| {
            names().any(|known| known == name || known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
        };
        let mut need = |name: &str, why: &str| {
            if !has(name) {
                errors.push(name, FieldCode::Required, format_args!("is no column of the file: {why}"));
            }
        };
        if self.mode == Mode::Create {
            need(self.kind.required(), "no record is made without it");
        } else {
            let name = self.match_by.as_str();
            need(name, "rows match by it");
        }
        let moved = header.columns().iter().flatten().filter(|column| column.access() == crate::Access::Moved);
        for column in moved.filter(|_| !self.moves) {
            errors.push(column.name(), FieldCode::UnknownField, "is set only by whoever may also write settings");
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Reads a header against the columns of the kind, and checks it.
    ///
    /// # Errors
    /// Every name that no column has, that stands twice or is missing.
    pub fn header<T: AsRef<str>>(
        &self,
        columns: &Columns,
        names: impl IntoIterator<Item = T>,
        map: &[(String, Option<String>)],
    ) -> Result<Header, FieldErrors> {
        let header = Header::read(columns, names, map)?;
        self.check_header(&header)?;
        Ok(header)
    }

    /// Makes records of rows, or changes those that they match, each row by itself. Call it in a [`DbConnection::write`],
    /// with no more rows than that should hold.
    ///
    /// # Errors
    /// The database's.
    pub fn rows(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        sheet: &Sheet,
        raw: &[RawRow],
    ) -> Result<Done, SuiteError> {
        let mut done = Done::default();
        let (mut rows, mut places) = (Vec::with_capacity(raw.len()), Vec::with_capacity(raw.len()));
        for (place, row) in raw.iter().enumerate() {
            match sheet.read(&row.content) {
                Ok(read) => {
                    rows.push(read);
                    places.push(place);
                }
                Err(why) => done.problems.push((place, why)),
            }
        }
        let imported = match self.kind {
            Kind::Lead => self.rows_of::<Lead>(connection, scope, rows, &mut done),
            Kind::Opportunity => self.rows_of::<Opportunity>(connection, scope, rows, &mut done),
            Kind::Contact => self.rows_of::<Contact>(connection, scope, rows, &mut done),
            Kind::Organization => self.rows_of::<Organization>(connection, scope, rows, &mut done),
            Kind::Case => self.rows_of::<Case>(connection, scope, rows, &mut done),
        };
        for (place, imported) in places.into_iter().zip(imported?) {
            done.note(place, imported);
        }
        done.problems.sort_unstable();
        done.counts.failed = i64::try_from(done.problems.len()).unwrap_or(i64::MAX);
        Ok(done)
    }

    fn rows_of<R: Resource>(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        rows: Vec<Row>,
        done: &mut Done,
    ) -> Result<Vec<Imported>, SuiteError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        if self.makes_tags {
            done.tags = make_tags(connection, scope, self.kind.tags(), &rows)?;
        }
        let names = Names::find(connection, scope, self, &rows)?;
        done.organizations.clone_from(&names.made);
        let items = rows.into_iter().map(|mut row| {
            let moved = std::mem::take(&mut row.moved);
            match names.settle(&mut row) {
                Ok(()) if !self.moves && !moved.is_empty() => {
                    let message = "is set only by whoever may also write settings";
                    let name = moved.keys().next().map_or("", String::as_str);
                    Item::refused(FieldErrors::of(name, FieldCode::UnknownField, message))
                }
                Ok(()) => Item::read(self.mode, self.match_by, &row.body).moved(&moved),
                Err(errors) => Item::refused(errors),
            }
        });
        let batch: BatchRequest<R> =
            BatchRequest { mode: self.mode, match_by: self.match_by, atomic: false, items: items.collect() };
        let outcomes = batch::run(connection, scope, &batch)?;
        Ok(outcomes.into_iter().map(Imported::of).collect())
    }
}

impl Done {
    fn note(&mut self, place: usize, imported: Imported) {
        match imported {
            Imported::Created(id) => {
                self.counts.created += 1;
                self.made.push(id);
            }
            Imported::Updated(id) => {
                self.counts.updated += 1;
                self.changed.push(id);
            }
            Imported::Unchanged(_) => self.counts.unchanged += 1,
            Imported::Failed(why) => self.problems.push((place, why)),
        }
    }
}

impl Imported {
    fn of<I: RecordId>(outcome: batch::Outcome<I>) -> Self {
        match outcome {
            batch::Outcome::Created(id) => Self::Created(id.number()),
            batch::Outcome::Updated(id) => Self::Updated(id.number()),
            batch::Outcome::Unchanged(id) => Self::Unchanged(id.number()),
            batch::Outcome::Failed(error) => Self::Failed(error.to_string()),
        }
    }
}

/// Makes the tags of rows that the kind has not, and tells which.
fn make_tags(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    rows: &[Row],
) -> Result<Vec<TagId>, SuiteError> {
    let mut wanted: BTreeMap<String, &str> = BTreeMap::new();
    for row in rows {
        let tags = row.body.get("tags").and_then(Value::as_array).into_iter().flatten();
        let labels = tags.filter_map(|tag| tag["label"].as_str().or_else(|| tag.as_str())).map(str::trim);
        wanted.extend(labels.map(|label| (folded(label), label)));
    }
    let mut made = Vec::new();
    if wanted.is_empty() {
        return Ok(made);
    }
    let known: HashSet<String> =
        crm_tags::list(connection, scope, kind)?.iter().map(|tag| folded(tag.label.as_str())).collect();
    for (_, label) in wanted.into_iter().filter(|(key, _)| !known.contains(key)) {
        // What is no label is told at its row.
        let body = JsonObject::from_iter([("label".to_owned(), label.into())]);
        if let Ok(new) = NewTag::from_body(&body) {
            made.push(crm_tags::create(connection, scope, kind, &new)?.id);
        }
    }
    Ok(made)
}

/// The ids of the records that rows name, asked for all at once.
struct Names {
    ids: HashMap<(Lookup, String), Vec<String>>,
    /// The organizations that were made.
    made: Vec<i64>,
}

impl Names {
    fn find(connection: &mut DbConnection, scope: &Scope, import: &Import, rows: &[Row]) -> Result<Self, SuiteError> {
        let mut names = Self { ids: HashMap::new(), made: Vec::new() };
        for lookup in Lookup::of(import.kind) {
            let named = rows.iter().flat_map(|row| &row.names).filter(|named| named.lookup == *lookup);
            let wanted: BTreeMap<String, &str> =
                named.map(|named| (folded(&named.name), named.name.as_str())).collect();
            if wanted.is_empty() {
                continue;
            }
            let keys: Vec<&str> = wanted.keys().map(String::as_str).collect();
            for (name, id) in ids_of(connection, scope, *lookup, &keys)? {
                names.ids.entry((*lookup, name)).or_default().push(id);
            }
            if *lookup == Lookup::Organization && import.makes_organizations {
                names.make_organizations(connection, scope, &wanted)?;
            }
        }
        Ok(names)
    }

    fn make_organizations(
        &mut self,
        connection: &mut DbConnection,
        scope: &Scope,
        wanted: &BTreeMap<String, &str>,
    ) -> Result<(), SuiteError> {
        for (key, name) in wanted {
            if self.ids.contains_key(&(Lookup::Organization, key.clone())) {
                continue;
            }
            // What is no name is told at its row.
            let Ok(title) = Title::new("organization", *name) else { continue };
            let made = connection
                .write(|connection| Organization::create(connection, scope, &NewOrganization::new(title.clone())));
            match made {
                Ok(made) => {
                    self.made.push(made.id.number());
                    self.ids.insert((Lookup::Organization, key.clone()), vec![made.id.to_string()]);
                }
                // A form that requires more than a name.
                Err(error) if error.is_refusal() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Puts the ids of what a row names into its body.
    fn settle(&self, row: &mut Row) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::new();
        for named in std::mem::take(&mut row.names) {
            let (member, id_member) = named.lookup.members();
            let found = self.ids.get(&(named.lookup, folded(&named.name))).map_or(&[] as &[String], Vec::as_slice);
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
            numbered(found.into_iter().map(|(name, id)| (name, id.number())).collect())
        }
        Lookup::Contact => {
            let found = crm_directory::contacts::with_names(connection, scope, names, MOST_NAMESAKES)?;
            numbered(found.into_iter().map(|(name, id)| (name, id.number())).collect())
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
