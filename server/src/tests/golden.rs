//! Data folders and backups of every format so far, opened by this release. They are never made
//! again: a release that changes the format adds its own (`UPDATE=1 cargo test -p server golden`),
//! and keeps those of all before it.

mod day;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use ledger::key::KeyRange;
use ledger::schema::book::Outcomes;
use ledger::tables::{Read as _, TableId, Tables as _};
use protocol::identity::ServerTime;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::Value;
use server_core::schema::{APART, all_tables};

use super::house::{House, PASSWORD, sign_in};
use super::http::Client;
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
    /// None up to format 4: those folders are of imports and receipts only.
    #[serde(default)]
    depth: Option<Depth>,
    /// The tables of the book without a row: a new table is filled by [`day`], or shows up here.
    #[serde(default)]
    bare: Vec<String>,
}

/// What goods cost, what was posted to accounts, what was decided, and a photo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Depth {
    /// Item, cost invoiced, cost expected.
    worth: Vec<(String, String, String)>,
    /// Account, balance.
    accounts: Vec<(String, String)>,
    /// Case, choice.
    decided: Vec<(u64, String)>,
    photo: String,
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

/// A company of this format in a folder, with its backup, and what is in them.
async fn make(folder: &Path, backup: &Path) -> Facts {
    let House { folder: data, running, boss } = day::played().await;
    let (stock, depth) = (stock(&boss).await, depth(&boss).await);
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
    let facts = facts(&store, stock, depth);
    drop((job, store));
    super::backup::copy(data.path(), folder);
    facts
}

/// The tables of the book that have no row.
fn bare(store: &Store) -> Vec<String> {
    let is_bare = |table: TableId| {
        let mut is_bare = true;
        store.scan(table, &KeyRange::all(), false, &mut |_key, _record| {
            is_bare = false;
            ControlFlow::Break(())
        });
        is_bare
    };
    let of_book = all_tables().into_iter().filter(|(table, _name)| !APART.contains(table));
    let tables = of_book.filter(|(table, _name)| is_bare(*table));
    tables.map(|(_table, name)| name.to_owned()).collect()
}

async fn stock(boss: &super::http::Client) -> Vec<(String, String, String)> {
    let page = boss.get("/api/v1/stock?location=MAIN&limit=100").await.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let rows = page["rows"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["bin"]), text(&row["item"]), text(&row["quantity"]))).collect()
}

/// The figures that only money, decisions and photos have.
async fn depth(boss: &Client) -> Depth {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut worth = Vec::new();
    for item in ["BOLT", "DRILL", "KIT", "MILK", "NUT"] {
        let value = boss.get(&format!("/api/v1/items/{item}/value")).await.json();
        worth.push((item.to_owned(), text(&value["cost_actual"]), text(&value["cost_expected"])));
    }
    let accounts = boss.get("/api/v1/ledger/accounts?until=2099-12-31").await.json();
    let rows = accounts.as_array().unwrap().iter();
    let accounts = rows.map(|row| (text(&row["account"]), text(&row["balance"]))).collect();
    let cases = boss.get("/api/v1/cases?all=true&limit=100").await.json();
    let rows = cases["rows"].as_array().unwrap().iter().filter(|row| row["state"] == "decided");
    let decided = rows.map(|row| (row["case"].as_u64().unwrap(), text(&row["choice"]))).collect();
    let photo = boss.get(&day::picture()).await;
    assert_eq!(photo.status, 200, "{photo:?}");
    Depth { worth, accounts, decided, photo: photo.body }
}

fn facts(store: &Store, stock: Vec<(String, String, String)>, depth: Depth) -> Facts {
    let chains = chain::walk(&store.snapshot(), &[]).unwrap();
    let text = |link: Option<chain::Link>| {
        let link = link.expect("the logs are not empty");
        format!("{}:{}", link.no, link.hash)
    };
    let mut outcomes = BTreeMap::new();
    for (_id, row) in store.list::<Outcomes>(&KeyRange::all()) {
        *outcomes.entry(format!("{:?}", row.outcome.decision)).or_insert(0) += 1;
    }
    let (intake, change) = (text(chains.intake), text(chains.change));
    Facts { intake, change, outcomes, stock, depth: Some(depth), bare: bare(store) }
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
    if let Some(known) = &facts.depth {
        assert_eq!(depth(&boss).await, *known);
    }
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
    assert_eq!(facts.outcomes.len(), 3, "accepted, changed and parked: {facts:?}");
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
    let known = facts_of(STORE_FORMAT).bare;
    let bare: Vec<_> = facts.bare.iter().filter(|name| !known.contains(name)).collect();
    assert!(
        bare.is_empty(),
        "the folder that is kept has rows of {bare:?}, or was made before them"
    );
    let again = folder.path().join("again");
    unpack(&pack(&data), &again);
    open_and_compare(&again, &facts).await;
}
