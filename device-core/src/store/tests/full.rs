//! sled on a file system that is full: its rows can be read, whenever the room goes, and are written again
//! when there is some. It needs root; without it these tests say so and end, unless everything has
//! to run.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const N_ROWS: u32 = 8_000;

/// A file system of its own, for as long as this lives.
struct Small {
    at: tempfile::TempDir,
    _image: Option<tempfile::NamedTempFile>,
}

impl Small {
    /// None where nothing can be mounted.
    fn in_memory(mib: u32) -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let options = ["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"];
        mounted(&options, at.path()).then_some(Self { at, _image: None })
    }

    /// One that keeps no room for a file ahead of its end.
    fn old(mib: u64) -> Option<Self> {
        let (at, image) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        image.as_file().set_len(mib << 20).unwrap();
        let place = image.path().to_str().unwrap();
        let made = Command::new("mkfs.ext4")
            .args(["-q", "-m", "0", "-O", "^extent,^64bit", place])
            .status();
        assert!(made.is_ok_and(|made| made.success()), "mkfs.ext4 is there, as for other tests");
        let options = ["-o", "loop", place];
        mounted(&options, at.path()).then_some(Self { at, _image: Some(image) })
    }

    fn store(&self) -> PathBuf {
        self.at.path().join("replica")
    }

    /// Takes all the room there is but for so many bytes; deleted, it gives it back.
    fn fill(&self, but: usize) -> PathBuf {
        let spare = self.at.path().join("spare");
        fs::write(&spare, vec![1; but]).unwrap();
        let place = self.at.path().join("filler");
        fill_up(&place);
        give_back(&spare);
        place
    }
}

fn mounted(options: &[&str], at: &Path) -> bool {
    let done = Command::new("mount").args(options).arg(at).output();
    let is_mounted = done.is_ok_and(|done| done.status.success());
    if !is_mounted {
        eprintln!("left out: nothing can be mounted here");
        let is_whole = std::env::var_os("TALLYMAN_TESTS_WHOLE").is_some();
        assert!(!is_whole, "left out although TALLYMAN_TESTS_WHOLE is set");
    }
    is_mounted
}

impl Drop for Small {
    fn drop(&mut self) {
        // What still holds it lets go with the process.
        let _ = Command::new("umount").arg("-l").arg(self.at.path()).output();
    }
}

fn fill_up(place: &Path) {
    let mut file = File::options().create(true).append(true).open(place).unwrap();
    for bytes in [1 << 16, 1 << 12, 1] {
        let part = vec![1; bytes];
        while file.write_all(&part).is_ok() {}
    }
}

/// Deletes what took the room. A file system with a journal has it back with its next commit only.
fn give_back(place: &Path) {
    fs::remove_file(place).unwrap();
    let synced = Command::new("sync").arg("--file-system").arg(place.parent().unwrap()).status();
    assert!(synced.is_ok_and(|synced| synced.success()));
}

/// Takes all the room there is, again and again, until it is told to give it back.
struct Greedy {
    place: PathBuf,
    is_over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Greedy {
    fn begin(disk: &Small) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let place = disk.at.path().join("greedy");
        let (told, taken) = (Arc::clone(&is_over), place.clone());
        let thread = std::thread::spawn(move || {
            fill_up(&taken);
            while !told.load(Ordering::Relaxed) {
                fill_up(&taken);
                std::thread::yield_now();
            }
        });
        Self { place, is_over, thread }
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        give_back(&self.place);
    }
}

fn key(no: u32) -> Vec<u8> {
    // Spread over the pages, as keys of rows are.
    format!("r{:010}", no.wrapping_mul(0x9E37_79B1)).into_bytes()
}

fn write(store: &mut dyn Store, nos: std::ops::Range<u32>, value: u8) -> Result<(), StoreError> {
    let mut batch = Batch::new();
    for no in nos {
        batch.put(key(no), vec![value; 100]);
    }
    store.apply(batch)
}

/// A store with rows that are synced.
fn furnished(place: &Path) -> SledStore {
    let mut store = SledStore::open(place).unwrap().store;
    for from in (0..N_ROWS).step_by(500) {
        write(&mut store, from..from + 500, 1).unwrap();
    }
    store.sync().unwrap();
    store
}

/// Changes rows, and adds others of so many bytes, until there is no room.
fn exhaust(store: &mut SledStore, bytes: usize) {
    for no in 0..10_000_u32 {
        let from = no.wrapping_mul(500) % N_ROWS;
        let mut others = Batch::new();
        for part in 0..20 {
            others.put(format!("x{no:010}-{part}").into_bytes(), vec![9; bytes]);
        }
        let written = write(store, from..from + 500, 2).and_then(|()| store.apply(others));
        match written.and_then(|()| store.sync()) {
            Ok(()) => {}
            // What it had room for is written, so that it does not give room back later.
            Err(StoreError::Full) => return store.sync().unwrap(),
            Err(error) => panic!("after {no} batches: {error}"),
        }
    }
    panic!("the disk is small");
}

/// Room is taken and comes back a little later than others were told to: does it until `met` holds.
#[track_caller]
fn until<T: std::fmt::Debug>(mut tried: impl FnMut() -> T, met: impl Fn(&T) -> bool) {
    let mut last = tried();
    for _look in 0..1_000 {
        if met(&last) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        last = tried();
    }
    panic!("it stays {last:?}");
}

#[track_caller]
fn assert_readable(store: &SledStore, when: &str) {
    assert_eq!(store.scan(b"r", b"r", usize::MAX).map(|rows| rows.len()), Ok(8_000), "{when}");
    for no in 0..N_ROWS {
        let value = store.get(&key(no));
        assert!(matches!(&value, Ok(Some(value)) if value.len() == 100), "{when}: {value:?}");
    }
}

/// Room comes back, and the store goes on.
#[track_caller]
fn assert_goes_on(store: &mut SledStore, value: u8) {
    until(|| store.reopen(), Result::is_ok);
    assert_readable(store, "when there is room");
    until(|| write(store, 0..500, value), Result::is_ok);
    store.sync().unwrap();
    assert_eq!(store.get(&key(0)), Ok(Some(vec![value; 100])));
}

#[test]
fn rows_stay_readable_on_a_full_disk_and_are_written_again_when_there_is_room() {
    for bytes in [300, 10 << 10] {
        let Some(disk) = Small::in_memory(64) else { return };
        let mut store = furnished(&disk.store());
        disk.fill(8 << 20);
        exhaust(&mut store, bytes);
        let filler = disk.fill(0);
        for round in 0..3 {
            assert_eq!(store.reopen(), Err(StoreError::Full));
            assert_eq!(write(&mut store, 0..1, 3), Err(StoreError::Full));
            assert_readable(&store, &format!("in round {round}"));
            store.sync().unwrap();
        }
        give_back(&filler);
        assert_goes_on(&mut store, 4);
    }
}

#[test]
fn a_store_is_opened_on_a_full_disk() {
    let Some(disk) = Small::in_memory(48) else { return };
    let mut store = furnished(&disk.store());
    for round in 0..5_u8 {
        write(&mut store, 0..500, round).unwrap();
        // What is not synced makes the opening work.
        let filler = disk.fill(0);
        drop(store);
        let opened = SledStore::open(&disk.store()).expect("what it kept for this is enough");
        assert_eq!(opened.set_aside, None);
        store = opened.store;
        assert_readable(&store, &format!("in round {round}"));
        assert_eq!(store.get(&key(0)), Ok(Some(vec![round; 100])));
        assert_eq!(write(&mut store, 0..1, 9), Err(StoreError::Full));
        give_back(&filler);
        store.reopen().unwrap();
    }
}

#[test]
fn others_that_take_the_room_while_it_is_written_harm_nothing() {
    let Some(disk) = Small::in_memory(64) else { return };
    let mut store = furnished(&disk.store());
    disk.fill(12 << 20);
    for round in 10..20 {
        let greedy = Greedy::begin(&disk);
        exhaust(&mut store, 300);
        until(|| store.reopen(), |done| *done == Err(StoreError::Full));
        assert_readable(&store, &format!("in round {round}"));
        greedy.end();
        assert_goes_on(&mut store, round);
    }
}

/// Others take the room between a batch that found some and its sync.
fn meet_full_disk(disk: &Small, store: &mut SledStore, (round, bytes): (u8, usize)) {
    let more = disk.at.path().join("more");
    until(|| write(store, 0..500, round), Result::is_ok);
    // sled writes by itself as well, and where there was room before.
    for no in 0..20_u8 {
        let mut batch = Batch::new();
        for part in 0..(400 << 10) / bytes {
            batch.put(format!("x{round}-{no}-{part}").into_bytes(), vec![9; bytes]);
        }
        match store.apply(batch) {
            // There is not room for all of it yet, or sled's own thread came to it, after the last sync.
            Err(StoreError::Full) => {}
            done => done.unwrap(),
        }
        fill_up(&more);
        let synced = store.sync();
        if synced.is_err() {
            assert_eq!(store.reopen(), Err(StoreError::Full));
        }
        give_back(&more);
        if synced.is_err() {
            return;
        }
    }
    panic!("it always came in time");
}

#[test]
fn a_store_that_has_met_a_full_disk_is_read_and_goes_on_when_there_is_room() {
    for bytes in [300, 10 << 10] {
        let Some(disk) = Small::old(96) else { return };
        // Before there is a store: sled writes by itself, and the disk is full for a moment.
        disk.fill(48 << 20);
        let mut store = furnished(&disk.store());
        for round in 10..13 {
            meet_full_disk(&disk, &mut store, (round, bytes));
            assert_eq!(write(&mut store, 0..1, 3), Err(StoreError::Full));
            // sled cannot read a page that it would have to split. It never says that there is no row.
            let row = store.get(&key(round.into()));
            assert!(
                matches!(row, Ok(Some(_)) | Err(StoreError::Full)),
                "in round {round}: {row:?}"
            );
            assert_eq!(store.sync(), Err(StoreError::Full));
            assert_goes_on(&mut store, round);
        }
    }
}

#[test]
fn what_an_opening_left_half_written_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("replica");
    drop(furnished(&place));
    fs::write(place.join("snap.00000000FFFFFFFF.generating"), "half").unwrap();
    let opened = SledStore::open(&place).unwrap();
    assert_eq!(opened.set_aside, None);
    assert_readable(&opened.store, "after opening");
}

#[test]
fn an_opening_that_finds_no_room_sets_nothing_aside() {
    let Some(disk) = Small::old(64) else { return };
    let store = furnished(&disk.store());
    let filler = disk.fill(0);
    drop(store);
    for _ in 0..3 {
        match SledStore::open(&disk.store()) {
            Ok(opened) => assert_eq!(opened.set_aside, None),
            Err(error) => assert_eq!(error, StoreError::Full),
        }
    }
    give_back(&filler);
    let opened = SledStore::open(&disk.store()).unwrap();
    assert_eq!(opened.set_aside, None);
    assert_readable(&opened.store, "when there is room");
}
