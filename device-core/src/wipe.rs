//! Deleting everything that a device ever kept: a decision of the server that cannot be undone, and
//! that a crash does not stop.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Says that everything is to be deleted; the last file to go.
const MARKER: &str = "wiped";
const FOLDERS: [&str; 5] = ["recorder", "device", "queue", "replica", "photos"];
const FILES: [&str; 4] = ["key", "key.next", "key.new", "key.next.new"];

/// Deletes everything in the folder of a device.
///
/// # Errors
///
/// What the file system says; [`finish`] goes on at the next opening.
pub(crate) fn begin(folder: &Path) -> io::Result<()> {
    File::create(folder.join(MARKER))?.sync_all()?;
    sync(folder)?;
    finish(folder).map(drop)
}

/// Deletes what an interrupted wipe has left; whether there was one.
///
/// # Errors
///
/// What the file system says.
pub(crate) fn finish(folder: &Path) -> io::Result<bool> {
    let marker = folder.join(MARKER);
    if !marker.exists() {
        return Ok(false);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Stores that were set aside have the name of the store in front.
        let is_store = FOLDERS.iter().any(|known| name.starts_with(known));
        if is_store && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if FILES.contains(&name.as_ref()) {
            fs::remove_file(entry.path())?;
        }
    }
    sync(folder)?;
    fs::remove_file(&marker)?;
    sync(folder)?;
    Ok(true)
}

fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_of_ours_remains_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for name in ["recorder", "device", "queue", "replica", "queue.aside-1", "photos", "music"] {
            fs::create_dir(path.join(name)).unwrap();
            fs::write(path.join(name).join("file"), "x").unwrap();
        }
        for name in ["key", "key.next", "notes.txt"] {
            fs::write(path.join(name), "x").unwrap();
        }
        begin(path).unwrap();
        assert_eq!(left(path), ["music", "notes.txt"]);
        assert!(!finish(path).unwrap(), "it is done");
    }

    #[test]
    fn a_wipe_that_was_cut_off_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MARKER), "").unwrap();
        fs::write(folder.path().join("key"), "x").unwrap();
        fs::create_dir(folder.path().join("recorder")).unwrap();
        assert!(finish(folder.path()).unwrap());
        assert!(left(folder.path()).is_empty());
    }
}
