//! The folder of a device: a few files of its own, beside the folders that recorder and stores keep.
//!
//! Invariant: every durable step of the key and of a wipe goes through [`Root`], so that each of them can
//! be the last one in a test.

use std::fmt::Debug;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::recorder::{Disk, DiskFile, FolderFile, sync_folder};

/// The folder of a device. As a [`Disk`] it has the files that lie in it directly.
pub trait Root: Disk {
    /// The names of the folders in it, in no particular order.
    ///
    /// # Errors
    ///
    /// Whatever the file system says.
    fn folders(&self) -> io::Result<Vec<String>>;

    /// Deletes a folder with everything in it; durable after [`Disk::sync_folder`].
    ///
    /// # Errors
    ///
    /// Whatever the file system says: any part of it may be gone.
    fn remove_folder(&self, name: &str) -> io::Result<()>;
}

/// A folder of the real file system. Its files are for this user only.
#[derive(Debug, Clone)]
pub struct RootFolder(PathBuf);

impl RootFolder {
    /// The folder at `path`, which is there.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    fn names(&self, is_wanted: impl Fn(fs::FileType) -> bool) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && is_wanted(entry.file_type()?)
            {
                names.push(name);
            }
        }
        Ok(names)
    }
}

impl Disk for RootFolder {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Box::new(FolderFile::new(options.open(self.0.join(name))?)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.0.join(name))?;
        Ok(Box::new(FolderFile::new(file)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.names(|kind| kind.is_file())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        sync_folder(&self.0)
    }
}

impl Root for RootFolder {
    fn folders(&self) -> io::Result<Vec<String>> {
        self.names(|kind| kind.is_dir())
    }

    fn remove_folder(&self, name: &str) -> io::Result<()> {
        fs::remove_dir_all(self.0.join(name))
    }
}
