use std::io;

use serde_json::Value;

use crate::Column;

/// A table with commas (RFC 4180): CRLF between the lines, quotes where they are needed.
pub(crate) struct Csv {
    /// The header, until it is written.
    titles: Option<Vec<String>>,
    has_mark: bool,
    is_excel_safe: bool,
}

impl Csv {
    pub(crate) fn new(titles: Vec<String>, has_mark: bool, is_excel_safe: bool) -> Self {
        Self { titles: Some(titles), has_mark, is_excel_safe }
    }

    pub(crate) fn write(&mut self, columns: &[Column], records: &[Value]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(records.len() * 512);
        let titles = self.titles.take();
        if titles.is_some() && self.has_mark {
            bytes.extend_from_slice("\u{feff}".as_bytes());
        }
        let mut lines = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(bytes);
        if let Some(titles) = titles {
            lines.write_record(titles.iter().map(|title| self.shown(title)))?;
        }
        for record in records {
            for column in columns {
                let cell = column.write(record);
                if self.is_excel_safe && is_run(&cell) {
                    lines.write_field(format!("'{cell}"))?;
                } else {
                    lines.write_field(&*cell)?;
                }
            }
            lines.write_record(None::<&[u8]>)?;
        }
        lines.into_inner().map_err(::csv::IntoInnerError::into_error)
    }

    fn shown(&self, text: &str) -> String {
        if self.is_excel_safe && is_run(text) { format!("'{text}") } else { text.to_owned() }
    }
}

/// Whether a spreadsheet program takes a cell for a formula. A number is none.
fn is_run(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_one_whatever_it_begins_with_and_a_number_is_none() {
        for cell in ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "+49 89 1"] {
            assert!(is_run(cell), "{cell:?}");
        }
        for cell in ["", "a=1", "-5", "+5.5", "'=1", " =1"] {
            assert!(!is_run(cell), "{cell:?}");
        }
    }
}
