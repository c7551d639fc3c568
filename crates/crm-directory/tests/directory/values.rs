//! Filters by any field at 100 000 contacts and organizations of ten tenants: each is answered by an index.

use crm_core::{Condition, DbConnection, Scope};
use crm_directory::{ContactFilter, ContactSort, OrganizationFilter, OrganizationSort, contacts, organizations};
use crm_forms::{FormKind, NewForm};
use crm_tags::{NewTag, TagKind};
use crm_testkit::any_field::AnyField;
use crm_testkit::plans::{moment, ten_tenants};
use crm_testkit::{TestDatabase, both_databases};
use serde_json::{Value, json};

use crate::common::{Asked, asked, read};

/// Ten thousand more records of a kind in each of ten tenants, one in three of which has a value in `filled`; some with a tag.
fn hundred_thousand(
    database: &TestDatabase,
    connection: &mut DbConnection,
    (table, record): (&str, &str),
    kind: TagKind,
    filled: &str,
) -> Scope {
    let (created, updated) = (moment(database.kind(), "n"), moment(database.kind(), "n * 7919 % 10000"));
    let tenant = |connection: &mut DbConnection, id: &str| {
        let scope = database.tenant(id);
        let new: NewTag = read(json!({ "label": "rare" })).unwrap();
        connection.write(|connection| crm_tags::create(connection, &scope, kind, &new)).unwrap();
        scope
    };
    ten_tenants(connection, tenant, |tenant| {
        format!(
            "INSERT INTO {table} (tenant_id, id, name, name_folded, name_key, name_search, {filled}, owner_id, custom_fields,
                created_on, last_updated_on)
             WITH RECURSIVE numbers (n) AS (SELECT 201 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10200)
             SELECT {tenant}, n, 'N' || n, 'n' || n, 'n' || n, 'n' || n, CASE WHEN n % 3 = 0 THEN 'filled' END, 'owner-' || (n % 50), '{{}}',
                {created}, {updated}
             FROM numbers;
             INSERT INTO {record}_tags (tenant_id, {record}_id, tag_id)
             SELECT r.tenant_id, r.id, tags.id FROM {table} r JOIN tags ON tags.tenant_id = r.tenant_id
             WHERE r.tenant_id = {tenant} AND r.id % 100 = 0;"
        )
    })
}

fn add_fields(connection: &mut DbConnection, scope: &Scope, kind: FormKind) {
    let name = json!({ "id": "name", "label": "Name", "category": "default", "type": "text", "required": true });
    let fields: Vec<Value> = std::iter::once(name).chain(AnyField::fields()).collect();
    let new: NewForm = read(json!({ "fields": fields })).unwrap();
    let replaced =
        connection.write(|c| crm_forms::replace(c, scope, kind, &Condition::none(), &new, |_, _| Ok([].into())));
    replaced.unwrap();
}

both_databases! {
    fn filters_of_contacts_by_any_field_have_their_indexes(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection, ("contacts", "contact"), TagKind::Contact, "job_title");
        add_fields(&mut connection, &scope, FormKind::Contacts);
        let filters = AnyField {
            table: "contacts",
            values: ("contact_values", "contact_id"),
            beside: &["contact_tags"],
            own: &[
                (("empty", "jobTitle,department"), 9),
                (("notEmpty", "jobTitle,owner"), 9),
                (("notEmpty", "linkedin"), 0),
                (("notEmpty", "externalId"), 0),
                (("notEmpty", "tags"), 9),
                (("notEmpty", "email"), 0),
            ],
        };
        filters.assert_used(&mut connection, &scope, |connection, params| {
            let Asked { filter, page } = asked::<ContactFilter, ContactSort>(params);
            contacts::list(connection, &scope, &filter, &page).unwrap()
        });
    }

    fn filters_of_organizations_by_any_field_have_their_indexes(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection, ("organizations", "organization"), TagKind::Organization, "industry");
        add_fields(&mut connection, &scope, FormKind::Organizations);
        let filters = AnyField {
            table: "organizations",
            values: ("organization_values", "organization_id"),
            beside: &["organization_tags"],
            own: &[
                (("empty", "industry,website"), 9),
                (("notEmpty", "industry,owner"), 9),
                (("notEmpty", "annualRevenue"), 0),
                (("notEmpty", "externalId"), 0),
                (("notEmpty", "tags"), 9),
                (("notEmpty", "phone"), 0),
            ],
        };
        filters.assert_used(&mut connection, &scope, |connection, params| {
            let Asked { filter, page } = asked::<OrganizationFilter, OrganizationSort>(params);
            organizations::list(connection, &scope, &filter, &page).unwrap()
        });
    }
}
