//! What the pages of this repository name is there: files, folders, scripts, links and their anchors.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// What looks like a path of this repository and is none. This list may only shrink.
const NO_PATHS: &[&str] = &[
    "target/release/crm-gateway",
    // Media types and methods.
    "application/x-ndjson",
    "text/csv",
    "tools/list",
    // Of other programs.
    ".cursor/mcp.json",
    ".vscode/mcp.json",
    "claude_desktop_config.json",
];

/// The endings of files that the pages name without a folder.
const ENDINGS: &[&str] = &["json", "md", "mjs", "rs", "service", "sh", "sql", "toml", "yaml"];

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn folders_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir())
}

/// Every page, by its path in the repository.
fn pages() -> Vec<PathBuf> {
    let root = repository();
    let mut folders = vec![root.clone(), root.join("docs"), root.join("docs/adr"), root.join("docs/recipes")];
    folders.extend(folders_in(&root.join("crates")));
    let mut pages = Vec::new();
    for folder in folders {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    }
    assert!(pages.len() > 20, "{pages:?}");
    pages.sort();
    pages
}

/// What a page names.
#[derive(Default)]
struct Named {
    /// Words of its code.
    words: BTreeSet<String>,
    /// Where its links lead.
    links: BTreeSet<String>,
    /// Its headings.
    headings: BTreeSet<String>,
}

impl Named {
    fn by(page: &str) -> Self {
        let mut named = Self::default();
        let mut heading = None;
        let mut in_code = false;
        for event in Parser::new_ext(page, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => named.headings.extend(heading.take()),
                Event::Start(Tag::CodeBlock(_)) => in_code = true,
                Event::End(TagEnd::CodeBlock) => in_code = false,
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    named.links.insert(dest_url.into_string());
                }
                Event::Code(text) | Event::Text(text) if heading.is_some() => {
                    heading.as_mut().unwrap().push_str(&text);
                }
                Event::Code(text) => named.words.extend(text.split_whitespace().map(str::to_owned)),
                // Programs and answers are no prose: only what is surely a path of this repository is looked at.
                Event::Text(text) if in_code => {
                    let words = text.split_whitespace().filter(|word| word.starts_with("scripts/"));
                    named.words.extend(words.map(str::to_owned));
                }
                _ => {}
            }
        }
        named
    }

    /// The anchors that others may link to.
    fn anchors(&self) -> BTreeSet<String> {
        self.headings.iter().map(|heading| anchor(heading)).collect()
    }
}

/// The headings of a page.
pub(crate) fn headings(page: &Path) -> BTreeSet<String> {
    Named::by(&std::fs::read_to_string(page).unwrap()).headings
}

/// The anchor that a heading gets.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Whether a word of code speaks of a file or folder.
fn is_path(word: &str) -> bool {
    let plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte));
    let ending = word.rsplit_once('.').is_some_and(|(name, ending)| !name.is_empty() && ENDINGS.contains(&ending));
    plain && !word.starts_with('/') && (word.contains('/') || ending) && !NO_PATHS.contains(&word)
}

/// From where a page may name a file: the repository, its own folder, and the source of its own crate; a page of the
/// whole repository says the names of crates, or means the crate that it speaks of.
fn bases(page: &Path) -> Vec<PathBuf> {
    let root = repository();
    let folder = page.parent().unwrap().to_owned();
    let mut crates = vec![folder.clone()];
    if !page.starts_with(root.join("crates")) {
        crates = folders_in(&root.join("crates")).chain(folders_in(&root.join("apps"))).collect();
    }
    let sources: Vec<PathBuf> = crates.iter().map(|folder| folder.join("src")).collect();
    [vec![folder, root.join("crates"), root], crates, sources].concat()
}

/// What is wrong with a page of this text.
fn problems(page: &Path, text: &str) -> Vec<String> {
    let named = Named::by(text);
    let bases = bases(page);
    let is_there = |word: &&String| bases.iter().any(|base| base.join(word).exists());
    let paths = named.words.iter().filter(|word| is_path(word));
    let mut problems: Vec<String> =
        paths.filter(|word| !is_there(word)).map(|word| format!("there is no `{word}`")).collect();
    for link in &named.links {
        // Other hosts are not asked; names of Rust are checked by rustdoc.
        if link.contains("://") || link.contains("::") {
            continue;
        }
        let (file, place) = link.split_once('#').unwrap_or((link, ""));
        let target = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
        let anchors = || match std::fs::read_to_string(&target) {
            Ok(_) if file.is_empty() => named.anchors(),
            Ok(text) => Named::by(&text).anchors(),
            Err(_) => BTreeSet::new(),
        };
        if !target.exists() || !place.is_empty() && !anchors().contains(place) {
            problems.push(format!("the link to {link} leads nowhere"));
        }
    }
    problems
}

#[test]
fn what_the_pages_name_is_there() {
    let mut wrong = Vec::new();
    let mut exceptions: BTreeSet<&str> = NO_PATHS.iter().copied().collect();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let words = Named::by(&text).words;
        exceptions.retain(|exception| !words.contains(*exception));
        let of = page.strip_prefix(repository()).unwrap().display().to_string();
        wrong.extend(problems(&page, &text).into_iter().map(|problem| format!("{of}: {problem}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(exceptions.is_empty(), "no page names these any more: {exceptions:?}");
}

#[test]
fn the_steps_to_add_an_endpoint_name_files() {
    let page = std::fs::read_to_string(repository().join("CONTRIBUTING.md")).unwrap();
    let (_, steps) = page.split_once("## Add an endpoint").unwrap();
    let paths = Named::by(steps).words.into_iter().filter(|word| is_path(word)).count();
    assert!(paths >= 10, "the test above looks at {paths} paths of it");
}

#[test]
fn a_page_that_names_what_is_not_there_is_found() {
    let page = repository().join("docs/ARCHITECTURE.md");
    for (text, fault) in [
        ("See `apps/gateway/src/nothing.rs`.", "there is no `apps/gateway/src/nothing.rs`"),
        ("Run `scripts/nothing --all` first.", "there is no `scripts/nothing`"),
        ("Look into `nothing.rs`.", "there is no `nothing.rs`"),
        ("Look into `crm-core/nothing/`.", "there is no `crm-core/nothing/`"),
        ("```sh\nscripts/nothing\n```", "there is no `scripts/nothing`"),
        ("| a | b |\n|---|---|\n| `docs/no.md` | |", "there is no `docs/no.md`"),
        ("[this](nothing.md)", "the link to nothing.md leads nowhere"),
        ("[this](operations.md#nothing)", "the link to operations.md#nothing leads nowhere"),
        ("# Here\n[this](#there)", "the link to #there leads nowhere"),
    ] {
        assert_eq!(problems(&page, text), [fault], "{text}");
    }
    for text in [
        "`crm-core/src/connection.rs`, `connection.rs`, `page/`, `../README.md`, `crates/crm-core/migrations/sqlite`",
        "`application/json+x`, `/pipeline/leads`, `https://example.com/x.md`, `and/or?`",
        "# Here: it's `code`\n[this](#here-its-code), [that](../README.md#where-things-are), [far](https://example.com)",
    ] {
        assert_eq!(problems(&page, text), [""; 0], "{text}");
    }
}
