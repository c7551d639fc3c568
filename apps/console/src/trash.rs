//! What was deleted, and searching.

use crm_core::keys::Access;
use crm_exchange::Kind;
use crm_history::Discarded;
use crm_suite::search::Match;
use maud::{Markup, html};

use crate::filters::{Group, choice, field};
use crate::form::{self, Typed};
use crate::frame::area_of;
use crate::icon::Icon;
use crate::list::at;
use crate::record::hidden;
use crate::{Frame, Place, show};

/// The kind of records of this name.
#[must_use]
pub fn kind_of(name: &str) -> Option<Kind> {
    Kind::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// A page of the trash.
pub struct Trash<'a> {
    /// What is in it.
    pub items: &'a [Discarded],
    /// The kinds of records that whoever looks may see.
    pub kinds: &'a [Kind],
    /// The parameters of the address: what is searched for.
    pub given: &'a [(String, String)],
    /// Leads to the next page.
    pub next: Option<&'a str>,
    /// Whether this is the first one.
    pub is_first: bool,
    /// Among how many of them it was searched, the latest ones first, where it was.
    pub searched: Option<i64>,
    /// Whether not all that was found is shown.
    pub is_cut: bool,
    /// What has just been done.
    pub notice: Option<&'a str>,
    /// For how many days what is deleted is kept.
    pub days: i64,
    /// What is searched for and was refused: then nothing is listed.
    pub refused: &'a Typed,
}

/// Its path.
pub const TRASH: &str = "/console/trash";
/// What it is searched by.
const SOUGHT: [&str; 2] = ["title", "kinds"];

impl Trash<'_> {
    fn value(&self, name: &str) -> &str {
        self.given.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
    }

    fn address(&self, more: Option<(&str, &str)>) -> String {
        let sought = self.given.iter().filter(|(name, _)| name != "continuationToken");
        at(TRASH, sought.map(|(name, value)| (name.as_str(), value.as_str())).chain(more))
    }

    /// The page.
    #[must_use]
    pub fn page(&self, frame: &Frame) -> Markup {
        let is_sought = SOUGHT.iter().any(|name| !self.value(name).is_empty());
        let content = html! {
            (show::head("Trash", &html! {}))
            p class="lead" { "What is deleted or merged can be restored for " (self.days) " days." }
            @if let Some(words) = self.notice { (show::done(words)) }
            (self.refused.summary(&SOUGHT))
            (self.search(is_sought))
            @if self.refused.is_refused() {}
            @else if self.items.is_empty() { (self.nothing(is_sought)) }
            @else {
                @if self.is_cut { p class="quiet" { "There is more of it: type more of the title." } }
                div class="table-box" tabindex="0" role="region" aria-label="Trash" {
                    table {
                        thead { tr {
                            th scope="col" { "What" } th scope="col" { "Kind" } th scope="col" { "Deleted" } th scope="col" { "By" }
                            th scope="col" { "Gone for good" } th scope="col" { span class="hidden" { "Actions" } }
                        } }
                        tbody { @for item in self.items { (discarded(frame, item)) } }
                    }
                }
            }
            nav class="pages" aria-label="Pages" {
                @if !self.is_first { a class="button" href=(self.address(None)) { "First page" } }
                @if let Some(token) = self.next {
                    a class="button" rel="next" href=(self.address(Some(("continuationToken", token)))) {
                        @if self.searched.is_some() { "Search what was deleted before" } @else { "Next page" }
                    }
                }
            }
        };
        frame.page(Place::Trash, "Trash", &content)
    }

    fn nothing(&self, is_sought: bool) -> Markup {
        html! {
            div class="empty" {
                @if let Some(most) = self.searched.filter(|_| self.next.is_some()) {
                    p { "No title among the " (most) " that were deleted last is so." }
                }
                @else if is_sought { p { "Nothing in the trash is so." } }
                @else { p { "The trash is empty." } }
            }
        }
    }

    fn search(&self, is_sought: bool) -> Markup {
        let options = self.kinds.iter().map(|kind| (kind.name().to_owned(), show::names(*kind).1.to_owned()));
        let kinds = Group::of(options);
        html! {
            form class="filters" method="get" action=(TRASH) role="search" aria-label="Trash" {
                (field(self.refused, "trash-title", &["title"], ("Title or name", ""), |spot| {
                    spot.line("text", "title", self.value("title"))
                }))
                (field(self.refused, "trash-kinds", &["kinds"], ("Kind", ""), |spot| {
                    choice(spot, "kinds", self.value("kinds"), self.value("kinds"), &kinds)
                }))
                button class="button" type="submit" { (Icon::Search.draw()) "Search" }
                @if is_sought { a class="button button-plain" href=(TRASH) { "Clear" } }
            }
        }
    }
}

fn discarded(frame: &Frame, item: &Discarded) -> Markup {
    let kind = kind_of(item.kind.as_str());
    let by = item.deleted_by.as_ref().and_then(|user| user.name().or(user.email()));
    html! {
        tr {
            th scope="row" { (item.title) @if let Some(target) = &item.merged_into { " " span class="pill" { "merged into #" (target) } } }
            td { @if let Some(kind) = kind { span class="with-icon" { (show::names(kind).2.draw()) (show::names(kind).0) } } }
            td { (show::moment(item.deleted_on)) }
            td { (by.unwrap_or("–")) }
            td { (show::moment(item.expires_on)) }
            td class="row-actions" {
                @if let Some(kind) = kind.filter(|kind| frame.may(area_of(*kind), Access::Write)) {
                    @let path = format!("/console/trash/{}/{}", kind.name(), item.id);
                    (hidden(frame, &format!("{path}/restore"), &[], "Restore"))
                    details class="pop" {
                        summary aria-label={ "Delete " (item.title) " for good" } { "Delete for good" }
                        form class="pop-box" method="post" action={ (path) "/delete" } {
                            (form::token(frame))
                            p { "It cannot be restored then. What happened to it stays in the history." }
                            label class="box" {
                                input type="checkbox" name="erase" value="true";
                                span { "Erase it: take every value out of its history, comments and kept answers too. This cannot be undone." }
                            }
                            button class="button button-bad" type="submit" { "Delete for good" }
                        }
                    }
                }
            }
        }
    }
}

/// The most characters of what was searched for in the heading.
const MOST_OF_TITLE: usize = 100;

/// What was found.
#[must_use]
pub fn search(frame: &Frame, text: &str, found: &[Match], refused: &Typed) -> Markup {
    let content = html! {
        (show::head(&if text.is_empty() { "Search".to_owned() } else { format!("“{}”", crm_core::error::cut(text, MOST_OF_TITLE)) }, &html! {}))
        (refused.summary(&["q"]))
        form class="filters" method="get" action="/console/search" role="search" aria-label="Search for something else" {
            (field(refused, "q", &["q"], ("Search for", ""), |spot| spot.line("search", "q", text)))
            button class="button" type="submit" { (Icon::Search.draw()) "Search" }
        }
        @if refused.is_refused() {}
        @else if text.is_empty() { p class="lead" { "Type a part of a title, a name, an e-mail address or a phone number, or a number of a record." } }
        @else if found.is_empty() { div class="empty" { p { "Nothing was found." } } }
        @else {
            ul class="rows card" {
                @for hit in found {
                    @if let Some(kind) = kind_of(hit.kind) {
                        li {
                            a class="with-icon" href=(show::path(kind, &hit.id)) { (show::names(kind).2.draw()) (hit.title) }
                            span class="quiet small" { @if let Some(subtitle) = &hit.subtitle { (subtitle) " · " } (show::names(kind).0) " #" (hit.id) }
                        }
                    }
                }
            }
        }
    };
    frame.page(Place::Elsewhere, "Search", &content)
}
