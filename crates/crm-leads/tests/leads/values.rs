//! Filters by any field at 100 000 leads of ten tenants: each is answered by an index.

use super::*;
use crate::plans::hundred_thousand;
use crm_testkit::any_field::AnyField;

crm_testkit::both_databases! {
    fn filters_by_any_field_have_their_indexes(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);
        add_fields(&mut connection, &scope, &AnyField::fields());
        let filters = AnyField {
            table: "leads",
            values: ("lead_values", "lead_id"),
            beside: &["lead_tags", "lead_participants"],
            own: &[
                (("empty", "value,origin"), 9),
                (("empty", "owner"), 0),
                (("notEmpty", "externalId"), 0),
                (("notEmpty", "tags"), 9),
                (("notEmpty", "participants"), 9),
            ],
        };
        filters.assert_used(&mut connection, &scope, |connection, params| {
            let asked: Asked = asked(params).unwrap();
            crm_leads::list(connection, &scope, &asked.filter, &asked.page).unwrap()
        });
    }
}
