//! Comments on leads, opportunities, contacts and organizations (docs/compatibility.md, "Comments").

use crm_core::page::PageRequest;
use crm_core::{CommentId, ContactId, LeadId, OpportunityId, OrganizationId};
use crm_history::comments::{Comment, CommentPatch, CommentSort, NewRecordComment};
use crm_suite::comments::{self, HasComments};
use utoipa::ToSchema;

use crate::auth::{Caller, InArea, Read, Write, area};
use crate::endpoint::{
    Answer, Api, Body, Created, Item, Listing, NoContent, PathId, PathPart, PathPartId, Precondition, Query,
};

/// A comment in a path.
struct Said;

impl PathPart for Said {
    type Id = CommentId;
    const NAME: &'static str = "commentId";
    const ABOUT: &'static str = "The id of the comment.";
}

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Comments",
        "What is said about leads, opportunities, contacts and organizations. A comment leaves the record, its ETag and its \
         `lastUpdatedOn` as they are. Those on cases are among their activities.",
    );
    of_kind::<area::Pipeline, LeadId>(api, "/pipeline/leads", ("lead", "a lead"), "Newest first.");
    of_kind::<area::Pipeline, OpportunityId>(
        api,
        "/pipeline/opportunities",
        ("opportunity", "an opportunity"),
        "Newest first. With those on the lead that it was made of, which are changed there.",
    );
    of_kind::<area::Directory, ContactId>(api, "/directory/contacts", ("contact", "a contact"), "Newest first.");
    of_kind::<area::Directory, OrganizationId>(
        api,
        "/directory/organizations",
        ("organization", "an organization"),
        "Newest first.",
    );
}

/// The same five for each kind, whose records are at `path`; `one` is in ids, `of` in sentences.
fn of_kind<A: InArea, I: HasComments + ToSchema>(
    api: &mut Api,
    path: &'static str,
    (one, of): (&str, &str),
    about: &str,
) {
    let said = format!("{path}/{{id}}/comments");
    let comment = format!("{said}/{{commentId}}");
    api.get(&said, list::<A, I>)
        .named(&format!("list_{one}_comments"), &format!("List the comments on {of}"))
        .about(about);
    api.post(&said, move |caller: Caller<A, Write>, id: PathId<I>, body: Body<NewRecordComment>| {
        create(caller, path, id, body)
    })
    .named(&format!("create_{one}_comment"), &format!("Comment on {of}"));
    api.get(&comment, get::<A, I>).named(&format!("get_{one}_comment"), &format!("Read a comment on {of}"));
    api.patch(&comment, update::<A, I>)
        .named(&format!("update_{one}_comment"), &format!("Put a comment on {of} in other words"))
        .about("`user` is who changes it; who said it first stays.");
    api.delete(&comment, delete::<A, I>).named(&format!("delete_{one}_comment"), &format!("Delete a comment on {of}"));
}

async fn list<A: InArea, I: HasComments>(
    caller: Caller<A, Read>,
    PathId(id): PathId<I>,
    Query((request,)): Query<(PageRequest<CommentSort>,)>,
) -> Answer<Listing<Comment>> {
    caller.read(move |connection, scope| Ok(Listing(comments::list(connection, scope, id, &request)?))).await
}

async fn create<A: InArea, I: HasComments>(
    caller: Caller<A, Write>,
    path: &'static str,
    PathId(id): PathId<I>,
    Body(new): Body<NewRecordComment>,
) -> Answer<Created<Comment>> {
    caller
        .write(move |connection, scope| {
            let comment = comments::add(connection, scope, id, &new)?;
            Ok(Created { location: format!("{path}/{id}/comments/{}", comment.id), item: comment })
        })
        .await
}

async fn get<A: InArea, I: HasComments>(
    caller: Caller<A, Read>,
    PathId(id): PathId<I>,
    PathPartId(comment): PathPartId<Said>,
) -> Answer<Item<Comment>> {
    caller.read(move |connection, scope| Ok(Item(comments::get(connection, scope, id, comment)?))).await
}

async fn update<A: InArea, I: HasComments>(
    caller: Caller<A, Write>,
    PathId(id): PathId<I>,
    PathPartId(comment): PathPartId<Said>,
    Precondition(condition): Precondition<Item<Comment>>,
    Body(patch): Body<CommentPatch>,
) -> Answer<Item<Comment>> {
    caller
        .write(move |connection, scope| Ok(Item(comments::update(connection, scope, id, comment, &condition, &patch)?)))
        .await
}

async fn delete<A: InArea, I: HasComments>(
    caller: Caller<A, Write>,
    PathId(id): PathId<I>,
    PathPartId(comment): PathPartId<Said>,
    Precondition(condition): Precondition<Item<Comment>>,
) -> Answer<NoContent> {
    caller
        .write(move |connection, scope| {
            comments::delete(connection, scope, id, comment, &condition)?;
            Ok(NoContent)
        })
        .await
}
