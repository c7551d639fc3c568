use crm_core::search::Candidates;

use super::sql::FieldCondition;

/// What a [`FieldFilter`](super::FieldFilter) means once the form and the indexes were asked.
#[derive(Debug, Clone)]
pub struct ResolvedFields {
    /// The records that it leaves.
    pub candidates: Candidates,
    /// What is true of each of them, which the list repeats: the index only narrows.
    pub conditions: Vec<FieldCondition>,
}

impl Default for ResolvedFields {
    fn default() -> Self {
        Self { candidates: Candidates::Many, conditions: Vec::new() }
    }
}

/// Filters a boxed query by [`ResolvedFields`] and by when its rows were changed:
/// `of_fields!(query, leads, filter, resolved)`.
#[macro_export]
macro_rules! of_fields {
    ($query:ident, $table:ident, $filter:expr, $resolved:expr) => {
        for condition in &$resolved.conditions {
            $query = $query.filter(condition.clone());
        }
        if let Some(moment) = $filter.updated_after {
            $query = $query.filter($table::last_updated_on.ge(moment));
        }
        if let Some(moment) = $filter.updated_before {
            $query = $query.filter($table::last_updated_on.le(moment));
        }
    };
}
