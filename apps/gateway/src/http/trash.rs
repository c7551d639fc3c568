//! `/trash`: what was deleted or merged, until it is gone for good (docs/compatibility.md, "The trash").

use crm_cases::Case;
use crm_core::page::PageRequest;
use crm_core::params::{FromParams, ParamReader};
use crm_core::{CaseId, ContactId, DbConnection, LeadId, OpportunityId, OrganizationId, RecordId, Scope};
use crm_directory::{Contact, Organization};
use crm_exchange::imports;
use crm_history::{Discarded, Kind, TrashSort};
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::erasing::{self, Erased};
use crm_suite::trash::{self, Restorable};
use crm_webhooks::deliveries;

use super::changes::readable;
use super::leads::ChangedBy;
use crate::auth::{Caller, Read, Write, area};
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
        .summary("List what is in the trash")
        .about("What was deleted last comes first. Only kinds that the key may read are shown.");
    lead::routes(api);
    opportunity::routes(api);
    contact::routes(api);
    organization::routes(api);
    case::routes(api);
}

/// Writes the routes of one kind, with its scope and its record in their signatures: a handler's name is its operation's id.
macro_rules! of_kind {
    ($name:ident, $path:literal, $area:ident, $record:ty, $id:ty, $one:literal, $get:ident, $restore:ident, $delete:ident) => {
        mod $name {
            use super::*;

            pub(super) fn routes(api: &mut Api) {
                api.get($path, $get)
                    .summary(concat!("Read ", $one, " that is in the trash"))
                    .about("The record as it was when it was deleted.");
                api.post(concat!($path, "/restore"), $restore)
                    .summary(concat!("Restore ", $one))
                    .about(
                        "The record is there again, with its id, `createdOn`, history and comments, and those of its tags and \
                         references that still exist. What its deletion took away from other records is given back to them \
                         where it is still empty; after a merge, what was its own and still points at the target.",
                    )
                    .problem(ProblemCode::CannotRestore);
                api.delete($path, $delete)
                    .summary(concat!("Delete ", $one, " for good"))
                    .about(
                        "It is not in the trash any more, and cannot be restored. Its history stays, unless `erase` takes every \
                         value out of that as well, of what was merged into it too: also when it is in the trash no more.",
                    );
            }

            async fn $get(caller: Caller<area::$area, Read>, PathId(id): PathId<$id>) -> Answer<Item<$record>> {
                let trash = caller.trash();
                caller
                    .read(move |connection, scope| Ok(Item(<$record>::in_trash(connection, scope, trash, id)?)))
                    .await
            }

            async fn $restore(
                caller: Caller<area::$area, Write>,
                PathId(id): PathId<$id>,
                Precondition(condition): Precondition<Item<$record>>,
                OptionalBody(body): OptionalBody<ChangedBy>,
            ) -> Answer<Item<$record>> {
                let (trash, by) = (caller.trash(), body.and_then(|ChangedBy(user)| user));
                caller
                    .write(move |connection, scope| {
                        // What is in the trash stays as it is until it is there no more.
                        condition.check(|| <$record>::in_trash(connection, scope, trash, id))?;
                        Ok(Item(<$record>::restore(connection, scope, trash, id, by.as_ref())?))
                    })
                    .await
            }

            async fn $delete(
                caller: Caller<area::$area, Write>,
                PathId(id): PathId<$id>,
                Precondition(condition): Precondition<Item<$record>>,
                Query((Finality { erases },)): Query<(Finality,)>,
            ) -> Answer<NoContent> {
                let trash = caller.trash();
                caller
                    .write(move |connection, scope| {
                        condition.check(|| <$record>::in_trash(connection, scope, trash, id))?;
                        if erases {
                            erase(connection, scope, id)?;
                        } else {
                            <$record>::let_go(connection, scope, trash, id)?;
                        }
                        Ok(NoContent)
                    })
                    .await
            }
        }
    };
}

of_kind!(
    lead,
    "/trash/lead/{id}",
    Pipeline,
    Lead,
    LeadId,
    "a lead",
    get_deleted_lead,
    restore_lead,
    delete_lead_for_good
);
of_kind!(
    opportunity,
    "/trash/opportunity/{id}",
    Pipeline,
    Opportunity,
    OpportunityId,
    "an opportunity",
    get_deleted_opportunity,
    restore_opportunity,
    delete_opportunity_for_good
);
of_kind!(
    contact,
    "/trash/contact/{id}",
    Directory,
    Contact,
    ContactId,
    "a contact",
    get_deleted_contact,
    restore_contact,
    delete_contact_for_good
);
of_kind!(
    organization,
    "/trash/organization/{id}",
    Directory,
    Organization,
    OrganizationId,
    "an organization",
    get_deleted_organization,
    restore_organization,
    delete_organization_for_good
);
of_kind!(case, "/trash/case/{id}", Cases, Case, CaseId, "a case", get_deleted_case, restore_case, delete_case_for_good);

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
