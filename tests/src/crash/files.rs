//! A file system whose every durable step has a name, and that loses what was not synced when the power
//! goes. It works in folders of this machine, because stores lie in them too; what stores do in folders
//! of their own is no step here.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use server::backup::files::{Files, Readers, Sink, System};

use super::fuse::Fuse;
use super::hall::End;

/// A change of names in a folder.
#[derive(Debug)]
enum Naming {
    Made(PathBuf),
    MadeFolder(PathBuf),
    Renamed {
        from: PathBuf,
        to: PathBuf,
        /// What had the name before.
        before: Option<Vec<u8>>,
    },
    Removed(PathBuf, Vec<u8>),
    /// A folder, and where it is kept until that is durable.
    RemovedFolder(PathBuf, PathBuf),
}

impl Naming {
    /// The folders whose names it changes.
    fn folders(&self) -> impl Iterator<Item = &Path> {
        let (one, other) = match self {
            Self::Made(path)
            | Self::MadeFolder(path)
            | Self::Removed(path, _)
            | Self::RemovedFolder(path, _) => (path, None),
            Self::Renamed { from, to, .. } => (to, Some(from)),
        };
        [Some(one), other].into_iter().flatten().filter_map(|path| path.parent())
    }

    fn undo(self) -> io::Result<()> {
        match self {
            Self::Made(path) => fs::remove_file(path),
            Self::MadeFolder(path) => fs::remove_dir_all(path),
            Self::Renamed { from, to, before } => {
                fs::rename(&to, from)?;
                before.map_or(Ok(()), |bytes| fs::write(to, bytes))
            }
            Self::Removed(path, bytes) => fs::write(path, bytes),
            Self::RemovedFolder(path, kept) => {
                // What has its name now came after it.
                if path.exists() {
                    fs::remove_dir_all(&path)?;
                }
                fs::rename(kept, path)
            }
        }
    }
}

#[derive(Debug, Default)]
struct Unsynced {
    /// In order.
    namings: Vec<Naming>,
    /// What is durable of files that were written since.
    contents: BTreeMap<PathBuf, Vec<u8>>,
    n_kept: usize,
}

/// The file system.
#[derive(Debug, Clone)]
pub(super) struct FusedFiles {
    fuse: Fuse,
    /// Where folders that were deleted are kept.
    attic: PathBuf,
    unsynced: Arc<Mutex<Unsynced>>,
}

impl FusedFiles {
    pub(super) fn new(fuse: Fuse, attic: &Path) -> Self {
        Self { fuse, attic: attic.to_owned(), unsynced: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Unsynced> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, what: &str, path: &Path) {
        self.fuse.step_of("backup", &format!("{what} {}", kind(path)));
    }

    /// The process has ended, and maybe the power with it.
    pub(super) fn end(&self, end: End) {
        let mut unsynced = self.lock();
        let mut namings = std::mem::take(&mut unsynced.namings);
        let contents = std::mem::take(&mut unsynced.contents);
        drop(unsynced);
        // Names become durable in order; of bytes, any beginning may be there.
        let (names_kept, share) = match end {
            End::Kill => return,
            End::PowerCut => (0, 0),
            End::Torn(seed) if seed % 2 == 0 => (namings.len(), 0),
            End::Torn(_) => (namings.len() / 2, 2),
        };
        for (path, durable) in contents {
            let Ok(live) = fs::read(&path) else { continue };
            let there = live.len().checked_div(share).unwrap_or(0).max(durable.len());
            let torn = if live.starts_with(&durable) {
                live[..there.min(live.len())].to_vec()
            } else {
                durable
            };
            fs::write(path, torn).expect("the folder of the test can be written");
        }
        for naming in namings.drain(names_kept..).rev() {
            naming.undo().expect("the folder of the test can be written");
        }
    }
}

/// What a file is, by its name: numbers and hashes mean nothing.
fn kind(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, end) = name.split_once('.').unwrap_or((&name, ""));
    let stem = match stem {
        // A folder of this machine.
        "" => "the folder above",
        _ if stem.len() == 64 => "photo",
        _ => stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-'),
    };
    if end.ends_with("part") { format!("new {stem}") } else { stem.to_owned() }
}

struct FusedSink {
    sink: Box<dyn Sink>,
    files: FusedFiles,
    path: PathBuf,
}

impl Write for FusedSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.files.step("write", &self.path);
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl Sink for FusedSink {
    fn sync(&mut self) -> io::Result<()> {
        self.files.step("sync", &self.path);
        self.sink.sync()?;
        self.files.lock().contents.remove(&self.path);
        Ok(())
    }
}

impl Files for FusedFiles {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.step("make folder", path);
        System.make_folder(path)?;
        self.lock().namings.push(Naming::MadeFolder(path.to_owned()));
        Ok(())
    }

    fn create(&self, path: &Path, readers: Readers) -> io::Result<Box<dyn Sink>> {
        self.step("create", path);
        let before = fs::read(path).ok();
        let sink = System.create(path, readers)?;
        let mut unsynced = self.lock();
        if let Some(bytes) = before {
            let _kept = unsynced.contents.entry(path.to_owned()).or_insert(bytes);
        } else {
            unsynced.namings.push(Naming::Made(path.to_owned()));
            unsynced.contents.insert(path.to_owned(), Vec::new());
        }
        drop(unsynced);
        Ok(Box::new(FusedSink { sink, files: self.clone(), path: path.to_owned() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("rename", from);
        let before = fs::read(to).ok();
        System.rename(from, to)?;
        let mut unsynced = self.lock();
        if let Some(durable) = unsynced.contents.remove(from) {
            unsynced.contents.insert(to.to_owned(), durable);
        }
        unsynced.namings.push(Naming::Renamed { from: from.to_owned(), to: to.to_owned(), before });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step("delete", path);
        let bytes = fs::read(path)?;
        System.remove(path)?;
        let mut unsynced = self.lock();
        unsynced.contents.remove(path);
        unsynced.namings.push(Naming::Removed(path.to_owned(), bytes));
        Ok(())
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.step("delete folder", path);
        let mut unsynced = self.lock();
        unsynced.n_kept += 1;
        let kept = self.attic.join(unsynced.n_kept.to_string());
        fs::rename(path, &kept)?;
        unsynced.namings.push(Naming::RemovedFolder(path.to_owned(), kept));
        Ok(())
    }

    fn copy_folder(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step("copy folder", from);
        System.copy_folder(from, to)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step("sync folder", path);
        let mut unsynced = self.lock();
        // A file system that keeps names in order has all before the last one of this folder, too.
        unsynced.namings.retain(|naming| !naming.folders().any(|folder| folder == path));
        Ok(())
    }
}
