//! What is served, and from the start to the end of a process.

use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::time::Duration;

use actix_rt::signal::unix::{SignalKind, signal};
use actix_rt::task::JoinHandle;
use actix_web::dev::{Server, ServerHandle};
use actix_web::web;

use crate::config::Config;
use crate::console;
use crate::db::Executor;
use crate::deliveries;
use crate::endpoint::{Api, StoredForms, document};
use crate::error::Failure;
use crate::feed;
use crate::http;
use crate::importing;
use crate::replica;
use crate::server::server;
use crate::state::AppState;
use crate::upkeep;

/// Every route of the gateway.
#[must_use]
pub fn routes() -> Api {
    let mut api = Api::default();
    http::routes(&mut api);
    console::routes(&mut api);
    api
}

/// The OpenAPI document as it is served and committed: indented, with a line end.
///
/// # Errors
/// When it cannot be written as JSON, which is a bug.
pub fn openapi_json() -> anyhow::Result<String> {
    Ok(format!("{}\n", document(&routes())?.to_pretty_json()?))
}

/// That document as it is sent. It is written when it is first asked for, once in a process, however many gateways are in it:
/// to write and compress it takes longer than everything else that a start does.
///
/// # Errors
/// As [`openapi_json`].
pub(crate) fn served_document() -> Result<&'static StoredForms, Failure> {
    static SERVED: OnceLock<StoredForms> = OnceLock::new();
    if let Some(served) = SERVED.get() {
        return Ok(served);
    }
    let text = openapi_json().map_err(|error| Failure::Bug(format!("{error:#}")))?;
    let written = StoredForms::new("application/json", text.into()).map_err(|error| Failure::Bug(error.to_string()))?;
    Ok(SERVED.get_or_init(|| written))
}

/// How long connections are still taken after `/readyz` has turned 503, for load balancers to notice, and for clients
/// to be told in an answer that their connection closes: one that is used again while it is closed loses a request.
const NOTICE: Duration = Duration::from_millis(500);

/// Serves until SIGTERM or SIGINT, then finishes what was begun and returns. `ready` is called as soon as
/// requests are taken and signals are heard.
///
/// # Errors
/// When the database cannot be used at the start, or the listener fails.
pub async fn serve(
    config: &Config,
    db: Executor,
    listener: TcpListener,
    ready: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let state = AppState::new(db, config).await?;
    let running = Running::begin(web::Data::new(state), config, listener, routes)?;
    actix_rt::spawn(stop_on_signal(running.state.clone(), running.handle())?);
    ready()?;
    // Before the first client asks for it, who would wait.
    drop(actix_rt::task::spawn_blocking(served_document));
    running.end().await
}

/// A gateway that takes requests, with what it does beside.
pub(crate) struct Running {
    pub(crate) state: web::Data<AppState>,
    server: Server,
    delivering: JoinHandle<()>,
    importing: JoinHandle<()>,
}

impl Running {
    /// Takes requests from now on. `routes` is called once in each worker.
    pub(crate) fn begin(
        state: web::Data<AppState>,
        config: &Config,
        listener: TcpListener,
        routes: impl Fn() -> Api + Send + Clone + 'static,
    ) -> anyhow::Result<Self> {
        let server = server(state.clone(), listener, config, routes)?;
        actix_rt::spawn(upkeep::keep_up(state.clone().into_inner()));
        actix_rt::spawn(feed::listen(state.clone().into_inner()));
        actix_rt::spawn(replica::follow(state.clone().into_inner()));
        let delivering = deliver(&state, config)?;
        let importing = import(&state, config)?;
        Ok(Self { state, server, delivering, importing })
    }

    /// What stops it.
    pub(crate) fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// Waits until it was stopped and what it had begun is done.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        let Self { state, server, delivering, importing } = self;
        server.await?;
        delivering.await?;
        importing.await?;
        // The last answers are out; what the threads still hold is flushed and closed.
        let db = state.db.clone();
        web::block(move || db.close()).await?;
        Ok(())
    }
}

/// How many threads read what is to be delivered, with connections of their own; on PostgreSQL they write too.
const DELIVERY_THREADS: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");
/// The longest that a try to deliver something takes.
const LONGEST_TRY: Duration = Duration::from_secs(15);

fn deliver(state: &web::Data<AppState>, config: &Config) -> anyhow::Result<JoinHandle<()>> {
    let db = state.db.beside(&config.database, DELIVERY_THREADS)?;
    let patience = config.shutdown_timeout.min(LONGEST_TRY);
    let courier = state.courier.clone();
    let task = deliveries::run(state.clone().into_inner(), db, config.database.kind(), courier, patience);
    Ok(actix_rt::spawn(task))
}

/// How many threads import, with connections of their own; on SQLite they only look what is to be done.
const IMPORT_THREADS: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

fn import(state: &web::Data<AppState>, config: &Config) -> anyhow::Result<JoinHandle<()>> {
    let db = state.db.beside(&config.database, IMPORT_THREADS)?;
    Ok(actix_rt::spawn(importing::run(state.clone().into_inner(), db)))
}

/// Waits for SIGTERM or SIGINT; `/readyz` turns 503 first and every answer closes its connection, then no connection
/// is taken any more.
fn stop_on_signal(state: web::Data<AppState>, server: ServerHandle) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        futures_util::future::select(Box::pin(terminate.recv()), Box::pin(interrupt.recv())).await;
        log::info!("stopping: finishing the requests that were begun");
        state.drain();
        tokio::time::sleep(NOTICE).await;
        server.stop(true).await;
    })
}
