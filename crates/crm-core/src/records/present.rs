use std::collections::HashMap;

use crate::records::Beside;
use crate::{RecordId, Scope};

/// The rows of a kind of records, with what other tables have of them, that a transaction of many changes
/// ([`Scope::remembering`]) has read at once, so that none of its changes reads one again. It holds them locked.
///
/// Each is given once: who changes it has it as it was, and whoever comes next reads it as it is then.
pub struct Present<R>(HashMap<i64, (R, Beside)>);

impl<R> Default for Present<R> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<R: Send + 'static> Present<R> {
    /// Remembers these.
    pub fn remember<I: RecordId>(scope: &Scope, records: impl Iterator<Item = (I, R, Beside)>) {
        if let Some(memory) = scope.memory() {
            let records = records.map(|(id, row, beside)| (id.as_i64(), (row, beside)));
            memory.with(|Self(known)| known.extend(records));
        }
    }

    /// The record of this id as it is, where it was remembered and nobody has taken it.
    #[must_use]
    pub fn take<I: RecordId>(scope: &Scope, id: I) -> Option<(R, Beside)> {
        scope.memory()?.with(|Self(known)| known.remove(&id.as_i64()))
    }
}
