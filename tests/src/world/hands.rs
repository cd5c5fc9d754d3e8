//! What people do on the floor, and what they record of it.

use device_core::engine::Work;
use protocol::operation::{
    Adjust, Body, Condition, Count, Direction, DocumentKind, Move, Pick, Receive, Reclassify, Ship,
    Tracking, TransferReceive, TransferShip, Unidentified,
};
use protocol::quantity::Quantity;

use super::company::word;
use super::floor::{
    Floor, HALL_BINS, ITEMS, Key, LOTS, NUMBERS, SERIAL_ITEM, WAY, YARD_BINS, document, goods,
    place_of,
};
use super::screens::Seen;
use crate::prng::Prng;

/// The document of transfers.
pub(super) const TRANSFER: &str = "TO1";
/// What is on record as scanned where somebody scanned a label that was received already.
pub(super) const AGAIN: &str = "AGAIN";

impl Floor {
    /// What a person does next; none when there was nothing to do.
    pub fn next_act(&mut self, prng: &mut Prng) -> Option<Work> {
        match prng.below(200) {
            0..36 => self.receive(prng),
            36..78 => self.carry(prng),
            78..102 => self.pick(prng),
            102..114 => self.ship(prng),
            114..152 => self.count(prng),
            152..168 => Some(self.count_bin(prng)),
            168..177 => self.send(prng),
            177..186 => self.arrive(prng),
            186..191 => self.adjust(prng),
            191..194 => self.reclassify(prng),
            194..197 => self.scan_twice(prng),
            _ => Some(self.receive_unnamed(prng)),
        }
    }

    /// What a person records who means something else, and will take back: nothing of it happens.
    pub fn next_mistake(&self, prng: &mut Prng) -> Option<Work> {
        let mut work = self.clone().next_act(prng)?;
        match &mut work.body {
            Body::Count(count) if count.goods.item.as_str() == SERIAL_ITEM => {
                (count.goods.quantity, count.goods.base) = (Quantity::ZERO, Quantity::ZERO);
            }
            Body::Count(count) => {
                let one_more = count.goods.quantity.checked_add(Quantity::ONE)?;
                (count.goods.quantity, count.goods.base) = (one_more, one_more);
            }
            Body::CountBin(count) => {
                count.lines.pop();
            }
            // A claim may be refused: then there is nothing to take back.
            Body::Adjust(_) | Body::Unidentified(_) => return None,
            _ => {}
        }
        Some(work)
    }

    fn receive(&mut self, prng: &mut Prng) -> Option<Work> {
        let item = *prng.pick(&ITEMS);
        if item == SERIAL_ITEM {
            return self.receive_serial(prng);
        }
        let lot = (item == "GLUE").then(|| *prng.pick(&LOTS));
        let key = ("DOCK", item, lot);
        let pieces = prng.between(1, 12);
        self.add(key, pieces);
        Some(received(key, pieces))
    }

    /// One of those that are not here, and may have been before.
    fn receive_serial(&mut self, prng: &mut Prng) -> Option<Work> {
        let here: Vec<_> = self.stock().filter_map(|(key, _pieces)| key.2).collect();
        let serials = NUMBERS.into_iter().filter(|no| no.starts_with('S') && !here.contains(no));
        let serials: Vec<_> = serials.collect();
        let n = usize::try_from(prng.below(serials.len().max(1) as u64)).ok()?;
        let key = ("DOCK", SERIAL_ITEM, Some(*serials.get(n)?));
        self.add(key, 1);
        Some(received(key, 1))
    }

    /// Somebody receives what was received: both scanned the label.
    fn scan_twice(&mut self, prng: &mut Prng) -> Option<Work> {
        let there = self.full(&["DOCK"]);
        let serials: Vec<_> =
            there.into_iter().map(|(key, _one)| key).filter(|key| key.1 == SERIAL_ITEM).collect();
        let n = usize::try_from(prng.below(serials.len().max(1) as u64)).ok()?;
        let mut work = received(*serials.get(n)?, 1);
        if let Body::Receive(body) = &mut work.body {
            body.goods.raw = Some(AGAIN.to_owned());
        }
        Some(work)
    }

    /// What somebody does at once who sees what another one has just done: counts what changed, takes from
    /// what was counted, and brings further what was brought.
    pub(super) fn at_once(&mut self, seen: Seen, prng: &mut Prng) -> Option<Work> {
        match seen {
            Seen::Changed(bin) => Some(self.count_of(bin)),
            Seen::Counted(bin) => self.carry_from(&[bin], prng),
            Seen::Brought(key) if self.pieces(&key) == 1 && prng.chance(2, 3) => {
                self.bring(key, 1, prng)
            }
            Seen::Brought(key) => Some(self.count_of(key.0)),
        }
    }

    fn carry(&mut self, prng: &mut Prng) -> Option<Work> {
        let bins: &[&str] = if prng.chance(1, 6) { &YARD_BINS } else { &HALL_BINS };
        self.carry_from(bins, prng)
    }

    fn carry_from(&mut self, bins: &[&str], prng: &mut Prng) -> Option<Work> {
        let (from, there) = self.some(bins, prng)?;
        let pieces = prng.between(1, there.min(15));
        self.bring(from, pieces, prng)
    }

    /// Some of what lies in a bin goes to a storage bin beside it; none where that is the same.
    fn bring(&mut self, from: Key, pieces: i64, prng: &mut Prng) -> Option<Work> {
        let in_yard = YARD_BINS.contains(&from.0);
        let storage: &[&'static str] = if in_yard { &["Y", "Z"] } else { &["A", "B", "C"] };
        let to = (*prng.pick(storage), from.1, from.2);
        if to == from {
            return None;
        }
        self.add(from, -pieces);
        self.add(to, pieces);
        let body = Move { from: place_of(from.0), to: place_of(to.0), goods: goods(from, pieces) };
        Some(Work { body: Body::Move(body), document: None })
    }

    fn pick(&mut self, prng: &mut Prng) -> Option<Work> {
        let (from, there) = self.some(&["A", "B", "C"], prng)?;
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
        let (from, there) = self.some(&["SHIP"], prng)?;
        let pieces = prng.between(1, there);
        self.add(from, -pieces);
        let body = Ship { from: place_of("SHIP"), goods: goods(from, pieces) };
        let document = document(DocumentKind::SalesOrder, "SO1", from.1);
        Some(Work { body: Body::Ship(body), document: Some(document) })
    }

    /// Picked goods go to the yard.
    fn send(&mut self, prng: &mut Prng) -> Option<Work> {
        let (from, there) = self.some(&["SHIP"], prng)?;
        let pieces = prng.between(1, there);
        self.add(from, -pieces);
        self.add((WAY, from.1, from.2), pieces);
        let body = TransferShip { from: place_of("SHIP"), goods: goods(from, pieces) };
        let document = document(DocumentKind::TransferOrder, TRANSFER, from.1);
        Some(Work { body: Body::TransferShip(body), document: Some(document) })
    }

    /// Goods come to the yard, whether or not their sender has reported them.
    fn arrive(&mut self, prng: &mut Prng) -> Option<Work> {
        let (from, there) = self.some(&[WAY], prng)?;
        let pieces = prng.between(1, there);
        self.add(from, -pieces);
        self.add(("YDOCK", from.1, from.2), pieces);
        let body = TransferReceive { to: place_of("YDOCK"), goods: goods(from, pieces) };
        let document = document(DocumentKind::TransferOrder, TRANSFER, from.1);
        Some(Work { body: Body::TransferReceive(body), document: Some(document) })
    }

    fn count(&mut self, prng: &mut Prng) -> Option<Work> {
        let (key, there) = self.some(counted_in(prng), prng)?;
        let body = Count {
            place: place_of(key.0),
            goods: goods(key, there),
            started_us: None,
            task: None,
        };
        Some(Work { body: Body::Count(body), document: None })
    }

    fn count_bin(&mut self, prng: &mut Prng) -> Work {
        let bins = counted_in(prng);
        let bin = *prng.pick(bins);
        self.count_of(bin)
    }

    /// Something broke, or was found behind a rack.
    fn adjust(&mut self, prng: &mut Prng) -> Option<Work> {
        let (key, there) = self.some(counted_in(prng), prng)?;
        let is_found = key.1 != SERIAL_ITEM && prng.chance(1, 2);
        let pieces = prng.between(1, there.min(3));
        self.add(key, if is_found { pieces } else { -pieces });
        let body = Adjust {
            place: place_of(key.0),
            goods: goods(key, pieces),
            direction: if is_found { Direction::Increase } else { Direction::Decrease },
            reason: word(if is_found { "found" } else { "broken" }),
        };
        Some(Work { body: Body::Adjust(body), document: None })
    }

    /// The label says another lot than was booked.
    fn reclassify(&mut self, prng: &mut Prng) -> Option<Work> {
        let of_lots: Vec<_> =
            self.full(&HALL_BINS).into_iter().filter(|(key, _there)| key.1 == "GLUE").collect();
        let n = usize::try_from(prng.below(of_lots.len().max(1) as u64)).ok()?;
        let (from, there) = *of_lots.get(n)?;
        let other = LOTS.into_iter().find(|lot| Some(*lot) != from.2)?;
        let pieces = prng.between(1, there);
        self.add(from, -pieces);
        self.add((from.0, from.1, Some(other)), pieces);
        let body = Reclassify {
            place: place_of(from.0),
            goods: goods(from, pieces),
            to_tracking: Tracking { lot: Some(word(other)), ..Tracking::NONE },
            to_expiry: None,
        };
        Some(Work { body: Body::Reclassify(body), document: None })
    }

    /// Goods arrive with a label that nobody knows.
    fn receive_unnamed(&mut self, prng: &mut Prng) -> Work {
        let key = ("DOCK", *prng.pick(&["NUT", "BOLT", "PLATE"]), None);
        let pieces = prng.between(1, 9);
        self.add(key, pieces);
        let raw = format!("NOBODY-KNOWS-{}", self.unnamed.len());
        self.unnamed.insert(raw.clone(), (key, pieces));
        let quantity = Quantity::whole(i32::try_from(pieces).expect("few pieces"));
        let body = Unidentified { place: place_of(key.0), raw, quantity };
        Work { body: Body::Unidentified(body), document: None }
    }
}

/// The bins of one of the two locations, mostly of the hall.
fn counted_in(prng: &mut Prng) -> &'static [&'static str] {
    if prng.chance(1, 5) { &YARD_BINS } else { &HALL_BINS }
}

/// A receipt for the order of the hall.
pub(super) fn received(key: Key, pieces: i64) -> Work {
    let body =
        Receive { to: place_of(key.0), goods: goods(key, pieces), condition: Condition::Good };
    let document = document(DocumentKind::PurchaseOrder, "PO1", key.1);
    Work { body: Body::Receive(body), document: Some(document) }
}
