//! One run: what was recorded since the last one goes to the folder, is read back, and proved.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use ledger::draft::{Changes, Overlay};
use ledger::key::{KeyBytes, KeyRange};
use ledger::schema::book::{Change, ChangesTable, Head, Heads, Intake, Intakes, Origin};
use ledger::tables::{Read as _, Table as _, TableId, Tables, each_of};
use protocol::identity::{Hash16, IntakeNo, Lsn, ServerTime};
use server_core::feed::floor::floor_of;
use server_core::intake::IntakeHead;
use server_core::poster::rebuild::Fold;
use server_core::schema::{Leases, Statements};

use super::BackupError;
use super::files::Files;
use super::folder::{Checkpoint, Folder, Verified};
use super::photos::{self, PhotoHash};
use super::segment::{self, Place, Writer};
use crate::store::{STORE_FORMAT, Snapshot, Store};
use crate::verify::digest::Pace;
use crate::verify::{self, VerifyError, is_compared};
use crate::{secret, verify::fold_all};

/// Operations of one file at most: one is held in memory when it is read back.
const OPERATIONS_PER_FILE: u64 = 5_000;
/// More rows than this are compared by digests of whole tables instead of one by one.
const ROWS_ONE_BY_ONE: usize = 200_000;

/// What is to be backed up.
pub struct Job {
    /// The second folder.
    pub folder: PathBuf,
    /// The data folder, for what devices know the server by.
    pub data: PathBuf,
    /// Which server.
    pub server: [u8; 16],
    /// The store as it is now.
    pub snapshot: Snapshot,
    /// The file system that the folder lies on.
    pub files: Arc<dyn Files>,
    /// Server time.
    pub at: ServerTime,
    /// Compare every table, not just the rows that this run adds.
    pub full: bool,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// How far the backup is proved now.
    pub verified: Verified,
    /// Files that were added.
    pub n_files: u64,
    /// Intake and change records that were added.
    pub n_records: u64,
    /// Rows that were compared with the live store.
    pub n_rows_compared: u64,
    /// Whether every table was compared.
    pub full: bool,
    /// Photos that are in it and were in no backup before.
    pub photos: Vec<PhotoHash>,
}

impl Done {
    /// The last operation that devices may forget.
    pub fn safe(&self) -> IntakeNo {
        IntakeNo(self.verified.to.intake)
    }
}

/// Runs `job`.
///
/// # Errors
///
/// [`BackupError`]: nothing more than before may be relied on; what was verified before stays.
pub fn run(job: &Job, pace: &mut Pace) -> Result<Done, BackupError> {
    let folder = Folder::claim(&job.folder, job.server, Arc::clone(&job.files))?;
    folder.keep_secrets(&job.data)?;
    let end = End::of(&folder)?;
    end.check_continued(&folder, &job.snapshot)?;
    let written = write_book(&folder, end, &job.snapshot, pace)?;
    write_conversation(&folder, &job.snapshot)?;
    let photos = photos::keep(&folder, &job.snapshot, job.full, pace)?;
    let proof = Proof { folder: &folder, job, end: &written.end };
    let proved = match proof.prove(pace) {
        Err(BackupError::Verify(VerifyError::Differs { .. } | VerifyError::Book(_))) => {
            // The snapshot may be at fault and not the records: it is made again from all of them.
            remove_rows(&folder)?;
            proof.prove(pace)?
        }
        other => other?,
    };
    job.snapshot.check()?;
    let before = folder.verified()?;
    let full_at_us = match (&proved.checkpoint, before) {
        (Some(_all), _) => job.at.0,
        (None, Some(before)) => before.full_at_us,
        (None, None) => i64::MIN,
    };
    if let Some(checkpoint) = &proved.checkpoint {
        folder.set_checkpoint(written.end.number, checkpoint)?;
    }
    let verified = Verified {
        number: written.end.number,
        sha256: written.end.sha256,
        to: written.end.to,
        received_us: written.end.received_us,
        at_us: job.at.0,
        full_at_us,
    };
    folder.set_verified(&verified)?;
    Ok(Done {
        verified,
        n_files: written.n_files,
        n_records: written.n_records,
        n_rows_compared: proved.n_rows,
        full: proved.checkpoint.is_some(),
        photos,
    })
}

/// The end of the files of a folder.
#[derive(Debug, Clone, Default)]
struct End {
    number: u64,
    sha256: String,
    to: Place,
    received_us: i64,
}

impl End {
    /// Reads the last file; a last file that is damaged is set aside and written again.
    fn of(folder: &Folder) -> Result<Self, BackupError> {
        let mut number = folder.numbers()?;
        if let Some(known) = folder.verified()?.filter(|known| known.number == number) {
            return Ok(Self {
                number,
                sha256: known.sha256,
                to: known.to,
                received_us: known.received_us,
            });
        }
        while number > 0 {
            let path = folder.segment(number);
            match segment::Segment::read(&path) {
                Ok(last) => {
                    let (to, received_us) = (last.tail.to, last.tail.received_us);
                    return Ok(Self { number, sha256: last.sha256, to, received_us });
                }
                Err(BackupError::Damaged { why, .. }) => {
                    tracing::error!(path = %path.display(), why, "a damaged backup file is set aside");
                    let aside = path.with_extension("damaged");
                    folder
                        .files()
                        .rename(&path, &aside)
                        .map_err(|source| BackupError::file(&aside, source))?;
                    number -= 1;
                }
                Err(other) => return Err(other),
            }
        }
        Ok(Self::default())
    }

    /// Whether the live store goes on where this ends.
    fn check_continued(&self, folder: &Folder, live: &dyn Tables) -> Result<(), BackupError> {
        let (intake, change) = (IntakeNo(self.to.intake), Lsn(self.to.lsn));
        let intake_hash = live.row::<Intakes>(&intake).map(|row| row.hash);
        let change_hash = live.row::<ChangesTable>(&change).map(|row| row.hash);
        let goes_on = (intake.0 == 0 || text_of(intake_hash) == self.to.intake_hash)
            && (change.0 == 0 || text_of(change_hash) == self.to.lsn_hash);
        if goes_on {
            Ok(())
        } else {
            Err(BackupError::OtherLog { path: folder.path().to_owned(), intake: intake.0 })
        }
    }
}

fn text_of(hash: Option<Hash16>) -> String {
    hash.map(|hash| hash.to_string()).unwrap_or_default()
}

/// Where both logs of `tables` end.
pub(super) fn place_of(tables: &dyn Tables) -> (Place, i64) {
    let intake = IntakeHead::of(tables);
    let head = tables.row::<Heads>(&()).map_or_else(Head::default, |head| *head);
    let place = Place {
        intake: intake.no.0,
        intake_hash: intake.hash.to_string(),
        lsn: head.lsn.0,
        lsn_hash: head.hash.to_string(),
    };
    (place, intake.received.0)
}

struct Written {
    end: End,
    n_files: u64,
    n_records: u64,
}

fn write_book(
    folder: &Folder,
    mut end: End,
    live: &Snapshot,
    pace: &mut Pace,
) -> Result<Written, BackupError> {
    let (last, _received) = place_of(live);
    let (mut n_files, mut n_records) = (0, 0);
    while end.to.intake < last.intake || end.to.lsn < last.lsn {
        let part = folder.path().join("book.part");
        let head = segment::Head {
            server: secret::hex(&folder.server()),
            number: end.number + 1,
            previous: end.sha256.clone(),
            store_format: STORE_FORMAT,
            from: end.to.clone(),
        };
        let mut writer = Writer::begin(folder.files(), &part, &head)?;
        let taken = Taken::from(&end, live, last.intake);
        n_records += taken.write(&mut writer, live, pace)?;
        live.check()?;
        let (to, received_us) = taken.end(live);
        let sha256 = writer.end(to.clone(), received_us)?;
        // It is read back from the disk, not from memory.
        forget_cached(&part);
        end = End { number: head.number, sha256, to, received_us };
        folder.put_in_place(&part, &folder.segment(end.number))?;
        n_files += 1;
    }
    Ok(Written { end, n_files, n_records })
}

#[cfg(target_os = "linux")]
pub(super) fn forget_cached(path: &std::path::Path) {
    use rustix::fs::{Advice, fadvise};
    let advised = std::fs::File::open(path)
        .and_then(|file| fadvise(&file, 0, None, Advice::DontNeed).map_err(std::io::Error::from));
    if let Err(error) = advised {
        tracing::debug!(%error, "the system keeps the file in its cache");
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn forget_cached(_path: &std::path::Path) {}

/// The records of one file: operations, and the decisions about them and everything before them.
struct Taken {
    intake: (IntakeNo, IntakeNo),
    change: (Lsn, Lsn),
}

impl Taken {
    fn from(end: &End, live: &dyn Tables, last: u64) -> Self {
        let first = IntakeNo(end.to.intake).next();
        let mut to = IntakeNo(end.to.intake.saturating_add(OPERATIONS_PER_FILE).min(last));
        // What arrived together stays together: it was timed together.
        while to.0 < last && is_with_the_one_before(live, to.next()) {
            to = to.next();
        }
        let from = Lsn(end.to.lsn).next();
        let mut decided = Lsn(end.to.lsn);
        let beyond = KeyRange::between(&from, &Lsn(u64::MAX));
        each_of::<ChangesTable>(live, &beyond, false, &mut |lsn: Lsn, row: Arc<Change>| {
            if row.intake > to && to.0 < last {
                return ControlFlow::Break(());
            }
            decided = lsn;
            ControlFlow::Continue(())
        });
        Self { intake: (first, to), change: (from, decided) }
    }

    fn write(
        &self,
        writer: &mut Writer,
        live: &dyn Tables,
        pace: &mut Pace,
    ) -> Result<u64, BackupError> {
        let intake = KeyRange::between(&self.intake.0, &self.intake.1.next());
        let change = KeyRange::between(&self.change.0, &self.change.1.next());
        let first = write_rows(writer, live, (Intakes::ID, &intake), pace)?;
        let second = write_rows(writer, live, (ChangesTable::ID, &change), pace)?;
        Ok(first + second)
    }

    fn end(&self, live: &dyn Tables) -> (Place, i64) {
        let intake = live.row::<Intakes>(&self.intake.1);
        let change = live.row::<ChangesTable>(&self.change.1);
        let place = Place {
            intake: self.intake.1.0,
            intake_hash: intake.as_ref().map(|row| row.hash).unwrap_or_default().to_string(),
            lsn: self.change.1.0,
            lsn_hash: change.map(|row| row.hash).unwrap_or_default().to_string(),
        };
        (place, intake.map_or(0, |row| row.received.0))
    }
}

fn is_with_the_one_before(live: &dyn Tables, no: IntakeNo) -> bool {
    live.row::<Intakes>(&no).is_some_and(|row: Arc<Intake>| {
        matches!(row.origin, Origin::Device { .. }) && row.evidence.is_empty()
    })
}

fn write_rows(
    writer: &mut Writer,
    live: &dyn Tables,
    (table, range): (TableId, &KeyRange),
    pace: &mut Pace,
) -> Result<u64, BackupError> {
    let mut written = Ok(0);
    live.scan(table, range, false, &mut |key, record| {
        pace.rest();
        match (writer.row(table, key, record), &mut written) {
            (Ok(_to_file), Ok(n)) => {
                *n += 1;
                ControlFlow::Continue(())
            }
            (Ok(_), Err(_)) => ControlFlow::Break(()),
            (Err(error), _) => {
                written = Err(error);
                ControlFlow::Break(())
            }
        }
    });
    written
}

fn write_conversation(folder: &Folder, live: &Snapshot) -> Result<(), BackupError> {
    let part = folder.path().join("conversation.part");
    let (to, received_us) = place_of(live);
    let head = segment::Head {
        server: secret::hex(&folder.server()),
        number: 0,
        previous: String::new(),
        store_format: STORE_FORMAT,
        from: Place::default(),
    };
    let mut writer = Writer::begin(folder.files(), &part, &head)?;
    for table in [Leases::ID, Statements::ID] {
        write_rows(&mut writer, live, (table, &KeyRange::all()), &mut Pace::full())?;
    }
    writer.end(to, received_us)?;
    folder.put_in_place(&part, &folder.conversation())
}

fn remove_rows(folder: &Folder) -> Result<(), BackupError> {
    let rows = folder.rows();
    if rows.exists() {
        folder.files().remove_folder(&rows).map_err(|source| BackupError::file(&rows, source))?;
    }
    Ok(())
}

/// What is to be proved.
struct Proof<'a> {
    folder: &'a Folder,
    job: &'a Job,
    end: &'a End,
}

struct Proved {
    n_rows: u64,
    checkpoint: Option<Checkpoint>,
}

impl Proof<'_> {
    /// Folds what was read back into the snapshot of the folder, and compares that with the live
    /// store.
    fn prove(&self, pace: &mut Pace) -> Result<Proved, BackupError> {
        let verified = self.folder.verified()?;
        let (rows, begun) = self.rows(verified.as_ref())?;
        let start = begun.as_ref().map_or(0, |begun| begun.number);
        let mut previous = begun.as_ref().map_or_else(String::new, |begun| begun.sha256.clone());
        // Rows that an interrupted run had folded were compared with nothing.
        let has_more = begun.as_ref().is_some_and(|begun| place_of(&rows).0 != begun.to);
        let mut touched = Touched { keys: BTreeSet::new(), all: has_more || self.job.full };
        for number in start + 1..=self.end.number {
            let segment = self.folder.read(number, &previous)?;
            let base = rows.snapshot();
            let mut book = Overlay::over(&base);
            book.absorb(segment.rows);
            let fold = fold_all(&book, &rows, true, |changes| {
                touched.take(changes);
                pace.rest();
            })?;
            if place_at(&fold) != segment.tail.to {
                let path = self.folder.segment(number);
                return Err(BackupError::damaged(&path, "its records do not lead to its end"));
            }
            previous = segment.sha256;
        }
        if previous != self.end.sha256 {
            let path = self.folder.segment(self.end.number);
            return Err(BackupError::damaged(&path, "it is not what was written"));
        }
        self.compare(&rows.snapshot(), touched, pace)
    }

    /// The snapshot of the folder, and the verified run that it goes on from; an empty one where it
    /// is missing, cannot be opened, or is behind.
    fn rows(&self, verified: Option<&Verified>) -> Result<(Store, Option<Verified>), BackupError> {
        let opened = Store::open_beside(&self.folder.rows());
        if let (Ok(rows), Some(verified)) = (&opened, verified) {
            let fold = Fold::of(rows);
            let live = &self.job.snapshot;
            let is_ours = fold.intake.0 >= verified.to.intake
                && fold.head.lsn.0 >= verified.to.lsn
                && (fold.intake.0 == 0
                    || live
                        .row::<Intakes>(&fold.intake)
                        .is_some_and(|r| r.hash == fold.intake_hash))
                && (fold.head.lsn.0 == 0
                    || live
                        .row::<ChangesTable>(&fold.head.lsn)
                        .is_some_and(|row| row.hash == fold.head.hash));
            if is_ours {
                return Ok((opened?, Some(verified.clone())));
            }
        }
        if let Err(error) = &opened {
            tracing::warn!(%error, "the snapshot of the backup is made again");
        }
        drop(opened);
        remove_rows(self.folder)?;
        Ok((Store::open_beside(&self.folder.rows())?, None))
    }

    fn compare(
        &self,
        rows: &Snapshot,
        touched: Touched,
        pace: &mut Pace,
    ) -> Result<Proved, BackupError> {
        let live = &self.job.snapshot;
        if touched.all {
            let digests = verify::compare(live, rows, pace)?;
            let n_rows = digests.n_rows();
            let floor = floor_of(live).0;
            let to = self.end.to.clone();
            let checkpoint = Checkpoint { store_format: STORE_FORMAT, to, floor, digests };
            rows.check()?;
            return Ok(Proved { n_rows, checkpoint: Some(checkpoint) });
        }
        let floor = floor_of(live);
        let mut n_rows = 0;
        for (table, key) in touched.keys {
            pace.rest();
            let (ours, theirs) = (live.get(table, &key), rows.get(table, &key));
            let ours = ours.as_ref().map(ledger::record::Record::content);
            let theirs = theirs.as_ref().map(ledger::record::Record::content);
            if is_compared(table, &key, floor) && ours != theirs {
                let name = verify::book_tables().find(|(id, _name)| *id == table);
                return Err(BackupError::Verify(VerifyError::Differs {
                    table: name.map_or("?", |(_id, name)| name),
                    detail: format!("row {}", data_encoding::HEXLOWER.encode(&key)),
                }));
            }
            n_rows += 1;
        }
        rows.check()?;
        Ok(Proved { n_rows, checkpoint: None })
    }
}

pub(super) fn place_at(fold: &Fold) -> Place {
    Place {
        intake: fold.intake.0,
        intake_hash: fold.intake_hash.to_string(),
        lsn: fold.head.lsn.0,
        lsn_hash: fold.head.hash.to_string(),
    }
}

/// The rows that a run writes to the snapshot of the folder.
struct Touched {
    keys: BTreeSet<(TableId, KeyBytes)>,
    all: bool,
}

impl Touched {
    fn take(&mut self, changes: &Changes) {
        if self.all {
            return;
        }
        self.keys.extend(changes.keys().cloned());
        if self.keys.len() > ROWS_ONE_BY_ONE {
            self.keys = BTreeSet::new();
            self.all = true;
        }
    }
}
