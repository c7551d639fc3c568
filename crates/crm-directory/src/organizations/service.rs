use crm_core::page::{Page, PageRequest};
use crm_core::records::Beside;
use crm_core::sql::Json;
use crm_core::{Condition, DbConnection, FieldErrors, OrganizationId, RecordId, Scope, numbering, records};
use crm_forms::search::{forget_and_index, index};
use crm_forms::{Form, FormKind};
use crm_history::{Action, Deletion, Kind, NewChange};
use crm_tags::TagKind;
use diesel::QueryResult;

use super::check::{check_new, check_patch};
use super::filter::SEARCHED;
use super::queries;
use super::restore::deleted;
use super::row::{OrganizationRow, OrganizationValues};
use super::told::ToldOrganization;
use crate::duplicate::{self, Duplicates, DuplicatesRequest, Looks};
use crate::labeled::{organization_emails, organization_phones};
use crate::{
    DirectoryError, Emails, IfNoDuplicate, NewOrganization, Organization, OrganizationFilter, OrganizationPatch,
    OrganizationSort, Phones,
};

/// Makes an organization. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`DirectoryError::Invalid`] with every problem of its form and tags; the database's.
pub fn create(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewOrganization,
) -> Result<Organization, DirectoryError> {
    create_unless(connection, scope, new, &IfNoDuplicate::default())
}

/// As [`create`], unless it looks like one that there is: of two at once the later is refused.
///
/// # Errors
/// As [`create`]; [`DirectoryError::Duplicate`].
pub fn create_unless(
    connection: &mut DbConnection,
    scope: &Scope,
    new: &NewOrganization,
    unless: &IfNoDuplicate,
) -> Result<Organization, DirectoryError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Organizations)?;
    let mut errors = FieldErrors::new();
    let custom_fields = check_new(new, &form, &mut errors);
    let tags = crm_tags::resolve(connection, scope, TagKind::Organization, &new.tags, &mut errors)?;
    let custom_fields = errors.into_result(custom_fields)?;
    let values = OrganizationValues::of_new(new, custom_fields, scope);
    let creator = scope.creator(new.creator.as_ref(), new.owner.as_ref());
    queries::claim_external_id(connection, scope, new.external_id.as_ref(), None)?;
    // Of two that are to be the only ones of their looks, the later waits for the number, and sees the first.
    let alone = !unless.0.is_empty();
    let id: OrganizationId =
        if alone { numbering::next_alone(connection, scope)? } else { numbering::next(connection, scope)? };
    let looks = Looks::of(&unless.0, new.name.as_str(), new.email.values(), new.phone.values());
    let alike = queries::looking_like(connection, scope, &looks)?;
    if !alike.is_empty() {
        return Err(DirectoryError::Duplicate(OrganizationId::KIND, alike));
    }
    let stored = values.custom_fields.0.clone();
    let row = OrganizationRow::of_new(id, values, creator, scope);
    let made = queries::insert(connection, scope, row).map_err(records::run_again_where_taken)?;
    index(connection, scope, &SEARCHED, id.as_i64(), &stored, &form)?;
    organization_emails::insert(connection, scope, id.as_i64(), new.email.values())?;
    organization_phones::insert(connection, scope, id.as_i64(), new.phone.values())?;
    if !tags.is_empty() {
        crm_tags::give(connection, scope, id, &tags)?;
    }
    let change = NewChange::new(Kind::Organization, Action::Created).by(new.last_updated_by.as_ref());
    let (email, phone) = (new.email.values().clone(), new.phone.values().clone());
    let organization = made.recorded(connection, scope, change, |row| {
        let organization = row.into_organization(scope, &form, email, phone, tags);
        Ok((ToldOrganization::of(&organization, &stored).whole()?, organization))
    });
    Ok(organization?)
}

/// One organization, with the form that the tenant has: one statement.
///
/// # Errors
/// [`DirectoryError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, id: OrganizationId) -> Result<Organization, DirectoryError> {
    let found = queries::find_whole(connection, scope, id)?;
    let (row, beside, form) = found.ok_or_else(|| DirectoryError::not_found(&[id]))?;
    Ok(whole(scope, row, beside, &crm_forms::of_stored(scope, FormKind::Organizations, form)))
}

/// A page of the organizations that match. It takes three statements however many organizations it has (form, rows, what other tables have of them), one more for each filter by text and two for one by tags, one before them for how many are few, three for `searchValue`, and one more
/// to count all matches where that is asked for.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &OrganizationFilter,
    request: &PageRequest<OrganizationSort>,
) -> Result<Page<Organization>, DirectoryError> {
    let form = crm_forms::get(connection, scope, FormKind::Organizations)?;
    let resolved = queries::resolve(connection, scope, filter, &form)?;
    if resolved.is_nothing() {
        return Ok(request.nothing());
    }
    let page = request.load_with_total(
        connection,
        scope,
        || queries::matching(scope, filter, &resolved),
        OrganizationRow::place,
        |connection| {
            let is_by_tags_alone = filter.is_by_tags_alone();
            crm_tags::total(connection, scope, TagKind::Organization, is_by_tags_alone, resolved.tags.as_ref())
        },
    )?;
    Ok(page.try_map(|rows| complete(connection, scope, rows, &form))?)
}

/// Changes an organization. What the patch has as it stands already is no change, and a patch without any leaves the
/// organization as it is. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`DirectoryError::NotFound`], [`DirectoryError::Unmet`], [`DirectoryError::Invalid`] with every problem of its form and
/// tags, nothing written; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    id: OrganizationId,
    condition: &Condition<Organization>,
    patch: &OrganizationPatch,
) -> Result<Organization, DirectoryError> {
    let form = crm_forms::get_shared(connection, scope, FormKind::Organizations)?;
    let locked = queries::find_whole_locked(connection, scope, id)?;
    let (row, beside) = locked.ok_or_else(|| DirectoryError::not_found(&[id]))?;
    let present = whole(scope, row.clone(), beside, &form);
    condition.check(|| Ok::<_, DirectoryError>(present.clone()))?;
    let mut errors = FieldErrors::new();
    let renames_who = patch.renames_who(scope, &present);
    let patch = patch.changes(&present, &mut errors);
    let Json(stored) = row.values.custom_fields.clone();
    let custom_fields = check_patch(&patch, &stored, &form, &mut errors);
    let tags =
        crm_tags::resolve_patch(connection, scope, TagKind::Organization, &patch.tags, &present.tags, &mut errors)?;
    let custom_fields = errors.into_result(custom_fields)?;
    if !renames_who && patch.is_nothing() && tags.is_none() && custom_fields == stored {
        return Ok(present);
    }
    let has_other_values = custom_fields != stored;
    let values = row.values.patched(&patch, custom_fields, scope);
    queries::claim_external_id(connection, scope, patch.external_id.value(), Some(id))?;
    let changed = queries::update(connection, scope, id, &values).map_err(records::run_again_where_taken)?;
    if has_other_values {
        forget_and_index(connection, scope, &SEARCHED, id.as_i64(), &values.custom_fields.0, &form)?;
    }
    organization_emails::patch(connection, scope, id.as_i64(), &patch.email)?;
    organization_phones::patch(connection, scope, id.as_i64(), &patch.phone)?;
    if let Some(tags) = &tags {
        crm_tags::set(connection, scope, id, &present.tags, tags)?;
    }
    let email = Emails::patched(patch.email, present.email.clone());
    let phone = Phones::patched(patch.phone, present.phone.clone());
    let tags = tags.unwrap_or_else(|| present.tags.clone());
    let change = NewChange::new(Kind::Organization, Action::Updated).by(patch.last_updated_by.value());
    let organization = changed.recorded(connection, scope, change, |row| {
        let organization = row.into_organization(scope, &form, email, phone, tags);
        let before = ToldOrganization::of(&present, &stored);
        Ok((before.changed_to(&ToldOrganization::of(&organization, &values.custom_fields.0))?, organization))
    });
    Ok(organization?)
}

/// A page of the organizations that look like one, in groups. At most seven statements.
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

/// How many records are read at once that are about to be deleted.
const READ_AT_ONCE: usize = 200;

/// Locks those of these organizations that exist and writes down that they are deleted. Whatever points at them is to be
/// unlinked before they are [deleted](delete). Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn record_deletion(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[OrganizationId],
) -> Result<Deletion<OrganizationId>, DirectoryError> {
    let form = Form::default_of(crm_forms::ORGANIZATIONS, scope.public_tenant());
    let change = NewChange::new(Kind::Organization, Action::Deleted);
    let mut deletion = Deletion::of_nothing();
    for ids in queries::lock(connection, scope, ids)?.chunks(READ_AT_ONCE) {
        let rows = queries::lock_rows(connection, scope, ids)?;
        let organizations = complete(connection, scope, rows.clone(), &form)?;
        let told = organizations.iter().zip(rows).map(|(one, row)| Ok((one.id, deleted(one, row)?)));
        deletion = deletion.record(connection, scope, change, told.collect::<QueryResult<_>>()?)?;
    }
    Ok(deletion)
}

/// Deletes organizations with all that is theirs, and returns them in ascending order. Whatever points at them must have been
/// unlinked. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's; a foreign key violation where something points at one of them.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    deletion: Deletion<OrganizationId>,
) -> Result<Vec<OrganizationId>, DirectoryError> {
    crm_tags::lock_links(connection, scope, deletion.ids())?;
    queries::delete(connection, scope, &deletion)?;
    Ok(deletion.into_ids())
}

/// Adds what other tables have of these organizations, in one statement.
pub(super) fn complete(
    connection: &mut DbConnection,
    scope: &Scope,
    rows: Vec<OrganizationRow>,
    form: &Form,
) -> QueryResult<Vec<Organization>> {
    let ids: Vec<OrganizationId> = rows.iter().map(|row| row.id).collect();
    let mut beside = queries::beside(connection, scope, &ids)?;
    let organization = |row: OrganizationRow| {
        let beside = beside.remove(&row.id).unwrap_or_default();
        whole(scope, row, beside, form)
    };
    Ok(rows.into_iter().map(organization).collect())
}

/// The organization of a row with what other tables have of it.
fn whole(scope: &Scope, row: OrganizationRow, mut beside: Beside, form: &Form) -> Organization {
    let (email, phone) = (beside.take_emails(), beside.take_phones());
    row.into_organization(scope, form, email, phone, crm_tags::stored(scope, beside.take_tags()))
}
