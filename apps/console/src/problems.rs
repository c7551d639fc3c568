//! What is wrong with the rows of a file: each kind of problem once, with how many rows have it and where the first are.

use crm_exchange::imports::ImportRunWithProblems;
use maud::{Markup, html};

use crate::words;

/// How many rows of a kind are named.
const FIRST: usize = 5;

/// A problem that rows have alike.
struct Group {
    /// The member of the records that it is about; empty where it is about the row.
    field: String,
    /// What all of them say, and all that the first says.
    kind: String,
    message: String,
    lines: Vec<i64>,
}

/// Beginnings of messages that go on with what stands in the row.
const WITH_VALUES: &[&str] = &["nothing is called "];

fn kind_of(message: &str) -> &str {
    WITH_VALUES.iter().find(|beginning| message.starts_with(**beginning)).copied().unwrap_or(message)
}

/// `email[0].value: must be an address`: the field and what is wrong; nothing where it names none.
fn told_of(part: &str) -> Option<(&str, &str)> {
    let (path, message) = part.split_once(": ")?;
    let is_path = !path.is_empty() && !path.contains(char::is_whitespace);
    is_path.then(|| (path.split('[').next().unwrap_or(path), message))
}

/// The problems of a row, each with its field; all of them as one where they name none.
fn parts(problem: &str) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for part in problem.split("; ") {
        match (told_of(part), parts.last_mut()) {
            (Some((field, message)), _) => parts.push((field.to_owned(), message.to_owned())),
            // A message that has one itself.
            (None, Some((_, message))) => {
                message.push_str("; ");
                message.push_str(part);
            }
            (None, None) => parts.push((String::new(), part.to_owned())),
        }
    }
    parts
}

/// The groups, that of most rows first.
fn groups(shown: &ImportRunWithProblems) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in &shown.problems {
        for (field, message) in parts(&row.problem) {
            let kind = kind_of(&message).to_owned();
            match groups.iter_mut().find(|group| group.field == field && group.kind == kind) {
                Some(group) if group.lines.last() == Some(&row.line) => {}
                Some(group) => group.lines.push(row.line),
                None => groups.push(Group { field, kind, message, lines: vec![row.line] }),
            }
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.lines.len()));
    groups
}

/// What the file calls the column of a member: `organizationId` comes of the column `organization`, `email` of `email.Work` too.
fn header<'h>(field: &str, headers: &'h [(String, String)]) -> Option<&'h str> {
    let named = |wanted: &dyn Fn(&str) -> bool| headers.iter().find(|(column, _)| wanted(column));
    let lookup = field.strip_suffix("Id").unwrap_or(field);
    let found = named(&|column| column == field)
        .or_else(|| named(&|column| column == lookup))
        .or_else(|| named(&|column| column.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'))))
        .or_else(|| named(&|column| field.strip_prefix(column).is_some_and(|rest| rest.starts_with('.'))));
    found.map(|(_, header)| header.as_str())
}

fn lines(all: &[i64]) -> String {
    let first: Vec<String> = all.iter().take(FIRST).map(ToString::to_string).collect();
    match all.len().saturating_sub(FIRST) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// The part of the page. `headers` are the columns of records with what the file calls each.
pub(crate) fn section(shown: &ImportRunWithProblems, headers: &[(String, String)], path: &str) -> Markup {
    let (told, failed) = (shown.problems.len(), shown.run.failed);
    html! {
        section class="card spaced" aria-labelledby="problems" {
            h2 id="problems" { "What is wrong" }
            p class="quiet" {
                @if i64::try_from(told).is_ok_and(|told| told < failed) { "With the first " (told) " of " (failed) " rows that failed. " }
                @else { "With the " (told) (if told == 1 { " row that failed. " } else { " rows that failed. " }) }
                a href={ (path) "/problems" } download { "All rows that failed, as a file" }
                ": mend them and send them again."
            }
            div class="table-box spaced" tabindex="0" role="region" aria-label="Problems by kind" {
                table {
                    thead { tr {
                        th scope="col" { "Column" } th scope="col" { "Problem" } th scope="col" class="number" { "Rows" } th scope="col" { "Lines of the file" }
                    } }
                    tbody { @for group in groups(shown) { (row(&group, headers)) } }
                }
            }
        }
    }
}

fn row(group: &Group, headers: &[(String, String)]) -> Markup {
    let are_alike = group.kind != group.message && group.lines.len() > 1;
    html! {
        tr {
            th scope="row" {
                @match header(&group.field, headers) {
                    Some(header) => (header),
                    None if group.field.is_empty() => "The row",
                    None => (words::of_name(&group.field)),
                }
            }
            td { (group.message) @if are_alike { span class="quiet" { ", and others alike" } } }
            td class="number" { (group.lines.len()) }
            td { (lines(&group.lines)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_parted_into_its_fields() {
        let of = |problem| parts(problem);
        let pair = |field: &str, message: &str| (field.to_owned(), message.to_owned());
        assert_eq!(of("email[0].value: must be an address"), [pair("email", "must be an address")]);
        assert_eq!(
            of("name: is required; value.amount: is no number"),
            [pair("name", "is required"), pair("value.amount", "is no number")]
        );
        assert_eq!(of("size: must be a; or b; x: is odd"), [pair("size", "must be a; or b"), pair("x", "is odd")]);
        assert_eq!(of("has 3 cells, and the header 4"), [pair("", "has 3 cells, and the header 4")]);
        assert_eq!(of("is no JSON: expected a value"), [pair("", "is no JSON: expected a value")]);
    }

    #[test]
    fn a_member_has_the_name_of_the_column_that_it_comes_of() {
        let headers: Vec<(String, String)> =
            [("email.Work", "Mail"), ("organization", "Company"), ("value.amount", "Worth"), ("owner", "Who")]
                .map(|(column, header)| (column.to_owned(), header.to_owned()))
                .to_vec();
        for (field, called) in [
            ("email", Some("Mail")),
            ("organizationId", Some("Company")),
            ("organization", Some("Company")),
            ("value.amount", Some("Worth")),
            ("value", Some("Worth")),
            ("owner.email", Some("Who")),
            ("emails", None),
            ("own", None),
            ("", None),
        ] {
            assert_eq!(header(field, &headers), called, "{field}");
        }
    }

    #[test]
    fn the_first_lines_are_named() {
        assert_eq!(lines(&[2]), "2");
        assert_eq!(lines(&[2, 3, 4, 5, 6]), "2, 3, 4, 5, 6");
        assert_eq!(lines(&[2, 3, 4, 5, 6, 9]), "2, 3, 4, 5, 6 and 1 more");
    }
}
