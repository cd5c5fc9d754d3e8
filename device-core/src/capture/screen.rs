//! What is shown: one question, what is known, what can be chosen. Texts by name only.

use std::collections::BTreeSet;

use protocol::feed::{BinKind, ItemRow, StockRow};
use protocol::operation::Condition;
use protocol::quantity::Quantity;
use protocol::words::{BinCode, ItemNo, PlateNo, UnitCode};
use serde::Serialize;

use super::act::{Act, Acts, Choice};
use super::check::offers;
use super::fill::{Fill, document_text};
use super::flow::{Flow, Side, Slot};
use super::grammar::has_decimals;
use super::line::{self, Target};
use super::message::{Message, Notice};
use super::plan;
use super::run::CONDITIONS;
use super::slots::{Aim, Paper, Slots, base_unit};
use super::world::{World, sum};
use super::{Capture, Pending};

/// The most bins that are proposed.
const PROPOSALS_MAX: usize = 3;

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
        Flow::Receive => {
            for (condition, text) in CONDITIONS {
                if condition != capture.slots.condition {
                    acts.push(Message::new(text), Act::Condition(condition));
                }
            }
        }
        Flow::Count | Flow::CountBin if capture.slots.item.is_some() => {
            acts.push(Message::new("choice-nothing-here"), Act::Nothing);
        }
        _ => {}
    }
    acts
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
    for seen in &slots.serials {
        push(Slot::Serial, text(&seen.serial), false);
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

fn hints(capture: &Capture, world: &World<'_>) -> Vec<Message> {
    let mut all = Vec::new();
    let slots = &capture.slots;
    let may_tell = !capture.blind && !world.catalogue.never_quantities();
    let item = world.item_of(slots);
    match capture.flow {
        Flow::Pick => pick_hints(slots, may_tell, world, &mut all),
        Flow::Receive | Flow::Ship | Flow::TransferShip | Flow::TransferReceive => {
            let target = line::target(capture.flow, slots, world);
            match target.filter(|_| item.is_some()) {
                Some(target) => all.push(expected(capture.flow, &target, world)),
                None if slots.paper.is_some() => rest(capture.flow, slots, world, &mut all),
                None => {}
            }
        }
        Flow::PutAway => proposals(slots, world, &mut all),
        Flow::Count if may_tell => {
            let rows = world.rows_in(slots, slots.bin(Side::From));
            if let (Some(item), Some(known)) = (&item, sum(&rows)) {
                all.push(
                    Message::new("hint-book")
                        .quantity("known", known)
                        .word("unit", &item.base_unit),
                );
            }
        }
        _ => {}
    }
    if let Some(item) = item.filter(|item| item.tracking.serial) {
        let n = Message::new("hint-serials").number("n", slots.serials.len());
        all.push(n.word("unit", &item.base_unit));
    }
    if capture.flow.is_count() && is_unexpected(slots, world) {
        all.push(Message::new("hint-not-expected"));
    }
    all
}

/// Whether the item in hand is not listed in the counted bin. Tells of no quantity.
fn is_unexpected(slots: &Slots, world: &World<'_>) -> bool {
    let (Some(item), Some(bin)) = (&slots.item, slots.bin(Side::From)) else { return false };
    !world.catalogue.stock_in(world.location, Some(bin)).iter().any(|row| row.item == *item)
}

fn pick_hints(slots: &Slots, may_tell: bool, world: &World<'_>, all: &mut Vec<Message>) {
    let Some(target) = line::target(Flow::Pick, slots, world) else {
        if slots.paper.is_some() {
            all.push(Message::new("hint-order-done"));
        }
        return;
    };
    let lines = line::all(Flow::Pick, slots, world);
    let at = lines.iter().position(|line| line.row.line == target.row.line).unwrap_or(0);
    all.push(Message::new("hint-line").number("line", at + 1).number("of", lines.len()));
    all.push(Message::new("hint-item").word("item", world.item_name(&target.row.item)));
    if let Some(lot) = &target.row.tracking.lot {
        all.push(Message::new("hint-lot").word("lot", lot));
    }
    let unit = base_word(&target.row.item, world);
    all.push(Message::new("hint-take").quantity("left", target.left).word("unit", &unit));
    let bin = slots.bin(Side::From).cloned().or_else(|| line::bin_for(&target.row, world));
    if let Some(bin) = bin.filter(|_| may_tell) {
        let mut rows = world.catalogue.stock_in(world.location, Some(&bin));
        rows.retain(|row| row.item == target.row.item);
        if let Some(known) = sum(&rows) {
            all.push(Message::new("hint-here").quantity("known", known).word("unit", unit));
        }
    }
    if !line::is_proposed_bin(&target.row, slots, world) {
        all.push(Message::new("hint-other-bin"));
    }
}

fn expected(flow: Flow, target: &Target, world: &World<'_>) -> Message {
    let unit = base_word(&target.row.item, world);
    let id = if flow.is_inbound() { "hint-expected" } else { "hint-to-ship" };
    Message::new(id)
        .quantity("left", target.left)
        .quantity("ordered", target.row.quantity)
        .word("unit", unit)
}

/// What an order still asks for, before an item is scanned.
fn rest(flow: Flow, slots: &Slots, world: &World<'_>, all: &mut Vec<Message>) {
    let open: Vec<Target> =
        line::all(flow, slots, world).into_iter().filter(|target| !target.left.is_zero()).collect();
    if open.is_empty() && matches!(slots.paper, Some(Paper::Of(..))) {
        all.push(Message::new("hint-order-done"));
    }
    for target in open.iter().take(PROPOSALS_MAX) {
        let unit = base_word(&target.row.item, world);
        all.push(
            Message::new("hint-open-line")
                .word("item", world.item_name(&target.row.item))
                .quantity("left", target.left)
                .word("unit", unit),
        );
    }
}

fn base_word(item: &ItemNo, world: &World<'_>) -> String {
    world.catalogue.item(item).map_or_else(String::new, |row: ItemRow| row.base_unit.to_string())
}

/// Storage bins where the item lies already.
fn proposals(slots: &Slots, world: &World<'_>, all: &mut Vec<Message>) {
    let Some(item) = &slots.item else { return };
    let from = slots.bin(Side::From);
    let rows = world.catalogue.stock_of(world.location, item);
    let bins: BTreeSet<BinCode> = rows
        .into_iter()
        .filter_map(|row: StockRow| row.bin)
        .filter(|bin| Some(bin) != from)
        .filter(|bin| {
            let row = world.bin_row(bin);
            row.is_some_and(|row| row.kind == BinKind::Storage && !row.blocked)
        })
        .collect();
    for bin in bins.into_iter().take(PROPOSALS_MAX) {
        all.push(Message::new("hint-lies-in").word("bin", bin));
    }
}

fn lines(capture: &Capture, world: &World<'_>) -> Vec<Message> {
    match capture.flow {
        Flow::CountBin => counted(&capture.slots, world),
        Flow::LookUp => looked_up(&capture.slots, world),
        _ => Vec::new(),
    }
}

fn counted(slots: &Slots, world: &World<'_>) -> Vec<Message> {
    let mut all = Vec::new();
    for line in &slots.counted {
        let number = line.serial.as_ref().map(ToString::to_string);
        let number = number.or_else(|| line.lot.as_ref().map(ToString::to_string));
        let unit = line.tally.unit.as_ref().map(|unit| unit.unit.to_string());
        let quantity = if line.serial.is_some() { Quantity::ONE } else { line.tally.entered };
        all.push(
            Message::new("line-counted")
                .word("item", world.item_name(&line.item))
                .word("number", number.unwrap_or_default())
                .quantity("quantity", quantity)
                .word("unit", unit.unwrap_or_else(|| base_word(&line.item, world))),
        );
    }
    for plate in &slots.seen_closed {
        all.push(Message::new("choice-plate-closed").word("plate", plate));
    }
    all
}

/// Items that are listed in the bin and that nobody has touched in this count.
pub(super) fn untouched(slots: &Slots, world: &World<'_>) -> Vec<ItemNo> {
    let bin = slots.bin(Side::From);
    let mut items: Vec<ItemNo> = Vec::new();
    for row in world.catalogue.stock_in(world.location, bin) {
        let listed = row.quantity.is_none_or(|quantity| !quantity.is_zero());
        let on_closed = row.plate.as_ref().is_some_and(|plate| slots.seen_closed.contains(plate));
        let seen = slots.counted.iter().any(|line| line.item == row.item);
        if listed && !on_closed && !seen && !items.contains(&row.item) {
            items.push(row.item);
        }
    }
    items.sort();
    items
}

fn looked_up(slots: &Slots, world: &World<'_>) -> Vec<Message> {
    let catalogue = world.catalogue;
    if let Some(plate) = &slots.from_plate {
        let mut all = Vec::new();
        if let Some(row) = catalogue.plate(plate.as_str()) {
            let bin = row.bin.as_ref().map_or("", BinCode::as_str);
            all.push(Message::new("line-plate").word("plate", plate).word("bin", bin));
        }
        all.extend(catalogue.stock_on(plate.as_str()).iter().map(|row| stock_line(row, world)));
        return all;
    }
    if let Some(item) = &slots.item {
        let mut rows = catalogue.stock_of(world.location, item);
        let serials: Vec<&str> = slots.serials.iter().map(|seen| seen.serial.as_str()).collect();
        rows.retain(|row| {
            (slots.lot.is_none() || row.tracking.lot == slots.lot)
                && (serials.is_empty()
                    || row
                        .tracking
                        .serial
                        .as_ref()
                        .is_some_and(|serial| serials.contains(&serial.as_str())))
        });
        return stock_lines(&rows, world);
    }
    if let Some(bin) = slots.bin(Side::From) {
        return stock_lines(&catalogue.stock_in(world.location, Some(bin)), world);
    }
    if let Some(Paper::Of(..)) = &slots.paper {
        let open = line::all(Flow::LookUp, slots, world);
        return open
            .iter()
            .map(|target| {
                Message::new("hint-open-line")
                    .word("item", world.item_name(&target.row.item))
                    .quantity("left", target.left)
                    .word("unit", base_word(&target.row.item, world))
            })
            .collect();
    }
    Vec::new()
}

fn stock_lines(rows: &[StockRow], world: &World<'_>) -> Vec<Message> {
    if rows.is_empty() {
        return vec![Message::new("line-no-stock")];
    }
    rows.iter().map(|row| stock_line(row, world)).collect()
}

/// One row of stock; no quantity where it is withheld or must not show.
fn stock_line(row: &StockRow, world: &World<'_>) -> Message {
    let number = row.tracking.serial.as_ref().map(ToString::to_string);
    let number = number.or_else(|| row.tracking.lot.as_ref().map(ToString::to_string));
    let shown = row.quantity.filter(|_| !world.catalogue.never_quantities());
    let id = if shown.is_some() { "line-stock" } else { "line-stock-withheld" };
    let text = Message::new(id)
        .word("item", world.item_name(&row.item))
        .word("bin", row.bin.as_ref().map_or("", BinCode::as_str))
        .word("plate", row.plate.as_ref().map_or("", PlateNo::as_str))
        .word("number", number.unwrap_or_default())
        .word("unit", base_word(&row.item, world));
    match shown {
        Some(quantity) => text.quantity("quantity", quantity).quantity("held", row.held),
        None => text,
    }
}
