//! The rules of the form of a case's type, for what a new case or a patch brings (docs/compatibility.md, "Forms and custom fields").

use crm_core::FieldErrors;
use crm_forms::{CustomFields, Form};
use crm_tags::TagRefs;

use crate::{CasePatch, NewCase, Priority};

/// Checks a new case; gives the custom fields to store.
pub(crate) fn check_new(new: &NewCase, form: &Form, errors: &mut FieldErrors) -> CustomFields {
    form.check_own("priority", new.priority.as_ref().map(Priority::as_str), errors);
    let is_set = |field: &str| match field {
        "description" => new.description.is_some(),
        "priority" => new.priority.is_some(),
        "expectedDate" => new.expected_date.is_some(),
        "organizationId" => new.organization_id.is_some(),
        "contactId" => new.contact_id.is_some(),
        "assignee" => new.assignee.is_some(),
        "owner" => new.owner.is_some(),
        "tags" => !new.tags.is_empty(),
        // What nobody here knows is never there, so that a field which is forgotten here is found.
        _ => false,
    };
    form.require_new(is_set, errors);
    form.check_new(Some(&new.custom_fields), errors)
}

/// Checks a patch of a case with these custom fields; gives those to store.
pub(crate) fn check_patch(
    patch: &CasePatch,
    stored: &CustomFields,
    form: &Form,
    errors: &mut FieldErrors,
) -> CustomFields {
    form.check_own("priority", patch.priority.value().map(Priority::as_str), errors);
    let is_cleared = |field: &str| match field {
        "description" => patch.description.is_clear(),
        "priority" => patch.priority.is_clear(),
        "expectedDate" => patch.expected_date.is_clear(),
        "organizationId" => patch.organization_id.is_clear(),
        "contactId" => patch.contact_id.is_clear(),
        "assignee" => patch.assignee.is_clear(),
        "owner" => patch.owner.is_clear(),
        "tags" => patch.tags.is_clear_or(TagRefs::is_empty),
        _ => false,
    };
    form.require_patch(is_cleared, errors);
    form.check_patched(stored, &patch.custom_fields, errors)
}
