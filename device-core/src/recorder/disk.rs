//! The file system as the recorder sees it: one flat folder, and two kinds of durability.
//!
//! Bytes of a file are durable after [`DiskFile::sync_data`], names after [`Disk::sync_folder`].
//! Nothing else is promised, and the recorder relies on nothing else. [`FolderDisk`] is the real
//! one, [`MemoryDisk`](super::MemoryDisk) the twin that can lose power.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One flat folder of files. Names contain no separators.
pub trait Disk: Debug + Send {
    /// Makes an empty file, or empties the one with this name.
    ///
    /// # Errors
    ///
    /// Whatever the file system says; the file may exist afterwards.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file for reading and writing in place.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is none.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// The names of all files, in no particular order.
    ///
    /// # Errors
    ///
    /// Whatever the file system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Gives a file another name and replaces the file that had it, at once for every reader;
    /// durable after [`Disk::sync_folder`], and before that either the old or the new name holds.
    ///
    /// # Errors
    ///
    /// Whatever the file system says; the old name then still holds.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Deletes a file; durable after [`Disk::sync_folder`].
    ///
    /// # Errors
    ///
    /// Whatever the file system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and deletions durable.
    ///
    /// # Errors
    ///
    /// Any of them may then be lost after a power cut.
    fn sync_folder(&self) -> io::Result<()>;
}

/// An open file; it keeps meaning the same bytes when its name changes.
pub trait DiskFile: Debug + Send {
    /// The length in bytes.
    ///
    /// # Errors
    ///
    /// Whatever the file system says.
    fn length(&self) -> io::Result<u64>;

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the file ends before.
    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, growing the file if needed. Not durable yet.
    ///
    /// # Errors
    ///
    /// Any part of `bytes` may have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the bytes and the length durable; one `fdatasync` where there is one.
    ///
    /// # Errors
    ///
    /// Nobody knows which bytes are durable, and a second call that succeeds says nothing about
    /// them: the kernel may have dropped what it could not write.
    fn sync_data(&mut self) -> io::Result<()>;
}

/// The whole content of a file.
pub(crate) fn read_all(disk: &dyn Disk, name: &str) -> io::Result<Vec<u8>> {
    let mut file = disk.open(name)?;
    let length = usize::try_from(file.length()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_at(0, &mut bytes)?;
    Ok(bytes)
}

/// A folder of the real file system, locked against a second process while this value lives.
#[derive(Debug)]
pub struct FolderDisk {
    folder: PathBuf,
    /// Held for its lock only.
    _lock: File,
}

const LOCK: &str = "LOCK";

impl FolderDisk {
    /// Makes the folder if needed and locks it.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::ResourceBusy`] if another process has it, else what the file system says.
    pub fn open(folder: &Path) -> io::Result<Self> {
        if !folder.is_dir() {
            fs::create_dir_all(folder)?;
            // A new folder is a name in its parent, and the recorder syncs only its own folder.
            if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                sync_folder(parent)?;
            }
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::ResourceBusy.into()),
            // Some phones have no file locks; there the platform runs one process per app.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }
}

pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows opens no folders as files; NTFS journals names by itself.
    if cfg!(windows) {
        return Ok(());
    }
    File::open(folder)?.sync_all()
}

impl Disk for FolderDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(self.folder.join(name))?;
        Ok(Box::new(FolderFile::new(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.folder.join(name))?;
        Ok(Box::new(FolderFile::new(file)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            if let Ok(name) = entry?.file_name().into_string()
                && name != LOCK
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        sync_folder(&self.folder)
    }
}

/// A file of the real file system.
#[derive(Debug)]
pub(crate) struct FolderFile {
    file: File,
}

impl FolderFile {
    pub(crate) const fn new(file: File) -> Self {
        Self { file }
    }
}

impl DiskFile for FolderFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.read_exact(bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}
