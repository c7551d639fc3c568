use super::*;
use crm_core::BackendKind;
use crm_testkit::TestDatabase;
use crm_testkit::plans::{Indexes, assert_people_are_read_from, moment, ten_tenants};
use crm_testkit::statements::statements;

/// Ten tenants with ten thousand leads each, and statistics; the scope of one of them.
pub(crate) fn hundred_thousand(database: &TestDatabase, connection: &mut DbConnection) -> Scope {
    let archived = match database.kind() {
        BackendKind::Sqlite => "n % 20 = 0",
        BackendKind::Postgres => "(n % 20 = 0)",
    };
    let (created, updated) = (moment(database.kind(), "n"), moment(database.kind(), "n * 7919 % 10000"));
    let filled = |connection: &mut DbConnection, id: &str| {
        let scope = database.tenant(id);
        for label in ["rare", "common"] {
            tag(connection, &scope, label);
        }
        scope
    };
    ten_tenants(connection, filled, |tenant| {
        format!(
            "INSERT INTO leads (tenant_id, id, title, title_folded, title_search, value_units, value_code, origin, origin_search, lead_rating,
                organization_id, contact_id, owner_id, followers, custom_fields, is_archived, converted_on,
                created_on, last_updated_on)
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000)
            SELECT {tenant}, n, 'Lead ' || n, 'lead ' || (n * 7919 % 10000), 'lead ' || (n * 7919 % 10000),
                CASE WHEN n % 3 = 0 THEN n * 7919 % 10000 END, CASE WHEN n % 3 = 0 THEN 'USD' END,
                CASE n % 5 WHEN 0 THEN 'website' WHEN 1 THEN 'other' END,
                CASE n % 5 WHEN 0 THEN 'website' WHEN 1 THEN 'other' END,
                CASE n % 4 WHEN 0 THEN '1_cold' WHEN 1 THEN '2_warm' WHEN 2 THEN '3_hot' END,
                n % 200 + 1, n * 7 % 200 + 1, 'owner-' || (n % 50), '[]', '{{}}',
                {archived}, CASE WHEN n % 10 = 0 THEN {created} END, {created}, {updated}
            FROM numbers;
            INSERT INTO lead_participants (tenant_id, lead_id, contact_id, position)
            SELECT tenant_id, id, id % 200 + 1, 0 FROM leads WHERE tenant_id = {tenant} AND id % 2 = 0;
            INSERT INTO lead_tags (tenant_id, lead_id, tag_id)
            SELECT leads.tenant_id, leads.id, tags.id FROM leads JOIN tags ON tags.tenant_id = leads.tenant_id
            WHERE leads.tenant_id = {tenant} AND leads.id % CASE tags.label WHEN 'rare' THEN 100 ELSE 2 END = 0;"
        )
    })
}

crm_testkit::both_databases! {
    /// A page costs as many statements however many leads it has, and reading one costs one.
    fn statements_are_few(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        contacts(&mut connection, &scope, &[1]);
        tag(&mut connection, &scope, "t");
        let body = json!({ "title": "x", "participants": [{ "id": "1" }], "tags": "t" });
        let ids: Vec<LeadId> = (0..20).map(|_| create(&mut connection, &scope, &body).id).collect();
        for (params, expected) in [
            (vec![("size", "1")], 3),
            (vec![("size", "20")], 3),
            (vec![("size", "20"), ("includeTotal", "true")], 4),
            (vec![("size", "20"), ("tags", "t,u,v")], 6),
            (vec![("size", "20"), ("tags", "t"), ("includeTotal", "true")], 7),
        ] {
            let (_, sent) = statements(&mut connection, |connection| list(connection, &scope, &params));
            assert_eq!(sent.len(), expected, "{params:?}: {sent:#?}");
        }
        let (_, sent) = statements(&mut connection, |connection| get(connection, &scope, ids[0]));
        assert_eq!(sent.len(), 1, "{sent:#?}");
    }

    /// At 100 000 leads of ten tenants nothing reads the whole table, and a page in one of the orders, the first
    /// or one behind a token, is read from the index of that order without sorting.
    fn every_list_has_its_index(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);

        let (_, sent) = statements(&mut connection, |connection| get(connection, &scope, LeadId::from_i64(77)));
        let by_id = sent[0].plan(&mut connection);
        assert!(!by_id.scans("leads"), "{by_id}");

        let indexes = Indexes {
            table: "leads",
            beside: &["lead_tags", "lead_participants"],
            orders: &[
                ("createdOn", "leads_created_on", "leads_created_on"),
                ("lastUpdatedOn", "leads_last_updated_on", "leads_last_updated_on"),
                ("title", "leads_title", "leads_title"),
                ("value", "leads_value_asc", "leads_value_desc"),
                ("leadRating", "leads_rating_asc", "leads_rating_desc"),
            ],
            filters: &[
                (("organizationId", "7"), Some("leads_organization")),
                (("contactId", "7"), Some("leads_contact")),
                (("ownerId", "owner-7"), Some("leads_owner")),
                // More than a thousand have it: the list is read in its order until the page is full.
                (("tags", "common"), Some("leads_created_on")),
                (("origin", "website"), None),
                (("leadRating", "3_hot"), None),
                (("isArchived", "true"), Some("leads_archived")),
                (("isArchived", "false"), None),
                (("isConverted", "true"), Some("leads_converted")),
                (("isConverted", "false"), None),
                (("createdAfterDate", "2025-01-03T00:00:00Z"), Some("leads_created_on")),
                (("createdBeforeDate", "2025-01-03T00:00:00Z"), Some("leads_created_on")),
            ],
            sorted: &[
                ("tags", "rare"),
                ("ids", "1,2,3,4,5,6,7,8,9,10,11,12"),
                ("title", "lead 99"),
                ("organizationId", "7,8"),
                ("contactId", "7,8"),
                ("ownerId", "owner-7,owner-8"),
                ("origin", "website,other"),
                ("leadRating", "1_cold,3_hot"),
            ],
        };
        indexes.assert_used(&mut connection, |connection, params| list(connection, &scope, params));
        assert_people_are_read_from("leads_owner", crm_leads::OWNERS, &mut connection, &scope);
    }
}
