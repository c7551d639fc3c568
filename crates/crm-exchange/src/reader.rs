//! Rows of a file as it comes in, piece by piece: CSV or NDJSON, never whole in memory.

use encoding_rs::{CoderResult, Decoder, Encoding};
use serde::{Deserialize, Serialize};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with this between two cells; guessed from the first line where it is not said.
    Csv(Option<Delimiter>),
    /// One JSON object a line.
    NdJson,
}

/// What stands between two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// A comma.
    Comma,
    /// A semicolon.
    Semicolon,
    /// A tab.
    Tab,
}

impl Delimiter {
    /// Each with its name.
    pub const NAMES: &'static [(&'static str, Self)] =
        &[(",", Self::Comma), (";", Self::Semicolon), ("tab", Self::Tab)];

    fn character(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Semicolon => ';',
            Self::Tab => '\t',
        }
    }

    /// The one of which a line has most outside of quotes.
    fn guessed(line: &str) -> Self {
        let mut counts = [0usize; 3];
        let mut is_quoted = false;
        for character in line.chars() {
            is_quoted ^= character == '"';
            let place = Self::NAMES.iter().position(|(_, known)| known.character() == character);
            if let (false, Some(place)) = (is_quoted, place) {
                counts[place] += 1;
            }
        }
        let most = (0..counts.len()).max_by_key(|place| (counts[*place], std::cmp::Reverse(*place)));
        most.map_or(Self::Comma, |place| Self::NAMES[place].1)
    }
}

/// The most characters of a row.
const LONGEST: usize = 1024 * 1024;
/// The most cells of a row.
const MOST_CELLS: usize = 1_000;

/// A row as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRow {
    /// The line that it begins in, from 1.
    pub line: u64,
    /// What it has.
    pub content: Content,
}

/// What a row has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Cells.
    Cells(Vec<String>),
    /// A line of NDJSON, which may be none.
    Line(String),
}

/// Why a file cannot be read any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {why}")]
pub struct Unreadable {
    /// The line, from 1.
    pub line: u64,
    /// The cell of the row, from 1.
    pub column: usize,
    /// What is wrong there.
    pub why: &'static str,
}

/// Reads a file that comes in pieces.
pub struct Reader {
    decoder: Decoder,
    is_csv: bool,
    delimiter: Option<char>,
    /// What came of the first line while the delimiter is not known.
    first: String,
    cell: String,
    row_length: usize,
    cells: Vec<String>,
    state: State,
    line: u64,
    began: u64,
    quote_line: u64,
    after_return: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first character of a cell.
    Begin,
    /// In a cell without quotes.
    Plain,
    /// In quotes.
    Quoted,
    /// Behind a quote in quotes, which ends them unless another follows.
    Closed,
}

impl Reader {
    /// A reader of a file in this encoding, unless it begins with a byte order mark of another.
    #[must_use]
    pub fn new(format: Format, encoding: &'static Encoding) -> Self {
        let delimiter = match format {
            Format::Csv(delimiter) => delimiter.map(Delimiter::character),
            Format::NdJson => Some('\n'),
        };
        Self {
            decoder: encoding.new_decoder(),
            is_csv: format != Format::NdJson,
            delimiter,
            first: String::new(),
            cell: String::new(),
            row_length: 0,
            cells: Vec::new(),
            state: State::Begin,
            line: 1,
            began: 1,
            quote_line: 1,
            after_return: false,
        }
    }

    /// Takes the next piece, and adds the rows that end in it.
    ///
    /// # Errors
    /// Where the file cannot be read any further.
    pub fn push(&mut self, bytes: &[u8], rows: &mut Vec<RawRow>) -> Result<(), Unreadable> {
        self.decode(bytes, false, rows)
    }

    /// Takes the end.
    ///
    /// # Errors
    /// A quote that is not closed; what [`push`](Self::push) ends in.
    pub fn finish(&mut self, rows: &mut Vec<RawRow>) -> Result<(), Unreadable> {
        self.decode(&[], true, rows)?;
        if self.delimiter.is_none() {
            let first = std::mem::take(&mut self.first);
            self.delimiter = Some(Delimiter::guessed(&first).character());
            self.text(&first, rows)?;
        }
        if self.state == State::Quoted {
            let why = "a quote that opens here is never closed";
            return Err(Unreadable { line: self.quote_line, column: self.cells.len() + 1, why });
        }
        if !self.cells.is_empty() || !self.cell.is_empty() || self.state == State::Closed {
            self.end_row(rows);
        }
        Ok(())
    }

    fn decode(&mut self, mut bytes: &[u8], is_last: bool, rows: &mut Vec<RawRow>) -> Result<(), Unreadable> {
        let mut text = String::with_capacity(16 * 1024);
        loop {
            let (result, read, had_errors) = self.decoder.decode_to_string(bytes, &mut text, is_last);
            if had_errors {
                let why = "is no text of the charset: send it as UTF-8, or name its charset";
                return Err(Unreadable { line: self.line, column: self.cells.len() + 1, why });
            }
            self.text(&text, rows)?;
            text.clear();
            bytes = &bytes[read..];
            if result == CoderResult::InputEmpty {
                return Ok(());
            }
        }
    }

    fn text(&mut self, text: &str, rows: &mut Vec<RawRow>) -> Result<(), Unreadable> {
        let Some(delimiter) = self.delimiter else {
            self.first.push_str(text);
            let has_line = self.first.trim_start_matches(['\r', '\n']).contains(['\r', '\n']);
            if !has_line && self.first.len() <= LONGEST {
                return Ok(());
            }
            let first = std::mem::take(&mut self.first);
            let line = first.trim_start_matches(['\r', '\n']).lines().next().unwrap_or_default();
            self.delimiter = Some(Delimiter::guessed(line).character());
            return self.text(&first, rows);
        };
        for character in text.chars() {
            // CR LF is one end of a line.
            if std::mem::take(&mut self.after_return) && character == '\n' {
                continue;
            }
            self.character(character, delimiter, rows)?;
        }
        Ok(())
    }

    fn character(&mut self, character: char, delimiter: char, rows: &mut Vec<RawRow>) -> Result<(), Unreadable> {
        match (self.state, character) {
            (State::Quoted, '"') => self.state = State::Closed,
            (State::Quoted, _) => {
                self.line += u64::from(character == '\n');
                self.add(character)?;
            }
            (State::Closed, '"') => {
                self.state = State::Quoted;
                self.add('"')?;
            }
            (_, '\r' | '\n') => {
                self.after_return = character == '\r';
                self.line += 1;
                self.end_row(rows);
            }
            (_, character) if self.is_csv && character == delimiter => self.end_cell()?,
            (State::Begin, '"') if self.is_csv => {
                self.quote_line = self.line;
                self.state = State::Quoted;
            }
            // A quote inside of a cell without quotes, and what follows a closed quote, stand for themselves.
            (State::Begin | State::Plain | State::Closed, _) => {
                self.state = State::Plain;
                self.add(character)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, character: char) -> Result<(), Unreadable> {
        self.row_length += 1;
        if self.row_length > LONGEST {
            let why = "a row has more than 1 048 576 characters";
            return Err(Unreadable { line: self.line, column: self.cells.len() + 1, why });
        }
        self.cell.push(character);
        Ok(())
    }

    fn end_cell(&mut self) -> Result<(), Unreadable> {
        self.cells.push(std::mem::take(&mut self.cell));
        self.state = State::Begin;
        if self.cells.len() >= MOST_CELLS {
            let why = "a row has more than 1 000 cells";
            return Err(Unreadable { line: self.line, column: self.cells.len() + 1, why });
        }
        Ok(())
    }

    /// Ends a row, unless it is an empty line.
    fn end_row(&mut self, rows: &mut Vec<RawRow>) {
        let is_empty = self.cells.is_empty() && self.cell.trim().is_empty() && self.state != State::Closed;
        let cell = std::mem::take(&mut self.cell);
        self.row_length = 0;
        self.state = State::Begin;
        let line = std::mem::replace(&mut self.began, self.line);
        if is_empty {
            return;
        }
        let content = if self.is_csv {
            self.cells.push(cell);
            Content::Cells(std::mem::take(&mut self.cells))
        } else {
            Content::Line(cell)
        };
        rows.push(RawRow { line, content });
    }
}

/// Adds a line of CSV with these cells.
pub fn cells_line<'c>(line: &mut String, cells: impl IntoIterator<Item = &'c str>) {
    for (index, cell) in cells.into_iter().enumerate() {
        line.push_str(if index > 0 { "," } else { "" });
        let is_plain = !cell.is_empty() && !cell.contains([',', '"', '\r', '\n']);
        if is_plain {
            line.push_str(cell);
        } else {
            line.push('"');
            line.push_str(&cell.replace('"', "\"\""));
            line.push('"');
        }
    }
    line.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a file that comes in pieces of this many bytes: the line of each, and its cells.
    fn read(
        bytes: &[u8],
        format: Format,
        encoding: &'static Encoding,
        piece: usize,
    ) -> Result<Vec<(u64, Vec<String>)>, Unreadable> {
        let mut reader = Reader::new(format, encoding);
        let mut rows = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.push(piece, &mut rows)?;
        }
        reader.finish(&mut rows)?;
        let cells = |row: RawRow| match row.content {
            Content::Cells(cells) => (row.line, cells),
            Content::Line(line) => (row.line, vec![line]),
        };
        Ok(rows.into_iter().map(cells).collect())
    }

    /// A sentence, the file, its charset, and the line and the cells of each of its rows.
    type File = (&'static str, Vec<u8>, &'static Encoding, Vec<(u64, Vec<&'static str>)>);

    const GUESSED: Format = Format::Csv(None);

    #[test]
    fn real_files_are_read_however_they_come_in() {
        let utf8 = encoding_rs::UTF_8;
        let utf16 = |text: &str| {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
        };
        let table: Vec<File> = vec![
            ("plain", b"a,b\n1,2\n".to_vec(), utf8, vec![(1, vec!["a", "b"]), (2, vec!["1", "2"])]),
            ("no line end at the end", b"a,b\n1,2".to_vec(), utf8, vec![(1, vec!["a", "b"]), (2, vec!["1", "2"])]),
            (
                "a byte order mark",
                b"\xef\xbb\xbfa,b\r\n1,2\r\n".to_vec(),
                utf8,
                vec![(1, vec!["a", "b"]), (2, vec!["1", "2"])],
            ),
            (
                "CR LF, LF and CR mixed",
                b"a\r\nb\nc\rd".to_vec(),
                utf8,
                vec![(1, vec!["a"]), (2, vec!["b"]), (3, vec!["c"]), (4, vec!["d"])],
            ),
            (
                "semicolons",
                b"a;b;c,d\n1;2;3".to_vec(),
                utf8,
                vec![(1, vec!["a", "b", "c,d"]), (2, vec!["1", "2", "3"])],
            ),
            ("tabs", b"a\tb\n1,5\t2".to_vec(), utf8, vec![(1, vec!["a", "b"]), (2, vec!["1,5", "2"])]),
            (
                "quotes, and what they hold",
                b"a,\"b\"\"c\n,d\"\n1,\"\"".to_vec(),
                utf8,
                vec![(1, vec!["a", "b\"c\n,d"]), (3, vec!["1", ""])],
            ),
            (
                "a delimiter in a quoted header",
                b"\"a;b\",c\n1,2".to_vec(),
                utf8,
                vec![(1, vec!["a;b", "c"]), (2, vec!["1", "2"])],
            ),
            ("a quote inside of a cell", b"a,5\" x\n".to_vec(), utf8, vec![(1, vec!["a", "5\" x"])]),
            ("something behind a quote", b"\"a\"b,c\n".to_vec(), utf8, vec![(1, vec!["ab", "c"])]),
            ("empty lines", b"\n\r\n a\n\n\nb\n".to_vec(), utf8, vec![(3, vec![" a"]), (6, vec!["b"])]),
            (
                "ragged rows",
                b"a,b\n1\n1,2,3\n".to_vec(),
                utf8,
                vec![(1, vec!["a", "b"]), (2, vec!["1"]), (3, vec!["1", "2", "3"])],
            ),
            ("empty cells", b"a,b,c\n,,\n".to_vec(), utf8, vec![(1, vec!["a", "b", "c"]), (2, vec!["", "", ""])]),
            ("one column with an empty quoted cell", b"a\n\"\"\n".to_vec(), utf8, vec![(1, vec!["a"]), (2, vec![""])]),
            ("windows-1252", b"Gr\xf6\xdfe;\x80\n".to_vec(), encoding_rs::WINDOWS_1252, vec![(1, vec!["Größe", "€"])]),
            ("UTF-16 by its mark", utf16("ä,b\n1,😀"), utf8, vec![(1, vec!["ä", "b"]), (2, vec!["1", "😀"])]),
            ("NUL and formulas are texts", b"a\n=1+1\0\n".to_vec(), utf8, vec![(1, vec!["a"]), (2, vec!["=1+1\0"])]),
            ("nothing", b"".to_vec(), utf8, vec![]),
            ("nothing but ends of lines", b"\r\n\r\n".to_vec(), utf8, vec![]),
        ];
        for (why, bytes, encoding, expected) in table {
            let expected: Vec<(u64, Vec<String>)> = expected
                .into_iter()
                .map(|(line, cells)| (line, cells.into_iter().map(str::to_owned).collect()))
                .collect();
            for piece in [1, 2, 3, 7, 4096] {
                assert_eq!(
                    read(&bytes, GUESSED, encoding, piece).as_ref(),
                    Ok(&expected),
                    "{why}, in pieces of {piece}"
                );
            }
        }
        let comma = Format::Csv(Some(Delimiter::Comma));
        assert_eq!(read(b"a;b;c,d\n", comma, utf8, 9).unwrap()[0].1, ["a;b;c", "d"], "as it is said");
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let long = [b"a,b\n1,".as_slice(), &vec![b'x'; LONGEST]].concat();
        let wide = [b"a\n".as_slice(), &vec![b','; 2_000]].concat();
        for (bytes, line, column, why) in [
            (b"a,b\n1,\"open\n2,3\n".as_slice(), 2, 2, "a quote that is open to the end"),
            (b"a,b\n1,\xff\n".as_slice(), 1, 1, "no UTF-8"),
            (long.as_slice(), 2, 2, "a row without an end"),
            (wide.as_slice(), 2, 1_001, "2 000 columns"),
        ] {
            let error = read(bytes, GUESSED, encoding_rs::UTF_8, 4096).unwrap_err();
            let place = if why == "no UTF-8" { (error.line.min(line), column) } else { (error.line, error.column) };
            assert_eq!(place, (line, column), "{why}: {error}");
        }
    }

    #[test]
    fn lines_of_json_stand_each_for_itself() {
        let file = b"{\"a\":1.50}\r\n\n[1]\n{\"b\":\n{\"c\":\"x\"}";
        let rows = read(file, Format::NdJson, encoding_rs::UTF_8, 5).unwrap();
        let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 4, 5]);
        let texts: Vec<&str> = rows.iter().map(|(_, row)| row[0].as_str()).collect();
        assert_eq!(texts, ["{\"a\":1.50}", "[1]", "{\"b\":", "{\"c\":\"x\"}"]);
    }
}
