//! The item journal: purchases, sales, adjustments and reclassifications that are posted line by line,
//! received or shipped and invoiced together unless it is said otherwise.

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::operation::{Goods, Place, Tracking};
use protocol::outcome::Reason;
use protocol::quantity::{Quantity, UnitFactor, base_quantity};
use protocol::words::{BinCode, ItemNo, LocationCode, LotNo, UnitCode, VariantCode};
use serde::{Deserialize, Serialize};

use crate::command::costing::{location_is_mandatory, per_base};
use crate::command::{malformed, out_of_range};
use crate::costing::{Invoicing, LineCost, LineValue, fits};
use crate::dimension::Dimensions;
use crate::lookup;
use crate::money::{Money, UnitAmount};
use crate::movement::carry::{Motion, Terms};
use crate::movement::goods::{self, Flow, Named};
use crate::movement::spot::{self, End};
use crate::period;
use crate::posting::{Posting, Stop, add};
use crate::schema::entry::{EntryType, ItemLedger};
use crate::schema::item::{Item, ItemUnits};
use crate::schema::money::OrderRef;
use crate::schema::{BinId, EntryNo, ItemId, LocationId, PlateId, StockKey, UnitId};
use crate::tables::Read as _;

/// What a journal line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalType {
    /// Bought: comes in.
    Purchase,
    /// Sent back to a vendor: leaves.
    PurchaseReturn,
    /// Sold: leaves.
    Sale,
    /// Sent back by a customer: comes in.
    SaleReturn,
    /// Comes in.
    PositiveAdjustment,
    /// Leaves.
    NegativeAdjustment,
    /// From one place, variant or tracking key to another.
    Transfer,
    /// Used in production.
    Consumption,
    /// Produced.
    Output,
}

impl JournalType {
    const fn entry_type(self) -> EntryType {
        match self {
            Self::Purchase | Self::PurchaseReturn => EntryType::Purchase,
            Self::Sale | Self::SaleReturn => EntryType::Sale,
            Self::PositiveAdjustment => EntryType::PositiveAdjustment,
            Self::NegativeAdjustment => EntryType::NegativeAdjustment,
            Self::Transfer => EntryType::Transfer,
            Self::Consumption => EntryType::Consumption,
            Self::Output => EntryType::Output,
        }
    }

    /// Whether goods come in.
    pub const fn is_inbound(self) -> bool {
        matches!(self, Self::Purchase | Self::SaleReturn | Self::PositiveAdjustment | Self::Output)
    }
}

/// A lot or serial of a line, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalTracking {
    /// The lot, serial or package.
    pub tracking: Tracking,
    /// How much, in base units.
    pub quantity: Quantity,
    /// When it expires.
    #[serde(default)]
    pub expiry: Option<NaiveDate>,
    /// For a transfer: the lot that it becomes.
    #[serde(default)]
    pub new_lot: Option<LotNo>,
    /// For a transfer: when it expires from now on.
    #[serde(default)]
    pub new_expiry: Option<NaiveDate>,
}

/// A line of the item journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalLine {
    /// What it does.
    pub line_type: JournalType,
    /// The date for the accounts.
    pub date: NaiveDate,
    /// The number that the value entries show.
    #[serde(default)]
    pub document_no: String,
    /// The item.
    pub item: ItemNo,
    /// Its variant.
    #[serde(default)]
    pub variant: Option<VariantCode>,
    /// Where; none for the blank location.
    #[serde(default)]
    pub location: Option<LocationCode>,
    /// The bin, at a location with bins.
    #[serde(default)]
    pub bin: Option<BinCode>,
    /// For a transfer: where to; none for the blank location.
    #[serde(default)]
    pub new_location: Option<LocationCode>,
    /// For a transfer: the bin there.
    #[serde(default)]
    pub new_bin: Option<BinCode>,
    /// The unit; the base unit when left out.
    #[serde(default)]
    pub unit: Option<UnitCode>,
    /// How much, above zero, in that unit.
    pub quantity: Quantity,
    /// Lots and serials, which sum to the base quantity.
    #[serde(default)]
    pub tracking: Vec<JournalTracking>,
    /// Direct cost per unit of an increase.
    #[serde(default)]
    pub unit_cost: Option<UnitAmount>,
    /// Direct cost of an increase in all; goes before `unit_cost`.
    #[serde(default)]
    pub amount: Option<Money>,
    /// Sales price per unit.
    #[serde(default)]
    pub unit_price: Option<UnitAmount>,
    /// The entry that it is applied to; 0 for none.
    #[serde(default)]
    pub applies_to: EntryNo,
    /// The decrease that an increase takes its cost from; 0 for none.
    #[serde(default)]
    pub applies_from: EntryNo,
    /// Received or shipped only: the invoice comes later.
    #[serde(default)]
    pub not_invoiced: bool,
    /// General business posting group.
    #[serde(default)]
    pub business_group: String,
    /// The order that it belongs to.
    #[serde(default)]
    pub order: Option<OrderRef>,
    /// What is said of the dimensions of its entries.
    #[serde(default)]
    pub dimensions: Dimensions,
    /// For a transfer: what is said of them at the other end.
    #[serde(default)]
    pub new_dimensions: Dimensions,
}

impl JournalLine {
    /// A line of which nothing else is said: in base units, at the blank location, at the cost and price of
    /// the card, applied by the costing method.
    pub fn new(line_type: JournalType, date: NaiveDate, item: ItemNo, quantity: Quantity) -> Self {
        Self {
            line_type,
            date,
            document_no: String::new(),
            item,
            variant: None,
            location: None,
            bin: None,
            new_location: None,
            new_bin: None,
            unit: None,
            quantity,
            tracking: Vec::new(),
            unit_cost: None,
            amount: None,
            unit_price: None,
            applies_to: EntryNo(0),
            applies_from: EntryNo(0),
            not_invoiced: false,
            business_group: String::new(),
            order: None,
            dimensions: Dimensions::NONE,
            new_dimensions: Dimensions::NONE,
        }
    }
}

/// Posts lines of the item journal, all or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostItemJournal {
    /// The lines, in the order in which they are posted.
    pub lines: Vec<JournalLine>,
}

/// An end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlaceOf {
    pub(crate) location: LocationId,
    pub(crate) bin: BinId,
    pub(crate) directed: bool,
}

pub(crate) fn post(posting: &mut Posting<'_, '_>, journal: &PostItemJournal) -> Result<(), Stop> {
    for line in &journal.lines {
        post_line(posting, line)?;
    }
    Ok(())
}

fn post_line(posting: &mut Posting<'_, '_>, line: &JournalLine) -> Result<(), Stop> {
    period::check_posting(posting, line.date)?;
    let (item, card) = lookup::item(posting.draft, &line.item).map_err(Stop::Refuse)?;
    if !line.quantity.is_positive() {
        return Err(out_of_range("quantity"));
    }
    let (unit, factor) = unit_of(posting, (item, &card), line.unit.as_ref())?;
    let base = base_quantity(line.quantity, factor, card.precision)
        .ok_or_else(|| out_of_range("quantity"))?;
    if base.is_zero() {
        let reason = Reason::new(Code::BaseQuantityRoundsToZero)
            .quantity("quantity", line.quantity)
            .word("unit", line.unit.as_ref().unwrap_or(&card.base_unit))
            .word("item", &card.no);
        return Err(Stop::Refuse(reason));
    }
    check_application(posting, line)?;
    let end = if line.line_type.is_inbound() { End::To } else { End::From };
    let place = place_of(posting, (line.location.as_ref(), line.bin.as_ref()), end)?;
    let parts = parts_of(line, base)?;
    let mut sum = Quantity::ZERO;
    let mut values = Amounts::of(posting, line, factor, base)?;
    for part in parts {
        sum = add(sum, part.quantity)?;
        let goods = Goods {
            item: line.item.clone(),
            variant: line.variant.clone(),
            unit: card.base_unit.clone(),
            factor: UnitFactor::ONE,
            quantity: part.quantity,
            base: part.quantity,
            tracking: part.tracking.clone(),
            expiry: part.expiry,
            raw: None,
        };
        let flow = if line.line_type.is_inbound() { Flow::In } else { Flow::Out };
        let named = goods::resolve(posting, &goods, flow)?;
        let terms = values.terms(posting, line, (sum, base))?;
        post_part(posting, line, (&named, &part), (place, unit, terms))?;
    }
    Ok(())
}

/// Amounts of a line, handed out part by part so that they add up.
struct Amounts {
    cost: Option<Money>,
    sales: Money,
    given: (Money, Money),
}

impl Amounts {
    fn of(
        posting: &Posting<'_, '_>,
        line: &JournalLine,
        factor: UnitFactor,
        base: Quantity,
    ) -> Result<Self, Stop> {
        let cents = posting.cents();
        let whole = |unit: UnitAmount| -> Result<Money, Stop> {
            let per_base = per_base(unit, factor.quantity())?;
            if factor == UnitFactor::ONE {
                fits(per_base.times(base, cents))
            } else {
                fits(unit.times(line.quantity, cents))
            }
        };
        let given = (line.amount, line.unit_cost);
        // What leaves costs what it takes along, whatever the line says.
        let cost = match if line.line_type.is_inbound() { given } else { (None, None) } {
            (Some(amount), _) => Some(amount),
            (None, Some(unit)) => Some(whole(unit)?),
            (None, None) => None,
        };
        let bought = line.line_type == JournalType::Purchase;
        let cost = match cost.filter(|_cost| bought) {
            Some(paid) => Some(posting.with_vat(paid)?),
            None => cost,
        };
        let sales = line.unit_price.map(whole).transpose()?.unwrap_or(Money::ZERO);
        let sales = match line.line_type {
            JournalType::Sale => sales,
            JournalType::SaleReturn => sales.negated(),
            JournalType::Purchase
            | JournalType::PurchaseReturn
            | JournalType::PositiveAdjustment
            | JournalType::NegativeAdjustment
            | JournalType::Transfer
            | JournalType::Consumption
            | JournalType::Output => Money::ZERO,
        };
        Ok(Self { cost, sales, given: (Money::ZERO, Money::ZERO) })
    }

    /// The terms of the next part, up to `sum` of `base`.
    fn terms(
        &mut self,
        posting: &Posting<'_, '_>,
        line: &JournalLine,
        (sum, base): (Quantity, Quantity),
    ) -> Result<Terms, Stop> {
        let next = |whole: Money, given: Money| -> Result<(Money, Money), Stop> {
            let up_to = posting.share(whole, sum, base)?;
            Ok((crate::costing::minus(up_to, given)?, up_to))
        };
        let cost = match self.cost {
            Some(whole) => {
                let (part, up_to) = next(whole, self.given.0)?;
                self.given.0 = up_to;
                LineCost::Amount(part)
            }
            None => LineCost::Card,
        };
        let (sales, up_to) = next(self.sales, self.given.1)?;
        self.given.1 = up_to;
        Ok(Terms {
            posting_date: Some(line.date),
            applies_to: line.applies_to,
            applies_from: line.applies_from,
            correction: false,
            value: LineValue {
                invoicing: if line.not_invoiced { Invoicing::Later } else { Invoicing::Now },
                cost,
                discount: Money::ZERO,
                sales: Some(sales),
                business_group: line.business_group.clone(),
                dimensions: line.dimensions.clone(),
                new_dimensions: line.new_dimensions.clone(),
                order: line.order.clone(),
                document_no: line.document_no.clone(),
            },
        })
    }
}

fn post_part(
    posting: &mut Posting<'_, '_>,
    line: &JournalLine,
    (named, part): (&Named, &JournalTracking),
    (place, unit, terms): (PlaceOf, UnitId, Terms),
) -> Result<(), Stop> {
    let key = key_of(named, place, unit);
    let order = posting.next_order();
    let kind = line.line_type.entry_type();
    let motion = match line.line_type {
        JournalType::Transfer => {
            let to = (line.new_location.as_ref(), line.new_bin.as_ref());
            let to = place_of(posting, to, End::To)?;
            let target = key_of(&renamed(posting, line, named, part)?, to, unit);
            if target == key {
                return Err(Stop::refuse(Code::SamePlace));
            }
            Motion::between(key, target, part.quantity, order)
        }
        inbound if inbound.is_inbound() => Motion::into_stock(kind, key, part.quantity, order),
        JournalType::Purchase
        | JournalType::PurchaseReturn
        | JournalType::Sale
        | JournalType::SaleReturn
        | JournalType::PositiveAdjustment
        | JournalType::NegativeAdjustment
        | JournalType::Consumption
        | JournalType::Output => Motion::out_of_stock(kind, key, part.quantity, order),
    };
    posting.carry(&Motion { terms, ..motion })
}

/// The goods of a transfer under the lot that they become.
fn renamed(
    posting: &mut Posting<'_, '_>,
    line: &JournalLine,
    named: &Named,
    part: &JournalTracking,
) -> Result<Named, Stop> {
    if part.new_lot.is_none() && part.new_expiry.is_none() {
        return Ok(named.clone());
    }
    let lot = part.new_lot.clone().or_else(|| part.tracking.lot.clone());
    let goods = Goods {
        item: line.item.clone(),
        variant: line.variant.clone(),
        unit: named.card.base_unit.clone(),
        factor: UnitFactor::ONE,
        quantity: part.quantity,
        base: part.quantity,
        tracking: Tracking { lot, ..part.tracking.clone() },
        expiry: part.new_expiry.or(part.expiry),
        raw: None,
    };
    goods::resolve(posting, &goods, Flow::In)
}

pub(crate) fn key_of(named: &Named, place: PlaceOf, unit: UnitId) -> StockKey {
    StockKey {
        location: place.location,
        bin: place.bin,
        plate: PlateId(0),
        item: named.item,
        variant: named.variant,
        unit: if place.directed { unit } else { UnitId(0) },
        tracking: named.tracking,
    }
}

/// An end of a line: the blank location has no bins.
pub(crate) fn place_of(
    posting: &mut Posting<'_, '_>,
    (location, bin): (Option<&LocationCode>, Option<&BinCode>),
    end: End,
) -> Result<PlaceOf, Stop> {
    let Some(location) = location else {
        if location_is_mandatory(posting) {
            return Err(Stop::refuse(Code::LocationRequired));
        }
        return Ok(PlaceOf { location: LocationId(0), bin: BinId(0), directed: false });
    };
    let place = Place { location: location.clone(), bin: bin.cloned(), plate: None };
    let spot = spot::resolve(posting, &place, end)?;
    Ok(PlaceOf { location: spot.location, bin: spot.bin, directed: spot.row.directed })
}

/// The unit of a line and how many base units it holds.
pub(crate) fn unit_of(
    posting: &Posting<'_, '_>,
    (item, card): (ItemId, &Item),
    unit: Option<&UnitCode>,
) -> Result<(UnitId, UnitFactor), Stop> {
    match unit {
        Some(code) if *code != card.base_unit => {
            let unit = lookup::unit(posting.draft, code).map_err(Stop::Refuse)?;
            let row = posting.draft.row::<ItemUnits>(&(item, unit)).ok_or_else(|| {
                Stop::Refuse(
                    Reason::new(Code::UnitUnknown).word("item", &card.no).word("unit", code),
                )
            })?;
            Ok((unit, row.factor))
        }
        _ => Ok((UnitId(0), UnitFactor::ONE)),
    }
}

/// The tracking keys of a line with their quantities; the whole line where it names none.
fn parts_of(line: &JournalLine, base: Quantity) -> Result<Vec<JournalTracking>, Stop> {
    if line.tracking.is_empty() {
        return Ok(vec![JournalTracking {
            tracking: Tracking::NONE,
            quantity: base,
            expiry: None,
            new_lot: None,
            new_expiry: None,
        }]);
    }
    let mut sum = Quantity::ZERO;
    for part in &line.tracking {
        if !part.quantity.is_positive() {
            return Err(out_of_range("quantity"));
        }
        sum = add(sum, part.quantity)?;
    }
    if sum != base {
        let reason = Reason::new(Code::TrackingIncomplete).word("item", &line.item);
        return Err(Stop::Refuse(reason));
    }
    Ok(line.tracking.clone())
}

/// Entries that a line names must fit it (COSTING 5.4).
fn check_application(posting: &Posting<'_, '_>, line: &JournalLine) -> Result<(), Stop> {
    let (item, _card) = lookup::item(posting.draft, &line.item).map_err(Stop::Refuse)?;
    let named = (line.applies_to, line.applies_from);
    check_named(posting, named, (item, line.line_type.is_inbound()))
}

/// Whether the entries that a line names, to apply to and to take its cost from, are of its item and go
/// the other way.
pub(crate) fn check_named(
    posting: &Posting<'_, '_>,
    (applies_to, applies_from): (EntryNo, EntryNo),
    (item, inbound): (ItemId, bool),
) -> Result<(), Stop> {
    if applies_to.0 != 0 && applies_from.0 != 0 {
        let why = "a line is applied to an entry or takes its cost from one";
        return Err(Stop::Refuse(malformed(&why)));
    }
    for (named, from) in [(applies_to, false), (applies_from, true)] {
        if named.0 == 0 {
            continue;
        }
        let wrong = |why: &str| {
            let reason = Reason::new(Code::InvalidApplication);
            Err(Stop::Refuse(reason.word("entry", named).word("why", why)))
        };
        let Some(entry) = posting.draft.row::<ItemLedger>(&named) else {
            return wrong("there is no such entry");
        };
        if entry.item != item {
            return wrong("it is of another item");
        }
        if from && !inbound {
            return wrong("a decrease takes its cost from what it is applied to");
        }
        if entry.quantity.is_positive() == inbound {
            return wrong("it goes the same way");
        }
        period::check_named(posting, named)?;
    }
    Ok(())
}
