use std::time::{Duration, Instant};

use diesel::connection::{Instrumentation, InstrumentationEvent};

use super::statements;

/// A statement that takes longer is logged.
const SLOW: Duration = Duration::from_millis(500);

/// Where every statement is logged.
const STATEMENT: &str = "crm_gateway::statement";

/// Watches the statements of one connection: logs the slow ones, and at the level `trace` each, with their text and
/// without values, which are the tenants' data, and once more when it is prepared to be kept. Counts those that are kept.
struct SlowQueries {
    started: Option<Instant>,
}

/// Lets every connection that is made from now on log its slow statements.
///
/// # Errors
/// When another thread panicked while it set the same, which is a bug.
pub(super) fn log_slow_queries() -> diesel::QueryResult<()> {
    diesel::connection::set_default_instrumentation(|| Some(Box::new(SlowQueries { started: None })))
}

impl Instrumentation for SlowQueries {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { query, .. } => {
                // Asked first, since writing the text of a statement costs more than to carry out a short one.
                if log::log_enabled!(target: STATEMENT, log::Level::Trace) {
                    log::trace!(target: STATEMENT, "statement={:?}", without_values(&query.to_string()));
                }
                self.started = Some(Instant::now());
            }
            InstrumentationEvent::FinishQuery { query, .. } => {
                let took = self.started.take().map(|started| started.elapsed());
                if let Some(took) = took.filter(|took| *took >= SLOW) {
                    let ms = took.as_millis();
                    log::warn!(target: "crm_gateway::slow_query", "ms={ms} statement={:?}", without_values(&query.to_string()));
                }
            }
            InstrumentationEvent::CacheQuery { sql, .. } => {
                log::trace!(target: STATEMENT, "kept={sql:?}");
                statements::count_kept();
            }
            _ => {}
        }
    }
}

/// The text of a statement as Diesel writes it, less the values that it appends.
fn without_values(query: &str) -> &str {
    query.split(" -- binds: ").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::Text;

    use super::*;

    #[test]
    fn a_statement_is_told_without_its_values() {
        let query = diesel::sql_query("SELECT $1").bind::<Text, _>("secret -- binds: [\"more\"]");
        let written = diesel::debug_query::<diesel::pg::Pg, _>(&query).to_string();
        assert!(written.contains("secret"), "Diesel appends values: {written}");
        assert_eq!(without_values(&written), "SELECT $1");
    }
}
