//! Whether the lists of a table are read from its indexes, at 100 000 rows of ten tenants.

use crm_core::page::Page;
use crm_core::records::People;
use crm_core::{BackendKind, DbConnection, Scope};
use diesel::connection::SimpleConnection;

use crate::lists::Params;
use crate::records::{contacts, organizations};
use crate::statements::{Plan, Statement, statements};

/// Fills ten tenants, each of them with 200 organizations, 200 contacts and what `insert` says in one statement (none may
/// run longer than the database's time limit). Gives one of them. PostgreSQL has looked at its tables then, as it soon does by
/// itself; SQLite never does.
pub fn ten_tenants(
    connection: &mut DbConnection,
    mut tenant: impl FnMut(&mut DbConnection, &str) -> Scope,
    insert: impl Fn(i64) -> String,
) -> Scope {
    let scopes: Vec<Scope> = (0..10).map(|number| tenant(connection, &format!("tenant-{number}"))).collect();
    for scope in &scopes {
        organizations(connection, scope, &(1..=200).collect::<Vec<_>>());
        contacts(connection, scope, &(1..=200).collect::<Vec<_>>());
        connection.batch_execute(&insert(scope.tenant().as_i64())).unwrap();
    }
    look_at_tables(connection);
    scopes[4].clone()
}

/// Has PostgreSQL look at its tables.
pub fn look_at_tables(connection: &mut DbConnection) {
    if connection.kind() == BackendKind::Postgres {
        connection.batch_execute("VACUUM ANALYZE").unwrap();
    }
}

/// A moment so many minutes into the year (an SQL expression), in each database's words.
#[must_use]
pub fn moment(kind: BackendKind, minutes: &str) -> String {
    match kind {
        BackendKind::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%fZ', '2025-01-01', ({minutes}) || ' minutes')"),
        BackendKind::Postgres => format!("TIMESTAMPTZ '2025-01-01T00:00:00Z' + ({minutes}) * INTERVAL '1 minute'"),
    }
}

/// Asserts that people of records are read from this index alone, a few entries for each of them.
pub fn assert_people_are_read_from(index: &str, people: People, connection: &mut DbConnection, scope: &Scope) {
    let ids: Vec<String> = (0..5).map(|number| format!("owner-{number}")).collect();
    let (_, mut sent) = statements(connection, |connection| people.first(connection, scope, 5).unwrap());
    sent.extend(statements(connection, |connection| people.of_ids(connection, scope, &ids).unwrap()).1);
    assert_eq!(sent.len(), 2, "{sent:#?}");
    for statement in sent {
        let plan = statement.plan(connection);
        assert!(plan.uses(index) && !plan.scans(people.table) && !plan.sorts(), "{plan}");
    }
}

/// What the indexes of a table are for.
#[derive(Debug)]
pub struct Indexes<'a> {
    /// The table that is listed.
    pub table: &'a str,
    /// Tables that belong to it, which no list reads as a whole either.
    pub beside: &'a [&'a str],
    /// Each order with the index that it is read from, ascending and descending.
    pub orders: &'a [(&'a str, &'a str, &'a str)],
    /// Filters that need no sorting in the default order; the index, where it goes on with that order behind the
    /// filtered value.
    pub filters: &'a [((&'a str, &'a str), Option<&'a str>)],
    /// Filters that leave more than a page, and may sort.
    pub sorted: &'a [(&'a str, &'a str)],
}

impl Indexes<'_> {
    /// Asserts that no list reads a whole table, and that a page in one of the orders, the first or one behind a token, is
    /// read from the index of that order without sorting.
    pub fn assert_used<T>(
        &self,
        connection: &mut DbConnection,
        list: impl Fn(&mut DbConnection, &Params<'_>) -> Page<T>,
    ) {
        for (order, ascending, descending) in self.orders {
            for (direction, index) in [("asc", ascending), ("desc", descending)] {
                let params = [("orderBy", *order), ("sort", direction)];
                let (page, _, first) = self.plan(connection, &list, &params);
                let token = page.continuation_token.unwrap();
                let behind = [params[0], params[1], ("continuationToken", token.as_str())];
                let (_, _, next) = self.plan(connection, &list, &behind);
                for plan in [first, next] {
                    assert!(plan.uses(index) && !plan.sorts(), "{order} {direction} is not read from {index}:\n{plan}");
                }
            }
        }
        for (params, index) in self.filters {
            let (_, _, plan) = self.plan(connection, &list, &[*params]);
            assert!(!plan.sorts(), "{params:?} sorts:\n{plan}");
            assert!(index.is_none_or(|index| plan.uses(index)), "{params:?} does not use {index:?}:\n{plan}");
        }
        for params in self.sorted {
            let (page, sent, _) = self.plan(connection, &list, &[*params, ("includeTotal", "true")]);
            assert!(page.has_more, "{params:?}");
            for statement in sent {
                let plan = statement.plan(connection);
                assert!(!plan.scans(self.table), "{params:?} reads all of {}:\n{plan}", self.table);
            }
        }
    }

    /// A page, its statements, and the plan of the one that reads the table.
    fn plan<T>(
        &self,
        connection: &mut DbConnection,
        list: &impl Fn(&mut DbConnection, &Params<'_>) -> Page<T>,
        params: &Params<'_>,
    ) -> (Page<T>, Vec<Statement>, Plan) {
        let (page, sent) = statements(connection, |connection| list(connection, params));
        let rows = sent.iter().find(|statement| statement.sql.contains("last_updated_on")).unwrap();
        let plan = rows.plan(connection);
        for table in self.beside.iter().chain([&self.table]) {
            assert!(!plan.scans(table), "{params:?} reads all of {table}:\n{plan}");
        }
        let heavy = format!("{}_heavy", self.table);
        assert!(plan.uses(&heavy), "{params:?} does not ask {heavy} for long records:\n{plan}");
        (page, sent, plan)
    }
}
