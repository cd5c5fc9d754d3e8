//! The device's half of the hall: its process, its wire and the person who works with it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use device_core::engine::{
    Action as DeviceAction, Config as DeviceConfig, Connection, DeviceCore, Event as DeviceEvent,
    Moment, Opening, Parts, RecordError, Work,
};
use device_core::key::DeviceKey;
use device_core::recorder::{Disk, MemoryDisk, Options};
use device_core::store::MemoryStore as DeviceStore;
use device_core::wipe;
use server_core::machine::Event;
use server_core::session::wire::ConnectionNo;

use super::{End, Folders, Hall};
use crate::crash::fuse::{Died, FusedDisk, FusedRoot, FusedStore};
use crate::crash::mutant::Mutant;
use crate::crash::tape::line_of;

/// Small files, so that a short script fills them.
pub(in crate::crash) fn device_config() -> DeviceConfig {
    let mut config = DeviceConfig::default();
    config.recorder.segment_bytes = Options::SEGMENT_BYTES_MIN;
    config.recorder.ballast_bytes = 1 << 10;
    config
}

impl Hall {
    fn mono_us(&self) -> u64 {
        u64::try_from(self.now_us - self.booted_us).unwrap_or_default()
    }

    fn moment(&self) -> Moment {
        Moment { mono_us: self.mono_us(), jitter: 1 << 31 }
    }

    /// Lets the process of the device do something beside its core; when it dies at it, it begins again.
    fn in_process<T>(&mut self, act: impl FnOnce(&FusedRoot) -> std::io::Result<T>) -> Option<T> {
        let root = self.root();
        let done = self.with_device(|_device, _at| act(&root))?;
        Some(done.expect("no disk of the hall fails"))
    }

    /// Lets the device do something; when its process dies at it, it begins again.
    fn with_device<T>(&mut self, act: impl FnOnce(&mut DeviceCore, Moment) -> T) -> Option<T> {
        let moment = self.moment();
        let device = self.device.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| act(device, moment))) {
            Ok(answer) => Some(answer),
            Err(payload) if payload.is::<Died>() => {
                self.device_died();
                None
            }
            Err(payload) => resume_unwind(payload),
        }
    }

    fn device_died(&mut self) {
        self.n_died += 1;
        self.device = None;
        self.folders.end(self.end);
        self.hang_up();
        self.timers.clear();
        if self.end != End::Kill {
            self.next_boot();
        }
        self.start_device();
    }

    fn next_boot(&mut self) {
        self.boot += 1;
        self.booted_us = self.now_us;
        self.now_us += 1_000;
    }

    /// The process of the device begins. It may die at that, too.
    pub fn start_device(&mut self) {
        for _attempt in 0..3 {
            let opened = catch_unwind(AssertUnwindSafe(|| self.open_device()));
            match opened {
                Ok(opened) => {
                    self.device = Some(opened);
                    return self.device_event(DeviceEvent::NetworkUp);
                }
                Err(payload) if payload.is::<Died>() => {
                    self.n_died += 1;
                    self.folders.end(self.end);
                    if self.end != End::Kill {
                        self.next_boot();
                    }
                }
                Err(payload) => resume_unwind(payload),
            }
        }
        panic!("a process that dies once begins again");
    }

    fn root(&self) -> FusedRoot {
        let Folders { root, removed, .. } = &self.folders;
        FusedRoot::new(root.clone(), self.fuse.clone(), removed.clone())
    }

    fn open_device(&mut self) -> DeviceCore {
        let root = self.root();
        wipe::finish(&root).expect("no disk of the hall fails");
        self.folders.drop_removed();
        let key = DeviceKey::open(&root).expect("whatever a crash leaves, it is a key or none");
        let opening = Opening {
            boot_id: format!("boot {}", self.boot),
            mono_us: self.mono_us(),
            wall_us: None,
        };
        self.note(&format!("open {}", opening.boot_id));
        let opened = DeviceCore::open(device_config(), self.parts(key), opening);
        opened.expect("whatever a crash leaves, it opens").core
    }

    fn parts(&self, key: DeviceKey) -> Parts {
        let disk =
            |disk: &MemoryDisk, folder| FusedDisk::new(disk.clone(), self.fuse.clone(), folder);
        let store =
            |store: &DeviceStore, folder| FusedStore::new(store.clone(), self.fuse.clone(), folder);
        let recorder = disk(&self.folders.recorder, "recorder");
        Parts {
            recorder_disk: Box::new(move || Ok(Box::new(recorder.clone()) as Box<dyn Disk>)),
            state_disk: Box::new(disk(&self.folders.state, "device")),
            blob_disk: Box::new(disk(&self.folders.blobs, "photos")),
            queue: Box::new(store(&self.folders.queue, "queue")),
            replica: Box::new(store(&self.folders.replica, "replica")),
            key,
            store_name: [1; 16],
        }
    }

    /// The process of the device ends in good order, or not, and its folders are others.
    pub fn replace_device(&mut self, folders: Folders, is_new_boot: bool) {
        self.device = None;
        self.hang_up();
        self.timers.clear();
        self.folders = folders;
        if is_new_boot {
            self.next_boot();
        }
        self.start_device();
    }

    /// Writes a line on the tape, where there is one.
    pub(in crate::crash) fn note(&mut self, line: &str) {
        let at = self.mono_us();
        if let Some(tape) = &mut self.tape {
            tape.push(format!("{at} {line}"));
        }
    }

    /// Something happens to the device.
    pub fn device_event(&mut self, event: DeviceEvent) {
        if self.tape.is_some() {
            self.note(&line_of(&event));
        }
        let actions = self.with_device(|device, at| device.handle(at, event));
        self.device_actions(actions.unwrap_or_default());
    }

    fn device_actions(&mut self, actions: Vec<DeviceAction>) {
        for action in actions {
            match action {
                DeviceAction::Connect(connection, _address) => self.connect(connection),
                DeviceAction::Close(connection) => {
                    if self.wire.is_some_and(|(own, _no)| own == connection) {
                        self.hang_up();
                    }
                }
                DeviceAction::Send(connection, bytes) => {
                    if self.wire.is_some_and(|(own, _no)| own == connection) {
                        self.up.push_back(bytes);
                    }
                }
                DeviceAction::Arm(timer, after_us) => {
                    let after = i64::try_from(after_us).unwrap_or(i64::MAX / 4);
                    self.timers.insert(timer, self.now_us + after);
                }
                DeviceAction::Disarm(timer) => {
                    self.timers.remove(&timer);
                }
                DeviceAction::Tell(_news) => {}
                DeviceAction::MakeKey => {
                    let Some(key) = self.in_process(|root| DeviceKey::open_next(root)) else {
                        return;
                    };
                    self.device_event(DeviceEvent::NextKey(Box::new(key)));
                }
                DeviceAction::KeepKey => {
                    if self.in_process(|root| DeviceKey::keep_next(root)).is_none() {
                        return;
                    }
                }
                DeviceAction::BeginWipe => {
                    if self.in_process(|root| wipe::begin(root)).is_none() {
                        return;
                    }
                }
                DeviceAction::Wipe => return self.wipe_device(),
            }
        }
    }

    /// Everything is deleted, after what was sent before has left; then somebody opens it again.
    fn wipe_device(&mut self) {
        // Its process hears nothing more.
        let core = self.device.take();
        self.let_leave();
        self.device = core;
        if self.in_process(|root| wipe::finish(root)).is_none() {
            return;
        }
        let folders = self.folders.clone();
        self.replace_device(folders, false);
    }

    fn connect(&mut self, connection: Connection) {
        if self.is_offline || self.machine.is_none() {
            return self.device_event(DeviceEvent::Disconnected(connection));
        }
        self.hang_up();
        self.n_connections += 1;
        let no = ConnectionNo(self.n_connections);
        self.wire = Some((connection, no));
        let nonce = [u8::try_from(self.n_connections % 250).unwrap_or_default(); 32];
        self.step(Event::Opened { connection: no, nonce });
        self.device_event(DeviceEvent::Connected(connection));
    }

    pub(super) fn hang_up(&mut self) {
        self.up.clear();
        self.down.clear();
        if let Some((_own, no)) = self.wire.take() {
            self.step(Event::Closed { connection: no });
        }
    }

    /// There is no network any more, or there is again.
    pub fn set_offline(&mut self, is_offline: bool) {
        self.is_offline = is_offline;
        if is_offline && let Some((own, _no)) = self.wire {
            self.hang_up();
            self.device_event(DeviceEvent::Disconnected(own));
        }
        if !is_offline {
            self.device_event(DeviceEvent::TryNow);
        }
    }

    /// A person records something.
    pub fn record(&mut self, works: &[Work]) {
        self.note(&format!("record {}", works.len()));
        let recorded = self.with_device(|device, at| device.record_many(at, works));
        match recorded {
            // It died at it: nobody was told that it is recorded.
            None => self.n_unsure += works.len(),
            Some(Ok((names, actions))) => {
                self.n_acts += names.len();
                self.confirmed.extend(names);
                self.device_actions(actions);
            }
            Some(Err(RecordError::NotEnrolled)) => {}
            Some(Err(error)) => panic!("a record failed: {error}"),
        }
    }

    /// Something else than a receipt.
    pub fn record_other(&mut self, works: &[Work]) {
        let n_acts = self.n_acts;
        self.record(works);
        self.n_acts = n_acts;
    }

    /// The server's process ends and begins again over the same disk.
    pub fn restart_server(&mut self) {
        self.kill_server();
        self.start_server();
    }

    /// A photo of the last thing that was confirmed.
    pub fn photograph(&mut self, bytes: &[u8]) {
        let Some(target) = self.confirmed.last().copied() else { return };
        let what = (protocol::operation::AttachmentKind::Photo, bytes);
        let attached = self.with_device(|device, at| device.attach(at, target, what));
        if let Some(Ok((name, actions))) = attached {
            self.confirmed.push(name);
            self.device_actions(actions);
        }
    }

    /// The device, while it runs.
    pub fn device(&self) -> Option<&DeviceCore> {
        self.device.as_ref()
    }

    pub(super) fn hear_all(&mut self) {
        while !self.is_deaf
            && let (Some((own, no)), Some(bytes)) = (self.wire, self.down.pop_front())
        {
            self.now_us += 500;
            let bytes = match self.mutant {
                None => bytes,
                Some(mutant) => mutant.down(bytes),
            };
            if self.mutant != Some(Mutant::UnboundedQueue) {
                self.step(Event::Sent { connection: no });
            }
            self.device_event(DeviceEvent::Frame(own, bytes));
        }
    }
}
