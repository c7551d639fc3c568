//! Lists of records: order and page in the address, boxes to do something with several.

use crm_core::keys::Access;
use crm_core::params::ParamDescription;
use crm_exchange::{Columns, Kind};
use crm_opportunities::Pipeline;
use crm_tags::TagOption;
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::fields::words_of;
use crate::filters::{Called, OF_PAGE};
use crate::form::{self, Field, Typed};
use crate::frame::area_of;
use crate::icon::Icon;
use crate::people::{People, Role};
use crate::{Frame, Place, show};

/// A page of a list.
pub struct List<'a> {
    /// What is listed.
    pub kind: Kind,
    /// The columns that the kind has in the tenant.
    pub columns: &'a Columns,
    /// Those that are shown.
    pub chosen: &'a [String],
    /// The parameters of the address, without those of the page.
    pub given: &'a [(String, String)],
    /// What can be filtered by.
    pub filters: &'a [ParamDescription],
    /// What it can be ordered by, and what it is ordered by; whether downwards.
    pub orders: &'a [&'static str],
    /// What it is ordered by.
    pub order_by: &'a str,
    /// Whether the largest comes first.
    pub is_descending: bool,
    /// The records.
    pub records: &'a [Value],
    /// Leads to the next page.
    pub next: Option<&'a str>,
    /// Whether this is the first one.
    pub is_first: bool,
    /// The tags that the kind has.
    pub tags: &'a [TagOption],
    /// The pipelines, where it is of them.
    pub pipelines: &'a [Pipeline],
    /// The contacts and organizations that are filtered by.
    pub called: &'a Called,
    /// The people that it can be filtered by.
    pub people: &'a [People],
    /// The filters that were refused: then nothing is listed.
    pub refused: &'a Typed,
    /// What was refused that was to be done with those that are selected.
    pub selected: &'a Typed,
}

/// The field with the owner of those that are selected.
const OWNER: &str = "owner";

/// How a list is exported: as parameters of the API, for the spreadsheets of people.
pub const EXPORTED_AS: [(&str, &str); 4] =
    [("format", "csv"), ("headers", "label"), ("excelSafe", "true"), ("bom", "true")];

/// The columns that are shown unless somebody chose others.
#[must_use]
pub fn usual(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Lead => &["value.amount", "leadRating", "organization", "owner.name", "tags", "lastUpdatedOn"],
        Kind::Opportunity => {
            &["value.amount", "stage", "status", "organization", "owner.name", "tags", "lastUpdatedOn"]
        }
        Kind::Contact => &["email", "phone", "organization", "jobTitle", "owner.name", "tags"],
        Kind::Organization => &["industry", "website", "email", "owner.name", "tags", "lastUpdatedOn"],
        Kind::Case => {
            &["status", "priority", "caseType", "assignee.name", "expectedDate", "organization", "lastUpdatedOn"]
        }
    }
}

/// The address of a list with these parameters.
#[must_use]
pub fn address<'p>(kind: Kind, pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    at(&format!("/console/{}", kind.plural()), pairs)
}

/// A path with these parameters.
#[must_use]
pub fn at<'p>(path: &str, pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

impl List<'_> {
    pub(crate) fn given_but<'s>(&'s self, left_out: &'s [&'s str]) -> impl Iterator<Item = (&'s str, &'s str)> {
        let pairs = self.given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(move |(name, _)| !left_out.contains(name))
    }

    /// The page.
    #[must_use]
    pub fn page(&self, frame: &Frame, notice: Option<&str>) -> Markup {
        let (one, many, _) = show::names(self.kind);
        let may_write = frame.may(area_of(self.kind), Access::Write);
        let export = address(self.kind, self.given_but(OF_PAGE).chain(EXPORTED_AS)).replacen('?', "/export?", 1);
        let actions = html! {
            @if !self.refused.is_refused() { a class="button" href=(export) download { "Export" } }
            @if may_write {
                a class="button button-main" href={ "/console/" (self.kind.plural()) "/new" } {
                    (Icon::Plus.draw()) "New " (one.to_lowercase())
                }
            }
        };
        let content = html! {
            (show::head(many, &actions))
            @if let Some(words) = notice { (show::done(words)) }
            (self.selected.summary(&[OWNER]))
            (self.filters())
            (self.active())
            @if self.refused.is_refused() {}
            @else if self.records.is_empty() { (self.nothing(may_write)) } @else { (self.table(frame, may_write)) }
            (self.pages())
        };
        frame.page(Place::Records(self.kind), many, &content)
    }

    fn nothing(&self, may_write: bool) -> Markup {
        let (one, many, _) = show::names(self.kind);
        html! {
            div class="empty" {
                @if self.has_filters() {
                    p { "Nothing matches these filters." }
                    p { a class="button" href=(address(self.kind, [])) { "Show all " (many.to_lowercase()) } }
                } @else {
                    p { "There are no " (many.to_lowercase()) " yet." }
                    @if may_write {
                        p { a class="button button-main" href={ "/console/" (self.kind.plural()) "/new" } { "Make the first " (one.to_lowercase()) } }
                    }
                }
            }
        }
    }

    fn table(&self, frame: &Frame, may_write: bool) -> Markup {
        let columns: Vec<_> = self.chosen.iter().filter_map(|name| self.columns.find(name).ok()).collect();
        let title = self.kind.required();
        let (_, many, _) = show::names(self.kind);
        html! {
            form method="post" action={ "/console/" (self.kind.plural()) "/selected" } {
                (form::token(frame))
                input type="hidden" name="back" value=(address(self.kind, self.given_but(&[])));
                @for order in ["orderBy", "sort"] {
                    @if let Some(value) = self.value(order) { input type="hidden" name=(order) value=(value); }
                }
                div class="table-box" tabindex="0" role="region" aria-label=(many) {
                    table {
                        thead {
                            tr {
                                th scope="col" class="tick" { span class="hidden" { "Selected" } }
                                (self.heading(title, if title == "name" { "Name" } else { "Title" }))
                                @for column in &columns { (self.heading(column.name(), column.label())) }
                            }
                        }
                        tbody {
                            @for record in self.records {
                                @let id = record["id"].as_str().unwrap_or_default();
                                @let name = show::title(record);
                                tr {
                                    td class="tick" { input type="checkbox" name="id" value=(id) checked[self.selected.has("id", id)] aria-label={ "Select " (name) }; }
                                    th scope="row" {
                                        a href=(show::path(self.kind, id)) { (name) }
                                        @if self.kind == Kind::Lead { " " (show::state(self.kind, record)) }
                                    }
                                    @for column in &columns { (cell(column, record)) }
                                }
                            }
                        }
                    }
                }
                (self.together(may_write))
            }
        }
    }

    fn heading(&self, name: &str, label: &str) -> Markup {
        // A column of an amount is ordered by the amount.
        let order = self.orders.iter().find(|order| **order == name || name.strip_suffix(".amount") == Some(**order));
        let is_number = name.ends_with(".amount");
        let Some(order) = order else {
            return html! { th scope="col" class=[is_number.then_some("number")] { (label) } };
        };
        let is_current = *order == self.order_by;
        let direction = if is_current && self.is_descending { "asc" } else { "desc" };
        let pairs = self.given_but(&["orderBy", "sort", "page", "offset", "continuationToken"]);
        let path = address(self.kind, pairs.chain([("orderBy", *order), ("sort", direction)]));
        let sorted = is_current.then_some(if self.is_descending { "descending" } else { "ascending" });
        html! {
            th scope="col" class=[is_number.then_some("number")] aria-sort=[sorted] {
                a href=(path) { (label) @if is_current { span aria-hidden="true" { (if self.is_descending { " ↓" } else { " ↑" }) } } }
            }
        }
    }

    fn together(&self, may_write: bool) -> Markup {
        let export = format!("/console/{}/selected/export", self.kind.plural());
        html! {
            fieldset class="selected no-print" {
                legend { "With those that are selected" }
                @if may_write { (self.changes()) }
                button class="button" type="submit" formaction=(export) { "Export them" }
                @if may_write { button class="button" type="submit" name="action" value="delete" { (Icon::Trash.draw()) "Delete" } }
            }
        }
    }

    fn changes(&self) -> Markup {
        let label = "Owner: name, e-mail or id";
        let owner = Field { name: OWNER, label, hint: "", required: false };
        let typed = self.selected.value(OWNER).unwrap_or_default();
        html! {
            // The first button is what Enter presses: that of the one field to type in.
            div class="together" {
                (owner.at("selected-owner", self.selected, |id, described, bad| html! {
                    input type="text" id=(id) name=(OWNER) value=(typed) placeholder="Owner’s name, e-mail or id" list="selected-owners"
                        aria-describedby=[described] aria-invalid=[bad.then_some("true")] autocomplete="off";
                }))
                @for people in self.people { @if people.role == Role::Owner { (people.suggested("selected-owners")) } }
                button class="button" type="submit" name="action" value="owner" { "Give to" }
                button class="button" type="submit" name="action" value="noOwner" { "Take the owner off" }
            }
            @if !self.tags.is_empty() {
                div class="together" {
                    label class="hidden" for="selected-tag" { "Tag" }
                    select id="selected-tag" name="tag" {
                        @for tag in self.tags {
                            @let id = tag.id.to_string();
                            option value=(id) selected[self.selected.value("tag") == Some(&id)] { (tag.label) }
                        }
                    }
                    button class="button" type="submit" name="action" value="tag" { "Add the tag" }
                }
            }
            @if matches!(self.kind, Kind::Lead | Kind::Contact | Kind::Organization) {
                button class="button" type="submit" name="action" value="compare" { "Side by side" }
            }
        }
    }

    fn pages(&self) -> Markup {
        html! {
            nav class="pages" aria-label="Pages" {
                @if !self.is_first {
                    a class="button" href=(address(self.kind, self.given_but(&["page", "offset", "continuationToken"]))) { "First page" }
                }
                @if let Some(token) = self.next {
                    @let pairs = self.given_but(&["page", "offset", "continuationToken"]).chain([("continuationToken", token)]);
                    a class="button" rel="next" href=(address(self.kind, pairs)) { "Next page" }
                }
            }
        }
    }
}

fn cell(column: &crm_exchange::Column, record: &Value) -> Markup {
    let name = column.name();
    let text = column.write(record);
    html! {
        @if name == "tags" { td { (show::tags(record)) } }
        @else if name.ends_with("On") { td { (show::moment_of(&record[name])) } }
        @else if name == "value.amount" { td class="number" { (show::money(&record["value"])) } }
        @else if name == "status" && record["lostReason"].is_object() { td { span class="pill pill-bad" { (text) } } }
        @else if matches!(name, "leadRating" | "priority") { td { (words_of(&text)) } }
        @else { td { (text) } }
    }
}

/// What is to be done with those that are selected, asked once more.
#[must_use]
pub fn confirm_deletion(frame: &Frame, kind: Kind, ids: &[String], back: &str, days: i64) -> Markup {
    let (one, many, _) = show::names(kind);
    let what = if ids.len() == 1 {
        format!("1 {}", one.to_lowercase())
    } else {
        format!("{} {}", ids.len(), many.to_lowercase())
    };
    let content = html! {
        (show::head(&format!("Delete {what}?"), &html! {}))
        form class="card" method="post" action={ "/console/" (kind.plural()) "/selected" } {
            (form::token(frame))
            (Typed::default().summary(&[]))
            input type="hidden" name="back" value=(back);
            input type="hidden" name="sure" value="yes";
            @for id in ids { input type="hidden" name="id" value=(id); }
            p {
                @if days > 0 { "They are in the trash for " (days) " days and can be restored from there." }
                @else { "They are gone for good: this server keeps no trash." }
            }
            div class="actions spaced" {
                button class="button button-bad" type="submit" name="action" value="delete" { "Delete " (what) }
                a class="button" href=(back) { "Keep them" }
            }
        }
    };
    frame.page(Place::Records(kind), &format!("Delete {what}?"), &content)
}
