//! What lies where: stock keys, holds, serials, licence plates.

use protocol::feed::{BinKind, PlateState};
use protocol::quantity::Quantity;

use crate::audit::entries::{Sums, add};
use crate::audit::{Findings, rows};
use crate::conflict::task;
use crate::key::KeyRange;
use crate::schema::entry::{WarehouseByStock, WarehouseLedger};
use crate::schema::place::{Bins, Locations, Plate, PlateChildren, Plates, PlatesByBin};
use crate::schema::stock::{Holds, HoldsByStock, Stocks, StocksByItem};
use crate::schema::tracking::{Serials, TrackingKeys};
use crate::schema::{PlateId, StockKey};
use crate::tables::{Read as _, Tables};

/// Plates stand on plates at most so deep.
const DEPTH_MAX: usize = 5;

pub(crate) fn check_all(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    let mut sums: Sums<StockKey> = Sums::new();
    rows::<WarehouseLedger>(tables, |no, entry| {
        add(&mut sums, entry.key, entry.quantity);
        let index = tables.row::<WarehouseByStock>(&(entry.key, entry.order, no));
        findings.unless(index.is_some_and(|quantity| *quantity == entry.quantity), "W2", || {
            format!("warehouse entry {no} is not found by its stock key")
        });
    });
    rows::<Stocks>(tables, |key, _row| {
        sums.entry(key).or_default();
    });
    for (key, sum) in sums {
        let quantity = tables.row::<Stocks>(&key).map_or(0, |row| row.quantity.units());
        findings
            .unless(quantity == sum, "W2", || format!("{key:?}: stock {quantity}, entries {sum}"));
        check_key(tables, key, findings);
    }
    check_holds(tables, findings);
    check_serials(tables, findings);
    rows::<Plates>(tables, |id, row| check_plate(tables, id, &row, findings));
    rows::<PlatesByBin>(tables, |(location, bin, plate), _row| {
        let there = tables
            .row::<Plates>(&plate)
            .is_some_and(|row| (row.location, row.bin) == (location, bin));
        findings.unless(there, "W14", || format!("plate {plate} is listed in bin {bin}"));
    });
}

/// One stock key: never below zero unless somebody is to count it; found by its item; holds as held.
pub(crate) fn check_key(tables: &(impl Tables + ?Sized), key: StockKey, findings: &mut Findings) {
    let Some(stock) = tables.row::<Stocks>(&key) else { return };
    findings.unless(tables.has::<StocksByItem>(&(key.item, key)), "W2", || {
        format!("{key:?} is not found by its item")
    });
    let may_be_negative = || is_mirror(tables, &key) || is_to_be_counted(tables, &key);
    findings.unless(!stock.quantity.is_negative() || may_be_negative(), "W2", || {
        format!("{key:?}: {} and nobody is to count it", stock.quantity)
    });
    let held = tables
        .list::<HoldsByStock>(&KeyRange::prefix(&(key,)))
        .into_iter()
        .filter_map(|((_key, hold), _row)| tables.row::<Holds>(&hold))
        .fold(0_i128, |sum, hold| sum.saturating_add(hold.quantity.units()));
    findings.unless(stock.held.units() == held, "W15", || {
        format!("{key:?}: {} on hold, holds say {held}", stock.held)
    });
    check_plate_of(tables, &key, stock.quantity, findings);
}

/// An adjustment bin mirrors differences; a location without bins has no bin that a task could name.
fn is_mirror(tables: &(impl Tables + ?Sized), key: &StockKey) -> bool {
    let adjustment =
        tables.row::<Bins>(&key.bin).is_some_and(|bin| bin.kind == BinKind::Adjustment);
    let without_bins =
        tables.row::<Locations>(&key.location).is_none_or(|location| !location.bin_mandatory);
    adjustment || without_bins
}

fn is_to_be_counted(tables: &(impl Tables + ?Sized), key: &StockKey) -> bool {
    task::open_count_tasks(tables, key.location, key.bin)
        .iter()
        .any(|(_id, task)| task.item.is_none_or(|item| item == key.item))
}

fn check_plate_of(
    tables: &(impl Tables + ?Sized),
    key: &StockKey,
    quantity: Quantity,
    findings: &mut Findings,
) {
    if key.plate.0 == 0 || quantity.is_zero() {
        return;
    }
    let Some(plate) = tables.row::<Plates>(&key.plate) else {
        findings.unless(false, "W14", || format!("{key:?}: there is no such plate"));
        return;
    };
    let here = (plate.location, plate.bin) == (key.location, key.bin);
    findings.unless(here || quantity.is_negative(), "W14", || {
        format!("{key:?}: its plate is in bin {}", plate.bin)
    });
    let usable = !matches!(plate.state, PlateState::Void | PlateState::Free);
    findings.unless(usable, "W14", || format!("{key:?}: a {:?} plate", plate.state));
}

fn check_plate(tables: &(impl Tables + ?Sized), id: PlateId, row: &Plate, findings: &mut Findings) {
    findings.unless(tables.has::<PlatesByBin>(&(row.location, row.bin, id)), "W14", || {
        format!("plate {id} is not listed in its bin")
    });
    let mut above = row.parent;
    let mut depth: usize = 0;
    let mut child = id;
    while above.0 != 0 && depth <= DEPTH_MAX {
        findings.unless(tables.has::<PlateChildren>(&(above, child)), "W14", || {
            format!("plate {child} is not listed on plate {above}")
        });
        let Some(parent) = tables.row::<Plates>(&above) else { break };
        findings.unless((parent.location, parent.bin) == (row.location, row.bin), "W14", || {
            format!("plate {id} and the plate {above} under it are in two bins")
        });
        child = above;
        above = parent.parent;
        depth = depth.saturating_add(1);
    }
    findings
        .unless(depth <= DEPTH_MAX, "W14", || format!("plate {id} stands too deep, or in a loop"));
}

fn check_holds(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    let mut held: Sums<StockKey> = Sums::new();
    rows::<Holds>(tables, |no, hold| {
        add(&mut held, hold.key, hold.quantity);
        findings.unless(tables.has::<HoldsByStock>(&(hold.key, no)), "W15", || {
            format!("hold {no} is not found by its stock key")
        });
        findings.unless(hold.quantity.is_positive(), "W15", || {
            format!("hold {no} of {}", hold.quantity)
        });
    });
    for (key, sum) in held {
        let stock = tables.row::<Stocks>(&key).map_or(0, |row| row.held.units());
        findings
            .unless(stock == sum, "W15", || format!("{key:?}: {stock} on hold, holds say {sum}"));
    }
}

/// A serial is in one place or in none.
fn check_serials(tables: &(impl Tables + ?Sized), findings: &mut Findings) {
    let mut sums = Sums::new();
    let mut places = std::collections::BTreeMap::new();
    rows::<Stocks>(tables, |key, stock| {
        let tracking = tables.row::<TrackingKeys>(&key.tracking);
        if let Some(serial) = tracking.and_then(|row| row.serial.clone()) {
            let unit = (key.item, key.variant, serial);
            add(&mut sums, unit.clone(), stock.quantity);
            findings.unless(!stock.quantity.is_negative(), "W8", || {
                format!("{unit:?}: {} in {key:?}", stock.quantity)
            });
            if stock.quantity.is_positive() {
                places.insert(unit, key);
            }
        }
    });
    for (unit, sum) in &sums {
        findings.unless(*sum == 0 || *sum == Quantity::ONE.units(), "W8", || {
            format!("{unit:?}: {sum} pieces")
        });
    }
    rows::<Serials>(tables, |unit, state| {
        findings.unless(state.at.as_ref() == places.get(&unit), "W8", || {
            format!("{unit:?}: said to be at {:?}, lies at {:?}", state.at, places.get(&unit))
        });
    });
}
