//! Importing files.

use actix_web::web;
use crm_console::form::Typed;
use crm_console::imports::{PREVIEW, columns, list, run};
use crm_core::keys::{Access, Area, Right};
use crm_core::page::{PageRequest, Start};
use crm_core::params::{FromParams, ParamReader};
use crm_core::{Condition, DbConnection, FieldCode, FieldErrors, ImportId, Scope};
use crm_exchange::imports::{self, Draft, ImportSort, NewImport, Uploaded};
use crm_exchange::{Import, Kind, Sheet};
use crm_suite::batch::{MatchBy, Mode};
use encoding_rs::Encoding;

use crate::auth::{Read, Visitor, Write, area};
use crate::endpoint::{
    Address, Answer, Api, Call, Extract, Form, FormFile, Html, LONGEST_UPLOAD, OperationDoc, PathId, Query, RowsFile,
    read_params,
};
use crate::error::{Failure, Problem};
use crate::http::imports::{Coming, Receiving, problems_of, right};
use crate::state::AppState;

use super::{again, frame};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/console/imports", imports_page).undocumented();
    api.post("/console/imports", send).undocumented().longest(LONGEST_UPLOAD * 2);
    api.get("/console/imports/files/{id}", file_page).undocumented();
    api.post("/console/imports/files/{id}", choose).undocumented().longest(LONGEST_UPLOAD);
    api.post("/console/imports/files/{id}/start", start_as_tried).undocumented();
    api.post("/console/imports/files/{id}/forget", forget).undocumented();
    api.get("/console/imports/{id}", run_page).undocumented();
    api.get("/console/imports/{id}/problems", problems_file).undocumented();
    api.post("/console/imports/{id}/cancel", cancel).undocumented();
    api.post("/console/imports/{id}/undo", undo).undocumented();
}

/// The most columns of a file that somebody says the names of.
const MOST_COLUMNS: usize = 300;

/// What the process shares, for what goes on without the request.
struct Shared(web::Data<AppState>);

impl Extract for Shared {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self(call.state.clone()))
    }

    fn describe(_: &mut OperationDoc) {}
}

/// The kinds whose records may be read or written; refuses whom none may be.
fn kinds<D>(visitor: &Visitor<area::OfKind, D>, access: Access) -> Result<Vec<Kind>, Problem> {
    let all: Vec<Kind> = Kind::NAMES.iter().map(|(_, kind)| *kind).collect();
    let permit = visitor.permit();
    let may: Vec<Kind> = all.iter().copied().filter(|kind| permit.check(right(*kind, access)).is_ok()).collect();
    match all.first() {
        Some(first) if may.is_empty() => {
            Err(permit.check(right(*first, access)).err().unwrap_or_else(|| Problem::not_found("import")))
        }
        _ => Ok(may),
    }
}

/// The kinds whose records may be read; refuses whom none may be.
pub(super) fn readable<D>(visitor: &Visitor<area::OfKind, D>) -> Result<Vec<Kind>, Problem> {
    kinds(visitor, Access::Read)
}

/// Whether rows may say what the API only shows.
fn moves<D>(visitor: &Visitor<area::OfKind, D>) -> bool {
    visitor.permit().check(Right { area: Some(Area::Settings), access: Access::Write }).is_ok()
}

async fn imports_page(visitor: Visitor<area::OfKind, Read>, _: Address) -> Answer<Html> {
    show_list(&visitor, Typed::default()).await
}

async fn show_list<D>(visitor: &Visitor<area::OfKind, D>, typed: Typed) -> Answer<Html> {
    let (frame, readable) = (frame(visitor), kinds(visitor, Access::Read)?);
    let writable = kinds(visitor, Access::Write).unwrap_or_default();
    let (request,): (PageRequest<ImportSort>,) = read_params(visitor.query().to_vec())?;
    let page = visitor.read(move |connection, scope| {
        let page = imports::list(connection, scope, &readable, &request)?;
        let next = page.continuation_token.as_deref().filter(|_| page.has_more);
        let is_first = request.start == Start::Offset(0);
        Ok(Html::page(list(&frame, &page.items, next, is_first, &writable, &typed)))
    });
    page.await
}

/// Takes a file in, which waits then.
async fn send(visitor: Visitor<area::OfKind, Write>, FormFile(file): FormFile, Shared(state): Shared) -> Answer<Html> {
    let writable = kinds(&visitor, Access::Write)?;
    let form = visitor.form().clone();
    let sent = async {
        let given = form.value("kind").unwrap_or_default();
        let kind = writable.iter().find(|kind| kind.name() == given).copied();
        let kind = kind.ok_or_else(|| invalid("kind", "is none that you may import"))?;
        let encoding = Encoding::for_label(form.value("charset").unwrap_or("utf-8").as_bytes());
        let encoding = encoding.ok_or_else(|| invalid("charset", "is unknown"))?;
        let file = file.ok_or_else(|| Problem::from(FieldErrors::of("file", FieldCode::Required, "is required")))?;
        let import = import(kind, Mode::Create, Mode::Create.matches_by());
        let new = NewImport { import, dry_run: false, names: None, map: Vec::new() };
        let caller = visitor.caller();
        let (uploaded, mut coming) =
            Receiving::new(&caller, &state, new).draft().file(file.into_upload(encoding), None).await?;
        if let Some(unreadable) = uploaded.unreadable {
            return Err(invalid("file", &unreadable.to_string()));
        }
        let id = coming.id;
        let kept = visitor.write(move |connection, scope| {
            let draft = imports::keep(connection, scope, id, uploaded.total)
                .and_then(|()| imports::draft(connection, scope, id, 0))?;
            if draft.names.is_some_and(|names| names.len() > MOST_COLUMNS) {
                return Err(invalid("file", &format!("has more than {MOST_COLUMNS} columns: leave some out")).into());
            }
            Ok(Html::see_other(format!("/console/imports/files/{id}")))
        });
        let kept = kept.await?;
        coming.has_come = true;
        // What had to make room for it is forgotten.
        state.importing.wake();
        Ok(kept)
    };
    again(&form, sent.await, |typed| show_list(&visitor, typed)).await
}

fn invalid(field: &str, why: &str) -> Problem {
    FieldErrors::of(field, FieldCode::InvalidValue, why).into()
}

fn import(kind: Kind, mode: Mode, match_by: MatchBy) -> Import {
    Import { kind, mode, match_by, makes_organizations: false, makes_tags: false, moves: false }
}

/// The file that an import was tried or begun with, and the import that a file was tried as.
struct Beside;

impl FromParams for Beside {
    fn from_params(params: &mut ParamReader) -> Self {
        let _: Option<Vec<ImportId>> = params.uuids("as", "The import that the file was tried as.");
        let _: Option<Vec<ImportId>> = params.uuids("file", "The file that was tried.");
        Self
    }
}

/// A parameter that is an id.
fn id_of<D>(visitor: &Visitor<area::OfKind, D>, name: &str) -> Option<ImportId> {
    visitor.query().iter().find(|(given, _)| given == name).and_then(|(_, id)| id.parse().ok())
}

async fn file_page(
    visitor: Visitor<area::OfKind, Read>,
    PathId(id): PathId<ImportId>,
    _: Query<(Beside,)>,
) -> Answer<Html> {
    show_file(&visitor, id, Typed::default()).await
}

/// What the form said when a file was tried.
fn as_tried(tried: NewImport) -> Typed {
    let NewImport { import, names, map, .. } = tried;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let named = names.iter().flatten().enumerate().filter(|(_, name)| !name.trim().is_empty());
    let columns =
        named.zip(map).map(|((index, _), (_, chosen))| (format!("column.{index}"), chosen.unwrap_or_default()));
    let mut values: Vec<(String, String)> = columns.collect();
    values.push(pair("mode", import.mode.as_str()));
    if import.match_by != import.mode.matches_by() {
        values.push(pair("matchBy", import.match_by.as_str()));
    }
    for (what, is_made) in [("organization", import.makes_organizations), ("tag", import.makes_tags)] {
        if is_made {
            values.push(pair("createMissing", what));
        }
    }
    Typed { values, ..Typed::default() }
}

async fn show_file<D>(visitor: &Visitor<area::OfKind, D>, id: ImportId, typed: Typed) -> Answer<Html> {
    kinds(visitor, Access::Write)?;
    let (frame, permit, moves) = (frame(visitor), visitor.permit(), moves(visitor));
    let tried = id_of(visitor, "as");
    let page = visitor.read(move |connection, scope| {
        let draft = imports::draft(connection, scope, id, PREVIEW)?;
        permit.check(right(draft.kind, Access::Write))?;
        let is_same = |tried: &NewImport| tried.import.kind == draft.kind && tried.names == draft.names;
        let tried = tried.filter(|_| typed.values.is_empty());
        let tried = tried.and_then(|tried| imports::settings(connection, scope, tried).ok()).filter(is_same);
        let typed = tried.map_or_else(|| typed.clone(), as_tried);
        let known = crm_exchange::columns(connection, scope, draft.kind)?;
        Ok(Html::page(columns(&frame, id, &draft, &known, moves, &typed)))
    });
    page.await
}

/// What the form says is to be done with the rows of a file.
fn wanted(form: &Form, draft: &Draft, moves: bool) -> Result<NewImport, FieldErrors> {
    let mut errors = FieldErrors::new();
    let word = |name: &'static str| form.value(name).filter(|word| !word.is_empty());
    let mode = word("mode").map_or(Some(Mode::Create), |word| named(Mode::NAMES, word));
    let mode = mode.unwrap_or_else(|| {
        errors.push("mode", FieldCode::InvalidValue, "is none of those that are offered");
        Mode::Create
    });
    let match_by = word("matchBy").map_or(Some(mode.matches_by()), |word| named(MatchBy::NAMES, word));
    let match_by = match_by.filter(|by| word("matchBy").is_none() || draft.kind.matches().contains(by));
    let match_by = match_by.unwrap_or_else(|| {
        errors.push("matchBy", FieldCode::InvalidValue, "is nothing that these records match by");
        mode.matches_by()
    });
    let missing = |what: &str| form.values("createMissing").any(|word| word == what);
    let import = Import {
        makes_organizations: missing("organization"),
        makes_tags: missing("tag"),
        moves,
        ..import(draft.kind, mode, match_by)
    };
    let names = draft.names.iter().flatten().enumerate().filter(|(_, name)| !name.trim().is_empty());
    let map = names.map(|(index, name)| {
        let column = format!("column.{index}");
        let chosen = form.value(&column).filter(|chosen| !chosen.is_empty()).map(str::to_owned);
        (name.trim().to_owned(), chosen)
    });
    let map = map.collect();
    errors.into_result(NewImport { import, dry_run: false, names: draft.names.clone(), map })
}

fn named<T: Copy>(names: &[(&str, T)], word: &str) -> Option<T> {
    names.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

/// Has a file tried or imported, as the form says.
async fn choose(
    visitor: Visitor<area::OfKind, Write>,
    PathId(id): PathId<ImportId>,
    Shared(state): Shared,
) -> Answer<Html> {
    kinds(&visitor, Access::Write)?;
    let form = visitor.form().clone();
    let chosen = async {
        let (caller, permit, moves, sent) = (visitor.caller(), visitor.permit(), moves(&visitor), form.clone());
        let new = caller.find(move |connection, scope| {
            let draft = imports::draft(connection, scope, id, 0)?;
            permit.check(right(draft.kind, Access::Write))?;
            let new = wanted(&sent, &draft, moves)?;
            if let Some(names) = &new.names {
                let known = crm_exchange::columns(connection, scope, draft.kind)?;
                Sheet::csv(&new.import, &known, names.clone(), &new.map)?;
            }
            Ok((new, draft.total))
        });
        let (new, total) = new.await?;
        if form.value("action") == Some("import") {
            begin(&visitor, &state, id, new).await
        } else {
            tried(&visitor, &state, id, new, total).await
        }
    };
    again(&form, chosen.await, |typed| show_file(&visitor, id, typed)).await
}

async fn begin(visitor: &Visitor<area::OfKind, Write>, state: &AppState, id: ImportId, new: NewImport) -> Answer<Html> {
    let begun = visitor.write(move |connection, scope| {
        imports::start(connection, scope, id, &new)?;
        Ok(Html::see_other(format!("/console/imports/{id}")))
    });
    let begun = begun.await;
    state.importing.wake();
    begun
}

/// Tries a file that waits: its rows are copied for it, a few at a time.
async fn tried(
    visitor: &Visitor<area::OfKind, Write>,
    state: &web::Data<AppState>,
    file: ImportId,
    new: NewImport,
    total: i64,
) -> Answer<Html> {
    let (caller, id) = (visitor.caller(), ImportId::random());
    let new = NewImport { dry_run: true, ..new };
    caller.store(move |connection, scope| Ok(imports::begin(connection, scope, id, &new)?)).await?;
    let mut coming = Coming::new(state, visitor.scope(), id);
    let mut last = Some(-1);
    while let Some(after) = last {
        let copied = move |connection: &mut _, scope: &_| -> Result<_, Failure> {
            Ok(imports::copy_parts(connection, scope, (file, id), after)?)
        };
        last = caller.store(copied).await?;
    }
    let begun = visitor.write(move |connection, scope| {
        imports::finish(connection, scope, id, &Uploaded { total, unreadable: None })?;
        Ok(Html::see_other(format!("/console/imports/{id}?file={file}")))
    });
    let begun = begun.await?;
    coming.has_come = true;
    state.importing.wake();
    Ok(begun)
}

/// Imports a file as it was tried.
async fn start_as_tried(
    visitor: Visitor<area::OfKind, Write>,
    PathId(id): PathId<ImportId>,
    Shared(state): Shared,
) -> Answer<Html> {
    kinds(&visitor, Access::Write)?;
    let (caller, permit, moves) = (visitor.caller(), visitor.permit(), moves(&visitor));
    let tried: Option<ImportId> = visitor.form().value("as").and_then(|id| id.parse().ok());
    let new = caller.find(move |connection, scope| {
        let draft = imports::draft(connection, scope, id, 0)?;
        permit.check(right(draft.kind, Access::Write))?;
        let tried = imports::settings(connection, scope, tried.unwrap_or(id))?;
        if tried.import.kind != draft.kind || tried.names != draft.names {
            return Err(Problem::not_found("import").into());
        }
        Ok(NewImport { import: Import { moves: moves && tried.import.moves, ..tried.import }, dry_run: false, ..tried })
    });
    let new = new.await?;
    let begun = begin(&visitor, &state, id, new).await;
    again(visitor.form(), begun, |typed| show_file(&visitor, id, typed)).await
}

async fn forget(
    visitor: Visitor<area::OfKind, Write>,
    PathId(id): PathId<ImportId>,
    Shared(state): Shared,
) -> Answer<Html> {
    kinds(&visitor, Access::Write)?;
    let permit = visitor.permit();
    let forgotten = visitor.write(move |connection, scope| {
        permit.check(right(imports::draft(connection, scope, id, 0)?.kind, Access::Write))?;
        imports::abandon(connection, scope, id)?;
        Ok(Html::see_other("/console/imports"))
    });
    let forgotten = forgotten.await;
    state.importing.wake();
    forgotten
}

async fn run_page(
    visitor: Visitor<area::OfKind, Read>,
    PathId(id): PathId<ImportId>,
    _: Query<(Beside,)>,
) -> Answer<Html> {
    show_run(&visitor, id, Typed::default()).await
}

async fn show_run<D>(visitor: &Visitor<area::OfKind, D>, id: ImportId, typed: Typed) -> Answer<Html> {
    kinds(visitor, Access::Read)?;
    let (frame, permit) = (frame(visitor), visitor.permit());
    let file = id_of(visitor, "file");
    let page = visitor.read(move |connection, scope| {
        let shown = imports::shown(connection, scope, id)?;
        permit.check(right(shown.run.kind, Access::Read))?;
        // One that was imported since, or forgotten, is offered no more.
        let file = file.filter(|file| imports::draft(connection, scope, *file, 0).is_ok());
        let headers = match shown.problems.is_empty() {
            true => Vec::new(),
            false => headers(connection, scope, id)?,
        };
        Ok(Html::page(run(&frame, &shown, file, &headers, &typed)))
    });
    page.await
}

/// The columns that the rows of an import were read into, with what its file calls each.
fn headers(connection: &mut DbConnection, scope: &Scope, id: ImportId) -> Result<Vec<(String, String)>, Failure> {
    let NewImport { import, names, map, .. } = imports::settings(connection, scope, id)?;
    let known = crm_exchange::columns(connection, scope, import.kind)?;
    let column = |name: &str| match map.iter().find(|(mapped, _)| mapped == name.trim()) {
        Some((_, chosen)) => chosen.clone(),
        None => Some(name.to_owned()),
    };
    let named = |name: String| Some((known.find(&column(&name)?).ok()?.name().to_owned(), name));
    Ok(names.into_iter().flatten().filter_map(named).collect())
}

async fn problems_file(visitor: Visitor<area::OfKind, Read>, PathId(id): PathId<ImportId>) -> Answer<RowsFile> {
    kinds(&visitor, Access::Read)?;
    problems_of(visitor.into_caller(), id).await
}

async fn cancel(visitor: Visitor<area::OfKind, Write>, PathId(id): PathId<ImportId>) -> Answer<Html> {
    kinds(&visitor, Access::Write)?;
    let permit = visitor.permit();
    let cancelled = visitor.write(move |connection, scope| {
        permit.check(right(imports::get(connection, scope, id)?.kind, Access::Write))?;
        imports::cancel(connection, scope, id, &Condition::none())?;
        Ok(Html::see_other(format!("/console/imports/{id}")))
    });
    cancelled.await
}

async fn undo(
    visitor: Visitor<area::OfKind, Write>,
    PathId(id): PathId<ImportId>,
    Shared(state): Shared,
) -> Answer<Html> {
    kinds(&visitor, Access::Write)?;
    let permit = visitor.permit();
    let undone = visitor.write(move |connection, scope| {
        permit.check(right(imports::get(connection, scope, id)?.kind, Access::Write))?;
        imports::undo(connection, scope, id, &Condition::none())?;
        Ok(Html::see_other(format!("/console/imports/{id}")))
    });
    let undone = undone.await;
    state.importing.wake();
    again(visitor.form(), undone, |typed| show_run(&visitor, id, typed)).await
}
