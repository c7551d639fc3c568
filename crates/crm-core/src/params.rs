//! Reading the query parameters of a list into typed filters, and telling what they are.
//!
//! A filter is declared once, by reading it: [`ParamReader::describing`] runs the same code to collect the
//! names, types and texts for the API document.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::error::{FieldCode, FieldErrors};
use crate::ids::RecordId;
use crate::input::{JsonObject, read_json};
use crate::text::{searchable, with_unicode_domains};
use crate::values::contains_control;
use crate::{NotAUuid, Timestamp};

/// What a parameter takes, for the API document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamKind {
    /// Any text; text filters match when the field contains it, in any case and with or without accents.
    Text,
    /// One or more record ids, separated by commas.
    RecordIds,
    /// One or more UUIDs, separated by commas.
    Uuids,
    /// One or more texts, separated by commas; `\,` is a comma and `\\` a backslash.
    Texts,
    /// `true` or `false`.
    Bool,
    /// An RFC 3339 date and time, or a day.
    Timestamp,
    /// A whole number from the first to the second bound.
    Integer(i64, i64),
    /// One of these words.
    Word(Vec<&'static str>),
    /// One or more of these words, separated by commas.
    Words(Vec<&'static str>),
    /// A JSON object, as text.
    Object,
    /// An opaque token.
    Token,
    /// Any number of parameters whose names begin so.
    Prefixed(&'static str),
}

/// One parameter of a list, for the API document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamDescription {
    /// Its name, such as `orderBy`.
    pub name: &'static str,
    /// What it takes.
    pub kind: ParamKind,
    /// What it does, for a person.
    pub description: &'static str,
}

/// The most entries of a comma-separated list.
const MOST_ENTRIES: usize = 100;
/// The most characters of a text filter: as many as the longest field that is searched.
const LONGEST_TEXT: usize = 255;
/// The most bytes of an object.
const LONGEST_OBJECT: usize = 32 * 1024;

/// Filters (or all parameters) of a list, read from a query string.
pub trait FromParams: Sized {
    /// Reads them; problems are noted in the reader.
    fn from_params(params: &mut ParamReader) -> Self;
}

/// Reads parameters one by one and remembers which were asked for.
#[derive(Debug)]
pub struct ParamReader {
    given: Vec<(String, String)>,
    descriptions: Vec<ParamDescription>,
    errors: FieldErrors,
}

impl ParamReader {
    /// The most parameters of a query string, the same on every route. Whoever decodes one counts before.
    pub const MOST: usize = 100;

    /// A reader of decoded name–value pairs. A repeated or empty parameter is a problem.
    #[must_use]
    pub fn new(given: Vec<(String, String)>) -> Self {
        let mut errors = FieldErrors::new();
        let mut names = HashSet::with_capacity(given.len());
        errors.each(&given, |(name, value), errors| {
            if value.is_empty() {
                errors.push(name, FieldCode::Required, "must not be empty; leave it out instead");
            } else if contains_control(value) {
                errors.push(name, FieldCode::InvalidCharacters, "must not contain control characters");
            }
            if !names.insert(name) {
                errors.push(name, FieldCode::Repeated, "must be given once");
            }
        });
        Self { given, descriptions: Vec::with_capacity(20), errors }
    }

    /// What `T` reads, for the API document.
    #[must_use]
    pub fn describing<T: FromParams>() -> Vec<ParamDescription> {
        let mut reader = Self::new(Vec::new());
        let _ = T::from_params(&mut reader);
        reader.descriptions
    }

    /// Reads all of `T`.
    ///
    /// # Errors
    /// Every problem, a parameter that nobody asked for included.
    pub fn read<T: FromParams>(mut self) -> Result<T, FieldErrors> {
        let read = T::from_params(&mut self);
        let Self { given, descriptions, mut errors } = self;
        let is_known = |name: &str| {
            descriptions.iter().any(|known| match known.kind {
                ParamKind::Prefixed(prefix) => name.starts_with(prefix),
                _ => known.name == name,
            })
        };
        let unknown = given.iter().filter(|(name, _)| !is_known(name));
        errors.each(unknown, |(name, _), errors| {
            errors.push(name, FieldCode::UnknownField, "is no parameter of this route");
        });
        errors.into_result(read)
    }

    /// Where problems that span parameters are reported.
    pub fn errors(&mut self) -> &mut FieldErrors {
        &mut self.errors
    }

    /// The parameters as given, without those of this name.
    pub fn given_except<'a>(&'a self, left_out: &'a [&str]) -> impl Iterator<Item = &'a (String, String)> {
        self.given.iter().filter(move |(name, _)| !left_out.contains(&name.as_str()))
    }

    fn take(&mut self, name: &'static str, kind: ParamKind, description: &'static str) -> Option<String> {
        self.descriptions.push(ParamDescription { name, kind, description });
        let value = self.given.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone());
        value.filter(|value| !value.is_empty())
    }

    /// A value that is parsed by `parse`, which returns the message of the problem.
    fn parsed<T>(
        &mut self,
        name: &'static str,
        kind: ParamKind,
        description: &'static str,
        code: FieldCode,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(name, kind, description)?;
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(message) => {
                self.errors.push(name, code, message);
                None
            }
        }
    }

    /// A comma-separated list; an entry may have blanks around it. `\,` is a comma and `\\` a backslash in it.
    fn list<T>(
        &mut self,
        name: &'static str,
        kind: ParamKind,
        description: &'static str,
        code: FieldCode,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let value = self.take(name, kind, description)?;
        let entries = entries(&value);
        if entries.len() > MOST_ENTRIES {
            self.errors.push(name, FieldCode::TooMany, format_args!("must have at most {MOST_ENTRIES} entries"));
            return None;
        }
        let mut read = Vec::with_capacity(entries.len());
        for entry in entries.iter().map(|entry| entry.trim()) {
            let parsed = if entry.is_empty() { Err("has an empty entry".to_owned()) } else { parse(entry) };
            match parsed {
                Ok(parsed) => read.push(parsed),
                Err(message) => {
                    self.errors.push(name, code, message);
                    return None;
                }
            }
        }
        Some(read)
    }

    /// A text filter, [`searchable`]: it matches where the field's twin contains it.
    pub fn contains(&mut self, name: &'static str, description: &'static str) -> Option<String> {
        self.part(name, description, searchable)
    }

    /// A text as it was sent.
    pub fn text(&mut self, name: &'static str, description: &'static str) -> Option<String> {
        self.part(name, description, str::to_owned)
    }

    /// As [`contains`](Self::contains), over e-mail addresses among others: a domain in either of its spellings.
    pub fn contains_address(&mut self, name: &'static str, description: &'static str) -> Option<String> {
        self.part(name, description, |text| searchable(&with_unicode_domains(text)))
    }

    fn part(
        &mut self,
        name: &'static str,
        description: &'static str,
        folded: impl FnOnce(&str) -> String,
    ) -> Option<String> {
        let value = self.take(name, ParamKind::Text, description)?;
        if value.chars().nth(LONGEST_TEXT).is_some() {
            self.errors.push(name, FieldCode::TooLong, format_args!("must have at most {LONGEST_TEXT} characters"));
            return None;
        }
        let part = folded(&value);
        // Every text contains nothing; that is not what a lone accent asks for.
        if part.is_empty() {
            self.errors.push(name, FieldCode::InvalidValue, "has no letter for its accents");
            return None;
        }
        Some(part)
    }

    /// A list of record ids; a field matches that is any of them.
    pub fn ids<T: RecordId>(&mut self, name: &'static str, description: &'static str) -> Option<Vec<T>> {
        self.list(name, ParamKind::RecordIds, description, FieldCode::InvalidId, |entry| {
            entry.parse().map_err(|error: crate::ids::NotAnId| error.to_string())
        })
    }

    /// A list of UUIDs; a field matches that is any of them.
    pub fn uuids<T: FromStr<Err = NotAUuid>>(
        &mut self,
        name: &'static str,
        description: &'static str,
    ) -> Option<Vec<T>> {
        self.list(name, ParamKind::Uuids, description, FieldCode::InvalidId, |entry| {
            entry.parse().map_err(|error: NotAUuid| error.to_string())
        })
    }

    /// A list of texts; a field matches that is any of them.
    pub fn texts(&mut self, name: &'static str, description: &'static str) -> Option<Vec<String>> {
        self.list(name, ParamKind::Texts, description, FieldCode::InvalidValue, |entry| Ok(entry.to_owned()))
    }

    /// A list of words out of a table; a field matches that is any of them.
    pub fn words<T: Copy>(
        &mut self,
        name: &'static str,
        table: &[(&'static str, T)],
        description: &'static str,
    ) -> Option<Vec<T>> {
        let kind = ParamKind::Words(table.iter().map(|(word, _)| *word).collect());
        self.list(name, kind, description, FieldCode::InvalidValue, |entry| lookup(entry, table))
    }

    /// One word out of a table. The document has spellings that differ in case alone once: generators of clients make
    /// one name of them.
    pub fn word<T: Copy>(
        &mut self,
        name: &'static str,
        table: &[(&'static str, T)],
        description: &'static str,
    ) -> Option<T> {
        let mut told: Vec<&'static str> = Vec::with_capacity(table.len());
        for (word, _) in table {
            if !told.iter().any(|other| other.eq_ignore_ascii_case(word)) {
                told.push(word);
            }
        }
        let kind = ParamKind::Word(told);
        self.parsed(name, kind, description, FieldCode::InvalidValue, |value| lookup(value, table))
    }

    /// `true` or `false`.
    pub fn bool(&mut self, name: &'static str, description: &'static str) -> Option<bool> {
        self.parsed(name, ParamKind::Bool, description, FieldCode::InvalidValue, |value| {
            value.parse().map_err(|_| "must be true or false".to_owned())
        })
    }

    /// A moment from which on something counts; a day means its begin.
    pub fn after(&mut self, name: &'static str, description: &'static str) -> Option<Timestamp> {
        self.moment(name, description, "T00:00:00.000Z")
    }

    /// A moment up to which something counts; a day means its end.
    pub fn before(&mut self, name: &'static str, description: &'static str) -> Option<Timestamp> {
        self.moment(name, description, "T23:59:59.999Z")
    }

    fn moment(&mut self, name: &'static str, description: &'static str, time: &str) -> Option<Timestamp> {
        self.parsed(name, ParamKind::Timestamp, description, FieldCode::InvalidDate, |value| {
            let is_day = value.len() == "2025-07-10".len();
            let moment = if is_day { format!("{value}{time}").parse() } else { value.parse() };
            moment.map_err(|error: crate::timestamp::NotATimestamp| format!("{error}, or a day such as 2025-07-10"))
        })
    }

    /// A whole number within bounds, in plain decimal digits.
    pub fn integer(&mut self, name: &'static str, least: i64, most: i64, description: &'static str) -> Option<i64> {
        self.parsed(name, ParamKind::Integer(least, most), description, FieldCode::OutOfRange, |value| {
            let plain = value == "0" || (!value.starts_with('0') && value.bytes().all(|byte| byte.is_ascii_digit()));
            value
                .parse()
                .ok()
                .filter(|number| plain && (least..=most).contains(number))
                .ok_or_else(|| format!("must be a whole number from {least} to {most}"))
        })
    }

    /// All parameters whose names begin with this prefix, which ends in a dot: names and values.
    pub fn prefixed(&mut self, prefix: &'static str, description: &'static str) -> Vec<(String, String)> {
        let name = prefix.trim_end_matches('.');
        self.descriptions.push(ParamDescription { name, kind: ParamKind::Prefixed(prefix), description });
        let given = self.given.iter().filter(|(name, value)| name.starts_with(prefix) && !value.is_empty());
        given.cloned().collect()
    }

    /// A JSON object, as text.
    pub fn object(&mut self, name: &'static str, description: &'static str) -> Option<JsonObject> {
        self.parsed(name, ParamKind::Object, description, FieldCode::WrongType, |value| {
            if value.len() > LONGEST_OBJECT {
                return Err(format!("must have at most {LONGEST_OBJECT} bytes"));
            }
            match read_json(value.as_bytes()) {
                Ok(Value::Object(object)) => Ok(object),
                Ok(_) => Err("must be a JSON object".to_owned()),
                Err(error) => Err(format!("must be a JSON object: {error}")),
            }
        })
    }

    /// An opaque token, to be read by whoever made it.
    pub fn token(&mut self, name: &'static str, description: &'static str) -> Option<String> {
        self.take(name, ParamKind::Token, description)
    }
}

/// The entries of a comma-separated list. `\,` is a comma and `\\` a backslash; a backslash before anything else is
/// itself.
#[must_use]
pub fn entries(value: &str) -> Vec<String> {
    let mut entries = vec![String::new()];
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = (character == '\\').then(|| characters.next_if(|next| matches!(next, ',' | '\\'))).flatten();
        match (escaped.unwrap_or(character), entries.last_mut()) {
            (',', _) if escaped.is_none() => entries.push(String::new()),
            (character, Some(entry)) => entry.push(character),
            (_, None) => {}
        }
    }
    entries
}

/// A text as one entry of such a list.
#[must_use]
pub fn escaped(entry: &str) -> String {
    entry.replace('\\', "\\\\").replace(',', "\\,")
}

fn lookup<T: Copy>(word: &str, table: &[(&'static str, T)]) -> Result<T, String> {
    table.iter().find(|(known, _)| *known == word).map(|(_, value)| *value).ok_or_else(|| WordList(table).to_string())
}

struct WordList<'a, T>(&'a [(&'static str, T)]);

impl<T> fmt::Display for WordList<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be one of ")?;
        for (index, (word, _)) in self.0.iter().enumerate() {
            write!(f, "{}{word}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}
