//! `/imports`: files that become records (docs/compatibility.md, "Imports over HTTP").

mod receiving;
mod wanted;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::web;
use crm_core::keys::{Access, Area, Right};
use crm_core::page::PageRequest;
use crm_core::{FieldCode, FieldErrors, ImportId};
use crm_exchange::imports::{self, ImportRun, ImportRunWithProblems, ImportSort, NewImport, Problems};
use crm_exchange::{ExportFormat, Import, Kind};
use futures_util::stream::try_unfold;

use crate::auth::{Caller, Read, Reader, Write, area};
use crate::endpoint::{
    Accepted, Answer, Api, Call, Cut, Extract, File, Item, LONGEST_UPLOAD, Listing, NoBody, NoContent, OperationDoc,
    Part, PathId, Precondition, Query, RowsFile, Streamed, Upload,
};
use crate::error::{Failure, Problem, ProblemCode};
use crate::state::AppState;

pub(crate) use receiving::{Coming, Receiving};
use wanted::Wanted;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Imports",
        "Files that become records. An import goes on by itself once its file has come, on any gateway, and is kept for 30 \
         days. Needs the scopes of the kind: `directory:write` to import contacts, `directory:read` to see how far that is.",
    );
    api.post("/imports", create_import)
        .named("create_import", "Import a file")
        .about(
            "CSV with a header, or one JSON object a line, up to 256 MiB. Columns are named as fields, or by their labels, in any \
             case: `email.Work`, `value.amount`, `tags` with `;` between, `owner.email`, a custom field, `organization` by its \
             name. A header that cannot be read is refused at once; what is wrong with a row is told with it, and stops no other. \
             With `settings:write` an import also takes what the API only shows: `createdOn`, `isArchived`, `status`, \
             `closedOn`, `lostReason`, `firstResolutionOn`, `lastResolutionOn`; without, that is ignored.",
        )
        .problem(ProblemCode::LimitReached)
        .longest(LONGEST_UPLOAD * 2);
    api.get("/imports", list_imports)
        .named("list_imports", "List imports")
        .about("Those of the last 30 days, the latest first.");
    api.get("/imports/{id}", get_import)
        .named("get_import", "Read how far an import is")
        .about("With what was wrong with its first 100 rows that failed.");
    api.get("/imports/{id}/problems", get_import_problems)
        .named("get_import_problems", "Read the rows of an import that failed")
        .about(
            "As they came, with a column `problem`, in the form in which they came: mend them and send them again. The column is \
             ignored then. They are kept of the first 100 000 rows that fail.",
        );
    api.delete("/imports/{id}", cancel_import).named("cancel_import", "Cancel an import").about(
        "It ends after the part that is written just now; what it has made stays. One that is over stays as it is.",
    );
    api.post("/imports/{id}/undo", undo_import)
        .named("undo_import", "Take an import back")
        .about(
            "What it made goes into the trash, and what it changed becomes what it was, where nobody has changed it since. It goes \
             on by itself, as the import did.",
        )
        .problem(ProblemCode::ImportUnderWay);
}

pub(crate) fn right(kind: Kind, access: Access) -> Right {
    Right { area: Some(kind.area()), access }
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
    caller: Caller<area::OfKind, Write>,
    Query((wanted,)): Query<(Wanted,)>,
    Shared(state): Shared,
    upload: Upload,
) -> Answer<Accepted<ImportRunWithProblems>> {
    let Some(import) = wanted.import else {
        return Err(FieldErrors::of("kind", FieldCode::Required, "is required").into());
    };
    let permit = caller.permit();
    import.needs().iter().try_for_each(|right| permit.check(right))?;
    wanted.check_format(upload.format)?;
    let Wanted { dry_run, delimiter, map, .. } = wanted;
    let moves = permit.check(Right { area: Some(Area::Settings), access: Access::Write }).is_ok();
    let new = NewImport { import: Import { moves, ..import }, dry_run, names: None, map };
    let (uploaded, mut coming) = Receiving::new(&caller, &state, new).file(upload, delimiter).await?;
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

async fn list_imports(
    caller: Caller<area::Anywhere, Read>,
    Query((request,)): Query<(PageRequest<ImportSort>,)>,
) -> Answer<Listing<ImportRun>> {
    let permit = caller.permit();
    let kinds = Kind::NAMES.iter().map(|(_, kind)| *kind);
    let kinds: Vec<Kind> = kinds.filter(|kind| permit.check(right(*kind, Access::Read)).is_ok()).collect();
    caller.read_newest(move |connection, scope| Ok(Listing(imports::list(connection, scope, &kinds, &request)?))).await
}

async fn get_import(
    caller: Caller<area::OfKind, Read>,
    PathId(id): PathId<ImportId>,
) -> Answer<Item<ImportRunWithProblems>> {
    let permit = caller.permit();
    caller
        .read_newest(move |connection, scope| {
            let shown = imports::shown(connection, scope, id)?;
            permit.check(right(shown.run.kind, Access::Read))?;
            Ok(Item(shown))
        })
        .await
}

async fn cancel_import(
    caller: Caller<area::OfKind, Write>,
    PathId(id): PathId<ImportId>,
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
    caller: Caller<area::OfKind, Write>,
    PathId(id): PathId<ImportId>,
    Precondition(condition): Precondition<Item<ImportRunWithProblems>>,
    Shared(state): Shared,
    NoBody: NoBody,
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

async fn get_import_problems(caller: Caller<area::OfKind, Read>, PathId(id): PathId<ImportId>) -> Answer<RowsFile> {
    problems_of(caller, id).await
}

/// The rows of an import that failed, as a file.
pub(crate) async fn problems_of(caller: Caller<area::OfKind, Read>, id: ImportId) -> Answer<RowsFile> {
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
    id: ImportId,
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
