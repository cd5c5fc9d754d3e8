//! Goods that a row names: the item with its unit, how much, and lots and serial numbers.

use chrono::NaiveDate;
use ledger::schema::item::{ItemsByNo, VariantsByCode};
use ledger::schema::{ItemId, VariantId};
use ledger::tables::Read as _;
use protocol::feed::TrackingRule;
use protocol::operation::Tracking;
use protocol::quantity::{QUANTITY_DECIMALS, Quantity, UnitFactor, base_quantity};
use protocol::words::{ItemNo, LotNo, PackageNo, SerialNo, UnitCode, VariantCode};

use super::{Faults, ItemFacts, World};
use crate::exchange::At;
use crate::exchange::line::Line;

/// An item and its variant.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) item: &'a ItemNo,
    pub(super) variant: Option<&'a VariantCode>,
}

/// Checks item, variant and unit; returns what is known of the item and the unit's factor.
pub(super) fn check_goods<L: Line>(
    at: &At<L>,
    goods: Named<'_>,
    unit: Option<&UnitCode>,
    (world, faults): (&World<'_>, &mut Faults),
) -> Option<(ItemFacts, UnitFactor)> {
    let Some(item) = world.item(goods.item) else {
        faults.unknown(at, "item", goods.item);
        return None;
    };
    if let Some(variant) = goods.variant
        && !world.has_variant(goods.item, &item, variant)
    {
        faults.unknown(at, "variant", variant);
    }
    match world.factor(goods.item, &item, unit) {
        Some(factor) => Some((item, factor)),
        None => {
            if let Some(unit) = unit {
                faults.unknown(at, "unit", unit);
            }
            None
        }
    }
}

/// Checks an amount of goods: above zero, within what can be booked, and a quantity that the item can
/// have. What would have to be rounded is told: a row is never booked as something else than it says.
pub(super) fn check_amount<L: Line>(
    at: &At<L>,
    quantity: Quantity,
    (item, factor): &(ItemFacts, UnitFactor),
    faults: &mut Faults,
) -> Option<Quantity> {
    if !item.precision.is_positive() {
        // The row of the item is told of that.
        return None;
    }
    let base = base_quantity(quantity, *factor, item.precision)
        .filter(|base| Quantity::new(base.decimal()).is_ok());
    let Some(base) = base else {
        let reason = format!("{quantity} is out of range in the base unit {}", item.base_unit);
        faults.add(at, "quantity", (reason, "Write a smaller quantity."));
        return None;
    };
    if !quantity.is_positive() || base.is_zero() {
        let reason = format!("{quantity} is not above zero in the precision of the item");
        faults.add(at, "quantity", (reason, "Write a larger quantity, or leave the row out."));
        return None;
    }
    if !is_exact(quantity, *factor, base) {
        let (precision, unit) = (item.precision, &item.base_unit);
        let reason = format!(
            "{quantity} would have to be rounded to {base} {unit}: the item is kept in steps of {precision}"
        );
        let remedy = "Write a quantity that comes out even, or give the item a finer precision.";
        faults.add(at, "quantity", (reason, remedy));
        return None;
    }
    Some(base)
}

/// Whether `quantity × factor` is `base`. A factor that fills all of its decimals is itself rounded, as
/// the third of a box is: there it may be as far off as that rounding.
fn is_exact(quantity: Quantity, factor: UnitFactor, base: Quantity) -> bool {
    let factor = factor.quantity();
    let product = quantity.units().checked_mul(factor.units());
    // Both sides in units of 10⁻¹⁰.
    let off = product.zip(base.units().checked_mul(100_000));
    let off = off.and_then(|(product, base)| product.checked_sub(base)).map(i128::abs);
    let is_rounded = factor.decimal().scale() == QUANTITY_DECIMALS;
    let allowed = if is_rounded { quantity.units().abs() / 2 } else { 0 };
    off.is_some_and(|off| off <= allowed)
}

/// The numbers that a row gives.
pub(super) struct Tracked<'a> {
    pub(super) lot: Option<&'a LotNo>,
    pub(super) serial: Option<&'a SerialNo>,
    pub(super) package: Option<&'a PackageNo>,
}

impl Tracked<'_> {
    /// The numbers with their columns, and whether `rule` asks for each.
    fn asked(&self, rule: TrackingRule) -> [(&'static str, bool, bool); 3] {
        [
            ("lot", rule.lot, self.lot.is_some()),
            ("serial", rule.serial, self.serial.is_some()),
            ("package", rule.package, self.package.is_some()),
        ]
    }

    /// The same as a tracking key.
    pub(super) fn tracking(&self) -> Tracking {
        Tracking {
            lot: self.lot.cloned(),
            serial: self.serial.cloned(),
            package: self.package.cloned(),
        }
    }
}

/// Tells of numbers that the item asks for and the row does not give.
pub(super) fn check_tracked<L: Line>(
    at: &At<L>,
    rule: TrackingRule,
    given: &Tracked<'_>,
    faults: &mut Faults,
) {
    for (column, wanted, found) in given.asked(rule) {
        if wanted && !found {
            let reason = format!("the item needs a {column}");
            faults.add(at, column, (reason, "Fill in the column."));
        }
    }
}

/// Tells of numbers that the row gives and the item has no use for.
pub(super) fn check_untracked<L: Line>(
    at: &At<L>,
    rule: TrackingRule,
    given: &Tracked<'_>,
    faults: &mut Faults,
) {
    for (column, wanted, found) in given.asked(rule) {
        if found && !wanted {
            let reason = format!("the item is not tracked by {column}");
            faults.add(at, column, (reason, "Empty the cell, or change the item's tracking code."));
        }
    }
}

/// A serial number stands for one base unit.
pub(super) fn check_serial_amount<L: Line>(
    at: &At<L>,
    serial: Option<&SerialNo>,
    base: Option<Quantity>,
    faults: &mut Faults,
) {
    if serial.is_some() && base.is_some_and(|base| base != Quantity::ONE) {
        let reason = "a serial number stands for exactly one base unit".to_owned();
        faults.add(at, "quantity", (reason, "Write 1, one row for each serial number."));
    }
}

impl World<'_> {
    /// The numbers of an item and its variant, where the company has both.
    pub(super) fn stored(&self, goods: Named<'_>) -> Option<(ItemId, VariantId)> {
        let item = *self.company.row::<ItemsByNo>(goods.item)?;
        let variant = match goods.variant {
            None => VariantId(0),
            Some(code) => *self.company.row::<VariantsByCode>(&(item, code.clone()))?,
        };
        Some((item, variant))
    }

    /// When goods with these numbers expire, as `lots.csv` or the company says.
    pub(super) fn expiry(&self, goods: Named<'_>, given: &Tracked<'_>) -> Option<NaiveDate> {
        let listed = given.lot.and_then(|lot| self.lots.get(&(goods.item, goods.variant, lot)));
        if let Some(listed) = listed {
            return *listed;
        }
        let of = self.stored(goods)?;
        ledger::tracking::expiry_of(self.company, of, given.lot, given.serial)
    }
}
