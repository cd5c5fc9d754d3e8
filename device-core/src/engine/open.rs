//! Opening: from folders, however they were left, to a device that works.

use protocol::evidence::BootEvidence;
use protocol::health::{StorageReport, StorageState};
use protocol::identity::{Boot, DeviceId, Incarnation, Lsn, OperationId, ServerEpoch};
use protocol::operation::{Body, Envelope, Nothing, Recorded};

use super::ask::Asked;
use super::blobs::Blobs;
use super::check::Health;
use super::contact::Contact;
use super::last_step::Unheard;
use super::link::LinkLog;
use super::orders::Orders;
use super::people::People;
use super::scanner::ScannerTest;
use super::state_file::{Place, StateFile};
use super::storage::Storage;
use super::uplink::Handshake;
use super::{
    Config, Connection, DeviceCore, DiskMaker, Made, News, Opening, Parts, StateFileError,
};
use crate::clock_evidence::ClockEvidence;
use crate::key::DeviceKey;
use crate::outbox::{self, Outbox, OutboxError};
use crate::recorder::{Disk, Identity, Recorder, RecorderError, Recovery, release_ballast};
use crate::replica::Replica;
use crate::session::Session;
use crate::store::{Store, StoreError, StoreName};
use crate::view::View;

/// Why a device could not be opened. Nothing was deleted.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The recorder.
    #[error("the recorder cannot be opened")]
    Recorder(#[from] RecorderError),
    /// The state file.
    #[error(transparent)]
    State(#[from] StateFileError),
    /// Not even an empty store can be made.
    #[error("the store {} cannot be opened", .0.folder())]
    Store(StoreName, #[source] StoreError),
    /// The folder.
    #[error("the folder of the device cannot be used")]
    Folder(#[source] std::io::Error),
}

/// A device that was opened, and what a person should know of it.
#[derive(Debug)]
pub struct Opened {
    /// The device.
    pub core: DeviceCore,
    /// What was found and put right.
    pub news: Vec<News>,
}

/// How far ahead the boot number jumps when nobody knows which numbers were used.
const BOOTS_UNKNOWN: u32 = 1_000;

/// The content of an operation that stands in for one that storage destroyed.
pub(super) fn void_content() -> Vec<u8> {
    let envelope = Envelope {
        boot: Boot(0),
        mono_us: 0,
        cursor: Lsn(0),
        epoch: ServerEpoch(0),
        operator: None,
        document: None,
    };
    Recorded::new(envelope, &Body::Void(Nothing {})).to_content()
}

impl DeviceCore {
    /// Opens a device from its parts. It says nothing to anybody before [`super::Event::NetworkUp`].
    ///
    /// # Errors
    ///
    /// [`OpenError`]. A store that will not open is no error: it is set aside and rebuilt.
    pub fn open(mut config: Config, parts: Parts, opening: Opening) -> Result<Opened, OpenError> {
        config.recorder.void_content = void_content();
        let mut news = Vec::new();
        let Parts { recorder_disk, state_disk, queue, replica, blob_disk, key, store_name } = parts;
        let blobs = Blobs::open(blob_disk).map_err(OpenError::Folder)?;
        let (state, is_damaged) = match StateFile::read(&*state_disk) {
            Ok(state) => (state.unwrap_or_default(), false),
            Err(StateFileError::Damaged) => (StateFile::default(), true),
            Err(error) => return Err(error.into()),
        };
        if is_damaged {
            news.push(News::Trouble("the state file was damaged and is begun anew".to_owned()));
        }
        let mut storage = Storage::new(state.storage);
        let mut queue = queue;
        let (recorder, unheard) =
            open_recorder_beside(&config, &recorder_disk, (&mut *queue, &mut storage), &mut news)?
                .unzip();
        let replica = open_replica(replica, &mut news)?;
        let (outbox, is_queue_stored) = open_outbox(queue, recorder.as_ref(), &replica, &mut news)?;
        let (boot, last_us) = boot_of(&state, is_damaged, &opening, recorder.as_ref())?;
        let is_same_boot = boot == state.boot;
        let clock = ClockEvidence::new(
            state.boots,
            boot,
            opening.wall_us.map(|wall| {
                wall.saturating_sub(i64::try_from(opening.mono_us).unwrap_or(i64::MAX))
            }),
        );
        let people = People {
            operator: state.operator.filter(|_| is_same_boot),
            wrong_pins: state.wrong_pins,
            server_time: state.server_time,
        };
        let is_enrolled = recorder.is_some();
        let mut contact = state.contact;
        if let Some(contact) = contact.as_mut().filter(|_| !is_same_boot) {
            contact.boot_ended(state.boot, last_us);
        }
        // An earlier build kept none: it counts from here.
        let contact = contact.or(is_enrolled.then(|| Contact::at(boot, opening.mono_us)));
        let orders =
            Orders { server_key: state.server_key, draining: state.draining, ..Orders::default() };
        let (place, boot_id) = (state.place, opening.boot_id);
        let found = Found {
            recorder,
            outbox,
            replica,
            blobs,
            clock,
            people,
            contact,
            storage,
            scanner: state.scanner,
            place,
            orders,
            boot_id,
            unheard: unheard.flatten(),
        };
        let mut core =
            Self::assemble(config, (key, store_name), (recorder_disk, state_disk), found);
        core.clock.touch(opening.mono_us);
        core.count_set_aside(&news);
        // Before the first operation of this boot, so that no boot number is used twice.
        core.write_state()?;
        core.begin_stores(is_queue_stored)?;
        core.rebuild_view();
        Ok(Opened { core, news })
    }
}

/// What was found in the folders.
struct Found {
    recorder: Option<Recorder>,
    outbox: Outbox,
    replica: Replica,
    blobs: Blobs,
    clock: ClockEvidence,
    people: People,
    contact: Option<Contact>,
    storage: Storage,
    scanner: Option<ScannerTest>,
    place: Place,
    orders: Orders,
    boot_id: String,
    unheard: Option<Unheard>,
}

impl DeviceCore {
    fn assemble(
        config: Config,
        (key, store_name): (DeviceKey, [u8; 16]),
        (recorder_disk, state_disk): (DiskMaker, Box<dyn Disk>),
        found: Found,
    ) -> Self {
        Self {
            session: Session::new(config.patience, found.recorder.is_some()),
            config,
            key,
            store_name,
            recorder_disk: Made(recorder_disk),
            state_disk,
            recorder: found.recorder,
            outbox: found.outbox,
            replica: found.replica,
            view: View::default(),
            clock: found.clock,
            people: found.people,
            contact: found.contact,
            contact_kept: None,
            place: found.place,
            boot_id: found.boot_id,
            is_state_dirty: true,
            connection: Connection::default(),
            handshake: Handshake::default(),
            told: std::collections::BTreeSet::new(),
            sample_due: None,
            invitation: None,
            address_index: 0,
            stopped: None,
            safe_told: protocol::identity::Seq(0),
            orders: found.orders,
            redirect: None,
            is_snapshot_gone: false,
            battery: None,
            storage: found.storage,
            scanner: found.scanner,
            chores_due_us: 0,
            is_paging: false,
            health: Health::default(),
            blobs: found.blobs,
            asked: Asked::default(),
            link_log: LinkLog::default(),
            unheard: found.unheard,
            news: Vec::new(),
        }
    }
}

/// Opens the recorder; what it has lost is taken from the queue where that has it. With it what became of
/// the last step.
fn open_recorder_beside(
    config: &Config,
    disk: &DiskMaker,
    (queue, storage): (&mut dyn Store, &mut Storage),
    news: &mut Vec<News>,
) -> Result<Option<(Recorder, Option<Unheard>)>, OpenError> {
    let Some((recorder, recovery)) = open_recorder(config, disk, queue, news)? else {
        return Ok(None);
    };
    news.extend(told(&recovery));
    storage.found(&recovery);
    // A queue that cannot do this is set aside when it is read.
    let _ = outbox::forget(queue, recovery.holes.iter().cloned().flatten());
    let unheard = Unheard::of(&recorder, &recovery);
    Ok(Some((recorder, unheard)))
}

fn open_recorder(
    config: &Config,
    disk: &DiskMaker,
    queue: &dyn Store,
    news: &mut Vec<News>,
) -> Result<Option<(Recorder, Recovery)>, OpenError> {
    let make = || disk().map_err(OpenError::Folder);
    let second = |identity: Identity, seq| {
        outbox::copy_of(queue, (identity.device, identity.incarnation), seq)
    };
    let open =
        || Recorder::open_with(make()?, config.recorder.clone(), &second).map_err(OpenError::from);
    let opened = match open() {
        Err(OpenError::Recorder(RecorderError::Full)) => {
            release_ballast(&*make()?)?;
            news.push(News::DiskFull);
            open()
        }
        other => other,
    };
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(OpenError::Recorder(RecorderError::Missing)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn told(recovery: &Recovery) -> Vec<News> {
    let mut news = Vec::new();
    let n_lost: u64 =
        recovery.holes.iter().map(|hole| hole.end().saturating_sub(*hole.start()) + 1).sum();
    if n_lost > 0 {
        news.push(News::OperationsLost(n_lost));
    }
    if recovery.is_damaged {
        news.push(News::Trouble("the storage of this device has returned wrong bytes".to_owned()));
    }
    news
}

fn open_replica(store: Box<dyn Store>, news: &mut Vec<News>) -> Result<Replica, OpenError> {
    let failed = |error| OpenError::Store(StoreName::Replica, error);
    match Replica::open(store) {
        Ok(replica) => Ok(replica),
        Err((error, mut store)) => {
            let place = store.set_aside().map_err(failed)?;
            let what = format!("{place}: {error}");
            news.push(News::StoreSetAside(StoreName::Replica, what));
            Replica::open(store).map_err(|(error, _store)| failed(error))
        }
    }
}

/// The outbox, and whether its store has it all: not so where it has no room.
fn open_outbox(
    store: Box<dyn Store>,
    recorder: Option<&Recorder>,
    replica: &Replica,
    news: &mut Vec<News>,
) -> Result<(Outbox, bool), OpenError> {
    let Some(recorder) = recorder else { return Ok((Outbox::unowned(store), true)) };
    let failed = |error| match error {
        OutboxError::Store(error) => OpenError::Store(StoreName::Queue, error),
        OutboxError::Recorder(error) => OpenError::Recorder(error),
    };
    match Outbox::open(store, recorder, replica.marks()) {
        Ok(opened) => Ok(opened),
        Err((OutboxError::Recorder(error), _store)) => Err(error.into()),
        Err((OutboxError::Store(error), mut store)) => {
            let place =
                store.set_aside().map_err(|error| OpenError::Store(StoreName::Queue, error))?;
            let what = format!("{place}: {error}");
            news.push(News::StoreSetAside(StoreName::Queue, what));
            let opened = Outbox::open(store, recorder, replica.marks());
            opened.map_err(|(error, _store)| failed(error))
        }
    }
}

/// The number of the boot that runs: the same as before only where that can be proved. And the last
/// instant of the boot before, in its monotonic microseconds, at which something is known to have
/// happened.
fn boot_of(
    state: &StateFile,
    is_damaged: bool,
    opening: &Opening,
    recorder: Option<&Recorder>,
) -> Result<(Boot, u64), OpenError> {
    let last = match recorder {
        Some(recorder) if recorder.head().seq >= recorder.low_seq() => {
            let operation = recorder.read(recorder.head().seq)?;
            Recorded::from_content(&operation.content).ok().map(|recorded| recorded.envelope)
        }
        _ => None,
    };
    let known = |evidence: &&BootEvidence| evidence.boot == state.boot;
    let last_us = state.boots.iter().find(known).map_or(0, |evidence| evidence.last_us);
    let recorded_us =
        last.as_ref().filter(|last| last.boot == state.boot).map_or(0, |last| last.mono_us);
    let last_us = last_us.max(recorded_us);
    let is_same = !is_damaged
        && state.boot > Boot(0)
        && !opening.boot_id.is_empty()
        && state.boot_id == opening.boot_id
        && opening.mono_us >= last_us;
    if is_same {
        return Ok((state.boot, last_us));
    }
    let used = state.boot.0.max(last.map_or(0, |last| last.boot.0));
    Ok((Boot(used.saturating_add(if is_damaged { BOOTS_UNKNOWN } else { 1 })), last_us))
}

impl DeviceCore {
    /// Writes the state file.
    pub(super) fn write_state(&mut self) -> Result<(), StateFileError> {
        let state = StateFile {
            boot: self.clock.current(),
            boot_id: self.boot_id.clone(),
            boots: self.clock.to_vec(),
            place: self.place.clone(),
            operator: self.people.operator.clone(),
            wrong_pins: self.people.wrong_pins.clone(),
            server_time: self.people.server_time,
            contact: self.contact,
            server_key: self.orders.server_key.clone(),
            draining: self.orders.draining,
            storage: StorageReport { state: StorageState::Good, ..self.storage.counts },
            scanner: self.scanner.clone(),
        };
        state.write(&*self.state_disk)?;
        self.contact_kept = self.contact;
        self.is_state_dirty = false;
        Ok(())
    }

    /// Who records here; none before the device was enrolled.
    pub fn identity(&self) -> Option<(DeviceId, Incarnation)> {
        let identity = self.recorder.as_ref()?.state().identity;
        Some((DeviceId(identity.device), Incarnation(identity.incarnation)))
    }

    /// Re-labelled numbers are judged under their first names, so the marks of the present
    /// incarnation begin behind them.
    pub(super) fn floor_marks(&mut self) -> Result<(), StoreError> {
        let Some((device, incarnation)) = self.identity() else { return Ok(()) };
        let seq = self.outbox.relabelled_to();
        self.replica.floor(OperationId { device, incarnation, seq })
    }

    /// Writes what the stores have to know from the beginning. One without room waits for it.
    fn begin_stores(&mut self, is_queue_stored: bool) -> Result<(), OpenError> {
        if !is_queue_stored {
            self.store_full(StoreName::Queue);
        }
        match self.floor_marks() {
            Ok(()) => Ok(()),
            Err(StoreError::Full) => {
                self.store_full(StoreName::Replica);
                Ok(())
            }
            Err(error) => Err(OpenError::Store(StoreName::Replica, error)),
        }
    }

    /// Works out anew what the operations of the outbox do to the screens.
    pub(super) fn rebuild_view(&mut self) {
        self.view.clear();
        let seqs: Vec<_> = self.outbox.iter().map(|entry| entry.seq).collect();
        for seq in seqs {
            self.show(seq);
        }
    }

    /// An operation of the outbox concerns the screens from now on.
    pub(super) fn show(&mut self, seq: protocol::identity::Seq) {
        let Some(entry) = self.outbox.get(seq) else { return };
        let target = match &entry.body {
            Some(Body::Undo(undo)) => {
                let device = entry.first.device;
                let name = OperationId { device, incarnation: undo.incarnation, seq: undo.seq };
                self.body_of(name).map(|body| (name, body))
            }
            _ => None,
        };
        let target = target.as_ref().map(|(name, body)| (*name, body));
        let replica = &self.replica;
        self.view.add(entry, target, |location| replica.location(location).ok().flatten());
    }

    /// What was recorded under this first name, while the recorder has it.
    pub fn body_of(&self, name: OperationId) -> Option<Body> {
        match self.outbox.seq_of(name).and_then(|seq| self.outbox.get(seq)) {
            Some(entry) => entry.body.clone(),
            None => self.recorded_of(name)?.decode_body().ok(),
        }
    }

    /// The envelope of an operation of the recorder.
    pub(super) fn envelope_of(&self, name: OperationId) -> Option<Envelope> {
        match self.outbox.seq_of(name).and_then(|seq| self.outbox.get(seq)) {
            Some(entry) => Some(entry.recorded.envelope.clone()),
            None => Some(self.recorded_of(name)?.envelope),
        }
    }

    fn recorded_of(&self, name: OperationId) -> Option<Recorded> {
        let seq = self.outbox.seq_of(name)?;
        let operation = self.recorder.as_ref()?.read(seq.0).ok()?;
        Recorded::from_content(&operation.content).ok()
    }
}
