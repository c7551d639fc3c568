//! `/imports`: files that become records (docs/compatibility.md, "Imports").

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::web;
use crm_core::input::JsonObject;
use crm_core::keys::{Access, Area, Right};
use crm_core::page::PageRequest;
use crm_core::params::{FromParams, ParamReader};
use crm_core::{FieldCode, FieldErrors, Scope, Uuid};
use crm_exchange::imports::{self, ImportRun, ImportRunWithProblems, ImportSort, NewImport, Problems, Uploaded};
use crm_exchange::{Delimiter, ExportFormat, Format, Import, Intake, Kind, RawRow, Sheet, Unreadable};
use crm_suite::batch::{MatchBy, Mode};
use futures_util::stream::try_unfold;

use crate::auth::{Caller, Read, Reader, Write, area};
use crate::endpoint::{
    Accepted, Answer, Api, Call, Cut, Extract, File, Item, LONGEST_UPLOAD, Listing, NoContent, OperationDoc, Part,
    PathId, Precondition, Query, RowsFile, Streamed, Upload,
};
use crate::error::{Failure, Problem, ProblemCode};
use crate::state::AppState;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Imports",
        "Files that become records. An import goes on by itself once its file has come, on any gateway, and is kept for 30 \
         days. Needs the scopes of the kind: `directory:write` to import contacts, `directory:read` to see how far that is.",
    );
    api.post("/imports", create_import)
        .summary("Import a file")
        .about(
            "CSV with a header, or one JSON object a line, up to 256 MiB. Columns are named as fields, or by their labels, in any \
             case: `email.Work`, `value.amount`, `tags` with `;` between, `owner.email`, a custom field, `organization` by its \
             name. A header that cannot be read is refused at once; what is wrong with a row is told with it, and stops no other. \
             With `settings:write` an import also takes what the API only shows: `createdOn`, `isArchived`, `status`, \
             `closedOn`, `lostReason`.",
        )
        .problem(ProblemCode::LimitReached)
        .problem(ProblemCode::MissingScope)
        .problem(ProblemCode::ReadOnlyKey)
        .longest(LONGEST_UPLOAD * 2);
    api.get("/imports", list_imports).summary("List imports").about("Those of the last 30 days, the latest first.");
    api.get("/imports/{id}", get_import)
        .summary("Read how far an import is")
        .about("With what was wrong with its first 100 rows that failed.")
        .problem(ProblemCode::MissingScope);
    api.get("/imports/{id}/problems", get_import_problems)
        .summary("Read the rows of an import that failed")
        .about(
            "As they came, with a column `problem`, in the form in which they came: mend them and send them again. The column is \
             ignored then. They are kept of the first 100 000 rows that fail.",
        )
        .problem(ProblemCode::MissingScope);
    api.delete("/imports/{id}", cancel_import)
        .summary("Cancel an import")
        .about(
            "It ends after the part that is written just now; what it has made stays. One that is over stays as it is.",
        )
        .problem(ProblemCode::MissingScope)
        .problem(ProblemCode::ReadOnlyKey);
    api.post("/imports/{id}/undo", undo_import)
        .summary("Take an import back")
        .about(
            "What it made goes into the trash, and what it changed becomes what it was, where nobody has changed it since. It goes \
             on by itself, as the import did.",
        )
        .problem(ProblemCode::ImportUnderWay)
        .problem(ProblemCode::MissingScope)
        .problem(ProblemCode::ReadOnlyKey);
}

fn right(kind: Kind, access: Access) -> Right {
    Right { area: Some(kind.area()), access }
}

/// What is to be done with a file.
struct Wanted {
    import: Option<Import>,
    dry_run: bool,
    delimiter: Option<Delimiter>,
    map: Vec<(String, Option<String>)>,
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
        let match_by = match_by.unwrap_or(mode.matches_by());
        if kind.is_some_and(|kind| !kind.matches().contains(&match_by)) {
            params.errors().push("matchBy", FieldCode::InvalidValue, "is nothing that these records match by");
        }
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
    let mut read = Vec::with_capacity(map.len());
    errors.each(map, |(from, to), errors| match to {
        serde_json::Value::Null => read.push((from, None)),
        serde_json::Value::String(to) => read.push((from, Some(to))),
        _ => errors.push("map", FieldCode::WrongType, "must have names or null as its values"),
    });
    read
}

/// What the process shares, for what goes on without the request.
struct Shared(web::Data<AppState>);

impl Extract for Shared {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self(call.state.clone()))
    }

    fn describe(_: &mut OperationDoc) {}
}

async fn create_import(
    caller: Caller<area::Anywhere, Write>,
    Query((wanted,)): Query<(Wanted,)>,
    Shared(state): Shared,
    upload: Upload,
) -> Answer<Accepted<ImportRun>> {
    let Wanted { import, dry_run, delimiter, map } = wanted;
    let Some(import) = import else {
        return Err(FieldErrors::of("kind", FieldCode::Required, "is required").into());
    };
    let permit = caller.permit();
    permit.check(right(import.kind, Access::Write))?;
    let moves = permit.check(Right { area: Some(Area::Settings), access: Access::Write }).is_ok();
    let new = NewImport { import: Import { moves, ..import }, dry_run, names: None, map };
    let mut receiving = Receiving { caller: &caller, state: &state, new, coming: None, parts: 0, total: 0 };
    let uploaded = receiving.file(upload, delimiter).await?;
    let Some(mut coming) = receiving.coming else { return Err(bug("an import that did not begin").into_problem("-")) };
    let id = coming.id;
    // Where a repeat gets the answer that came first, this file is none.
    let is_this = Arc::new(AtomicBool::new(false));
    let is_told = Arc::clone(&is_this);
    let answer = caller
        .write(move |connection, scope| {
            let item = imports::finish(connection, scope, id, &uploaded)?;
            is_this.store(true, Ordering::Relaxed);
            Ok(Accepted { location: format!("/imports/{id}"), item })
        })
        .await;
    coming.has_come = answer.is_ok() && is_told.load(Ordering::Relaxed);
    state.importing.wake();
    answer
}

fn bug(what: &str) -> Failure {
    Failure::Bug(what.to_owned())
}

/// An import whose file is on its way: where it does not come, nothing is left of it.
struct Coming {
    state: web::Data<AppState>,
    scope: Scope,
    id: Uuid,
    has_come: bool,
}

impl Drop for Coming {
    fn drop(&mut self) {
        if self.has_come {
            return;
        }
        let (state, scope, id) = (self.state.clone(), self.scope.clone(), self.id);
        actix_rt::spawn(async move {
            let db = state.db.of(scope.tenant());
            let abandoned = db.write(move |connection| Ok::<_, Failure>(imports::abandon(connection, &scope, id)?));
            // Where it fails, upkeep finds it.
            let _ = abandoned.await.map_err(|failure| failure.into_problem(&id.to_string()));
            state.importing.wake();
        });
    }
}

/// Takes a file in and stores its rows, part by part: neither memory nor a connection of the database waits for the client.
struct Receiving<'a> {
    caller: &'a Caller<area::Anywhere, Write>,
    state: &'a web::Data<AppState>,
    new: NewImport,
    coming: Option<Coming>,
    parts: i64,
    total: i64,
}

/// What a piece of the file came to.
struct Taken {
    intake: Intake,
    parts: Vec<Vec<RawRow>>,
    unreadable: Option<Unreadable>,
}

impl Receiving<'_> {
    async fn file(&mut self, mut upload: Upload, delimiter: Option<Delimiter>) -> Result<Uploaded, Problem> {
        let format = if upload.format == ExportFormat::Ndjson { Format::NdJson } else { Format::Csv(delimiter) };
        let mut intake = Intake::new(format, upload.encoding);
        loop {
            let piece = upload.next().await?;
            let is_end = piece.is_none();
            let taken = take(intake, piece).await?;
            intake = taken.intake;
            if self.coming.is_none() && (is_end || taken.unreadable.is_some() || !intake.lacks_header()) {
                self.begin(&intake, taken.unreadable.as_ref()).await?;
            }
            if taken.unreadable.is_some() {
                // To its end, for the client to hear the answer.
                while upload.next().await?.is_some() {}
                return Ok(Uploaded { total: self.total, unreadable: taken.unreadable });
            }
            self.store(taken.parts).await?;
            if is_end {
                return Ok(Uploaded { total: self.total, unreadable: None });
            }
        }
    }

    /// Reads the header, where there is one, and makes the import.
    async fn begin(&mut self, intake: &Intake, unreadable: Option<&Unreadable>) -> Result<(), Problem> {
        if intake.lacks_header() {
            let (code, why) = match unreadable {
                Some(unreadable) => (FieldCode::InvalidValue, unreadable.to_string()),
                None => (FieldCode::Required, "has no header".to_owned()),
            };
            return Err(FieldErrors::of("body", code, why).into());
        }
        let names = intake.names().map(<[String]>::to_vec);
        if let Some(names) = names.clone() {
            let kind = self.new.import.kind;
            let columns =
                self.caller.find(move |connection, scope| Ok(crm_exchange::columns(connection, scope, kind)?));
            let (columns, import, map) = (columns.await?, self.new.import.clone(), self.new.map.clone());
            blocking(move || Sheet::csv(&import, &columns, names, &map)).await??;
        }
        let (new, id) = (NewImport { names, ..self.new.clone() }, Uuid::random());
        self.caller.store(move |connection, scope| Ok(imports::begin(connection, scope, id, &new)?)).await?;
        let scope = self.caller.scope().clone();
        self.coming = Some(Coming { state: self.state.clone(), scope, id, has_come: false });
        Ok(())
    }

    async fn store(&mut self, parts: Vec<Vec<RawRow>>) -> Result<(), Problem> {
        let Some(Coming { id, .. }) = self.coming.as_ref().filter(|_| !parts.is_empty()) else { return Ok(()) };
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let (first, id) = (self.parts, *id);
        self.parts += count(parts.len());
        self.total += count(parts.iter().map(Vec::len).sum());
        let parts = Arc::new(parts);
        self.caller.store(move |connection, scope| Ok(imports::add_parts(connection, scope, id, first, &parts)?)).await
    }
}

/// Reads a piece, or the end, on a thread that nobody waits for.
async fn take(mut intake: Intake, piece: Option<Vec<u8>>) -> Result<Taken, Problem> {
    blocking(move || {
        let unreadable = match &piece {
            Some(piece) => intake.push(piece),
            None => intake.finish(),
        };
        let unreadable = unreadable.err();
        let is_end = piece.is_none() && unreadable.is_none();
        let parts = std::iter::from_fn(|| intake.next_part(is_end)).collect();
        Taken { intake, parts, unreadable }
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    web::block(work).await.map_err(|error| bug(&error.to_string()).into_problem("-"))
}

async fn list_imports(
    caller: Caller<area::Anywhere, Read>,
    Query((request,)): Query<(PageRequest<ImportSort>,)>,
) -> Answer<Listing<ImportRun>> {
    let permit = caller.permit();
    let kinds = Kind::NAMES.iter().map(|(_, kind)| *kind);
    let kinds: Vec<Kind> = kinds.filter(|kind| permit.check(right(*kind, Access::Read)).is_ok()).collect();
    caller.read(move |connection, scope| Ok(Listing(imports::list(connection, scope, &kinds, &request)?))).await
}

async fn get_import(
    caller: Caller<area::Anywhere, Read>,
    PathId(id): PathId<Uuid>,
) -> Answer<Item<ImportRunWithProblems>> {
    let permit = caller.permit();
    caller
        .read(move |connection, scope| {
            let shown = imports::shown(connection, scope, id)?;
            permit.check(right(shown.run.kind, Access::Read))?;
            Ok(Item(shown))
        })
        .await
}

async fn cancel_import(
    caller: Caller<area::Anywhere, Write>,
    PathId(id): PathId<Uuid>,
    Precondition(condition): Precondition<Item<ImportRunWithProblems>>,
) -> Answer<NoContent> {
    let permit = caller.permit();
    caller
        .write(move |connection, scope| {
            permit.check(right(imports::get(connection, scope, id)?.kind, Access::Write))?;
            imports::cancel(connection, scope, id, &condition)?;
            Ok(NoContent)
        })
        .await
}

async fn undo_import(
    caller: Caller<area::Anywhere, Write>,
    PathId(id): PathId<Uuid>,
    Precondition(condition): Precondition<Item<ImportRunWithProblems>>,
    Shared(state): Shared,
) -> Answer<Accepted<ImportRunWithProblems>> {
    let permit = caller.permit();
    let answer = caller
        .write(move |connection, scope| {
            permit.check(right(imports::get(connection, scope, id)?.kind, Access::Write))?;
            let item = imports::undo(connection, scope, id, &condition)?;
            Ok(Accepted { location: format!("/imports/{id}"), item })
        })
        .await;
    state.importing.wake();
    answer
}

async fn get_import_problems(caller: Caller<area::Anywhere, Read>, PathId(id): PathId<Uuid>) -> Answer<RowsFile> {
    let permit = caller.permit();
    let reader = caller.into_reader();
    let first = reader.read(move |connection, scope| {
        let kind = imports::get(connection, scope, id)?.kind;
        permit.check(right(kind, Access::Read))?;
        Ok((kind, imports::problems(connection, scope, id, 0)?))
    });
    match first.await {
        Err(failure) => Err(reader.problem(failure)),
        Ok((kind, first)) => {
            let format = if first.is_csv { ExportFormat::Csv } else { ExportFormat::Ndjson };
            let file = RowsFile(File { name: format!("{}-problems", kind.plural()), format });
            let sending = |reader| Sending { reader, id, next: Some(first) };
            let reader = reader.needing(right(kind, Access::Read));
            reader.answer(file, |reader| Streamed::new(try_unfold(sending(reader), Sending::part)))
        }
    }
}

/// Rows that failed, on their way.
struct Sending {
    reader: Reader,
    id: Uuid,
    /// Those that were read.
    next: Option<Problems>,
}

impl Sending {
    /// Sends what was read, once what follows it was.
    async fn part(self) -> Result<Option<(Part, Self)>, Cut> {
        let Self { reader, id, next } = self;
        let Some(Problems { text, after, .. }) = next else { return Ok(None) };
        let next = match after {
            None => None,
            Some(after) => {
                let read =
                    reader.read_on(move |connection, scope| Ok(imports::problems(connection, scope, id, after)?));
                let cut = |failure: Failure| {
                    let why = reader.problem(failure).detail;
                    log::error!("request_id={} problems of an import end early: {why}", reader.request_id());
                    Cut
                };
                Some(read.await.map_err(cut)?)
            }
        };
        let held = reader.hold(text.len());
        Ok(Some(((text.into(), held), Self { reader, id, next })))
    }
}
