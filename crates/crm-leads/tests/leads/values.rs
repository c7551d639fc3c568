//! Filters by any field at 100 000 leads of ten tenants: each is answered by an index.

use std::time::Instant;

use super::*;
use crate::plans::hundred_thousand;
use crm_testkit::statements::statements;
use diesel::connection::SimpleConnection;

/// A colour, a day and a text for each lead of each tenant but every tenth, which has none, as the code writes them: in
/// statements that no time limit ends.
fn fill(connection: &mut DbConnection, scope: &Scope) {
    let fifth = scope.tenant().as_i64();
    for tenant in fifth - 4..=fifth + 5 {
        for (position, field, value, search) in [
            (0, "t", "NULL", "'text ' || id"),
            (1, "c", "'colour ' || (id % 50)", "NULL"),
            (2, "d", "'2025-01-' || (10 + id % 20)", "NULL"),
        ] {
            let insert = format!(
                "INSERT INTO lead_values (tenant_id, lead_id, position, field, value, search)
                 SELECT tenant_id, id, {position}, '{field}', {value}, {search} FROM leads
                 WHERE tenant_id = {tenant} AND id % 10 <> 0"
            );
            connection.batch_execute(&insert).unwrap();
        }
    }
    connection.batch_execute("ANALYZE").unwrap();
}

fn custom(id: &str, kind: &str) -> Value {
    json!({ "id": id, "label": id, "category": "custom", "type": kind })
}

crm_testkit::both_databases! {
    fn filters_by_any_field_have_their_indexes(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);
        fill(&mut connection, &scope);
        let fields = [custom("t", "text"), custom("c", "combobox"), custom("d", "date"), custom("none", "text")];
        let form = form_with(&mut connection, &scope, &fields);
        for (params, found, why) in [
            (vec![("customFields.c", "COLOUR 7")], 9, "a common value"),
            (vec![("customFields.c", "colour 99")], 0, "a value that there is not"),
            (vec![("customFields.c", "colour 7,colour 8")], 9, "one of two"),
            (vec![("customFields.d.from", "2025-01-28")], 9, "from a day on"),
            (vec![("customFields.d.from", "2026-01-01")], 0, "after all of them"),
            (vec![("customFields.t", "text 999")], 9, "a part of a text"),
            (vec![("customFields.t", "no such text")], 0, "a part that there is not"),
            (vec![("customFields.c.empty", "true")], 9, "no value, which one in ten has"),
            (vec![("customFields.none.empty", "false")], 0, "a value that nobody has"),
            (vec![("empty", "value,origin")], 9, "empty columns"),
            (vec![("empty", "owner")], 0, "a column that is never empty"),
            (vec![("notEmpty", "externalId")], 0, "a column that is always empty"),
            (vec![("notEmpty", "tags")], 9, "rows of another table"),
            (vec![("updatedAfterDate", "2025-01-07")], 9, "changed lately"),
            (vec![("updatedAfterDate", "2026-01-01")], 0, "changed later than all of them"),
            (vec![("externalId", "a,b")], 0, "external ids that nobody has"),
            (vec![("customFields.c", "colour 7"), ("customFields.d.to", "2025-01-10"), ("notEmpty", "owner")], 0, "three at once"),
        ] {
            let asked: Asked = asked(&[params.as_slice(), &[("size", "9")]].concat()).unwrap();
            let list = |connection: &mut DbConnection| {
                crm_leads::list(connection, &scope, &asked.filter, &asked.page, &form).unwrap()
            };
            list(&mut connection);
            let started = Instant::now();
            let (page, sent) = statements(&mut connection, list);
            println!("{:?}: {why}: {:.1} ms", database.kind(), started.elapsed().as_secs_f64() * 1_000.0);
            assert_eq!(page.items.len(), found, "{why}");
            for statement in sent {
                let plan = statement.plan(&mut connection);
                for table in ["leads", "lead_values", "lead_tags"] {
                    assert!(!plan.scans(table), "{why} reads all of {table}: {statement:?}\n{plan}");
                }
            }
        }
    }
}
