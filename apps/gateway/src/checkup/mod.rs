//! Asks the database itself whether the [`rules`](mod@rules) hold, reading only: what `crm-gateway check` tells an operator, and what
//! every campaign of the tests ends with.

pub mod rules;

use std::collections::BTreeSet;

use crm_core::text::folded;
use crm_core::{BackendKind, DbConnection, each_backend};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use serde_json::Value;

use rules::{Reference, Rule, references, rules, rules_of_json, rules_of_search};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Every rule that this database can be asked about.
///
/// # Errors
/// The database's.
pub fn all_rules(connection: &mut DbConnection) -> QueryResult<Vec<Rule>> {
    let mut all: Vec<Rule> = references(connection)?.iter().map(Reference::rule).collect();
    all.extend(rules());
    all.extend(rules_of_json(connection.kind()));
    if connection.kind() == BackendKind::Sqlite {
        all.extend(rules_of_search());
    }
    Ok(all)
}

/// Every rule that is broken, and how often. `done` is told of each that was asked.
///
/// # Errors
/// The database's.
pub fn broken(connection: &mut DbConnection, mut done: impl FnMut(&str)) -> QueryResult<Vec<String>> {
    let mut broken = Vec::new();
    for rule in all_rules(connection)? {
        let count = violations(connection, &rule)?;
        if count > 0 {
            broken.push(format!("{}: {count}", rule.name));
        }
        done(&rule.name);
    }
    broken.extend(case_types_at_odds(connection)?);
    broken.extend(statuses_at_odds(connection)?);
    if connection.kind() == BackendKind::Sqlite {
        let ask = "SELECT integrity_check AS line FROM pragma_integrity_check WHERE integrity_check <> 'ok' \
                   UNION ALL SELECT 'foreign key of ' || \"table\" FROM pragma_foreign_key_check";
        broken.extend(lines(connection, ask)?);
    }
    Ok(broken)
}

/// How many rows break a rule.
///
/// # Errors
/// The database's.
pub fn violations(connection: &mut DbConnection, rule: &Rule) -> QueryResult<i64> {
    let asked = sql_query(&rule.violations);
    let Count { count } = each_backend!(connection, connection => asked.get_result(connection))?;
    Ok(count)
}

/// Case types whose statuses are not those of their workflow. The names are those of the document, which the rows
/// that cases point at are made of.
///
/// # Errors
/// The database's.
pub fn case_types_at_odds(connection: &mut DbConnection) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct CaseType {
        #[diesel(sql_type = BigInt)]
        tenant_id: i64,
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Text)]
        workflow: String,
    }
    let ask = "SELECT tenant_id, id, CAST(workflow AS TEXT) AS workflow FROM case_types";
    let types: Vec<CaseType> = each_backend!(connection, connection => sql_query(ask).load(connection))?;
    let mut at_odds = Vec::new();
    for CaseType { tenant_id, id, workflow } in types {
        let of_type = format!("FROM case_statuses WHERE tenant_id = {tenant_id} AND case_type_id = {id}");
        let stored: BTreeSet<String> =
            lines(connection, &format!("SELECT label_folded AS line {of_type}"))?.into_iter().collect();
        // What cannot be read is told by a rule of its own.
        let named = serde_json::from_str(&workflow).map(|workflow| statuses(&workflow)).unwrap_or_default();
        if named != stored {
            at_odds.push(format!("case type {id} of tenant {tenant_id} has the statuses {stored:?}, not {named:?}"));
        }
    }
    Ok(at_odds)
}

/// Statuses of cases whose twin, by which they are compared, is that of another one. No database folds as
/// [`folded`] does.
///
/// # Errors
/// The database's.
pub fn statuses_at_odds(connection: &mut DbConnection) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Status {
        #[diesel(sql_type = Text)]
        status: String,
        #[diesel(sql_type = Text)]
        status_folded: String,
    }
    let ask = "SELECT DISTINCT status, status_folded FROM cases";
    let statuses: Vec<Status> = each_backend!(connection, connection => sql_query(ask).load(connection))?;
    let at_odds = statuses.into_iter().filter(|Status { status, status_folded }| folded(status) != *status_folded);
    Ok(at_odds
        .map(|Status { status, status_folded }| {
            format!("cases with the status {status:?} are compared by {status_folded:?}")
        })
        .collect())
}

/// The labels of a workflow's nodes, and the names that only its edges use, folded.
fn statuses(workflow: &Value) -> BTreeSet<String> {
    let name = |value: &Value| folded(value.as_str().unwrap_or_default().trim());
    let list = |name: &str| workflow[name].as_array().cloned().unwrap_or_default();
    let nodes = list("status");
    let ids: BTreeSet<String> = nodes.iter().map(|node| name(&node["id"])).collect();
    let ends = list("transition").iter().flat_map(|edge| [name(&edge["source"]), name(&edge["target"])]).collect();
    let labels: BTreeSet<String> = nodes.iter().map(|node| name(&node["data"]["label"])).collect();
    let only_in_edges = BTreeSet::difference(&ends, &ids).cloned();
    labels.iter().cloned().chain(only_in_edges).collect()
}

fn lines(connection: &mut DbConnection, ask: &str) -> QueryResult<Vec<String>> {
    let lines: Vec<Line> = each_backend!(connection, connection => sql_query(ask).load(connection))?;
    Ok(lines.into_iter().map(|Line { line }| line).collect())
}
