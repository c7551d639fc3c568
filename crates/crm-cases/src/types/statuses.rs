//! The statuses of case types as rows, which cases point at.

use std::collections::HashMap;

use crm_core::sql::one_of;
use crm_core::text::folded;
use crm_core::{
    BackendKind, CaseId, CaseTypeId, DbConnection, ForUpdateExt, PortableExt, Scope, TenantId, each_backend,
};
use crm_history::{LentColumn, Renamed};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::schema::{case_statuses, cases};
use crate::workflow::{Status, Workflow};
use crate::{CaseTypeError, StatusInUse};

#[derive(Insertable)]
#[diesel(table_name = case_statuses, treat_none_as_default_value = false)]
struct InsertedStatus {
    tenant_id: TenantId,
    case_type_id: CaseTypeId,
    label_folded: String,
    node_folded: Option<String>,
}

impl InsertedStatus {
    fn of(scope: &Scope, case_type: CaseTypeId, status: &Status) -> Self {
        Self {
            tenant_id: scope.tenant(),
            case_type_id: case_type,
            label_folded: folded(&status.label),
            node_folded: status.node.as_deref().map(folded),
        }
    }
}

/// Gives a new case type its statuses.
pub(crate) fn insert(
    connection: &mut DbConnection,
    scope: &Scope,
    case_type: CaseTypeId,
    workflow: &Workflow,
) -> QueryResult<()> {
    let rows: Vec<_> = workflow.statuses().iter().map(|status| InsertedStatus::of(scope, case_type, status)).collect();
    add(connection, &rows)
}

fn add(connection: &mut DbConnection, rows: &[InsertedStatus]) -> QueryResult<()> {
    if !rows.is_empty() {
        each_backend!(connection, connection => diesel::insert_into(case_statuses::table).values(rows).execute(connection))?;
    }
    Ok(())
}

/// The status of a case, which its type has.
const STATUS: LentColumn = LentColumn { table: "cases", column: "status", owner: "case_type_id" };

/// What becomes of a status when one workflow takes the place of another.
enum Fate {
    /// It is there as it was.
    Stays,
    /// It is there under this label: spelled in another case, or by the same id with a label that is new.
    Renamed(String),
    /// It is gone.
    Removed,
}

impl Fate {
    /// The label decides before the id: an editor that numbers its nodes anew must not move cases about. A label
    /// that another status had before is no new name either, or the cases of two statuses would run together.
    fn of(status: &Status, before: &Workflow, after: &Workflow) -> Self {
        let same = |one: &str, other: &str| folded(one) == folded(other);
        let is_new = |label: &str| before.status(label).is_none_or(|known| !same(&known.label, label));
        let by_name = after.status(&status.label);
        let by_node = status.node.as_deref().and_then(|node| {
            after.status(node).filter(|heir| heir.node.as_deref().is_some_and(|heir| same(heir, node)))
        });
        match by_name.into_iter().chain(by_node).find(|heir| same(&heir.label, &status.label) || is_new(&heir.label)) {
            Some(heir) if heir.label == status.label => Self::Stays,
            Some(heir) => Self::Renamed(heir.label.clone()),
            None => Self::Removed,
        }
    }
}

/// The statuses that a case type, which is locked, gets with a new workflow.
pub(crate) struct Replacement {
    wanted: Vec<InsertedStatus>,
    /// What becomes of those that cases are in.
    renamed: Vec<Renamed>,
}

impl Replacement {
    /// What is to be done, if it can be.
    ///
    /// # Errors
    /// [`CaseTypeError::StatusInUse`] with every status that would be removed while cases are in it; the database's.
    pub(crate) fn of(
        connection: &mut DbConnection,
        scope: &Scope,
        case_type: CaseTypeId,
        before: &Workflow,
        after: &Workflow,
    ) -> Result<Self, CaseTypeError> {
        let fates = before.statuses().iter().map(|status| (folded(&status.label), Fate::of(status, before, after)));
        let mut fates: HashMap<String, Fate> = fates.filter(|(_, fate)| !matches!(fate, Fate::Stays)).collect();
        // The others need nothing done: a workflow can have two thousand statuses.
        let (mut renamed, mut removed) = (Vec::new(), Vec::new());
        for status in counts(connection, scope, case_type, fates.keys().cloned().collect())? {
            let from_folded = folded(&status.label);
            match fates.remove(&from_folded) {
                Some(Fate::Renamed(to)) => renamed.push(Renamed { from_folded, to_folded: folded(&to), to }),
                _ => removed.push(status),
            }
        }
        if !removed.is_empty() {
            return Err(CaseTypeError::StatusInUse(removed));
        }
        let wanted = after.statuses().iter().map(|status| InsertedStatus::of(scope, case_type, status)).collect();
        Ok(Self { wanted, renamed })
    }

    /// Does it. Cases in a status that was renamed follow it; their own `lastUpdatedOn` stays, as with the name of a tag,
    /// and their changes follow from the last one of the type.
    ///
    /// # Errors
    /// The database's.
    pub(crate) fn apply(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        case_type: CaseTypeId,
    ) -> Result<(), CaseTypeError> {
        let Self { wanted, renamed } = self;
        let of_type = || {
            case_statuses::table
                .filter(case_statuses::tenant_id.eq(scope.tenant()))
                .filter(case_statuses::case_type_id.eq(case_type))
        };
        let present: Vec<(String, Option<String>)> =
            of_type().select((case_statuses::label_folded, case_statuses::node_folded)).load(connection)?;
        let present: HashMap<String, Option<String>> = present.into_iter().collect();
        let labels: Vec<String> = wanted.iter().map(|status| status.label_folded.clone()).collect();
        let (kept, new): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|status| present.contains_key(&status.label_folded));
        lock_cases(connection, scope, case_type, renamed.iter().map(|status| status.from_folded.clone()).collect())?;
        add(connection, &new)?;
        STATUS.rename::<CaseId, CaseTypeId>(connection, scope, case_type, &renamed)?;
        let is_other = |status: &&InsertedStatus| present.get(&status.label_folded) != Some(&status.node_folded);
        let other: Vec<_> =
            kept.iter().filter(is_other).map(|one| [Some(&one.label_folded), one.node_folded.as_ref()]).collect();
        give_nodes(connection, scope, case_type, &other)?;
        diesel::delete(of_type().filter(case_statuses::label_folded.ne_all(labels))).execute(connection)?;
        Ok(())
    }
}

/// How many cases are in each of these statuses, without those that none is in.
fn counts(
    connection: &mut DbConnection,
    scope: &Scope,
    case_type: CaseTypeId,
    labels: Vec<String>,
) -> QueryResult<Vec<StatusInUse>> {
    let rows: Vec<(Option<String>, i64)> = cases::table
        .filter(cases::tenant_id.eq(scope.tenant()))
        .filter(cases::case_type_id.eq(case_type))
        .filter(cases::status_folded.eq_any(labels))
        .group_by(cases::status_folded)
        .order(cases::status_folded)
        .select((diesel::dsl::max(cases::status), diesel::dsl::count_star()))
        .load(connection)?;
    Ok(rows.into_iter().map(|(label, cases)| StatusInUse { label: label.unwrap_or_default(), cases }).collect())
}

/// Locks the cases in all these statuses in ascending order, before they are written in any.
fn lock_cases(
    connection: &mut DbConnection,
    scope: &Scope,
    case_type: CaseTypeId,
    labels: Vec<String>,
) -> QueryResult<()> {
    if labels.is_empty() {
        return Ok(());
    }
    cases::table
        .filter(cases::tenant_id.eq(scope.tenant()))
        .filter(cases::case_type_id.eq(case_type))
        .filter(cases::status_folded.eq_any(labels))
        .order(cases::id)
        .select(cases::id)
        .locked()
        .load::<CaseId>(connection)
        .map(drop)
}

/// Gives statuses, which are named by their labels in lower case, the nodes that stand behind them.
fn give_nodes(
    connection: &mut DbConnection,
    scope: &Scope,
    case_type: CaseTypeId,
    nodes: &[[Option<&String>; 2]],
) -> QueryResult<()> {
    if nodes.is_empty() {
        return Ok(());
    }
    let each = match connection.kind() {
        BackendKind::Postgres => "json_array_elements($1::json)",
        BackendKind::Sqlite => "json_each($1)",
    };
    let sql = format!(
        "UPDATE case_statuses SET node_folded = m.node FROM (SELECT value ->> 0 AS label, value ->> 1 AS node FROM {each}) AS m \
         WHERE tenant_id = $2 AND case_type_id = $3 AND label_folded = m.label"
    );
    let update = diesel::sql_query(sql)
        .bind::<Text, _>(serde_json::json!(nodes).to_string())
        .bind::<BigInt, _>(scope.tenant())
        .bind::<BigInt, _>(case_type.as_i64());
    update.portable().execute(connection).map(drop)
}

/// The statuses with one of these ids or labels, which are in lower case: of which type, and their labels in lower
/// case.
pub(crate) fn named(
    connection: &mut DbConnection,
    scope: &Scope,
    names: &[String],
) -> QueryResult<Vec<(CaseTypeId, String)>> {
    case_statuses::table
        .filter(case_statuses::tenant_id.eq(scope.tenant()))
        .filter(one_of(case_statuses::node_folded, names).or(one_of(case_statuses::label_folded, names)))
        .select((case_statuses::case_type_id, case_statuses::label_folded))
        .load(connection)
}
