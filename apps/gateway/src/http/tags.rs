//! The tags of each kind of record (docs/compatibility.md, "Tags").

use crm_core::TagId;
use crm_tags::{NewTag, TagKind, TagOption, TagPatch};

use crate::auth::{Caller, InArea, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Created, Item, Items, NoContent, PathId, Precondition};
use crate::error::ProblemCode;

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag("Tags", "Labels with a colour, a set of them for each kind of record. Records name them by label or id.");
    of_kind::<area::Pipeline>(api, "/pipeline/tags/leads", TagKind::Lead, ("lead", "leads"));
    of_kind::<area::Pipeline>(
        api,
        "/pipeline/tags/opportunities",
        TagKind::Opportunity,
        ("opportunity", "opportunities"),
    );
    of_kind::<area::Directory>(api, "/directory/tags/contacts", TagKind::Contact, ("contact", "contacts"));
    of_kind::<area::Directory>(
        api,
        "/directory/tags/organizations",
        TagKind::Organization,
        ("organization", "organizations"),
    );
    of_kind::<area::Cases>(api, "/cases/tags/cases", TagKind::Case, ("case", "cases"));
}

/// The same four for each kind, which has a word for one and a word for many.
fn of_kind<A: InArea>(api: &mut Api, path: &'static str, kind: TagKind, (one, many): (&str, &str)) {
    let tag = format!("{path}/{{id}}");
    api.get(path, move |caller: Caller<A, Read>| list(caller, kind))
        .named(&format!("list_{one}_tags"), &format!("List the tags of {many}"))
        .about("All of them, ordered by label.");
    api.post(path, move |caller: Caller<A, Write>, body| create(caller, kind, path, body))
        .named(&format!("create_{one}_tag"), &format!("Create a tag of {many}"))
        .problem(ProblemCode::LabelTaken)
        .problem(ProblemCode::LimitReached);
    api.patch(&tag, move |caller: Caller<A, Write>, id, condition, body| update(caller, kind, id, condition, body))
        .named(&format!("update_{one}_tag"), &format!("Change a tag of {many}"))
        .about("A new label shows on every record at once.")
        .problem(ProblemCode::LabelTaken);
    api.delete(&tag, move |caller: Caller<A, Write>, id, condition| delete(caller, kind, id, condition))
        .named(&format!("delete_{one}_tag"), &format!("Delete a tag of {many}"))
        .about("It comes off every record that has it.");
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
