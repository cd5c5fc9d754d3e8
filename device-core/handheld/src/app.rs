//! What the person at the device is doing, and how a deed changes it.
//!
//! One person, one device: all of it is behind one lock, and nothing in it survives the process but
//! what the device has recorded.

mod identity;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use device_core::capture::{Capture, Event, Flow, Local, Memory, Ready, Scan, Signal, Step, World};
use device_core::device::Device;
use device_core::engine::{
    DeviceCore, News, RecordError, RecorderState, SignInWith, Status, UndoError, Work,
};
use protocol::barcode::{self, Meaning, ScanProfile};
use protocol::feed::{LocationRow, OperatorRow, Role, TaskRow};
use protocol::identity::{Incarnation, OperationId, Seq, ServerTime, TaskId};
use protocol::operation::{Answer as AnswerBody, AttachmentKind, Body, DocumentKind};
use protocol::text::Language;
use protocol::words::{LocationCode, OperatorId, ReasonText};
use tokio::sync::broadcast;

use crate::clock;
use crate::deed::Deed;
use crate::events::Change;
use crate::words::{plain, with_number, with_word};

use identity::{badge_name, propose};

/// Changes that a slow page may be behind before it asks for everything again.
const CHANGES_MAX: usize = 64;

/// The app behind the pages.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) device: Device,
    server: Option<String>,
    desk: Mutex<Desk>,
    pub(crate) changes: broadcast::Sender<Change>,
}

/// What the person is doing.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) language: Option<Language>,
    pub(crate) location: Option<LocationCode>,
    /// Who wants to sign in, and what to call them.
    pub(crate) candidate: Option<(SignInWith, String)>,
    pub(crate) capture: Option<Capture>,
    /// Flows that were left with something unconfirmed in hand.
    pub(crate) laid_aside: BTreeMap<Flow, Capture>,
    memory: Memory,
    /// What is to be said besides the question.
    pub(crate) remark: Option<Remark>,
    /// The storage has failed in this way.
    pub(crate) stopped: Option<String>,
    pub(crate) is_enrolling: bool,
    /// Refused and parked operations that somebody has looked at.
    pub(crate) seen: BTreeSet<OperationId>,
    /// The flow that was used last comes first in the menu.
    pub(crate) last_flow: Option<Flow>,
}

/// A sentence that answers the last deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) signal: Signal,
    pub(crate) text: String,
}

/// The answer to a deed.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) signal: Signal,
    /// Operations that were recorded.
    pub(crate) recorded: Vec<OperationId>,
}

impl Answer {
    fn of(signal: Signal) -> Self {
        Self { signal, recorded: Vec::new() }
    }
}

/// Which page a person sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// Nobody has enrolled the device.
    Enrol,
    /// The enrolment code was taken; the server is being looked for.
    Enrolling,
    /// The storage has failed.
    Stopped,
    /// Nobody is signed in.
    SignIn,
    /// Somebody is named and has to prove it.
    Pin,
    /// The site has several locations.
    Location,
    /// What do you do?
    Menu,
    /// A flow at work.
    Flow,
}

impl Page {
    /// The word for the page in addresses and answers.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Enrolling => "enrolling",
            Self::Stopped => "stopped",
            Self::SignIn => "sign_in",
            Self::Pin => "pin",
            Self::Location => "location",
            Self::Menu => "menu",
            Self::Flow => "flow",
        }
    }
}

impl App {
    pub(crate) fn new(device: Device, server: Option<String>) -> Self {
        let desk = Mutex::new(Desk::default());
        Self { device, server, desk, changes: broadcast::Sender::new(CHANGES_MAX) }
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        // Half-done work of a person is shown as it is; what was recorded is on the disk.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which page is due, with the status that decides it.
    pub(crate) fn page(&self, desk: &mut Desk) -> (Page, Status) {
        let status = self.device.status();
        if let RecorderState::Stopped(reason) = &status.recorder {
            desk.stopped.get_or_insert_with(|| reason.clone());
        }
        self.choose_only_location(desk);
        let page = if status.recorder == RecorderState::NotEnrolled {
            if desk.is_enrolling { Page::Enrolling } else { Page::Enrol }
        } else if desk.stopped.is_some() {
            Page::Stopped
        } else if status.operator.is_none() {
            if desk.candidate.is_some() { Page::Pin } else { Page::SignIn }
        } else if desk.location.is_none() {
            Page::Location
        } else if desk.capture.is_some() {
            Page::Flow
        } else {
            Page::Menu
        };
        (page, status)
    }

    /// A site with one location needs no question.
    fn choose_only_location(&self, desk: &mut Desk) {
        let rows = self.locations();
        let known = |code: &LocationCode| rows.iter().any(|row| row.location == *code);
        if desk.location.as_ref().is_none_or(|code| !known(code)) {
            desk.location = match rows.as_slice() {
                [only] => Some(only.location.clone()),
                _ => None,
            };
        }
    }

    /// The locations of the site where people work.
    pub(crate) fn locations(&self) -> Vec<LocationRow> {
        let site = self.device.status().site;
        let mut rows = self.device.read(|core| core.replica().locations()).unwrap_or_default();
        rows.retain(|row| !row.in_transit && site.as_ref().is_none_or(|site| *site == row.site));
        rows
    }

    /// Where the person works; before that is said, any place of the site, for its time zone.
    pub(crate) fn location_row(&self, desk: &Desk) -> Option<LocationRow> {
        let rows = self.locations();
        let chosen = desk.location.as_ref();
        let found = rows.iter().find(|row| chosen == Some(&row.location));
        found.or(rows.first()).cloned()
    }

    /// The people who may sign in here.
    pub(crate) fn people(&self) -> Vec<OperatorRow> {
        let mut rows = self.device.read(|core| core.replica().operators()).unwrap_or_default();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        rows
    }

    /// The work that waits at the location, as far as it is not somebody else's.
    pub(crate) fn tasks(&self, desk: &Desk, operator: Option<&OperatorId>) -> Vec<TaskRow> {
        let Some(location) = &desk.location else { return Vec::new() };
        let mut tasks = self.device.read(|core| core.fold().tasks()).unwrap_or_default();
        tasks.retain(|task| {
            task.location == *location
                && (task.assigned.is_none() || task.assigned.as_ref() == operator)
                && (task.not_by.is_none() || task.not_by.as_ref() != operator)
        });
        // What is for this person alone comes first.
        tasks.sort_by_key(|task| task.assigned.is_none());
        tasks
    }

    /// The language of the screens.
    pub(crate) fn language(&self, desk: &Desk) -> Language {
        desk.language.or_else(|| self.operator_language()).unwrap_or_default()
    }

    /// Who has the device, as the server describes them.
    fn operator_row(&self) -> Option<OperatorRow> {
        self.device.read(|core| {
            let operator = core.operator()?.clone();
            core.replica().operator(&operator).ok().flatten()
        })
    }

    /// Whether the person may see the book while counting.
    pub(crate) fn may_open_book(&self) -> bool {
        self.operator_row().is_some_and(|row| row.roles.contains(&Role::Supervisor))
    }

    fn operator_language(&self) -> Option<Language> {
        let row = self.operator_row()?;
        (!row.language.is_empty()).then(|| Language::from_tag(&row.language))
    }

    /// Does something with the surroundings of a flow.
    pub(crate) fn with_world<T>(
        &self,
        desk: &mut Desk,
        act: impl FnOnce(&mut Desk, &World<'_>) -> T,
    ) -> Option<T> {
        let location = desk.location.clone()?;
        let mono_us = self.device.now_us();
        Some(self.device.read(|core| {
            let local = Local::new(core.fold());
            let row = core.replica().location(&location).ok().flatten();
            let world = World {
                catalogue: &local,
                location: &location,
                today: clock::day(core.server_time(mono_us), row.as_ref()),
                mono_us,
                online: is_online(core),
            };
            let answer = act(desk, &world);
            if let Some(error) = local.trouble() {
                tracing::error!(%error, "a look-up could not be answered");
            }
            answer
        }))
    }

    /// Does what a person wants, and says how it sounds.
    pub(crate) fn act(&self, deed: Deed, text: &str) -> Answer {
        let mut desk = self.desk();
        let desk = &mut *desk;
        let (page, _status) = self.page(desk);
        desk.remark = None;
        let answer = match deed {
            Deed::Language => {
                desk.language = Some(Language::from_tag(text));
                Answer::of(Signal::Quiet)
            }
            Deed::TryNow => {
                self.device.try_now();
                Answer::of(Signal::Quiet)
            }
            Deed::Reopen => self.reopen(desk),
            // Nothing is taken while the storage does not hold it.
            _ if page == Page::Stopped => Answer::of(Signal::Stop),
            Deed::Scan => self.scan(desk, page, text),
            Deed::Enrol => self.enrol(desk, text),
            Deed::Name => self.name(desk, text),
            Deed::Pin => self.sign_in(desk, text),
            Deed::SignOut => self.sign_out(desk),
            Deed::Back if page == Page::Pin => {
                desk.candidate = None;
                Answer::of(Signal::Quiet)
            }
            _ if self.device.operator().is_none() => self.refuse(desk, "sign-in-first"),
            deed => self.work(desk, page, deed, text),
        };
        drop(self.changes.send(Change::Chip));
        answer
    }

    /// Deeds of somebody who is signed in.
    fn work(&self, desk: &mut Desk, page: Page, deed: Deed, text: &str) -> Answer {
        match deed {
            Deed::Location => {
                let code = LocationCode::new(text).ok();
                let rows = self.locations();
                desk.location = code.filter(|code| rows.iter().any(|row| row.location == *code));
                leave(desk);
                Answer::of(Signal::Quiet)
            }
            Deed::Start => match Flow::of_word(text) {
                Some(flow) => self.start(desk, flow),
                None => Answer::of(Signal::Stop),
            },
            Deed::Task => self.start_task(desk, text),
            Deed::Answer => self.answer_task(desk, text),
            Deed::UndoOperation => self.undo_operation(desk, text),
            Deed::Leave => {
                leave(desk);
                Answer::of(Signal::Quiet)
            }
            Deed::OpenBook => {
                if self.may_open_book() {
                    desk.capture = desk.capture.take().map(Capture::with_book);
                }
                Answer::of(Signal::Quiet)
            }
            _ if page != Page::Flow => Answer::of(Signal::Quiet),
            // Enter in an empty field is the primary button.
            Deed::Key if text.trim().is_empty() => self.step(desk, Event::Confirm),
            Deed::Key => self.step(desk, Event::Keyed(text)),
            Deed::Choose => self.step(desk, Event::Choose(text)),
            Deed::Confirm => self.step(desk, Event::Confirm),
            Deed::Undo => self.step(desk, Event::Undo),
            Deed::Back => self.back(desk),
            Deed::Keypad => self.step(desk, Event::Keypad),
            Deed::Scan
            | Deed::Enrol
            | Deed::Name
            | Deed::Pin
            | Deed::SignOut
            | Deed::TryNow
            | Deed::Reopen
            | Deed::Language => Answer::of(Signal::Quiet),
        }
    }

    fn scan(&self, desk: &mut Desk, page: Page, raw: &str) -> Answer {
        let mono_us = self.device.now_us();
        let time = self.device.read(|core| core.server_time(mono_us));
        let year = chrono::Datelike::year(&clock::day(time, None));
        let mut profile = ScanProfile::untested(year);
        let site = self.device.read(|core| core.replica().site()).ok().flatten();
        if let Some(separator) = site.and_then(|site| site.separator) {
            profile.separators.aliases.push(separator);
        }
        let reading = barcode::read(raw, &profile);
        let badge = match reading.only() {
            Some(Meaning::Badge(badge)) => Some(badge.reveal().to_owned()),
            _ => None,
        };
        match page {
            Page::Enrol | Page::Enrolling => self.enrol(desk, raw),
            Page::SignIn | Page::Pin => match badge {
                Some(badge) => propose(desk, SignInWith::Badge(badge.clone()), &badge_name(&badge)),
                // Somebody types as fast as a scanner.
                None if page == Page::Pin && is_pin(raw) => self.sign_in(desk, raw),
                None => self.refuse(desk, "sign-in-badge"),
            },
            Page::Stopped | Page::Location => Answer::of(Signal::Stop),
            Page::Menu => self.jump(desk, &Scan::of(&reading)),
            Page::Flow => self.step(desk, Event::Scan(&Scan::of(&reading))),
        }
    }

    /// A scan in the menu opens what it stands for.
    fn jump(&self, desk: &mut Desk, scan: &Scan) -> Answer {
        if scan.command().is_some() {
            return Answer::of(Signal::Quiet);
        }
        let shown = scan.shown();
        let rows = self.device.read(|core| core.replica().documents_numbered(&shown));
        let here = desk.location.clone();
        let flow = rows.unwrap_or_default().first().map(|row| match row.kind {
            DocumentKind::PurchaseOrder | DocumentKind::SalesReturnOrder => Flow::Receive,
            DocumentKind::SalesOrder | DocumentKind::PurchaseReturnOrder => Flow::Pick,
            DocumentKind::TransferOrder if row.to_location == here => Flow::TransferReceive,
            DocumentKind::TransferOrder => Flow::TransferShip,
            DocumentKind::CountOrder => Flow::CountBin,
            DocumentKind::AssemblyOrder => Flow::LookUp,
        });
        self.start(desk, flow.unwrap_or(Flow::LookUp));
        self.step(desk, Event::Scan(scan))
    }

    /// Starts a flow, or goes on with it where it was laid aside.
    fn start(&self, desk: &mut Desk, flow: Flow) -> Answer {
        leave(desk);
        desk.last_flow = Some(flow);
        if let Some(capture) = desk.laid_aside.remove(&flow) {
            desk.capture = Some(capture);
            return Answer::of(Signal::Quiet);
        }
        let memory = std::mem::take(&mut desk.memory);
        let started = self.with_world(desk, |_, world| Capture::start(flow, memory, world));
        desk.capture = started;
        Answer::of(Signal::Quiet)
    }

    fn start_task(&self, desk: &mut Desk, text: &str) -> Answer {
        let operator = self.device.operator();
        let number = text.parse().map(TaskId).ok();
        let task =
            self.tasks(desk, operator.as_ref()).into_iter().find(|task| Some(task.task) == number);
        let Some(task) = task else { return Answer::of(Signal::Stop) };
        leave(desk);
        let memory = std::mem::take(&mut desk.memory);
        desk.capture =
            self.with_world(desk, |_, world| Capture::for_task(&task, memory, world)).flatten();
        Answer::of(Signal::Quiet)
    }

    fn answer_task(&self, desk: &mut Desk, text: &str) -> Answer {
        let parts = text.split_once(':');
        let body = parts.and_then(|(task, answer)| {
            let task = TaskId(task.parse().ok()?);
            let answer = ReasonText::new(answer).ok()?;
            Some(Body::Answer(AnswerBody { task: Some(task), case: None, answer }))
        });
        let Some(body) = body else { return Answer::of(Signal::Stop) };
        self.record(desk, &[Work { body, document: None }])
    }

    /// One step of the flow; what it hands out is on the disk before the good tone.
    fn step(&self, desk: &mut Desk, event: Event<'_>) -> Answer {
        let step = self.with_world(desk, |desk, world| {
            desk.capture.as_mut().map(|capture| capture.step(event, world))
        });
        let Some(Step { signal, ready }) = step.flatten() else { return Answer::of(Signal::Quiet) };
        if ready.is_empty() {
            return Answer::of(signal);
        }
        let is_undo = ready.iter().all(|ready| matches!(ready.body, Body::Undo(_)));
        let answer = if is_undo {
            self.record_undo(desk, &ready)
        } else {
            let works: Vec<Work> =
                ready.into_iter().map(|Ready { body, document }| Work { body, document }).collect();
            self.record(desk, &works)
        };
        if answer.recorded.is_empty() {
            return answer;
        }
        let language = self.language(desk);
        let said = plain(if is_undo { "undone" } else { "done" }, language);
        desk.remark = Some(Remark { signal, text: said });
        let recorded = answer.recorded.clone();
        self.with_world(desk, |desk, world| {
            if let Some(capture) = desk.capture.as_mut() {
                capture.recorded(&recorded, world);
            }
        });
        Answer { signal, ..answer }
    }

    fn record(&self, desk: &mut Desk, works: &[Work]) -> Answer {
        match self.device.record_many(works) {
            Ok(recorded) => {
                self.with_world(desk, |desk, world| {
                    for capture in desk.laid_aside.values_mut() {
                        for work in works {
                            capture.heard(&work.body, world);
                        }
                    }
                });
                Answer { signal: Signal::Complete, recorded }
            }
            Err(error) => self.not_recorded(desk, &error),
        }
    }

    /// Nothing was recorded: red, and no further scanning.
    fn not_recorded(&self, desk: &mut Desk, error: &RecordError) -> Answer {
        tracing::error!(%error, "not recorded");
        let reason = match error {
            RecordError::Full => plain("stop-reason-full", self.language(desk)),
            RecordError::OutOfTouch { days } => {
                with_number("stop-reason-out-of-touch", "n", *days, self.language(desk))
            }
            error => error.to_string(),
        };
        if !matches!(error, RecordError::TooLarge { .. }) {
            desk.stopped = Some(reason);
        }
        desk.remark = Some(Remark { signal: Signal::Stop, text: error.to_string() });
        drop(self.changes.send(Change::Page));
        Answer::of(Signal::Stop)
    }

    fn record_undo(&self, desk: &mut Desk, ready: &[Ready]) -> Answer {
        let device = self.device.status().identity.map(|(device, _)| device).unwrap_or_default();
        let mut recorded = Vec::new();
        for ready in ready {
            let Body::Undo(undo) = &ready.body else { continue };
            let name = OperationId { device, incarnation: undo.incarnation, seq: undo.seq };
            match self.device.undo(name) {
                Ok(id) => recorded.push(id),
                // It is gone already: that is what was wanted.
                Err(UndoError::AlreadyUndone) => recorded.push(name),
                Err(error) => return self.not_undone(desk, &error),
            }
        }
        Answer { signal: Signal::Complete, recorded }
    }

    /// The operation that `incarnation-seq` names.
    fn named(&self, text: &str) -> Option<OperationId> {
        let device = self.device.status().identity.map(|(device, _)| device).unwrap_or_default();
        let (incarnation, seq) = text.split_once('-')?;
        let incarnation = Incarnation(incarnation.parse().ok()?);
        Some(OperationId { device, incarnation, seq: Seq(seq.parse().ok()?) })
    }

    /// Keeps a picture for an operation; says why not, where not.
    pub(crate) fn take_picture(
        &self,
        name: &str,
        kind: AttachmentKind,
        bytes: &[u8],
    ) -> Result<OperationId, String> {
        let target = self.named(name).ok_or_else(|| format!("{name} names no operation"))?;
        self.device.attach(target, kind, bytes).map_err(|error| {
            tracing::warn!(%error, "a picture was not taken");
            error.to_string()
        })
    }

    fn undo_operation(&self, desk: &mut Desk, text: &str) -> Answer {
        let Some(name) = self.named(text) else { return Answer::of(Signal::Stop) };
        match self.device.undo(name) {
            Ok(id) => Answer { signal: Signal::Complete, recorded: vec![id] },
            Err(error) => self.not_undone(desk, &error),
        }
    }

    /// Nothing is taken back, and the person is told why.
    fn not_undone(&self, desk: &mut Desk, error: &UndoError) -> Answer {
        let language = self.language(desk);
        let text = match error {
            UndoError::NotHere => plain("undo-not-here", language),
            UndoError::NothingToUndo => plain("stop-nothing-to-undo", language),
            UndoError::AlreadyUndone => plain("undo-already", language),
            UndoError::NotOwn { author } => with_word("undo-not-own", "operator", author, language),
            UndoError::Record(error) => return self.not_recorded(desk, error),
        };
        desk.remark = Some(Remark { signal: Signal::Stop, text });
        Answer::of(Signal::Stop)
    }

    /// Closes what lies over the question; a second time, the flow, unless work would be lost.
    fn back(&self, desk: &mut Desk) -> Answer {
        if desk.capture.as_ref().is_some_and(Capture::is_covered) {
            return self.step(desk, Event::Back);
        }
        if desk.capture.as_ref().is_some_and(Capture::has_unconfirmed) {
            return self.step(desk, Event::Undo);
        }
        leave(desk);
        Answer::of(Signal::Quiet)
    }

    fn reopen(&self, desk: &mut Desk) -> Answer {
        match self.device.reopen_recorder() {
            Ok(()) => {
                desk.stopped = None;
                Answer::of(Signal::Quiet)
            }
            Err(error) => {
                desk.stopped = Some(error.to_string());
                Answer::of(Signal::Stop)
            }
        }
    }

    fn refuse(&self, desk: &mut Desk, text: &str) -> Answer {
        let text = with_word(text, "name", "", self.language(desk));
        desk.remark = Some(Remark { signal: Signal::Stop, text });
        Answer::of(Signal::Stop)
    }

    /// What the device tells by itself.
    pub(crate) fn hear(&self, news: &News) {
        let mut desk = self.desk();
        match news {
            News::Enrolled => desk.is_enrolling = false,
            News::EnrolmentRefused => {
                desk.is_enrolling = false;
                self.refuse(&mut desk, "enrol-refused");
            }
            News::RecorderStopped(reason) => desk.stopped = Some(reason.clone()),
            _ => {}
        }
    }

    /// The server's time now, as well as the device knows it.
    pub(crate) fn now(&self) -> ServerTime {
        let mono_us = self.device.now_us();
        self.device.read(|core| core.server_time(mono_us))
    }
}

/// The longest PIN that a desk gives out.
const PIN_DIGITS_MAX: usize = 12;

fn is_pin(text: &str) -> bool {
    text.len() <= PIN_DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_online(core: &DeviceCore) -> bool {
    core.session().state().link() == device_core::session::LinkState::Online
}

/// The flow is left; what it remembers stays. What is in hand and not confirmed is laid aside.
fn leave(desk: &mut Desk) {
    let Some(capture) = desk.capture.take() else { return };
    if capture.has_unconfirmed() && capture.flow() != Flow::LookUp {
        desk.memory = capture.memory().clone();
        desk.laid_aside.insert(capture.flow(), capture);
    } else {
        desk.memory = capture.into_memory();
    }
}
