//! `/trash`: what was deleted or merged, until it is gone for good (docs/compatibility.md, "The trash").

use crm_cases::Case;
use crm_core::page::PageRequest;
use crm_core::params::{FromParams, ParamReader};
use crm_core::{DbConnection, RecordId, Scope};
use crm_directory::{Contact, Organization};
use crm_exchange::imports;
use crm_history::{Discarded, Kind, TrashSort};
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::erasing::{self, Erased};
use crm_suite::trash::{self, Restorable};
use crm_webhooks::deliveries;
use serde::Serialize;
use utoipa::ToSchema;

use super::changes::readable;
use super::leads::ChangedBy;
use crate::auth::{Caller, InArea, Read, Write, area};
use crate::endpoint::{Answer, Api, Item, Listing, NoContent, OptionalBody, PathId, Precondition, Query};
use crate::error::{Failure, ProblemCode};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Trash",
        "What was deleted, or merged into another record, is kept for some days and can be restored. For every other route it \
         does not exist.",
    );
    api.get("/trash", list_trash)
        .named("list_trash", "List what is in the trash")
        .about("What was deleted last comes first. Only kinds that the key may read are shown.");
    of_kind::<area::Pipeline, Lead>(api, ("lead", "a lead"));
    of_kind::<area::Pipeline, Opportunity>(api, ("opportunity", "an opportunity"));
    of_kind::<area::Directory, Contact>(api, ("contact", "a contact"));
    of_kind::<area::Directory, Organization>(api, ("organization", "an organization"));
    of_kind::<area::Cases, Case>(api, ("case", "a case"));
}

/// A record in the trash, as its routes show it.
trait Shown: Restorable<Id: Ord + ToSchema> + Serialize + ToSchema + Send + 'static {}

impl<R: Restorable<Id: Ord + ToSchema> + Serialize + ToSchema + Send + 'static> Shown for R {}

/// The same three for each kind; `one` is in paths and ids, `of` in sentences.
fn of_kind<A: InArea, R: Shown>(api: &mut Api, (one, of): (&str, &str)) {
    let path = format!("/trash/{one}/{{id}}");
    api.get(&path, get::<A, R>)
        .named(&format!("get_deleted_{one}"), &format!("Read {of} that is in the trash"))
        .about("The record as it was when it was deleted.");
    api.post(&format!("{path}/restore"), restore::<A, R>)
        .named(&format!("restore_{one}"), &format!("Restore {of}"))
        .about(
            "The record is there again, with its id, `createdOn`, history and comments, and those of its tags and \
             references that still exist. What its deletion took away from other records is given back to them \
             where it is still empty; after a merge, what was its own and still points at the target.",
        )
        .problem(ProblemCode::CannotRestore);
    api.delete(&path, delete::<A, R>).named(&format!("delete_{one}_for_good"), &format!("Delete {of} for good")).about(
        "It is not in the trash any more, and cannot be restored. Its history stays, unless `erase` takes every \
             value out of that as well, of what was merged into it too: also when it is in the trash no more.",
    );
}

async fn get<A: InArea, R: Shown>(caller: Caller<A, Read>, PathId(id): PathId<R::Id>) -> Answer<Item<R>> {
    let trash = caller.trash();
    caller.read(move |connection, scope| Ok(Item(R::in_trash(connection, scope, trash, id)?))).await
}

async fn restore<A: InArea, R: Shown>(
    caller: Caller<A, Write>,
    PathId(id): PathId<R::Id>,
    Precondition(condition): Precondition<Item<R>>,
    OptionalBody(body): OptionalBody<ChangedBy>,
) -> Answer<Item<R>> {
    let (trash, by) = (caller.trash(), body.and_then(|ChangedBy(user)| user));
    caller
        .write(move |connection, scope| {
            // What is in the trash stays as it is until it is there no more.
            condition.check(|| R::in_trash(connection, scope, trash, id))?;
            Ok(Item(R::restore(connection, scope, trash, id, by.as_ref())?))
        })
        .await
}

async fn delete<A: InArea, R: Shown>(
    caller: Caller<A, Write>,
    PathId(id): PathId<R::Id>,
    Precondition(condition): Precondition<Item<R>>,
    Query((Finality { erases },)): Query<(Finality,)>,
) -> Answer<NoContent> {
    let trash = caller.trash();
    caller
        .write(move |connection, scope| {
            condition.check(|| R::in_trash(connection, scope, trash, id))?;
            if erases {
                erase(connection, scope, id)?;
            } else {
                R::let_go(connection, scope, trash, id)?;
            }
            Ok(NoContent)
        })
        .await
}

/// Takes every value of a record that is no more out of all that is kept.
pub(crate) fn erase<I: RecordId + Ord>(connection: &mut DbConnection, scope: &Scope, id: I) -> Result<(), Failure> {
    let Erased { kind, ids, texts } = erasing::erase(connection, scope, id)?;
    deliveries::erase_records(connection, scope, kind, &ids, &texts)?;
    Ok(imports::erase_rows(connection, scope)?)
}

/// How final a deletion is.
struct Finality {
    erases: bool,
}

impl FromParams for Finality {
    fn from_params(params: &mut ParamReader) -> Self {
        let description =
            "Whether every value is taken out of its history, its comments, kept answers and webhooks, too.";
        Self { erases: params.bool("erase", description).unwrap_or_default() }
    }
}

/// Which kinds are wanted.
struct TrashQuery {
    kinds: Option<Vec<Kind>>,
}

impl FromParams for TrashQuery {
    fn from_params(params: &mut ParamReader) -> Self {
        let known = trash::KINDS.map(|kind| (kind.as_str(), kind));
        Self { kinds: params.words("kinds", &known, "The kinds of records wanted.") }
    }
}

async fn list_trash(
    caller: Caller<area::Anywhere, Read>,
    Query((TrashQuery { kinds }, request)): Query<(TrashQuery, PageRequest<TrashSort>)>,
) -> Answer<Listing<Discarded>> {
    let wanted = kinds.unwrap_or_else(|| trash::KINDS.to_vec());
    let (trash, kinds) = (caller.trash(), readable(caller.scope().actor().rights(), wanted));
    caller.read(move |connection, scope| Ok(Listing(trash::list(connection, scope, trash, &kinds, &request)?))).await
}
