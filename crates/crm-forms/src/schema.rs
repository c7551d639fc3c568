diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText};

    forms (tenant_id, kind) {
        tenant_id -> BigInt,
        kind -> SmallInt,
        form -> JsonText,
        creator -> Nullable<JsonText>,
        last_updated_on -> Instant,
    }
}
