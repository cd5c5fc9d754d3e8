//! The company that a file of the document schema begins with.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use ledger::command::{Command, places};
use protocol::feed::{BinKind, TrackingRule};

use super::op::{Op, Step};
use super::{File, Item, Location, PreventNegative, Setup, Tracking};
use crate::vectors::company::{Company, Done, code, word};
use crate::vectors::json::{Dec, day};
use crate::vectors::money::{self, Card};
use crate::vectors::{ledgers, settings};

/// Where goods of a transfer order are on their way, when the file does not say.
pub(crate) const IN_TRANSIT: &str = "IN-TRANSIT";

/// Makes the company: settings, items, every location that the file names.
///
/// # Errors
///
/// A code or a figure that cannot be kept.
pub(crate) fn found(file: &File, steps: &[Step]) -> Done<Company> {
    let mut company = Company::new(file.setup.settings.work_date.unwrap_or(first_date(steps)));
    money::found(&mut company);
    money::set_up(&mut company, &file.setup.settings)?;
    let in_transit: BTreeSet<String> = steps.iter().filter_map(in_transit).collect();
    let named = locations(file, steps);
    for name in &named {
        match file.setup.locations.iter().find(|location| location.code == *name) {
            Some(location) if location.bin_mandatory || !location.bins.is_empty() => {
                location_with_bins(&mut company, location)?;
            }
            _ => money::plain_location(&mut company, name, in_transit.contains(name))?,
        }
    }
    for item in &file.setup.items {
        make_item(&mut company, item)?;
    }
    for (item, unit) in unlisted_units(file, steps) {
        money::unit(&mut company, &item, &unit, Dec(rust_decimal::Decimal::ONE))?;
    }
    let places: Vec<String> = named.into_iter().collect();
    let groups: BTreeSet<String> = file.setup.items.iter().map(group).collect();
    let groups: Vec<String> = groups.into_iter().collect();
    ledgers::set_up(&mut company, &places, &groups)?;
    Ok(company)
}

/// The date of the first step: work begins on that day unless the file says otherwise.
fn first_date(steps: &[Step]) -> NaiveDate {
    steps.iter().find_map(|step| date_of(&step.op)).unwrap_or(day(2024, 1, 15))
}

/// The date that an operation posts on.
pub(crate) fn date_of(op: &Op) -> Option<NaiveDate> {
    match op {
        Op::Purchase(put) | Op::Sale(put) | Op::PurchaseReturn(put) | Op::SaleReturn(put) => {
            put.date
        }
        Op::PositiveAdjustment(line)
        | Op::NegativeAdjustment(line)
        | Op::PurchaseJournal(line)
        | Op::SaleJournal(line) => line.date,
        Op::Reclass(line) => line.date,
        Op::TransferShip(put) => put.date,
        Op::TransferReceive(put) => put.date,
        Op::Revaluation(put) => put.date,
        _ => None,
    }
}

fn in_transit(step: &Step) -> Option<String> {
    match &step.op {
        Op::TransferShip(put) => put.in_transit.clone(),
        Op::TransferOrder(put) => {
            Some(put.in_transit.clone().unwrap_or_else(|| IN_TRANSIT.to_owned()))
        }
        _ => None,
    }
}

/// Every location that the file names anywhere.
fn locations(file: &File, steps: &[Step]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> =
        file.setup.locations.iter().map(|location| location.code.clone()).collect();
    for item in &file.setup.items {
        names.extend(item.stockkeeping_units.iter().map(|unit| unit.location.clone()));
    }
    for step in steps {
        names.extend(named(&step.op).into_iter().flatten().cloned());
        names.extend(in_transit(step));
    }
    names.retain(|name| !name.is_empty());
    names
}

fn named(op: &Op) -> Vec<Option<&String>> {
    match op {
        Op::Purchase(put) | Op::Sale(put) | Op::PurchaseReturn(put) | Op::SaleReturn(put) => {
            put.lines.iter().map(|line| line.location.as_ref()).collect()
        }
        Op::PurchaseOrder(put) | Op::SalesOrder(put) => {
            put.lines.iter().map(|line| line.location.as_ref()).collect()
        }
        Op::TransferOrder(put) => {
            let lines = put.lines.iter().map(|line| line.location.as_ref());
            lines.chain([put.to_location.as_ref(), put.in_transit.as_ref()]).collect()
        }
        Op::TransferShip(put) => {
            let ends = [&put.from_location, &put.to_location, &put.in_transit];
            ends.into_iter().map(Option::as_ref).collect()
        }
        Op::PositiveAdjustment(line)
        | Op::NegativeAdjustment(line)
        | Op::PurchaseJournal(line)
        | Op::SaleJournal(line) => vec![line.location.as_ref()],
        Op::Reclass(line) => vec![line.location.as_ref(), line.new_location.as_ref()],
        Op::ModifyLine(change) => vec![
            change.location.as_ref(),
            change.set.as_ref().and_then(|set| set.location.as_ref()),
        ],
        _ => Vec::new(),
    }
}

/// Units that steps name and no card lists: each holds one base unit.
fn unlisted_units(file: &File, steps: &[Step]) -> BTreeSet<(String, String)> {
    let mut named = BTreeSet::new();
    for step in steps {
        match &step.op {
            Op::Purchase(put) | Op::Sale(put) | Op::PurchaseReturn(put) | Op::SaleReturn(put) => {
                named.extend(put.lines.iter().map(|line| (line.item.clone(), line.uom.clone())));
            }
            Op::PurchaseOrder(put) | Op::SalesOrder(put) => {
                named.extend(put.lines.iter().map(|line| (line.item.clone(), line.uom.clone())));
            }
            Op::TransferOrder(put) => {
                named.extend(put.lines.iter().map(|line| (line.item.clone(), line.uom.clone())));
            }
            Op::TransferShip(put) => {
                named.extend(put.lines.iter().map(|line| (line.item.clone(), line.uom.clone())));
            }
            Op::PositiveAdjustment(line)
            | Op::NegativeAdjustment(line)
            | Op::PurchaseJournal(line)
            | Op::SaleJournal(line) => {
                named.insert((Some(line.item.clone()), line.uom.clone()));
            }
            Op::Reclass(line) => {
                named.insert((Some(line.item.clone()), line.uom.clone()));
            }
            _ => {}
        }
    }
    let listed = |item: &str, unit: &str| {
        let card = file.setup.items.iter().find(|card| card.no == item);
        card.is_none_or(|found| found.uoms.contains_key(unit) || card_of(found).base_unit == unit)
    };
    named
        .into_iter()
        .filter_map(|(item, unit)| Some((item?, unit.filter(|unit| !unit.is_empty())?)))
        .filter(|(item, unit)| !listed(item, unit))
        .collect()
}

fn location_with_bins(company: &mut Company, location: &Location) -> Done {
    company.system(Command::PutLocation(places::PutLocation {
        location: code(&location.code)?,
        name: location.code.clone(),
        site: word("SITE"),
        time_zone: word("Etc/UTC"),
        bin_mandatory: location.bin_mandatory,
        directed: location.directed_put_away_and_pick,
        in_transit: false,
        receipt_bin: None,
        shipment_bin: money::optional(location.shipment_bin.as_deref())?,
    }));
    for bin in &location.bins {
        let ranking = bin.ranking.and_then(|ranking| ranking.0.try_into().ok()).unwrap_or(0);
        company.system(Command::PutBin(places::PutBin {
            location: code(&location.code)?,
            bin: code(&bin.code)?,
            zone: None,
            kind: BinKind::Storage,
            ranking,
            blocked: false,
        }));
    }
    Ok(())
}

fn group(item: &Item) -> String {
    item.posting_group.clone().unwrap_or_else(|| "GOODS".to_owned())
}

/// Whether stock may go below zero: none where the company decides.
pub(crate) const fn negative(prevent: PreventNegative) -> Option<bool> {
    match prevent {
        PreventNegative::Default => None,
        PreventNegative::Yes => Some(false),
        PreventNegative::No => Some(true),
    }
}

fn card_of(item: &Item) -> Card {
    Card {
        no: item.no.clone(),
        base_unit: item.base_uom.clone().unwrap_or_else(|| "PCS".to_owned()),
        costing: item.costing_method.or(Some(settings::Costing::Fifo)),
        unit_cost: item.unit_cost,
        standard_cost: item.standard_cost,
        last_direct_cost: item.last_direct_cost,
        overhead_rate: item.overhead_rate,
        indirect_cost_pct: item.indirect_cost_pct,
        posting_group: group(item),
        precision: item.base_qty_rounding_precision,
        negative: item.prevent_negative_inventory.and_then(negative),
        variant_required: item.variant_mandatory.unwrap_or(false),
        blocked: false,
        tracking: item.tracking.as_ref().map(|_rules| format!("T{}", item.no)),
    }
}

/// The cards of a file, by item.
pub(crate) fn cards(setup: &Setup) -> BTreeMap<String, Card> {
    setup.items.iter().map(|item| (item.no.clone(), card_of(item))).collect()
}

/// How many base units each unit holds.
pub(crate) fn units(setup: &Setup) -> BTreeMap<(String, String), Dec> {
    let of_item = |item: &Item| {
        let no = item.no.clone();
        let units = item.uoms.clone();
        units.into_iter().map(move |(unit, factor)| ((no.clone(), unit), factor))
    };
    setup.items.iter().flat_map(of_item).collect()
}

fn make_item(company: &mut Company, item: &Item) -> Done {
    let card = card_of(item);
    if let (Some(rules), Some(name)) = (&item.tracking, &card.tracking) {
        tracking_rules(company, name, rules);
    }
    money::item(company, &card)?;
    for (unit, factor) in &item.uoms {
        if *unit != card.base_unit {
            money::unit(company, &item.no, unit, *factor)?;
        }
    }
    for variant in &item.variants {
        money::variant(company, &item.no, variant)?;
    }
    for unit in &item.stockkeeping_units {
        let place = (unit.location.as_str(), unit.variant.as_str());
        let costs = (unit.unit_cost, unit.standard_cost);
        money::stockkeeping_unit(company, &item.no, place, costs)?;
    }
    Ok(())
}

fn tracking_rules(company: &mut Company, name: &str, rules: &Tracking) {
    let rule = TrackingRule {
        lot: rules.lot_specific,
        serial: rules.serial_specific,
        package: false,
        expiry: false,
    };
    money::tracking_code(company, name, rule, [rules.lot_specific, rules.serial_specific]);
}
