use std::fmt;

use crm_core::error::Fault;

/// Whether anything was done for a request that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was: it can be sent again as it is.
    NotDone,
    /// It may have been, or may still be.
    Unknown,
}

impl Outcome {
    /// Its name in a problem.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotDone => "notDone",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a job was given up although nothing is wrong with it: the client should try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// Its turn did not come within two seconds, or too many of its tenant's wait. Nothing was done.
    NotBegun,
    /// No connection could be made within two seconds. Nothing was done.
    NoConnection,
    /// The connection was lost at each of three attempts. Nothing was done.
    ConnectionLost,
    /// Other transactions stood in the way at each of four attempts. Nothing was done.
    Collision,
    /// The commit failed. Nothing was done.
    NotCommitted,
    /// The file of the SQLite database was removed, replaced or cut short. Nothing was done.
    FileLost,
    /// A read began, and the database did not answer in time.
    ReadUnanswered,
    /// A write began, and the database did not answer in time: it may have been done, or may still be.
    WriteUnanswered,
    /// The connection was lost while the commit was under way: it may or may not have been done.
    CommitUnknown,
    /// The executor was closed before. Nothing was done.
    Closed,
    /// The executor lost the job. If it had begun, it may or may not have been done.
    Lost,
}

impl Unavailable {
    /// Whether anything was done.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::NotBegun
            | Self::NoConnection
            | Self::ConnectionLost
            | Self::Collision
            | Self::NotCommitted
            | Self::FileLost
            | Self::ReadUnanswered
            | Self::Closed => Outcome::NotDone,
            Self::WriteUnanswered | Self::CommitUnknown | Self::Lost => Outcome::Unknown,
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBegun => "too many jobs are waiting for the database",
            Self::NoConnection => "no connection to the database could be made",
            Self::ConnectionLost => "the connection to the database was lost again and again",
            Self::Collision => "other transactions stood in the way again and again",
            Self::NotCommitted => "the commit failed",
            Self::FileLost => "the file of the database is not the one that was opened",
            Self::ReadUnanswered => "the database did not answer a read in time",
            Self::WriteUnanswered => "the database did not answer a write in time, whose outcome is unknown",
            Self::CommitUnknown => "the connection was lost during the commit, whose outcome is unknown",
            Self::Closed => "the executor is closed",
            Self::Lost => "the executor lost the job",
        })
    }
}

/// An error that a job may return: the executor looks into it to see whether to run the job again.
pub trait JobError: From<diesel::result::Error> + Send + 'static {
    /// What the database asks for, where this error is one of the database's.
    fn fault(&self) -> Option<Fault>;
    /// The job was given up.
    fn unavailable(why: Unavailable) -> Self;
    /// The job panicked; its changes were rolled back.
    fn panicked() -> Self;
}
