//! Settings, API keys.

use crm_core::keys::{Access, Area, Key, KeyRole, KeyWithSecret, Right, Rights};
use maud::{Markup, html};

use crate::form::{self, Typed};
use crate::icon::Icon;
use crate::{Frame, Place, show};

/// What happened before the list is shown.
#[derive(Debug, Clone)]
pub enum News {
    /// Nothing.
    Nothing,
    /// A key was made or replaced: its secret is shown this once.
    Secret(Box<KeyWithSecret>),
    /// A key was deleted.
    Deleted,
}

/// How long an old key works beside the new one: minutes and words.
pub(crate) const GRACES: &[(&str, &str)] =
    &[("0", "at once"), ("60", "in an hour"), ("1440", "in a day"), ("10080", "in a week")];

/// The list, with a form for a new one.
#[must_use]
pub fn list(frame: &Frame, keys: &[Key], own: Option<crm_core::KeyId>, news: &News, typed: &Typed) -> Markup {
    let may_write = frame.may(Area::Settings, Access::Write);
    let content = html! {
        (show::head("API keys", &html! {}))
        p class="lead" {
            "Programs send a key in the header " code { "Ocp-Apim-Subscription-Key" }
            "; people sign in to this console with one. Whoever has a key can do what its scopes say."
        }
        (told(news))
        @if !may_write { (typed.summary(&[])) }
        div class="table-box" {
            table {
                caption class="hidden" { "API keys" }
                thead {
                    tr {
                        th scope="col" { "Name" }
                        th scope="col" { "Begins with" }
                        th scope="col" { "Scopes" }
                        th scope="col" { "Last used" }
                        th scope="col" { "Made" }
                        th scope="col" { "Expires" }
                        @if may_write { th scope="col" { span class="hidden" { "Actions" } } }
                    }
                }
                tbody { @for key in keys { (row(frame, key, own, may_write)) } }
            }
        }
        @if may_write { (maker(frame, typed)) }
    };
    frame.page(Place::Keys, "API keys", &content)
}

fn told(news: &News) -> Markup {
    match news {
        News::Nothing => html! {},
        News::Deleted => show::done("The key is deleted. It stops working everywhere within five seconds."),
        News::Secret(made) => html! {
            @if let Some(secret) = &made.key {
                (show::secret(&format!("The new key of “{}”", made.described.name.as_str()), "The new key", secret))
            }
        },
    }
}

fn row(frame: &Frame, key: &Key, own: Option<crm_core::KeyId>, may_write: bool) -> Markup {
    let is_own = own == Some(key.id);
    html! {
        tr {
            th scope="row" {
                (key.name.as_str())
                @if is_own { " " span class="pill" { "in use here" } }
                @match key.role {
                    Some(KeyRole::Primary) => { " " span class="pill" { "primary" } }
                    Some(KeyRole::Secondary) => { " " span class="pill" { "secondary" } }
                    None => {}
                }
            }
            td { code { (key.prefix) "…" } }
            td { @for right in key.scopes.iter() { span class="pill" title=(right) { (in_words(right)) } " " } }
            td { @match key.last_used_on { Some(when) => (show::moment(when)), None => span class="quiet" { "never" } } }
            td { (show::moment(key.created_on)) }
            td { @match key.expires_on { Some(when) => (show::moment(when)), None => span class="quiet" { "never" } } }
            @if may_write { td class="row-actions" { (actions(frame, key, is_own)) } }
        }
    }
}

fn actions(frame: &Frame, key: &Key, is_own: bool) -> Markup {
    let name = key.name.as_str();
    html! {
        details class="pop" {
            summary aria-label={ "Replace the key " (name) } { "Replace" }
            form class="pop-box" method="post" action={ "/console/settings/keys/" (key.id) "/rotate" } {
                (form::token(frame))
                p { "A new key takes the place of this one, which stops working:" }
                div class="field" {
                    label for={ "grace-" (key.id) } { "The old key ends" }
                    select id={ "grace-" (key.id) } name="graceMinutes" {
                        @for (minutes, words) in GRACES { option value=(minutes) { (words) } }
                    }
                }
                p class="quiet small" {
                    "Everybody who is signed in with it is signed out at once"
                    @if is_own { ", you too" }
                    "."
                }
                button class="button button-main" type="submit" { "Replace" }
            }
        }
        @if key.role.is_none() {
            details class="pop" {
                summary aria-label={ "Delete the key " (name) } { "Delete" }
                form class="pop-box" method="post" action={ "/console/settings/keys/" (key.id) "/delete" } {
                    (form::token(frame))
                    p { "Programs with this key are refused within five seconds." }
                    button class="button button-bad" type="submit" { "Delete this key" }
                }
            }
        }
    }
}

/// What a right allows, as people say it.
fn in_words(right: Right) -> String {
    let what = match right.area {
        Some(Area::Pipeline) => "leads and opportunities",
        Some(Area::Directory) => "contacts and organizations",
        Some(Area::Cases) => "cases",
        Some(Area::Settings) => "keys and webhooks",
        None => "everything",
    };
    match right.access {
        Access::Read => format!("Read {what}"),
        Access::Write => format!("Change {what}"),
    }
}

/// Every right that can be given, in the order in which it is offered.
fn offered(frame: &Frame) -> Vec<Right> {
    let areas = Area::ALL.into_iter().map(Some).chain([None]);
    let all = areas.flat_map(|area| [Access::Read, Access::Write].map(|access| Right { area, access }));
    all.filter(|right| frame.rights.lacking(Rights::default().with(*right)).is_none()).collect()
}

fn maker(frame: &Frame, typed: &Typed) -> Markup {
    let name = form::Field { name: "name", label: "Name", hint: "Who or what uses it.", required: true };
    let expiry = form::Field {
        name: "expiresOn",
        label: "Expires on",
        hint: "The day after which it stops working. Left empty, it never does.",
        required: false,
    };
    let scopes = form::Field {
        name: "scopes",
        label: "Scopes",
        hint: "Changing includes reading. Tags, pipelines, forms and case types go with the records that they are for.",
        required: true,
    };
    let boxes = html! {
        div class="boxes" {
            @for right in offered(frame) {
                @let text = right.to_string();
                label class="box" {
                    input type="checkbox" name="scopes" value=(text) checked[typed.has("scopes", &text)];
                    span { (in_words(right)) " " code class="quiet" { (text) } }
                }
            }
        }
    };
    html! {
        section class="card" aria-labelledby="new-key" {
            h2 id="new-key" { "New key" }
            form class="grid-form" method="post" action="/console/settings/keys" {
                (form::token(frame))
                (typed.summary(&["name", "scopes", "expiresOn"]))
                (name.line(typed, "text", ""))
                (expiry.line(typed, "date", ""))
                (scopes.group(typed, "field wide", &boxes))
                div class="actions" { button class="button button-main" type="submit" { (Icon::Plus.draw()) "Make the key" } }
            }
        }
    }
}
