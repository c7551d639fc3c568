//! What can be wrong with an input, and what a database error means to a caller.

mod fields;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

pub use fields::{FieldCode, FieldError, FieldErrors, cut};

/// Why something could not be written, in the words of code that every kind of record uses: a rule, or the database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The input breaks a rule: every problem that was found.
    #[error("{0}")]
    Invalid(FieldErrors),
    /// The database's error.
    #[error("database: {0}")]
    Database(DieselError),
}

impl WriteError {
    /// The problems of the input, or the database's error.
    ///
    /// # Errors
    /// The database's.
    pub fn into_result(self) -> Result<FieldErrors, DieselError> {
        match self {
            Self::Invalid(errors) => Ok(errors),
            Self::Database(error) => Err(error),
        }
    }
}

impl From<FieldErrors> for WriteError {
    fn from(errors: FieldErrors) -> Self {
        Self::Invalid(errors)
    }
}

impl From<DieselError> for WriteError {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

/// Lets an error with the variants `Invalid` and `Database` be made of a [`WriteError`], and of the two that it has.
#[macro_export]
macro_rules! from_write_error {
    ($error:ty) => {
        impl From<$crate::FieldErrors> for $error {
            fn from(errors: $crate::FieldErrors) -> Self {
                Self::Invalid(errors)
            }
        }

        impl From<::diesel::result::Error> for $error {
            fn from(error: ::diesel::result::Error) -> Self {
                Self::Database(error)
            }
        }

        impl From<$crate::WriteError> for $error {
            fn from(error: $crate::WriteError) -> Self {
                match error.into_result() {
                    Ok(errors) => Self::Invalid(errors),
                    Err(error) => Self::Database(error),
                }
            }
        }
    };
}

/// What a database error asks of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is gone: take another one and run the whole transaction again.
    ConnectionLost,
    /// Another transaction came in between, as [`collision`] says: run the whole transaction again.
    Collision,
    /// The database ended the transaction because others and it waited for each other: run the whole transaction again.
    /// Nothing is lost by that, but somebody took locks out of order.
    Deadlock,
    /// A part of a sharded database could not commit, or did not say whether it has: the transaction may or may not have been
    /// done.
    CommitUnknown,
    /// The database cannot do it now (statement time limit, locked, disk full, shutting down): try later.
    Unavailable,
    /// Anything else: a bug, or a constraint that the caller did not expect.
    Bug,
}

/// Sorts a database error; see [`Fault`].
///
/// Diesel keeps no SQLSTATE, so that some are told by the server's words, which this crate's connections
/// ask for in English (`lc_messages=C`).
#[must_use]
pub fn fault(error: &DieselError) -> Fault {
    match error {
        DieselError::DatabaseError(kind, information) => match kind {
            DatabaseErrorKind::SerializationFailure => Fault::Collision,
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => Fault::ConnectionLost,
            DatabaseErrorKind::ReadOnlyTransaction => Fault::Unavailable,
            DatabaseErrorKind::Unknown => fault_by_words(information.message()),
            _ => Fault::Bug,
        },
        DieselError::BrokenTransactionManager => Fault::ConnectionLost,
        DieselError::RollbackErrorOnCommit { rollback_error, .. } => fault(rollback_error),
        _ => Fault::Bug,
    }
}

/// An error that asks for the whole transaction to be run again ([`Fault::Collision`]): for whoever finds, under its
/// locks, that somebody else has changed what it locked by.
#[must_use]
pub fn collision(why: &'static str) -> DieselError {
    DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, Box::new(why.to_owned()))
}

fn fault_by_words(message: &str) -> Fault {
    const LOST: &[&str] = &[
        "server closed the connection",
        "terminating connection",
        "no connection to the server",
        "could not receive data from server",
        "could not send data to server",
        "SSL connection has been closed",
        "connection not open",
    ];
    const UNAVAILABLE: &[&str] = &[
        "canceling statement due to statement timeout",
        "canceling statement due to lock timeout",
        "database is locked",
        "database or disk is full",
        "database disk image is malformed",
        "file is not a database",
        "disk I/O error",
        // SQLite, also where the process has no file descriptor left.
        "unable to open database file",
        "No space left on device",
        "could not extend file",
        // Citus, of a node that is down.
        "could not establish any connections to the node",
        "connection to the remote node",
        "the database system is",
        "remaining connection slots",
        "too many clients",
    ];
    // Citus, which asks for the same by words of its own.
    const DEADLOCK: &[&str] = &["deadlock detected", "involved in a distributed deadlock"];
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if message.contains("could not commit transaction for shard") {
        Fault::CommitUnknown
    } else if says(DEADLOCK) {
        Fault::Deadlock
    } else if says(LOST) {
        Fault::ConnectionLost
    } else if says(UNAVAILABLE) {
        Fault::Unavailable
    } else {
        Fault::Bug
    }
}

/// Whether this is a violation of a UNIQUE constraint or primary key. SQLite does not name the constraint,
/// so that callers map it where the statement is.
#[must_use]
pub fn is_unique_violation(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
}

/// Whether this is a violation of a FOREIGN KEY constraint: something that it refers to is not there, or something refers
/// to what is deleted.
#[must_use]
pub fn is_foreign_key_violation(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the servers say, word for word, and what it asks of the caller.
    #[test]
    fn each_message_asks_for_what_it_is() {
        for (message, asks_for) in [
            (
                "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally",
                Fault::ConnectionLost,
            ),
            ("terminating connection due to administrator command", Fault::ConnectionLost),
            ("terminating connection due to idle-in-transaction timeout", Fault::ConnectionLost),
            ("no connection to the server\n", Fault::ConnectionLost),
            ("could not receive data from server: Connection timed out", Fault::ConnectionLost),
            ("could not send data to server: Broken pipe", Fault::ConnectionLost),
            ("SSL connection has been closed unexpectedly", Fault::ConnectionLost),
            ("connection not open\n", Fault::ConnectionLost),
            ("canceling statement due to statement timeout", Fault::Unavailable),
            ("canceling statement due to lock timeout", Fault::Unavailable),
            ("database is locked", Fault::Unavailable),
            ("database or disk is full", Fault::Unavailable),
            ("database disk image is malformed", Fault::Unavailable),
            ("file is not a database", Fault::Unavailable),
            ("disk I/O error", Fault::Unavailable),
            ("unable to open database file", Fault::Unavailable),
            ("could not write to file \"base/pgsql_tmp/pgsql_tmp1.0\": No space left on device", Fault::Unavailable),
            (
                "could not extend file \"base/16384/16385\": wrote only 4096 of 8192 bytes at block 7",
                Fault::Unavailable,
            ),
            ("the database system is shutting down", Fault::Unavailable),
            ("the database system is in recovery mode", Fault::Unavailable),
            ("remaining connection slots are reserved for non-replication superuser connections", Fault::Unavailable),
            ("sorry, too many clients already", Fault::Unavailable),
            ("deadlock detected", Fault::Deadlock),
            // Citus.
            ("canceling the transaction since it was involved in a distributed deadlock", Fault::Deadlock),
            ("could not commit transaction for shard 102008 on any active node", Fault::CommitUnknown),
            ("could not establish any connections to the node worker-1:5432 after 5000 ms", Fault::Unavailable),
            (
                "connection to the remote node postgres@worker-1:5432 failed with the following error: Connection refused",
                Fault::Unavailable,
            ),
            // Where two are said at once, what is not known counts, and then what is gone for good.
            (
                "could not commit transaction for shard 102008: server closed the connection unexpectedly",
                Fault::CommitUnknown,
            ),
            ("connection to the remote node failed: server closed the connection unexpectedly", Fault::ConnectionLost),
            // What nobody foresaw.
            ("relation \"leads\" does not exist", Fault::Bug),
            ("out of shared memory", Fault::Bug),
            ("", Fault::Bug),
        ] {
            let error = DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()));
            assert_eq!(fault(&error), asks_for, "{message}");
        }
    }
}
