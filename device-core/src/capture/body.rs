//! The operations that a finished slot set stands for.

use protocol::feed::{BinKind, ItemRow};
use protocol::identity::{OperationId, TaskId};
use protocol::operation::{
    Adjust, Body, Count, CountBin, CountedLine, Direction, DocumentRef, Goods, Move, MovePlate,
    Pick, Place, Receive, Ship, Tracking, TransferReceive, TransferShip, Undo, Unidentified,
};
use protocol::quantity::Quantity;
use protocol::words::{BinCode, LotNo, PlateNo, SerialNo};

use super::flow::{Flow, Side};
use super::line;
use super::slots::{Aim, Counted, SeenSerial, Slots, Tally, base_unit};
use super::world::World;

/// An operation to record, with the document it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// What was done.
    pub body: Body,
    /// For which document.
    pub document: Option<DocumentRef>,
}

impl Ready {
    fn alone(body: Body) -> Self {
        Self { body, document: None }
    }
}

/// Turns slots into operations.
pub(super) struct Builder<'a> {
    /// The flow.
    pub flow: Flow,
    /// What was collected.
    pub slots: &'a Slots,
    /// The surroundings.
    pub world: &'a World<'a>,
    /// The task that asked for it.
    pub task: Option<TaskId>,
}

impl Builder<'_> {
    /// The operations of the goods in hand; empty when something is missing. Serial numbers are
    /// one operation each, in their own order, not in that of the scans.
    pub(super) fn build(&self) -> Vec<Ready> {
        if let Some(raw) = &self.slots.unidentified {
            return vec![Ready::alone(self.unidentified(raw))];
        }
        if self.flow.is_move() && self.slots.is_whole_plate() {
            return self.plate_move().map(Ready::alone).into_iter().collect();
        }
        let Some(item) = self.world.item_of(self.slots) else { return Vec::new() };
        let document = line::document(self.flow, self.slots, self.world);
        let mut all = Vec::new();
        for goods in self.goods(&item) {
            let Some(body) = self.body(goods) else { return Vec::new() };
            all.push(Ready { body, document: document.clone() });
        }
        all
    }

    fn body(&self, goods: Goods) -> Option<Body> {
        let slots = self.slots;
        let from = || self.place(Side::From);
        let to = || self.place(Side::To);
        Some(match self.flow {
            Flow::Receive => Body::Receive(Receive { to: to(), goods, condition: slots.condition }),
            Flow::PutAway | Flow::Move => Body::Move(Move { from: from(), to: to(), goods }),
            Flow::Pick => Body::Pick(Pick {
                from: from(),
                to: slots.to.as_ref().map(|_| to()),
                goods,
                short: slots.reason.clone(),
                emptied: slots.emptied,
            }),
            Flow::Ship => Body::Ship(Ship { from: from(), goods }),
            Flow::TransferShip => Body::TransferShip(TransferShip { from: from(), goods }),
            Flow::TransferReceive => Body::TransferReceive(TransferReceive { to: to(), goods }),
            Flow::Count | Flow::CountBin => self.count(goods),
            Flow::Adjust => match slots.aim? {
                Aim::SetTo => self.count(goods),
                aim => Body::Adjust(Adjust {
                    place: from(),
                    goods,
                    direction: if aim == Aim::More {
                        Direction::Increase
                    } else {
                        Direction::Decrease
                    },
                    reason: slots.reason.clone()?,
                }),
            },
            Flow::LookUp => return None,
        })
    }

    fn count(&self, goods: Goods) -> Body {
        let started_us = self.started();
        Body::Count(Count { place: self.place(Side::From), goods, started_us, task: self.task })
    }

    /// The first scan, when there was time between it and the confirmation.
    fn started(&self) -> Option<u64> {
        self.slots.started_us.filter(|started| *started < self.world.mono_us)
    }

    fn place(&self, side: Side) -> Place {
        let plate = match side {
            Side::From => &self.slots.from_plate,
            Side::To => &self.slots.to_plate,
        };
        Place {
            location: self.world.location.clone(),
            bin: self.slots.bin(side).cloned(),
            plate: plate.clone(),
        }
    }

    fn goods(&self, item: &ItemRow) -> Vec<Goods> {
        let hand = Counted {
            item: item.item.clone(),
            variant: self.slots.variant.clone(),
            lot: self.slots.lot.clone(),
            serial: None,
            package: self.slots.package.clone(),
            expiry: self.slots.expiry,
            plate: None,
            tally: self.slots.tally.clone(),
            raw: self.slots.raw.clone(),
            mono_us: self.world.mono_us,
        };
        let mut serials: Vec<SeenSerial> = self.slots.serials.clone();
        if serials.is_empty() || !item.tracking.serial {
            return goods_of(&hand, item, self.flow, self.world).into_iter().collect();
        }
        serials.sort();
        let lines = serials.into_iter().map(|seen| Counted {
            serial: Some(seen.serial),
            raw: seen.raw.or_else(|| hand.raw.clone()),
            ..hand.clone()
        });
        lines.filter_map(|line| goods_of(&line, item, self.flow, self.world)).collect()
    }

    fn plate_move(&self) -> Option<Body> {
        let plate = self.slots.from_plate.clone()?;
        Some(Body::MovePlate(MovePlate { plate, to: self.place(Side::To) }))
    }

    fn unidentified(&self, raw: &str) -> Body {
        let place = self.place(self.flow.side());
        let quantity = self.slots.tally.entered;
        Body::Unidentified(Unidentified { place, raw: raw.to_owned(), quantity })
    }

    /// The whole-bin count, with every line that was put down.
    pub(super) fn count_bin(&self) -> Option<Ready> {
        let bin = self.slots.bin(Side::From)?.clone();
        let lines: Option<Vec<CountedLine>> = self
            .slots
            .counted
            .iter()
            .map(|line| {
                let item = self.world.catalogue.item(&line.item)?;
                let goods = goods_of(line, &item, self.flow, self.world)?;
                Some(CountedLine { goods, plate: line.plate.clone(), mono_us: line.mono_us })
            })
            .collect();
        Some(Ready::alone(Body::CountBin(CountBin {
            location: self.world.location.clone(),
            bin,
            lines: lines?,
            plates_seen_closed: self.slots.seen_closed.clone(),
            started_us: self.started(),
            task: self.task,
        })))
    }

    /// Only what was touched, each as a count of its own: the rest of the bin stays unknown.
    pub(super) fn count_touched(&self) -> Vec<Ready> {
        let place = |plate: Option<PlateNo>| Place {
            location: self.world.location.clone(),
            bin: self.slots.bin(Side::From).cloned(),
            plate,
        };
        let lines = self.slots.counted.iter().filter_map(|line| {
            let item = self.world.catalogue.item(&line.item)?;
            let goods = goods_of(line, &item, self.flow, self.world)?;
            Some(Ready::alone(Body::Count(Count {
                place: place(line.plate.clone()),
                goods,
                started_us: (line.mono_us < self.world.mono_us).then_some(line.mono_us),
                task: self.task,
            })))
        });
        lines.collect()
    }
}

/// The goods of one line: what the item demands of the numbers that were read, no more.
fn goods_of(line: &Counted, item: &ItemRow, flow: Flow, world: &World<'_>) -> Option<Goods> {
    let rule = item.tracking;
    let serial = line.serial.clone().filter(|_| rule.serial);
    let tally = match serial {
        Some(_) => {
            Tally { entered: Quantity::ONE, unit: Some(base_unit(item)), ..Tally::default() }
        }
        None => line.tally.clone(),
    };
    let unit = tally.unit.clone().unwrap_or_else(|| base_unit(item));
    let lot = line.lot.clone().or_else(|| lot_of_serial(serial.as_ref(), line, world));
    let lot = lot.filter(|_| rule.lot);
    let known = lot.as_ref().and_then(|lot| {
        super::catalogue::lot_of(world.catalogue, &line.item, line.variant.as_ref(), lot.as_str())
    });
    let known = known.and_then(|row| row.expiry).filter(|_| flow.is_inbound());
    let package = line.package.clone().filter(|_| rule.package);
    let tracking = Tracking { lot, serial, package };
    let expiry = line.expiry.or(known).filter(|_| protocol::rules::keeps_expiry(&tracking));
    Some(Goods {
        item: line.item.clone(),
        variant: line.variant.clone(),
        base: tally.base(item)?,
        unit: unit.unit,
        factor: unit.factor,
        quantity: tally.entered,
        tracking,
        expiry,
        raw: line.raw.clone(),
    })
}

fn lot_of_serial(serial: Option<&SerialNo>, line: &Counted, world: &World<'_>) -> Option<LotNo> {
    let rows = world.catalogue.serials_numbered(serial?.as_str());
    rows.into_iter().find(|row| row.item == line.item)?.tracking.lot
}

/// The corrections that take back the last confirmed step, newest first.
pub(super) fn undo(last: &[OperationId]) -> Vec<Ready> {
    let undo = |id: &OperationId| {
        Ready::alone(Body::Undo(Undo { incarnation: id.incarnation, seq: id.seq }))
    };
    last.iter().rev().map(undo).collect()
}

/// Where goods go that nobody can name.
pub(super) fn question_bin(world: &World<'_>) -> Option<BinCode> {
    let bins = world.catalogue.bins_of_kind(world.location, BinKind::Question);
    bins.into_iter().find(|row| !row.blocked).map(|row| row.bin)
}
