//! The values that each type of field takes and refuses.

use crm_forms::FieldType;

/// A value and what comes back.
pub(crate) type Taken = (&'static str, &'static str);
/// A value, where the problem is within the field, its code, and why.
pub(crate) type Refused = (&'static str, &'static str, &'static str, &'static str);

pub(crate) struct Case {
    pub(crate) field_type: FieldType,
    pub(crate) taken: &'static [Taken],
    pub(crate) refused: &'static [Refused],
}

pub(crate) const DROPDOWN_OPTIONS: &str =
    r##"["red", {"id": "g", "label": "Green"}, {"id": "b", "label": "Blue", "color": "#0000ff"}]"##;
pub(crate) const TAG_OPTIONS: &str =
    r##"[{"id": "t1", "label": "Tag 1", "color": "#FF7A00"}, {"id": "t2", "label": "Tag 2", "color": "#000000"}]"##;

pub(crate) const CASES: &[Case] = &[
    Case {
        field_type: FieldType::Text,
        taken: &[
            (r#""Text""#, r#""Text""#),
            (r#"" kept as sent ""#, r#"" kept as sent ""#),
            (r#""a\tb\r\nc""#, r#""a\tb\r\nc""#),
        ],
        refused: &[
            ("1", "", "wrong_type", "a number"),
            ("true", "", "wrong_type", "a boolean"),
            (r#"["a"]"#, "", "wrong_type", "an array"),
            (r#"{"a": 1}"#, "", "wrong_type", "an object"),
            (r#""a\u0000b""#, "", "invalid_characters", "NUL"),
            (r#""a\u001bb""#, "", "invalid_characters", "an escape"),
            (r#""\u000c""#, "", "invalid_characters", "a form feed alone is told, not lost"),
        ],
    },
    Case {
        field_type: FieldType::TextArea,
        taken: &[(r#""Text Area""#, r#""Text Area""#), (r#""two\nlines\n""#, r#""two\nlines\n""#)],
        refused: &[
            ("1", "", "wrong_type", "a number"),
            ("false", "", "wrong_type", "a boolean"),
            ("[]", "", "wrong_type", "an array"),
            ("{}", "", "wrong_type", "an object"),
            (r#""\u0007""#, "", "invalid_characters", "a bell"),
        ],
    },
    Case {
        field_type: FieldType::Number,
        taken: &[
            (r#""1""#, r#""1""#),
            ("1", "1"),
            ("0.1", "0.1"),
            ("10.10", "10.10"),
            ("-0", "-0"),
            ("1e3", "1e+3"),
            ("0.30000000000000000000000000000000004", "0.30000000000000000000000000000000004"),
            (
                "123456789012345678901234567890.000000000000000000001",
                "123456789012345678901234567890.000000000000000000001",
            ),
            (r#""9007199254740993""#, r#""9007199254740993""#),
            (r#"" 5 ""#, r#""5""#),
        ],
        refused: &[
            (r#""""#, "", "invalid_value", "an empty string"),
            (r#""one""#, "", "invalid_value", "a word"),
            (r#""0x10""#, "", "invalid_value", "hexadecimal"),
            (r#""1,5""#, "", "invalid_value", "a decimal comma"),
            (r#""5\u000b""#, "", "invalid_characters", "a control character that is a blank"),
            (r#""NaN""#, "", "invalid_value", "no number"),
            (r#""+1""#, "", "invalid_value", "a plus sign"),
            (r#""1e400""#, "", "out_of_range", "more than other programs can read"),
            ("1e400", "", "out_of_range", "the same as a number"),
            ("true", "", "wrong_type", "a boolean"),
            ("[1]", "", "wrong_type", "an array"),
        ],
    },
    Case {
        field_type: FieldType::Monetary,
        taken: &[
            (r#"{"code": "USD", "amount": 123}"#, r#"{"amount":123,"code":"USD"}"#),
            (r#"{"amount": 10.10, "code": "EUR"}"#, r#"{"amount":10.1,"code":"EUR"}"#),
            (r#"{"amount": 99999999999999.9999, "code": "EUR"}"#, r#"{"amount":99999999999999.9999,"code":"EUR"}"#),
        ],
        refused: &[
            ("5", "", "wrong_type", "a bare number"),
            (r#"{"amount": 1}"#, ".code", "required", "no currency"),
            (r#"{"code": "USD"}"#, ".amount", "required", "no amount"),
            (r#"{"amount": 1, "code": "usd"}"#, ".code", "invalid_currency", "lower case"),
            (r#"{"amount": 0.00001, "code": "USD"}"#, ".amount", "invalid_amount", "five decimals"),
            (r#"{"amount": 1, "code": "USD", "x": 1}"#, ".x", "unknown_field", "another member"),
        ],
    },
    Case {
        field_type: FieldType::Combobox,
        taken: &[(r#""x""#, r#""x""#), (r#""  trimmed ""#, r#""trimmed""#)],
        refused: &[
            ("1", "", "wrong_type", "a number"),
            ("true", "", "wrong_type", "a boolean"),
            (r#"["x"]"#, "", "wrong_type", "an array"),
            (r#"{"id": "x"}"#, "", "wrong_type", "an object"),
            (r#""a\u0000""#, "", "invalid_characters", "NUL"),
            (r#""\u0085""#, "", "invalid_characters", "a control character that is a blank, alone"),
            (r#""x\u000b""#, "", "invalid_characters", "and at an end"),
        ],
    },
    Case {
        field_type: FieldType::Email,
        taken: &[(r#""johndoe@email.com""#, r#""johndoe@email.com""#), (r#"" a@b.example ""#, r#""a@b.example""#)],
        refused: &[
            (r#""johndoe""#, "", "invalid_email", "no @"),
            (r#""@email.com""#, "", "invalid_email", "nothing before the @"),
            (r#""john doe@email.com""#, "", "invalid_email", "a blank"),
            (r#""a@b.com, c@d.com""#, "", "invalid_email", "two of them"),
            ("1", "", "wrong_type", "a number"),
            (r#"["a@b.com"]"#, "", "wrong_type", "an array"),
        ],
    },
    Case {
        field_type: FieldType::Tel,
        taken: &[
            (r#""81234567890""#, r#""81234567890""#),
            (r#""+1 (555) 123-4567 ext. 8""#, r#""+1 (555) 123-4567 ext. 8""#),
        ],
        refused: &[
            ("81234567890", "", "wrong_type", "a number would lose a leading zero"),
            ("true", "", "wrong_type", "a boolean"),
            (r#"["1"]"#, "", "wrong_type", "an array"),
            (r#"{"value": "1"}"#, "", "wrong_type", "an object"),
            (r#""1\u00002""#, "", "invalid_characters", "NUL"),
        ],
    },
    Case {
        field_type: FieldType::Url,
        taken: &[
            (r#""johndoe.com""#, r#""johndoe.com""#),
            (r#""https://www.acme.com/a?b=c#d""#, r#""https://www.acme.com/a?b=c#d""#),
        ],
        refused: &[
            (r#""johndoe""#, "", "invalid_url", "a word"),
            (r#""https://""#, "", "invalid_url", "no host"),
            (r#""javascript:alert(1)""#, "", "invalid_url", "a script"),
            (r#""not a url.com""#, "", "invalid_url", "blanks"),
            ("1", "", "wrong_type", "a number"),
        ],
    },
];

pub(crate) const MOMENTS: &[Case] = &[
    Case {
        field_type: FieldType::Date,
        taken: &[(r#""2025-02-20""#, r#""2025-02-20""#), (r#""2024-02-29""#, r#""2024-02-29""#)],
        refused: &[
            (r#""2025-02-29""#, "", "invalid_date", "no leap year"),
            (r#""2025-2-20""#, "", "invalid_date", "one digit"),
            (r#""20-02-2025""#, "", "invalid_date", "another order"),
            (r#""2025-02-20T00:00""#, "", "invalid_date", "with a time"),
            (r#""+2025-02-20""#, "", "invalid_date", "a sign"),
            (r#""0000-01-01""#, "", "invalid_date", "no year"),
            (r#""""#, "", "invalid_date", "an empty string"),
            ("20250220", "", "wrong_type", "a number"),
        ],
    },
    Case {
        field_type: FieldType::DateTime,
        taken: &[
            (r#""2025-02-20T09:27""#, r#""2025-02-20T09:27""#),
            (r#""2025-02-20T09:27:59""#, r#""2025-02-20T09:27:59""#),
        ],
        refused: &[
            (r#""2025-02-20""#, "", "invalid_date", "no time"),
            (r#""2025-02-20 09:27""#, "", "invalid_date", "a blank for the T"),
            (r#""2025-02-20T24:00""#, "", "invalid_date", "hour 24"),
            (r#""2025-02-20T09:27:60""#, "", "invalid_date", "a leap second"),
            (r#""2025-02-20T09:27Z""#, "", "invalid_date", "a zone"),
            (r#""2025-02-20T09:27:00.5""#, "", "invalid_date", "a fraction"),
            ("1740043620", "", "wrong_type", "a number of seconds"),
        ],
    },
    Case {
        field_type: FieldType::Time,
        taken: &[(r#""09:28""#, r#""09:28""#), (r#""23:59:59""#, r#""23:59:59""#), (r#""00:00""#, r#""00:00""#)],
        refused: &[
            (r#""9:28""#, "", "invalid_date", "one digit"),
            (r#""24:00""#, "", "invalid_date", "hour 24"),
            (r#""09:60""#, "", "invalid_date", "minute 60"),
            (r#""09:28 AM""#, "", "invalid_date", "half a day"),
            (r#""09:28:60""#, "", "invalid_date", "a leap second"),
            ("9", "", "wrong_type", "a number"),
        ],
    },
    Case {
        field_type: FieldType::DateRange,
        taken: &[
            (r#"{"start": "2025-02-20", "end": "2025-02-21"}"#, r#"{"start":"2025-02-20","end":"2025-02-21"}"#),
            (r#"{"start": "2025-02-20", "end": "2025-02-20"}"#, r#"{"start":"2025-02-20","end":"2025-02-20"}"#),
        ],
        refused: &[
            (r#"{"start": "2025-02-21", "end": "2025-02-20"}"#, "", "conflicting", "the wrong way round"),
            (r#"{"start": "2025-02-20"}"#, ".end", "required", "no end"),
            (r#"{"start": null, "end": "2025-02-20"}"#, ".start", "required", "no start"),
            (r#"{"start": "2025-02-20", "end": "2025-02-30"}"#, ".end", "invalid_date", "no such day"),
            (r#"{"start": "2025-02-20", "end": "2025-02-21", "x": 1}"#, ".x", "unknown_field", "another member"),
            (r#""2025-02-20""#, "", "wrong_type", "one day"),
        ],
    },
    Case {
        field_type: FieldType::DateTimeRange,
        taken: &[(
            r#"{"start": "2025-02-20T09:27", "end": "2025-02-21T09:27"}"#,
            r#"{"start":"2025-02-20T09:27","end":"2025-02-21T09:27"}"#,
        )],
        refused: &[
            (r#"{"start": "2025-02-20T09:27:01", "end": "2025-02-20T09:27"}"#, "", "conflicting", "a second too late"),
            (r#"{"end": "2025-02-20T09:27"}"#, ".start", "required", "no start"),
            (r#"{"start": "2025-02-20", "end": "2025-02-20T09:27"}"#, ".start", "invalid_date", "a day"),
            (r#"{"start": "2025-02-20T09:27", "end": 5}"#, ".end", "wrong_type", "a number"),
            (r#"["2025-02-20T09:27", "2025-02-20T09:28"]"#, "", "wrong_type", "an array"),
        ],
    },
    Case {
        field_type: FieldType::TimeRange,
        taken: &[(r#"{"start": "09:28", "end": "10:28"}"#, r#"{"start":"09:28","end":"10:28"}"#)],
        refused: &[
            (r#"{"start": "22:00", "end": "06:00"}"#, "", "conflicting", "over midnight"),
            (r#"{"start": "09:28"}"#, ".end", "required", "no end"),
            (r#"{"start": "9", "end": "10:28"}"#, ".start", "invalid_date", "no minutes"),
            (r#"{"start": "09:28", "end": "10:28", "zone": "UTC"}"#, ".zone", "unknown_field", "another member"),
            (r#""09:28-10:28""#, "", "wrong_type", "a string"),
        ],
    },
];

pub(crate) const LISTS: &[Case] = &[
    Case {
        field_type: FieldType::Dropdown,
        taken: &[(r#"["red"]"#, r#"["red"]"#), (r#"["b", "g"]"#, r#"["b","g"]"#)],
        refused: &[
            (r#""red""#, "", "wrong_type", "no array"),
            (r#"["yellow"]"#, "[0]", "invalid_value", "no such option"),
            (r#"["red", "Green"]"#, "[1]", "invalid_value", "a label where the option has an id"),
            (r#"["red", "red"]"#, "[1]", "duplicate", "twice"),
            (r#"[1]"#, "[0]", "wrong_type", "a number"),
            (r#"[{"id": "g"}]"#, "[0]", "wrong_type", "an object"),
        ],
    },
    Case {
        field_type: FieldType::TagPicker,
        taken: &[
            (
                r##"[{"id": "t1", "label": "Tag3", "color": "#FF7A00"}]"##,
                r##"[{"id":"t1","label":"Tag 1","color":"#FF7A00"}]"##,
            ),
            (
                r#"[{"id": "t1"}, {"id": "t2", "label": null}]"#,
                r##"[{"id":"t1","label":"Tag 1","color":"#FF7A00"},{"id":"t2","label":"Tag 2","color":"#000000"}]"##,
            ),
        ],
        refused: &[
            (r#"["t1"]"#, "[0]", "wrong_type", "an id alone"),
            (r#"[{"label": "Tag 1"}]"#, "[0].id", "required", "no id"),
            (r#"[{"id": "t3"}]"#, "[0]", "invalid_value", "no such option"),
            (r#"[{"id": "t1"}, {"id": "t1"}]"#, "[1]", "duplicate", "twice"),
            (r#"[{"id": "t1", "color": "orange"}]"#, "[0].color", "invalid_color", "a colour by name"),
            (r#"[{"id": "t1", "x": 1}]"#, "[0].x", "unknown_field", "another member"),
            (r#"{"id": "t1"}"#, "", "wrong_type", "no array"),
        ],
    },
    Case {
        field_type: FieldType::PeoplePicker,
        taken: &[(
            r#"[{"id": "u1", "name": "MOD Administrator", "email": "admin@M365x97476737.onmicrosoft.com", "tags": "x"}]"#,
            r#"[{"id":"u1","name":"MOD Administrator","email":"admin@M365x97476737.onmicrosoft.com"}]"#,
        )],
        refused: &[
            (r#"{"id": "u1"}"#, "", "wrong_type", "no array"),
            (r#"["u1"]"#, "[0]", "wrong_type", "an id alone"),
            (r#"[{"name": "Jane"}]"#, "[0].id", "required", "no id"),
            (r#"[{"id": "u1"}, {"id": "u1"}]"#, "[1].id", "duplicate", "twice"),
            (r#"[{"id": 5}]"#, "[0].id", "wrong_type", "a number"),
        ],
    },
    Case {
        field_type: FieldType::EmailLabeled,
        taken: &[(
            r#"[{"label": "Work", "value": "jane@work.com"}, {"value": "jane@home.com"}]"#,
            r#"[{"label":"Work","value":"jane@work.com","primary":true},{"label":null,"value":"jane@home.com","primary":false}]"#,
        )],
        refused: &[
            (r#""jane@work.com""#, "", "wrong_type", "no array"),
            (r#"[{"value": "jane"}]"#, "[0].value", "invalid_email", "no address"),
            (r#"[{"label": "Work"}]"#, "[0].value", "required", "no value"),
            (r#"[{"value": "a@b.com"}, {"value": "A@B.com"}]"#, "[1].value", "duplicate", "twice in another case"),
            (
                r#"[{"value": "a@b.com", "primary": true}, {"value": "c@d.com", "primary": true}]"#,
                "",
                "conflicting",
                "two primary",
            ),
        ],
    },
    Case {
        field_type: FieldType::TelLabeled,
        taken: &[(
            r#"[{"label": "Mobile", "value": "+15551234567", "primary": true}]"#,
            r#"[{"label":"Mobile","value":"+15551234567","primary":true}]"#,
        )],
        refused: &[
            (r#""+15551234567""#, "", "wrong_type", "no array"),
            (r#"[{"value": 15551234567}]"#, "[0].value", "wrong_type", "a number"),
            (r#"[{"value": ""}]"#, "[0].value", "required", "no value"),
            (r#"[{"value": "1", "primary": "yes"}]"#, "[0].primary", "wrong_type", "a word"),
            (r#"[{"value": "1", "x": 1}]"#, "[0].x", "unknown_field", "another member"),
        ],
    },
];
