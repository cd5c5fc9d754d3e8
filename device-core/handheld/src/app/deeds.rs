//! What a deed does: by the page that it is done on.

use device_core::capture::{Capture, Event, Flow, Scan, Signal};
use device_core::engine::SignInWith;
use protocol::barcode::Meaning;
use protocol::operation::DocumentKind;
use protocol::text::Language;
use protocol::words::LocationCode;

use super::desk::Remark;
use super::flow::leave;
use super::identity::{badge_name, propose};
use super::{Answer, App, Desk, Page};
use crate::deed::Deed;
use crate::events::Change;
use crate::words::with_word;

impl App {
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
        let reading = self.read_scan(raw);
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

    pub(super) fn refuse(&self, desk: &mut Desk, text: &str) -> Answer {
        let text = with_word(text, "name", "", self.language(desk));
        desk.remark = Some(Remark { signal: Signal::Stop, text });
        Answer::of(Signal::Stop)
    }
}

/// The longest PIN that a desk gives out.
const PIN_DIGITS_MAX: usize = 12;

fn is_pin(text: &str) -> bool {
    text.len() <= PIN_DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit())
}
