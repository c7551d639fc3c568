//! Small things that many pages show.

use crm_core::Timestamp;
use crm_exchange::Kind;
use maud::{Markup, html};
use serde_json::Value;

use crate::icon::Icon;

/// A moment: as it is in UTC, which the script turns into the zone of whoever reads, with the exact one on hover.
#[must_use]
pub fn moment(moment: Timestamp) -> Markup {
    let text = moment.to_string();
    html! { time datetime=(text) title=(text) { (text.get(..16).unwrap_or(&text).replace('T', " ")) } }
}

/// Words that say that something was done.
#[must_use]
pub fn done(words: &str) -> Markup {
    html! { div class="notice notice-good" role="status" { (Icon::Check.draw()) p { (words) } } }
}

/// A secret that is shown this once.
#[must_use]
pub fn secret(title: &str, label: &str, secret: &str) -> Markup {
    html! {
        section class="notice notice-good secret" aria-labelledby="secret-head" {
            (Icon::Key.draw())
            div {
                h2 id="secret-head" { (title) }
                p { "Copy it now: it is shown this once." }
                div class="together" {
                    input class="secret-text" type="text" readonly value=(secret) aria-label=(label) data-select;
                    // Shown by the script, where the browser lets a page copy.
                    button class="button" type="button" hidden data-copy { "Copy" }
                    span role="status" data-copied {}
                }
            }
        }
    }
}

/// The head of a page: its title, and what can be done there.
#[must_use]
pub fn head(title: &str, actions: &Markup) -> Markup {
    html! {
        div class="head" {
            h1 { (title) }
            div class="actions" { (actions) }
        }
    }
}

/// A dot of a colour: a picture, since no page has styles in itself.
#[must_use]
pub fn dot(color: Option<&str>) -> Markup {
    html! {
        @if let Some(color) = color {
            svg class="dot" viewBox="0 0 10 10" width="10" height="10" aria-hidden="true" focusable="false" {
                circle cx="5" cy="5" r="5" fill=(color) {}
            }
        }
    }
}

/// An amount with its thousands told apart: `25 000.50 USD`; nothing where there is none.
#[must_use]
pub fn money(value: &Value) -> String {
    let Some(amount) = value.get("amount") else { return String::new() };
    let amount = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
    format!("{} {}", grouped(&amount), value["code"].as_str().unwrap_or_default())
}

/// Digits in threes, with narrow blanks between them.
#[must_use]
pub fn grouped(amount: &str) -> String {
    let (whole, rest) = amount.split_once('.').map_or((amount, ""), |(whole, rest)| (whole, rest));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if !rest.is_empty() {
        text.push('.');
        text.push_str(rest);
    }
    text
}

/// The tags of a record.
#[must_use]
pub fn tags(record: &Value) -> Markup {
    let all = record["tags"].as_array().map_or(&[][..], Vec::as_slice);
    html! {
        @for tag in all {
            span class="pill" { (dot(tag["color"].as_str())) (tag["label"].as_str().unwrap_or_default()) } " "
        }
    }
}

/// What a record is called.
#[must_use]
pub fn title(record: &Value) -> &str {
    record["title"].as_str().or(record["name"].as_str()).unwrap_or("–")
}

/// The states of a record that people should see at once.
#[must_use]
pub fn state(kind: Kind, record: &Value) -> Markup {
    html! {
        @match kind {
            Kind::Lead => {
                @if record["isConverted"] == true { span class="pill pill-good" { "converted" } " " }
                @if record["isArchived"] == true { span class="pill pill-warn" { "archived" } " " }
            }
            Kind::Opportunity => {
                @match record["status"].as_str() {
                    Some("won") => span class="pill pill-good" { "won" },
                    Some("lost") => span class="pill pill-bad" { "lost" },
                    _ => span class="pill pill-accent" { "open" },
                }
            }
            Kind::Case => span class="pill pill-accent" { (record["status"].as_str().unwrap_or_default()) },
            Kind::Contact | Kind::Organization => {}
        }
    }
}

/// The page of a record.
#[must_use]
pub fn path(kind: Kind, id: &str) -> String {
    format!("/console/{}/{id}", kind.plural())
}

/// What a kind of records is called, alone and together.
#[must_use]
pub fn names(kind: Kind) -> (&'static str, &'static str, Icon) {
    match kind {
        Kind::Lead => ("Lead", "Leads", Icon::Lead),
        Kind::Opportunity => ("Opportunity", "Opportunities", Icon::Opportunity),
        Kind::Contact => ("Contact", "Contacts", Icon::Contact),
        Kind::Organization => ("Organization", "Organizations", Icon::Organization),
        Kind::Case => ("Case", "Cases", Icon::Case),
    }
}

/// A moment that a record has as text.
#[must_use]
pub fn moment_of(value: &Value) -> Markup {
    match value.as_str().and_then(|text| text.parse().ok()) {
        Some(when) => moment(when),
        None => html! { span class="quiet" { "–" } },
    }
}
