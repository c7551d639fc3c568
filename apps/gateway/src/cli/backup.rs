//! `crm-gateway backup`: a copy of an SQLite database beside a running gateway.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use crm_core::DbConnection;
use crm_core::database::DatabaseUrl;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::config::Settings;

use super::{connect, print};

/// Where the copy goes.
#[derive(clap::Args)]
pub(super) struct Backup {
    /// The file to make
    file: PathBuf,
    /// Replaces a file of that name
    #[arg(long)]
    force: bool,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

pub(super) fn run(settings: &Settings, arguments: &Backup) -> anyhow::Result<()> {
    let Backup { file, force } = arguments;
    let url = settings.database_url()?;
    if let DatabaseUrl::Postgres(_) = &url {
        bail!(
            "{url} is PostgreSQL's to back up: pg_dump --format=custom --file={} with the URL of the database as --dbname, \
             and pg_restore to bring it back",
            file.display()
        );
    }
    ensure!(*force || !file.exists(), "{} exists: --force replaces it", file.display());
    let mut connection = connect(settings)?;
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().context("the file has no name")?.to_string_lossy();
    let unfinished = Unfinished(directory.join(format!(".{name}.{}", std::process::id())));
    copy(&mut connection, &unfinished.0)?;
    verify(&unfinished.0)?;
    File::open(&unfinished.0)?.sync_all()?;
    if *force {
        fs::rename(&unfinished.0, file)?;
    } else {
        // Unlike a rename it replaces nothing that came meanwhile.
        fs::hard_link(&unfinished.0, file).with_context(|| format!("{} cannot be made", file.display()))?;
    }
    File::open(directory)?.sync_all()?;
    let bytes = fs::metadata(file)?.len();
    print(format_args!("backed up {url} to {} ({bytes} bytes, verified)", file.display()))
}

/// A file that is taken away unless it got its name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        for end in ["", "-journal", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(end);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => log::warn!("{}: {error}", path.display()),
                _ => {}
            }
        }
    }
}

/// One state of the database, whatever is written meanwhile; writers do not wait for it.
fn copy(connection: &mut DbConnection, file: &Path) -> anyhow::Result<()> {
    let DbConnection::Sqlite(sqlite) = connection else { bail!("not an SQLite database") };
    let file = file.to_str().context("the path is not UTF-8")?;
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(file).execute(sqlite)?;
    Ok(())
}

/// Reads all of the copy.
fn verify(file: &Path) -> anyhow::Result<()> {
    let mut copy = SqliteConnection::establish(file.to_str().context("the path is not UTF-8")?)?;
    let ask = "SELECT integrity_check AS line FROM pragma_integrity_check WHERE integrity_check <> 'ok' \
               UNION ALL SELECT 'a foreign key of ' || \"table\" || ' is broken' FROM pragma_foreign_key_check";
    let found: Vec<Line> = diesel::sql_query(ask).load(&mut copy)?;
    if let Some(Line { line }) = found.first() {
        bail!("the copy is not whole, and so is the database: {line}");
    }
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let tables: Count = diesel::sql_query("SELECT count(*) AS count FROM sqlite_schema").get_result(&mut copy)?;
    ensure!(tables.count > 0, "the copy is empty");
    Ok(())
}
