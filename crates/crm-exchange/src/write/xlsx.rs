//! Workbooks (ECMA-376), written while they are sent.
//!
//! The crates that write workbooks finish one in a file before its first byte can go out, and a client waits for a million
//! rows as for nothing. The few parts that a table needs are written here one after the other: the sheets first, as many
//! as the rows need, and what lists them at the end.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use crate::Column;

/// The most rows of a sheet, its header among them.
const MOST_ROWS: usize = 1_048_576;
/// How many bytes of XML a sheet has at the most, but for a part: beyond 4 GiB a zip has sizes that not every program
/// reads.
const LONGEST_SHEET: usize = 3 * 1024 * 1024 * 1024;
/// The most characters of a cell, in units of UTF-16.
const LONGEST_CELL: usize = 32_767;
/// What a number may have of digits, to be one in a spreadsheet: the last of more would become zeros.
const MOST_DIGITS: usize = 15;

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const TYPES: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";

pub(crate) struct Xlsx {
    name: &'static str,
    titles: Vec<String>,
    zip: Option<ZipWriter<StreamWriter<Taken>>>,
    bytes: Taken,
    sheets: usize,
    /// How many rows the sheet has.
    rows: usize,
    most_rows: usize,
    /// How many bytes it has, but for those of the present part.
    length: usize,
}

/// Bytes that are taken away as they come.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<Vec<u8>>>);

impl Taken {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Taken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Xlsx {
    pub(crate) fn new(name: &'static str, titles: Vec<String>) -> Self {
        let bytes = Taken::default();
        let zip = Some(ZipWriter::new_stream(bytes.clone()));
        Self { name, titles, zip, bytes, sheets: 0, rows: 0, most_rows: MOST_ROWS, length: 0 }
    }

    pub(crate) fn write(&mut self, columns: &[Column], records: &[Value]) -> io::Result<Vec<u8>> {
        let mut xml = String::with_capacity(64 * 1024);
        self.begin(&mut xml)?;
        for record in records {
            if self.rows == self.most_rows || self.length >= LONGEST_SHEET {
                xml.push_str(SHEET_END);
                self.put(&mut xml)?;
                self.sheet(&mut xml)?;
            }
            xml.push_str("<row>");
            for column in columns {
                push_cell(&mut xml, &column.write(record), column.is_number());
            }
            xml.push_str("</row>");
            self.rows += 1;
        }
        self.put(&mut xml)?;
        Ok(self.bytes.take())
    }

    pub(crate) fn end(&mut self) -> io::Result<Vec<u8>> {
        let mut xml = String::new();
        self.begin(&mut xml)?;
        xml.push_str(SHEET_END);
        self.put(&mut xml)?;
        let (mut sheets, mut relations) = (String::new(), String::new());
        for number in 1..=self.sheets {
            let suffix = if number == 1 { String::new() } else { format!(" {number}") };
            sheets += &format!("<sheet name=\"{}{suffix}\" sheetId=\"{number}\" r:id=\"rId{number}\"/>", self.name);
            relations += &format!(
                "<Relationship Id=\"rId{number}\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet{number}.xml\"/>"
            );
        }
        self.file(
            "xl/workbook.xml",
            &format!("{XML}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets>{sheets}</sheets></workbook>"),
        )?;
        self.file(
            "xl/_rels/workbook.xml.rels",
            &format!("{XML}<Relationships xmlns=\"{PACKAGE}/relationships\">{relations}</Relationships>"),
        )?;
        if let Some(zip) = self.zip.take() {
            zip.finish()?;
        }
        Ok(self.bytes.take())
    }

    /// Writes what comes before the first row, once.
    fn begin(&mut self, xml: &mut String) -> io::Result<()> {
        if self.sheets > 0 {
            return Ok(());
        }
        // Programs that tell a workbook by its first bytes look for this part. Sheets have the type that all XML has by
        // default, so that it can be written before anybody knows how many there will be.
        self.file(
            "[Content_Types].xml",
            &format!(
                "{XML}<Types xmlns=\"{PACKAGE}/content-types\">\
             <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Default Extension=\"xml\" ContentType=\"{TYPES}.worksheet+xml\"/>\
             <Override PartName=\"/xl/workbook.xml\" ContentType=\"{TYPES}.sheet.main+xml\"/></Types>"
            ),
        )?;
        self.file(
            "_rels/.rels",
            &format!(
                "{XML}<Relationships xmlns=\"{PACKAGE}/relationships\">\
             <Relationship Id=\"rId1\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        )?;
        self.sheet(xml)
    }

    /// Begins a sheet with its header.
    fn sheet(&mut self, xml: &mut String) -> io::Result<()> {
        self.sheets += 1;
        self.rows = 1;
        self.length = 0;
        let name = format!("xl/worksheets/sheet{}.xml", self.sheets);
        if let Some(zip) = &mut self.zip {
            zip.start_file(name, options())?;
        }
        xml.push_str(XML);
        xml.push_str("<worksheet xmlns=\"");
        xml.push_str(MAIN);
        xml.push_str("\"><sheetData><row>");
        for title in &self.titles {
            push_cell(xml, title, false);
        }
        xml.push_str("</row>");
        Ok(())
    }

    fn put(&mut self, xml: &mut String) -> io::Result<()> {
        if let Some(zip) = &mut self.zip {
            zip.write_all(xml.as_bytes())?;
        }
        self.length += xml.len();
        xml.clear();
        Ok(())
    }

    fn file(&mut self, name: &str, xml: &str) -> io::Result<()> {
        if let Some(zip) = &mut self.zip {
            zip.start_file(name, options())?;
            zip.write_all(xml.as_bytes())?;
        }
        Ok(())
    }
}

const SHEET_END: &str = "</sheetData></worksheet>";

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).compression_level(Some(1))
}

/// A cell: a number where the column has numbers and a spreadsheet keeps all its digits, else a text.
fn push_cell(xml: &mut String, text: &str, is_number: bool) {
    if text.is_empty() {
        xml.push_str("<c/>");
    } else if is_number && text.bytes().filter(u8::is_ascii_digit).count() <= MOST_DIGITS && text.parse::<f64>().is_ok()
    {
        xml.push_str("<c><v>");
        xml.push_str(text);
        xml.push_str("</v></c>");
    } else {
        xml.push_str("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">");
        push_text(xml, text);
        xml.push_str("</t></is></c>");
    }
}

/// The text of a cell. What XML cannot have is written as `_x000D_`, and what looks so as it is; a text beyond what a cell
/// holds ends in `…`.
fn push_text(xml: &mut String, text: &str) {
    let mut room = LONGEST_CELL - 1;
    for (at, character) in text.char_indices() {
        let Some(left) = room.checked_sub(character.len_utf16()) else {
            xml.push('…');
            return;
        };
        room = left;
        match character {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '\r' => xml.push_str("_x000D_"),
            '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            '_' if is_escape(&text[at..]) => xml.push_str("_x005F_"),
            character if character < ' ' && !matches!(character, '\t' | '\n') => xml.push('\u{fffd}'),
            character => xml.push(character),
        }
    }
}

fn is_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hexadecimal = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    bytes.len() >= 7 && bytes[1] == b'x' && hexadecimal(&bytes[2..6]) && bytes[6] == b'_'
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use serde_json::json;
    use zip::ZipArchive;

    use super::*;
    use crate::{Columns, Kind};

    fn unzipped(bytes: Vec<u8>) -> Vec<(String, String)> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let count = archive.len();
        let read = |index: usize| {
            let mut file = archive.by_index(index).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().into_owned(), text)
        };
        (0..count).map(read).collect()
    }

    #[test]
    fn a_full_sheet_is_followed_by_another_with_the_same_header() {
        let columns = Columns::of(Kind::Lead, &[]);
        let columns = [columns.find("title").unwrap(), columns.find("value.amount").unwrap()];
        let mut xlsx = Xlsx::new("leads", vec!["Title".to_owned(), "Amount".to_owned()]);
        xlsx.most_rows = 3;
        let record = |title: &str| json!({ "title": title, "value": { "amount": 10.5 } });
        let mut bytes = xlsx.write(&columns, &[record("a<b"), record("c")]).unwrap();
        bytes.extend(xlsx.write(&columns, &[record("d")]).unwrap());
        bytes.extend(xlsx.end().unwrap());
        let parts = unzipped(bytes);
        let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "[Content_Types].xml",
            "_rels/.rels",
            "xl/worksheets/sheet1.xml",
            "xl/worksheets/sheet2.xml",
            "xl/workbook.xml",
            "xl/_rels/workbook.xml.rels",
        ];
        assert_eq!(names, expected);
        let rows = |part: &str| part.matches("<row>").count();
        assert_eq!((rows(&parts[2].1), rows(&parts[3].1)), (3, 2));
        assert!(parts[2].1.contains("a&lt;b") && parts[2].1.contains("<v>10.5</v>"), "{}", parts[2].1);
        assert!(parts[4].1.contains("leads 2"), "{}", parts[4].1);
    }

    #[test]
    fn a_text_is_written_as_xml_can_have_it() {
        let written = |text: &str| {
            let mut xml = String::new();
            push_text(&mut xml, text);
            xml
        };
        assert_eq!(written("a\r\nb & <c>\t\u{1}\u{ffff}"), "a_x000D_\nb &amp; &lt;c&gt;\t\u{fffd}\u{fffd}");
        assert_eq!(written("_x000D_ _x00G0_"), "_x005F_x000D_ _x00G0_");
        assert_eq!(written(&"ü".repeat(LONGEST_CELL - 1)).chars().count(), LONGEST_CELL - 1);
        assert!(written(&"😀".repeat(20_000)).ends_with("😀…"));
    }

    #[test]
    fn a_number_that_a_spreadsheet_would_round_is_a_text() {
        let cell = |text: &str| {
            let mut xml = String::new();
            push_cell(&mut xml, text, true);
            xml
        };
        assert_eq!(cell("123456789012345"), "<c><v>123456789012345</v></c>");
        assert!(cell("1234567890123456").contains("inlineStr"));
        assert!(cell("ten").contains("inlineStr"));
        assert_eq!(cell(""), "<c/>");
    }
}
