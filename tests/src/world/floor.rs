//! The physical truth: what really lies in which bin, and what people do with it.
//!
//! People are perfect counters here, and record everything they do right after it; so after
//! everything has arrived the book must be what lies there.

use std::collections::BTreeMap;

use device_core::engine::Work;
use protocol::operation::{
    Body, Condition, Count, CountBin, CountedLine, DocumentKind, DocumentRef, Goods, Move, Pick,
    Place, Receive, Ship, Tracking,
};
use protocol::quantity::{Quantity, UnitFactor};

use crate::prng::Prng;

/// The bins of the hall that people work in.
pub const BINS: [&str; 5] = ["A", "B", "C", "DOCK", "SHIP"];
/// Items without numbers, and one with lots.
pub const ITEMS: [&str; 4] = ["NUT", "BOLT", "PLATE", "GLUE"];
/// The lots of the item that has lots.
pub const LOTS: [&str; 2] = ["L1", "L2"];
/// The location.
pub const LOCATION: &str = "HALL";

/// A key of the floor: bin, item, lot.
pub type Key = (&'static str, &'static str, Option<&'static str>);

/// The floor.
#[derive(Debug, Clone, Default)]
pub struct Floor {
    stock: BTreeMap<Key, i64>,
}

fn place_of(bin: &str) -> Place {
    let location = LOCATION.try_into().expect("a short code");
    Place { location, bin: Some(bin.try_into().expect("a short code")), plate: None }
}

fn goods((_bin, item, lot): Key, pieces: i64) -> Goods {
    let pieces = Quantity::whole(i32::try_from(pieces).expect("a hall holds few pieces"));
    Goods {
        item: item.try_into().expect("a short code"),
        variant: None,
        unit: "PCS".try_into().expect("a short code"),
        factor: UnitFactor::ONE,
        quantity: pieces,
        base: pieces,
        tracking: Tracking {
            lot: lot.map(|lot| lot.try_into().expect("a short code")),
            ..Tracking::NONE
        },
        expiry: None,
        raw: None,
    }
}

fn document(kind: DocumentKind, no: &str, item: &str) -> DocumentRef {
    let line = ITEMS.iter().position(|known| *known == item).expect("an item of the hall");
    let line = u32::try_from(line + 1).expect("four lines");
    DocumentRef { kind, no: no.try_into().expect("a short code"), line: Some(line) }
}

/// The bin that somebody else may want to look at after `work`.
pub fn bin_changed(work: &Work) -> Option<&'static str> {
    let place = match &work.body {
        Body::Move(body) => &body.from,
        Body::Pick(body) => &body.from,
        Body::Receive(body) => &body.to,
        _ => return None,
    };
    let bin = place.bin.as_ref()?;
    BINS.into_iter().find(|known| *known == bin.as_str())
}

impl Floor {
    /// What lies there at the beginning.
    pub fn opening() -> Self {
        let mut floor = Self::default();
        floor.stock.insert(("A", "NUT", None), 100);
        floor.stock.insert(("B", "BOLT", None), 60);
        floor.stock.insert(("B", "NUT", None), 20);
        floor.stock.insert(("C", "GLUE", Some("L1")), 30);
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

    fn add(&mut self, key: Key, pieces: i64) {
        *self.stock.entry(key).or_default() += pieces;
    }

    fn full(&self, bins: &[&str]) -> Vec<(Key, i64)> {
        self.stock()
            .filter(|(key, _pieces)| bins.contains(&key.0))
            .map(|(key, pieces)| (*key, *pieces))
            .collect()
    }

    /// What the person at `place` does next; none when there was nothing to do.
    pub fn next_act(&mut self, _place: usize, prng: &mut Prng) -> Option<Work> {
        match prng.below(100) {
            0..20 => Some(self.receive(prng)),
            20..45 => self.carry(prng),
            45..60 => self.pick(prng),
            60..67 => self.ship(prng),
            67..90 => self.count(prng),
            _ => Some(self.count_bin(prng)),
        }
    }

    fn receive(&mut self, prng: &mut Prng) -> Work {
        let item = *prng.pick(&ITEMS);
        let lot = (item == "GLUE").then(|| *prng.pick(&LOTS));
        let key = ("DOCK", item, lot);
        let pieces = prng.between(1, 12);
        self.add(key, pieces);
        let body =
            Receive { to: place_of("DOCK"), goods: goods(key, pieces), condition: Condition::Good };
        let document = document(DocumentKind::PurchaseOrder, "PO1", item);
        Work { body: Body::Receive(body), document: Some(document) }
    }

    fn carry(&mut self, prng: &mut Prng) -> Option<Work> {
        let full = self.full(&["A", "B", "C", "DOCK"]);
        let (from, there) = *full.get(usize::try_from(prng.below(8)).ok()? % full.len().max(1))?;
        let to = (*prng.pick(&["A", "B", "C"]), from.1, from.2);
        if to == from {
            return None;
        }
        let pieces = prng.between(1, there.min(15));
        self.add(from, -pieces);
        self.add(to, pieces);
        let body = Move { from: place_of(from.0), to: place_of(to.0), goods: goods(from, pieces) };
        Some(Work { body: Body::Move(body), document: None })
    }

    fn pick(&mut self, prng: &mut Prng) -> Option<Work> {
        let full = self.full(&["A", "B", "C"]);
        let (from, there) = *full.get(usize::try_from(prng.below(8)).ok()? % full.len().max(1))?;
        let pieces = prng.between(1, there.min(6));
        let to = ("SHIP", from.1, from.2);
        self.add(from, -pieces);
        self.add(to, pieces);
        let body = Pick {
            from: place_of(from.0),
            to: Some(place_of("SHIP")),
            goods: goods(from, pieces),
            short: None,
            emptied: None,
        };
        let document = document(DocumentKind::SalesOrder, "SO1", from.1);
        Some(Work { body: Body::Pick(body), document: Some(document) })
    }

    fn ship(&mut self, prng: &mut Prng) -> Option<Work> {
        let full = self.full(&["SHIP"]);
        let (from, there) = *full.get(usize::try_from(prng.below(8)).ok()? % full.len().max(1))?;
        let pieces = prng.between(1, there);
        self.add(from, -pieces);
        let body = Ship { from: place_of("SHIP"), goods: goods(from, pieces) };
        let document = document(DocumentKind::SalesOrder, "SO1", from.1);
        Some(Work { body: Body::Ship(body), document: Some(document) })
    }

    fn count(&mut self, prng: &mut Prng) -> Option<Work> {
        let full = self.full(&["A", "B", "C", "DOCK"]);
        let (key, there) = *full.get(usize::try_from(prng.below(8)).ok()? % full.len().max(1))?;
        let body = Count {
            place: place_of(key.0),
            goods: goods(key, there),
            started_us: None,
            task: None,
        };
        Some(Work { body: Body::Count(body), document: None })
    }

    fn count_bin(&mut self, prng: &mut Prng) -> Work {
        let bin = *prng.pick(&["A", "B", "C", "DOCK"]);
        self.count_of(bin)
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
