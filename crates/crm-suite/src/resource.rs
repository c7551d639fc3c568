//! The five kinds of records, for whatever is done with each of them alike.

use std::collections::HashMap;

use crm_cases::{Case, CasePatch, NewCase};
use crm_core::input::{At, FromBody, FromJson, JsonObject};
use crm_core::text::folded;
use crm_core::values::{ExternalId, HasReferences, LabeledValueKind, ReferencedRecords};
use crm_core::{
    CaseId, Condition, ContactId, DbConnection, FieldCode, FieldErrors, LeadId, NotATimestamp, OpportunityId,
    OrganizationId, Patch, Scope, Timestamp,
};
use crm_directory::{Contact, ContactPatch, NewContact, NewOrganization, Organization, OrganizationPatch};
use crm_forms::FormKind;
use crm_leads::{Lead, LeadPatch, NewLead};
use crm_opportunities::{NewOpportunity, Opportunity, OpportunityPatch, StatusChange};
use crm_tags::{TagRefs, Tagged};
use diesel::QueryResult;
use serde_json::Value;

use crate::batch::MatchBy;
use crate::{SuiteError, cases, contacts, leads, opportunities, organizations};

/// A kind of records that clients make and change, by the type that shows one of them.
pub trait Resource: Sized + Send + 'static {
    /// Its id.
    type Id: Tagged;
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

    /// Puts those of them that exist into the trash, and gives them.
    ///
    /// # Errors
    /// The database's.
    fn delete(connection: &mut DbConnection, scope: &Scope, ids: &[Self::Id]) -> Result<Vec<Self::Id>, SuiteError>;

    /// By what the items of a batch match them.
    const MATCHES: &'static [MatchBy];

    /// What it matches by, in the form in which that is compared.
    fn keys(&self, by: MatchBy) -> Vec<String>;

    /// Those that match by these, each with what it matches by: of one such key at most so many.
    ///
    /// # Errors
    /// The database's.
    fn matching(
        connection: &mut DbConnection,
        scope: &Scope,
        by: MatchBy,
        keys: &[&str],
        most: usize,
    ) -> QueryResult<Vec<(String, Self::Id)>>;

    /// Locks those of them that exist, in ascending order, and gives them.
    ///
    /// # Errors
    /// The database's.
    fn lock(connection: &mut DbConnection, scope: &Scope, ids: &[Self::Id]) -> QueryResult<Vec<Self::Id>>;

    /// Reads those of them that are not very long at once, which are locked: none is read again by the change that
    /// comes for it, if one does.
    ///
    /// # Errors
    /// The database's.
    fn remember(connection: &mut DbConnection, scope: &Scope, ids: &[Self::Id]) -> QueryResult<()>;

    /// Keeps their form as it is until the end of the transaction.
    ///
    /// # Errors
    /// The database's.
    fn hold_form(connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError>;

    /// Keeps where they are, such as a stage, and where items put them, as it is until the end of the transaction: that is
    /// locked before the records that go along with it.
    ///
    /// # Errors
    /// The database's.
    fn hold_places(
        _: &mut DbConnection,
        _: &Scope,
        _matched: &[Self::Id],
        _new: &[&Self::New],
        _patches: &[&Self::Patch],
    ) -> QueryResult<()> {
        Ok(())
    }

    /// Whether it has all that already which [`move_in`](Self::move_in) would give it, as far as that is seen at a glance.
    fn has_moved(&self, moved: &JsonObject) -> bool {
        moved.is_empty()
    }

    /// Gives it what the API shows and does not take, of data that comes from another system.
    ///
    /// # Errors
    /// What is no such value, where there is any but null; the database's.
    fn move_in(self, _: &mut DbConnection, _: &Scope, _: &JsonObject) -> Result<Self, SuiteError> {
        Ok(self)
    }

    /// What a new one points at.
    fn references_of_new(new: &Self::New) -> ReferencedRecords;

    /// What a change makes it point at.
    fn references_of_patch(patch: &Self::Patch) -> ReferencedRecords;

    /// The tags that a new one is to have.
    fn tags_of_new(new: &Self::New) -> &TagRefs;

    /// The tags that a change gives it, where it does.
    fn tags_of_patch(patch: &Self::Patch) -> Option<&TagRefs>;

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

/// What the kinds do by functions of one name.
macro_rules! resource {
    ($record:ty, $id:ty, $new:ty, $patch:ty, $of_suite:ident, $module:path { $($own:tt)* }) => {
        impl Resource for $record {
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

            fn tags_of_new(new: &$new) -> &TagRefs {
                &new.tags
            }

            fn tags_of_patch(patch: &$patch) -> Option<&TagRefs> {
                patch.tags.value()
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

            fn delete(connection: &mut DbConnection, scope: &Scope, ids: &[$id]) -> Result<Vec<$id>, SuiteError> {
                $of_suite::delete(connection, scope, ids, &Condition::none())
            }

            fn lock(connection: &mut DbConnection, scope: &Scope, ids: &[$id]) -> QueryResult<Vec<$id>> {
                use $module as of;
                of::lock(connection, scope, ids)
            }

            fn remember(connection: &mut DbConnection, scope: &Scope, ids: &[$id]) -> QueryResult<()> {
                use $module as of;
                of::remember(connection, scope, ids)
            }

            fn with_external_ids(
                connection: &mut DbConnection,
                scope: &Scope,
                external_ids: &[&str],
            ) -> QueryResult<HashMap<String, $id>> {
                use $module as of;
                of::with_external_ids(connection, scope, external_ids)
            }

            $($own)*
        }
    };
}

/// Of kinds that match by external id alone.
macro_rules! matches_by_external_id {
    () => {
        const MATCHES: &'static [MatchBy] = &[MatchBy::Id, MatchBy::ExternalId];

        fn keys(&self, _: MatchBy) -> Vec<String> {
            self.external_id.iter().map(ToString::to_string).collect()
        }

        fn matching(
            connection: &mut DbConnection,
            scope: &Scope,
            _: MatchBy,
            keys: &[&str],
            _: usize,
        ) -> QueryResult<Vec<(String, Self::Id)>> {
            Ok(Self::with_external_ids(connection, scope, keys)?.into_iter().collect())
        }
    };
}

/// Of contacts and organizations, which match by their addresses too.
macro_rules! matches_by_address {
    ($record:ty, $module:path, $($by:ident),+) => {
        const MATCHES: &'static [MatchBy] = &[MatchBy::Id, MatchBy::ExternalId, $(MatchBy::$by),+];

        fn keys(&self, by: MatchBy) -> Vec<String> {
            match by {
                MatchBy::Id => Vec::new(),
                MatchBy::ExternalId => self.external_id.iter().map(ToString::to_string).collect(),
                MatchBy::Name => vec![folded(self.name.as_str())],
                MatchBy::Email => {
                    self.email.as_slice().iter().map(|email| LabeledValueKind::Email.folded(&email.value)).collect()
                }
            }
        }

        fn matching(
            connection: &mut DbConnection,
            scope: &Scope,
            by: MatchBy,
            keys: &[&str],
            most: usize,
        ) -> QueryResult<Vec<(String, Self::Id)>> {
            use $module as of;
            match by {
                MatchBy::Id | MatchBy::ExternalId => {
                    Ok(Self::with_external_ids(connection, scope, keys)?.into_iter().collect())
                }
                MatchBy::Email => of::with_emails(connection, scope, keys, most),
                MatchBy::Name => of::with_names(connection, scope, keys, most),
            }
        }
    };
}

/// Of kinds whose form is the tenant's.
macro_rules! with_form {
    ($kind:ident) => {
        fn hold_form(connection: &mut DbConnection, scope: &Scope) -> Result<(), SuiteError> {
            crm_forms::get_shared(connection, scope, FormKind::$kind)?;
            Ok(())
        }
    };
}

/// Of kinds that point at others.
macro_rules! refers {
    () => {
        fn references_of_new(new: &Self::New) -> ReferencedRecords {
            new.references()
        }

        fn references_of_patch(patch: &Self::Patch) -> ReferencedRecords {
            patch.references()
        }
    };
}

resource!(Lead, LeadId, NewLead, LeadPatch, leads, crm_leads {
    matches_by_external_id!();
    with_form!(Pipeline);
    refers!();

    fn move_in(self, connection: &mut DbConnection, scope: &Scope, moved: &JsonObject) -> Result<Self, SuiteError> {
        let Some(value) = moved.get("isArchived").filter(|value| !value.is_null()) else { return Ok(self) };
        let mut errors = FieldErrors::new();
        match bool::from_json(value, &At::field("isArchived"), &mut errors) {
            None => Err(errors.into()),
            Some(wanted) if wanted == self.is_archived => Ok(self),
            Some(true) => leads::archive(connection, scope, self.id, &Condition::none(), None),
            Some(false) => leads::unarchive(connection, scope, self.id, &Condition::none(), None),
        }
    }
});

resource!(Opportunity, OpportunityId, NewOpportunity, OpportunityPatch, opportunities, crm_opportunities {
    matches_by_external_id!();
    with_form!(Pipeline);
    refers!();

    fn hold_places(
        connection: &mut DbConnection,
        scope: &Scope,
        matched: &[OpportunityId],
        new: &[&NewOpportunity],
        patches: &[&OpportunityPatch],
    ) -> QueryResult<()> {
        let named = new.iter().map(|new| new.pipeline_id).chain(patches.iter().filter_map(|patch| {
            // One that says neither stays where it is.
            (patch.pipeline_id.is_some() || patch.stage.is_some()).then_some(patch.pipeline_id)
        }));
        crm_opportunities::pipelines::hold_stages(connection, scope, &named.collect::<Vec<_>>(), matched)
    }

    fn move_in(self, connection: &mut DbConnection, scope: &Scope, moved: &JsonObject) -> Result<Self, SuiteError> {
        let mut moved = moved.clone();
        let closed_on = moved.remove("closedOn").filter(|moment| !moment.is_null());
        if moved.get("status").is_none_or(Value::is_null) {
            return Ok(self);
        }
        let change = StatusChange::from_body(&moved)?;
        let is_same_reason = change.lost_reason.is_none() || change.lost_reason == self.lost_reason;
        if change.status == self.status && is_same_reason {
            return Ok(self);
        }
        let closed_on = closed_on.map(|moment| moment.as_str().and_then(|text| text.parse().ok()).ok_or(moment));
        let scope = match closed_on.transpose() {
            Ok(None) => scope.clone(),
            Ok(Some(moment)) => scope.clone().at(moment),
            Err(_) => return Err(FieldErrors::of("closedOn", FieldCode::InvalidDate, NotATimestamp).into()),
        };
        opportunities::update_status(connection, &scope, self.id, &Condition::none(), &change)
    }
});

resource!(Contact, ContactId, NewContact, ContactPatch, contacts, crm_directory::contacts {
    matches_by_address!(Self, crm_directory::contacts, Email);
    with_form!(Contacts);
    refers!();
});

resource!(Organization, OrganizationId, NewOrganization, OrganizationPatch, organizations, crm_directory::organizations {
    matches_by_address!(Self, crm_directory::organizations, Email, Name);
    with_form!(Organizations);

    fn references_of_new(_: &NewOrganization) -> ReferencedRecords {
        ReferencedRecords::default()
    }

    fn references_of_patch(_: &OrganizationPatch) -> ReferencedRecords {
        ReferencedRecords::default()
    }
});

resource!(Case, CaseId, NewCase, CasePatch, cases, crm_cases::cases {
    matches_by_external_id!();
    refers!();

    /// Each type has its own, and is held with the case.
    fn hold_form(_: &mut DbConnection, _: &Scope) -> Result<(), SuiteError> {
        Ok(())
    }

    fn hold_places(
        connection: &mut DbConnection,
        scope: &Scope,
        matched: &[CaseId],
        new: &[&NewCase],
        patches: &[&CasePatch],
    ) -> QueryResult<()> {
        // One that is changed and does not say stays in its type, which is held anyway.
        let moves = patches.iter().filter_map(|patch| patch.case_type_id.map(Some));
        let named = new.iter().map(|new| new.case_type_id).chain(moves);
        crm_cases::cases::hold_types(connection, scope, &named.collect::<Vec<_>>(), matched)
    }

    /// Most were never resolved, and each line of an export says so.
    fn has_moved(&self, moved: &JsonObject) -> bool {
        resolutions(self, moved).is_ok_and(|wanted| wanted == [self.first_resolution_on, self.last_resolution_on])
    }

    fn move_in(self, connection: &mut DbConnection, scope: &Scope, moved: &JsonObject) -> Result<Self, SuiteError> {
        let [first, last] = resolutions(&self, moved)?;
        Ok(crm_cases::cases::move_resolutions(connection, scope, self.id, first, last)?)
    }
});

/// When a case was resolved first and last, as these members have it; what they do not name is as the case has it, but that null
/// alone is never.
fn resolutions(case: &Case, moved: &JsonObject) -> Result<[Option<Timestamp>; 2], FieldErrors> {
    if !moved.is_empty() && moved.values().all(Value::is_null) {
        return Ok([None, None]);
    }
    let mut errors = FieldErrors::new();
    let mut moment = |name: &str, stored: Option<Timestamp>| match moved.get(name) {
        None => stored,
        Some(Value::Null) => None,
        Some(value) => Timestamp::from_json(value, &At::field(name), &mut errors),
    };
    let wanted =
        [moment("firstResolutionOn", case.first_resolution_on), moment("lastResolutionOn", case.last_resolution_on)];
    errors.into_result(wanted)
}
