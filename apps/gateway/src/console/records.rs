//! The page of a record, and the forms to make, change and delete one.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use crm_cases::Case;
use crm_console::fields::{self, Entry};
use crm_console::form::Typed;
use crm_console::frame::area_of;
use crm_console::happened::Names;
use crm_console::record::{self, OLDER, PLACE, Part, Record};
use crm_core::input::{FromBody, JsonObject};
use crm_core::keys::{Access, Rights};
use crm_core::page::{Page, PageRequest, SortField, Start};
use crm_core::params::{FromParams, ParamReader};
use crm_core::{Condition, DbConnection, Scope, Unmet};
use crm_directory::{Contact, Organization};
use crm_exchange::Kind;
use crm_history::HistorySort;
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::resource::Resource;
use serde_json::Value;

use crate::auth::{Read, Visitor, Write};
use crate::endpoint::{Answer, Api, Form, Html, Query, etag_of, read_params};
use crate::error::{Failure, Problem, ProblemCode};

use super::kind::{IdOf, Numbered, Recorded, shown};
use super::{Done, done, frame, is_told_in_form, may_change, named, named_as_in_form, names, typed};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    macro_rules! records {
        ($($record:ty, $path:literal;)*) => { $(
            api.get(concat!($path, "/new"), new_page::<$record>).undocumented();
            api.post(concat!($path, "/new"), make::<$record>).undocumented();
            api.get(concat!($path, "/{id}"), record_page::<$record>).undocumented();
            api.get(concat!($path, "/{id}/edit"), edit_page::<$record>).undocumented();
            api.post(concat!($path, "/{id}/edit"), change::<$record>).undocumented();
            api.post(concat!($path, "/{id}/delete"), remove::<$record>).undocumented();
            api.post(concat!($path, "/{id}/comments"), comment::<$record>).undocumented();
        )* };
    }
    records! {
        Lead, "/console/leads";
        Opportunity, "/console/opportunities";
        Contact, "/console/contacts";
        Organization, "/console/organizations";
        Case, "/console/cases";
    }
}

/// How many comments, changes and related records of a kind a page shows.
const COMMENTS: &str = "50";
const CHANGES: &str = "20";
const RELATED: &str = "5";

async fn record_page<R: Recorded>(
    visitor: Visitor<R::Area, Read>,
    Numbered(id): Numbered<IdOf<R>>,
    _: Query<(Done, Older)>,
) -> Answer<Html> {
    show::<R, _>(&visitor, id, Typed::default()).await
}

/// The parameters that lead to older comments and changes.
struct Older;

impl FromParams for Older {
    fn from_params(params: &mut ParamReader) -> Self {
        for name in OLDER {
            params.token(name, "Leads to what is older.");
        }
        Self
    }
}

/// The part of something that the address leads to by this parameter.
fn part_of<S: SortField>(query: &[(String, String)], parameter: &str, size: &str) -> Result<PageRequest<S>, Problem> {
    let token =
        query.iter().find(|(name, _)| name == parameter).map(|(_, token)| ("continuationToken", token.as_str()));
    let pairs = [("size", size)].into_iter().chain(token);
    let read: Result<(PageRequest<S>,), Problem> =
        read_params(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    let named = |problem| named_as_in_form(problem, &[("continuationToken", parameter)]).errors.into();
    read.map(|(request,)| request).map_err(named)
}

/// What is there of a page that was asked for so.
fn part<'p, T, S>(page: &'p Page<T>, request: &PageRequest<S>) -> Part<'p, T> {
    let older = page.continuation_token.as_deref().filter(|_| page.has_more);
    Part { items: &page.items, older, is_latest: request.start == Start::Offset(0) }
}

/// The page of a record, after `typed` was refused where something was.
pub(super) async fn show<R: Recorded, D>(visitor: &Visitor<R::Area, D>, id: IdOf<R>, typed: Typed) -> Answer<Html> {
    let (frame, notice) = (frame(visitor), done(visitor));
    let of_comments = part_of::<R::SaidSort>(visitor.query(), OLDER[0], COMMENTS)?;
    let of_history = part_of::<HistorySort>(visitor.query(), OLDER[1], CHANGES)?;
    let page = visitor.read(move |connection, scope| {
        let found = <R as Resource>::get(connection, scope, id)?;
        let value = shown(&found)?;
        let entries = fields::entries(&R::fields(connection, scope, Some(&found), None)?, &[]);
        let kind = R::KIND.record().into();
        let history = crm_history::history(connection, scope, kind, &id.to_string(), &of_history)?;
        let mut known = Names::default();
        known.know(kind, entries.clone());
        known.call_record(kind, &value);
        let said = R::said(connection, scope, id, &of_comments)?;
        let ahead = found.steps(connection, scope, &mut known)?;
        let record = Record {
            kind: R::KIND,
            record: &value,
            seen: &etag_of(&found)?,
            entries: &entries,
            comments: part(&said, &of_comments),
            history: part(&history, &of_history),
            names: &names::of(connection, scope, &history.items, known)?,
            related: &related(connection, scope, R::KIND, &id.to_string())?,
            steps: &ahead.steps,
            picture: ahead.picture.as_ref(),
            notice,
            typed: &typed,
        };
        Ok(Html::page(record.page(&frame)))
    });
    page.await
}

/// What points at a contact or an organization, as far as it may be read.
fn related(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: Kind,
    id: &str,
) -> Result<Vec<(Kind, Vec<Value>)>, Failure> {
    let member = match kind {
        Kind::Contact => "contactId",
        Kind::Organization => "organizationId",
        Kind::Lead | Kind::Opportunity | Kind::Case => return Ok(Vec::new()),
    };
    let rights = scope.actor().rights();
    let mut found = Vec::new();
    if kind == Kind::Organization {
        found.push(pointing::<Contact>(connection, scope, rights, member, id)?);
    }
    found.push(pointing::<Opportunity>(connection, scope, rights, member, id)?);
    found.push(pointing::<Lead>(connection, scope, rights, member, id)?);
    found.push(pointing::<Case>(connection, scope, rights, member, id)?);
    found.retain(|(_, records)| !records.is_empty());
    Ok(found)
}

fn pointing<R: Recorded>(
    connection: &mut DbConnection,
    scope: &Scope,
    rights: Rights,
    member: &str,
    id: &str,
) -> Result<(Kind, Vec<Value>), Failure> {
    if !rights.allow(area_of(R::KIND), Access::Read) {
        return Ok((R::KIND, Vec::new()));
    }
    let pairs = [(member, id), ("size", RELATED)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (filter, request): (R::Filter, PageRequest<R::Sort>) = read_params(pairs.to_vec())?;
    let page = R::list(connection, scope, &filter, &request)?;
    Ok((R::KIND, page.items.iter().map(shown).collect::<Result<_, _>>()?))
}

/// The fields with the tags that there are.
pub(super) fn entries<R: Recorded>(
    connection: &mut DbConnection,
    scope: &Scope,
    record: Option<&R>,
    of_type: Option<&str>,
) -> Result<Vec<Entry>, Failure> {
    let tags = crm_tags::list(connection, scope, R::TAGS)?;
    Ok(fields::entries(&R::fields(connection, scope, record, of_type)?, &tags))
}

/// What was sent for a name; of boxes all that were ticked, a line each.
fn sent(form: &Form) -> impl Fn(&str) -> Option<String> + '_ {
    let mut by_name: HashMap<&str, String> = HashMap::new();
    for (name, value) in form.fields() {
        by_name
            .entry(name.as_str())
            .and_modify(|all| {
                all.push('\n');
                all.push_str(value);
            })
            .or_insert_with(|| value.clone());
    }
    move |name| by_name.get(name).cloned()
}

/// What a new record is to be made in.
struct InPlace(Option<String>);

impl FromParams for InPlace {
    fn from_params(params: &mut ParamReader) -> Self {
        Self(params.text(PLACE, "The case type or pipeline that it is made in."))
    }
}

async fn new_page<R: Recorded>(
    visitor: Visitor<R::Area, Read>,
    Query((InPlace(asked),)): Query<(InPlace,)>,
) -> Answer<Html> {
    may_change(&visitor)?;
    new_form::<R, _>(&visitor, asked, Typed::default()).await
}

async fn new_form<R: Recorded, D>(visitor: &Visitor<R::Area, D>, asked: Option<String>, typed: Typed) -> Answer<Html> {
    let frame = frame(visitor);
    let page = visitor.read(move |connection, scope| {
        let places = R::places(connection, scope)?;
        let chosen = places.as_ref().and_then(|places| places.chosen(asked.as_deref()));
        let entries = entries::<R>(connection, scope, None, chosen)?;
        let within = places.as_ref().zip(chosen);
        Ok(Html::page(record::new(&frame, R::KIND, &entries, &typed, within)))
    });
    page.await
}

async fn make<R: Recorded>(visitor: Visitor<R::Area, Write>) -> Answer<Html> {
    let form = visitor.form().clone();
    let made = visitor.write(move |connection, scope| {
        let place = form.value(PLACE).filter(|id| !id.is_empty());
        let entries = entries::<R>(connection, scope, None, place)?;
        let mut body = fields::new_body(&entries, sent(&form));
        if let (Some(member), Some(place)) = (R::WITHIN, place) {
            body.insert(member.to_owned(), place.into());
        }
        named::find(connection, scope, &entries, &form, &mut body)?;
        let record = R::create(connection, scope, &R::New::from_body(&body)?)?;
        Ok(Html::see_other(format!("/console/{}/{}?done=made", R::KIND.plural(), record.id())))
    });
    match made.await {
        Err(problem) if is_told_in_form(&problem) => {
            let status = problem.code.status();
            let asked = visitor.form().value(PLACE).map(str::to_owned);
            with_status(new_form::<R, _>(&visitor, asked, typed(visitor.form(), &problem)).await, status)
        }
        made => made,
    }
}

fn with_status(answer: Answer<Html>, status: StatusCode) -> Answer<Html> {
    answer.map(|mut page| {
        page.rendered.status = status;
        page
    })
}

async fn edit_page<R: Recorded>(visitor: Visitor<R::Area, Read>, Numbered(id): Numbered<IdOf<R>>) -> Answer<Html> {
    may_change(&visitor)?;
    let frame = frame(&visitor);
    let page = visitor.read(move |connection, scope| {
        let found = <R as Resource>::get(connection, scope, id)?;
        let entries = entries::<R>(connection, scope, Some(&found), None)?;
        Ok(Html::page(record::edit(&frame, R::KIND, &shown(&found)?, &entries, &Typed::default(), &[])))
    });
    page.await
}

/// Changes what the form changed. Where somebody else changed the same field meanwhile, nothing is changed and both are
/// shown; what others changed elsewhere stays.
async fn change<R: Recorded>(visitor: Visitor<R::Area, Write>, Numbered(id): Numbered<IdOf<R>>) -> Answer<Html> {
    let form = visitor.form().clone();
    let changed = visitor.write(move |connection, scope| {
        let found = <R as Resource>::get(connection, scope, id)?;
        let entries = entries::<R>(connection, scope, Some(&found), None)?;
        let mut edit = fields::edit(&entries, &shown(&found)?, sent(&form));
        if !edit.conflicts.is_empty() {
            let detail = "Somebody else changed the same fields meanwhile: choose which values are to stay.";
            return Err(Problem::new(ProblemCode::PreconditionFailed, detail).into());
        }
        if !edit.body.is_empty() {
            named::find(connection, scope, &entries, &form, &mut edit.body)?;
            R::update(connection, scope, id, &as_it_was(&found)?, &R::Patch::from_body(&edit.body)?)?;
        }
        Ok(Html::see_other(format!("/console/{}/{id}?done=saved", R::KIND.plural())))
    });
    match changed.await {
        Err(problem) if is_told_in_form(&problem) => edit_again::<R>(&visitor, id, problem).await,
        changed => changed,
    }
}

/// The record has not changed since it was read.
fn as_it_was<R: Recorded>(record: &R) -> Result<Condition<R>, Failure> {
    let seen = etag_of(record)?;
    Ok(Condition::new(move |now: &R| match etag_of(now) {
        Ok(etag) if etag == seen => Ok(()),
        _ => Err(Unmet("Somebody else changed it at the same moment.".to_owned())),
    }))
}

async fn edit_again<R: Recorded>(visitor: &Visitor<R::Area, Write>, id: IdOf<R>, problem: Problem) -> Answer<Html> {
    let (frame, form, status) = (frame(visitor), visitor.form().clone(), problem.code.status());
    let page = visitor.read(move |connection, scope| {
        let found = <R as Resource>::get(connection, scope, id)?;
        let (entries, value) = (entries::<R>(connection, scope, Some(&found), None)?, shown(&found)?);
        let conflicts = fields::edit(&entries, &value, sent(&form)).conflicts;
        let mut typed = typed(&form, &problem);
        typed.values = fields::carried(&entries, &value, sent(&form));
        Ok(Html::page(record::edit(&frame, R::KIND, &value, &entries, &typed, &conflicts)))
    });
    with_status(page.await, status)
}

async fn remove<R: Recorded>(visitor: Visitor<R::Area, Write>, Numbered(id): Numbered<IdOf<R>>) -> Answer<Html> {
    let removed = visitor.write(move |connection, scope| {
        if R::delete(connection, scope, &[id])?.is_empty() {
            return Err(Problem::not_found(R::KIND.name()).into());
        }
        Ok(Html::see_other(format!("/console/{}?notice=deleted", R::KIND.plural())))
    });
    removed.await
}

async fn comment<R: Recorded>(visitor: Visitor<R::Area, Write>, Numbered(id): Numbered<IdOf<R>>) -> Answer<Html> {
    let form = visitor.form().clone();
    let said = visitor.write(move |connection, scope| {
        let mut body = JsonObject::new();
        body.insert("comment".to_owned(), form.value("comment").unwrap_or_default().replace("\r\n", "\n").into());
        R::say(connection, scope, id, &body)?;
        Ok(Html::see_other(format!("/console/{}/{id}?done=said#comments", R::KIND.plural())))
    });
    match said.await {
        Err(problem) if is_told_in_form(&problem) => {
            let status = problem.code.status();
            with_status(show::<R, _>(&visitor, id, typed(visitor.form(), &problem)).await, status)
        }
        said => said,
    }
}
