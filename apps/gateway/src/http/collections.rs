//! What every collection of records has alike, under the path of each: records by external id.

use crm_cases::Case;
use crm_directory::{Contact, Organization};
use crm_leads::Lead;
use crm_opportunities::Opportunity;
use crm_suite::external::{self, Upsert, Upserted};
use crm_suite::resource::Resource;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, InArea, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Created, Item, PathExternalId, Precondition, Put};
use crate::error::ProblemCode;

/// The collection of a kind of records.
pub(super) trait Collection: Resource + Serialize + ToSchema {
    /// Whose rights count.
    type Area: InArea;
    /// Its path.
    const PATH: &'static str;
    /// The path of a record by external id.
    const EXTERNAL: &'static str;
}

macro_rules! collections {
    ($($record:ty, $area:ty, $path:literal;)*) => {
        $(impl Collection for $record {
            type Area = $area;
            const PATH: &'static str = $path;
            const EXTERNAL: &'static str = concat!($path, "/external/{externalId}");
        })*
    };
}

collections! {
    Lead, area::Pipeline, "/pipeline/leads";
    Opportunity, area::Pipeline, "/pipeline/opportunities";
    Contact, area::Directory, "/directory/contacts";
    Organization, area::Directory, "/directory/organizations";
    Case, area::Cases, "/cases/cases";
}

/// Declares what the collection has beside its own routes.
pub(super) fn routes<R: Collection>(api: &mut Api) {
    api.get(R::EXTERNAL, read_external::<R>)
        .summary("Read by external id")
        .about("The record to which another system gave this id, percent-encoded in the path.");
    api.put(R::EXTERNAL, put_external::<R>)
        .summary("Make or change by external id")
        .about(
            "Makes the record with this external id, from a body as of POST, or changes the one that has it, by a body \
             as of PATCH; of any number of requests at once one makes it. Send the same body again and nothing changes. \
             `If-None-Match: *` only makes it, `If-Match: *` only changes it.",
        )
        .problem(ProblemCode::ExternalIdTaken);
}

async fn read_external<R: Collection>(
    caller: Caller<R::Area, Read>,
    PathExternalId(external_id): PathExternalId,
) -> Answer<Item<R>> {
    caller.read(move |connection, scope| Ok(Item(external::get::<R>(connection, scope, &external_id)?))).await
}

async fn put_external<R: Collection>(
    caller: Caller<R::Area, Write>,
    PathExternalId(external_id): PathExternalId,
    Precondition(condition): Precondition<Item<R>>,
    Body(wanted): Body<Upsert<R>>,
) -> Answer<Put<R>> {
    caller
        .write(move |connection, scope| {
            Ok(match external::put(connection, scope, &external_id, &condition, &wanted)? {
                Upserted::Created(item) => Put::Created(created(item)),
                Upserted::Updated(item) => Put::Changed(Item(item)),
            })
        })
        .await
}

/// The answer to what made a record.
pub(super) fn created<R: Collection>(item: R) -> Created<R> {
    Created { location: format!("{}/{}", R::PATH, item.id()), item }
}
