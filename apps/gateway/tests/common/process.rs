//! The program as a child process, for every test binary of the gateway.
#![expect(dead_code, reason = "each test binary uses its part of it, and none all")]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};
use std::thread::JoinHandle;

use crm_core::BackendKind;
use crm_testkit::TestDatabase;
use crm_testkit::tenancy::unscoped;

/// The program with no setting but this database.
pub(crate) fn gateway(database: &TestDatabase) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crm-gateway"));
    command.env_clear().env("DATABASE_URL", database.url_text()).env("CRM_LISTEN", "127.0.0.1:0");
    if let Some(url) = through_pooler(database) {
        command.env("DATABASE_URL", url).env("CRM_DB_POOLER", "transaction");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The database by way of the pooler that scripts/pooler has put before the server, where it has.
fn through_pooler(database: &TestDatabase) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests have no other settings")]
    let pooler = std::env::var("CRM_TEST_POOLER").ok()?;
    let url = database.url_text();
    let (scheme, rest) = url.split_once("://").filter(|_| database.kind() == BackendKind::Postgres)?;
    let (authority, name) = rest.split_once('/')?;
    let user = authority.split_once('@').map_or(String::new(), |(user, _)| format!("{user}@"));
    Some(format!("{scheme}://{user}{pooler}/{name}"))
}

/// Whether there is a program that a test is made with. Where it is not, the test says so and ends; scripts/test, which
/// installs what it may, says it once more where it is seen.
pub(crate) fn is_installed(program: &str) -> bool {
    let find = "PATH=$PATH:/usr/local/sbin:/usr/sbin; command -v \"$0\"";
    let found = Command::new("sh").args(["-c", find, program]).output().unwrap().status.success();
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

/// Runs a command line to its end.
pub(crate) fn output(database: &TestDatabase, arguments: &[&str]) -> Output {
    gateway(database).args(arguments).output().unwrap()
}

/// Runs a command line that must succeed, and gives its stdout.
pub(crate) fn stdout(database: &TestDatabase, arguments: &[&str]) -> String {
    let output = output(database, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Checks that a command failed with this code and one line on stderr, and gives the line.
pub(crate) fn one_error(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    assert!(output.stdout.is_empty(), "{output:?}");
    text.trim_end().to_owned()
}

/// A gateway that serves; it is killed when this is dropped.
pub(crate) struct Serving {
    child: Child,
    out: BufReader<ChildStdout>,
    /// Reads the statements that it sends, where its log is not a file.
    statements: Option<JoinHandle<BTreeSet<String>>>,
    /// What it printed before it listened.
    pub(crate) greeting: Vec<String>,
    /// Where it listens: `http://…`.
    pub(crate) url: String,
}

impl Serving {
    /// Starts it and waits until it listens. When it ends, a statement that was not held to one tenant fails the test.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::listening(command.env("RUST_LOG", "off,crm_gateway::statement=trace"))
    }

    /// As [`start`](Self::start), with its log in this file.
    pub(crate) fn start_logging(command: &mut Command, log: File) -> Self {
        Self::listening(command.stderr(log))
    }

    fn listening(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let log = child.stderr.take();
        let statements = log.map(|log| std::thread::spawn(move || of_all_tenants(log)));
        let mut serving = Self { child, out, statements, greeting: Vec::new(), url: String::new() };
        while serving.url.is_empty() {
            let mut line = String::new();
            let length = serving.out.read_line(&mut line).unwrap();
            assert!(length > 0, "it ended before it listened: {:?}", serving.greeting);
            match line.trim_end().strip_prefix("listening on ") {
                Some(url) => serving.url.push_str(url),
                None => serving.greeting.push(line.trim_end().to_owned()),
            }
        }
        serving
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops it at once, as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it as an operator does, and gives its exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        let code = self.child.wait().unwrap().code();
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "nothing but the greeting goes to stdout");
        code
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let statements = self.statements.take().map(|statements| statements.join().unwrap_or_default());
        if let Some(statements) = statements.filter(|_| !std::thread::panicking()) {
            assert!(statements.is_empty(), "statements that are not held to one tenant: {statements:#?}");
        }
    }
}

/// Reads a log to its end, and gives the statements in it that are not held to one tenant.
fn of_all_tenants(log: ChildStderr) -> BTreeSet<String> {
    let lines = BufReader::new(log).lines().map_while(Result::ok);
    let statements = lines.filter_map(|line| Some(line.split_once(" statement=")?.1.to_owned()));
    let different: BTreeSet<String> = statements.collect();
    // What is very long was cut, and does not end with a quote.
    let quoted = |statement: &str| statement.trim_start_matches('"').trim_end_matches('"').to_owned();
    let text = |statement: &String| quoted(statement).replace("\\\"", "\"").replace("\\n", " ");
    different.into_iter().filter(|statement| !unscoped(&text(statement)).is_empty()).collect()
}
