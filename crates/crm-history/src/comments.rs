//! What is said about leads, opportunities, contacts and organizations. Whoever writes a comment holds its record locked, and has
//! looked that it is there; the record itself stays as it is.

use crm_core::input::{FromBody, ObjectReader};
use crm_core::page::{Direction, Page, PageRequest, RowIdKind, SortColumn, SortField, SortKey, SortKind, Weight};
use crm_core::records::{Stored, in_statements};
use crm_core::sql::Json;
use crm_core::values::{LongText, User};
use crm_core::{
    CommentId, Condition, Db, DbConnection, ForUpdateExt, PortableExt, RecordId, Scope, Timestamp, columns,
};
use diesel::prelude::*;
use serde::Serialize;

use crate::schema::comments;
use crate::{Action, CommentError, Fields, Kind, NewChange, What};

/// Something that was said about a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    /// Its id, made by the server.
    pub id: CommentId,
    /// What the record is: of an opportunity those of the lead that it was made of are shown too.
    pub kind: Kind,
    /// The record.
    #[cfg_attr(feature = "openapi", schema(examples("42")))]
    pub record_id: String,
    /// What was said.
    pub comment: LongText,
    /// Who said it, as far as that was said.
    pub user: Option<User>,
    /// When it was said.
    pub created_on: Timestamp,
    /// When it was last put in other words.
    pub updated_on: Option<Timestamp>,
}

/// A comment to be added: `{ comment, user? }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecordComment {
    /// What is said.
    pub comment: LongText,
    /// Who says it.
    pub user: Option<User>,
}

const READ_ONLY: &[&str] = &["id", "tenantId", "kind", "recordId", "createdOn", "updatedOn"];

impl FromBody for NewRecordComment {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        let comment = reader.required("comment");
        let user = reader.optional("user");
        comment.map(|comment| Self { comment, user })
    }
}

/// A change of a comment: `{ comment?, user? }`, where the user is who changes it. Who said it first stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommentPatch {
    /// Other words; they cannot be cleared.
    pub comment: Option<LongText>,
    /// Who makes this change.
    pub user: Option<User>,
}

impl FromBody for CommentPatch {
    const READ_ONLY: &'static [&'static str] = READ_ONLY;

    fn read(reader: &mut ObjectReader<'_>) -> Option<Self> {
        Some(Self { comment: reader.patch_required("comment"), user: reader.optional("user") })
    }
}

/// What comments can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentSort {
    /// When they were said.
    CreatedOn,
}

impl SortField for CommentSort {
    const LIST: &'static str = "comments";

    const WEIGHT: Option<Weight> = Some(Weight { table: "comments", columns: &["comment"] });

    const NAMES: &'static [(&'static str, Self)] = &[("createdOn", Self::CreatedOn), ("createdAt", Self::CreatedOn)];

    const ID: RowIdKind = RowIdKind::Uuid;

    fn column(self) -> SortColumn {
        SortColumn::plain("created_on", SortKind::Moment)
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = comments, check_for_backend(Db))]
struct CommentRow {
    id: CommentId,
    kind: String,
    record_id: i64,
    text: String,
    author: Option<Json<User>>,
    created_on: Timestamp,
    updated_on: Option<Timestamp>,
}

impl CommentRow {
    fn place(&self, _: CommentSort, _: Direction) -> (SortKey, CommentId) {
        (SortKey::Moment(self.created_on), self.id)
    }

    fn into_comment(self) -> Comment {
        let Self { id, kind, record_id, text, author, created_on, updated_on } = self;
        Comment {
            id,
            // Only these four have comments.
            kind: Kind::from_name(&kind).unwrap_or(Kind::Lead),
            record_id: record_id.to_string(),
            comment: LongText::stored(text),
            user: author.map(|Json(user)| user),
            created_on,
            updated_on,
        }
    }
}

/// A record that has comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commented {
    kind: Kind,
    id: i64,
}

impl Commented {
    /// The record of this id.
    #[must_use]
    pub fn of<I: RecordId>(id: I) -> Self {
        Self { kind: I::KIND.into(), id: id.as_i64() }
    }
}

fn record(
    connection: &mut DbConnection,
    scope: &Scope,
    on: Commented,
    by: Option<&User>,
    fields: Fields,
) -> QueryResult<()> {
    let change = NewChange::new(on.kind, Action::Commented).by(by);
    crate::record(connection, scope, change, What::changed(on.id, fields)?)?;
    Ok(())
}

/// Adds a comment to a record that is locked. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn add(
    connection: &mut DbConnection,
    scope: &Scope,
    on: Commented,
    new: &NewRecordComment,
) -> Result<Comment, CommentError> {
    let NewRecordComment { comment, user } = new;
    let row: CommentRow = diesel::insert_into(comments::table)
        .values((
            comments::tenant_id.eq(scope.tenant()),
            comments::id.eq(CommentId::random()),
            comments::kind.eq(on.kind.as_str()),
            comments::record_id.eq(on.id),
            comments::origin_id.eq(on.id),
            comments::text.eq(comment.as_str()),
            comments::author.eq(scope.author(user.as_ref()).map(Json)),
            comments::created_on.eq(scope.now()),
        ))
        .returning(columns::<CommentRow>())
        .get_result(connection)?;
    let made = row.into_comment();
    record(connection, scope, on, user.as_ref(), said(made.id, None, Some(comment)))?;
    Ok(made)
}

fn said(id: CommentId, from: Option<&LongText>, to: Option<&LongText>) -> Fields {
    Fields::none().compare(&format!("comments.{id}"), &from, &to)
}

/// A page of the comments of a record, newest first unless asked otherwise, with those of others that are shown there.
///
/// # Errors
/// The database's.
pub fn list(
    connection: &mut DbConnection,
    scope: &Scope,
    on: Commented,
    also: Option<Commented>,
    request: &PageRequest<CommentSort>,
) -> Result<Page<Comment>, CommentError> {
    let page = request.load(connection, scope, || shown(scope, on, also), CommentRow::place)?;
    page.try_map(|rows| Ok(rows.into_iter().map(CommentRow::into_comment).collect()))
}

/// The comments of a record, with those of another one that are shown there.
fn shown(scope: &Scope, on: Commented, also: Option<Commented>) -> comments::BoxedQuery<'static, Db> {
    let of = |on: Commented| comments::kind.eq(on.kind.as_str()).and(comments::record_id.eq(on.id));
    let all = comments::table.filter(comments::tenant_id.eq(scope.tenant())).into_boxed::<Db>();
    match also {
        None => all.filter(of(on)),
        Some(also) => all.filter(of(on).or(of(also))),
    }
}

fn find_locked(
    connection: &mut DbConnection,
    scope: &Scope,
    on: Commented,
    id: CommentId,
) -> Result<Comment, CommentError> {
    let place = comments::table
        .find((scope.tenant(), id))
        .filter(comments::kind.eq(on.kind.as_str()))
        .filter(comments::record_id.eq(on.id))
        .select(columns::<CommentRow>());
    let row: Option<CommentRow> = place.locked().get_result(connection).optional()?;
    row.map(CommentRow::into_comment).ok_or(CommentError::NotFound)
}

/// One of the comments that [`list`] shows.
///
/// # Errors
/// [`CommentError::NotFound`]; the database's.
pub fn get(
    connection: &mut DbConnection,
    scope: &Scope,
    on: Commented,
    also: Option<Commented>,
    id: CommentId,
) -> Result<Comment, CommentError> {
    let one = shown(scope, on, also).filter(comments::id.eq(id)).select(columns::<CommentRow>());
    let row: Option<CommentRow> = one.first(connection).optional()?;
    row.map(CommentRow::into_comment).ok_or(CommentError::NotFound)
}

/// Puts a comment of a record that is locked in other words. The same again changes nothing. Call it in a
/// [`DbConnection::write`].
///
/// # Errors
/// [`CommentError::NotFound`]; [`CommentError::Unmet`]; the database's.
pub fn update(
    connection: &mut DbConnection,
    scope: &Scope,
    on: Commented,
    id: CommentId,
    condition: &Condition<Comment>,
    patch: &CommentPatch,
) -> Result<Comment, CommentError> {
    let before = find_locked(connection, scope, on, id)?;
    condition.check(|| Ok::<_, CommentError>(before.clone()))?;
    let Some(comment) = patch.comment.as_ref().filter(|comment| **comment != before.comment) else {
        return Ok(before);
    };
    let row: CommentRow = diesel::update(comments::table.find((scope.tenant(), id)))
        .set((comments::text.eq(comment.as_str()), comments::updated_on.eq(scope.now())))
        .returning(columns::<CommentRow>())
        .portable()
        .get_result(connection)?;
    record(connection, scope, on, patch.user.as_ref(), said(id, Some(&before.comment), Some(comment)))?;
    Ok(row.into_comment())
}

/// Deletes a comment of a record that is locked. Call it in a [`DbConnection::write`].
///
/// # Errors
/// [`CommentError::NotFound`]; [`CommentError::Unmet`]; the database's.
pub fn delete(
    connection: &mut DbConnection,
    scope: &Scope,
    on: Commented,
    id: CommentId,
    condition: &Condition<Comment>,
) -> Result<(), CommentError> {
    let before = find_locked(connection, scope, on, id)?;
    condition.check(|| Ok::<_, CommentError>(before.clone()))?;
    diesel::delete(comments::table.find((scope.tenant(), id))).execute(connection)?;
    Ok(record(connection, scope, on, None, said(id, Some(&before.comment), None))?)
}

/// Moves the comments of the sources of a merge to its target, where they say which record they were written on, and gives how
/// many they are. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn move_all<I: RecordId>(
    connection: &mut DbConnection,
    scope: &Scope,
    sources: &[I],
    target: I,
) -> QueryResult<usize> {
    let sources: Vec<i64> = sources.iter().map(|id| id.as_i64()).collect();
    let of_them = comments::table
        .filter(comments::tenant_id.eq(scope.tenant()))
        .filter(comments::kind.eq(Kind::from(I::KIND).as_str()))
        .filter(comments::record_id.eq_any(sources));
    diesel::update(of_them).set(comments::record_id.eq(target.as_i64())).execute(connection)
}

/// Gives a source of a merge that is brought back the comments that were written on it and are on the target still. Call it
/// in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn give_back<I: RecordId>(connection: &mut DbConnection, scope: &Scope, source: I, target: I) -> QueryResult<()> {
    let of_it = comments::table
        .filter(comments::tenant_id.eq(scope.tenant()))
        .filter(comments::kind.eq(Kind::from(I::KIND).as_str()))
        .filter(comments::record_id.eq(target.as_i64()))
        .filter(comments::origin_id.eq(source.as_i64()));
    diesel::update(of_it).set(comments::record_id.eq(source.as_i64())).execute(connection)?;
    Ok(())
}

/// Deletes the comments of records that are gone for good. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's.
pub fn forget<I: RecordId>(connection: &mut DbConnection, scope: &Scope, records: &[I]) -> QueryResult<()> {
    let numbers: Vec<i64> = records.iter().map(|id| id.as_i64()).collect();
    for numbers in in_statements(&numbers) {
        let of_them = comments::table
            .filter(comments::tenant_id.eq(scope.tenant()))
            .filter(comments::kind.eq(Kind::from(I::KIND).as_str()))
            .filter(comments::record_id.eq_any(numbers));
        diesel::delete(of_them).execute(connection)?;
    }
    Ok(())
}
