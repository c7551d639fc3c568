//! Signing in.

use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::form::{self, Typed};
use crate::frame::{brand, document};
use crate::icon::Icon;

/// The page to sign in on.
pub struct SignIn<'a> {
    /// What its form carries.
    pub token: &'a str,
    /// Where it leads then.
    pub next: Option<&'a str>,
    /// Whether people can sign in at an issuer.
    pub has_issuer: bool,
    /// What was typed, and what is wrong with it.
    pub typed: &'a Typed,
}

impl SignIn<'_> {
    /// The page.
    #[must_use]
    pub fn page(&self) -> Markup {
        let Self { token, next, has_issuer, typed } = self;
        let body = html! {
            main class="lone" id="content" {
                form class="card lone-card" method="post" action="/console/sign-in" {
                    p class="brand-name" { (brand()) span { "CRM" } }
                    h1 { "Sign in" }
                    (typed.summary(&["key"]))
                    @if *has_issuer {
                        div class="actions" {
                            a class="button button-main" href=(issuer_path(None, *next)) { "Sign in with your account" }
                        }
                        p class="quiet small" { "Or with an API key:" }
                    }
                    (form::token_of(token))
                    @if let Some(next) = next { input type="hidden" name="next" value=(next); }
                    // What was typed stays out of the page: it is a secret.
                    (KEY.draw(typed, |id, described, bad| html! {
                        input type="password" id=(id) name="key" required autofocus[!has_issuer] autocomplete="current-password"
                            spellcheck="false" aria-describedby=[described] aria-invalid=[bad.then_some("true")];
                    }))
                    div class="actions" {
                        button class={ "button" @if !has_issuer { " button-main" } } type="submit" {
                            @if *has_issuer { "Sign in with the key" } @else { "Sign in" }
                        }
                    }
                    p class="quiet small" {
                        a class="with-icon" href="/docs" { (Icon::Document.draw()) "API document" }
                    }
                }
            }
        };
        document("Sign in", &body)
    }
}

const KEY: form::Field<'static> = form::Field {
    name: "key",
    label: "API key",
    hint: "One of your tenant's keys. The first start printed the primary one; others are made in Settings, API keys.",
    required: true,
};

/// Which tenant, of those that the issuer named.
#[must_use]
pub fn choice(tenants: &[String], next: Option<&str>) -> Markup {
    let body = html! {
        main class="lone" id="content" {
            section class="card lone-card" {
                p class="brand-name" { (brand()) span { "CRM" } }
                h1 { "Which tenant?" }
                p { "You have a part in several. Choose one to sign in to:" }
                ul class="choices" {
                    @for tenant in tenants { li { a href=(issuer_path(Some(tenant), next)) { (tenant) } } }
                }
                p class="quiet small" { a href="/console/sign-in" { "Sign in otherwise" } }
            }
        }
    };
    document("Which tenant?", &body)
}

/// The way to the issuer, and to where somebody wanted to go.
fn issuer_path(tenant: Option<&str>, next: Option<&str>) -> String {
    let parts = [("tenant", tenant), ("next", next)];
    let parts = parts.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded((*value)?))));
    let parts: Vec<String> = parts.collect();
    let joint = if parts.is_empty() { "" } else { "?" };
    format!("/console/sign-in/issuer{joint}{}", parts.join("&"))
}

fn encoded(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}
