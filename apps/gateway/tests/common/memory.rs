//! What a request costs in memory, on Linux.

use std::fs;

use crate::process::Serving;

/// A figure of `/proc/…/status`, in bytes.
fn memory(serving: &Serving, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", serving.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// The answer to a request, and how far the memory of the gateway rose above what it was.
pub(crate) fn cost<T>(serving: &Serving, request: impl FnOnce() -> T) -> (T, u64) {
    // Forgets how high it has ever been.
    fs::write(format!("/proc/{}/clear_refs", serving.id()), "5").unwrap();
    let before = memory(serving, "VmRSS:");
    let answer = request();
    (answer, memory(serving, "VmHWM:").saturating_sub(before))
}
