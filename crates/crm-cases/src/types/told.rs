//! What changes tell of case types.

use crm_core::values::{Title, User};
use crm_core::{CaseTypeId, Timestamp};
use crm_forms::Field;

use crate::CaseType;
use crate::workflow::WorkflowDocument;

crm_history::told! {
    /// A case type as changes tell of it.
    pub(crate) struct ToldCaseType<'a>;
    compared {
        label "label": &'a Title,
        form "form": &'a [Field],
        workflow "workflow": &'a WorkflowDocument,
        owner "owner": &'a Option<User>,
    }
    members { }
    shown {
        id "id": CaseTypeId,
        creator "creator": &'a Option<User>,
        last_updated_by "lastUpdatedBy": &'a Option<User>,
        is_default "isDefault": bool,
        created_on "createdOn": Timestamp,
        last_updated_on "lastUpdatedOn": Timestamp,
    }
}

impl<'a> ToldCaseType<'a> {
    pub(crate) fn of(case_type: &'a CaseType) -> Self {
        let CaseType {
            id,
            tenant_id: _,
            label,
            form,
            workflow,
            owner,
            creator,
            last_updated_by,
            is_default,
            created_on,
            last_updated_on,
        } = case_type;
        Self {
            label,
            form,
            workflow,
            owner,
            id: *id,
            creator,
            last_updated_by,
            is_default: *is_default,
            created_on: *created_on,
            last_updated_on: *last_updated_on,
        }
    }
}
