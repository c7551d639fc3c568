//! Behind the shared caches that people really run: nginx and Varnish, where they are installed.
//!
//! Both are told to cache whatever the answers allow, and are asked by 50 tenants at once. Nothing may be served to
//! another tenant than the one that asked, and no 304 may stand for what has changed.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crm_testkit::TestDatabase;
use serde_json::json;

use crate::process::{Serving, is_installed};
use crate::setup::{Admin, ROOT, SECRET, make_tenant, minimal, start};

const TENANTS: usize = 50;
const REQUESTS: usize = 2_000;

/// A cache as a child process; it is stopped when this is dropped.
struct Cache {
    child: Child,
    url: String,
    _directory: tempfile::TempDir,
}

impl Drop for Cache {
    fn drop(&mut self) {
        // So that it stops its own children as well.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn launch(directory: tempfile::TempDir, port: u16, program: &str, arguments: &[&str]) -> Cache {
    let child = Command::new(program)
        .args(arguments)
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let cache = Cache { child, url: format!("http://127.0.0.1:{port}"), _directory: directory };
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "{program} does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    cache
}

fn nginx(serving: &Serving) -> Cache {
    let directory = tempfile::tempdir().unwrap();
    let (place, port) = (directory.path().display(), free_port());
    let configuration = format!(
        "daemon off; pid {place}/pid; error_log {place}/error.log; events {{}}\n\
         http {{ access_log off; proxy_cache_path {place}/cache keys_zone=all:1m; client_body_temp_path {place}/body;\n\
         proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;\n\
         server {{ listen 127.0.0.1:{port}; location / {{\n\
         proxy_pass {}; proxy_set_header If-None-Match $http_if_none_match; proxy_cache all; proxy_cache_valid 200 304 60s; proxy_cache_revalidate on; }} }} }}\n",
        serving.url
    );
    let file = directory.path().join("nginx.conf");
    std::fs::write(&file, configuration).unwrap();
    let file = file.display().to_string();
    launch(directory, port, "nginx", &["-c", &file])
}

fn varnish(serving: &Serving) -> Cache {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let (listen, place) = (format!("127.0.0.1:{port}"), directory.path().join("state").display().to_string());
    let backend = serving.url.trim_start_matches("http://").to_owned();
    // Its own rules pass what has an Authorization header; a common change of them is not to.
    let (host, backend_port) = backend.split_once(':').unwrap();
    let rules = format!(
        "vcl 4.1; backend default {{ .host = \"{host}\"; .port = \"{backend_port}\"; }}\n\
         sub vcl_recv {{ if (req.method == \"GET\" || req.method == \"HEAD\") {{ return (hash); }} return (pass); }}\n"
    );
    let file = directory.path().join("default.vcl");
    std::fs::write(&file, rules).unwrap();
    let file = file.display().to_string();
    launch(directory, port, "varnishd", &["-F", "-a", &listen, "-n", &place, "-f", &file, "-s", "malloc,16m"])
}

fn nothing_crosses(cache: fn(&Serving) -> Cache) {
    let database = TestDatabase::sqlite();
    let serving = start(&database, &[("CRM_JWT_SECRET", SECRET)]);
    let tenants: Vec<String> = (0..TENANTS).map(|number| format!("00000000-0000-4000-8000-{number:012}")).collect();
    tenants.iter().for_each(|tenant| make_tenant(&database, tenant));
    let cache = cache(&serving);
    let unchanged = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for half in tenants.chunks(TENANTS / 5) {
            let (serving, cache, unchanged) = (&serving, &cache, &unchanged);
            scope.spawn(move || {
                for tenant in half {
                    ask(&Admin::with_secret(serving, tenant).through(&cache.url), tenant, unchanged);
                }
            });
        }
    });
    let unchanged = unchanged.into_inner();
    assert!(unchanged > REQUESTS / 4, "the conditional requests were answered with {unchanged} 304s");
}

/// Reads, reads again with the ETag, changes, and reads: in turn, so that what is right is known each time.
fn ask(admin: &Admin, tenant: &str, unchanged: &AtomicUsize) {
    let made = admin.post(ROOT, &minimal(tenant));
    let path = made.header("location").to_owned();
    let mut etag = "\"none\"".to_owned();
    for turn in 0..REQUESTS / TENANTS / 4 {
        let name = format!("{tenant} {turn}");
        let changed = admin.patch(&path, &json!({ "clientName": name }));
        assert_eq!(changed.status, 200, "{}", changed.text);
        let list = admin.list_unless(&etag);
        assert_eq!(list.status, 200, "a stale 304");
        assert_eq!(list.body["data"]["count"], 1);
        assert_eq!(list.body["data"]["rows"][0]["clientName"], name, "served across tenants, or stale");
        list.header("etag").clone_into(&mut etag);
        for _ in 0..2 {
            let again = admin.list_unless(&etag);
            assert_eq!(again.status, 304, "{}", again.text);
            unchanged.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn behind_nginx() {
    if is_installed("nginx") {
        nothing_crosses(nginx);
    }
}

#[test]
fn behind_varnish() {
    if is_installed("varnishd") {
        nothing_crosses(varnish);
    }
}
