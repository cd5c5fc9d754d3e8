//! A device for an app: open it, let it run, scan.
//!
//! Calls are short and blocking: a record takes one `fdatasync`, everything else is local reading.
//! From asynchronous code call them inside `spawn_blocking` where milliseconds matter.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::enrolment::Invitation;
use protocol::feed::OperatorRow;
use protocol::frame::beside::Answer;
use protocol::identity::OperationId;
use protocol::operation::AttachmentKind;
use protocol::words::OperatorId;
use tokio::sync::{broadcast, mpsc, watch};

use crate::boot::{Monotonic, SystemMonotonic};
use crate::driver::Driver;
use crate::engine::{
    Action, AskError, AttachError, Config, DeviceCore, Event, ListError, Moment, MyOperation, News,
    OpenError, Opened, Opening, Parts, Question, RecordError, SeparatorFound, SignInError,
    SignInWith, StateFileError, Status, UndoError, Work,
};
use crate::key::DeviceKey;
use crate::recorder::{Disk, FolderDisk, RecorderError, release_ballast};
use crate::root::RootFolder;
use crate::store::{SledStore, Store, StoreError, StoreName};
use crate::transport::PlainText;

/// How an app wants its device.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What never changes while it is open.
    pub config: Config,
    /// Whether an address without TLS may lead off this machine.
    pub plain: PlainText,
    /// The clock.
    pub clock: Arc<dyn Monotonic>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            config: Config::default(),
            plain: PlainText::default(),
            clock: Arc::new(SystemMonotonic::new()),
        }
    }
}

/// Why an enrolment did not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnrolError {
    /// The code is wrong, used, or too old.
    #[error("the enrolment code is wrong, was used, or is too old")]
    Refused,
    /// The server was not reached in time; the device goes on trying.
    #[error("the server cannot be reached yet")]
    NotReached,
    /// The device was closed.
    #[error("the device is closed")]
    Closed,
}

/// A device. Clones are the same device.
#[derive(Debug, Clone)]
pub struct Device {
    shared: Arc<Shared>,
}

/// What the app's threads and the driver share.
#[derive(Debug)]
pub(crate) struct Shared {
    core: Mutex<DeviceCore>,
    clock: Arc<dyn Monotonic>,
    /// Actions in the order in which the core wanted them: sent while the core is locked.
    actions: mpsc::UnboundedSender<Action>,
    /// Taken by the driver while it runs.
    waiting: Mutex<Option<mpsc::UnboundedReceiver<Action>>>,
    news: broadcast::Sender<News>,
    is_closed: watch::Sender<bool>,
    plain: PlainText,
    root: RootFolder,
}

/// News that a slow listener may be behind before it loses some.
const NEWS_MAX: usize = 1_024;

impl Shared {
    fn lock(&self) -> MutexGuard<'_, DeviceCore> {
        // After a panic nobody knows what is half done, and the disk knows everything.
        self.core.lock().expect("the device core has panicked before: open the device again")
    }

    fn moment(&self) -> Moment {
        let jitter = getrandom::u32().unwrap_or(u32::MAX / 2);
        Moment { mono_us: self.clock.now_us(), jitter }
    }

    /// Does something with the core, and sends what it wants while nobody else can want something.
    fn with<T>(&self, act: impl FnOnce(&mut DeviceCore, Moment) -> (T, Vec<Action>)) -> T {
        let mut core = self.lock();
        let (answer, actions) = act(&mut core, self.moment());
        // A call that failed may have something to tell as well.
        for action in actions.into_iter().chain(core.take_news()) {
            match action {
                Action::Tell(news) => self.tell(news),
                // The receiver lives as long as this does.
                other => drop(self.actions.send(other)),
            }
        }
        answer
    }

    pub(crate) fn handle(&self, event: Event) {
        self.with(|core, at| ((), core.handle(at, event)));
    }

    pub(crate) fn tell(&self, news: News) {
        // Nobody has to listen.
        drop(self.news.send(news));
    }

    pub(crate) async fn closed(&self) {
        let mut is_closed = self.is_closed.subscribe();
        // The sender lives as long as this does.
        let _ = is_closed.wait_for(|is_closed| *is_closed).await;
    }

    pub(crate) fn close(&self) {
        self.is_closed.send_replace(true);
    }

    /// Makes the key that is to take the place of the present one.
    pub(crate) fn make_key(&self) {
        match DeviceKey::open_next(&self.root) {
            Ok(key) => self.handle(Event::NextKey(Box::new(key))),
            // The server asks again with the next connection.
            Err(error) => self.trouble("a new key cannot be made", &error),
        }
    }

    /// The new key takes its place. If it cannot, both stay, and the server knows both.
    pub(crate) fn keep_key(&self) {
        if let Err(error) = DeviceKey::keep_next(&self.root) {
            self.trouble("the new key cannot be kept", &error);
        }
    }

    /// From here on everything is deleted, whatever happens.
    pub(crate) fn begin_wipe(&self) {
        if let Err(error) = crate::wipe::begin(&self.root) {
            self.trouble("it cannot be kept that everything is to be deleted", &error);
        }
    }

    /// Deletes everything, and closes.
    pub(crate) fn wipe(&self) {
        // Where it could not be begun, there may be room by now.
        let wiped = crate::wipe::begin(&self.root).and_then(|()| crate::wipe::finish(&self.root));
        if let Err(error) = wiped {
            // It is finished when the device is opened again.
            self.trouble("not everything could be deleted yet", &error);
        }
        self.close();
    }

    fn trouble(&self, what: &str, error: &std::io::Error) {
        tracing::error!(%error, what);
        self.tell(News::Trouble(format!("{what}: {error}")));
    }
}

fn state_disk(folder: &Path) -> std::io::Result<Box<dyn Disk>> {
    Ok(Box::new(FolderDisk::open(&folder.join("device"))?))
}

/// Opens a store. Where the disk is too full for that, the reserve of the recorder is given up: a
/// device that opens and warns is better than one that does not open.
fn open_store(
    folder: &Path,
    name: StoreName,
    news: &mut Vec<News>,
) -> Result<Box<dyn Store>, OpenError> {
    let failed = |error| OpenError::Store(name, error);
    let place = folder.join(name.folder());
    let opened = match SledStore::open(&place) {
        Err(StoreError::Full) if folder.join("recorder").is_dir() => {
            let recorder = FolderDisk::open(&folder.join("recorder")).map_err(OpenError::Folder)?;
            release_ballast(&recorder)?;
            news.push(News::DiskFull);
            SledStore::open(&place)
        }
        other => other,
    };
    let opened = opened.map_err(failed)?;
    news.extend(opened.set_aside.map(|what| News::StoreSetAside(name, what)));
    Ok(Box::new(opened.store))
}

fn parts(folder: &Path) -> Result<(Parts, Vec<News>), OpenError> {
    let mut news = Vec::new();
    std::fs::create_dir_all(folder).map_err(OpenError::Folder)?;
    let root = RootFolder::at(folder);
    if crate::wipe::finish(&root).map_err(OpenError::Folder)? {
        news.push(News::Wiped);
    }
    let state_disk = state_disk(folder).map_err(OpenError::Folder)?;
    let queue = open_store(folder, StoreName::Queue, &mut news)?;
    let replica = open_store(folder, StoreName::Replica, &mut news)?;
    let mut store_name = [0; 16];
    getrandom::fill(&mut store_name)
        .map_err(|error| OpenError::Folder(std::io::Error::other(error)))?;
    let recorder: PathBuf = folder.join("recorder");
    let parts = Parts {
        recorder_disk: Box::new(move || Ok(Box::new(FolderDisk::open(&recorder)?))),
        state_disk,
        queue,
        replica,
        blob_disk: Box::new(FolderDisk::open(&folder.join("photos")).map_err(OpenError::Folder)?),
        key: DeviceKey::open(&root).map_err(OpenError::Folder)?,
        store_name,
    };
    Ok((parts, news))
}

impl Device {
    /// Opens the device in `folder`, or begins one. Nothing is said to a server before
    /// [`Device::run`].
    ///
    /// | in the folder | |
    /// |---|---|
    /// | `recorder/` | operations: the only thing that must not be lost |
    /// | `device/` | boot, clock evidence, address of the server, what the scanner was found to send |
    /// | `queue/`, `replica/` | sled: rebuilt when lost |
    /// | `photos/` | photos and signatures that the server does not have yet |
    /// | `key`, `key.next` | the key of the device, and the next one, for this user only |
    ///
    /// # Errors
    ///
    /// [`OpenError`]; nothing was deleted.
    pub fn open(folder: &Path, settings: Settings) -> Result<Self, OpenError> {
        let (parts, mut news) = parts(folder)?;
        let opening = Opening {
            boot_id: settings.clock.boot_id(),
            mono_us: settings.clock.now_us(),
            wall_us: settings.clock.wall_us(),
        };
        let Opened { mut core, news: more } = DeviceCore::open(settings.config, parts, opening)?;
        core.count_set_aside(&news);
        news.extend(more);
        for news in &news {
            tracing::warn!(?news, "while the device was opened");
        }
        let (actions, waiting) = mpsc::unbounded_channel();
        let shared = Shared {
            core: Mutex::new(core),
            clock: settings.clock,
            actions,
            waiting: Mutex::new(Some(waiting)),
            news: broadcast::Sender::new(NEWS_MAX),
            is_closed: watch::Sender::new(false),
            plain: settings.plain,
            root: RootFolder::at(folder),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Keeps in touch with the server until [`Device::close`]: connects, and connects again, for
    /// ever. Run it once, in a task of its own. A second call ends at once.
    pub async fn run(&self) {
        let take = || self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(actions) = take() else { return };
        let driver = Driver::new(Arc::clone(&self.shared), actions, self.shared.plain);
        let actions = driver.run().await;
        *self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(actions);
    }

    /// Ends [`Device::run`], after everything was made durable.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Makes everything durable now, for example before the app goes to the background.
    pub fn suspend(&self) {
        self.shared.handle(Event::Suspend);
    }

    /// The network came up, or a person is impatient: try at once.
    pub fn try_now(&self) {
        self.shared.handle(Event::TryNow);
    }

    /// Everything that happens from here on. A listener that falls behind loses the oldest news
    /// and is told so; it then asks anew.
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.shared.news.subscribe()
    }

    /// Makes this a device of the company that the invitation is from. [`Device::run`] must be
    /// running. Everything that is recorded here stays.
    ///
    /// # Errors
    ///
    /// [`EnrolError`].
    pub async fn enrol(
        &self,
        invitation: Invitation,
        within: std::time::Duration,
    ) -> Result<(), EnrolError> {
        let mut news = self.news();
        self.begin_enrolment(invitation);
        let answer = async {
            loop {
                match news.recv().await {
                    Ok(News::Enrolled) => return Ok(()),
                    Ok(News::EnrolmentRefused) => return Err(EnrolError::Refused),
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Err(EnrolError::Closed),
                }
            }
        };
        tokio::time::timeout(within, answer).await.unwrap_or(Err(EnrolError::NotReached))
    }

    /// The same without waiting: the answer is [`News::Enrolled`] or [`News::EnrolmentRefused`].
    pub fn begin_enrolment(&self, invitation: Invitation) {
        self.shared.handle(Event::Enrol(invitation));
    }

    /// Records `work` and returns its name once it is on the disk: the good tone may sound.
    ///
    /// # Errors
    ///
    /// [`RecordError`]: nothing is recorded; sound the stop tone and let the operator repeat it.
    pub fn record(&self, work: &Work) -> Result<OperationId, RecordError> {
        self.shared.with(|core, at| split(core.record(at, work)))
    }

    /// Records several pieces of work with one sync.
    ///
    /// # Errors
    ///
    /// [`RecordError`]: none of them is recorded.
    pub fn record_many(&self, works: &[Work]) -> Result<Vec<OperationId>, RecordError> {
        self.shared.with(|core, at| split(core.record_many(at, works)))
    }

    /// Takes an operation back, by an operation of its own.
    ///
    /// # Errors
    ///
    /// [`UndoError`].
    pub fn undo(&self, name: OperationId) -> Result<OperationId, UndoError> {
        self.shared.with(|core, at| split(core.undo(at, name)))
    }

    /// Takes several operations back with one sync; those that are taken back already are left out.
    ///
    /// # Errors
    ///
    /// [`UndoError`]: none of them is taken back by this.
    pub fn undo_many(&self, names: &[OperationId]) -> Result<Vec<OperationId>, UndoError> {
        self.shared.with(|core, at| split(core.undo_many(at, names)))
    }

    /// Keeps a photo or a signature of an earlier operation, and records that it belongs to it.
    ///
    /// # Errors
    ///
    /// [`AttachError`]: nothing is recorded.
    pub fn attach(
        &self,
        target: OperationId,
        kind: AttachmentKind,
        bytes: &[u8],
    ) -> Result<OperationId, AttachError> {
        self.shared.with(|core, at| split(core.attach(at, target, (kind, bytes))))
    }

    /// Asks the server something that is not here, and waits no longer than `within`. Never needed
    /// to record something.
    ///
    /// # Errors
    ///
    /// [`AskError`].
    pub async fn ask(
        &self,
        question: &Question,
        within: std::time::Duration,
    ) -> Result<Answer, AskError> {
        let mut news = self.news();
        let within_ms = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
        let id = self.shared.with(|core, _at| split(core.ask(question, within_ms)))?;
        let answer = async {
            loop {
                match news.recv().await {
                    Ok(News::Answered(answer)) if answer.id == id => return Ok(answer),
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Err(AskError::Offline),
                }
            }
        };
        tokio::time::timeout(within, answer).await.unwrap_or(Err(AskError::Late))
    }

    /// Opens the recorder again after it has failed.
    ///
    /// # Errors
    ///
    /// [`RecorderError`]: it stays stopped, and the call may be repeated.
    pub fn reopen_recorder(&self) -> Result<(), RecorderError> {
        self.shared.lock().reopen_recorder()
    }

    /// Keeps what a test of the scanner has found; [`DeviceCore::scanner_test`] has it from here on, also
    /// after the device was opened again.
    ///
    /// # Errors
    ///
    /// [`StateFileError`], as [`DeviceCore::keep_scanner_test`].
    pub fn keep_scanner_test(&self, separator: SeparatorFound) -> Result<(), StateFileError> {
        self.shared.lock().keep_scanner_test(self.now_us(), separator)
    }

    /// Signs a person in, also without the server. Takes some tenths of a second: the PIN is
    /// hashed slowly on purpose.
    ///
    /// # Errors
    ///
    /// [`SignInError`]: whoever had the device before still has it.
    pub fn sign_in(&self, with: &SignInWith, pin: &str) -> Result<OperatorRow, SignInError> {
        self.shared.with(|core, at| split(core.sign_in(at, with, pin)))
    }

    /// Takes the device from whoever has it.
    ///
    /// # Errors
    ///
    /// [`RecordError`]: the person is still signed in.
    pub fn sign_out(&self) -> Result<(), RecordError> {
        self.shared.with(|core, at| match core.sign_out(at) {
            Ok(actions) => (Ok(()), actions),
            Err(error) => (Err(error), Vec::new()),
        })
    }

    /// Who has the device.
    pub fn operator(&self) -> Option<OperatorId> {
        self.shared.lock().operator().cloned()
    }

    /// Asks something of one state of rows and own work:
    /// `device.read(|core| core.fold().stock_in_bin(&location, Some(&bin), 100))`. Nothing else
    /// happens to the device meanwhile, so `ask` must be quick and must not call the device.
    pub fn read<T>(&self, ask: impl FnOnce(&DeviceCore) -> T) -> T {
        ask(&self.shared.lock())
    }

    /// How the device is doing.
    pub fn status(&self) -> Status {
        let now_us = self.shared.clock.now_us();
        self.shared.lock().status(now_us)
    }

    /// Operations without an outcome.
    pub fn pending(&self) -> usize {
        self.shared.lock().outbox().len()
    }

    /// The newest operations of this device, whoever did them, the newest first: at most `limit`.
    ///
    /// # Errors
    ///
    /// [`ListError`].
    pub fn operations(&self, limit: usize) -> Result<Vec<MyOperation>, ListError> {
        self.shared.lock().operations(limit)
    }

    /// The newest operations of whoever has the device, the newest first: at most `limit`. A supervisor
    /// sees those of everybody.
    ///
    /// # Errors
    ///
    /// [`ListError`].
    pub fn my_operations(&self, limit: usize) -> Result<Vec<MyOperation>, ListError> {
        self.shared.lock().my_operations(limit)
    }

    /// Microseconds of the clock that operations are recorded with.
    pub fn now_us(&self) -> u64 {
        self.shared.clock.now_us()
    }

    /// The charge of the battery in percent, for the desk.
    pub fn set_battery(&self, percent: Option<u8>) {
        self.shared.lock().set_battery(percent);
    }
}

/// The answer for the caller and the actions for the driver.
fn split<T, E>(done: Result<(T, Vec<Action>), E>) -> (Result<T, E>, Vec<Action>) {
    match done {
        Ok((answer, actions)) => (Ok(answer), actions),
        Err(error) => (Err(error), Vec::new()),
    }
}

#[cfg(test)]
mod tests;
