//! `GET …/export`: a list as a file (docs/compatibility.md, "Export and search").

use std::mem;
use std::sync::Arc;

use actix_web::web::Bytes;
use crm_core::page::{Page, PageRequest, SortField, Whole};
use crm_core::{DbConnection, Scope};
use crm_exchange::{Export, Kind, Writer};
use crm_suite::SuiteError;
use futures_util::future::join;
use futures_util::stream::try_unfold;
use serde::Serialize;
use serde_json::Value;

use crate::auth::{Caller, InArea, Read, Reader};
use crate::endpoint::{Answer, Cut, File, Operation, Part, Streamed};
use crate::error::{Failure, ProblemCode};
use crate::limits::beside;

/// What the document says of every export.
pub(super) fn describe(operation: &mut Operation) {
    operation
        .about(
            "All that match, as a file that is sent while it is read, however many they are: records that come and go \
             meanwhile never make another one appear twice or be left out. CSV has the columns that an import takes, \
             and what the API keeps read-only. `Accept-Encoding: gzip` compresses it. Where the answer ends without \
             its last chunk, it is not whole.",
        )
        .problem(ProblemCode::ValidationFailed);
}

/// The records of a part, and the request for the next one.
type Records<S> = (Vec<Value>, Option<PageRequest<S>>);
type List<S> = Arc<dyn Fn(&mut DbConnection, &Scope, &PageRequest<S>) -> Result<Records<S>, Failure> + Send + Sync>;

/// Answers with all of a list.
pub(crate) async fn export<A: InArea, S: SortField + Send + Sync, T: Serialize>(
    caller: Caller<A, Read>,
    kind: Kind,
    export: Export,
    whole: Whole<S>,
    list: impl Fn(&mut DbConnection, &Scope, &PageRequest<S>) -> Result<Page<T>, SuiteError> + Send + Sync + 'static,
) -> Answer<File> {
    let reader = caller.into_reader();
    let day = reader.scope().now().to_string();
    let name = format!("{}-{}", kind.plural(), day.get(..10).unwrap_or_default());
    let file = File { name, format: export.format };
    let list: List<S> = Arc::new(move |connection, scope, request| {
        let page = list(connection, scope, request)?;
        let records = page.items.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
        Ok((records, request.following(&page)))
    });
    let first = {
        let (list, request) = (Arc::clone(&list), whole.first());
        reader.read(move |connection, scope| {
            let columns = crm_exchange::columns(connection, scope, kind)?;
            Ok((Writer::new(&columns, &export)?, list(connection, scope, &request)?))
        })
    };
    match first.await {
        Err(failure) => Err(reader.problem(failure)),
        Ok((writer, (records, next))) => {
            let sending = |reader| Sending { reader, list, writer, records, next, is_done: false };
            reader.answer(file, |reader| Streamed::new(try_unfold(sending(reader), Sending::part)))
        }
    }
}

/// An export on its way.
struct Sending<S> {
    reader: Reader,
    list: List<S>,
    writer: Writer,
    /// What was read and is not written yet.
    records: Vec<Value>,
    next: Option<PageRequest<S>>,
    is_done: bool,
}

impl<S: SortField + Send + Sync> Sending<S> {
    /// Writes a part while the next one is read.
    async fn part(self) -> Result<Option<(Part, Self)>, Cut> {
        let Self { reader, list, writer, mut records, next, is_done } = self;
        if is_done {
            return Ok(None);
        }
        let written = write(writer, mem::take(&mut records), next.is_none());
        let (written, read) = join(written, read(&reader, &list, next)).await;
        let cut = |failure: Failure| {
            log::error!("request_id={} an export ends early: {}", reader.request_id(), reader.problem(failure).detail);
            Cut
        };
        let (writer, bytes) = written.map_err(cut)?;
        let read = read.transpose().map_err(cut)?;
        let held = reader.hold(bytes.len());
        let is_done = read.is_none();
        let (records, next) = read.unwrap_or_default();
        Ok(Some(((bytes, held), Self { reader, list, writer, records, next, is_done })))
    }
}

/// Writes records on a thread that waits for nobody.
async fn write(mut writer: Writer, records: Vec<Value>, is_last: bool) -> Result<(Writer, Bytes), Failure> {
    let written = beside(move || {
        let mut bytes = writer.write(&records)?;
        if is_last {
            bytes.extend(writer.end()?);
        }
        Ok::<_, std::io::Error>((writer, bytes.into()))
    });
    written.await?.map_err(|error| Failure::Bug(format!("a part cannot be written: {error}")))
}

async fn read<S: SortField + Send + Sync>(
    reader: &Reader,
    list: &List<S>,
    next: Option<PageRequest<S>>,
) -> Option<Result<Records<S>, Failure>> {
    let request = next?;
    let list = Arc::clone(list);
    Some(reader.read_on(move |connection, scope| list(connection, scope, &request)).await)
}
