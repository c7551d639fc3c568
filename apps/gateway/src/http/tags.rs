//! The tags of each kind of record (docs/compatibility.md, "Tags").

use crm_core::TagId;
use crm_tags::{NewTag, TagKind, TagOption, TagPatch};

use crate::auth::{Caller, InArea, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Created, Item, Items, NoContent, PathId, Precondition};
use crate::error::ProblemCode;

/// Writes the four routes of one kind: a handler's name is its operation's id, so that each has its own.
macro_rules! tags {
    ($api:ident, $path:literal, $area:ident, $kind:ident, $of:literal, $list:ident, $create:ident, $update:ident, $delete:ident) => {
        async fn $list(caller: Caller<area::$area, Read>) -> Answer<Items<TagOption>> {
            list(caller, TagKind::$kind).await
        }

        async fn $create(caller: Caller<area::$area, Write>, body: Body<NewTag>) -> Answer<Created<TagOption>> {
            create(caller, TagKind::$kind, $path, body).await
        }

        async fn $update(
            caller: Caller<area::$area, Write>,
            id: PathId<TagId>,
            condition: Precondition<Item<TagOption>>,
            body: Body<TagPatch>,
        ) -> Answer<Item<TagOption>> {
            update(caller, TagKind::$kind, id, condition, body).await
        }

        async fn $delete(
            caller: Caller<area::$area, Write>,
            id: PathId<TagId>,
            condition: Precondition<Item<TagOption>>,
        ) -> Answer<NoContent> {
            delete(caller, TagKind::$kind, id, condition).await
        }

        $api.get($path, $list).summary(concat!("List the tags of ", $of)).about("All of them, ordered by label.");
        $api.post($path, $create)
            .summary(concat!("Create a tag of ", $of))
            .problem(ProblemCode::LabelTaken)
            .problem(ProblemCode::LimitReached);
        $api.patch(concat!($path, "/{id}"), $update)
            .summary(concat!("Change a tag of ", $of))
            .about("A new label shows on every record at once.")
            .problem(ProblemCode::LabelTaken);
        $api.delete(concat!($path, "/{id}"), $delete)
            .summary(concat!("Delete a tag of ", $of))
            .about("It comes off every record that has it.");
    };
}

/// Declares the routes of this area: the same four for each kind.
#[rustfmt::skip]
pub(super) fn routes(api: &mut Api) {
    api.tag("Tags", "Labels with a colour, a set of them for each kind of record. Records name them by label or id.");
    tags!(api, "/pipeline/tags/leads", Pipeline, Lead, "leads",
        list_lead_tags, create_lead_tag, update_lead_tag, delete_lead_tag);
    tags!(api, "/pipeline/tags/opportunities", Pipeline, Opportunity, "opportunities",
        list_opportunity_tags, create_opportunity_tag, update_opportunity_tag, delete_opportunity_tag);
    tags!(api, "/directory/tags/contacts", Directory, Contact, "contacts",
        list_contact_tags, create_contact_tag, update_contact_tag, delete_contact_tag);
    tags!(api, "/directory/tags/organizations", Directory, Organization, "organizations",
        list_organization_tags, create_organization_tag, update_organization_tag, delete_organization_tag);
    tags!(api, "/cases/tags/cases", Cases, Case, "cases",
        list_case_tags, create_case_tag, update_case_tag, delete_case_tag);
}

async fn list<A: InArea>(caller: Caller<A, Read>, kind: TagKind) -> Answer<Items<TagOption>> {
    caller.read(move |connection, scope| Ok(Items(crm_tags::list(connection, scope, kind)?))).await
}

async fn create<A: InArea>(
    caller: Caller<A, Write>,
    kind: TagKind,
    path: &'static str,
    Body(new): Body<NewTag>,
) -> Answer<Created<TagOption>> {
    caller
        .write(move |connection, scope| {
            let tag = crm_tags::create(connection, scope, kind, &new)?;
            Ok(Created { location: format!("{path}/{}", tag.id), item: tag })
        })
        .await
}

async fn update<A: InArea>(
    caller: Caller<A, Write>,
    kind: TagKind,
    PathId(id): PathId<TagId>,
    Precondition(condition): Precondition<Item<TagOption>>,
    Body(patch): Body<TagPatch>,
) -> Answer<Item<TagOption>> {
    caller
        .write(move |connection, scope| Ok(Item(crm_tags::update(connection, scope, kind, id, &condition, &patch)?)))
        .await
}

async fn delete<A: InArea>(
    caller: Caller<A, Write>,
    kind: TagKind,
    PathId(id): PathId<TagId>,
    Precondition(condition): Precondition<Item<TagOption>>,
) -> Answer<NoContent> {
    caller
        .write(move |connection, scope| {
            crm_tags::delete(connection, scope, kind, id, &condition)?;
            Ok(NoContent)
        })
        .await
}
