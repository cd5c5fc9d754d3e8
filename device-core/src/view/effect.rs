//! What an operation does to what the screens show, before the server has answered.

use std::collections::BTreeSet;

use protocol::feed::LocationRow;
use protocol::identity::{Incarnation, Seq, TaskId};
use protocol::operation::{
    Adjust, Body, Condition, Count, CountBin, Direction, Goods, MovePlate, Pick, Place, Reclassify,
    Tracking,
};
use protocol::quantity::Quantity;
use protocol::words::{BinCode, ItemNo, LocationCode, PlateNo, UnitCode, VariantCode};

/// Where goods are, for the purpose of adding them up: goods on a plate go where the plate goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// Loose in a bin, or in a location without bins.
    Loose(Option<BinCode>),
    /// On a licence plate.
    Plate(PlateNo),
}

/// What is added up under one sum: a stock key without its unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoodsKey {
    /// The location.
    pub location: LocationCode,
    /// Where in it.
    pub spot: Spot,
    /// The item.
    pub item: ItemNo,
    /// Its variant.
    pub variant: Option<VariantCode>,
    /// Lot, serial, package.
    pub tracking: Tracking,
}

/// How an operation changes a sum. Base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// So much comes; below zero it goes.
    Add(Quantity),
    /// So much is there, whatever was there before.
    Set(Quantity),
}

/// A change of one sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The sum.
    pub key: GoodsKey,
    /// The unit that was handled in: part of the stock key at directed locations.
    pub unit: UnitCode,
    /// The change.
    pub change: Change,
    /// How much of it comes on hold.
    pub held: Quantity,
}

/// A whole-bin count: what it does not list is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinCounted {
    /// The location.
    pub location: LocationCode,
    /// The bin.
    pub bin: BinCode,
    /// What it lists.
    pub listed: BTreeSet<GoodsKey>,
    /// Plates whose content stands as booked.
    pub closed: BTreeSet<PlateNo>,
}

/// Somebody says where a plate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlateSeen {
    /// The plate.
    pub plate: PlateNo,
    /// The location.
    pub location: LocationCode,
    /// The bin.
    pub bin: Option<BinCode>,
    /// The plate it stands on.
    pub parent: Option<PlateNo>,
    /// Whether it was the plate itself that was moved or counted. Goods put onto a plate only say
    /// where a plate is that nobody knew.
    pub is_certain: bool,
}

/// How an operation moves a document line on. Base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Received, or shipped.
    Handled(Quantity),
    /// Picked; for a transfer: shipped by its sender.
    Picked(Quantity),
}

/// Everything that one operation does to the view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Changes of sums.
    pub goods: Vec<Effect>,
    /// The bin that was counted as a whole.
    pub bin_counted: Option<BinCounted>,
    /// Where plates are.
    pub plates: Vec<PlateSeen>,
    /// How it moves its document line on, and for which item.
    pub progress: Option<(ItemNo, Option<VariantCode>, Progress)>,
    /// The task that it answers.
    pub task: Option<TaskId>,
    /// The operation that it takes back, by its first name.
    pub undoes: Option<(Incarnation, Seq)>,
}

/// The sum that `goods` in `place` belong to.
pub fn goods_key(place: &Place, goods: &Goods) -> GoodsKey {
    let spot = match &place.plate {
        Some(plate) => Spot::Plate(plate.clone()),
        None => Spot::Loose(place.bin.clone()),
    };
    GoodsKey {
        location: place.location.clone(),
        spot,
        item: goods.item.clone(),
        variant: goods.variant.clone(),
        tracking: goods.tracking.clone(),
    }
}

impl Effects {
    /// What `body` does. `location` answers for the row of a location, where a rule needs one.
    pub fn of(body: &Body, location: impl Fn(&LocationCode) -> Option<LocationRow>) -> Self {
        let mut effects = Self::default();
        match body {
            Body::Count(count) => effects.count(count),
            Body::CountBin(count) => effects.count_bin(count),
            Body::Receive(receive) => {
                let held = match receive.condition {
                    Condition::Good => Quantity::ZERO,
                    Condition::Damaged | Condition::Inspect => receive.goods.base,
                };
                effects.put(&receive.to, &receive.goods, held);
                effects.progress(&receive.goods, Progress::Handled(receive.goods.base));
            }
            Body::Pick(pick) => effects.pick(pick, location),
            Body::Ship(ship) => {
                effects.take(&ship.from, &ship.goods);
                effects.progress(&ship.goods, Progress::Handled(ship.goods.base));
            }
            Body::Move(moved) => {
                effects.take(&moved.from, &moved.goods);
                effects.put(&moved.to, &moved.goods, Quantity::ZERO);
            }
            Body::MovePlate(moved) => effects.move_plate(moved),
            Body::TransferShip(ship) => {
                effects.take(&ship.from, &ship.goods);
                effects.progress(&ship.goods, Progress::Picked(ship.goods.base));
            }
            Body::TransferReceive(receive) => {
                effects.put(&receive.to, &receive.goods, Quantity::ZERO);
                effects.progress(&receive.goods, Progress::Handled(receive.goods.base));
            }
            Body::Adjust(adjust) => effects.adjust(adjust),
            Body::Reclassify(reclassify) => effects.reclassify(reclassify),
            Body::Undo(undo) => effects.undoes = Some((undo.incarnation, undo.seq)),
            Body::Answer(answer) => effects.task = answer.task,
            Body::Unidentified(_)
            | Body::SignIn(_)
            | Body::SignOut(_)
            | Body::Attach(_)
            | Body::Void(_) => {}
        }
        effects
    }

    /// The same the other way, as far as that can be said: what was set cannot be unset here.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let goods = self.goods.iter().filter_map(|effect| match effect.change {
            Change::Add(quantity) => Some(Effect {
                change: Change::Add(quantity.negated()),
                held: effect.held.negated(),
                ..effect.clone()
            }),
            Change::Set(_) => None,
        });
        let progress = self.progress.clone().map(|(item, variant, progress)| {
            let progress = match progress {
                Progress::Handled(quantity) => Progress::Handled(quantity.negated()),
                Progress::Picked(quantity) => Progress::Picked(quantity.negated()),
            };
            (item, variant, progress)
        });
        Self { goods: goods.collect(), progress, ..Self::default() }
    }

    fn add(&mut self, place: &Place, goods: &Goods, quantity: Quantity, held: Quantity) {
        self.goods.push(Effect {
            key: goods_key(place, goods),
            unit: goods.unit.clone(),
            change: Change::Add(quantity),
            held,
        });
    }

    fn take(&mut self, place: &Place, goods: &Goods) {
        self.add(place, goods, goods.base.negated(), Quantity::ZERO);
    }

    fn put(&mut self, place: &Place, goods: &Goods, held: Quantity) {
        self.add(place, goods, goods.base, held);
        self.plates.extend(seen(place, false));
    }

    fn set(&mut self, key: GoodsKey, goods: &Goods) {
        self.goods.push(Effect {
            key,
            unit: goods.unit.clone(),
            change: Change::Set(goods.base),
            held: Quantity::ZERO,
        });
    }

    fn progress(&mut self, goods: &Goods, progress: Progress) {
        self.progress = Some((goods.item.clone(), goods.variant.clone(), progress));
    }

    fn count(&mut self, count: &Count) {
        self.set(goods_key(&count.place, &count.goods), &count.goods);
        self.plates.extend(seen(&count.place, true));
        self.task = count.task;
    }

    fn count_bin(&mut self, count: &CountBin) {
        let mut listed = BTreeSet::new();
        let here = |plate: Option<PlateNo>| Place {
            location: count.location.clone(),
            bin: Some(count.bin.clone()),
            plate,
        };
        for line in &count.lines {
            let place = here(line.plate.clone());
            let key = goods_key(&place, &line.goods);
            listed.insert(key.clone());
            self.set(key, &line.goods);
            self.plates.extend(seen(&place, true));
        }
        for plate in &count.plates_seen_closed {
            self.plates.extend(seen(&here(Some(plate.clone())), true));
        }
        self.bin_counted = Some(BinCounted {
            location: count.location.clone(),
            bin: count.bin.clone(),
            listed,
            closed: count.plates_seen_closed.iter().cloned().collect(),
        });
        self.task = count.task;
    }

    fn pick(&mut self, pick: &Pick, location: impl Fn(&LocationCode) -> Option<LocationRow>) {
        self.take(&pick.from, &pick.goods);
        let to = pick.to.clone().or_else(|| {
            let bin = location(&pick.from.location)?.shipment_bin?;
            Some(Place { location: pick.from.location.clone(), bin: Some(bin), plate: None })
        });
        if let Some(to) = to {
            self.put(&to, &pick.goods, Quantity::ZERO);
        }
        self.progress(&pick.goods, Progress::Picked(pick.goods.base));
    }

    fn move_plate(&mut self, moved: &MovePlate) {
        self.plates.push(PlateSeen {
            plate: moved.plate.clone(),
            location: moved.to.location.clone(),
            bin: moved.to.bin.clone(),
            parent: moved.to.plate.clone(),
            is_certain: true,
        });
    }

    fn adjust(&mut self, adjust: &Adjust) {
        match adjust.direction {
            Direction::Increase => self.put(&adjust.place, &adjust.goods, Quantity::ZERO),
            Direction::Decrease => self.take(&adjust.place, &adjust.goods),
        }
    }

    fn reclassify(&mut self, reclassify: &Reclassify) {
        self.take(&reclassify.place, &reclassify.goods);
        let goods = Goods { tracking: reclassify.to_tracking.clone(), ..reclassify.goods.clone() };
        self.put(&reclassify.place, &goods, Quantity::ZERO);
    }
}

fn seen(place: &Place, is_certain: bool) -> Option<PlateSeen> {
    place.plate.clone().map(|plate| PlateSeen {
        plate,
        location: place.location.clone(),
        bin: place.bin.clone(),
        parent: None,
        is_certain,
    })
}
