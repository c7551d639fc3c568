//! What the rows of a file are read against, and written against where they failed.

use crm_core::FieldErrors;
use crm_core::input::read_json;
use serde_json::{Value, json};

use crate::{Columns, Content, Header, Import, Kind, RawRow, Row, cells_line};

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
            (Content::Cells(cells), Some((names, header))) if is_again(cells, names, header) => {
                Err("is the header again".to_owned())
            }
            (Content::Cells(cells), Some((names, header))) if cells.len() == names.len() => Ok(header.row(cells)),
            (Content::Cells(cells), header) => {
                let names = header.as_ref().map_or(0, |(names, _)| names.len());
                Err(format!("has {} cells, and the header {names}", cells.len()))
            }
            (Content::Line(line), _) => match read_json(line.as_bytes()) {
                Ok(Value::Object(object)) => Ok(Row::of_object(self.kind, object)),
                Ok(_) => Err("is no JSON object".to_owned()),
                Err(error) => Err(format!("is no JSON: {error}")),
            },
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

    /// The line of a row in such a file: the row as it came, and what is wrong with it. That stands in its column, before the
    /// cells for which the header has none.
    #[must_use]
    pub fn problem(names: Option<&[String]>, row: &RawRow, why: &str) -> String {
        let why = format!("line {}: {why}", row.line);
        match &row.content {
            Content::Cells(cells) => {
                let mut line = String::new();
                let place = names.map_or(cells.len(), <[String]>::len);
                let (own, beyond) = cells.split_at(place.min(cells.len()));
                let own = own.iter().map(String::as_str).chain(std::iter::repeat("")).take(place);
                cells_line(&mut line, own.chain([why.as_str()]).chain(beyond.iter().map(String::as_str)));
                line
            }
            Content::Line(line) => match read_json(line.as_bytes()) {
                Ok(Value::Object(mut object)) => {
                    object.insert(PROBLEM.to_owned(), why.into());
                    format!("{}\n", Value::Object(object))
                }
                Ok(_) | Err(_) => format!("{}\n", json!({ "line": line, PROBLEM: why })),
            },
        }
    }
}

/// Whether a row is the header once more, whatever stands in the columns that are left out, such as what was wrong with it.
fn is_again(cells: &[String], names: &[String], header: &Header) -> bool {
    let mut places = cells.iter().zip(names).zip(header.columns());
    cells.len() == names.len() && places.all(|((cell, name), column)| column.is_none() || cell == name)
}
