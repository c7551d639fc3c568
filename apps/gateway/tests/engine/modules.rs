//! The gateway's modules stand on each other in one direction (docs/ARCHITECTURE.md, "apps/gateway").

use std::collections::BTreeSet;
use std::path::Path;

use crate::comments::sources;
use crate::pages::repository;

/// From the bottom up. A module uses what is below its floor, and nothing beside it or above.
const FLOORS: &[&[&str]] = &[
    &["db"],
    &["error"],
    &["wire"],
    &["identity", "idempotency", "limits"],
    &["state"],
    &["endpoint"],
    &["ticketing"],
    &["auth"],
    &["http"],
    &["console"],
];

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|modules| modules.contains(&module))
}

/// The modules that a source names from the crate's root, but for what its comments and its own tests do.
fn used(source: &str) -> BTreeSet<&str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = lines.flat_map(|line| line.split("crate::").skip(1)).flat_map(|rest| {
        let several = rest.strip_prefix('{').and_then(|list| list.split_once('}')).map(|(list, _)| list.split(", "));
        several.map_or_else(|| vec![rest], Iterator::collect)
    });
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    names.map(|name| &name[..name.find(|c: char| !is_of_name(c)).unwrap_or(name.len())]).collect()
}

/// What a module's source uses and must not.
fn wrong(module: &str, source: &str) -> Vec<String> {
    let own = floor(module);
    let wrong =
        used(source).into_iter().filter(|used| *used != module && floor(used).is_some_and(|of| Some(of) >= own));
    wrong.map(str::to_owned).collect()
}

fn module_of(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn no_module_uses_what_stands_on_it() {
    let root = repository().join("apps/gateway/src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let mut looked_at = BTreeSet::new();
    let mut faults = Vec::new();
    for path in found {
        let of = path.strip_prefix(&root).unwrap();
        let module = module_of(of);
        if floor(&module).is_some() {
            let source = std::fs::read_to_string(&path).unwrap();
            faults.extend(wrong(&module, &source).iter().map(|used| format!("{} uses {used}", of.display())));
            looked_at.insert(module);
        }
    }
    assert_eq!(looked_at.len(), FLOORS.iter().map(|floor| floor.len()).sum::<usize>(), "{looked_at:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_module_that_uses_what_stands_on_it_is_found() {
    for (module, source, expected) in [
        ("idempotency", "use crate::state::AppState;\nuse crate::wire::Rendered;", &["state"][..]),
        ("endpoint", "fn a() {\n    crate::ticketing::code(b)\n}", &["ticketing"]),
        (
            "identity",
            "pub(in crate::identity) fn a() {}\nuse crate::{db::Db, limits, auth::Caller};",
            &["auth", "limits"],
        ),
        ("endpoint", "/// As [`a`](crate::auth::a).\nuse crate::identity;\n#[cfg(test)]\nuse crate::http;", &[]),
        ("auth", "use crate::ticketing;\nuse crate::state;\nuse crate::feed;", &[]),
    ] {
        assert_eq!(wrong(module, source), expected, "{source}");
    }
}
