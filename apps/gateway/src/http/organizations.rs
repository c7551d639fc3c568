//! `/directory/organizations` (docs/compatibility.md, "Contacts and organizations").

use crm_core::page::{PageRequest, Whole};
use crm_core::{DbConnection, OrganizationId, Scope};
use crm_directory::{
    Duplicates, DuplicatesRequest, IfNoDuplicate, NewOrganization, Organization, OrganizationFilter, OrganizationPatch,
    OrganizationSort,
};
use crm_exchange::{Export, Kind};
use crm_history::MergeRequest;
use crm_suite::organizations;

use super::merges::{DryRun, merge};
use super::{collections, export};
use crate::auth::{Caller, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Created, File, Item, Listing, Merge, NoContent, PathId, Precondition, Query};
use crate::error::{Problem, ProblemCode};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag("Organizations", "Companies. Contacts belong to them, and leads, opportunities and cases refer to them.");
    api.get("/directory/organizations", list_organizations).named("list_organizations", "List organizations");
    export::describe(
        api.get("/directory/organizations/export", export_organizations)
            .named("export_organizations", "Export organizations"),
    );
    api.get("/directory/organizations/duplicates", list_organization_duplicates)
        .named("list_organization_duplicates", "List organizations that look like one")
        .about(
            "In groups, each with what its organizations have in common as it is compared, how many they are, and the first 20 of \
             them: by e-mail addresses first, then by phone numbers, then by names. Merge them where they are one.",
        );
    api.post("/directory/organizations", create_organization)
        .named("create_organization", "Create an organization")
        .problem(ProblemCode::Duplicate);
    api.get("/directory/organizations/{id}", get_organization).named("get_organization", "Read an organization");
    api.patch("/directory/organizations/{id}", update_organization)
        .named("update_organization", "Change an organization")
        .problem(ProblemCode::ExternalIdTaken)
        .about("A JSON merge patch: what is left out stays, `null` clears. `email` and `phone` are replaced whole.");
    api.delete("/directory/organizations/{id}", delete_organization)
        .named("delete_organization", "Delete an organization")
        .about("Records that pointed at it lose that reference.");
    api.post("/directory/organizations/{id}/merge", merge_organizations)
        .named("merge_organizations", "Merge organizations into this one")
        .about(
            "This one keeps what it has and is filled up from the others, in their order. What pointed at them \
             points at this one, and they are deleted.",
        )
        .problem(ProblemCode::NoteTooLong);
    collections::routes::<Organization>(api);
}

async fn list_organizations(
    caller: Caller<area::Directory, Read>,
    Query((filter, page)): Query<(OrganizationFilter, PageRequest<OrganizationSort>)>,
) -> Answer<Listing<Organization>> {
    caller.read(move |connection, scope| Ok(Listing(organizations::list(connection, scope, &filter, &page)?))).await
}

async fn export_organizations(
    caller: Caller<area::Directory, Read>,
    Query((filter, whole, options)): Query<(OrganizationFilter, Whole<OrganizationSort>, Export)>,
) -> Answer<File> {
    let list = move |connection: &mut DbConnection, scope: &Scope, request: &PageRequest<OrganizationSort>| {
        organizations::list(connection, scope, &filter, request)
    };
    export::export(caller, Kind::Organization, options, whole, list).await
}

async fn list_organization_duplicates(
    caller: Caller<area::Directory, Read>,
    Query((request,)): Query<(DuplicatesRequest,)>,
) -> Answer<Listing<Duplicates>> {
    caller.read(move |connection, scope| Ok(Listing(organizations::duplicates(connection, scope, &request)?))).await
}

async fn create_organization(
    caller: Caller<area::Directory, Write>,
    Query((unless,)): Query<(IfNoDuplicate,)>,
    Body(new): Body<NewOrganization>,
) -> Answer<Created<Organization>> {
    caller
        .write(move |connection, scope| {
            let organization = organizations::create_unless(connection, scope, &new, &unless)?;
            Ok(Created { location: format!("/directory/organizations/{}", organization.id), item: organization })
        })
        .await
}

async fn get_organization(
    caller: Caller<area::Directory, Read>,
    PathId(id): PathId<OrganizationId>,
) -> Answer<Item<Organization>> {
    caller.read(move |connection, scope| Ok(Item(organizations::get(connection, scope, id)?))).await
}

async fn update_organization(
    caller: Caller<area::Directory, Write>,
    PathId(id): PathId<OrganizationId>,
    Precondition(condition): Precondition<Item<Organization>>,
    Body(patch): Body<OrganizationPatch>,
) -> Answer<Item<Organization>> {
    caller
        .write(move |connection, scope| Ok(Item(organizations::update(connection, scope, id, &condition, &patch)?)))
        .await
}

async fn delete_organization(
    caller: Caller<area::Directory, Write>,
    PathId(id): PathId<OrganizationId>,
    Precondition(condition): Precondition<Item<Organization>>,
) -> Answer<NoContent> {
    caller
        .write(move |connection, scope| {
            let deleted = organizations::delete(connection, scope, &[id], &condition)?;
            if deleted.is_empty() { Err(Problem::not_found("organization").into()) } else { Ok(NoContent) }
        })
        .await
}

async fn merge_organizations(
    caller: Caller<area::Directory, Write>,
    PathId(id): PathId<OrganizationId>,
    Query((dry,)): Query<(DryRun,)>,
    Precondition(condition): Precondition<Item<Organization>>,
    Body(request): Body<MergeRequest<OrganizationId>>,
) -> Answer<Merge<Organization>> {
    merge(caller, (id, dry), condition, request, organizations::merge).await
}
