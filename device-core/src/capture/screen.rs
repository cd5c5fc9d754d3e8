//! What is shown: one question, what is known, what can be chosen. Texts by name only.

use protocol::operation::Condition;
use protocol::quantity::Quantity;
use protocol::words::{BinCode, UnitCode};
use serde::Serialize;

use super::act::{Act, Acts, Choice};
use super::check::offers;
use super::fill::{Fill, document_text};
use super::flow::{Flow, Slot};
use super::grammar::has_decimals;
use super::hint::{hints, lines};
use super::line;
use super::message::{Message, Notice};
use super::plan;
use super::run::CONDITIONS;
use super::slots::{Aim, Paper, Slots, base_unit};
use super::world::World;
use super::{Capture, Pending};

/// Why less was taken than asked for: the recorded word and its text.
const SHORT: [(&str, &str); 5] = [
    ("bin empty", "reason-bin-empty"),
    ("damaged", "reason-damaged"),
    ("not reachable", "reason-not-reachable"),
    ("wrong item in bin", "reason-wrong-item"),
    ("label unreadable", "reason-label-unreadable"),
];

/// Why the book is corrected: the recorded word and its text.
const ADJUST: [(&str, &str); 5] = [
    ("damaged", "reason-damaged"),
    ("lost", "reason-lost"),
    ("found", "reason-found"),
    ("expired", "reason-expired"),
    ("sample", "reason-sample"),
];

/// The most serial numbers that are shown one by one: the latest.
const SERIALS_SHOWN_MAX: usize = 20;

/// How the open question is typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Not at all: a choice or the confirmation.
    Nothing,
    /// As a text, where a label cannot be read.
    Text,
    /// On the keypad, in a unit.
    Quantity {
        /// The unit; none for goods that nobody can name.
        unit: Option<UnitCode>,
        /// Whether the keypad has a decimal key.
        decimals: bool,
    },
    /// As a date.
    Date,
}

/// The one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The slot that is asked for; none when only the confirmation is missing.
    pub slot: Option<Slot>,
    /// The question.
    pub text: Message,
    /// How it is typed.
    pub input: Input,
}

/// A slot that has something in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filled {
    /// The slot.
    pub slot: Slot,
    /// What is in it.
    pub value: Message,
    /// Whether it is only what is usual here: nobody named it.
    pub usual: bool,
}

/// The whole screen of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Screen {
    /// The flow.
    pub flow: Flow,
    /// Its name.
    pub title: Message,
    /// The one question.
    pub question: Question,
    /// What helps to answer it: where to go, how much to take.
    pub hints: Vec<Message>,
    /// What has been collected.
    pub filled: Vec<Filled>,
    /// The lines of a whole-bin count, or the answer of a look-up.
    pub lines: Vec<Message>,
    /// What can be chosen instead of a scan.
    pub choices: Vec<Choice>,
    /// What can go wrong at this step.
    pub exceptions: Vec<Choice>,
    /// Why the screen is yellow or red.
    pub notice: Option<Notice>,
    /// The words on the primary button; none when there is nothing to confirm.
    pub primary: Option<Message>,
    /// Whether there is something to take back.
    pub can_undo: bool,
    /// Whether the book must not show, because it is counted blind.
    pub is_blind: bool,
}

impl Capture {
    /// What is shown now.
    pub fn screen(&self, world: &World<'_>) -> Screen {
        let choices = match &self.pending {
            Some(pending) => pending.acts().choices(),
            None => answers(self, world).choices(),
        };
        // A warning shows what would be taken over, so that the person can judge it.
        let shown = match &self.pending {
            Some(Pending::Judged { proposal, .. }) => proposal.as_ref(),
            _ => &self.slots,
        };
        let mut exceptions = exceptions(self, world).choices();
        for choice in &mut exceptions {
            choice.id.insert(0, 'x');
        }
        Screen {
            flow: self.flow,
            title: Message::new(title(self.flow)),
            question: question(self, world),
            hints: hints(self, world),
            filled: filled(self.flow, shown, world),
            lines: lines(self, world),
            choices,
            exceptions,
            notice: self.notice.clone(),
            primary: primary(self, world),
            can_undo: !self.history.is_empty() || !self.last.is_empty(),
            is_blind: self.blind,
        }
    }
}

/// The name of a flow.
pub const fn title(flow: Flow) -> &'static str {
    match flow {
        Flow::Receive => "flow-receive",
        Flow::PutAway => "flow-put-away",
        Flow::Move => "flow-move",
        Flow::Pick => "flow-pick",
        Flow::Ship => "flow-ship",
        Flow::Count => "flow-count",
        Flow::CountBin => "flow-count-bin",
        Flow::TransferShip => "flow-transfer-ship",
        Flow::TransferReceive => "flow-transfer-receive",
        Flow::Adjust => "flow-adjust",
        Flow::LookUp => "flow-look-up",
    }
}

/// The question for a slot.
pub(super) const fn question_text(flow: Flow, slot: Slot) -> &'static str {
    match slot {
        Slot::Document => "ask-document",
        Slot::From if matches!(flow, Flow::Count | Flow::CountBin | Flow::Adjust) => "ask-bin",
        Slot::From => "ask-from",
        Slot::Item if matches!(flow, Flow::LookUp) => "ask-anything",
        Slot::Item => "ask-item",
        Slot::Variant => "ask-variant",
        Slot::Lot => "ask-lot",
        Slot::Expiry => "ask-expiry",
        Slot::Serial => "ask-serial",
        Slot::Step => "ask-range-step",
        Slot::Package => "ask-package",
        Slot::Direction => "ask-direction",
        Slot::Quantity => "ask-quantity",
        Slot::To => "ask-to",
        Slot::Plate => "ask-plate",
        Slot::Reason => "ask-reason",
        Slot::Emptied => "ask-emptied",
    }
}

/// The open question.
pub(super) fn question(capture: &Capture, world: &World<'_>) -> Question {
    let slots = &capture.slots;
    let asked = capture.asked(world);
    let text = match asked {
        None => Message::new("ask-confirm"),
        Some(Slot::Serial) if slots.range.is_some() => {
            let is_begun = slots.range.as_ref().is_some_and(|range| range.first.is_some());
            Message::new(if is_begun { "ask-range-last" } else { "ask-range-first" })
        }
        Some(Slot::Expiry) if slots.expiry_once.is_some() => Message::new("ask-expiry-again"),
        Some(Slot::From) if capture.flow == Flow::Pick => match next_bin(slots, world) {
            Some(bin) => Message::new("ask-go-to").word("bin", bin),
            None => Message::new("ask-from"),
        },
        Some(Slot::Item) if capture.flow == Flow::CountBin && !slots.counted.is_empty() => {
            Message::new("ask-next-item")
        }
        Some(slot) => Message::new(question_text(capture.flow, slot)),
    };
    let input = match asked {
        None | Some(Slot::Direction | Slot::Emptied | Slot::Variant) => Input::Nothing,
        Some(Slot::Quantity) => quantity_input(slots, world),
        Some(Slot::Step) => Input::Quantity { unit: None, decimals: false },
        Some(Slot::Expiry) => Input::Date,
        Some(_) => Input::Text,
    };
    Question { slot: asked, text, input }
}

fn next_bin(slots: &Slots, world: &World<'_>) -> Option<BinCode> {
    line::bin_for(&line::target(Flow::Pick, slots, world)?.row, world)
}

fn quantity_input(slots: &Slots, world: &World<'_>) -> Input {
    let Some(item) = world.item_of(slots) else {
        return Input::Quantity { unit: None, decimals: true };
    };
    let unit = slots.tally.unit.clone().unwrap_or_else(|| base_unit(&item));
    let decimals = has_decimals(&unit, &item);
    Input::Quantity { unit: Some(unit.unit), decimals }
}

/// The rows that answer the open question without a scan.
pub(super) fn answers(capture: &Capture, world: &World<'_>) -> Acts {
    let mut acts = Acts::default();
    let slots = &capture.slots;
    match capture.asked(world) {
        Some(Slot::Document) => {
            for (kind, no) in offers(capture.flow, slots.item.as_ref(), world) {
                let text = Message::new(document_text(kind)).word("no", &no);
                let fill = Fill { paper: Some((kind, no)), ..Fill::default() };
                acts.push(text, Act::Fill(Box::new(fill)));
            }
            if capture.flow == Flow::Receive {
                acts.push(Message::new("choice-unordered"), Act::Unordered);
            }
        }
        Some(Slot::Variant) => {
            for variant in world.item_of(slots).map(|item| item.variants).unwrap_or_default() {
                let text = Message::new("choice-variant").word("variant", &variant);
                acts.push(text, Act::Variant(variant));
            }
        }
        Some(Slot::Direction) => {
            acts.push(Message::new("choice-more"), Act::Aim(Aim::More));
            acts.push(Message::new("choice-less"), Act::Aim(Aim::Less));
            acts.push(Message::new("choice-set-to"), Act::Aim(Aim::SetTo));
        }
        Some(Slot::Reason) => {
            let (reasons, of): (&[_], fn(&'static str) -> Act) = match capture.flow {
                Flow::Pick => (&SHORT, Act::Short),
                _ => (&ADJUST, Act::Reason),
            };
            for (reason, text) in reasons {
                acts.push(Message::new(text), of(reason));
            }
        }
        Some(Slot::Emptied) => {
            acts.push(Message::new("choice-yes"), Act::Emptied(true));
            acts.push(Message::new("choice-no"), Act::Emptied(false));
        }
        Some(Slot::Serial) if may_be_range(capture, world) => {
            acts.push(Message::new("choice-range"), Act::Range);
        }
        Some(Slot::Step) => acts.push(Message::new("choice-range-each"), Act::Step(1)),
        Some(Slot::Quantity) => units(slots, world, &mut acts),
        _ => {}
    }
    acts
}

/// The units of the item, where there are several and nothing is in hand yet.
fn units(slots: &Slots, world: &World<'_>, acts: &mut Acts) {
    let Some(item) = world.item_of(slots).filter(|item| item.units.len() > 1) else { return };
    let now = slots.tally.unit.clone().unwrap_or_else(|| base_unit(&item));
    for row in item.units.into_iter().filter(|row| row.unit != now.unit) {
        let text = Message::new("choice-unit")
            .word("unit", &row.unit)
            .quantity("factor", row.factor.quantity())
            .word("base", &item.base_unit);
        acts.push(text, Act::Unit(row.unit));
    }
}

/// What can go wrong at this step.
pub(super) fn exceptions(capture: &Capture, world: &World<'_>) -> Acts {
    let mut acts = Acts::default();
    if capture.pending.is_some() {
        return acts;
    }
    match capture.flow {
        Flow::Pick if line::target(Flow::Pick, &capture.slots, world).is_some() => {
            for (reason, text) in SHORT {
                acts.push(Message::new(text), Act::Short(reason));
            }
            acts.push(Message::new("choice-skip"), Act::Skip);
        }
        Flow::Receive | Flow::TransferReceive => {
            let has_states = capture.flow == Flow::Receive;
            for (condition, text) in CONDITIONS.into_iter().filter(|_| has_states) {
                if condition != capture.slots.condition {
                    acts.push(Message::new(text), Act::Condition(condition));
                }
            }
            let is_asked = capture.asked(world) == Some(Slot::Serial);
            if may_be_range(capture, world) && !is_asked {
                acts.push(Message::new("choice-range"), Act::Range);
            }
            if !capture.has_unconfirmed() && capture.truck.is_there(&capture.slots, world) {
                acts.push(Message::new("choice-truck-finished"), Act::TruckFinished);
            }
        }
        Flow::Count | Flow::CountBin if capture.slots.item.is_some() => {
            acts.push(Message::new("choice-nothing-here"), Act::Nothing);
        }
        _ => {}
    }
    acts
}

/// Whether goods that arrive are numbered, and their numbers are not being entered as a range already.
fn may_be_range(capture: &Capture, world: &World<'_>) -> bool {
    capture.flow.is_inbound()
        && capture.slots.range.is_none()
        && world.item_of(&capture.slots).is_some_and(|item| item.tracking.serial)
}

fn primary(capture: &Capture, world: &World<'_>) -> Option<Message> {
    if capture.pending.is_some() {
        return None;
    }
    let slots = &capture.slots;
    match capture.asked(world) {
        None if capture.flow == Flow::LookUp => None,
        None if capture.flow == Flow::CountBin && slots.unidentified.is_none() => {
            Some(Message::new("ok-next-item"))
        }
        None => Some(in_hand("ok-confirm", slots, world)),
        Some(Slot::Quantity) if slots.tally.is_given() => {
            Some(in_hand("ok-quantity", slots, world))
        }
        Some(Slot::Item) if capture.flow == Flow::CountBin => {
            let empty = slots.counted.is_empty() && slots.seen_closed.is_empty();
            Some(Message::new(if empty { "ok-bin-empty" } else { "ok-bin-finished" }))
        }
        Some(_) => None,
    }
}

/// A text that repeats the quantity in hand.
fn in_hand(id: &'static str, slots: &Slots, world: &World<'_>) -> Message {
    let text = Message::new(id);
    match own_quantity(slots, world) {
        Some((quantity, unit)) => text.quantity("quantity", quantity).word("unit", unit),
        None => text.word("quantity", "").word("unit", ""),
    }
}

fn own_quantity(slots: &Slots, world: &World<'_>) -> Option<(Quantity, String)> {
    if slots.is_whole_plate() {
        return None;
    }
    let item = world.item_of(slots);
    if let Some(item) = item.as_ref().filter(|item| item.tracking.serial) {
        let base = plan::base_in_hand(slots, world)?;
        return Some((base, item.base_unit.to_string()));
    }
    let unit = slots.tally.unit.as_ref().map(|unit| unit.unit.to_string());
    let unit = unit.or_else(|| item.map(|item| item.base_unit.to_string())).unwrap_or_default();
    Some((slots.tally.entered, unit))
}

fn filled(flow: Flow, slots: &Slots, world: &World<'_>) -> Vec<Filled> {
    let mut all = Vec::new();
    let mut push = |slot, value: Message, usual| all.push(Filled { slot, value, usual });
    let text = |value: &dyn ToString| Message::new("filled-text").word("text", value.to_string());
    match &slots.paper {
        Some(Paper::Of(kind, no)) => {
            push(Slot::Document, Message::new(document_text(*kind)).word("no", no), false);
        }
        Some(Paper::Unordered) => push(Slot::Document, Message::new("choice-unordered"), false),
        None => {}
    }
    if let Some(spot) = &slots.from {
        push(Slot::From, text(&spot.bin), !spot.named);
    }
    if let Some(plate) = &slots.from_plate {
        push(Slot::Plate, Message::new("choice-plate-from").word("plate", plate), false);
    }
    if let Some(item) = &slots.item {
        push(Slot::Item, text(&world.item_name(item)), false);
    }
    if let Some(raw) = &slots.unidentified {
        push(Slot::Item, Message::new("filled-unidentified").word("code", raw), false);
    }
    if let Some(variant) = &slots.variant {
        push(Slot::Variant, text(variant), false);
    }
    if let Some(lot) = &slots.lot {
        push(Slot::Lot, text(lot), false);
    }
    if let Some(expiry) = slots.expiry {
        push(Slot::Expiry, text(&expiry), false);
    }
    let n_more = slots.serials.len().saturating_sub(SERIALS_SHOWN_MAX);
    if n_more > 0 {
        push(Slot::Serial, Message::new("filled-serials-more").number("n", n_more), false);
    }
    for seen in slots.serials.iter().skip(n_more) {
        push(Slot::Serial, text(&seen.serial), false);
    }
    if let Some(first) = slots.range.as_ref().and_then(|range| range.first.as_ref()) {
        let last = slots.range.as_ref().and_then(|range| range.last.as_ref());
        let last = last.map_or("", |last| last.serial.as_str());
        let range = Message::new("filled-range").word("first", &first.serial).word("last", last);
        push(Slot::Serial, range, false);
    }
    if let Some(package) = &slots.package {
        push(Slot::Package, text(package), false);
    }
    if slots.tally.is_given() {
        push(Slot::Quantity, in_hand("filled-quantity", slots, world), !slots.tally.settled);
    }
    if let Some(spot) = &slots.to {
        push(Slot::To, text(&spot.bin), !spot.named);
    }
    if let Some(plate) = &slots.to_plate {
        push(Slot::Plate, Message::new("choice-plate-to").word("plate", plate), false);
    }
    if let Some(reason) = &slots.reason {
        push(Slot::Reason, text(reason), false);
    }
    if flow == Flow::Receive
        && slots.has_goods()
        && let Some((condition, id)) = CONDITIONS.iter().find(|(c, _)| *c == slots.condition)
    {
        push(Slot::Reason, Message::new(id), *condition == Condition::Good);
    }
    all
}
