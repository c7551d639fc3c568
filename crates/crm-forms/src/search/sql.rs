use crm_core::search::{Candidates, Most, TextIndex};
use crm_core::sql::Instant;
use crm_core::{Db, DbConnection, FieldCode, FieldErrors, Scope, TenantId, Timestamp, WriteError, sql_fragment};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::{QueryResult, RunQueryDsl};

use super::Searched;

crm_core::on_postgres! { use diesel::pg::Pg; }
crm_core::on_sqlite! { use diesel::sqlite::Sqlite; }

/// What is asked of the values of a custom field: all that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Test {
    /// A text that it contains, and the pattern of LIKE for it.
    pub(super) contains: Option<(String, String)>,
    /// Keys of which it is one: each from a begin to an end, which mostly are the same.
    pub(super) one_of: Option<Vec<(String, String)>>,
    /// The least key.
    pub(super) from: Option<String>,
    /// The greatest.
    pub(super) to: Option<String>,
}

/// What is true of each record of a list, by its fields: an expression for `filter` on the boxed query of its table.
#[derive(Debug, Clone)]
pub struct FieldCondition {
    tenant: TenantId,
    searched: &'static Searched,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// The custom field has a value of which one of these is true; any, where there is none of these.
    Has(String, Vec<Test>),
    /// The custom field has no value.
    Lacks(String),
    /// The table has rows of the record, or has none.
    Rows(&'static str, bool),
    /// These columns are empty, or are not, as the bits of [`Searched::filled`].
    Filled { bits: i64, is_empty: bool },
    /// The number of [`Searched::filled`] is one of these.
    FilledAs(Vec<i64>),
}

impl FieldCondition {
    fn of(scope: &Scope, searched: &'static Searched, what: What) -> Self {
        Self { tenant: scope.tenant(), searched, what }
    }

    pub(super) fn has(scope: &Scope, searched: &'static Searched, field: &str, tests: Vec<Test>) -> Self {
        Self::of(scope, searched, What::Has(field.to_owned(), tests))
    }

    pub(super) fn lacks(scope: &Scope, searched: &'static Searched, field: &str) -> Self {
        Self::of(scope, searched, What::Lacks(field.to_owned()))
    }

    pub(super) fn rows(scope: &Scope, searched: &'static Searched, table: &'static str, is_empty: bool) -> Self {
        Self::of(scope, searched, What::Rows(table, is_empty))
    }

    pub(super) fn filled(scope: &Scope, searched: &'static Searched, bits: i64, is_empty: bool) -> Self {
        Self::of(scope, searched, What::Filled { bits, is_empty })
    }

    /// The records that this leaves, by an index, and the condition that the list repeats.
    pub(super) fn candidates(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        most: &mut Most,
    ) -> QueryResult<(Candidates, Self)> {
        let Self { tenant, searched, what } = self;
        let of = |what| Self { tenant, searched, what };
        match what {
            What::Has(field, tests) => match tests.as_slice() {
                [Test { contains: Some((text, _)), .. }] => {
                    let Searched { values: table, record, .. } = *searched;
                    let index = TextIndex { table, column: "search", record, fts_column: "value" };
                    Ok((index.candidates(connection, scope, most, text)?, of(What::Has(field, tests))))
                }
                _ => {
                    let condition = of(What::Has(field, tests));
                    Ok((Found::new(Find::Values(condition.clone())).candidates(connection, scope, most)?, condition))
                }
            },
            What::Rows(_, false) => {
                let condition = of(what);
                Ok((Found::new(Find::Rows(condition.clone())).candidates(connection, scope, most)?, condition))
            }
            What::Filled { bits, is_empty } => {
                let seen = Found::new(Find::Combinations(of(What::FilledAs(Vec::new())))).load(connection)?;
                let fits = |combination: &i64| combination & bits == if is_empty { 0 } else { bits };
                let condition = of(What::FilledAs(seen.into_iter().filter(fits).collect()));
                Ok((Found::new(Find::Filled(condition.clone())).candidates(connection, scope, most)?, condition))
            }
            what @ (What::Lacks(_) | What::Rows(_, true) | What::FilledAs(_)) => Ok((Candidates::Many, of(what))),
        }
    }

    /// Refuses to look for what hardly any of a great many records lacks: no index has what is not there.
    pub(super) fn check_cost(&self, connection: &mut DbConnection) -> Result<(), WriteError> {
        if !matches!(self.what, What::Lacks(_) | What::Rows(_, true)) {
            return Ok(());
        }
        if Found::new(Find::Beyond(self.clone())).load(connection)?.is_empty() {
            return Ok(());
        }
        if Found::new(Find::Lately(self.clone())).load(connection)?.len() >= ENOUGH {
            return Ok(());
        }
        let message = format!(
            "asks for the few of more than {MANY} records that have no value there, which no index has: \
             add a filter that leaves fewer, or ask notEmpty"
        );
        Err(FieldErrors::of("empty", FieldCode::TooBroad, message).into())
    }
}

/// So many records are looked at one by one in a moment.
const MANY: i64 = 100_000;
/// Of so many records, the latest ones, …
const LATEST: i64 = 20_000;
/// … so many must lack a value for a page of such records to be near.
const ENOUGH: usize = 200;

sql_fragment!(FieldCondition, Bool);

/// What the backends say differently.
trait Words: diesel::backend::Backend {
    /// Keeps PostgreSQL from asking the question for all records at once.
    const ONE_BY_ONE: &'static str;
}

crm_core::on_postgres! {
    impl Words for Pg {
        const ONE_BY_ONE: &'static str = " OFFSET 0";
    }
}

crm_core::on_sqlite! {
    impl Words for Sqlite {
        const ONE_BY_ONE: &'static str = "";
    }
}

// The same walk for each backend: Diesel has no words for "either of the two".
macro_rules! walks {
    ($($backend:ty, $module:ident;)*) => {
        $(mod $module {
            use super::*;

            fn push_tests<'b>(tests: &'b [Test], pass: &mut AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                if tests.is_empty() {
                    return Ok(());
                }
                pass.push_sql(" AND (");
                for (index, test) in tests.iter().enumerate() {
                    pass.push_sql(if index > 0 { " OR (" } else { "(" });
                    push_test(test, pass)?;
                    pass.push_sql(")");
                }
                pass.push_sql(")");
                Ok(())
            }

            fn push_test<'b>(test: &'b Test, pass: &mut AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                let Test { contains, one_of, from, to } = test;
                let mut and = "";
                if let Some((_, pattern)) = contains {
                    pass.push_sql("search LIKE ");
                    pass.push_bind_param::<Text, _>(pattern)?;
                    pass.push_sql(" ESCAPE '\\'");
                    and = " AND ";
                }
                if let Some(entries) = one_of {
                    pass.push_sql(and);
                    push_one_of(entries, pass)?;
                    and = " AND ";
                }
                for (operator, bound) in [("value >= ", from), ("value <= ", to)] {
                    if let Some(bound) = bound {
                        pass.push_sql(and);
                        pass.push_sql(operator);
                        pass.push_bind_param::<Text, _>(bound)?;
                        and = " AND ";
                    }
                }
                Ok(())
            }

            fn push_one_of<'b>(entries: &'b [(String, String)], pass: &mut AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                if entries.iter().all(|(begin, end)| begin == end) {
                    pass.push_sql("value IN (");
                    for (index, (entry, _)) in entries.iter().enumerate() {
                        pass.push_sql(if index > 0 { ", " } else { "" });
                        pass.push_bind_param::<Text, _>(entry)?;
                    }
                } else {
                    pass.push_sql("(");
                    for (index, (begin, end)) in entries.iter().enumerate() {
                        pass.push_sql(if index > 0 { " OR value BETWEEN " } else { "value BETWEEN " });
                        pass.push_bind_param::<Text, _>(begin)?;
                        pass.push_sql(" AND ");
                        pass.push_bind_param::<Text, _>(end)?;
                    }
                }
                pass.push_sql(")");
                Ok(())
            }

            /// `tenant_id = …`, of the one table of a statement.
            fn push_tenant<'b>(condition: &'b FieldCondition, pass: &mut AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                pass.push_sql(" WHERE tenant_id = ");
                pass.push_bind_param::<BigInt, _>(&condition.tenant)
            }

            fn push_exists<'b>(
                condition: &'b FieldCondition,
                table: &str,
                of: Option<(&'b String, &'b [Test])>,
                pass: &mut AstPass<'_, 'b, $backend>,
            ) -> QueryResult<()> {
                pass.push_sql("EXISTS (SELECT 1 FROM ");
                pass.push_sql(table);
                push_tenant(condition, pass)?;
                for part in [" AND ", condition.searched.record, " = ", condition.searched.table, ".id"] {
                    pass.push_sql(part);
                }
                if let Some((field, tests)) = of {
                    pass.push_sql(" AND field = ");
                    pass.push_bind_param::<Text, _>(field)?;
                    push_tests(tests, pass)?;
                }
                pass.push_sql(<$backend as Words>::ONE_BY_ONE);
                pass.push_sql(")");
                Ok(())
            }

            impl QueryFragment<$backend> for FieldCondition {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                    let values = self.searched.values;
                    match &self.what {
                        What::Has(field, tests) => push_exists(self, values, Some((field, tests)), &mut pass),
                        What::Lacks(field) => {
                            pass.push_sql("NOT ");
                            push_exists(self, values, Some((field, &[])), &mut pass)
                        }
                        What::Rows(table, is_empty) => {
                            pass.push_sql(if *is_empty { "NOT " } else { "" });
                            push_exists(self, table, None, &mut pass)
                        }
                        What::Filled { .. } => Err(diesel::result::Error::NotFound),
                        What::FilledAs(combinations) if combinations.is_empty() => {
                            pass.push_sql("1 = 0");
                            Ok(())
                        }
                        What::FilledAs(combinations) => {
                            // Numbers of ours, and few: in the text, so that PostgreSQL knows how common each is.
                            let combinations: Vec<String> = combinations.iter().map(ToString::to_string).collect();
                            pass.push_sql(&format!("({}) IN ({})", self.searched.filled(), combinations.join(", ")));
                            Ok(())
                        }
                    }
                }
            }

            impl QueryFragment<$backend> for Found {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                    let pass = &mut pass;
                    let limit = &self.limit;
                    match &self.find {
                        Find::Values(condition) => {
                            let Searched { values, record, .. } = condition.searched;
                            let What::Has(field, tests) = &condition.what else { return Ok(()) };
                            pass.push_sql(&format!("SELECT {record} FROM {values}"));
                            push_tenant(condition, pass)?;
                            pass.push_sql(" AND field = ");
                            pass.push_bind_param::<Text, _>(field)?;
                            push_tests(tests, pass)?;
                            // The order of the index, so that PostgreSQL reads no more of it than it gives.
                            pass.push_sql(&format!(" ORDER BY tenant_id, field, value, {record} LIMIT "));
                            pass.push_bind_param::<BigInt, _>(limit)?;
                        }
                        Find::Rows(condition) => {
                            let record = condition.searched.record;
                            let What::Rows(table, _) = &condition.what else { return Ok(()) };
                            pass.push_sql(&format!("SELECT {record} FROM {table}"));
                            push_tenant(condition, pass)?;
                            pass.push_sql(&format!(" ORDER BY tenant_id, {record} LIMIT "));
                            pass.push_bind_param::<BigInt, _>(limit)?;
                        }
                        Find::Combinations(condition) => {
                            // One step for each combination of filled columns, and not one for each record.
                            let (table, filled) = (condition.searched.table, condition.searched.filled());
                            pass.push_sql(&format!("WITH RECURSIVE seen AS (SELECT * FROM (SELECT {filled} AS filled FROM {table}"));
                            push_tenant(condition, pass)?;
                            pass.push_sql(&format!(
                                " ORDER BY tenant_id, ({filled}) LIMIT 1) AS least UNION ALL \
                                 SELECT (SELECT {filled} FROM {table}"
                            ));
                            push_tenant(condition, pass)?;
                            pass.push_sql(&format!(
                                " AND ({filled}) > seen.filled ORDER BY tenant_id, ({filled}) LIMIT 1) FROM seen \
                                 WHERE seen.filled IS NOT NULL) \
                                 SELECT CAST(filled AS BIGINT) FROM seen WHERE filled IS NOT NULL"
                            ));
                        }
                        Find::Filled(condition) => {
                            pass.push_sql(&format!("SELECT id FROM {}", condition.searched.table));
                            push_tenant(condition, pass)?;
                            pass.push_sql(" AND ");
                            condition.walk_ast(pass.reborrow())?;
                            pass.push_sql(" LIMIT ");
                            pass.push_bind_param::<BigInt, _>(limit)?;
                        }
                        Find::Beyond(condition) => {
                            pass.push_sql(&format!("SELECT id FROM {}", condition.searched.table));
                            push_tenant(condition, pass)?;
                            pass.push_sql(&format!(" ORDER BY tenant_id, id LIMIT 1 OFFSET {MANY}"));
                        }
                        Find::Lately(condition) => {
                            let table = condition.searched.table;
                            pass.push_sql(&format!("SELECT id FROM (SELECT id FROM {table}"));
                            push_tenant(condition, pass)?;
                            pass.push_sql(&format!(" ORDER BY tenant_id DESC, id DESC LIMIT {LATEST}) AS {table} WHERE "));
                            condition.walk_ast(pass.reborrow())?;
                            pass.push_sql(&format!(" LIMIT {ENOUGH}"));
                        }
                    }
                    Ok(())
                }
            }

            impl QueryFragment<$backend> for Changed {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                    let Self { tenant, searched, after, before, limit } = self;
                    pass.push_sql(&format!("SELECT id FROM {} WHERE tenant_id = ", searched.table));
                    pass.push_bind_param::<BigInt, _>(tenant)?;
                    for (operator, moment) in [(" AND last_updated_on >= ", after), (" AND last_updated_on <= ", before)] {
                        if let Some(moment) = moment {
                            pass.push_sql(operator);
                            pass.push_bind_param::<Instant, _>(moment)?;
                        }
                    }
                    pass.push_sql(" ORDER BY tenant_id, last_updated_on, id LIMIT ");
                    pass.push_bind_param::<BigInt, _>(limit)?;
                    Ok(())
                }
            }
        })*
    };
}

crm_core::on_postgres! {
    walks! {
        Pg, postgres;
    }
}
crm_core::on_sqlite! {
    walks! {
        Sqlite, sqlite;
    }
}

/// A statement that gives numbers.
macro_rules! finding {
    ($($type:ty),*) => {
        $(
            impl QueryFragment<Db> for $type {
                fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
                    Db::walk_variant_ast(self, pass)
                }
            }

            impl QueryId for $type {
                type QueryId = ();
                const HAS_STATIC_QUERY_ID: bool = false;
            }

            impl Query for $type {
                type SqlType = BigInt;
            }

            impl RunQueryDsl<DbConnection> for $type {}

            impl $type {
                pub(super) fn candidates(
                    mut self,
                    connection: &mut DbConnection,
                    scope: &Scope,
                    most: &mut Most,
                ) -> QueryResult<Candidates> {
                    most.candidates(connection, scope, |connection, limit| {
                        self.limit = limit;
                        self.load(connection)
                    })
                }

                fn load(self, connection: &mut DbConnection) -> QueryResult<Vec<i64>> {
                    RunQueryDsl::load(self, connection)
                }
            }
        )*
    };
}

finding!(Found, Changed);

impl QueryFragment<Db> for FieldCondition {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        Db::walk_variant_ast(self, pass)
    }
}

/// What is found by an index before a list is asked for.
#[derive(Debug, Clone)]
struct Found {
    find: Find,
    /// The most ids, where there may be many.
    limit: i64,
}

impl Found {
    fn new(find: Find) -> Self {
        Self { find, limit: 0 }
    }
}

#[derive(Debug, Clone)]
enum Find {
    /// Records with such a value in a custom field.
    Values(FieldCondition),
    /// Records with rows in another table.
    Rows(FieldCondition),
    /// Which combinations of filled columns there are.
    Combinations(FieldCondition),
    /// Records with one of these combinations.
    Filled(FieldCondition),
    /// A record beyond [`MANY`].
    Beyond(FieldCondition),
    /// Some of the latest records of which the condition is true.
    Lately(FieldCondition),
}

/// Records that were changed between two moments.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    tenant: TenantId,
    searched: &'static Searched,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    /// The most ids.
    limit: i64,
}

impl Changed {
    /// Where a filter has one of the two.
    pub(super) fn new(
        scope: &Scope,
        searched: &'static Searched,
        after: Option<Timestamp>,
        before: Option<Timestamp>,
    ) -> Option<Self> {
        (after.is_some() || before.is_some()).then(|| Self {
            tenant: scope.tenant(),
            searched,
            after,
            before,
            limit: 0,
        })
    }
}
