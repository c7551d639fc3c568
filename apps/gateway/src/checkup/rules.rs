//! What must be true of every row, whatever was done and in whatever order: each rule counts the rows that break it.

use crm_core::{BackendKind, DbConnection, each_backend};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::{QueryableByName, sql_query};

/// A rule, and the statement that counts what breaks it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What is broken, in words.
    pub name: String,
    /// Counts the rows that break it.
    pub violations: String,
}

/// A foreign key of the schema. The rules look after each by themselves and do not believe the database.
#[derive(Debug, Clone)]
pub struct Reference {
    table: String,
    /// The table that it refers to.
    pub target: String,
    /// Each column, and the column of the target that it refers to.
    columns: Vec<(String, String)>,
}

/// Tables of addresses and numbers, with the column of the record that has them.
const VALUES: [(&str, &str); 4] = [
    ("contact_emails", "contact_id"),
    ("contact_phones", "contact_id"),
    ("organization_emails", "organization_id"),
    ("organization_phones", "organization_id"),
];

/// Tables of numbered records, with their kind in `numbering`.
const NUMBERED: [(&str, u8); 6] =
    [("leads", 1), ("opportunities", 2), ("contacts", 3), ("organizations", 4), ("cases", 5), ("case_types", 6)];

/// Those of them whose numbers are kept.
const COUNTED: [(&str, u8); 5] =
    [("leads", 1), ("opportunities", 2), ("contacts", 3), ("organizations", 4), ("cases", 5)];

/// Rules that are one statement each: the rows of it break the rule. Citus has the tenants on every node, and there a
/// subquery that looks at one of them cannot be asked of what is spread out: they are joined.
const STATEMENTS: [(&str, &str); 19] = [
    (
        "a stage has not what is counted",
        "SELECT 1 FROM (SELECT tenant_id, pipeline_id AS a, stage_key AS b, coalesce(value_code, '') AS c, 1 AS records, \
         coalesce(value_units / 1000000000, 0) AS billions, coalesce(value_units % 1000000000, 0) AS rest \
         FROM opportunities WHERE status = 'open' \
         UNION ALL SELECT tenant_id, group_id, group_key, value_code, -records, -billions, -rest \
         FROM record_counts WHERE kind = 2 AND group_key <> '') AS counted GROUP BY tenant_id, a, b, c \
         HAVING sum(records) <> 0 OR sum(billions) <> 0 OR sum(rest) <> 0",
    ),
    (
        "a lead names an opportunity that is gone or was made of another lead",
        "SELECT 1 FROM leads l WHERE l.opportunity_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM opportunities o \
         WHERE o.tenant_id = l.tenant_id AND o.id = l.opportunity_id AND o.lead_id = l.id)",
    ),
    (
        "an opportunity names a lead that was not converted, or into another one",
        "SELECT 1 FROM opportunities o WHERE o.lead_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM leads l \
         WHERE l.tenant_id = o.tenant_id AND l.id = o.lead_id AND l.opportunity_id = o.id AND l.converted_on IS NOT NULL)",
    ),
    (
        "a lead has two participants at a place",
        "SELECT 1 FROM lead_participants GROUP BY tenant_id, lead_id, position HAVING count(*) > 1",
    ),
    (
        "an opportunity has two participants at a place",
        "SELECT 1 FROM opportunity_participants GROUP BY tenant_id, opportunity_id, position HAVING count(*) > 1",
    ),
    (
        "a case is in a status that is not one of its type",
        "SELECT 1 FROM cases c WHERE NOT EXISTS (SELECT 1 FROM case_statuses s \
         WHERE s.tenant_id = c.tenant_id AND s.case_type_id = c.case_type_id AND s.label_folded = c.status_folded)",
    ),
    (
        "a change of status does not begin where the one before it ended",
        "SELECT 1 FROM (SELECT from_status, lag(to_status) OVER (PARTITION BY tenant_id, case_id ORDER BY id) AS earlier \
         FROM case_activities WHERE to_status IS NOT NULL) AS steps WHERE earlier <> from_status",
    ),
    (
        "a case is not where its last change of status led",
        "SELECT 1 FROM cases c JOIN case_activities a ON a.tenant_id = c.tenant_id AND a.case_id = c.id \
         WHERE a.id = (SELECT max(id) FROM case_activities l \
         WHERE l.tenant_id = c.tenant_id AND l.case_id = c.id AND l.to_status IS NOT NULL) AND a.to_status <> c.status",
    ),
    (
        "a timeline has a gap",
        "SELECT 1 FROM case_activities GROUP BY tenant_id, case_id HAVING min(id) <> 1 OR max(id) <> count(*)",
    ),
    (
        "a timeline is of a case that is gone for good",
        "SELECT 1 FROM case_activities a WHERE NOT EXISTS (SELECT 1 FROM cases c \
         WHERE c.tenant_id = a.tenant_id AND c.id = a.case_id) AND NOT EXISTS (SELECT 1 FROM changes d \
         WHERE d.tenant_id = a.tenant_id AND d.kind = 'case' AND d.record_id = CAST(a.case_id AS TEXT) \
         AND d.action = 'deleted' AND d.kept IS NOT NULL)",
    ),
    (
        "a record is there and in the trash",
        "SELECT 1 FROM changes d JOIN (SELECT 'lead' AS kind, tenant_id, id FROM leads \
         UNION ALL SELECT 'opportunity', tenant_id, id FROM opportunities UNION ALL SELECT 'contact', tenant_id, id FROM contacts \
         UNION ALL SELECT 'organization', tenant_id, id FROM organizations UNION ALL SELECT 'case', tenant_id, id FROM cases) r \
         ON r.tenant_id = d.tenant_id AND r.kind = d.kind AND CAST(r.id AS TEXT) = d.record_id \
         WHERE d.kept IS NOT NULL AND d.action IN ('deleted', 'mergedInto')",
    ),
    (
        "an erased change says something",
        "SELECT 1 FROM changes WHERE erased AND (record IS NOT NULL OR kept IS NOT NULL OR CAST(fields AS TEXT) <> '[]')",
    ),
    (
        "something is said about a record that is erased",
        "SELECT 1 FROM comments c JOIN changes e ON e.tenant_id = c.tenant_id AND e.kind = c.kind \
         AND e.record_id = CAST(c.record_id AS TEXT) WHERE e.action = 'erased'",
    ),
    (
        "a comment is on a record that is gone for good",
        "SELECT 1 FROM comments c LEFT JOIN (SELECT 'lead' AS kind, tenant_id, id FROM leads \
         UNION ALL SELECT 'opportunity', tenant_id, id FROM opportunities UNION ALL SELECT 'contact', tenant_id, id FROM contacts \
         UNION ALL SELECT 'organization', tenant_id, id FROM organizations) r \
         ON r.tenant_id = c.tenant_id AND r.kind = c.kind AND r.id = c.record_id \
         WHERE r.id IS NULL AND NOT EXISTS (SELECT 1 FROM changes d WHERE d.tenant_id = c.tenant_id AND d.kind = c.kind \
         AND d.record_id = CAST(c.record_id AS TEXT) AND d.action IN ('deleted', 'mergedInto') AND d.kept IS NOT NULL)",
    ),
    (
        "a tenant has not its two keys",
        "SELECT 1 FROM tenants t LEFT JOIN api_keys k ON k.tenant_id = t.id AND k.role IS NOT NULL AND k.grace_until IS NULL \
         WHERE t.deleted_on IS NULL GROUP BY t.id HAVING count(k.hash) <> 2",
    ),
    (
        "a pipeline has no stages, or a gap among them",
        "SELECT 1 FROM pipelines p LEFT JOIN pipeline_stages s ON s.tenant_id = p.tenant_id AND s.pipeline_id = p.id \
         GROUP BY p.tenant_id, p.id HAVING count(s.key) = 0 OR min(s.position) <> 1 OR max(s.position) <> count(s.key)",
    ),
    (
        "an opportunity has not the place of its stage",
        "SELECT 1 FROM opportunities o JOIN pipeline_stages s ON s.tenant_id = o.tenant_id \
         AND s.pipeline_id = o.pipeline_id AND s.key = o.stage_key WHERE s.position <> o.stage_position",
    ),
    (
        "a tenant has no default pipeline",
        "SELECT 1 FROM tenants t LEFT JOIN default_pipelines d ON d.tenant_id = t.id WHERE d.tenant_id IS NULL \
         AND t.deleted_on IS NULL",
    ),
    (
        "a tenant has not one default case type",
        "SELECT 1 FROM tenants t LEFT JOIN case_types c ON c.tenant_id = t.id AND CAST(c.is_default AS INTEGER) = 1 \
         WHERE t.deleted_on IS NULL GROUP BY t.id HAVING count(c.id) <> 1",
    ),
];

/// Columns of SQLite's search tables: table, and the row number of each text of it.
pub const SEARCHED: [(&str, &str); 9] = [
    ("leads", "(tenant_id << 43) + (id << 10)"),
    ("opportunities", "(tenant_id << 43) + (id << 10)"),
    ("cases", "(tenant_id << 43) + (id << 10)"),
    ("contacts", "(tenant_id << 43) + (id << 10)"),
    ("organizations", "(tenant_id << 43) + (id << 10)"),
    ("contact_emails", "(tenant_id << 43) + (contact_id << 10) + position"),
    ("contact_phones", "(tenant_id << 43) + (contact_id << 10) + position"),
    ("organization_emails", "(tenant_id << 43) + (organization_id << 10) + position"),
    ("organization_phones", "(tenant_id << 43) + (organization_id << 10) + position"),
];

/// Columns of JSON: objects and lists.
pub const JSON: [(&str, &str); 44] = [
    ("case_activities", "actor"),
    ("case_types", "creator"),
    ("case_types", "form"),
    ("case_types", "last_updated_by"),
    ("case_types", "owner"),
    ("case_types", "workflow"),
    ("cases", "assignee"),
    ("cases", "creator"),
    ("cases", "custom_fields"),
    ("cases", "last_updated_by"),
    ("cases", "owner"),
    ("changes", "author"),
    ("changes", "fields"),
    ("changes", "kept"),
    ("changes", "others"),
    ("changes", "record"),
    ("client_maps", "configuration"),
    ("contacts", "creator"),
    ("contacts", "custom_fields"),
    ("contacts", "last_updated_by"),
    ("contacts", "owner"),
    ("deliveries", "attempts"),
    ("forms", "creator"),
    ("forms", "form"),
    ("idempotency_keys", "headers"),
    ("imports", "actor"),
    ("imports", "settings"),
    ("leads", "creator"),
    ("leads", "custom_fields"),
    ("leads", "followers"),
    ("leads", "last_updated_by"),
    ("leads", "owner"),
    ("opportunities", "creator"),
    ("opportunities", "custom_fields"),
    ("opportunities", "followers"),
    ("opportunities", "last_updated_by"),
    ("opportunities", "lost_reason"),
    ("opportunities", "owner"),
    ("organizations", "creator"),
    ("organizations", "custom_fields"),
    ("organizations", "last_updated_by"),
    ("organizations", "owner"),
    ("webhooks", "events"),
    ("webhooks", "fields"),
];

/// Every rule about rows that both databases can be asked about, but for those that a schema's own references make.
#[must_use]
pub fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for (table, column) in VALUES {
        let grouped =
            |by: &str, having: &str| format!("SELECT 1 FROM {table} GROUP BY tenant_id, {column}{by} HAVING {having}");
        rules.push(rule(format!("{table} has a value twice"), &grouped(", value_search", "count(*) > 1")));
        let primaries = "sum(CASE WHEN CAST(is_primary AS INTEGER) = 1 THEN 1 ELSE 0 END) <> 1";
        rules.push(rule(format!("{table} has not one primary value"), &grouped("", primaries)));
    }
    for (table, kind) in NUMBERED {
        let above = format!(
            "SELECT 1 FROM {table} r LEFT JOIN numbering n ON n.tenant_id = r.tenant_id AND n.kind = {kind} \
             WHERE n.last IS NULL OR r.id > n.last"
        );
        rules.push(rule(format!("{table} has an id that will be given again"), &above));
    }
    for (table, kind) in COUNTED {
        let otherwise = format!(
            "SELECT 1 FROM (SELECT tenant_id, 1 AS records FROM {table} \
             UNION ALL SELECT tenant_id, -records FROM record_counts WHERE kind = {kind}) AS counted \
             GROUP BY tenant_id HAVING sum(records) <> 0"
        );
        rules.push(rule(format!("{table} are not as many as are counted"), &otherwise));
    }
    rules.extend(STATEMENTS.iter().map(|(name, rows)| rule((*name).to_owned(), rows)));
    rules
}

/// That what should be JSON can be read as an object or a list.
#[must_use]
pub fn rules_of_json(backend: BackendKind) -> Vec<Rule> {
    let unreadable = |(table, column): &(&str, &str)| {
        let broken = match backend {
            BackendKind::Postgres => format!("json_typeof({column}) NOT IN ('object', 'array')"),
            BackendKind::Sqlite => format!(
                "CASE WHEN json_valid({column}) THEN json_type({column}) NOT IN ('object', 'array') ELSE {column} IS NOT NULL END"
            ),
        };
        rule(format!("{column} of {table} is no JSON object or list"), &format!("SELECT 1 FROM {table} WHERE {broken}"))
    };
    JSON.iter().map(unreadable).collect()
}

/// What is true of SQLite's search tables, which no foreign key holds: they have the texts that there are, no others.
#[must_use]
pub fn rules_of_search() -> Vec<Rule> {
    let differs = |(table, number): &(&str, &str)| {
        let (have, want) = (format!("SELECT id FROM {table}_search_docsize"), format!("SELECT {number} FROM {table}"));
        let rows = format!("SELECT * FROM ({have} EXCEPT {want}) UNION ALL SELECT * FROM ({want} EXCEPT {have})");
        rule(format!("{table}_search has not the texts of {table}"), &rows)
    };
    SEARCHED.iter().map(differs).collect()
}

fn rule(name: String, rows: &str) -> Rule {
    Rule { name, violations: format!("SELECT count(*) AS count FROM ({rows}) AS broken") }
}

/// The columns of every foreign key, one a row: a name of the key, both tables, both columns.
const POSTGRES_REFERENCES: &str = "
    SELECT f.oid::text AS key, child.relname::text AS of_table, parent.relname::text AS target, a.attname::text AS from_column,
           b.attname::text AS to_column
    FROM pg_constraint f
    JOIN pg_class child ON child.oid = f.conrelid JOIN pg_class parent ON parent.oid = f.confrelid
    CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY AS k (own, other, place)
    JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.own
    JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = k.other
    WHERE f.contype = 'f' AND child.relnamespace = current_schema()::regnamespace
    ORDER BY child.relname, f.oid, k.place";
const SQLITE_REFERENCES: &str = "
    SELECT s.name || f.id AS key, s.name AS of_table, f.\"table\" AS target, f.\"from\" AS from_column, f.\"to\" AS to_column
    FROM sqlite_schema s, pragma_foreign_key_list(s.name) f WHERE s.type = 'table' ORDER BY s.name, f.id, f.seq";

/// Every foreign key, as the database's own catalog tells it.
///
/// # Errors
/// The database's.
pub fn references(connection: &mut DbConnection) -> QueryResult<Vec<Reference>> {
    #[derive(QueryableByName)]
    struct Column {
        #[diesel(sql_type = Text)]
        key: String,
        #[diesel(sql_type = Text)]
        of_table: String,
        #[diesel(sql_type = Text)]
        target: String,
        #[diesel(sql_type = Text)]
        from_column: String,
        #[diesel(sql_type = Text)]
        to_column: String,
    }
    let ask = match connection.kind() {
        BackendKind::Postgres => POSTGRES_REFERENCES,
        BackendKind::Sqlite => SQLITE_REFERENCES,
    };
    let columns: Vec<Column> = each_backend!(connection, connection => sql_query(ask).load(connection))?;
    let of_a_key = columns.chunk_by(|one, next| one.key == next.key);
    let references = of_a_key.map(|columns| Reference {
        table: columns[0].of_table.clone(),
        target: columns[0].target.clone(),
        columns: columns.iter().map(|column| (column.from_column.clone(), column.to_column.clone())).collect(),
    });
    Ok(references.collect())
}

impl Reference {
    /// That each row of it points at something.
    #[must_use]
    pub fn rule(&self) -> Rule {
        let Self { table, target, columns } = self;
        let joined = |by: &str, each: &dyn Fn(&(String, String)) -> String| {
            columns.iter().map(each).collect::<Vec<_>>().join(by)
        };
        let set = joined(" AND ", &|(from, _)| format!("r.{from} IS NOT NULL"));
        let same = joined(" AND ", &|(from, to)| format!("t.{to} = r.{from}"));
        let names = joined(", ", &|(from, _)| from.clone());
        let rows =
            format!("SELECT 1 FROM {table} r WHERE {set} AND NOT EXISTS (SELECT 1 FROM {target} t WHERE {same})");
        rule(format!("{table} ({names}) points at no {target}"), &rows)
    }
}
