use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use crm_core::error::Fault;
use crm_core::{Actor, DbConnection, PublicTenantId, Scope, statistics, tenants};
use crm_exchange::{Columns, Counts, Delimiter, Done, Format, Import, Intake, Kind, RawRow, Sheet};
use crm_suite::batch::{MatchBy, Mode};
use indicatif::ProgressBar;
use serde_json::Value;

use crate::clock::Clock;
use crate::config::{BadSetting, Settings};
use crate::db::JobError;
use crate::error::Failure;

use super::share::Share;
use super::{connect, print, progress};

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

/// Imports a file, and says what became of its rows. Exit code 1 where one failed.
pub(super) fn run(settings: &Settings, command: &Command) -> anyhow::Result<()> {
    let mut connection = connect(settings)?;
    let started = Instant::now();
    let mut running = Running::new(&mut connection, command, settings.clock()?)?;
    let counts = if command.dry_run {
        dry(&mut connection, |connection| running.file(connection, command))?
    } else {
        running.file(&mut connection, command)?
    };
    running.finish()?;
    let Counts { created, updated, unchanged, failed } = counts;
    let rows = counts.rows();
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
    clock: Clock,
    import: Import,
    columns: Columns,
    map: Vec<(String, Option<String>)>,
    sheet: Option<Sheet>,
    /// The cells of the header, for the file of problems.
    names: Option<Vec<String>>,
    problems: PathBuf,
    failed: Option<BufWriter<File>>,
    counts: Counts,
    progress: ProgressBar,
    /// None where all is one transaction.
    share: Option<Share>,
}

impl Running {
    fn new(connection: &mut DbConnection, command: &Command, clock: Clock) -> anyhow::Result<Self> {
        let tenant = tenants::find_to_write(connection, &command.tenant)?;
        let scope = Scope::new(tenant.id, tenant.public_id, clock.now()).by(Actor::program());
        let columns = crm_exchange::columns(connection, &scope, command.kind)?;
        let length = command.file.metadata().with_context(|| format!("{}", command.file.display()))?.len();
        let match_by = command.mode.matching_by(command.match_by, |by| command.kind.matches().contains(&by));
        let match_by = match_by.map_err(|(_, why)| BadSetting::new("--match-by", why))?;
        Ok(Self {
            import: Import {
                kind: command.kind,
                mode: command.mode,
                match_by,
                makes_organizations: command.create_missing.contains(&Missing::Organization),
                makes_tags: command.create_missing.contains(&Missing::Tag),
                moves: true,
            },
            share: (!command.dry_run).then(Share::default),
            scope,
            clock,
            columns,
            map: read_map(command.map.as_deref())?,
            sheet: None,
            names: None,
            problems: command.problems.clone().unwrap_or_else(|| with_problems(&command.file)),
            failed: None,
            counts: Counts::default(),
            progress: progress::of_file(length)?,
        })
    }

    fn file(&mut self, connection: &mut DbConnection, command: &Command) -> anyhow::Result<Counts> {
        let path = &command.file;
        let encoding = encoding_rs::Encoding::for_label(command.charset.as_bytes());
        let encoding = encoding.with_context(|| format!("--charset: {} is no charset", command.charset))?;
        let is_csv = !matches!(path.extension().and_then(|end| end.to_str()), Some("ndjson" | "jsonl"));
        let format = if is_csv { Format::Csv(command.delimiter) } else { Format::NdJson };
        let mut intake = Intake::new(format, encoding);
        let mut file = File::open(path).with_context(|| format!("{}", path.display()))?;
        let mut piece = vec![0; PIECE];
        loop {
            let length = file.read(&mut piece)?;
            match length {
                0 => intake.finish()?,
                length => intake.push(&piece[..length])?,
            }
            if self.sheet.is_none() && !(intake.lacks_header() && length > 0) {
                self.begin(&intake, is_csv)?;
            }
            while let Some(part) = intake.next_part(length == 0) {
                self.part(connection, &part)?;
            }
            self.progress.inc(u64::try_from(length)?);
            if length == 0 {
                return Ok(self.counts);
            }
        }
    }

    /// Takes the header, where the file has one.
    fn begin(&mut self, intake: &Intake, is_csv: bool) -> anyhow::Result<()> {
        self.names = intake.names().map(<[String]>::to_vec);
        self.sheet = Some(match &self.names {
            Some(names) => Sheet::csv(&self.import, &self.columns, names.clone(), &self.map)
                .map_err(|errors| anyhow!("the header: {errors}"))?,
            None if is_csv => bail!("the file has no header"),
            None => Sheet::lines(self.import.kind),
        });
        Ok(())
    }

    /// Takes some rows in one transaction.
    fn part(&mut self, connection: &mut DbConnection, rows: &[RawRow]) -> anyhow::Result<()> {
        let began = Instant::now();
        let done = self.written(connection, rows)?;
        if let Some(share) = &mut self.share {
            share.after(connection, began.elapsed());
        }
        statistics::keep_up(connection)?;
        self.counts += done.counts;
        for (row, why) in done.problems.iter().filter_map(|(place, why)| Some((rows.get(*place)?, why))) {
            self.fail(row, why)?;
        }
        progress::show_rows(&self.progress, self.counts.rows().unsigned_abs());
        Ok(())
    }

    fn written(&mut self, connection: &mut DbConnection, rows: &[RawRow]) -> anyhow::Result<Done> {
        let scope = Scope::new(self.scope.tenant(), self.scope.public_tenant().clone(), self.clock.now());
        let sheet = self.sheet.as_ref().context("rows before the header")?;
        for attempt in 1.. {
            tenants::find_to_write(connection, self.scope.public_tenant())?;
            let done = connection.write(|connection| self.import.rows(connection, &scope, sheet, rows));
            match done {
                Ok(done) => return Ok(done),
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
        Ok(Done::default())
    }

    /// Writes a row down that failed, as it came.
    fn fail(&mut self, row: &RawRow, why: &str) -> anyhow::Result<()> {
        if self.failed.is_none() {
            let file = File::create(&self.problems).with_context(|| format!("{}", self.problems.display()))?;
            let file = self.failed.insert(BufWriter::new(file));
            file.write_all(Sheet::problems_head(self.names.as_deref()).as_bytes())?;
        }
        if let Some(file) = &mut self.failed {
            file.write_all(Sheet::problem(self.names.as_deref(), row, why).as_bytes())?;
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
