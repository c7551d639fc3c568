use std::thread;
use std::time::Duration;

use crm_core::{BackendKind, DbConnection};

/// Who waits for SQLite's lock looks for it every tenth of a second and has no turn by right.
const LOOKED_FOR_EVERY: Duration = Duration::from_millis(100);
/// How much longer a command may have held it before it stands back for more than that.
const TIMES: u32 = 8;

/// Leaves a gateway on the same file of SQLite its share of the time, where a command writes one transaction after the other.
#[derive(Default)]
pub(super) struct Share {
    /// For how long the lock was held since it was left to others.
    held: Duration,
}

impl Share {
    /// A transaction has held the lock for so long.
    pub(super) fn after(&mut self, connection: &DbConnection, held: Duration) {
        if connection.kind() == BackendKind::Postgres {
            return;
        }
        self.held += held;
        if self.held > LOOKED_FOR_EVERY * TIMES {
            thread::sleep(self.held / (TIMES - 1));
            self.held = Duration::ZERO;
        }
    }
}
