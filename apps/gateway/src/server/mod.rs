//! The edge: from a socket to a request. Actix takes requests apart; what a client may cost before and after that, by
//! saying nothing, sending slowly or not reading, is decided here.
//!
//! A `Connection` wraps each socket and ends it where nothing moves; [`Places`] bounds how
//! many there are; [`Exchange`] is what a connection and the middlewares tell each other.

mod connection;
mod descriptors;
mod exchange;
mod inside;
mod places;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_rt::net::TcpStream;
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Condition, from_fn};
use actix_web::{App, web};
use socket2::SockRef;

use crate::config::Config;
use crate::endpoint::Api;
use crate::limits::SLICE;
use crate::middleware::{Origins, close_on_unread_body, compress, cors, request_log};
use crate::state::AppState;

pub use exchange::Exchange;
pub(crate) use exchange::Sending;
pub(crate) use inside::{Inside, payload};
pub use places::Places;
pub(crate) use places::network_of;

use connection::Connection;

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client that was answered before its body had come may take to notice.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How much of an answer waits in the kernel beside what is on its way to the client. Its buffers are memory too, and
/// on a fast network they would take megabytes a connection. The kernel asks for more when half of it is on its way, so
/// that a client which takes less than that in the time of its patience counts as one that takes nothing.
const WAITING_IN_KERNEL: u32 = 64 * 1024;

/// How long a client may be silent.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From a connection's begin, or the first byte of a later request, to the end of the request's head.
    pub head: Duration,
    /// Without one byte of an answer taken.
    pub unread: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_secs(5), unread: Duration::from_secs(30) }
    }
}

/// The server on this listener, ready to run. `routes` is called once in each worker.
///
/// # Errors
/// When the listener cannot be used.
pub fn server(
    state: web::Data<AppState>,
    listener: TcpListener,
    config: &Config,
    routes: impl Fn() -> Api + Send + Clone + 'static,
) -> io::Result<Server> {
    server_with(state, listener, config, Patience::default(), routes)
}

/// As [`server`], with another patience: for tests.
///
/// # Errors
/// When the listener cannot be used.
pub fn server_with(
    state: web::Data<AppState>,
    listener: TcpListener,
    config: &Config,
    patience: Patience,
    routes: impl Fn() -> Api + Send + Clone + 'static,
) -> io::Result<Server> {
    prepare(&listener, patience)?;
    let most = descriptors::most_connections(config);
    state.places.allow(most / 2);
    let origins: Arc<[String]> = config.cors_origins.as_slice().into();
    let builder = Server::build()
        .workers(config.workers)
        .max_concurrent_connections((most / config.workers).max(1))
        .shutdown_timeout(config.shutdown_timeout.as_secs())
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let server = builder.listen("crm-gateway", listener, move || {
        let stopping = stopping.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(patience.head)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .h1_write_buffer_size(SLICE)
            .on_connect_ext(|connection: &Connection, shared| {
                shared.insert(connection.exchange().clone());
            })
            .h1(map_config(application(state.clone(), Arc::clone(&origins), routes.clone()), |()| {
                AppConfig::default()
            }));
        let state = state.clone();
        let connect = move |socket: TcpStream| {
            std::future::ready(Connection::accept(socket, state.clone(), patience).map_err(DispatchError::Io))
        };
        fn_service(connect).and_then(http)
    })?;
    Ok(server.run())
}

/// What every connection inherits from the socket that it came from.
fn prepare(listener: &TcpListener, patience: Patience) -> io::Result<()> {
    let socket = SockRef::from(listener);
    // Answers are written in large pieces; the last must not wait for the client to acknowledge those before it.
    socket.set_tcp_nodelay(true)?;
    // For what is left to the kernel alone: the end of an answer, and a client that vanished.
    socket.set_tcp_user_timeout(Some(patience.unread))?;
    socket.set_tcp_notsent_lowat(WAITING_IN_KERNEL)
}

fn application(
    state: web::Data<AppState>,
    origins: Arc<[String]>,
    routes: impl Fn() -> Api + Clone + 'static,
) -> impl ServiceFactory<
    actix_http::Request,
    Config = AppConfig,
    Response = ServiceResponse<impl actix_web::body::MessageBody>,
    Error = actix_web::Error,
    InitError = (),
> {
    let app = App::new()
        .app_data(Inside::of(state.clone(), routes.clone()))
        .app_data(Origins(Arc::clone(&origins)))
        .app_data(state)
        .wrap(from_fn(compress))
        .wrap(Condition::new(
            !origins.is_empty(),
            from_fn(move |request: ServiceRequest, next| cors(Arc::clone(&origins), request, next)),
        ))
        .wrap(from_fn(request_log))
        .wrap(from_fn(close_on_unread_body))
        .configure(|config| routes().register(config));
    app.into_factory()
}
