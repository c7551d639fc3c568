//! A column reads what it writes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crm_core::input::JsonObject;
use crm_core::{FieldCode, PublicTenantId};
use crm_exchange::{Access, Columns, Header, Kind, Lookup, Row};
use crm_forms::{Category, Field, FieldOption, FieldType};
use serde_json::{Value, json};

fn custom(id: &str, label: &str, field_type: FieldType, options: Option<Vec<FieldOption>>) -> Field {
    let tenant_id: PublicTenantId = "acme".parse().unwrap();
    let (id, label) = (id.to_owned(), label.to_owned());
    Field {
        id,
        label,
        category: Category::Custom,
        field_type,
        required: false,
        options,
        label_options: None,
        tenant_id,
    }
}

fn option(id: &str, label: &str) -> FieldOption {
    FieldOption::Labeled { id: id.to_owned(), label: label.to_owned(), color: None }
}

/// What all columns of these say of a record, and what they read of it.
fn there_and_back(columns: &Columns, record: &Value) -> (Vec<(String, String)>, Row) {
    let names: Vec<&str> = columns.all().iter().map(|column| column.name()).collect();
    let cells: Vec<String> = columns.all().iter().map(|column| column.write(record).into_owned()).collect();
    let row = Header::read(columns, &names, &[]).unwrap().row(&cells);
    (names.into_iter().map(str::to_owned).zip(cells).filter(|(_, cell)| !cell.is_empty()).collect(), row)
}

#[test]
fn a_custom_value_of_every_type_is_read_as_it_was() {
    let options =
        || Some(vec![option("s", "Small"), option("l", "Large; or more"), FieldOption::Plain("XL".to_owned())]);
    for (field_type, value, expected) in [
        (FieldType::Text, json!("  two\nlines, \"quoted\" "), &["  two\nlines, \"quoted\" "][..]),
        (FieldType::TextArea, json!("=1+1"), &["=1+1"]),
        (FieldType::Number, serde_json::from_str("12.50").unwrap(), &["12.50"]),
        (FieldType::Monetary, json!({ "amount": 10.5, "code": "USD" }), &["10.5", "USD"]),
        (FieldType::Date, json!("2025-02-20"), &["2025-02-20"]),
        (FieldType::DateRange, json!({ "start": "2025-02-20", "end": "2025-02-21" }), &["2025-02-20", "2025-02-21"]),
        (FieldType::DateTime, json!("2025-02-20T09:27"), &["2025-02-20T09:27"]),
        (
            FieldType::DateTimeRange,
            json!({ "start": "2025-02-20T09:27", "end": "2025-02-20T09:28" }),
            &["2025-02-20T09:27", "2025-02-20T09:28"],
        ),
        (FieldType::Time, json!("09:28"), &["09:28"]),
        (FieldType::TimeRange, json!({ "start": "09:28", "end": "09:29" }), &["09:28", "09:29"]),
        (FieldType::Dropdown, json!(["s", "XL"]), &["s; XL"]),
        (FieldType::Email, json!("a;b@work.com"), &["a;b@work.com"]),
        (FieldType::Tel, json!("+49 89 1234"), &["+49 89 1234"]),
        (FieldType::Url, json!("https://example.com/?a;b"), &["https://example.com/?a;b"]),
        (
            FieldType::PeoplePicker,
            json!([{ "id": "7", "name": "Sarah; Lee", "email": null }]),
            &[r#"[{"id":"7","name":"Sarah; Lee","email":null}]"#],
        ),
        (FieldType::TagPicker, json!([{ "id": "l" }]), &["l"]),
        (FieldType::Combobox, json!("anything"), &["anything"]),
        (
            FieldType::EmailLabeled,
            json!([{ "label": "Work", "value": "a@b.com" }, { "label": null, "value": "c@d.com", "primary": true }]),
            &["Work: a@b.com; *c@d.com"],
        ),
        (FieldType::TelLabeled, json!([{ "label": "a; b", "value": "*5:1" }]), &[r"a\; b: \*5\:1"]),
    ] {
        let columns = Columns::of(Kind::Lead, &[custom("x", "The field", field_type, options())]);
        let record = json!({ "customFields": { "x": value } });
        let (cells, row) = there_and_back(&columns, &record);
        let cells: Vec<&str> = cells.iter().map(|(_, cell)| cell.as_str()).collect();
        assert_eq!(cells, expected, "{field_type:?}");
        assert_eq!(row.body["customFields"]["x"], value, "{field_type:?}");
        assert!(row.names.is_empty() && row.moved.is_empty());
        let nothing = there_and_back(&columns, &json!({ "customFields": {} }));
        assert_eq!(nothing, (Vec::new(), Row::default()), "{field_type:?}");
    }
    assert_eq!(FieldType::ALL.len(), 19, "a new type needs a row above");
}

#[test]
fn an_option_is_read_by_its_label_and_one_that_is_none_is_left_to_the_rules() {
    let options = Some(vec![option("1", "Two"), option("2", "1")]);
    let columns = Columns::of(Kind::Case, &[custom("x", "X", FieldType::Dropdown, options)]);
    let read = |cell: &str| Header::read(&columns, ["x"], &[]).unwrap().row([cell]).body["customFields"]["x"].clone();
    assert_eq!(read("TWO; 1; 3"), json!(["1", "1", "3"]), "an id is itself, though a label is spelled like it");
}

#[test]
fn the_own_fields_of_a_record_are_read_as_they_were() {
    let user = json!({ "id": "7", "name": "Sarah Lee", "email": "sarah@example.com" });
    let lead = json!({
        "id": "5", "tenantId": "acme", "title": "Cloud", "value": { "amount": 25000, "code": "USD" }, "origin": "web",
        "leadRating": "2_warm", "note": "a\r\nb", "organizationId": "3", "organization": { "id": "3", "name": "Acme" },
        "contactId": null, "contact": null, "owner": user, "creator": user, "lastUpdatedBy": null,
        "followers": [user], "participants": [], "customFields": {}, "isArchived": true, "isConverted": false,
        "tags": [{ "id": "u", "label": "vip; gold", "color": "#ff0000", "tenantId": "acme" }],
        "opportunityId": null, "convertedOn": null,
        "createdOn": "2025-07-10T12:34:56.789Z", "lastUpdatedOn": "2025-07-10T12:34:56.789Z",
    });
    let columns = Columns::of(Kind::Lead, &[]);
    let (cells, row) = there_and_back(&columns, &lead);
    assert!(cells.contains(&("tags".to_owned(), r"vip\; gold".to_owned())), "{cells:?}");
    assert!(cells.contains(&("isArchived".to_owned(), "true".to_owned())), "{cells:?}");
    let body = json!({
        "id": "5", "title": "Cloud", "value": { "amount": 25000, "code": "USD" }, "origin": "web", "leadRating": "2_warm",
        "note": "a\r\nb", "owner": user, "creator": user, "followers": [user], "isConverted": false,
        "tags": [{ "label": "vip; gold" }], "lastUpdatedOn": "2025-07-10T12:34:56.789Z",
    });
    assert_eq!(Value::Object(row.body.clone()), body);
    assert_eq!(
        Value::Object(row.moved.clone()),
        json!({ "isArchived": true, "createdOn": "2025-07-10T12:34:56.789Z" })
    );
    let [organization] = &row.names[..] else { panic!("{:?}", row.names) };
    assert_eq!(
        (organization.lookup, &*organization.name, &organization.id),
        (Lookup::Organization, "Acme", &Some(json!("3")))
    );

    let of_object = Row::of_object(Kind::Lead, lead.as_object().unwrap().clone());
    assert_eq!((&of_object.names, &of_object.moved), (&row.names, &row.moved), "JSON says the same");
    for (member, value) in &row.body {
        assert_eq!(of_object.body.get(member), Some(value), "{member}");
    }
}

#[test]
fn pipelines_and_case_types_go_by_their_names() {
    for (kind, lookup, member) in
        [(Kind::Opportunity, Lookup::Pipeline, "pipelineId"), (Kind::Case, Lookup::CaseType, "caseTypeId")]
    {
        let names = [("9".to_owned(), "Sales".to_owned())].into();
        let columns = Columns::of(kind, &[]).with_names([(lookup, names)]);
        let record = json!({ member: "9" });
        let (cells, row) = there_and_back(&columns, &record);
        assert!(cells.contains(&(lookup.members().0.to_owned(), "Sales".to_owned())), "{cells:?}");
        assert_eq!((row.names[0].lookup, &*row.names[0].name), (lookup, "Sales"));
        assert_eq!(row.body, JsonObject::new());
        let mut object = JsonObject::new();
        columns.find(lookup.members().0).unwrap().copy(&record, &mut object);
        assert_eq!(Row::of_object(kind, object).names[0].name, "Sales");
    }
}

#[test]
fn a_column_is_found_by_what_people_call_it() {
    let fields = [
        custom("size", "Company size", FieldType::Text, None),
        custom("name", "Nickname", FieldType::Text, None),
        custom("a", "Note", FieldType::Text, None),
        Field { category: Category::Default, ..custom("jobTitle", "Rôle", FieldType::Text, None) },
    ];
    let columns = Columns::of(Kind::Contact, &fields);
    for (name, expected) in [
        ("name", "name"),
        (" NAME ", "name"),
        ("customFields.name", "customFields.name"),
        ("Nickname", "customFields.name"),
        ("SIZE", "customFields.size"),
        ("company size", "customFields.size"),
        ("RÔLE", "jobTitle"),
        ("organization", "organization"),
        ("Organization id", "organizationId"),
        ("owner.email", "owner.email"),
        ("email.Work", "email.Work"),
        ("Phone.Mobile 2.0", "phone.Mobile 2.0"),
        ("Note (note)", "note"),
        ("Note (customFields.a)", "customFields.a"),
    ] {
        assert_eq!(columns.find(name).map(|column| column.name().to_owned()).as_deref(), Ok(expected), "{name}");
    }
    for (name, nearest) in [("jobtilte", "jobTitle"), ("email.", "email"), ("Full name", "name"), ("E-mail 1", "email")]
    {
        assert_eq!(columns.find(name).unwrap_err().nearest, nearest, "{name}");
    }
    let labels: std::collections::HashSet<&str> = columns.all().iter().map(|column| column.label()).collect();
    assert_eq!(labels.len(), columns.all().len(), "every label is of one column");
}

#[test]
fn a_header_says_what_is_wrong_with_it() {
    let columns = Columns::of(Kind::Contact, &[]);
    let map = [("E-mail 1".to_owned(), Some("email.Work".to_owned())), ("Ignore me".to_owned(), None)];
    let header = Header::read(&columns, ["Name", "E-mail 1", "Ignore me", ""], &map).unwrap();
    let row = header.row(["Jane", "jane@work.com", "x", "y", "beyond"]);
    assert_eq!(
        Value::Object(row.body),
        json!({ "name": "Jane", "email": [{ "label": "Work", "value": "jane@work.com" }] })
    );
    assert!(header.has("name") && !header.has("phone"));

    let missing = [("Gone".to_owned(), Some("name".to_owned()))];
    let errors = Header::read(&columns, ["name", "Nmae", "NAME"], &missing).unwrap_err();
    let found: Vec<_> = errors.as_slice().iter().map(|error| (&*error.field, error.code)).collect();
    assert_eq!(
        found,
        [("Nmae", FieldCode::UnknownField), ("NAME", FieldCode::Duplicate), ("Gone", FieldCode::UnknownField)]
    );
    assert!(errors.as_slice()[0].message.contains("name"), "{errors}");
}

#[test]
fn addresses_of_several_cells_are_one_list_with_each_once() {
    let columns = Columns::of(Kind::Contact, &[]);
    let header = Header::read(&columns, ["email", "email.Work", "email.Home", "owner.email"], &[]).unwrap();
    let row = header.row(["jane@work.com", "JANE@work.com; j@work.com", "*jane@home.org", "sarah@example.com"]);
    let expected = json!([
        { "label": null, "value": "jane@work.com" },
        { "label": "Work", "value": "j@work.com" },
        { "label": "Home", "value": "jane@home.org", "primary": true },
    ]);
    assert_eq!(row.body["email"], expected);
    assert_eq!(
        row.body["owner"],
        json!({ "id": "sarah@example.com", "email": "sarah@example.com" }),
        "an address is an id"
    );
}

#[test]
fn what_is_no_value_goes_on_to_the_rules() {
    let columns = Columns::of(Kind::Lead, &[]);
    let names = ["value.amount", "isArchived", "followers"];
    let row = Header::read(&columns, names, &[]).unwrap().row(["ten", "perhaps", "sarah"]);
    assert_eq!(row.body["value"]["amount"], "ten");
    assert_eq!(row.moved["isArchived"], "perhaps");
    assert_eq!(row.body["followers"], "sarah");
}

#[test]
fn what_moves_and_what_is_shown_is_marked() {
    let access = |kind: Kind, name: &str| Columns::of(kind, &[]).find(name).map(|column| column.access());
    for (kind, name, expected) in [
        (Kind::Lead, "title", Access::Written),
        (Kind::Lead, "isArchived", Access::Moved),
        (Kind::Lead, "isConverted", Access::Shown),
        (Kind::Opportunity, "status", Access::Moved),
        (Kind::Opportunity, "lostReason.comment", Access::Moved),
        (Kind::Case, "status", Access::Written),
        (Kind::Case, "firstResolutionOn", Access::Moved),
        (Kind::Case, "lastResolutionOn", Access::Moved),
        (Kind::Contact, "createdOn", Access::Moved),
        (Kind::Contact, "lastUpdatedOn", Access::Shown),
    ] {
        assert_eq!(access(kind, name), Ok(expected), "{kind:?} {name}");
    }
}
