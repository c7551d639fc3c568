//! The file of an SQLite database: known by one name, its owner's alone, and still the one that was opened.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::migrate::with_suffix;

/// What a database and the files beside it may be read and written by: their owner. SQLite gives its own files the mode
/// of the database.
const MODE: u32 = 0o600;
/// Everything that can lie beside a database, the database itself first.
const SUFFIXES: [&str; 6] = ["", "-wal", "-shm", "-journal", ".serve-lock", ".migrate-lock"];

/// Why a path cannot be that of a database.
#[derive(Debug, thiserror::Error)]
pub enum BadPath {
    /// Neither it nor its folder can be looked at.
    #[error("{}: {}", .0.display(), .1)]
    Unreachable(PathBuf, io::Error),
    /// The folder does not exist. It is not made: a wrong path would look like an empty database.
    #[error("the folder {} does not exist", .0.display())]
    NoFolder(PathBuf),
    /// It is a folder, a device or the like.
    #[error("{} is no file", .0.display())]
    NoFile(PathBuf),
    /// It has more than one name. SQLite names its log after the database, so that two programs which open it under
    /// two names would not see each other's writes.
    #[error("{} has {} names (hard links); a database must have one", .0.display(), .1)]
    Linked(PathBuf, u64),
}

/// The one name of the file that a path leads to: absolute, without symbolic links. The file need not exist.
///
/// # Errors
/// [`BadPath`].
pub fn canonical(path: &Path) -> Result<PathBuf, BadPath> {
    let path = followed(path)?;
    match std::fs::metadata(&path) {
        Ok(metadata) if !metadata.is_file() => Err(BadPath::NoFile(path)),
        Ok(metadata) if metadata.nlink() > 1 => Err(BadPath::Linked(path, metadata.nlink())),
        Ok(_) => Ok(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path),
        Err(error) => Err(BadPath::Unreachable(path, error)),
    }
}

fn followed(path: &Path) -> Result<PathBuf, BadPath> {
    let error = match path.canonicalize() {
        Ok(found) => return Ok(found),
        Err(error) if error.kind() == ErrorKind::NotFound => error,
        Err(error) => return Err(BadPath::Unreachable(path.to_owned(), error)),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(target) = path.read_link() {
        // A link to what is still to be made; one that leads in a circle is no `NotFound`.
        return followed(&folder.join(target));
    }
    let Some(name) = path.file_name() else { return Err(BadPath::Unreachable(path.to_owned(), error)) };
    let folder = folder.canonicalize().map_err(|error| match error.kind() {
        ErrorKind::NotFound => BadPath::NoFolder(folder.to_owned()),
        _ => BadPath::Unreachable(folder.to_owned(), error),
    })?;
    Ok(folder.join(name))
}

/// Makes the file where there is none, for its owner alone, whatever the umask. What exists is not opened: a process that
/// closes a file of its own loses the locks that SQLite holds on it.
pub(super) fn make(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Takes the rights of everybody else from a database and from what lies beside it. A file that belongs to another user
/// stays as it is, with a warning.
pub fn make_private(path: &Path) {
    for path in SUFFIXES.map(|suffix| with_suffix(path, suffix)) {
        let Ok(metadata) = std::fs::metadata(&path) else { continue };
        if metadata.mode() & 0o077 == 0 {
            continue;
        }
        match std::fs::set_permissions(&path, Permissions::from_mode(MODE)) {
            Ok(()) => log::warn!("{} was open to other users; it is its owner's alone now", path.display()),
            Err(error) => log::warn!("{} is open to other users, and that cannot be changed: {error}", path.display()),
        }
    }
}

/// What happened to the file of a database behind the back of the program that has it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Its name leads to nothing: what is written now goes with the process.
    #[error("the file of the database was removed or renamed")]
    Removed,
    /// Its name leads to another file.
    #[error("another file has taken the place of the database's")]
    Replaced,
    /// It is shorter than its own first page says.
    #[error("the file of the database was cut short")]
    Cut,
}

/// The file of a database that this process works with, open until this is dropped: keep it longer than every connection,
/// because with a file that it closes a process loses the locks that SQLite holds on it.
#[derive(Debug)]
pub struct SqliteFile {
    path: PathBuf,
    file: File,
    identity: (u64, u64),
}

impl SqliteFile {
    /// Opens the file of this [`canonical`] name, and makes it where there is none.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        make(path)?;
        let file = File::open(path)?;
        let identity = identity(&file.metadata()?);
        Ok(Self { path: path.to_owned(), file, identity })
    }

    /// Whether the file still is in its place, and whole.
    ///
    /// # Errors
    /// [`Lost`]: no write can be relied upon.
    pub fn check(&self) -> Result<(), Lost> {
        let named = std::fs::metadata(&self.path).map_err(|_| Lost::Removed)?;
        if identity(&named) != self.identity {
            return Err(Lost::Replaced);
        }
        // While another process moves the log into the file, its first page may be ahead of its length.
        let is_whole = [0, 5, 20, 100].into_iter().any(|pause| {
            thread::sleep(Duration::from_millis(pause));
            self.is_whole()
        });
        if is_whole { Ok(()) } else { Err(Lost::Cut) }
    }

    /// Whether the file has the pages that its header counts (https://sqlite.org/fileformat2.html, 1.3).
    fn is_whole(&self) -> bool {
        let mut header = [0; 100];
        let (Ok(()), Ok(metadata)) = (self.file.read_exact_at(&mut header, 0), self.file.metadata()) else {
            return false;
        };
        let number = |at: usize| header[at..at + 4].iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
        let page = match u64::from(header[16]) << 8 | u64::from(header[17]) {
            1 => 65_536,
            size => size,
        };
        // The count is of the last writer that knew of it, where the two versions are the same.
        let pages = if number(24) == number(92) { number(28) } else { 1 };
        header.starts_with(b"SQLite format 3\0") && metadata.len() >= pages * page
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_way_to_a_file_is_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let real = folder.join("real");
        std::fs::create_dir(&real).unwrap();
        symlink(&real, folder.join("linked")).unwrap();
        symlink("real/crm.db", folder.join("crm.db")).unwrap();
        symlink(folder.join("crm.db"), folder.join("again.db")).unwrap();
        let expected = real.join("crm.db");
        for exists in [false, true] {
            if exists {
                std::fs::write(&expected, "").unwrap();
            }
            for way in ["real/crm.db", "linked/crm.db", "linked/../real/crm.db", "crm.db", "again.db"] {
                assert_eq!(canonical(&folder.join(way)).unwrap(), expected, "{way}, exists: {exists}");
            }
        }
        std::fs::hard_link(&expected, folder.join("second.db")).unwrap();
        assert!(matches!(canonical(&folder.join("again.db")), Err(BadPath::Linked(path, 2)) if path == expected));
        assert!(matches!(canonical(&real), Err(BadPath::NoFile(_))));
        assert!(matches!(canonical(&folder.join("none/crm.db")), Err(BadPath::NoFolder(_))));
        symlink("circle", folder.join("circle")).unwrap();
        assert!(matches!(canonical(&folder.join("circle")), Err(BadPath::Unreachable(..))));
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn a_file_that_was_taken_away_is_not_made_anew() {
        use crate::DatabaseUrl;
        use diesel::connection::SimpleConnection;

        let folder = tempfile::tempdir().unwrap();
        for name in ["crm.db", "a file?mode=memory#100%25.db"] {
            let path = folder.path().join(name);
            let url = DatabaseUrl::SqliteFile(path.clone());
            assert!(url.connect_to_existing().is_err(), "{name}");
            assert!(!path.exists() && std::fs::read_dir(folder.path()).unwrap().count() == 0, "{name}");
            url.connect().unwrap().batch_execute("CREATE TABLE there (id INTEGER)").unwrap();
            url.connect_to_existing().unwrap().batch_execute("INSERT INTO there VALUES (1)").unwrap();
            std::fs::remove_file(&path).unwrap();
            for suffix in ["-wal", "-shm"] {
                let _: io::Result<()> = std::fs::remove_file(with_suffix(&path, suffix));
            }
        }
    }
}
