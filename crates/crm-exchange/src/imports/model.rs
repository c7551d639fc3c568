use crm_core::page::{RowIdKind, SortColumn, SortField, SortKind};
use crm_core::{ImportId, Timestamp};
use crm_suite::batch::{MatchBy, Mode};
use serde::Serialize;

use crate::{Import, Kind};

/// What has become of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ImportState {
    /// Its file is on its way, and nobody is shown it.
    #[serde(skip)]
    Uploading,
    /// Its file has not come, and what came of it is forgotten; nobody is shown it.
    #[serde(skip)]
    Abandoned,
    /// Its file has come, and somebody is to say what its columns are; nobody is shown it among the others.
    #[serde(skip)]
    Draft,
    /// It waits for its turn.
    Queued,
    /// Its rows are read.
    Running,
    /// All of them were.
    Done,
    /// It ended early: `error` says why.
    Failed,
    /// Somebody ended it.
    Cancelled,
    /// What it made and changed is taken back.
    Undoing,
    /// That is done.
    Undone,
}

impl ImportState {
    /// Every state with its name.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("uploading", Self::Uploading),
        ("abandoned", Self::Abandoned),
        ("draft", Self::Draft),
        ("queued", Self::Queued),
        ("running", Self::Running),
        ("done", Self::Done),
        ("failed", Self::Failed),
        ("cancelled", Self::Cancelled),
        ("undoing", Self::Undoing),
        ("undone", Self::Undone),
    ];

    /// Of imports that have not begun.
    pub(crate) const HIDDEN: [&'static str; 3] = ["uploading", "abandoned", "draft"];

    pub(crate) fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, state)| *state == self).map_or("failed", |(name, _)| name)
    }

    pub(crate) fn of_stored(word: &str) -> Self {
        Self::NAMES.iter().find(|(name, _)| *name == word).map_or(Self::Failed, |(_, state)| *state)
    }
}

/// A file that becomes records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImportRun {
    /// Its id. The changes that it makes have it as their `requestId`.
    pub id: ImportId,
    /// What its rows are.
    pub kind: Kind,
    /// Whether records are made, changed, or either.
    pub mode: Mode,
    /// By what a row matches a record.
    pub match_by: MatchBy,
    /// Whether it only says what would happen.
    pub dry_run: bool,
    /// What has become of it.
    pub state: ImportState,
    /// How many rows it has.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub total: i64,
    /// How many were read.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub read: i64,
    /// How many made a record.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub created: i64,
    /// How many changed one.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub updated: i64,
    /// How many are as their record has it already.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub unchanged: i64,
    /// How many have a problem.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub failed: i64,
    /// Why it failed as a whole, with the line of the file; null where it did not.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub error: Option<String>,
    /// What was taken back so far; null where nobody asked for that.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub undone: Option<TakenBack>,
    /// When it was sent.
    pub created_on: Timestamp,
    /// When its first rows were read; null before.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub started_on: Option<Timestamp>,
    /// When it was over; null before.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub finished_on: Option<Timestamp>,
}

/// What was taken back of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TakenBack {
    /// How many records, and tags, that it made are gone: the records are in the trash.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub deleted: i64,
    /// How many records that it changed are as they were before.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub restored: i64,
    /// How many it left as they are: somebody has changed or deleted them, or uses them, since.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub left_as_is: i64,
}

/// How many problems are shown with an import.
pub const PROBLEMS_SHOWN: i64 = 100;

/// An import with what was wrong with its first rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportRunWithProblems {
    /// The import.
    #[serde(flatten)]
    pub run: ImportRun,
    /// Of the first 100 rows that failed.
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub problems: Vec<RowProblem>,
}

/// A row that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RowProblem {
    /// The line of the file that it begins in.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub line: i64,
    /// What is wrong with it.
    pub problem: String,
}

/// An import to be made of a file that comes.
#[derive(Debug, Clone)]
pub struct NewImport {
    /// What is done with its rows.
    pub import: Import,
    /// Whether that is only said, and not done.
    pub dry_run: bool,
    /// The header of CSV.
    pub names: Option<Vec<String>>,
    /// Other names for columns.
    pub map: Vec<(String, Option<String>)>,
}

/// What a list of imports can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportSort {
    /// When it was sent; the default.
    CreatedOn,
}

impl SortField for ImportSort {
    const LIST: &'static str = "imports";
    const NAMES: &'static [(&'static str, Self)] = &[("createdOn", Self::CreatedOn), ("createdAt", Self::CreatedOn)];
    const ID: RowIdKind = RowIdKind::Uuid;

    fn column(self) -> SortColumn {
        SortColumn::plain("created_on", SortKind::Moment)
    }
}
