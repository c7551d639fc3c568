//! Comments on leads, opportunities, contacts and organizations (docs/compatibility.md, "Comments").

use crm_core::page::PageRequest;
use crm_core::{CommentId, ContactId, LeadId, OpportunityId, OrganizationId};
use crm_history::comments::{Comment, CommentPatch, CommentSort, NewRecordComment};
use crm_suite::comments;

use crate::auth::{Caller, Read, Write, area};
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

/// Writes the five routes of one kind: a handler's name is its operation's id, so that each has its own.
macro_rules! comments {
    (
        $api:ident, $path:literal, $area:ident, $id:ty, $of:literal, $about:literal,
        $list:ident, $create:ident, $get:ident, $update:ident, $delete:ident
    ) => {
        async fn $list(
            caller: Caller<area::$area, Read>,
            PathId(id): PathId<$id>,
            Query((request,)): Query<(PageRequest<CommentSort>,)>,
        ) -> Answer<Listing<Comment>> {
            caller.read(move |connection, scope| Ok(Listing(comments::list(connection, scope, id, &request)?))).await
        }

        async fn $create(
            caller: Caller<area::$area, Write>,
            PathId(id): PathId<$id>,
            Body(new): Body<NewRecordComment>,
        ) -> Answer<Created<Comment>> {
            caller
                .write(move |connection, scope| {
                    let comment = comments::add(connection, scope, id, &new)?;
                    Ok(Created { location: format!(concat!($path, "/{}/comments/{}"), id, comment.id), item: comment })
                })
                .await
        }

        async fn $get(
            caller: Caller<area::$area, Read>,
            PathId(id): PathId<$id>,
            PathPartId(comment): PathPartId<Said>,
        ) -> Answer<Item<Comment>> {
            caller.read(move |connection, scope| Ok(Item(comments::get(connection, scope, id, comment)?))).await
        }

        async fn $update(
            caller: Caller<area::$area, Write>,
            PathId(id): PathId<$id>,
            PathPartId(comment): PathPartId<Said>,
            Precondition(condition): Precondition<Item<Comment>>,
            Body(patch): Body<CommentPatch>,
        ) -> Answer<Item<Comment>> {
            caller
                .write(move |connection, scope| {
                    Ok(Item(comments::update(connection, scope, id, comment, &condition, &patch)?))
                })
                .await
        }

        async fn $delete(
            caller: Caller<area::$area, Write>,
            PathId(id): PathId<$id>,
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

        $api.get(concat!($path, "/{id}/comments"), $list)
            .summary(concat!("List the comments on ", $of))
            .about(concat!("Newest first.", $about));
        $api.post(concat!($path, "/{id}/comments"), $create).summary(concat!("Comment on ", $of));
        $api.get(concat!($path, "/{id}/comments/{commentId}"), $get).summary(concat!("Read a comment on ", $of));
        $api.patch(concat!($path, "/{id}/comments/{commentId}"), $update)
            .summary(concat!("Put a comment on ", $of, " in other words"))
            .about("`user` is who changes it; who said it first stays.");
        $api.delete(concat!($path, "/{id}/comments/{commentId}"), $delete)
            .summary(concat!("Delete a comment on ", $of));
    };
}

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Comments",
        "What is said about leads, opportunities, contacts and organizations. A comment leaves the record, its ETag and its \
         `lastUpdatedOn` as they are. Those on cases are among their activities.",
    );
    comments!(
        api,
        "/pipeline/leads",
        Pipeline,
        LeadId,
        "a lead",
        "",
        list_lead_comments,
        create_lead_comment,
        get_lead_comment,
        update_lead_comment,
        delete_lead_comment
    );
    comments!(
        api,
        "/pipeline/opportunities",
        Pipeline,
        OpportunityId,
        "an opportunity",
        " With those on the lead that it was made of, which are changed there.",
        list_opportunity_comments,
        create_opportunity_comment,
        get_opportunity_comment,
        update_opportunity_comment,
        delete_opportunity_comment
    );
    comments!(
        api,
        "/directory/contacts",
        Directory,
        ContactId,
        "a contact",
        "",
        list_contact_comments,
        create_contact_comment,
        get_contact_comment,
        update_contact_comment,
        delete_contact_comment
    );
    comments!(
        api,
        "/directory/organizations",
        Directory,
        OrganizationId,
        "an organization",
        "",
        list_organization_comments,
        create_organization_comment,
        get_organization_comment,
        update_organization_comment,
        delete_organization_comment
    );
}
