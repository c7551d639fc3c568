//! What changes tell of tags.

use crm_core::{DbConnection, Scope, TagId};
use crm_history::{Action, Fields, Kind, NewChange, What};
use diesel::QueryResult;
use serde::Serialize;

use crate::{TagKind, TagOption};

/// A tag as changes tell of it.
#[derive(Serialize)]
struct ToldTag<'a> {
    id: TagId,
    /// The kind of records that it is for.
    of: &'static str,
    label: &'a str,
    color: &'a str,
}

fn whole(kind: TagKind, tag: &TagOption) -> QueryResult<What> {
    let TagOption { id, label, color, tenant_id: _ } = tag;
    What::whole(id, &ToldTag { id: *id, of: kind.name(), label, color })
}

/// Writes down that these tags were made.
pub(crate) fn made(connection: &mut DbConnection, scope: &Scope, kind: TagKind, tags: &[TagOption]) -> QueryResult<()> {
    let whats = tags.iter().map(|tag| whole(kind, tag)).collect::<QueryResult<Vec<_>>>()?;
    crm_history::record_each(connection, scope, NewChange::new(Kind::Tag, Action::Created), &whats)?;
    Ok(())
}

/// Writes down what was changed of a tag, if anything was.
pub(crate) fn changed(
    connection: &mut DbConnection,
    scope: &Scope,
    before: &TagOption,
    after: &TagOption,
) -> QueryResult<()> {
    let fields = Fields::none().compare("label", &before.label, &after.label);
    let fields = fields.compare("color", &before.color, &after.color);
    if !fields.is_empty() {
        let change = NewChange::new(Kind::Tag, Action::Updated);
        crm_history::record(connection, scope, change, What::changed(before.id, fields)?)?;
    }
    Ok(())
}

/// Writes down that a tag is deleted.
pub(crate) fn deleted(connection: &mut DbConnection, scope: &Scope, kind: TagKind, tag: &TagOption) -> QueryResult<()> {
    let change = NewChange::new(Kind::Tag, Action::Deleted);
    crm_history::record(connection, scope, change, whole(kind, tag)?)?;
    Ok(())
}
