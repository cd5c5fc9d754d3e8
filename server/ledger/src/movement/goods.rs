//! What: goods as they were captured, made numbers and checked.

use std::sync::Arc;

use protocol::code::Code;
use protocol::operation::{Goods, Tracking};
use protocol::outcome::Reason;
use protocol::quantity::{Quantity, base_quantity};
use protocol::rules::{TrackingProblem, check_tracking};

use crate::key::KeyRange;
use crate::lookup;
use crate::movement::spot::Spot;
use crate::posting::{Posting, Stop, subtract};
use crate::schema::item::{Item, ItemType, ItemUnits, VariantsByCode};
use crate::schema::{ItemId, StockKey, TrackingId, UnitId, VariantId};
use crate::tables::Read as _;
use crate::tracking::{self, dated, lot};

/// Which way goods go, as far as rules ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Into stock: lots may be new, dates are wanted.
    In,
    /// Out of stock, or within.
    Out,
    /// Seen only.
    Seen,
}

/// Goods, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The item.
    pub item: ItemId,
    /// Its card.
    pub card: Arc<Item>,
    /// The variant, or none.
    pub variant: VariantId,
    /// The unit that was captured; 0 for the base unit.
    pub unit: UnitId,
    /// Lot, serial, package.
    pub tracking: TrackingId,
    /// In base units, as captured.
    pub base: Quantity,
    /// Why they may not be used freely where they are put; the first is the reason of the hold.
    pub on_hold: Vec<Code>,
}

impl Named {
    /// The stock key of these goods at `spot`.
    pub fn key(&self, spot: &Spot) -> StockKey {
        StockKey {
            location: spot.location,
            bin: spot.bin,
            plate: spot.plate,
            item: self.item,
            variant: self.variant,
            unit: if spot.row.directed { self.unit } else { UnitId(0) },
            tracking: self.tracking,
        }
    }
}

/// The goods that `goods` name.
///
/// # Errors
///
/// What is unknown or does not fit parks a fact and refuses the desk.
pub fn resolve(posting: &mut Posting<'_, '_>, goods: &Goods, flow: Flow) -> Result<Named, Stop> {
    let (item, card) = lookup::item(posting.draft, &goods.item).map_err(|why| posting.stop(why))?;
    if card.item_type != ItemType::Inventory {
        let reason = Reason::new(Code::ItemTypeNotSupported).word("item", &card.no);
        return Err(posting.stop(reason));
    }
    let variant = lookup::variant(posting.draft, item, goods.variant.as_ref())
        .map_err(|why| posting.stop(why))?;
    let has_variants =
        || posting.draft.first::<VariantsByCode>(&KeyRange::prefix(&(item,))).is_some();
    if card.variant_required && variant.0 == 0 && has_variants() {
        let reason = Reason::new(Code::VariantRequired).word("item", &card.no);
        return Err(posting.stop(reason));
    }
    let unit = check_unit(posting, (item, &card), goods)?;
    check_base(posting, &card, goods)?;
    let mut named = Named {
        item,
        card,
        variant,
        unit,
        tracking: TrackingId(0),
        base: goods.base,
        on_hold: Vec::new(),
    };
    check_blocked(posting, &mut named, flow)?;
    check_numbers(posting, &mut named, goods, flow)?;
    named.tracking = tracking::intern(posting.draft, item, variant, &goods.tracking);
    lot::seen(posting, &mut named, goods, flow)?;
    dated::seen(posting, &named, goods, flow);
    Ok(named)
}

/// The unit must be one of the item's. Its factor may have changed since: what the operator saw
/// stands (CONFLICTS 21).
fn check_unit(
    posting: &mut Posting<'_, '_>,
    (item, card): (ItemId, &Item),
    goods: &Goods,
) -> Result<UnitId, Stop> {
    if goods.unit == card.base_unit && goods.factor == protocol::quantity::UnitFactor::ONE {
        return Ok(UnitId(0));
    }
    let unknown =
        || Reason::new(Code::UnitUnknown).word("item", &card.no).word("unit", &goods.unit);
    let unit = lookup::unit(posting.draft, &goods.unit).map_err(|_why| posting.stop(unknown()))?;
    let Some(row) = posting.draft.row::<ItemUnits>(&(item, unit)) else {
        return Err(posting.stop(unknown()));
    };
    if row.factor != goods.factor {
        posting.decision.changed(
            Reason::new(Code::UnitChanged)
                .quantity("base", goods.base)
                .word("base_unit", &card.base_unit)
                .word("unit", &goods.unit)
                .quantity("factor", row.factor.quantity()),
        );
    }
    Ok(if goods.unit == card.base_unit { UnitId(0) } else { unit })
}

/// The base quantity as captured stands. A rounding of another precision is only told; more than
/// that is a question.
fn check_base(posting: &mut Posting<'_, '_>, card: &Item, goods: &Goods) -> Result<(), Stop> {
    if goods.quantity.is_negative() || goods.base.is_negative() {
        let reason = Reason::new(Code::NumberOutOfRange).word("field", "quantity");
        return Err(posting.stop(reason));
    }
    if goods.base.is_zero() && !goods.quantity.is_zero() {
        let reason = Reason::new(Code::BaseQuantityRoundsToZero)
            .quantity("quantity", goods.quantity)
            .word("unit", &goods.unit)
            .word("item", &card.no);
        return Err(posting.stop(reason));
    }
    let expected = base_quantity(goods.quantity, goods.factor, card.precision);
    if expected == Some(goods.base) {
        return Ok(());
    }
    let reason = Reason::new(Code::BaseQuantityMismatch)
        .quantity("quantity", goods.quantity)
        .word("unit", &goods.unit)
        .quantity("base", goods.base)
        .word("base_unit", &card.base_unit);
    let off = subtract(goods.base, expected.unwrap_or(Quantity::ZERO))?.abs();
    if expected.is_none() || off > card.precision {
        return Err(posting.stop(reason));
    }
    posting.decision.changed(reason);
    Ok(())
}

/// A blocked item: the desk is refused. Goods that move are there all the same; what arrives or is
/// picked is on hold where it is put (CONFLICTS 49).
fn check_blocked(posting: &mut Posting<'_, '_>, named: &mut Named, flow: Flow) -> Result<(), Stop> {
    let variant_blocked = posting
        .draft
        .row::<crate::schema::item::Variants>(&named.variant)
        .is_some_and(|row| row.blocked);
    if !named.card.blocked && !variant_blocked {
        return Ok(());
    }
    let reason = Reason::new(Code::ItemBlocked).word("item", &named.card.no);
    if posting.act.desk && flow != Flow::Seen {
        return Err(Stop::Refuse(reason));
    }
    if flow == Flow::Seen {
        posting.decision.note(reason);
    } else {
        posting.decision.changed(reason);
        named.on_hold.push(Code::ItemBlocked);
    }
    Ok(())
}

/// Lots and serials as the item demands. What arrives without its number is on hold until it is
/// completed (CONFLICTS 54); elsewhere the identity must be known (SYNC 4.6).
fn check_numbers(
    posting: &mut Posting<'_, '_>,
    named: &mut Named,
    goods: &Goods,
    flow: Flow,
) -> Result<(), Stop> {
    let Some(rules) = tracking::rules_of(posting.draft, &named.card) else {
        return no_numbers(posting, named, &goods.tracking);
    };
    let asks_date = rules.rule.expiry && flow == Flow::In && goods.expiry.is_none();
    // What the book knows of the lot or the serial number need not be said again.
    let dated = asks_date.then(|| {
        let Tracking { lot, serial, .. } = &goods.tracking;
        let of = (named.item, named.variant);
        let expiry = tracking::expiry_of(posting.draft, of, lot.as_ref(), serial.as_ref());
        Goods { expiry, ..goods.clone() }
    });
    let problem = check_tracking(rules.rule, dated.as_ref().unwrap_or(goods), flow == Flow::In);
    let problem = problem.err();
    let serial_alone =
        goods.tracking.serial.is_some() && goods.base != Quantity::ONE && !goods.base.is_zero();
    let problem = if serial_alone { Some(TrackingProblem::SerialQuantity) } else { problem };
    let text = |code| Reason::new(code).word("item", &named.card.no);
    match problem {
        None => Ok(()),
        Some(TrackingProblem::SerialQuantity) => Err(posting.stop(text(Code::SerialQuantity))),
        Some(TrackingProblem::ExpiryMissing) if !posting.act.desk => {
            posting.decision.note(text(Code::ExpirationRequired));
            Ok(())
        }
        Some(TrackingProblem::ExpiryMissing) => Err(posting.stop(text(Code::ExpirationRequired))),
        Some(
            TrackingProblem::LotMissing
            | TrackingProblem::SerialMissing
            | TrackingProblem::PackageMissing,
        ) if flow == Flow::In && !posting.act.desk => {
            let reason = text(Code::TrackingRequired);
            posting.decision.changed(reason);
            named.on_hold.push(Code::TrackingRequired);
            Ok(())
        }
        Some(_missing) => Err(posting.stop(text(Code::TrackingRequired))),
    }
}

/// An item without rules may carry numbers all the same; a serial is one piece in any case.
fn no_numbers(posting: &Posting<'_, '_>, named: &Named, numbers: &Tracking) -> Result<(), Stop> {
    if numbers.serial.is_some() && named.base != Quantity::ONE && !named.base.is_zero() {
        let reason = Reason::new(Code::SerialQuantity).word("item", &named.card.no);
        return Err(posting.stop(reason));
    }
    Ok(())
}
