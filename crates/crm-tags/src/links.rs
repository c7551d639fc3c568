use std::collections::HashMap;

use crm_core::error::is_foreign_key_violation;
use crm_core::{DbConnection, FieldCode, FieldErrors, PortableExt, Scope, Uuid, WriteError, columns, each_backend};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::schema::{tags, with_links};
use crate::service::TagRow;
use crate::{TagKind, TagOption};

/// The tags of each of these records, ordered by label, in one statement. A record without tags is not in
/// the map.
///
/// # Errors
/// The database's.
pub fn of(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    records: &[i64],
) -> QueryResult<HashMap<i64, Vec<TagOption>>> {
    if records.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i64, TagRow)> = with_links!(kind, links => links::table
        .inner_join(tags::table.on(tags::tenant_id
            .eq(links::tenant_id)
            .and(tags::kind.eq(links::kind))
            .and(tags::id.eq(links::tag_id))))
        .filter(links::tenant_id.eq(scope.tenant()))
        .filter(links::record_id.eq_any(records))
        .order(tags::label_folded)
        .select((links::record_id, columns::<TagRow>()))
        .load(connection))?;
    let mut tags: HashMap<i64, Vec<TagOption>> = HashMap::with_capacity(records.len());
    for (record, row) in rows {
        tags.entry(record).or_default().push(row.into_tag(scope));
    }
    Ok(tags)
}

/// Gives a record exactly these tags. Call it in a [`DbConnection::write`] that made the record or locked it.
///
/// # Errors
/// [`WriteError::Invalid`] with `unknown_tag` for the field `tags` where one of them was deleted meanwhile; the
/// database's.
pub fn set(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    record: i64,
    tags: &[TagOption],
) -> Result<(), WriteError> {
    let wanted: Vec<Uuid> = tags.iter().map(|tag| tag.id).collect();
    // First the new links, then the old ones: a tag that is being deleted locks itself and then its links,
    // and the other order here would be a deadlock with it.
    if !wanted.is_empty() {
        let linked = with_links!(kind, links => {
            let link = |tag: &Uuid| {
                (
                    links::tenant_id.eq(scope.tenant()),
                    links::record_id.eq(record),
                    links::kind.eq(kind.number()),
                    links::tag_id.eq(*tag),
                )
            };
            let rows: Vec<_> = wanted.iter().map(link).collect();
            each_backend!(connection, connection => diesel::insert_into(links::table)
                .values(&rows)
                .on_conflict_do_nothing()
                .execute(connection))
        });
        linked.map_err(|error| match is_foreign_key_violation(&error) {
            true => FieldErrors::of("tags", FieldCode::UnknownTag, "a tag was deleted meanwhile").into(),
            false => WriteError::Database(error),
        })?;
    }
    with_links!(kind, links => diesel::delete(links::table)
        .filter(links::tenant_id.eq(scope.tenant()))
        .filter(links::record_id.eq(record))
        .filter(links::tag_id.ne_all(&wanted))
        .execute(connection))?;
    Ok(())
}

/// Puts the tags of the records `from` on the record `to` as well, each once: for merges. Call it in a
/// [`DbConnection::write`] that locked the records.
///
/// # Errors
/// The database's.
pub fn add_union(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    to: i64,
    from: &[i64],
) -> QueryResult<()> {
    with_links!(kind, links => links::table
        .filter(links::tenant_id.eq(scope.tenant()))
        .filter(links::record_id.eq_any(from))
        .select((links::tenant_id, to.into_sql::<BigInt>(), links::kind, links::tag_id))
        .distinct()
        .insert_into(links::table)
        .into_columns((links::tenant_id, links::record_id, links::kind, links::tag_id))
        .on_conflict_do_nothing()
        .portable()
        .execute(connection))?;
    Ok(())
}
