//! A public type of the crates that has rules is not deserialized without them (docs/ARCHITECTURE.md, "crates/crm-core").

use std::path::Path;

use crate::comments::sources;
use crate::pages::repository;

/// Who is deserialized as it comes all the same, and why that is right.
const AS_THEY_COME: &[(&str, &str)] = &[
    ("Uuid", "every UUID is one"),
    ("$id", "every UUID is one"),
    ("CustomFields", "shown, and no input: their form, which checks what comes in, is not in the row"),
    ("StoredForm", "a row, which shows nothing of itself"),
    ("Beside", "a row, which shows nothing of itself"),
];

/// The public types of a source that are deserialized member by member though they hide a member: whoever hides one has a rule.
fn unchecked(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut attributes = String::new();
    let mut lines = source.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("//") {
            continue;
        }
        if line.starts_with("#[") || !attributes.is_empty() && !line.starts_with("pub") {
            // An attribute may have several lines.
            attributes.push_str(line);
            if line.starts_with("}") || line.is_empty() || line.starts_with("struct") || line.starts_with("enum") {
                attributes.clear();
            }
            continue;
        }
        let declared = line.strip_prefix("pub struct ").filter(|_| attributes.contains("Deserialize"));
        let is_checked = attributes.contains("try_from =") || attributes.contains("from =");
        attributes.clear();
        let Some(declared) = declared.filter(|_| !is_checked) else { continue };
        let name = &declared[..declared.find(['(', '<', ' ', ';']).unwrap_or(declared.len())];
        let hides = match declared.split_once('(') {
            Some((_, members)) => !members.starts_with("pub "),
            None => {
                let members = lines.by_ref().take_while(|line| *line != "}");
                let is_member = |line: &&str| line.contains(": ") && !line.starts_with("//") && !line.starts_with("#[");
                members.filter(is_member).filter(|member| !member.starts_with("pub ")).count() > 0
            }
        };
        if hides {
            found.push(name);
        }
    }
    found
}

/// What the trash keeps of a record is made of its row, and is in files of that name.
fn is_of_rows(path: &Path) -> bool {
    path.ends_with("row.rs") || path.ends_with("restore.rs")
}

#[test]
fn what_has_rules_is_not_deserialized_without_them() {
    let crates = repository().join("crates");
    let mut paths = Vec::new();
    sources(&crates, &mut paths);
    paths.retain(|path| path.components().any(|part| part.as_os_str() == "src") && !is_of_rows(path));
    let mut faults = Vec::new();
    let mut excused = 0;
    for path in &paths {
        let source = std::fs::read_to_string(path).unwrap();
        for name in unchecked(&source) {
            match AS_THEY_COME.iter().any(|(known, _)| *known == name) {
                true => excused += 1,
                false => faults.push(format!("{}: {name}", path.strip_prefix(&crates).unwrap().display())),
            }
        }
    }
    assert!(faults.is_empty(), "read through their rules, `#[serde(try_from = …)]`: {}", faults.join(", "));
    assert_eq!(excused, AS_THEY_COME.len(), "each stands once");
}

#[test]
fn a_type_that_is_deserialized_without_its_rules_is_found() {
    for (source, expected) in [
        ("#[derive(Debug, Deserialize)]\n#[serde(transparent)]\npub struct Names(Vec<String>);", &["Names"][..]),
        ("#[derive(Deserialize)]\npub struct Reason {\n    /// Its id.\n    reason_id: String,\n}", &["Reason"]),
        ("#[derive(\n    Debug, Deserialize,\n)]\n#[cfg_attr(\n    a, b\n)]\npub struct Long<T>(T);", &["Long"]),
        ("#[derive(Deserialize)]\n#[serde(try_from = \"Vec<String>\")]\npub struct Names(Vec<String>);", &[]),
        (
            "#[derive(Deserialize)]\npub struct Open {\n    pub id: String,\n}\n#[derive(Debug)]\npub struct Other(u8);",
            &[],
        ),
        ("#[derive(Deserialize)]\nstruct Private(u8);\n\npub struct Public(u8);", &[]),
    ] {
        assert_eq!(unchecked(source), expected, "{source}");
    }
}

/// The public enums of errors of a source that somebody outside could match without a way out: another variant would break them.
fn exhaustive(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut before = "";
    for line in source.lines() {
        let name = line.strip_prefix("pub enum ").and_then(|rest| rest.split([' ', '<']).next());
        if let Some(name) = name.filter(|name| name.ends_with("Error") && before != "#[non_exhaustive]") {
            found.push(name);
        }
        before = line;
    }
    found
}

#[test]
fn an_error_may_have_another_variant_some_day() {
    let crates = repository().join("crates");
    let mut paths = Vec::new();
    sources(&crates, &mut paths);
    paths.retain(|path| path.components().any(|part| part.as_os_str() == "src"));
    let mut seen = 0;
    for path in paths {
        let source = std::fs::read_to_string(&path).unwrap();
        seen += source.matches("#[non_exhaustive]\npub enum").count();
        assert_eq!(exhaustive(&source), [""; 0], "{}", path.display());
    }
    assert!(seen > 15, "{seen}");
    assert_eq!(exhaustive("#[derive(Debug)]\npub enum AError {\n}\n#[non_exhaustive]\npub enum BError {"), ["AError"]);
}
