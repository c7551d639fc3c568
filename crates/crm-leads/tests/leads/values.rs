//! Filters by any field at 100 000 leads of ten tenants: each is answered by an index.

use super::*;
use crate::plans::hundred_thousand;
use crm_core::BackendKind;
use crm_testkit::any_field::AnyField;
use crm_testkit::statements::statements;

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

    /// Which fields have values, which a form asks before it changes, is one look at an index for each: no record is read.
    fn fields_in_use_are_known_without_reading_records(database) {
        let mut connection = database.connect();
        let scope = hundred_thousand(database, &mut connection);
        let number = json!({ "id": "used", "label": "Used", "category": "custom", "type": "number" });
        add_fields(&mut connection, &scope, &[number]);
        patch(&mut connection, &scope, LeadId::from_i64(7), &json!({ "customFields": { "used": 5 } }));
        let (used, sent) = statements(&mut connection, |connection| {
            crm_leads::custom_fields_in_use(connection, &scope, &["used", "other"]).unwrap()
        });
        assert_eq!(used, ["used".to_owned()].into());
        let [statement] = &sent[..] else { panic!("{sent:#?}") };
        let plan = statement.plan(&mut connection);
        assert!(!plan.scans("leads"), "{plan}");
        // PostgreSQL reads a table as a whole that has one row.
        if database.kind() == BackendKind::Sqlite {
            assert!(plan.uses("lead_values_value") && !plan.scans("lead_values"), "{plan}");
        }
    }
}
