//! A file on its way in: read as it comes, and handed on in parts of some rows.

use encoding_rs::Encoding;

use crate::{Content, Format, RawRow, Reader, Unreadable};

/// How many rows a part has, and about how many bytes: so few that whoever writes them holds others up for no longer than a
/// request does.
const ROWS_OF_PART: usize = 100;
const BYTES_OF_PART: usize = 256 * 1024;

/// Reads a file that comes in pieces, and gives its rows in parts.
pub struct Intake {
    reader: Reader,
    /// The header of CSV, once it has come.
    names: Option<Vec<String>>,
    has_header: bool,
    rows: Vec<RawRow>,
}

impl Intake {
    /// A file in this encoding, unless it begins with a byte order mark of another.
    #[must_use]
    pub fn new(format: Format, encoding: &'static Encoding) -> Self {
        let has_header = format != Format::NdJson;
        Self { reader: Reader::new(format, encoding), names: None, has_header, rows: Vec::new() }
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// Where the file cannot be read any further.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        self.reader.push(bytes, &mut self.rows)?;
        self.take_header();
        Ok(())
    }

    /// Takes the end.
    ///
    /// # Errors
    /// As [`push`](Self::push), and a quote that is not closed.
    pub fn finish(&mut self) -> Result<(), Unreadable> {
        self.reader.finish(&mut self.rows)?;
        self.take_header();
        Ok(())
    }

    fn take_header(&mut self) {
        if self.has_header && self.names.is_none() && !self.rows.is_empty() {
            let RawRow { content, .. } = self.rows.remove(0);
            self.names = match content {
                Content::Cells(names) => Some(names),
                Content::Line(_) => None,
            };
        }
    }

    /// Whether there is a header still to come.
    #[must_use]
    pub fn lacks_header(&self) -> bool {
        self.has_header && self.names.is_none()
    }

    /// The cells of the header, where CSV has come as far.
    #[must_use]
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// The next part that is complete; at the end the rest, while there is one.
    pub fn next_part(&mut self, is_end: bool) -> Option<Vec<RawRow>> {
        if self.lacks_header() {
            return None;
        }
        let mut bytes = 0;
        for (index, row) in self.rows.iter().enumerate() {
            bytes += row.content.weight();
            if index + 1 == ROWS_OF_PART || bytes >= BYTES_OF_PART {
                let rest = self.rows.split_off(index + 1);
                return Some(std::mem::replace(&mut self.rows, rest));
            }
        }
        (is_end && !self.rows.is_empty()).then(|| std::mem::take(&mut self.rows))
    }
}

impl Content {
    /// About how many bytes it is stored as.
    fn weight(&self) -> usize {
        match self {
            Self::Cells(cells) => cells.iter().map(|cell| cell.len() + 3).sum(),
            Self::Line(line) => line.len(),
        }
    }
}
