use crm_core::keys::Rights;
use crm_core::records::Stored;
use crm_core::sql::Json;
use crm_core::values::{Title, User};
use crm_core::{Actor, Db, ImportId, KeyId, Scope, Timestamp};
use crm_suite::batch::{MatchBy, Mode};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use serde::{Deserialize, Serialize};

use super::schema::imports;
use super::{ImportRun, ImportState, NewImport, TakenBack};
use crate::{Counts, Import, Kind};

/// A row of `imports`, without its tenant and who works on it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = imports, check_for_backend(Db))]
pub(super) struct ImportRow {
    pub(super) id: ImportId,
    kind: String,
    mode: String,
    match_by: String,
    pub(super) dry_run: bool,
    pub(super) settings: Json<Settings>,
    pub(super) actor: Json<StoredActor>,
    state: String,
    total: i64,
    created: i64,
    updated: i64,
    unchanged: i64,
    failed: i64,
    deleted: i64,
    restored: i64,
    left_as_is: i64,
    error: Option<String>,
    pub(super) created_on: Timestamp,
    started_on: Option<Timestamp>,
    finished_on: Option<Timestamp>,
}

/// How the rows of an import are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) names: Option<Vec<String>>,
    pub(super) map: Vec<(String, Option<String>)>,
    organizations: bool,
    tags: bool,
    moves: bool,
}

impl Settings {
    pub(super) fn of(new: &NewImport) -> Self {
        Self {
            names: new.names.clone(),
            map: new.map.clone(),
            organizations: new.import.makes_organizations,
            tags: new.import.makes_tags,
            moves: new.import.moves,
        }
    }
}

/// Who is the author of what an import does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredActor {
    user: Option<User>,
    key: Option<(KeyId, String)>,
}

impl StoredActor {
    pub(super) fn of(actor: &Actor) -> Self {
        let key = actor.key_id().zip(actor.key_name());
        Self { user: actor.as_user().cloned(), key: key.map(|(id, name)| (id, name.to_string())) }
    }

    /// What was asked for was permitted then.
    fn actor(&self) -> Actor {
        match (&self.user, &self.key) {
            (Some(user), _) => Actor::user(user.clone(), Rights::WRITE_ALL),
            (None, Some((id, name))) => Actor::key(*id, Title::stored(name.clone()), Rights::WRITE_ALL),
            (None, None) => Actor::program(),
        }
    }
}

/// What a newer version of this program wrote.
#[derive(Debug, thiserror::Error)]
#[error("an import has the unknown word {0:?}")]
struct Unknown(String);

fn word<T: Copy>(names: &[(&'static str, T)], word: &str) -> QueryResult<T> {
    let found = names.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    found.ok_or_else(|| DieselError::DeserializationError(Box::new(Unknown(word.to_owned()))))
}

impl ImportRow {
    pub(super) fn kind(&self) -> QueryResult<Kind> {
        word(Kind::NAMES, &self.kind)
    }

    pub(super) fn state(&self) -> ImportState {
        ImportState::of_stored(&self.state)
    }

    /// How many rows it has.
    pub(super) fn total(&self) -> i64 {
        self.total
    }

    /// How many rows were read.
    pub(super) fn counts(&self) -> Counts {
        let Self { created, updated, unchanged, failed, .. } = *self;
        Counts { created, updated, unchanged, failed }
    }

    pub(super) fn taken_back(&self) -> TakenBack {
        let Self { deleted, restored, left_as_is, .. } = *self;
        TakenBack { deleted, restored, left_as_is }
    }

    pub(super) fn import(&self) -> QueryResult<Import> {
        let Settings { organizations, tags, moves, .. } = self.settings.0;
        Ok(Import {
            kind: self.kind()?,
            mode: word(Mode::NAMES, &self.mode)?,
            match_by: word(MatchBy::NAMES, &self.match_by)?,
            makes_organizations: organizations,
            makes_tags: tags,
            moves,
        })
    }

    /// The scope of what the import does: its changes are told with its id, and with who sent it.
    pub(super) fn scope(&self, scope: &Scope) -> Scope {
        scope.clone().by(self.actor.0.actor()).for_request(&self.id.to_string())
    }

    pub(super) fn into_run(self) -> QueryResult<ImportRun> {
        let (Import { kind, mode, match_by, .. }, state) = (self.import()?, self.state());
        let (counts, taken_back) = (self.counts(), self.taken_back());
        let is_taken_back = matches!(state, ImportState::Undoing | ImportState::Undone);
        Ok(ImportRun {
            id: self.id,
            kind,
            mode,
            match_by,
            dry_run: self.dry_run,
            state,
            total: self.total,
            read: counts.rows(),
            created: counts.created,
            updated: counts.updated,
            unchanged: counts.unchanged,
            failed: counts.failed,
            error: self.error,
            undone: is_taken_back.then_some(taken_back),
            created_on: self.created_on,
            started_on: self.started_on,
            finished_on: self.finished_on,
        })
    }
}
