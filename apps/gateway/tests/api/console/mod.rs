//! The console, as a browser without script sees it (docs/console.md).

mod board;
mod conflicts;
mod duplicates;
mod filters;
mod history;
mod imports;
mod keys;
mod lists;
mod overview;
mod records;
mod refused;
mod sessions;
mod settings;
mod steps;
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
    "/console/{records}/selected/export",
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
    "/console/leads/{id}/merge",
    "/console/leads/compare",
    "/console/contacts/compare",
    "/console/organizations/compare",
    "/console/imports",
    "/console/imports/files/{key}",
    "/console/imports/files/{key}/start",
    "/console/imports/files/{key}/forget",
    "/console/imports/{key}/cancel",
    "/console/imports/{key}/undo",
    "/console/contacts/{id}/merge",
    "/console/organizations/{id}/merge",
    "/console/settings/tags/{records}",
    "/console/settings/tags/{records}/{key}/edit",
    "/console/settings/tags/{records}/{key}/delete",
    "/console/settings/pipelines/new",
    "/console/settings/pipelines/{key}",
    "/console/settings/pipelines/{key}/delete",
    "/console/settings/forms/opportunities",
    "/console/settings/forms/contacts",
    "/console/settings/forms/organizations",
    "/console/settings/case-types",
    "/console/settings/case-types/{id}",
    "/console/settings/case-types/{id}/form",
    "/console/settings/case-types/{id}/delete",
    "/console/settings/webhooks",
    "/console/settings/webhooks/{key}",
    "/console/settings/webhooks/{key}/enable",
    "/console/settings/webhooks/{key}/rotate",
    "/console/settings/webhooks/{key}/test",
    "/console/settings/webhooks/{key}/delete",
    "/console/settings/webhooks/{key}/replay",
    "/console/settings/webhooks/{key}/deliveries/{key}/replay",
    "/console/trash/{kind}/{id}/restore",
    "/console/trash/{kind}/{id}/delete",
];

/// The pages that somebody may look at.
const PAGES: &[&str] = &[
    "/console",
    "/console/board",
    "/console/search?q=a",
    "/console/trash",
    "/console/contacts/duplicates",
    "/console/organizations/duplicates",
    "/console/leads/compare?id={id}",
    "/console/contacts/compare?id={id}",
    "/console/organizations/compare?id={id}",
    "/console/imports",
    "/console/settings/tags/{records}",
    "/console/settings/pipelines",
    "/console/settings/pipelines/new",
    "/console/settings/forms/opportunities",
    "/console/settings/forms/contacts",
    "/console/settings/forms/organizations",
    "/console/settings/case-types",
    "/console/settings/case-types/{id}",
    "/console/settings/case-types/{id}/form",
    "/console/settings/webhooks",
    "/console/settings/keys",
    "/console/{records}",
    "/console/cases?contact=a&organization=b",
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
