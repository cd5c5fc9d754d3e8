//! What a flow has collected so far.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use protocol::feed::{ItemRow, ItemUnit};
use protocol::operation::{Condition, DocumentKind};
use protocol::quantity::{Quantity, UnitFactor, base_quantity};
use protocol::words::{
    BinCode, DocumentNo, ItemNo, LotNo, PackageNo, PlateNo, ReasonText, SerialNo, VariantCode,
};

use super::flow::Side;
use super::range::Range;

/// The smallest step of a quantity: 0.00001.
pub(super) fn finest() -> Quantity {
    Quantity::from_units(1).expect("one unit of the last decimal is in range")
}

/// The order that is worked on, or the decision that there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paper {
    /// Goods without an order.
    Unordered,
    /// An order.
    Of(DocumentKind, DocumentNo),
}

/// A bin, and whether a person named it or it is only the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The bin.
    pub bin: BinCode,
    /// Whether it was scanned, typed or chosen.
    pub named: bool,
}

/// Which way an adjustment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// So much is there that is not in the book.
    More,
    /// So much is in the book that is not there.
    Less,
    /// So much is there: a count, so that late movements can be handled.
    SetTo,
}

/// A serial number with the label that named it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenSerial {
    /// The serial number.
    pub serial: SerialNo,
    /// The label, when it named the item too.
    pub raw: Option<String>,
}

/// How much, as a running sum of scans or as a typed number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// The quantity, in `unit`.
    pub entered: Quantity,
    /// The unit; none until the item is known.
    pub unit: Option<ItemUnit>,
    /// A person typed a number: nothing is a number, too.
    pub keyed: bool,
    /// Nobody needs to be asked any more.
    pub settled: bool,
    /// A label told a quantity before any label told the item.
    pub loose: Option<Quantity>,
    /// How many packs were taken for granted because a label named the item and no quantity.
    pub implied: u32,
}

impl Tally {
    /// Adds `count` packs of `unit`. Packs of different units are summed in the base unit, so that
    /// the order of scans does not matter. None when the sum is out of range.
    #[must_use]
    pub fn plus(&self, unit: &ItemUnit, count: Quantity, item: &ItemRow) -> Option<Self> {
        let mut sum = self.clone();
        match &self.unit {
            Some(mine) if mine.unit != unit.unit && !self.entered.is_zero() => {
                let mine = base_quantity(self.entered, mine.factor, finest())?;
                let theirs = base_quantity(count, unit.factor, finest())?;
                sum.entered = mine.checked_add(theirs)?;
                sum.unit = Some(base_unit(item));
            }
            _ => {
                sum.entered = self.entered.checked_add(count)?;
                sum.unit = Some(unit.clone());
            }
        }
        Some(sum)
    }

    /// The quantity in base units, rounded once by the precision of the item.
    pub fn base(&self, item: &ItemRow) -> Option<Quantity> {
        let factor = self.unit.as_ref().map_or(UnitFactor::ONE, |unit| unit.factor);
        base_quantity(self.entered, factor, item.precision)
    }

    /// Whether a quantity was scanned or typed.
    pub fn is_given(&self) -> bool {
        self.keyed || self.entered.is_positive()
    }
}

/// The base unit of an item with its factor of one.
pub fn base_unit(item: &ItemRow) -> ItemUnit {
    ItemUnit { unit: item.base_unit.clone(), factor: UnitFactor::ONE }
}

/// One thing that a whole-bin count has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The item.
    pub item: ItemNo,
    /// Its variant.
    pub variant: Option<VariantCode>,
    /// The lot.
    pub lot: Option<LotNo>,
    /// The serial number.
    pub serial: Option<SerialNo>,
    /// The package.
    pub package: Option<PackageNo>,
    /// The expiration date.
    pub expiry: Option<NaiveDate>,
    /// The licence plate that it lies on.
    pub plate: Option<PlateNo>,
    /// How much.
    pub tally: Tally,
    /// The label.
    pub raw: Option<String>,
    /// When it was first scanned, on the clock of the boot.
    pub mono_us: u64,
}

/// The slot set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slots {
    /// The order.
    pub paper: Option<Paper>,
    /// The line, where a person chose one.
    pub line: Option<u32>,
    /// Lines that were left for later.
    pub skipped: BTreeSet<u32>,
    /// The item.
    pub item: Option<ItemNo>,
    /// Its variant.
    pub variant: Option<VariantCode>,
    /// The lot.
    pub lot: Option<LotNo>,
    /// The expiration date.
    pub expiry: Option<NaiveDate>,
    /// An expiration date that was typed once and has to be typed again.
    pub expiry_once: Option<NaiveDate>,
    /// The serial numbers, in the order of the scans.
    pub serials: Vec<SeenSerial>,
    /// Serial numbers that are entered as a range.
    pub range: Option<Range>,
    /// The package number.
    pub package: Option<PackageNo>,
    /// How much.
    pub tally: Tally,
    /// Where goods come from, or the only bin.
    pub from: Option<Spot>,
    /// Where goods go to.
    pub to: Option<Spot>,
    /// The licence plate goods are taken from, or that is moved whole.
    pub from_plate: Option<PlateNo>,
    /// The licence plate goods are put on.
    pub to_plate: Option<PlateNo>,
    /// The state in which goods arrived.
    pub condition: Condition,
    /// Which way an adjustment goes.
    pub aim: Option<Aim>,
    /// Why: of an adjustment, or of a short pick.
    pub reason: Option<ReasonText>,
    /// Whether the bin is empty now.
    pub emptied: Option<bool>,
    /// The label that named the item.
    pub raw: Option<String>,
    /// A label that nobody can name: its goods are recorded as unidentified.
    pub unidentified: Option<String>,
    /// The first scan, on the clock of the boot.
    pub started_us: Option<u64>,
    /// The first scan of this line, on the clock of the boot.
    pub line_us: Option<u64>,
    /// What a whole-bin count has seen.
    pub counted: Vec<Counted>,
    /// Licence plates that a whole-bin count saw closed.
    pub seen_closed: Vec<PlateNo>,
    /// This device moved goods out of or into the bin while it was being counted.
    pub moved_meanwhile: bool,
    /// Warnings that a person has answered with "go on".
    pub accepted: BTreeSet<String>,
    /// The person has confirmed: only the closing questions are left.
    pub closing: bool,
}

impl Slots {
    /// The bin of one end.
    pub fn bin(&self, side: Side) -> Option<&BinCode> {
        let spot = match side {
            Side::From => &self.from,
            Side::To => &self.to,
        };
        spot.as_ref().map(|spot| &spot.bin)
    }

    /// Whether a person named the bin of one end.
    pub fn is_named(&self, side: Side) -> bool {
        match side {
            Side::From => self.from.as_ref().is_some_and(|spot| spot.named),
            Side::To => self.to.as_ref().is_some_and(|spot| spot.named),
        }
    }

    /// Puts a bin into one end.
    pub fn put_bin(&mut self, side: Side, bin: BinCode, named: bool) {
        let spot = Some(Spot { bin, named });
        match side {
            Side::From => self.from = spot,
            Side::To => self.to = spot,
        }
    }

    /// Whether a licence plate is handled as a whole.
    pub fn is_whole_plate(&self) -> bool {
        self.from_plate.is_some() && self.item.is_none() && self.unidentified.is_none()
    }

    /// Forgets the goods in hand.
    pub fn clear_line(&mut self) {
        let kept = std::mem::take(self);
        *self = Self {
            paper: kept.paper,
            skipped: kept.skipped,
            from: kept.from,
            to: kept.to,
            from_plate: kept.from_plate,
            to_plate: kept.to_plate,
            started_us: kept.started_us,
            counted: kept.counted,
            seen_closed: kept.seen_closed,
            moved_meanwhile: kept.moved_meanwhile,
            ..Self::default()
        };
    }

    /// Whether anything of the goods in hand is known.
    pub fn has_goods(&self) -> bool {
        self.item.is_some()
            || self.lot.is_some()
            || !self.serials.is_empty()
            || self.tally.is_given()
            || self.unidentified.is_some()
    }
}
