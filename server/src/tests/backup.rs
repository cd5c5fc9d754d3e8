//! Backups of a company at work, proved, damaged, refused, restored.

use std::path::{Path, PathBuf};

use ledger::draft::Draft;
use ledger::schema::book::{ChangesTable, Companies, Counters, Heads, Intake, Intakes};
use ledger::tables::Read as _;
use protocol::frame::beside::{BlobPut, BlobState};
use protocol::frame::{Frame, Resume};
use protocol::identity::{Incarnation, IntakeNo, Lsn, Seq, ServerEpoch, ServerTime};
use protocol::operation::{Attach, AttachmentKind, Body, MediaType};
use serde_bytes::ByteBuf;
use serde_json::json;
use server_core::identity::command::MachineCommand;
use server_core::intake::IntakeHead;
use server_core::intake::command::{Command, CommandOrigin};
use server_core::poster::rebuild::BookFault;
use server_core::session::beside::blob;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::device::{invitation, receive};
use super::house::{House, PASSWORD, all_is_judged, files, sign_in};
use super::http::Client;
use super::socket::{Socket, TestDevice};
use crate::backup::check::check;
use crate::backup::files::System;
use crate::backup::folder::verified_in;
use crate::backup::request::{Asked, ask};
use crate::backup::restore::restore;
use crate::backup::run::{Done, Job, run};
use crate::backup::{BackupError, Schedule};
use crate::config::Config;
use crate::server::Server;
use crate::store::Store;
use crate::verify::chain::{self, Witnessed};
use crate::verify::digest::Pace;
use crate::verify::{VerifyError, compare, rebuild_and_compare};

const NOW: ServerTime = ServerTime(1_795_435_450_000_000);

/// A company that stands still, with its files.
struct Still {
    folder: TempDir,
    second: TempDir,
}

impl Still {
    async fn furnished() -> Self {
        let House { folder, running, boss } = House::furnished().await;
        drop(boss);
        running.stop().await;
        Self { folder, second: tempfile::tempdir().unwrap() }
    }

    fn config(&self) -> Config {
        Config::local(self.folder.path())
    }

    fn store(&self) -> Store {
        Store::open(&self.config().store_folder()).unwrap()
    }

    fn backup(&self) -> PathBuf {
        self.second.path().join("backup")
    }

    fn job(&self, store: &Store, full: bool) -> Job {
        Job {
            folder: self.backup(),
            data: self.folder.path().to_owned(),
            server: [5; 16],
            snapshot: store.snapshot(),
            files: System::shared(),
            at: NOW,
            full,
        }
    }

    fn run(&self, full: bool) -> Result<Done, BackupError> {
        run(&self.job(&self.store(), full), &mut Pace::full())
    }

    /// More work: the same files again, which change nothing but are decided and recorded.
    async fn work(&self) {
        let running = Server::start(self.config()).await.unwrap();
        let boss = sign_in(&running, "boss", PASSWORD).await;
        let bin = json!({"put_bin": {"location": "MAIN", "bin": "B-01"}});
        assert_eq!(boss.post("/api/v1/commands", &bin).await.status, 200);
        let close = json!({"set_document_status":
            {"kind": "purchase_order", "no": "PO-1", "status": "closed"}});
        assert_eq!(boss.post("/api/v1/commands", &close).await.status, 200);
        running.stop().await;
    }
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("book-"))
        .collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_holds_what_the_store_holds_and_grows_by_what_is_new() {
    let still = Still::furnished().await;
    let first = still.run(false).unwrap();
    assert!(first.n_records >= 8 && first.n_files == 1, "{first:?}");
    assert_eq!(first.safe(), IntakeHead::of(&still.store()).no);
    let nothing = still.run(false).unwrap();
    assert_eq!((nothing.n_records, nothing.n_files), (0, 0), "nothing is new");
    still.work().await;
    let more = still.run(false).unwrap();
    assert!(more.n_records > 0 && more.n_records < first.n_records, "{more:?}");
    assert!(more.n_rows_compared > 0 && !more.full, "only what is new was compared");
    let full = still.run(true).unwrap();
    assert!(full.full && full.n_rows_compared > first.n_records);
    let checked = check(&still.backup(), &still.second.path().join("scratch")).unwrap();
    assert_eq!((checked.n_files, checked.n_checkpoints), (2, 1));
    assert_eq!(checked.n_records, first.n_records + more.n_records);
    assert_eq!(verified_in(&still.backup()).unwrap().to, full.verified.to);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_what_its_book_makes_and_a_changed_row_is_found() {
    let still = Still::furnished().await;
    let store = still.store();
    let scratch = still.second.path().join("scratch");
    let verified = rebuild_and_compare(&store.snapshot(), &scratch, &mut Pace::full()).unwrap();
    assert!(verified.digests.n_rows() > 100);
    assert!(!scratch.exists(), "nothing is left of it");
    assert_eq!(compare(&store, &store, &mut Pace::full()).unwrap(), verified.digests);
    let mut draft = Draft::over(&store);
    draft.put::<Counters>(&1, 999_999);
    store.apply(&draft.finish()).unwrap();
    let error = rebuild_and_compare(&store.snapshot(), &scratch, &mut Pace::full()).unwrap_err();
    assert!(matches!(error, VerifyError::Differs { table: "counter", .. }), "{error}");
    let error = run(&still.job(&store, true), &mut Pace::full()).unwrap_err();
    assert!(matches!(error, BackupError::Verify(VerifyError::Differs { .. })), "{error}");
    assert_eq!(verified_in(&still.backup()), None, "nothing is proved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_found_and_written_again_by_the_next_run() {
    let still = Still::furnished().await;
    still.run(true).unwrap();
    let file = files_of(&still.backup()).remove(0);
    let whole = std::fs::read(&file).unwrap();
    for at in [0, 20, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&file, &bytes).unwrap();
        let error = check(&still.backup(), &still.second.path().join("scratch")).unwrap_err();
        assert!(matches!(error, BackupError::Damaged { .. }), "byte {at}: {error}");
    }
    std::fs::write(&file, &whole[..whole.len() - 9]).unwrap();
    std::fs::remove_file(still.backup().join("verified.json")).unwrap();
    still.run(false).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), whole, "the same records make the same file");
    check(&still.backup(), &still.second.path().join("scratch")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_lost_or_broken_is_made_again_from_the_records() {
    let still = Still::furnished().await;
    still.run(false).unwrap();
    let rows = still.backup().join("rows");
    std::fs::remove_dir_all(&rows).unwrap();
    assert!(still.run(false).unwrap().n_rows_compared > 0);
    let store = Store::open(&rows).unwrap();
    let mut draft = Draft::over(&store);
    draft.put::<Counters>(&1, 999_999);
    store.apply(&draft.finish()).unwrap();
    drop(store);
    assert!(still.run(true).is_ok(), "it was the snapshot that was wrong, and it is mended");
    check(&still.backup(), &still.second.path().join("scratch")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_another_server_and_a_later_format_are_refused() {
    let still = Still::furnished().await;
    let before = still.second.path().join("before");
    copy(&still.config().store_folder(), &before);
    still.work().await;
    still.run(false).unwrap();
    let old = Store::open(&before).unwrap();
    let job = Job { snapshot: old.snapshot(), ..still.job(&still.store(), false) };
    let error = run(&job, &mut Pace::full()).unwrap_err();
    assert!(matches!(error, BackupError::OtherLog { .. }), "{error}");
    let store = still.store();
    let job = Job { server: [6; 16], ..still.job(&store, false) };
    let error = run(&job, &mut Pace::full()).unwrap_err();
    assert!(matches!(error, BackupError::OtherServer { .. }), "{error}");
    let manifest = still.backup().join("backup.json");
    let later =
        std::fs::read_to_string(&manifest).unwrap().replace("\"format\": 1", "\"format\": 9");
    std::fs::write(&manifest, later).unwrap();
    let error = run(&still.job(&store, false), &mut Pace::full()).unwrap_err();
    assert!(error.to_string().contains("install the release that wrote it"), "{error}");
    let target = Config::local(&still.second.path().join("new"));
    let error = restore(&still.backup(), &target, false).await.unwrap_err();
    assert!(matches!(error, BackupError::Newer { found: 9, .. }), "{error}");
    assert!(!target.store_folder().exists());
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_company_is_the_same_and_begins_a_new_generation() {
    let still = Still::furnished().await;
    still.work().await;
    let done = still.run(true).unwrap();
    for (n, rebuild) in [false, true].into_iter().enumerate() {
        let target = Config::local(&still.second.path().join(format!("new-{n}")));
        let recovery = restore(&still.backup(), &target, rebuild).await.unwrap();
        assert!(recovery.epoch > 1);
        assert_eq!(recovery.rebuilt, rebuild);
        assert_eq!(recovery.intake, done.verified.to.intake);
        let desk = |kind: &str| recovery.desk.iter().find(|row| row.kind == kind).unwrap();
        let none = Vec::<String>::new();
        assert_eq!((desk("put_bin").user.as_str(), &desk("put_bin").documents), ("boss", &none));
        assert_eq!(desk("set_document_status").documents, ["PO-1"], "to be looked up elsewhere");
        let restored = Store::open(&target.store_folder()).unwrap();
        assert_eq!(restored.row::<Companies>(&()).unwrap().epoch.0, recovery.epoch);
        let scratch = still.second.path().join("scratch");
        rebuild_and_compare(&restored.snapshot(), &scratch, &mut Pace::full()).unwrap();
        for name in ["server-id", "lease-secret"] {
            let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
            assert_eq!(read(&target.folder), read(still.folder.path()), "{name}");
        }
        let error = restore(&still.backup(), &target, rebuild).await.unwrap_err();
        assert!(matches!(error, BackupError::Occupied { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_was_cut_off_before_its_generation_begins_it_at_the_next_start() {
    let still = Still::furnished().await;
    still.run(false).unwrap();
    let target = Config::local(&still.second.path().join("new"));
    let first = restore(&still.backup(), &target, false).await.unwrap().epoch;
    // As if the process had died after the store was in place: the file is still there.
    let begin = json!({"fork": 1, "epoch": first + 1, "backup_at_us": 0}).to_string();
    std::fs::write(target.folder.join("begin-generation.json"), begin).unwrap();
    let running = Server::start(target.clone()).await.unwrap();
    let epoch = |running: &crate::server::Running| {
        running.app().company().snapshot().row::<Companies>(&()).unwrap().epoch
    };
    let second = epoch(&running);
    assert!(second > ServerEpoch(first));
    running.stop().await;
    assert!(!target.folder.join("begin-generation.json").exists());
    let again = Server::start(target).await.unwrap();
    assert_eq!(epoch(&again), second, "once");
    again.stop().await;
}

async fn scheduled() -> (House, TempDir) {
    let second = tempfile::tempdir().unwrap();
    let House { folder, running, boss: _ } = House::empty().await;
    running.stop().await;
    let schedule = Schedule::usual(second.path().join("backup"));
    let config = Config { backup: Some(schedule), ..Config::local(folder.path()) };
    let running = Server::start(config).await.unwrap();
    let boss = sign_in(&running, "boss", PASSWORD).await;
    let house = House { folder, running, boss };
    assert_eq!(house.import(&files(), false).await["done"], true);
    (house, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_may_forget_only_what_a_proved_backup_has_and_brings_the_rest_back() {
    let (house, second) = scheduled().await;
    let addr = house.running.addr();
    let mut device = TestDevice::enrol(addr, invitation(&house).await.code).await.unwrap();
    let (mut socket, welcome) = device.connect(addr).await;
    assert_eq!(welcome.safe_seq, Seq(0));
    let (body, document) = receive(2);
    for _n in 0..2 {
        device.push(&mut socket, &body, document.clone()).await;
        socket.wait(|frame| matches!(frame, Frame::Ack(_)).then_some(())).await;
    }
    assert_eq!(device.heartbeat(&mut socket).await.safe_seq, Seq(0), "acknowledged is not enough");
    let answer = house.boss.post("/api/v1/backup", &json!({"full": true})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.json()["proved"].is_i64() && answer.json()["failed"].is_null());
    assert_eq!(device.heartbeat(&mut socket).await.safe_seq, Seq(2));
    device.push(&mut socket, &body, document.clone()).await;
    let ack = socket
        .wait(|frame| match frame {
            Frame::Ack(ack) => Some(ack),
            _ => None,
        })
        .await;
    assert_eq!((ack.accepted_seq, ack.safe_seq), (Seq(3), Seq(2)));
    let page = house.boss.get("/now").await.body;
    assert!(page.contains("Last backup"), "the front page says how old the last backup is");
    drop(socket);
    house.running.stop().await;

    let target = Config::local(&second.path().join("new"));
    let recovery = restore(&second.path().join("backup"), &target, false).await.unwrap();
    assert_eq!(recovery.devices.len(), 1);
    assert_eq!(recovery.devices[0].accepted, Seq(2), "3 is to be offered again");
    let running = Server::start(target).await.unwrap();
    let (mut socket, welcome) = device.connect(running.addr()).await;
    assert_eq!((welcome.accepted_seq, welcome.safe_seq), (Seq(2), Seq(2)));
    assert_eq!(welcome.resume, Resume::Snapshot);
    device.push_from(&mut socket, Seq(3)).await;
    socket.wait(|frame| matches!(frame, Frame::Ack(_)).then_some(())).await;
    let boss = sign_in(&running, "boss", PASSWORD).await;
    all_is_judged(&running).await;
    let back = boss.get("/api/v1/recoveries").await.json();
    let company = running.app().company().snapshot().row::<Companies>(&()).unwrap();
    let epoch = json!(company.epoch.0);
    assert_eq!((&back[0]["epoch"], &back[0]["n_regained"]), (&epoch, &json!(1)), "{back}");
    let page = boss.get("/backup").await.body;
    assert!(page.contains("Restored from a backup") && page.contains("H-01"), "{page}");
    let stock = boss.get("/api/v1/stock?location=MAIN&bin=A-02").await.json();
    assert_eq!(stock["rows"][0]["quantity"], "6", "{stock}");
    running.stop().await;
}

/// Offers a part of a photo; how the server stands with it.
async fn offer(socket: &mut Socket, photo: &[u8], part: std::ops::Range<usize>) -> BlobState {
    let put = Frame::BlobPut(BlobPut {
        hash: ByteBuf::from(Sha256::digest(photo).to_vec()),
        length: u32::try_from(photo.len()).unwrap(),
        offset: u32::try_from(part.start).unwrap(),
        bytes: ByteBuf::from(photo[part].to_vec()),
    });
    socket.send(&put).await;
    let answered = socket.wait(|frame| match frame {
        Frame::BlobAck(ack) => Some(ack.state),
        _ => None,
    });
    answered.await
}

async fn acknowledged(socket: &mut Socket, seq: Seq) {
    let is_here = |frame| matches!(frame, Frame::Ack(ack) if ack.accepted_seq >= seq).then_some(());
    socket.wait(is_here).await;
}

fn attach(seq: Seq, photo: &[u8]) -> Body {
    Body::Attach(Attach {
        incarnation: Incarnation(1),
        seq,
        hash: ByteBuf::from(Sha256::digest(photo).to_vec()),
        length: u32::try_from(photo.len()).unwrap(),
        media: MediaType::Jpeg,
        kind: AttachmentKind::Photo,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_is_safe_when_a_proved_backup_has_it_and_comes_back_with_it() {
    let (house, second) = scheduled().await;
    let addr = house.running.addr();
    let mut device = TestDevice::enrol(addr, invitation(&house).await.code).await.unwrap();
    let (mut socket, _welcome) = device.connect(addr).await;
    let [early, late] = [3_u8, 4].map(|n| vec![n; 100_000]);
    let (body, document) = receive(2);
    let target = device.push(&mut socket, &body, document.clone()).await;
    device.push(&mut socket, &attach(target, &early), None).await;
    acknowledged(&mut socket, Seq(2)).await;
    all_is_judged(&house.running).await;
    assert_eq!(offer(&mut socket, &early, 0..60_000).await, BlobState::Wanted);
    assert_eq!(offer(&mut socket, &early, 60_000..100_000).await, BlobState::Complete);
    assert_eq!(offer(&mut socket, &early, 0..0).await, BlobState::Complete, "in no backup yet");
    let answer = house.boss.post("/api/v1/backup", &json!({"full": false})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(offer(&mut socket, &early, 0..0).await, BlobState::Safe);
    // Another one comes after the last backup.
    let attached = device.push(&mut socket, &attach(target, &late), None).await;
    acknowledged(&mut socket, attached).await;
    all_is_judged(&house.running).await;
    for part in [0..60_000, 60_000..100_000] {
        offer(&mut socket, &late, part).await;
    }
    assert_eq!(offer(&mut socket, &late, 0..0).await, BlobState::Complete);
    drop(socket);
    house.running.stop().await;

    let backup = second.path().join("backup");
    assert_eq!(check(&backup, &second.path().join("scratch")).unwrap().n_photos, 1);
    let target = Config::local(&second.path().join("new"));
    restore(&backup, &target, false).await.unwrap();
    let running = Server::start(target).await.unwrap();
    let kept = blob(&running.app().company().snapshot(), &Sha256::digest(&early).into());
    assert_eq!(kept.as_deref(), Some(&early[..]), "it came back with the backup");
    let (mut socket, _welcome) = device.connect(running.addr()).await;
    assert_eq!(offer(&mut socket, &early, 0..0).await, BlobState::Safe);
    assert_eq!(offer(&mut socket, &late, 0..0).await, BlobState::Unknown, "its operation is gone");
    device.push_from(&mut socket, attached).await;
    acknowledged(&mut socket, attached).await;
    all_is_judged(&running).await;
    assert_eq!(offer(&mut socket, &late, 0..60_000).await, BlobState::Wanted);
    assert_eq!(offer(&mut socket, &late, 60_000..100_000).await, BlobState::Complete);
    drop(socket);
    running.stop().await;

    let photos: Vec<_> = std::fs::read_dir(backup.join("photos")).unwrap().collect();
    let file = photos[0].as_ref().unwrap().path();
    std::fs::write(&file, b"something else").unwrap();
    let damaged = check(&backup, &second.path().join("scratch"));
    assert!(matches!(damaged, Err(BackupError::Damaged { .. })), "{damaged:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_fails_is_said_and_devices_forget_nothing() {
    let (house, second) = scheduled().await;
    house.boss.post("/api/v1/backup", &json!({})).await;
    // The folder is taken away, and a file stands in its place.
    let folder = second.path().join("backup");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    let bin = json!({"put_bin": {"location": "MAIN", "bin": "B-09"}});
    assert_eq!(house.boss.post("/api/v1/commands", &bin).await.status, 200, "work goes on");
    let answer = house.boss.post("/api/v1/backup", &json!({})).await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "backup_failed"));
    let last = IntakeHead::of(&house.running.app().company().snapshot()).no.0;
    let safe = house.boss.get("/api/v1/status").await.json()["safe"].as_u64();
    assert!(safe < Some(last), "what came after the last proof is not safe: {safe:?}");
    let shown = house.boss.get("/api/v1/backup").await.json();
    assert!(shown["failed"].is_i64() && shown["why"].is_string(), "{shown}");
    assert!(house.boss.get("/now").await.body.contains("The last run failed"));
    std::fs::remove_file(&folder).unwrap();
    let again = house.boss.post("/api/v1/backup", &json!({})).await;
    assert_eq!(again.status, 200, "{again:?}");
    house.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_may_ask_the_running_server_for_a_backup() {
    let (house, second) = scheduled().await;
    let data = house.folder.path().to_owned();
    let asked =
        Asked { id: "q1".to_owned(), folder: Some(second.path().join("other")), full: true };
    let patience = std::time::Duration::from_secs(120);
    let answer = tokio::task::spawn_blocking(move || ask(&data, &asked, patience)).await.unwrap();
    let answer = answer.unwrap();
    assert_eq!((answer.error, answer.full), (None, true));
    house.running.stop().await;
    check(&second.path().join("other"), &second.path().join("scratch")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scraper_sees_how_old_the_last_proved_backup_is_though_nothing_was_done_since() {
    let (house, folder) = scheduled().await;
    let age = || async {
        let shown = Client::new(house.running.addr()).get("/metrics").await.body;
        let value = |name: &str| {
            let line = shown.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            line.unwrap_or_else(|| panic!("no {name}: {shown}")).to_owned()
        };
        (value("tallyman_backup_age_seconds"), value("tallyman_backup_failed"))
    };
    let backup = json!({});
    assert_eq!(house.boss.post("/api/v1/backup", &backup).await.status, 200);
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(house.boss.post("/api/v1/backup", &backup).await.status, 200);
    let (aged, failed) = age().await;
    assert!(aged.parse::<f64>().unwrap() < 2.0, "it was proved a moment ago: {aged}");
    assert_eq!(failed, "0");
    // What stands in its way is told as well.
    let path = folder.path().join("backup");
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::write(&path, "no folder").unwrap();
    assert_eq!(house.boss.post("/api/v1/backup", &backup).await.status, 500);
    assert_eq!(age().await.1, "1");
    house.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_was_changed_or_cut_off_does_not_go_through_its_witnesses() {
    let still = Still::furnished().await;
    let store = still.store();
    let heads = chain::walk(&store, &[]).unwrap();
    let (intake, change) = (heads.intake.unwrap(), heads.change.unwrap());
    assert_eq!(intake.no, IntakeHead::of(&store).no.0);
    assert_eq!(change.no, store.row::<Heads>(&()).unwrap().lsn.0);
    let (last, hash) = (IntakeNo(intake.no), intake.hash);
    let other = protocol::identity::Hash16([1; 16]);
    let witnesses = [(last, hash), (last, other), (last.next(), hash)];
    let found = chain::walk(&store, &witnesses).unwrap().witnesses;
    assert_eq!(found, [Witnessed::Agrees, Witnessed::Differs, Witnessed::Beyond]);
    let mut draft = Draft::over(&store);
    let first = store.row::<Intakes>(&IntakeNo(1)).unwrap();
    let received = first.received.plus_us(1);
    draft.put::<Intakes>(&IntakeNo(1), Intake { received, ..(*first).clone() });
    store.apply(&draft.finish()).unwrap();
    let error = chain::walk(&store, &[]).unwrap_err();
    assert!(matches!(error, VerifyError::Book(BookFault::IntakeChain(IntakeNo(1)))), "{error}");
    let mut draft = Draft::over(&store);
    draft.put::<Intakes>(&IntakeNo(1), (*first).clone());
    draft.delete::<ChangesTable>(&Lsn(change.no));
    store.apply(&draft.finish()).unwrap();
    let error = chain::walk(&store, &[]).unwrap_err();
    assert!(matches!(error, VerifyError::Book(BookFault::ChangeMissing(_))), "the end is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_gaps_are_given_and_seen_at_the_desk() {
    let (house, _second) = scheduled().await;
    let addr = house.running.addr();
    let device = TestDevice::enrol(addr, invitation(&house).await.code).await.unwrap();
    let path = format!("/api/v1/devices/{}/order", device.device);
    let nonsense = house.boss.post(&path, &json!({"order": "explode"})).await;
    assert!(nonsense.status >= 400, "{nonsense:?}");
    let order = json!({"order": "drain_then_wipe"});
    assert_eq!(house.boss.post(&path, &order).await.status, 204);
    let sven = sign_in(&house.running, "sven", "another good password").await;
    assert_eq!(sven.post(&path, &order).await.status, 403, "a supervisor does not wipe");
    let page = house.boss.get(&format!("/devices/{}", device.device)).await.body;
    assert!(page.contains("Upload, then delete everything"), "{page}");
    assert!(page.contains("At the next contact"));
    assert_eq!(house.boss.get("/api/v1/gaps").await.json(), json!([]));
    let gap = MachineCommand::NoteGap {
        device: device.device,
        incarnation: device.incarnation,
        from: Seq(4),
        to: Seq(6),
    };
    let command = Command { origin: CommandOrigin::System, raw: gap.encode(), local_date: None };
    house.running.app().company().submit(command).await.unwrap();
    let shown = house.boss.get("/api/v1/gaps").await.json();
    assert_eq!((&shown[0]["from"], &shown[0]["to"]), (&json!(4), &json!(6)), "{shown}");
    assert!(house.boss.get("/now").await.body.contains("3 accepted operations are nowhere"));
    let lost = format!("/api/v1/gaps/{}/1/4/lost", device.device);
    assert_eq!(house.boss.post(&lost, &json!({})).await.status, 204);
    let shown = house.boss.get("/api/v1/gaps").await.json();
    assert!(shown[0]["declared"].is_i64(), "{shown}");
    assert!(house.boss.get("/backup").await.body.contains("Declared lost"));
    assert!(!house.boss.get("/now").await.body.contains("are nowhere"));
    house.running.stop().await;
}
