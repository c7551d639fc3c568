use crm_core::error::is_foreign_key_violation;
use crm_core::page::{Page, PageRequest};
use crm_core::records::Beside;
use crm_core::sql::Json;
use crm_core::values::{HasReferences, HoldReferences, Reference, ReferencedRecords};
use crm_core::{
    Condition, ContactId, DbConnection, FieldCode, FieldErrors, OrganizationId, Patch, RecordId, Scope, numbering,
    records,
};
use crm_forms::search::{forget_and_index, index};
use crm_forms::{Form, FormKind};
use crm_history::{Action, Deletion, Kind, NewChange};
use crm_tags::TagKind;
use diesel::QueryResult;
use diesel::result::Error as DieselError;

use super::check::{check_new, check_patch};
use super::filter::SEARCHED;
use super::queries;
use super::restore::deleted;
use super::row::{ContactRow, ContactValues};
use super::told::ToldContact;
use crate::duplicate::{self, Duplicates, DuplicatesRequest, Looks};
use crate::labeled::{contact_emails, contact_phones};
use crate::{
    Contact, ContactFilter, ContactPatch, ContactSort, DirectoryError, Emails, IfNoDuplicate, NewContact, Phones,
    organizations,
};

/// Makes a contact, and has what it points at [held](HoldReferences). Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`DirectoryError::Invalid`] with every problem of its references, form and tags, nothing written; the database's.
pub fn create(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewContact,
    hold: impl HoldReferences,
) -> Result<Contact, DirectoryError> {
    create_unless(connection, scope, new, &IfNoDuplicate::default(), hold)
}

/// As [`create`], unless it looks like one that there is: of two at once the later is refused.
///
/// # Errors
/// As [`create`]; [`DirectoryError::Duplicate`].
pub fn create_unless(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewContact,
    unless: &IfNoDuplicate,
    hold: impl HoldReferences,
) -> Result<Contact, DirectoryError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Contacts)?;
    let mut errors = hold(connection, scope, &new.references())?;
    let custom_fields = check_new(new, &form, &mut errors);
    let tags = crm_tags::resolve(connection, scope, TagKind::Contact, &new.tags, &mut errors)?;
    let custom_fields = errors.into_result(custom_fields)?;
    let values = ContactValues::of_new(new, custom_fields, scope);
    let creator = scope.creator(new.creator.as_ref(), new.owner.as_ref());
    queries::claim_external_id(connection, scope, new.external_id.as_ref(), None)?;
    // Of two that are to be the only ones of their looks, the later waits for the number, and sees the first.
    let alone = !unless.0.is_empty();
    let id: ContactId =
        if alone { numbering::next_alone(connection, scope)? } else { numbering::next(connection, scope)? };
    let looks = Looks::of(&unless.0, new.name.as_str(), new.email.values(), new.phone.values());
    let alike = queries::looking_like(connection, scope, &looks)?;
    if !alike.is_empty() {
        return Err(DirectoryError::Duplicate(ContactId::KIND, alike));
    }
    let stored = values.custom_fields.0.clone();
    let row = ContactRow::of_new(id, values, creator, scope);
    let made =
        queries::insert(connection, scope, row).map_err(|error| unknown_reference(error, new.organization_id))?;
    index(connection, scope, &SEARCHED, id.as_i64(), &stored, &form)?;
    contact_emails::insert(connection, scope, id.as_i64(), new.email.values())?;
    contact_phones::insert(connection, scope, id.as_i64(), new.phone.values())?;
    if !tags.is_empty() {
        crm_tags::give(connection, scope, id, &tags)?;
    }
    let change = NewChange::new(Kind::Contact, Action::Created).by(new.last_updated_by.as_ref());
    let (email, phone) = (new.email.values().clone(), new.phone.values().clone());
    let organization = organization_of(connection, scope, new.organization_id)?;
    let contact = made.recorded(connection, scope, change, |row| {
        let contact = row.into_contact(scope, &form, email, phone, organization, tags);
        Ok((ToldContact::of(&contact, &stored).whole()?, contact))
    });
    Ok(contact?)
}

/// One contact, with the form that the tenant has: one statement.
///
/// # Errors
/// [`DirectoryError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: ContactId) -> Result<Contact, DirectoryError> {
    let found = queries::find_whole(connection, scope, id)?;
    let (row, beside, form) = found.ok_or_else(|| DirectoryError::not_found(&[id]))?;
    Ok(whole(scope, row, beside, &crm_forms::of_stored(scope, FormKind::Contacts, form)))
}

/// A page of the contacts that match. It takes three statements however many contacts it has (form, rows, what other tables have of them), one more for each filter by text and two for one by tags, one before them for how many are few, four for
/// `searchValue`, and one more to count all matches where that is asked for.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &ContactFilter,
    request: &PageRequest<ContactSort>,
) -> Result<Page<Contact>, DirectoryError> {
    let form = crm_forms::get(connection, scope, FormKind::Contacts)?;
    let resolved = queries::resolve(connection, scope, filter, &form)?;
    if resolved.is_nothing() {
        return Ok(request.nothing());
    }
    let page = request.load_with_total(
        connection,
        scope,
        || queries::matching(scope, filter, &resolved),
        ContactRow::place,
        |connection| {
            crm_tags::total(connection, scope, TagKind::Contact, filter.is_by_tags_alone(), resolved.tags.as_ref())
        },
    )?;
    Ok(page.try_map(|rows| complete(connection, scope, rows, &form))?)
}

/// Changes a contact, and has what the patch points at [held](HoldReferences). What the patch has as it stands already is no
/// change, and a patch without any leaves the contact as it is. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`DirectoryError::NotFound`], [`DirectoryError::Unmet`], [`DirectoryError::Invalid`] with every problem of its
/// references, form and tags, nothing written; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: ContactId,
    condition: &Condition<Contact>,
    patch: &ContactPatch,
    hold: impl HoldReferences,
) -> Result<Contact, DirectoryError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Contacts)?;
    let mut errors = hold(connection, scope, &patch.references())?;
    let locked = queries::find_whole_locked(connection, scope, id)?;
    let (row, beside) = locked.ok_or_else(|| DirectoryError::not_found(&[id]))?;
    let present = whole(scope, row.clone(), beside, &form);
    condition.check(|| Ok::<_, DirectoryError>(present.clone()))?;
    let renames_who = patch.renames_who(scope, &present);
    let patch = patch.changes(&present, &mut errors);
    let Json(stored) = row.values.custom_fields.clone();
    let custom_fields = check_patch(&patch, &stored, &form, &mut errors);
    let tags = crm_tags::resolve_patch(connection, scope, TagKind::Contact, &patch.tags, &present.tags, &mut errors)?;
    let custom_fields = errors.into_result(custom_fields)?;
    if !renames_who && patch.is_nothing() && tags.is_none() && custom_fields == stored {
        return Ok(present);
    }
    let has_other_values = custom_fields != stored;
    let values = row.values.patched(&patch, custom_fields, scope);
    queries::claim_external_id(connection, scope, patch.external_id.value(), Some(id))?;
    let changed = queries::update(connection, scope, id, &values)
        .map_err(|error| unknown_reference(error, patch.organization_id.value().copied()))?;
    if has_other_values {
        forget_and_index(connection, scope, &SEARCHED, id.as_i64(), &values.custom_fields.0, &form)?;
    }
    contact_emails::patch(connection, scope, id.as_i64(), &patch.email)?;
    contact_phones::patch(connection, scope, id.as_i64(), &patch.phone)?;
    if let Some(tags) = &tags {
        crm_tags::set(connection, scope, id, &present.tags, tags)?;
    }
    let organization = match patch.organization_id {
        Patch::Keep => present.organization.clone(),
        Patch::Clear | Patch::Set(_) => organization_of(connection, scope, values.organization_id)?,
    };
    let email = Emails::patched(patch.email, present.email.clone());
    let phone = Phones::patched(patch.phone, present.phone.clone());
    let tags = tags.unwrap_or_else(|| present.tags.clone());
    let change = NewChange::new(Kind::Contact, Action::Updated).by(patch.last_updated_by.value());
    let contact = changed.recorded(connection, scope, change, |row| {
        let contact = row.into_contact(scope, &form, email, phone, organization, tags);
        let before = ToldContact::of(&present, &stored);
        Ok((before.changed_to(&ToldContact::of(&contact, &values.custom_fields.0))?, contact))
    });
    Ok(contact?)
}

/// A page of the contacts that look like one, in groups. At most seven statements.
///
/// # Errors
/// The database's.
pub fn duplicates(
    connection: &mut DbConnection,
    scope: &Scope,
    request: &DuplicatesRequest,
) -> Result<Page<Duplicates>, DirectoryError> {
    Ok(duplicate::page(connection, scope, queries::TABLES, request)?)
}

/// The organization of a contact with its name, in one statement where it has one.
pub(super) fn organization_of(
    connection: &mut DbConnection,
    scope: &Scope,
    id: Option<OrganizationId>,
) -> QueryResult<Option<Reference<OrganizationId>>> {
    // Of many that are changed at once nobody is shown the name.
    let id = id.filter(|_| scope.memory().is_none());
    let Some(id) = id else { return Ok(None) };
    let mut names = organizations::names(connection, scope, &[id])?;
    Ok(names.remove(&id).map(|name| Reference { id, name }))
}

/// How many records are read at once that are about to be deleted.
const READ_AT_ONCE: usize = 200;

/// Locks those of these contacts that exist and writes down that they are deleted. Whatever points at them is to be
/// unlinked before they are [deleted](delete). Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn record_deletion(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[ContactId],
) -> Result<Deletion<ContactId>, DirectoryError> {
    let form = Form::default_of(crm_forms::CONTACTS, scope.public_tenant());
    let change = NewChange::new(Kind::Contact, Action::Deleted);
    let mut deletion = Deletion::of_nothing();
    for ids in queries::lock(connection, scope, ids)?.chunks(READ_AT_ONCE) {
        let rows = queries::lock_rows(connection, scope, ids)?;
        let contacts = complete(connection, scope, rows.clone(), &form)?;
        let told = contacts.iter().zip(rows).map(|(one, row)| Ok((one.id, deleted(one, row)?)));
        deletion = deletion.record(connection, scope, change, told.collect::<QueryResult<_>>()?)?;
    }
    Ok(deletion)
}

/// Deletes contacts with all that is theirs, and returns them in ascending order. Whatever points at them must have been
/// unlinked. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's; a foreign key violation where something points at one of them.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    deletion: Deletion<ContactId>,
) -> Result<Vec<ContactId>, DirectoryError> {
    crm_tags::lock_links(connection, scope, deletion.ids())?;
    queries::delete(connection, scope, &deletion)?;
    Ok(deletion.into_ids())
}

/// Adds what other tables have of these contacts, in one statement.
pub(super) fn complete(
    connection: &mut DbConnection,
    scope: &Scope,
    rows: Vec<ContactRow>,
    form: &Form,
) -> QueryResult<Vec<Contact>> {
    let ids: Vec<ContactId> = rows.iter().map(|row| row.id).collect();
    let mut beside = queries::beside(connection, scope, &ids)?;
    let contact = |row: ContactRow| {
        let beside = beside.remove(&row.id).unwrap_or_default();
        whole(scope, row, beside, form)
    };
    Ok(rows.into_iter().map(contact).collect())
}

/// The contact of a row with what other tables have of it.
fn whole(scope: &Scope, row: ContactRow, mut beside: Beside, form: &Form) -> Contact {
    let organization = beside.take_organization(row.values.organization_id);
    let (email, phone) = (beside.take_emails(), beside.take_phones());
    row.into_contact(scope, form, email, phone, organization, crm_tags::stored(scope, beside.take_tags()))
}

/// The caller checked that the organization exists, and it vanished since; or that nobody has the external id, and somebody
/// took it since, so that the transaction is to be run again.
fn unknown_reference(error: DieselError, organization: Option<OrganizationId>) -> DirectoryError {
    match organization {
        Some(id) if is_foreign_key_violation(&error) => {
            let message = format!("no such organization: {id}");
            FieldErrors::of(ReferencedRecords::ORGANIZATION_FIELD, FieldCode::UnknownReference, message).into()
        }
        _ => records::run_again_where_taken(error).into(),
    }
}
