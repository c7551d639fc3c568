//! Records that look like one, side by side, and merging them.

use crm_core::keys::{Access, Area};
use crm_directory::Duplicates;
use crm_exchange::Kind;
use crm_suite::merge::Repointed;
use maud::{Markup, html};
use serde_json::Value;

use crate::controls;
use crate::fields::Entry;
use crate::form::{self, Typed};
use crate::frame::area_of;
use crate::{Frame, Place, list, show};

/// The kinds of which groups are found.
pub const KINDS: [Kind; 2] = [Kind::Contact, Kind::Organization];

/// The page of the groups of a kind.
#[must_use]
pub fn groups(frame: &Frame, kind: Kind, groups: &[Duplicates], next: Option<&str>, is_first: bool) -> Markup {
    let (_, many, _) = show::names(kind);
    let path = format!("/console/{}/duplicates", kind.plural());
    let content = html! {
        (show::head("Duplicates", &html! {}))
        p class="lead" { "Those with one e-mail address, phone number or name. Look at them side by side, and merge them where they are one." }
        nav class="tabs" aria-label="Kinds" {
            @for other in KINDS {
                a class="tab" href={ "/console/" (other.plural()) "/duplicates" } aria-current=[(other == kind).then_some("page")] { (show::names(other).1) }
            }
        }
        @if groups.is_empty() { div class="empty" { p { "No " (many.to_lowercase()) " look like one." } } }
        @for (number, found) in groups.iter().enumerate() { (group(frame, kind, number, found)) }
        nav class="pages" aria-label="Pages" {
            @if !is_first { a class="button" href=(path) { "First page" } }
            @if let Some(token) = next { a class="button" rel="next" href={ (path) "?continuationToken=" (token) } { "Next page" } }
        }
    };
    frame.page(Place::Duplicates, "Duplicates", &content)
}

fn group(frame: &Frame, kind: Kind, number: usize, group: &Duplicates) -> Markup {
    let id = format!("group-{number}");
    let may_write = frame.may(area_of(kind), Access::Write);
    html! {
        section class="card" aria-labelledby=(id) {
            h2 id=(id) { (by(group.by)) " “" (group.value) "”" }
            form method="get" action={ "/console/" (kind.plural()) "/compare" } {
                ul class="rows" {
                    @for item in &group.items {
                        li {
                            span class="box" {
                                @if may_write { input type="checkbox" name="id" value=(item.id) checked aria-label={ "Compare " (item.name) " #" (item.id) }; }
                                a href=(show::path(kind, &item.id)) { (item.name) }
                                span class="quiet small" { "#" (item.id) }
                            }
                            span class="quiet small" {
                                @for text in [&item.email, &item.phone].into_iter().flatten() { (text) " · " }
                                "made " (show::moment(item.created_on))
                            }
                        }
                    }
                }
                @if i64::try_from(group.items.len()).is_ok_and(|shown| shown < group.count) {
                    p class="quiet small" { "The first " (group.items.len()) " of " (group.count) "." }
                }
                @if may_write { div class="actions spaced" { button class="button" type="submit" { "Side by side" } } }
            }
        }
    }
}

fn by(word: &str) -> &'static str {
    match word {
        "email" => "One e-mail address,",
        "phone" => "One phone number, which ends in",
        _ => "One name,",
    }
}

/// Records side by side, of which one is to take the others in.
pub struct Comparison<'a> {
    /// What they are.
    pub kind: Kind,
    /// As the API shows them.
    pub records: &'a [Value],
    /// What each of them was when this page was made.
    pub seen: &'a [String],
    /// The fields that they have.
    pub entries: &'a [Entry],
    /// The id of the one that stays.
    pub into: &'a str,
    /// What a merge would come to, where that was asked: the record, and what would point at it.
    pub would: Option<(&'a Value, Repointed)>,
    /// What was refused.
    pub typed: &'a Typed,
}

impl Comparison<'_> {
    /// The page.
    #[must_use]
    pub fn page(&self, frame: &Frame) -> Markup {
        let (_, many, _) = show::names(self.kind);
        let title = format!("{many} side by side");
        let content = html! {
            (show::head(&title, &html! {}))
            (self.typed.summary(&[]))
            @if let Some((_, repointed)) = self.would { (would_point(frame, repointed)) }
            @if self.records.len() < 2 {
                div class="empty" {
                    p { "Two or more are needed." }
                    p { a class="button" href=(list::address(self.kind, [])) { "All " (many.to_lowercase()) } }
                }
            } @else { (self.table(frame, &title)) }
        };
        frame.page(Place::Records(self.kind), &title, &content)
    }

    fn table(&self, frame: &Frame, title: &str) -> Markup {
        let may_write = frame.may(area_of(self.kind), Access::Write);
        let id = |record: &Value| record["id"].as_str().unwrap_or_default().to_owned();
        html! {
            form method="post" action={ "/console/" (self.kind.plural()) "/compare" } {
                (form::token(frame))
                @for (record, seen) in self.records.iter().zip(self.seen) {
                    input type="hidden" name="id" value=(id(record));
                    input type="hidden" name={ "seen-" (id(record)) } value=(seen);
                }
                div class="table-box" tabindex="0" role="region" aria-label=(title) {
                    table {
                        thead { tr {
                            th scope="col" { "Field" }
                            @for record in self.records {
                                @let id = id(record);
                                th scope="col" {
                                    a href=(show::path(self.kind, &id)) { (show::title(record)) " #" (id) }
                                    @if may_write {
                                        label class="box small" {
                                            input type="radio" name="into" value=(id) required checked[id == self.into];
                                            span { "Keep this one" }
                                        }
                                    }
                                }
                            }
                            @if self.would.is_some() { th scope="col" { "What it would be" } }
                        } }
                        tbody { @for entry in self.entries { (self.row(entry)) } }
                    }
                }
                @if may_write {
                    div class="actions spaced" {
                        button class="button" type="submit" name="action" value="try" { "Try it" }
                        button class="button button-main" type="submit" name="action" value="merge" { "Merge them" }
                        span class="quiet small" { "What is empty in the one that stays is filled from the others. They go to the trash, from where a merge is undone." }
                    }
                }
            }
        }
    }

    /// Fields that nobody has are left out; where the records differ is marked.
    fn row(&self, entry: &Entry) -> Markup {
        let texts: Vec<String> = self.records.iter().map(|record| controls::text(entry, record)).collect();
        let differs = texts.windows(2).any(|pair| pair[0] != pair[1]);
        html! {
            @if texts.iter().any(|text| text != NOTHING) {
                tr {
                    th scope="row" { (entry.label) @if differs { " " span class="pill pill-warn" { "differs" } } }
                    @for text in &texts { td class="pre" { (text) } }
                    @if let Some((record, _)) = self.would { td class="pre" { strong { (controls::text(entry, record)) } } }
                }
            }
        }
    }
}

/// What stands where a record has no value.
const NOTHING: &str = "–";

/// Of areas that may be read alone: how many cases somebody has says something about them.
fn would_point(frame: &Frame, repointed: Repointed) -> Markup {
    let Repointed { contacts, leads, opportunities, cases, comments } = repointed;
    let all = [
        (Area::Directory, contacts, "contacts"),
        (Area::Pipeline, leads, "leads"),
        (Area::Pipeline, opportunities, "opportunities"),
        (Area::Cases, cases, "cases"),
        (Area::Directory, comments, "comments"),
    ];
    let told = all.iter().filter(|(area, count, _)| *count > 0 && frame.may(*area, Access::Read));
    let told: Vec<String> = told.map(|(_, count, what)| format!("{count} {what}")).collect();
    html! {
        div class="notice notice-warn" role="status" {
            div {
                p { "Nothing is changed yet: the last column shows what would be." }
                @if !told.is_empty() { p { "What would come along: " (told.join(", ")) "." } }
            }
        }
    }
}
