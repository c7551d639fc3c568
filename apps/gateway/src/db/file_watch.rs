//! Whether the file of an SQLite database is still the one that was opened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crm_core::database::DatabaseUrl;
use crm_core::database::sqlite_file::{Lost, SqliteFile};

/// Looks after the file. Every thread with connections to it holds one, so that it is closed after them.
#[derive(Debug, Clone)]
pub(super) struct FileWatch(Arc<Watched>);

#[derive(Debug)]
struct Watched {
    file: SqliteFile,
    is_lost: AtomicBool,
}

impl FileWatch {
    /// `None` where the database is no file.
    pub(super) fn of(url: &DatabaseUrl) -> std::io::Result<Option<Self>> {
        let watch = |file| Self(Arc::new(Watched { file, is_lost: AtomicBool::new(false) }));
        url.file().map(|path| SqliteFile::open(path).map(watch)).transpose()
    }

    /// What happened to the file, where something did: logged when it is seen first. It may come back, and then all is well.
    pub(super) fn lost(&self) -> Option<Lost> {
        let Watched { file, is_lost } = &*self.0;
        let lost = file.check().err();
        match (lost, is_lost.swap(lost.is_some(), Ordering::Relaxed)) {
            (Some(lost), false) => log::error!("{lost}: nothing is written until it is back"),
            (None, true) => log::warn!("the file of the database is back"),
            _ => {}
        }
        lost
    }
}
