//! What comments refer to is there: pages of this repository, and their headings (`docs/compatibility.md, "Keys"`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::pages::{headings, repository};

/// Folders with sources, and the endings of those.
const FOLDERS: &[&str] = &["apps", "crates", "fuzz", "migrations", "packaging", "scripts"];

/// Something that a comment refers to: a file, and headings of it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    file: String,
    headings: Vec<String>,
}

pub(crate) fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match path.extension().and_then(|ending| ending.to_str()) {
            _ if path.is_symlink() || name == "target" => {}
            None if path.is_dir() => sources(&path, found),
            Some("rs" | "sql" | "sh" | "py" | "mjs" | "service") => found.push(path),
            None if folder.ends_with("scripts") => found.push(path),
            _ => {}
        }
    }
}

/// What a line says as a comment, if it is one.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let marks = ["//!", "///", "//", "--", "#"];
    marks.iter().find_map(|mark| line.strip_prefix(mark)).map(str::trim)
}

/// The comments of a source, each in one line.
fn comments(source: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for line in source.lines() {
        match (comment(line), all.last_mut()) {
            (Some(words), Some(last)) => {
                last.push(' ');
                last.push_str(words);
            }
            _ => all.push(String::new()),
        }
    }
    all.retain(|comment| !comment.is_empty());
    all
}

/// What a comment refers to: each page of `docs`, and whatever else stands in parentheses as a path does.
fn references(comment: &str) -> Vec<Reference> {
    let is_of_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._/-".contains(c);
    let mut found = Vec::new();
    for (start, _) in comment.match_indices(|c: char| is_of_path(c)) {
        let before = &comment[..start];
        if before.ends_with(|c: char| c.is_alphanumeric() || "._/-`".contains(c)) {
            continue;
        }
        let rest = &comment[start..];
        let end = rest.find(|c: char| !is_of_path(c)).unwrap_or(rest.len());
        let (file, behind) = (rest[..end].trim_end_matches('.'), &rest[end..]);
        let stands_alone = before.ends_with(['(']) || before.ends_with("; ");
        let is_reference = stands_alone && behind.starts_with([')', ';', ',']);
        if file.contains('/') && (file.starts_with("docs/") || is_reference) {
            found.push(Reference { file: file.to_owned(), headings: quoted(behind) });
        }
    }
    found
}

/// The headings that are named behind a page: `, "One" and "Another"`.
fn quoted(mut text: &str) -> Vec<String> {
    let mut headings = Vec::new();
    while let Some((heading, rest)) =
        text.strip_prefix(", \"").or_else(|| text.strip_prefix(" and \"")).and_then(|text| text.split_once('"'))
    {
        headings.push(heading.to_owned());
        text = rest;
    }
    headings
}

/// The file of a reference: decisions go by their numbers.
fn file(name: &str) -> Option<PathBuf> {
    let path = repository().join(name);
    if path.exists() {
        return Some(path);
    }
    let number = path.file_name()?.to_str()?.to_owned() + "-";
    let siblings = std::fs::read_dir(path.parent()?).ok()?;
    let mut paths = siblings.map(|entry| entry.unwrap().path());
    paths.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&number)))
}

fn problems(reference: &Reference) -> Vec<String> {
    let Reference { file: name, headings: named } = reference;
    let Some(path) = file(name) else { return vec![format!("there is no {name}")] };
    let there: BTreeSet<String> = if named.is_empty() { BTreeSet::new() } else { headings(&path) };
    let missing = named.iter().filter(|heading| !there.contains(*heading));
    missing.map(|heading| format!("{name} has no heading \"{heading}\"")).collect()
}

#[test]
fn what_the_comments_refer_to_is_there() {
    let mut found = Vec::new();
    for folder in FOLDERS {
        sources(&repository().join(folder), &mut found);
    }
    let mut named: BTreeMap<Reference, PathBuf> = BTreeMap::new();
    for path in found {
        let source = std::fs::read_to_string(&path).unwrap();
        let of = path.strip_prefix(repository()).unwrap();
        let all = comments(&source);
        named.extend(all.iter().flat_map(|comment| references(comment)).map(|reference| (reference, of.to_owned())));
    }
    assert!(named.len() > 20, "too little was found: {named:?}");
    let wrong: Vec<String> = named
        .iter()
        .flat_map(|(reference, of)| {
            problems(reference).into_iter().map(|problem| format!("{}: {problem}", of.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_comment_that_refers_to_what_is_not_there_is_found() {
    for (source, faults) in [
        ("/// As it must be (docs/nothing.md).", &["there is no docs/nothing.md"][..]),
        ("// See docs/nothing.md.", &["there is no docs/nothing.md"]),
        ("//! Some (elsewhere/rules, \"Lists\").", &["there is no elsewhere/rules"]),
        ("-- Some (RFC 3339; elsewhere/rules).", &["there is no elsewhere/rules"]),
        ("# See docs/adr/9999.", &["there is no docs/adr/9999"]),
        ("/// (docs/compatibility.md, \"No\n/// such\")", &["docs/compatibility.md has no heading \"No such\""]),
        ("/// (docs/compatibility.md, \"Keys\" and \"No\")", &["docs/compatibility.md has no heading \"No\""]),
        ("/// (docs/compatibility.md, \"Keys\"), docs/adr/0006, read/write, `docs/page`, (`a/b`), https://docs/x", &[]),
        ("let text = \"docs/nothing.md\";", &[]),
    ] {
        let found: Vec<String> = comments(source)
            .iter()
            .flat_map(|comment| references(comment))
            .flat_map(|reference| problems(&reference))
            .collect();
        assert_eq!(found, faults, "{source}");
    }
}
