//! URLs that lead to where this server must not go: no connection is made, seen by whoever listens there.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crm_testkit::{TestDatabase, both_databases};
use serde_json::json;

use crate::client::{Api, Client, Keys};
use crate::failing::run;
use crate::process::{Serving, gateway, is_installed};
use crate::receiver::{Receiver, Says};
use crate::setup::{ROOT, SOON, subject};

/// Listeners on one port of every address of this machine, which count what comes.
struct Trap {
    port: u16,
    receivers: Vec<Receiver>,
}

impl Trap {
    fn set() -> Self {
        let v4 = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = v4.local_addr().unwrap().port();
        let v6 = TcpListener::bind(("::1", port)).ok();
        let listeners = std::iter::once(v4).chain(v6);
        let receivers = listeners.map(|listener| Receiver::listening(listener, |_, _| Says::ok())).collect();
        Self { port, receivers }
    }

    fn caught(&self) -> usize {
        self.receivers.iter().map(Receiver::connections).sum()
    }
}

/// Hosts that are this machine, its network, or what only clouds have, in every spelling.
const HOSTS: [&str; 30] = [
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "017700000001",
    "0177.0.0.01",
    "0x7f.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "169.254.169.254",
    "2852039166",
    "[::ffff:169.254.169.254]",
    "10.0.0.1",
    "100.100.100.200",
];

/// A webhook of this URL, past all that is checked when one is made.
fn smuggled(api: &Api<'_>, url: &str) -> String {
    let made = api.acme.post(ROOT, &json!({ "url": "https://hooks.invalid/", "events": ["lead.created"] }));
    let id = made.item(201)["id"].as_str().unwrap().to_owned();
    run(api.database, &format!("UPDATE webhooks SET url = '{url}' WHERE url = 'https://hooks.invalid/'"));
    format!("{ROOT}/{id}")
}

both_databases! {
    /// No URL leads to this machine or its network, neither when a webhook is made nor when something is sent.
    fn no_url_leads_inside(database) {
        let api = Api::start(database);
        let trap = Trap::set();
        for scheme in ["https", "http"] {
            for host in HOSTS {
                let url = format!("{scheme}://{host}:{}/latest/meta-data/", trap.port);
                let made = api.acme.post(ROOT, &json!({ "url": url, "events": ["lead.created"] }));
                made.refuses(&[("url", "invalid_url")]);
                let path = smuggled(&api, &url);
                let sent_back = api.acme.patch(&path, &json!({ "url": url, "description": "sent back" }));
                // Some spellings are no address at all; of others, what stands there already is no change.
                assert!(sent_back.status == 200 || host.ends_with('.'), "{url}: {}", sent_back.text);
                api.acme.patch(&path, &json!({ "url": format!("{url}2") })).refuses(&[("url", "invalid_url")]);
                let pong = api.acme.send("POST", &format!("{path}/test"), &[], None);
                assert_eq!((pong.status, &pong.body["delivered"]), (200, &json!(false)), "{url}: {}", pong.text);
                let why = pong.body["error"].as_str().unwrap();
                let is_known = ["this server does not connect to", "https", "lookup"].iter().any(|word| why.contains(word));
                assert!(is_known, "{url}: {why}");
                assert_eq!(api.acme.delete(&path).status, 204);
            }
        }
        let path = smuggled(&api, &format!("http://127.0.0.1:{}/", trap.port));
        subject(&api.acme);
        let began = std::time::Instant::now();
        while api.acme.get(&format!("{path}/deliveries")).items().first().is_none_or(|one| one["attempts"] == json!([])) {
            assert!(began.elapsed() < SOON);
        }
        assert_eq!(trap.caught(), 0, "a connection was made");
    }

    /// What a permitted receiver redirects to is not looked at.
    fn a_redirect_leads_nowhere(database) {
        let trap = Trap::set();
        let api = Api::start_with(database, &[("CRM_WEBHOOK_ALLOW", "127.0.0.1/32")]);
        for status in [301, 302, 303, 307, 308] {
            for host in ["127.0.0.2", "[::1]", "169.254.169.254"] {
                let to: &'static str = Box::leak(format!("Location: http://{host}:{}/\r\n", trap.port).into_boxed_str());
                let receiver = Receiver::start(move |_, _| Says::Status(status, to, String::new()));
                let made = api.acme.post(ROOT, &json!({ "url": receiver.url(), "events": ["lead.created"] }));
                let path = format!("{ROOT}/{}", made.item(201)["id"].as_str().unwrap());
                let pong = api.acme.send("POST", &format!("{path}/test"), &[], None);
                assert_eq!((&pong.body["delivered"], &pong.body["status"]), (&json!(false), &json!(status)), "{}", pong.text);
                assert_eq!(api.acme.delete(&path).status, 204);
            }
        }
        assert_eq!(trap.caught(), 0, "a redirect was followed");
    }

    /// A name that stands for the internet when it is checked and for this machine when something is sent.
    fn a_name_that_changes_its_mind_leads_nowhere(database) {
        let Some(dns) = Names::serve() else {
            eprintln!("SKIPPED: names that change: only root can be a name server");
            return;
        };
        if !is_installed("unshare") {
            return;
        }
        let trap = Trap::set();
        let (serving, acme) = with_names(database, &dns);
        let url = format!("https://rebind.test:{}/", trap.port);
        let made = acme.post(ROOT, &json!({ "url": url, "events": ["lead.created"] }));
        let path = format!("{ROOT}/{}", made.item(201)["id"].as_str().unwrap());
        let asked = dns.asked();
        assert!(asked > 0, "the name was looked up when the webhook was made");
        let pong = acme.send("POST", &format!("{path}/test"), &[], None);
        assert_eq!(pong.body["delivered"], json!(false), "{}", pong.text);
        assert!(pong.body["error"].as_str().unwrap().contains("does not connect to"), "{}", pong.text);
        assert!(dns.asked() > asked, "and looked up again when something was sent");
        acme.post(ROOT, &json!({ "url": url, "events": ["lead.created"] })).refuses(&[("url", "invalid_url")]);
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(trap.caught(), 0, "a connection was made");
        drop(serving);
    }
}

/// A gateway that asks this name server.
fn with_names(database: &TestDatabase, dns: &Names) -> (Serving, Client) {
    let keys = Keys::of_new_tenant(database, "acme");
    let directory = tempfile::tempdir().unwrap();
    let resolver = directory.path().join("resolv.conf");
    std::fs::write(&resolver, format!("nameserver {}\noptions timeout:2 attempts:2\n", dns.address)).unwrap();
    let plain = gateway(database);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$1\""]);
    command.arg(&resolver).arg(plain.get_program()).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("CRM_RATE_LIMIT", "0").stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let serving = Serving::start(&mut command);
    let client = Client::new(&serving.url, keys);
    (serving, client)
}

/// A name server that names an address of the internet for a while, and this machine afterwards.
struct Names {
    address: Ipv4Addr,
    asked: Arc<AtomicUsize>,
}

impl Names {
    fn serve() -> Option<Self> {
        let [high, low, ..] = std::process::id().to_le_bytes();
        let address = Ipv4Addr::new(127, 77, high, low.max(1));
        let socket = UdpSocket::bind((address, 53)).ok()?;
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                let question = &query[12..length];
                let end = question.iter().position(|byte| *byte == 0).unwrap() + 5;
                let is_v4 = question[end - 4..end - 2] == [0, 1];
                let number = if is_v4 { counted.fetch_add(1, Ordering::Relaxed) } else { 0 };
                let mut answer = query[..2].to_vec();
                answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_v4), 0, 0, 0, 0]);
                answer.extend(&question[..end]);
                if is_v4 {
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
                    answer.extend(if number == 0 { [93, 184, 215, 14] } else { [127, 0, 0, 1] });
                }
                let _ = socket.send_to(&answer, from);
            }
        });
        Some(Self { address, asked })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}
