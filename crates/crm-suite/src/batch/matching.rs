use std::collections::{HashMap, HashSet};

use crm_core::error::collision;
use crm_core::{DbConnection, FieldCode, FieldErrors, NotAnId, RecordId, Scope};
use serde_json::Value;

use super::{BatchRequest, Item, MatchBy, Mode};
use crate::SuiteError;
use crate::resource::Resource;

/// The records that the items match, asked for all at once, and kept up with what the items do.
pub(super) struct Matches<R: Resource> {
    /// The records with each key.
    holders: HashMap<String, HashSet<R::Id>>,
    /// The keys that each of these records has.
    keys: HashMap<R::Id, Vec<String>>,
    /// Those that exist, of the ids that items have.
    existing: HashSet<R::Id>,
}

impl<R: Resource> Matches<R> {
    /// One statement for some thousands of items.
    pub(super) fn find(
        connection: &mut DbConnection,
        scope: &Scope,
        batch: &BatchRequest<R>,
    ) -> Result<Self, SuiteError> {
        let mut found = Self { holders: HashMap::new(), keys: HashMap::new(), existing: HashSet::new() };
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
        // However many share a key: those that are told, and for each item one that it takes the key from.
        let most = SuiteError::MOST_AMBIGUOUS + batch.items.len();
        for (key, id) in R::matching(connection, scope, batch.match_by, &keys, most)? {
            found.has(id, key);
        }
        Ok(found)
    }

    fn has(&mut self, id: R::Id, key: String) {
        if self.holders.entry(key.clone()).or_default().insert(id) {
            self.keys.entry(id).or_default().push(key);
        }
    }

    fn forget(&mut self, id: R::Id) {
        for key in self.keys.remove(&id).unwrap_or_default() {
            self.holders.entry(key).or_default().remove(&id);
        }
    }

    /// Locks them in ascending order, so that no two batches wait for each other. What is gone by now is forgotten.
    pub(super) fn lock(&mut self, connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError> {
        let all = self.records();
        if all.is_empty() {
            return Ok(());
        }
        self.existing = R::lock(connection, scope, &all)?.into_iter().collect();
        for id in all {
            if !self.existing.contains(&id) {
                self.forget(id);
            }
        }
        Ok(())
    }

    /// Looks once more, now that nobody else makes a record: one that was made in between is not locked, and to be locked before
    /// all that is locked by now.
    pub(super) fn find_again(
        &mut self,
        connection: &mut DbConnection,
        scope: &Scope,
        batch: &BatchRequest<R>,
    ) -> Result<(), SuiteError> {
        let Self { holders, keys, .. } = Self::find(connection, scope, batch)?;
        if !keys.keys().all(|id| self.existing.contains(id)) {
            return Err(collision("a record was made that an item of the batch matches").into());
        }
        (self.holders, self.keys) = (holders, keys);
        Ok(())
    }

    /// The records that items match.
    pub(super) fn records(&self) -> Vec<R::Id> {
        self.keys.keys().chain(&self.existing).copied().collect()
    }

    /// The record of each item that matches one.
    pub(super) fn each(&self, batch: &BatchRequest<R>) -> Vec<R::Id> {
        if batch.mode == Mode::Create {
            return Vec::new();
        }
        batch.items.iter().filter_map(|item| self.of(batch.match_by, item).ok().flatten()).collect()
    }

    /// The record that an item matches.
    pub(super) fn of(&self, match_by: MatchBy, item: &Item<R>) -> Result<Option<R::Id>, SuiteError> {
        if match_by == MatchBy::Id {
            return Ok(id_of::<R>(item)?.filter(|id| self.existing.contains(id)));
        }
        if item.keys.is_empty() {
            let member = match_by.as_str();
            let required = || FieldErrors::of(member, FieldCode::Required, "is required: items match by it");
            return Err(item.errors_of(member).cloned().unwrap_or_else(required).into());
        }
        let matched: HashSet<R::Id> =
            item.keys.iter().filter_map(|key| self.holders.get(key)).flatten().copied().collect();
        if matched.len() <= 1 {
            return Ok(matched.into_iter().next());
        }
        let mut ids: Vec<i64> = matched.into_iter().map(RecordId::as_i64).collect();
        ids.sort_unstable();
        ids.truncate(SuiteError::MOST_AMBIGUOUS);
        Err(SuiteError::Ambiguous(ids))
    }

    /// A record is as it is now: the items that follow match it by what it has.
    pub(super) fn now(&mut self, match_by: MatchBy, record: &R) {
        self.forget(record.id());
        for key in record.keys(match_by) {
            self.has(record.id(), key);
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
