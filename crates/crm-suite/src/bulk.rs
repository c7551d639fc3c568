//! Deleting many records of one kind at once (docs/compatibility.md, "Bulk actions").

use std::collections::HashSet;
use std::marker::PhantomData;

use crm_core::input::{At, FromBody, FromJson, ObjectReader};
use crm_core::values::IdList;
use crm_core::{Condition, DbConnection, FieldCode, FieldErrors, LeadId, RecordId, Scope};
use serde::Serialize;
use serde_json::Value;

use crate::{SuiteError, cases, contacts, leads, opportunities, organizations};

/// A part of the API with a bulk route of its own, and the kinds of records that it takes.
pub trait Module: Sized + 'static {
    /// The kinds by the name that a body gives in `entity`.
    const ENTITIES: &'static [(&'static str, Entity)];
}

/// Leads and opportunities.
#[derive(Debug, Clone, Copy)]
pub struct Pipeline;

impl Module for Pipeline {
    const ENTITIES: &'static [(&'static str, Entity)] = &[("lead", Entity::Lead), ("opportunity", Entity::Opportunity)];
}

/// Contacts and organizations.
#[derive(Debug, Clone, Copy)]
pub struct Directory;

impl Module for Directory {
    const ENTITIES: &'static [(&'static str, Entity)] =
        &[("contact", Entity::Contact), ("organization", Entity::Organization)];
}

/// Cases.
#[derive(Debug, Clone, Copy)]
pub struct Cases;

impl Module for Cases {
    const ENTITIES: &'static [(&'static str, Entity)] = &[("case", Entity::Case)];
}

/// A kind of records that can be deleted in bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// Leads.
    Lead,
    /// Opportunities.
    Opportunity,
    /// Contacts.
    Contact,
    /// Organizations.
    Organization,
    /// Cases.
    Case,
}

/// The most ids of one request.
const MOST_IDS: usize = 1_000;

/// Which records to delete: `{ entity, action: "delete", ids }`.
#[derive(Debug, Clone)]
pub struct BulkAction<M> {
    entity: Entity,
    ids: Vec<i64>,
    module: PhantomData<M>,
}

impl<M: Module> FromBody for BulkAction<M> {
    const READ_ONLY: &'static [&'static str] = &["tenantId"];

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let entity: Option<EntityOf<M>> = reader.required("entity");
        let action: Option<Delete> = reader.required("action");
        // Every kind of record has ids of the same form.
        let ids: Option<IdList<LeadId, MOST_IDS>> = reader.required("ids");
        let (EntityOf(entity, module), Delete, ids) = (entity?, action?, ids?);
        Some(Self { entity, ids: ids.as_slice().iter().map(|id| id.as_i64()).collect(), module })
    }
}

/// What became of each id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BulkOutcome {
    /// The ids of the records that were deleted, ascending.
    #[cfg_attr(feature = "openapi", schema(examples("1", "2")))]
    pub deleted: Vec<String>,
    /// The ids that no record of the tenant has, in the order given.
    #[cfg_attr(feature = "openapi", schema(examples("3")))]
    pub not_found: Vec<String>,
}

/// Deletes the records as DELETE of each would, all in the caller's transaction.
///
/// # Errors
/// The database's.
pub fn delete<M: Module>(
    connection: &mut DbConnection,
    scope: &Scope,
    action: &BulkAction<M>,
) -> Result<BulkOutcome, SuiteError> {
    let ids = action.ids.as_slice();
    let deleted = match action.entity {
        Entity::Lead => numbers(leads::delete(connection, scope, &typed(ids), &Condition::none())?),
        Entity::Opportunity => numbers(opportunities::delete(connection, scope, &typed(ids), &Condition::none())?),
        Entity::Case => numbers(cases::delete(connection, scope, &typed(ids), &Condition::none())?),
        Entity::Contact => numbers(contacts::delete(connection, scope, &typed(ids), &Condition::none())?),
        Entity::Organization => numbers(organizations::delete(connection, scope, &typed(ids), &Condition::none())?),
    };
    let gone: HashSet<i64> = deleted.iter().copied().collect();
    let not_found = ids.iter().filter(|id| !gone.contains(id)).map(ToString::to_string).collect();
    Ok(BulkOutcome { deleted: deleted.iter().map(ToString::to_string).collect(), not_found })
}

fn typed<I: RecordId>(ids: &[i64]) -> Vec<I> {
    ids.iter().map(|id| I::from_i64(*id)).collect()
}

fn numbers<I: RecordId>(ids: Vec<I>) -> Vec<i64> {
    ids.into_iter().map(RecordId::as_i64).collect()
}

/// The `entity` of a module.
struct EntityOf<M>(Entity, PhantomData<M>);

impl<M: Module> FromJson for EntityOf<M> {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        let found = M::ENTITIES.iter().find(|(name, _)| value.as_str() == Some(name));
        if found.is_none() {
            let names: Vec<&str> = M::ENTITIES.iter().map(|(name, _)| *name).collect();
            errors.push(at, FieldCode::InvalidValue, format_args!("must be one of {}", names.join(", ")));
        }
        found.map(|(_, entity)| Self(*entity, PhantomData))
    }
}

/// The one `action`.
struct Delete;

impl FromJson for Delete {
    fn from_json(value: &Value, at: &At<'_>, errors: &mut FieldErrors) -> Option<Self> {
        if value.as_str() == Some("delete") {
            return Some(Self);
        }
        errors.push(at, FieldCode::InvalidValue, "must be delete");
        None
    }
}

#[cfg(feature = "openapi")]
mod schemas {
    use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
    use utoipa::{PartialSchema, ToSchema, openapi::RefOr};

    use super::{Delete, EntityOf, Module};

    fn words(words: Vec<&'static str>) -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
    }

    impl<M: Module> PartialSchema for EntityOf<M> {
        fn schema() -> RefOr<Schema> {
            words(M::ENTITIES.iter().map(|(name, _)| *name).collect())
        }
    }

    impl<M: Module> ToSchema for EntityOf<M> {}

    impl PartialSchema for Delete {
        fn schema() -> RefOr<Schema> {
            words(vec!["delete"])
        }
    }

    impl ToSchema for Delete {}
}
