//! Stock as the screens show it.

use std::collections::{BTreeMap, BTreeSet};

use protocol::feed::StockRow;
use protocol::identity::{CaseId, Seq};
use protocol::operation::Tracking;
use protocol::outcome::Decision;
use protocol::quantity::Quantity;
use protocol::words::{BinCode, ItemNo, LocationCode, PlateNo, UnitCode, VariantCode};

use super::{Change, Effect, Effects, Fold, GoodsKey, PlateSeen, Spot};
use crate::store::StoreError;

/// What lies under one stock key, as far as this device knows. Base units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockLine {
    /// The location.
    pub location: LocationCode,
    /// The bin; for goods on a plate the bin of the plate.
    pub bin: Option<BinCode>,
    /// The licence plate.
    pub plate: Option<PlateNo>,
    /// The item.
    pub item: ItemNo,
    /// Its variant.
    pub variant: Option<VariantCode>,
    /// The unit, at directed locations.
    pub unit: Option<UnitCode>,
    /// Lot, serial, package.
    pub tracking: Tracking,
    /// What should lie there, with own unanswered work and parked effects; none where the quantity
    /// is withheld.
    pub quantity: Option<Quantity>,
    /// What the server's row says; none where it is withheld, and zero without a row.
    pub booked: Option<Quantity>,
    /// How much of it is on hold.
    pub held: Quantity,
    /// How many own unanswered operations are in `quantity`.
    pub n_pending: usize,
    /// The part of `quantity` that is parked with the supervisor.
    pub parked: Quantity,
}

/// Where a plate is, as far as this device knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatePlace {
    /// The location.
    pub location: LocationCode,
    /// The bin that its root stands in.
    pub bin: Option<BinCode>,
    /// The plate it stands on.
    pub parent: Option<PlateNo>,
}

/// Plates stand on plates, but not deeper than this; more would be a circle.
const PLATE_DEPTH_MAX: usize = 8;

/// A sum being folded, of one unit.
#[derive(Debug, Clone, Default)]
struct Sum {
    booked: Quantity,
    quantity: Quantity,
    held: Quantity,
    parked: Quantity,
    is_withheld: bool,
    n_pending: usize,
}

fn plus(left: Quantity, right: Quantity) -> Quantity {
    // Out of range only by nonsense that the server will park; the screen then shows the old sum.
    left.checked_add(right).unwrap_or(left)
}

impl GoodsKey {
    fn of(row: &StockRow) -> Self {
        let spot = match &row.plate {
            Some(plate) => Spot::Plate(plate.clone()),
            None => Spot::Loose(row.bin.clone()),
        };
        Self {
            location: row.location.clone(),
            spot,
            item: row.item.clone(),
            variant: row.variant.clone(),
            tracking: row.tracking.clone(),
        }
    }
}

impl StockLine {
    /// The same as a row, for readers that know rows only.
    pub fn to_row(&self) -> StockRow {
        StockRow {
            location: self.location.clone(),
            bin: self.bin.clone(),
            plate: self.plate.clone(),
            item: self.item.clone(),
            variant: self.variant.clone(),
            unit: self.unit.clone(),
            tracking: self.tracking.clone(),
            quantity: self.quantity,
            held: self.held,
        }
    }
}

impl Fold<'_> {
    /// What lies in a bin, or in a location without bins: loose goods and goods on plates, by item.
    /// At most `limit` rows of the server are looked at.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn stock_in_bin(
        &self,
        location: &LocationCode,
        bin: Option<&BinCode>,
        limit: usize,
    ) -> Result<Vec<StockLine>, StoreError> {
        let rows = self.replica.stock_in_bin(location, bin, limit)?;
        let mut keys: BTreeSet<GoodsKey> = rows.iter().map(GoodsKey::of).collect();
        let place = (location.clone(), bin.cloned());
        keys.extend(self.keys_of(self.view.by_bin.get(&place)));
        for case in self.replica.cases_of_bin(location, bin)? {
            keys.extend(case.effects.iter().map(GoodsKey::of));
        }
        for plate in self.view.by_plate.keys() {
            if self.is_here(plate, location, bin)? {
                keys.extend(self.keys_on(plate)?);
            }
        }
        // Plates that stand on a plate that was moved come along.
        for plate in self.children_moved_to(location, bin)? {
            keys.extend(self.keys_on(&plate)?);
        }
        let mut lines = self.fold_all(keys)?;
        lines.retain(|line| line.location == *location && line.bin.as_ref() == bin);
        lines.sort_by(|left, right| (&left.item, &left.plate).cmp(&(&right.item, &right.plate)));
        Ok(lines)
    }

    /// Where an item lies: in the site, or in one location.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn stock_of_item(
        &self,
        item: &ItemNo,
        location: Option<&LocationCode>,
    ) -> Result<Vec<StockLine>, StoreError> {
        let place = location.map(|location| (location, None));
        let rows = self.replica.stock_of_item(item, place)?;
        let mut keys: BTreeSet<GoodsKey> = rows.iter().map(GoodsKey::of).collect();
        for ((at, _item), seqs) in self.view.by_item.iter().filter(|((_, of), _)| of == item) {
            if location.is_none_or(|location| location == at) {
                keys.extend(self.keys_of(Some(seqs)));
            }
        }
        for case in self.replica.cases_of_item(item, None)? {
            keys.extend(case.effects.iter().map(GoodsKey::of));
        }
        keys.retain(|key| {
            key.item == *item && location.is_none_or(|location| key.location == *location)
        });
        let mut lines = self.fold_all(keys)?;
        lines.sort_by(|left, right| {
            (&left.location, &left.bin, &left.plate).cmp(&(
                &right.location,
                &right.bin,
                &right.plate,
            ))
        });
        Ok(lines)
    }

    /// What is on a licence plate, without the plates that stand on it.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn stock_on_plate(&self, plate: &PlateNo) -> Result<Vec<StockLine>, StoreError> {
        let keys = self.keys_on(plate)?;
        self.fold_all(keys)
    }

    /// Where a licence plate is.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn plate_place(&self, plate: &PlateNo) -> Result<Option<PlatePlace>, StoreError> {
        self.plate_place_at(plate, Seq(u64::MAX), PLATE_DEPTH_MAX)
    }

    /// Whether an operation's own effects count: it is not taken back by another of the outbox.
    pub(super) fn stands(&self, seq: Seq) -> bool {
        let Some(entry) = self.outbox.get(seq) else { return false };
        !self.view.undone.contains_key(&entry.first)
    }

    /// The effects of `seq` that count now.
    pub(super) fn effects(&self, seq: Seq) -> Result<Option<&Effects>, StoreError> {
        if !self.stands(seq) {
            return Ok(None);
        }
        let Some(target) = self.view.undoes.get(&seq) else {
            return Ok(self.view.effects.get(&seq));
        };
        // While both wait, neither shows. What was never booked has nothing to reverse.
        let waits = self.outbox.seq_of(*target).is_some_and(|seq| self.outbox.get(seq).is_some());
        if waits {
            return Ok(None);
        }
        let decision = self.replica.outcome_of(*target)?.map(|outcome| outcome.decision);
        match decision {
            Some(Decision::Refused | Decision::Duplicate) => Ok(None),
            Some(Decision::Accepted | Decision::Changed | Decision::Parked) | None => {
                Ok(self.view.effects.get(&seq))
            }
        }
    }

    fn keys_of(&self, seqs: Option<&BTreeSet<Seq>>) -> BTreeSet<GoodsKey> {
        let effects = seqs.into_iter().flatten().filter_map(|seq| self.view.effects.get(seq));
        effects.flat_map(|effects| effects.goods.iter().map(|effect| effect.key.clone())).collect()
    }

    fn keys_on(&self, plate: &PlateNo) -> Result<BTreeSet<GoodsKey>, StoreError> {
        let rows = self.replica.stock_on_plate(plate)?;
        let mut keys: BTreeSet<GoodsKey> = rows.iter().map(GoodsKey::of).collect();
        keys.extend(self.keys_of(self.view.by_plate.get(plate)));
        keys.retain(|key| key.spot == Spot::Plate(plate.clone()));
        Ok(keys)
    }

    fn is_here(
        &self,
        plate: &PlateNo,
        location: &LocationCode,
        bin: Option<&BinCode>,
    ) -> Result<bool, StoreError> {
        let place = self.plate_place(plate)?;
        Ok(place.is_some_and(|place| place.location == *location && place.bin.as_ref() == bin))
    }

    fn children_moved_to(
        &self,
        location: &LocationCode,
        bin: Option<&BinCode>,
    ) -> Result<BTreeSet<PlateNo>, StoreError> {
        let mut moved = BTreeSet::new();
        for plate in self.view.by_plate.keys() {
            if !self.is_here(plate, location, bin)? {
                continue;
            }
            let mut below = vec![plate.clone()];
            while let Some(plate) = below.pop() {
                for child in self.replica.plates_on(&plate)? {
                    if moved.insert(child.plate.clone()) {
                        below.push(child.plate);
                    }
                }
            }
        }
        Ok(moved)
    }

    /// Where a plate was before `seq`, in this device's order.
    fn plate_place_at(
        &self,
        plate: &PlateNo,
        seq: Seq,
        depth: usize,
    ) -> Result<Option<PlatePlace>, StoreError> {
        if let Some(seen) = self.last_seen(plate, seq, true)? {
            return self.placed(&seen, seq, depth).map(Some);
        }
        if let Some(row) = self.replica.plate(plate)? {
            let seen = PlateSeen {
                plate: row.plate,
                location: row.location,
                bin: row.bin,
                parent: row.parent,
                is_certain: true,
            };
            return self.placed(&seen, seq, depth).map(Some);
        }
        if let Some(seen) = self.last_seen(plate, seq, false)? {
            return self.placed(&seen, seq, depth).map(Some);
        }
        let rows = self.replica.stock_on_plate(plate)?;
        Ok(rows.into_iter().next().map(|row| PlatePlace {
            location: row.location,
            bin: row.bin,
            parent: None,
        }))
    }

    fn last_seen(
        &self,
        plate: &PlateNo,
        before: Seq,
        is_certain: bool,
    ) -> Result<Option<PlateSeen>, StoreError> {
        let Some(seqs) = self.view.by_plate.get(plate) else { return Ok(None) };
        for seq in seqs.range(..before).rev() {
            let Some(effects) = self.effects(*seq)? else { continue };
            let seen = effects
                .plates
                .iter()
                .rev()
                .find(|seen| seen.plate == *plate && seen.is_certain == is_certain);
            if let Some(seen) = seen {
                return Ok(Some(seen.clone()));
            }
        }
        Ok(None)
    }

    /// A plate on a plate is where the lower one is.
    fn placed(&self, seen: &PlateSeen, seq: Seq, depth: usize) -> Result<PlatePlace, StoreError> {
        let own = PlatePlace {
            location: seen.location.clone(),
            bin: seen.bin.clone(),
            parent: seen.parent.clone(),
        };
        let Some(parent) = seen.parent.as_ref().filter(|_| depth > 0) else { return Ok(own) };
        match self.plate_place_at(parent, seq, depth - 1)? {
            Some(below) => {
                Ok(PlatePlace { location: below.location, bin: below.bin, parent: own.parent })
            }
            None => Ok(own),
        }
    }

    fn fold_all(
        &self,
        keys: impl IntoIterator<Item = GoodsKey>,
    ) -> Result<Vec<StockLine>, StoreError> {
        let mut lines = Vec::new();
        for key in keys {
            self.fold(&key, &mut lines)?;
        }
        Ok(lines)
    }

    /// Folds one sum and adds its lines, one for each unit.
    fn fold(&self, key: &GoodsKey, lines: &mut Vec<StockLine>) -> Result<(), StoreError> {
        let mut sums = self.booked(key)?;
        let is_directed = self.is_directed(key, &sums)?;
        let item = (key.location.clone(), key.item.clone());
        let mut seqs = self.view.by_item.get(&item).cloned().unwrap_or_default();
        seqs.extend(self.view.bin_counts.get(&key.location).into_iter().flatten());
        for seq in seqs {
            let Some(effects) = self.effects(seq)? else { continue };
            self.apply_bin_count(key, seq, effects, &mut sums)?;
            for effect in effects.goods.iter().filter(|effect| effect.key == *key) {
                let unit = is_directed.then(|| effect.unit.clone());
                change(sums.entry(unit).or_default(), effect);
            }
        }
        self.add_parked(key, is_directed, &mut sums)?;
        let (bin, plate) = match &key.spot {
            Spot::Loose(bin) => (bin.clone(), None),
            Spot::Plate(plate) => {
                (self.plate_place(plate)?.and_then(|place| place.bin), Some(plate.clone()))
            }
        };
        for (unit, sum) in sums {
            let is_empty = sum.quantity.is_zero()
                && !sum.is_withheld
                && sum.n_pending == 0
                && sum.parked.is_zero();
            if is_empty {
                continue;
            }
            let shown = |quantity| (!sum.is_withheld).then_some(quantity);
            lines.push(StockLine {
                location: key.location.clone(),
                bin: bin.clone(),
                plate: plate.clone(),
                item: key.item.clone(),
                variant: key.variant.clone(),
                unit,
                tracking: key.tracking.clone(),
                quantity: shown(sum.quantity),
                booked: shown(sum.booked),
                held: sum.held,
                n_pending: sum.n_pending,
                parked: sum.parked,
            });
        }
        Ok(())
    }

    /// The rows of the server under a sum, by unit.
    fn booked(&self, key: &GoodsKey) -> Result<BTreeMap<Option<UnitCode>, Sum>, StoreError> {
        let rows = match &key.spot {
            Spot::Loose(bin) => {
                let place = match bin {
                    Some(bin) => (&key.location, Some(bin)),
                    None => (&key.location, None),
                };
                self.replica.stock_of_item(&key.item, Some(place))?
            }
            Spot::Plate(plate) => self.replica.stock_on_plate(plate)?,
        };
        let mut sums = BTreeMap::new();
        for row in rows.into_iter().filter(|row| GoodsKey::of(row) == *key) {
            let sum: &mut Sum = sums.entry(row.unit).or_default();
            match row.quantity {
                Some(quantity) => {
                    sum.booked = plus(sum.booked, quantity);
                    sum.quantity = plus(sum.quantity, quantity);
                    sum.held = plus(sum.held, row.held);
                }
                None => sum.is_withheld = true,
            }
        }
        Ok(sums)
    }

    /// Whether stock here is kept by unit: as the rows of this sum have it, else as any row of the
    /// location has it.
    fn is_directed(
        &self,
        key: &GoodsKey,
        sums: &BTreeMap<Option<UnitCode>, Sum>,
    ) -> Result<bool, StoreError> {
        if !sums.is_empty() {
            return Ok(sums.keys().any(Option::is_some));
        }
        self.replica.keeps_units(&key.location)
    }

    /// A whole-bin count empties what it does not list.
    fn apply_bin_count(
        &self,
        key: &GoodsKey,
        seq: Seq,
        effects: &Effects,
        sums: &mut BTreeMap<Option<UnitCode>, Sum>,
    ) -> Result<(), StoreError> {
        let Some(counted) = &effects.bin_counted else { return Ok(()) };
        if counted.location != key.location || counted.listed.contains(key) {
            return Ok(());
        }
        let was_here = match &key.spot {
            Spot::Loose(bin) => bin.as_ref() == Some(&counted.bin),
            Spot::Plate(plate) if counted.closed.contains(plate) => false,
            Spot::Plate(plate) => {
                let place = self.plate_place_at(plate, seq, PLATE_DEPTH_MAX)?;
                place.is_some_and(|place| place.bin.as_ref() == Some(&counted.bin))
            }
        };
        if was_here {
            for sum in sums.values_mut() {
                sum.quantity = Quantity::ZERO;
                sum.held = Quantity::ZERO;
                sum.n_pending += 1;
            }
        }
        Ok(())
    }

    /// Adds what is parked. A case names no unit: where stock is kept by unit, the first one shows
    /// it, for there is no better.
    fn add_parked(
        &self,
        key: &GoodsKey,
        is_directed: bool,
        sums: &mut BTreeMap<Option<UnitCode>, Sum>,
    ) -> Result<(), StoreError> {
        let place = match &key.spot {
            Spot::Loose(bin) => Some((&key.location, bin.as_ref())),
            Spot::Plate(_) => None,
        };
        let mut seen: BTreeSet<CaseId> = BTreeSet::new();
        for case in self.replica.cases_of_item(&key.item, place)? {
            if !seen.insert(case.case) {
                continue;
            }
            for effect in case.effects.iter().filter(|row| GoodsKey::of(row) == *key) {
                let first = sums.keys().find(|unit| unit.is_some()).cloned().flatten();
                let unit = effect.unit.clone().or(first.filter(|_| is_directed));
                let sum = sums.entry(unit).or_default();
                match effect.quantity {
                    Some(quantity) => {
                        sum.parked = plus(sum.parked, quantity);
                        sum.quantity = plus(sum.quantity, quantity);
                    }
                    None => sum.is_withheld = true,
                }
            }
        }
        Ok(())
    }
}

fn change(sum: &mut Sum, effect: &Effect) {
    sum.n_pending += 1;
    match effect.change {
        Change::Add(quantity) => sum.quantity = plus(sum.quantity, quantity),
        Change::Set(quantity) => sum.quantity = quantity,
    }
    sum.held = plus(sum.held, effect.held);
}
