//! The tables of webhooks, of what is delivered to them, and of whose turn it is to deliver.

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText, Uid};

    webhooks (tenant_id, id) {
        tenant_id -> BigInt,
        id -> Uid,
        url -> Text,
        events -> JsonText,
        fields -> Nullable<JsonText>,
        description -> Nullable<Text>,
        enabled -> Bool,
        disabled_reason -> Nullable<Text>,
        failing_since -> Nullable<Instant>,
        secret -> Text,
        old_secret -> Nullable<Text>,
        old_secret_until -> Nullable<Instant>,
        secrets_key -> Nullable<Text>,
        turn -> BigInt,
        seq -> BigInt,
        created_on -> Instant,
        last_updated_on -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, Uid};

    delivery_turns (tenant_id) {
        tenant_id -> BigInt,
        turn -> BigInt,
        seq -> BigInt,
        holder -> Nullable<Uid>,
        held_until -> Nullable<Instant>,
        erasures -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText, Uid};

    deliveries (tenant_id, id) {
        tenant_id -> BigInt,
        id -> Uid,
        webhook_id -> Uid,
        change_seq -> BigInt,
        change_turn -> BigInt,
        kind -> Text,
        record_id -> Text,
        action -> Text,
        state -> Text,
        next_try_on -> Nullable<Instant>,
        tries -> Integer,
        attempts -> JsonText,
        body -> Nullable<Text>,
        created_on -> Instant,
    }
}

diesel::allow_tables_to_appear_in_same_query!(webhooks, delivery_turns, deliveries);
