//! The five kinds of records, for whatever is done with each of them alike.

use std::collections::HashMap;

use crm_cases::{Case, CasePatch, NewCase};
use crm_core::input::FromBody;
use crm_core::values::ExternalId;
use crm_core::{
    CaseId, Condition, ContactId, DbConnection, LeadId, OpportunityId, OrganizationId, Patch, RecordId, Scope,
};
use crm_directory::{Contact, ContactPatch, NewContact, NewOrganization, Organization, OrganizationPatch};
use crm_leads::{Lead, LeadPatch, NewLead};
use crm_opportunities::{NewOpportunity, Opportunity, OpportunityPatch};
use diesel::QueryResult;

use crate::{SuiteError, cases, contacts, leads, opportunities, organizations};

/// A kind of records that clients make and change, by the type that shows one of them.
pub trait Resource: Sized + Send + 'static {
    /// Its id.
    type Id: RecordId + Eq + std::hash::Hash;
    /// One to be made.
    type New: FromBody + Clone + Send + 'static;
    /// A change of one.
    type Patch: FromBody + Clone + Send + 'static;

    /// The id of this record.
    fn id(&self) -> Self::Id;

    /// The external id that a new record is to have.
    fn external_id_of_new(new: &mut Self::New) -> &mut Option<ExternalId>;

    /// What a change does to the external id.
    fn external_id_of_patch(patch: &mut Self::Patch) -> &mut Patch<ExternalId>;

    /// Makes one.
    ///
    /// # Errors
    /// Every problem of its fields; the database's.
    fn create(connection: &mut DbConnection, scope: &Scope, new: &Self::New) -> Result<Self, SuiteError>;

    /// Reads one.
    ///
    /// # Errors
    /// That it does not exist; the database's.
    fn get(connection: &mut DbConnection, scope: &Scope, id: Self::Id) -> Result<Self, SuiteError>;

    /// Changes one.
    ///
    /// # Errors
    /// Every problem of the patch; that it does not exist, or is not as expected; the database's.
    fn update(
        connection: &mut DbConnection,
        scope: &Scope,
        id: Self::Id,
        condition: &Condition<Self>,
        patch: &Self::Patch,
    ) -> Result<Self, SuiteError>;

    /// Those that other systems call by these ids.
    ///
    /// # Errors
    /// The database's.
    fn with_external_ids(
        connection: &mut DbConnection,
        scope: &Scope,
        external_ids: &[&str],
    ) -> QueryResult<HashMap<String, Self::Id>>;
}

macro_rules! resource {
    ($($record:ty, $id:ty, $new:ty, $patch:ty, $of_suite:ident, $with_external_ids:path;)*) => {
        $(impl Resource for $record {
            type Id = $id;
            type New = $new;
            type Patch = $patch;

            fn id(&self) -> $id {
                self.id
            }

            fn external_id_of_new(new: &mut $new) -> &mut Option<ExternalId> {
                &mut new.external_id
            }

            fn external_id_of_patch(patch: &mut $patch) -> &mut Patch<ExternalId> {
                &mut patch.external_id
            }

            fn create(connection: &mut DbConnection, scope: &Scope, new: &$new) -> Result<Self, SuiteError> {
                $of_suite::create(connection, scope, new)
            }

            fn get(connection: &mut DbConnection, scope: &Scope, id: $id) -> Result<Self, SuiteError> {
                $of_suite::get(connection, scope, id)
            }

            fn update(
                connection: &mut DbConnection,
                scope: &Scope,
                id: $id,
                condition: &Condition<Self>,
                patch: &$patch,
            ) -> Result<Self, SuiteError> {
                $of_suite::update(connection, scope, id, condition, patch)
            }

            fn with_external_ids(
                connection: &mut DbConnection,
                scope: &Scope,
                external_ids: &[&str],
            ) -> QueryResult<HashMap<String, $id>> {
                $with_external_ids(connection, scope, external_ids)
            }
        })*
    };
}

resource! {
    Lead, LeadId, NewLead, LeadPatch, leads, crm_leads::with_external_ids;
    Opportunity, OpportunityId, NewOpportunity, OpportunityPatch, opportunities, crm_opportunities::with_external_ids;
    Contact, ContactId, NewContact, ContactPatch, contacts, crm_directory::contacts::with_external_ids;
    Organization, OrganizationId, NewOrganization, OrganizationPatch, organizations, crm_directory::organizations::with_external_ids;
    Case, CaseId, NewCase, CasePatch, cases, crm_cases::cases::with_external_ids;
}
