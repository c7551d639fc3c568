//! What bodies may say of tags.

use crm_core::Patch;

use crate::common::{new_tag, patch, problems, refs};

#[test]
fn a_tag_has_a_label_and_a_colour() {
    for (body, expected, why) in [
        ("{}", &["label required"][..], "nothing"),
        (r#"{"label": "  "}"#, &["label required"], "a blank label"),
        (r#"{"label": "a,b"}"#, &["label invalid_characters"], "a comma would split it in a list"),
        (r#"{"label": 5}"#, &["label wrong_type"], "a number"),
        (r#"{"label": "a\u0000"}"#, &["label invalid_characters"], "NUL"),
        (r#"{"label": "a", "color": "red"}"#, &["color invalid_color"], "a colour by name"),
        (r##"{"label": "a", "color": "#ff00"}"##, &["color invalid_color"], "four digits"),
        (r##"{"label": "a", "color": "#ff00zz"}"##, &["color invalid_color"], "no digits"),
        (r#"{"label": "a", "colour": "x", "color": 1}"#, &["color wrong_type", "colour unknown_field"], "two problems"),
    ] {
        assert_eq!(problems(&new_tag(body).unwrap_err()), expected, "{why}: {body}");
    }
    let longest = "\u{1f3f7}".repeat(64);
    assert_eq!(new_tag(&format!(r#"{{"label": "{longest}"}}"#)).unwrap().label.as_str(), longest);
    assert_eq!(problems(&new_tag(&format!(r#"{{"label": "{longest}x"}}"#)).unwrap_err()), ["label too_long"]);
    let trimmed = new_tag(r##"{"id": "x", "label": " a b ", "color": "#FF7a00", "tenantId": "t"}"##).unwrap();
    assert_eq!((trimmed.label.as_str(), trimmed.color.unwrap().as_str()), ("a b", "#FF7a00"));
}

#[test]
fn a_patch_changes_what_it_names() {
    assert_eq!(patch("{}").unwrap(), crm_tags::TagPatch::default());
    assert!(matches!(patch(r#"{"color": null}"#).unwrap().color, Patch::Clear));
    assert_eq!(problems(&patch(r#"{"label": null}"#).unwrap_err()), ["label not_nullable"]);
    assert_eq!(problems(&patch(r#"{"label": "", "x": 1}"#).unwrap_err()), ["label required", "x unknown_field"]);
}

#[test]
fn tags_of_a_record_are_spelled_in_three_ways() {
    for text in [
        r#""""#,
        r#"" ""#,
        "[]",
        r#""lead-tags""#,
        r#""lead-tags, another-tag""#,
        r#"["lead-tags", "c4d5e6f7-8901-4345-8789-abcdef012345"]"#,
        r#"[{"id": "c4d5e6f7-8901-4345-8789-abcdef012345"}, {"label": "x"}]"#,
        r##"[{"id": "c4d5e6f7-8901-4345-8789-abcdef012345", "label": "x", "color": "#ff0000", "tenantId": "t"}]"##,
        r#"[{"id": null, "label": "x"}]"#,
    ] {
        assert!(refs(text).is_ok(), "{text}: {:?}", refs(text));
    }
    assert!(refs(r#""""#).unwrap().is_empty() && refs("[]").unwrap().is_empty());
}

#[test]
fn other_spellings_are_refused() {
    let many = format!("[{}]", vec![r#""a""#; 51].join(","));
    for (text, expected, why) in [
        ("5", &["tags wrong_type"][..], "a number"),
        (r#"{"label": "x"}"#, &["tags wrong_type"], "an object without an array"),
        (r#""a,,b""#, &["tags invalid_value"], "an empty entry"),
        (r#"["a", "", 5]"#, &["tags[1] invalid_value", "tags[2] wrong_type"], "an empty string, a number"),
        (r#"[{}]"#, &["tags[0] required"], "an object of nothing"),
        (r#"[{"id": "5"}]"#, &["tags[0].id invalid_id"], "no UUID"),
        (r#"[{"label": 5}]"#, &["tags[0].label wrong_type"], "a label that is a number"),
        (
            r#"[{"id": "c4d5e6f7-8901-4345-8789-abcdef012345", "label": 5}]"#,
            &["tags[0].label wrong_type"],
            "a label that is a number, beside an id",
        ),
        (r#"[{"label": "a", "x": 1}]"#, &["tags[0].x unknown_field"], "another member"),
        (many.as_str(), &["tags too_many"], "51 of them"),
    ] {
        assert_eq!(problems(&refs(text).unwrap_err()), expected, "{why}: {text}");
    }
}
