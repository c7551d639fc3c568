use std::collections::{HashMap, HashSet};

use crm_core::error::{collision, is_foreign_key_violation};
use crm_core::records::{Cell, Rows, StoredTag, in_statements};
use crm_core::sql::{among, one_of};
use crm_core::{DbConnection, FieldCode, FieldErrors, ForKeyShareExt, ForUpdateExt, Scope, TagId, WriteError, columns};
use diesel::prelude::*;
use serde_json::{Value, json};

use crate::schema::{tags, with_links};
use crate::service::TagRow;
use crate::{Links, TagKind, TagOption, Tagged};

/// The tags of each of these records, ordered by label, in one statement. A record without tags is not in
/// the map.
///
/// # Errors
/// The database's.
pub fn of<I: Tagged>(
    connection: &mut DbConnection,
    scope: &Scope,
    records: &[I],
) -> QueryResult<HashMap<I, Vec<TagOption>>> {
    if records.is_empty() {
        return Ok(HashMap::new());
    }
    let numbers: Vec<i64> = records.iter().map(|record| record.as_i64()).collect();
    let rows: Vec<(i64, TagRow)> = with_links!(I::TAGS, links => links::table
        .inner_join(tags::table.on(tags::tenant_id
            .eq(links::tenant_id)
            .and(tags::kind.eq(links::kind))
            .and(tags::id.eq(links::tag_id))))
        .filter(among(scope, links::tenant_id, links::record_id, &numbers))
        .order(tags::label_folded)
        .select((links::record_id, columns::<TagRow>()))
        .load(connection))?;
    let mut tags: HashMap<I, Vec<TagOption>> = HashMap::with_capacity(records.len());
    for (record, row) in rows {
        tags.entry(I::from_i64(record)).or_default().push(row.into_tag(scope));
    }
    Ok(tags)
}

/// The tags that were read [beside](crm_core::records::Beside) a record, in their order.
#[must_use]
pub fn stored(scope: &Scope, tags: Vec<StoredTag>) -> Vec<TagOption> {
    let tag = |(_, id, label, color)| TagOption { id, label, color, tenant_id: scope.public_tenant().clone() };
    tags.into_iter().map(tag).collect()
}

/// Those of these tags that exist, ordered by label.
///
/// # Errors
/// The database's.
pub fn existing(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    ids: &[TagId],
) -> QueryResult<Vec<TagOption>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<TagRow> = tags::table
        .filter(tags::tenant_id.eq(scope.tenant()))
        .filter(tags::kind.eq(kind.number()))
        .filter(one_of(tags::id, ids))
        .order(tags::label_folded)
        .select(columns::<TagRow>())
        .load(connection)?;
    Ok(rows.into_iter().map(|row| row.into_tag(scope)).collect())
}

/// The labels of those of these tags that exist, whatever kind of records they are for, in one statement.
///
/// # Errors
/// The database's.
pub fn labels(connection: &mut DbConnection, scope: &Scope, ids: &[TagId]) -> QueryResult<HashMap<TagId, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let kinds = TagKind::ALL.iter().map(|kind| kind.number());
    let rows: Vec<(TagId, String)> = tags::table
        .filter(tags::tenant_id.eq(scope.tenant()))
        .filter(tags::kind.eq_any(kinds))
        .filter(one_of(tags::id, ids))
        .select((tags::id, tags::label))
        .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Gives a record exactly these tags in the place of those that it has. Call it in a [`DbConnection::write`] that locked the
/// record before these were read.
///
/// # Errors
/// [`WriteError::Invalid`] with `unknown_tag` for the field `tags` where one of them was deleted meanwhile; the
/// database's.
pub fn set<I: Tagged>(
    connection: &mut DbConnection,
    scope: &Scope,
    record: I,
    present: &[TagOption],
    tags: &[TagOption],
) -> Result<(), WriteError> {
    // First the new links, then the old ones: a tag that is being deleted locks itself and then its links,
    // and the other order here would be a deadlock with it.
    give(connection, scope, record, tags)?;
    let wanted: HashSet<TagId> = tags.iter().map(|tag| tag.id).collect();
    let others = present.iter().map(|tag| tag.id).filter(|tag| !wanted.contains(tag));
    table_of(I::TAGS).remove(connection, scope, record.as_i64(), rows(I::TAGS, others))?;
    Ok(())
}

/// Gives a new record, which has none, these tags; as [`set`] otherwise.
///
/// # Errors
/// As [`set`].
pub fn give<I: Tagged>(
    connection: &mut DbConnection,
    scope: &Scope,
    record: I,
    tags: &[TagOption],
) -> Result<(), WriteError> {
    let wanted: Vec<TagId> = tags.iter().map(|tag| tag.id).collect();
    link(connection, scope, record, &wanted).map_err(|error| match is_foreign_key_violation(&error) {
        true => FieldErrors::of("tags", FieldCode::UnknownTag, "a tag was deleted meanwhile").into(),
        false => WriteError::Database(error),
    })
}

/// Whether any record of the kind has a tag.
///
/// # Errors
/// The database's.
pub fn is_used(connection: &mut DbConnection, scope: &Scope, kind: TagKind, tag: TagId) -> QueryResult<bool> {
    let found: Option<i64> = with_links!(kind, links => links::table
        .filter(links::tenant_id.eq(scope.tenant()))
        .filter(links::tag_id.eq(tag))
        .select(links::record_id)
        .first(connection)
        .optional())?;
    Ok(found.is_some())
}

/// Puts these tags on a record as well: for merges. Call it in a [`DbConnection::write`] that locked the record.
///
/// # Errors
/// The database's, a [collision](crm_core::error::Fault::Collision) among them where one of them is not there any more.
pub fn add<I: Tagged>(connection: &mut DbConnection, scope: &Scope, record: I, wanted: &[TagId]) -> QueryResult<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    // Held before they are linked, so that none is deleted in between.
    let held = hold(connection, scope, I::TAGS, wanted)?;
    if held.len() < wanted.len() {
        return Err(collision("a tag was deleted"));
    }
    link(connection, scope, record, &held)
}

/// Keeps those of these tags that exist from being deleted before the end of the transaction, and gives them.
pub(crate) fn hold(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    ids: &[TagId],
) -> QueryResult<Vec<TagId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    tags::table
        .filter(tags::tenant_id.eq(scope.tenant()))
        .filter(tags::kind.eq(kind.number()))
        .filter(one_of(tags::id, ids))
        .order(tags::id)
        .select(tags::id)
        .held()
        .load(connection)
}

/// Puts these tags on a record, but for those that it has.
fn link<I: Tagged>(connection: &mut DbConnection, scope: &Scope, record: I, tags: &[TagId]) -> QueryResult<()> {
    table_of(I::TAGS).insert(connection, scope, record.as_i64(), rows(I::TAGS, tags.iter().copied()))
}

fn table_of(kind: TagKind) -> Rows {
    let Links { table, record: of } = Links::of(kind);
    Rows { table, of, columns: &[("kind", Cell::Number), ("tag_id", Cell::Uuid)], or_nothing: true }
}

fn rows(kind: TagKind, tags: impl Iterator<Item = TagId>) -> Vec<Value> {
    tags.map(|tag| json!([kind.number(), tag])).collect()
}

/// Locks the links of several records, in the order in which a tag that is deleted locks its own: before the records are
/// deleted, which takes their links away in no order.
///
/// # Errors
/// The database's.
pub fn lock_links<I: Tagged>(connection: &mut DbConnection, scope: &Scope, records: &[I]) -> QueryResult<()> {
    if records.len() < 2 {
        return Ok(());
    }
    let numbers: Vec<i64> = records.iter().map(|record| record.as_i64()).collect();
    for records in in_statements(&numbers) {
        let _: Vec<i64> = with_links!(I::TAGS, links => links::table
            .filter(among(scope, links::tenant_id, links::record_id, records))
            .order((links::record_id, links::tag_id))
            .select(links::record_id)
            .locked()
            .load(connection))?;
    }
    Ok(())
}

/// Locks the links of a tag that is locked and about to be deleted.
pub(crate) fn lock_links_of(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    tag: TagId,
) -> QueryResult<()> {
    let _: Vec<i64> = with_links!(kind, links => links::table
        .filter(links::tenant_id.eq(scope.tenant()))
        .filter(links::tag_id.eq(tag))
        .order(links::record_id)
        .select(links::record_id)
        .locked()
        .load(connection))?;
    Ok(())
}
