use std::collections::{BTreeMap, HashSet};

use crm_core::text::folded;
use crm_core::{CaseTypeId, Db, DbConnection, Scope, sql_fragment};
use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Text};

use crate::types;

/// Matches cases in one of some statuses: an expression for `filter` on the table of cases.
#[derive(Debug, Clone)]
pub(crate) struct InStatus {
    /// Labels in lower case, of whatever type.
    labels: Vec<String>,
    /// Labels in lower case that types have for a wanted id, without those above.
    by_id: BTreeMap<String, Vec<CaseTypeId>>,
}

impl InStatus {
    /// The statuses that these names mean: a label means the same in every type, an id means the status of each
    /// type that has it. One statement. A name of no status is left out, so that a single one is left where there
    /// is only one, which an index in the order of the list answers.
    pub(crate) fn named(connection: &mut DbConnection, scope: &Scope, names: &[String]) -> QueryResult<Self> {
        let names: Vec<String> = names.iter().map(|name| folded(name.trim())).collect();
        let statuses = types::statuses_named(connection, scope, &names)?;
        let mut labels: Vec<String> = statuses.iter().map(|(_, label)| label.clone()).collect();
        labels.sort_unstable();
        labels.dedup();
        let wanted: HashSet<&String> = names.iter().collect();
        labels.retain(|label| wanted.contains(label));
        let mut by_id: BTreeMap<String, Vec<CaseTypeId>> = BTreeMap::new();
        for (case_type, label) in statuses {
            if labels.binary_search(&label).is_err() {
                by_id.entry(label).or_default().push(case_type);
            }
        }
        Ok(Self { labels, by_id })
    }
}

sql_fragment!(InStatus, Bool);

impl QueryFragment<Db> for InStatus {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        if self.labels.is_empty() && self.by_id.is_empty() {
            pass.push_sql("1 = 0");
            return Ok(());
        }
        pass.push_sql("(");
        if !self.labels.is_empty() {
            pass.push_sql("status_folded");
            push_any_of::<Text, _>(&self.labels, &mut pass)?;
        }
        for (index, (label, case_types)) in self.by_id.iter().enumerate() {
            pass.push_sql(if index > 0 || !self.labels.is_empty() { " OR (" } else { "(" });
            pass.push_sql("case_type_id");
            push_any_of::<BigInt, _>(case_types, &mut pass)?;
            pass.push_sql(" AND status_folded = ");
            pass.push_bind_param::<Text, _>(label)?;
            pass.push_sql(")");
        }
        pass.push_sql(")");
        Ok(())
    }
}

/// One entry is compared with `=`, which an index in the order of the list answers without sorting.
fn push_any_of<'b, S, T>(entries: &'b [T], pass: &mut AstPass<'_, 'b, Db>) -> QueryResult<()>
where
    Db: diesel::sql_types::HasSqlType<S>,
    T: diesel::serialize::ToSql<S, Db>,
{
    if let [entry] = entries {
        pass.push_sql(" = ");
        return pass.push_bind_param::<S, _>(entry);
    }
    pass.push_sql(" IN (");
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            pass.push_sql(", ");
        }
        pass.push_bind_param::<S, _>(entry)?;
    }
    pass.push_sql(")");
    Ok(())
}
