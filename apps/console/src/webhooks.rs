//! Settings, webhooks: whom the tenant tells of its changes, and what became of it.

use crm_core::keys::{Access, Area};
use crm_webhooks::deliveries::{Attempt, Delivery, DeliveryState};
use crm_webhooks::{DisabledReason, Webhook, WebhookWithSecret};
use maud::{Markup, html};

use crate::form::{self, Field, Typed};
use crate::icon::Icon;
use crate::keys::GRACES;
use crate::record::hidden;
use crate::{Frame, Place, events, show};

const PATH: &str = "/console/settings/webhooks";

/// What happened before a page is shown.
#[derive(Debug, Clone, Default)]
pub struct News {
    /// In words.
    pub done: Option<String>,
    /// A secret that is shown this once.
    pub secret: Option<Box<WebhookWithSecret>>,
    /// What a receiver said to a ping.
    pub ping: Option<Attempt>,
}

/// The list, with a form for a new one.
#[must_use]
pub fn list(frame: &Frame, webhooks: &[Webhook], news: &News, typed: &Typed) -> Markup {
    let may_write = frame.may(Area::Settings, Access::Write);
    let content = html! {
        (show::head("Webhooks", &html! {}))
        p class="lead" { "Other systems are told of changes within a second. What is sent is signed by Standard Webhooks." }
        (told(news))
        @if webhooks.is_empty() { div class="empty" { p { "Nobody is told of anything yet." } } }
        @else {
            ul class="rows card" {
                @for webhook in webhooks {
                    li {
                        span { a href={ (PATH) "/" (webhook.id) } { (webhook.url.as_str()) } @if let Some(words) = &webhook.description { " " span class="quiet small" { (words.as_str()) } } }
                        span { (state(webhook)) " " @for event in events::names(&webhook.events) { span class="pill" title=(event) { (events::in_words(&event)) } " " } }
                    }
                }
            }
        }
        @if may_write {
            section class="card" aria-labelledby="new-webhook" {
                h2 id="new-webhook" { "New webhook" }
                form class="grid-form" method="post" action=(PATH) {
                    (form::token(frame))
                    (typed.summary(FIELDS))
                    (fields(frame, None, typed))
                    div class="actions" { button class="button button-main" type="submit" { (Icon::Plus.draw()) "Make the webhook" } }
                }
            }
        }
    };
    frame.page(Place::Webhooks, "Webhooks", &content)
}

const FIELDS: &[&str] = &["url", "events", "fields", "description", "enabled"];

fn told(news: &News) -> Markup {
    html! {
        @if let Some(words) = &news.done { (show::done(words)) }
        @if let Some(made) = &news.secret {
            @if let Some(secret) = &made.secret { (show::secret(&format!("The secret of {}", made.described.url.as_str()), "The new secret", secret)) }
        }
        @if let Some(ping) = &news.ping {
            div class="notice notice-warn" role="status" { div { p { "The receiver was sent a ping: " (attempt(ping)) } @if let Some(text) = &ping.response { p class="pre small" { (text) } } } }
        }
    }
}

fn state(webhook: &Webhook) -> Markup {
    html! {
        @match (webhook.enabled, webhook.disabled_reason) {
            (true, _) => { @match webhook.failing_since { None => span class="pill pill-good" { "on" }, Some(since) => span class="pill pill-warn" { "failing since " (show::moment(since)) } } }
            (false, Some(DisabledReason::Gone)) => span class="pill pill-bad" { "off: the receiver said that it is gone" },
            (false, Some(DisabledReason::Failing)) => span class="pill pill-bad" { "off: nothing arrived for five days" },
            (false, None) => span class="pill" { "off" },
        }
    }
}

fn names(webhook: &Webhook) -> String {
    let names = serde_json::to_value(&webhook.fields).unwrap_or_default();
    names.as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect::<Vec<_>>().join("\n")
}

fn fields(frame: &Frame, webhook: Option<&Webhook>, typed: &Typed) -> Markup {
    let field = |name, label, hint, required| Field { name, label, hint, required };
    let text = |of: fn(&Webhook) -> String| webhook.map_or_else(String::new, of);
    html! {
        (field("url", "URL", "Where it is received.", true).line(typed, "url", &text(|webhook| webhook.url.as_str().to_owned())))
        (field("description", "What it is for", "", false).line(typed, "text", &text(|webhook| webhook.description.as_ref().map_or_else(String::new, |words| words.as_str().to_owned()))))
        (events::boxes(frame, typed, webhook.map_or_else(Vec::new, |webhook| events::names(&webhook.events))))
        (field("fields", "Only where these fields change", "One a line: stage, customFields.region. Left empty: any.", false).lines(typed, &text(names)))
    }
}

/// One webhook with what was and is to be delivered.
pub struct Page<'a> {
    /// The webhook.
    pub webhook: &'a Webhook,
    /// What it was when this page was made.
    pub seen: &'a str,
    /// Its deliveries, the latest first.
    pub deliveries: &'a [Delivery],
    /// In which state they are, where only some are shown.
    pub of_state: Option<&'a str>,
    /// Leads to the next page.
    pub next: Option<&'a str>,
    /// What happened before.
    pub news: &'a News,
    /// What was refused.
    pub typed: &'a Typed,
}

impl Page<'_> {
    fn path(&self) -> String {
        format!("{PATH}/{}", self.webhook.id)
    }

    /// The page.
    #[must_use]
    pub fn page(&self, frame: &Frame) -> Markup {
        let may_write = frame.may(Area::Settings, Access::Write);
        let title = self.webhook.url.as_str();
        let content = html! {
            nav class="crumbs" aria-label="Where you are" { a href=(PATH) { "Webhooks" } }
            div class="head" {
                div class="titled" { h1 { (title) } (state(self.webhook)) }
                @if may_write { div class="actions" { (self.actions(frame)) } }
            }
            (told(self.news))
            @if may_write { (self.form(frame)) }
            (self.log(frame, may_write))
        };
        frame.page(Place::Webhooks, title, &content)
    }

    fn actions(&self, frame: &Frame) -> Markup {
        let path = self.path();
        html! {
            (hidden(frame, &format!("{path}/enable"), &[("enabled", if self.webhook.enabled { "false" } else { "true" })], if self.webhook.enabled { "Switch off" } else { "Switch on" }))
            (hidden(frame, &format!("{path}/test"), &[], "Send a ping"))
            details class="pop" {
                summary { "Replace the secret" }
                form class="pop-box" method="post" action={ (path) "/rotate" } {
                    (form::token(frame))
                    p { "A new secret takes the place of the old one. Meanwhile everything has two signatures." }
                    div class="field" {
                        label for="grace" { "The old secret ends" }
                        select id="grace" name="graceMinutes" { @for (minutes, words) in GRACES { option value=(minutes) { (words) } } }
                    }
                    button class="button button-main" type="submit" { "Replace" }
                }
            }
            details class="pop" {
                summary { "Delete" }
                form class="pop-box" method="post" action={ (path) "/delete" } {
                    (form::token(frame))
                    p { "Nothing more is sent, what is on its way included." }
                    button class="button button-bad" type="submit" { "Delete this webhook" }
                }
            }
        }
    }

    fn form(&self, frame: &Frame) -> Markup {
        html! {
            form class="card grid-form" method="post" action=(self.path()) {
                (form::token(frame))
                input type="hidden" name="seen" value=(self.seen);
                (self.typed.summary(FIELDS))
                (fields(frame, Some(self.webhook), self.typed))
                div class="actions" { button class="button button-main" type="submit" { "Save" } }
            }
        }
    }

    fn log(&self, frame: &Frame, may_write: bool) -> Markup {
        let path = self.path();
        html! {
            section class="column" aria-labelledby="deliveries" {
                div class="head" {
                    h2 id="deliveries" { "Deliveries of the last 30 days" }
                    nav class="tabs" aria-label="States" {
                        a class="tab" href=(path) aria-current=[self.of_state.is_none().then_some("page")] { "all" }
                        @for (name, _) in DeliveryState::NAMES {
                            a class="tab" href={ (path) "?state=" (name) } aria-current=[(self.of_state == Some(*name)).then_some("page")] { (name) }
                        }
                    }
                }
                @if may_write { (self.replayer(frame)) }
                @if self.deliveries.is_empty() { p class="quiet" { "There are none." } }
                @else {
                    div class="table-box" tabindex="0" role="region" aria-label="Deliveries" {
                        table {
                            thead { tr {
                                th scope="col" { "What" } th scope="col" { "Record" } th scope="col" { "State" } th scope="col" { "Made" } th scope="col" { "Tries" }
                                @if may_write { th scope="col" { span class="hidden" { "Actions" } } }
                            } }
                            tbody { @for delivery in self.deliveries { (self.row(frame, delivery, may_write)) } }
                        }
                    }
                }
                nav class="pages" aria-label="Pages" {
                    @if let Some(token) = self.next {
                        a class="button" rel="next" href={ (path) "?continuationToken=" (token) @if let Some(state) = self.of_state { "&state=" (state) } } { "Next page" }
                    }
                }
            }
        }
    }

    fn row(&self, frame: &Frame, delivery: &Delivery, may_write: bool) -> Markup {
        let class = match delivery.state {
            DeliveryState::Pending => "pill pill-accent",
            DeliveryState::Delivered => "pill pill-good",
            DeliveryState::Failed => "pill pill-bad",
        };
        let state =
            DeliveryState::NAMES.iter().find(|(_, state)| *state == delivery.state).map_or("", |(name, _)| name);
        html! {
            tr {
                th scope="row" { (delivery.event) }
                td { "#" (delivery.record_id) }
                td { span class=(class) { (state) } @if let Some(next) = delivery.next_attempt_on { span class="quiet small" { " again " (show::moment(next)) } } }
                td { (show::moment(delivery.created_on)) }
                td {
                    @if delivery.attempts.is_empty() { span class="quiet" { "–" } }
                    @else {
                        details {
                            summary { (delivery.attempts.len()) }
                            ol class="small" { @for one in &delivery.attempts { li { (attempt(one)) @if let Some(text) = &one.response { span class="quiet" { " " (text) } } } } }
                        }
                    }
                }
                @if may_write {
                    td class="row-actions" {
                        form method="post" action={ (self.path()) "/deliveries/" (delivery.id) "/replay" } {
                            (form::token(frame))
                            button class="button" type="submit" aria-label={ "Deliver again: " (delivery.event) " #" (delivery.record_id) } { "Again" }
                        }
                    }
                }
            }
        }
    }

    fn replayer(&self, frame: &Frame) -> Markup {
        html! {
            form class="filters" method="post" action={ (self.path()) "/replay" } {
                (form::token(frame))
                div class="field filter" {
                    label for="since" { "Deliver again all since (UTC)" }
                    input id="since" type="datetime-local" name="since" required;
                }
                button class="button" type="submit" { "Deliver again" }
            }
        }
    }
}

/// How a try went.
fn attempt(attempt: &Attempt) -> Markup {
    html! {
        (show::moment(attempt.on)) " · "
        @match (attempt.status, &attempt.error) {
            (Some(status), _) => (status),
            (None, Some(error)) => (error),
            (None, None) => "no answer",
        }
        " · " (attempt.milliseconds) " ms"
    }
}
