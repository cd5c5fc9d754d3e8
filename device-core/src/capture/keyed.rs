//! What a person types instead of scanning.

use protocol::words::{LotNo, PackageNo, ReasonText, SerialNo};

use super::fill::Fill;
use super::flow::{Flow, Slot};
use super::grammar::{self, TypedQuantityError};
use super::message::{Message, Notice, Signal};
use super::scan::Scan;
use super::slots::{Aim, Tally};
use super::world::{World, unit_of};
use super::{Capture, Step};

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

fn in_lot(lot: LotNo) -> Fill {
    Fill { lot: Some(lot), ..Fill::default() }
}

fn in_serial(serial: SerialNo) -> Fill {
    Fill { serial: Some(serial), ..Fill::default() }
}

fn in_package(package: PackageNo) -> Fill {
    Fill { package: Some(package), ..Fill::default() }
}
