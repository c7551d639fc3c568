//! Gives the tests a fingerprint of the migrations that they were built with, so that a test program never uses the
//! migrated template of another schema; and the names of the tables that they make.

use std::error::Error;
use std::hash::{DefaultHasher, Hasher};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from("../../migrations");
    println!("cargo::rerun-if-changed={}", root.display());
    let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    let mut tables = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        hasher.write(text.as_bytes());
        if !file.starts_with(root.join("postgres")) {
            continue;
        }
        let made = text.split("CREATE TABLE ").skip(1).filter_map(|rest| rest.split_whitespace().next());
        tables.extend(made.map(str::to_owned));
    }
    println!("cargo::rustc-env=MIGRATED_TABLES={}", tables.join(","));
    println!("cargo::rustc-env=MIGRATIONS_FINGERPRINT={:016x}", hasher.finish());
    Ok(())
}
