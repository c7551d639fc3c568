//! Records that look like one, and merging.

use std::collections::HashMap;

use crm_console::duplicates::{Comparison, groups};
use crm_console::fields;
use crm_console::form::Typed;
use crm_core::input::{FromBody, JsonObject};
use crm_core::page::{Page, PageRequest};
use crm_core::{Condition, ContactId, DbConnection, FieldCode, FieldErrors, LeadId, OrganizationId, Scope, Unmet};
use crm_directory::{Contact, Duplicates, DuplicatesRequest, Organization};
use crm_history::MergeRequest;
use crm_leads::Lead;
use crm_suite::merge::{self, Merged, Preview, Repointed};
use crm_suite::resource::Resource;
use crm_suite::{SuiteError, contacts, leads, organizations};
use serde_json::{Value, json};

use crate::auth::{Read, Visitor, Write, area};
use crate::endpoint::{Address, Answer, Api, Form, Html, etag_of, read_params};
use crate::error::Failure;

use super::kind::{IdOf, Numbered, Recorded, parsed, shown};
use super::records::entries;
use super::{again, back, frame, only, records};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    macro_rules! merges {
        ($($record:ty, $path:literal;)*) => { $(
            api.get(concat!($path, "/compare"), compare_page::<$record>).undocumented();
            api.post(concat!($path, "/compare"), compared::<$record>).undocumented();
            api.post(concat!($path, "/{id}/merge"), merge_into::<$record>).undocumented();
        )* };
    }
    api.get("/console/contacts/duplicates", duplicates_page::<Contact>).undocumented();
    api.get("/console/organizations/duplicates", duplicates_page::<Organization>).undocumented();
    merges! {
        Lead, "/console/leads";
        Contact, "/console/contacts";
        Organization, "/console/organizations";
    }
}

/// The most records side by side.
const MOST: usize = 20;

/// A kind whose records are merged.
trait Mergeable: Recorded {
    fn merge(
        connection: &mut DbConnection,
        scope: &Scope,
        into: IdOf<Self>,
        condition: &Condition<Self>,
        request: &JsonObject,
    ) -> Result<Merged<Self>, SuiteError>;

    /// Its number.
    fn number(&self) -> String;
}

macro_rules! mergeable {
    ($($record:ty, $id:ty, $suite:ident;)*) => { $(
        impl Mergeable for $record {
            fn merge(
                connection: &mut DbConnection,
                scope: &Scope,
                into: $id,
                condition: &Condition<Self>,
                request: &JsonObject,
            ) -> Result<Merged<Self>, SuiteError> {
                $suite::merge(connection, scope, into, condition, &MergeRequest::from_body(request)?)
            }

            fn number(&self) -> String {
                self.id.to_string()
            }
        }
    )* };
}

mergeable! {
    Lead, LeadId, leads;
    Contact, ContactId, contacts;
    Organization, OrganizationId, organizations;
}

/// A kind whose groups are found.
trait Grouped: Recorded {
    fn groups(
        connection: &mut DbConnection,
        scope: &Scope,
        request: &DuplicatesRequest,
    ) -> Result<Page<Duplicates>, SuiteError>;
}

macro_rules! grouped {
    ($($record:ty, $suite:ident;)*) => { $(
        impl Grouped for $record {
            fn groups(
                connection: &mut DbConnection,
                scope: &Scope,
                request: &DuplicatesRequest,
            ) -> Result<Page<Duplicates>, SuiteError> {
                $suite::duplicates(connection, scope, request)
            }
        }
    )* };
}

grouped! {
    Contact, contacts;
    Organization, organizations;
}

async fn duplicates_page<R: Grouped>(visitor: Visitor<area::Directory, Read>, _: Address) -> Answer<Html> {
    let frame = frame(&visitor);
    let asked: Vec<(String, String)> = visitor.query().to_vec();
    let is_first = !asked.iter().any(|(name, _)| name == "continuationToken");
    let (request,): (DuplicatesRequest,) = read_params(asked)?;
    let page = visitor.read(move |connection, scope| {
        let page = R::groups(connection, scope, &request)?;
        let next = page.continuation_token.as_deref().filter(|_| page.has_more);
        Ok(Html::page(groups(&frame, R::KIND, &page.items, next, is_first)))
    });
    page.await
}

async fn compare_page<R: Mergeable>(visitor: Visitor<R::Area, Read>, _: Address) -> Answer<Html> {
    only(visitor.query(), &["id"])?;
    let ids = visitor.query().iter().filter(|(name, _)| name == "id").map(|(_, id)| id.clone()).collect();
    compare::<R, _>(&visitor, ids, String::new(), Typed::default()).await
}

/// What the page has of the records.
struct Beside {
    records: Vec<Value>,
    /// What each of them is, for the form to say what was seen.
    seen: Vec<String>,
    entries: Vec<fields::Entry>,
}

impl Beside {
    fn read<R: Recorded>(connection: &mut DbConnection, scope: &Scope, ids: &[String]) -> Result<Self, Failure> {
        let ids: Vec<IdOf<R>> = parsed::<R>(ids)?;
        let (mut records, mut seen) = (Vec::with_capacity(ids.len().min(MOST)), Vec::new());
        for id in ids.into_iter().take(MOST) {
            let record = <R as Resource>::get(connection, scope, id)?;
            seen.push(super::seen(&record)?);
            records.push(shown(&record)?);
        }
        let entries = entries::<R>(connection, scope, None, None)?;
        Ok(Self { records, seen, entries })
    }

    fn page<R: Recorded>(
        &self,
        frame: &crm_console::Frame,
        into: &str,
        would: Option<(&Value, Repointed)>,
        typed: &Typed,
    ) -> Html {
        let first = self.records.first().and_then(|record| record["id"].as_str()).unwrap_or_default();
        let into = if into.is_empty() { first } else { into };
        let Self { records, seen, entries } = self;
        Html::page(Comparison { kind: R::KIND, records, seen, entries, into, would, typed }.page(frame))
    }
}

async fn compare<R: Mergeable, D>(
    visitor: &Visitor<R::Area, D>,
    ids: Vec<String>,
    into: String,
    typed: Typed,
) -> Answer<Html> {
    let frame = frame(visitor);
    let page = visitor.read(move |connection, scope| {
        Ok(Beside::read::<R>(connection, scope, &ids)?.page::<R>(&frame, &into, None, &typed))
    });
    page.await
}

/// Each is as it was when the page was shown, of all that the form names.
fn as_seen<R: Mergeable>(form: &Form) -> Condition<R> {
    let named = form.fields().iter().filter_map(|(name, etag)| Some((name.strip_prefix("seen-")?, etag)));
    let was: HashMap<String, String> = named.map(|(id, etag)| (id.to_owned(), etag.clone())).collect();
    let condition = Condition::new(move |now: &R| {
        let id = now.number();
        match (was.get(&id), etag_of(now)) {
            (None, _) => Ok(()),
            (Some(was), Ok(etag)) if *was == etag => Ok(()),
            _ => Err(Unmet(format!(
                "Somebody else changed #{id} meanwhile. Here it is as it is now: look again before you merge."
            ))),
        }
    });
    condition.of_all()
}

/// The others of these are merged into this one.
fn request(into: &str, ids: &[String]) -> JsonObject {
    let sources: Vec<&String> = ids.iter().filter(|id| *id != into).collect();
    JsonObject::from_iter([("sourceId".to_owned(), json!(sources))])
}

/// Merges those that were compared, or shows what that would come to.
async fn compared<R: Mergeable>(visitor: Visitor<R::Area, Write>) -> Answer<Html> {
    let (frame, form) = (frame(&visitor), visitor.form().clone());
    let ids: Vec<String> = form.values("id").map(str::to_owned).collect();
    let into = form.value("into").unwrap_or_default().to_owned();
    let (merged_ids, target) = (ids.clone(), into.clone());
    let (is_try, sent) = (form.value("action") != Some("merge"), form.clone());
    let merged = visitor.write(move |connection, scope| {
        let request = request(&target, &merged_ids);
        let id = parsed::<R>(std::slice::from_ref(&target))?;
        let id = *id.first().ok_or_else(|| crate::error::Problem::not_found(R::KIND.name()))?;
        let condition = as_seen::<R>(&sent);
        let merge = |connection: &mut DbConnection| R::merge(connection, scope, id, &condition, &request);
        if !is_try {
            merge(connection)?;
            return Ok(Html::see_other(format!("/console/{}/{id}?done=merged", R::KIND.plural())));
        }
        let beside = Beside::read::<R>(connection, scope, &merged_ids)?;
        let Preview { item, repointed } = merge::preview(connection, scope, merge)?;
        Ok(beside.page::<R>(&frame, &target, Some((&shown(&item)?, repointed)), &Typed::default()))
    });
    again(visitor.form(), merged.await, |typed| compare::<R, _>(&visitor, ids, into, typed)).await
}

/// Refuses the number of none beside its field. What is no number is told by the merge.
fn is_there<R: Mergeable>(connection: &mut DbConnection, scope: &Scope, source: &str) -> Result<(), Failure> {
    let Ok(id) = source.parse::<IdOf<R>>() else { return Ok(()) };
    let page = R::list(connection, scope, &R::of_ids(vec![id]), &PageRequest::first(1))?;
    if page.items.is_empty() {
        let words = format!("is the number of no {}", R::KIND.name());
        return Err(FieldErrors::of("sourceId", FieldCode::UnknownReference, &words).into());
    }
    Ok(())
}

/// From the page of a record: another one by its number.
async fn merge_into<R: Mergeable>(visitor: Visitor<R::Area, Write>, Numbered(id): Numbered<IdOf<R>>) -> Answer<Html> {
    let form: Form = visitor.form().clone();
    let merged = visitor.write(move |connection, scope| {
        let source = form.value("sourceId").unwrap_or_default().trim().trim_start_matches('#').to_owned();
        is_there::<R>(connection, scope, &source)?;
        R::merge(connection, scope, id, &as_seen::<R>(&form), &request("", &[source]))?;
        Ok(Html::see_other(back(&form, &format!("/console/{}/{id}?done=merged", R::KIND.plural()))))
    });
    again(visitor.form(), merged.await, |typed| records::show::<R, _>(&visitor, id, typed)).await
}
