//! The tables of imports.

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText, Uid};

    imports (tenant_id, id) {
        tenant_id -> BigInt,
        id -> Uid,
        kind -> Text,
        mode -> Text,
        match_by -> Text,
        dry_run -> Bool,
        settings -> JsonText,
        actor -> JsonText,
        state -> Text,
        is_open -> Bool,
        total -> BigInt,
        created -> BigInt,
        updated -> BigInt,
        unchanged -> BigInt,
        failed -> BigInt,
        deleted -> BigInt,
        restored -> BigInt,
        left_as_is -> BigInt,
        error -> Nullable<Text>,
        created_on -> Instant,
        started_on -> Nullable<Instant>,
        finished_on -> Nullable<Instant>,
        holder -> Nullable<Uid>,
        held_until -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::Uid;

    import_parts (tenant_id, import_id, part) {
        tenant_id -> BigInt,
        import_id -> Uid,
        part -> BigInt,
        content -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::Uid;

    import_problems (tenant_id, import_id, line) {
        tenant_id -> BigInt,
        import_id -> Uid,
        line -> BigInt,
        content -> Text,
        problem -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::Uid;

    import_records (tenant_id, import_id, kind, record_id) {
        tenant_id -> BigInt,
        import_id -> Uid,
        kind -> Text,
        record_id -> Text,
        is_new -> Bool,
    }
}
