//! The SQL of activities. Every query starts at the tenant of a scope.

use crm_core::page::{Direction, SortKey};
use crm_core::records::Stored;
use crm_core::sql::Json;
use crm_core::values::{LongText, User};
use crm_core::{CaseId, Db, DbConnection, Scope, TenantId, Timestamp, columns};
use diesel::prelude::*;

use crate::schema::case_activities;
use crate::{Activity, ActivitySort};

/// A row of `case_activities`, without its tenant and case.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = case_activities, check_for_backend(Db))]
pub(crate) struct ActivityRow {
    id: i64,
    from_status: Option<String>,
    to_status: Option<String>,
    transition: Option<String>,
    comment: Option<String>,
    actor: Option<Json<User>>,
    created_on: Timestamp,
}

impl ActivityRow {
    pub(crate) fn place(&self, _: ActivitySort, _: Direction) -> (SortKey, i64) {
        (SortKey::Number(self.id), self.id)
    }

    pub(crate) fn into_activity(self) -> Activity {
        let Self { id, from_status, to_status, transition, comment, actor, created_on } = self;
        Activity {
            id: id.to_string(),
            from: from_status,
            to: to_status,
            transition,
            comment: comment.map(LongText::stored),
            user: actor.map(|Json(user)| user),
            created_on,
        }
    }
}

/// What happened.
#[derive(Debug, Default)]
pub(crate) struct Happening<'a> {
    /// The status before and after, where it changed.
    pub(crate) change: Option<(&'a str, &'a str)>,
    pub(crate) transition: Option<&'a str>,
    pub(crate) comment: Option<&'a LongText>,
    pub(crate) actor: Option<&'a User>,
}

#[derive(Insertable)]
#[diesel(table_name = case_activities, treat_none_as_default_value = false)]
struct InsertedActivity<'a> {
    tenant_id: TenantId,
    case_id: CaseId,
    id: i64,
    from_status: Option<&'a str>,
    to_status: Option<&'a str>,
    transition: Option<&'a str>,
    comment: Option<&'a str>,
    actor: Option<Json<User>>,
    created_on: Timestamp,
}

/// Adds an activity to a case that is locked.
pub(crate) fn insert(
    connection: &mut DbConnection,
    scope: &Scope,
    case: CaseId,
    happening: &Happening<'_>,
) -> QueryResult<ActivityRow> {
    let Happening { change, transition, comment, actor } = happening;
    let last: Option<i64> = case_activities::table
        .filter(case_activities::tenant_id.eq(scope.tenant()))
        .filter(case_activities::case_id.eq(case))
        .select(diesel::dsl::max(case_activities::id))
        .get_result(connection)?;
    let row = InsertedActivity {
        tenant_id: scope.tenant(),
        case_id: case,
        id: last.unwrap_or(0) + 1,
        from_status: change.map(|(from, _)| from),
        to_status: change.map(|(_, to)| to),
        transition: *transition,
        comment: comment.map(LongText::as_str),
        actor: actor.cloned().map(Json),
        created_on: scope.now(),
    };
    diesel::insert_into(case_activities::table).values(row).returning(columns::<ActivityRow>()).get_result(connection)
}

/// Deletes up to `most` activities of a case, the last ones, so that what is left has no gap, and tells how many they were.
pub(crate) fn delete(connection: &mut DbConnection, scope: &Scope, case: CaseId, most: i64) -> QueryResult<usize> {
    let all = || {
        let of_tenant = case_activities::table.filter(case_activities::tenant_id.eq(scope.tenant()));
        of_tenant.filter(case_activities::case_id.eq(case))
    };
    let beyond: Option<i64> = all()
        .order(case_activities::id.desc())
        .offset(most)
        .select(case_activities::id)
        .first(connection)
        .optional()?;
    match beyond {
        Some(id) => diesel::delete(all().filter(case_activities::id.gt(id))).execute(connection),
        None => diesel::delete(all()).execute(connection),
    }
}

/// What happened to a case, in no order.
pub(crate) fn of(scope: &Scope, case: CaseId) -> case_activities::BoxedQuery<'static, Db> {
    case_activities::table
        .filter(case_activities::tenant_id.eq(scope.tenant()))
        .filter(case_activities::case_id.eq(case))
        .into_boxed::<Db>()
}
