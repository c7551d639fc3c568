//! Taking every value of a record that is no more out of what happened: the changes stay, and say that they say nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use crm_core::error::collision;
use crm_core::records::in_statements;
use crm_core::sql::{Json, among};
use crm_core::{DbConnection, ForUpdateExt, PortableExt, RecordId, RecordKind, Scope};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::schema::changes;
use crate::trash::in_trash;
use crate::{Action, Fields, Kind, NewChange, What, record, record_each};

/// A record that is no more, in the trash or gone from there, and those that were merged into it and are no more either: the
/// same person, under other ids. Their changes are locked.
#[derive(Debug, Clone)]
pub struct Gone<I> {
    records: Vec<Ended<I>>,
    /// Changes of others that keep a name of one of them.
    naming: Vec<i64>,
}

/// How a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ended<I> {
    id: I,
    /// The change that says so.
    seq: i64,
    /// The record that it was merged into, and the change of that.
    merged: Option<(I, i64)>,
    is_erased: bool,
}

/// How these records ended; one that was brought back since has not.
fn ended<I: RecordId + Ord>(connection: &mut DbConnection, scope: &Scope, ids: &[I]) -> QueryResult<Vec<Ended<I>>> {
    const TURNS: [&str; 3] = [Action::Deleted.as_str(), Action::MergedInto.as_str(), Action::Restored.as_str()];
    type Row = (String, i64, String, Option<Json<Vec<String>>>, Option<i64>, bool);
    let mut last: HashMap<String, Option<Ended<I>>> = HashMap::new();
    for ids in in_statements(ids) {
        let rows: Vec<Row> = of_records(scope, &ids)
            .filter(changes::action.eq_any(TURNS))
            .order(changes::seq)
            .select((
                changes::record_id,
                changes::seq,
                changes::action,
                changes::others,
                changes::cause,
                changes::erased,
            ))
            .load(connection)?;
        for (record_id, seq, action, others, cause, is_erased) in rows {
            let target = others.and_then(|Json(ids)| ids.first()?.parse().ok());
            let ended = (action != Action::Restored.as_str()).then(|| record_id.parse().ok()).flatten();
            let merged = target.zip(cause);
            last.insert(record_id, ended.map(|id| Ended { id, seq, merged, is_erased }));
        }
    }
    Ok(last.into_values().flatten().collect())
}

fn of_records<I: RecordId>(scope: &Scope, ids: &[I]) -> changes::BoxedQuery<'static, crm_core::Db> {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let of_kind = changes::table
        .filter(changes::tenant_id.eq(scope.tenant()))
        .filter(changes::kind.eq(Kind::from(I::KIND).as_str()));
    of_kind.filter(changes::record_id.eq_any(ids)).into_boxed()
}

/// The record, and whatever is merged into it, directly or not; nothing where it is there, or erased already.
fn look<I: RecordId + Ord>(connection: &mut DbConnection, scope: &Scope, id: I) -> QueryResult<Vec<Ended<I>>> {
    let mut found = ended(connection, scope, &[id])?;
    found.retain(|one| !one.is_erased);
    let mut targets: Vec<I> = found.iter().map(|one| one.id).collect();
    let mut known: BTreeSet<I> = targets.iter().copied().collect();
    while !targets.is_empty() {
        let mut sources: Vec<I> = Vec::new();
        for targets in in_statements(&targets) {
            let merges = of_records(scope, &targets).filter(changes::action.eq(Action::Merged.as_str()));
            let lists: Vec<Option<Json<Vec<String>>>> = merges.select(changes::others).load(connection)?;
            sources.extend(lists.into_iter().flatten().flat_map(|Json(ids)| ids).filter_map(|id| id.parse::<I>().ok()));
        }
        sources.retain(|source| !known.contains(source));
        let is_of_them = |one: &Ended<I>| one.merged.is_some_and(|(target, _)| targets.contains(&target));
        let merged: Vec<Ended<I>> =
            ended(connection, scope, &sources)?.into_iter().filter(|one| is_of_them(one) && !one.is_erased).collect();
        targets = merged.iter().map(|one| one.id).collect();
        known.extend(targets.iter().copied());
        found.extend(merged);
    }
    found.sort_unstable_by_key(|one| one.seq);
    Ok(found)
}

/// A record that is no more, to be erased; `None` where it is there, was never, or is erased or forgotten. All changes of
/// which something is taken away are locked, before anything else, so that of those who erase it, restore it or let it go at
/// once one does. Call it in a [`DbConnection::write`].
///
/// # Errors
/// The database's; a [collision] where a merge was undone meanwhile.
pub fn take_gone<I: RecordId + Ord>(
    connection: &mut DbConnection,
    scope: &Scope,
    id: I,
) -> QueryResult<Option<Gone<I>>> {
    let records = look(connection, scope, id)?;
    if records.is_empty() {
        return Ok(None);
    }
    let naming = naming(connection, scope, &records)?;
    let ids: Vec<I> = records.iter().map(|one| one.id).collect();
    let deletions: Vec<i64> = records.iter().filter(|one| one.merged.is_none()).map(|one| one.seq).collect();
    let mut touched: Vec<i64> = naming.clone();
    for ids in in_statements(&ids) {
        touched.extend(of_records(scope, &ids).select(changes::seq).load::<i64>(connection)?);
    }
    touched.extend(followed(scope, &deletions).select(changes::seq).load::<i64>(connection)?);
    for seqs in in_statements(&touched) {
        let these = changes::table.filter(among(scope, changes::tenant_id, changes::seq, seqs));
        let _: Vec<i64> = these.order(changes::seq).select(changes::seq).locked().load(connection)?;
    }
    let now = look(connection, scope, id)?;
    if now.is_empty() {
        return Ok(None);
    }
    if now != records {
        return Err(collision("what was merged into the record came back"));
    }
    Ok(Some(Gone { records, naming }))
}

/// What followed from these deletions and is kept for them to be undone.
fn followed(scope: &Scope, deletions: &[i64]) -> changes::BoxedQuery<'static, crm_core::Db> {
    let of_tenant = changes::table.filter(changes::tenant_id.eq(scope.tenant()));
    of_tenant.filter(changes::cause.eq_any(deletions.to_vec())).filter(changes::kept.is_not_null()).into_boxed()
}

/// The changes of others that keep a name of one of these: of a contact the one under which it takes part in a record that
/// is in the trash, or took part in one before it was merged.
fn naming<I: RecordId>(connection: &mut DbConnection, scope: &Scope, gone: &[Ended<I>]) -> QueryResult<Vec<i64>> {
    if I::KIND != RecordKind::Contact {
        return Ok(Vec::new());
    }
    let mut seqs: BTreeSet<i64> = BTreeSet::new();
    for one in gone {
        let names = || {
            let pattern = format!("%\"id\":\"{}\"%", one.id);
            sql::<Bool>("CAST(kept AS TEXT) LIKE ").bind::<Text, _>(pattern)
        };
        let of_tenant = || changes::table.filter(changes::tenant_id.eq(scope.tenant())).filter(names());
        seqs.extend(of_tenant().filter(in_trash()).select(changes::seq).load::<i64>(connection)?);
        if let Some((_, merge)) = one.merged {
            let of_merge = of_tenant().filter(changes::cause.eq(merge)).filter(changes::kept.is_not_null());
            seqs.extend(of_merge.select(changes::seq).load::<i64>(connection)?);
        }
    }
    let own: HashSet<i64> = gone.iter().map(|one| one.seq).collect();
    Ok(seqs.into_iter().filter(|seq| !own.contains(seq)).collect())
}

impl<I: RecordId + Ord> Gone<I> {
    /// The record and those that were merged into it.
    #[must_use]
    pub fn ids(&self) -> Vec<I> {
        self.records.iter().map(|one| one.id).collect()
    }

    /// What they were called when they were deleted, as far as that is known.
    ///
    /// # Errors
    /// The database's.
    pub fn titles(&self, connection: &mut DbConnection, scope: &Scope) -> QueryResult<Vec<String>> {
        let mut titles = Vec::new();
        let seqs: Vec<i64> = self.records.iter().map(|one| one.seq).collect();
        for seqs in in_statements(&seqs) {
            let these = changes::table.filter(among(scope, changes::tenant_id, changes::seq, seqs));
            let found: Vec<Option<String>> = these.select(crate::trash::title()).load(connection)?;
            titles.extend(found.into_iter().flatten());
        }
        Ok(titles)
    }

    /// Takes every value of them out of their changes, and what others keep of them, and writes down that they are erased:
    /// of what was merged that follows from the one of the record. Who did what when stays. Call it in a
    /// [`DbConnection::write`] that has [taken](take_gone) them.
    ///
    /// # Errors
    /// The database's.
    pub fn erase(&self, connection: &mut DbConnection, scope: &Scope, id: I) -> QueryResult<()> {
        let ids = self.ids();
        let nothing = || None::<Json<Box<RawValue>>>;
        for ids in in_statements(&ids) {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let of_kind = changes::table
                .filter(changes::tenant_id.eq(scope.tenant()))
                .filter(changes::kind.eq(Kind::from(I::KIND).as_str()));
            let theirs = of_kind.filter(changes::record_id.eq_any(ids));
            diesel::update(theirs)
                .set((
                    changes::fields.eq(Json(Value::Array(Vec::new()))),
                    changes::record.eq(nothing()),
                    changes::kept.eq(nothing()),
                    changes::erased.eq(true),
                ))
                .execute(connection)?;
        }
        let deletions: Vec<i64> = self.records.iter().filter(|one| one.merged.is_none()).map(|one| one.seq).collect();
        let followed = changes::table.filter(changes::tenant_id.eq(scope.tenant()));
        let followed = followed.filter(changes::cause.eq_any(deletions)).filter(changes::kept.is_not_null());
        diesel::update(followed).set(changes::kept.eq(nothing())).execute(connection)?;
        self.forget_names(connection, scope)?;
        let kind = Kind::from(I::KIND);
        let erased =
            record(connection, scope, NewChange::new(kind, Action::Erased), What::changed(id, Fields::none())?)?;
        let merged: Vec<What> = ids
            .iter()
            .filter(|other| **other != id)
            .map(|other| What::changed(other, Fields::none()))
            .collect::<QueryResult<_>>()?;
        if !merged.is_empty() {
            record_each(connection, scope, NewChange::new(kind, Action::Erased).following(erased), &merged)?;
        }
        Ok(())
    }

    fn forget_names(&self, connection: &mut DbConnection, scope: &Scope) -> QueryResult<()> {
        let ids: HashSet<String> = self.ids().iter().map(ToString::to_string).collect();
        for seqs in in_statements(&self.naming) {
            let these = changes::table.filter(among(scope, changes::tenant_id, changes::seq, seqs));
            let rows: Vec<(i64, Option<Json<Value>>)> =
                these.order(changes::seq).select((changes::seq, changes::kept)).load(connection)?;
            for (seq, kept) in rows {
                let Some(Json(mut kept)) = kept else { continue };
                forget_names_of(&mut kept, &ids);
                diesel::update(changes::table.find((scope.tenant(), seq)))
                    .set(changes::kept.eq(Some(Json(kept))))
                    .portable()
                    .execute(connection)?;
            }
        }
        Ok(())
    }
}

/// Takes the names of these contacts out of the lists of participants that a change keeps.
fn forget_names_of(kept: &mut Value, ids: &HashSet<String>) {
    for list in ["participants", "gone"] {
        let Some(list) = kept.get_mut(list).and_then(Value::as_array_mut) else { continue };
        for participant in list {
            let is_theirs = participant["id"].as_str().is_some_and(|id| ids.contains(id));
            if let Some(name) = participant.get_mut("name").filter(|_| is_theirs) {
                *name = Value::Null;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_names_of_those_who_are_erased_are_forgotten() {
        let mut kept = json!({
            "row": { "owner": { "id": "7", "name": "Olga" } },
            "participants": [{ "id": "7", "name": "Ann" }, { "id": "8", "name": "Bob" }],
            "gone": [{ "id": "7", "position": 0, "name": "Ann" }],
        });
        forget_names_of(&mut kept, &HashSet::from(["7".to_owned()]));
        assert_eq!(
            kept,
            json!({
                "row": { "owner": { "id": "7", "name": "Olga" } },
                "participants": [{ "id": "7", "name": null }, { "id": "8", "name": "Bob" }],
                "gone": [{ "id": "7", "position": 0, "name": null }],
            })
        );
    }
}
