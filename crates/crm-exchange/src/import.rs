//! Rows become records: by the rules of a batch, with the names in them looked up, and what is missing made.

use std::collections::{BTreeMap, HashSet};

use crm_cases::Case;
use crm_core::error::cut;
use crm_core::input::{FromBody, JsonObject};
use crm_core::keys::{self, Right, Rights};
use crm_core::text::folded;
use crm_core::{DbConnection, FieldCode, FieldErrors, RecordId, Scope, TagId};
use crm_directory::{Contact, Organization};
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::SuiteError;
use crm_suite::batch::{self, BatchRequest, Item, MatchBy, Mode};
use crm_suite::resource::Resource;
use crm_tags::{NewTag, TagError, TagKind};
use serde_json::Value;

use crate::names::{Names, is_missing, lacks};
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
    /// Whether rows say what the API only shows: when a record was made or resolved, whether it is archived, won or lost. Else they
    /// may have it, and it is ignored.
    pub moves: bool,
}

/// The most characters that are told of what is wrong with a row.
pub(crate) const LONGEST_PROBLEM: usize = 1_000;

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
    /// What whoever has it done, or taken back, may do: write records of the kind, their tags included, and organizations where
    /// it makes some.
    #[must_use]
    pub fn needs(&self) -> Rights {
        let organizations = self.makes_organizations.then_some(Kind::Organization);
        let writes = |kind: Kind| Right { area: Some(kind.area()), access: keys::Access::Write };
        std::iter::once(self.kind).chain(organizations).map(writes).collect()
    }

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
        let mut names = Names::find(connection, scope, self.kind, &rows)?;
        let missing = if self.makes_organizations { names.missing(&rows) } else { BTreeMap::new() };
        // What is missing is made when all that there is is locked: organizations count by a number, which everybody takes last.
        let lacking: Vec<(usize, Row)> = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| lacks(row, &missing))
            .map(|(place, row)| (place, row.clone()))
            .collect();
        let tags = if self.makes_tags { labels_of(&rows) } else { BTreeMap::new() };
        let items = rows.into_iter().map(|mut row| {
            row.names.retain(|named| !is_missing(named, &missing));
            self.item(&names, row)
        });
        let mut batch: BatchRequest<R> =
            BatchRequest { mode: self.mode, match_by: self.match_by, atomic: false, items: items.collect() };
        if !missing.is_empty() {
            Organization::hold_form(connection, scope)?;
        }
        let held = batch::hold(connection, scope, &batch)?;
        let made = names.make_organizations(connection, held.scope(), &missing)?;
        held.know_organizations(connection, &made)?;
        for (place, row) in lacking {
            batch.items[place] = self.item(&names, row);
        }
        held.hold_tags(connection, &batch)?;
        done.organizations = made.iter().map(|id| id.as_i64()).collect();
        done.tags = make_tags(connection, held.scope(), self.kind.tags(), &tags)?;
        let outcomes = held.run(connection, &batch)?;
        Ok(outcomes.into_iter().map(Imported::of).collect())
    }

    fn item<R: Resource>(&self, names: &Names, mut row: Row) -> Item<R> {
        let moved = std::mem::take(&mut row.moved);
        match names.settle(&mut row) {
            Ok(()) if self.moves => Item::read(self.mode, self.match_by, &row.body).moved(&moved),
            // To them it is read-only, as in a body.
            Ok(()) => Item::read(self.mode, self.match_by, &row.body),
            Err(errors) => Item::refused(errors),
        }
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
            batch::Outcome::Created(id) => Self::Created(id.as_i64()),
            batch::Outcome::Updated(id) => Self::Updated(id.as_i64()),
            batch::Outcome::Unchanged(id) => Self::Unchanged(id.as_i64()),
            batch::Outcome::Failed(error) => Self::Failed(cut(&error, LONGEST_PROBLEM)),
        }
    }
}

/// The labels of the tags of rows, by how they are compared.
fn labels_of(rows: &[Row]) -> BTreeMap<String, String> {
    let tags = rows.iter().filter_map(|row| row.body.get("tags").and_then(Value::as_array)).flatten();
    let labels = tags.filter_map(|tag| tag["label"].as_str().or_else(|| tag.as_str())).map(str::trim);
    labels.map(|label| (folded(label), label.to_owned())).collect()
}

/// Makes those of these tags that the kind has not, and tells which.
fn make_tags(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    wanted: &BTreeMap<String, String>,
) -> Result<Vec<TagId>, SuiteError> {
    let mut made = Vec::new();
    if wanted.is_empty() {
        return Ok(made);
    }
    let known: HashSet<String> =
        crm_tags::list(connection, scope, kind)?.iter().map(|tag| folded(tag.label.as_str())).collect();
    for (_, label) in wanted.iter().filter(|(key, _)| !known.contains(*key)) {
        // What is no label is told at its row, and so is what there is no room for.
        let body = JsonObject::from_iter([("label".to_owned(), label.as_str().into())]);
        let Ok(new) = NewTag::from_body(&body) else { continue };
        match connection.write(|connection| crm_tags::create(connection, scope, kind, &new)) {
            Ok(tag) => made.push(tag.id),
            // Somebody else made it just now.
            Err(TagError::LabelTaken) => {}
            Err(TagError::LimitReached) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(made)
}
