//! Asks the database itself whether the [`rules`](crate::rules) hold, and what it has had to end.

use std::collections::BTreeSet;

use crm_core::{BackendKind, DbConnection};
use crm_testkit::TestDatabase;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, sql_query};
use serde_json::Value;

use crate::rules::{Rule, rules, rules_of_search};

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

/// Walks all tables, and fails with every rule that is broken.
pub(crate) fn check(database: &TestDatabase) {
    let broken = broken(&mut database.connect());
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Every rule that is broken, and how often.
pub(crate) fn broken(connection: &mut DbConnection) -> Vec<String> {
    let mut rules = rules();
    if connection.kind() == BackendKind::Sqlite {
        rules.extend(rules_of_search());
    }
    let counted = rules.iter().map(|rule| (rule, violations(connection, rule)));
    let mut broken: Vec<String> =
        counted.filter(|(_, count)| *count > 0).map(|(rule, count)| format!("{}: {count}", rule.name)).collect();
    broken.extend(case_types_at_odds(connection));
    if connection.kind() == BackendKind::Sqlite {
        let ask = "SELECT integrity_check AS line FROM pragma_integrity_check WHERE integrity_check <> 'ok' \
                   UNION ALL SELECT 'foreign key of ' || \"table\" FROM pragma_foreign_key_check";
        broken.extend(lines(connection, ask));
    }
    broken
}

/// How many rows break a rule.
pub(crate) fn violations(connection: &mut DbConnection, rule: &Rule) -> i64 {
    let counted: QueryResult<Count> = sql_query(&rule.violations).get_result(connection);
    counted.unwrap_or_else(|error| panic!("{}: {error}", rule.name)).count
}

/// Case types whose statuses are not those of their workflow. The names are those of the document, which the rows
/// that cases point at are made of.
pub(crate) fn case_types_at_odds(connection: &mut DbConnection) -> Vec<String> {
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
    let types: Vec<CaseType> = sql_query(ask).load(connection).unwrap();
    let mut at_odds = Vec::new();
    for CaseType { tenant_id, id, workflow } in types {
        let of_type = format!("FROM case_statuses WHERE tenant_id = {tenant_id} AND case_type_id = {id}");
        let stored = lines(connection, &format!("SELECT label_folded AS line {of_type}")).into_iter().collect();
        let named = statuses(&serde_json::from_str(&workflow).unwrap());
        if named != stored {
            at_odds.push(format!("case type {id} of tenant {tenant_id} has the statuses {stored:?}, not {named:?}"));
        }
    }
    at_odds
}

/// The labels of a workflow's nodes, and the names that only its edges use, in lower case.
fn statuses(workflow: &Value) -> BTreeSet<String> {
    let name = |value: &Value| value.as_str().unwrap().trim().to_lowercase();
    let list = |name: &str| workflow[name].as_array().cloned().unwrap_or_default();
    let nodes = list("status");
    let ids: BTreeSet<String> = nodes.iter().map(|node| name(&node["id"])).collect();
    let ends = list("transition").iter().flat_map(|edge| [name(&edge["source"]), name(&edge["target"])]).collect();
    let labels: BTreeSet<String> = nodes.iter().map(|node| name(&node["data"]["label"])).collect();
    let only_in_edges = BTreeSet::difference(&ends, &ids).cloned();
    labels.iter().cloned().chain(only_in_edges).collect()
}

fn lines(connection: &mut DbConnection, ask: &str) -> Vec<String> {
    let lines: Vec<Line> = sql_query(ask).load(connection).unwrap();
    lines.into_iter().map(|Line { line }| line).collect()
}

/// How many deadlocks PostgreSQL has ended in this database. Its connections report that when they end.
pub(crate) fn deadlocks(database: &TestDatabase) -> i64 {
    if database.kind() == BackendKind::Sqlite {
        return 0;
    }
    let ask = "SELECT deadlocks AS count FROM pg_stat_database WHERE datname = current_database()";
    let Count { count } = sql_query(ask).get_result(&mut database.connect()).unwrap();
    count
}

/// Waits until PostgreSQL has finished what a killed gateway had sent.
pub(crate) fn wait_for_open_transactions(database: &TestDatabase) {
    if database.kind() == BackendKind::Sqlite {
        return;
    }
    let mut connection = database.connect();
    let ask = "SELECT count(*) AS count FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
    loop {
        let Count { count } = sql_query(ask).get_result(&mut connection).unwrap();
        if count == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
