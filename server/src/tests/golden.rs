//! Data folders and backups of every format so far, opened by this release. They are never made
//! again: a release that changes the format adds its own (`UPDATE=1 cargo test -p server golden`),
//! and keeps those of all before it.

use std::collections::BTreeMap;
use std::path::Path;

use ledger::key::KeyRange;
use ledger::schema::book::Outcomes;
use ledger::tables::Read as _;
use protocol::frame::Frame;
use protocol::identity::ServerTime;
use protocol::operation::{Body, Unidentified};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::device::{invitation, receive};
use super::house::{House, PASSWORD, all_is_judged, sign_in};
use super::socket::TestDevice;
use crate::backup::check::check;
use crate::backup::files::System;
use crate::backup::restore::restore;
use crate::backup::run::{Job, run};
use crate::config::Config;
use crate::server::Server;
use crate::store::{STORE_FORMAT, Store};
use crate::verify::chain;
use crate::verify::digest::Pace;
use crate::verify::rebuild_and_compare;

/// A file of the golden folder.
fn golden(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The first format whose release made backups.
const FIRST_BACKUP: u32 = 2;

/// What is in the folders of one format.
fn facts_of(format: u32) -> Facts {
    serde_json::from_slice(&golden(&format!("facts-{format}.json"))).unwrap()
}

/// What is in a golden folder, and must be in it for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Facts {
    intake: String,
    change: String,
    outcomes: BTreeMap<String, usize>,
    stock: Vec<(String, String, String)>,
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
    let bytes = zstd::bulk::decompress(bytes, 1 << 30).unwrap();
    let files: Vec<(String, ByteBuf)> = rmp_serde::from_slice(&bytes).unwrap();
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content.into_vec()).unwrap();
    }
}

/// A company with something of everything: answered, changed, parked, of a later release.
async fn make(folder: &Path, backup: &Path) -> Facts {
    let house = House::furnished().await;
    let addr = house.running.addr();
    let code = invitation(&house).await.code;
    let mut device = TestDevice::enrol(addr, code).await.unwrap();
    let (mut socket, _welcome) = device.connect(addr).await;
    let (body, document) = receive(7);
    device.push(&mut socket, &body, document.clone()).await;
    let (too_much, _document) = receive(500);
    device.push(&mut socket, &too_much, document).await;
    let Body::Receive(to) = &body else { panic!("it is a receipt") };
    let raw = "what is this?".to_owned();
    let found = Unidentified { place: to.to.clone(), raw, quantity: to.goods.quantity };
    device.push(&mut socket, &Body::Unidentified(found), None).await;
    device.push_of_later(&mut socket).await;
    let last = device.next_seq;
    let mut n_answered = 0;
    device_answers(&mut socket, &mut n_answered, usize::try_from(last.0 - 1).unwrap()).await;
    drop(socket);
    let House { folder: data, running, boss } = house;
    all_is_judged(&running).await;
    let stock = stock(&boss).await;
    running.stop().await;
    let config = Config::local(data.path());
    let store = Store::open(&config.store_folder()).unwrap();
    let job = Job {
        folder: backup.to_owned(),
        data: data.path().to_owned(),
        server: [5; 16],
        snapshot: store.snapshot(),
        files: System::shared(),
        at: ServerTime(1_795_435_450_000_000),
        full: true,
    };
    run(&job, &mut Pace::full()).unwrap();
    let facts = facts(&store, stock);
    drop((job, store));
    super::backup::copy(data.path(), folder);
    facts
}

async fn device_answers(socket: &mut super::socket::Socket, n: &mut usize, wanted: usize) {
    socket.send(&Frame::Subscribe(protocol::frame::Subscribe { cursor: None })).await;
    while *n < wanted {
        let (frame, _body) = socket.next().await.expect("the connection lives");
        if let Frame::Ack(ack) = frame {
            *n = usize::try_from(ack.accepted_seq.0).unwrap();
        }
    }
}

async fn stock(boss: &super::http::Client) -> Vec<(String, String, String)> {
    let page = boss.get("/api/v1/stock?location=MAIN&limit=100").await.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let rows = page["rows"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["bin"]), text(&row["item"]), text(&row["quantity"]))).collect()
}

fn facts(store: &Store, stock: Vec<(String, String, String)>) -> Facts {
    let chains = chain::walk(&store.snapshot(), &[]).unwrap();
    let text = |link: Option<chain::Link>| {
        let link = link.expect("the logs are not empty");
        format!("{}:{}", link.no, link.hash)
    };
    let mut outcomes = BTreeMap::new();
    for (_id, row) in store.list::<Outcomes>(&KeyRange::all()) {
        *outcomes.entry(format!("{:?}", row.outcome.decision)).or_insert(0) += 1;
    }
    Facts { intake: text(chains.intake), change: text(chains.change), outcomes, stock }
}

/// Opens a folder of an older format, and holds it against what was in it.
async fn open_and_compare(data: &Path, facts: &Facts) {
    let config = Config::local(data);
    let store = Store::open(&config.store_folder()).unwrap();
    let format = std::fs::read_to_string(config.store_folder().join("format")).unwrap();
    assert_eq!(format.trim(), STORE_FORMAT.to_string(), "it was migrated");
    let scratch = data.join("scratch");
    rebuild_and_compare(&store.snapshot(), &scratch, &mut Pace::full()).unwrap();
    let witness = |text: &str| {
        let (no, hash) = text.split_once(':').unwrap();
        let hash = protocol::identity::Hash16(crate::secret::from_hex(hash).unwrap());
        (protocol::identity::IntakeNo(no.parse().unwrap()), hash)
    };
    let chains = chain::walk(&store.snapshot(), &[witness(&facts.intake)]).unwrap();
    assert_eq!(chains.witnesses, [chain::Witnessed::Agrees], "the audit trail is the same");
    let mut outcomes = BTreeMap::new();
    for (_id, row) in store.list::<Outcomes>(&KeyRange::all()) {
        *outcomes.entry(format!("{:?}", row.outcome.decision)).or_insert(0_usize) += 1;
    }
    for (decision, n) in &facts.outcomes {
        assert!(outcomes.get(decision) >= Some(n), "{decision}: {outcomes:?}");
    }
    drop(store);
    let running = Server::start(config).await.unwrap();
    let boss = sign_in(&running, "boss", PASSWORD).await;
    assert_eq!(stock(&boss).await, facts.stock);
    let bin = serde_json::json!({"put_bin": {"location": "MAIN", "bin": "NEW"}});
    assert_eq!(boss.post("/api/v1/commands", &bin).await.status, 200, "and it goes on");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_of_every_format_so_far_is_opened_and_replayed() {
    for format in 1..=STORE_FORMAT {
        let folder = tempfile::tempdir().unwrap();
        unpack(&golden(&format!("store-{format}.pack")), folder.path());
        let found = std::fs::read_to_string(folder.path().join("store/format")).unwrap();
        assert_eq!(found.trim(), format.to_string());
        open_and_compare(folder.path(), &facts_of(format)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_every_format_so_far_is_proved_and_restored() {
    for format in FIRST_BACKUP..=STORE_FORMAT {
        let folder = tempfile::tempdir().unwrap();
        let backup = golden(&format!("backup-{format}.pack"));
        unpack(&backup, &folder.path().join("backup"));
        let checked = check(&folder.path().join("backup"), &folder.path().join("scratch")).unwrap();
        let n_comparable = u64::from(format == STORE_FORMAT);
        assert_eq!(checked.n_checkpoints, n_comparable, "digests are of one format");
        for (n, rebuild) in [false, true].into_iter().enumerate() {
            let target = Config::local(&folder.path().join(format!("new-{n}")));
            restore(&folder.path().join("backup"), &target, rebuild).await.unwrap();
            open_and_compare(&target.folder, &facts_of(format)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_golden_folder_of_this_format_opens_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));
    let facts = make(&data, &backup).await;
    assert!(facts.outcomes.len() >= 2, "it has something of everything: {facts:?}");
    if std::env::var_os("UPDATE").is_some() {
        let format = std::env::var("FORMAT").unwrap_or_else(|_unset| STORE_FORMAT.to_string());
        std::fs::write(data.join("store/format"), format!("{format}\n")).unwrap();
        std::fs::write(backup.join("rows/format"), format!("{format}\n")).unwrap();
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        std::fs::create_dir_all(&golden).unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(golden.join(name), bytes).unwrap();
        write(&format!("store-{format}.pack"), &pack(&data));
        write(&format!("backup-{format}.pack"), &pack(&backup));
        let text = serde_json::to_string_pretty(&facts).unwrap();
        write(&format!("facts-{format}.json"), format!("{text}\n").as_bytes());
    }
    let again = folder.path().join("again");
    unpack(&pack(&data), &again);
    open_and_compare(&again, &facts).await;
}
