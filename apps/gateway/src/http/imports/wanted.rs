use std::collections::HashSet;

use crm_core::input::JsonObject;
use crm_core::params::{FromParams, ParamReader};
use crm_core::{FieldCode, FieldErrors};
use crm_exchange::{Delimiter, ExportFormat, Import, Kind};
use crm_suite::batch::{MatchBy, Mode};

/// What is to be done with a file.
pub(super) struct Wanted {
    pub(super) import: Option<Import>,
    pub(super) dry_run: bool,
    pub(super) delimiter: Option<Delimiter>,
    pub(super) map: Vec<(String, Option<String>)>,
}

/// What is made that rows name and that there is not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Organization,
    Tag,
}

impl Missing {
    const NAMES: &'static [(&'static str, Self)] = &[("organization", Self::Organization), ("tag", Self::Tag)];
}

impl Wanted {
    /// That nothing was said of a file of this format that it has not.
    pub(super) fn check_format(&self, format: ExportFormat) -> Result<(), FieldErrors> {
        let mut errors = FieldErrors::new();
        let said = [("delimiter", self.delimiter.is_some()), ("map", !self.map.is_empty())];
        for (name, _) in said.into_iter().filter(|(_, is_said)| *is_said && format == ExportFormat::Ndjson) {
            errors.push(name, FieldCode::Conflicting, "goes with text/csv: lines of JSON have no header");
        }
        errors.into_result(())
    }
}

impl FromParams for Wanted {
    fn from_params(params: &mut ParamReader) -> Self {
        let kind = params.word("kind", Kind::NAMES, "What the rows are. Required.");
        let mode =
            params.word("mode", Mode::NAMES, "Whether records are made, changed, or either; `create` by default.");
        let mode = mode.unwrap_or(Mode::Create);
        let match_by = params.word(
            "matchBy",
            MatchBy::NAMES,
            "By what a row matches a record: `id` by default where records are changed, `externalId` where they are made too. By \
             `email` contacts and organizations, by `name` organizations.",
        );
        let dry_run =
            params.bool("dryRun", "Says what would happen, each part of 100 rows for itself, and changes nothing.");
        let missing = params.words("createMissing", Missing::NAMES, "Makes what rows name and there is not.");
        let delimiter =
            params.word("delimiter", Delimiter::NAMES, "What stands between two cells; guessed by default.");
        let map = params.object(
            "map",
            "Other names for columns, as a JSON object: a name of the file, and the name of a column, or null to leave it out.",
        );
        let is_known = |by| kind.is_none_or(|kind| kind.matches().contains(&by));
        let match_by = mode.matching_by(match_by, is_known).unwrap_or_else(|(code, why)| {
            params.errors().push("matchBy", code, why);
            mode.matches_by()
        });
        let missing = missing.unwrap_or_default();
        let import = kind.map(|kind| Import {
            kind,
            mode,
            match_by,
            makes_organizations: missing.contains(&Missing::Organization),
            makes_tags: missing.contains(&Missing::Tag),
            moves: false,
        });
        let map = read_map(map.unwrap_or_default(), params.errors());
        Self { import, dry_run: dry_run.unwrap_or(false), delimiter, map }
    }
}

fn read_map(map: JsonObject, errors: &mut FieldErrors) -> Vec<(String, Option<String>)> {
    let mut read: Vec<(String, Option<String>)> = Vec::with_capacity(map.len());
    let mut seen = HashSet::new();
    errors.each(map, |(from, to), errors| match to {
        _ if !seen.insert(from.trim().to_owned()) => {
            errors.push("map", FieldCode::Duplicate, format_args!("has {} twice", from.trim()));
        }
        serde_json::Value::Null => read.push((from, None)),
        serde_json::Value::String(to) => read.push((from, Some(to))),
        _ => errors.push("map", FieldCode::WrongType, "must have names or null as its values"),
    });
    read
}
