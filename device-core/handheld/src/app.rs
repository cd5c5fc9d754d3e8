//! What the person at the device is doing, and how a deed changes it.
//!
//! One person, one device: all of it is behind one lock, and nothing in it survives the process but
//! what the device has recorded.
//!
//! Order of reading: this file (which page is due, and what the pages look up), [`desk`] (what the person
//! has in hand), [`deeds`] (what a deed does), [`flow`], [`record`], [`identity`],
//! [`scanner`].

mod deeds;
mod desk;
mod flow;
mod identity;
mod record;
mod scanner;

use std::sync::{Mutex, MutexGuard, PoisonError};

use device_core::capture::{Local, Signal, World};
use device_core::device::Device;
use device_core::engine::{DeviceCore, News, RecorderState, Status};
use protocol::feed::{LocationRow, OperatorRow, Role, TaskRow};
use protocol::identity::ServerTime;
use protocol::text::Language;
use protocol::words::{LocationCode, OperatorId};
use tokio::sync::broadcast;

use crate::clock;
use crate::events::Change;
use crate::words::with_number;
use desk::Remark;

pub(crate) use desk::{Answer, Desk, Page, Restored};
pub(crate) use scanner::{CodeTest, TEST_CODE};

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
            News::ReIncarnated => self.put_back(&mut desk, Restored::Scanner),
            News::ServerRestored => self.put_back(&mut desk, Restored::Server),
            _ => {}
        }
    }

    /// Says that something was put back from an old copy, here and on the page of the link.
    fn put_back(&self, desk: &mut Desk, restored: Restored) {
        desk.restored = Some(restored);
        // What was said about a scan that went wrong goes first.
        if desk.remark.as_ref().is_none_or(|remark| remark.signal != Signal::Stop) {
            let text = self.restored_text(desk, restored);
            desk.remark = Some(Remark { signal: Signal::Warning, text });
        }
    }

    /// That something was put back, and how much is still to be sent for it.
    pub(crate) fn restored_text(&self, desk: &Desk, restored: Restored) -> String {
        let n = self.device.status().n_unsent;
        with_number(restored.sentence(), "n", n, self.language(desk))
    }

    /// The server's time now, as well as the device knows it.
    pub(crate) fn now(&self) -> ServerTime {
        let mono_us = self.device.now_us();
        self.device.read(|core| core.server_time(mono_us))
    }
}

fn is_online(core: &DeviceCore) -> bool {
    core.session().state().link() == device_core::session::LinkState::Online
}
