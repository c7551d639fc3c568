//! Disks of a test's own, where root is allowed to make them: small ones, and such as can be copied at an instant.

use std::path::Path;
use std::process::Command;

use crate::process::is_installed;

/// Whether disks can be mounted here. Where not, the test says so and ends.
pub(crate) fn may_mount(what: &str, programs: &[&str]) -> bool {
    if !programs.iter().all(|program| is_installed(program)) {
        return false;
    }
    let probe = tempfile::tempdir().unwrap();
    let mounted = run("mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs", path(probe.path())]);
    if mounted {
        run("umount", &[path(probe.path())]);
    } else {
        println!("SKIPPED: {what}: only root may mount disks, and not in every container");
    }
    mounted
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> bool {
    let find = format!("PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; exec {program} \"$@\"");
    Command::new("sh").args(["-c", &find, "sh"]).args(arguments).output().unwrap().status.success()
}

/// A mounted disk; it is unmounted when this is dropped.
#[derive(Debug)]
pub(crate) struct Mount(tempfile::TempDir);

impl Mount {
    /// A disk in memory that holds this much.
    pub(crate) fn tmpfs(size: &str) -> Self {
        Self::with(&["-t", "tmpfs", "-o", &format!("size={size},mode=0755"), "tmpfs"])
    }

    /// What is in this file.
    pub(crate) fn image(image: &Path) -> Self {
        Self::with(&["-o", "loop", path(image)])
    }

    /// A disk in a file of this size, formatted by `mkfs.KIND` with these options.
    pub(crate) fn formatted(image: &Path, size: &str, kind: &str, options: &[&str]) -> Self {
        assert!(run("truncate", &["-s", size, path(image)]));
        let arguments = [options, &[path(image)]].concat();
        assert!(run(&format!("mkfs.{kind}"), &arguments), "mkfs.{kind} of {}", image.display());
        Self::image(image)
    }

    fn with(arguments: &[&str]) -> Self {
        let place = tempfile::tempdir().unwrap();
        assert!(run("mount", &[arguments, &[path(place.path())]].concat()), "mount {arguments:?}");
        Self(place)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a process that was killed just now may not have let go of it.
        run("umount", &["-l", path(self.0.path())]);
    }
}
