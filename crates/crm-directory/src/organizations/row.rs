use crm_core::page::{Direction, SortKey};
use crm_core::records::Stored;
use crm_core::sql::Json;
use crm_core::text::{folded, name_key, searchable, with_unicode_domains};
use crm_core::values::{ExternalId, LabeledValues, LongText, ShortText, Title, Url, User};
use crm_core::{Db, OrganizationId, Scope, Timestamp};
use crm_forms::{CustomFields, Form};
use crm_tags::TagOption;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::address::Address;
use crate::schema::organizations;
use crate::{NewOrganization, Organization, OrganizationPatch, OrganizationSort};

/// A row of `organizations`, without its tenant.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = organizations, check_for_backend(Db), treat_none_as_default_value = false)]
pub(crate) struct OrganizationRow {
    pub(crate) id: OrganizationId,
    #[diesel(embed)]
    pub(crate) values: OrganizationValues,
    creator: Option<Json<User>>,
    created_on: Timestamp,
}

/// The columns that creating and changing an organization write. A change writes all of them, from a row that it holds
/// locked: one statement whatever the patch has, which is prepared once.
#[derive(Debug, Clone, Serialize, Deserialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = organizations, check_for_backend(Db), treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct OrganizationValues {
    name: String,
    name_folded: String,
    name_search: String,
    name_key: String,
    address: Option<String>,
    address_search: Option<String>,
    industry: Option<String>,
    industry_folded: Option<String>,
    industry_search: Option<String>,
    size: Option<String>,
    annual_revenue: Option<String>,
    website: Option<String>,
    website_search: Option<String>,
    pub(crate) note: Option<String>,
    owner: Option<Json<User>>,
    owner_id: Option<String>,
    last_updated_by: Option<Json<User>>,
    pub(crate) external_id: Option<String>,
    pub(crate) custom_fields: Json<CustomFields>,
    last_updated_on: Timestamp,
}

fn searchable_url(url: &str) -> String {
    searchable(&with_unicode_domains(url))
}

impl OrganizationValues {
    /// The columns of a new organization, except those that never change.
    pub(crate) fn of_new(new: &NewOrganization, custom_fields: CustomFields, scope: &Scope) -> Self {
        let NewOrganization {
            name,
            email: _,
            phone: _,
            address,
            industry,
            size,
            annual_revenue,
            website,
            note,
            owner,
            creator: _,
            last_updated_by,
            tags: _,
            external_id,
            custom_fields: _,
        } = new;
        Self {
            name: name.as_str().to_owned(),
            name_folded: folded(name.as_str()),
            name_search: searchable(name.as_str()),
            name_key: name_key(name.as_str()),
            address: address.as_ref().map(ToString::to_string),
            address_search: address.as_ref().map(|address| searchable(address.as_str())),
            industry: industry.as_ref().map(ToString::to_string),
            industry_folded: industry.as_ref().map(|industry| folded(industry.as_str())),
            industry_search: industry.as_ref().map(|industry| searchable(industry.as_str())),
            size: size.as_ref().map(ToString::to_string),
            annual_revenue: annual_revenue.as_ref().map(ToString::to_string),
            website: website.as_ref().map(ToString::to_string),
            website_search: website.as_ref().map(|website| searchable_url(website.as_str())),
            note: note.as_ref().map(ToString::to_string),
            owner: owner.clone().map(Json),
            owner_id: owner.as_ref().map(|owner| owner.id().to_owned()),
            last_updated_by: scope.author(last_updated_by.as_ref()).map(Json),
            external_id: external_id.as_ref().map(ToString::to_string),
            custom_fields: Json(custom_fields),
            last_updated_on: scope.now(),
        }
    }

    /// The columns after a patch.
    pub(crate) fn patched(self, patch: &OrganizationPatch, custom_fields: CustomFields, scope: &Scope) -> Self {
        let OrganizationPatch {
            name,
            email: _,
            phone: _,
            address,
            industry,
            size,
            annual_revenue,
            website,
            note,
            owner,
            last_updated_by,
            tags: _,
            external_id,
            custom_fields: _,
        } = patch;
        let name = name.as_ref().map_or(self.name, |name| name.as_str().to_owned());
        let address = address.applied_to(self.address, ToString::to_string);
        let industry = industry.applied_to(self.industry, ToString::to_string);
        let website = website.applied_to(self.website, ToString::to_string);
        let owner = owner.applied_to(self.owner, |user| Json(user.clone()));
        Self {
            name_folded: folded(&name),
            name_search: searchable(&name),
            name_key: name_key(&name),
            name,
            address_search: address.as_deref().map(searchable),
            address,
            industry_folded: industry.as_deref().map(folded),
            industry_search: industry.as_deref().map(searchable),
            industry,
            size: size.applied_to(self.size, ToString::to_string),
            annual_revenue: annual_revenue.applied_to(self.annual_revenue, ToString::to_string),
            website_search: website.as_deref().map(searchable_url),
            website,
            note: note.applied_to(self.note, ToString::to_string),
            owner_id: owner.as_ref().map(|Json(owner)| owner.id().to_owned()),
            owner,
            last_updated_by: scope.author_after(last_updated_by, self.last_updated_by.map(|Json(user)| user)).map(Json),
            external_id: external_id.applied_to(self.external_id, ToString::to_string),
            custom_fields: Json(custom_fields),
            last_updated_on: scope.now(),
        }
    }

    /// These columns, where empty filled from `source`. The note is left to the caller, who joins all of them.
    pub(crate) fn filled_from(self, source: Self) -> Self {
        let Self {
            name: _,
            name_folded: _,
            name_search: _,
            name_key: _,
            address,
            address_search,
            industry,
            industry_folded,
            industry_search,
            size,
            annual_revenue,
            website,
            website_search,
            note: _,
            owner,
            owner_id,
            last_updated_by: _,
            external_id,
            custom_fields: Json(custom_fields),
            last_updated_on: _,
        } = source;
        Self {
            address: self.address.or(address),
            address_search: self.address_search.or(address_search),
            industry: self.industry.or(industry),
            industry_folded: self.industry_folded.or(industry_folded),
            industry_search: self.industry_search.or(industry_search),
            size: self.size.or(size),
            annual_revenue: self.annual_revenue.or(annual_revenue),
            website: self.website.or(website),
            website_search: self.website_search.or(website_search),
            owner: self.owner.or(owner),
            owner_id: self.owner_id.or(owner_id),
            external_id: self.external_id.or(external_id),
            custom_fields: Json(self.custom_fields.0.filled_from(&custom_fields)),
            ..self
        }
    }

    /// These columns as a merge leaves them.
    pub(crate) fn merged(self, scope: &Scope, note: Option<String>, by: Option<&User>) -> Self {
        let last_updated_by = scope.author(by).map(Json).or(self.last_updated_by);
        Self { note, last_updated_by, last_updated_on: scope.now(), ..self }
    }
}

impl OrganizationRow {
    /// The row of an organization that is made.
    pub(crate) fn of_new(id: OrganizationId, values: OrganizationValues, creator: Option<User>, scope: &Scope) -> Self {
        Self { id, values, creator: creator.map(Json), created_on: scope.now() }
    }

    /// This row as it comes back, changed now.
    pub(crate) fn restored(mut self, scope: &Scope, by: Option<&User>) -> Self {
        let values = &mut self.values;
        values.last_updated_by = scope.author(by).map(Json).or_else(|| values.last_updated_by.take());
        values.last_updated_on = scope.now();
        self
    }

    /// Where the row stands in an order.
    pub(crate) fn place(&self, order_by: OrganizationSort, direction: Direction) -> (SortKey, i64) {
        let values = &self.values;
        let key = match order_by {
            OrganizationSort::CreatedOn => SortKey::Moment(self.created_on),
            OrganizationSort::LastUpdatedOn => SortKey::Moment(values.last_updated_on),
            OrganizationSort::Name => SortKey::Text(values.name_folded.clone()),
            OrganizationSort::Industry => SortKey::nullable_text(values.industry_folded.as_deref(), direction),
        };
        (key, self.id.as_i64())
    }

    /// The organization that this row is, with what other tables have of it.
    pub(crate) fn into_organization(
        self,
        scope: &Scope,
        form: &Form,
        email: LabeledValues,
        phone: LabeledValues,
        tags: Vec<TagOption>,
    ) -> Organization {
        let Self { id, values, creator, created_on } = self;
        let OrganizationValues {
            name,
            name_folded: _,
            name_search: _,
            name_key: _,
            address,
            address_search: _,
            industry,
            industry_folded: _,
            industry_search: _,
            size,
            annual_revenue,
            website,
            website_search: _,
            note,
            owner,
            owner_id: _,
            last_updated_by,
            external_id,
            custom_fields: Json(custom_fields),
            last_updated_on,
        } = values;
        Organization {
            id,
            tenant_id: scope.public_tenant().clone(),
            name: Title::stored(name),
            email,
            phone,
            address: address.map(Address::stored),
            industry: industry.map(ShortText::stored),
            size: size.map(ShortText::stored),
            annual_revenue: annual_revenue.map(ShortText::stored),
            website: website.map(Url::stored),
            note: note.map(LongText::stored),
            owner: owner.map(|Json(user)| user),
            creator: creator.map(|Json(user)| user),
            last_updated_by: last_updated_by.map(|Json(user)| user),
            tags,
            external_id: external_id.map(ExternalId::stored),
            custom_fields: form.visible(&custom_fields),
            created_on,
            last_updated_on,
        }
    }
}
