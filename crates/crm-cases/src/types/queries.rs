//! The SQL of case types. Every query starts at the tenant of a scope.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crm_core::sql::{Json, among};
use crm_core::values::User;
use crm_core::{CaseTypeId, Db, DbConnection, ForShareExt, PortableExt, Scope, columns};
use crm_forms::{Form, StoredForm};
use crm_history::Written;
use diesel::prelude::*;

use crate::cases::SEARCHED;
use crate::schema::{case_types, cases};
use crate::types::row::{CaseTypeRow, CaseTypeValues, KnownType, stored_form};

// While one is locked, no case comes into it, leaves it or changes in it.
crm_core::record_queries!(case_types, CaseTypeId, CaseTypeRow: find, find_locked);
// Makes `update`, `delete`.
crm_history::record_writes!(case_types, CaseTypeId, CaseTypeRow, CaseTypeValues);

/// All case types of the tenant, in no order.
pub(crate) fn all(scope: &Scope) -> case_types::BoxedQuery<'static, Db> {
    case_types::table.filter(case_types::tenant_id.eq(scope.tenant())).into_boxed::<Db>()
}

pub(crate) fn find_default(connection: &mut DbConnection, scope: &Scope) -> QueryResult<Option<CaseTypeRow>> {
    case_types::table
        .filter(case_types::tenant_id.eq(scope.tenant()))
        .filter(case_types::is_default)
        .select(columns::<CaseTypeRow>())
        .first(connection)
        .optional()
}

/// What writing a case must know of its type, and of the one that it moves to, which nobody changes until the end of the
/// transaction: those of these types that exist, locked in ascending order.
///
/// A transaction of many changes ([`Scope::remembering`]) asks for each once, as far as it keeps them.
pub(crate) fn shared(
    connection: &mut DbConnection,
    scope: &Scope,
    ids: &[CaseTypeId],
) -> QueryResult<Vec<Arc<KnownType>>> {
    let mut found: Vec<Arc<KnownType>> = ids.iter().filter_map(|id| Held::of(scope, *id)).collect();
    let unknown: Vec<CaseTypeId> =
        ids.iter().filter(|id| found.iter().all(|known| known.id != **id)).copied().collect();
    if !unknown.is_empty() {
        let columns = case_types::table
            .filter(among(scope, case_types::tenant_id, case_types::id, unknown))
            .order(case_types::id)
            .select((case_types::id, case_types::form, case_types::workflow))
            .shared()
            .load(connection)?;
        for columns in columns {
            found.push(Held::remember(scope, KnownType::of(columns, scope)?));
        }
        found.sort_unstable_by_key(|known| known.id);
    }
    Ok(found)
}

/// The types that a transaction of many changes ([`Scope::remembering`]) has locked and read: few at once, for they can be long.
#[derive(Default)]
struct Held {
    types: HashMap<CaseTypeId, Arc<KnownType>>,
    default: Option<CaseTypeId>,
}

impl Held {
    const MOST: usize = 16;

    fn of(scope: &Scope, id: CaseTypeId) -> Option<Arc<KnownType>> {
        scope.memory()?.with(|Self { types, .. }| types.get(&id).cloned())
    }

    fn remember(scope: &Scope, known: KnownType) -> Arc<KnownType> {
        let known = Arc::new(known);
        if let Some(memory) = scope.memory() {
            memory.with(|Self { types, .. }| {
                if types.len() >= Self::MOST {
                    types.clear();
                }
                types.insert(known.id, Arc::clone(&known));
            });
        }
        known
    }
}

/// As [`shared`], for whoever asks for each again.
pub(crate) fn hold(connection: &mut DbConnection, scope: &Scope, ids: &[CaseTypeId]) -> QueryResult<()> {
    let _: Vec<CaseTypeId> = case_types::table
        .filter(among(scope, case_types::tenant_id, case_types::id, ids))
        .order(case_types::id)
        .select(case_types::id)
        .shared()
        .load(connection)?;
    Ok(())
}

/// The tenant's default case type, which can be another one by the time that it is locked.
pub(crate) fn default_id(connection: &mut DbConnection, scope: &Scope) -> QueryResult<Option<CaseTypeId>> {
    let of_tenant = case_types::table.filter(case_types::tenant_id.eq(scope.tenant()));
    of_tenant.filter(case_types::is_default).select(case_types::id).first(connection).optional()
}

/// As [`shared`], of the tenant's default case type.
pub(crate) fn default_shared(connection: &mut DbConnection, scope: &Scope) -> QueryResult<Option<Arc<KnownType>>> {
    if let Some(known) = scope.memory().and_then(|memory| memory.with(|held: &mut Held| held.default)) {
        return Ok(shared(connection, scope, &[known])?.pop());
    }
    let found = case_types::table
        .filter(case_types::tenant_id.eq(scope.tenant()))
        .filter(case_types::is_default)
        .select((case_types::id, case_types::form, case_types::workflow))
        .shared()
        .get_result(connection)
        .optional()?;
    let Some(columns) = found else { return Ok(None) };
    let known = Held::remember(scope, KnownType::of(columns, scope)?);
    if let Some(memory) = scope.memory() {
        memory.with(|held: &mut Held| held.default = Some(known.id));
    }
    Ok(Some(known))
}

/// The forms of these case types.
pub(crate) fn forms_of(
    connection: &mut DbConnection,
    scope: &Scope,
    mut ids: Vec<CaseTypeId>,
) -> QueryResult<HashMap<CaseTypeId, Form>> {
    ids.sort_unstable();
    ids.dedup();
    let rows: Vec<(CaseTypeId, Json<StoredForm>)> = case_types::table
        .filter(among(scope, case_types::tenant_id, case_types::id, ids))
        .select((case_types::id, case_types::form))
        .load(connection)?;
    Ok(rows.into_iter().map(|(id, Json(form))| (id, stored_form(scope.public_tenant(), form))).collect())
}

/// Inserts a case type; `None` where its label is taken.
pub(crate) fn insert_unless_taken(
    connection: &mut DbConnection,
    scope: &Scope,
    id: CaseTypeId,
    creator: Option<User>,
    is_default: bool,
    values: &CaseTypeValues,
) -> QueryResult<Option<Written<CaseTypeRow>>> {
    let constant = (
        case_types::tenant_id.eq(scope.tenant()),
        case_types::id.eq(id),
        case_types::creator.eq(creator.map(Json)),
        case_types::is_default.eq(is_default),
        case_types::created_on.eq(scope.now()),
    );
    let made = diesel::insert_into(case_types::table)
        .values((constant, values))
        .on_conflict((case_types::tenant_id, case_types::label_folded))
        .do_nothing()
        .returning(columns::<CaseTypeRow>())
        .portable()
        .get_result(connection)
        .optional()?;
    Ok(made.map(Written::new))
}

/// The label and the form of every case type of the tenant, in the order in which they were made.
pub(crate) fn forms(connection: &mut DbConnection, scope: &Scope) -> QueryResult<Vec<(CaseTypeId, String, Form)>> {
    let rows: Vec<(CaseTypeId, String, Json<StoredForm>)> = case_types::table
        .filter(case_types::tenant_id.eq(scope.tenant()))
        .order(case_types::id)
        .select((case_types::id, case_types::label, case_types::form))
        .load(connection)?;
    let read = |(id, label, Json(form))| (id, label, stored_form(scope.public_tenant(), form));
    Ok(rows.into_iter().map(read).collect())
}

/// How many case types the tenant has.
pub(crate) fn count(connection: &mut DbConnection, scope: &Scope) -> QueryResult<i64> {
    case_types::table.filter(case_types::tenant_id.eq(scope.tenant())).count().get_result(connection)
}

/// How many cases have the type.
pub(crate) fn count_cases(connection: &mut DbConnection, scope: &Scope, id: CaseTypeId) -> QueryResult<i64> {
    cases::table
        .filter(cases::tenant_id.eq(scope.tenant()))
        .filter(cases::case_type_id.eq(id))
        .count()
        .get_result(connection)
}

/// Which of these custom fields any case of the type has a value in, so that their types cannot change.
pub(crate) fn custom_fields_in_use(
    connection: &mut DbConnection,
    scope: &Scope,
    id: CaseTypeId,
    fields: &[&str],
) -> QueryResult<HashSet<String>> {
    let owner = Some(("case_type_id", id.as_i64()));
    crm_forms::custom_fields_in_use(connection, scope, &SEARCHED, owner, fields)
}
