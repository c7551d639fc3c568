//! A network of a test's own whose far host can vanish: packets to it are dropped, and nothing says so.
//!
//! Two addresses on one end of a pair of interfaces. While the host is there, its address is one of this machine; when it
//! has vanished, what is sent to it leaves by that interface for a station that is not there. So the kernel sees what it
//! sees of a host without power, or behind a firewall that drops: no answer to what is sent, to what it sends again, and to
//! what opens a connection.

use crate::mount::run;
use crate::process::is_installed;

/// Of those that are for documentation (RFC 5737), which no network has.
const HOST: &str = "203.0.113.1";
const HERE: &str = "203.0.113.2";
/// The station at the other end, which takes what is for no one.
const NOBODY: &str = "02:00:00:00:00:01";

/// The network; it is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Network {
    interface: String,
}

fn ip(command: &str) -> bool {
    run("ip", &command.split(' ').collect::<Vec<_>>())
}

impl Network {
    /// One, where root may make it. Where not, the test says so and ends.
    pub(crate) fn new() -> Option<Self> {
        if !is_installed("ip") {
            return None;
        }
        let number = std::process::id() % 100_000;
        let network = Self { interface: format!("crm{number}a") };
        let (one, other) = (&network.interface, format!("crm{number}b"));
        if !ip(&format!("link add {one} type veth peer name {other}")) {
            println!("SKIPPED: a host that vanishes: only root may make networks, and not in every container");
            return None;
        }
        for command in [
            format!("link set {one} up"),
            format!("link set {other} up"),
            format!("addr add {HERE}/32 dev {one}"),
            format!("neigh add {HOST} lladdr {NOBODY} nud permanent dev {one}"),
        ] {
            assert!(ip(&command), "ip {command}");
        }
        assert!(network.route("add"), "{HOST} is here already: was a run killed? `ip link` shows its crm…a");
        Some(network)
    }

    /// The address of the host.
    pub(crate) fn host() -> &'static str {
        HOST
    }

    fn route(&self, what: &str) -> bool {
        ip(&format!("route {what} local {HOST} dev {} table local src {HERE}", self.interface))
    }

    /// From now on nothing reaches the host.
    pub(crate) fn vanish(&self) {
        assert!(ip(&format!("route add {HOST} dev {} src {HERE}", self.interface)));
        assert!(self.route("del"));
    }

    /// The host is there again, with all that it knew.
    pub(crate) fn appear(&self) {
        assert!(self.route("add"));
        assert!(ip(&format!("route del {HOST} dev {}", self.interface)));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // With it go its addresses and routes.
        ip(&format!("link del {}", self.interface));
    }
}
