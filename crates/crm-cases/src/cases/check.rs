//! The rules of the form of a case's type, for what a new case or a patch brings (docs/compatibility.md, "Forms and custom fields").

use crate::{CasePatch, NewCase};

crm_forms::form_checks!(NewCase, CasePatch {
    options: priority "priority";
    values: description "description", expected_date "expectedDate", organization_id "organizationId", contact_id "contactId", assignee "assignee", owner "owner";
    lists: tags "tags";
});
