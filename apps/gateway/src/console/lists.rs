//! Lists, and what is done with several records of one.

use crm_cases::Case;
use crm_console::Place;
use crm_console::form::Typed;
use crm_console::list::{EXPORTED_AS, List, address, confirm_deletion, usual};
use crm_core::input::{FromBody, JsonObject};
use crm_core::page::{Direction, MOST_ITEMS, PageRequest, SortField, Start, Whole};
use crm_core::params::ParamReader;
use crm_core::{DbConnection, FieldCode, FieldErrors, Scope};
use crm_directory::{Contact, Organization};
use crm_exchange::Export;
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::batch::{self, BatchRequest, Outcome};
use serde_json::{Value, json};

use crate::auth::{Read, Visitor, Write};
use crate::endpoint::{self, Address, Answer, Api, File, Form, Html, read_params};
use crate::error::Failure;
use crate::http::export;

use super::filters::{self, Sent};
use super::kind::{IdOf, Recorded, parsed, shown};
use super::{again, back, frame, named_as_in_form, people};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    macro_rules! lists {
        ($($record:ty, $path:literal;)*) => { $(
            api.get($path, list_page::<$record>).undocumented();
            api.get(concat!($path, "/export"), export_list::<$record>).undocumented();
            api.post(concat!($path, "/selected"), with_selected::<$record>).undocumented();
            api.post(concat!($path, "/selected/export"), export_selected::<$record>).undocumented();
        )* };
    }
    lists! {
        Lead, "/console/leads";
        Opportunity, "/console/opportunities";
        Contact, "/console/contacts";
        Organization, "/console/organizations";
        Case, "/console/cases";
    }
}

/// How many records a page has unless the address says.
const SIZE: &str = "50";

async fn list_page<R: Recorded>(visitor: Visitor<R::Area, Read>, _: Address) -> Answer<Html> {
    show::<R, _>(&visitor, Form::of_pairs(visitor.query()), Typed::default()).await
}

/// The list with these parameters, after `selected` was refused where something was to be done with those that are selected.
async fn show<R: Recorded, D>(visitor: &Visitor<R::Area, D>, query: Form, selected: Typed) -> Answer<Html> {
    let shown = page::<R, D>(visitor, &query, Typed::default(), selected.clone()).await;
    again(&query, shown, |refused| page::<R, D>(visitor, &query, refused, selected)).await
}

/// The same; nothing is listed where the filters were refused.
async fn page<R: Recorded, D>(
    visitor: &Visitor<R::Area, D>,
    query: &Form,
    refused: Typed,
    selected: Typed,
) -> Answer<Html> {
    let frame = frame(visitor);
    let (typed, query): (Vec<_>, Vec<_>) =
        query.fields().iter().cloned().partition(|(name, _)| filters::is_name(R::KIND, name));
    let (given, own): (Vec<_>, Vec<_>) = query
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .partition(|(name, _)| name != "columns" && name != "notice");
    let of = |wanted: &str| -> Vec<String> {
        let values = own.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value);
        values.flat_map(|value| value.split(',')).map(str::to_owned).collect()
    };
    let (columns, notice) = (of("columns"), of("notice"));
    let chosen = if columns.is_empty() {
        usual(R::KIND).iter().map(|name| (*name).to_owned()).collect()
    } else {
        columns.clone()
    };
    let mut asked = given.clone();
    if !asked.iter().any(|(name, _)| name == "size") {
        asked.push(("size".to_owned(), SIZE.to_owned()));
    }
    let wanted = match refused.is_refused() {
        true => None,
        false => Some(read_params::<(R::Filter, PageRequest<R::Sort>)>(asked)?),
    };
    // So that the columns stay from page to page.
    let mut given: Vec<(String, String)> = given;
    if !columns.is_empty() {
        given.push(("columns".to_owned(), columns.join(",")));
    }
    let page = visitor.read(move |connection, scope| {
        let called = filters::called(connection, scope, R::KIND, &given)?;
        let people = people::of(connection, scope, R::KIND, &given)?;
        let (kind, place) = (R::KIND, Place::Records(R::KIND));
        let path = format!("/console/{}", kind.plural());
        let (typed, given) = (&typed, &given);
        let sent = Sent { frame: &frame, kind, place, path: &path, typed, given, called: &called, people: &people };
        if wanted.is_some()
            && let Some(elsewhere) = filters::settled(connection, scope, &sent)?
        {
            return Ok(elsewhere);
        }
        let columns = crm_exchange::columns(connection, scope, R::KIND)?;
        let page = wanted.as_ref().map(|(filter, request)| R::list(connection, scope, filter, request)).transpose()?;
        let records = page.iter().flat_map(|page| &page.items);
        let mut records = records.map(shown).collect::<Result<Vec<Value>, _>>()?;
        let pipelines = R::pipelines(connection, scope)?;
        R::put_words(&pipelines, &mut records);
        let tags = crm_tags::list(connection, scope, R::TAGS)?;
        let described = ParamReader::describing::<R::Filter>();
        let orders: Vec<&'static str> = R::Sort::NAMES.iter().map(|(name, _)| *name).collect();
        let order_by = given.iter().find(|(name, _)| name == "orderBy").map_or(orders[0], |(_, value)| value.as_str());
        let list = List {
            kind: R::KIND,
            columns: &columns,
            chosen: &chosen,
            given,
            filters: &described,
            orders: &orders,
            order_by,
            is_descending: wanted.as_ref().is_some_and(|(_, request)| request.direction == Direction::Desc),
            records: &records,
            next: page.as_ref().and_then(|page| page.continuation_token.as_deref().filter(|_| page.has_more)),
            is_first: wanted.as_ref().is_none_or(|(_, request)| request.start == Start::Offset(0)),
            tags: &tags,
            pipelines: &pipelines,
            called: &called,
            people: &people,
            refused: &refused,
            selected: &selected,
        };
        Ok(Html::page(list.page(&frame, notice.first().map(|word| told(word)))))
    });
    page.await
}

/// What has just been done, by the word that the address has.
fn told(word: &str) -> &'static str {
    match word {
        "deleted" => "Deleted. It is in the trash.",
        "changed" => "Changed.",
        _ => "Done.",
    }
}

async fn export_list<R: Recorded>(visitor: Visitor<R::Area, Read>, _: Address) -> Answer<File> {
    let given =
        visitor.query().iter().filter(|(name, value)| name != "columns" && !value.is_empty()).cloned().collect();
    let (filter, whole, options): (R::Filter, Whole<R::Sort>, Export) = read_params(given)?;
    export_all::<R>(visitor, filter, whole, options).await
}

async fn export_all<R: Recorded>(
    visitor: Visitor<R::Area, Read>,
    filter: R::Filter,
    whole: Whole<R::Sort>,
    options: Export,
) -> Answer<File> {
    let list = move |connection: &mut DbConnection, scope: &Scope, request: &PageRequest<R::Sort>| {
        R::list(connection, scope, &filter, request)
    };
    export::export(visitor.into_caller(), R::KIND, options, whole, list).await
}

/// The ids of those that were selected: of a page at the most.
fn selected(form: &Form) -> Result<Vec<String>, Failure> {
    let ids: Vec<String> = form.values("id").map(str::to_owned).collect();
    if i64::try_from(ids.len()).is_ok_and(|count| count <= MOST_ITEMS) {
        return Ok(ids);
    }
    let words = format_args!("must be at most {MOST_ITEMS} times: of one page");
    Ok(FieldErrors::of("id", FieldCode::TooMany, words).into_result(ids)?)
}

/// Those that are selected as a file, in the order of the list.
async fn export_selected<R: Recorded>(visitor: Visitor<R::Area, Read>) -> Answer<Html> {
    let form = visitor.form();
    let ids = selected(form).map_err(super::own)?;
    if ids.is_empty() {
        return super::reply(Html::see_other(back(form, &format!("/console/{}", R::KIND.plural()))));
    }
    let filter = R::of_ids(parsed::<R>(&ids).map_err(super::own)?);
    let order = ["orderBy", "sort"].into_iter().filter_map(|name| Some((name, form.value(name)?)));
    let options = EXPORTED_AS.iter().copied().chain(order);
    let (whole, options) = read_params(options.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())?;
    let file = export_all::<R>(visitor, filter, whole, options).await?;
    Ok(endpoint::Typed::rendered_before(file.rendered))
}

/// What is done with those that are selected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Compare,
    Delete,
    Tag,
    Give,
    TakeOwner,
}

impl Action {
    const NAMES: [(&str, Self); 5] = [
        ("compare", Self::Compare),
        ("delete", Self::Delete),
        ("tag", Self::Tag),
        ("owner", Self::Give),
        ("noOwner", Self::TakeOwner),
    ];

    fn of(form: &Form) -> Result<Self, FieldErrors> {
        let name = form.value("action").unwrap_or_default();
        let found = Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, action)| *action);
        found.ok_or_else(|| FieldErrors::of("action", FieldCode::InvalidValue, "is none that this page offers"))
    }
}

/// Does what the form says with those that are selected. What is wrong is told on the list that it came from.
async fn with_selected<R: Recorded>(visitor: Visitor<R::Area, Write>) -> Answer<Html> {
    let form = visitor.form();
    let list = format!("/console/{}", R::KIND.plural());
    let back = back(form, &list);
    let done = do_with_selected::<R>(&visitor, back.clone()).await;
    let done = done.map_err(|problem| named_as_in_form(problem, &[("tags", "tag")]));
    let is_own = back.split('?').next() == Some(list.as_str());
    let query = if is_own { Form::of_address(&back).unwrap_or_default() } else { Form::default() };
    again(form, done, |typed| show::<R, _>(&visitor, query, typed)).await
}

async fn do_with_selected<R: Recorded>(visitor: &Visitor<R::Area, Write>, back: String) -> Answer<Html> {
    let form = visitor.form().clone();
    let action = Action::of(&form)?;
    let ids = selected(&form).map_err(super::own)?;
    if ids.is_empty() {
        return super::reply(Html::see_other(back));
    }
    if action == Action::Compare {
        let ids = ids.iter().map(|id| ("id", id.as_str()));
        return super::reply(Html::see_other(address(R::KIND, ids).replacen('?', "/compare?", 1)));
    }
    if action == Action::Delete && form.value("sure") != Some("yes") {
        let (frame, days) = (frame(visitor), visitor.trash().days());
        return super::reply(Html::page(confirm_deletion(&frame, R::KIND, &ids, &back, days)));
    }
    let done = visitor.write(move |connection, scope| {
        let parsed = parsed::<R>(&ids)?;
        let give = |connection: &mut DbConnection, owner: &Value| {
            change_all::<R>(connection, scope, parsed.iter().map(|id| (*id, json!({ "owner": owner }))))
        };
        match action {
            Action::Delete => drop(R::delete(connection, scope, &parsed)?),
            Action::Tag => add_tag::<R>(connection, scope, &parsed, form.value("tag").unwrap_or_default())?,
            Action::Give => {
                let owner = people::owner(connection, scope, R::KIND, form.value("owner").unwrap_or_default())?;
                give(connection, &owner)?;
            }
            Action::TakeOwner => give(connection, &Value::Null)?,
            Action::Compare => {}
        }
        let notice = if action == Action::Delete { "deleted" } else { "changed" };
        let sign = if back.contains('?') { '&' } else { '?' };
        Ok(Html::see_other(format!("{back}{sign}notice={notice}")))
    });
    done.await
}

/// Puts a tag on each, beside those that it has.
fn add_tag<R: Recorded>(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[IdOf<R>],
    tag: &str,
) -> Result<(), Failure> {
    let mut patches = Vec::with_capacity(ids.len());
    for id in ids {
        let record = shown(&<R as crm_suite::resource::Resource>::get(connection, scope, *id)?)?;
        let present = record["tags"].as_array().into_iter().flatten().filter_map(|tag| tag["id"].as_str());
        let all: Vec<&str> = present.filter(|present| *present != tag).chain([tag]).collect();
        let all: Vec<Value> = all.into_iter().map(|id| json!({ "id": id })).collect();
        patches.push((*id, json!({ "tags": all })));
    }
    change_all::<R>(connection, scope, patches.into_iter())
}

/// Changes all of them or none, as a batch of the API does.
fn change_all<R: Recorded>(
    connection: &mut DbConnection,
    scope: &Scope,
    patches: impl Iterator<Item = (IdOf<R>, Value)>,
) -> Result<(), Failure> {
    let items: Vec<Value> = patches
        .map(|(id, mut patch)| {
            patch["id"] = id.to_string().into();
            patch
        })
        .collect();
    let mut body = JsonObject::new();
    body.insert("mode".to_owned(), "update".into());
    body.insert("atomic".to_owned(), true.into());
    body.insert("items".to_owned(), items.into());
    for outcome in batch::run::<R>(connection, scope, &BatchRequest::from_body(&body)?)? {
        if let Outcome::Failed(error) = outcome {
            return Err(error.into());
        }
    }
    Ok(())
}
