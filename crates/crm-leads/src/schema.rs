//! The tables of leads. `lead_tags` belongs to crm-tags, which keeps the tags of every kind of record.

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText};

    leads (tenant_id, id) {
        tenant_id -> BigInt,
        id -> BigInt,
        title -> Text,
        title_folded -> Text,
        title_search -> Text,
        value_units -> Nullable<BigInt>,
        value_code -> Nullable<Text>,
        origin -> Nullable<Text>,
        origin_search -> Nullable<Text>,
        lead_rating -> Nullable<Text>,
        note -> Nullable<Text>,
        organization_id -> Nullable<BigInt>,
        contact_id -> Nullable<BigInt>,
        owner -> Nullable<JsonText>,
        owner_id -> Nullable<Text>,
        creator -> Nullable<JsonText>,
        last_updated_by -> Nullable<JsonText>,
        followers -> JsonText,
        external_id -> Nullable<Text>,
        custom_fields -> JsonText,
        is_archived -> Bool,
        converted_on -> Nullable<Instant>,
        opportunity_id -> Nullable<BigInt>,
        created_on -> Instant,
        last_updated_on -> Instant,
    }
}

diesel::table! {
    lead_participants (tenant_id, record_id, contact_id) {
        tenant_id -> BigInt,
        #[sql_name = "lead_id"]
        record_id -> BigInt,
        contact_id -> BigInt,
        name -> Nullable<Text>,
        position -> SmallInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(leads, lead_participants);
