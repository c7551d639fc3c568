//! Which records have which values in any field: filters of lists by custom fields, and by what is empty (docs/adr/0017).

mod filter;
mod key;
mod resolved;
mod sql;
mod write;

pub use filter::FieldFilter;
pub use resolved::ResolvedFields;
pub use sql::FieldCondition;
pub use write::{forget_and_index, index};

/// What the lists of a kind of records are filtered by, beside their own filters.
#[derive(Debug, Clone, Copy)]
pub struct Searched {
    /// The table of the records.
    pub table: &'static str,
    /// The table of the values of their custom fields.
    pub values: &'static str,
    /// Its FTS5 twin's column, and the column of texts that are searched for a part of them.
    pub record: &'static str,
    /// The fields that may be empty.
    pub own: &'static [Own],
}

/// A field that may be empty, and where its values are.
#[derive(Debug, Clone, Copy)]
pub enum Own {
    /// The field, and its column, which is NULL where it is empty. They have an index together, `…_filled`.
    Column(&'static str, &'static str),
    /// The field, and its column, which is an empty list where it is empty.
    List(&'static str, &'static str),
    /// The field, and the table with a row for each of its values.
    Rows(&'static str, &'static str),
}

impl Own {
    fn field(&self) -> &'static str {
        match self {
            Self::Column(field, _) | Self::List(field, _) | Self::Rows(field, _) => field,
        }
    }
}

impl Searched {
    fn own(&self, field: &str) -> Option<&Own> {
        self.own.iter().find(|own| own.field() == field)
    }

    /// The columns that may be empty, each with its bit in [`filled`](Self::filled).
    fn bits(&self) -> impl Iterator<Item = (i64, &'static Own)> {
        let columns = self.own.iter().filter(|own| !matches!(own, Own::Rows(..)));
        columns.enumerate().map(|(place, own)| (1 << place, own))
    }

    /// Which of its columns a record has filled: a number with a bit for each, as SQL that the index `…_filled` is on.
    ///
    /// So few combinations of filled columns occur that one index answers for each of them which records are empty there.
    #[must_use]
    pub fn filled(&self) -> String {
        let term = |(bit, own): (i64, &Own)| match own {
            Own::List(_, column) => format!("CASE WHEN CAST({column} AS text) = '[]' THEN 0 ELSE {bit} END"),
            Own::Column(_, column) | Own::Rows(_, column) => {
                format!("CASE WHEN {column} IS NULL THEN 0 ELSE {bit} END")
            }
        };
        self.bits().map(term).collect::<Vec<_>>().join(" + ")
    }
}
