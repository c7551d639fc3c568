//! The rules of the form of organizations, for what a new organization or a patch brings (docs/compatibility.md, "Forms and custom fields").

use crate::{NewOrganization, OrganizationPatch};

crm_forms::form_checks!(NewOrganization, OrganizationPatch {
    options: industry "industry", size "size", annual_revenue "annualRevenue";
    values: address "address", website "website", note "note", owner "owner";
    lists: email "email", phone "phone", tags "tags";
});
