//! The rules of the form of opportunities, for what a new opportunity or a patch brings (docs/compatibility.md, "Forms and custom fields").

use super::{NewOpportunity, OpportunityPatch};

crm_forms::form_checks!(NewOpportunity, OpportunityPatch {
    options: origin "origin", lead_rating "leadRating";
    values: value "value", note "note", organization_id "organizationId", contact_id "contactId", owner "owner";
    lists: followers "followers", participants "participants", tags "tags";
});
