//! The file steps of a backup and of a restore. All of them go through [`Files`], so that each can be
//! the last one in a test.
//!
//! Bytes of a file are durable after [`Sink::sync`], names after [`Files::sync_folder`]. Nothing else is
//! promised.
//!
//! Deliberately not here: what a store does in a folder of its own.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// A file that is being written.
pub trait Sink: Write + Send {
    /// Makes what was written durable.
    ///
    /// # Errors
    ///
    /// Nobody knows then what is durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Whom the system lets.
    Usual,
    /// Its owner.
    Owner,
}

/// A file system.
pub trait Files: Debug + Send + Sync {
    /// Makes a folder in one that is there.
    ///
    /// # Errors
    ///
    /// Whatever the file system says.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes an empty file, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// Whatever the file system says.
    fn create(&self, path: &Path, readers: Readers) -> io::Result<Box<dyn Sink>>;

    /// Gives a file or a folder another name, and replaces a file that had it.
    ///
    /// # Errors
    ///
    /// Whatever the file system says: the old name holds then.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Deletes a file.
    ///
    /// # Errors
    ///
    /// Whatever the file system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Deletes a folder with everything in it.
    ///
    /// # Errors
    ///
    /// Whatever the file system says: any part of it may be gone.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;

    /// Copies a folder with everything in it; it is durable when this returns.
    ///
    /// # Errors
    ///
    /// Whatever the file system says: any part of it may be there.
    fn copy_folder(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    ///
    /// Whatever the file system says.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl System {
    /// It, to be shared.
    pub fn shared() -> Arc<dyn Files> {
        Arc::new(Self)
    }
}

impl Sink for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Files for System {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)
    }

    fn create(&self, path: &Path, readers: Readers) -> io::Result<Box<dyn Sink>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        if readers == Readers::Owner {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        Ok(Box::new(options.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(path)
    }

    fn copy_folder(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            if entry.file_type()?.is_dir() {
                self.copy_folder(&from, &to)?;
            } else {
                std::fs::copy(&from, &to)?;
                OpenOptions::new().write(true).open(&to)?.sync_all()?;
            }
        }
        self.sync_folder(to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        // Windows opens no folders as files; NTFS journals names by itself.
        if cfg!(windows) { Ok(()) } else { File::open(path)?.sync_all() }
    }
}

/// Makes `path` and the folders above it, durably, where there are none.
pub(super) fn make_folders(files: &dyn Files, path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    make_folders(files, parent)?;
    match files.make_folder(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    files.sync_folder(parent)
}

/// Writes a file of its owner's; its bytes are durable, its name is not yet.
pub(super) fn write_private(files: &dyn Files, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = files.create(path, Readers::Owner)?;
    file.write_all(bytes)?;
    file.sync()
}
