use crm_core::error::is_unique_violation;
use crm_core::text::folded;
use crm_core::values::Color;
use crm_core::{
    Condition, Db, DbConnection, ForUpdateExt, Patch, PortableExt, Scope, TagId, TenantId, columns, wait_for_turn,
};
use diesel::prelude::*;

use crate::schema::tags;
use crate::{NewTag, TagError, TagKind, TagOption, TagPatch, links, told};

/// The colour of a tag that was made without one.
const GREY: &str = "#808080";

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = tags, check_for_backend(Db))]
pub(crate) struct TagRow {
    id: TagId,
    label: String,
    color: String,
}

impl TagRow {
    pub(crate) fn into_tag(self, scope: &Scope) -> TagOption {
        let Self { id, label, color } = self;
        TagOption { id, label, color, tenant_id: scope.public_tenant().clone() }
    }
}

#[derive(Insertable)]
#[diesel(table_name = tags, treat_none_as_default_value = false)]
pub(crate) struct InsertedTag<'a> {
    tenant_id: TenantId,
    kind: i16,
    pub(crate) id: TagId,
    pub(crate) label: &'a str,
    pub(crate) label_folded: String,
    pub(crate) color: &'a str,
}

impl<'a> InsertedTag<'a> {
    /// A new tag, with an id of its own.
    pub(crate) fn new(scope: &Scope, kind: TagKind, label: &'a str, color: &'a str) -> Self {
        let (kind, id) = (kind.number(), TagId::random());
        Self { tenant_id: scope.tenant(), kind, id, label, label_folded: folded(label), color }
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = tags)]
struct ChangedTag<'a> {
    label: Option<&'a str>,
    label_folded: Option<String>,
    color: Option<&'a str>,
}

/// The most tags of one kind that a tenant has.
pub const MOST_TAGS: i64 = 10_000;

/// Refuses the tags that this transaction has made where the tenant has too many of the kind now.
pub(crate) fn check_cap(connection: &mut DbConnection, scope: &Scope, kind: TagKind) -> Result<(), TagError> {
    let of_kind = tags::table.filter(tags::tenant_id.eq(scope.tenant())).filter(tags::kind.eq(kind.number()));
    wait_for_turn(connection, scope, kind.tags())?;
    let count: i64 = of_kind.count().get_result(connection)?;
    if count > MOST_TAGS { Err(TagError::LimitReached) } else { Ok(()) }
}

/// All tags of a kind, ordered by label, whatever its case.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut DbConnection, scope: &Scope, kind: TagKind) -> Result<Vec<TagOption>, TagError> {
    let rows: Vec<TagRow> = tags::table
        .filter(tags::tenant_id.eq(scope.tenant()))
        .filter(tags::kind.eq(kind.number()))
        .order(tags::label_folded)
        .select(columns::<TagRow>())
        .load(connection)?;
    Ok(rows.into_iter().map(|row| row.into_tag(scope)).collect())
}

/// One tag.
///
/// # Errors
/// [`TagError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, kind: TagKind, id: TagId) -> Result<TagOption, TagError> {
    let row: Option<TagRow> = tags::table
        .find((scope.tenant(), kind.number(), id))
        .select(columns::<TagRow>())
        .first(connection)
        .optional()?;
    row.map(|row| row.into_tag(scope)).ok_or(TagError::NotFound)
}

/// A tag and, where it is to get this label, the other tag that has it: both locked, in ascending order, so that two tags
/// that are given each other's labels do not wait for each other.
fn lock(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    id: TagId,
    label_folded: Option<&str>,
) -> Result<(TagRow, Option<TagRow>), TagError> {
    let labels: Vec<&str> = label_folded.into_iter().collect();
    let rows: Vec<TagRow> = tags::table
        .filter(tags::tenant_id.eq(scope.tenant()))
        .filter(tags::kind.eq(kind.number()))
        .filter(tags::id.eq(id).or(tags::label_folded.eq_any(labels)))
        .order(tags::id)
        .select(columns::<TagRow>())
        .locked()
        .load(connection)?;
    let (mut wanted, mut others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.id == id);
    Ok((wanted.pop().ok_or(TagError::NotFound)?, others.pop()))
}

/// Makes a tag. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TagError::LabelTaken`]; [`TagError::LimitReached`], after which the transaction can only be rolled back; the
/// database's.
pub fn create(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    new: &NewTag,
) -> Result<TagOption, TagError> {
    let NewTag { label, color } = new;
    let row = InsertedTag::new(scope, kind, label.as_str(), color.as_ref().map_or(GREY, Color::as_str));
    // The label is the only thing that can be in conflict; ignoring it there keeps the transaction usable.
    let inserted: Option<TagRow> = diesel::insert_into(tags::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(columns::<TagRow>())
        .portable()
        .get_result(connection)
        .optional()?;
    let made = inserted.map(|row| row.into_tag(scope)).ok_or(TagError::LabelTaken)?;
    check_cap(connection, scope, kind)?;
    told::made(connection, scope, kind, std::slice::from_ref(&made))?;
    Ok(made)
}

/// Changes a tag; every record that has it shows the change. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TagError::NotFound`]; [`TagError::Unmet`]; [`TagError::LabelTaken`], after which the transaction can only be rolled
/// back; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    id: TagId,
    condition: &Condition<TagOption>,
    patch: &TagPatch,
) -> Result<TagOption, TagError> {
    let TagPatch { label, color } = patch;
    let change = ChangedTag {
        label: label.as_ref().map(crate::TagLabel::as_str),
        label_folded: label.as_ref().map(|label| folded(label.as_str())),
        color: match color {
            Patch::Keep => None,
            Patch::Clear => Some(GREY),
            Patch::Set(color) => Some(color.as_str()),
        },
    };
    let (row, other) = lock(connection, scope, kind, id, change.label_folded.as_deref())?;
    let present = row.into_tag(scope);
    condition.check(|| Ok::<_, TagError>(present.clone()))?;
    if other.is_some() {
        return Err(TagError::LabelTaken);
    }
    if change.label.is_none() && change.color.is_none() {
        return Ok(present);
    }
    let updated: TagRow = diesel::update(tags::table.find((scope.tenant(), kind.number(), id)))
        .set(&change)
        .returning(columns::<TagRow>())
        .portable()
        .get_result(connection)
        .map_err(|error| if is_unique_violation(&error) { TagError::LabelTaken } else { error.into() })?;
    let updated = updated.into_tag(scope);
    told::changed(connection, scope, &present, &updated)?;
    Ok(updated)
}

/// Deletes a tag and, by the foreign keys, takes it off every record that has it; the records' own rows are
/// not touched. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TagError::NotFound`]; [`TagError::Unmet`]; the database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    id: TagId,
    condition: &Condition<TagOption>,
) -> Result<(), TagError> {
    let (row, _) = lock(connection, scope, kind, id, None)?;
    let tag = row.into_tag(scope);
    condition.check(|| Ok::<_, TagError>(tag.clone()))?;
    told::deleted(connection, scope, kind, &tag)?;
    links::lock_links_of(connection, scope, kind, id)?;
    diesel::delete(tags::table.find((scope.tenant(), kind.number(), id))).execute(connection)?;
    Ok(())
}
