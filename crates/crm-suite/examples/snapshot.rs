//! What it costs that a read sees one state of the database: leads are read in a transaction of their own, as the gateway does,
//! and without one, by turns. docs/performance.md has what came of it.
//!
//! ```text
//! snapshot URL     an empty database: sqlite:///tmp/snapshot.db or postgres://…
//! ```

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use crm_core::database::DatabaseUrl;
use crm_core::page::PageRequest;
use crm_core::values::Title;
use crm_core::{DbConnection, Scope, Timestamp, migrate};
use crm_leads::{LeadFilter, NewLead};
use crm_suite::{leads, tenants};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How many leads there are.
const LEADS: u32 = 1000;
/// How many reads there are in each way; the middle of how long they took is told.
const TIMES: usize = 20_000;

fn main() -> Outcome<()> {
    let url: DatabaseUrl = std::env::args().nth(1).ok_or("snapshot URL")?.parse()?;
    migrate::migrate(&url)?;
    let mut connection = url.connect()?;
    let now: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let (scope, made) = connection.write(|connection| -> Outcome<_> {
        let tenant = tenants::create(connection, &"acme".parse()?, "Acme", None, now)?.tenant;
        let scope = Scope::new(tenant.id, tenant.public_id, now);
        let mut made = Vec::new();
        for number in 0..LEADS {
            let new = NewLead::new(Title::new("title", format!("Lead {number}"))?);
            made.push(leads::create(connection, &scope, &new)?.id);
        }
        Ok((scope, made))
    })?;
    let mut ids = made.iter().copied().cycle();
    tell("a lead by its id", &mut connection, |connection| {
        let id = ids.next().ok_or("no lead")?;
        leads::get(connection, &scope, id)?;
        Ok(())
    })?;
    let (filter, page) = (LeadFilter::default(), PageRequest::first(10));
    tell("a list of 10", &mut connection, |connection| {
        leads::list(connection, &scope, &filter, &page)?;
        Ok(())
    })
}

/// Reads in both ways and tells the middle of how long each took, and of how much of it came after the read itself.
fn tell(
    name: &str,
    connection: &mut DbConnection,
    mut read: impl FnMut(&mut DbConnection) -> Outcome<()>,
) -> Outcome<()> {
    let (mut alone, mut until_read, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let began = Instant::now();
        read(connection)?;
        alone.push(began.elapsed());
        let began = Instant::now();
        connection.begin_read()?;
        read(connection)?;
        until_read.push(began.elapsed());
        connection.end_read()?;
        whole.push(began.elapsed());
    }
    let [alone, until_read, whole] = [alone, until_read, whole].map(|taken| middle(taken).as_nanos() / 100);
    let micros = |tenths: u128| format!("{}.{} µs", tenths / 10, tenths % 10);
    writeln!(
        std::io::stdout(),
        "{name}: {} alone, {} in a snapshot until it is read, {} until that has ended",
        micros(alone),
        micros(until_read),
        micros(whole)
    )?;
    Ok(())
}

fn middle(mut taken: Vec<Duration>) -> Duration {
    taken.sort_unstable();
    taken[taken.len() / 2]
}
