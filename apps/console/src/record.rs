//! The page of a record, and the forms to make and change one.

use crm_core::keys::Access;
use crm_exchange::{Kind, Lookup};
use crm_history::Change;
use maud::{Markup, html};
use serde_json::Value;

use crate::controls;
use crate::fields::{Control, Entry};
use crate::form::{self, Field, Typed};
use crate::frame::area_of;
use crate::graph::Picture;
use crate::happened::{Names, happening};
use crate::icon::Icon;
use crate::{Frame, Place, assets, list, show};

/// Something that was said about a record.
#[derive(Debug, Clone)]
pub struct Said {
    /// What.
    pub text: String,
    /// By whom, as far as that was said.
    pub by: Option<String>,
    /// When.
    pub on: crm_core::Timestamp,
}

/// Where a record can go: to a stage, or by a transition to a status.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// How it is named.
    pub id: String,
    /// What people read.
    pub words: String,
    /// The pipeline that it is in, where there are several.
    pub within: Option<String>,
    /// Whether the record is there.
    pub is_here: bool,
    /// Whether it is refused without a comment.
    pub takes_comment: bool,
}

/// Where a record can go from where it is.
#[derive(Debug, Default)]
pub struct Ahead {
    /// Each step.
    pub steps: Vec<Step>,
    /// The workflow that these are steps of.
    pub picture: Option<Picture>,
}

/// A part of what was said or happened.
pub struct Part<'a, T> {
    /// It, newest first.
    pub items: &'a [T],
    /// Leads to what is older.
    pub older: Option<&'a str>,
    /// Whether nothing is newer.
    pub is_latest: bool,
}

/// The parameters of the page that lead to older comments and changes.
pub const OLDER: [&str; 2] = ["comments", "history"];

/// A record with what belongs to it.
pub struct Record<'a> {
    /// What it is.
    pub kind: Kind,
    /// As the API shows it.
    pub record: &'a Value,
    /// What it was when this page was made.
    pub seen: &'a str,
    /// Its fields.
    pub entries: &'a [Entry],
    /// What was said, newest first.
    pub comments: Part<'a, Said>,
    /// What happened, newest first.
    pub history: Part<'a, Change>,
    /// What people call that which the history has by its id.
    pub names: &'a Names,
    /// Records that point at it.
    pub related: &'a [(Kind, Vec<Value>)],
    /// The stages of all pipelines, those of its own first, or the transitions that it can walk.
    pub steps: &'a [Step],
    /// The workflow that a case is in.
    pub picture: Option<&'a Picture>,
    /// What has just been done.
    pub notice: Option<&'a str>,
    /// What was refused.
    pub typed: &'a Typed,
}

/// The fields of the form that walks a case.
const WALKED: [&str; 2] = ["step", "said"];
/// The fields of the form that says why an opportunity is lost.
const LOST: [&str; 2] = ["reasonId", "comment"];
/// The field of the form that merges.
const MERGED: &str = "sourceId";

impl Record<'_> {
    fn id(&self) -> &str {
        self.record["id"].as_str().unwrap_or_default()
    }

    fn path(&self) -> String {
        show::path(self.kind, self.id())
    }

    /// The page.
    #[must_use]
    pub fn page(&self, frame: &Frame) -> Markup {
        let title = show::title(self.record);
        let may_write = frame.may(area_of(self.kind), Access::Write);
        let (one, many, icon) = show::names(self.kind);
        let content = html! {
            nav class="crumbs" aria-label="Where you are" {
                a class="with-icon" href={ "/console/" (self.kind.plural()) } { (icon.draw()) (many) }
                span aria-hidden="true" { "/" }
                span { (one) " #" (self.id()) }
            }
            div class="head" {
                div class="titled" data-part="title" {
                    div class="titled" data-field=[may_write.then(|| self.kind.required())] {
                        h1 { (title) }
                        @if may_write { (self.opener(self.kind.required(), Icon::Pencil)) }
                    }
                    (show::state(self.kind, self.record))
                    div data-field=[may_write.then_some("tags")] { (show::tags(self.record)) @if may_write { (self.opener("tags", Icon::Tag)) } }
                }
                @if may_write { div class="actions" data-part="actions" { (self.actions(frame)) } }
            }
            @if let Some(words) = self.notice { (show::done(words)) }
            (self.typed.summary(self.asked()))
            div class="split" data-record=(self.path()) {
                div class="column" {
                    (self.fields(may_write))
                    @if let Some(picture) = self.picture { (self.workflow(picture, may_write)) }
                    (self.said(frame, may_write))
                }
                div class="column" {
                    (self.about())
                    (self.related())
                    (self.happened())
                }
            }
            @if may_write {
                p class="hidden" role="status" data-record-said {}
                template data-in-place {
                    form class="in-place" {
                        div class="notice notice-bad" role="alert" data-told hidden {}
                        div class="column" data-parts {}
                        div class="actions" {
                            button class="button button-main" type="submit" { "Save" }
                            button class="button" type="button" data-cancel { "Cancel" }
                        }
                    }
                }
                script type="module" src=(assets::path_of("record.js")) {}
            }
        };
        frame.page(Place::Records(self.kind), title, &content)
    }

    fn is_closed(&self) -> bool {
        self.record["status"] == "won" || self.record["status"] == "lost"
    }

    /// Whether it was to be lost, and was not.
    fn was_to_be_lost(&self) -> bool {
        self.kind == Kind::Opportunity && !self.is_closed() && self.typed.value("status") == Some("lost")
    }

    /// The fields of the page that what is wrong stands beside.
    fn asked(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Opportunity if self.was_to_be_lost() => &LOST,
            Kind::Lead | Kind::Contact | Kind::Organization => &["comment", MERGED],
            Kind::Case if !self.steps.is_empty() => &["comment", "step", "said"],
            _ => &["comment"],
        }
    }

    fn actions(&self, frame: &Frame) -> Markup {
        let record = self.record;
        let path = self.path();
        let lost_as = if self.was_to_be_lost() { self.typed } else { &Typed::default() };
        html! {
            @match self.kind {
                Kind::Lead => {
                    @if record["isConverted"] != true && record["isArchived"] != true {
                        (button(frame, &format!("{path}/convert"), "Convert", "button"))
                    }
                    @if record["isArchived"] == true { (button(frame, &format!("{path}/unarchive"), "Unarchive", "button")) }
                    @else { (button(frame, &format!("{path}/archive"), "Archive", "button")) }
                    (self.merge(frame))
                }
                Kind::Opportunity => {
                    @if self.is_closed() { (hidden(frame, &format!("{path}/status"), &[("status", "open"), ("was", record["status"].as_str().unwrap_or_default())], "Reopen")) }
                    @else {
                        (self.moves(frame))
                        (hidden(frame, &format!("{path}/status"), &[("status", "won")], "Won"))
                        (lost(frame, &format!("{path}/status"), lost_as.value("back"), lost_as))
                    }
                }
                Kind::Case => {
                    @if !self.steps.is_empty() { (self.walks(frame)) }
                }
                Kind::Contact | Kind::Organization => (self.merge(frame)),
            }
            a class="button" href={ (path) "/edit" } { "Edit" }
            details class="pop" {
                summary { "Delete" }
                form class="pop-box" method="post" action={ (path) "/delete" } {
                    (form::token(frame))
                    p { "It goes to the trash, where it can be restored from." }
                    button class="button button-bad" type="submit" { "Delete" }
                }
            }
        }
    }

    fn moves(&self, frame: &Frame) -> Markup {
        let option = |step: &Step| html! { option value=(step.id) selected[step.is_here] { (step.words) } };
        html! {
            details class="pop" {
                summary { "Move" }
                form class="pop-box" method="post" action={ (self.path()) "/stage" } {
                    (form::token(frame))
                    div class="field" {
                        label for="step" { "Stage" }
                        select id="step" name="to" {
                            @for steps in self.steps.chunk_by(|one, other| one.within == other.within) {
                                @match steps.first().and_then(|step| step.within.as_deref()) {
                                    Some(pipeline) => optgroup label=(pipeline) { @for step in steps { (option(step)) } },
                                    None => { @for step in steps { (option(step)) } },
                                }
                            }
                        }
                    }
                    button class="button button-main" type="submit" { "Move" }
                }
            }
        }
    }

    fn walks(&self, frame: &Frame) -> Markup {
        let words = |step: &Step| {
            let comment = if step.takes_comment { " (with a comment)" } else { "" };
            (step.id.clone(), format!("{}{comment}", step.words))
        };
        let options: Vec<(String, String)> = self.steps.iter().map(words).collect();
        let only = if let [only] = self.steps { only.id.as_str() } else { "" };
        let step = Field { name: "step", label: "Step", hint: "", required: true };
        let takes_comment = self.steps.iter().any(|step| step.takes_comment);
        let hint = if takes_comment { "Steps with a comment are refused without one." } else { "" };
        let said = Field { name: "said", label: "Comment", hint, required: takes_comment && self.steps.len() == 1 };
        let is_refused = WALKED.iter().any(|name| self.typed.problems(name).next().is_some());
        html! {
            details class="pop" open[is_refused] {
                summary { "Change the status" }
                form class="pop-box" method="post" action={ (self.path()) "/status" } {
                    (form::token(frame))
                    (step.choice(self.typed, &options, only))
                    (said.lines(self.typed, ""))
                    button class="button button-main" type="submit" { "Change the status" }
                }
            }
        }
    }

    fn merge(&self, frame: &Frame) -> Markup {
        let source = Field { name: MERGED, label: "The other one’s number", hint: "", required: true };
        let typed = self.typed.value(MERGED).unwrap_or_default();
        html! {
            details class="pop" open[self.typed.problems(MERGED).next().is_some()] {
                summary { "Merge" }
                form class="pop-box" method="post" action={ (self.path()) "/merge" } {
                    (form::token(frame))
                    input type="hidden" name={ "seen-" (self.id()) } value=(self.seen);
                    p { "Another one is merged into this one: what is empty here is filled from there, and what points there points here." }
                    (source.at("merge-source", self.typed, |id, described, bad| html! {
                        input id=(id) name=(MERGED) type="text" inputmode="numeric" value=(typed) required
                            aria-describedby=[described] aria-invalid=[bad.then_some("true")] autocomplete="off";
                    }))
                    button class="button button-main" type="submit" { "Merge it into this one" }
                }
            }
        }
    }

    /// What opens one of its fields where it stands, where it has that.
    fn opener(&self, id: &str, icon: Icon) -> Markup {
        let found = self.entries.iter().find(|entry| !entry.is_custom && entry.id == id);
        html! { @if let Some(entry) = found { (opener(entry, icon)) } }
    }

    fn fields(&self, may_write: bool) -> Markup {
        html! {
            section class="card" aria-labelledby="fields" data-part="fields" {
                h2 id="fields" class="hidden" { "Fields" }
                dl class="facts" {
                    @for entry in self.entries {
                        @if entry.id != self.kind.required() && entry.id != "tags" {
                            dt { (entry.label) }
                            dd data-field=[may_write.then(|| entry.name())] { (fact(entry, self.record)) @if may_write { (opener(entry, Icon::Pencil)) } }
                        }
                    }
                }
            }
        }
    }

    /// Where a case is in its workflow, and where whoever looks may take it.
    fn workflow(&self, picture: &Picture, may_write: bool) -> Markup {
        html! {
            section class="card no-print" aria-labelledby="workflow" data-part="workflow" {
                h2 id="workflow" { "Workflow" }
                div class="graph-card" tabindex="0" role="region" aria-label="Picture of the workflow" { (picture.draw()) }
                p class="small" {
                    "It is at " strong { (picture.here) } ". "
                    @if may_write && self.steps.is_empty() { "No step leads on from there for you." }
                    @else if may_write {
                        "From there you may take it by: "
                        @for (place, step) in self.steps.iter().enumerate() { @if place > 0 { ", " } (step.words) @if step.takes_comment { " (with a comment)" } }
                        "."
                    }
                }
            }
        }
    }

    fn about(&self) -> Markup {
        let record = self.record;
        html! {
            section class="card" aria-labelledby="about" data-part="about" {
                h2 id="about" { "About" }
                dl class="facts facts-narrow" {
                    dt { "Number" } dd { (self.id()) }
                    @if let Some(external) = record["externalId"].as_str() { dt { "External id" } dd { (external) } }
                    @if let Some(status) = record["status"].as_str() { dt { "Status" } dd { (status) } }
                    @if let Some(stage) = record["stage"].as_str() {
                        @let here = self.steps.iter().find(|step| step.is_here);
                        dt { "Stage" } dd { (here.map_or(stage, |step| &step.words)) }
                        @if let Some(pipeline) = here.and_then(|step| step.within.as_deref()) { dt { "Pipeline" } dd { (pipeline) } }
                    }
                    @if let Some(reason) = record["lostReason"]["reasonId"].as_str() { dt { "Lost because of" } dd { (reason) } }
                    @if let Some(comment) = record["lostReason"]["comment"].as_str() { dt { "Comment" } dd { (comment) } }
                    @if record["opportunityId"].is_string() {
                        @let id = record["opportunityId"].as_str().unwrap_or_default();
                        dt { "Opportunity" } dd { a href=(show::path(Kind::Opportunity, id)) { "#" (id) } }
                    }
                    @if record["leadId"].is_string() {
                        @let id = record["leadId"].as_str().unwrap_or_default();
                        dt { "Made of lead" } dd { a href=(show::path(Kind::Lead, id)) { "#" (id) } }
                    }
                    dt { "Made" } dd { (show::moment_of(&record["createdOn"])) @if let Some(name) = controls::called(&record["creator"]) { " by " (name) } }
                    dt { "Changed" } dd { (show::moment_of(&record["lastUpdatedOn"])) @if let Some(name) = controls::called(&record["lastUpdatedBy"]) { " by " (name) } }
                }
            }
        }
    }

    fn related(&self) -> Markup {
        html! {
            @for (kind, records) in self.related {
                @let (_, many, icon) = show::names(*kind);
                @let member = if self.kind == Kind::Contact { "contactId" } else { "organizationId" };
                section class="card" {
                    h2 { (many) }
                    ul class="rows" {
                        @for record in records {
                            @let id = record["id"].as_str().unwrap_or_default();
                            li {
                                a class="with-icon" href=(show::path(*kind, id)) { (icon.draw()) (show::title(record)) }
                                span class="quiet small" { (show::money(&record["value"])) " " (show::state(*kind, record)) }
                            }
                        }
                    }
                    p class="small" { a href=(list::address(*kind, [(member, self.id())])) { "All of them" } }
                }
            }
        }
    }

    fn said(&self, frame: &Frame, may_write: bool) -> Markup {
        // A comment about a loss is none about the record.
        let typed = if self.was_to_be_lost() { &Typed::default() } else { self.typed };
        html! {
            section class="card" aria-labelledby="comments" {
                h2 id="comments" { "Comments" }
                @if may_write {
                    form class="say" method="post" action={ (self.path()) "/comments" } {
                        (form::token(frame))
                        (Field { name: "comment", label: "Add a comment", hint: "", required: false }.lines(typed, ""))
                        div class="actions" { button class="button" type="submit" { "Comment" } }
                    }
                }
                @if self.comments.items.is_empty() { p class="quiet" { "Nothing was said yet." } }
                ol class="talk" {
                    @for said in self.comments.items {
                        li {
                            p class="quiet small" { (said.by.as_deref().unwrap_or("Somebody")) " · " (show::moment(said.on)) }
                            p class="pre" { (said.text) }
                        }
                    }
                }
                (self.pages(&self.comments, OLDER[0], "comments"))
            }
        }
    }

    fn happened(&self) -> Markup {
        html! {
            section class="card" aria-labelledby="history" data-part="history" {
                h2 id="history" { "History" }
                @if self.history.items.is_empty() { p class="quiet" { "Nothing is kept." } }
                ol class="timeline" { @for change in self.history.items { (happening(change, self.names)) } }
                (self.pages(&self.history, OLDER[1], "changes"))
            }
        }
    }

    /// Leads to older ones, and back to the latest. The parameter is the id of the section too.
    fn pages<T>(&self, part: &Part<'_, T>, parameter: &str, what: &str) -> Markup {
        let path = self.path();
        html! {
            @if !part.is_latest || part.older.is_some() {
                nav class="pages no-print" aria-label={ "Pages of " (what) } {
                    @if !part.is_latest { a class="button" href={ (path) "#" (parameter) } { "Latest " (what) } }
                    @if let Some(token) = part.older {
                        a class="button" href={ (list::at(&path, [(parameter, token)])) "#" (parameter) } { "Older " (what) }
                    }
                }
            }
        }
    }
}

/// What opens a field where it stands. Without script the whole form is opened.
fn opener(entry: &Entry, icon: Icon) -> Markup {
    html! { button class="pencil no-print" type="button" hidden data-edit aria-label={ "Edit " (entry.label) } title={ "Edit " (entry.label) } { (icon.draw()) } }
}

/// The value of a field, with links where it is something to go to.
fn fact(entry: &Entry, record: &Value) -> Markup {
    let value = entry.value(record);
    let text = controls::text(entry, record);
    match &entry.control {
        Control::Record(lookup) if value["id"].is_string() => {
            let kind = if *lookup == Lookup::Contact { Kind::Contact } else { Kind::Organization };
            html! { a href=(show::path(kind, value["id"].as_str().unwrap_or_default())) { (text) } }
        }
        Control::Labeled(_) if value.is_array() => html! {
            ul {
                @for entry in value.as_array().into_iter().flatten() {
                    @let address = entry["value"].as_str().unwrap_or_default();
                    li {
                        @if address.contains('@') { a href={ "mailto:" (address) } { (address) } }
                        @else { a href={ "tel:" (address.replace(' ', "")) } { (address) } }
                        @if let Some(label) = entry["label"].as_str() { " " span class="quiet small" { (label) } }
                    }
                }
            }
        },
        Control::Line(_) if is_web_address(&text) => html! { a href=(text) rel="noopener noreferrer" { (text) } },
        Control::Lines => html! { p class="pre" { (text) } },
        Control::Contacts if value.as_array().is_some_and(|all| !all.is_empty()) => html! {
            ul {
                @for contact in value.as_array().into_iter().flatten() {
                    li { a href=(show::path(Kind::Contact, contact["id"].as_str().unwrap_or_default())) { (controls::called(contact).unwrap_or_default()) } }
                }
            }
        },
        _ => html! { (text) },
    }
}

/// Only what a browser opens as a page: never `javascript:` and the like.
fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_alphanumeric()))
}

fn button(frame: &Frame, action: &str, words: &str, class: &str) -> Markup {
    html! { form method="post" action=(action) { (form::token(frame)) button class=(class) type="submit" { (words) } } }
}

/// A button whose form says more.
#[must_use]
pub fn hidden(frame: &Frame, action: &str, fields: &[(&str, &str)], words: &str) -> Markup {
    html! {
        form method="post" action=(action) {
            (form::token(frame))
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button class="button" type="submit" { (words) }
        }
    }
}

/// What asks why an opportunity is lost. `back` is where it leads then.
#[must_use]
pub fn lost(frame: &Frame, action: &str, back: Option<&str>, typed: &Typed) -> Markup {
    let id = action.replace('/', "-");
    let [reason, comment] = LOST;
    let value = |name: &str| typed.value(name).unwrap_or_default().to_owned();
    let is_refused = LOST.iter().any(|name| typed.problems(name).next().is_some());
    html! {
        details class="pop" open[is_refused] {
            summary { "Lost" }
            form class="pop-box" method="post" action=(action) {
                (form::token(frame))
                input type="hidden" name="status" value="lost";
                @if let Some(back) = back { input type="hidden" name="back" value=(back); }
                (Field { name: reason, label: "Reason", hint: "", required: true }.at(&format!("reason{id}"), typed, |id, described, bad| html! {
                    input id=(id) name=(reason) type="text" value=(value(reason)) required
                        aria-describedby=[described] aria-invalid=[bad.then_some("true")] autocomplete="off";
                }))
                (Field { name: comment, label: "Comment", hint: "", required: false }.at(&format!("words{id}"), typed, |id, described, bad| html! {
                    // The parser takes the first line end of a text away.
                    textarea id=(id) name=(comment) rows="3"
                        aria-describedby=[described] aria-invalid=[bad.then_some("true")] { "\n" (value(comment)) }
                }))
                button class="button button-bad" type="submit" { "Lost" }
            }
        }
    }
}

/// The form to change a record: with what was typed and refused, or with the conflicts to decide.
#[must_use]
pub fn edit(
    frame: &Frame,
    kind: Kind,
    record: &Value,
    entries: &[Entry],
    typed: &Typed,
    conflicts: &[String],
) -> Markup {
    let title = format!("Edit {}", show::title(record));
    let path = show::path(kind, record["id"].as_str().unwrap_or_default());
    let names: Vec<String> = entries.iter().map(Entry::name).collect();
    let shown: Vec<&str> = names.iter().map(String::as_str).collect();
    let content = html! {
        (show::head(&title, &html! {}))
        form class="card grid-form" method="post" action={ (path) "/edit" } {
            (form::token(frame))
            (typed.summary(&shown))
            (controls::all(frame, entries, record, typed, conflicts))
            div class="actions" {
                button class="button button-main" type="submit" { "Save" }
                a class="button" href=(path) { "Cancel" }
            }
        }
    };
    frame.page(Place::Records(kind), &title, &content)
}

/// The parameter, and the field of the form, that says what a new record is made in.
pub const PLACE: &str = "type";

/// What a new record is made in: one of the types of cases, one of the pipelines.
pub struct Places {
    /// What people call all of them.
    pub label: &'static str,
    /// Each by its id and name, first the one that is taken unless one is chosen.
    pub places: Vec<(String, String)>,
}

impl Places {
    /// The one that was asked for, or else the first.
    #[must_use]
    pub fn chosen(&self, asked: Option<&str>) -> Option<&str> {
        let wanted = self.places.iter().find(|(id, _)| asked == Some(id));
        wanted.or(self.places.first()).map(|(id, _)| id.as_str())
    }
}

/// The page to make one in this place.
#[must_use]
pub fn new_in(kind: Kind, place: &str) -> String {
    format!("/console/{}/new?{PLACE}={place}", kind.plural())
}

/// The form of a new record, `within` a place of those that there are, whose fields these are.
#[must_use]
pub fn new(frame: &Frame, kind: Kind, entries: &[Entry], typed: &Typed, within: Option<(&Places, &str)>) -> Markup {
    let (one, ..) = show::names(kind);
    let title = format!("New {}", one.to_lowercase());
    let names: Vec<String> = entries.iter().map(Entry::name).collect();
    let shown: Vec<&str> = names.iter().map(String::as_str).collect();
    let content = html! {
        (show::head(&title, &html! {}))
        @if let Some((Places { label, places }, chosen)) = within.filter(|(places, _)| places.places.len() > 1) {
            nav class="tabs" aria-label=(label) {
                @for (id, name) in places {
                    a class="tab" href=(new_in(kind, id)) aria-current=[(id == chosen).then_some("page")] { (name) }
                }
            }
        }
        form class="card grid-form" method="post" action={ "/console/" (kind.plural()) "/new" } {
            (form::token(frame))
            @if let Some((_, chosen)) = within { input type="hidden" name=(PLACE) value=(chosen); }
            (typed.summary(&shown))
            (controls::all(frame, entries, &Value::Null, typed, &[]))
            div class="actions" {
                button class="button button-main" type="submit" { (Icon::Plus.draw()) "Make the " (one.to_lowercase()) }
                a class="button" href={ "/console/" (kind.plural()) } { "Cancel" }
            }
        }
    };
    frame.page(Place::Records(kind), &title, &content)
}
