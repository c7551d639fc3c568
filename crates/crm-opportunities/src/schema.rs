//! The tables of opportunities and pipelines. `opportunity_tags` belongs to crm-tags, which keeps the tags of every
//! kind of record.

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText, Uid};

    opportunities (tenant_id, id) {
        tenant_id -> BigInt,
        id -> BigInt,
        title -> Text,
        title_folded -> Text,
        title_search -> Text,
        value_units -> Nullable<BigInt>,
        value_code -> Nullable<Text>,
        origin -> Nullable<Text>,
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
        pipeline_id -> Uid,
        stage_key -> Text,
        stage_position -> SmallInt,
        stage_since -> Nullable<Instant>,
        status -> Text,
        lost_reason -> Nullable<JsonText>,
        closed_on -> Nullable<Instant>,
        lead_id -> Nullable<BigInt>,
        created_on -> Instant,
        last_updated_on -> Instant,
    }
}

diesel::table! {
    opportunity_participants (tenant_id, record_id, contact_id) {
        tenant_id -> BigInt,
        #[sql_name = "opportunity_id"]
        record_id -> BigInt,
        contact_id -> BigInt,
        name -> Nullable<Text>,
        position -> SmallInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, Uid};

    pipelines (tenant_id, id) {
        tenant_id -> BigInt,
        id -> Uid,
        name -> Text,
        name_folded -> Text,
        created_on -> Instant,
        last_updated_on -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::Uid;

    default_pipelines (tenant_id) {
        tenant_id -> BigInt,
        pipeline_id -> Uid,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::Uid;

    pipeline_stages (tenant_id, pipeline_id, key) {
        tenant_id -> BigInt,
        pipeline_id -> Uid,
        key -> Text,
        position -> SmallInt,
        label -> Text,
        probability -> Nullable<SmallInt>,
        color -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    opportunities,
    opportunity_participants,
    pipelines,
    default_pipelines,
    pipeline_stages
);
