//! `/directory/contacts` (docs/compatibility.md, "Contacts and organizations").

use crm_core::page::{PageRequest, Whole};
use crm_core::{ContactId, DbConnection, Scope};
use crm_directory::{
    Contact, ContactFilter, ContactPatch, ContactSort, Duplicates, DuplicatesRequest, IfNoDuplicate, NewContact,
};
use crm_exchange::{Export, Kind};
use crm_history::MergeRequest;
use crm_suite::contacts;

use super::merges::{DryRun, merge};
use super::{collections, export};
use crate::auth::{Caller, Read, Write, area};
use crate::endpoint::{Answer, Api, Body, Created, File, Item, Listing, Merge, NoContent, PathId, Precondition, Query};
use crate::error::{Problem, ProblemCode};

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag(
        "Contacts",
        "People. Leads, opportunities and cases refer to them; deleting or merging contacts takes care of \
         those references.",
    );
    api.get("/directory/contacts", list_contacts).named("list_contacts", "List contacts");
    export::describe(
        api.get("/directory/contacts/export", export_contacts).named("export_contacts", "Export contacts"),
    );
    api.get("/directory/contacts/duplicates", list_contact_duplicates)
        .named("list_contact_duplicates", "List contacts that look like one")
        .about(
            "In groups, each with what its contacts have in common as it is compared, how many they are, and the first 20 of \
             them: by e-mail addresses first, then by phone numbers, then by names. Merge them where they are one.",
        );
    api.post("/directory/contacts", create_contact)
        .named("create_contact", "Create a contact")
        .problem(ProblemCode::Duplicate);
    api.get("/directory/contacts/{id}", get_contact).named("get_contact", "Read a contact");
    api.patch("/directory/contacts/{id}", update_contact)
        .named("update_contact", "Change a contact")
        .problem(ProblemCode::ExternalIdTaken)
        .about("A JSON merge patch: what is left out stays, `null` clears. `email` and `phone` are replaced whole.");
    api.delete("/directory/contacts/{id}", delete_contact)
        .named("delete_contact", "Delete a contact")
        .about("Records that pointed at it lose that reference.");
    api.post("/directory/contacts/{id}/merge", merge_contacts)
        .named("merge_contacts", "Merge contacts into this one")
        .about(
            "This one keeps what it has and is filled up from the others, in their order. What pointed at them \
             points at this one, and they are deleted.",
        )
        .problem(ProblemCode::NoteTooLong);
    collections::routes::<Contact>(api);
}

async fn list_contacts(
    caller: Caller<area::Directory, Read>,
    Query((filter, page)): Query<(ContactFilter, PageRequest<ContactSort>)>,
) -> Answer<Listing<Contact>> {
    caller.read(move |connection, scope| Ok(Listing(contacts::list(connection, scope, &filter, &page)?))).await
}

async fn export_contacts(
    caller: Caller<area::Directory, Read>,
    Query((filter, whole, options)): Query<(ContactFilter, Whole<ContactSort>, Export)>,
) -> Answer<File> {
    let list = move |connection: &mut DbConnection, scope: &Scope, request: &PageRequest<ContactSort>| {
        contacts::list(connection, scope, &filter, request)
    };
    export::export(caller, Kind::Contact, options, whole, list).await
}

async fn list_contact_duplicates(
    caller: Caller<area::Directory, Read>,
    Query((request,)): Query<(DuplicatesRequest,)>,
) -> Answer<Listing<Duplicates>> {
    caller.read(move |connection, scope| Ok(Listing(contacts::duplicates(connection, scope, &request)?))).await
}

async fn create_contact(
    caller: Caller<area::Directory, Write>,
    Query((unless,)): Query<(IfNoDuplicate,)>,
    Body(new): Body<NewContact>,
) -> Answer<Created<Contact>> {
    caller
        .write(move |connection, scope| {
            let contact = contacts::create_unless(connection, scope, &new, &unless)?;
            Ok(Created { location: format!("/directory/contacts/{}", contact.id), item: contact })
        })
        .await
}

async fn get_contact(caller: Caller<area::Directory, Read>, PathId(id): PathId<ContactId>) -> Answer<Item<Contact>> {
    caller.read(move |connection, scope| Ok(Item(contacts::get(connection, scope, id)?))).await
}

async fn update_contact(
    caller: Caller<area::Directory, Write>,
    PathId(id): PathId<ContactId>,
    Precondition(condition): Precondition<Item<Contact>>,
    Body(patch): Body<ContactPatch>,
) -> Answer<Item<Contact>> {
    caller.write(move |connection, scope| Ok(Item(contacts::update(connection, scope, id, &condition, &patch)?))).await
}

async fn delete_contact(
    caller: Caller<area::Directory, Write>,
    PathId(id): PathId<ContactId>,
    Precondition(condition): Precondition<Item<Contact>>,
) -> Answer<NoContent> {
    caller
        .write(move |connection, scope| {
            let deleted = contacts::delete(connection, scope, &[id], &condition)?;
            if deleted.is_empty() { Err(Problem::not_found("contact").into()) } else { Ok(NoContent) }
        })
        .await
}

async fn merge_contacts(
    caller: Caller<area::Directory, Write>,
    PathId(id): PathId<ContactId>,
    Query((dry,)): Query<(DryRun,)>,
    Precondition(condition): Precondition<Item<Contact>>,
    Body(request): Body<MergeRequest<ContactId>>,
) -> Answer<Merge<Contact>> {
    merge(caller, (id, dry), condition, request, contacts::merge).await
}
