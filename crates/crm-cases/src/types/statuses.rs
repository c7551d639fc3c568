//! The statuses of case types as rows, which cases point at.

use std::collections::HashMap;

use crm_core::sql::one_of;
use crm_core::text::folded;
use crm_core::{CaseId, CaseTypeId, DbConnection, ForUpdateExt, Scope, TenantId, each_backend};
use crm_history::Fields;
use diesel::prelude::*;

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
    /// Those that cases are in, with their new labels.
    renamed: Vec<(StatusInUse, String)>,
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
            match fates.remove(&folded(&status.label)) {
                Some(Fate::Renamed(label)) => renamed.push((status, label)),
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
        let in_renamed = renamed.iter().map(|(status, _)| folded(&status.label)).collect();
        let cases = lock_cases(connection, scope, case_type, in_renamed)?;
        add(connection, &new)?;
        for (StatusInUse { label, .. }, to) in &renamed {
            let in_it: Vec<CaseId> =
                cases.iter().filter(|(_, status)| *status == folded(label)).map(|(id, _)| *id).collect();
            let fields = Fields::none().changed("status", label, to);
            crm_history::record_alike(connection, scope, &in_it, case_type, fields)?;
            rename(connection, scope, case_type, label, to)?;
        }
        for status in kept.iter().filter(|status| present.get(&status.label_folded) != Some(&status.node_folded)) {
            diesel::update(of_type().filter(case_statuses::label_folded.eq(&status.label_folded)))
                .set(case_statuses::node_folded.eq(&status.node_folded))
                .execute(connection)?;
        }
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

/// Locks the cases in all these statuses in ascending order, before each status writes its own: with the status of each.
fn lock_cases(
    connection: &mut DbConnection,
    scope: &Scope,
    case_type: CaseTypeId,
    labels: Vec<String>,
) -> QueryResult<Vec<(CaseId, String)>> {
    if labels.is_empty() {
        return Ok(Vec::new());
    }
    cases::table
        .filter(cases::tenant_id.eq(scope.tenant()))
        .filter(cases::case_type_id.eq(case_type))
        .filter(cases::status_folded.eq_any(labels))
        .order(cases::id)
        .select((cases::id, cases::status_folded))
        .locked()
        .load(connection)
}

fn rename(
    connection: &mut DbConnection,
    scope: &Scope,
    case_type: CaseTypeId,
    from: &str,
    to: &str,
) -> QueryResult<()> {
    let in_it = cases::table
        .filter(cases::tenant_id.eq(scope.tenant()))
        .filter(cases::case_type_id.eq(case_type))
        .filter(cases::status_folded.eq(folded(from)));
    diesel::update(in_it).set((cases::status.eq(to), cases::status_folded.eq(folded(to)))).execute(connection)?;
    Ok(())
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
