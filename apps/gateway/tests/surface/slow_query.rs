//! Slow statements are logged, without values.

use std::fs::{self, File};
use std::thread;
use std::time::Duration;

use crm_core::BackendKind;
use crm_testkit::both_databases;
use serde_json::json;

use crate::LeadsLocked;
use crate::client::{Client, Keys};
use crate::process::{Serving, gateway};

both_databases! {
    /// A statement that had to wait for 700 ms is in the log; what it would have written is not.
    fn a_slow_statement_is_logged_without_values(database) {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let keys = Keys::of_new_tenant(database, "acme");
        let serving = Serving::start_logging(&mut gateway(database), File::create(&log).unwrap());
        let client = Client::new(&serving.url, keys);
        let create = || assert!(client.post("/pipeline/leads", &json!({ "title": "Confidential" })).item(201).is_object());
        create();
        let slow = || {
            let text = fs::read_to_string(&log).unwrap();
            assert!(!text.contains("Confidential"), "{text}");
            text.lines().filter(|line| line.contains("slow_query")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(slow(), Vec::<String>::new());

        let lock = LeadsLocked::on(database);
        thread::scope(|threads| {
            threads.spawn(create);
            thread::sleep(Duration::from_millis(700));
            drop(lock);
        });
        let lines = slow();
        let statement = match database.kind() {
            BackendKind::Postgres => "INSERT INTO \\\"leads\\\"",
            BackendKind::Sqlite => "BEGIN IMMEDIATE",
        };
        assert!(lines.iter().any(|line| line.contains(statement) && line.contains(" ms=")), "{lines:?}");
    }
}
