//! Folders of devices as every release so far has left them, opened by this one and drained. They
//! are never made again: a release that changes what lies in a folder adds its own (`UPDATE=1 cargo
//! test -p device-core golden`), and keeps those of all before it.

use std::path::Path;

use protocol::identity::ServerEpoch;
use protocol::operation::AttachmentKind;
use serde_bytes::ByteBuf;

use super::*;
use crate::recorder::Options;

/// The last golden folder.
const LAST: u32 = 2;
/// What was recorded in it: three receipts that were answered, two that were never sent, and the
/// operation that names their photo.
const N_RECORDED: usize = 6;
const N_UNSENT: usize = 3;
/// On hand in A-01, by its rows and by what was not sent.
const ON_HAND: i64 = 1 + 2 + 3 + 40 + 50;

fn photo() -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE0];
    bytes.extend((0..40_000_u32).map(|n| u8::try_from(n % 251).unwrap()));
    bytes
}

/// A golden folder holds no more than it must.
fn small() -> Settings {
    let mut settings = settings();
    settings.config.recorder = Options {
        segment_bytes: Options::SEGMENT_BYTES_MIN,
        ballast_bytes: 4 << 10,
        ..settings.config.recorder
    };
    settings
}

/// The files of a folder, packed.
fn pack(folder: &Path) -> Vec<u8> {
    let mut files = Vec::new();
    collect(folder, folder, &mut files);
    files.sort();
    let bytes = rmp_serde::to_vec(&files).unwrap();
    zstd::bulk::compress(&bytes, 19).unwrap()
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, ByteBuf)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.push((name, ByteBuf::from(std::fs::read(&path).unwrap())));
        }
    }
}

fn unpack(bytes: &[u8], folder: &Path) {
    let bytes = zstd::bulk::decompress(bytes, 1 << 28).unwrap();
    let files: Vec<(String, ByteBuf)> = rmp_serde::from_slice(&bytes).unwrap();
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content.into_vec()).unwrap();
    }
}

/// A device that has worked, and was put away with work that it has not sent.
async fn make(folder: &Path) {
    let (wire, invitation) = wire().await;
    // What is acknowledged is in no backup: it stays in the recorder.
    wire.server.lock().unwrap().keeps_backups = false;
    let device = Device::open(folder, small()).unwrap();
    let running = run(&device);
    device.enrol(invitation, LONG).await.unwrap();
    let mut news = device.news();
    for units in [1, 2, 3] {
        device.record(&work(units)).unwrap();
    }
    while device.pending() > 0 {
        until(&mut news, is_outcome).await;
    }
    device.close();
    running.await.unwrap();
    drop(device);
    // Out of reach from here on.
    let device = Device::open(folder, small()).unwrap();
    let last = device.record_many(&[work(40), work(50)]).unwrap()[1];
    device.attach(last, AttachmentKind::Photo, &photo()).unwrap();
    device.close();
}

/// Opens a folder, looks at what is in it, and drains it into a server that was restored from
/// before everything.
async fn open_and_drain(folder: &Path) {
    let device = Device::open(folder, small()).unwrap();
    assert_eq!(device.read(|core| core.recorder().unwrap().head().seq), N_RECORDED as u64);
    assert_eq!(device.pending(), N_UNSENT);
    assert_eq!(shown(&device), Some(q(i32::try_from(ON_HAND).unwrap())), "rows and queue");
    assert_eq!(device.read(DeviceCore::n_blobs_kept), 1);
    let status = device.status();
    assert!(status.storage.is_good(), "nothing was mended or set aside: {:?}", status.storage);

    let (wire, invitation) = wire().await;
    {
        let mut server = wire.server.lock().unwrap();
        server.epoch = ServerEpoch(2);
        server.book.keep_leases();
    }
    let mut news = device.news();
    let running = run(&device);
    device.enrol(invitation, LONG).await.unwrap();
    let is_over = || {
        let is_sent = device.pending() == 0 && device.status().n_unsent == 0;
        is_sent && device.read(DeviceCore::n_blobs_kept) == 0
    };
    let drained = async {
        while !is_over() {
            // Which news it was does not matter, nor whether some were missed.
            drop(news.recv().await);
        }
    };
    tokio::time::timeout(LONG, drained).await.expect("it is drained");
    device.close();
    running.await.unwrap();
    let server = wire.server.lock().unwrap();
    assert_eq!(server.book.intake.len(), N_RECORDED, "every operation, once");
    let photos: Vec<&Vec<u8>> = server.blobs.values().collect();
    assert_eq!(photos, [&photo()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_every_release_so_far_is_opened_and_drained() {
    for n in 1..=LAST {
        let name = format!("golden/device-{n}.pack");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let folder = tempfile::tempdir().unwrap();
        unpack(&golden, folder.path());
        open_and_drain(folder.path()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_golden_folder_of_this_release_opens_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path()).await;
    let packed = pack(folder.path());
    if std::env::var_os("UPDATE").is_some() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        std::fs::create_dir_all(&golden).unwrap();
        std::fs::write(golden.join(format!("device-{LAST}.pack")), &packed).unwrap();
    }
    let again = tempfile::tempdir().unwrap();
    unpack(&packed, again.path());
    open_and_drain(again.path()).await;
}
