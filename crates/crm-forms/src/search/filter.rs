use std::collections::BTreeMap;

use crm_core::page::contains_pattern;
use crm_core::params::{ParamReader, entries};
use crm_core::search::{Candidates, Most};
use crm_core::text::searchable;
use crm_core::{DbConnection, FieldCode, FieldErrors, Scope, Timestamp, WriteError};

use super::key::{self, Edge};
use super::resolved::ResolvedFields;
use super::sql::{Changed, FieldCondition, Test};
use super::{Own, Searched};
use crate::{FieldType, Form};

/// The prefix of a custom field in the name of a parameter.
const CUSTOM: &str = "customFields.";
/// The most fields that a filter names in `empty` and `notEmpty`, and entries of one for a custom field.
const MOST_ENTRIES: usize = 100;
/// The most characters of a text that is searched.
const LONGEST_TEXT: usize = 255;

/// Which records a list has, by any of their fields: by the values of custom fields, by what is empty, by when they were
/// changed. What it means is known once the form is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldFilter {
    /// Each custom field with what is asked of it, as it was sent.
    custom: BTreeMap<String, Asked>,
    /// Fields that are empty.
    empty: Vec<String>,
    /// Fields that are not.
    not_empty: Vec<String>,
    /// Changed at this moment or later.
    pub updated_after: Option<Timestamp>,
    /// Changed at this moment or earlier.
    pub updated_before: Option<Timestamp>,
}

/// What is asked of a custom field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Asked {
    is: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl FieldFilter {
    /// Reads the filters of a list of these records.
    pub fn from_params(params: &mut ParamReader, searched: &Searched) -> Self {
        let updated_after =
            params.after("updatedAfterDate", "Those changed at this moment or later; a day means its begin (UTC).");
        let updated_before =
            params.before("updatedBeforeDate", "Those changed at this moment or earlier; a day means its end (UTC).");
        let mut filter = Self { updated_after, updated_before, ..Self::default() };
        let empty =
            params.texts("empty", "Those where each of these fields is empty: own fields, or `customFields.<id>`.");
        let not_empty = params.texts("notEmpty", "Those where none of these fields is empty.");
        for (name, fields, kept) in
            [("empty", empty, &mut filter.empty), ("notEmpty", not_empty, &mut filter.not_empty)]
        {
            let fields = fields.unwrap_or_default();
            let unknown = fields.iter().find(|field| !field.starts_with(CUSTOM) && searched.own(field).is_none());
            if let Some(unknown) = unknown {
                let known: Vec<&str> = searched.own.iter().map(Own::field).collect();
                let message = format!("has no field {unknown}; there are {}, and customFields.<id>", known.join(", "));
                params.errors().push(name, FieldCode::UnknownField, message);
            }
            *kept = fields;
        }
        let asked = params.prefixed(
            CUSTOM,
            "`customFields.<id>=a,b` has those whose value is one of these, of lists any of them; in a `text` or \
             `text-area` those that contain the text. Of numbers, money (by amount) and dates (ranges by their start) \
             `customFields.<id>.from=` and `.to=`, either alone, both inclusive. `customFields.<id>.empty=true` or `false`.",
        );
        for (name, value) in asked {
            filter.ask(&name, value, params.errors());
        }
        filter
    }

    fn ask(&mut self, name: &str, value: String, errors: &mut FieldErrors) {
        let parameter = name;
        let name = name.strip_prefix(CUSTOM).unwrap_or(name);
        let (id, what) = name.split_once('.').unwrap_or((name, ""));
        if what == "empty" {
            match value.as_str() {
                "true" => self.empty.push(format!("{CUSTOM}{id}")),
                "false" => self.not_empty.push(format!("{CUSTOM}{id}")),
                _ => errors.push(parameter, FieldCode::InvalidValue, "must be true or false"),
            }
            return;
        }
        let asked = self.custom.entry(id.to_owned()).or_default();
        match what {
            "" => asked.is = Some(value),
            "from" => asked.from = Some(value),
            "to" => asked.to = Some(value),
            _ => errors.push(parameter, FieldCode::UnknownField, "a custom field has .from, .to and .empty"),
        }
    }

    /// Whether it asks for custom fields, so that the form has to be known.
    #[must_use]
    pub fn asks_custom_fields(&self) -> bool {
        let all = self.empty.iter().chain(&self.not_empty);
        !self.custom.is_empty() || all.into_iter().any(|field| field.starts_with(CUSTOM))
    }

    /// What it means for records with one of these forms, and the records that it leaves: a statement for each field.
    ///
    /// # Errors
    /// A field that no form has, a value that the field cannot have, a filter that would look at too many records; the
    /// database's.
    pub fn resolve(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        searched: &'static Searched,
        most: &mut Most,
        forms: &[&Form],
    ) -> Result<ResolvedFields, WriteError> {
        let mut errors = FieldErrors::new();
        let conditions = self.conditions(scope, searched, forms, &mut errors);
        let conditions = errors.into_result(conditions)?;
        if conditions.is_empty() && self.updated_after.is_none() && self.updated_before.is_none() {
            return Ok(ResolvedFields::default());
        }
        ResolvedFields::of(connection, scope, self, searched, most, conditions)
    }

    fn conditions(
        &self,
        scope: &Scope,
        searched: &'static Searched,
        forms: &[&Form],
        errors: &mut FieldErrors,
    ) -> Vec<FieldCondition> {
        let condition = |field: &str, tests: Vec<Test>| FieldCondition::has(scope, searched, field, tests);
        let mut conditions = Vec::new();
        for (id, asked) in &self.custom {
            let types = types_of(id, forms);
            if types.is_empty() {
                errors.push(format_args!("{CUSTOM}{id}"), FieldCode::UnknownCustomField, NO_SUCH_FIELD);
                continue;
            }
            let mut problems = FieldErrors::new();
            let mut tests = Vec::new();
            for field_type in types {
                tests.extend(asked.test(id, field_type, &mut problems));
            }
            // Types of cases may have fields of one id and different types: one that can have the value is enough.
            if tests.is_empty() {
                errors.append(problems);
            }
            conditions.push(condition(id, tests));
        }
        for (fields, is_empty) in [(&self.empty, true), (&self.not_empty, false)] {
            let mut wanted = 0;
            for field in fields {
                match (field.strip_prefix(CUSTOM), searched.own(field)) {
                    (Some(id), _) if types_of(id, forms).is_empty() => {
                        errors.push(field, FieldCode::UnknownCustomField, NO_SUCH_FIELD);
                    }
                    (Some(id), _) if is_empty => conditions.push(FieldCondition::lacks(scope, searched, id)),
                    (Some(id), _) => conditions.push(condition(id, Vec::new())),
                    (None, Some(Own::Rows(_, table))) => {
                        conditions.push(FieldCondition::rows(scope, searched, table, is_empty));
                    }
                    (None, Some(own)) => {
                        let mut bits = searched.bits().filter(|(_, other)| other.field() == own.field());
                        wanted |= bits.next().map_or(0, |(bit, _)| bit);
                    }
                    (None, None) => {}
                }
            }
            if wanted != 0 {
                conditions.push(FieldCondition::filled(scope, searched, wanted, is_empty));
            }
        }
        conditions
    }
}

const NO_SUCH_FIELD: &str = "is no custom field of the form";

/// The types that a field has in these forms, each once.
fn types_of(id: &str, forms: &[&Form]) -> Vec<FieldType> {
    let mut types: Vec<FieldType> = Vec::new();
    for field in forms.iter().filter_map(|form| form.custom(id)) {
        if !types.contains(&field.field_type) {
            types.push(field.field_type);
        }
    }
    types
}

impl Asked {
    /// What this is of a field of this type.
    fn test(&self, id: &str, field_type: FieldType, errors: &mut FieldErrors) -> Option<Test> {
        let before = errors.as_slice().len();
        let mut entry = |name: &str, entry: &str, edge: Edge| {
            let key = key::of_entry(field_type, entry.trim(), edge);
            if key.is_none() {
                let message = format!("is no value of a field of the type {}", field_type.as_str());
                errors.push(format_args!("{CUSTOM}{id}{name}"), FieldCode::InvalidValue, message);
            }
            key
        };
        let mut test = Test::default();
        if let Some(text) = &self.is {
            if key::is_searched(field_type) {
                let text = searchable(text);
                let pattern = contains_pattern(&text);
                test.contains = Some((text, pattern));
            } else {
                let both = |text: &String| Some((entry("", text, Edge::Begin)?, entry("", text, Edge::End)?));
                test.one_of = Some(entries(text).iter().filter_map(both).collect());
            }
        }
        test.from = self.from.as_ref().and_then(|text| entry(".from", text, Edge::Begin));
        test.to = self.to.as_ref().and_then(|text| entry(".to", text, Edge::End));
        if (self.from.is_some() || self.to.is_some()) && !key::has_order(field_type) {
            let message = format!("a field of the type {} has no order", field_type.as_str());
            errors.push(
                format_args!("{CUSTOM}{id}.{}", if self.from.is_some() { "from" } else { "to" }),
                FieldCode::InvalidValue,
                message,
            );
        }
        let is_long = self.is.as_ref().is_some_and(|text| text.chars().nth(LONGEST_TEXT).is_some())
            && key::is_searched(field_type);
        let is_blank = test.contains.as_ref().is_some_and(|(text, _)| text.is_empty());
        if is_long || is_blank {
            let code = if is_long { FieldCode::TooLong } else { FieldCode::InvalidValue };
            errors.push(format_args!("{CUSTOM}{id}"), code, format_args!("must have 1 to {LONGEST_TEXT} characters"));
        }
        if test.one_of.as_ref().is_some_and(|entries| entries.len() > MOST_ENTRIES) {
            errors.push(
                format_args!("{CUSTOM}{id}"),
                FieldCode::TooMany,
                format_args!("must have at most {MOST_ENTRIES} entries"),
            );
        }
        (errors.as_slice().len() == before).then_some(test)
    }
}

impl ResolvedFields {
    fn of(
        connection: &mut DbConnection,
        scope: &Scope,
        filter: &FieldFilter,
        searched: &'static Searched,
        most: &mut Most,
        conditions: Vec<FieldCondition>,
    ) -> Result<Self, WriteError> {
        let mut candidates = Candidates::Many;
        let mut resolved = Vec::with_capacity(conditions.len());
        for condition in conditions {
            let (these, condition) = condition.candidates(connection, scope, most)?;
            candidates = candidates.and(these);
            resolved.push(condition);
        }
        let changed = Changed::new(scope, searched, filter.updated_after, filter.updated_before);
        if let Some(changed) = changed {
            candidates = candidates.and(changed.candidates(connection, scope, most)?);
        }
        if candidates == Candidates::Many {
            for condition in &resolved {
                condition.check_cost(connection)?;
            }
        }
        Ok(Self { candidates, conditions: resolved })
    }
}
