//! The rules of the form of organizations, for what a new organization or a patch brings (docs/compatibility.md, "Forms and custom fields").

use crm_core::FieldErrors;
use crm_core::values::ShortText;
use crm_forms::{CustomFields, Form};
use crm_tags::TagRefs;

use crate::{NewOrganization, OrganizationPatch};

/// Checks a new organization; gives the custom fields to store.
pub(crate) fn check_new(new: &NewOrganization, form: &Form, errors: &mut FieldErrors) -> CustomFields {
    form.check_own("industry", new.industry.as_ref().map(ShortText::as_str), errors);
    form.check_own("size", new.size.as_ref().map(ShortText::as_str), errors);
    form.check_own("annualRevenue", new.annual_revenue.as_ref().map(ShortText::as_str), errors);
    let is_set = |field: &str| match field {
        "email" => !new.email.values().is_empty(),
        "phone" => !new.phone.values().is_empty(),
        "address" => new.address.is_some(),
        "industry" => new.industry.is_some(),
        "size" => new.size.is_some(),
        "annualRevenue" => new.annual_revenue.is_some(),
        "website" => new.website.is_some(),
        "note" => new.note.is_some(),
        "owner" => new.owner.is_some(),
        "tags" => !new.tags.is_empty(),
        // What nobody here knows is never there, so that a field which is forgotten here is found.
        _ => false,
    };
    form.require_new(is_set, errors);
    form.check_new(Some(&new.custom_fields), errors)
}

/// Checks a patch of an organization with these custom fields; gives those to store.
pub(crate) fn check_patch(
    patch: &OrganizationPatch,
    stored: &CustomFields,
    form: &Form,
    errors: &mut FieldErrors,
) -> CustomFields {
    form.check_own("industry", patch.industry.value().map(ShortText::as_str), errors);
    form.check_own("size", patch.size.value().map(ShortText::as_str), errors);
    form.check_own("annualRevenue", patch.annual_revenue.value().map(ShortText::as_str), errors);
    let is_cleared = |field: &str| match field {
        "email" => patch.email.is_clear_or(|email| email.values().is_empty()),
        "phone" => patch.phone.is_clear_or(|phone| phone.values().is_empty()),
        "address" => patch.address.is_clear(),
        "industry" => patch.industry.is_clear(),
        "size" => patch.size.is_clear(),
        "annualRevenue" => patch.annual_revenue.is_clear(),
        "website" => patch.website.is_clear(),
        "note" => patch.note.is_clear(),
        "owner" => patch.owner.is_clear(),
        "tags" => patch.tags.is_clear_or(TagRefs::is_empty),
        _ => false,
    };
    form.require_patch(is_cleared, errors);
    form.check_patched(stored, &patch.custom_fields, errors)
}
