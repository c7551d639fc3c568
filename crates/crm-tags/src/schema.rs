//! The table of tags, and the link tables that the migrations of the record kinds make in one fixed shape.

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::Uid;

    tags (tenant_id, kind, id) {
        tenant_id -> BigInt,
        kind -> SmallInt,
        id -> Uid,
        label -> Text,
        label_folded -> Text,
        color -> Text,
    }
}

/// Declares link tables that differ in two names only. The column with the record's id is `record_id` to
/// Rust in all of them, so that one piece of code serves every kind.
macro_rules! link_tables {
    ($($table:ident $record:literal;)*) => {
        $(
            diesel::table! {
                use diesel::sql_types::*;
                use crm_core::sql::Uid;

                $table (tenant_id, record_id, tag_id) {
                    tenant_id -> BigInt,
                    #[sql_name = $record]
                    record_id -> BigInt,
                    kind -> SmallInt,
                    tag_id -> Uid,
                }
            }

            diesel::allow_tables_to_appear_in_same_query!(tags, $table);
        )*
    };
}

link_tables! {
    lead_tags "lead_id";
    opportunity_tags "opportunity_id";
    contact_tags "contact_id";
    organization_tags "organization_id";
    case_tags "case_id";
}

/// The link table of a kind, for SQL that is written by hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Links {
    pub(crate) table: &'static str,
    /// The column with the record's id.
    pub(crate) record: &'static str,
}

impl Links {
    pub(crate) fn of(kind: crate::TagKind) -> Self {
        let (table, record) = match kind {
            crate::TagKind::Lead => ("lead_tags", "lead_id"),
            crate::TagKind::Opportunity => ("opportunity_tags", "opportunity_id"),
            crate::TagKind::Contact => ("contact_tags", "contact_id"),
            crate::TagKind::Organization => ("organization_tags", "organization_id"),
            crate::TagKind::Case => ("case_tags", "case_id"),
        };
        Self { table, record }
    }
}

/// Runs one expression on the link table of a kind, under the name that is given.
macro_rules! with_links {
    ($kind:expr, $links:ident => $body:expr) => {
        match $kind {
            $crate::TagKind::Lead => {
                use $crate::schema::lead_tags as $links;
                $body
            }
            $crate::TagKind::Opportunity => {
                use $crate::schema::opportunity_tags as $links;
                $body
            }
            $crate::TagKind::Contact => {
                use $crate::schema::contact_tags as $links;
                $body
            }
            $crate::TagKind::Organization => {
                use $crate::schema::organization_tags as $links;
                $body
            }
            $crate::TagKind::Case => {
                use $crate::schema::case_tags as $links;
                $body
            }
        }
    };
}

pub(crate) use with_links;
