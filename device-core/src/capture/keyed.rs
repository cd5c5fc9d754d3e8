//! What a person types instead of scanning.

use protocol::words::{LotNo, PackageNo, ReasonText, SerialNo};

use super::fill::Fill;
use super::flow::{Flow, Slot};
use super::grammar::{self, TypedQuantityError};
use super::message::{Message, Notice, Signal};
use super::range::{Mismatch, NUMBERS_MAX, Range, Row};
use super::scan::Scan;
use super::slots::{Aim, SeenSerial, Slots, Tally};
use super::world::{World, unit_of};
use super::{Capture, Step};

/// The most digits of the step of a range.
const STEP_DIGITS_MAX: usize = 4;

impl Capture {
    /// Takes a text as the answer to the open question.
    pub(super) fn keyed(&mut self, text: &str, world: &World<'_>) -> Step {
        if self.pending.as_ref().is_some_and(|pending| !pending.gives_way()) {
            return Step::of(Signal::Warning);
        }
        let text = text.trim();
        let scan = Scan::keyed(text);
        match self.asked(world) {
            Some(Slot::Quantity) => self.keyed_quantity(text, world),
            Some(Slot::Step) => self.keyed_step(text, world),
            Some(Slot::Expiry) => self.keyed_expiry(text, world),
            Some(Slot::Reason) => match ReasonText::new(text) {
                Ok(reason) => {
                    let mut slots = self.slots.clone();
                    slots.reason = Some(reason);
                    self.judge(slots, world)
                }
                Err(_) => self.malformed(text),
            },
            Some(Slot::Lot) => self.free(LotNo::new(text).ok().map(in_lot), &scan, world),
            Some(Slot::Serial) => self.free(SerialNo::new(text).ok().map(in_serial), &scan, world),
            Some(Slot::Package) => {
                self.free(PackageNo::new(text).ok().map(in_package), &scan, world)
            }
            _ => self.scan(&scan, world),
        }
    }

    fn free(&mut self, fill: Option<Fill>, scan: &Scan, world: &World<'_>) -> Step {
        self.pending = None;
        match fill {
            Some(fill) => self.take(&fill, scan, world),
            None => self.malformed(&scan.raw),
        }
    }

    fn malformed(&mut self, text: &str) -> Step {
        let notice = Notice::stop("malformed", Message::new("stop-malformed"), "next-key-again");
        self.stop(notice.scanned(text))
    }

    fn keyed_quantity(&mut self, text: &str, world: &World<'_>) -> Step {
        let item = world.item_of(&self.slots);
        let unit = self.slots.tally.unit.clone().or_else(|| unit_of(item.as_ref()?, None));
        let entered = match (&item, &unit) {
            (Some(item), Some(unit)) => grammar::quantity_of(text, unit, item),
            _ => grammar::quantity(text),
        };
        let may_be_nothing =
            self.flow.is_count() || self.flow == Flow::Pick || self.slots.aim == Some(Aim::SetTo);
        match entered {
            Ok(entered) if entered.is_zero() && !may_be_nothing => {
                let text = Message::new("stop-zero");
                self.stop(Notice::stop("nothing_to_post", text, "next-key-quantity"))
            }
            Ok(entered) => {
                let mut slots = self.slots.clone();
                slots.tally =
                    Tally { entered, unit, keyed: true, settled: true, ..Tally::default() };
                self.judge(slots, world)
            }
            Err(error) => {
                let id = match error {
                    TypedQuantityError::Malformed => "stop-not-a-number",
                    TypedQuantityError::Barcode => "stop-looks-like-barcode",
                    TypedQuantityError::TooPrecise => "stop-too-precise",
                    TypedQuantityError::WholeOnly => "stop-whole-only",
                    TypedQuantityError::RoundsToNothing => "stop-rounds-to-nothing",
                };
                let notice = Notice::stop("quantity", Message::new(id), "next-key-quantity");
                self.stop(notice.scanned(text))
            }
        }
    }

    fn keyed_step(&mut self, text: &str, world: &World<'_>) -> Step {
        // A barcode that runs into the field is never a step.
        let is_number = text.len() <= STEP_DIGITS_MAX && text.bytes().all(|b| b.is_ascii_digit());
        if let Some(step) = text.parse().ok().filter(|_step| is_number) {
            return self.range_by(step, world);
        }
        let why = Message::new("stop-not-a-number");
        self.stop(Notice::stop("range_step", why, "next-key-step").scanned(text))
    }

    /// The range is known: its serial numbers are in hand as if each had been scanned.
    pub(super) fn range_by(&mut self, step: u64, world: &World<'_>) -> Step {
        match ranged(&self.slots, step, world) {
            Ok(slots) => self.judge(slots, world),
            Err(notice) => self.stop(*notice),
        }
    }

    /// A typed date counts when it was typed twice.
    fn keyed_expiry(&mut self, text: &str, world: &World<'_>) -> Step {
        let Some(expiry) = grammar::date(text) else {
            let notice = Notice::stop("date", Message::new("stop-not-a-date"), "next-key-date");
            return self.stop(notice.scanned(text));
        };
        let mut slots = self.slots.clone();
        match slots.expiry_once.take() {
            None => slots.expiry_once = Some(expiry),
            Some(first) if first == expiry => slots.expiry = Some(expiry),
            Some(first) => {
                self.slots.expiry_once = None;
                let text = Message::new("stop-dates-differ");
                let notice = Notice::stop("date", text, "next-key-date");
                return self.stop(notice.scanned(expiry).needed(first));
            }
        }
        self.judge(slots, world)
    }
}

/// The slots with the serial numbers of the range that was entered.
///
/// # Errors
///
/// The notice to show: a number of it is in hand already, is the barcode of the item, or the step does not
/// fit.
fn ranged(slots: &Slots, step: u64, world: &World<'_>) -> Result<Slots, Box<Notice>> {
    let mut slots = slots.clone();
    let Some(Range { first: Some(first), last: Some(last) }) = slots.range.take() else {
        return Ok(slots);
    };
    let numbers = Row::between(&first.serial, &last.serial)
        .and_then(|row| row.numbers(step))
        .map_err(|why| Box::new(mismatch(why, &first.serial, &last.serial)))?;
    for serial in numbers {
        if slots.serials.iter().any(|seen| seen.serial == serial) {
            let text = Message::new("stop-serial-twice").word("serial", &serial);
            let notice = Notice::stop("serial_twice", text, "next-range-again");
            return Err(Box::new(notice.scanned(serial)));
        }
        let meanings = world.catalogue.meanings(serial.as_str());
        if meanings.iter().any(|meaning| Some(&meaning.item) == slots.item.as_ref()) {
            let text = Message::new("stop-serial-is-item");
            let notice = Notice::stop("serial_is_item_barcode", text, "next-range-again");
            return Err(Box::new(notice.scanned(serial)));
        }
        // The labels between the ends were not read.
        let ends = [&first, &last];
        let raw = ends.iter().find(|end| end.serial == serial).and_then(|end| end.raw.clone());
        slots.serials.push(SeenSerial { serial, raw });
    }
    slots.line_us.get_or_insert(world.mono_us);
    Ok(slots)
}

/// What does not fit of a range.
pub(super) fn mismatch(why: Mismatch, first: &SerialNo, last: &SerialNo) -> Notice {
    let (code, id) = match why {
        Mismatch::Length => ("range_length", "stop-range-length"),
        Mismatch::Pattern => ("range_pattern", "stop-range-pattern"),
        Mismatch::Order => ("range_order", "stop-range-order"),
        Mismatch::TooMany(_) => ("range_too_long", "stop-range-too-long"),
        Mismatch::Step => ("range_step", "stop-range-step"),
    };
    let text = Message::new(id).word("first", first).word("last", last);
    let text = match why {
        Mismatch::TooMany(n) => text.word("n", n).word("max", NUMBERS_MAX),
        _ => text,
    };
    let next = if why == Mismatch::Step { "next-key-step" } else { "next-range-last" };
    Notice::stop(code, text, next).scanned(last).needed(first)
}

fn in_lot(lot: LotNo) -> Fill {
    Fill { lot: Some(lot), ..Fill::default() }
}

fn in_serial(serial: SerialNo) -> Fill {
    Fill { serial: Some(serial), ..Fill::default() }
}

fn in_package(package: PackageNo) -> Fill {
    Fill { package: Some(package), ..Fill::default() }
}
