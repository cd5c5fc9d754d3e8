//! What the recorder promises, as stories. Crashes are in `crashes`, random histories in `model`.

mod crashes;
mod model;

use super::*;

fn identity() -> Identity {
    Identity { device: 7, incarnation: 1, store: [9; 16] }
}

fn next_identity() -> Identity {
    Identity { incarnation: 2, ..identity() }
}

/// Small segments without a ballast, so that rotation and many crashes are cheap.
fn small() -> Options {
    Options { segment_bytes: Options::SEGMENT_BYTES_MIN, ballast_bytes: 0, ..Options::default() }
}

fn create(disk: &MemoryDisk) -> Recorder {
    Recorder::create(Box::new(disk.clone()), identity(), small()).unwrap()
}

fn open(disk: &MemoryDisk) -> (Recorder, Recovery) {
    Recorder::open(Box::new(disk.clone()), small()).unwrap()
}

fn content(n: u64) -> Vec<u8> {
    // Long enough for some to lie across sectors.
    format!("scan {n} ").repeat(20 + usize::try_from(n % 13).unwrap()).into_bytes()
}

fn fill(recorder: &mut Recorder, n: u64) {
    for _ in 0..n {
        let seq = recorder.next_seq();
        assert_eq!(recorder.append(&content(seq)).unwrap().seq, seq);
    }
}

fn contents(recorder: &Recorder) -> Vec<Vec<u8>> {
    recorder.iter_from(1).map(|operation| operation.unwrap().content).collect()
}

fn expected(seqs: impl Iterator<Item = u64>) -> Vec<Vec<u8>> {
    seqs.map(content).collect()
}

fn ack(recorder: &Recorder, seq: u64) -> Acked {
    let hash = recorder.read(seq).unwrap().hash;
    Acked { seq, hash, chain_no: 100 + seq, chain_head: ChainHash([3; 16]) }
}

fn confirm_all(recorder: &mut Recorder) {
    let seq = recorder.head().seq;
    recorder.acked(ack(recorder, seq)).unwrap();
    recorder.safe(seq).unwrap();
}

/// Files of segments, oldest first.
fn segment_names(disk: &MemoryDisk) -> Vec<String> {
    let mut names = Disk::list(disk).unwrap();
    names.retain(|name| segment::SegmentId::parse(name).is_some());
    names.sort();
    names
}

/// Where in the active segment the content of `seq` stands.
fn place_of(disk: &MemoryDisk, seq: u64) -> (String, usize) {
    let (needle, names) = (content(seq), segment_names(disk));
    let found = names.into_iter().find_map(|name| {
        let bytes = disk.bytes_of(&name).unwrap();
        let at = bytes.windows(needle.len()).position(|window| window == needle)?;
        Some((name, at))
    });
    found.unwrap()
}

/// Wrong beyond what the checksum can put right.
fn ruin(disk: &MemoryDisk, seq: u64) {
    let (name, at) = place_of(disk, seq);
    for byte in 0..4 {
        assert!(disk.flip_bit(&name, at + 5 * byte, u8::try_from(byte).unwrap()));
    }
}

#[test]
fn numbers_go_on_after_everything_was_trimmed_and_the_device_restarted() {
    let disk = MemoryDisk::new();
    let mut recorder = create(&disk);
    fill(&mut recorder, 200);
    let hash = recorder.head().hash;
    confirm_all(&mut recorder);
    // A rotation leaves nothing but a checkpoint behind, then everything can go.
    while recorder.files.segments.last().unwrap().first_seq <= 200 {
        recorder.lease(Lease { counter: 1, bytes: vec![1; LEASE_BYTES_MAX] }).unwrap();
    }
    assert_eq!(recorder.trim().unwrap(), 200);
    assert_eq!(segment_names(&disk).len(), 1);
    drop(recorder);
    disk.cut_power(Cut::DropUnsynced);
    let (mut recorder, recovery) = open(&disk);
    assert_eq!(recovery.n_operations, 0);
    assert!(!recovery.is_damaged);
    assert_eq!(recorder.low_seq(), 201);
    assert_eq!(recorder.state().acked.seq, 200);
    let appended = recorder.append(b"next").unwrap();
    assert_eq!(appended, Appended { seq: 201, hash: hash.then(201, b"next") });
}

#[test]
fn the_chain_is_the_one_the_server_computes() {
    let mut recorder = create(&MemoryDisk::new());
    let first = recorder.append(b"a").unwrap();
    let second = recorder.append(b"b").unwrap();
    assert_eq!(first.hash, ChainHash::START.then(1, b"a"));
    assert_eq!(second.hash, first.hash.then(2, b"b"));
    // Computed with another implementation of SHA-256.
    assert_eq!(format!("{:?}", first.hash), "fd31910830ab1e9e3a33c8cee7c17a09");
}

#[test]
fn one_wrong_bit_is_put_right_wherever_it_is() {
    let disk = MemoryDisk::new();
    let mut recorder = create(&disk);
    fill(&mut recorder, 100);
    drop(recorder);
    for name in segment_names(&disk) {
        let end = disk.bytes_of(&name).unwrap().iter().rposition(|byte| *byte != 0).unwrap();
        for byte in (0..end).step_by(31) {
            let image = disk.image();
            image.flip_bit(&name, byte, u8::try_from(byte % 8).unwrap());
            let (recorder, recovery) = open(&image);
            assert_eq!(contents(&recorder), expected(1..=100), "byte {byte} of {name}");
            assert_eq!(recovery.holes, []);
            let (_, again) = open(&image);
            assert!(!again.is_damaged, "byte {byte} of {name} was repaired for good");
        }
    }
}

#[test]
fn a_destroyed_operation_in_the_middle_leaves_a_void_one_and_a_whole_chain() {
    let disk = MemoryDisk::new();
    let mut recorder = create(&disk);
    fill(&mut recorder, 60);
    let hashes: Vec<_> = recorder.iter_from(1).map(|found| found.unwrap().hash).collect();
    drop(recorder);
    for seq in [20, 40, 41] {
        ruin(&disk, seq);
    }
    let (mut recorder, recovery) = open(&disk);
    assert_eq!(recovery.holes, [20..=20, 40..=41]);
    assert!(recovery.is_damaged && recorder.state().needs_reincarnation);
    assert_eq!(recorder.state().n_void, 3);
    let mut found = recorder.iter_from(1);
    for seq in 1..=60 {
        let operation = found.next().unwrap().unwrap();
        assert_eq!((operation.seq, operation.is_void), (seq, [20, 40, 41].contains(&seq)));
        let is_hash_known = operation.hash == hashes[usize::try_from(seq).unwrap() - 1];
        assert_eq!(is_hash_known, seq != 40, "of a hole the last hash is known");
        let wanted = if operation.is_void { b"void".to_vec() } else { content(seq) };
        assert_eq!(operation.content, wanted);
    }
    fill(&mut recorder, 1);
    drop(recorder);
    let (mut recorder, again) = open(&disk);
    assert!(!again.is_damaged && recorder.state().needs_reincarnation);
    recorder.re_incarnate(next_identity(), Lease::default()).unwrap();
    assert!(!recorder.state().needs_reincarnation);
    let void = recorder.read(20).unwrap();
    assert!(void.is_void);
    assert_eq!(void.origin.unwrap().hash, hashes[19]);
    assert_eq!(void.hash, void.prev.then(20, b"void"));
}

#[test]
fn a_destroyed_operation_that_the_server_has_needs_no_new_incarnation() {
    let disk = MemoryDisk::new();
    let mut recorder = create(&disk);
    fill(&mut recorder, 5);
    recorder.acked(ack(&recorder, 4)).unwrap();
    recorder.append(b"and its sync").unwrap();
    ruin(&disk, 3);
    let (recorder, recovery) = open(&disk);
    assert_eq!(recovery.holes, [3..=3]);
    assert!(!recorder.state().needs_reincarnation);
}

#[test]
fn a_destroyed_last_operation_is_counted_and_a_torn_one_is_not() {
    let disk = MemoryDisk::new();
    let mut recorder = create(&disk);
    fill(&mut recorder, 5);
    ruin(&disk, 5);
    let (recorder, recovery) = open(&disk);
    assert_eq!((recovery.holes, recovery.torn_bytes), (vec![5..=5], 0));
    assert_eq!(recorder.next_seq(), 6);
}

#[test]
fn a_missing_segment_is_a_hole_and_not_a_new_beginning() {
    let disk = MemoryDisk::new();
    let mut recorder = create(&disk);
    fill(&mut recorder, 200);
    let first = recorder.files.segments[1].first_seq;
    let names = segment_names(&disk);
    for (lost, from) in [(0, 1), (1, first)] {
        let image = disk.image();
        Disk::remove(&image, &names[lost]).unwrap();
        let (recorder, recovery) = open(&image);
        assert_eq!(recovery.holes.len(), 1);
        assert_eq!(*recovery.holes[0].start(), from);
        assert_eq!((recorder.low_seq(), recorder.next_seq()), (1, 201));
    }
}

#[test]
fn a_failed_sync_stops_the_recorder_and_reopening_forgets_what_was_refused() {
    let disk = MemoryDisk::new();
    let mut recorder = create(&disk);
    fill(&mut recorder, 3);
    disk.fail_syncs(1);
    assert!(matches!(recorder.append(b"refused"), Err(RecorderError::Io { .. })));
    assert!(matches!(recorder.append(b"later"), Err(RecorderError::Stopped)));
    assert_eq!(contents(&recorder), expected(1..=3), "reading goes on");
    recorder.reopen().unwrap();
    fill(&mut recorder, 2);
    drop(recorder);
    disk.cut_power(Cut::DropUnsynced);
    let (recorder, recovery) = open(&disk);
    assert_eq!(contents(&recorder), expected(1..=5));
    assert!(!recovery.is_damaged);
}

#[test]
fn what_is_read_after_a_failed_sync_and_a_killed_process_is_on_the_disk_afterwards() {
    let disk = MemoryDisk::new();
    let mut recorder = create(&disk);
    fill(&mut recorder, 3);
    disk.fail_syncs(1);
    recorder.append(&content(4)).unwrap_err();
    drop(recorder);
    let (recorder, recovery) = open(&disk);
    assert_eq!(recovery.last_group, Some(4..=4), "the operator may not know about it");
    assert_eq!(recorder.next_seq(), 5);
    drop(recorder);
    // The kernel believes that the old file is clean; only the copy makes this true.
    disk.cut_power(Cut::DropUnsynced);
    assert_eq!(contents(&open(&disk).0), expected(1..=4));
}

#[test]
fn a_full_disk_refuses_before_harm_and_the_ballast_helps() {
    let disk = MemoryDisk::new();
    let options = Options { ballast_bytes: 40 << 10, ..small() };
    let boxed = || Box::new(disk.clone());
    let mut recorder = Recorder::create(boxed(), identity(), options.clone()).unwrap();
    disk.set_capacity(Some(disk.used_bytes() + 5000));
    let mut n = 0;
    let error = loop {
        match recorder.append(&content(n + 1)) {
            Ok(_) => n += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, RecorderError::Full) && error.is_retryable());
    assert!(!recorder.is_stopped());
    recorder.acked(ack(&recorder, n)).unwrap();
    recorder.safe(n).unwrap();
    assert!(matches!(recorder.prepare(), Err(RecorderError::Full)));
    drop(recorder);
    let refused = Recorder::open(boxed(), options.clone());
    assert!(matches!(refused, Err(RecorderError::Full)));
    assert!(release_ballast(&disk).unwrap());
    let (mut recorder, recovery) = Recorder::open(boxed(), options).unwrap();
    assert_eq!((recovery.n_operations, recovery.has_ballast), (n, false));
    assert_eq!(recorder.append(&content(n + 1)).unwrap().seq, n + 1);
    assert_eq!(recorder.trim().unwrap(), n);
    disk.set_capacity(None);
    assert!(recorder.restore_ballast().unwrap());
}

#[test]
fn re_labelling_keeps_the_first_name() {
    let disk = MemoryDisk::new();
    let mut recorder = create(&disk);
    fill(&mut recorder, 150);
    confirm_all(&mut recorder);
    recorder.trim().unwrap();
    let before: Vec<_> = recorder.iter_from(1).map(Result::unwrap).collect();
    recorder.re_incarnate(next_identity(), Lease { counter: 5, bytes: vec![5] }).unwrap();
    fill(&mut recorder, 1);
    let enrolled_again = Identity { device: 8, ..identity() };
    recorder.re_incarnate(enrolled_again, Lease::default()).unwrap();
    assert_eq!(recorder.state().acked, Acked::default());
    let (recorder, _) = open(&disk);
    assert_eq!(recorder.state().identity, enrolled_again);
    for (n, old) in before.iter().enumerate() {
        let new = recorder.read(n as u64 + 1).unwrap();
        let origin = new.origin.unwrap();
        assert_eq!((origin.device, origin.incarnation), (7, 1));
        assert_eq!((origin.seq, origin.hash, &new.content), (old.seq, old.hash, &old.content));
        assert_eq!(new.hash, new.prev.then(new.seq, &new.content));
    }
    let last = recorder.read(before.len() as u64 + 1).unwrap().origin.unwrap();
    assert_eq!((last.incarnation, last.seq), (2, before.len() as u64 + 1));
}

#[test]
fn an_ack_with_another_hash_is_an_old_copy() {
    let mut recorder = create(&MemoryDisk::new());
    fill(&mut recorder, 3);
    let wrong = Acked { hash: ChainHash([1; 16]), ..ack(&recorder, 2) };
    assert!(matches!(recorder.acked(wrong), Err(RecorderError::ChainMismatch { seq: 2 })));
    let early = Acked { seq: 4, ..wrong };
    assert!(matches!(recorder.acked(early), Err(RecorderError::BeyondHead { seq: 4, head: 3 })));
    recorder.acked(ack(&recorder, 3)).unwrap();
    recorder.epoch(2, 1).unwrap();
    assert_eq!(recorder.state().acked, Acked { chain_no: 103, ..ack(&recorder, 1) });
}

#[test]
fn a_real_folder_works_the_same_and_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recorder");
    let disk = || FolderDisk::open(&path).map(Box::new);
    let mut recorder = Recorder::create(disk().unwrap(), identity(), small()).unwrap();
    let busy = disk().map_err(RecorderError::at("open"));
    assert!(matches!(busy, Err(RecorderError::Busy)));
    fill(&mut recorder, 100);
    assert!(recorder.append_many(&[b"a", b"b"]).is_ok());
    confirm_all(&mut recorder);
    assert!(recorder.trim().unwrap() > 0);
    recorder.prepare().unwrap();
    drop(recorder);
    let (recorder, recovery) = Recorder::open(disk().unwrap(), small()).unwrap();
    assert!(!recovery.is_damaged);
    assert_eq!(recorder.next_seq(), 103);
    assert!(matches!(
        Recorder::create(Box::new(MemoryDisk::new()), identity(), small())
            .and_then(|recorder| recorder.read(1)),
        Err(RecorderError::NotHere { seq: 1 })
    ));
}
