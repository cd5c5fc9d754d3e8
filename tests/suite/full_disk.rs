//! A device on a real file system that is full: sled, recorder and all.

use device_core::device::{Device, Settings};
use device_core::engine::RecordError;
use device_core::recorder::Options;
use protocol::health::{StorageReport, StorageState};

use crate::disk::Mounted;
use crate::house::{House, receive, runtime, until};

/// Takes all the room there is; deleted, it gives it back.
fn fill(folder: &std::path::Path) -> std::path::PathBuf {
    use std::io::Write as _;
    let place = folder.join("filler");
    let mut file = std::fs::File::create(&place).expect("a file can be made");
    for bytes in [1 << 16, 1 << 12, 1] {
        let part = vec![1; bytes];
        while file.write_all(&part).is_ok() {}
    }
    place
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.config.recorder =
        Options { segment_bytes: 64 << 10, ballast_bytes: 256 << 10, ..Options::default() };
    settings.config.chores_ms = 200;
    settings
}

#[test]
fn a_full_disk_costs_no_scan_and_no_row_and_the_desk_sees_it() {
    let house = House::furnished();
    let folder = house.device_folder();
    let Some(_mounted) = Mounted::small(&folder, 24) else { return };
    let runtime = runtime();
    let open = || until("the device opens", || Device::open(&folder, settings()).ok());
    let device = open();
    let running = runtime.spawn({
        let device = device.clone();
        async move { device.run().await }
    });
    let enrolled = device.enrol(house.invitation(), std::time::Duration::from_secs(60));
    runtime.block_on(enrolled).expect("the code is good");
    until("the rows arrive", || device.status().is_ready.then_some(()));
    let mut confirmed = vec![device.record(&receive(1)).expect("there is room")];
    let (location, dock) = (crate::house::word("MAIN"), crate::house::word("DOCK"));
    let rows = || {
        let rows = device.read(|core| core.replica().stock_in_bin(&location, Some(&dock), 10));
        rows.ok().filter(|rows| !rows.is_empty())
    };
    until("what was received lies there", rows);

    let filler = fill(&folder);
    let mut has_warned = false;
    let refused = loop {
        match device.record(&receive(1)) {
            Ok(name) => confirmed.push(name),
            Err(error) => break error,
        }
        has_warned |= device.status().storage.state == StorageState::Low;
        assert!(confirmed.len() < 20_000, "the disk is small");
    };
    assert!(matches!(refused, RecordError::Full), "{refused:?}");
    assert!(has_warned && confirmed.len() > 500, "{} scans found room", confirmed.len());
    // Rows are there to be read, and the desk hears of it although nothing can be written.
    assert!(rows().is_some(), "the row that was there can be read");
    until("the desk hears of it", || {
        let snapshot = house.server().1.app().company().snapshot();
        let seen = server::view::device::devices(&snapshot, |_device| true);
        let storage = seen.first()?.storage?;
        (storage.state == StorageState::Full).then_some(())
    });
    // Closed and opened on the full disk: refused with its reason, or open; nothing is deleted.
    device.close();
    runtime.block_on(running).expect("it ends");
    drop(device);
    if let Ok(device) = Device::open(&folder, settings()) {
        let rows = device.read(|core| core.replica().stock_in_bin(&location, Some(&dock), 10));
        assert!(rows.is_ok_and(|rows| !rows.is_empty()), "it was not set aside");
    }
    std::fs::remove_file(filler).expect("it is ours");

    let device = open();
    let running = runtime.spawn({
        let device = device.clone();
        async move { device.run().await }
    });
    confirmed.push(device.record(&receive(1)).expect("there is room again"));
    until("every operation has its outcome", || (device.pending() == 0).then_some(()));
    house.assert_taken_once(&confirmed);
    let n_receipts = house.taken().keys().filter(|name| name.device.0 != 0).count();
    assert_eq!(n_receipts, confirmed.len(), "what was refused is nowhere");
    until("nothing is wrong any more", || {
        (device.status().storage.state == StorageReport::default().state).then_some(())
    });
    let storage = device.status().storage;
    assert_eq!((storage.n_lost, storage.n_set_aside), (0, 0));
    device.close();
    runtime.block_on(running).expect("it ends");
}
