//! The power goes, again and again, while the real processes work on a real file system: what was
//! written and not synced is discarded. A kill alone would prove nothing: the system keeps what a
//! killed process wrote.

use std::io::Write as _;
use std::sync::atomic::Ordering;

use ledger::key::KeyRange;
use ledger::tables::Read as _;
use server_core::schema::Streams;
use tests::prng::Prng;

use crate::disk::Image;
use crate::house::{Hand, House, runtime, until};
use crate::kill::{Acked, Confirmed, Process, at_work};

/// How often the power goes, for each side.
const ROUNDS: u32 = 25;
/// MiB of the file systems.
const IMAGE_MIB: u64 = 192;

fn house_with_a_device() -> House {
    let mut house = House::furnished();
    let runtime = runtime();
    let hand = Hand::enrolled(&house, &runtime);
    hand.drained();
    hand.drop_device(&runtime);
    house.stop();
    house
}

/// The moment of the cut, not a wait for anything.
fn a_moment(prng: &mut Prng) {
    let moment = u64::try_from(prng.between(20, 400)).expect("above zero");
    std::thread::sleep(std::time::Duration::from_millis(moment));
}

/// Without this the tests below might cut nothing off, and be green.
#[test]
fn a_power_cut_takes_what_was_written_and_not_synced() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let at = folder.path().join("disk");
    let Some(mut image) = Image::over(&at, 16) else { return };
    let (synced, changed, new) = (at.join("synced"), at.join("changed"), at.join("new"));
    for round in 1..=3_u8 {
        for place in [&synced, &changed] {
            std::fs::write(place, [round; 12_000]).expect("there is room");
            let file = std::fs::File::open(place).expect("it is there");
            file.sync_all().expect("it can be synced");
        }
        std::fs::File::open(&at).and_then(|folder| folder.sync_all()).expect("it can be synced");
        let mut file = std::fs::File::options().write(true).open(&changed).expect("it is there");
        file.write_all(&[0xFF; 12_000]).expect("there is room");
        file.write_all(&[0xFF; 12_000]).expect("there is room");
        drop(file);
        std::fs::write(&new, [0xFF; 12_000]).expect("there is room");
        let length = std::fs::metadata(&changed).expect("it is there").len();
        assert_eq!(length, 24_000, "as long as there is power it is there");
        image.cut_power();
        for place in [&synced, &changed] {
            let kept = std::fs::read(place).expect("it is there still");
            assert!(kept == [round; 12_000], "{} of round {round}", place.display());
        }
        assert!(!new.exists(), "in round {round} what nobody synced outlived the power");
    }
}

#[test]
fn a_device_that_loses_power_keeps_every_scan_that_had_its_tone() {
    let mut house = house_with_a_device();
    let folder = house.device_folder();
    let Some(mut image) = Image::over(&folder, IMAGE_MIB) else { return };
    let (confirmed, acked) = (Confirmed::default(), Acked::default());
    let count = || confirmed.lock().expect("nobody panics with it").len();
    let mut prng = Prng::new(20_261_129);
    let server = Process::server(&house.server_folder(), house.port());
    let mut device = at_work(&folder, (&confirmed, &acked), 0);
    for _round in 0..ROUNDS {
        a_moment(&mut prng);
        device.kill();
        image.cut_power();
        device = at_work(&folder, (&confirmed, &acked), count());
    }
    // On a slow machine the cuts leave it little time.
    until("the device worked", || (count() > 250).then_some(()));
    assert!(device.finish(), "everything has its outcome");
    server.kill();
    house.start();
    let confirmed = confirmed.lock().expect("nobody panics with it").clone();
    house.assert_taken_once(&confirmed);
    assert!(house.taken().values().all(|n| *n == 1), "nothing was taken in twice");
    house.stop();
}

#[test]
fn a_server_that_loses_power_keeps_every_operation_that_it_acknowledged() {
    let mut house = house_with_a_device();
    let folder = house.server_folder();
    let Some(mut image) = Image::over(&folder, IMAGE_MIB) else { return };
    let (confirmed, acked) = (Confirmed::default(), Acked::default());
    let mut prng = Prng::new(20_261_130);
    let mut server = Process::server(&folder, house.port());
    let device = at_work(&house.device_folder(), (&confirmed, &acked), 0);
    let mut n_held = 0;
    // A slow machine would otherwise be cut off, each time, before it has told anything.
    until("the device is told something", || (acked.load(Ordering::SeqCst) > 0).then_some(()));
    for _round in 0..ROUNDS {
        a_moment(&mut prng);
        server.kill();
        // What the device knows by now was on the disk before it was told.
        let told = acked.load(Ordering::SeqCst);
        image.cut_power();
        let kept = accepted(&folder);
        assert!(kept >= told, "{told} operations were acknowledged, {kept} are there");
        n_held += u64::from(told > 0);
        server = Process::server(&folder, house.port());
    }
    assert!(device.finish(), "everything has its outcome");
    server.kill();
    house.start();
    let confirmed = confirmed.lock().expect("nobody panics with it").clone();
    house.assert_taken_once(&confirmed);
    assert!(n_held > 10, "the device was acknowledged something before most cuts: {n_held}");
    house.stop();
}

/// The last operation of the device that the store in `folder` has.
fn accepted(folder: &std::path::Path) -> u64 {
    let store = server::store::Store::open(&server::config::Config::local(folder).store_folder())
        .expect("it opens after a power cut");
    let streams = store.snapshot().list::<Streams>(&KeyRange::all());
    streams.into_iter().map(|(_key, stream)| stream.accepted.0).max().unwrap_or(0)
}
