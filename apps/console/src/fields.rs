//! The fields of a record as people edit them: which control each has, what stands in it, and what a form makes of it.

use std::str::FromStr;

use crm_core::input::JsonObject;
use crm_exchange::Lookup;
use crm_forms::{Category, Field, FieldOption, FieldType};
use crm_tags::TagOption;
use serde_json::{Number, Value, json};

/// How a field is edited.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// One line, in an `input` of this type.
    Line(&'static str),
    /// Several lines.
    Lines,
    /// A number with all its digits.
    Number,
    /// One of several: id and words.
    One(Vec<Choice>),
    /// Any of several; whether JSON has them as objects.
    Many(Vec<Choice>, bool),
    /// Addresses or numbers, one a line, such as this: `Work: jane@example.com`.
    Labeled(&'static str),
    /// An amount and a currency.
    Money,
    /// From and to, in `input`s of this type.
    Range(&'static str),
    /// Somebody: name and e-mail address.
    Person,
    /// People, one a line, such as this: `Jane Doe <jane@example.com>`.
    People,
    /// Another record, by its name or by `#` and its id.
    Record(Lookup),
    /// Contacts, one a line, each as another record is written.
    Contacts,
}

/// Something that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What a value names.
    pub id: String,
    /// What people read.
    pub words: String,
    /// `#` and six hexadecimal digits.
    pub color: Option<String>,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// A member of the record, or of its `customFields`.
    pub id: String,
    /// Whether it is one of those.
    pub is_custom: bool,
    /// What people call it.
    pub label: String,
    /// Whether the form requires it.
    pub required: bool,
    /// How it is edited.
    pub control: Control,
}

fn choice(id: &str, words: &str, color: Option<&str>) -> Choice {
    Choice { id: id.to_owned(), words: words.to_owned(), color: color.map(str::to_owned) }
}

/// The fields of a form in its order; those who take tags offer these.
#[must_use]
pub fn entries(fields: &[Field], tags: &[TagOption]) -> Vec<Entry> {
    fields.iter().map(|field| entry(field, tags)).collect()
}

fn entry(field: &Field, tags: &[TagOption]) -> Entry {
    let is_custom = field.category == Category::Custom;
    let control = if is_custom { by_type(field) } else { own(field, tags) };
    Entry { id: field.id.clone(), is_custom, label: field.label.clone(), required: field.required, control }
}

fn own(field: &Field, tags: &[TagOption]) -> Control {
    match &*field.id {
        "organizationId" => Control::Record(Lookup::Organization),
        "contactId" => Control::Record(Lookup::Contact),
        "owner" | "assignee" => Control::Person,
        "participants" => Control::Contacts,
        "tags" => {
            let all = tags.iter().map(|tag| choice(&tag.id.to_string(), &tag.label, Some(&tag.color)));
            Control::Many(all.collect(), true)
        }
        _ => match field.field_type {
            FieldType::Dropdown if offered(field).is_empty() => Control::Line("text"),
            FieldType::Dropdown => Control::One(offered(field)),
            _ => by_type(field),
        },
    }
}

fn by_type(field: &Field) -> Control {
    use FieldType as T;
    match field.field_type {
        T::Text | T::Combobox | T::Url | T::Email | T::Tel => Control::Line("text"),
        T::TextArea => Control::Lines,
        T::Number => Control::Number,
        T::Monetary => Control::Money,
        T::Date => Control::Line("date"),
        T::DateTime => Control::Line("datetime-local"),
        T::Time => Control::Line("time"),
        T::DateRange => Control::Range("date"),
        T::DateTimeRange => Control::Range("datetime-local"),
        T::TimeRange => Control::Range("time"),
        T::EmailLabeled => Control::Labeled("jane@example.com"),
        T::TelLabeled => Control::Labeled("+49 30 1234567"),
        T::Dropdown => Control::Many(offered(field), false),
        T::TagPicker => Control::Many(offered(field), true),
        T::PeoplePicker => Control::People,
    }
}

fn offered(field: &Field) -> Vec<Choice> {
    let options = field.options.iter().flatten();
    options
        .map(|option| match option {
            FieldOption::Plain(id) => choice(id, &words_of(id), None),
            FieldOption::Labeled { id, label, color } => choice(id, label, color.as_deref()),
        })
        .collect()
}

/// What people read of an option that is its own label: `3_hot` sorts by its digit and is read `hot`.
#[must_use]
pub fn words_of(id: &str) -> String {
    match id.split_once('_') {
        Some((digit, words)) if digit.len() == 1 && digit.bytes().all(|byte| byte.is_ascii_digit()) => {
            words.replace('_', " ")
        }
        _ => id.to_owned(),
    }
}

impl Entry {
    /// The name of its fields in a form, and the path of its problems.
    #[must_use]
    pub fn name(&self) -> String {
        if self.is_custom { format!("customFields.{}", self.id) } else { self.id.clone() }
    }

    /// The value that a record has.
    #[must_use]
    pub fn value<'r>(&self, record: &'r Value) -> &'r Value {
        let owner = if self.is_custom { &record["customFields"] } else { record };
        match &self.control {
            Control::Record(lookup) => &owner[lookup.members().0],
            _ => &owner[&*self.id],
        }
    }

    /// The names of its fields in a form.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        let name = self.name();
        let parts: &[&str] = match &self.control {
            Control::Money => &["amount", "code"],
            Control::Range(_) => &["start", "end"],
            Control::Person => &["name", "email"],
            _ => return vec![name],
        };
        parts.iter().map(|part| format!("{name}.{part}")).collect()
    }

    /// What stands in its fields for a record, in the order of [`parts`](Self::parts).
    #[must_use]
    pub fn texts(&self, record: &Value) -> Vec<String> {
        let value = self.value(record);
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match &self.control {
            Control::Money => vec![text(&value["amount"]), text(&value["code"])],
            Control::Range(_) => vec![text(&value["start"]), text(&value["end"])],
            Control::Person => vec![text(&value["name"]), text(email_of(value))],
            Control::Record(_) => vec![text(&value["name"])],
            Control::Labeled(_) => vec![labeled_text(value)],
            Control::Many(..) => vec![ids(value).join("\n")],
            Control::People => vec![lines_of(value, person_line)],
            Control::Contacts => vec![lines_of(value, contact_line)],
            _ => vec![text(value)],
        }
    }

    /// The value of what was typed into its fields, for a body of the API; a text in the place of each record that was named.
    /// `was` is the value before: who stands there already stays as they are.
    #[must_use]
    pub fn read(&self, texts: &[String], was: &Value) -> Value {
        let trimmed: Vec<&str> = texts.iter().map(|text| text.trim()).collect();
        if trimmed.iter().all(|text| text.is_empty()) {
            return Value::Null;
        }
        let text = |at: usize| trimmed.get(at).copied().unwrap_or_default();
        match &self.control {
            Control::Number => number(text(0)),
            Control::Money => json!({ "amount": number(text(0)), "code": text(1) }),
            Control::Range(_) => json!({ "start": or_null(text(0)), "end": or_null(text(1)) }),
            Control::Person => person(text(0), text(1), was),
            Control::Labeled(_) => read_labeled(text(0)),
            Control::People => read_lines(text(0), was, person_line, read_person),
            Control::Contacts => read_lines(text(0), was, contact_line, read_contact),
            Control::Many(_, are_objects) => {
                let before = ids(was);
                let mut chosen: Vec<&str> = text(0).lines().collect();
                // Those that were there stay in their places.
                chosen.sort_by_key(|id| before.iter().position(|other| other == id).unwrap_or(before.len()));
                chosen.into_iter().map(|id| if *are_objects { json!({ "id": id }) } else { id.into() }).collect()
            }
            Control::Lines => texts[0].as_str().into(),
            Control::Line(_) | Control::One(_) | Control::Record(_) => text(0).into(),
        }
    }

    /// A text as it was before a browser sent it, and as one sends it that nobody touched: a field of one line has no line ends,
    /// and one of a time leaves seconds out that are none.
    fn plain(&self, text: impl AsRef<str>) -> String {
        let text = text.as_ref().replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim();
        match &self.control {
            Control::Line("datetime-local" | "time") | Control::Range("datetime-local" | "time") => {
                let has_seconds = text.matches(':').count() == 2;
                text.strip_suffix(":00").filter(|_| has_seconds).unwrap_or(text).to_owned()
            }
            Control::Line(_)
            | Control::Range(_)
            | Control::Number
            | Control::Money
            | Control::Person
            | Control::Record(_) => text.replace('\n', ""),
            Control::Lines
            | Control::One(_)
            | Control::Many(..)
            | Control::Labeled(_)
            | Control::People
            | Control::Contacts => text.to_owned(),
        }
    }

    /// Whether two plain texts are the same value: boxes are ticked in no order.
    fn is_same(&self, one: &[String], other: &[String]) -> bool {
        let sorted = |texts: &[String]| {
            let mut lines: Vec<String> = texts.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        one == other || (matches!(self.control, Control::Many(..)) && sorted(one) == sorted(other))
    }

    /// Puts a value into a body.
    pub fn put(&self, value: Value, body: &mut JsonObject) {
        if !self.is_custom {
            body.insert(self.id.clone(), value);
            return;
        }
        let custom = body.entry("customFields").or_insert_with(|| json!({}));
        if let Value::Object(members) = custom {
            members.insert(self.id.clone(), value);
        }
    }
}

/// What a record has chosen and is no longer offered.
pub(crate) fn retired(value: &Value, offered: &[Choice]) -> Vec<Choice> {
    let chosen = value.as_array().into_iter().flatten();
    let chosen = chosen.filter_map(|one| Some((one.as_str().or(one["id"].as_str())?, one["label"].as_str())));
    let retired = chosen.filter(|(id, _)| !offered.iter().any(|choice| choice.id == *id));
    retired.map(|(id, label)| choice(id, label.unwrap_or(id), None)).collect()
}

fn email_of(user: &Value) -> &Value {
    if user["email"].is_null() { &user["id"] } else { &user["email"] }
}

fn ids(value: &Value) -> Vec<&str> {
    let entries = value.as_array().map_or(&[][..], Vec::as_slice);
    entries.iter().filter_map(|entry| entry.as_str().or(entry["id"].as_str())).collect()
}

fn number(text: &str) -> Value {
    Number::from_str(text).map_or_else(|_| text.into(), Value::Number)
}

fn or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// Whoever has this name and address: the person that is there keeps the id, another one has the address as theirs.
fn person(name: &str, email: &str, was: &Value) -> Value {
    let is_same = was["id"].is_string() && email_of(was).as_str() == Some(email);
    let id = match was["id"].as_str() {
        Some(id) if is_same => id,
        _ if email.is_empty() => name,
        _ => email,
    };
    let email = if is_same { was["email"].clone() } else { or_null(email) };
    json!({ "id": id, "name": or_null(name), "email": email })
}

/// A text of one line.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lines_of(value: &Value, line: impl Fn(&Value) -> String) -> String {
    value.as_array().into_iter().flatten().map(line).collect::<Vec<_>>().join("\n")
}

/// Somebody by name and address: of those without an address by id.
fn person_line(user: &Value) -> String {
    let address = email_of(user).as_str().unwrap_or_default();
    match user["name"].as_str() {
        Some(name) if name != address => on_one_line(&format!("{name} <{address}>")),
        _ => on_one_line(address),
    }
}

fn read_person(line: &str) -> Value {
    let named = line.strip_suffix('>').and_then(|line| line.rsplit_once('<'));
    let (name, address) = named.map_or(("", line), |(name, address)| (name.trim(), address.trim()));
    let email = if address.contains('@') { address } else { "" };
    json!({ "id": address, "name": or_null(name), "email": or_null(email) })
}

/// A contact by its name, or else by its number.
fn contact_line(contact: &Value) -> String {
    let number = || format!("#{}", contact["id"].as_str().unwrap_or_default());
    contact["name"].as_str().map(on_one_line).filter(|name| !name.is_empty()).unwrap_or_else(number)
}

fn read_contact(line: &str) -> Value {
    line.strip_prefix('#').map_or_else(|| line.into(), |number| json!({ "id": number.trim() }))
}

/// What stands in lines: as it was where there is such a line already, each once.
fn read_lines(text: &str, was: &Value, line: impl Fn(&Value) -> String, read: impl Fn(&str) -> Value) -> Value {
    let mut present: Vec<(String, &Value)> = was.as_array().into_iter().flatten().map(|one| (line(one), one)).collect();
    let typed = text.lines().map(on_one_line).filter(|typed| !typed.is_empty());
    let entries = typed.map(|typed| match present.iter().position(|(line, _)| *line == typed) {
        Some(place) => present.remove(place).1.clone(),
        None => read(&typed),
    });
    entries.collect()
}

/// One a line, the primary one with a `*` where it is not the first.
fn labeled_text(value: &Value) -> String {
    let entries = value.as_array().map_or(&[][..], Vec::as_slice);
    let lines = entries.iter().enumerate().map(|(index, entry)| {
        let mark = if index > 0 && entry["primary"] == true { "*" } else { "" };
        let value = entry["value"].as_str().unwrap_or_default();
        match entry["label"].as_str() {
            Some(label) => format!("{mark}{label}: {value}"),
            None => format!("{mark}{value}"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn read_labeled(text: &str) -> Value {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let entries = lines.map(|line| {
        let (is_primary, line) = line.strip_prefix('*').map_or((false, line), |rest| (true, rest));
        let (label, value) = line.rsplit_once(": ").map_or((None, line), |(label, value)| (Some(label.trim()), value));
        let mut entry = json!({ "label": label, "value": value.trim() });
        if is_primary {
            entry["primary"] = true.into();
        }
        entry
    });
    entries.collect()
}

/// What one person did to a record by a form, while others may have changed it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edit {
    /// The body of a patch; names of records are not looked up yet.
    pub body: JsonObject,
    /// The names of entries that both changed, and between which nobody chose.
    pub conflicts: Vec<String>,
}

/// The prefix of the fields of a form that say what stood in the others when it was shown.
pub const WAS: &str = "was:";
/// The prefix of those that say whose value is to stay: `mine` or `theirs`.
pub const KEEP: &str = "keep:";
/// The prefix of boxes that say that a record which none has the name of is to be made.
pub const MAKE: &str = "make:";

/// Reads a form. `value` gives what was sent for a name, all ticked boxes with line ends between; `None` where nothing was.
#[must_use]
pub fn edit(entries: &[Entry], record: &Value, value: impl Fn(&str) -> Option<String>) -> Edit {
    let mut edit = Edit::default();
    for entry in entries {
        let parts = entry.parts();
        let plain = |text: String| entry.plain(text);
        let was: Option<Vec<String>> = parts.iter().map(|part| value(&format!("{WAS}{part}")).map(plain)).collect();
        let Some(was) = was else { continue };
        let mine: Vec<String> = parts.iter().map(|part| value(part).map(plain).unwrap_or_default()).collect();
        let theirs: Vec<String> = entry.texts(record).into_iter().map(plain).collect();
        if entry.is_same(&mine, &was) || entry.is_same(&mine, &theirs) {
            continue;
        }
        // Whoever chose has chosen between these: what is changed again is asked about again.
        if !entry.is_same(&theirs, &was) {
            edit.conflicts.push(entry.name());
        } else if !keeps_theirs(entry, &value) {
            entry.put(entry.read(&mine, entry.value(record)), &mut edit.body);
        }
    }
    edit
}

/// Whether somebody chose that what somebody else typed into an entry is to stay.
fn keeps_theirs(entry: &Entry, value: impl Fn(&str) -> Option<String>) -> bool {
    value(&format!("{KEEP}{}", entry.name())).as_deref() == Some("theirs")
}

/// The body of a new record.
#[must_use]
pub fn new_body(entries: &[Entry], value: impl Fn(&str) -> Option<String>) -> JsonObject {
    let mut body = JsonObject::new();
    for entry in entries {
        let typed = |part: &String| value(part).map(|text| entry.plain(text)).unwrap_or_default();
        let texts: Vec<String> = entry.parts().iter().map(typed).collect();
        let read = entry.read(&texts, &Value::Null);
        if !read.is_null() {
            entry.put(read, &mut body);
        }
    }
    body
}

/// What the fields of the form show once it is shown again: what was typed where it was changed, else what the record has now.
#[must_use]
pub fn carried(entries: &[Entry], record: &Value, value: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let mut carried = Vec::new();
    for entry in entries {
        let keeps_theirs = keeps_theirs(entry, &value);
        for (part, now) in entry.parts().into_iter().zip(entry.texts(record)) {
            let was = value(&format!("{WAS}{part}")).map(|text| entry.plain(text));
            let mine = value(&part).map(|text| text.replace("\r\n", "\n")).unwrap_or_default();
            let is_same = |one: &str, other: &str| entry.is_same(&[entry.plain(one)], &[entry.plain(other)]);
            let is_theirs = |was: &String| is_same(was, &mine) || (keeps_theirs && is_same(was, &now));
            let shown = if was.as_ref().is_none_or(is_theirs) { now } else { mine };
            match entry.control {
                Control::Many(..) => carried.extend(shown.lines().map(|id| (part.clone(), id.to_owned()))),
                _ => carried.push((part, shown)),
            }
        }
    }
    carried
}
