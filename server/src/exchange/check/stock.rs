//! Opening stock: whether each row can be booked as it says, beside the others and beside what the
//! company has.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

use chrono::NaiveDate;
use ledger::key::KeyRange;
use ledger::schema::entry::{ItemLedger, ItemLedgerByItem};
use ledger::schema::place::{Bins, Locations, LocationsByCode, Plates, PlatesByNo};
use ledger::schema::stock::OnHand;
use ledger::schema::tracking::TrackingByKey;
use ledger::schema::{ItemId, LocationId, TrackingId, VariantId};
use ledger::tables::{Read as _, Tables, each_of};
use protocol::feed::TrackingRule;
use protocol::words::{BinCode, ItemNo, LocationCode, LotNo, PlateNo, SerialNo, VariantCode};

use super::goods::{
    Named, Tracked, check_amount, check_goods, check_serial_amount, check_tracked, check_untracked,
};
use super::{Faults, World};
use crate::exchange::line::StockLine;
use crate::exchange::{At, Batch};

/// Every problem of the opening stock.
pub(super) fn check(batch: &Batch, world: &World<'_>, faults: &mut Faults) {
    let opened = Opened::of(&batch.opening_stock, world);
    let mut others = Others::default();
    for at in &batch.opening_stock {
        check_place(at, world, faults);
        others.plate(at, world, faults);
        let row = &at.row;
        let goods = Named { item: &row.item, variant: row.variant.as_ref() };
        let Some(found) = check_goods(at, goods, row.unit.as_ref(), (world, faults)) else {
            continue;
        };
        let base = check_amount(at, row.quantity, &found, faults);
        if found.0.variant_required && row.variant.is_none() {
            let reason = format!("{} needs a variant", row.item);
            faults.add(at, "variant", (reason, "Name the variant."));
        }
        let tracked = tracked(row);
        check_tracked(at, found.0.rule, &tracked, faults);
        check_untracked(at, found.0.rule, &tracked, faults);
        check_serial_amount(at, tracked.serial, base, faults);
        check_expiry(at, found.0.rule, world.expiry(goods, &tracked), faults);
        others.numbers(at, faults);
        if opened.has(row, world) {
            let reason = format!("{} has entries of {} already", row.location, row.item);
            let remedy = "Leave the row out; what is missing there is posted by an item journal, or found by a count.";
            faults.add(at, "item", (reason, remedy));
        }
    }
}

fn tracked(row: &StockLine) -> Tracked<'_> {
    Tracked { lot: row.lot.as_ref(), serial: row.serial.as_ref(), package: row.package.as_ref() }
}

fn check_place(at: &At<StockLine>, world: &World<'_>, faults: &mut Faults) {
    let row = &at.row;
    if !world.has_location(&row.location) {
        faults.unknown(at, "location", &row.location);
        return;
    }
    match (&row.bin, world.bin_mandatory(&row.location)) {
        (Some(bin), true) if !world.has_bin(&row.location, bin) => faults.unknown(at, "bin", bin),
        (Some(_), true) | (None, false) => {}
        (None, true) => {
            let reason = format!("{} needs a bin", row.location);
            faults.add(at, "bin", (reason, "Name the bin that the goods lie in."));
        }
        (Some(_), false) => {
            let reason = format!("{} keeps no stock by bin", row.location);
            let remedy = "Empty the cell, or write yes under bin_mandatory of the location.";
            faults.add(at, "bin", (reason, remedy));
        }
    }
}

/// A date is kept with a lot, or with a serial number without one. `known` is the one that is known of it
/// beside this file.
fn check_expiry(
    at: &At<StockLine>,
    rule: TrackingRule,
    known: Option<NaiveDate>,
    faults: &mut Faults,
) {
    let row = &at.row;
    let kept = row.lot.is_some() || row.serial.is_some();
    match (row.expiry, known) {
        // Where the number is missing, that is told already.
        (Some(_), _) if !kept && (rule.lot || rule.serial) => {}
        (Some(_), _) if !kept => {
            let reason = "a date is kept with a lot or a serial number, and the item has neither";
            let remedy = "Empty the cell, or change the item's tracking code.";
            faults.add(at, "expiry", (reason.to_owned(), remedy));
        }
        (Some(read), Some(known)) if read != known => {
            faults.add(at, "expiry", (other_date(row, known, "elsewhere"), OTHER_DATE_REMEDY));
        }
        (None, None) if rule.expiry && kept => {
            let reason = "the item needs an expiration date".to_owned();
            faults.add(at, "expiry", (reason, "Fill in the column."));
        }
        (Some(_) | None, _) => {}
    }
}

const OTHER_DATE_REMEDY: &str = "A lot has one date: correct the wrong one.";

fn other_date(row: &StockLine, known: NaiveDate, place: &str) -> String {
    let lot = row.lot.as_ref().map(LotNo::as_str);
    let no = lot.or(row.serial.as_ref().map(SerialNo::as_str)).unwrap_or_default();
    format!("{no} of {} expires on {known} {place}", row.item)
}

/// A lot, or a serial number without one, of an item.
type Dated<'a> = (&'a ItemNo, Option<&'a VariantCode>, Option<&'a LotNo>, Option<&'a SerialNo>);

/// What the rows before said.
#[derive(Default)]
struct Others<'a> {
    plates: HashMap<&'a PlateNo, (&'a LocationCode, Option<&'a BinCode>, u64)>,
    dates: HashMap<Dated<'a>, (NaiveDate, u64)>,
    serials: HashMap<(&'a ItemNo, Option<&'a VariantCode>, &'a SerialNo), u64>,
}

impl<'a> Others<'a> {
    /// A licence plate stands in one bin, in the files and in the company.
    fn plate(&mut self, at: &'a At<StockLine>, world: &World<'_>, faults: &mut Faults) {
        const REMEDY: &str = "A licence plate is in one place: correct the plate, or the place.";
        let row = &at.row;
        let Some(plate) = &row.plate else { return };
        let here = (&row.location, row.bin.as_ref());
        let first = self.plates.entry(plate).or_insert((here.0, here.1, at.line));
        if (first.0, first.1) != here {
            let reason = format!("{plate} is in another place in line {}", first.2);
            faults.add(at, "plate", (reason, REMEDY));
        } else if let Some((location, bin)) = place_of(world.company, plate)
            && (&location, bin.as_ref()) != here
        {
            let bin = bin.as_ref().map(BinCode::as_str).unwrap_or_default();
            let place = format!("{location} {bin}");
            let reason = format!("{plate} is in {} in the company", place.trim_end());
            faults.add(at, "plate", (reason, REMEDY));
        }
    }

    /// A lot has one date, and a serial number is there once.
    fn numbers(&mut self, at: &'a At<StockLine>, faults: &mut Faults) {
        let row = &at.row;
        let variant = row.variant.as_ref();
        if let Some(expiry) = row.expiry {
            let serial = row.serial.as_ref().filter(|_serial| row.lot.is_none());
            let dated = (&row.item, variant, row.lot.as_ref(), serial);
            let (first, line) = *self.dates.entry(dated).or_insert((expiry, at.line));
            if first != expiry && (row.lot.is_some() || serial.is_some()) {
                let place = format!("in line {line}");
                faults.add(at, "expiry", (other_date(row, first, &place), OTHER_DATE_REMEDY));
            }
        }
        if let Some(serial) = &row.serial {
            let line = *self.serials.entry((&row.item, variant, serial)).or_insert(at.line);
            if line != at.line {
                let reason = format!("{serial} stands in line {line} already");
                faults.add(at, "serial", (reason, "A serial number is one piece: correct it."));
            }
        }
    }
}

/// Where the company has a licence plate.
fn place_of(company: &dyn Tables, no: &PlateNo) -> Option<(LocationCode, Option<BinCode>)> {
    let plate = company.row::<Plates>(&*company.row::<PlatesByNo>(no)?)?;
    let location = company.row::<Locations>(&plate.location)?.code.clone();
    Some((location, company.row::<Bins>(&plate.bin).map(|bin| bin.code.clone())))
}

/// Item, variant, location, tracking key.
type StockOf = (VariantId, LocationId, TrackingId);

/// Stock of the files that the company has entries of: opened again, it would be there twice.
struct Opened(HashSet<(ItemId, StockOf)>);

impl Opened {
    fn of(rows: &[At<StockLine>], world: &World<'_>) -> Self {
        let mut wanted: BTreeMap<ItemId, HashSet<StockOf>> = BTreeMap::new();
        for (item, stock) in rows.iter().filter_map(|at| stored(&at.row, world)) {
            wanted.entry(item).or_default().insert(stock);
        }
        let mut found = HashSet::new();
        for (item, wanted) in wanted {
            let entries = with_entries(world.company, item, wanted);
            found.extend(entries.into_iter().map(|stock| (item, stock)));
        }
        Self(found)
    }

    fn has(&self, row: &StockLine, world: &World<'_>) -> bool {
        stored(row, world).is_some_and(|stock| self.0.contains(&stock))
    }
}

/// The numbers of what a row opens, where the company has all of them.
fn stored(row: &StockLine, world: &World<'_>) -> Option<(ItemId, StockOf)> {
    let goods = Named { item: &row.item, variant: row.variant.as_ref() };
    let (item, variant) = world.stored(goods)?;
    let location = *world.company.row::<LocationsByCode>(&row.location)?;
    let numbers = tracked(row).tracking();
    let tracking = if numbers.is_none() {
        TrackingId(0)
    } else {
        let key = (item, variant, numbers.lot, numbers.serial, numbers.package);
        *world.company.row::<TrackingByKey>(&key)?
    };
    Some((item, (variant, location, tracking)))
}

/// Which of `wanted` the item has entries of. What is on hand is known at once; only where nothing is, the
/// entries of the item are walked.
fn with_entries(company: &dyn Tables, item: ItemId, wanted: HashSet<StockOf>) -> HashSet<StockOf> {
    let on_hand = |stock: &StockOf| company.has::<OnHand>(&(item, stock.0, stock.1, stock.2));
    let (mut found, mut rest): (HashSet<_>, HashSet<_>) = wanted.into_iter().partition(on_hand);
    if rest.is_empty() {
        return found;
    }
    let range = KeyRange::prefix(&(item,));
    each_of::<ItemLedgerByItem>(company, &range, false, &mut |(_item, no), _row| {
        if let Some(entry) = company.row::<ItemLedger>(&no) {
            let stock = (entry.variant, entry.location, entry.tracking);
            if rest.remove(&stock) {
                found.insert(stock);
            }
        }
        if rest.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}
