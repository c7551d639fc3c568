//! The SQL of contacts. Every query starts at the tenant of a scope.

use crm_core::page::Contains;
use crm_core::search::{Candidates, Most};
use crm_core::sql::among;
use crm_core::{
    ContactId, Db, DbConnection, ForKeyShareExt, OrganizationId, RecordKind, Scope, TagId, WriteError, any_of,
    created_within, list_query,
};
use crm_forms::search::ResolvedFields;
use crm_forms::{Form, StoredForm, of_fields};
use crm_tags::{HasAnyTag, TagKind};
use diesel::dsl::exists;
use diesel::prelude::*;

use super::filter::SEARCHED;
use super::row::{ContactRow, ContactValues};
use crate::duplicate::{Tables, looking_like, matched_by};
use crate::query::{has_email, has_phone};
use crate::schema::{contact_emails, contact_phones, contacts, organizations};
use crate::{ContactFilter, ContactSort, DirectoryError, query};

type Query = contacts::BoxedQuery<'static, Db>;

/// What its records are told from others by.
pub(crate) const TABLES: Tables =
    Tables { records: "contacts", emails: "contact_emails", phones: "contact_phones", record: "contact_id" };

crm_core::record_queries!(contacts, ContactId, ContactRow: find_locked, lock, lock_rows);
// Makes `find_whole`, `find_whole_locked`, `remember`, `beside`.
crm_core::whole_records!(
    contacts,
    ContactId,
    ContactRow,
    StoredForm,
    ContactSort,
    ContactsAround {
        record: "contact_id",
        tags: "contact_tags",
        participants: None,
        addresses: Some(("contact_emails", "contact_phones")),
        shows: &["organization"],
        form: "forms AS b WHERE b.tenant_id = contacts.tenant_id AND b.kind = 2"
    }
);
// Makes `update`, `delete`.
crm_history::record_writes!(contacts, ContactId, ContactRow, ContactValues);
// Makes `with_external_ids`, `claim_external_id`.
crm_core::external_ids!(contacts, ContactId, DirectoryError);
// Makes `release_external_ids`, `external_id_again`.
crm_core::released_external_ids!(contacts, ContactId, DirectoryError);
looking_like!(contacts, ContactId, contact_emails, contact_phones);
matched_by!(ContactId, TABLES);
// Makes `insert`.
crm_history::record_inserts!(contacts, ContactRow);

/// Keeps the organizations of these contacts from being deleted until the end of the transaction. Whoever deletes
/// one locks it before its contacts; so must whoever will write a reference to it into a contact. Gives them.
pub(crate) fn hold_organizations_of(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[ContactId],
) -> QueryResult<Vec<OrganizationId>> {
    let of_them =
        contacts::table.filter(among(scope, contacts::tenant_id, contacts::id, ids)).select(contacts::organization_id);
    let existing = organizations::table
        .filter(organizations::tenant_id.eq(scope.tenant()))
        .filter(organizations::id.nullable().eq_any(of_them))
        .order(organizations::id)
        .select(organizations::id);
    existing.held().load(connection)
}

/// What a filter means once other tables were asked.
pub(crate) struct ResolvedFilter {
    /// The contacts that its texts leave.
    candidates: Candidates,
    /// The tags that its spellings name.
    pub(crate) tags: Option<Vec<TagId>>,
    /// What is asked of any field.
    fields: ResolvedFields,
}

impl ResolvedFilter {
    /// Whether nothing is left, so that the list need not be asked for.
    pub(crate) fn is_nothing(&self) -> bool {
        self.candidates.is_none() || self.tags.as_ref().is_some_and(Vec::is_empty)
    }
}

/// Asks the indexes of texts and the tags: one statement for how many are few, one for each filter, three for `searchValue`, whose
/// organizations' contacts are one more.
pub(crate) fn resolve(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &ContactFilter,
    form: &Form,
) -> Result<ResolvedFilter, WriteError> {
    let most = &mut Most::of(RecordKind::Contact);
    let mut candidates = Candidates::Many;
    if let Some(text) = &filter.name {
        candidates = candidates.and(query::CONTACT_NAME.candidates(connection, scope, most, text)?);
    }
    if let Some(text) = &filter.email {
        candidates = candidates.and(query::CONTACT_EMAIL.candidates(connection, scope, most, text)?);
    }
    if let Some(text) = &filter.phone {
        let (digits, values) = (query::CONTACT_PHONE_DIGITS, query::CONTACT_PHONE);
        candidates = candidates.and(query::phone_candidates(digits, values, connection, scope, most, text)?);
    }
    if let Some(text) = &filter.search_value {
        let found = query::CONTACT_NAME
            .candidates(connection, scope, most, text)?
            .or(query::CONTACT_EMAIL.candidates(connection, scope, most, text)?)
            .or(candidates_of_organizations(connection, scope, most, text)?);
        candidates = candidates.and(found);
    }
    let (tagged, tags) = crm_tags::resolve_filter(connection, scope, TagKind::Contact, most, filter.tags.as_ref())?;
    let fields = filter.fields.resolve(connection, scope, &SEARCHED, most, &[form])?;
    let candidates = candidates.and(tagged).and(fields.candidates.clone());
    Ok(ResolvedFilter { candidates, tags, fields })
}

/// Contacts of organizations whose name contains this text.
fn candidates_of_organizations(
    connection: &mut DbConnection,
    scope: &Scope,
    most: &mut Most,
    text: &str,
) -> QueryResult<Candidates> {
    let Candidates::Few(found) = query::ORGANIZATION_NAME.candidates(connection, scope, most, text)? else {
        return Ok(Candidates::Many);
    };
    if found.is_empty() {
        return Ok(Candidates::Few(found));
    }
    most.candidates(connection, scope, |connection, limit| {
        contacts::table
            .filter(among(scope, contacts::tenant_id, contacts::organization_id, found))
            .limit(limit)
            .select(contacts::id)
            .load(connection)
    })
}

/// The contacts that match, in no order.
pub(crate) fn matching(scope: &Scope, filter: &ContactFilter, resolved: &ResolvedFilter) -> Query {
    let ContactFilter {
        ids,
        name,
        email,
        phone,
        tags: _,
        organization_id,
        search_value,
        owner_id,
        external_id,
        fields,
        created_after,
        created_before,
    } = filter;
    let ResolvedFilter { candidates, tags, fields: _ } = resolved;
    let mut query = list_query!(contacts, scope, candidates);
    any_of!(query, contacts::id, ids);
    any_of!(query, contacts::organization_id, organization_id);
    any_of!(query, contacts::owner_id, owner_id);
    if let Some(text) = name {
        query = query.filter(Contains::new("contacts.name_search", text));
    }
    if let Some(text) = email {
        query = query.filter(has_email!(scope, contacts, contact_emails, text));
    }
    if let Some(text) = phone {
        query = query.filter(has_phone!(scope, contacts, contact_phones, text));
    }
    if let Some(text) = search_value {
        let organization = organizations::table
            .filter(organizations::tenant_id.eq(scope.tenant()))
            .filter(organizations::id.nullable().eq(contacts::organization_id))
            .filter(Contains::new("organizations.name_search", text))
            .offset(0);
        let name = Contains::new("contacts.name_search", text);
        query = query.filter(name.or(has_email!(scope, contacts, contact_emails, text)).or(exists(organization)));
    }
    if let Some(tags) = tags {
        query = query.filter(HasAnyTag::new(scope, TagKind::Contact, tags.clone()));
    }
    any_of!(query, contacts::external_id, external_id);
    of_fields!(query, contacts, fields, &resolved.fields);
    created_within!(query, contacts, created_after, created_before);
    query
}
