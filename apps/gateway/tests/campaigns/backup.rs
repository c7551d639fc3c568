//! Backups while clients write, by the commands of docs/operations.md: a copy has what was acknowledged before it began.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crm_testkit::{TestDatabase, both_databases};
use diesel::connection::SimpleConnection;

use crate::checker;
use crate::client::{Api, Client};
use crate::ledger::{Ledger, prepare};
use crate::process::{Serving, gateway, is_installed};
use crate::settings::{Random, alone, figure, rounds};

const CLIENTS: usize = 8;

/// Copies the database into a new one.
fn copy(database: &TestDatabase, directory: &Path) -> TestDatabase {
    if database.url().file().is_some() {
        let file = directory.join("copy.db");
        database.connect().batch_execute(&format!("VACUUM INTO '{}'", file.display())).unwrap();
        return TestDatabase::at(file);
    }
    let copy = TestDatabase::empty_postgres();
    let dump = directory.join("copy.dump");
    let dump = dump.to_str().unwrap();
    let dumped =
        Command::new("pg_dump").args(["--format=custom", "--file", dump, &database.url_text()]).status().unwrap();
    assert!(dumped.success());
    let restored = Command::new("pg_restore")
        .args(["--exit-on-error", "--no-owner", "--dbname", &copy.url_text(), dump])
        .status()
        .unwrap();
    assert!(restored.success());
    copy
}

both_databases! {
    /// A backup under load is whole, has everything that was acknowledged before it began, and hinders nobody.
    fn a_backup_under_load_is_whole(database) {
        let _alone = alone();
        if database.url().file().is_none() && !is_installed("pg_dump") {
            return;
        }
        let api = Api::start(database);
        prepare(&api.acme);
        let (mut random, rounds) = (Random::new(), rounds(1));
        let mut acknowledged = 0;
        for _ in 0..rounds {
            // What the first clients know is settled before the copy begins; the others go on meanwhile.
            let (mut before, mut meanwhile) = (Ledger::of(CLIENTS), Ledger::of(CLIENTS));
            before.during(std::slice::from_ref(&api.acme), &mut random, false, || std::thread::sleep(Duration::from_millis(300)));
            let directory = tempfile::tempdir().unwrap();
            let (told, copied) = meanwhile.during(std::slice::from_ref(&api.acme), &mut random, false, || copy(database, directory.path()));
            assert!(told.statuses.keys().all(|status| (200..300).contains(status)), "{:?}", told.statuses);
            let serving = Serving::start(&mut gateway(&copied));
            before.check_among_others(&Client::new(&serving.url, api.acme.keys.clone()));
            checker::check(&copied);
            acknowledged += before.acknowledged();
        }
        figure(database, "backup", format_args!("{rounds} backups under load, {acknowledged} changes acknowledged before, 0 lost"));
    }
}
