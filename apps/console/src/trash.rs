//! What was deleted, and searching.

use crm_core::keys::Access;
use crm_exchange::Kind;
use crm_history::Discarded;
use crm_suite::search::Match;
use maud::{Markup, html};

use crate::form;
use crate::frame::area_of;
use crate::record::hidden;
use crate::{Frame, Place, show};

/// The kind of records of this name.
fn kind_of(name: &str) -> Option<Kind> {
    Kind::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// A page of the trash.
#[must_use]
pub fn trash(
    frame: &Frame,
    items: &[Discarded],
    next: Option<&str>,
    is_first: bool,
    notice: Option<&str>,
    days: i64,
) -> Markup {
    let content = html! {
        (show::head("Trash", &html! {}))
        p class="lead" { "What is deleted or merged can be restored for " (days) " days." }
        @if let Some(words) = notice { (show::done(words)) }
        @if items.is_empty() { div class="empty" { p { "The trash is empty." } } }
        @else {
            div class="table-box" tabindex="0" role="region" aria-label="Trash" {
                table {
                    thead { tr {
                        th scope="col" { "What" } th scope="col" { "Kind" } th scope="col" { "Deleted" } th scope="col" { "By" }
                        th scope="col" { "Gone for good" } th scope="col" { span class="hidden" { "Actions" } }
                    } }
                    tbody { @for item in items { (discarded(frame, item)) } }
                }
            }
        }
        nav class="pages" aria-label="Pages" {
            @if !is_first { a class="button" href="/console/trash" { "First page" } }
            @if let Some(token) = next { a class="button" rel="next" href={ "/console/trash?continuationToken=" (token) } { "Next page" } }
        }
    };
    frame.page(Place::Trash, "Trash", &content)
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
                            p { "It cannot be restored then." }
                            button class="button button-bad" type="submit" { "Delete for good" }
                        }
                    }
                }
            }
        }
    }
}

/// What was found.
#[must_use]
pub fn search(frame: &Frame, text: &str, found: &[Match]) -> Markup {
    let content = html! {
        (show::head(&if text.is_empty() { "Search".to_owned() } else { format!("“{text}”") }, &html! {}))
        @if text.is_empty() { p class="lead" { "Type a part of a title, a name, an e-mail address or a phone number, or a number of a record." } }
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
