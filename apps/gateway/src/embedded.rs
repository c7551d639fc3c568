//! A gateway within another program: that of a test, for one (the crate crm-testing). It is the whole gateway, on a thread of
//! its own and behind a socket of its own; it hears no signals, and ends with its value.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use actix_rt::{ArbiterHandle, System};
use actix_web::dev::ServerHandle;
use actix_web::web;
use anyhow::anyhow;
use crm_core::Uuid;
use crm_core::tenants::CreatedTenant;

use crate::app::{Running, routes};
use crate::clock::{self, Moment};
use crate::config::Config;
use crate::endpoint::Api;
use crate::error::Failure;
use crate::opened::Opened;
use crate::state::AppState;

/// A gateway that serves. It stops when this is dropped, and has given its socket and its database back then.
pub struct Embedded {
    address: SocketAddr,
    started: Started,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

/// What the thread tells of itself.
struct Started {
    state: web::Data<AppState>,
    server: ServerHandle,
    arbiter: ArbiterHandle,
}

impl Embedded {
    /// Starts it, with these settings.
    ///
    /// # Errors
    /// When its database or its socket cannot be used.
    pub fn start(config: Config) -> anyhow::Result<Self> {
        Self::start_with(config, |_| {}, |_| {})
    }

    /// As [`start`](Self::start), with another state, and with routes beside its own.
    ///
    /// # Errors
    /// As there.
    pub fn start_with(
        config: Config,
        change: impl FnOnce(&mut AppState) + Send + 'static,
        add: fn(&mut Api),
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.listen.as_slice())?;
        let address = listener.local_addr()?;
        let opened = Opened::new(&config)?;
        let (started, told) = mpsc::channel();
        let serving = move || {
            System::new().block_on(async move {
                let mut state = AppState::new(opened.db.clone(), &config).await?;
                change(&mut state);
                let all = move || {
                    let mut all = routes();
                    add(&mut all);
                    all
                };
                let running = Running::begin(web::Data::new(state), &config, listener, all)?;
                let (state, server) = (running.state.clone(), running.handle());
                let arbiter = System::current().arbiter().clone();
                started.send(Started { state, server, arbiter })?;
                running.end().await
            })
        };
        let thread = thread::Builder::new().name("crm-gateway".to_owned()).spawn(serving)?;
        match told.recv() {
            Ok(started) => Ok(Self { address, started, thread: Some(thread) }),
            // It ended before it had anything to tell.
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error),
                Ok(Ok(())) | Err(_) => Err(anyhow!("the gateway ended at its start")),
            },
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a tenant with a new id.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn new_tenant(&self) -> anyhow::Result<CreatedTenant> {
        let made = self.run(async |state| {
            let now = state.clock.now();
            let id = Uuid::random().to_string();
            let make = move |connection: &mut _| {
                let public = id.parse().map_err(|error| Failure::Bug(format!("a UUID is a tenant's id: {error}")))?;
                Ok::<_, Failure>(crm_suite::tenants::create(connection, &public, &id, None, now)?)
            };
            state.db.write(make).await.map_err(|failure| failure.into_problem("a new tenant").detail)
        });
        made?.map_err(|detail| anyhow!(detail))
    }

    /// Moves its clock, which stands still from then on.
    ///
    /// # Errors
    /// When the gateway has ended.
    pub fn turn(&self, moment: Moment) -> anyhow::Result<()> {
        self.run(async move |state| clock::turn(&state, moment).await)
    }

    /// What its handlers share.
    #[must_use]
    pub fn state(&self) -> &AppState {
        &self.started.state
    }

    /// Runs something on the gateway's thread.
    fn run<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(web::Data<AppState>) -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        let (send, receive) = mpsc::channel();
        let state = self.started.state.clone();
        self.started.arbiter.spawn_fn(move || {
            actix_rt::spawn(async move {
                // Whoever asked waits for it.
                let _ = send.send(work(state).await);
            });
        });
        receive.recv().map_err(|_| anyhow!("the gateway has ended"))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.started.state.drain();
        // It is told at once; what it answers is waited for by its thread.
        drop(self.started.server.stop(false));
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            log::error!("{error:#}");
        }
    }
}
