//! What is served, and from the start to the end of a process.

use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::time::Duration;

use actix_rt::signal::unix::{SignalKind, signal};
use actix_rt::task::JoinHandle;
use actix_web::dev::ServerHandle;
use actix_web::web;

use crate::config::Config;
use crate::console;
use crate::db::Db;
use crate::deliveries;
use crate::endpoint::{Api, document};
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
    db: Db,
    listener: TcpListener,
    ready: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let state = web::Data::new(AppState::new(db.clone(), config, openapi_json()?.into()).await?);
    let server = server(state.clone(), listener, config, routes)?;
    actix_rt::spawn(upkeep::keep_up(state.clone().into_inner()));
    actix_rt::spawn(feed::listen(state.clone().into_inner()));
    actix_rt::spawn(replica::follow(state.clone().into_inner()));
    let delivering = deliver(&state, &db, config)?;
    let importing = import(&state, &db, config)?;
    actix_rt::spawn(stop_on_signal(state, server.handle())?);
    ready()?;
    server.await?;
    delivering.await?;
    importing.await?;
    // The last answers are out; what the threads still hold is flushed and closed.
    web::block(move || db.close()).await?;
    Ok(())
}

/// How many threads read what is to be delivered, with connections of their own; on PostgreSQL they write too.
const DELIVERY_THREADS: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");
/// The longest that a try to deliver something takes.
const LONGEST_TRY: Duration = Duration::from_secs(15);

fn deliver(state: &web::Data<AppState>, db: &Db, config: &Config) -> anyhow::Result<JoinHandle<()>> {
    let db = db.beside(&config.database, DELIVERY_THREADS)?;
    let patience = config.shutdown_timeout.min(LONGEST_TRY);
    let courier = state.courier.clone();
    let task = deliveries::run(state.clone().into_inner(), db, config.database.kind(), courier, patience);
    Ok(actix_rt::spawn(task))
}

/// How many threads import, with connections of their own; on SQLite they only look what is to be done.
const IMPORT_THREADS: NonZeroUsize = NonZeroUsize::new(2).expect("not zero");

fn import(state: &web::Data<AppState>, db: &Db, config: &Config) -> anyhow::Result<JoinHandle<()>> {
    let db = db.beside(&config.database, IMPORT_THREADS)?;
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
