//! Whether the filters by any field of a list are answered by indexes, at 100 000 records of ten tenants.

use std::time::Instant;

use crm_core::page::Page;
use crm_core::{DbConnection, Scope};
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::lists::Params;
use crate::plans::look_at_tables;
use crate::statements::statements;

/// A kind of records whose list is filtered by any field (docs/adr/0017), in the tenants of
/// [`ten_tenants`](crate::plans::ten_tenants).
#[derive(Debug)]
pub struct AnyField<'a> {
    /// The table of the records.
    pub table: &'a str,
    /// The table of the values of their custom fields, and its column with the record.
    pub values: (&'a str, &'a str),
    /// Tables that belong to them, which no list reads as a whole.
    pub beside: &'a [&'a str],
    /// Filters by own fields that are empty, or not, and how many of the first nine records each finds.
    pub own: &'a [((&'a str, &'a str), usize)],
}

/// Of custom fields, each with how many of the first nine records it finds, and why.
const CUSTOM: &[(&Params<'_>, usize, &str)] = &[
    (&[("customFields.c", "COLOUR 7")], 9, "a common value"),
    (&[("customFields.c", "colour 99")], 0, "a value that there is not"),
    (&[("customFields.c", "colour 7,colour 8")], 9, "one of two"),
    (&[("customFields.d.from", "2025-01-28")], 9, "from a day on"),
    (&[("customFields.d.from", "2026-01-01")], 0, "after all of them"),
    (&[("customFields.t", "text 999")], 9, "a part of a text"),
    (&[("customFields.t", "no such text")], 0, "a part that there is not"),
    (&[("customFields.c.empty", "true")], 9, "no value, which one in ten has"),
    (&[("customFields.none.empty", "false")], 0, "a value that nobody has"),
    (&[("updatedAfterDate", "2025-01-07")], 9, "changed lately"),
    (&[("updatedAfterDate", "2026-01-01")], 0, "changed later than all of them"),
    (&[("updatedBeforeDate", "2024-12-31")], 0, "changed before all of them"),
    (&[("externalId", "a,b")], 0, "external ids that nobody has"),
    (&[("customFields.c", "colour 7"), ("customFields.d.to", "2025-01-10"), ("notEmpty", "owner")], 0, "three at once"),
];

impl AnyField<'_> {
    /// The custom fields that are asked for, for a form.
    #[must_use]
    pub fn fields() -> Vec<Value> {
        let fields = [("t", "text"), ("c", "combobox"), ("d", "date"), ("none", "text")];
        let field = |(id, kind)| json!({ "id": id, "label": id, "category": "custom", "type": kind });
        fields.map(field).to_vec()
    }

    /// Gives each record of each tenant but every tenth a colour, a day and a text, as the code writes them: in statements that
    /// no time limit ends. The scope is the one that `ten_tenants` gave.
    fn fill(&self, connection: &mut DbConnection, scope: &Scope) {
        let (table, (values, record)) = (self.table, self.values);
        let fifth = scope.tenant().as_i64();
        for tenant in fifth - 4..=fifth + 5 {
            for (position, field, value, search) in [
                (0, "t", "NULL", "'text ' || id"),
                (1, "c", "'colour ' || (id % 50)", "NULL"),
                (2, "d", "'2025-01-' || (10 + id % 20)", "NULL"),
            ] {
                let insert = format!(
                    "INSERT INTO {values} (tenant_id, {record}, position, field, value, search)
                     SELECT tenant_id, id, {position}, '{field}', {value}, {search} FROM {table}
                     WHERE tenant_id = {tenant} AND id % 10 <> 0"
                );
                connection.batch_execute(&insert).unwrap();
            }
        }
        look_at_tables(connection);
    }

    /// Asserts that each filter finds what it should and reads no table as a whole.
    pub fn assert_used<T>(
        &self,
        connection: &mut DbConnection,
        scope: &Scope,
        list: impl Fn(&mut DbConnection, &Params<'_>) -> Page<T>,
    ) {
        self.fill(connection, scope);
        let own = self.own.iter().map(|((filter, fields), found)| (vec![(*filter, *fields)], *found, *fields));
        let custom = CUSTOM.iter().map(|(params, found, why)| (params.to_vec(), *found, *why));
        for (mut params, found, why) in custom.chain(own) {
            params.push(("size", "9"));
            list(connection, &params);
            let started = Instant::now();
            let (page, sent) = statements(connection, |connection| list(connection, &params));
            println!(
                "{:?}: {}: {why}: {:.1} ms",
                connection.kind(),
                self.table,
                started.elapsed().as_secs_f64() * 1_000.0
            );
            assert_eq!(page.items.len(), found, "{}: {why}", self.table);
            for statement in sent {
                let plan = statement.plan(connection);
                for table in self.beside.iter().chain([&self.table, &self.values.0]) {
                    assert!(!plan.scans(table), "{why} reads all of {table}: {statement:?}\n{plan}");
                }
            }
        }
    }
}
