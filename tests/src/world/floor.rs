//! The physical truth: what really lies in which bin.
//!
//! People are perfect counters here, and record everything they do right after it; what they record
//! by mistake they take back. So after everything has arrived the book must be what lies there. What
//! people do is in [`super::hands`].

use std::collections::BTreeMap;

use device_core::engine::Work;
use protocol::operation::{
    Body, CountBin, CountedLine, DocumentKind, DocumentRef, Goods, Place, Tracking,
};
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::LocationCode;

use crate::prng::Prng;

/// The bins that people work in; goods between the two locations are in the last.
pub const BINS: [&str; 9] = ["A", "B", "C", "DOCK", "SHIP", "Y", "Z", "YDOCK", WAY];
/// Items without numbers, one with lots and one with serials.
pub const ITEMS: [&str; 5] = ["NUT", "BOLT", "PLATE", "GLUE", SERIAL_ITEM];
/// The item of which each piece has a serial.
pub const SERIAL_ITEM: &str = "TOOL";
/// The lots of the item that has lots, and the serials of the item that has serials.
pub const NUMBERS: [&str; 14] = [
    "L1", "L2", "S01", "S02", "S03", "S04", "S05", "S06", "S07", "S08", "S09", "S10", "S11", "S12",
];
/// The lots among them.
pub(super) const LOTS: [&str; 2] = ["L1", "L2"];
/// The location.
pub const LOCATION: &str = "HALL";
/// The other location, where transfers go.
pub const YARD: &str = "YARD";
/// Between the two.
pub const WAY: &str = "WAY";
/// The bins of the hall that goods are carried from, and counted in.
pub(super) const HALL_BINS: [&str; 4] = ["A", "B", "C", "DOCK"];
/// The same of the yard.
pub(super) const YARD_BINS: [&str; 3] = ["Y", "Z", "YDOCK"];

/// A key of the floor: bin, item, lot or serial.
pub type Key = (&'static str, &'static str, Option<&'static str>);

/// The floor.
#[derive(Debug, Clone, Default)]
pub struct Floor {
    stock: BTreeMap<Key, i64>,
    /// What nobody could name, by the code that was scanned.
    pub(super) unnamed: BTreeMap<String, (Key, i64)>,
}

/// The location of a bin.
pub(super) fn location_of(bin: &str) -> LocationCode {
    let location = if YARD_BINS.contains(&bin) { YARD } else { LOCATION };
    location.try_into().expect("a short code")
}

pub(super) fn place_of(bin: &str) -> Place {
    let bin_code = bin.try_into().expect("a short code");
    Place { location: location_of(bin), bin: Some(bin_code), plate: None }
}

pub(super) fn tracking_of((_bin, item, number): Key) -> Tracking {
    let number = number.map(str::to_owned);
    if item == SERIAL_ITEM {
        let serial = number.map(|no| no.try_into().expect("a short code"));
        return Tracking { serial, ..Tracking::NONE };
    }
    let lot = number.map(|no| no.try_into().expect("a short code"));
    Tracking { lot, ..Tracking::NONE }
}

/// The lot or the serial of some goods.
pub(super) fn number_of(tracking: &Tracking) -> Option<&str> {
    let lot = tracking.lot.as_ref().map(protocol::words::LotNo::as_str);
    lot.or(tracking.serial.as_ref().map(protocol::words::SerialNo::as_str))
}

pub(super) fn goods(key: Key, pieces: i64) -> Goods {
    let item = key.1;
    let pieces = Quantity::whole(i32::try_from(pieces).expect("a hall holds few pieces"));
    Goods {
        item: item.try_into().expect("a short code"),
        variant: None,
        unit: "PCS".try_into().expect("a short code"),
        factor: UnitFactor::ONE,
        quantity: pieces,
        base: pieces,
        tracking: tracking_of(key),
        expiry: None,
        raw: None,
    }
}

pub(super) fn document(kind: DocumentKind, no: &str, item: &str) -> DocumentRef {
    let line = ITEMS.iter().position(|known| *known == item).expect("an item of the hall");
    let line = u32::try_from(line + 1).expect("four lines");
    DocumentRef { kind, no: no.try_into().expect("a short code"), line: Some(line) }
}

impl Floor {
    /// What lies there at the beginning.
    pub fn opening() -> Self {
        let mut floor = Self::default();
        floor.stock.insert(("A", "NUT", None), 100);
        floor.stock.insert(("B", "BOLT", None), 60);
        floor.stock.insert(("B", "NUT", None), 20);
        floor.stock.insert(("C", "GLUE", Some("L1")), 30);
        floor.stock.insert(("Y", "PLATE", None), 25);
        floor.stock.insert(("A", SERIAL_ITEM, Some("S01")), 1);
        floor.stock.insert(("A", SERIAL_ITEM, Some("S02")), 1);
        floor.stock.insert(("B", SERIAL_ITEM, Some("S03")), 1);
        floor
    }

    /// Every key with its pieces; keys with nothing are left out.
    pub fn stock(&self) -> impl Iterator<Item = (&Key, &i64)> {
        self.stock.iter().filter(|(_key, pieces)| **pieces != 0)
    }

    /// The pieces under a key.
    pub fn pieces(&self, key: &Key) -> i64 {
        self.stock.get(key).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, key: Key, pieces: i64) {
        *self.stock.entry(key).or_default() += pieces;
    }

    pub(super) fn full(&self, bins: &[&str]) -> Vec<(Key, i64)> {
        self.stock()
            .filter(|(key, _pieces)| bins.contains(&key.0))
            .map(|(key, pieces)| (*key, *pieces))
            .collect()
    }

    /// Something of what lies in `bins`; none where nothing does.
    pub(super) fn some(&self, bins: &[&str], prng: &mut Prng) -> Option<(Key, i64)> {
        let full = self.full(bins);
        let n = usize::try_from(prng.below(full.len().max(1) as u64)).ok()?;
        full.get(n).copied()
    }

    /// A complete count of a bin.
    pub fn count_of(&self, bin: &'static str) -> Work {
        let lines = self
            .full(&[bin])
            .into_iter()
            .map(|(key, there)| CountedLine { goods: goods(key, there), plate: None, mono_us: 0 })
            .collect();
        let place = place_of(bin);
        let body = CountBin {
            location: place.location,
            bin: place.bin.expect("a hall with bins"),
            lines,
            plates_seen_closed: Vec::new(),
            started_us: None,
            task: None,
        };
        Work { body: Body::CountBin(body), document: None }
    }
}
