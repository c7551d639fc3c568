//! A gateway in the process of the test, with routes of the test's own, or with something of it that no setting changes.
#![expect(dead_code, reason = "each test binary uses its part of it")]

use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use actix_web::web;
use crm_gateway::app::routes;
use crm_gateway::config::{Config, Settings};
use crm_gateway::db::{Db, DbSettings};
use crm_gateway::endpoint::Api as Routes;
use crm_gateway::server::server;
use crm_gateway::state::AppState;
use crm_testkit::TestDatabase;

use crate::client::{Client, Keys};

/// Runs a test against a gateway that has these routes beside its own.
pub(crate) fn with_routes(add: fn(&mut Routes), test: impl FnOnce(&Client)) {
    let database = TestDatabase::sqlite();
    let keys = Keys::of_new_tenant(&database, "acme");
    serving(&database, |_| {}, add, |url| test(&Client::new(url, keys)));
}

/// Runs a test against a gateway with another state. It is given the address.
pub(crate) fn with_state(
    database: &TestDatabase,
    change: impl FnOnce(&mut AppState) + Send + 'static,
    test: impl FnOnce(&str),
) {
    serving(database, change, |_| {}, test);
}

fn serving(
    database: &TestDatabase,
    change: impl FnOnce(&mut AppState) + Send + 'static,
    add: fn(&mut Routes),
    test: impl FnOnce(&str),
) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let db = Db::open(database.url(), DbSettings::default()).unwrap();
    let (send, receive) = mpsc::channel();
    let serving = thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let config = Config::new(&Settings::default()).unwrap();
            let mut state = AppState::new(db, &config, Vec::new().into()).await.unwrap();
            change(&mut state);
            let all = move || {
                let mut all = routes();
                add(&mut all);
                all
            };
            let server = server(web::Data::new(state), listener, &config, all).unwrap();
            send.send(server.handle()).unwrap();
            server.await.unwrap();
        });
    });
    let handle = receive.recv().unwrap();
    test(&url);
    drop(handle.stop(false));
    serving.join().unwrap();
}
