//! The command line (docs/operations.md).

mod backup;
mod check;
mod copy;
mod deletion;
mod demo;
mod distribute;
mod export;
mod freeze;
mod healthcheck;
mod import;
mod keys;
mod mcp;
mod migrate;
mod progress;
mod secrets;
mod serve;
mod share;
mod tenants;
mod token;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use crm_core::database::DatabaseUrl;
use crm_core::migrate::is_current;
use crm_core::tenants::{ChosenKeys, CreatedTenant};
use crm_core::{DbConnection, PublicTenantId, Timestamp};
use crm_suite::SuiteError;
use diesel::connection::SimpleConnection;

use crate::config::{self, BadSetting, Settings};
use crate::logging::{self, Log};

/// A self-hosted, multi-tenant CRM and ticketing HTTP API.
///
/// Without a command it serves. Every setting is a flag and an environment variable; an empty variable counts
/// as unset. Prefer variables or files for secrets: flags show in the list of processes.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage or a setting that cannot be used.
#[derive(Parser)]
#[command(name = "crm-gateway", version)]
struct Arguments {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Brings the schema up to date, then serves until SIGTERM or SIGINT
    ///
    /// Where no tenant exists it makes one and prints its keys, once.
    Serve,
    /// Brings the schema of the database up to date
    Migrate,
    /// Spreads the tables over the nodes of a Citus cluster, by tenant (docs/scaling.md)
    ///
    /// All in one transaction; tables that are distributed already stay as they are. Name the coordinator in DATABASE_URL.
    Distribute(distribute::Distribute),
    /// Makes, lists, freezes and deletes tenants
    #[command(subcommand)]
    Tenants(tenants::Command),
    /// Replaces keys
    #[command(subcommand)]
    Keys(keys::Command),
    /// Seals stored secrets with another key
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Prints a signed token for trying out the ticketing routes; only with CRM_JWT_SECRET
    Token(token::Token),
    /// Makes and changes records from a file of CSV or NDJSON
    ///
    /// Each row by itself, some hundred in a transaction; what fails is written to a file of its own, with what is wrong.
    Import(import::Command),
    /// Fills a tenant with the records of a company that looks like one
    Demo(demo::Demo),
    /// Writes the records of a kind into a file, as `GET …/export` does
    Export(export::Export),
    /// Copies an SQLite database into a file, beside a running gateway, and reads the copy
    Backup(backup::Backup),
    /// Walks all tables for what must never be, and exits with 1 where it finds any; it only reads
    Check,
    /// Copies tenants with everything that they have from one database into another
    ///
    /// Ids and keys stay. Nothing of what is written meanwhile is copied: stop the gateway before. Where it fails or is
    /// killed, the target is as it was.
    Copy(copy::Copy),
    /// Exits with 0 when the gateway that listens at CRM_LISTEN answers: for container images
    Healthcheck,
    /// Serves a model's program over standard input and output (Model Context Protocol), with requests to a running gateway
    ///
    /// The key is that of CRM_KEY or CRM_KEY_FILE; what it may not do is not offered.
    Mcp(mcp::Mcp),
    /// Prints the OpenAPI document
    Openapi,
}

/// Runs the command of this process's arguments. A failure is one line on stderr.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let log = match start_log(&arguments.settings) {
        Ok(log) => log,
        Err(error) => {
            // Where stderr is closed, the exit code is all that can be said.
            let _ = writeln!(std::io::stderr(), "{}", failure(&error));
            return exit_code(&error);
        }
    };
    let Err(error) = run_command(arguments) else { return ExitCode::SUCCESS };
    log.line(&failure(&error));
    exit_code(&error)
}

fn failure(error: &anyhow::Error) -> String {
    format!("error: {}", crate::db::one_line(&format!("{error:#}")))
}

/// Supervisors should not restart a gateway with the same bad setting.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if error.is::<BadSetting>() { 2 } else { 1 })
}

fn start_log(settings: &Settings) -> anyhow::Result<Log> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    config::refuse_unknown(std::env::vars_os().map(|(name, value)| (text(name), text(value))))?;
    logging::start(settings.log_filter()?)
}

fn run_command(Arguments { settings, command }: Arguments) -> anyhow::Result<()> {
    match command {
        None | Some(Command::Serve) => serve::run(&settings),
        Some(Command::Migrate) => migrate::run(&settings),
        Some(Command::Distribute(distribute)) => distribute::run(&settings, &distribute),
        Some(Command::Tenants(command)) => tenants::run(&settings, command),
        Some(Command::Keys(command)) => keys::run(&settings, command),
        Some(Command::Secrets(command)) => secrets::run(&settings, &command),
        Some(Command::Token(token)) => token::run(&settings, &token),
        Some(Command::Import(command)) => import::run(&settings, &command),
        Some(Command::Demo(demo)) => demo::run(&settings, &demo),
        Some(Command::Export(export)) => export::run(&settings, &export),
        Some(Command::Backup(backup)) => backup::run(&settings, &backup),
        Some(Command::Check) => check::run(&settings),
        Some(Command::Copy(copy)) => copy::run(&copy),
        Some(Command::Healthcheck) => healthcheck::run(&settings),
        Some(Command::Mcp(command)) => mcp::run(&command),
        Some(Command::Openapi) => crate::app::openapi_json().and_then(|document| print(document.trim_end())),
    }
}

/// Prints a line and makes sure that it went out: `println!` would panic when nobody reads.
fn print(line: impl std::fmt::Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("stdout cannot be written")
}

/// A connection for a command that changes an existing database, beside a running gateway or without one.
fn connect(settings: &Settings) -> anyhow::Result<DbConnection> {
    connect_to(&settings.database_url()?)
}

/// As [`connect`], to a database that is named otherwise.
fn connect_to(url: &DatabaseUrl) -> anyhow::Result<DbConnection> {
    match url {
        DatabaseUrl::SqliteMemory(_) => {
            bail!("sqlite::memory: is gone with the gateway that has it: name another database")
        }
        // Opening a file that does not exist would make it.
        DatabaseUrl::SqliteFile(path) if !path.exists() => {
            bail!("{url} does not exist: run `crm-gateway migrate` first")
        }
        DatabaseUrl::SqliteFile(_) | DatabaseUrl::Postgres(_) => {}
    }
    let mut connection = url.connect().with_context(|| format!("{url} cannot be reached"))?;
    if !is_current(&mut connection)? {
        bail!("the schema of {url} is not the one of this program: run `crm-gateway migrate` first");
    }
    if url.limits_of_a_transaction().is_empty()
        && let DbConnection::Postgres(connection) = &mut connection
    {
        // The limit is for requests; deleting a large tenant takes longer.
        connection.batch_execute("SET statement_timeout = 0")?;
    }
    Ok(connection)
}

/// Makes a tenant with everything that a new one has. Call it in a `DbConnection::write`.
fn provision(
    connection: &mut DbConnection,
    id: &PublicTenantId,
    name: &str,
    chosen: Option<&ChosenKeys>,
    now: Timestamp,
) -> Result<CreatedTenant, SuiteError> {
    crm_suite::tenants::create(connection, id, name, chosen, now)
}
