//! The one statement that writes changes, and how they get their places in the feed.

use crm_core::sql::{Instant, Json, JsonText, Uid};
use crm_core::values::User;
use crm_core::{BackendKind, Db, DbConnection, KeyId, Scope, TenantId, Timestamp};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{QueryResult, RunQueryDsl};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::record::{NewChange, What};

crm_core::on_postgres! { use diesel::pg::Pg; }
crm_core::on_sqlite! { use diesel::sqlite::Sqlite; }

/// `INSERT INTO changes`, a row for each record, giving their numbers in the order of the records.
///
/// **The order.** The feed is in the order of `(turn, seq)`, and on PostgreSQL somebody who stands at a place in it must never
/// miss what is committed later. So a turn is at least the number of the transaction, and the feed shows only turns below
/// the lowest number that is still running: what is committed later has a higher turn than all that was shown. And it is at
/// least the turn of the record's last change, so that of two transactions that changed one record the one that waited
/// for the other's lock comes behind it, although its number may be lower. The last change of a record is seen because the
/// statement begins when the record is locked: READ COMMITTED, and a statement after the one that locked.
///
/// On SQLite writers come one after the other: all turns are 0, and numbers count up in the tenant.
///
/// On PostgreSQL several rows are one JSON value, so that any number of them is one text, which stays prepared and is read at
/// once.
#[derive(Debug)]
pub(crate) struct InsertChanges<'a> {
    database: BackendKind,
    tenant: TenantId,
    kind: &'static str,
    action: &'static str,
    author: Option<Json<User>>,
    key_id: Option<KeyId>,
    key_name: Option<&'a str>,
    request_id: Option<&'a str>,
    cause: Option<i64>,
    rows: Vec<Row<'a>>,
    /// The rows, where they are sent as one value.
    sent: Option<Json<Vec<Row<'a>>>>,
}

/// A row that is about to be written, with the names that columns of values have on both databases.
#[derive(Debug, Clone, Serialize)]
struct Row<'a> {
    column1: i64,
    column2: &'a str,
    column3: &'a Json<Box<RawValue>>,
    column4: &'a Option<Json<Box<RawValue>>>,
    column5: &'a Option<Json<Box<RawValue>>>,
    column6: &'a Option<Json<Vec<String>>>,
    column7: Timestamp,
}

impl<'a> InsertChanges<'a> {
    pub(crate) fn new(database: BackendKind, scope: &'a Scope, change: NewChange<'_>, whats: &'a [What]) -> Self {
        let NewChange { kind, action, by, cause } = change;
        let row = |(place, what): (i64, &'a What)| Row {
            column1: place,
            column2: &what.record_id,
            column3: &what.fields,
            column4: &what.record,
            column5: &what.kept,
            column6: &what.others,
            column7: what.on.unwrap_or_else(|| scope.now()),
        };
        let rows: Vec<Row<'a>> = (1..).zip(whats).map(row).collect();
        let is_one_value = database == BackendKind::Postgres && rows.len() > 1;
        let (rows, sent) = if is_one_value { (Vec::new(), Some(Json(rows))) } else { (rows, None) };
        Self {
            database,
            tenant: scope.tenant(),
            kind: kind.as_str(),
            action: action.as_str(),
            author: scope.author(by).map(Json),
            key_id: scope.actor().key_id(),
            key_name: scope.actor().key_name().map(crm_core::values::Title::as_str),
            request_id: scope.request_id(),
            cause: cause.map(crate::ChangeId::as_i64),
            rows,
            sent,
        }
    }
}

/// Gives a database the statement. `$place` is the text of what only that database writes: the columns, the parts of their
/// values between which the tenant stands, and what is written behind the last of them.
macro_rules! inserted_on {
    ($backend:ty, $columns:literal, $to_tenant:literal, $to_tenant_again:literal, $(kind $to_kind:literal,)? $end:literal) => {
        impl QueryFragment<$backend> for InsertChanges<'_> {
            fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                pass.push_sql(concat!(
                    "INSERT INTO changes (tenant_id, kind, action, author, key_id, key_name, request_id, cause, \
                     erased, record_id, fields, record, kept, others, created_on, ",
                    $columns,
                    ") SELECT "
                ));
                pass.push_bind_param::<BigInt, _>(&self.tenant)?;
                pass.push_sql(", ");
                pass.push_bind_param::<Text, _>(&self.kind)?;
                pass.push_sql(", ");
                pass.push_bind_param::<Text, _>(&self.action)?;
                pass.push_sql(", ");
                pass.push_bind_param::<Nullable<JsonText>, _>(&self.author)?;
                pass.push_sql(", ");
                pass.push_bind_param::<Nullable<Uid>, _>(&self.key_id)?;
                pass.push_sql(", ");
                pass.push_bind_param::<Nullable<Text>, _>(&self.key_name)?;
                pass.push_sql(", ");
                pass.push_bind_param::<Nullable<Text>, _>(&self.request_id)?;
                pass.push_sql(", ");
                pass.push_bind_param::<Nullable<BigInt>, _>(&self.cause)?;
                pass.push_sql(concat!(
                    ", FALSE, v.column2, v.column3, v.column4, v.column5, v.column6, v.column7, ",
                    $to_tenant
                ));
                pass.push_bind_param::<BigInt, _>(&self.tenant)?;
                pass.push_sql($to_tenant_again);
                pass.push_bind_param::<BigInt, _>(&self.tenant)?;
                $(
                    pass.push_sql($to_kind);
                    pass.push_bind_param::<Text, _>(&self.kind)?;
                )?
                pass.push_sql($end);
                pass.push_sql(" FROM (");
                if let Some(rows) = &self.sent {
                    pass.push_sql("SELECT * FROM json_to_recordset(");
                    pass.push_bind_param::<JsonText, _>(rows)?;
                    pass.push_sql(") AS v (column1 bigint, column2 text, column3 json, column4 json, column5 json, column6 json, column7 timestamptz)");
                }
                for (index, row) in self.rows.iter().enumerate() {
                    pass.push_sql(if index == 0 { "VALUES (" } else { ", (" });
                    pass.push_bind_param::<BigInt, _>(&row.column1)?;
                    pass.push_sql(", ");
                    pass.push_bind_param::<Text, _>(row.column2)?;
                    pass.push_sql(", ");
                    pass.push_bind_param::<JsonText, _>(row.column3)?;
                    pass.push_sql(", ");
                    pass.push_bind_param::<Nullable<JsonText>, _>(row.column4)?;
                    pass.push_sql(", ");
                    pass.push_bind_param::<Nullable<JsonText>, _>(row.column5)?;
                    pass.push_sql(", ");
                    pass.push_bind_param::<Nullable<JsonText>, _>(row.column6)?;
                    pass.push_sql(", ");
                    pass.push_bind_param::<Instant, _>(&row.column7)?;
                    pass.push_sql(")");
                }
                pass.push_sql(") AS v ORDER BY v.column1 RETURNING seq");
                Ok(())
            }
        }
    };
}

crm_core::on_postgres! {
inserted_on!(
    Pg,
    "turn",
    "greatest(pg_current_xact_id()::text::bigint \
     + coalesce((SELECT h.base FROM change_horizons h WHERE h.tenant_id = ",
    "), 0), (SELECT c.turn FROM changes c WHERE c.tenant_id = ",
    kind " AND c.record_id = v.column2 AND c.kind = ",
    " ORDER BY c.seq DESC LIMIT 1))"
);
}
crm_core::on_sqlite! {
inserted_on!(
    Sqlite,
    "turn, seq",
    "0, v.column1 + max(coalesce((SELECT h.seq FROM change_horizons h WHERE h.tenant_id = ",
    "), 0), coalesce((SELECT c.seq FROM changes c WHERE c.tenant_id = ",
    " ORDER BY c.seq DESC LIMIT 1), 0))"
);
}

impl QueryFragment<Db> for InsertChanges<'_> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        Db::walk_variant_ast(self, pass)
    }

    // Hidden from Diesel's documentation; see crm_core::Portable. Of one record there is one text, and of more on PostgreSQL; on
    // SQLite there are many.
    fn is_safe_to_cache_prepared(&self, _: &Db) -> QueryResult<bool> {
        Ok(self.database == BackendKind::Postgres || self.rows.len() == 1)
    }
}

impl QueryId for InsertChanges<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for InsertChanges<'_> {
    type SqlType = BigInt;
}

impl RunQueryDsl<DbConnection> for InsertChanges<'_> {}
