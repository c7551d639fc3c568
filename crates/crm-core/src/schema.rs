//! The tables of tenancy, of sessions, of answers that are kept, and Diesel's own of the migrations that ran.

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::Instant;

    tenants (id) {
        id -> BigInt,
        public_id -> Text,
        name -> Text,
        created_on -> Instant,
        deleted_on -> Nullable<Instant>,
        frozen_on -> Nullable<Instant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::{Instant, Uid};

    api_keys (tenant_id, hash) {
        tenant_id -> BigInt,
        id -> Uid,
        hash -> Binary,
        name -> Text,
        role -> Nullable<Text>,
        scopes -> Text,
        prefix -> Text,
        is_chosen -> Bool,
        created_on -> Instant,
        expires_on -> Nullable<Instant>,
        last_used_on -> Nullable<Instant>,
        grace_until -> Nullable<Instant>,
    }
}

diesel::table! {
    crm_schema_migrations (version) {
        version -> Text,
    }
}

diesel::table! {
    numbering (tenant_id, kind) {
        tenant_id -> BigInt,
        kind -> SmallInt,
        last -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::{Instant, JsonText};

    idempotency_keys (tenant_id, key) {
        tenant_id -> BigInt,
        key -> Text,
        fingerprint -> Binary,
        status -> SmallInt,
        headers -> JsonText,
        body -> Nullable<Binary>,
        size -> Integer,
        scopes -> Text,
        created_on -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::sql::{Instant, JsonText};

    sessions (tenant_id, hash) {
        tenant_id -> BigInt,
        hash -> Binary,
        key_hash -> Nullable<Binary>,
        person -> Nullable<JsonText>,
        person_id -> Nullable<Text>,
        created_on -> Instant,
        expires_on -> Instant,
    }
}

diesel::allow_tables_to_appear_in_same_query!(tenants, api_keys, idempotency_keys, sessions);
