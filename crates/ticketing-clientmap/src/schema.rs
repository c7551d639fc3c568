//! The tables of client maps, and of the version of each tenant's.

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText, Uid};

    client_maps (tenant_id, id) {
        tenant_id -> BigInt,
        id -> Uid,
        client_id -> Text,
        client_name -> Text,
        client_type -> Text,
        mapping_type -> Text,
        source_system -> Nullable<Text>,
        target_system -> Nullable<Text>,
        usecase -> Nullable<Text>,
        configuration -> Nullable<JsonText>,
        secrets_key -> Nullable<Text>,
        status -> Text,
        last_sync_at -> Nullable<Instant>,
        sync_status -> Text,
        created_at -> Instant,
        updated_at -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::Uid;

    clientmap_versions (tenant_id) {
        tenant_id -> BigInt,
        version -> Uid,
    }
}
