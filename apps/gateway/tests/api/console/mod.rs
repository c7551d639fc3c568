//! The console, as a browser without script sees it (docs/console.md).

mod board;
mod keys;
mod lists;
mod records;
mod sessions;
mod walk;

/// The kinds of records that have pages.
const KINDS: [(&str, &str); 5] = [
    ("leads", "/pipeline/leads"),
    ("opportunities", "/pipeline/opportunities"),
    ("contacts", "/directory/contacts"),
    ("organizations", "/directory/organizations"),
    ("cases", "/cases/cases"),
];

/// The paths of all forms of whoever is signed in.
const FORMS: &[&str] = &[
    "/console/sign-out",
    "/console/settings/keys",
    "/console/settings/keys/{key}/rotate",
    "/console/settings/keys/{key}/delete",
    "/console/{records}/selected",
    "/console/{records}/new",
    "/console/{records}/{id}/edit",
    "/console/{records}/{id}/delete",
    "/console/{records}/{id}/comments",
    "/console/leads/{id}/archive",
    "/console/leads/{id}/unarchive",
    "/console/leads/{id}/convert",
    "/console/opportunities/{id}/stage",
    "/console/opportunities/{id}/status",
    "/console/cases/{id}/status",
    "/console/contacts/{id}/merge",
    "/console/organizations/{id}/merge",
    "/console/trash/{kind}/{id}/restore",
    "/console/trash/{kind}/{id}/delete",
];

/// The pages that somebody may look at.
const PAGES: &[&str] = &[
    "/console",
    "/console/board",
    "/console/search?q=a",
    "/console/trash",
    "/console/settings/keys",
    "/console/{records}",
    "/console/{records}/new",
    "/console/{records}/{id}",
    "/console/{records}/{id}/edit",
    "/console/{records}/export?format=csv",
];

/// A key that nobody has.
const NO_KEY: &str = "c4d5e6f7-8901-4345-8789-abcdef012345";

/// The paths with the record of this number of each kind.
fn paths(of: &[&str], id: &str) -> Vec<String> {
    let kinds = |path: &&str| -> Vec<String> {
        let singular = |records: &str| {
            if records == "opportunities" { "opportunity".to_owned() } else { records.trim_end_matches('s').to_owned() }
        };
        if path.contains("{records}") || path.contains("{kind}") {
            KINDS
                .iter()
                .map(|(records, _)| path.replace("{records}", records).replace("{kind}", &singular(records)))
                .collect()
        } else {
            vec![(*path).to_owned()]
        }
    };
    of.iter().flat_map(kinds).map(|path| path.replace("{id}", id).replace("{key}", NO_KEY)).collect()
}
