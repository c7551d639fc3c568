//! The rules of the form of contacts, for what a new contact or a patch brings (docs/compatibility.md, "Forms and custom fields").

use crate::{ContactPatch, NewContact};

crm_forms::form_checks!(NewContact, ContactPatch {
    options: department "department", seniority_level "seniorityLevel";
    values: organization_id "organizationId", job_title "jobTitle", linkedin "linkedin", note "note", owner "owner";
    lists: email "email", phone "phone", tags "tags";
});
