//! Settings, tags with their colours.

use crm_core::keys::Access;
use crm_exchange::Kind;
use crm_tags::TagOption;
use maud::{Markup, html};

use crate::form::{self, Field, Typed};
use crate::frame::area_of;
use crate::icon::Icon;
use crate::{Frame, Place, show};

/// What a tag is given unless somebody chooses.
const GREY: &str = "#808080";

/// The tags of a kind of records. `edited` is the one whose change was refused.
#[must_use]
pub fn list(
    frame: &Frame,
    kind: Kind,
    tags: &[TagOption],
    notice: Option<&str>,
    edited: Option<&str>,
    typed: &Typed,
) -> Markup {
    let may_write = frame.may(area_of(kind), Access::Write);
    let path = format!("/console/settings/tags/{}", kind.plural());
    let none = Typed::default();
    let content = html! {
        (show::head("Tags", &html! {}))
        nav class="tabs" aria-label="Kinds" {
            @for (_, other) in Kind::NAMES {
                @if frame.may(area_of(*other), Access::Read) {
                    a class="tab" href={ "/console/settings/tags/" (other.plural()) } aria-current=[(*other == kind).then_some("page")] { (show::names(*other).1) }
                }
            }
        }
        @if let Some(words) = notice { (show::done(words)) }
        (typed.summary(&["label", "color"]))
        @if tags.is_empty() { div class="empty" { p { "There are no tags of " (kind.plural()) " yet." } } }
        @else {
            div class="table-box" tabindex="0" role="region" aria-label="Tags" {
                table {
                    caption class="hidden" { "Tags of " (kind.plural()) }
                    thead { tr { th scope="col" { "Tag" } th scope="col" { "Colour" } @if may_write { th scope="col" { span class="hidden" { "Actions" } } } } }
                    tbody {
                        @for tag in tags {
                            @let id = tag.id.to_string();
                            @let typed = if edited == Some(id.as_str()) { typed } else { &none };
                            (row(frame, kind, &path, tag, may_write, typed))
                        }
                    }
                }
            }
        }
        @if may_write { (maker(frame, &path, if edited.is_none() { typed } else { &none })) }
    };
    frame.page(Place::Tags, "Tags", &content)
}

fn row(frame: &Frame, kind: Kind, path: &str, tag: &TagOption, may_write: bool, typed: &Typed) -> Markup {
    let id = tag.id.to_string();
    let is_refused = !typed.errors.is_empty() || typed.problem.is_some();
    let label = typed.value("label").unwrap_or(&tag.label);
    let color = typed.value("color").unwrap_or(&tag.color);
    html! {
        tr {
            th scope="row" { span class="pill" { (show::dot(Some(&tag.color))) (tag.label) } }
            td { code { (tag.color) } }
            @if may_write {
                td class="row-actions" {
                    a class="button" href=(crate::list::address(kind, [("tags", id.as_str())])) { "Records" }
                    details class="pop" open[is_refused] {
                        summary aria-label={ "Change the tag " (tag.label) } { "Change" }
                        form class="pop-box" method="post" action={ (path) "/" (id) "/edit" } {
                            (form::token(frame))
                            div class="field" {
                                label for={ "label-" (id) } { "Label" }
                                input id={ "label-" (id) } type="text" name="label" value=(label) required autocomplete="off";
                                @for problem in typed.problems("label") { p class="words bad" { (Icon::Alert.draw()) (problem) } }
                            }
                            div class="field" {
                                label for={ "color-" (id) } { "Colour" }
                                input id={ "color-" (id) } type="color" name="color" value=(color);
                                @for problem in typed.problems("color") { p class="words bad" { (Icon::Alert.draw()) (problem) } }
                            }
                            button class="button button-main" type="submit" { "Save" }
                        }
                    }
                    details class="pop" {
                        summary aria-label={ "Delete the tag " (tag.label) } { "Delete" }
                        form class="pop-box" method="post" action={ (path) "/" (id) "/delete" } {
                            (form::token(frame))
                            p { "It comes off every record that has it." }
                            button class="button button-bad" type="submit" { "Delete this tag" }
                        }
                    }
                }
            }
        }
    }
}

fn maker(frame: &Frame, path: &str, typed: &Typed) -> Markup {
    let field = |name, label, required| Field { name, label, hint: "", required };
    html! {
        section class="card" aria-labelledby="new-tag" {
            h2 id="new-tag" { "New tag" }
            form class="grid-form" method="post" action=(path) {
                (form::token(frame))
                (field("label", "Label", true).line(typed, "text", ""))
                (field("color", "Colour", false).line(typed, "color", GREY))
                div class="actions" { button class="button button-main" type="submit" { (Icon::Plus.draw()) "Make the tag" } }
            }
        }
    }
}
