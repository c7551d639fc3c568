//! Bulk actions (docs/compatibility.md, "Bulk actions").

use crm_suite::bulk::{self, BulkAction, BulkOutcome, Cases, Directory, Module, Pipeline};

use crate::auth::{Caller, InArea, Write, area};
use crate::endpoint::{Answer, Api, Body, Plain};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    const ABOUT: &str = "Deletes what DELETE of each would, all or nothing. Ids that name no record are told back.";
    api.tag("Bulk actions", "One action on up to 1,000 records, in one transaction.");
    api.post("/pipeline/bulk-actions", bulk_pipeline)
        .named("bulk_pipeline", "Delete many leads or opportunities")
        .about(ABOUT);
    api.post("/directory/bulk-actions", bulk_directory)
        .named("bulk_directory", "Delete many contacts or organizations")
        .about(ABOUT);
    api.post("/cases/bulk-actions", bulk_cases).named("bulk_cases", "Delete many cases").about(ABOUT);
}

async fn bulk_pipeline(
    caller: Caller<area::Pipeline, Write>,
    body: Body<BulkAction<Pipeline>>,
) -> Answer<Plain<BulkOutcome>> {
    delete(caller, body).await
}

async fn bulk_directory(
    caller: Caller<area::Directory, Write>,
    body: Body<BulkAction<Directory>>,
) -> Answer<Plain<BulkOutcome>> {
    delete(caller, body).await
}

async fn bulk_cases(caller: Caller<area::Cases, Write>, body: Body<BulkAction<Cases>>) -> Answer<Plain<BulkOutcome>> {
    delete(caller, body).await
}

async fn delete<A: InArea, M: Module + Send>(
    caller: Caller<A, Write>,
    Body(action): Body<BulkAction<M>>,
) -> Answer<Plain<BulkOutcome>> {
    caller.write(move |connection, scope| Ok(Plain(bulk::delete(connection, scope, &action)?))).await
}
