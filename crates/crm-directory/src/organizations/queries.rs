//! The SQL of organizations. Every query starts at the tenant of a scope.

use crm_core::page::Contains;
use crm_core::search::{Candidates, Most};
use crm_core::text::all_searchable;
use crm_core::{
    Db, DbConnection, OrganizationId, RecordKind, Scope, TagId, WriteError, any_of, created_within, list_query,
};
use crm_forms::search::ResolvedFields;
use crm_forms::{Form, StoredForm, of_fields};
use crm_tags::{HasAnyTag, TagKind};
use diesel::prelude::*;

use super::filter::SEARCHED;
use super::row::{OrganizationRow, OrganizationValues};
use crate::duplicate::{Tables, looking_like, matched_by};
use crate::query::{has_email, has_phone};
use crate::schema::{organization_emails, organization_phones, organizations};
use crate::{DirectoryError, OrganizationFilter, OrganizationSort, query};

type Query = organizations::BoxedQuery<'static, Db>;

/// What its records are told from others by.
pub(crate) const TABLES: Tables = Tables {
    records: "organizations",
    emails: "organization_emails",
    phones: "organization_phones",
    record: "organization_id",
};

crm_core::record_queries!(organizations, OrganizationId, OrganizationRow: find_locked, lock, lock_rows);
// Makes `find_whole`, `find_whole_locked`, `remember`, `beside`.
crm_core::whole_records!(
    organizations,
    OrganizationId,
    OrganizationRow,
    StoredForm,
    OrganizationSort,
    OrganizationsAround {
        record: "organization_id",
        tags: "organization_tags",
        participants: None,
        addresses: Some(("organization_emails", "organization_phones")),
        shows: &[],
        form: "forms AS b WHERE b.tenant_id = organizations.tenant_id AND b.kind = 3"
    }
);
// Makes `update`, `delete`.
crm_history::record_writes!(organizations, OrganizationId, OrganizationRow, OrganizationValues);
// Makes `with_external_ids`, `claim_external_id`.
crm_core::external_ids!(organizations, OrganizationId, DirectoryError);
// Makes `release_external_ids`, `external_id_again`.
crm_core::released_external_ids!(organizations, OrganizationId, DirectoryError);
looking_like!(organizations, OrganizationId, organization_emails, organization_phones);
matched_by!(OrganizationId, TABLES);
// Makes `insert`.
crm_history::record_inserts!(organizations, OrganizationRow);

/// What a filter means once other tables were asked.
pub(crate) struct ResolvedFilter {
    /// The organizations that its texts leave.
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

/// Asks the indexes of texts and the tags: one statement for how many are few, one for each filter, three for `searchValue`.
pub(crate) fn resolve(
    connection: &mut DbConnection,
    scope: &Scope,
    filter: &OrganizationFilter,
    form: &Form,
) -> Result<ResolvedFilter, WriteError> {
    let most = &mut Most::of(RecordKind::Organization);
    let mut candidates = Candidates::Many;
    if let Some(text) = &filter.name {
        candidates = candidates.and(query::ORGANIZATION_NAME.candidates(connection, scope, most, text)?);
    }
    if let Some(text) = &filter.address {
        candidates = candidates.and(query::ORGANIZATION_ADDRESS.candidates(connection, scope, most, text)?);
    }
    if let Some(text) = &filter.email {
        candidates = candidates.and(query::ORGANIZATION_EMAIL.candidates(connection, scope, most, text)?);
    }
    if let Some(text) = &filter.phone {
        let (digits, values) = (query::ORGANIZATION_PHONE_DIGITS, query::ORGANIZATION_PHONE);
        candidates = candidates.and(query::phone_candidates(digits, values, connection, scope, most, text)?);
    }
    if let Some(text) = &filter.search_value {
        let found = query::ORGANIZATION_NAME
            .candidates(connection, scope, most, text)?
            .or(query::ORGANIZATION_EMAIL.candidates(connection, scope, most, text)?)
            .or(query::ORGANIZATION_WEBSITE.candidates(connection, scope, most, text)?);
        candidates = candidates.and(found);
    }
    let (tagged, tags) =
        crm_tags::resolve_filter(connection, scope, TagKind::Organization, most, filter.tags.as_ref())?;
    let fields = filter.fields.resolve(connection, scope, &SEARCHED, most, &[form])?;
    let candidates = candidates.and(tagged).and(fields.candidates.clone());
    Ok(ResolvedFilter { candidates, tags, fields })
}

/// The organizations that match, in no order.
pub(crate) fn matching(scope: &Scope, filter: &OrganizationFilter, resolved: &ResolvedFilter) -> Query {
    let OrganizationFilter {
        ids,
        name,
        email,
        phone,
        tags: _,
        address,
        industry,
        search_value,
        owner_id,
        external_id,
        fields,
        created_after,
        created_before,
    } = filter;
    let ResolvedFilter { candidates, tags, fields: _ } = resolved;
    let industry = industry.as_deref().map(all_searchable);
    let mut query = list_query!(organizations, scope, candidates);
    any_of!(query, organizations::id, ids);
    any_of!(query, organizations::industry_search, industry);
    any_of!(query, organizations::owner_id, owner_id);
    if let Some(text) = name {
        query = query.filter(Contains::new("organizations.name_search", text));
    }
    if let Some(text) = address {
        query = query.filter(Contains::new("organizations.address_search", text));
    }
    if let Some(text) = email {
        query = query.filter(has_email!(scope, organizations, organization_emails, text));
    }
    if let Some(text) = phone {
        query = query.filter(has_phone!(scope, organizations, organization_phones, text));
    }
    if let Some(text) = search_value {
        let name = Contains::new("organizations.name_search", text);
        let website = Contains::new("organizations.website_search", text);
        query = query.filter(name.or(has_email!(scope, organizations, organization_emails, text)).or(website));
    }
    if let Some(tags) = tags {
        query = query.filter(HasAnyTag::new(scope, TagKind::Organization, tags.clone()));
    }
    any_of!(query, organizations::external_id, external_id);
    of_fields!(query, organizations, fields, &resolved.fields);
    created_within!(query, organizations, created_after, created_before);
    query
}
