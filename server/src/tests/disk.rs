//! Real disks that are full or answer with errors, where the system lets a test mount one: elsewhere
//! these tests say so and pass, unless everything has to run.

use std::path::{Path, PathBuf};
use std::process::Command;

use protocol::frame::{FaultCode, Frame};
use protocol::identity::Seq;
use serde_json::json;
use tempfile::TempDir;

use super::backup::copy;
use super::device::{invitation, receive};
use super::house::{House, PASSWORD, sign_in};
use super::socket::{Socket, TestDevice};
use crate::config::Config;
use crate::runtime::Health;
use crate::server::{Running, Server};
use crate::store::Store;
use crate::verify::digest::Pace;
use crate::verify::rebuild_and_compare;

fn done(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Says that a test proves nothing here.
fn left_out() {
    eprintln!("left out: nothing can be mounted here");
    let is_whole = std::env::var_os("TALLYMAN_TESTS_WHOLE").is_some();
    assert!(!is_whole, "left out although TALLYMAN_TESTS_WHOLE is set");
}

/// A small ext4 file system of its own, in a file; that file may lie in memory of bounded size.
struct Disk {
    folder: TempDir,
    in_memory: bool,
}

impl Disk {
    /// A disk of `mib`; none where nothing can be mounted.
    fn of(mib: u32) -> Option<Self> {
        Self::make(mib, None)
    }

    /// A disk that says it has `mib`, and has only room for `real_mib`: beyond that it answers
    /// with errors.
    fn that_fails(mib: u32, real_mib: u32) -> Option<Self> {
        Self::make(mib, Some(real_mib))
    }

    fn make(mib: u32, real_mib: Option<u32>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let disk = Self { folder, in_memory: real_mib.is_some() };
        std::fs::create_dir_all(disk.path()).unwrap();
        std::fs::create_dir_all(disk.under()).unwrap();
        let under = disk.under();
        if let Some(real) = real_mib {
            let size = format!("size={real}m");
            if !done("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", under.to_str().unwrap()]) {
                left_out();
                return None;
            }
        }
        let image = disk.image();
        let file = std::fs::File::create(&image).unwrap();
        file.set_len(u64::from(mib) << 20).unwrap();
        drop(file);
        let made = done("mkfs.ext4", &["-q", "-F", "-m", "0", image.to_str().unwrap()]);
        if made && disk.mount() {
            return Some(disk);
        }
        left_out();
        None
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn under(&self) -> PathBuf {
        self.folder.path().join("under")
    }

    fn image(&self) -> PathBuf {
        self.under().join("image")
    }

    fn mount(&self) -> bool {
        let (image, path) = (self.image(), self.path());
        done("mount", &["-o", "loop", image.to_str().unwrap(), path.to_str().unwrap()])
    }

    fn unmount(&self) {
        done("umount", &[self.path().to_str().unwrap()]);
    }

    /// A file that takes all the room but `left` bytes.
    fn fill_up_to(&self, left: u64) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.filler()).unwrap();
        let block = vec![7; 64 << 10];
        while rustix::fs::statvfs(self.path())
            .is_ok_and(|known| known.f_bavail * known.f_frsize > left + block.len() as u64)
        {
            file.write_all(&block).unwrap();
            file.sync_data().unwrap();
        }
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.unmount();
        if self.in_memory {
            done("umount", &[self.under().to_str().unwrap()]);
        }
    }
}

/// A furnished company on `disk`, with a device.
async fn company_on(disk: &Disk, reserve_bytes: u64) -> (Config, Running, TestDevice) {
    let House { folder, running, boss: _ } = House::furnished().await;
    running.stop().await;
    let data = disk.path().join("data");
    copy(folder.path(), &data);
    // What the test puts there is on the disk; from here on the server sees to that.
    assert!(done("sync", &["-f", data.to_str().unwrap()]));
    let config = Config { reserve_bytes, ..Config::local(&data) };
    let running = Server::start(config.clone()).await.unwrap();
    let boss = sign_in(&running, "boss", PASSWORD).await;
    let house = House { folder, running, boss };
    let code = invitation(&house).await.code;
    let device = TestDevice::enrol(house.running.addr(), code).await.unwrap();
    (config, house.running, device)
}

/// What the server says to a push: that it has it, or a fault; nothing when it hung up.
async fn answer(socket: &mut Socket) -> Option<Result<Seq, FaultCode>> {
    loop {
        match socket.next().await?.0 {
            Frame::Ack(ack) => return Some(Ok(ack.accepted_seq)),
            Frame::Fault(fault) => return Some(Err(fault.code)),
            _ => {}
        }
    }
}

/// Pushes until the server takes nothing more; the last operation that it acknowledged.
async fn push_until_it_fails(device: &mut TestDevice, socket: &mut Socket) -> Seq {
    let (body, document) = receive(1);
    let mut acked = Seq(0);
    for _n in 0..200_000 {
        device.push(socket, &body, document.clone()).await;
        match answer(socket).await {
            Some(Ok(seq)) => acked = seq,
            Some(Err(code)) => {
                assert_eq!(code, FaultCode::STORAGE);
                return acked;
            }
            None => return acked,
        }
    }
    panic!("the disk never failed");
}

/// The company is opened again: everything that was acknowledged is there, and the rest is taken.
async fn nothing_is_lost(config: &Config, device: &mut TestDevice, acked: Seq) {
    let store = Store::open(&config.store_folder()).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    rebuild_and_compare(&store.snapshot(), &scratch.path().join("s"), &mut Pace::full()).unwrap();
    drop(store);
    let running = Server::start(config.clone()).await.unwrap();
    let (mut socket, welcome) = device.connect(running.addr()).await;
    assert!(welcome.accepted_seq >= acked, "{} of {acked} are there", welcome.accepted_seq);
    if welcome.accepted_seq < Seq(device.next_seq.0 - 1) {
        device.push_from(&mut socket, welcome.accepted_seq.next()).await;
        let taken = answer(&mut socket).await;
        assert_eq!(taken, Some(Ok(Seq(device.next_seq.0 - 1))));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_refused_before_the_disk_is_full_and_taken_again_when_there_is_room() {
    let Some(disk) = Disk::of(400) else { return };
    let (config, running, mut device) = company_on(&disk, 64 << 20).await;
    let boss = sign_in(&running, "boss", PASSWORD).await;
    let (mut socket, _welcome) = device.connect(running.addr()).await;
    let (body, document) = receive(1);
    device.push(&mut socket, &body, document.clone()).await;
    assert_eq!(answer(&mut socket).await, Some(Ok(Seq(1))));
    disk.fill_up_to(32 << 20);
    let mut refusing = running.app().storage().refusing();
    refusing.wait_for(|refusing| *refusing).await.unwrap();
    device.push(&mut socket, &body, document).await;
    assert_eq!(answer(&mut socket).await, Some(Err(FaultCode::STORAGE)), "refused, to be retried");
    let bin = json!({"put_bin": {"location": "MAIN", "bin": "B-07"}});
    let refused = boss.post("/api/v1/commands", &bin).await;
    assert_eq!((refused.status, refused.code().as_str()), (507, "storage_full"));
    assert!(boss.get("/now").await.body.contains("The disk is nearly full"));
    assert_eq!(boss.get("/readyz").await.status, 200, "what is there is served");
    std::fs::remove_file(disk.filler()).unwrap();
    refusing.wait_for(|refusing| !*refusing).await.unwrap();
    let (mut socket, welcome) = device.connect(running.addr()).await;
    assert_eq!(welcome.accepted_seq, Seq(1));
    device.push_from(&mut socket, Seq(2)).await;
    assert_eq!(answer(&mut socket).await, Some(Ok(Seq(2))));
    assert_eq!(boss.post("/api/v1/commands", &bin).await.status, 200);
    assert_eq!(running.stop().await, Health::Stopped);
    nothing_is_lost(&config, &mut device, Seq(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_all_the_same_loses_nothing_that_was_acknowledged() {
    let Some(disk) = Disk::of(400) else { return };
    let (config, running, mut device) = company_on(&disk, 0).await;
    let (mut socket, _welcome) = device.connect(running.addr()).await;
    disk.fill_up_to(1 << 20);
    let acked = push_until_it_fails(&mut device, &mut socket).await;
    assert!(acked > Seq(0), "some were taken before");
    assert!(matches!(running.ended().await, Health::Failed(_)), "it stops, and never retries");
    running.stop().await;
    drop(socket);
    std::fs::remove_file(disk.filler()).unwrap();
    nothing_is_lost(&config, &mut device, acked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_answers_with_errors_stops_the_server_and_loses_nothing() {
    let Some(disk) = Disk::that_fails(400, 96) else { return };
    let (config, running, mut device) = company_on(&disk, 0).await;
    let (mut socket, _welcome) = device.connect(running.addr()).await;
    // What lies under the disk is full: the next blocks that it has never written are errors.
    fill(&disk.under().join("filler"), 1 << 20);
    let acked = push_until_it_fails(&mut device, &mut socket).await;
    assert!(matches!(running.ended().await, Health::Failed(_)));
    running.stop().await;
    drop(socket);
    disk.unmount();
    std::fs::remove_file(disk.under().join("filler")).unwrap();
    let under = disk.under();
    assert!(done("mount", &["-o", "remount,size=600m", under.to_str().unwrap()]));
    assert!(disk.mount(), "the disk is whole again");
    nothing_is_lost(&config, &mut device, acked).await;
}

/// Fills what is under a disk, all but `left` bytes.
fn fill(file: &Path, left: u64) {
    use std::io::Write as _;
    let mut filler = std::fs::File::create(file).unwrap();
    let block = vec![7; 64 << 10];
    let folder = file.parent().unwrap();
    while rustix::fs::statvfs(folder)
        .is_ok_and(|known| known.f_bavail * known.f_frsize > left + block.len() as u64)
    {
        filler.write_all(&block).unwrap();
    }
}
