use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crm_core::input::JsonObject;
use crm_core::text::folded;
use crm_core::values::LabeledValueKind;
use crm_forms::{Category, Field, FieldType};
use serde_json::Value;

use crate::Kind;
use crate::cell::{Cell, Listed, Names, Options};
use crate::own::{self, MONEY, RANGE, Shape};
use crate::row::{Lookup, Row, moved_members};

pub use crate::own::Access;

/// A column of a table of records.
#[derive(Debug, Clone)]
pub struct Column {
    name: String,
    label: String,
    place: Place,
    cell: Cell,
    access: Access,
}

/// Where a record has the value.
#[derive(Debug, Clone)]
struct Place {
    /// A member of the record.
    member: Cow<'static, str>,
    /// Whether that is a member of its `customFields`.
    is_custom: bool,
    /// A member of that one, which is an object.
    part: Option<&'static str>,
}

impl Column {
    /// What programs call it: `value.amount`, `customFields.size`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What people call it: no other column of the kind is called so.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Who may send it.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// Whether its cells are numbers.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self.cell, Cell::Number)
    }

    /// What stands in its cell for a record, as the API shows it.
    #[must_use]
    pub fn write<'r>(&'r self, record: &'r Value) -> Cow<'r, str> {
        self.cell.write(self.value(record))
    }

    /// The value itself.
    fn value<'r>(&self, record: &'r Value) -> &'r Value {
        let owner = if self.place.is_custom { &record["customFields"] } else { record };
        let value = &owner[&*self.place.member];
        self.place.part.map_or(value, |part| &value[part])
    }

    /// Puts the value of a cell into a row. A blank cell says nothing.
    pub(crate) fn read(&self, kind: Kind, text: &str, row: &mut Row) {
        if text.trim().is_empty() {
            return;
        }
        if let Cell::Name(lookup, _) = self.cell {
            row.name(lookup, text);
            return;
        }
        let Place { member, is_custom, part } = &self.place;
        let owner = match is_custom {
            true => object(row.body.entry("customFields")),
            false if moved_members(kind).contains(&&**member) => &mut row.moved,
            false => &mut row.body,
        };
        match part {
            Some(part) => drop(object(owner.entry(&**member)).insert((*part).to_owned(), self.cell.read(text, None))),
            None => {
                let present = owner.remove(&**member);
                owner.insert(member.to_string(), self.cell.read(text, present));
            }
        }
    }

    /// Puts the value of a record into an object, where the record has it.
    pub fn copy(&self, record: &Value, object_of: &mut JsonObject) {
        let value = match (self.value(record), &self.cell) {
            (Value::Array(values), Cell::Labeled(_, Some(label))) => {
                let has_it = |value: &&Value| value["label"].as_str().map(folded) == Some(folded(label));
                values.iter().filter(has_it).cloned().collect()
            }
            (Value::String(id), Cell::Name(..)) => serde_json::json!({ "id": id, "name": self.write(record) }),
            (value, _) => value.clone(),
        };
        let Place { member, is_custom, part } = &self.place;
        let member = match &self.cell {
            Cell::Name(lookup, _) => lookup.members().0,
            _ => member,
        };
        let owner = if *is_custom { object(object_of.entry("customFields")) } else { object_of };
        match part {
            Some(part) => drop(object(owner.entry(member)).insert((*part).to_owned(), value)),
            None => drop(owner.insert(member.to_owned(), value)),
        }
    }

    /// Those of its values only that have a label.
    fn labeled(&self, label: &str) -> Option<Self> {
        let Cell::Labeled(kind, None) = self.cell else { return None };
        let label = label.trim();
        (!label.is_empty()).then(|| Self {
            name: format!("{}.{label}", self.name),
            label: format!("{} ({label})", self.label),
            cell: Cell::Labeled(kind, Some(label.to_owned())),
            ..self.clone()
        })
    }
}

fn object<'r>(entry: serde_json::map::Entry<'r>) -> &'r mut JsonObject {
    let value = entry.or_insert_with(|| JsonObject::new().into());
    if !value.is_object() {
        *value = JsonObject::new().into();
    }
    match value {
        Value::Object(members) => members,
        _ => unreachable!("made an object above"),
    }
}

/// The columns that a kind of records has in a tenant, in the order in which they go out.
#[derive(Debug, Clone)]
pub struct Columns {
    kind: Kind,
    columns: Vec<Column>,
    /// Where each stands, by its name, its label and the id of its field, folded.
    index: HashMap<String, usize>,
}

/// A name that no column has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownColumn {
    /// The name most like it.
    pub nearest: String,
}

impl fmt::Display for UnknownColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is no column; did you mean {}?", self.nearest)
    }
}

impl Columns {
    /// Those of a kind whose records have these fields: the fields of its form, of cases those of the forms of all types.
    #[must_use]
    pub fn of(kind: Kind, fields: &[Field]) -> Self {
        let mut columns = Vec::new();
        let own = own::own(kind);
        let (last, first) = own.split_last().map_or((None, own), |(last, first)| (Some(last), first));
        first.iter().for_each(|own| push_own(&mut columns, *own, fields));
        push_custom(&mut columns, fields);
        last.into_iter().for_each(|own| push_own(&mut columns, *own, fields));
        make_labels_unique(&mut columns);
        let mut index = HashMap::new();
        for (at, column) in columns.iter().enumerate() {
            index.insert(folded(&column.name), at);
        }
        for (at, column) in columns.iter().enumerate() {
            let id = column.name.strip_prefix("customFields.").unwrap_or(&column.name);
            index.entry(folded(id)).or_insert(at);
        }
        for (at, column) in columns.iter().enumerate() {
            index.entry(folded(&column.label)).or_insert(at);
        }
        // A person is told by his id alone too, and so is why an opportunity was lost.
        for (at, column) in columns.iter().enumerate() {
            if matches!(column.place.part, Some("id" | "reasonId")) {
                index.entry(folded(&column.place.member)).or_insert(at);
            }
        }
        Self { kind, columns, index }
    }

    /// The same, with the names of records whose ids are all that a record shows of them.
    #[must_use]
    pub fn with_names(mut self, names: impl IntoIterator<Item = (Lookup, Names)>) -> Self {
        for (lookup, names) in names {
            let of_lookup = |column: &&mut Column| matches!(column.cell, Cell::Name(known, _) if known == lookup);
            for column in self.columns.iter_mut().filter(of_lookup) {
                column.cell = Cell::Name(lookup, names.clone());
            }
        }
        self
    }

    /// What records that are looked up so are called, by their ids: as [`with_names`](Self::with_names) was told.
    pub fn names(&self, lookup: Lookup) -> impl Iterator<Item = (&str, &str)> {
        let of_lookup = self.columns.iter().find_map(|column| match &column.cell {
            Cell::Name(known, names) if *known == lookup => Some(names),
            _ => None,
        });
        of_lookup.into_iter().flatten().map(|(id, name)| (id.as_str(), name.as_str()))
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Column] {
        &self.columns
    }

    /// The column of a name, in any case: its own name, the id of a custom field, a label; of addresses and numbers also
    /// `email.Work`, which has those with that label, and of people `owner`, which has the id.
    ///
    /// # Errors
    /// [`UnknownColumn`] with the nearest name.
    pub fn find(&self, name: &str) -> Result<Column, UnknownColumn> {
        let name = name.trim();
        let of = |name: &str| self.index.get(&folded(name)).map(|at| &self.columns[*at]);
        let labeled = || {
            name.match_indices('.')
                .take(MOST_DOTS)
                .find_map(|(at, _)| of(&name[..at]).and_then(|column| column.labeled(&name[at + 1..])))
        };
        of(name).cloned().or_else(labeled).ok_or_else(|| UnknownColumn { nearest: self.nearest(name) })
    }

    fn nearest(&self, name: &str) -> String {
        // What a client sends decides no time: no known name is as long.
        let name: String = folded(name).chars().take(MOST_COMPARED).collect();
        let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
        // `Full name` is a name, whatever else it looks like.
        let likeness = |known: &str| match words.contains(&known) {
            true => 1.0,
            false => strsim::jaro_winkler(&name, known),
        };
        let known = self.index.iter().map(|(known, at)| (likeness(known), &self.columns[*at].name));
        let best = known.max_by(|(a, left), (b, right)| a.total_cmp(b).then_with(|| right.cmp(left)));
        best.map_or_else(String::new, |(_, name)| name.clone())
    }
}

/// After how many of its dots a name may go on with a label: what people call addresses and numbers hardly has any.
const MOST_DOTS: usize = 4;

/// How many characters of a name are compared with those that are known.
const MOST_COMPARED: usize = 100;

fn push_own(columns: &mut Vec<Column>, (member, label, shape, access): own::Own, fields: &[Field]) {
    let of_form = fields.iter().find(|field| field.category == Category::Default && field.id == member);
    let label = of_form.map_or(label, |field| &field.label);
    let place = Place { member: member.into(), is_custom: false, part: None };
    push(columns, member, label, &place, access, shape);
}

fn push(columns: &mut Vec<Column>, name: &str, label: &str, place: &Place, access: Access, shape: Shape) {
    let mut add = |name: String, label: String, place: Place, cell: Cell| {
        columns.push(Column { name, label, place, cell, access });
    };
    let (whole, called) = (name.to_owned(), label.to_owned());
    match shape {
        Shape::Text => add(whole, called, place.clone(), Cell::Text),
        Shape::Boolean => add(whole, called, place.clone(), Cell::Boolean),
        Shape::Labeled(kind) => add(whole, called, place.clone(), Cell::Labeled(kind, None)),
        Shape::Tags => add(whole, called, place.clone(), Cell::Tags),
        Shape::Json => add(whole, called, place.clone(), Cell::Json),
        Shape::Parts(parts) => {
            for (part, words, is_number) in parts {
                let place = Place { part: Some(part), ..place.clone() };
                let cell = if *is_number { Cell::Number } else { Cell::Text };
                add(format!("{name}.{part}"), format!("{label} {words}"), place, cell);
            }
        }
        Shape::Record(lookup) => {
            add(whole, format!("{label} id"), place.clone(), Cell::Text);
            let (member, _) = lookup.members();
            // What a record shows by its name has it beside the id; of the others the id leads to it.
            let shown =
                if lookup.is_led_to() { place.clone() } else { Place { member: member.into(), ..place.clone() } };
            add(member.to_owned(), called, shown, Cell::Name(lookup, Names::new()));
        }
    }
}

fn push_custom(columns: &mut Vec<Column>, fields: &[Field]) {
    let mut by_id: HashMap<&str, Vec<&Field>> = HashMap::new();
    let mut ids = Vec::new();
    for field in fields.iter().filter(|field| field.category == Category::Custom) {
        let fields = by_id.entry(&field.id).or_default();
        if fields.is_empty() {
            ids.push(&*field.id);
        }
        fields.push(field);
    }
    for id in ids {
        let fields = &by_id[id];
        let first = fields[0];
        let name = format!("customFields.{id}");
        let place = Place { member: id.to_owned().into(), is_custom: true, part: None };
        let is_one = fields.iter().all(|field| field.field_type == first.field_type);
        let cell = if is_one { custom(first.field_type, fields) } else { Err(Shape::Json) };
        match cell {
            Ok(cell) => {
                let (label, access) = (first.label.clone(), Access::Written);
                columns.push(Column { name, label, place, cell, access });
            }
            Err(shape) => push(columns, &name, &first.label, &place, Access::Written, shape),
        }
    }
}

/// The cell of a field, or the shape that its columns have.
fn custom(field_type: FieldType, fields: &[&Field]) -> Result<Cell, Shape> {
    use FieldType as T;
    match field_type {
        T::Text | T::TextArea | T::Combobox | T::Tel | T::Email | T::Url | T::Date | T::DateTime | T::Time => {
            Ok(Cell::Text)
        }
        T::Number => Ok(Cell::Number),
        T::Dropdown => Ok(Cell::Options(Options::of(fields), Listed::Strings)),
        T::TagPicker => Ok(Cell::Options(Options::of(fields), Listed::Objects)),
        T::EmailLabeled => Err(Shape::Labeled(LabeledValueKind::Email)),
        T::TelLabeled => Err(Shape::Labeled(LabeledValueKind::Phone)),
        T::Monetary => Err(MONEY),
        T::DateRange | T::DateTimeRange | T::TimeRange => Err(RANGE),
        T::PeoplePicker => Err(Shape::Json),
    }
}

/// A label that several columns have says which of them is meant.
fn make_labels_unique(columns: &mut [Column]) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for column in columns.iter() {
        *counts.entry(folded(&column.label)).or_default() += 1;
    }
    for column in columns.iter_mut().filter(|column| counts[&folded(&column.label)] > 1) {
        column.label = format!("{} ({})", column.label, column.name);
    }
}
