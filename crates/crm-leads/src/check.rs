//! The rules of the form of leads, for what a new lead or a patch brings (docs/compatibility.md, "Forms and custom fields").

use crm_core::FieldErrors;
use crm_core::values::{LeadRating, ShortText};
use crm_forms::{CustomFields, Form};
use crm_tags::TagRefs;

use crate::{LeadPatch, NewLead};

/// Checks a new lead; gives the custom fields to store.
pub(crate) fn check_new(new: &NewLead, form: &Form, errors: &mut FieldErrors) -> CustomFields {
    form.check_own("origin", new.origin.as_ref().map(ShortText::as_str), errors);
    form.check_own("leadRating", new.lead_rating.map(LeadRating::as_str), errors);
    let is_set = |field: &str| match field {
        "value" => new.value.is_some(),
        "origin" => new.origin.is_some(),
        "leadRating" => new.lead_rating.is_some(),
        "note" => new.note.is_some(),
        "organizationId" => new.organization_id.is_some(),
        "contactId" => new.contact_id.is_some(),
        "owner" => new.owner.is_some(),
        "followers" => !new.followers.is_empty(),
        "participants" => !new.participants.as_slice().is_empty(),
        "tags" => !new.tags.is_empty(),
        // What nobody here knows is never there, so that a field which is forgotten here is found.
        _ => false,
    };
    form.require_new(is_set, errors);
    form.check_new(Some(&new.custom_fields), errors)
}

/// Checks a patch of a lead with these custom fields; gives those to store.
pub(crate) fn check_patch(
    patch: &LeadPatch,
    stored: &CustomFields,
    form: &Form,
    errors: &mut FieldErrors,
) -> CustomFields {
    form.check_own("origin", patch.origin.value().map(ShortText::as_str), errors);
    form.check_own("leadRating", patch.lead_rating.value().copied().map(LeadRating::as_str), errors);
    let is_cleared = |field: &str| match field {
        "value" => patch.value.is_clear(),
        "origin" => patch.origin.is_clear(),
        "leadRating" => patch.lead_rating.is_clear(),
        "note" => patch.note.is_clear(),
        "organizationId" => patch.organization_id.is_clear(),
        "contactId" => patch.contact_id.is_clear(),
        "owner" => patch.owner.is_clear(),
        "followers" => patch.followers.is_clear_or(|users| users.is_empty()),
        "participants" => patch.participants.is_clear_or(|participants| participants.as_slice().is_empty()),
        "tags" => patch.tags.is_clear_or(TagRefs::is_empty),
        _ => false,
    };
    form.require_patch(is_cleared, errors);
    form.check_patched(stored, &patch.custom_fields, errors)
}
