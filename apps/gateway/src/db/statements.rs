use std::cell::Cell;

use crm_core::DbConnection;

/// The most prepared statements that a connection keeps. One costs PostgreSQL some 40 KB; what clients ask for day by
/// day is far fewer than these, so that only somebody who makes up filters ever has them prepared again.
pub(super) const MOST_KEPT: usize = 512;

thread_local! {
    /// How many the connection of this thread keeps: a worker has one, and uses it by itself.
    static KEPT: Cell<usize> = const { Cell::new(0) };
}

/// Counts a statement that Diesel prepares to keep it.
pub(super) fn count_kept() {
    KEPT.set(KEPT.get() + 1);
}

/// Has the connection of this thread, which is in no transaction, forget its statements once they are too many.
pub(super) fn keep_few(connection: &mut DbConnection) {
    if KEPT.get() < MOST_KEPT {
        return;
    }
    match connection.forget_statements() {
        Ok(()) => KEPT.set(0),
        // The job that comes next finds out what is wrong with the connection.
        Err(error) => log::warn!("prepared statements could not be forgotten: {error}"),
    }
}
