//! What the answers said was done: what must be true afterwards.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::Answer;

/// What one client, or all of a tenant, were told in a round.
#[derive(Debug, Default, Clone)]
pub(super) struct Log {
    pub(super) statuses: BTreeMap<u16, u64>,
    /// How many changes were conditional.
    pub(super) conditional: u64,
    /// Paths of the records that were made.
    pub(super) made: Vec<String>,
    /// Paths of those that were deleted.
    pub(super) deleted: BTreeSet<String>,
    /// Where each source of a merge went, by path.
    pub(super) merged: BTreeMap<String, String>,
    /// Each conversion: the paths of the lead and of the opportunity.
    pub(super) converted: Vec<(String, String)>,
    /// The last value that was stored in each custom field of a record; every client has a field of its own.
    pub(super) fields: BTreeMap<(String, String), String>,
    /// What was said on the timeline of a case.
    pub(super) said: BTreeSet<(String, String)>,
}

impl Log {
    /// Notes a record that was made there.
    pub(super) fn made(&mut self, answer: &Answer) {
        if answer.status == 201 {
            self.made.push(answer.header("location").to_owned());
        }
    }

    pub(super) fn deleted(&mut self, answer: &Answer, path: &str) {
        if answer.status == 204 {
            self.deleted.insert(path.to_owned());
        }
    }

    /// Notes what a bulk action says it has deleted of the records there.
    pub(super) fn deleted_in_bulk(&mut self, answer: &Answer, path: &str) {
        let ids = answer.body["deleted"].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.deleted.extend(ids.map(|id| format!("{path}/{id}")));
    }

    /// Whether the record was deleted, or merged into another.
    pub(super) fn is_gone(&self, path: &str) -> bool {
        self.deleted.contains(path) || self.merged.contains_key(path)
    }

    /// Where a record is after all merges.
    pub(super) fn follow<'a>(&'a self, mut path: &'a str) -> &'a str {
        while let Some(target) = self.merged.get(path) {
            path = target;
        }
        path
    }

    /// Adds what another client of the tenant was told. Nothing is made or merged away twice.
    pub(super) fn add(&mut self, other: Self) {
        let Self { statuses, conditional, made, deleted, merged, converted, fields, said } = other;
        for (status, count) in statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.conditional += conditional;
        self.made.extend(made);
        for path in deleted {
            assert!(!self.is_gone(&path), "{path} was taken away twice");
            self.deleted.insert(path);
        }
        for (source, target) in merged {
            assert!(!self.is_gone(&source), "{source} was taken away twice");
            self.merged.insert(source, target);
        }
        self.converted.extend(converted);
        self.fields.extend(fields);
        self.said.extend(said);
    }
}

/// The id at the end of a path.
pub(super) fn id(path: &(impl AsRef<str> + ?Sized)) -> &str {
    path.as_ref().rsplit('/').next().unwrap_or_default()
}
