//! Small file systems of their own, that can be full and can lose what was not synced. They need root;
//! without it the tests that use them say so and end ([`left_out`]).

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::whole::left_out;

/// Runs a command of the system; says what it had to say when it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let done = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&done.stderr)))
}

fn must(command: &mut Command) {
    run(command).unwrap_or_else(|error| panic!("{error}"));
}

/// A file system that is mounted while this lives.
pub(crate) struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// A file system in memory of so many MiB at `at`; none where that is not allowed.
    pub(crate) fn small(at: &Path, mib: u32) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder can be made");
        let size = format!("size={mib}m");
        match run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at)) {
            Ok(()) => Some(Self { at: at.to_owned() }),
            Err(why) => {
                left_out(&format!("nothing can be mounted here: {why}"));
                None
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What still holds it lets go with the process.
        let _ = run(Command::new("umount").arg("-l").arg(&self.at));
    }
}

/// An ext4 file system in a file. What reaches the file is what a disk would have.
pub(crate) struct Image {
    folder: TempDir,
    n_cuts: u32,
    mounted: Option<Mounted>,
    at: PathBuf,
}

impl Image {
    /// An image with the content of `at`, mounted there; none where that is not allowed.
    pub(crate) fn over(at: &Path, mib: u64) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut image = Self { folder, n_cuts: 0, mounted: None, at: at.to_owned() };
        let file = std::fs::File::create(image.file()).expect("a file can be made");
        file.set_len(mib << 20).expect("an empty file costs nothing");
        must(Command::new("mkfs.ext4").arg("-q").arg(image.file()));
        let before = at.with_extension("before");
        std::fs::create_dir_all(at).expect("a folder can be made");
        std::fs::rename(at, &before).expect("it is ours");
        if let Err(why) = image.mount() {
            left_out(&format!("nothing can be mounted here: {why}"));
            std::fs::remove_dir(at).expect("nothing was mounted there");
            std::fs::rename(&before, at).expect("it is ours");
            return None;
        }
        must(Command::new("cp").arg("-a").arg(before.join(".")).arg(at));
        must(&mut Command::new("sync"));
        Some(image)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(format!("image-{}", self.n_cuts))
    }

    fn mount(&mut self) -> Result<(), String> {
        std::fs::create_dir_all(&self.at).expect("a folder can be made");
        // The journal is written when somebody asks for it, and not by itself in between.
        let options = "loop,commit=600,noatime";
        run(Command::new("mount").args(["-o", options]).arg(self.file()).arg(&self.at))?;
        self.mounted = Some(Mounted { at: self.at.clone() });
        Ok(())
    }

    /// The power goes: only what has reached the disk is there afterwards. Nobody may have a file of
    /// it open.
    pub(crate) fn cut_power(&mut self) {
        let before = self.file();
        self.n_cuts += 1;
        must(Command::new("cp").arg("--sparse=always").arg(&before).arg(self.file()));
        self.mounted = None;
        std::fs::remove_file(before).expect("it is ours");
        self.mount().unwrap_or_else(|why| panic!("what is on the disk can be mounted: {why}"));
    }
}
