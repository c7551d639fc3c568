//! The process itself: is it alive, is it ready, what can it do (docs/operations.md).

use std::time::Duration;

use actix_web::web::{self, Bytes};
use crm_core::{DbConnection, database, migrate};

use crate::app::served_document;
use crate::db::{Executor, Unavailable};
use crate::endpoint::{Answer, Api, Call, Extract, OperationDoc, Raw, Stored, Typed};
use crate::error::{Failure, Problem, ProblemCode};
use crate::metrics;
use crate::middleware::takes_gzip;
use crate::state::AppState;

/// Who probes does not wait for long, and takes no answer for a no.
const PROBE_WAIT: Duration = Duration::from_millis(900);

/// Declares the routes of this area.
pub(super) fn routes(api: &mut Api) {
    api.tag("Process", "The server itself. These routes take no key.");
    api.get("/healthz", healthz)
        .named("healthz", "Is the process alive?")
        .about("Answers `ok` while the process lives.");
    api.get("/readyz", readyz)
        .named("readyz", "Can the process serve requests?")
        .about("Answers `ready` when the database answers and its schema is this version's.")
        .problem(ProblemCode::NotReady)
        .problem(ProblemCode::Overloaded)
        .problem(ProblemCode::DatabaseUnavailable);
    api.get("/metrics", metrics).named("metrics", "What the process counts").about(
        "Prometheus' text format: requests by route, method and status, their time, and the database's executor.",
    );
    api.get("/openapi.json", openapi_json)
        .named("openapi_json", "Read this document")
        .about("OpenAPI 3.1.")
        .media_type("application/json");
}

/// What the process shares, for the routes that need no key.
pub(super) struct Process {
    state: web::Data<AppState>,
    request_id: String,
    takes_gzip: bool,
}

impl Extract for Process {
    async fn extract(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self {
            state: call.state.clone(),
            request_id: call.request_id().to_string(),
            takes_gzip: takes_gzip(&call.request),
        })
    }

    fn describe(operation: &mut OperationDoc) {
        operation.problem(ProblemCode::MalformedQuery);
        operation.problem(ProblemCode::ValidationFailed);
    }
}

fn raw(content_type: &'static str, body: Bytes) -> Answer<Raw> {
    Typed::of(Raw { content_type, body }).map_err(|failure| failure.into_problem("-"))
}

async fn healthz(_: Process) -> Answer<Raw> {
    raw("text/plain; charset=utf-8", Bytes::from_static(b"ok\n"))
}

async fn readyz(process: Process) -> Answer<Raw> {
    if process.state.is_draining() {
        return Err(not_ready("The process was told to stop."));
    }
    let db = process.state.db.clone();
    let asked =
        tokio::time::timeout(PROBE_WAIT, process.state.db.look_up(move |connection| hindrance(&db, connection))).await;
    match asked {
        Ok(Ok(None)) => raw("text/plain; charset=utf-8", Bytes::from_static(b"ready\n")),
        Ok(Ok(Some(hindrance))) => Err(not_ready(&hindrance)),
        Ok(Err(Failure::Unavailable(why @ Unavailable::FileLost))) => Err(not_ready(&format!("{why}."))),
        Ok(Err(failure)) => Err(failure.into_problem(&process.request_id)),
        Err(_) => Err(not_ready("The database did not answer in time.")),
    }
}

/// Why this database cannot be served, in words of this program's own: a stranger reads them.
fn hindrance(db: &Executor, connection: &mut DbConnection) -> Result<Option<String>, Failure> {
    if let Some(lost) = db.lost_file() {
        return Ok(Some(format!("{lost}.")));
    }
    match database::takes_no_writes(connection)? {
        Some(why) => Ok(Some(why.to_owned())),
        None => Ok(migrate::difference(connection)?),
    }
}

fn not_ready(why: &str) -> Problem {
    Problem::new(ProblemCode::NotReady, why)
}

async fn metrics(process: Process) -> Answer<Raw> {
    match process.state.metrics.text(process.state.db.stats(), process.state.edge_stats()) {
        Ok(text) => raw(metrics::CONTENT_TYPE, text.into()),
        Err(error) => Err(Failure::Bug(format!("{error:#}")).into_problem(&process.request_id)),
    }
}

async fn openapi_json(process: Process) -> Answer<Stored> {
    let Process { takes_gzip, request_id, .. } = process;
    served_document()
        .and_then(|served| Typed::of(served.form(takes_gzip)))
        .map_err(|failure| failure.into_problem(&request_id))
}
