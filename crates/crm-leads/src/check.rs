//! The rules of the form of leads, for what a new lead or a patch brings (docs/compatibility.md, "Forms and custom fields").

use crate::{LeadPatch, NewLead};

crm_forms::form_checks!(NewLead, LeadPatch {
    options: origin "origin", lead_rating "leadRating";
    values: value "value", note "note", organization_id "organizationId", contact_id "contactId", owner "owner";
    lists: followers "followers", participants "participants", tags "tags";
});
