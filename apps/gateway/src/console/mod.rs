//! The console: pages for people, below `/console` (docs/console.md). Each handler is as those of the API: one database
//! job, of the same functions of crm-suite, whose outcome a function of crm-console turns into a page. The routes are not
//! part of the API's document.

mod actions;
mod board;
mod case_types;
mod duplicates;
mod files;
mod filters;
mod forms;
mod imports;
mod integrations;
mod keys;
mod kind;
mod lists;
mod named;
mod names;
mod overview;
mod people;
mod pipelines;
mod records;
mod rows;
mod session;
mod sought;
mod steps;
mod tags;
mod trash;
mod webhooks;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use crm_console::error::{self, Refusal};
use crm_console::{Frame, Who, form};
use crm_core::input::JsonObject;
use crm_core::keys::{Access, Right};
use crm_core::params::{FromParams, ParamReader};
use crm_core::{Condition, FieldCode, FieldErrors, Unmet};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

use crate::auth::{InArea, Visitor, is_local};
use crate::endpoint::{Answer, Api, Form, Html, Reply, Typed, etag_of, request_id};
use crate::error::{Failure, Problem};
use crate::wire::Dialect;

use kind::shown;

/// Declares the routes of all areas.
pub(crate) fn routes(api: &mut Api) {
    api.dialect("/console", &Pages);
    files::routes(api);
    session::routes(api);
    overview::routes(api);
    board::routes(api);
    duplicates::routes(api);
    imports::routes(api);
    integrations::routes(api);
    lists::routes(api);
    records::routes(api);
    actions::routes(api);
    trash::routes(api);
    tags::routes(api);
    pipelines::routes(api);
    forms::routes(api);
    case_types::routes(api);
    webhooks::routes(api);
    keys::routes(api);
}

/// How everything below `/console` talks: in pages.
struct Pages;

impl Dialect for Pages {
    fn vary(&self) -> &'static str {
        "Cookie"
    }

    fn page(&self, request: &HttpRequest, problem: &Problem) -> Option<HttpResponse> {
        Some(refusal(request, problem))
    }
}

/// Where a form says that it was, or else there.
fn back(form: &Form, otherwise: &str) -> String {
    form.value("back").filter(|path| is_local(path)).unwrap_or(otherwise).to_owned()
}

/// What goes wrong, as a page. Whoever is not signed in is led there, and back.
fn refusal(request: &HttpRequest, problem: &Problem) -> HttpResponse {
    let code = problem.code;
    let html = if code.status() == actix_web::http::StatusCode::UNAUTHORIZED {
        let wanted = request.uri().path_and_query().map_or("/console", |wanted| wanted.as_str());
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let next = utf8_percent_encode(if reads { wanted } else { "/console" }, NON_ALPHANUMERIC);
        Html::see_other(format!("/console/sign-in?next={next}"))
    } else {
        let id = request_id(request);
        let page = error::page(&Refusal {
            status: code.status().as_u16(),
            code: code.as_str(),
            title: code.title(),
            detail: &problem.detail,
            advice: code.advice(),
            request_id: &id,
        });
        Html::page(page).with_status(code.status())
    };
    match html.render() {
        Ok(rendered) => rendered.into_response(request),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

/// What stands around the pages of this visitor.
fn frame<A, D>(visitor: &Visitor<A, D>) -> Frame {
    let scope = visitor.scope();
    let actor = scope.actor();
    Frame {
        tenant: scope.public_tenant().to_string(),
        who: match actor.as_user() {
            Some(user) => Who::Person(user.name().or(user.email()).unwrap_or(user.id()).to_owned()),
            None => Who::Key(actor.key_name().map(ToString::to_string).unwrap_or_default()),
        },
        rights: actor.rights(),
        administers_ticketing: visitor.administers_ticketing(),
        token: visitor.form_token(),
    }
}

/// What was typed, with what is wrong with it.
fn typed(sent: &Form, problem: &Problem) -> form::Typed {
    let errors = problem.errors.as_slice().to_vec();
    let whole = errors.is_empty().then(|| problem.detail.clone());
    form::Typed { values: sent.fields().to_vec(), errors, problem: whole }
}

/// Whether a page with the form can say what went wrong; what else there is has a page of its own.
fn is_told_in_form(problem: &Problem) -> bool {
    problem.code.status().is_client_error() && !matches!(problem.code.status().as_u16(), 401 | 404 | 429)
}

/// What came of a form: its page again, with what was wrong beside the fields, where that can say it.
async fn again<F: Future<Output = Answer<Html>>>(
    sent: &Form,
    outcome: Answer<Html>,
    show: impl FnOnce(form::Typed) -> F,
) -> Answer<Html> {
    match outcome {
        Err(problem) if is_told_in_form(&problem) => {
            let status = problem.code.status();
            let mut page = show(typed(sent, &problem)).await?;
            page.rendered.status = status;
            Ok(page)
        }
        outcome => outcome,
    }
}

/// A page whose address is a form: what is refused of that is shown as it was typed.
async fn as_asked<F: Future<Output = Answer<Html>>>(
    query: &[(String, String)],
    show: impl Fn(form::Typed) -> F,
) -> Answer<Html> {
    let shown = show(form::Typed::default()).await;
    again(&Form::of_pairs(query), shown, show).await
}

/// The same problem, its fields by the names that a form has: what they begin with there, and here.
fn named_as_in_form(mut problem: Problem, names: &[(&str, &str)]) -> Problem {
    let mut errors = FieldErrors::new();
    for error in problem.errors.as_slice() {
        let renamed =
            names.iter().find_map(|(there, here)| Some(format!("{here}{}", error.field.strip_prefix(there)?)));
        errors.push(renamed.as_ref().unwrap_or(&error.field), error.code, &error.message);
    }
    problem.errors = errors;
    problem
}

/// A body with those of these members that the form has.
fn body(form: &Form, members: &[&str]) -> JsonObject {
    let given = members.iter().filter_map(|name| Some((*name, form.value(name).filter(|value| !value.is_empty())?)));
    given.map(|(name, value)| (name.to_owned(), Value::from(value.replace("\r\n", "\n")))).collect()
}

/// What has just been done, as a page says it, by the word that the address has.
const DONE: &[(&str, &str)] = &[
    ("converted", "The lead is an opportunity now: this one."),
    ("deleted", "Deleted."),
    ("done", "Done."),
    ("erased", "It is gone for good, and so are its values in the history."),
    ("gone", "It is gone for good."),
    ("made", "Made."),
    ("merged", "Merged. The other one is in the trash."),
    ("replayed", "It is delivered again."),
    ("restored", "Restored."),
    ("said", "Your comment is there."),
    ("saved", "Saved."),
];

/// The parameter of a page that says what has just been done.
struct Done;

impl FromParams for Done {
    fn from_params(params: &mut ParamReader) -> Self {
        params.word("done", DONE, "What has just been done.");
        Self
    }
}

/// What has just been done.
fn done<A, D>(visitor: &Visitor<A, D>) -> Option<&'static str> {
    let (_, word) = visitor.query().iter().find(|(name, _)| name == "done")?;
    DONE.iter().find(|(known, _)| known == word).map(|(_, told)| *told)
}

/// Refuses parameters that a page does not know.
fn only(given: &[(String, String)], known: &[&str]) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    let unknown = given.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    errors.each(unknown, |(name, _), errors| {
        errors.push(name, FieldCode::UnknownField, "is no parameter of this page");
    });
    errors.into_result(())
}

/// Refuses to show a form to whom it would be refused.
fn may_change<A: InArea, D>(visitor: &Visitor<A, D>) -> Result<(), Problem> {
    let Some(area) = A::AREA else { return Ok(()) };
    visitor.permit().check(Right { area: Some(area), access: Access::Write })
}

const CHANGED_MEANWHILE: &str = "Somebody else changed it meanwhile. What stands here is what you sent: save it again, and it takes the place of theirs.";

/// What something is, for a form to say what it was when it was shown.
fn seen<T: Serialize>(now: &T) -> Result<String, Failure> {
    Ok(etag_of(now)?)
}

/// The same for a form that is shown again with what was typed: it has seen what it had seen before, until it was told that this
/// changed. Else a change that somebody made before another mistake was mended would be lost.
fn seen_by<T: Serialize>(typed: &form::Typed, now: &T) -> Result<String, Failure> {
    match typed.value("seen") {
        Some(was) if !is_told_of_change(typed) => Ok(was.to_owned()),
        _ => seen(now),
    }
}

/// Whether what was typed was refused because somebody else was first.
fn is_told_of_change(typed: &form::Typed) -> bool {
    typed.problem.as_deref() == Some(CHANGED_MEANWHILE)
}

/// It is as it was when the form was shown.
fn as_seen<T: Serialize>(was: Option<String>) -> Condition<T> {
    let Some(was) = was else { return Condition::none() };
    Condition::new(move |now: &T| match etag_of(now) {
        Ok(etag) if etag == was => Ok(()),
        _ => Err(Unmet(CHANGED_MEANWHILE.to_owned())),
    })
}

fn reply(html: Html) -> Answer<Html> {
    Typed::of(html).map_err(own)
}

/// A failure that came of no request.
fn own(failure: Failure) -> Problem {
    failure.into_problem("-")
}
