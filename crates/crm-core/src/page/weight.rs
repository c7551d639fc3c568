use diesel::QueryResult;
#[cfg(feature = "postgres")]
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool};
#[cfg(feature = "sqlite")]
use diesel::sqlite::Sqlite;

use crate::{Db, TenantId, sql_fragment};

/// The most bytes of content on a page, unless its first record alone has more.
pub const MOST_CONTENT: i64 = 8 * 1024 * 1024;

/// A record with more content than this is heavy. A full page of others, and the one behind it, has less than
/// [`MOST_CONTENT`], so that nobody need weigh them. The index of each table says the same number.
const HEAVY: i64 = 32 * 1024;

/// What makes the records of a list long: the columns of its table whose length is up to clients. Their bytes are the
/// content of a record.
///
/// The table has a partial index `…_heavy` on its tenant with the heavy records alone: hardly any, so that asking
/// whether a tenant has one costs next to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// The table.
    pub table: &'static str,
    /// Its columns, texts and JSON.
    pub columns: &'static [&'static str],
}

/// The content of a record, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Content(pub(super) Weight);

/// Whether the tenant has no heavy record in the table.
#[derive(Debug, Clone, Copy)]
pub struct NoneHeavy {
    pub(super) tenant: TenantId,
    pub(super) weight: Weight,
}

/// Whether a record is not heavy.
#[derive(Debug, Clone, Copy)]
pub struct NotHeavy(Option<Weight>);

impl NotHeavy {
    /// That of a row of the table; none is where it has nothing of a length that is up to clients.
    #[must_use]
    pub fn of(weight: Option<Weight>) -> Self {
        Self(weight)
    }
}

impl Content {
    /// That of a row of the table.
    #[must_use]
    pub fn of(weight: Weight) -> Self {
        Self(weight)
    }
}

sql_fragment!(Content, BigInt);
sql_fragment!(NoneHeavy, Bool);
sql_fragment!(NotHeavy, Bool);

/// What the databases say differently.
trait Weighing: diesel::backend::Backend {
    /// Before and behind a column whose length is asked; JSON has one on PostgreSQL once it is text.
    const OF_COLUMN: (&'static str, &'static str);

    /// Says behind the name of a table that its heavy records are read from their index.
    fn push_hint(weight: Weight, pass: &mut AstPass<'_, '_, Self>);
}

#[cfg(feature = "postgres")]
impl Weighing for Pg {
    const OF_COLUMN: (&'static str, &'static str) = ("coalesce(octet_length(", "::text), 0)");

    fn push_hint(_: Weight, _: &mut AstPass<'_, '_, Self>) {}
}

#[cfg(feature = "sqlite")]
impl Weighing for Sqlite {
    const OF_COLUMN: (&'static str, &'static str) = ("coalesce(octet_length(", "), 0)");

    /// By itself the planner takes any index that begins with the tenant for as good, and weighs all of its records.
    fn push_hint(weight: Weight, pass: &mut AstPass<'_, '_, Self>) {
        pass.push_sql(" INDEXED BY ");
        pass.push_sql(weight.table);
        pass.push_sql("_heavy");
    }
}

fn push_content<B: Weighing>(weight: Weight, pass: &mut AstPass<'_, '_, B>) {
    let (before, after) = B::OF_COLUMN;
    for (index, column) in weight.columns.iter().enumerate() {
        pass.push_sql(if index > 0 { " + " } else { "" });
        pass.push_sql(before);
        pass.push_sql(column);
        pass.push_sql(after);
    }
}

macro_rules! weighed_on {
    ($($backend:ty),*) => {
        $(
            impl QueryFragment<$backend> for Content {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                    pass.push_sql("CAST(");
                    push_content(self.0, &mut pass);
                    pass.push_sql(" AS BIGINT)");
                    Ok(())
                }
            }

            impl QueryFragment<$backend> for NoneHeavy {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                    pass.push_sql("NOT EXISTS (SELECT 1 FROM ");
                    pass.push_sql(self.weight.table);
                    <$backend as Weighing>::push_hint(self.weight, &mut pass);
                    pass.push_sql(" WHERE tenant_id = ");
                    pass.push_bind_param::<BigInt, _>(&self.tenant)?;
                    pass.push_sql(" AND ");
                    push_content(self.weight, &mut pass);
                    pass.push_sql(&format!(" > {HEAVY})"));
                    Ok(())
                }
            }

            impl QueryFragment<$backend> for NotHeavy {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                    let Some(weight) = self.0 else {
                        pass.push_sql("TRUE");
                        return Ok(());
                    };
                    push_content(weight, &mut pass);
                    pass.push_sql(&format!(" <= {HEAVY}"));
                    Ok(())
                }
            }
        )*
    };
}

#[cfg(feature = "postgres")]
weighed_on!(Pg);
#[cfg(feature = "sqlite")]
weighed_on!(Sqlite);

impl QueryFragment<Db> for Content {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        Db::walk_variant_ast(self, pass)
    }
}

impl QueryFragment<Db> for NoneHeavy {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        Db::walk_variant_ast(self, pass)
    }
}

impl QueryFragment<Db> for NotHeavy {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        Db::walk_variant_ast(self, pass)
    }
}

/// How many of these records, whose contents are given in their order, a page has: as many as are at most
/// [`MOST_CONTENT`] together, and the first in any case.
#[must_use]
pub fn fitting(contents: &[i64]) -> usize {
    let mut sum: i64 = 0;
    let fit = contents.iter().take_while(|content| {
        sum = sum.saturating_add(**content);
        sum <= MOST_CONTENT
    });
    fit.count().max(contents.len().min(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_before_the_record_that_is_too_much() {
        let most = MOST_CONTENT;
        for (contents, expected, sentence) in [
            (vec![], 0, "there is none"),
            (vec![1, 2, 3], 3, "all are short"),
            (vec![most], 1, "one that just fits"),
            (vec![most + 1], 1, "one that is too much is shown alone"),
            (vec![most + 1, 1], 1, "and nothing beside it"),
            (vec![most - 1, 1], 2, "the last byte is used"),
            (vec![most - 1, 2], 1, "the next byte is too much"),
            (vec![1, most, 1], 1, "a short one behind it does not come before it"),
            (vec![i64::MAX, i64::MAX], 1, "no sum runs over"),
        ] {
            assert_eq!(fitting(&contents), expected, "{sentence}");
        }
    }
}
