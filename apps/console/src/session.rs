//! Signing in.

use maud::{Markup, html};

use crate::form::{self, Typed};
use crate::frame::{brand, document};
use crate::icon::Icon;

/// The page to sign in on. `next` is where it leads then.
#[must_use]
pub fn sign_in(token: &str, next: Option<&str>, typed: &Typed) -> Markup {
    let key = form::Field {
        name: "key",
        label: "API key",
        hint: "One of your tenant's keys. The first start printed the primary one; others are made in Settings, API keys.",
        required: true,
    };
    let body = html! {
        main class="lone" id="content" {
            form class="card lone-card" method="post" action="/console/sign-in" {
                p class="brand-name" { (brand()) span { "CRM" } }
                h1 { "Sign in" }
                (typed.summary(&["key"]))
                (form::token_of(token))
                @if let Some(next) = next { input type="hidden" name="next" value=(next); }
                // What was typed stays out of the page: it is a secret.
                (key.draw(typed, |id, described, bad| html! {
                    input type="password" id=(id) name="key" required autofocus autocomplete="current-password"
                        spellcheck="false" aria-describedby=[described] aria-invalid=[bad.then_some("true")];
                }))
                div class="actions" { button class="button button-main" type="submit" { "Sign in" } }
                p class="quiet small" {
                    a class="with-icon" href="/docs" { (Icon::Document.draw()) "API document" }
                }
            }
        }
    };
    document("Sign in", &body)
}
