//! Signing in and out.

use actix_web::http::StatusCode;
use crm_console::form::Typed;
use crm_console::session::sign_in;
use crm_core::{FieldCode, FieldErrors};

use crate::auth::{Applicant, Visitor, Write, area};
use crate::endpoint::{Answer, Api, Html};

use super::reply;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.get("/console/sign-in", sign_in_page).undocumented();
    api.post("/console/sign-in", sign_in_with_key).undocumented();
    api.post("/console/sign-out", sign_out).undocumented();
}

async fn sign_in_page(applicant: Applicant) -> Answer<Html> {
    reply(applicant.page(|token| sign_in(token, applicant.next(), &Typed::default()))?)
}

async fn sign_in_with_key(applicant: Applicant) -> Answer<Html> {
    if let Some(html) = applicant.sign_in().await? {
        return reply(html);
    }
    let refused = applicant.refused().unwrap_or("The key was rotated just now.");
    let errors = FieldErrors::of("key", FieldCode::InvalidValue, refused).as_slice().to_vec();
    let typed = Typed { values: Vec::new(), errors, problem: Some("You are not signed in.".to_owned()) };
    let page = applicant.page(|token| sign_in(token, applicant.next(), &typed))?;
    reply(page.with_status(StatusCode::BAD_REQUEST))
}

async fn sign_out(visitor: Visitor<area::Anywhere, Write>) -> Answer<Html> {
    visitor.sign_out().await?;
    reply(Html::see_other("/console/sign-in").with_cookie(visitor.no_cookie()))
}
