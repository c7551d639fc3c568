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

use std::collections::BTreeSet;

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

/// The other routes, and who looks at them.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("GET", "/console/files/{version}/{name}", "style and scripts: everybody may have them (sessions.rs)"),
    ("GET", "/console/sign-in", "nobody has a session there (sessions.rs)"),
    ("POST", "/console/sign-in", "nobody has a session there (sessions.rs)"),
    ("GET", "/console/sign-in/issuer", "leads to the issuer (tests/ticketing/console.rs)"),
    ("GET", "/console/sign-in/back", "comes from the issuer (tests/ticketing/console.rs)"),
    ("GET", "/console/opportunities/{id}/stage", "for whoever may move it, while it is open (board.rs)"),
    ("GET", "/console/settings/tags", "leads to the first of its tabs"),
    ("GET", "/console/settings/forms", "leads to the first of its tabs"),
    ("GET", "/console/settings/pipelines/{id}", "each pipeline has an id of its own (settings.rs)"),
    ("GET", "/console/settings/webhooks/{id}", "each webhook has an id of its own (settings.rs)"),
    ("GET", "/console/settings/integrations", "for people alone (tests/ticketing/console.rs)"),
    ("GET", "/console/settings/integrations/{id}", "for people alone (tests/ticketing/console.rs)"),
    ("GET", "/console/imports/files/{id}", "of a file that was sent (imports.rs)"),
    ("GET", "/console/imports/{id}", "of a file that was sent (imports.rs)"),
    ("GET", "/console/imports/{id}/problems", "of a file that was sent (imports.rs)"),
];

/// A route as all of its kind are written: whatever a part of its path is called.
fn shape(method: &str, path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
    let path = path.split('?').next().unwrap_or_default();
    format!("{method} {}", path.split('/').map(part).collect::<Vec<_>>().join("/"))
}

/// What is asked of all pages and forms is asked of each that there is.
#[test]
fn every_route_is_in_one_of_these_lists() {
    let of = |method: &str, list: &[&str]| -> BTreeSet<String> {
        let listed = paths(list, "{id}").into_iter().map(|path| path.replace(NO_KEY, "{key}"));
        listed.map(|path| shape(method, &path)).collect()
    };
    let elsewhere: BTreeSet<String> = ELSEWHERE.iter().map(|(method, path, _)| shape(method, path)).collect();
    let listed: BTreeSet<String> = [of("GET", PAGES), of("POST", FORMS), elsewhere].into_iter().flatten().collect();
    let routes = crm_gateway::app::routes();
    let of_console = routes.declared().filter(|(_, path)| path.split('/').nth(1) == Some("console"));
    let declared: BTreeSet<String> = of_console.map(|(method, path)| shape(method.as_str(), path)).collect();
    assert_eq!(declared.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "are in no list");
    assert_eq!(listed.difference(&declared).collect::<Vec<_>>(), Vec::<&String>::new(), "are no routes");
}

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
