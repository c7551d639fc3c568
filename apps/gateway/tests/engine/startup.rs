use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crm_core::tenants;
use crm_testkit::{TestDatabase, both_databases};

use crate::process::{Serving, gateway, is_installed, one_error, output, stdout};
use crate::settings::{is_long, rounds};

fn empty_databases() -> impl Iterator<Item = TestDatabase> {
    (0..rounds(5)).flat_map(|_| [TestDatabase::empty_sqlite(), TestDatabase::empty_postgres()])
}

fn tenant_ids(database: &TestDatabase) -> Vec<String> {
    let all = tenants::list(&mut database.connect()).unwrap();
    all.into_iter().map(|tenant| tenant.public_id.to_string()).collect()
}

fn is_current(database: &TestDatabase) -> bool {
    crm_core::migrate::is_current(&mut database.connect()).unwrap()
}

#[test]
fn eight_programs_migrate_one_empty_database_at_once() {
    for database in empty_databases() {
        let children: Vec<Child> = (0..8).map(|_| gateway(&database).arg("migrate").spawn().unwrap()).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}: {output:?}", database.url());
        }
        assert!(is_current(&database));
    }
}

#[test]
fn a_killed_migration_is_done_by_the_next() {
    for (round, database) in empty_databases().enumerate() {
        let mut child = gateway(&database).arg("migrate").spawn().unwrap();
        // The whole takes some tens of milliseconds; the rounds stop it at different points of that.
        std::thread::sleep(Duration::from_millis(3 + 7 * u64::try_from(round).unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        stdout(&database, &["migrate"]);
        assert!(is_current(&database), "{}, round {round}", database.url());
    }
}

/// A job that tests against it waits for that (docs/recipes/ci.md).
#[test]
fn in_memory_it_listens_at_once() {
    let a_start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crm-gateway"));
        command.env_clear().env("CRM_LISTEN", "127.0.0.1:0").args(["serve", "--database-url", "sqlite::memory:"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let log = File::create("/dev/null").unwrap();
        let began = Instant::now();
        let serving = Serving::start_logging(&mut command, log);
        let took = began.elapsed();
        assert_eq!(serving.terminate(), Some(0));
        took
    };
    let mut times: Vec<Duration> = (0..rounds(5)).map(|_| a_start()).collect();
    times.sort();
    let (quickest, half, slowest) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    println!("in memory it listens after {quickest:.0?} to {slowest:.0?}, half of the times by {half:.0?}");
    // How fast it is counts in long runs alone, on a machine that does nothing else.
    let bound = if is_long() { Duration::from_millis(100) } else { Duration::from_secs(5) };
    assert!(quickest < bound, "{times:?}");
}

both_databases! {
    /// The first start makes one tenant and shows its keys; the second shows nothing.
    fn the_first_start_makes_a_tenant(database) {
        let first = Serving::start(&mut gateway(database));
        let shown = first.greeting.join("\n");
        assert!(shown.contains("crm_rw_") && shown.contains("crm_ro_"), "{shown}");
        assert_eq!(first.terminate(), Some(0));
        let second = Serving::start(gateway(database).arg("serve"));
        assert_eq!(second.greeting, Vec::<String>::new());
        assert_eq!(tenant_ids(database), ["default"]);
        assert_eq!(second.terminate(), Some(0));
    }

    /// The README shows what a start prints.
    fn the_first_start_prints_what_the_readme_shows(database) {
        let first = Serving::start(&mut gateway(database));
        let said: Vec<String> = first.greeting.iter().cloned().chain([format!("listening on {}", first.url)]).collect();
        let said = said.join("\n").replace(&first.url, "http://127.0.0.1:8080");
        let without_keys: Vec<String> = said.split("crm_r").map(|part| match part.split_once('_') {
            Some((kind, rest)) if matches!(kind, "w" | "o") => {
                let secret = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
                format!("{kind}_…{}", &rest[secret..])
            }
            _ => part.to_owned(),
        }).collect();
        let readme = std::fs::read_to_string(crate::pages::repository().join("README.md")).unwrap();
        let said = without_keys.join("crm_r");
        assert!(readme.contains(&format!("```text\n{said}\n```")), "if you are here because this failed: it prints\n{said}");
    }

    /// What the first start tells to try works when it is pasted into a shell.
    fn the_line_to_try_makes_a_lead(database) {
        if !is_installed("curl") {
            return;
        }
        let serving = Serving::start(&mut gateway(database));
        let line = serving.greeting.iter().find(|line| line.contains("curl")).unwrap();
        let made = Command::new("sh").arg("-c").arg(format!("{line} -sS -w '%{{http_code}}'")).output();
        let made = String::from_utf8(made.unwrap().stdout).unwrap();
        assert!(made.ends_with("201"), "{line}: {made}");
    }

    /// Chosen keys are taken once, and shown never.
    fn a_chosen_tenant_is_made_silently(database) {
        let (primary, secondary) = ("p".repeat(32), "s".repeat(32));
        let mut command = gateway(database);
        command.env("CRM_BOOTSTRAP_TENANT", "fdsa-4321").env("CRM_BOOTSTRAP_PRIMARY_KEY", &primary);
        command.env("CRM_BOOTSTRAP_SECONDARY_KEY", &secondary);
        let serving = Serving::start(&mut command);
        assert_eq!(serving.greeting, Vec::<String>::new());
        assert_eq!(tenant_ids(database), ["fdsa-4321"]);
        drop(serving);
        let other = Serving::start(command.env("CRM_BOOTSTRAP_TENANT", "other"));
        assert_eq!(tenant_ids(database), ["fdsa-4321"], "without effect once a tenant exists");
        drop(other);
    }
}

#[test]
fn gateways_that_start_together_make_one_tenant() {
    for _ in 0..5 {
        let database = TestDatabase::empty_postgres();
        let servers: Vec<Serving> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..4).map(|_| scope.spawn(|| Serving::start(&mut gateway(&database)))).collect();
            starting.into_iter().map(|starting| starting.join().unwrap()).collect()
        });
        assert_eq!(tenant_ids(&database), ["default"]);
        assert_eq!(servers.iter().filter(|server| !server.greeting.is_empty()).count(), 1, "one shows keys");
    }
}

#[test]
fn a_second_gateway_on_an_sqlite_file_does_not_start() {
    let database = TestDatabase::sqlite();
    let first = Serving::start(&mut gateway(&database));
    let error = one_error(&output(&database, &["serve"]), 1);
    assert!(error.contains("another gateway serves"), "{error}");
    assert_eq!(first.terminate(), Some(0));
    assert_eq!(Serving::start(&mut gateway(&database)).terminate(), Some(0), "the lock goes with its holder");
}

#[test]
fn an_address_that_is_taken_is_one_line() {
    let (database, other) = (TestDatabase::sqlite(), TestDatabase::sqlite());
    let first = Serving::start(&mut gateway(&database));
    let address = first.url.strip_prefix("http://").unwrap();
    // With its tenant, so that nothing but the address is in the way.
    let _ = other.tenant("acme");
    let error = one_error(&output(&other, &["--listen", address, "--log", "error"]), 1);
    assert!(error.contains("CRM_LISTEN") && error.contains(address), "{error}");
}

#[test]
fn a_database_out_of_reach_is_one_line() {
    let database = TestDatabase::sqlite();
    let url = "postgres://nobody:hunter2@127.0.0.1:1/nothing";
    for command in ["serve", "migrate"] {
        let output = gateway(&database).env("DATABASE_URL", url).env("RUST_LOG", "off").arg(command).output();
        let error = one_error(&output.unwrap(), 1);
        assert!(error.contains("cannot be reached") && !error.contains("hunter2"), "{command} {url}: {error}");
    }
}

/// A standby as the target is one line that says what to do, and nothing is tried on it.
#[test]
fn a_standby_is_said_to_be_one() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/postgres");
    for command in ["serve", "migrate"] {
        let line = format!("DATABASE_URL=$CRM_TEST_POSTGRES_URL exec {} {command}", env!("CARGO_BIN_EXE_crm-gateway"));
        let mut cluster = Command::new(script);
        cluster.args(["run", "--fast", "--standby", "--", "sh", "-c", &line]).env_remove("CRM_TEST_POSTGRES_URL");
        let output = cluster.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        if error.contains("no PostgreSQL server programs") {
            eprintln!("SKIPPED: a standby: {error}");
            return;
        }
        let error = error.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{output:?}"));
        assert!(error.contains("is a standby") && error.contains("target_session_attrs=read-write"), "{error}");
        assert_eq!(output.status.code(), Some(1));
    }
}

/// Whatever a URL looks like, nothing of its secret is printed, by this program or by libpq.
#[test]
fn no_part_of_a_urls_secret_is_printed() {
    let database = TestDatabase::sqlite();
    for (url, code) in [
        ("postgres://u:canary@x@127.0.0.1:1/d", 2),
        ("postgres://u:canary/x@127.0.0.1:1/d", 2),
        ("postgres://u:1/canary@127.0.0.1:1/d", 2),
        ("postgres://u:1?user=canary@127.0.0.1:1/d", 2),
        ("postgres://u:canary#x@127.0.0.1:1/d", 2),
        ("postgres://u:canary%@127.0.0.1:1/d", 2),
        ("postgres://u:canary%zz@127.0.0.1:1/d", 2),
        ("postgres://127.0.0.1:1/d?password=x@canary", 2),
        ("postgres://127.0.0.1:1/d?canary=x", 2),
        ("postgres://127.0.0.1:1/d?sslmode=canary", 2),
        ("postgres://canary:canary@127.0.0.1:99999/d", 2),
        ("Postgres://u:canary@127.0.0.1:1/d", 2),
        ("postgres//u:canary@127.0.0.1:1/d", 2),
        ("mysql://u:canary@127.0.0.1:1/d", 2),
        ("postgres://u:canary@127.0.0.1:1/d", 1),
        ("postgres://canary:x@127.0.0.1:1/d", 1),
        ("postgres://127.0.0.1:1/d?user=u&password=x%40canary", 1),
        ("postgres://u:x%40canary%2F@127.0.0.1:1,127.0.0.1:2/d?target_session_attrs=read-write", 1),
    ] {
        for command in ["serve", "migrate"] {
            let output = gateway(&database).env("DATABASE_URL", url).env("RUST_LOG", "trace").arg(command).output();
            let output = output.unwrap();
            let printed = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
            assert_eq!(output.status.code(), Some(code), "{command} {url}: {printed}");
            assert!(!printed.contains("canary"), "{command} {url}: {printed}");
            let line = printed.lines().find(|line| line.starts_with("error: ")).unwrap();
            if code == 2 {
                assert!(line.starts_with("error: DATABASE_URL: "), "{url}: {line}");
                let is_postgres = url.starts_with("postgres://");
                assert_eq!(line.contains("percent-encode special characters"), is_postgres, "{url}: {line}");
            }
        }
    }
}

#[test]
fn a_bad_setting_stops_the_start_with_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (empty, no_key, short) = (file("empty", "\n"), file("no-key", "hello"), file("short", "short\n"));
    let private = file("private", "-----BEGIN PRIVATE KEY-----\n");
    let garbage = file("garbage", "-----BEGIN PUBLIC KEY-----\nbm8ga2V5\n-----END PUBLIC KEY-----\n");
    let twice = file("twice.db", "");
    std::fs::hard_link(&twice, folder.path().join("again.db")).unwrap();
    let (twice, a_folder) = (format!("sqlite://{twice}"), format!("sqlite://{}", folder.path().display()));
    let (long, other) = ("x".repeat(32), "y".repeat(32));
    let database = TestDatabase::empty_sqlite();
    // The variables that are set, and the name that the line has to begin with.
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("DATABASE_URL", "mysql://x")], "DATABASE_URL:"),
        (&[("DATABASE_URL", "crm.db")], "DATABASE_URL:"),
        (&[("DATABASE_URL", ""), ("DATABASE_URL_FILE", &empty)], "DATABASE_URL_FILE:"),
        (&[("DATABASE_URL_FILE", &empty)], "DATABASE_URL:"),
        (&[("DATABASE_URL", "sqlite:///no/such/folder/crm.db")], "DATABASE_URL: the folder /no/such/folder does not"),
        (&[("DATABASE_URL", &a_folder)], "DATABASE_URL:"),
        (&[("DATABASE_URL", &twice)], "DATABASE_URL:"),
        (&[("CRM_LISTEN", "8080")], "CRM_LISTEN:"),
        // An address that is set aside for documentation (RFC 5737), and so no machine's.
        (&[("CRM_LISTEN", "192.0.2.1:0")], "CRM_LISTEN: 192.0.2.1:0"),
        (&[("CRM_LISTEN", "no-such-host.invalid:8080")], "CRM_LISTEN:"),
        (&[("CRM_LISTEN", "127.0.0.1:99999")], "CRM_LISTEN:"),
        (&[("CRM_WORKERS", "0")], "CRM_WORKERS:"),
        (&[("CRM_WORKERS", "many")], "CRM_WORKERS:"),
        (&[("CRM_DB_POOL", "-1")], "CRM_DB_POOL:"),
        (&[("CRM_DB_POOL", "1000000")], "CRM_DB_POOL:"),
        (&[("CRM_RATE_LIMIT", "1.5")], "CRM_RATE_LIMIT:"),
        (&[("CRM_JWT_SECRET", "short")], "CRM_JWT_SECRET:"),
        (&[("CRM_JWT_SECRET_FILE", &short)], "CRM_JWT_SECRET:"),
        (&[("CRM_JWT_SECRET_FILE", "/no/such/file")], "CRM_JWT_SECRET_FILE:"),
        (&[("CRM_JWT_PUBLIC_KEY", "/no/such/file")], "CRM_JWT_PUBLIC_KEY:"),
        (&[("CRM_JWT_PUBLIC_KEY", &no_key)], "CRM_JWT_PUBLIC_KEY:"),
        (&[("CRM_JWT_PUBLIC_KEY", &private)], "CRM_JWT_PUBLIC_KEY:"),
        (&[("CRM_JWT_PUBLIC_KEY", &garbage)], "CRM_JWT_PUBLIC_KEY:"),
        (&[("CRM_JWT_JWKS_URL", "ftp://issuer/keys")], "CRM_JWT_JWKS_URL:"),
        (&[("CRM_JWT_JWKS_URL", "issuer")], "CRM_JWT_JWKS_URL:"),
        (&[("CRM_JWT_SECRET", &long), ("CRM_JWT_JWKS_URL", "https://issuer/keys")], "CRM_JWT_SECRET, "),
        (&[("CRM_JWT_SECRET", &long), ("CRM_JWT_TENANT_CLAIM", " ")], "CRM_JWT_TENANT_CLAIM:"),
        (&[("CRM_BOOTSTRAP_TENANT", "acme")], "CRM_BOOTSTRAP_PRIMARY_KEY, CRM_BOOTSTRAP_SECONDARY_KEY:"),
        (&[("CRM_BOOTSTRAP_PRIMARY_KEY", &long), ("CRM_BOOTSTRAP_SECONDARY_KEY", &other)], "CRM_BOOTSTRAP_TENANT:"),
        (&[("CRM_BOOTSTRAP_TENANT", "a b")], "CRM_BOOTSTRAP_TENANT:"),
        (&[("CRM_BOOTSTRAP_PRIMARY_KEY", "too-short")], "CRM_BOOTSTRAP_PRIMARY_KEY:"),
        (
            &[
                ("CRM_BOOTSTRAP_TENANT", "a"),
                ("CRM_BOOTSTRAP_PRIMARY_KEY", &long),
                ("CRM_BOOTSTRAP_SECONDARY_KEY", &long),
            ],
            "CRM_BOOTSTRAP_SECONDARY_KEY:",
        ),
        (&[("CRM_SECRETS_KEY", "too-short")], "CRM_SECRETS_KEY:"),
        (&[("CRM_SECRETS_KEY_FILE", &short)], "CRM_SECRETS_KEY:"),
        (&[("CRM_CORS_ORIGINS", "app.example.com")], "CRM_CORS_ORIGINS:"),
        (&[("CRM_CORS_ORIGINS", "https://app.example.com/")], "CRM_CORS_ORIGINS:"),
        (&[("CRM_HISTORY_DAYS", "36501")], "CRM_HISTORY_DAYS:"),
        (&[("CRM_TRASH_DAYS", "a month")], "CRM_TRASH_DAYS:"),
        (&[("CRM_TRASH_DAYS", "366")], "CRM_TRASH_DAYS:"),
        (&[("CRM_ALLOW_RESET", "true"), ("CRM_NOW", "noon")], "CRM_NOW: must be an RFC 3339 date and time"),
        (&[("CRM_ALLOW_RESET", "true"), ("CRM_NOW", "3000-01-01T00:00:00Z")], "CRM_NOW: must be"),
        (&[("CRM_NOW", "2030-01-01T00:00:00Z")], "CRM_NOW: is for tests: only with CRM_ALLOW_RESET=true"),
        (&[("CRM_ALLOW_RESET", "false"), ("CRM_NOW", "2030-01-01T00:00:00Z")], "CRM_NOW: is for tests"),
        (&[("CRM_SHUTDOWN_TIMEOUT", "soon")], "CRM_SHUTDOWN_TIMEOUT:"),
        (&[("RUST_LOG", "loud")], "RUST_LOG:"),
        (&[("RUST_LOG", "info,crm_gateway=loud")], "RUST_LOG:"),
        (&[("CRM_RATE_LIMITS", "10")], "CRM_RATE_LIMITS: is no setting; did you mean CRM_RATE_LIMIT?"),
        (&[("CRM_NONSENSE", "")], "CRM_NONSENSE:"),
    ];
    for (variables, name) in cases {
        let output = gateway(&database).envs(variables.iter().copied()).output().unwrap();
        let error = one_error(&output, 2);
        assert!(error.starts_with(&format!("error: {name}")), "{variables:?}: {error}");
        assert!(!error.contains(&long) && !error.contains("too-short"), "a secret: {error}");
    }
    let made = std::fs::read_dir(database.url().file().unwrap().parent().unwrap()).unwrap().count();
    assert_eq!(made, 0, "a database, or a lock beside it, was made");
}

#[test]
fn a_secret_that_everybody_can_read_is_warned_of() {
    let (database, folder) = (TestDatabase::sqlite(), tempfile::tempdir().unwrap());
    let path = folder.path().join("secret");
    std::fs::write(&path, "s".repeat(32)).unwrap();
    for (mode, warns) in [(0o644, true), (0o640, false), (0o600, false)] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let mut command = gateway(&database);
        let output = command.args(["token", "--tenant", "t", "--role", "r"]).env("CRM_JWT_SECRET_FILE", &path).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.contains("CRM_JWT_SECRET_FILE: every user"), warns, "{mode:o}: {said}");
    }
}

both_databases! {
    /// Keys that nobody saw are keys of no tenant: the next start makes it, and shows them.
    fn a_tenant_whose_keys_cannot_be_shown_is_not_made(database) {
        let full = || File::options().write(true).open("/dev/full").unwrap();
        let output = gateway(database).arg("serve").stdout(full()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("stdout cannot be written"), "{said}");
        assert_eq!(tenant_ids(database), [""; 0]);
        let output = gateway(database).args(["tenants", "create", "--id", "acme"]).stdout(full()).output().unwrap();
        assert_eq!((output.status.code(), tenant_ids(database)), (Some(1), Vec::new()), "by the command line");
        let serving = Serving::start(&mut gateway(database));
        assert!(serving.greeting.join("\n").contains("crm_rw_"));
        assert_eq!(tenant_ids(database), ["default"]);
    }
}

#[test]
fn an_empty_variable_counts_as_unset_and_a_secret_may_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::sqlite();
    let url = folder.path().join("url");
    std::fs::write(&url, format!("{}\r\n", database.url_text())).unwrap();
    let mut command = gateway(&database);
    for name in [
        "DATABASE_URL",
        "CRM_WORKERS",
        "CRM_DB_POOL",
        "CRM_RATE_LIMIT",
        "CRM_JWT_SECRET",
        "CRM_JWT_SECRET_FILE",
        "CRM_JWT_PUBLIC_KEY",
        "CRM_JWT_JWKS_URL",
        "CRM_JWT_ISSUER",
        "CRM_JWT_TENANT_CLAIM",
        "CRM_BOOTSTRAP_TENANT",
        "CRM_BOOTSTRAP_PRIMARY_KEY",
        "CRM_BOOTSTRAP_SECONDARY_KEY",
        "CRM_CORS_ORIGINS",
        "CRM_HISTORY_DAYS",
        "CRM_NOW",
        "CRM_TRASH_DAYS",
        "CRM_SHUTDOWN_TIMEOUT",
        "RUST_LOG",
    ] {
        command.env(name, "");
    }
    let serving = Serving::start(command.env("DATABASE_URL_FILE", &url));
    assert_eq!(tenant_ids(&database), ["default"]);
    assert_eq!(serving.terminate(), Some(0));
}
