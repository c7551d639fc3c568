//! What is shown where something cannot be.

use maud::{Markup, html};

use crate::frame::{brand, document};

/// Why a page cannot be shown.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// The HTTP status.
    pub status: u16,
    /// Its stable name, by which docs/errors.md has it.
    pub code: &'a str,
    /// What it is.
    pub title: &'a str,
    /// What it is here.
    pub detail: &'a str,
    /// What can be done.
    pub advice: &'a str,
    /// The id of the request, by which the log has it.
    pub request_id: &'a str,
}

/// The page.
#[must_use]
pub fn page(refusal: &Refusal<'_>) -> Markup {
    let Refusal { status, code, title, detail, advice, request_id } = *refusal;
    let body = html! {
        main class="lone" id="content" {
            div class="card lone-card" {
                p class="brand-name" { (brand()) span { "CRM" } }
                p class="status" { (status) }
                h1 { (title) }
                p { (detail) }
                p class="quiet" { (advice) }
                div class="actions" {
                    a class="button" href="/console" { "To the console" }
                }
                p class="quiet small" { code { (code) } ", request " code { (request_id) } }
            }
        }
    };
    document(title, &body)
}
