use std::collections::HashSet;

use crm_core::records::{Cell, Rows};
use crm_core::sql::one_of;
use crm_core::text::folded;
use crm_core::{DbConnection, ForKeyShareExt, Scope, TagId, columns};
use diesel::prelude::*;
use serde_json::json;

use crate::schema::tags;
use crate::service::{InsertedTag, TagRow, check_cap};
use crate::{TagError, TagKind, TagOption, refs, told};

/// Tags of a kind; one whose label there is already is left as it is.
const TAGS: Rows = Rows {
    table: "tags",
    of: "kind",
    columns: &[("id", Cell::Uuid), ("label", Cell::Text), ("label_folded", Cell::Text), ("color", Cell::Text)],
    or_nothing: true,
};

/// The tags of this kind with the labels of these tags, which are of another kind: those that are missing are made,
/// with their colours. They stay until the end of the transaction; one that somebody deletes at this very moment is
/// left out, as if that had come a moment later. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TagError::LimitReached`], after which the transaction can only be rolled back; the database's.
pub fn ensure(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    like: &[TagOption],
) -> Result<Vec<TagOption>, TagError> {
    if like.is_empty() {
        return Ok(Vec::new());
    }
    let mut labels: Vec<String> = like.iter().map(|tag| folded(&tag.label)).collect();
    let mut rows: Vec<InsertedTag<'_>> =
        like.iter().map(|tag| InsertedTag::new(scope, kind, &tag.label, &tag.color)).collect();
    // In one order for everybody: two that make the same labels wait for each other and never in a circle.
    rows.sort_unstable_by(|one, other| one.label_folded.cmp(&other.label_folded));
    labels.sort_unstable();
    if let Some(known) = refs::known(scope, kind, &labels) {
        return Ok(known);
    }
    let values = rows.iter().map(|row| json!([row.id, row.label, row.label_folded, row.color])).collect();
    let made = TAGS.insert_now(connection, scope, kind.number().into(), values)?;
    let new: HashSet<TagId> = rows.iter().map(|row| row.id).collect();
    if made > 0 {
        check_cap(connection, scope, kind)?;
    }
    let rows: Vec<TagRow> = tags::table
        .filter(tags::tenant_id.eq(scope.tenant()))
        .filter(tags::kind.eq(kind.number()))
        .filter(one_of(tags::label_folded, labels))
        .order(tags::label_folded)
        .select(columns::<TagRow>())
        .held()
        .load(connection)?;
    let tags: Vec<TagOption> = rows.into_iter().map(|row| row.into_tag(scope)).collect();
    if made > 0 {
        let made: Vec<TagOption> = tags.iter().filter(|tag| new.contains(&tag.id)).cloned().collect();
        told::made(connection, scope, kind, &made)?;
    }
    refs::know(scope, kind, &tags);
    Ok(tags)
}
