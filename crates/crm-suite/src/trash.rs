//! What was deleted or merged, and how it comes back.
//!
//! Whoever restores a record locks its deletion first, then what the record points at, then, in the order of all changes, the
//! records that point at it again, and its tags at last.

use crm_cases::cases::KeptCase;
use crm_cases::{Case, CaseError};
use crm_core::page::{Page, PageRequest};
use crm_core::values::User;
use crm_core::{
    CaseId, ContactId, DbConnection, FieldCode, FieldErrors, LeadId, OpportunityId, OrganizationId, RecordId,
    RecordKind, Scope, TagId,
};
use crm_directory::contacts::KeptContact;
use crm_directory::organizations::KeptOrganization;
use crm_directory::{Contact, DirectoryError, Organization};
use crm_history::{Deleted, Discarded, Kind, Trash, TrashSort, Undone, comments};
use crm_leads::{KeptLead, Lead, LeadError};
use crm_opportunities::{KeptOpportunity, Opportunity, OpportunityError};
use crm_tags::Tagged;
use diesel::QueryResult;

use crate::{SuiteError, cases, contacts, leads, names, opportunities, organizations, references};

/// The kinds of records that can be in the trash.
pub const KINDS: [Kind; 5] = [Kind::Lead, Kind::Opportunity, Kind::Contact, Kind::Organization, Kind::Case];

/// A page of what is in the trash, of these kinds.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    trash: Trash,
    kinds: &[Kind],
    request: &PageRequest<TrashSort>,
) -> Result<Page<Discarded>, SuiteError> {
    Ok(trash.list(connection, scope, kinds, request)?)
}

/// A record that is in the trash, as it was.
pub trait Restorable: Sized {
    /// Its id.
    type Id: RecordId;

    /// The record as it was, with the names that others have now.
    ///
    /// # Errors
    /// [`SuiteError::NotInTrash`]; the database's.
    fn in_trash(connection: &mut DbConnection, scope: &Scope, trash: Trash, id: Self::Id) -> Result<Self, SuiteError>;

    /// Brings the record back, and what its deletion or merge took away elsewhere, as far as that is as it was left. Of any
    /// number of callers at once one succeeds. Call it in a [`DbConnection::write`].
    ///
    /// # Errors
    /// [`SuiteError::NotInTrash`]; [`SuiteError::CannotRestore`] with what it cannot be without; the database's. Nothing is
    /// changed once the transaction is rolled back.
    fn restore(
        connection: &mut DbConnection,
        scope: &Scope,
        trash: Trash,
        id: Self::Id,
        by: Option<&User>,
    ) -> Result<Self, SuiteError>;

    /// Takes the record out of the trash for good. Call it in a [`DbConnection::write`].
    ///
    /// # Errors
    /// [`SuiteError::NotInTrash`]; the database's.
    fn let_go(connection: &mut DbConnection, scope: &Scope, trash: Trash, id: Self::Id) -> Result<(), SuiteError> {
        take(connection, scope, trash, id)?.let_go(connection, scope)?;
        Ok(comments::forget(connection, scope, &[id])?)
    }
}

/// How much is let go in one transaction, and how many activities of a case.
const EXPIRED_AT_ONCE: i64 = 20;
const ACTIVITIES_AT_ONCE: i64 = 1_000;

/// Lets go some of what is in the trash and whose time is over, and tells whether there was any. Call it again until there is
/// none, each time in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn expire(connection: &mut DbConnection, scope: &Scope, trash: Trash) -> Result<bool, SuiteError> {
    let expired = trash.expired(connection, scope, EXPIRED_AT_ONCE)?;
    for one in &expired {
        if let Some(case) = one.id::<CaseId>()
            && crm_cases::activities::forget(connection, scope, case, ACTIVITIES_AT_ONCE)? > 0
        {
            // The rest of them, and what comes after this case, another time.
            break;
        }
        one.deleted().let_go(connection, scope)?;
        comments::forget(connection, scope, &Vec::from_iter(one.id::<LeadId>()))?;
        comments::forget(connection, scope, &Vec::from_iter(one.id::<OpportunityId>()))?;
        comments::forget(connection, scope, &Vec::from_iter(one.id::<ContactId>()))?;
        comments::forget(connection, scope, &Vec::from_iter(one.id::<OrganizationId>()))?;
    }
    Ok(!expired.is_empty())
}

fn find<I: RecordId>(connection: &mut DbConnection, scope: &Scope, trash: Trash, id: I) -> Result<Deleted, SuiteError> {
    trash.find(connection, scope, id)?.ok_or(SuiteError::NotInTrash(I::KIND))
}

fn take<I: RecordId>(connection: &mut DbConnection, scope: &Scope, trash: Trash, id: I) -> Result<Deleted, SuiteError> {
    trash.take(connection, scope, id)?.ok_or(SuiteError::NotInTrash(I::KIND))
}

/// What a refusal is where it says that a record cannot be brought back.
fn unrestorable(kind: RecordKind, error: SuiteError) -> SuiteError {
    match error {
        SuiteError::Opportunity(OpportunityError::Invalid(missing)) | SuiteError::Case(CaseError::Invalid(missing)) => {
            SuiteError::CannotRestore { kind, missing }
        }
        SuiteError::Lead(LeadError::ExternalIdTaken(taken))
        | SuiteError::Opportunity(OpportunityError::ExternalIdTaken(taken))
        | SuiteError::Directory(DirectoryError::ExternalIdTaken(taken))
        | SuiteError::Case(CaseError::ExternalIdTaken(taken)) => {
            SuiteError::CannotRestore { kind, missing: FieldErrors::of("externalId", FieldCode::Conflicting, taken) }
        }
        other => other,
    }
}

/// Does back to all records what the deletion or merge of an organization did to them.
fn relink_organization(
    connection: &mut DbConnection,
    scope: &Scope,
    undone: &Undone<OrganizationId>,
) -> QueryResult<()> {
    crm_directory::contacts::relink_organizations(connection, scope, undone)?;
    crm_leads::relink_organizations(connection, scope, undone)?;
    crm_opportunities::relink_organizations(connection, scope, undone)?;
    crm_cases::cases::relink_organizations(connection, scope, undone)
}

/// As [`relink_organization`], of a contact.
fn relink_contact(connection: &mut DbConnection, scope: &Scope, undone: &Undone<ContactId>) -> QueryResult<()> {
    crm_leads::relink_contacts(connection, scope, undone)?;
    crm_opportunities::relink_contacts(connection, scope, undone)?;
    crm_cases::cases::relink_contacts(connection, scope, undone)
}

/// What is left to do when all records are locked: the comments and tags of the record, and its deletion keeps nothing any more.
fn finish<I: Tagged>(
    connection: &mut DbConnection,
    scope: &Scope,
    deleted: &Deleted,
    id: I,
    tags: &[TagId],
) -> QueryResult<()> {
    if let Some(target) = deleted.target::<I>() {
        comments::give_back(connection, scope, id, target)?;
    }
    crm_tags::add(connection, scope, id, tags)?;
    deleted.let_go(connection, scope)
}

impl Restorable for Organization {
    type Id = OrganizationId;

    fn in_trash(
        connection: &mut DbConnection,
        scope: &Scope,
        trash: Trash,
        id: OrganizationId,
    ) -> Result<Self, SuiteError> {
        let kept: KeptOrganization = find(connection, scope, trash, id)?.kept()?;
        Ok(kept.show(connection, scope)?)
    }

    fn restore(
        connection: &mut DbConnection,
        scope: &Scope,
        trash: Trash,
        id: OrganizationId,
        by: Option<&User>,
    ) -> Result<Self, SuiteError> {
        let deleted = take(connection, scope, trash, id)?;
        let (kept, target) = (deleted.kept()?, deleted.target());
        let restored = crm_directory::organizations::restore(connection, scope, kept, target, by);
        let (change, tags) = restored.map_err(|error| unrestorable(RecordKind::Organization, error.into()))?;
        relink_organization(connection, scope, &deleted.undone(id, change))?;
        finish(connection, scope, &deleted, id, &tags)?;
        organizations::get(connection, scope, id)
    }
}

impl Restorable for Contact {
    type Id = ContactId;

    fn in_trash(connection: &mut DbConnection, scope: &Scope, trash: Trash, id: ContactId) -> Result<Self, SuiteError> {
        let kept: KeptContact = find(connection, scope, trash, id)?.kept()?;
        Ok(kept.show(connection, scope)?)
    }

    fn restore(
        connection: &mut DbConnection,
        scope: &Scope,
        trash: Trash,
        id: ContactId,
        by: Option<&User>,
    ) -> Result<Self, SuiteError> {
        let deleted = take(connection, scope, trash, id)?;
        let (kept, target) = (deleted.kept()?, deleted.target());
        let restored = crm_directory::contacts::restore(connection, scope, kept, target, by, references::hold_left);
        let (change, tags) = restored.map_err(|error| unrestorable(RecordKind::Contact, error.into()))?;
        relink_contact(connection, scope, &deleted.undone(id, change))?;
        finish(connection, scope, &deleted, id, &tags)?;
        contacts::get(connection, scope, id)
    }
}

impl Restorable for Lead {
    type Id = LeadId;

    fn in_trash(connection: &mut DbConnection, scope: &Scope, trash: Trash, id: LeadId) -> Result<Self, SuiteError> {
        let kept: KeptLead = find(connection, scope, trash, id)?.kept()?;
        let lead = kept.show(connection, scope)?;
        names::of(connection, scope, lead)
    }

    fn restore(
        connection: &mut DbConnection,
        scope: &Scope,
        trash: Trash,
        id: LeadId,
        by: Option<&User>,
    ) -> Result<Self, SuiteError> {
        let deleted = take(connection, scope, trash, id)?;
        let (kept, target) = (deleted.kept()?, deleted.target());
        let restored = crm_leads::restore(connection, scope, kept, target, by, |connection, scope, kept| {
            let vanished = references::hold_left(connection, scope, &kept.references())?;
            let opportunity: Vec<OpportunityId> = kept.opportunity().into_iter().collect();
            Ok((vanished, crm_opportunities::lock(connection, scope, &opportunity)?.pop()))
        });
        let (change, tags) = restored.map_err(|error| unrestorable(RecordKind::Lead, error.into()))?;
        crm_opportunities::relink_leads(connection, scope, &deleted.undone(id, change))?;
        finish(connection, scope, &deleted, id, &tags)?;
        leads::get(connection, scope, id)
    }
}

impl Restorable for Opportunity {
    type Id = OpportunityId;

    fn in_trash(
        connection: &mut DbConnection,
        scope: &Scope,
        trash: Trash,
        id: OpportunityId,
    ) -> Result<Self, SuiteError> {
        let kept: KeptOpportunity = find(connection, scope, trash, id)?.kept()?;
        let opportunity = kept.show(connection, scope)?;
        names::of(connection, scope, opportunity)
    }

    fn restore(
        connection: &mut DbConnection,
        scope: &Scope,
        trash: Trash,
        id: OpportunityId,
        by: Option<&User>,
    ) -> Result<Self, SuiteError> {
        let deleted = take(connection, scope, trash, id)?;
        let mut lead = None;
        let restored = crm_opportunities::restore(connection, scope, deleted.kept()?, by, |connection, scope, kept| {
            let vanished = references::hold_left(connection, scope, &kept.references())?;
            // The lead that it was made of, before the stage: it lost the opportunity, and gets it back.
            let made_of: Vec<LeadId> = kept.lead().into_iter().collect();
            lead = crm_leads::lock(connection, scope, &made_of)?.pop();
            Ok((vanished, lead))
        });
        let (change, tags) = restored.map_err(|error| unrestorable(RecordKind::Opportunity, error.into()))?;
        if lead.is_some() {
            crm_leads::relink_opportunities(connection, scope, &deleted.undone(id, change))?;
        }
        finish(connection, scope, &deleted, id, &tags)?;
        opportunities::get(connection, scope, id)
    }
}

impl Restorable for Case {
    type Id = CaseId;

    fn in_trash(connection: &mut DbConnection, scope: &Scope, trash: Trash, id: CaseId) -> Result<Self, SuiteError> {
        let kept: KeptCase = find(connection, scope, trash, id)?.kept()?;
        let case = kept.show(connection, scope)?;
        names::of(connection, scope, case)
    }

    fn restore(
        connection: &mut DbConnection,
        scope: &Scope,
        trash: Trash,
        id: CaseId,
        by: Option<&User>,
    ) -> Result<Self, SuiteError> {
        let deleted = take(connection, scope, trash, id)?;
        let restored = crm_cases::cases::restore(connection, scope, deleted.kept()?, by, references::hold_left);
        let (_, tags) = restored.map_err(|error| unrestorable(RecordKind::Case, error.into()))?;
        finish(connection, scope, &deleted, id, &tags)?;
        cases::get(connection, scope, id)
    }
    fn let_go(connection: &mut DbConnection, scope: &Scope, trash: Trash, id: CaseId) -> Result<(), SuiteError> {
        let deleted = take(connection, scope, trash, id)?;
        crm_cases::activities::forget(connection, scope, id, i64::MAX)?;
        Ok(deleted.let_go(connection, scope)?)
    }
}
