//! A gateway in the process of the test, with routes of the test's own.

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
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()), keys);
    let db = Db::open(database.url(), DbSettings::default()).unwrap();
    let (send, receive) = mpsc::channel();
    let serving = thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let config = Config::new(&Settings::default()).unwrap();
            let state = web::Data::new(AppState::new(db, &config, Vec::new().into()).await.unwrap());
            let all = move || {
                let mut all = routes();
                add(&mut all);
                all
            };
            let server = server(state, listener, &config, all).unwrap();
            send.send(server.handle()).unwrap();
            server.await.unwrap();
        });
    });
    let handle = receive.recv().unwrap();
    test(&client);
    drop(handle.stop(false));
    serving.join().unwrap();
}
