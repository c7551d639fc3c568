//! Forms in the database: replaced, kept apart by tenant, and what happens to the values of a field that is
//! taken off.

use crm_core::sql::Json;
use crm_core::{Condition, DbConnection, FieldCode, Scope};
use crm_forms::search::Searched;
use crm_forms::{CustomFields, Form, FormError, FormKind};
use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::common::{input, new_form};

diesel::table! {
    use diesel::sql_types::*;
    use crm_core::sql::JsonText;

    /// Stands for the table of a kind of record.
    things (tenant_id, id) {
        tenant_id -> BigInt,
        id -> BigInt,
        custom_fields -> JsonText,
    }
}

static THINGS: Searched = Searched { table: "things", values: "thing_values", record: "thing_id", own: &[] };

crm_forms::custom_fields_in_use!(THINGS);

fn make_things(connection: &mut DbConnection) {
    let column = "custom_fields JSON NOT NULL, PRIMARY KEY (tenant_id, id))";
    connection
        .batch_execute(&format!("CREATE TABLE things (tenant_id BIGINT NOT NULL, id BIGINT NOT NULL, {column}"))
        .unwrap();
    let values = "position INTEGER NOT NULL, field TEXT NOT NULL, value TEXT, search TEXT";
    let of_thing = "FOREIGN KEY (tenant_id, thing_id) REFERENCES things (tenant_id, id) ON DELETE CASCADE";
    connection
        .batch_execute(&format!(
            "CREATE TABLE thing_values (tenant_id BIGINT NOT NULL, thing_id BIGINT NOT NULL, {values}, {of_thing})"
        ))
        .unwrap();
}

fn store(connection: &mut DbConnection, scope: &Scope, id: i64, fields: &CustomFields) {
    diesel::insert_into(things::table)
        .values((
            things::tenant_id.eq(scope.tenant()),
            things::id.eq(id),
            things::custom_fields.eq(Json(fields.clone())),
        ))
        .execute(connection)
        .unwrap();
    let form = crm_forms::get(connection, scope, FormKind::Pipeline).unwrap();
    crm_forms::search::index(connection, scope, &THINGS, id, fields, &form).unwrap();
}

fn stored(connection: &mut DbConnection, scope: &Scope, id: i64) -> CustomFields {
    let Json(fields) =
        things::table.find((scope.tenant(), id)).select(things::custom_fields).first(connection).unwrap();
    fields
}

/// Replaces the form of leads and opportunities by custom fields of these ids and types.
fn put(connection: &mut DbConnection, scope: &Scope, fields: &[(&str, &str)]) -> Result<Form, FormError> {
    let field = |(id, field_type): &(&str, &str)| {
        format!(r#"{{"id": "{id}", "label": "{id}", "category": "custom", "type": "{field_type}"}}"#)
    };
    let new = new_form(&format!(r#"{{"fields": [{}]}}"#, fields.iter().map(field).collect::<Vec<_>>().join(",")));
    connection.write(|connection| {
        crm_forms::replace(connection, scope, FormKind::Pipeline, &Condition::none(), &new, |connection, fields| {
            custom_fields_in_use(connection, scope, fields)
        })
    })
}

fn blocked(result: Result<Form, FormError>) -> Vec<String> {
    match result {
        Err(FormError::FieldInUse(fields)) => fields,
        other => panic!("expected a field in use, got {other:?}"),
    }
}

both_databases! {
    /// A tenant that never changed a form has the default one; each tenant and kind has its own.
    fn a_form_belongs_to_one_tenant_and_kind(database) {
        let mut connection = database.connect();
        let (acme, other) = (database.tenant("acme"), database.tenant("other"));
        put(&mut connection, &acme, &[("x", "text")]).unwrap();
        let ids = |connection: &mut DbConnection, scope: &Scope, kind| -> Vec<String> {
            crm_forms::get(connection, scope, kind).unwrap().fields().iter().map(|field| field.id.clone()).collect()
        };
        assert_eq!(ids(&mut connection, &acme, FormKind::Pipeline), ["title", "x"]);
        for (scope, kind) in [(&acme, FormKind::Contacts), (&acme, FormKind::Organizations), (&other, FormKind::Pipeline)] {
            let own: Vec<_> = kind.own_fields().iter().map(|own| own.id).collect();
            assert_eq!(ids(&mut connection, scope, kind), own);
        }
        let theirs = crm_forms::get(&mut connection, &other, FormKind::Pipeline).unwrap();
        assert!(theirs.fields().iter().all(|field| field.tenant_id.as_str() == "other"));
    }

    /// A PUT that is refused changes nothing.
    fn a_refused_form_leaves_the_one_before(database) {
        let mut connection = database.connect();
        let scope = database.tenant("acme");
        put(&mut connection, &scope, &[("x", "text")]).unwrap();
        assert!(matches!(put(&mut connection, &scope, &[("title", "text")]), Err(FormError::Invalid(_))));
        assert_eq!(crm_forms::get(&mut connection, &scope, FormKind::Pipeline).unwrap().fields()[1].id, "x");
    }

    /// A custom field changes its type only while no record of this tenant has a value in it.
    fn a_field_with_values_keeps_its_type(database) {
        let mut connection = database.connect();
        make_things(&mut connection);
        let (acme, other) = (database.tenant("acme"), database.tenant("other"));
        put(&mut connection, &acme, &[("a-1_Z", "text"), ("b", "text")]).unwrap();
        put(&mut connection, &acme, &[("a-1_Z", "number"), ("b", "text")]).unwrap();
        put(&mut connection, &other, &[("a-1_Z", "number")]).unwrap();
        store(&mut connection, &acme, 1, &serde_json::from_str(r#"{"a-1_Z": 1, "nested": {"b": 1}}"#).unwrap());
        assert_eq!(blocked(put(&mut connection, &acme, &[("a-1_Z", "text"), ("b", "date")])), ["a-1_Z"]);
        put(&mut connection, &acme, &[("a-1_Z", "number"), ("b", "date")]).unwrap();
        put(&mut connection, &other, &[("a-1_Z", "text")]).unwrap();
    }

    /// So does one whose values nothing finds, because they are of another type, or came before the field: they are there.
    fn a_value_that_nothing_finds_is_a_value(database) {
        let mut connection = database.connect();
        make_things(&mut connection);
        let scope = database.tenant("acme");
        put(&mut connection, &scope, &[("x", "number")]).unwrap();
        store(&mut connection, &scope, 1, &serde_json::from_str(r#"{"x": "no number", "y": "early"}"#).unwrap());
        put(&mut connection, &scope, &[("x", "number"), ("y", "date")]).unwrap();
        assert_eq!(blocked(put(&mut connection, &scope, &[("x", "date"), ("y", "text")])), ["x", "y"]);
    }

    /// A field that is taken off keeps its values: they are hidden, and come back with the field, whose type
    /// is remembered for as long as there are any.
    fn the_values_of_a_field_taken_off_come_back_with_it(database) {
        let mut connection = database.connect();
        make_things(&mut connection);
        let scope = database.tenant("acme");
        let form = put(&mut connection, &scope, &[("x", "number"), ("empty", "text")]).unwrap();
        let mut errors = crm_core::FieldErrors::new();
        store(&mut connection, &scope, 1, &form.check_new(Some(&input(r#"{"x": 1.50}"#)), &mut errors));

        let without = put(&mut connection, &scope, &[]).unwrap();
        let kept = stored(&mut connection, &scope, 1);
        assert!(without.visible(&kept).is_empty() && !kept.is_empty());
        put(&mut connection, &scope, &[("y", "text")]).unwrap();
        assert_eq!(blocked(put(&mut connection, &scope, &[("x", "text"), ("empty", "date")])), ["x"]);

        let with = put(&mut connection, &scope, &[("x", "number")]).unwrap();
        assert_eq!(serde_json::to_string(&with.visible(&kept)).unwrap(), r#"{"x":1.50}"#);
        put(&mut connection, &scope, &[]).unwrap();
        diesel::delete(things::table).execute(&mut connection).unwrap();
        put(&mut connection, &scope, &[("x", "date")]).unwrap();
    }

    /// Forms that have other fields each time leave no more values behind than a form has fields, and what is remembered
    /// goes with the values.
    fn no_more_fields_than_a_form_has_are_off_it_with_values(database) {
        let mut connection = database.connect();
        make_things(&mut connection);
        let scope = database.tenant("acme");
        let values = |numbers: std::ops::Range<usize>| -> CustomFields {
            let members = numbers.map(|number| format!(r#""f{number}": "x""#)).collect::<Vec<_>>().join(",");
            serde_json::from_str(&format!("{{{members}}}")).unwrap()
        };
        let put_fields = |connection: &mut DbConnection, numbers: std::ops::Range<usize>| {
            let ids: Vec<String> = numbers.map(|number| format!("f{number}")).collect();
            put(connection, &scope, &ids.iter().map(|id| (id.as_str(), "text")).collect::<Vec<_>>())
        };
        put_fields(&mut connection, 0..199).unwrap();
        store(&mut connection, &scope, 1, &values(0..100));
        store(&mut connection, &scope, 2, &values(50..201));
        put_fields(&mut connection, 199..201).unwrap();
        put_fields(&mut connection, 200..201).unwrap();
        let Err(FormError::Invalid(errors)) = put_fields(&mut connection, 300..301) else { panic!("201 are off the form") };
        assert_eq!((errors.as_slice()[0].field.as_str(), errors.as_slice()[0].code), ("fields", FieldCode::TooMany));
        assert_eq!(blocked(put(&mut connection, &scope, &[("f0", "date"), ("f200", "text")])), ["f0"]);

        diesel::delete(things::table.filter(things::id.eq(2))).execute(&mut connection).unwrap();
        let form = put_fields(&mut connection, 300..301).unwrap();
        let kept = serde_json::to_value(form.to_stored()).unwrap();
        assert_eq!(kept["retired"].as_object().unwrap().len(), 100, "what has no values is forgotten");
    }

    /// Numbers and money come out of the database in the digits that went in.
    fn values_are_exact_through_the_database(database) {
        let mut connection = database.connect();
        make_things(&mut connection);
        let scope = database.tenant("acme");
        let form = put(&mut connection, &scope, &[("n", "number"), ("s", "number"), ("m", "monetary"), ("t", "text")]).unwrap();
        let sent = r#"{"n":0.10000000000000000000000000000000000001,"s":"9007199254740993.00","m":{"amount":99999999999999.9999,"code":"USD"},"t":"\"\\ \u00e9\ud83d\ude00 </script>"}"#;
        let mut errors = crm_core::FieldErrors::new();
        let checked = form.check_new(Some(&input(sent)), &mut errors);
        assert!(errors.is_empty(), "{errors:?}");
        store(&mut connection, &scope, 1, &checked);
        let back = serde_json::to_string(&form.visible(&stored(&mut connection, &scope, 1))).unwrap();
        assert_eq!(back, sent.replace("\\u00e9\\ud83d\\ude00", "\u{e9}\u{1f600}"));
    }

    /// Reading the form for a write gives the same form, with a row and without.
    fn a_shared_form_is_the_form(database) {
        let mut connection = database.connect();
        let scope = database.tenant("acme");
        for fields in [None, Some([("x", "text")])] {
            if let Some(fields) = fields {
                put(&mut connection, &scope, &fields).unwrap();
            }
            let shared = connection.write(|connection| crm_forms::get_shared(connection, &scope, FormKind::Pipeline)).unwrap();
            assert_eq!(shared.fields(), crm_forms::get(&mut connection, &scope, FormKind::Pipeline).unwrap().fields());
        }
    }
}

/// On PostgreSQL, where writes run at the same time, a form waits for the records that are being written by it.
#[cfg_attr(not(feature = "postgres"), ignore = "it needs PostgreSQL")]
#[test]
fn a_form_is_not_replaced_under_a_record_that_is_being_written() {
    let database = TestDatabase::postgres();
    let scope = database.tenant("acme");
    let (mut record, mut form) = (database.connect(), database.connect());
    make_things(&mut form);
    put(&mut form, &scope, &[("x", "text")]).unwrap();
    form.batch_execute("SET lock_timeout = '100ms'").unwrap();
    record.begin_write().unwrap();
    crm_forms::get_shared(&mut record, &scope, FormKind::Pipeline).unwrap();
    let Err(FormError::Database(error)) = put(&mut form, &scope, &[]) else { panic!("the form was replaced") };
    assert!(error.to_string().contains("lock timeout"), "{error}");
    record.commit_write().unwrap();
    put(&mut form, &scope, &[]).unwrap();
}
