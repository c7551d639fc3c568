//! What happened, in words.

use crm_console::fields::{Choice, Control, Entry};
use crm_console::happened::{About, Names, happening};
use crm_core::Timestamp;
use crm_history::{Action, Change, ChangeId, FieldChange, Kind, Position};
use serde_json::{Value, json};

fn change(fields: &[(&str, Value, Value)]) -> Change {
    let field = |(field, from, to): &(&str, Value, Value)| FieldChange {
        field: (*field).to_owned(),
        from: from.clone(),
        to: to.clone(),
    };
    Change {
        id: ChangeId::from_i64(1),
        kind: Kind::Opportunity,
        record_id: "1".to_owned(),
        action: Action::StageChanged,
        on: "2026-01-01T00:00:00.000Z".parse::<Timestamp>().unwrap(),
        by: None,
        key: None,
        request_id: None,
        changes: fields.iter().map(field).collect(),
        record: None,
        sources: None,
        target: None,
        cause: None,
        erased: false,
        position: Position::START,
    }
}

/// The text of a change, without tags.
fn told(names: &Names, field: &str, from: Value, to: Value) -> String {
    let markup = happening(&change(&[(field, from, to)]), names).into_string();
    let mut text = String::new();
    for part in markup.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
    }
    text.split_once("2026-01-01 00:00").unwrap().1.to_owned()
}

#[test]
fn ids_have_the_names_that_people_know() {
    let mut names = Names::default();
    names.call(About::Tag, "t1", "<b>hot</b>");
    names.call(About::Stage, "k1", "Enquiry");
    names.call(About::Organization, "1", "Acme");
    let tags = |id: &str| json!([{ "id": id }]);
    assert_eq!(told(&names, "tags", json!([]), tags("t1")), "Tags: – → &lt;b&gt;hot&lt;/b&gt;");
    assert_eq!(told(&names, "organizationId", json!("1"), Value::Null), "Organization: Acme → –");
    assert_eq!(told(&names, "stage", json!("k1"), json!("k1")), "Stage: Enquiry → Enquiry");
    assert_eq!(told(&names, "opportunityId", Value::Null, json!("7")), "Opportunity: – → #7");
    assert_eq!(told(&names, "isArchived", json!(false), json!(true)), "Archived: no → yes");
}

#[test]
fn what_has_no_name_says_so() {
    let key = "6fe9d1d4-0000-4000-8000-000000000000";
    let names = Names::default();
    assert_eq!(told(&names, "stage", json!(key), json!("k1")), "Stage: a stage that is gone → k1");
    assert_eq!(told(&names, "tags", json!([{ "id": key }]), json!([])), "Tags: a tag that is gone → –");
    assert_eq!(told(&names, "pipelineId", json!(key), Value::Null), "Pipeline: a pipeline that is gone → –");
    assert_eq!(told(&names, "contactId", json!("5"), Value::Null), "Contact: #5 → –");
}

#[test]
fn a_key_that_two_stages_have_is_not_called_by_either() {
    let mut names = Names::default();
    names.call(About::Stage, "k1", "Enquiry");
    names.call(About::Stage, "k1", "Enquiry");
    assert_eq!(told(&names, "stage", json!("k1"), Value::Null), "Stage: Enquiry → –");
    names.call(About::Stage, "k1", "Held");
    assert_eq!(told(&names, "stage", json!("k1"), Value::Null), "Stage: k1 → –");
    let changes = [change(&[("stage", json!("k1"), json!("k2"))])];
    assert_eq!(
        names.lacking(&changes, About::Stage).into_iter().collect::<Vec<_>>(),
        ["k2"],
        "it is not asked for again"
    );
}

#[test]
fn fields_are_called_as_their_form_calls_them() {
    let choice = Choice { id: "g".to_owned(), words: "Gold".to_owned(), color: None };
    let entry = Entry {
        id: "tier".to_owned(),
        is_custom: true,
        label: "Tier <1>".to_owned(),
        required: false,
        control: Control::Many(vec![choice], false),
    };
    let mut names = Names::default();
    assert_eq!(told(&names, "customFields.tier", Value::Null, json!(["g"])), "Tier: – → g");
    assert!(names.lacks_fields(&[change(&[("title", json!("a"), json!("b"))])], &[Kind::Opportunity]));
    names.know(Kind::Opportunity, vec![entry]);
    assert_eq!(
        told(&names, "customFields.tier", json!(["g", "old"]), json!(["g"])),
        "Tier &lt;1&gt;: Gold, old → Gold"
    );
    assert!(!names.lacks_fields(&[change(&[("title", json!("a"), json!("b"))])], &[Kind::Opportunity]));
}
