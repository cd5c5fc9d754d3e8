//! Every step of a history on the disk is the last one once, with every kind of power cut.

use super::*;

/// What the caller of the recorder knows for sure.
#[derive(Debug, Default, Clone)]
struct Known {
    /// Contents confirmed, trimmed ones included.
    confirmed: u64,
    /// Contents handed over, of which the last group may be there as a whole or not at all.
    attempted: u64,
    lease: u64,
    /// Trimming was allowed up to here.
    safe: u64,
}

/// Appends, groups, acks, leases, rotation, trimming; stops at the first error.
fn live(recorder: &mut Recorder, known: &mut Known) -> Result<(), RecorderError> {
    for round in 0..12 {
        for _ in 0..4 {
            known.attempted += 1;
            recorder.append(&content(known.attempted))?;
            known.confirmed = known.attempted;
        }
        let group: Vec<Vec<u8>> = (1..=3).map(|n| content(known.attempted + n)).collect();
        let group: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
        known.attempted += 3;
        recorder.append_many(&group)?;
        known.confirmed = known.attempted;
        recorder.acked(ack(recorder, known.confirmed - 1))?;
        recorder.lease(Lease { counter: round, bytes: vec![1; 40] })?;
        known.lease = round;
        recorder.prepare()?;
        if round % 3 == 2 {
            known.safe = known.confirmed - 2;
            recorder.safe(known.safe)?;
            recorder.trim()?;
        }
    }
    Ok(())
}

const CUTS: [Cut; 6] = [
    Cut::DropUnsynced,
    Cut::KeepUnsynced,
    Cut::Torn { seed: 1 },
    Cut::Torn { seed: 2 },
    Cut::Torn { seed: 3 },
    Cut::Torn { seed: 4 },
];

fn check(disk: &MemoryDisk, known: &Known, what: &str) {
    let (mut recorder, recovery) = open(disk);
    assert!(!recovery.is_damaged, "{what}: a power cut is no damage: {recovery:?}");
    let head = recorder.head().seq;
    let is_whole = head == known.confirmed || head == known.attempted;
    assert!(is_whole, "{what}: {head} of {known:?}");
    assert!(recorder.low_seq() <= known.safe + 1, "{what}: {known:?}");
    assert_eq!(contents(&recorder), expected(recorder.low_seq()..=head), "{what}");
    assert!(recorder.state().lease.counter >= known.lease, "{what}");
    fill(&mut recorder, 1);
    let (recorder, recovery) = open(disk);
    assert!(!recovery.is_damaged, "{what}: and it stays so");
    assert_eq!(recorder.head().seq, head + 1);
}

#[test]
fn a_power_cut_at_any_step_loses_nothing_that_was_confirmed() {
    let n_steps = {
        let disk = MemoryDisk::new();
        let mut recorder = create(&disk);
        let before = disk.n_steps();
        live(&mut recorder, &mut Known::default()).unwrap();
        assert!(recorder.files.segments[0].no > 1, "the history rotates and trims");
        disk.n_steps() - before
    };
    for step in 0..n_steps {
        let disk = MemoryDisk::new();
        let mut recorder = create(&disk);
        disk.crash_at(step);
        let mut known = Known::default();
        live(&mut recorder, &mut known).unwrap_err();
        for cut in CUTS {
            let image = disk.image();
            image.cut_power(cut);
            check(&image, &known, &format!("step {step}, {cut:?}"));
        }
    }
}

#[test]
fn a_power_cut_while_opening_loses_nothing_either() {
    let disk = MemoryDisk::new();
    let mut known = Known::default();
    live(&mut create(&disk), &mut known).unwrap();
    for step in 0.. {
        let image = disk.image();
        image.crash_at(step);
        if Recorder::open(Box::new(image.clone()), small()).is_ok() {
            assert!(step > 5, "opening has several steps");
            break;
        }
        for cut in CUTS {
            let image = image.image();
            image.cut_power(cut);
            check(&image, &known, &format!("step {step}, {cut:?}"));
        }
    }
}

#[test]
fn a_power_cut_while_creating_can_be_repeated_or_opened() {
    for step in 0.. {
        let disk = MemoryDisk::new();
        disk.crash_at(step);
        if Recorder::create(Box::new(disk.clone()), identity(), small()).is_ok() {
            break;
        }
        for cut in CUTS {
            let disk = disk.image();
            disk.cut_power(cut);
            match Recorder::open(Box::new(disk.clone()), small()) {
                Ok((recorder, _)) => assert_eq!(recorder.state().identity, identity()),
                Err(RecorderError::Missing) => drop(create(&disk)),
                Err(error) => panic!("step {step}, {cut:?}: {error}"),
            }
        }
    }
}

#[test]
fn a_record_cut_at_any_byte_recovers_to_what_was_acknowledged_before_it() {
    let disk = MemoryDisk::new();
    let mut recorder = create(&disk);
    fill(&mut recorder, 8);
    let name = segment_names(&disk).pop().unwrap();
    let whole = disk.bytes_of(&name).unwrap();
    let offsets = recorder.files.segments[0].offsets.clone();
    let end = recorder.files.segments[0].end;
    for cut in usize::try_from(offsets[0]).unwrap()..end {
        let image = disk.image();
        let mut file = Disk::open(&image, &name).unwrap();
        file.write_at(segment::offset(cut), &vec![0; whole.len() - cut]).unwrap();
        let (recorder, recovery) = open(&image);
        let is_whole = |next: usize| whole[cut.min(next)..next].iter().all(|byte| *byte == 0);
        let ends = offsets[1..].iter().map(|at| usize::try_from(*at).unwrap()).chain([end]);
        let n_whole = ends.filter(|next| is_whole(*next)).count() as u64;
        assert!(!recovery.is_damaged, "byte {cut}: {recovery:?}");
        assert_eq!(contents(&recorder), expected(1..=n_whole), "byte {cut}: {recovery:?}");
    }
}

/// A recorder with 4 operations and a group of 30 behind them, and the bytes of its only segment.
fn with_group(disk: &MemoryDisk) -> (Recorder, String, Vec<u8>) {
    let mut recorder = create(disk);
    fill(&mut recorder, 4);
    let group: Vec<Vec<u8>> = (5..=34).map(content).collect();
    let group: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
    assert_eq!(recorder.append_many(&group).unwrap().len(), 30);
    let name = segment_names(disk).pop().unwrap();
    let bytes = disk.bytes_of(&name).unwrap();
    (recorder, name, bytes)
}

#[test]
fn a_group_cut_at_any_byte_is_recorded_as_a_whole_or_not_at_all() {
    let disk = MemoryDisk::new();
    let (recorder, name, whole) = with_group(&disk);
    let (first, end) = (recorder.files.segments[0].offsets[4], recorder.files.segments[0].end);
    for cut in (usize::try_from(first).unwrap()..end).step_by(7).chain([end]) {
        let image = disk.image();
        let mut file = Disk::open(&image, &name).unwrap();
        file.write_at(segment::offset(cut), &vec![0; whole.len() - cut]).unwrap();
        let is_whole = whole[cut..end].iter().all(|byte| *byte == 0);
        let (mut recorder, recovery) = open(&image);
        assert!(!recovery.is_damaged, "byte {cut}: {recovery:?}");
        let n = if is_whole { 34 } else { 4 };
        assert_eq!(contents(&recorder), expected(1..=n), "byte {cut}: {recovery:?}");
        let is_blank = cut == usize::try_from(first).unwrap();
        assert_eq!(recovery.is_group_dropped, !is_whole && !is_blank, "byte {cut}");
        assert_eq!(recovery.last_group, Some(if is_whole { 5..=34 } else { 4..=4 }));
        // Its numbers are free again.
        fill(&mut recorder, 2);
        drop(recorder);
        assert_eq!(contents(&open(&image).0), expected(1..=n + 2), "byte {cut}");
    }
}

#[test]
fn a_group_of_which_any_sector_is_missing_is_not_recorded() {
    const SECTOR: usize = 512;
    let disk = MemoryDisk::new();
    let (recorder, name, whole) = with_group(&disk);
    let (first, end) = (recorder.files.segments[0].offsets[4], recorder.files.segments[0].end);
    let first_sector = usize::try_from(first).unwrap().next_multiple_of(SECTOR);
    for sector in (first_sector..end).step_by(SECTOR) {
        let image = disk.image();
        let n = SECTOR.min(whole.len() - sector);
        let mut file = Disk::open(&image, &name).unwrap();
        file.write_at(segment::offset(sector), &vec![0; n]).unwrap();
        let (recorder, recovery) = open(&image);
        assert!(!recovery.is_damaged && recovery.is_group_dropped, "{sector}: {recovery:?}");
        assert_eq!(contents(&recorder), expected(1..=4), "{sector}: {recovery:?}");
    }
}

#[test]
fn a_group_at_the_front_of_a_segment_is_recorded_as_a_whole_or_not_at_all() {
    let group: Vec<Vec<u8>> = (1..=30).map(content).collect();
    let group: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
    for seed in 0..200 {
        let disk = MemoryDisk::new();
        let mut recorder = create(&disk);
        // The write is the first step, its sync the second.
        disk.crash_at(1);
        recorder.append_many(&group).unwrap_err();
        disk.cut_power(Cut::Torn { seed });
        let (mut recorder, recovery) = open(&disk);
        let n = recorder.head().seq;
        assert!(!recovery.is_damaged && (n == 0 || n == 30), "{seed}: {recovery:?}");
        fill(&mut recorder, 1);
        let (recorder, recovery) = open(&disk);
        assert!(!recovery.is_damaged, "{seed}: and it stays so: {recovery:?}");
        assert_eq!(recorder.head().seq, n + 1);
    }
}

#[test]
fn a_group_that_was_whole_once_is_repaired_and_not_removed() {
    for ruined in [5, 20, 34] {
        let disk = MemoryDisk::new();
        drop(with_group(&disk));
        ruin(&disk, ruined);
        let (recorder, recovery) = open(&disk);
        assert!(recovery.is_damaged && !recovery.is_group_dropped, "{ruined}: {recovery:?}");
        assert_eq!((recovery.holes, recorder.head().seq), (vec![ruined..=ruined], 34));
    }
}

/// Every operation is there once, under its old name or with the old name as origin.
fn check_relabelled(disk: &MemoryDisk, what: &str) {
    let (recorder, recovery) = open(disk);
    assert!(!recovery.is_damaged, "{what}");
    assert_eq!(contents(&recorder), expected(1..=90), "{what}");
    let is_new = recorder.state().identity == next_identity();
    for operation in recorder.iter_from(1).map(Result::unwrap) {
        assert_eq!(operation.origin.map(|origin| origin.seq), is_new.then_some(operation.seq));
    }
    let generations: std::collections::BTreeSet<_> =
        segment_names(disk).iter().map(|name| name[..16].to_owned()).collect();
    assert_eq!(generations.len(), 1, "{what}");
}

#[test]
fn a_power_cut_while_re_labelling_neither_loses_nor_doubles_an_operation() {
    let disk = MemoryDisk::new();
    let mut recorder = create(&disk);
    fill(&mut recorder, 90);
    drop(recorder);
    let mut n_steps = 0;
    for step in 0.. {
        let image = disk.image();
        let (mut recorder, _) = open(&image);
        image.crash_at(step);
        let done = recorder.re_incarnate(next_identity(), Lease::default());
        for cut in CUTS {
            let image = image.image();
            image.cut_power(cut);
            check_relabelled(&image, &format!("step {step}, {cut:?}"));
            if done.is_ok() {
                assert_eq!(open(&image).0.state().identity, next_identity());
            }
        }
        n_steps = step;
        if !recorder.is_stopped() && recorder.trim().is_ok() && recorder.safe(1).is_ok() {
            break;
        }
    }
    assert!(n_steps > 20, "re-labelling has many steps");
}

#[test]
fn a_power_cut_while_repairing_keeps_the_good_rest() {
    let disk = MemoryDisk::new();
    fill(&mut create(&disk), 90);
    ruin(&disk, 30);
    for step in 0.. {
        let image = disk.image();
        image.crash_at(step);
        let done = Recorder::open(Box::new(image.clone()), small()).is_ok();
        for cut in CUTS {
            let image = image.image();
            image.cut_power(cut);
            let (recorder, _) = open(&image);
            let good = contents(&recorder);
            assert_eq!(good.len(), 90, "step {step}, {cut:?}");
            assert_eq!(good[29], b"void");
            assert_eq!(good[30..], expected(31..=90));
            assert_eq!(recorder.state().n_void, 1);
        }
        if done {
            break;
        }
    }
}
