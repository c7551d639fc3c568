//! How many records a tenant has of each kind, and what its open opportunities add up to, without reading them
//! (docs/adr/0023).
//!
//! The transaction that makes, deletes or moves a record adds what it does to rows that only its own session writes, so that
//! no two of them wait for each other. What is true is the sum of these rows, in each state of the database that somebody
//! sees.

use std::collections::BTreeMap;

use diesel::sql_types::{BigInt, SmallInt, Text};
use diesel::{QueryResult, QueryableByName, RunQueryDsl};
use serde_json::{Value, json};

use crate::{BackendKind, DbConnection, PortableExt, RecordKind, Scope, TenantId, Uuid};

/// What is counted by itself within a kind of records, and what one record adds there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    group: Group,
    units: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    id: Uuid,
    key: String,
    value_code: String,
}

impl Counted {
    /// With all records of its kind that are in no group.
    #[must_use]
    pub fn in_no_group() -> Self {
        let group = Group { id: Uuid::from_bytes([0; 16]), key: String::new(), value_code: String::new() };
        Self { group, units: 0 }
    }

    /// In a group, such as a stage of a pipeline, with an amount in the units and the currency that rows have.
    #[must_use]
    pub fn within(id: Uuid, key: &str, value: Option<(i64, &str)>) -> Self {
        let (units, value_code) = value.unwrap_or((0, ""));
        Self { group: Group { id, key: key.to_owned(), value_code: value_code.to_owned() }, units }
    }
}

/// Amounts are added up in billions of units and what is left of each: both fit 64 bits for billions of records.
pub const BILLION: i64 = 1_000_000_000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    records: i64,
    billions: i64,
    rest: i64,
}

/// By how much the counts of a kind change.
#[derive(Debug, Clone, Default)]
pub struct Difference(BTreeMap<Group, Sum>);

impl Difference {
    /// A record more.
    pub fn add(&mut self, counted: &Counted) {
        self.note(counted, 1);
    }

    /// A record less.
    pub fn take(&mut self, counted: &Counted) {
        self.note(counted, -1);
    }

    fn note(&mut self, Counted { group, units }: &Counted, times: i64) {
        let sum = self.0.entry(group.clone()).or_default();
        sum.records += times;
        sum.billions += times * (units / BILLION);
        sum.rest += times * (units % BILLION);
    }

    fn and(&mut self, other: Self) {
        for (group, Sum { records, billions, rest }) in other.0 {
            let sum = self.0.entry(group).or_default();
            sum.records += records;
            sum.billions += billions;
            sum.rest += rest;
        }
    }

    /// Adds it to what is counted: one statement, and none where nothing changes. In a transaction of many changes it is kept
    /// until [`settle`]. Call it in a [`DbConnection::write`].
    ///
    /// # Errors
    /// The database's.
    pub fn write(self, connection: &mut DbConnection, scope: &Scope, kind: RecordKind) -> QueryResult<()> {
        if let Some(memory) = scope.memory() {
            memory.with(|Unsettled(of_kinds): &mut Unsettled| of_kinds.entry(kind.numbering()).or_default().and(self));
            return Ok(());
        }
        self.write_now(connection, scope, kind.numbering())
    }

    fn write_now(self, connection: &mut DbConnection, scope: &Scope, kind: i16) -> QueryResult<()> {
        let differs = self.0.into_iter().filter(|(_, sum)| *sum != Sum::default());
        let rows = differs.map(|(Group { id, key, value_code }, Sum { records, billions, rest })| {
            json!([id.to_string(), key, value_code, records, billions, rest])
        });
        let rows: Vec<Value> = rows.collect();
        if rows.is_empty() {
            return Ok(());
        }
        let insert = diesel::sql_query(match connection.kind() {
            BackendKind::Postgres => ON_POSTGRES,
            BackendKind::Sqlite => ON_SQLITE,
        });
        let insert = insert
            .bind::<BigInt, _>(scope.tenant())
            .bind::<SmallInt, _>(kind)
            .bind::<Text, _>(Value::Array(rows).to_string());
        insert.portable().execute(connection)?;
        Ok(())
    }
}

/// What a transaction of many changes ([`Scope::remembering`]) has yet to count, by kind.
#[derive(Debug, Clone, Default)]
pub struct Unsettled(BTreeMap<i16, Difference>);

impl Unsettled {
    /// As it is now.
    #[must_use]
    pub fn of(scope: &Scope) -> Self {
        scope.memory().map(|memory| memory.with(|unsettled: &mut Self| unsettled.clone())).unwrap_or_default()
    }

    /// Goes back to this: what was done since is rolled back.
    pub fn restore(self, scope: &Scope) {
        if let Some(memory) = scope.memory() {
            memory.with(|unsettled: &mut Self| *unsettled = self);
        }
    }
}

/// Counts what a transaction of many changes has done: the last thing that it does.
///
/// # Errors
/// The database's.
pub fn settle(connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
    let Some(memory) = scope.memory() else { return Ok(()) };
    for (kind, difference) in memory.with(|Unsettled(of_kinds): &mut Unsettled| std::mem::take(of_kinds)) {
        difference.write_now(connection, scope, kind)?;
    }
    Ok(())
}

macro_rules! adding {
    ($rows:literal) => {
        concat!(
            "INSERT INTO record_counts AS c \
             (tenant_id, kind, group_id, group_key, value_code, part, records, billions, rest) ",
            $rows,
            " ON CONFLICT (tenant_id, kind, group_id, group_key, value_code, part) DO UPDATE SET \
             records = c.records + excluded.records, billions = c.billions + excluded.billions, rest = c.rest + excluded.rest"
        )
    };
}

const ON_POSTGRES: &str = adding!(
    "SELECT $1, $2, CAST(made ->> 0 AS uuid), made ->> 1, made ->> 2, pg_backend_pid(), CAST(made ->> 3 AS bigint), \
     CAST(made ->> 4 AS bigint), CAST(made ->> 5 AS bigint) FROM json_array_elements($3::json) AS rows (made)"
);
// With a condition, for otherwise ON would be read as that of a join.
const ON_SQLITE: &str = adding!(
    "SELECT ?, ?, unhex(made.value ->> 0, '-'), made.value ->> 1, made.value ->> 2, 0, made.value ->> 3, made.value ->> 4, \
     made.value ->> 5 FROM json_each(?) AS made WHERE TRUE"
);

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How many records of a kind the scope's tenant has.
///
/// # Errors
/// The database's.
pub fn records(connection: &mut DbConnection, scope: &Scope, kind: RecordKind) -> QueryResult<i64> {
    let counted = diesel::sql_query(match connection.kind() {
        BackendKind::Postgres => {
            "SELECT CAST(coalesce(sum(records), 0) AS bigint) AS number FROM record_counts WHERE tenant_id = $1 AND kind = $2"
        }
        BackendKind::Sqlite => {
            "SELECT coalesce(sum(records), 0) AS number FROM record_counts WHERE tenant_id = ? AND kind = ?"
        }
    });
    let counted = counted.bind::<BigInt, _>(scope.tenant()).bind::<SmallInt, _>(kind.numbering());
    let Number { number } = counted.portable().get_result(connection)?;
    Ok(number)
}

/// So many rows of a group are read faster than anybody notices.
const MOST_PARTS: i64 = 64;

/// The tenants that were counted by so many sessions that their rows are to be [folded](fold). SQLite has none.
///
/// # Errors
/// The database's.
pub fn tenants_in_parts(connection: &mut DbConnection) -> QueryResult<Vec<TenantId>> {
    if connection.kind() == BackendKind::Sqlite {
        return Ok(Vec::new());
    }
    let found: Vec<Number> = diesel::sql_query(format!(
        "SELECT DISTINCT tenant_id AS number FROM record_counts \
         GROUP BY tenant_id, kind, group_id, group_key, value_code HAVING count(*) > {MOST_PARTS}"
    ))
    .load(connection)?;
    Ok(found.into_iter().map(|Number { number }| TenantId::from_i64(number)).collect())
}

/// Adds the rows of a tenant up, those of sessions that are at work left out: a row that somebody holds is passed by. Tells how many
/// rows are gone. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn fold(connection: &mut DbConnection, tenant: TenantId) -> QueryResult<usize> {
    if connection.kind() == BackendKind::Sqlite {
        return Ok(0);
    }
    // Part 0 is locked by whoever folds alone, and in one order.
    let Number { number } = diesel::sql_query(concat!(
        "WITH held AS MATERIALIZED (SELECT kind, group_id, group_key, value_code, part FROM record_counts \
         WHERE tenant_id = $1 AND part <> 0 FOR UPDATE SKIP LOCKED), \
         gone AS (DELETE FROM record_counts AS r USING held AS h WHERE r.tenant_id = $1 AND r.kind = h.kind \
         AND r.group_id = h.group_id AND r.group_key = h.group_key AND r.value_code = h.value_code AND r.part = h.part \
         RETURNING r.kind, r.group_id, r.group_key, r.value_code, r.records, r.billions, r.rest), \
         folded AS (",
        adding!(
            "SELECT $1, kind, group_id, group_key, value_code, 0, sum(records), sum(billions), sum(rest) FROM gone \
             GROUP BY kind, group_id, group_key, value_code ORDER BY kind, group_id, group_key, value_code"
        ),
        ") SELECT count(*) AS number FROM gone"
    ))
    .bind::<BigInt, _>(tenant)
    .get_result(connection)?;
    Ok(usize::try_from(number).unwrap_or_default())
}
