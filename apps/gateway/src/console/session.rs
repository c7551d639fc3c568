//! Signing in and out.

use actix_web::http::StatusCode;
use crm_console::form::Typed;
use crm_console::session::{SignIn, choice};
use crm_core::{FieldCode, FieldErrors};

use crate::auth::{Applicant, Arrival, BACK, Refusal, Visitor, Write, area};
use crate::endpoint::{Answer, Api, Html};
use crate::error::Problem;

use super::reply;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/console/sign-in", sign_in_page).undocumented();
    api.post("/console/sign-in", sign_in_with_key).undocumented();
    api.get("/console/sign-in/issuer", leave_for_issuer).undocumented();
    api.get(BACK, come_back).undocumented();
    api.post("/console/sign-out", sign_out).undocumented();
}

fn page(applicant: &Applicant, typed: &Typed) -> Result<Html, Problem> {
    let (next, has_issuer) = (applicant.next(), applicant.has_issuer());
    applicant.page(|token| SignIn { token, next, has_issuer, typed }.page())
}

async fn sign_in_page(applicant: Applicant) -> Answer<Html> {
    reply(page(&applicant, &Typed::default())?)
}

async fn sign_in_with_key(applicant: Applicant) -> Answer<Html> {
    if let Some(html) = applicant.sign_in().await? {
        return reply(html);
    }
    let refused = applicant.refused().unwrap_or("The key was rotated just now.");
    let errors = FieldErrors::of("key", FieldCode::InvalidValue, refused).as_slice().to_vec();
    let typed = Typed { values: Vec::new(), errors, problem: Some("You are not signed in.".to_owned()) };
    reply(page(&applicant, &typed)?.with_status(StatusCode::BAD_REQUEST))
}

async fn leave_for_issuer(applicant: Applicant) -> Answer<Html> {
    match applicant.leave().await? {
        Ok(html) => reply(html),
        Err(refusal) => reply(refused(&applicant, refusal)?),
    }
}

async fn come_back(applicant: Applicant) -> Answer<Html> {
    reply(match applicant.arrive().await? {
        Arrival::SignedIn(html) => *html,
        Arrival::Choice { tenants, next } => {
            let html = Html::page(choice(&tenants, next.as_deref()));
            html.with_cookie(applicant.no_journey()).with_cookie(applicant.not_left())
        }
        Arrival::Refused(refusal) => refused(&applicant, refusal)?.with_cookie(applicant.no_journey()),
    })
}

fn refused(applicant: &Applicant, refusal: Refusal) -> Result<Html, Problem> {
    let problem = Some(format!("You are not signed in. {}", refusal.why));
    let typed = Typed { problem, ..Typed::default() };
    Ok(page(applicant, &typed)?.with_status(refusal.status))
}

async fn sign_out(visitor: Visitor<area::Anywhere, Write>) -> Answer<Html> {
    visitor.sign_out().await?;
    let html = Html::see_other("/console/sign-in").with_cookie(visitor.no_cookie());
    reply(match visitor.left() {
        Some(left) => html.with_cookie(left),
        None => html,
    })
}
