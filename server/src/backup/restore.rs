//! A company put back from its backup.
//!
//! 1. The store appears in the data folder whole, or not at all.
//! 2. It begins a new generation before it serves anybody: a file beside the store says that it
//!    must, until the decision is in the book. Devices see the new generation, and offer again
//!    everything that the backup does not have.
//! 3. Devices that joined after the backup are unknown here: they keep everything, are enrolled
//!    again, and offer it under their new number. Numbers that the lost log may have given to
//!    devices are not given again.

use std::path::Path;
use std::sync::Arc;

use ledger::draft::Draft;
use ledger::key::KeyRange;
use ledger::schema::book::{Companies, Heads, Intakes, Origin};
use ledger::schema::identity::{DeviceState, Devices};
use ledger::tables::{Read as _, Tables};
use protocol::identity::{DeviceId, Incarnation, IntakeNo, Lsn, Seq, ServerTime};
use serde::{Deserialize, Serialize};
use server_core::identity::command::MachineCommand;
use server_core::intake::IntakeHead;
use server_core::intake::command::{Command, CommandOrigin};
use server_core::poster::rebuild::Fold;
use server_core::schema::{Links, SafePoint, SafePoints, Streams};

use super::BackupError;
use super::check::fold_file;
use super::documents;
use super::files::{Files, System, make_folders, write_private};
use super::folder::Folder;
use super::segment::Segment;
use crate::config::Config;
use crate::runtime::{Company, Judged, SubmitError};
use crate::store::Store;

/// The file that says that a new generation is to begin.
const BEGIN: &str = "begin-generation.json";
/// Operations of desks that the report lists, the newest ones.
const DESK_ROWS: usize = 20;
/// Records that are looked at for them.
const DESK_EXAMINED: u64 = 10_000;

/// What a restored company holds, and what is still to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// Its name.
    pub company: String,
    /// The generation that begins with it.
    pub epoch: u32,
    /// The last decision in the backup.
    pub lsn: u64,
    /// The last operation in the backup.
    pub intake: u64,
    /// When that was received: what came in later is in no file, and comes from the devices.
    pub received: ServerTime,
    /// When the backup was proved last.
    pub proved: ServerTime,
    /// Whether every table was made again from the records; else the snapshot was taken over.
    pub rebuilt: bool,
    /// What each device has to offer again.
    pub devices: Vec<DeviceRecovery>,
    /// The last operations of desks and imports, the newest first: what was entered after them is
    /// lost, because no device knows it, and has to be entered or imported again.
    pub desk: Vec<DeskOperation>,
}

/// What is known of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceRecovery {
    /// The device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Its newest incarnation in the backup.
    pub incarnation: Incarnation,
    /// Its last operation in the backup: it offers again what comes after.
    pub accepted: Seq,
    /// When that was received; none when it has sent nothing.
    pub received: Option<ServerTime>,
}

/// An operation of a desk or an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeskOperation {
    /// Its number.
    pub intake: IntakeNo,
    /// Who.
    pub user: String,
    /// When.
    pub received: ServerTime,
    /// What, in one word.
    pub kind: String,
    /// The numbers of the documents that it was about.
    pub documents: Vec<String>,
}

/// What is to be done when the store is opened.
#[derive(Debug, Serialize, Deserialize)]
struct Begin {
    fork: u64,
    /// The generation is at least this one when it has begun.
    epoch: u32,
    backup_at_us: i64,
}

/// Puts the company in the backup `from` into the data folder of `config`, with a new generation.
/// The snapshot of the folder is taken over where it is whole; with `rebuild` every table is made
/// again from the records.
///
/// # Errors
///
/// [`BackupError`]; the data folder has no company then.
pub async fn restore(from: &Path, config: &Config, rebuild: bool) -> Result<Recovery, BackupError> {
    let recovery = put_back(from, config, (rebuild, System::shared()))?;
    let opened = crate::open::open(config).await?;
    let company = opened.runtime.company().snapshot().row::<Companies>(&());
    let epoch = company.map_or(recovery.epoch, |company| company.epoch.0);
    opened.runtime.stop().await;
    Ok(Recovery { epoch, ..recovery })
}

/// The first half of [`restore`], on this file system: the company is in the data folder, and whoever
/// opens it begins the new generation.
///
/// # Errors
///
/// As [`restore`].
pub fn put_back(
    from: &Path,
    config: &Config,
    (rebuild, files): (bool, Arc<dyn Files>),
) -> Result<Recovery, BackupError> {
    let target = config.store_folder();
    if target.exists() {
        return Err(BackupError::Occupied { path: target });
    }
    let folder = Folder::find_with(from, Arc::clone(&files))?;
    make_folders(files.as_ref(), &config.folder)
        .map_err(|source| BackupError::file(&config.folder, source))?;
    let part = config.folder.join("store.part");
    remove(&folder, &part)?;
    let rebuilt = rebuild || !take_rows(&folder, &part)?;
    let store = Store::open(&part)?;
    fold_rest(&folder, &store)?;
    let recovery = finish(&folder, &store, rebuilt)?;
    drop(store);
    folder.give_secrets(&config.folder)?;
    let begin =
        Begin { fork: recovery.lsn, epoch: recovery.epoch, backup_at_us: recovery.received.0 };
    let file = config.folder.join(BEGIN);
    let bytes = serde_json::to_vec_pretty(&begin).expect("numbers are JSON");
    write_private(files.as_ref(), &file, &bytes)
        .map_err(|source| BackupError::file(&file, source))?;
    // It is known that a generation is to begin before there is a store that could begin it.
    folder.sync(&config.folder)?;
    files.rename(&part, &target).map_err(|source| BackupError::file(&target, source))?;
    folder.sync(&config.folder)?;
    Ok(recovery)
}

/// Begins the generation that a restored store must begin, if it has not begun it.
pub(crate) async fn begin_if_due(data: &Path, company: &Company) -> Result<(), SubmitError> {
    let file = data.join(BEGIN);
    let Some(begin) = std::fs::read(&file).ok().and_then(|bytes| read_begin(&bytes)) else {
        return Ok(());
    };
    let present = company.snapshot().row::<Companies>(&()).map_or(1, |row| row.epoch.0);
    if present < begin.epoch {
        let raw = MachineCommand::BeginEpoch {
            fork: Lsn(begin.fork),
            backup_at: Some(ServerTime(begin.backup_at_us)),
        }
        .encode();
        let command = Command { origin: CommandOrigin::System, raw, local_date: None };
        company.submit(command).await.and_then(Judged::granted)?;
    }
    // It is in the book now; a file that stays is found to be done at the next start.
    if let Err(error) = std::fs::remove_file(&file) {
        tracing::warn!(%error, "the file that asked for a new generation remains");
    }
    Ok(())
}

fn read_begin(bytes: &[u8]) -> Option<Begin> {
    serde_json::from_slice(bytes).ok()
}

fn remove(folder: &Folder, path: &Path) -> Result<(), BackupError> {
    if path.exists() {
        folder.files().remove_folder(path).map_err(|source| BackupError::file(path, source))?;
    }
    Ok(())
}

/// Takes the snapshot of the folder over, if it opens and stands where the last proof was.
fn take_rows(folder: &Folder, part: &Path) -> Result<bool, BackupError> {
    let Some(verified) = folder.verified()? else { return Ok(false) };
    if !folder.rows().exists() {
        return Ok(false);
    }
    folder
        .files()
        .copy_folder(&folder.rows(), part)
        .map_err(|source| BackupError::file(part, source))?;
    let is_whole = Store::open(part).is_ok_and(|store| {
        let fold = Fold::of(&store);
        let hash = |no: u64| store.row::<Intakes>(&IntakeNo(no)).map(|row| row.hash.to_string());
        fold.intake.0 >= verified.to.intake
            && fold.head.lsn.0 >= verified.to.lsn
            && hash(verified.to.intake).unwrap_or_default() == verified.to.intake_hash
            && store.check().is_ok()
    });
    if !is_whole {
        remove(folder, part)?;
    }
    Ok(is_whole)
}

fn fold_rest(folder: &Folder, store: &Store) -> Result<(), BackupError> {
    let verified = folder.verified()?;
    let has = Fold::of(store).intake.0;
    let known = verified.filter(|verified| has > 0 && has >= verified.to.intake);
    let (mut number, mut previous) =
        known.map_or((0, String::new()), |verified| (verified.number, verified.sha256));
    let last = folder.numbers()?;
    while number < last {
        number += 1;
        previous = fold_file(folder, (number, &previous), store, false)?.sha256;
    }
    store.sync()?;
    Ok(())
}

/// Adds what is no part of the book, and says what there is.
fn finish(folder: &Folder, store: &Store, rebuilt: bool) -> Result<Recovery, BackupError> {
    let head = IntakeHead::of(store);
    if folder.conversation().exists() {
        store.apply(&Segment::read(&folder.conversation())?.rows)?;
    }
    super::photos::give(folder, store)?;
    let proved = folder.verified()?.map_or(ServerTime(0), |verified| ServerTime(verified.at_us));
    let mut draft = Draft::over(store);
    draft.put::<SafePoints>(&(), SafePoint { intake: head.no, at: proved });
    let changes = draft.finish();
    store.apply(&changes)?;
    let company = store.row::<Companies>(&());
    let company =
        company.ok_or_else(|| BackupError::damaged(folder.path(), "it holds no company"))?;
    Ok(Recovery {
        company: company.name.clone(),
        epoch: company.epoch.next().0,
        lsn: store.row::<Heads>(&()).map_or(0, |head| head.lsn.0),
        intake: head.no.0,
        received: head.received,
        proved,
        rebuilt,
        devices: devices(store),
        desk: desk(store, head.no),
    })
}

fn devices(tables: &dyn Tables) -> Vec<DeviceRecovery> {
    let known = tables.list::<Devices>(&KeyRange::all());
    let known = known.into_iter().filter(|(_id, device)| device.state != DeviceState::Revoked);
    known
        .map(|(id, device)| {
            let incarnation = device.incarnation;
            let stream = tables.row::<Streams>(&(id, incarnation));
            let accepted = stream.map_or(Seq(0), |stream| stream.accepted);
            let link = tables.row::<Links>(&(id, incarnation, accepted));
            let intake = link.and_then(|link| tables.row::<Intakes>(&link.intake));
            DeviceRecovery {
                device: id,
                name: device.name.clone(),
                incarnation,
                accepted,
                received: intake.map(|intake| intake.received),
            }
        })
        .collect()
}

fn desk(tables: &dyn Tables, last: IntakeNo) -> Vec<DeskOperation> {
    let lowest = last.0.saturating_sub(DESK_EXAMINED);
    let rows = (lowest..=last.0).rev().filter_map(|no| {
        let intake = tables.row::<Intakes>(&IntakeNo(no))?;
        let user = match &intake.origin {
            Origin::Desk { user, .. } | Origin::Import { user } => user.to_string(),
            Origin::Device { .. } | Origin::System => return None,
        };
        let command = ledger::command::Command::decode(&intake.raw);
        let (kind, documents) = match &command {
            Ok(command) => (command.name().to_owned(), documents::documents(command)),
            Err(_other) => ("machine".to_owned(), Vec::new()),
        };
        let received = intake.received;
        Some(DeskOperation { intake: IntakeNo(no), user, received, kind, documents })
    });
    rows.take(DESK_ROWS).collect()
}
