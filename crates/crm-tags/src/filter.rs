use crm_core::sql::Uid;
use crm_core::{Db, Scope, TenantId, Uuid, sql_fragment};
use diesel::QueryResult;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool};

use crate::TagKind;

/// Matches records that have any of some tags: an expression for `filter` on the boxed query of a record's
/// table. With no tag at all it matches nothing.
#[derive(Debug, Clone)]
pub struct HasAnyTag {
    subquery: &'static str,
    tenant: TenantId,
    tags: Vec<Uuid>,
}

impl HasAnyTag {
    /// Records of this kind in the scope's tenant that have one of these tags; see
    /// [`ids_for_filter`](crate::ids_for_filter).
    #[must_use]
    pub fn new(scope: &Scope, kind: TagKind, tags: Vec<Uuid>) -> Self {
        let subquery = match kind {
            TagKind::Lead => "id IN (SELECT lead_id FROM lead_tags WHERE tenant_id = ",
            TagKind::Opportunity => "id IN (SELECT opportunity_id FROM opportunity_tags WHERE tenant_id = ",
            TagKind::Contact => "id IN (SELECT contact_id FROM contact_tags WHERE tenant_id = ",
            TagKind::Organization => "id IN (SELECT organization_id FROM organization_tags WHERE tenant_id = ",
            TagKind::Case => "id IN (SELECT case_id FROM case_tags WHERE tenant_id = ",
        };
        Self { subquery, tenant: scope.tenant(), tags }
    }
}

sql_fragment!(HasAnyTag, Bool);

impl QueryFragment<Db> for HasAnyTag {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> QueryResult<()> {
        if self.tags.is_empty() {
            pass.push_sql("1 = 0");
            return Ok(());
        }
        pass.push_sql(self.subquery);
        pass.push_bind_param::<BigInt, _>(&self.tenant)?;
        pass.push_sql(" AND tag_id IN (");
        for (index, tag) in self.tags.iter().enumerate() {
            if index > 0 {
                pass.push_sql(", ");
            }
            pass.push_bind_param::<Uid, _>(tag)?;
        }
        pass.push_sql("))");
        Ok(())
    }
}
