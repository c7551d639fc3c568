//! The tables of changes.

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText, Uid};

    changes (tenant_id, seq) {
        tenant_id -> BigInt,
        seq -> BigInt,
        turn -> BigInt,
        kind -> Text,
        record_id -> Text,
        action -> Text,
        created_on -> Instant,
        author -> Nullable<JsonText>,
        key_id -> Nullable<Uid>,
        key_name -> Nullable<Text>,
        request_id -> Nullable<Text>,
        fields -> JsonText,
        record -> Nullable<JsonText>,
        kept -> Nullable<JsonText>,
        others -> Nullable<JsonText>,
        cause -> Nullable<BigInt>,
        erased -> Bool,
    }
}

diesel::table! {
    change_horizons (tenant_id) {
        tenant_id -> BigInt,
        base -> BigInt,
        turn -> BigInt,
        seq -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText, Uid};

    comments (tenant_id, id) {
        tenant_id -> BigInt,
        id -> Uid,
        kind -> Text,
        record_id -> BigInt,
        origin_id -> BigInt,
        #[sql_name = "comment"]
        text -> Text,
        author -> Nullable<JsonText>,
        created_on -> Instant,
        updated_on -> Nullable<Instant>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(changes, change_horizons);
