//! The tables of organizations and contacts. Their tags' tables belong to crm-tags, which keeps the tags of
//! every kind of record.

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText};

    organizations (tenant_id, id) {
        tenant_id -> BigInt,
        id -> BigInt,
        name -> Text,
        name_folded -> Text,
        name_search -> Text,
        name_key -> Text,
        address -> Nullable<Text>,
        address_search -> Nullable<Text>,
        industry -> Nullable<Text>,
        industry_folded -> Nullable<Text>,
        industry_search -> Nullable<Text>,
        size -> Nullable<Text>,
        annual_revenue -> Nullable<Text>,
        website -> Nullable<Text>,
        website_search -> Nullable<Text>,
        note -> Nullable<Text>,
        owner -> Nullable<JsonText>,
        owner_id -> Nullable<Text>,
        creator -> Nullable<JsonText>,
        last_updated_by -> Nullable<JsonText>,
        external_id -> Nullable<Text>,
        custom_fields -> JsonText,
        created_on -> Instant,
        last_updated_on -> Instant,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::{Instant, JsonText};

    contacts (tenant_id, id) {
        tenant_id -> BigInt,
        id -> BigInt,
        name -> Text,
        name_folded -> Text,
        name_search -> Text,
        name_key -> Text,
        organization_id -> Nullable<BigInt>,
        job_title -> Nullable<Text>,
        job_title_folded -> Nullable<Text>,
        department -> Nullable<Text>,
        seniority_level -> Nullable<Text>,
        linkedin -> Nullable<Text>,
        note -> Nullable<Text>,
        owner -> Nullable<JsonText>,
        owner_id -> Nullable<Text>,
        creator -> Nullable<JsonText>,
        last_updated_by -> Nullable<JsonText>,
        external_id -> Nullable<Text>,
        custom_fields -> JsonText,
        created_on -> Instant,
        last_updated_on -> Instant,
    }
}

/// Declares tables of labeled values. The column with the record's id is `record_id` to Rust in all of them,
/// so that one piece of code serves both kinds of record.
macro_rules! labeled_tables {
    ($($table:ident $record:literal $($own:ident: $of:ty),+;)*) => {
        $(
            diesel::table! {
                $table (tenant_id, record_id, position) {
                    tenant_id -> BigInt,
                    #[sql_name = $record]
                    record_id -> BigInt,
                    position -> SmallInt,
                    label -> Nullable<Text>,
                    value -> Text,
                    value_search -> Text,
                    $($own -> $of,)+
                    is_primary -> Bool,
                }
            }
        )*
    };
}

labeled_tables! {
    organization_emails "organization_id" value_folded: Text;
    organization_phones "organization_id" digits: Text, last_digits: Nullable<Text>;
    contact_emails "contact_id" value_folded: Text;
    contact_phones "contact_id" digits: Text, last_digits: Nullable<Text>;
}

diesel::allow_tables_to_appear_in_same_query!(
    organizations,
    contacts,
    organization_emails,
    organization_phones,
    contact_emails,
    contact_phones,
);
