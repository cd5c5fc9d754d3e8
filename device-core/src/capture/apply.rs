//! Puts one reading of a scan into the slots, or says why it does not go in.
//!
//! Only contradictions within the slot set stop here; what the world has against it is judged in
//! `check`.

use protocol::feed::{BinKind, IdentifierMeaning, ItemRow};
use protocol::quantity::Quantity;
use protocol::words::{BinCode, PlateNo, SerialNo};

use super::fill::{Fill, PlateUse};
use super::flow::{Flow, Side};
use super::keyed::mismatch;
use super::message::{Message, Notice};
use super::plan;
use super::range::Row;
use super::scan::{Scan, Source};
use super::slots::{Counted, Paper, SeenSerial, Slots};
use super::world::{World, unit_of};

/// Where a fill is put.
pub(super) struct Applying<'a> {
    /// The flow.
    pub flow: Flow,
    /// What is known before the scan.
    pub slots: &'a Slots,
    /// The scan that is understood as the fill.
    pub scan: &'a Scan,
    /// The surroundings.
    pub world: &'a World<'a>,
}

impl Applying<'_> {
    /// The slots after the scan; equal to those before when it said nothing new.
    ///
    /// # Errors
    ///
    /// The notice to show. The slots stay as they were.
    pub(super) fn run(&self, fill: &Fill) -> Result<Slots, Box<Notice>> {
        let mut slots = self.slots.clone();
        if self.flow == Flow::LookUp {
            slots = Slots::default();
        }
        if let Some((kind, no)) = &fill.paper {
            self.paper(&mut slots, Paper::Of(*kind, no.clone()))?;
        }
        if let Some(bin) = &fill.bin {
            self.bin(&mut slots, bin)?;
        }
        if let Some((used, plate)) = &fill.plate {
            self.plate(&mut slots, *used, plate)?;
        }
        let is_new_item = slots.item.is_none();
        if let Some(meaning) = &fill.item {
            self.item(&mut slots, meaning)?;
        }
        self.numbers(&mut slots, fill)?;
        self.quantity(&mut slots, fill, is_new_item)?;
        if slots != *self.slots {
            slots.started_us.get_or_insert(self.world.mono_us);
            if slots.has_goods() {
                slots.line_us.get_or_insert(self.world.mono_us);
            }
            slots.closing = false;
        }
        Ok(slots)
    }

    fn paper(&self, slots: &mut Slots, paper: Paper) -> Result<(), Box<Notice>> {
        match &slots.paper {
            Some(known) if *known == paper => Ok(()),
            Some(Paper::Of(..)) if slots.has_goods() => stopped(self.finish_first(slots)),
            _ => {
                slots.paper = Some(paper);
                slots.line = None;
                slots.skipped.clear();
                Ok(())
            }
        }
    }

    fn bin(&self, slots: &mut Slots, bin: &BinCode) -> Result<(), Box<Notice>> {
        let side = self.side_of(slots, bin);
        let same = slots.bin(side) == Some(bin);
        if side == Side::From && !same && slots.is_named(side) {
            let counting = self.flow == Flow::CountBin
                && (!slots.counted.is_empty() || !slots.seen_closed.is_empty());
            if slots.has_goods() || counting {
                let here = slots.bin(side).map_or("", BinCode::as_str);
                let text = Message::new("stop-bin-in-hand").word("bin", here);
                return stopped(
                    Notice::stop("finish_first", text, "next-finish-first")
                        .scanned(bin)
                        .needed(here),
                );
            }
        }
        // A plate that was taken from another bin is not in this one.
        if side == Side::From && !same && self.flow != Flow::CountBin {
            slots.from_plate = None;
        }
        slots.put_bin(side, bin.clone(), true);
        Ok(())
    }

    /// Which end of the movement a scanned bin is.
    fn side_of(&self, slots: &Slots, bin: &BinCode) -> Side {
        let kind = self.world.bin_row(bin).map(|row| row.kind);
        if self.flow == Flow::Pick && matches!(kind, Some(BinKind::Shipment | BinKind::Cart)) {
            return Side::To;
        }
        if !self.flow.is_move() {
            return self.flow.side();
        }
        let is_from = slots.bin(Side::From) == Some(bin);
        if is_from && !slots.is_named(Side::From) {
            return Side::From;
        }
        if self.flow == Flow::PutAway && !slots.has_goods() && slots.from_plate.is_none() {
            return if kind == Some(BinKind::Receipt) { Side::From } else { Side::To };
        }
        if slots.from.is_none() && slots.from_plate.is_none() { Side::From } else { Side::To }
    }

    fn plate(&self, slots: &mut Slots, used: PlateUse, plate: &PlateNo) -> Result<(), Box<Notice>> {
        let row = self.world.catalogue.plate(plate.as_str());
        let here = row.filter(|row| row.location == *self.world.location).and_then(|row| row.bin);
        match used {
            PlateUse::To => {
                slots.to_plate = Some(plate.clone());
                if let Some(bin) = here
                    && !slots.is_named(Side::To)
                {
                    slots.put_bin(Side::To, bin, false);
                }
            }
            PlateUse::From => {
                if slots.from_plate.as_ref().is_some_and(|known| known != plate)
                    && slots.has_goods()
                {
                    return stopped(self.finish_first(slots));
                }
                slots.from_plate = Some(plate.clone());
                if let Some(bin) = here
                    && !slots.is_named(Side::From)
                {
                    slots.put_bin(Side::From, bin, false);
                }
            }
            PlateUse::SeenClosed => {
                if slots.seen_closed.contains(plate) {
                    let text = Message::new("stop-plate-seen").word("plate", plate);
                    return stopped(
                        Notice::stop("already_scanned", text, "next-go-on").scanned(plate),
                    );
                }
                slots.seen_closed.push(plate.clone());
            }
        }
        Ok(())
    }

    fn item(&self, slots: &mut Slots, meaning: &IdentifierMeaning) -> Result<(), Box<Notice>> {
        let is_other = slots.item.as_ref().is_some_and(|item| *item != meaning.item);
        if is_other && (self.flow != Flow::CountBin || !self.shelve(slots)) {
            let name = slots.item.as_ref().map(|item| self.world.item_name(item));
            let notice = self.finish_first(slots).scanned(self.world.item_name(&meaning.item));
            return stopped(notice.needed(name.unwrap_or_default()));
        }
        slots.item = Some(meaning.item.clone());
        slots.unidentified = None;
        match (&slots.variant, &meaning.variant) {
            (Some(mine), Some(theirs)) if mine != theirs => {
                let text = Message::new("stop-other-variant").word("variant", mine);
                return stopped(
                    Notice::stop("other_variant", text, "next-finish-first")
                        .scanned(theirs)
                        .needed(mine),
                );
            }
            (None, Some(theirs)) => slots.variant = Some(theirs.clone()),
            _ => {}
        }
        Ok(())
    }

    /// Puts the finished line of a whole-bin count to the others; false when it is not finished.
    fn shelve(&self, slots: &mut Slots) -> bool {
        let mut settled = slots.clone();
        settled.tally.settled = true;
        if plan::first_empty(self.flow, &settled, self.world).is_some() {
            return false;
        }
        shelve(slots, self.world);
        true
    }

    fn numbers(&self, slots: &mut Slots, fill: &Fill) -> Result<(), Box<Notice>> {
        if let Some(lot) = &fill.lot {
            if let Some(mine) = slots.lot.as_ref().filter(|mine| *mine != lot) {
                let text = Message::new("stop-other-lot").word("lot", mine);
                return stopped(
                    Notice::stop("other_lot", text, "next-finish-first").scanned(lot).needed(mine),
                );
            }
            slots.lot = Some(lot.clone());
        }
        if let Some(expiry) = fill.expiry {
            if let Some(mine) = slots.expiry.filter(|mine| *mine != expiry) {
                let text = Message::new("stop-other-expiry").word("expiry", mine);
                return stopped(
                    Notice::stop("other_expiry", text, "next-finish-first")
                        .scanned(expiry)
                        .needed(mine),
                );
            }
            slots.expiry = Some(expiry);
            slots.expiry_once = None;
        }
        if let Some(package) = &fill.package {
            slots.package = Some(package.clone());
        }
        if let Some(serial) = &fill.serial {
            self.serial(slots, serial, fill)?;
        }
        Ok(())
    }

    fn serial(&self, slots: &mut Slots, serial: &SerialNo, fill: &Fill) -> Result<(), Box<Notice>> {
        let item = self.world.item_of(slots);
        // A serial on the label of an item that is not kept by serial is just print.
        if item.is_some_and(|item| !item.tracking.serial) {
            return Ok(());
        }
        let counted = slots.counted.iter().any(|line| {
            line.serial.as_ref() == Some(serial) && Some(&line.item) == slots.item.as_ref()
        });
        if counted || slots.serials.iter().any(|seen| seen.serial == *serial) {
            let text = Message::new("stop-serial-twice").word("serial", serial);
            return stopped(
                Notice::stop("serial_twice", text, "next-scan-another").scanned(serial),
            );
        }
        let names_item = fill.item.is_some() && !fill.derived;
        if slots.range.is_some() {
            return self.range_end(slots, serial, names_item);
        }
        let raw = names_item.then(|| self.scan.raw.clone());
        slots.serials.push(SeenSerial { serial: serial.clone(), raw });
        Ok(())
    }

    /// The first serial number of a range, then its last. Another one takes the place of the last.
    fn range_end(
        &self,
        slots: &mut Slots,
        serial: &SerialNo,
        names_item: bool,
    ) -> Result<(), Box<Notice>> {
        let raw = names_item.then(|| self.scan.raw.clone());
        let seen = SeenSerial { serial: serial.clone(), raw };
        let range = slots.range.get_or_insert_default();
        let Some(first) = &range.first else {
            range.first = Some(seen);
            return Ok(());
        };
        let row = Row::between(&first.serial, serial);
        // With another step than one it may still be short enough; whether it is, is asked there.
        row.map_err(|why| Box::new(mismatch(why, &first.serial, serial)))?;
        range.last = Some(seen);
        Ok(())
    }

    fn quantity(&self, slots: &mut Slots, fill: &Fill, is_new: bool) -> Result<(), Box<Notice>> {
        let Some(item) = self.world.item_of(slots) else {
            if fill.count.is_some() {
                slots.tally.loose = fill.count;
            }
            return Ok(());
        };
        if item.tracking.serial {
            return self.serial_slip(slots, fill, is_new);
        }
        slots.serials.clear();
        if let Some(meaning) = fill.item.as_ref().filter(|_| !fill.derived) {
            self.packs(slots, fill, meaning, &item)?;
            if slots.raw.is_none() && self.scan.source == Source::Scanner {
                slots.raw = Some(self.scan.raw.clone());
            }
            return Ok(());
        }
        let Some(count) = fill.count else { return Ok(()) };
        // The pack that an item label stood for is the one that this label describes.
        if slots.tally.implied == 1 && !slots.tally.keyed {
            slots.tally.entered = count;
            slots.tally.implied = 0;
            slots.tally.settled = true;
        } else {
            self.add(slots, &item, None, count)?;
        }
        Ok(())
    }

    /// An item that is kept by serial number is counted by its serial numbers alone.
    fn serial_slip(&self, slots: &mut Slots, fill: &Fill, is_new: bool) -> Result<(), Box<Notice>> {
        if fill.item.is_some() && fill.serial.is_none() && !is_new && fill.lot.is_none() {
            let text = Message::new("stop-serial-is-item");
            return stopped(
                Notice::stop("serial_is_item_barcode", text, "next-scan-serial")
                    .scanned(self.scan.shown()),
            );
        }
        if fill.item.is_some()
            && !fill.derived
            && slots.raw.is_none()
            && self.scan.source == Source::Scanner
        {
            slots.raw = Some(self.scan.raw.clone());
        }
        Ok(())
    }

    fn packs(
        &self,
        slots: &mut Slots,
        fill: &Fill,
        meaning: &IdentifierMeaning,
        item: &ItemRow,
    ) -> Result<(), Box<Notice>> {
        let weighed = fill.kilograms.and_then(|kilograms| {
            let unit = std::iter::once(&item.base_unit)
                .chain(item.units.iter().map(|row| &row.unit))
                .find(|unit| unit.as_str().eq_ignore_ascii_case("KG"))?;
            Some((unit.clone(), kilograms))
        });
        if let Some((unit, kilograms)) = weighed {
            let count = fill.count.unwrap_or(Quantity::ONE);
            let is_one = count == Quantity::ONE;
            let total = if is_one { Some(kilograms) } else { times(kilograms, count) };
            let total = total.unwrap_or(kilograms);
            slots.tally.settled = true;
            return self.add(slots, item, Some(&unit), total);
        }
        if let Some(count) = fill.count {
            slots.tally.settled = true;
            return self.add(slots, item, meaning.unit.as_ref(), count);
        }
        if let Some(loose) = slots.tally.loose.take() {
            slots.tally.settled = true;
            return self.add(slots, item, meaning.unit.as_ref(), loose);
        }
        slots.tally.implied = slots.tally.implied.saturating_add(1);
        if !slots.tally.keyed {
            slots.tally.settled = false;
        }
        self.add(slots, item, meaning.unit.as_ref(), Quantity::ONE)
    }

    fn add(
        &self,
        slots: &mut Slots,
        item: &ItemRow,
        unit: Option<&protocol::words::UnitCode>,
        count: Quantity,
    ) -> Result<(), Box<Notice>> {
        let Some(row) = unit_of(item, unit) else {
            let text = Message::new("stop-unit-unknown")
                .word("unit", unit.map_or("", protocol::words::UnitCode::as_str))
                .word("item", self.world.item_name(&item.item));
            return stopped(
                Notice::stop("unit_unknown", text, "next-scan-another").scanned(self.scan.shown()),
            );
        };
        slots.tally = slots.tally.plus(&row, count, item).ok_or_else(|| {
            Notice::stop("number_out_of_range", Message::new("stop-too-much"), "next-key-quantity")
        })?;
        Ok(())
    }

    fn finish_first(&self, slots: &Slots) -> Notice {
        let name = slots.item.as_ref().map_or_else(String::new, |item| self.world.item_name(item));
        let text = Message::new("stop-finish-first").word("item", &name);
        Notice::stop("finish_first", text, "next-finish-first")
            .scanned(self.scan.shown())
            .needed(name)
    }
}

fn stopped<T>(notice: Notice) -> Result<T, Box<Notice>> {
    Err(Box::new(notice))
}

fn times(left: Quantity, right: Quantity) -> Option<Quantity> {
    let factor = protocol::quantity::UnitFactor::try_from(left).ok()?;
    protocol::quantity::base_quantity(right, factor, super::slots::finest())
}

/// Puts the goods in hand to the lines of a whole-bin count, one for each stock key.
pub(super) fn shelve(slots: &mut Slots, world: &World<'_>) {
    let Some(item) = slots.item.clone() else { return };
    let line = Counted {
        item,
        variant: slots.variant.clone(),
        lot: slots.lot.clone(),
        serial: None,
        package: slots.package.clone(),
        expiry: slots.expiry,
        plate: slots.from_plate.clone(),
        tally: slots.tally.clone(),
        raw: slots.raw.clone(),
        mono_us: slots.line_us.unwrap_or(world.mono_us),
    };
    if slots.serials.is_empty() {
        merge(slots, line, world);
    } else {
        for seen in slots.serials.clone() {
            let raw = seen.raw.or_else(|| line.raw.clone());
            slots.counted.push(Counted { serial: Some(seen.serial), raw, ..line.clone() });
        }
    }
    slots.clear_line();
}

/// Adds to the line of the same stock key, or starts one.
fn merge(slots: &mut Slots, line: Counted, world: &World<'_>) {
    let same = slots.counted.iter_mut().find(|known| {
        known.item == line.item
            && known.variant == line.variant
            && known.lot == line.lot
            && known.package == line.package
            && known.plate == line.plate
            && known.serial.is_none()
    });
    let item = world.catalogue.item(&line.item);
    match (same, item) {
        (Some(known), Some(item)) => {
            let unit = line.tally.unit.clone().or_else(|| unit_of(&item, None));
            let sum = unit.and_then(|unit| known.tally.plus(&unit, line.tally.entered, &item));
            match sum {
                Some(sum) => known.tally = sum,
                None => slots.counted.push(line),
            }
        }
        _ => slots.counted.push(line),
    }
}
