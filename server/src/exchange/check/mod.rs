//! Rows against each other and against what the company already has, before anything is staged.
//!
//! Order of reading: this file (codes and references), [`goods`] (amounts and tracking), [`code`]
//! (barcodes), [`stock`] (opening stock), [`order`].

mod code;
mod goods;
mod order;
mod stock;

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use ledger::dimension::{Dimensions, DimensionsOf};
use ledger::key::KeyRange;
use ledger::schema::ItemId;
use ledger::schema::item::{ItemUnits, Items, ItemsByNo, TrackingCodes, Units, VariantsByCode};
use ledger::schema::place::{BinsByCode, Locations, LocationsByCode, SitesByCode};
use ledger::tables::Read as _;
use ledger::tables::Tables;
use protocol::feed::TrackingRule;
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{
    BinCode, ItemNo, LocationCode, LotNo, SiteCode, TrackingCode, UnitCode, VariantCode,
};

use self::goods::{Named, check_goods};
use super::line::{Line, LocationLine, OperatorLine};
use super::{At, Batch, RowFault};

/// Every problem of `batch` beside what `company` already has, sorted by file and line.
pub fn check(batch: &Batch, company: &dyn Tables) -> Vec<RowFault> {
    let world = World::new(batch, company);
    let mut faults = Faults(Vec::new());
    check_unique(batch, &mut faults);
    check_items(batch, &world, &mut faults);
    check_places(batch, &world, &mut faults);
    stock::check(batch, &world, &mut faults);
    check_dimensions(batch, &world, &mut faults);
    order::check(batch, &world, &mut faults);
    for at in &batch.operators {
        check_operator(at, &world, &mut faults);
    }
    faults.0.sort();
    faults.0
}

/// What is wrong with the rows that could be read, beside the `faults` of those that could not. A
/// code that such a row may have named is not called unknown.
pub fn check_readable(read: &Batch, company: &dyn Tables, faults: &[RowFault]) -> Vec<RowFault> {
    let broken = |file: &str| faults.iter().any(|fault| fault.file == file);
    let mut found = check(read, company);
    found.retain(|fault| fault.remedy != UNKNOWN_REMEDY || !named_by(&fault.column).any(broken));
    found
}

/// The files whose rows name what stands in `column`.
fn named_by(column: &str) -> impl Iterator<Item = &'static str> {
    let files: &[&str] = match column {
        "item" => &["items.csv"],
        "unit" => &["items.csv", "item_units.csv"],
        "variant" => &["variants.csv"],
        "tracking_code" => &["tracking_codes.csv"],
        "site" => &["sites.csv"],
        "bin" | "receipt_bin" | "shipment_bin" => &["bins.csv", "locations.csv"],
        _ => &["locations.csv", "items.csv"],
    };
    files.iter().copied()
}

/// The remedy of a code that is nowhere.
const UNKNOWN_REMEDY: &str = "Correct the code, or add it to its own file.";

struct Faults(Vec<RowFault>);

impl Faults {
    fn add<L: Line>(&mut self, at: &At<L>, column: &str, problem: (String, &str)) {
        self.0.push(RowFault {
            file: L::FILE.to_owned(),
            line: at.line,
            column: column.to_owned(),
            reason: problem.0,
            remedy: problem.1.to_owned(),
        });
    }

    fn unknown<L: Line>(&mut self, at: &At<L>, column: &str, code: &dyn std::fmt::Display) {
        let reason = format!("'{code}' is neither in the files nor in the company");
        self.add(at, column, (reason, UNKNOWN_REMEDY));
    }
}

/// What the checks know of an item.
pub(crate) struct ItemFacts {
    pub(crate) base_unit: UnitCode,
    pub(crate) precision: Quantity,
    rule: TrackingRule,
    variant_required: bool,
    /// Its number, where the company has it.
    store: Option<ItemId>,
}

/// The rows of the files and what the company has, by code.
pub(crate) struct World<'a> {
    company: &'a dyn Tables,
    batch: &'a Batch,
    items: HashMap<&'a ItemNo, usize>,
    units: HashMap<(&'a ItemNo, &'a UnitCode), UnitFactor>,
    variants: HashSet<(&'a ItemNo, &'a VariantCode)>,
    tracking_codes: HashMap<&'a TrackingCode, TrackingRule>,
    locations: HashMap<&'a LocationCode, &'a LocationLine>,
    bins: HashSet<(&'a LocationCode, &'a BinCode)>,
    sites: HashSet<&'a SiteCode>,
    lots: HashMap<(&'a ItemNo, Option<&'a VariantCode>, &'a LotNo), Option<NaiveDate>>,
}

impl<'a> World<'a> {
    pub(crate) fn new(batch: &'a Batch, company: &'a dyn Tables) -> Self {
        let rule = |row: &super::line::TrackingCodeLine| TrackingRule {
            lot: row.lot,
            serial: row.serial,
            package: row.package,
            expiry: row.expiry,
        };
        let tracking_codes = &batch.tracking_codes;
        let default_bins = batch.locations.iter().flat_map(|at| {
            let bins = [&at.row.receipt_bin, &at.row.shipment_bin];
            bins.into_iter().flatten().map(|bin| (&at.row.location, bin))
        });
        Self {
            company,
            batch,
            items: batch.items.iter().enumerate().map(|(n, at)| (&at.row.item, n)).collect(),
            units: (batch.item_units.iter())
                .map(|at| ((&at.row.item, &at.row.unit), at.row.factor))
                .collect(),
            variants: batch.variants.iter().map(|at| (&at.row.item, &at.row.variant)).collect(),
            tracking_codes: tracking_codes.iter().map(|at| (&at.row.code, rule(&at.row))).collect(),
            locations: batch.locations.iter().map(|at| (&at.row.location, &at.row)).collect(),
            bins: (batch.bins.iter())
                .map(|at| (&at.row.location, &at.row.bin))
                .chain(default_bins)
                .collect(),
            sites: batch.sites.iter().map(|at| &at.row.site).collect(),
            lots: (batch.lots.iter())
                .map(|at| ((&at.row.item, at.row.variant.as_ref(), &at.row.lot), at.row.expiry))
                .collect(),
        }
    }

    fn rule(&self, code: Option<&TrackingCode>) -> Option<TrackingRule> {
        let Some(code) = code else { return Some(TrackingRule::default()) };
        let stored = || self.company.row::<TrackingCodes>(code).map(|row| row.rule);
        self.tracking_codes.get(code).copied().or_else(stored)
    }

    pub(crate) fn item(&self, no: &ItemNo) -> Option<ItemFacts> {
        let id = self.company.row::<ItemsByNo>(no).map(|id| *id);
        if let Some(at) = self.items.get(no).and_then(|n| self.batch.items.get(*n)) {
            return Some(ItemFacts {
                base_unit: at.row.base_unit.clone(),
                precision: at.row.precision.unwrap_or_else(smallest),
                rule: self.rule(at.row.tracking_code.as_ref()).unwrap_or_default(),
                variant_required: at.row.variant_required,
                store: id,
            });
        }
        let item = self.company.row::<Items>(&id?)?;
        Some(ItemFacts {
            base_unit: item.base_unit.clone(),
            precision: item.precision,
            rule: self.rule(item.tracking_code.as_ref()).unwrap_or_default(),
            variant_required: item.variant_required,
            store: id,
        })
    }

    pub(crate) fn factor(
        &self,
        no: &ItemNo,
        item: &ItemFacts,
        unit: Option<&UnitCode>,
    ) -> Option<UnitFactor> {
        let Some(unit) = unit.filter(|unit| **unit != item.base_unit) else {
            return Some(UnitFactor::ONE);
        };
        let stored = || {
            let rows = self.company.list::<ItemUnits>(&KeyRange::prefix(&(item.store?,)));
            let row = rows.into_iter().find(|((_item, id), _row)| {
                self.company.row::<Units>(id).is_some_and(|code| *code == *unit)
            });
            row.map(|(_key, row)| row.factor)
        };
        self.units.get(&(no, unit)).copied().or_else(stored)
    }

    fn has_variant(&self, no: &ItemNo, item: &ItemFacts, code: &VariantCode) -> bool {
        let stored = |id| self.company.has::<VariantsByCode>(&(id, code.clone()));
        self.variants.contains(&(no, code)) || item.store.is_some_and(stored)
    }

    fn has_location(&self, code: &LocationCode) -> bool {
        self.locations.contains_key(code) || self.company.has::<LocationsByCode>(code)
    }

    fn bin_mandatory(&self, code: &LocationCode) -> bool {
        let stored = || {
            let id = self.company.row::<LocationsByCode>(code)?;
            self.company.row::<Locations>(&id).map(|row| row.bin_mandatory)
        };
        let ours = self.locations.get(code).map(|row| row.bin_mandatory);
        ours.or_else(stored).unwrap_or_default()
    }

    fn has_bin(&self, location: &LocationCode, bin: &BinCode) -> bool {
        let stored = || {
            let id = self.company.row::<LocationsByCode>(location)?;
            Some(self.company.has::<BinsByCode>(&(*id, bin.clone())))
        };
        self.bins.contains(&(location, bin)) || stored().unwrap_or_default()
    }

    fn has_site(&self, code: &SiteCode) -> bool {
        self.sites.contains(code) || self.company.has::<SitesByCode>(code)
    }
}

/// 0.00001: the precision of an item that names none.
pub(crate) fn smallest() -> Quantity {
    Quantity::from_units(1).expect("one unit of the last decimal is in range")
}

fn check_unique(batch: &Batch, faults: &mut Faults) {
    fn unique<L: Line>(rows: &[At<L>], faults: &mut Faults) {
        let mut seen = HashMap::new();
        for at in rows {
            let key = at.row.key();
            if let Some(first) = seen.insert(key.clone(), at.line) {
                let reason = format!("'{key}' stands in line {first} already");
                faults.add(at, "", (reason, "Leave one of the two rows out."));
            }
        }
    }
    unique(&batch.tracking_codes, faults);
    unique(&batch.items, faults);
    unique(&batch.item_units, faults);
    unique(&batch.variants, faults);
    unique(&batch.identifiers, faults);
    unique(&batch.sites, faults);
    unique(&batch.locations, faults);
    unique(&batch.bins, faults);
    unique(&batch.lots, faults);
    unique(&batch.default_dimensions, faults);
    unique(&batch.operators, faults);
    unique(&batch.opening_stock, faults);
    unique(&batch.purchase_orders, faults);
    unique(&batch.sales_orders, faults);
    unique(&batch.transfer_orders, faults);
}

fn check_items(batch: &Batch, world: &World<'_>, faults: &mut Faults) {
    for at in &batch.tracking_codes {
        if at.row.expiry && !at.row.lot && !at.row.serial {
            let reason =
                "a date is kept with a lot or a serial number, and the code asks for neither";
            let remedy = "Write yes under lot or serial as well.";
            faults.add(at, "expiry", (reason.to_owned(), remedy));
        }
    }
    for at in &batch.items {
        let row = &at.row;
        if row.precision.is_some_and(|precision| !precision.is_positive()) {
            let reason = "the precision is not above zero".to_owned();
            faults.add(at, "precision", (reason, "Write 1 for whole pieces, or 0.001."));
        }
        if world.rule(row.tracking_code.as_ref()).is_none()
            && let Some(code) = &row.tracking_code
        {
            faults.unknown(at, "tracking_code", code);
        }
    }
    for at in &batch.item_units {
        match world.item(&at.row.item) {
            None => faults.unknown(at, "item", &at.row.item),
            Some(item) if item.base_unit == at.row.unit && at.row.factor != UnitFactor::ONE => {
                let reason = format!("{} is the base unit", at.row.unit);
                faults.add(at, "factor", (reason, "Write 1, or leave the row out."));
            }
            Some(_) => {}
        }
    }
    for at in &batch.variants {
        if world.item(&at.row.item).is_none() {
            faults.unknown(at, "item", &at.row.item);
        }
    }
    for at in &batch.identifiers {
        let goods = Named { item: &at.row.item, variant: at.row.variant.as_ref() };
        check_goods(at, goods, at.row.unit.as_ref(), (world, faults));
        code::check(at, faults);
    }
    for at in &batch.lots {
        let goods = Named { item: &at.row.item, variant: at.row.variant.as_ref() };
        check_goods(at, goods, None, (world, faults));
    }
}

fn check_dimensions(batch: &Batch, world: &World<'_>, faults: &mut Faults) {
    for at in &batch.default_dimensions {
        let row = &at.row;
        match row.record.of(&row.code) {
            Some(DimensionsOf::Item(item)) if world.item(&item).is_none() => {
                faults.unknown(at, "item", &item);
            }
            Some(DimensionsOf::Location(location)) if !world.has_location(&location) => {
                faults.unknown(at, "location", &location);
            }
            Some(_) => {}
            None => {
                let reason = format!("'{}' is no code of a record", row.code);
                faults.add(at, "code", (reason, "Write the number or code of the record."));
            }
        }
        let said = Dimensions([(row.dimension.clone(), row.value.clone())].into());
        if !said.is_sound() || row.value.is_empty() {
            let reason = format!("'{}={}' is no dimension and its value", row.dimension, row.value);
            let remedy =
                "Write a code without = and a value, of at most 20 characters each and without ;.";
            faults.add(at, "dimension", (reason, remedy));
        }
    }
}

fn check_places(batch: &Batch, world: &World<'_>, faults: &mut Faults) {
    for at in &batch.locations {
        if !world.has_site(&at.row.site) {
            faults.unknown(at, "site", &at.row.site);
        }
        if at.row.time_zone.as_str().parse::<chrono_tz::Tz>().is_err() {
            let reason = format!("'{}' is not an IANA time zone", at.row.time_zone);
            faults.add(at, "time_zone", (reason, "Write it like Europe/Copenhagen."));
        }
        if at.row.directed && !at.row.bin_mandatory {
            let reason = "a directed location needs bins".to_owned();
            faults.add(at, "directed", (reason, "Write yes under bin_mandatory as well."));
        }
    }
    for at in &batch.bins {
        if !world.has_location(&at.row.location) {
            faults.unknown(at, "location", &at.row.location);
        }
    }
}

fn check_operator(at: &At<OperatorLine>, world: &World<'_>, faults: &mut Faults) {
    let row = &at.row;
    if !matches!(row.language.as_deref(), None | Some("en" | "da")) {
        let reason = "the language is not known here".to_owned();
        faults.add(at, "language", (reason, "Write en or da."));
    }
    for location in row.roles.0.iter().filter_map(|(_role, location)| location.as_ref()) {
        if !world.has_location(location) {
            faults.unknown(at, "roles", location);
        }
    }
    let pairs = [
        ("badge", row.badge.is_some() && row.badge_hash.is_some()),
        ("pin", row.pin.is_some() && row.pin_verifier.is_some()),
        ("password", row.password.is_some() && row.password_verifier.is_some()),
    ];
    for (column, both) in pairs {
        if both {
            let reason = format!("{column} is given in plain and as a verifier");
            faults.add(at, column, (reason, "Empty one of the two cells."));
        }
    }
    let secrets = [
        ("pin", row.pin.as_deref().map(crate::desk::password::check_pin)),
        ("password", row.password.as_deref().map(crate::desk::password::check_password)),
        ("pin_verifier", row.pin_verifier.as_deref().map(crate::desk::password::check_verifier)),
        (
            "password_verifier",
            row.password_verifier.as_deref().map(crate::desk::password::check_verifier),
        ),
        ("badge_hash", row.badge_hash.as_deref().map(crate::desk::password::check_badge_hash)),
    ];
    for (column, result) in secrets {
        if let Some(Err(problem)) = result {
            faults.add(at, column, (problem.to_string(), problem.remedy()));
        }
    }
}
