use crm_core::error::is_unique_violation;
use crm_core::values::{Color, lowercase};
use crm_core::{Db, DbConnection, ForUpdateExt, Patch, PortableExt, Scope, TenantId, Uuid, columns};
use diesel::prelude::*;

use crate::schema::tags;
use crate::{NewTag, TagError, TagKind, TagOption, TagPatch};

/// The colour of a tag that was made without one.
const GREY: &str = "#808080";

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = tags, check_for_backend(Db))]
pub(crate) struct TagRow {
    id: Uuid,
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
    id: Uuid,
    label: &'a str,
    pub(crate) label_lower: String,
    color: &'a str,
}

impl<'a> InsertedTag<'a> {
    /// A new tag, with an id of its own.
    pub(crate) fn new(scope: &Scope, kind: TagKind, label: &'a str, color: &'a str) -> Self {
        let (kind, id) = (kind.number(), Uuid::random());
        Self { tenant_id: scope.tenant(), kind, id, label, label_lower: lowercase(label), color }
    }
}

#[derive(AsChangeset)]
#[diesel(table_name = tags)]
struct ChangedTag<'a> {
    label: Option<&'a str>,
    label_lower: Option<String>,
    color: Option<&'a str>,
}

/// All tags of a kind, ordered by label, whatever its case.
///
/// # Errors
/// The database's.
pub fn list(connection: &mut DbConnection, scope: &Scope, kind: TagKind) -> Result<Vec<TagOption>, TagError> {
    let rows: Vec<TagRow> = tags::table
        .filter(tags::tenant_id.eq(scope.tenant()))
        .filter(tags::kind.eq(kind.number()))
        .order(tags::label_lower)
        .select(columns::<TagRow>())
        .load(connection)?;
    Ok(rows.into_iter().map(|row| row.into_tag(scope)).collect())
}

/// One tag.
///
/// # Errors
/// [`TagError::NotFound`]; the database's.
pub fn get(connection: &mut DbConnection, scope: &Scope, kind: TagKind, id: Uuid) -> Result<TagOption, TagError> {
    let row: Option<TagRow> = tags::table
        .find((scope.tenant(), kind.number(), id))
        .select(columns::<TagRow>())
        .first(connection)
        .optional()?;
    row.map(|row| row.into_tag(scope)).ok_or(TagError::NotFound)
}

/// One tag, locked until the end of the transaction: what a change that depends on its present state reads.
/// Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TagError::NotFound`]; the database's.
pub fn get_locked(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    id: Uuid,
) -> Result<TagOption, TagError> {
    let row: Option<TagRow> = tags::table
        .find((scope.tenant(), kind.number(), id))
        .select(columns::<TagRow>())
        .locked()
        .get_result(connection)
        .optional()?;
    row.map(|row| row.into_tag(scope)).ok_or(TagError::NotFound)
}

/// Makes a tag. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TagError::LabelTaken`]; the database's.
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
    inserted.map(|row| row.into_tag(scope)).ok_or(TagError::LabelTaken)
}

/// Changes a tag; every record that has it shows the change. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TagError::NotFound`]; [`TagError::LabelTaken`], after which the transaction can only be rolled back; the
/// database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    id: Uuid,
    patch: &TagPatch,
) -> Result<TagOption, TagError> {
    let TagPatch { label, color } = patch;
    let change = ChangedTag {
        label: label.as_ref().map(crate::TagLabel::as_str),
        label_lower: label.as_ref().map(|label| lowercase(label.as_str())),
        color: match color {
            Patch::Keep => None,
            Patch::Clear => Some(GREY),
            Patch::Set(color) => Some(color.as_str()),
        },
    };
    if change.label.is_none() && change.color.is_none() {
        return get(connection, scope, kind, id);
    }
    let updated: Option<TagRow> = diesel::update(tags::table.find((scope.tenant(), kind.number(), id)))
        .set(&change)
        .returning(columns::<TagRow>())
        .portable()
        .get_result(connection)
        .optional()
        .map_err(|error| if is_unique_violation(&error) { TagError::LabelTaken } else { error.into() })?;
    updated.map(|row| row.into_tag(scope)).ok_or(TagError::NotFound)
}

/// Deletes a tag and, by the foreign keys, takes it off every record that has it; the records' own rows are
/// not touched. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`TagError::NotFound`]; the database's.
pub fn delete(connection: &mut DbConnection, scope: &Scope, kind: TagKind, id: Uuid) -> Result<(), TagError> {
    let gone = diesel::delete(tags::table.find((scope.tenant(), kind.number(), id))).execute(connection)?;
    if gone == 0 { Err(TagError::NotFound) } else { Ok(()) }
}
