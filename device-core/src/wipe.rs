//! Deleting everything that a device ever kept: a decision of the server that cannot be undone, and
//! that a crash does not stop.
//!
//! 1. [`begin`] comes before anybody is told that it is done: from there on the next opening finishes it.
//! 2. The marker is the last file to go.

use std::io;

use crate::root::Root;

/// Says that everything is to be deleted.
const MARKER: &str = "wiped";
const FOLDERS: [&str; 5] = ["recorder", "device", "queue", "replica", "photos"];
const FILES: [&str; 5] = ["key", "key.next", "key.previous", "key.new", "key.next.new"];

/// Decides that everything in the folder of a device is deleted, whatever happens from here on.
///
/// # Errors
///
/// What the file system says; it may be decided all the same.
pub fn begin(root: &dyn Root) -> io::Result<()> {
    root.create(MARKER)?.sync_data()?;
    root.sync_folder()
}

/// Deletes everything, where that was decided; whether it was.
///
/// # Errors
///
/// What the file system says; the next call goes on.
pub fn finish(root: &dyn Root) -> io::Result<bool> {
    if !root.list()?.iter().any(|name| name == MARKER) {
        return Ok(false);
    }
    for name in root.folders()? {
        // Stores that were set aside have the name of the store in front.
        if FOLDERS.iter().any(|known| name.starts_with(known)) {
            root.remove_folder(&name)?;
        }
    }
    for name in root.list()?.iter().filter(|name| FILES.contains(&name.as_str())) {
        root.remove(name)?;
    }
    root.sync_folder()?;
    root.remove(MARKER)?;
    root.sync_folder()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::root::RootFolder;

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
        for name in ["key", "key.next", "key.previous", "notes.txt"] {
            fs::write(path.join(name), "x").unwrap();
        }
        let root = RootFolder::at(path);
        assert!(!finish(&root).unwrap(), "nobody has decided it");
        begin(&root).unwrap();
        assert!(finish(&root).unwrap());
        assert_eq!(left(path), ["music", "notes.txt"]);
        assert!(!finish(&root).unwrap(), "it is done");
    }

    #[test]
    fn a_wipe_that_was_cut_off_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MARKER), "").unwrap();
        fs::write(folder.path().join("key"), "x").unwrap();
        fs::create_dir(folder.path().join("recorder")).unwrap();
        assert!(finish(&RootFolder::at(folder.path())).unwrap());
        assert!(left(folder.path()).is_empty());
    }
}
