//! Files that become records: sent, looked at, tried, and followed while they are read.

use crm_core::ImportId;
use crm_core::keys::Access;
use crm_exchange::imports::{Draft, ImportRun, ImportRunWithProblems, ImportState};
use crm_exchange::{Access as ColumnAccess, Column, Columns, Content, Kind};
use crm_suite::batch::Mode;
use maud::{Markup, html};

use crate::form::{self, Field, Typed};
use crate::frame::area_of;
use crate::icon::Icon;
use crate::record::hidden;
use crate::{Frame, Place, assets, problems, show};

/// How many rows of a file are shown before it is imported.
pub const PREVIEW: usize = 10;

/// Encodings that spreadsheets write, by their names and in words. Those with a byte order mark are known by it.
const CHARSETS: &[(&str, &str)] = &[
    ("utf-8", "UTF-8, or as the file says"),
    ("windows-1252", "Windows, Western European"),
    ("windows-1250", "Windows, Central European"),
    ("windows-1251", "Windows, Cyrillic"),
    ("shift_jis", "Shift JIS"),
];

/// The words of a state.
fn state_words(state: ImportState) -> &'static str {
    match state {
        ImportState::Uploading | ImportState::Abandoned | ImportState::Draft | ImportState::Queued => {
            "waits for its turn"
        }
        ImportState::Running => "is read",
        ImportState::Done => "done",
        ImportState::Failed => "failed",
        ImportState::Cancelled => "cancelled",
        ImportState::Undoing => "is taken back",
        ImportState::Undone => "taken back",
    }
}

fn pill(run: &ImportRun) -> Markup {
    let class = match run.state {
        ImportState::Done => "pill pill-good",
        ImportState::Failed => "pill pill-bad",
        ImportState::Cancelled | ImportState::Undone => "pill pill-warn",
        _ => "pill pill-accent",
    };
    html! { span class=(class) { (state_words(run.state)) } @if run.dry_run { " " span class="pill" { "only tried" } } }
}

fn is_under_way(state: ImportState) -> bool {
    matches!(state, ImportState::Queued | ImportState::Running | ImportState::Undoing)
}

/// The list of imports, with a form to send a file. `kinds` are those that may be written.
#[must_use]
pub fn list(
    frame: &Frame,
    runs: &[ImportRun],
    next: Option<&str>,
    is_first: bool,
    kinds: &[Kind],
    typed: &Typed,
) -> Markup {
    let content = html! {
        (show::head("Import", &html! {}))
        p class="lead" { "A file of a spreadsheet (CSV), or one JSON object a line, becomes records. Look at its columns and try it before anything is made; what was imported can be taken back." }
        @if !kinds.is_empty() { (sender(frame, kinds, typed)) }
        @if runs.is_empty() { div class="empty" { p { "Nothing was imported in the last 30 days." } } }
        @else {
            div class="table-box" tabindex="0" role="region" aria-label="Imports" {
                table {
                    caption class="hidden" { "Imports of the last 30 days" }
                    thead { tr {
                        th scope="col" { "Sent" } th scope="col" { "What" } th scope="col" { "State" } th scope="col" class="number" { "Rows" }
                        th scope="col" class="number" { "Made" } th scope="col" class="number" { "Changed" } th scope="col" class="number" { "Failed" }
                    } }
                    tbody {
                        @for run in runs {
                            tr {
                                th scope="row" { a href={ "/console/imports/" (run.id) } { (show::moment(run.created_on)) } }
                                td { (show::names(run.kind).1) }
                                td { (pill(run)) }
                                @for count in [run.total, run.created, run.updated, run.failed] { td class="number" { (count) } }
                            }
                        }
                    }
                }
            }
        }
        nav class="pages" aria-label="Pages" {
            @if !is_first { a class="button" href="/console/imports" { "First page" } }
            @if let Some(token) = next { a class="button" rel="next" href={ "/console/imports?continuationToken=" (token) } { "Next page" } }
        }
    };
    frame.page(Place::Imports, "Import", &content)
}

fn sender(frame: &Frame, kinds: &[Kind], typed: &Typed) -> Markup {
    let field = |name, label, hint, required| Field { name, label, hint, required };
    let options: Vec<(String, String)> =
        kinds.iter().map(|kind| (kind.name().to_owned(), show::names(*kind).1.to_owned())).collect();
    let charsets: Vec<(String, String)> =
        CHARSETS.iter().map(|(name, words)| ((*name).to_owned(), (*words).to_owned())).collect();
    html! {
        section class="card" aria-labelledby="new-import" {
            h2 id="new-import" { "Send a file" }
            form class="grid-form" method="post" action="/console/imports" enctype="multipart/form-data" {
                // Before the file, which is looked at only behind it.
                (form::token(frame))
                (typed.summary(&["kind", "charset", "file"]))
                (field("kind", "What the rows are", "", true).choice(typed, &options, kinds.first().map_or("", |kind| kind.name())))
                (field("charset", "Its encoding", "", false).choice(typed, &charsets, "utf-8"))
                (field("file", "File", "With the names of the columns in its first line; up to 256 MiB.", true).draw(typed, |id, described, bad| html! {
                    input type="file" id=(id) name="file" required accept=".csv,.txt,.tsv,.ndjson,.jsonl,text/csv"
                        aria-describedby=[described] aria-invalid=[bad.then_some("true")];
                }))
                div class="actions" { button class="button button-main" type="submit" { (Icon::Import.draw()) "Look at it" } }
            }
        }
    }
}

/// Whether a column may be sent by whoever looks.
fn may_send(column: &Column, moves: bool) -> bool {
    match column.access() {
        ColumnAccess::Written => true,
        ColumnAccess::Moved => moves,
        ColumnAccess::Shown => column.name() == "id",
    }
}

/// A file that waits: what its columns are and what is done with its rows. `moves` is whether rows may say what the API
/// only shows.
#[must_use]
pub fn columns(frame: &Frame, id: ImportId, draft: &Draft, columns: &Columns, moves: bool, typed: &Typed) -> Markup {
    let (_, many, _) = show::names(draft.kind);
    let title = format!("Import {}", many.to_lowercase());
    let path = format!("/console/imports/files/{id}");
    let content = html! {
        (show::head(&title, &hidden(frame, &format!("{path}/forget"), &[], "Forget the file")))
        p class="lead" { (draft.total) " rows. Nothing is made before you say so; the file waits for a day." }
        (typed.summary(&["mode", "matchBy"]))
        form method="post" action=(path) {
            (form::token(frame))
            @match &draft.names {
                Some(names) => (mapping(draft, names, columns, moves, typed)),
                None => div class="card" {
                    h2 { "The first rows" }
                    @for row in &draft.rows { @if let Content::Line(line) = &row.content { p class="pre small" { code { (cut(line)) } } } }
                },
            }
            (settings(draft.kind, typed))
            div class="actions spaced" {
                button class="button" type="submit" name="action" value="try" { "Try it" }
                button class="button button-main" type="submit" name="action" value="import" { "Import " (many.to_lowercase()) }
                span class="quiet small" { "Trying it says what would happen to each row, and changes nothing." }
            }
        }
    };
    frame.page(Place::Imports, &title, &content)
}

fn mapping(draft: &Draft, names: &[String], columns: &Columns, moves: bool, typed: &Typed) -> Markup {
    let offered: Vec<&Column> = columns.all().iter().filter(|column| may_send(column, moves)).collect();
    html! {
        div class="table-box" tabindex="0" role="region" aria-label="Columns and first rows" {
            table class="mapping" {
                thead {
                    tr { @for name in names { th scope="col" { (if name.trim().is_empty() { "(no name)" } else { name.as_str() }) } } }
                    tr { @for (index, name) in names.iter().enumerate() { td { (target(index, name, &offered, columns, typed)) } } }
                }
                tbody {
                    @for row in &draft.rows {
                        @if let Content::Cells(cells) = &row.content { tr { @for cell in cells { td { (cut(cell)) } } } }
                    }
                }
            }
        }
    }
}

/// What a column of other people's files is, as they usually call it: the first of these that the records have.
fn usual(name: &str) -> &'static [&'static str] {
    let letters: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    match letters.as_str() {
        "fullname" | "contact" | "contactname" => &["contact", "name"],
        "company" | "companyname" | "account" | "accountname" => &["organization", "name"],
        "email" | "mail" | "emailaddress" => &["email"],
        "telephone" | "phonenumber" | "mobile" | "mobilephone" => &["phone"],
        "subject" | "dealname" | "leadname" => &["title"],
        "amount" | "dealvalue" => &["value.amount"],
        "currency" => &["value.code"],
        "notes" | "remarks" => &["note"],
        "labels" | "categories" => &["tags"],
        _ => &[],
    }
}

/// Which column one of the file is.
fn target(index: usize, name: &str, offered: &[&Column], columns: &Columns, typed: &Typed) -> Markup {
    let control = format!("column.{index}");
    let found = columns.find(name).ok().or_else(|| usual(name).iter().find_map(|name| columns.find(name).ok()));
    let matched = found.as_ref().map_or("", Column::name);
    let chosen = typed.value(&control).unwrap_or(matched);
    let problems: Vec<&str> = typed.problems(name.trim()).collect();
    html! {
        select name=(control) aria-label={ "What " (name) " is" } aria-invalid=[(!problems.is_empty()).then_some("true")] {
            option value="" { "left out" }
            // `email.Work` is a column of its own, which no list has.
            @if !chosen.is_empty() && !offered.iter().any(|column| column.name() == chosen) { option value=(chosen) selected { (chosen) } }
            @for column in offered { option value=(column.name()) selected[column.name() == chosen] { (column.label()) } }
        }
        @for problem in problems { p class="words bad" { (Icon::Alert.draw()) (problem) } }
    }
}

const LONGEST_CELL: usize = 80;

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_CELL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn settings(kind: Kind, typed: &Typed) -> Markup {
    let field = |name, label, hint| Field { name, label, hint, required: false };
    let words = |mode: Mode| match mode {
        Mode::Create => "make a record of each row",
        Mode::Update => "change the records that rows match",
        Mode::Upsert => "change those that match, make the others",
    };
    let modes: Vec<(String, String)> =
        Mode::NAMES.iter().map(|(name, mode)| ((*name).to_owned(), words(*mode).to_owned())).collect();
    let matches = kind.matches().iter().map(|by| by.as_str().to_owned());
    let matches: Vec<(String, String)> =
        [(String::new(), "as usual".to_owned())].into_iter().chain(matches.map(|by| (by.clone(), by))).collect();
    html! {
        section class="card spaced" aria-labelledby="what-happens" {
            h2 id="what-happens" { "What happens" }
            div class="grid-form" {
                (field("mode", "With each row", "").choice(typed, &modes, Mode::Create.as_str()))
                (field("matchBy", "A row matches a record by", "Where records are changed: their number, or else their external id.").choice(typed, &matches, ""))
                fieldset class="field" {
                    legend { "What rows name and is not there yet" }
                    div class="boxes" {
                        label class="box" { input type="checkbox" name="createMissing" value="organization" checked[typed.has("createMissing", "organization")]; span { "make organizations" } }
                        label class="box" { input type="checkbox" name="createMissing" value="tag" checked[typed.has("createMissing", "tag")]; span { "make tags" } }
                    }
                }
            }
        }
    }
}

/// How far an import is. `file` is the one that waits to be imported once it was tried; `headers` are the columns of
/// records with what the file calls each.
#[must_use]
pub fn run(
    frame: &Frame,
    shown: &ImportRunWithProblems,
    file: Option<ImportId>,
    headers: &[(String, String)],
    typed: &Typed,
) -> Markup {
    let run = &shown.run;
    let (_, many, _) = show::names(run.kind);
    let may_write = frame.may(area_of(run.kind), Access::Write);
    let path = format!("/console/imports/{}", run.id);
    let title = format!("Import of {}", many.to_lowercase());
    let actions = html! { @if may_write { (actions(frame, run, &path, file)) } };
    let content = html! {
        (show::head(&title, &actions))
        (typed.summary(&[]))
        div data-run data-open=[is_under_way(run.state).then_some("yes")] {
            (progress(run))
            @if !shown.problems.is_empty() { (problems::section(shown, headers, &path)) }
        }
        script type="module" src=(assets::path_of("progress.js")) {}
    };
    frame.page(Place::Imports, &title, &content)
}

fn actions(frame: &Frame, run: &ImportRun, path: &str, file: Option<ImportId>) -> Markup {
    let is_over = matches!(run.state, ImportState::Done | ImportState::Failed | ImportState::Cancelled);
    html! {
        @if let Some(file) = file.filter(|_| run.dry_run && is_over) {
            a class="button" href={ "/console/imports/files/" (file) "?as=" (run.id) } { "Back to the columns" }
            form method="post" action={ "/console/imports/files/" (file) "/start" } {
                (form::token(frame))
                input type="hidden" name="as" value=(run.id);
                button class="button button-main" type="submit" { "Import it now" }
            }
        }
        @if matches!(run.state, ImportState::Queued | ImportState::Running) { (hidden(frame, &format!("{path}/cancel"), &[], "Cancel")) }
        @if is_over && !run.dry_run && run.created + run.updated > 0 {
            details class="pop" {
                summary { "Take it back" }
                form class="pop-box" method="post" action={ (path) "/undo" } {
                    (form::token(frame))
                    p { "What it made goes into the trash, and what it changed becomes what it was, where nobody has changed it since." }
                    button class="button button-bad" type="submit" { "Take it back" }
                }
            }
        }
    }
}

fn progress(run: &ImportRun) -> Markup {
    let counts = [
        (if run.dry_run { "Would be made" } else { "Made" }, run.created),
        (if run.dry_run { "Would be changed" } else { "Changed" }, run.updated),
        ("As they are already", run.unchanged),
        ("Failed", run.failed),
    ];
    html! {
        section class="card" aria-labelledby="far" {
            h2 id="far" { (run.read) " of " (run.total) " rows " (pill(run)) }
            progress max=(run.total.max(1)) value=(run.read) aria-labelledby="far" {}
            @if let Some(error) = &run.error { p class="bad" { (Icon::Alert.draw()) (error) } }
            dl class="facts facts-narrow spaced" {
                @for (words, count) in counts { dt { (words) } dd { (count) } }
                @if let Some(undone) = run.undone {
                    dt { "Taken back" } dd { (undone.deleted) " in the trash, " (undone.restored) " as they were, " (undone.left_as_is) " left as they are" }
                }
                dt { "Sent" } dd { (show::moment(run.created_on)) }
                @if let Some(when) = run.finished_on { dt { "Over" } dd { (show::moment(when)) } }
            }
            @if is_under_way(run.state) { p class="spaced" { a class="button" href="" { "Look again" } } }
        }
    }
}
