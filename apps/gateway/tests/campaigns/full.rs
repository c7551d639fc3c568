//! The disk is full: writes are refused, reads go on, and nothing acknowledged is lost; room helps at once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crm_testkit::{TestDatabase, both_databases};
use serde_json::json;

use crate::checker;
use crate::client::{Api, Client};
use crate::ledger::{Ledger, prepare};
use crate::mount::{Mount, may_mount};
use crate::settings::{Random, alone, figure};

const CLIENTS: usize = 8;

/// Fills what is left of a disk, and gives the file that does.
fn fill(disk: &Path) -> PathBuf {
    let filler = disk.join("filler");
    // It ends when nothing more fits, with a failure that is meant.
    let _ =
        Command::new("dd").args(["if=/dev/zero", "bs=4096"]).arg(format!("of={}", filler.display())).output().unwrap();
    filler
}

/// Writes until a write is refused for want of room.
fn is_full(client: &Client) -> bool {
    let note = "x".repeat(9_000);
    (0..2_000).any(|number| {
        let answer =
            client.post("/directory/organizations", &json!({ "name": format!("Fills {number}"), "note": note }));
        let full = answer.status == 503;
        assert!(full || answer.status == 201, "{}", answer.text);
        full
    })
}

both_databases! {
    /// On a disk without room every write is a 503, reads go on, and with room again so do writes.
    fn a_full_disk_loses_nothing(database) {
        let _alone = alone();
        if !may_mount("a full disk", &[]) {
            return;
        }
        let disk = Mount::tmpfs("40m");
        let on_disk = TestDatabase::in_directory(database.kind(), disk.path());
        let api = Api::start(&on_disk);
        prepare(&api.acme);
        let (mut ledger, mut random) = (Ledger::of(CLIENTS), Random::new());
        let filler = fill(disk.path());
        let (told, full) = ledger.during(std::slice::from_ref(&api.acme), &mut random, false, || {
            let full = is_full(&api.acme);
            std::thread::sleep(Duration::from_millis(500));
            api.acme.get("/pipeline/leads").items();
            std::fs::remove_file(&filler).unwrap();
            std::thread::sleep(Duration::from_millis(1_500));
            full
        });
        assert!(full, "the disk was never full");
        told.assert_only_unavailable(Duration::from_secs(10));
        assert_eq!(api.acme.post("/pipeline/tags/leads", &json!({ "label": "room" })).status, 201, "there is room again");
        ledger.check(&api.acme);
        checker::check(&on_disk);
        let acknowledged = ledger.acknowledged();
        figure(database, "full", format_args!("answers {:?}, {acknowledged} changes acknowledged, 0 lost", told.statuses));
    }
}
