use crate::config::Config;

/// The most connections of a process, where it may have so many file descriptors.
const MOST_CONNECTIONS: usize = 8192;
/// Descriptors for everything but clients: the log, the listener, an event loop's own, a file of SQLite with its log and
/// index for each connection to it.
const OF_THE_PROCESS: usize = 64;
const OF_A_WORKER: usize = 8;
const OF_A_DATABASE_CONNECTION: usize = 4;
/// Database connections where nobody chose their number, with room.
const DATABASE_CONNECTIONS: usize = 32;

/// How many connections this process takes at a time. Raises its limit of descriptors as far as it needs and may, so
/// that no accepted connection finds none left: a database that cannot open its file then would be an outage.
pub(super) fn most_connections(config: &Config) -> usize {
    let database = config.db_pool.map_or(DATABASE_CONNECTIONS, std::num::NonZeroUsize::get);
    let others = OF_THE_PROCESS + OF_A_WORKER * config.workers + OF_A_DATABASE_CONNECTION * database;
    let wanted = u64::try_from(MOST_CONNECTIONS + others).unwrap_or(u64::MAX);
    let granted = match rlimit::getrlimit(rlimit::Resource::NOFILE) {
        Ok((soft, _)) if soft >= wanted => soft,
        _ => rlimit::increase_nofile_limit(wanted).unwrap_or_else(|error| {
            log::warn!("the limit of file descriptors is unknown: {error}");
            wanted
        }),
    };
    let most = usize::try_from(granted).unwrap_or(usize::MAX).saturating_sub(others).clamp(16, MOST_CONNECTIONS);
    if most < MOST_CONNECTIONS {
        log::warn!("at most {most} connections are taken: the process may have only {granted} file descriptors");
    }
    most
}
