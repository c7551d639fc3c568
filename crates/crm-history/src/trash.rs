//! The trash: what was deleted or merged into another, while its change keeps what a restore needs.

use chrono::Duration;
use crm_core::page::{Direction, Page, PageRequest, SortColumn, SortField, SortKey, SortKind};
use crm_core::sql::{Instant, Json};
use crm_core::values::User;
use crm_core::{Db, DbConnection, ForUpdateExt, RecordId, Scope, TenantId, Timestamp, columns, each_backend};
use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::schema::changes;
use crate::{ChangeId, Kind, Undone};

/// For how long what is deleted can be brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trash {
    days: i64,
}

impl Default for Trash {
    fn default() -> Self {
        Self::of_days(Self::DEFAULT_DAYS)
    }
}

/// Something in the trash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Discarded {
    /// What it was.
    pub kind: Kind,
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(examples("42")))]
    pub id: String,
    /// What it was called: its title or name.
    #[cfg_attr(feature = "openapi", schema(examples("Acme Corporation")))]
    pub title: String,
    /// When it was deleted.
    pub deleted_on: Timestamp,
    /// Who deleted it, as far as that was said.
    pub deleted_by: Option<User>,
    /// When it is gone for good.
    pub expires_on: Timestamp,
    /// The id of the record that it was merged into; null where it was deleted.
    #[cfg_attr(feature = "openapi", schema(examples("43")))]
    pub merged_into: Option<String>,
}

/// A deletion or merge that can be undone, with all that it keeps.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = changes, check_for_backend(Db))]
pub struct Deleted {
    seq: i64,
    kept: Option<Json<Box<RawValue>>>,
    others: Option<Json<Vec<String>>>,
    cause: Option<i64>,
}

/// What something in the trash is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrashSort {
    /// When it was deleted.
    DeletedOn,
}

impl SortField for TrashSort {
    const LIST: &'static str = "trash";

    const ID_COLUMN: &'static str = "seq";

    const NAMES: &'static [(&'static str, Self)] = &[("deletedOn", Self::DeletedOn), ("deletedAt", Self::DeletedOn)];

    fn column(self) -> SortColumn {
        SortColumn::plain("created_on", SortKind::Moment)
    }
}

/// A row of the list, which reads no more of a record than what it is called.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = changes, check_for_backend(Db))]
struct DiscardedRow {
    seq: i64,
    kind: String,
    record_id: String,
    #[diesel(select_expression = title())]
    #[diesel(select_expression_type = SqlLiteral<Nullable<Text>>)]
    title: Option<String>,
    created_on: Timestamp,
    author: Option<Json<User>>,
    others: Option<Json<Vec<String>>>,
    cause: Option<i64>,
}

impl DiscardedRow {
    fn place(&self, _: TrashSort, _: Direction) -> (SortKey, i64) {
        (SortKey::Moment(self.created_on), self.seq)
    }
}

/// What a record was called, of a change that holds it.
pub(crate) fn title() -> SqlLiteral<Nullable<Text>> {
    sql("coalesce(record->>'title', record->>'name')")
}

/// What the index of the trash holds, in its words.
pub(crate) fn in_trash() -> SqlLiteral<Bool> {
    sql("kept IS NOT NULL AND action IN ('deleted', 'mergedInto')")
}

impl Trash {
    /// For how many days what is deleted is kept unless somebody chooses.
    pub const DEFAULT_DAYS: i64 = 30;

    /// A trash that keeps what is deleted for so many days; 0 is no trash.
    #[must_use]
    pub const fn of_days(days: i64) -> Self {
        Self { days }
    }

    /// For how many days what is deleted is kept.
    #[must_use]
    pub fn days(self) -> i64 {
        self.days
    }

    /// The moment before which what was deleted is gone.
    #[must_use]
    pub fn begins(self, now: Timestamp) -> Timestamp {
        Timestamp::from_datetime(now.as_datetime() - Duration::days(self.days))
    }

    /// When something that was deleted then is gone.
    fn expires(self, deleted_on: Timestamp) -> Timestamp {
        Timestamp::from_datetime(deleted_on.as_datetime() + Duration::days(self.days))
    }

    fn held(self, scope: &Scope) -> changes::BoxedQuery<'static, Db> {
        changes::table
            .filter(changes::tenant_id.eq(scope.tenant()))
            .filter(in_trash())
            .filter(changes::created_on.gt(self.begins(scope.now())))
            .into_boxed::<Db>()
    }

    /// A page of what is in the trash, of these kinds, what was deleted last first unless asked otherwise.
    ///
    /// # Errors
    /// The database's.
    pub fn list(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        kinds: &[Kind],
        request: &PageRequest<TrashSort>,
    ) -> QueryResult<Page<Discarded>> {
        let kinds: Vec<&'static str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let matching = || self.held(scope).filter(changes::kind.eq_any(kinds.clone()));
        let page = request.load(connection, scope, matching, DiscardedRow::place)?;
        page.try_map(|rows| rows.into_iter().map(|row| self.discarded(row)).collect())
    }

    fn discarded(self, row: DiscardedRow) -> QueryResult<Discarded> {
        let DiscardedRow { seq: _, kind, record_id, title, created_on, author, others, cause } = row;
        let merged_into = others.filter(|_| cause.is_some()).and_then(|Json(ids)| ids.into_iter().next());
        Ok(Discarded {
            kind: crate::change::kind(kind)?,
            id: record_id,
            title: title.unwrap_or_default(),
            deleted_on: created_on,
            deleted_by: author.map(|Json(user)| user),
            expires_on: self.expires(created_on),
            merged_into,
        })
    }

    fn of_record<I: RecordId>(self, scope: &Scope, id: I) -> changes::BoxedQuery<'static, Db> {
        let of_kind = self.held(scope).filter(changes::kind.eq(Kind::from(I::KIND).as_str()));
        of_kind.filter(changes::record_id.eq(id.to_string())).order(changes::seq)
    }

    /// The deletion of a record that is in the trash.
    ///
    /// # Errors
    /// The database's.
    pub fn find<I: RecordId>(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        id: I,
    ) -> QueryResult<Option<Deleted>> {
        self.of_record(scope, id).select(columns::<Deleted>()).first(connection).optional()
    }

    /// As [`find`](Self::find), locked until the end of the transaction: of those who restore it, erase it or let it go at
    /// once, one finds it, and the others nothing. It is locked before anything else, with what followed from it. Call it in
    /// a [`DbConnection::write`].
    ///
    /// # Errors
    /// The database's.
    pub fn take<I: RecordId>(
        self,
        connection: &mut DbConnection,
        scope: &Scope,
        id: I,
    ) -> QueryResult<Option<Deleted>> {
        let Some(found) = self.find(connection, scope, id)? else { return Ok(None) };
        lock(connection, scope, &[found.seq])?;
        self.find(connection, scope, id)
    }
}

/// Locks these deletions and what is kept of what followed from them, in the order in which everybody locks changes.
fn lock(connection: &mut DbConnection, scope: &Scope, deletions: &[i64]) -> QueryResult<()> {
    let followed = changes::cause.eq_any(deletions.to_vec()).assume_not_null().and(changes::kept.is_not_null());
    let _: Vec<i64> = changes::table
        .filter(changes::tenant_id.eq(scope.tenant()))
        .filter(changes::seq.eq_any(deletions.to_vec()).or(followed))
        .order(changes::seq)
        .select(changes::seq)
        .locked()
        .load(connection)?;
    Ok(())
}

/// Something in the trash whose time is over.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = changes, check_for_backend(Db))]
pub struct Expired {
    kind: String,
    record_id: String,
    #[diesel(embed)]
    deleted: Deleted,
}

impl Expired {
    /// The id of the record, where it is one of this kind.
    #[must_use]
    pub fn id<I: RecordId>(&self) -> Option<I> {
        if self.kind == Kind::from(I::KIND).as_str() { self.record_id.parse().ok() } else { None }
    }

    /// Its deletion.
    #[must_use]
    pub fn deleted(&self) -> &Deleted {
        &self.deleted
    }
}

#[derive(QueryableByName)]
struct TenantRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    public_id: String,
}

impl Trash {
    /// The tenants of which something is in the trash whose time is over, as scopes of now. Those of one that is being deleted go
    /// by that.
    ///
    /// # Errors
    /// The database's.
    pub fn tenants_with_expired(self, connection: &mut DbConnection, now: Timestamp) -> QueryResult<Vec<Scope>> {
        let sql = "SELECT DISTINCT t.id, t.public_id FROM tenants t JOIN changes c ON c.tenant_id = t.id \
                   WHERE t.deleted_on IS NULL AND c.kept IS NOT NULL AND c.action IN ('deleted', 'mergedInto') \
                   AND c.created_on <= $1 ORDER BY t.id";
        let query = diesel::sql_query(sql).bind::<Instant, _>(self.begins(now));
        let rows: Vec<TenantRow> = each_backend!(connection, connection => query.load(connection))?;
        let scope = |TenantRow { id, public_id }| {
            let public_id = public_id.parse().map_err(|error| DieselError::DeserializationError(Box::new(error)))?;
            Ok(Scope::new(TenantId::from_i64(id), public_id, now))
        };
        rows.into_iter().map(scope).collect()
    }

    /// Up to `most` of what is in the trash of a tenant and whose time is over, the first deleted first, locked. Call it in a
    /// [`DbConnection::write`].
    ///
    /// # Errors
    /// The database's.
    pub fn expired(self, connection: &mut DbConnection, scope: &Scope, most: i64) -> QueryResult<Vec<Expired>> {
        let expired = || {
            changes::table
                .filter(changes::tenant_id.eq(scope.tenant()))
                .filter(in_trash())
                .filter(changes::created_on.le(self.begins(scope.now())))
                .order((changes::created_on, changes::seq))
        };
        let deletions: Vec<i64> = expired().limit(most).select(changes::seq).load(connection)?;
        lock(connection, scope, &deletions)?;
        // Those that nobody took meanwhile.
        expired().filter(changes::seq.eq_any(deletions)).select(columns::<Expired>()).load(connection)
    }
}

impl Deleted {
    /// What was kept.
    ///
    /// # Errors
    /// Where it is something else, which would be a bug.
    pub fn kept<T: DeserializeOwned>(&self) -> QueryResult<T> {
        let kept = self.kept.as_ref().map_or("null", |Json(kept)| kept.get());
        serde_json::from_str(kept).map_err(|error| DieselError::DeserializationError(Box::new(error)))
    }

    /// What the deletion did elsewhere, to be done back in the course of this change, which brought the record back.
    #[must_use]
    pub fn undone<I: RecordId>(&self, id: I, restored: ChangeId) -> Undone<I> {
        Undone { id, did: ChangeId::from_i64(self.cause.unwrap_or(self.seq)), restored, target: self.target() }
    }

    /// The record that it was merged into.
    #[must_use]
    pub fn target<I: RecordId>(&self) -> Option<I> {
        self.cause.and(self.others.as_ref()).and_then(|Json(ids)| ids.first()?.parse().ok())
    }

    /// Takes the record out of the trash, restored or for good, with what was kept of others that it was unlinked from. Call it in a [`DbConnection::write`] that has
    /// [taken](Trash::take) it.
    ///
    /// # Errors
    /// The database's.
    pub fn let_go(&self, connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
        diesel::update(changes::table.find((scope.tenant(), self.seq)))
            .set(changes::kept.eq(None::<Json<Box<RawValue>>>))
            .execute(connection)?;
        // What followed from a merge, others may have to be brought back from.
        if self.cause.is_none() {
            let followed =
                changes::table.filter(changes::tenant_id.eq(scope.tenant())).filter(changes::cause.eq(self.seq));
            diesel::update(followed.filter(changes::kept.is_not_null()))
                .set(changes::kept.eq(None::<Json<Box<RawValue>>>))
                .execute(connection)?;
        }
        Ok(())
    }
}
