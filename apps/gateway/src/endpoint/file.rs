//! Files as answers.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use actix_web::web::Bytes;
use crm_exchange::ExportFormat;

use crate::error::Failure;
use crate::wire::Rendered;

use super::operation::OperationDoc;
use super::reply::{Reply, header};

/// A file of records: 200, its bytes come in parts. They are put into the extensions of the request, as a `Streamed`.
#[derive(Debug)]
pub struct File {
    /// What it is called, without its ending.
    pub name: String,
    /// What it is.
    pub format: ExportFormat,
}

/// A file of rows as they came, CSV or lines of JSON: 200, its bytes come in parts as those of a [`File`].
#[derive(Debug)]
pub struct RowsFile(pub File);

impl Reply for RowsFile {
    fn render(self) -> Result<Rendered, Failure> {
        self.0.render()
    }

    fn describe(operation: &mut OperationDoc) {
        operation.file_response(&[ExportFormat::Csv.media_type(), ExportFormat::Ndjson.media_type()]);
    }
}

impl Reply for File {
    fn render(self) -> Result<Rendered, Failure> {
        let Self { name, format } = self;
        let disposition = format!("attachment; filename=\"{name}.{}\"", format.extension());
        let media_type = match format {
            ExportFormat::Csv => "text/csv; charset=utf-8",
            ExportFormat::Ndjson | ExportFormat::Xlsx => format.media_type(),
        };
        let headers =
            vec![(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CONTENT_DISPOSITION, header(&disposition)?)];
        Ok(Rendered { status: StatusCode::OK, headers, body: Bytes::new(), repeated: None })
    }

    fn describe(operation: &mut OperationDoc) {
        let media_types: Vec<_> = ExportFormat::NAMES.iter().map(|(_, format)| format.media_type()).collect();
        operation.file_response(&media_types);
    }
}
