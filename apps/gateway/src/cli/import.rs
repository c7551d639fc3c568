use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use crm_core::error::Fault;
use crm_core::{Actor, DbConnection, PublicTenantId, Scope, Timestamp, tenants};
use crm_exchange::{
    Columns, Content, Delimiter, Format, Header, Import, Imported, Kind, RawRow, Reader, Row, cells_line,
};
use crm_suite::batch::{MatchBy, Mode};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::config::Settings;
use crate::db::JobError;
use crate::error::Failure;

use super::{connect, print};

/// How many rows a transaction takes: few enough that a gateway on the same database hardly waits.
const ROWS_AT_ONCE: usize = 500;
/// How much of the file is read at once.
const PIECE: usize = 64 * 1024;
/// How often a part is tried where others stand in its way.
const TRIES: u32 = 10;

#[derive(Args)]
pub(super) struct Command {
    /// The file: CSV with a header, or one JSON object a line
    file: PathBuf,
    /// The tenant's id
    #[arg(long, value_name = "ID")]
    tenant: PublicTenantId,
    /// What its rows are
    #[arg(long, value_parser = kind, value_name = "lead|opportunity|contact|organization|case")]
    kind: Kind,
    /// Whether records are made, changed, or either
    #[arg(long, value_parser = mode, default_value = "create", value_name = "create|update|upsert")]
    mode: Mode,
    /// By what a row matches a record [default: id for update, externalId for upsert]
    #[arg(long, value_parser = match_by, value_name = "id|externalId|email|name")]
    match_by: Option<MatchBy>,
    /// Makes what rows name and there is not
    #[arg(long, value_delimiter = ',')]
    create_missing: Vec<Missing>,
    /// Other names for columns, as JSON: {"E-mail 1":"email.Work","Ignore me":null}
    #[arg(long, value_name = "JSON")]
    map: Option<String>,
    /// What stands between two cells [default: guessed]
    #[arg(long, value_parser = delimiter, value_name = ",|;|tab")]
    delimiter: Option<Delimiter>,
    /// How the file is encoded, where it does not begin with a byte order mark
    #[arg(long, default_value = "utf-8")]
    charset: String,
    /// Says what would happen, and changes nothing
    #[arg(long)]
    dry_run: bool,
    /// Where the rows go that failed, with a column `problem` [default: FILE.problems]
    #[arg(long, value_name = "FILE")]
    problems: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Missing {
    /// Organizations by their names
    Organization,
    /// Tags by their labels
    Tag,
}

fn of<T: Copy>(names: &[(&'static str, T)], text: &str) -> Result<T, String> {
    let known = || names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| format!("must be one of {}", known()))
}

fn kind(text: &str) -> Result<Kind, String> {
    of(Kind::NAMES, text)
}

fn mode(text: &str) -> Result<Mode, String> {
    of(Mode::NAMES, text)
}

fn match_by(text: &str) -> Result<MatchBy, String> {
    of(MatchBy::NAMES, text)
}

fn delimiter(text: &str) -> Result<Delimiter, String> {
    of(Delimiter::NAMES, text)
}

/// How many rows came to which end.
#[derive(Default, Clone, Copy)]
struct Counts {
    created: u64,
    updated: u64,
    unchanged: u64,
    failed: u64,
}

/// Imports a file, and says what became of its rows. Exit code 1 where one failed.
pub(super) fn run(settings: &Settings, command: &Command) -> anyhow::Result<()> {
    let mut connection = connect(settings)?;
    let started = Instant::now();
    let mut running = Running::new(&mut connection, command)?;
    let counts = if command.dry_run {
        dry(&mut connection, |connection| running.file(connection, command))?
    } else {
        running.file(&mut connection, command)?
    };
    running.finish()?;
    let Counts { created, updated, unchanged, failed } = counts;
    let rows = created + updated + unchanged + failed;
    let seconds = started.elapsed().as_secs_f64();
    let would = if command.dry_run { "nothing was changed; would have: " } else { "" };
    print(format_args!(
        "{would}{rows} rows: {created} created, {updated} updated, {unchanged} unchanged, {failed} failed, in {seconds:.1} s"
    ))?;
    if failed > 0 {
        bail!("{failed} rows failed: they are in {} with what is wrong with each", running.problems.display());
    }
    Ok(())
}

/// Does it all in one transaction, and takes it back.
fn dry<T>(
    connection: &mut DbConnection,
    work: impl FnOnce(&mut DbConnection) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    connection.begin_write()?;
    let done = work(connection);
    connection.rollback_to_depth(0)?;
    done
}

/// One run of the command.
struct Running {
    scope: Scope,
    import: Import,
    columns: Columns,
    map: Vec<(String, Option<String>)>,
    header: Option<Header>,
    /// The cells of the header, for the file of problems.
    names: Vec<String>,
    problems: PathBuf,
    failed: Option<BufWriter<File>>,
    counts: Counts,
    progress: ProgressBar,
}

impl Running {
    fn new(connection: &mut DbConnection, command: &Command) -> anyhow::Result<Self> {
        let tenant = tenants::find(connection, &command.tenant)?;
        let scope = Scope::new(tenant.id, tenant.public_id, Timestamp::now()).by(Actor::program());
        let columns = crm_exchange::columns(connection, &scope, command.kind)?;
        let length = command.file.metadata().with_context(|| format!("{}", command.file.display()))?.len();
        let progress = ProgressBar::new(length);
        let template = "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta}";
        progress.set_style(ProgressStyle::with_template(template)?);
        let default = if command.mode == Mode::Update { MatchBy::Id } else { MatchBy::ExternalId };
        Ok(Self {
            import: Import {
                kind: command.kind,
                mode: command.mode,
                match_by: command.match_by.unwrap_or(default),
                makes_organizations: command.create_missing.contains(&Missing::Organization),
                makes_tags: command.create_missing.contains(&Missing::Tag),
                moves: true,
            },
            scope,
            columns,
            map: read_map(command.map.as_deref())?,
            header: None,
            names: Vec::new(),
            problems: command.problems.clone().unwrap_or_else(|| with_problems(&command.file)),
            failed: None,
            counts: Counts::default(),
            progress,
        })
    }

    fn file(&mut self, connection: &mut DbConnection, command: &Command) -> anyhow::Result<Counts> {
        let path = &command.file;
        let encoding = encoding_rs::Encoding::for_label(command.charset.as_bytes());
        let encoding = encoding.with_context(|| format!("--charset: {} is no charset", command.charset))?;
        let is_csv = !matches!(path.extension().and_then(|end| end.to_str()), Some("ndjson" | "jsonl"));
        let format = if is_csv { Format::Csv(command.delimiter) } else { Format::NdJson };
        let mut reader = Reader::new(format, encoding);
        let mut file = File::open(path).with_context(|| format!("{}", path.display()))?;
        let (mut piece, mut rows) = (vec![0; PIECE], Vec::new());
        loop {
            let length = file.read(&mut piece)?;
            match length {
                0 => reader.finish(&mut rows)?,
                length => reader.push(&piece[..length], &mut rows)?,
            }
            while rows.len() >= ROWS_AT_ONCE || (length == 0 && !rows.is_empty()) {
                let rest = rows.split_off(rows.len().min(ROWS_AT_ONCE));
                self.part(connection, std::mem::replace(&mut rows, rest))?;
            }
            self.progress.inc(u64::try_from(length)?);
            if length == 0 {
                break;
            }
        }
        if is_csv && self.header.is_none() {
            bail!("{} has no header", path.display());
        }
        Ok(self.counts)
    }

    /// Takes some rows in one transaction.
    fn part(&mut self, connection: &mut DbConnection, mut raw: Vec<RawRow>) -> anyhow::Result<()> {
        if self.header.is_none()
            && let Some(Content::Cells(names)) = raw.first().map(|row| row.content.clone())
        {
            let header = self.import.header(&self.columns, &names, &self.map);
            self.header = Some(header.map_err(|errors| anyhow!("the header: {errors}"))?);
            self.names = names;
            raw.remove(0);
        }
        let (mut whole, mut rows) = (Vec::with_capacity(raw.len()), Vec::with_capacity(raw.len()));
        for row in raw {
            match self.read(&row) {
                Ok(read) => {
                    whole.push(row);
                    rows.push(read);
                }
                Err(why) => self.fail(&row, &why)?,
            }
        }
        let imported = self.written(connection, &rows)?;
        for (row, imported) in whole.iter().zip(imported) {
            match imported {
                Imported::Created(_) => self.counts.created += 1,
                Imported::Updated(_) => self.counts.updated += 1,
                Imported::Unchanged(_) => self.counts.unchanged += 1,
                Imported::Failed(why) => self.fail(row, &why)?,
            }
        }
        let Counts { created, updated, unchanged, failed } = self.counts;
        self.progress.set_message(format!("{} rows", created + updated + unchanged + failed));
        Ok(())
    }

    /// What a row says, or why it says nothing.
    fn read(&self, row: &RawRow) -> Result<Row, String> {
        match (&row.content, &self.header) {
            (Content::Cells(cells), _) if *cells == self.names => Err("is the header again".to_owned()),
            (Content::Cells(cells), Some(header)) if cells.len() == self.names.len() => Ok(header.row(cells)),
            (Content::Cells(cells), _) => {
                Err(format!("has {} cells, and the header {}", cells.len(), self.names.len()))
            }
            (Content::Object(object), _) => Ok(Row::of_object(self.import.kind, object.clone())),
            (Content::NoObject(why, _), _) => Err(why.clone()),
        }
    }

    fn written(&mut self, connection: &mut DbConnection, rows: &[Row]) -> anyhow::Result<Vec<Imported>> {
        let scope = Scope::new(self.scope.tenant(), self.scope.public_tenant().clone(), Timestamp::now());
        for attempt in 1.. {
            let done = connection.write(|connection| self.import.rows(connection, &scope, rows.to_vec()));
            match done {
                Ok(imported) => return Ok(imported),
                Err(error) => {
                    let text = error.to_string();
                    let fault = Failure::from(error).fault();
                    let again = matches!(fault, Some(Fault::Collision | Fault::Deadlock | Fault::Unavailable));
                    if attempt >= TRIES || !again {
                        bail!("{text}; what was imported before stays");
                    }
                }
            }
        }
        Ok(Vec::new())
    }

    /// Writes a row down that failed, as it came.
    fn fail(&mut self, row: &RawRow, why: &str) -> anyhow::Result<()> {
        self.counts.failed += 1;
        let why = format!("line {}: {why}", row.line);
        let mut line = String::new();
        let is_first = self.failed.is_none();
        match &row.content {
            Content::Cells(cells) => {
                if is_first {
                    cells_line(&mut line, self.names.iter().map(String::as_str).chain(["problem"]));
                }
                cells_line(&mut line, cells.iter().map(String::as_str).chain([why.as_str()]));
            }
            Content::Object(object) => {
                let mut object = object.clone();
                object.insert("problem".to_owned(), why.into());
                line = format!("{}\n", Value::Object(object));
            }
            Content::NoObject(_, text) => line = format!("{}\n", serde_json::json!({ "line": text, "problem": why })),
        }
        if self.failed.is_none() {
            let file = File::create(&self.problems).with_context(|| format!("{}", self.problems.display()))?;
            self.failed = Some(BufWriter::new(file));
        }
        if let Some(file) = &mut self.failed {
            file.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        self.progress.finish_and_clear();
        if let Some(file) = &mut self.failed {
            file.flush().with_context(|| format!("{}", self.problems.display()))?;
        }
        Ok(())
    }
}

fn with_problems(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".problems");
    name.into()
}

fn read_map(text: Option<&str>) -> anyhow::Result<Vec<(String, Option<String>)>> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let map: serde_json::Map<String, Value> = serde_json::from_str(text).context("--map is no JSON object")?;
    let entry = |(from, to): (String, Value)| match to {
        Value::Null => Ok((from, None)),
        Value::String(to) => Ok((from, Some(to))),
        _ => Err(anyhow!("--map: {from} must be a name or null")),
    };
    map.into_iter().map(entry).collect()
}
