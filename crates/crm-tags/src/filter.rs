use crm_core::counts;
use crm_core::search::{Candidates, Most};
use crm_core::sql::{OneOf, Uid, among, one_of};
use crm_core::{Db, DbConnection, Scope, TagId, TenantId, sql_fragment};
use diesel::dsl::count;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool};

use crate::refs::ids_for_filter;
use crate::schema::with_links;
use crate::{Links, TagKind};

crm_core::on_postgres! { use diesel::pg::Pg; }
crm_core::on_sqlite! { use diesel::sqlite::Sqlite; }

/// What a list filter by tags means, spelled by label or id: the records that have one of them where these are few, and the
/// tags. Two statements where there is a filter, and one of [`Most`] before the second.
///
/// # Errors
/// The database's.
pub fn resolve_filter(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    most: &mut Most,
    spelled: Option<&Vec<String>>,
) -> QueryResult<(Candidates, Option<Vec<TagId>>)> {
    let Some(spelled) = spelled else { return Ok((Candidates::Many, None)) };
    let tags = ids_for_filter(connection, scope, kind, spelled)?;
    if tags.is_empty() {
        return Ok((Candidates::Few(Vec::new()), Some(tags)));
    }
    let candidates = most.candidates(connection, scope, |connection, limit| {
        with_links!(kind, links => links::table
            .filter(among(scope, links::tenant_id, links::tag_id, &tags))
            .select(links::record_id)
            .limit(limit)
            .load(connection))
    })?;
    Ok((candidates, Some(tags)))
}

/// How many records a list has whose filter is nothing but tags, or nothing at all: of what is counted already, or of the links
/// alone. `None` where the filter has something else, and they are to be counted by themselves. `tags` are those that
/// [`resolve_filter`] found.
///
/// # Errors
/// The database's.
pub fn total(
    connection: &mut DbConnection,
    scope: &Scope,
    kind: TagKind,
    is_by_tags_alone: bool,
    tags: Option<&Vec<TagId>>,
) -> QueryResult<Option<i64>> {
    match (is_by_tags_alone, tags) {
        (false, _) => Ok(None),
        (true, None) => counts::records(connection, scope, kind.records()).map(Some),
        // A record has a tag once, so that those of one tag need not be told apart.
        (true, Some(tags)) => match tags.as_slice() {
            [tag] => with_links!(kind, links => links::table
                .filter(links::tenant_id.eq(scope.tenant()))
                .filter(links::tag_id.eq(*tag))
                .count()
                .get_result(connection)
                .map(Some)),
            tags => with_links!(kind, links => links::table
                .filter(among(scope, links::tenant_id, links::tag_id, tags))
                .select(count(links::record_id).aggregate_distinct())
                .get_result(connection)
                .map(Some)),
        },
    }
}

/// Matches records that have any of some tags: an expression for `filter` on the boxed query of a record's
/// table. With no tag at all it matches nothing.
///
/// It is asked of each record by itself, so that a list of a tag that many have is read in its own order until the page is
/// full, as one of a common title is (docs/adr/0006). A list of few begins with [those](resolve_filter).
#[derive(Debug, Clone)]
pub struct HasAnyTag {
    links: Links,
    tenant: TenantId,
    tags: OneOf<LinkedTag>,
}

/// The tag of a link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkedTag;

impl HasAnyTag {
    /// Records of this kind in the scope's tenant that have one of these tags.
    #[must_use]
    pub fn new(scope: &Scope, kind: TagKind, tags: Vec<TagId>) -> Self {
        Self { links: Links::of(kind), tenant: scope.tenant(), tags: one_of(LinkedTag, tags) }
    }
}

sql_fragment!(HasAnyTag, Bool);
sql_fragment!(LinkedTag, Uid);

macro_rules! asked_on {
    // Behind it PostgreSQL does not ask the question for all records at once.
    ($($backend:ty, $one_by_one:literal;)*) => {
        $(
            impl QueryFragment<$backend> for LinkedTag {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                    pass.push_sql("tag_id");
                    Ok(())
                }
            }

            impl QueryFragment<$backend> for HasAnyTag {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                    let Links { table, record } = self.links;
                    for part in ["EXISTS (SELECT 1 FROM ", table, " WHERE tenant_id = "] {
                        pass.push_sql(part);
                    }
                    pass.push_bind_param::<BigInt, _>(&self.tenant)?;
                    for part in [" AND ", record, " = id AND "] {
                        pass.push_sql(part);
                    }
                    self.tags.walk_ast(pass.reborrow())?;
                    pass.push_sql($one_by_one);
                    Ok(())
                }
            }
        )*
    };
}

crm_core::on_postgres! {
    asked_on! {
        Pg, " OFFSET 0)";
    }
}
crm_core::on_sqlite! {
    asked_on! {
        Sqlite, ")";
    }
}

impl QueryFragment<Db> for HasAnyTag {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        Db::walk_variant_ast(self, pass)
    }
}
