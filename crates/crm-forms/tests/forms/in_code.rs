//! A form, and a value of each type of field, without a word of JSON.

use crm_core::values::{Color, Decimal, Followers, LabeledValueKind, LabeledValues, Money, User};
use crm_core::{Condition, FieldCode, FieldErrors};
use crm_forms::{CustomFieldsInput, FieldOption, FieldType, FieldValue, FormKind, NewField, NewFields, NewForm};
use crm_testkit::both_databases;

fn field(field_type: FieldType) -> NewField {
    let option = |id: &str, color: &str| FieldOption::Labeled {
        id: id.to_owned(),
        label: id.to_uppercase(),
        color: Some(Color::new("color", color).unwrap().into_string()),
    };
    let field = NewField::custom(field_type.as_str(), field_type.as_str(), field_type);
    if field_type.has_options() { field.with_options([option("a", "#ff0000"), option("b", "#00ff00")]) } else { field }
}

fn value(field_type: FieldType) -> FieldValue {
    let labeled = |kind, value: &str| LabeledValues::new("value", kind, [value]).unwrap();
    match field_type {
        FieldType::Text | FieldType::TextArea | FieldType::Combobox | FieldType::Tel => "Some text".into(),
        FieldType::Number => Decimal::new(12_50, 2).into(),
        FieldType::Monetary => Money::new(Decimal::from(10), "EUR".parse().unwrap()).unwrap().into(),
        FieldType::Date => "2025-02-20".into(),
        FieldType::DateRange => FieldValue::range("2025-02-20", "2025-02-21"),
        FieldType::DateTime => "2025-02-20T09:27".into(),
        FieldType::DateTimeRange => FieldValue::range("2025-02-20T09:27", "2025-02-20T09:28"),
        FieldType::Time => "09:28".into(),
        FieldType::TimeRange => FieldValue::range("09:28", "09:28:30"),
        FieldType::Dropdown => FieldValue::options(["a", "b"]),
        FieldType::TagPicker => FieldValue::picked(["b"]),
        FieldType::Email => "jane@work.com".into(),
        FieldType::Url => "https://example.com".into(),
        FieldType::PeoplePicker => Followers::new([User::new("user-012").unwrap()]).unwrap().into(),
        FieldType::EmailLabeled => labeled(LabeledValueKind::Email, "jane@work.com").into(),
        FieldType::TelLabeled => labeled(LabeledValueKind::Phone, "+1 212 555 0100").into(),
    }
}

both_databases! {
    fn a_form_and_a_value_of_each_type_are_made_in_code(database) {
        let (mut connection, scope) = (database.connect(), database.tenant("acme"));
        let title = NewField::own("title", "Title", FieldType::Text).required();
        let fields = [title].into_iter().chain(FieldType::ALL.iter().map(|field_type| field(*field_type)));
        let new = NewForm::new(NewFields::new(fields).unwrap());
        let form = connection
            .write(|c| crm_forms::replace(c, &scope, FormKind::Pipeline, &Condition::none(), &new, |_, _| Ok([].into())))
            .unwrap();
        let given = FieldType::ALL.iter().fold(CustomFieldsInput::new(), |given, field_type| {
            given.with(field_type.as_str(), value(*field_type))
        });
        let mut errors = FieldErrors::new();
        let stored = form.check_new(Some(&given), &mut errors);
        assert!(errors.is_empty(), "{errors:?}");
        let stored = stored.to_object();
        assert_eq!(stored.len(), FieldType::ALL.len());
        assert_eq!(stored["number"].to_string(), "12.50", "with the digits that it has");
    }
}

#[test]
fn a_field_in_code_is_held_to_the_rules_of_a_body() {
    let text = |id: &str| NewField::custom(id, "Label", FieldType::Text);
    let dropdown = NewField::custom("a", "A", FieldType::Dropdown);
    for (made, field, code) in [
        (NewFields::new([text("not an id")]), "fields[0].id", FieldCode::InvalidId),
        (NewFields::new([NewField::custom("a", " ", FieldType::Text)]), "fields[0].label", FieldCode::Required),
        (NewFields::new([dropdown]), "fields[0].options", FieldCode::Required),
        (NewFields::new([text("a").with_labels(["Work"])]), "fields[0].labelOptions", FieldCode::Conflicting),
        (NewFields::new((0..201).map(|number| text(&number.to_string()))), "fields", FieldCode::TooMany),
    ] {
        let errors = made.unwrap_err();
        assert_eq!((errors.as_slice()[0].field.as_str(), errors.as_slice()[0].code), (field, code));
    }
    assert!(NewFields::new((0..200).map(|number| text(&number.to_string()))).is_ok());
}
