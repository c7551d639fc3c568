//! The tables of cases. `case_tags` belongs to crm-tags, which keeps the tags of every kind of record.

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText};

    case_types (tenant_id, id) {
        tenant_id -> BigInt,
        id -> BigInt,
        label -> Text,
        label_folded -> Text,
        form -> JsonText,
        workflow -> JsonText,
        owner -> Nullable<JsonText>,
        creator -> Nullable<JsonText>,
        last_updated_by -> Nullable<JsonText>,
        is_default -> Bool,
        created_on -> Instant,
        last_updated_on -> Instant,
    }
}

diesel::table! {
    case_statuses (tenant_id, case_type_id, label_folded) {
        tenant_id -> BigInt,
        case_type_id -> BigInt,
        label_folded -> Text,
        node_folded -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText};

    cases (tenant_id, id) {
        tenant_id -> BigInt,
        id -> BigInt,
        title -> Text,
        title_folded -> Text,
        title_search -> Text,
        description -> Nullable<Text>,
        case_type_id -> BigInt,
        status -> Text,
        status_folded -> Text,
        priority -> Nullable<Text>,
        priority_folded -> Nullable<Text>,
        priority_search -> Nullable<Text>,
        expected_date -> Nullable<Text>,
        organization_id -> Nullable<BigInt>,
        contact_id -> Nullable<BigInt>,
        assignee -> Nullable<JsonText>,
        assignee_id -> Nullable<Text>,
        owner -> Nullable<JsonText>,
        owner_id -> Nullable<Text>,
        creator -> Nullable<JsonText>,
        last_updated_by -> Nullable<JsonText>,
        external_id -> Nullable<Text>,
        custom_fields -> JsonText,
        first_resolution_on -> Nullable<Instant>,
        last_resolution_on -> Nullable<Instant>,
        created_on -> Instant,
        last_updated_on -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText};

    case_activities (tenant_id, case_id, id) {
        tenant_id -> BigInt,
        case_id -> BigInt,
        id -> BigInt,
        from_status -> Nullable<Text>,
        to_status -> Nullable<Text>,
        transition -> Nullable<Text>,
        comment -> Nullable<Text>,
        actor -> Nullable<JsonText>,
        created_on -> Instant,
    }
}

diesel::allow_tables_to_appear_in_same_query!(case_types, case_statuses, cases);
