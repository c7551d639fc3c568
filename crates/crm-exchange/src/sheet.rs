//! What the rows of a file are read against, and written against where they failed.

use crm_core::FieldErrors;
use serde_json::{Value, json};

use crate::{Columns, Content, Header, Import, Kind, RawRow, Row, cells_line};

/// The most values of a line of JSON, as many as a body of the API has. Each separates itself from the one before, or opens
/// a list or an object: these are counted before a line is taken apart.
const MOST_VALUES: usize = 250_000;

/// The name of what is wrong with a row, beside what it has.
pub(crate) const PROBLEM: &str = "problem";

/// A file as an import reads it: CSV against its header, or lines of JSON.
#[derive(Debug, Clone)]
pub struct Sheet {
    kind: Kind,
    /// The cells of the header, and which columns they are.
    header: Option<(Vec<String>, Header)>,
}

impl Sheet {
    /// A file of CSV with this header; `map` gives other names to columns.
    ///
    /// # Errors
    /// Every name that no column has, that stands twice or is missing.
    pub fn csv(
        import: &Import,
        columns: &Columns,
        names: Vec<String>,
        map: &[(String, Option<String>)],
    ) -> Result<Self, FieldErrors> {
        let header = import.header(columns, &names, map)?;
        Ok(Self { kind: import.kind, header: Some((names, header)) })
    }

    /// A file of lines of JSON.
    #[must_use]
    pub fn lines(kind: Kind) -> Self {
        Self { kind, header: None }
    }

    /// What a row says.
    ///
    /// # Errors
    /// Why it says nothing.
    pub fn read(&self, content: &Content) -> Result<Row, String> {
        match (content, &self.header) {
            (Content::Cells(cells), Some((names, _))) if cells == names => Err("is the header again".to_owned()),
            (Content::Cells(cells), Some((names, header))) if cells.len() == names.len() => Ok(header.row(cells)),
            (Content::Cells(cells), header) => {
                let names = header.as_ref().map_or(0, |(names, _)| names.len());
                Err(format!("has {} cells, and the header {names}", cells.len()))
            }
            (Content::Line(line), _) => {
                let separators = line.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
                if separators >= MOST_VALUES {
                    return Err("has too many values".to_owned());
                }
                match serde_json::from_str(line) {
                    Ok(Value::Object(object)) => Ok(Row::of_object(self.kind, object)),
                    Ok(_) => Err("is no JSON object".to_owned()),
                    Err(error) => Err(format!("is no JSON: {error}")),
                }
            }
        }
    }

    /// What a file of the rows that failed begins with: of CSV with this header.
    #[must_use]
    pub fn problems_head(names: Option<&[String]>) -> String {
        let mut line = String::new();
        if let Some(names) = names {
            cells_line(&mut line, names.iter().map(String::as_str).chain([PROBLEM]));
        }
        line
    }

    /// The line of a row in such a file: the row as it came, and what is wrong with it.
    #[must_use]
    pub fn problem(row: &RawRow, why: &str) -> String {
        let why = format!("line {}: {why}", row.line);
        match &row.content {
            Content::Cells(cells) => {
                let mut line = String::new();
                cells_line(&mut line, cells.iter().map(String::as_str).chain([why.as_str()]));
                line
            }
            Content::Line(line) => match serde_json::from_str(line) {
                Ok(Value::Object(mut object)) => {
                    object.insert(PROBLEM.to_owned(), why.into());
                    format!("{}\n", Value::Object(object))
                }
                Ok(_) | Err(_) => format!("{}\n", json!({ "line": line, PROBLEM: why })),
            },
        }
    }
}
