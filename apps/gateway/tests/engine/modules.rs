//! The gateway's modules stand on each other in one direction (docs/ARCHITECTURE.md, "apps/gateway").

use std::collections::{BTreeMap, BTreeSet};
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
            "pub(in crate::identity) fn a() {}\nuse crate::{db::Executor, limits, auth::Caller};",
            &["auth", "limits"],
        ),
        ("endpoint", "/// As [`a`](crate::auth::a).\nuse crate::identity;\n#[cfg(test)]\nuse crate::http;", &[]),
        ("auth", "use crate::ticketing;\nuse crate::state;\nuse crate::feed;", &[]),
    ] {
        assert_eq!(wrong(module, source), expected, "{source}");
    }
}

/// The files beside it that a file of a module uses, but for what its own tests do.
fn beside(source: &str) -> BTreeSet<&str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let named = code.lines().filter_map(|line| line.trim_start().strip_prefix("use super::"));
    let names = named.flat_map(|rest| match rest.strip_prefix('{').and_then(|list| list.split_once('}')) {
        Some((list, _)) => list.split(", ").collect(),
        None => vec![rest],
    });
    names
        .map(|name| &name[..name.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(name.len())])
        .collect()
}

/// A circle of files that use each other, if there is one.
fn circle<'a>(uses: &'a BTreeMap<String, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    let mut left: BTreeMap<&str, &BTreeSet<&str>> = uses.iter().map(|(file, used)| (file.as_str(), used)).collect();
    // Whoever uses nobody that is left is in no circle.
    while let Some(free) =
        left.iter().find(|(_, used)| !used.iter().any(|one| left.contains_key(one))).map(|(file, _)| *file)
    {
        left.remove(free);
    }
    (!left.is_empty()).then(|| left.keys().copied().collect())
}

#[test]
fn the_files_of_the_heart_stand_on_each_other_in_one_direction() {
    let root = repository().join("apps/gateway/src/endpoint");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let of = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let found: Vec<(String, String)> =
        found.iter().map(|path| (of(path), std::fs::read_to_string(path).unwrap())).collect();
    let uses: BTreeMap<String, BTreeSet<&str>> =
        found.iter().filter(|(file, _)| file != "mod").map(|(file, source)| (file.clone(), beside(source))).collect();
    assert!(uses.len() > 20 && uses["handler"].contains("call"), "{uses:?}");
    assert_eq!(circle(&uses), None);
}

#[test]
fn a_circle_of_files_is_found() {
    let uses = |sources: &[(&str, &'static str)]| -> BTreeMap<String, BTreeSet<&'static str>> {
        sources.iter().map(|(file, source)| ((*file).to_owned(), beside(source))).collect()
    };
    let straight = [("a", "use super::b::{C, d};\nuse super::{c, e};"), ("b", "use super::c;"), ("c", ""), ("e", "")];
    assert_eq!(circle(&uses(&straight)), None);
    let round = [("a", "use super::b::C;"), ("b", "    use super::{c, d};"), ("c", "use super::a;"), ("d", "")];
    assert_eq!(circle(&uses(&round)), Some(vec!["a", "b", "c"]));
    let own = [("a", "use super::b;"), ("b", "#[cfg(test)]\nmod tests { use super::a; }")];
    assert_eq!(circle(&uses(&own)), None);
}
