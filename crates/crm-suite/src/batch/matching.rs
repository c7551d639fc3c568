use std::collections::HashMap;

use crm_core::{DbConnection, FieldCode, FieldErrors, NotAnId, RecordId, Scope};
use serde_json::Value;

use super::{Batch, Item, MatchBy, Mode};
use crate::SuiteError;
use crate::resource::Resource;

/// The records that the items match, asked for all at once, and kept up with what the items do.
pub(super) struct Matches<R: Resource> {
    /// The records with each key.
    by_key: HashMap<String, Vec<R::Id>>,
    /// Those that exist, of the ids that items have.
    existing: Vec<R::Id>,
}

impl<R: Resource> Matches<R> {
    /// One statement for some thousands of items.
    pub(super) fn find(connection: &mut DbConnection, scope: &Scope, batch: &Batch<R>) -> Result<Self, SuiteError> {
        let mut found = Self { by_key: HashMap::new(), existing: Vec::new() };
        if batch.mode == Mode::Create {
            return Ok(found);
        }
        if batch.match_by == MatchBy::Id {
            found.existing = batch.items.iter().filter_map(|item| id_of::<R>(item).ok().flatten()).collect();
            return Ok(found);
        }
        let mut keys: Vec<&str> = batch.items.iter().flat_map(|item| &item.keys).map(String::as_str).collect();
        keys.sort_unstable();
        keys.dedup();
        for (key, id) in R::matching(connection, scope, batch.match_by, &keys)? {
            let ids = found.by_key.entry(key).or_default();
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(found)
    }

    /// Locks them in ascending order, so that no two batches wait for each other. What is gone by now is forgotten.
    pub(super) fn lock(&mut self, connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError> {
        let all: Vec<R::Id> = self.by_key.values().flatten().chain(&self.existing).copied().collect();
        if all.is_empty() {
            return Ok(());
        }
        self.existing = R::lock(connection, scope, &all)?;
        for ids in self.by_key.values_mut() {
            ids.retain(|id| self.existing.contains(id));
        }
        Ok(())
    }

    /// The record that an item matches.
    pub(super) fn of(&self, match_by: MatchBy, item: &Item<R>) -> Result<Option<R::Id>, SuiteError> {
        if match_by == MatchBy::Id {
            return Ok(id_of::<R>(item)?.filter(|id| self.existing.contains(id)));
        }
        if item.keys.is_empty() {
            return Err(
                FieldErrors::of(match_by.as_str(), FieldCode::Required, "is required: items match by it").into()
            );
        }
        let mut ids: Vec<R::Id> = Vec::new();
        for id in item.keys.iter().filter_map(|key| self.by_key.get(key)).flatten() {
            if !ids.contains(id) {
                ids.push(*id);
            }
        }
        match ids.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(*only)),
            many => Err(SuiteError::Ambiguous(many.iter().map(|id| id.number()).collect())),
        }
    }

    /// A record is as it is now: the items that follow match it by what it has.
    pub(super) fn now(&mut self, match_by: MatchBy, record: &R) {
        let id = record.id();
        if match_by == MatchBy::Id {
            return;
        }
        for ids in self.by_key.values_mut() {
            ids.retain(|other| *other != id);
        }
        for key in record.keys(match_by) {
            self.by_key.entry(key).or_default().push(id);
        }
    }
}

/// The id that an item has.
fn id_of<R: Resource>(item: &Item<R>) -> Result<Option<R::Id>, FieldErrors> {
    let Some(id) = &item.id else { return Ok(None) };
    let parsed = match id {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    };
    parsed.map(Some).ok_or_else(|| FieldErrors::of("id", FieldCode::InvalidId, NotAnId))
}
