//! One step: event in, signal and operations out.

use protocol::barcode::ScanCommand;
use protocol::operation::Condition;
use protocol::quantity::Quantity;
use protocol::words::ReasonText;

use super::act::{Act, Acts};
use super::apply::{Applying, shelve};
use super::body::{Builder, Ready, question_bin, undo};
use super::check::{Checking, Finding};
use super::fill::{Fill, Found, candidates};
use super::flow::{Flow, Side, Slot};
use super::hint;
use super::message::{Message, Notice, Signal};
use super::plan;
use super::range::Range;
use super::scan::{Content, Scan, Source};
use super::screen;
use super::slots::{Aim, Paper, Slots, Tally};
use super::truck::Truck;
use super::world::{World, unit_of};
use super::{After, Capture, Event, Pending, Step};

/// How many scans can be taken back one by one.
const HISTORY_MAX: usize = 200;

/// How many answers to ambiguous scans are remembered.
const MEMORY_MAX: usize = 200;

impl Capture {
    /// Takes one event. Whatever was handed out before and never recorded stays in hand.
    pub fn step(&mut self, event: Event<'_>, world: &World<'_>) -> Step {
        self.awaiting = None;
        match event {
            Event::Scan(scan) => match scan.command() {
                Some(ScanCommand::Ok) => self.confirm(world),
                Some(ScanCommand::Back) => self.back(),
                Some(ScanCommand::Undo) => self.undo(),
                Some(ScanCommand::Skip) => self.skip(world),
                Some(ScanCommand::Quantity) => self.open_keypad(world),
                None => self.scan(scan, world),
            },
            Event::Keyed(text) => self.keyed(text, world),
            Event::Choose(id) => self.choose(id, world),
            Event::Confirm => self.confirm(world),
            Event::Undo => self.undo(),
            Event::Back => self.back(),
            Event::Keypad => self.open_keypad(world),
        }
    }

    /// The slot that is asked for.
    pub(super) fn asked(&self, world: &World<'_>) -> Option<Slot> {
        if self.keypad {
            return Some(Slot::Quantity);
        }
        plan::first_empty(self.flow, &self.slots, world)
    }

    pub(super) fn scan(&mut self, scan: &Scan, world: &World<'_>) -> Step {
        if self.pending.as_ref().is_some_and(|pending| !pending.gives_way()) {
            return Step::of(Signal::Warning);
        }
        self.pending = None;
        let asked = plan::first_empty(self.flow, &self.slots, world);
        let mut found = candidates(scan, self.flow, &self.slots, asked, world);
        let remembered = self
            .memory
            .0
            .iter()
            .find(|(text, fill)| *text == scan.shown() && found.fits.contains(fill));
        if let Some((_, fill)) = remembered {
            found.fits = vec![fill.clone()];
        }
        match found.fits.as_slice() {
            [] => self.misfit(scan, &found, world),
            [fill] => self.take(&fill.clone(), scan, world),
            fits => {
                let mut acts = Acts::default();
                for fill in fits {
                    acts.push(fill.name(world), Act::Fill(Box::new(fill.clone())));
                }
                self.notice = Some(Notice {
                    signal: Signal::Warning,
                    ..Notice::stop("scan_ambiguous", Message::new("warn-ambiguous"), "next-choose")
                        .scanned(scan.shown())
                });
                self.pending = Some(Pending::Ambiguous { scan: scan.clone(), acts });
                Step::of(Signal::Warning)
            }
        }
    }

    /// A scan that no slot can take.
    fn misfit(&mut self, scan: &Scan, found: &Found, world: &World<'_>) -> Step {
        let shown = scan.shown();
        let needed = screen::question(self, world).text;
        if let Some(code) = found.damaged {
            let text = Message::new("stop-damaged").word("code", code);
            return self.stop(Notice::stop(code, text, "next-scan-again").scanned(shown));
        }
        if let Some(code) = found.unknown_own {
            let text = Message::new("stop-unknown-label").word("code", &shown);
            return self.stop(Notice::stop(code, text, "next-ask-supervisor").scanned(shown));
        }
        let elsewhere = scan.readings.iter().all(|content| *content == Content::Elsewhere);
        if !found.misfits.is_empty() || elsewhere {
            let name = found.misfits.first().map(|fill| fill.name(world));
            let text = name.unwrap_or(Message::new("stop-wrong-kind"));
            let notice = Notice::stop("wrong_kind", text, "next-scan-needed").scanned(shown);
            return self.stop(Notice { next: needed, ..notice });
        }
        let mut acts = Acts::default();
        if self.takes_unidentified() {
            acts.push(Message::new("choice-unidentified"), Act::Unidentified(scan.raw.clone()));
        }
        acts.push(Message::new("choice-scan-again"), Act::Drop);
        let text = Message::new("stop-unknown").word("code", &shown);
        let next =
            if self.takes_unidentified() { "next-unknown" } else { "next-unknown-elsewhere" };
        self.notice = Some(Notice::stop("scan_unknown", text, next).scanned(shown));
        self.pending = Some(Pending::Unknown { acts });
        Step::of(Signal::Stop)
    }

    /// Flows in which goods are seen or put down, whoever can name them.
    fn takes_unidentified(&self) -> bool {
        matches!(self.flow, Flow::Receive | Flow::TransferReceive)
            || self.flow.is_count()
            || self.flow.is_move()
    }

    pub(super) fn stop(&mut self, notice: Notice) -> Step {
        self.notice = Some(notice);
        Step::of(Signal::Stop)
    }

    pub(super) fn take(&mut self, fill: &Fill, scan: &Scan, world: &World<'_>) -> Step {
        let applying = Applying { flow: self.flow, slots: &self.slots, scan, world };
        match applying.run(fill) {
            Err(notice) => self.stop(*notice),
            Ok(slots) if slots == self.slots => {
                self.notice = None;
                Step::of(Signal::Repeated)
            }
            Ok(slots) => self.judge(slots, world),
        }
    }

    /// Holds a proposal against the world: taken over, asked about, or stopped.
    pub(super) fn judge(&mut self, proposal: Slots, world: &World<'_>) -> Step {
        let checking = Checking { flow: self.flow, slots: &proposal, world, blind: self.blind };
        let Some(finding) = checking.run() else { return self.commit(proposal, world) };
        let signal = finding.notice.signal;
        self.notice = Some(finding.notice.clone());
        let mut acts = Acts(finding.choices.clone());
        if signal == Signal::Stop && acts.0.is_empty() {
            return Step::of(signal);
        }
        if finding.may_go_on {
            acts.push(Message::new("choice-go-on"), Act::Accept);
        }
        acts.push(Message::new("choice-back"), Act::Drop);
        let proposal = Box::new(proposal);
        self.pending = Some(Pending::Judged { proposal, finding: Box::new(finding), acts });
        Step::of(signal)
    }

    fn commit(&mut self, slots: Slots, world: &World<'_>) -> Step {
        let before = std::mem::replace(&mut self.slots, slots);
        self.history.push(before);
        if self.history.len() > HISTORY_MAX {
            self.history.remove(0);
        }
        self.pending = None;
        self.notice = None;
        self.keypad = false;
        if self.slots.closing {
            return self.close(world);
        }
        if self.is_picked() && self.completes_pick(world) {
            self.slots.tally.settled = true;
            self.slots.closing = true;
            return self.close(world);
        }
        Step::of(Signal::Good)
    }

    fn is_picked(&self) -> bool {
        self.flow == Flow::Pick && self.slots.item.is_some()
    }

    /// Whether the demanded quantity is in hand and nothing else is open: the step completes by
    /// itself.
    fn completes_pick(&self, world: &World<'_>) -> bool {
        let mut settled = self.slots.clone();
        settled.tally.settled = true;
        let Some(target) = super::line::target(Flow::Pick, &settled, world) else { return false };
        let base = plan::base_in_hand(&settled, world);
        target.left.is_positive()
            && base == Some(target.left)
            && plan::first_empty(Flow::Pick, &settled, world).is_none()
    }

    fn confirm(&mut self, world: &World<'_>) -> Step {
        match &self.pending {
            Some(pending) if pending.gives_way() => return self.back(),
            Some(_) => return Step::of(Signal::Warning),
            None => {}
        }
        if self.notice.take().is_some_and(|notice| notice.signal == Signal::Stop) {
            return Step::of(Signal::Quiet);
        }
        let mut proposal = self.slots.clone();
        if proposal.tally.is_given() {
            proposal.tally.settled = true;
        }
        self.keypad = false;
        let asked = plan::first_empty(self.flow, &proposal, world);
        let in_bin = self.flow == Flow::CountBin && proposal.unidentified.is_none();
        match asked {
            Some(Slot::Item) if in_bin && !proposal.has_goods() => self.finish_bin(world),
            Some(slot) => {
                if proposal.tally.settled && !self.slots.tally.settled {
                    self.history.push(self.slots.clone());
                    self.slots = proposal;
                    return Step::of(Signal::Good);
                }
                let mut notice = Notice::stop(
                    "question_open",
                    Message::new("stop-question-open"),
                    "next-scan-needed",
                );
                notice.next = Message::new(screen::question_text(self.flow, slot));
                self.stop(notice)
            }
            None if self.flow == Flow::LookUp => Step::of(Signal::Quiet),
            None if in_bin => {
                self.history.push(self.slots.clone());
                self.slots = proposal;
                shelve(&mut self.slots, world);
                Step::of(Signal::Good)
            }
            None => {
                proposal.closing = true;
                self.judge(proposal, world)
            }
        }
    }

    /// Everything is confirmed: asks the closing questions, then hands the operations out.
    fn close(&mut self, world: &World<'_>) -> Step {
        if plan::first_empty(self.flow, &self.slots, world).is_some() {
            return Step::of(Signal::Good);
        }
        let builder = Builder { flow: self.flow, slots: &self.slots, world, task: self.task };
        let ready = builder.build();
        self.hand_out(ready, After::Line)
    }

    fn hand_out(&mut self, ready: Vec<Ready>, after: After) -> Step {
        if ready.is_empty() {
            let text = Message::new("stop-nothing-to-record");
            return self.stop(Notice::stop("nothing_to_post", text, "next-scan-again"));
        }
        self.truck.hand_out(&ready);
        self.awaiting = Some(after);
        Step { signal: Signal::Complete, ready }
    }

    /// "Bin finished": asks about what is known there and was not touched.
    fn finish_bin(&mut self, world: &World<'_>) -> Step {
        if self.slots.from.is_none() {
            let text = Message::new("stop-question-open");
            return self.stop(Notice::stop("question_open", text, "ask-bin"));
        }
        let untouched = hint::untouched(&self.slots, world);
        if untouched.is_empty() {
            return self.record_bin(world);
        }
        let mut acts = Acts::default();
        acts.push(Message::new("choice-rest-is-zero"), Act::RestIsZero);
        acts.push(Message::new("choice-not-yet"), Act::Drop);
        if !self.slots.counted.is_empty() {
            acts.push(Message::new("choice-only-touched"), Act::OnlyTouched);
        }
        let text = Message::new("warn-untouched")
            .number("n", untouched.len())
            .word("items", untouched.join(", "));
        let mut notice = Notice::stop("not_counted", text, "next-choose");
        notice.signal = Signal::Warning;
        self.notice = Some(notice);
        self.pending = Some(Pending::Untouched { acts });
        Step::of(Signal::Warning)
    }

    /// "Truck finished": asks about what is short, over, or on no order.
    fn finish_truck(&mut self, world: &World<'_>) -> Step {
        if self.truck.lines(self.flow, &self.slots, world).is_empty() {
            return self.close_truck();
        }
        let mut acts = Acts::default();
        acts.push(Message::new("choice-close-truck"), Act::CloseTruck);
        acts.push(Message::new("choice-leave-open"), Act::Drop);
        let mut notice = Notice::stop("not_as_ordered", Message::new("warn-truck"), "next-truck");
        notice.signal = Signal::Warning;
        self.notice = Some(notice);
        self.pending = Some(Pending::Truck { acts });
        Step::of(Signal::Warning)
    }

    /// The next scan begins another truck.
    fn close_truck(&mut self) -> Step {
        self.truck = Truck::default();
        self.slots.paper = None;
        self.slots.line = None;
        self.history.clear();
        Step::of(Signal::Good)
    }

    fn record_bin(&mut self, world: &World<'_>) -> Step {
        let builder = Builder { flow: self.flow, slots: &self.slots, world, task: self.task };
        let ready = builder.count_bin();
        self.hand_out(ready.into_iter().collect(), After::Bin)
    }

    fn back(&mut self) -> Step {
        self.pending = None;
        self.notice = None;
        self.keypad = false;
        self.slots.closing = false;
        Step::of(Signal::Quiet)
    }

    fn undo(&mut self) -> Step {
        if self.pending.is_some() || self.notice.is_some() || self.keypad {
            return self.back();
        }
        if let Some(before) = self.history.pop() {
            self.slots = before;
            return Step::of(Signal::Good);
        }
        let ready = undo(&self.last);
        if ready.is_empty() {
            let text = Message::new("stop-nothing-to-undo");
            return self.stop(Notice::stop("nothing_to_undo", text, "next-go-on"));
        }
        self.hand_out(ready, After::Undone)
    }

    fn open_keypad(&mut self, world: &World<'_>) -> Step {
        let countable = self.slots.unidentified.is_some()
            || world.item_of(&self.slots).is_some_and(|item| !item.tracking.serial);
        self.keypad = countable && self.pending.is_none();
        self.notice = self.notice.take().filter(|_| !self.keypad);
        Step::of(Signal::Quiet)
    }

    fn skip(&mut self, world: &World<'_>) -> Step {
        let target = super::line::target(self.flow, &self.slots, world);
        let Some(target) = target.filter(|_| self.flow == Flow::Pick) else {
            return Step::of(Signal::Quiet);
        };
        let mut slots = self.slots.clone();
        slots.clear_line();
        slots.from = None;
        slots.from_plate = None;
        slots.skipped.insert(target.row.line);
        let lines = super::line::all(self.flow, &slots, world);
        let mut open = lines.iter().filter(|line| !line.left.is_zero());
        if open.all(|line| slots.skipped.contains(&line.row.line)) {
            slots.skipped = std::iter::once(target.row.line).collect();
        }
        self.commit(slots, world)
    }

    fn choose(&mut self, id: &str, world: &World<'_>) -> Step {
        let act = match id.strip_prefix('x') {
            Some(id) => screen::exceptions(self, world).find(id).cloned(),
            None => match &self.pending {
                Some(pending) => pending.acts().find(id).cloned(),
                None => screen::answers(self, world).find(id).cloned(),
            },
        };
        match act {
            Some(act) => self.act(act, world),
            None => Step::of(Signal::Quiet),
        }
    }

    fn act(&mut self, act: Act, world: &World<'_>) -> Step {
        let pending = self.pending.take();
        self.notice = None;
        let (mut slots, finding) = match &pending {
            Some(Pending::Judged { proposal, finding, .. }) => {
                (proposal.as_ref().clone(), Some(finding.as_ref()))
            }
            _ => (self.slots.clone(), None),
        };
        match act {
            Act::Drop => {
                self.slots.closing = false;
                return Step::of(Signal::Quiet);
            }
            Act::Fill(fill) => return self.chosen(*fill, pending, world),
            Act::Skip => return self.skip(world),
            Act::Short(reason) => return self.short(reason, world),
            Act::RestIsZero => return self.record_bin(world),
            Act::Step(step) => return self.range_by(step, world),
            Act::TruckFinished => return self.finish_truck(world),
            Act::CloseTruck => return self.close_truck(),
            Act::OnlyTouched => {
                let builder =
                    Builder { flow: self.flow, slots: &self.slots, world, task: self.task };
                let ready = builder.count_touched();
                return self.hand_out(ready, After::Bin);
            }
            act => settle(&mut slots, act, finding, world),
        }
        self.judge(slots, world)
    }

    fn chosen(&mut self, fill: Fill, pending: Option<Pending>, world: &World<'_>) -> Step {
        match pending {
            Some(Pending::Ambiguous { scan, .. }) => {
                self.memory.0.retain(|(text, _)| *text != scan.shown());
                self.memory.0.push((scan.shown(), fill.clone()));
                if self.memory.0.len() > MEMORY_MAX {
                    self.memory.0.remove(0);
                }
                self.take(&fill, &scan, world)
            }
            Some(Pending::Judged { proposal, .. }) => {
                let mut slots = *proposal;
                if let Some((kind, no)) = fill.paper {
                    slots.paper = Some(Paper::Of(kind, no));
                    slots.line = None;
                }
                self.judge(slots, world)
            }
            _ => {
                let no = fill.paper.as_ref().map_or("", |(_, no)| no.as_str());
                let scan = Scan { source: Source::Keyed, ..Scan::keyed(no) };
                self.take(&fill, &scan, world)
            }
        }
    }

    /// Less than asked for, or nothing: the line closes with what is in hand.
    fn short(&mut self, reason: &'static str, world: &World<'_>) -> Step {
        let mut slots = self.slots.clone();
        let Some(target) = super::line::target(Flow::Pick, &slots, world) else {
            return Step::of(Signal::Quiet);
        };
        slots.reason = ReasonText::new(reason).ok();
        if slots.item.is_none() {
            slots.item = Some(target.row.item.clone());
            slots.variant.clone_from(&target.row.variant);
            slots.line = Some(target.row.line);
        }
        if slots.from.is_none()
            && let Some(bin) = super::line::bin_for(&target.row, world)
        {
            slots.put_bin(Side::From, bin, false);
        }
        if !slots.tally.is_given() && slots.serials.is_empty() {
            slots.tally.keyed = true;
        }
        slots.tally.settled = true;
        slots.closing = true;
        self.judge(slots, world)
    }
}

/// Changes slots by an answer that is no scan.
fn settle(slots: &mut Slots, act: Act, finding: Option<&Finding>, world: &World<'_>) {
    let item = world.item_of(slots);
    match act {
        Act::Accept => slots.accepted.extend(finding.map(Finding::key)),
        Act::Unordered => {
            slots.paper = Some(Paper::Unordered);
            slots.line = None;
        }
        Act::Variant(variant) => slots.variant = Some(variant),
        Act::Unit(unit) => {
            slots.tally.unit = item.as_ref().and_then(|item| unit_of(item, Some(&unit)));
            slots.tally.settled = false;
        }
        Act::Aim(aim) => slots.aim = Some(aim),
        Act::Reason(reason) => slots.reason = ReasonText::new(reason).ok(),
        Act::Condition(condition) => slots.condition = condition,
        Act::Emptied(emptied) => slots.emptied = Some(emptied),
        Act::Limit(base) => {
            slots.tally = Tally { entered: base, keyed: true, settled: true, ..Tally::default() };
            slots.tally.unit = item.as_ref().and_then(|item| unit_of(item, None));
        }
        Act::KnownExpiry(expiry) => slots.expiry = Some(expiry),
        Act::Unidentified(raw) => {
            slots.clear_line();
            slots.unidentified = Some(raw);
            if let Some(bin) = question_bin(world)
                && !slots.is_named(Side::To)
            {
                slots.put_bin(Side::To, bin, false);
            }
        }
        Act::Nothing => {
            slots.tally =
                Tally { keyed: true, settled: true, entered: Quantity::ZERO, ..Tally::default() };
            slots.tally.unit = item.as_ref().and_then(|item| unit_of(item, None));
            slots.serials.clear();
        }
        Act::CountInstead => {
            slots.aim = Some(Aim::SetTo);
            slots.tally = Tally::default();
        }
        Act::CountAgain => {
            slots.accepted.extend(finding.map(Finding::key));
            slots.tally = Tally::default();
            slots.serials.clear();
            slots.closing = false;
        }
        Act::InFigure => slots.moved_meanwhile = false,
        Act::Range => slots.range = Some(Range::default()),
        Act::StartAgain => {
            slots.clear_line();
            slots.counted.clear();
            slots.seen_closed.clear();
            slots.started_us = None;
            slots.moved_meanwhile = false;
        }
        Act::Drop
        | Act::Fill(_)
        | Act::Skip
        | Act::Short(_)
        | Act::RestIsZero
        | Act::Step(_)
        | Act::OnlyTouched
        | Act::TruckFinished
        | Act::CloseTruck => {}
    }
}

/// Every state in which goods can arrive.
pub(super) const CONDITIONS: [(Condition, &str); 3] = [
    (Condition::Good, "condition-good"),
    (Condition::Damaged, "condition-damaged"),
    (Condition::Inspect, "condition-inspect"),
];
