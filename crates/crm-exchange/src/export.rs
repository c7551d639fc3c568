//! What is exported, and how it is written.

use std::io;

use crm_core::input::JsonObject;
use crm_core::params::{FromParams, ParamReader};
use crm_core::{FieldCode, FieldErrors};
use serde_json::Value;

use crate::row::Lookup;
use crate::write::{Csv, Xlsx};
use crate::{Column, Columns, Kind};

/// In which form records go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// A table with commas (RFC 4180).
    Csv,
    /// A JSON object in each line.
    Ndjson,
    /// A workbook of a spreadsheet program.
    Xlsx,
}

impl ExportFormat {
    /// Every format with its name, which is how its files end too.
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("csv", Self::Csv), ("ndjson", Self::Ndjson), ("xlsx", Self::Xlsx)];

    /// How its files end.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Xlsx => "xlsx",
        }
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Ndjson => "application/x-ndjson",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// Whether its bytes are compressed already.
    #[must_use]
    pub fn is_compressed(self) -> bool {
        self == Self::Xlsx
    }
}

/// How records are to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The form.
    pub format: ExportFormat,
    /// The names of the columns that are wanted, in their order; all unless given.
    pub fields: Option<Vec<String>>,
    /// Whether the header has the labels that people know, and not the names that programs know.
    pub has_labels: bool,
    /// Whether the text begins with a byte order mark, by which Excel knows that it is UTF-8.
    pub has_mark: bool,
    /// Whether a `'` stands before what a spreadsheet program would run.
    pub is_excel_safe: bool,
}

impl Export {
    /// All columns in this form.
    #[must_use]
    pub fn new(format: ExportFormat) -> Self {
        Self { format, fields: None, has_labels: false, has_mark: false, is_excel_safe: false }
    }
}

impl FromParams for Export {
    fn from_params(params: &mut ParamReader) -> Self {
        let format = params.word("format", ExportFormat::NAMES, "The form of the answer; `csv` unless given.");
        let fields = params.texts(
            "fields",
            "The columns that are wanted, by name or label, in their order; all unless given. `email.Work` has the \
             addresses with that label only.",
        );
        let headers = params.word(
            "headers",
            &[("name", false), ("label", true)],
            "What the header has: the names of the columns, which an import takes, or the labels of the form for \
             people, which it takes as well.",
        );
        let bom = params.bool("bom", "Whether CSV begins with a byte order mark, by which Excel knows UTF-8.");
        let safe = params.bool(
            "excelSafe",
            "Whether CSV has a `'` before each cell that a spreadsheet program would run as a formula.",
        );
        Self {
            format: format.unwrap_or(ExportFormat::Csv),
            fields,
            has_labels: headers.unwrap_or(false),
            has_mark: bom.unwrap_or(false),
            is_excel_safe: safe.unwrap_or(false),
        }
    }
}

/// Writes records, part by part: what it has written is taken after each.
pub struct Writer {
    kind: Kind,
    columns: Vec<Column>,
    form: Form,
}

enum Form {
    Csv(Csv),
    /// Whether only some columns are wanted.
    Ndjson(bool),
    Xlsx(Box<Xlsx>),
}

impl Writer {
    /// A writer of records of the columns' kind.
    ///
    /// # Errors
    /// The fields that are no columns, or stand twice.
    pub fn new(columns: &Columns, export: &Export) -> Result<Self, FieldErrors> {
        let selected = match &export.fields {
            None => columns.all().to_vec(),
            Some(names) => select(columns, names)?,
        };
        let titles = || selected.iter().map(|column| if export.has_labels { column.label() } else { column.name() });
        let form = match export.format {
            ExportFormat::Csv => {
                Form::Csv(Csv::new(titles().map(str::to_owned).collect(), export.has_mark, export.is_excel_safe))
            }
            ExportFormat::Ndjson => Form::Ndjson(export.fields.is_some()),
            ExportFormat::Xlsx => {
                Form::Xlsx(Box::new(Xlsx::new(columns.kind().plural(), titles().map(str::to_owned).collect())))
            }
        };
        Ok(Self { kind: columns.kind(), columns: selected, form })
    }

    /// Writes records, as the API shows them.
    ///
    /// # Errors
    /// None but of the forms' own libraries, which write into memory.
    pub fn write(&mut self, records: &[Value]) -> io::Result<Vec<u8>> {
        let Self { kind, columns, form } = self;
        match form {
            Form::Csv(csv) => csv.write(columns, records),
            Form::Xlsx(xlsx) => xlsx.write(columns, records),
            Form::Ndjson(is_some) => {
                let mut lines = Vec::with_capacity(records.len() * 512);
                for record in records {
                    serde_json::to_writer(&mut lines, &object(*kind, columns, *is_some, record))?;
                    lines.push(b'\n');
                }
                Ok(lines)
            }
        }
    }

    /// Writes what comes after the last record.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn end(&mut self) -> io::Result<Vec<u8>> {
        match &mut self.form {
            // The header, where there was no record.
            Form::Csv(csv) => csv.write(&self.columns, &[]),
            Form::Ndjson(_) => Ok(Vec::new()),
            Form::Xlsx(xlsx) => xlsx.end(),
        }
    }
}

fn select(columns: &Columns, names: &[String]) -> Result<Vec<Column>, FieldErrors> {
    let mut errors = FieldErrors::new();
    let mut selected: Vec<Column> = Vec::new();
    errors.each(names, |name, errors| match columns.find(name) {
        Err(unknown) => errors.push("fields", FieldCode::UnknownField, format_args!("{name} {unknown}")),
        Ok(column) if selected.iter().any(|known| known.name() == column.name()) => {
            errors.push("fields", FieldCode::Duplicate, format_args!("{name} stands in the list twice"));
        }
        Ok(column) => selected.push(column),
    });
    errors.into_result(selected)
}

/// A line of NDJSON: the record as the API shows it, without its tenant, which is the same in all lines, and with the
/// names of what only ids lead to.
fn object(kind: Kind, columns: &[Column], is_some: bool, record: &Value) -> JsonObject {
    let mut object = match record {
        Value::Object(members) if !is_some => members.clone(),
        _ => JsonObject::new(),
    };
    object.remove("tenantId");
    let is_missing = |column: &&Column| {
        is_some || Lookup::of(kind).iter().any(|lookup| lookup.is_led_to() && lookup.members().0 == column.name())
    };
    columns.iter().filter(is_missing).for_each(|column| column.copy(record, &mut object));
    object
}
