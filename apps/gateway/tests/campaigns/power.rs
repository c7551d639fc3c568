//! The power fails: what was acknowledged before is on the disk.
//!
//! The database lies on a disk in a file, on a file system that can copy a file at an instant without reading it. Such a
//! copy is what a machine finds after its power came back: everything that was written to the disk, and nothing that
//! only the cache of the system had.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crm_core::BackendKind;
use crm_testkit::TestDatabase;
use serde_json::json;

use crate::checker;
use crate::client::{Api, Client};
use crate::ledger::{prepare, read_all};
use crate::mount::{Mount, may_mount, run};
use crate::process::{Serving, gateway};
use crate::settings::{Random, alone, figure, rounds};
use crate::tokens::StopAtEnd;

const CLIENTS: usize = 8;

/// Creates leads until told to stop, and notes each that is acknowledged.
fn create_until(done: &AtomicBool, client: &Client, number: usize, acknowledged: &Mutex<Vec<(String, String)>>) {
    for count in 0.. {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let title = format!("client {number}, {count}");
        let body = json!({ "title": title, "tags": "kept", "participants": [{ "id": 1 }] });
        let made = client.post("/pipeline/leads", &body);
        let id = made.item(201)["id"].as_str().unwrap().to_owned();
        acknowledged.lock().unwrap().push((id, title));
    }
}

/// What was acknowledged before the copy of the disk began.
fn cut_under_load(api: &Api<'_>, image: &Path, copy: &Path, wait: Duration) -> Vec<(String, String)> {
    let (done, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let _stop = StopAtEnd(&done);
        for number in 0..CLIENTS {
            let (client, done, acknowledged) = (api.acme.apart(), &done, &acknowledged);
            scope.spawn(move || create_until(done, &client, number, acknowledged));
        }
        std::thread::sleep(wait);
        let known = acknowledged.lock().unwrap().clone();
        assert!(run("cp", &["--reflink=always", image.to_str().unwrap(), copy.to_str().unwrap()]));
        known
    })
}

/// Starts a gateway on what a power cut has left, and checks that it has what was acknowledged.
fn check_copy(copy: &Path, api: &Api<'_>, acknowledged: &[(String, String)]) -> Duration {
    let disk = Mount::image(copy);
    let database = TestDatabase::at(disk.path().join("crm.db"));
    let began = Instant::now();
    let serving = Serving::start(gateway(&database).env("CRM_RATE_LIMIT", "0"));
    let client = Client::new(&serving.url, api.acme.keys.clone());
    assert_eq!(client.get("/readyz").status, 200);
    let ready = began.elapsed();
    let found = read_all(&client);
    for (id, title) in acknowledged {
        assert_eq!(found.get(id), Some(title), "lead {id} was acknowledged before the power failed");
    }
    checker::check(&database);
    assert_eq!(serving.terminate(), Some(0));
    ready
}

#[test]
fn a_power_cut_loses_nothing() {
    let _alone = alone();
    if !may_mount("power cuts", &["mkfs.xfs", "mkfs.ext4"]) {
        return;
    }
    if !run("losetup", &["--find"]) {
        println!("SKIPPED: power cuts: there is no loop device");
        return;
    }
    let host_image = tempfile::NamedTempFile::new().unwrap();
    let host = Mount::formatted(host_image.path(), "1G", "xfs", &["-q", "-m", "reflink=1"]);
    let (mut random, rounds) = (Random::new(), rounds(2));
    let (mut all, mut longest) = (0, Duration::ZERO);
    for round in 0..rounds {
        let image = host.path().join(format!("disk-{round}"));
        let copy = host.path().join(format!("copy-{round}"));
        {
            let disk = Mount::formatted(&image, "96M", "ext4", &["-q"]);
            let database = TestDatabase::in_directory(BackendKind::Sqlite, disk.path());
            let api = Api::start(&database);
            prepare(&api.acme);
            let acknowledged = cut_under_load(&api, &image, &copy, random.millis(100, 1_200));
            longest = longest.max(check_copy(&copy, &api, &acknowledged));
            all += acknowledged.len();
        }
        for file in [image, copy] {
            std::fs::remove_file(file).unwrap();
        }
    }
    let ready = longest.as_millis();
    figure(
        &TestDatabase::empty_sqlite(),
        "power",
        format_args!(
            "{rounds} power cuts, {all} leads acknowledged before them, 0 lost, ready again within {ready} ms"
        ),
    );
}
