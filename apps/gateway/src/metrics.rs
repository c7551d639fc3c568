//! What `GET /metrics` tells, in Prometheus' text format (docs/operations.md). No label has a tenant, a key or an id:
//! a metric is for whoever runs the gateway, and its number of series does not grow with what clients send.

use std::fmt::Write;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use anyhow::Context;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::db::DbStats;

/// The media type of the text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds in seconds: a read is below 5 ms, a commit below 20, a handler ends after 30 s.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// The route of requests for which there is none.
const UNMATCHED: &str = "unmatched";

/// The counters of requests.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    attempts: IntCounterVec,
    first_attempts: Histogram,
}

impl Metrics {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// When two metrics have one name, which is a bug.
    pub fn new() -> anyhow::Result<Self> {
        let requests = Opts::new("crm_http_requests_total", "Requests answered.");
        let requests = IntCounterVec::new(requests, &["method", "route", "status"])?;
        let durations =
            HistogramOpts::new("crm_http_request_duration_seconds", "Time from a request's head to its answer's.");
        let durations = HistogramVec::new(durations.buckets(BUCKETS.to_vec()), &["method", "route"])?;
        let registry = Registry::new();
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(durations.clone()))?;
        let attempts = Opts::new("crm_webhook_attempts_total", "Tries to deliver to a webhook.");
        let attempts = IntCounterVec::new(attempts, &["outcome"])?;
        let delay = "Time from a change to the first try to deliver it.";
        let first_attempts = HistogramOpts::new("crm_webhook_first_attempt_delay_seconds", delay);
        let first_attempts = Histogram::with_opts(first_attempts.buckets(BUCKETS.to_vec()))?;
        registry.register(Box::new(attempts.clone()))?;
        registry.register(Box::new(first_attempts.clone()))?;
        Ok(Self { registry, requests, durations, attempts, first_attempts })
    }

    /// Counts a request. `route` is the template of the path, never the path.
    pub fn count(&self, method: &Method, route: Option<&str>, status: StatusCode, took: Duration) {
        let (method, route) = (method_label(method), route.unwrap_or(UNMATCHED));
        self.requests.with_label_values(&[method, route, status.as_str()]).inc();
        self.durations.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }

    /// Counts a try to deliver something.
    pub fn count_attempt(&self, has_arrived: bool) {
        self.attempts.with_label_values(&[if has_arrived { "arrived" } else { "failed" }]).inc();
    }

    /// Counts how long after its change something is sent for the first time.
    pub fn count_first_attempt(&self, delay: Duration) {
        self.first_attempts.observe(delay.as_secs_f64());
    }

    /// Everything as text.
    ///
    /// # Errors
    /// When it cannot be written, which is a bug.
    pub fn text(&self, db: DbStats, edge: EdgeStats) -> anyhow::Result<String> {
        let mut text = TextEncoder::new().encode_to_string(&self.registry.gather()).context("metrics")?;
        write_db(&mut text, db).context("metrics")?;
        write_edge(&mut text, edge).context("metrics")?;
        Ok(text)
    }
}

/// A client can send any word as a method.
fn method_label(method: &Method) -> &str {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            method.as_str()
        }
        _ => "other",
    }
}

/// What the edge counts: connections, answers that nobody has read yet, and what became of the log.
#[derive(Debug, Clone, Copy)]
pub struct EdgeStats {
    /// Connections that are open.
    pub connections: usize,
    /// Connections that were refused, since their address had too many.
    pub refused: u64,
    /// Bytes of long answers that wait for their client.
    pub unread: usize,
    /// Lines of the log that were dropped.
    pub log_dropped: u64,
    /// Webhooks that are being sent.
    pub webhooks: usize,
}

fn write_edge(text: &mut String, edge: EdgeStats) -> std::fmt::Result {
    let EdgeStats { connections, refused, unread, log_dropped, webhooks } = edge;
    for (name, kind, help, value) in [
        ("crm_http_connections", "gauge", "Connections that are open.", connections as u64),
        ("crm_http_connections_refused_total", "counter", "Connections refused: their address had too many.", refused),
        ("crm_http_unread_bytes", "gauge", "Bytes of long answers that wait for their client.", unread as u64),
        ("crm_log_dropped_total", "counter", "Lines of the log dropped, since nobody read it.", log_dropped),
        ("crm_webhook_under_way", "gauge", "Tries to deliver to a webhook that are under way.", webhooks as u64),
    ] {
        write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n")?;
    }
    Ok(())
}

/// The executor counts for itself; a client library could only count along.
fn write_db(text: &mut String, db: DbStats) -> std::fmt::Result {
    let DbStats {
        threads,
        connected,
        busy,
        hanging,
        queued,
        jobs,
        commits,
        errors,
        retries,
        deadlocks,
        panics,
        refused,
        skipped,
    } = db;
    for (name, kind, help, value) in [
        ("crm_db_threads", "gauge", "Threads for the database.", threads),
        ("crm_db_connections", "gauge", "Threads that hold a connection.", connected),
        ("crm_db_busy_threads", "gauge", "Threads at work.", busy),
        ("crm_db_hanging_threads", "gauge", "Threads at work that hang and were replaced.", hanging),
        ("crm_db_queued_jobs", "gauge", "Jobs that wait for a thread.", queued),
        ("crm_db_jobs_total", "counter", "Runs of jobs, repeated ones included.", jobs),
        ("crm_db_commits_total", "counter", "Commits; on SQLite several jobs share one.", commits),
        ("crm_db_errors_total", "counter", "Errors of the database, those that a repetition cured included.", errors),
        ("crm_db_retries_total", "counter", "Jobs run again after a lost connection or a collision.", retries),
        ("crm_db_deadlocks_total", "counter", "Transactions ended because they waited for each other.", deadlocks),
        ("crm_db_panics_total", "counter", "Jobs that panicked.", panics),
        ("crm_db_refused_total", "counter", "Jobs given up, answered with 503.", refused),
        ("crm_db_skipped_total", "counter", "Jobs that nobody waited for any more.", skipped),
    ] {
        write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n")?;
    }
    Ok(())
}
