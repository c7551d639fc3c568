//! `crm-gateway export`: the records of a kind in a file, as `GET …/export` has them.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use crm_core::page::{Page, PageRequest, SortField, Whole};
use crm_core::params::FromParams;
use crm_core::{DbConnection, PublicTenantId, Scope, tenants};
use crm_exchange::{ExportFormat, Kind, Writer};
use crm_suite::{SuiteError, cases, contacts, leads, opportunities, organizations};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::config::{BadSetting, Settings};
use crate::endpoint::read_params;
use crate::error::{Failure, ProblemCode};

use super::{connect, print, progress};

/// What is exported, and how.
#[derive(clap::Args)]
pub(super) struct Export {
    /// Whose records
    #[arg(long, value_name = "ID")]
    tenant: PublicTenantId,
    /// Which records
    #[arg(long, value_parser = one_of(Kind::NAMES))]
    kind: String,
    /// In which form
    #[arg(long, default_value = "csv", value_parser = one_of(ExportFormat::NAMES))]
    format: String,
    /// The columns, by name or label; all unless given
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    fields: Option<Vec<String>>,
    /// Only those that a filter of the list keeps, or in another order, as in its address: `status=won`, `orderBy=title`. Once
    /// for each
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    filter: Vec<(String, String)>,
    /// Heads the columns with the labels that people know
    #[arg(long)]
    labels: bool,
    /// Begins CSV with a byte order mark, for Excel
    #[arg(long)]
    bom: bool,
    /// Puts a ' before each cell of CSV that a spreadsheet program would run
    #[arg(long)]
    excel_safe: bool,
    /// The file to make or replace
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

fn one_of<T>(names: &[(&'static str, T)]) -> clap::builder::PossibleValuesParser {
    names.iter().map(|(name, _)| *name).collect::<Vec<_>>().into()
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "must be NAME=VALUE".to_owned())
}

fn named<T: Copy>(names: &[(&'static str, T)], name: &str) -> anyhow::Result<T> {
    let found = names.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).with_context(|| format!("{name} is not known"))
}

pub(super) fn run(settings: &Settings, arguments: &Export) -> anyhow::Result<()> {
    let (kind, format) = (named(Kind::NAMES, &arguments.kind)?, named(ExportFormat::NAMES, &arguments.format)?);
    let export = crm_exchange::Export {
        format,
        fields: arguments.fields.clone(),
        has_labels: arguments.labels,
        has_mark: arguments.bom,
        is_excel_safe: arguments.excel_safe,
    };
    let mut connection = connect(settings)?;
    // Unlike over HTTP, one state of the database.
    connection.begin_read()?;
    let tenant = tenants::find(&mut connection, &arguments.tenant)?;
    let scope = Scope::new(tenant.id, tenant.public_id, settings.clock()?.now());
    let columns = crm_exchange::columns(&mut connection, &scope, kind)?;
    let writer = Writer::new(&columns, &export).map_err(|problems| anyhow!("{problems}"))?;
    let (output, bar) = (Output::begin(&arguments.output)?, progress::of_rows(0)?);
    let mut sending = Sending { connection, scope, writer, output, bar };
    let asked = asked(arguments);
    let rows = match kind {
        Kind::Lead => sending.all(asked, leads::list)?,
        Kind::Opportunity => sending.all(asked, opportunities::list)?,
        Kind::Contact => sending.all(asked, contacts::list)?,
        Kind::Organization => sending.all(asked, organizations::list)?,
        Kind::Case => sending.all(asked, cases::list)?,
    };
    let Sending { output, bar, .. } = sending;
    output.finish()?;
    bar.finish_and_clear();
    print(format_args!("exported {rows} {} of {} to {}", kind.plural(), arguments.tenant, arguments.output.display()))
}

/// What would stand in the address of the list: where it says nothing of an order, the oldest come first.
fn asked(arguments: &Export) -> Vec<(String, String)> {
    let mut asked = arguments.filter.clone();
    if !asked.iter().any(|(name, _)| name == "sort" || name == "orderBy") {
        asked.push(("sort".to_owned(), "asc".to_owned()));
    }
    asked
}

/// A filter that the list refuses is wrong usage; everything else went wrong.
fn refused(failure: impl Into<Failure>) -> anyhow::Error {
    match failure.into() {
        Failure::Problem(problem) if problem.code == ProblemCode::ValidationFailed => {
            BadSetting::new("--filter", problem.errors).into()
        }
        Failure::Problem(problem) => anyhow!("{}", problem.detail),
        Failure::Database(error) => error.into(),
        Failure::Unavailable(_) => anyhow!("the database is out of reach"),
        Failure::Bug(why) => anyhow!(why),
    }
}

struct Sending {
    connection: DbConnection,
    scope: Scope,
    writer: Writer,
    output: Output,
    bar: ProgressBar,
}

type List<F, S, T> = fn(&mut DbConnection, &Scope, &F, &PageRequest<S>) -> Result<Page<T>, SuiteError>;

impl Sending {
    /// Writes all records that were asked for, in their order, and tells how many they were.
    fn all<F: FromParams, S: SortField, T: Serialize>(
        &mut self,
        asked: Vec<(String, String)>,
        list: List<F, S, T>,
    ) -> anyhow::Result<u64> {
        let (filter, whole): (F, Whole<S>) = read_params(asked).map_err(refused)?;
        let mut first = whole.first();
        first.include_total = true;
        let mut next = Some(first);
        let mut rows = 0;
        while let Some(request) = next {
            let page = list(&mut self.connection, &self.scope, &filter, &request).map_err(refused)?;
            if let Some(total) = page.total {
                self.bar.set_length(total.unsigned_abs());
            }
            let records: Vec<_> = page.items.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
            self.output.file.write_all(&self.writer.write(&records)?)?;
            rows += u64::try_from(records.len())?;
            self.bar.set_position(rows);
            next = request.following(&page);
            next.iter_mut().for_each(|request| request.include_total = false);
        }
        self.output.file.write_all(&self.writer.end()?)?;
        Ok(rows)
    }
}

/// A file that has its name once it is whole.
struct Output {
    file: BufWriter<File>,
    unfinished: PathBuf,
    path: PathBuf,
}

impl Output {
    fn begin(path: &Path) -> anyhow::Result<Self> {
        let name = path.file_name().context("the file has no name")?.to_string_lossy().into_owned();
        let unfinished = path.with_file_name(format!(".{name}.{}", std::process::id()));
        let file = File::create(&unfinished).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self { file: BufWriter::new(file), unfinished, path: path.to_owned() })
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.unfinished, &self.path).with_context(|| format!("{} cannot be made", self.path.display()))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Gone already where it got its name.
        let _ = fs::remove_file(&self.unfinished);
    }
}
