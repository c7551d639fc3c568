//! Rules of the schema, checked on the migrated databases themselves.
//!
//! If you are here because one of these failed: the message names the table. A new exception needs a reason in
//! the list that it goes into.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use crm_core::{BackendKind, DbConnection, each_backend, migrate};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, RunQueryDsl};

/// Tables that belong to no tenant.
const OF_NO_TENANT: &[&str] = &["tenants", "crm_schema_migrations"];

/// Indexes and constraints that cannot begin with the tenant.
const TENANT_NOT_FIRST: &[(&str, &str)] = &[
    ("api_keys_hash", "a key is what names the tenant"),
    ("sessions_hash", "a session is what names the tenant"),
    ("idempotency_keys_created_on", "old keys of all tenants are cleaned away together"),
];

/// What exists for one database's way of searching only (docs/adr/0006-search.md).
fn is_search(name: &str) -> bool {
    name.contains("_search")
}

#[derive(QueryableByName, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    detail: String,
}

fn rows(connection: &mut DbConnection, postgres: &str, sqlite: &str) -> BTreeSet<(String, String)> {
    let query = match connection.kind() {
        BackendKind::Postgres => postgres,
        BackendKind::Sqlite => sqlite,
    };
    let rows: Vec<Row> = each_backend!(connection, connection => diesel::sql_query(query).load(connection)).unwrap();
    rows.into_iter().map(|row| (row.name, row.detail)).filter(|(name, _)| !is_search(name)).collect()
}

/// Every column as `table.column`, with whether it may be NULL.
fn columns(connection: &mut DbConnection) -> BTreeSet<(String, String)> {
    rows(
        connection,
        "SELECT table_name || '.' || column_name AS name, is_nullable::text AS detail
         FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
         WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
        "SELECT t.name || '.' || c.name AS name, CASE WHEN c.\"notnull\" OR c.pk > 0 THEN 'NO' ELSE 'YES' END AS detail
         FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
    )
}

/// Every named index with its table and its first column; of a primary key or unique constraint likewise, under
/// the name of its table.
fn leading_columns(connection: &mut DbConnection) -> BTreeSet<(String, String)> {
    rows(
        connection,
        "SELECT i.relname || ' on ' || t.relname AS name, coalesce(a.attname, '?')::text AS detail
         FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
         JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = 'public'
         LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]",
        "SELECT i.name || ' on ' || t.name AS name, coalesce(c.name, '?') AS detail
         FROM sqlite_schema t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
         WHERE t.type = 'table' AND c.seqno = 0",
    )
}

/// Every foreign key as `table → table`, with its columns on both sides.
fn foreign_keys(connection: &mut DbConnection) -> BTreeSet<(String, String)> {
    rows(
        connection,
        "SELECT t.relname || ' to ' || r.relname AS name,
                (SELECT string_agg(a.attname || '=' || b.attname, ',' ORDER BY k.n)
                 FROM unnest(c.conkey, c.confkey) WITH ORDINALITY k(x, y, n)
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.x
                 JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.y) AS detail
         FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid
         WHERE c.contype = 'f'",
        "SELECT t.name || ' to ' || f.\"table\" AS name, group_concat(f.\"from\" || '=' || f.\"to\", ',') AS detail
         FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table' GROUP BY t.name, f.id",
    )
}

/// The names of the indexes that migrations made.
fn indexes(connection: &mut DbConnection) -> BTreeSet<String> {
    let own = |(name, _): (String, String)| {
        let (index, table) = name.split_once(" on ").unwrap();
        let generated = index.starts_with("sqlite_autoindex_")
            || ["_pkey", "_key", "_key1", "_excl"]
                .iter()
                .any(|suffix| index.ends_with(suffix) && index.starts_with(table));
        (!generated).then(|| index.to_owned())
    };
    leading_columns(connection).into_iter().filter_map(own).collect()
}

both_databases! {
    /// The database itself cannot link across tenants, and a tenant's rows lie together.
    fn the_tenant_comes_first(database) {
        let mut connection = database.connect();
        let with_tenant: BTreeSet<String> = columns(&mut connection)
            .into_iter()
            .filter_map(|(name, nullable)| {
                let table = name.strip_suffix(".tenant_id")?.to_owned();
                assert_eq!(nullable, "NO", "{name} may be NULL");
                Some(table)
            })
            .collect();
        assert!(with_tenant.len() >= 10, "the tables were found: {with_tenant:?}");
        for (name, _) in columns(&mut connection) {
            let (table, _) = name.split_once('.').unwrap();
            assert!(with_tenant.contains(table) || OF_NO_TENANT.contains(&table), "{table} has no tenant_id");
        }
        for (name, first) in leading_columns(&mut connection) {
            let (index, table) = name.split_once(" on ").unwrap();
            let exempt = OF_NO_TENANT.contains(&table) || TENANT_NOT_FIRST.iter().any(|(known, _)| *known == index);
            assert!(exempt || first == "tenant_id", "{name} begins with {first}");
        }
        for (tables, keys) in foreign_keys(&mut connection) {
            let to_tenants = tables.ends_with(" to tenants") && keys == "tenant_id=id";
            assert!(to_tenants || keys.starts_with("tenant_id=tenant_id,"), "{tables} by {keys}");
        }
    }

    /// A PostgreSQL that is sharded by tenant refuses `ON UPDATE CASCADE` (docs/scaling.md).
    fn no_foreign_key_writes_a_changed_key_on(database) {
        let mut connection = database.connect();
        let with_an_action = rows(
            &mut connection,
            "SELECT conname::text AS name, confupdtype::text AS detail FROM pg_constraint \
             WHERE contype = 'f' AND confupdtype <> 'a'",
            "SELECT t.name || ' to ' || f.\"table\" AS name, f.on_update AS detail \
             FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table' AND f.on_update <> 'NO ACTION'",
        );
        assert_eq!(with_an_action, BTreeSet::new());
    }

    /// Up, down to nothing, and up again to the same.
    fn migrations_go_up_down_and_up(database) {
        let mut connection = database.connect();
        let before = (columns(&mut connection), leading_columns(&mut connection), foreign_keys(&mut connection));
        assert!(migrate::is_current(&mut connection).unwrap());

        let reverted = migrate::revert_all(&mut connection).unwrap();

        let left: Vec<String> = columns(&mut connection).into_iter().map(|(name, _)| name).collect();
        assert!(left.iter().all(|name| name.starts_with("crm_schema_migrations.")), "left behind: {left:?}");
        assert!(!migrate::is_current(&mut connection).unwrap());
        let mut ran = migrate::run_pending(&mut connection).unwrap();
        ran.reverse();
        assert_eq!(ran, reverted);
        let after = (columns(&mut connection), leading_columns(&mut connection), foreign_keys(&mut connection));
        assert_eq!(after, before);
    }

    /// A database of a newer version is refused and left alone.
    fn a_newer_schema_is_refused(database) {
        let mut connection = database.connect();
        let newer = "INSERT INTO crm_schema_migrations (version) VALUES ('99999999999999')";
        each_backend!(&mut connection, connection => diesel::sql_query(newer).execute(connection)).unwrap();
        let error = migrate::run_pending(&mut connection).unwrap_err();
        assert!(matches!(&error, migrate::MigrateError::Newer(versions) if *versions == ["99999999999999"]), "{error}");
    }

    /// A tenant takes all that it has with it, and its number is never given again.
    fn deleting_a_tenant_leaves_nothing(database) {
        let mut connection = database.connect();
        let (one, other) = (database.tenant("one"), database.tenant("other"));
        let _: crm_core::LeadId = connection.write(|c| crm_core::numbering::next(c, &one)).unwrap();
        connection.write(|c| crm_core::tenants::delete(c, one.public_tenant())).unwrap();

        let again = database.tenant("one");
        assert!(again.tenant() > other.tenant());
        let first: crm_core::LeadId = connection.write(|c| crm_core::numbering::next(c, &again)).unwrap();
        assert_eq!(first.as_i64(), 1);
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let of_nobody = "SELECT count(*) AS count FROM api_keys WHERE tenant_id NOT IN (SELECT id FROM tenants)";
        let Count { count } =
            each_backend!(&mut connection, connection => diesel::sql_query(of_nobody).get_result(connection)).unwrap();
        assert_eq!(count, 0);
    }
}

/// Rules of a PostgreSQL that is sharded by tenant (docs/scaling.md), beside those above: what each is, and a question for
/// whatever breaks it. `whole` is what every node has; everything else is spread.
const OF_A_CLUSTER: &[(&str, &str)] = &[
    (
        "each spread table has a tenant of one type, by which it is spread",
        "SELECT t.relname AS name, coalesce(format_type(a.atttypid, -1), 'none') AS detail FROM pg_class t
         LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
         WHERE t.oid IN (SELECT oid FROM spread)
           AND (a.attnum IS NULL OR a.atttypid <> 'bigint'::regtype OR NOT a.attnotnull OR a.attgenerated <> '')",
    ),
    (
        "each has a primary key, by which a part is moved while it is written to",
        "SELECT relname AS name, '' AS detail FROM spread
         WHERE NOT EXISTS (SELECT FROM pg_index x WHERE x.indrelid = spread.oid AND x.indisprimary)",
    ),
    (
        "nothing is unique across tenants",
        "SELECT i.relname AS name, t.relname AS detail
         FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN spread t ON t.oid = x.indrelid
         WHERE (x.indisunique OR x.indisexclusion) AND NOT EXISTS (SELECT FROM pg_attribute a
               WHERE a.attrelid = t.oid AND a.attname = 'tenant_id' AND a.attnum = ANY ((x.indkey::smallint[])[0:x.indnkeyatts - 1]))",
    ),
    (
        "a foreign key between spread tables has the tenant on both sides",
        "SELECT c.conname AS name, t.relname AS detail
         FROM pg_constraint c JOIN spread t ON t.oid = c.conrelid JOIN spread r ON r.oid = c.confrelid
         WHERE c.contype = 'f' AND NOT EXISTS (SELECT FROM unnest(c.conkey, c.confkey) k(x, y)
               JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.x AND a.attname = 'tenant_id'
               JOIN pg_attribute b ON b.attrelid = r.oid AND b.attnum = k.y AND b.attname = 'tenant_id')",
    ),
    (
        "what every node has refers to nothing that is spread",
        "SELECT c.conname AS name, t.relname AS detail
         FROM pg_constraint c JOIN whole t ON t.oid = c.conrelid JOIN spread r ON r.oid = c.confrelid WHERE c.contype = 'f'",
    ),
    (
        "no foreign key changes the tenant of a row, or anything on an update",
        "SELECT conname AS name, conrelid::regclass::text AS detail FROM pg_constraint
         WHERE contype = 'f' AND (confupdtype <> 'a' OR confdeltype IN ('n', 'd'))",
    ),
    (
        // The order of changes within a turn may have gaps; the coordinator counts it.
        "no number that is told is counted by a sequence, which has gaps, and begins otherwise on each node",
        "SELECT t.relname AS name, a.attname AS detail FROM spread t JOIN pg_attribute a ON a.attrelid = t.oid
         LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
         WHERE (t.relname, a.attname) <> ('changes', 'seq')
           AND a.attnum > 0 AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%')",
    ),
    (
        "there is no trigger",
        "SELECT g.tgname AS name, t.relname AS detail FROM pg_trigger g JOIN ours t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal",
    ),
    (
        "there is no rule, no view, no table in parts and none that inherits",
        "SELECT relname AS name, relkind::text AS detail FROM ours
         WHERE relkind NOT IN ('r', 'i', 'S') OR relhassubclass OR relrowsecurity OR relhasrules",
    ),
];

/// What breaks the rules of a cluster, each with the rule.
fn against_a_cluster(connection: &mut DbConnection) -> Vec<(&'static str, String)> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Text)]
        found: String,
    }
    let mut broken = Vec::new();
    for (rule, question) in OF_A_CLUSTER {
        let query = format!(
            "WITH ours AS (SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'),
             whole AS (SELECT oid, relname FROM ours WHERE relname IN ('tenants', 'api_keys', 'crm_schema_migrations')),
             spread AS (SELECT oid, relname FROM ours WHERE relkind IN ('r', 'p') AND oid NOT IN (SELECT oid FROM whole))
             SELECT concat_ws(' of ', name, nullif(detail, '')) AS found FROM ({question}) q ORDER BY 1"
        );
        let found: Vec<Found> =
            each_backend!(connection, connection => diesel::sql_query(query).load(connection)).unwrap();
        broken.extend(found.into_iter().map(|row| (*rule, row.found)));
    }
    broken
}

/// Nothing of ours breaks a rule, and whatever is planted to break one is found by that rule.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn nothing_stands_in_the_way_of_spreading_the_tables() {
    let database = TestDatabase::postgres();
    let mut connection = database.connect();
    assert_eq!(against_a_cluster(&mut connection), []);
    for (rule, plant, found) in [
        (0, "CREATE TABLE planted (id BIGINT PRIMARY KEY)", "planted of none"),
        (0, "CREATE TABLE planted (tenant_id INTEGER, id BIGINT, PRIMARY KEY (tenant_id, id))", "planted of integer"),
        (0, "CREATE TABLE planted (tenant_id BIGINT, id BIGINT)", "planted of bigint"),
        (
            0,
            "CREATE TABLE planted (id BIGINT, tenant_id BIGINT NOT NULL GENERATED ALWAYS AS (id) STORED)",
            "planted of bigint",
        ),
        (1, "CREATE TABLE planted (tenant_id BIGINT NOT NULL)", "planted"),
        (2, "CREATE UNIQUE INDEX planted_search ON leads (id)", "planted_search of leads"),
        (2, "CREATE UNIQUE INDEX planted_search ON leads (id) INCLUDE (tenant_id)", "planted_search of leads"),
        (2, "ALTER TABLE leads ADD CONSTRAINT planted EXCLUDE USING btree (title WITH =)", "planted of leads"),
        (
            3,
            "CREATE UNIQUE INDEX leads_planted ON leads (id, tenant_id); ALTER TABLE leads ADD COLUMN planted BIGINT;
             ALTER TABLE leads ADD CONSTRAINT planted FOREIGN KEY (id, planted) REFERENCES leads (id, tenant_id)",
            "planted of leads",
        ),
        (
            4,
            "ALTER TABLE api_keys ADD COLUMN planted BIGINT;
             ALTER TABLE api_keys ADD CONSTRAINT planted FOREIGN KEY (tenant_id, planted) REFERENCES leads",
            "planted of api_keys",
        ),
        (
            5,
            "ALTER TABLE tags ADD COLUMN planted BIGINT; ALTER TABLE tags ADD CONSTRAINT planted
             FOREIGN KEY (tenant_id, planted) REFERENCES leads ON UPDATE CASCADE",
            "planted of tags",
        ),
        (
            5,
            "ALTER TABLE tags ADD COLUMN planted BIGINT; ALTER TABLE tags ADD CONSTRAINT planted
             FOREIGN KEY (tenant_id, planted) REFERENCES leads ON DELETE SET NULL",
            "planted of tags",
        ),
        (6, "ALTER TABLE leads ADD COLUMN planted BIGINT GENERATED ALWAYS AS IDENTITY", "leads of planted"),
        (6, "ALTER TABLE leads ADD COLUMN planted BIGSERIAL", "leads of planted"),
        (
            7,
            "CREATE TRIGGER planted BEFORE UPDATE ON leads FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "planted of leads",
        ),
        (8, "CREATE VIEW planted AS SELECT 1 AS one", "planted of v"),
        (8, "CREATE RULE planted AS ON DELETE TO leads DO INSTEAD NOTHING", "leads of r"),
        (8, "CREATE TABLE planted () INHERITS (leads)", "leads of r"),
        (8, "CREATE TABLE planted (tenant_id BIGINT NOT NULL) PARTITION BY LIST (tenant_id)", "planted of p"),
        (8, "ALTER TABLE leads ENABLE ROW LEVEL SECURITY", "leads of r"),
    ] {
        connection.batch_execute(&format!("BEGIN; {plant}")).unwrap();
        let broken = against_a_cluster(&mut connection);
        connection.batch_execute("ROLLBACK").unwrap();
        assert!(broken.contains(&(OF_A_CLUSTER[rule].0, found.to_owned())), "{plant}: {broken:?}");
    }
    assert_eq!(against_a_cluster(&mut connection), [], "what was planted is gone");
}

/// One schema, written twice.
#[cfg_attr(not(all(feature = "postgres", feature = "sqlite")), ignore = "it needs both")]
#[test]
fn both_databases_have_the_same_schema() {
    let databases = (TestDatabase::sqlite(), TestDatabase::postgres());
    let (mut sqlite, mut postgres) = (databases.0.connect(), databases.1.connect());
    let (left, right) = (columns(&mut sqlite), columns(&mut postgres));
    let differing: Vec<_> = left.symmetric_difference(&right).filter(|(name, _)| !name.starts_with("__")).collect();
    assert!(differing.is_empty(), "columns: {differing:?}");
    let (left, right) = (indexes(&mut sqlite), indexes(&mut postgres));
    assert_eq!(left.symmetric_difference(&right).collect::<Vec<_>>(), Vec::<&String>::new(), "indexes");
    let (left, right) = (foreign_keys(&mut sqlite), foreign_keys(&mut postgres));
    assert_eq!(left.symmetric_difference(&right).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "foreign keys");
}

/// Text of all languages must fit; that it does not is told before there is a table.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn a_database_that_cannot_hold_every_text_is_refused() {
    for encoding in ["LATIN1", "EUC_KR"] {
        let database = TestDatabase::empty_postgres_in(encoding);
        let error = migrate::migrate(database.url()).unwrap_err();
        assert!(matches!(&error, migrate::MigrateError::Encoding(found) if found == encoding), "{error}");
        let mut connection = database.connect();
        let tables = diesel::sql_query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'");
        assert_eq!(tables.execute(&mut connection).unwrap(), 0, "{encoding}: no table was made");
    }
    for encoding in ["UTF8", "SQL_ASCII"] {
        let database = TestDatabase::empty_postgres_in(encoding);
        assert!(!migrate::migrate(database.url()).unwrap().is_empty(), "{encoding}");
    }
}

/// Where SQLite may look along the tenant alone for what points at a row that is deleted.
const FEW_OF_A_TENANT: &[(&str, &str)] = &[
    ("default_pipelines", "a tenant has one"),
    ("api_keys_hash", "the key itself, by its hash"),
    ("sessions", "those of a key that is deleted"),
];

/// SQLite checks foreign keys by the index that its planner takes, which nobody can name: not one that has all participants or
/// tags of a tenant looked at for one that is deleted.
#[test]
fn what_points_at_a_deleted_row_is_found_by_more_than_the_tenant() {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        opcode: String,
        #[diesel(sql_type = BigInt)]
        p1: i64,
        #[diesel(sql_type = BigInt)]
        p2: i64,
        #[diesel(sql_type = diesel::sql_types::Nullable<Text>)]
        p4: Option<String>,
    }
    let database = TestDatabase::sqlite();
    let mut connection = database.connect();
    let mut pairs = |ask: &str| rows(&mut connection, "", ask);
    let places = pairs("SELECT CAST(rootpage AS TEXT) AS name, name AS detail FROM sqlite_schema WHERE rootpage > 0");
    let parents = pairs(
        "SELECT f.\"table\" AS name, (SELECT group_concat(c.name || ' = 1', ' AND ') FROM pragma_table_info(f.\"table\") c \
         WHERE c.pk > 0) AS detail FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE f.\"table\" <> 'tenants'",
    );
    assert!(parents.len() > 8, "{parents:?}");
    let mut wrong = BTreeSet::new();
    for (parent, key) in &parents {
        let ask = diesel::sql_query(format!("EXPLAIN DELETE FROM {parent} WHERE {key}"));
        let steps: Vec<Step> = each_backend!(&mut connection, connection => ask.load(connection)).unwrap();
        let mut open = std::collections::BTreeMap::new();
        let mut sought = 0;
        for Step { opcode, p1, p2, p4 } in steps {
            match opcode.as_str() {
                "OpenRead" | "OpenWrite" | "ReopenIdx" => {
                    let place = places.iter().find(|(page, _)| *page == p2.to_string());
                    open.insert(p1, place.map_or("", |(_, name)| name));
                }
                "SeekGE" | "SeekGT" | "SeekLE" | "SeekLT" => {
                    sought += 1;
                    let place = open.get(&p1).copied().unwrap_or_default();
                    if p4.as_deref() == Some("1") && !FEW_OF_A_TENANT.iter().any(|(may, _)| *may == place) {
                        wrong.insert(format!("{parent}: {place}"));
                    }
                }
                _ => {}
            }
        }
        assert!(sought > 0, "{parent}: nothing is looked for");
    }
    assert!(wrong.is_empty(), "the statistics of a migration have to tell of them: {wrong:#?}");
}
