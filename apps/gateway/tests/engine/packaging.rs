//! The files that people install the gateway with name its settings, its commands and what is in this repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crm_testkit::TestDatabase;

use crate::process::{Serving, gateway, one_error, output, stdout};

/// Variables of compose.yaml that are no settings of the gateway.
const OF_COMPOSE: [&str; 1] = ["POSTGRES_PASSWORD"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(file: &str) -> String {
    std::fs::read_to_string(repository().join(file)).unwrap()
}

/// Every setting, as `--help` names it.
fn settings() -> BTreeSet<String> {
    let help = stdout(&TestDatabase::sqlite(), &["--help"]);
    let named = help.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap().to_owned());
    let named: BTreeSet<String> = named.collect();
    assert!(named.len() > 20, "{help}");
    named
}

#[test]
fn the_example_of_an_env_file_has_every_setting_and_no_other() {
    let example = text(".env.example");
    let is_name =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let variables = example.lines().filter_map(|line| line.trim_start_matches('#').split_once('='));
    let variables = variables.filter(|(name, _)| is_name(name));
    let variables = variables.map(|(name, value)| {
        assert!(value.is_empty(), "{name} has a value: it would be used by whoever forgets to change it");
        name.to_owned()
    });
    let variables: BTreeSet<String> = variables.filter(|name| !OF_COMPOSE.contains(&name.as_str())).collect();
    assert_eq!(
        variables,
        settings(),
        "if you are here because this failed: .env.example lists every setting of config.rs"
    );
}

#[test]
fn the_operations_guide_describes_every_setting_and_no_other() {
    let guide = text("docs/operations.md");
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| row.split(" | ").next());
    let names = rows.flat_map(|cell| cell.split("`, `").map(|name| name.trim_end_matches('`').to_owned()));
    let is_variable = |name: &String| name == "DATABASE_URL" || name.starts_with("CRM_") || name == "RUST_LOG";
    let described: BTreeSet<String> = names.filter(|name| is_variable(name) || name.ends_with("_FILE")).collect();
    assert_eq!(described, settings(), "if you are here because this failed: the table in docs/operations.md is old");
}

#[test]
fn compose_and_the_unit_use_settings_that_exist() {
    let known = settings();
    let is_known = |name: &str| known.contains(name) || OF_COMPOSE.contains(&name);
    let compose = text("compose.yaml");
    for name in compose.split("${").skip(1).map(|rest| rest.split([':', '}']).next().unwrap()) {
        assert!(is_known(name), "compose.yaml: {name}");
    }
    let unit = text("packaging/crm-gateway.service");
    for line in unit.lines().filter_map(|line| line.strip_prefix("Environment=")) {
        assert!(is_known(line.split('=').next().unwrap()), "crm-gateway.service: {line}");
    }
}

#[test]
fn the_image_is_built_from_files_that_exist_and_are_sent() {
    let dockerfile = text("Dockerfile");
    let sent = text(".dockerignore");
    let copies =
        dockerfile.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from"));
    let mut copied = 0;
    for copy in copies {
        let mut words: Vec<&str> = copy.split_whitespace().collect();
        words.pop();
        for path in words {
            assert!(repository().join(path).exists(), "the Dockerfile copies {path}");
            assert!(sent.lines().any(|line| line == format!("!{path}")), ".dockerignore keeps {path} back");
            copied += 1;
        }
    }
    assert!(copied > 5, "{dockerfile}");
}

/// What a name stands for can be changed by whoever owns it; a hash cannot.
#[test]
fn what_is_fetched_to_build_and_run_is_named_by_its_hash() {
    let is_hash = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut seen = 0;
    for entry in std::fs::read_dir(repository().join(".github/workflows")).unwrap() {
        let workflow = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for action in workflow.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: ")) {
            let (commit, tag) = action.split_once('@').unwrap().1.split_once(" # v").expect("the tag stands behind it");
            assert!(is_hash(commit, 40) && !tag.is_empty(), "{action}");
            seen += 1;
        }
    }
    let dockerfile = text("Dockerfile");
    let bases = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM "));
    let compose = text("compose.yaml");
    let images = compose.lines().filter_map(|line| line.trim_start().strip_prefix("image: "));
    for image in bases.chain(images.filter(|image| *image != "crm-gateway")) {
        let digest = image.split_whitespace().next().unwrap().split_once("@sha256:").expect("a digest").1;
        assert!(is_hash(digest, 64), "{image}");
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn a_gateway_that_is_installed_has_a_limit_to_its_memory() {
    let unit = text("packaging/crm-gateway.service");
    assert!(["MemoryHigh=", "MemoryMax="].iter().all(|name| unit.lines().any(|line| line.starts_with(name))), "{unit}");
    let compose = text("compose.yaml");
    let services = compose.split_once("\nvolumes:").unwrap().0.matches("\n    restart:").count();
    assert_eq!(compose.matches("\n    mem_limit: ").count(), services);
}

#[test]
fn the_health_of_a_gateway_is_its_answer() {
    let database = TestDatabase::sqlite();
    let serving = Serving::start(&mut gateway(&database));
    let address = serving.url.strip_prefix("http://").unwrap().to_owned();
    stdout(&database, &["healthcheck", "--listen", &address]);
    assert_eq!(serving.terminate(), Some(0));
    let gone = one_error(&output(&database, &["healthcheck", "--listen", &address]), 1);
    assert!(gone.starts_with(&format!("error: http://{address}/healthz does not answer as it should")), "{gone}");
}
