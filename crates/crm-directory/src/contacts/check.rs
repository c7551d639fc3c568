//! The rules of the form of contacts, for what a new contact or a patch brings (docs/compatibility.md, "Forms and custom fields").

use crm_core::FieldErrors;
use crm_core::values::ShortText;
use crm_forms::{CustomFields, Form};
use crm_tags::TagRefs;

use crate::{ContactPatch, NewContact};

/// Checks a new contact; gives the custom fields to store.
pub(crate) fn check_new(new: &NewContact, form: &Form, errors: &mut FieldErrors) -> CustomFields {
    form.check_own("department", new.department.as_ref().map(ShortText::as_str), errors);
    form.check_own("seniorityLevel", new.seniority_level.as_ref().map(ShortText::as_str), errors);
    let is_set = |field: &str| match field {
        "email" => !new.email.values().is_empty(),
        "phone" => !new.phone.values().is_empty(),
        "organizationId" => new.organization_id.is_some(),
        "jobTitle" => new.job_title.is_some(),
        "department" => new.department.is_some(),
        "seniorityLevel" => new.seniority_level.is_some(),
        "linkedin" => new.linkedin.is_some(),
        "note" => new.note.is_some(),
        "owner" => new.owner.is_some(),
        "tags" => !new.tags.is_empty(),
        // What nobody here knows is never there, so that a field which is forgotten here is found.
        _ => false,
    };
    form.require_new(is_set, errors);
    form.check_new(Some(&new.custom_fields), errors)
}

/// Checks a patch of a contact with these custom fields; gives those to store.
pub(crate) fn check_patch(
    patch: &ContactPatch,
    stored: &CustomFields,
    form: &Form,
    errors: &mut FieldErrors,
) -> CustomFields {
    form.check_own("department", patch.department.value().map(ShortText::as_str), errors);
    form.check_own("seniorityLevel", patch.seniority_level.value().map(ShortText::as_str), errors);
    let is_cleared = |field: &str| match field {
        "email" => patch.email.is_clear_or(|email| email.values().is_empty()),
        "phone" => patch.phone.is_clear_or(|phone| phone.values().is_empty()),
        "organizationId" => patch.organization_id.is_clear(),
        "jobTitle" => patch.job_title.is_clear(),
        "department" => patch.department.is_clear(),
        "seniorityLevel" => patch.seniority_level.is_clear(),
        "linkedin" => patch.linkedin.is_clear(),
        "note" => patch.note.is_clear(),
        "owner" => patch.owner.is_clear(),
        "tags" => patch.tags.is_clear_or(TagRefs::is_empty),
        _ => false,
    };
    form.require_patch(is_cleared, errors);
    form.check_patched(stored, &patch.custom_fields, errors)
}
