//! What a person of the demo does next: changes the floor, and says what to record about it.

use chrono::NaiveDate;
use protocol::operation::{
    Body, Condition, Count, CountBin, CountedLine, DocumentKind, DocumentRef, Goods, Move, Pick,
    Place, Receive, Ship, Tracking, TransferReceive, TransferShip,
};
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{ItemNo, LocationCode};

use super::company::{self, TrackedBy};
use super::floor::{Bin, Floor, OnTheMove};
use super::prng::Prng;

/// Something that was done and is to be recorded.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    pub(crate) body: Body,
    pub(crate) document: Option<DocumentRef>,
}

/// One person with a device at one location.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) location: LocationCode,
    pub(crate) prng: Prng,
    pub(crate) today: NaiveDate,
}

fn whole(pieces: i64) -> Quantity {
    Quantity::whole(i32::try_from(pieces).unwrap_or(i32::MAX))
}

fn place(bin: &Bin) -> Place {
    Place { location: bin.0.clone(), bin: Some(bin.1.clone()), plate: None }
}

fn goods((item, tracking): &(ItemNo, Tracking), pieces: i64) -> Goods {
    Goods {
        item: item.clone(),
        variant: None,
        unit: "PCS".try_into().expect("a short code"),
        factor: UnitFactor::ONE,
        quantity: whole(pieces),
        base: whole(pieces),
        tracking: tracking.clone(),
        expiry: None,
        raw: None,
    }
}

fn document(kind: DocumentKind, of: &OnTheMove) -> Option<DocumentRef> {
    Some(DocumentRef { kind, no: of.document.clone(), line: Some(of.line) })
}

fn number_of(item: &ItemNo) -> u64 {
    item.as_str().trim_start_matches("ITEM").parse().unwrap_or_default()
}

impl Worker {
    fn bin(&self, code: &str) -> Bin {
        (self.location.clone(), code.try_into().expect("a short code"))
    }

    fn up_to(&mut self, most: i64) -> i64 {
        1 + i64::try_from(self.prng.below(u64::try_from(most.max(1)).unwrap_or(1))).unwrap_or(0)
    }

    /// The next thing this person does; empty when there was nothing to do of the kind chosen.
    pub(crate) fn next_acts(&mut self, floor: &mut Floor) -> Vec<Act> {
        match self.prng.below(100) {
            0..20 => self.receive(floor),
            20..40 => self.put_away(floor),
            40..60 => self.pick(floor).into_iter().collect(),
            60..70 => self.ship(floor).into_iter().collect(),
            70..80 => self.relocate(floor).into_iter().collect(),
            80..90 => self.count(floor).into_iter().collect(),
            90..93 => self.transfer_ship(floor).into_iter().collect(),
            93..98 => self.transfer_receive(floor).into_iter().collect(),
            _ => {
                self.lose(floor);
                Vec::new()
            }
        }
    }

    fn receive(&mut self, floor: &mut Floor) -> Vec<Act> {
        let mine: Vec<usize> = (0..floor.to_receive.len())
            .filter(|n| {
                floor.to_receive[*n].location == self.location && floor.to_receive[*n].open > 0
            })
            .collect();
        let Some(&n) = self.prng.pick(&mine) else { return Vec::new() };
        let kind = company::tracked_by(number_of(&floor.to_receive[n].item));
        let most = if kind == TrackedBy::Serial { 3 } else { 12 };
        let pieces = self.up_to(floor.to_receive[n].open.min(most));
        floor.to_receive[n].open -= pieces;
        let line = floor.to_receive[n].clone();
        let given = floor.next_given();
        let each = if kind == TrackedBy::Serial { 1 } else { pieces };
        let dock = self.bin("DOCK");
        (0..pieces / each)
            .map(|piece| {
                let tracking = match kind {
                    TrackedBy::Nothing => Tracking::NONE,
                    TrackedBy::Lot => {
                        Tracking { lot: format!("N{given}").try_into().ok(), ..Tracking::NONE }
                    }
                    TrackedBy::Serial => Tracking {
                        serial: format!("R{given}-{piece}").try_into().ok(),
                        ..Tracking::NONE
                    },
                };
                let what = (line.item.clone(), tracking);
                floor.put(&dock, what.clone(), each);
                let mut goods = goods(&what, each);
                if kind == TrackedBy::Lot {
                    goods.expiry = self.today.checked_add_days(chrono::Days::new(200));
                }
                goods.raw = Some(company::gtin(number_of(&line.item)));
                let body = Receive { to: place(&dock), goods, condition: Condition::Good };
                let document = DocumentRef {
                    kind: DocumentKind::PurchaseOrder,
                    no: line.document.clone(),
                    line: Some(line.line),
                };
                Act { body: Body::Receive(body), document: Some(document) }
            })
            .collect()
    }

    fn storage_bin(&mut self) -> Bin {
        let n_bins = company::LOCATIONS
            .iter()
            .find(|location| location.0 == self.location.as_str())
            .map_or(1, |location| location.3);
        let n = self.prng.below(u64::try_from(n_bins).unwrap_or(1));
        let code = company::bin_code(usize::try_from(n).unwrap_or_default());
        (self.location.clone(), code)
    }

    fn put_away(&mut self, floor: &mut Floor) -> Vec<Act> {
        let dock = self.bin("DOCK");
        let content: Vec<_> = floor.content(&dock).into_iter().collect();
        let Some((what, pieces)) = self.prng.pick(&content).cloned() else { return Vec::new() };
        let to = self.storage_bin();
        vec![self.carry(floor, (&dock, &to), &what, pieces)]
    }

    fn relocate(&mut self, floor: &mut Floor) -> Option<Act> {
        let from = self.prng.pick(&floor.full_bins(&self.location, &["DOCK", "SHIP"])).cloned()?;
        let content: Vec<_> = floor.content(&from).into_iter().collect();
        let (what, pieces) = self.prng.pick(&content).cloned()?;
        let to = self.storage_bin();
        if to == from {
            return None;
        }
        let pieces = self.up_to(pieces);
        Some(self.carry(floor, (&from, &to), &what, pieces))
    }

    fn carry(
        &mut self,
        floor: &mut Floor,
        (from, to): (&Bin, &Bin),
        what: &(ItemNo, Tracking),
        pieces: i64,
    ) -> Act {
        floor.take(from, what, pieces);
        floor.put(to, what.clone(), pieces);
        let body = Move { from: place(from), to: place(to), goods: goods(what, pieces) };
        Act { body: Body::Move(body), document: None }
    }

    fn pick(&mut self, floor: &mut Floor) -> Option<Act> {
        let mine: Vec<usize> = (0..floor.to_pick.len())
            .filter(|n| floor.to_pick[*n].location == self.location && floor.to_pick[*n].open > 0)
            .collect();
        let n = *self.prng.pick(&mine)?;
        let line = floor.to_pick[n].clone();
        let (bin, there) = self.prng.pick(&floor.bins_with(&self.location, &line.item)).cloned()?;
        let pieces = self.up_to(line.open.min(there).min(8));
        floor.to_pick[n].open -= pieces;
        let what = (line.item.clone(), Tracking::NONE);
        let staging = self.bin("SHIP");
        floor.take(&bin, &what, pieces);
        floor.put(&staging, what.clone(), pieces);
        let picked = OnTheMove {
            location: self.location.clone(),
            document: line.document,
            line: line.line,
            item: line.item,
            pieces,
        };
        let document = document(DocumentKind::SalesOrder, &picked);
        floor.picked.push(picked);
        let mut goods = goods(&what, pieces);
        goods.raw = Some(company::gtin(number_of(&what.0)));
        let body = Pick {
            from: place(&bin),
            to: Some(place(&staging)),
            goods,
            short: None,
            emptied: None,
        };
        Some(Act { body: Body::Pick(body), document })
    }

    fn ship(&mut self, floor: &mut Floor) -> Option<Act> {
        let n = floor.picked.iter().position(|picked| picked.location == self.location)?;
        let picked = floor.picked.remove(n);
        let staging = self.bin("SHIP");
        let what = (picked.item.clone(), Tracking::NONE);
        floor.take(&staging, &what, picked.pieces);
        let body = Ship { from: place(&staging), goods: goods(&what, picked.pieces) };
        Some(Act { body: Body::Ship(body), document: document(DocumentKind::SalesOrder, &picked) })
    }

    fn transfer_ship(&mut self, floor: &mut Floor) -> Option<Act> {
        let mine: Vec<usize> = (0..floor.to_transfer.len())
            .filter(|n| {
                floor.to_transfer[*n].location == self.location && floor.to_transfer[*n].open > 0
            })
            .collect();
        let n = *self.prng.pick(&mine)?;
        let line = floor.to_transfer[n].clone();
        let (bin, there) = self.prng.pick(&floor.bins_with(&self.location, &line.item)).cloned()?;
        let pieces = self.up_to(line.open.min(there).min(10));
        floor.to_transfer[n].open -= pieces;
        let what = (line.item.clone(), Tracking::NONE);
        floor.take(&bin, &what, pieces);
        let travelling = OnTheMove {
            location: line.to_location?,
            document: line.document,
            line: line.line,
            item: line.item,
            pieces,
        };
        let document = document(DocumentKind::TransferOrder, &travelling);
        floor.travelling.push(travelling);
        let body = TransferShip { from: place(&bin), goods: goods(&what, pieces) };
        Some(Act { body: Body::TransferShip(body), document })
    }

    fn transfer_receive(&mut self, floor: &mut Floor) -> Option<Act> {
        let n = floor.travelling.iter().position(|goods| goods.location == self.location)?;
        let arrived = floor.travelling.remove(n);
        let dock = self.bin("DOCK");
        let what = (arrived.item.clone(), Tracking::NONE);
        floor.put(&dock, what.clone(), arrived.pieces);
        let body = TransferReceive { to: place(&dock), goods: goods(&what, arrived.pieces) };
        let document = document(DocumentKind::TransferOrder, &arrived);
        Some(Act { body: Body::TransferReceive(body), document })
    }

    /// Takes one piece out of a bin with several that nobody has taken from in silence, and puts it
    /// elsewhere. Gives the bin with what to record.
    pub(crate) fn take_one(&mut self, floor: &mut Floor) -> Option<(Bin, Act)> {
        let bins = floor.full_bins(&self.location, &["DOCK", "SHIP"]);
        let several: Vec<_> = bins
            .into_iter()
            .filter(|bin| !floor.robbed.contains(bin))
            .flat_map(|bin| floor.content(&bin).into_iter().map(move |what| (bin.clone(), what)))
            .filter(|(_bin, (what, pieces))| what.1.is_none() && *pieces > 1)
            .collect();
        let (from, (what, _pieces)) = self.prng.pick(&several).cloned()?;
        let to = self.storage_bin();
        if to == from {
            return None;
        }
        let act = self.carry(floor, (&from, &to), &what, 1);
        Some((from, act))
    }

    fn count(&mut self, floor: &mut Floor) -> Option<Act> {
        let robbed = floor.robbed.iter().position(|bin| bin.0 == self.location);
        if let Some(n) = robbed
            && self.prng.chance(70)
        {
            let bin = floor.robbed.remove(n);
            return Some(count_bin(floor, &bin));
        }
        let bin = self.prng.pick(&floor.full_bins(&self.location, &["DOCK", "SHIP"])).cloned()?;
        if self.prng.chance(40) {
            floor.robbed.retain(|robbed| *robbed != bin);
            return Some(count_bin(floor, &bin));
        }
        let content: Vec<_> = floor.content(&bin).into_iter().collect();
        let (what, pieces) = self.prng.pick(&content).cloned()?;
        let body =
            Count { place: place(&bin), goods: goods(&what, pieces), started_us: None, task: None };
        Some(Act { body: Body::Count(body), document: None })
    }

    /// A piece goes and nobody records it: only a count can find that.
    fn lose(&mut self, floor: &mut Floor) {
        let Some(bin) =
            self.prng.pick(&floor.full_bins(&self.location, &["DOCK", "SHIP"])).cloned()
        else {
            return;
        };
        let untracked: Vec<_> =
            floor.content(&bin).into_iter().filter(|(what, _pieces)| what.1.is_none()).collect();
        if let Some((what, _pieces)) = self.prng.pick(&untracked) {
            floor.take(&bin, what, 1);
            floor.robbed.push(bin);
        }
    }
}

/// A complete count of a bin: what really lies there, and nothing else.
pub(crate) fn count_bin(floor: &Floor, bin: &Bin) -> Act {
    let lines = floor
        .content(bin)
        .iter()
        .map(|(what, pieces)| CountedLine { goods: goods(what, *pieces), plate: None, mono_us: 0 })
        .collect();
    let body = CountBin {
        location: bin.0.clone(),
        bin: bin.1.clone(),
        lines,
        plates_seen_closed: Vec::new(),
        started_us: None,
        task: None,
    };
    Act { body: Body::CountBin(body), document: None }
}
