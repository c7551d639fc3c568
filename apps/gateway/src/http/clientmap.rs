//! `/api/v1/ticketing/clientMap` (docs/compatibility.md, "Ticketing client maps").

use actix_web::http::header::HeaderName;
use crm_core::{ClientMapId, DbConnection, Scope};
use serde::Serialize;
use ticketing_clientmap::{ClientMap, ClientMapPatch, NewClientMap, SyncReport};
use utoipa::ToSchema;

use crate::auth::TicketingAdmin;
use crate::endpoint::{Answer, Api, Body, Call, Extract, NoContent, OperationDoc, PathId, Precondition};
use crate::error::{Failure, Problem, ProblemCode};
use crate::ticketing::{Data, IfChanged, IfNoneMatch, NewData, Ticketing, weak_etag_of};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.dialect("/api/v1/ticketing", &Ticketing);
    api.tag(
        "Ticketing",
        "Which integrations a tenant has. These routes take a bearer token of the operator's issuer and the \
         header `x-tenantid`, no key, and have envelopes of their own.",
    );
    api.get("/api/v1/ticketing/clientMap/findAndCountAll", find_and_count_all)
        .named("find_and_count_all", "Find and count all client mappings")
        .about("Oldest first. With the header `usecase`, only those of that use case.");
    api.post("/api/v1/ticketing/clientMap", create_client_map)
        .named("create_client_map", "Create a client mapping")
        .problem(ProblemCode::ClientIdTaken)
        .problem(ProblemCode::LimitReached);
    api.get("/api/v1/ticketing/clientMap/{id}", get_client_map).named("get_client_map", "Read a client mapping");
    api.patch("/api/v1/ticketing/clientMap/{id}", update_client_map)
        .named("update_client_map", "Change a client mapping")
        .about("A JSON merge patch at the top level: `configuration` is replaced whole, but for masked secrets.")
        .problem(ProblemCode::ClientIdTaken)
        .problem(ProblemCode::LimitReached);
    api.delete("/api/v1/ticketing/clientMap/{id}", delete_client_map)
        .named("delete_client_map", "Delete a client mapping");
    api.post("/api/v1/ticketing/clientMap/{id}/sync", report_client_map_sync)
        .named("report_client_map_sync", "Report a run of the integration")
        .about("`lastSyncAt` is now where it is left out and the run has ended.");
}

/// All client mappings, and how many they are.
#[derive(Debug, Serialize, ToSchema)]
struct ClientMapRows {
    /// Oldest first.
    rows: Vec<ClientMap>,
    /// How many.
    count: usize,
}

/// The header `usecase`.
struct UseCase(Option<String>);

impl Extract for UseCase {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        let invalid = |detail: &str| Problem::new(ProblemCode::InvalidHeader, detail);
        let mut values = call.request.headers().get_all(HeaderName::from_static("usecase"));
        let (Some(value), None) = (values.next(), values.next()) else {
            let is_absent = !call.request.headers().contains_key("usecase");
            return if is_absent { Ok(Self(None)) } else { Err(invalid("The header usecase stands twice.")) };
        };
        // Not only ASCII: it is compared with a field that takes any text.
        let text = std::str::from_utf8(value.as_bytes()).map_err(|_| invalid("The header usecase is no UTF-8."))?;
        match text.trim() {
            "" => Err(invalid("The header usecase is empty; leave it out to get all.")),
            text => Ok(Self(Some(text.to_owned()))),
        }
    }

    fn describe(operation: &mut OperationDoc) {
        operation.header_parameter("usecase", "Only mappings of exactly this use case.", Some("\\S"));
        operation.problem(ProblemCode::InvalidHeader);
    }
}

async fn find_and_count_all(
    admin: TicketingAdmin,
    UseCase(usecase): UseCase,
    cached: IfNoneMatch,
) -> Answer<IfChanged<ClientMapRows>> {
    admin
        .read(move |connection, scope| {
            // Before the rows, so that a change in between is fetched once too often and never missed.
            let etag = list_etag(connection, scope, usecase.as_deref())?;
            if cached.names(&etag) {
                return Ok(IfChanged::Unchanged(etag));
            }
            let rows = ticketing_clientmap::list(connection, scope, usecase.as_deref())?;
            let data = ClientMapRows { count: rows.len(), rows };
            Ok(IfChanged::Changed(Data::new(scope, "Client mappings retrieved successfully", data).tagged(etag)))
        })
        .await
}

/// Made of what decides the list: the tenant, by the number that is never given again, its version, and the filter.
fn list_etag(connection: &mut DbConnection, scope: &Scope, usecase: Option<&str>) -> Result<String, Failure> {
    let version = ticketing_clientmap::version(connection, scope)?;
    Ok(weak_etag_of(&(scope.tenant().as_i64(), version, usecase))?)
}

async fn create_client_map(admin: TicketingAdmin, Body(new): Body<NewClientMap>) -> Answer<NewData<ClientMap>> {
    admin
        .write(move |connection, scope| {
            let made = ticketing_clientmap::create(connection, scope, &new)?;
            let location = format!("/api/v1/ticketing/clientMap/{}", made.id);
            Ok(NewData { location, data: Data::new(scope, "Client mapping created successfully", made) })
        })
        .await
}

async fn get_client_map(admin: TicketingAdmin, PathId(id): PathId<ClientMapId>) -> Answer<Data<ClientMap>> {
    admin
        .read(move |connection, scope| {
            let found = ticketing_clientmap::get(connection, scope, id)?;
            Ok(Data::new(scope, "Client mapping retrieved successfully", found))
        })
        .await
}

async fn update_client_map(
    admin: TicketingAdmin,
    PathId(id): PathId<ClientMapId>,
    Precondition(condition): Precondition<Data<ClientMap>>,
    Body(patch): Body<ClientMapPatch>,
) -> Answer<Data<ClientMap>> {
    admin
        .write(move |connection, scope| {
            let changed = ticketing_clientmap::update(connection, scope, id, &condition, &patch)?;
            Ok(Data::new(scope, "Client mapping updated successfully", changed))
        })
        .await
}

async fn delete_client_map(
    admin: TicketingAdmin,
    PathId(id): PathId<ClientMapId>,
    Precondition(condition): Precondition<Data<ClientMap>>,
) -> Answer<NoContent> {
    admin
        .write(move |connection, scope| {
            ticketing_clientmap::delete(connection, scope, id, &condition)?;
            Ok(NoContent)
        })
        .await
}

async fn report_client_map_sync(
    admin: TicketingAdmin,
    PathId(id): PathId<ClientMapId>,
    Precondition(condition): Precondition<Data<ClientMap>>,
    Body(report): Body<SyncReport>,
) -> Answer<Data<ClientMap>> {
    admin
        .write(move |connection, scope| {
            let changed = ticketing_clientmap::report_sync(connection, scope, id, &condition, &report)?;
            Ok(Data::new(scope, "Client mapping sync reported successfully", changed))
        })
        .await
}
