//! Charges of a document: freight, duty, insurance; what they are assigned to, and how (COSTING 6.5).

use protocol::code::Code;
use protocol::operation::DocumentKind;
use protocol::outcome::Reason;
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{PostDocument, is_purchase, is_return};
use crate::command::{malformed, not_found, out_of_range};
use crate::costing::charge::ChargeOn;
use crate::costing::invoice::spread;
use crate::costing::split::split_last_takes_rest;
use crate::costing::value::values_of;
use crate::costing::{fits, item_cost, plus};
use crate::dimension::Dimensions;
use crate::money::{Money, Step, UnitAmount, mul_div};
use crate::posting::{Posting, Stop, add};
use crate::schema::EntryNo;
use crate::schema::entry::{EntryType, ItemLedger};
use crate::schema::money::ValueType;
use crate::schema::posted::PostedLines;
use crate::tables::Read as _;

/// What a charge is assigned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeTarget {
    /// A line that is posted with this posting.
    Line(u32),
    /// A posted line: document, number of its posting, line.
    Posted(DocumentKind, DocumentNo, u32, u32),
    /// An item ledger entry.
    Entry(EntryNo),
}

/// A charge of a document, with what it is assigned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostCharge {
    /// Its line.
    pub line: u32,
    /// The charge.
    pub charge: String,
    /// How much of it is invoiced.
    pub quantity: Quantity,
    /// What one of it costs, or is sold for.
    pub unit_amount: UnitAmount,
    /// What it is assigned to, and how much; sums to the quantity.
    #[serde(default)]
    pub assign: Vec<(ChargeTarget, Quantity)>,
    /// Instead of quantities: how it is shared out over the lines of `over`.
    #[serde(default)]
    pub split: Option<ChargeSplit>,
    /// The lines that it is shared out over.
    #[serde(default)]
    pub over: Vec<ChargeTarget>,
    /// What is said of the dimensions of its entries.
    #[serde(default)]
    pub dimensions: Dimensions,
}

/// How a charge is shared out over lines (COSTING 6.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeSplit {
    /// The same for each line.
    Equally,
    /// By what the lines were bought or sold for.
    Amount,
    /// By the net weight of what the lines moved.
    Weight,
    /// By its volume.
    Volume,
}

/// A target with its entries, and what of a charge falls to it.
type Part = (Vec<EntryNo>, Money);

/// Puts a charge on what it is assigned to (COSTING 6.5).
pub(super) fn post(
    posting: &mut Posting<'_, '_>,
    put: &PostDocument,
    charge: &PostCharge,
    posted: &[(u32, Vec<EntryNo>)],
) -> Result<(), Stop> {
    if charge.quantity.is_zero() && charge.assign.iter().all(|(_to, part)| part.is_zero()) {
        // Nothing of it is invoiced with this posting.
        return Ok(());
    }
    let whole = fits(charge.unit_amount.times(charge.quantity, posting.cents()))?;
    let whole = if is_purchase(put.kind) { posting.with_vat(whole)? } else { whole };
    let parts = match charge.split {
        None => by_quantity(posting, charge, whole, posted)?,
        Some(split) => by_split(posting, charge, (split, whole), posted)?,
    };
    for (entries, amount) in parts {
        let quantities: Vec<Quantity> =
            entries.iter().map(|no| posting.entry(*no).quantity.abs()).collect();
        let shares = spread(posting, amount, &quantities)?;
        for (entry, share) in entries.into_iter().zip(shares) {
            charge_entry(posting, put, charge, (entry, share))?;
        }
    }
    Ok(())
}

/// The parts of a charge whose assignment says how much goes where: its whole, and nothing is left.
fn by_quantity(
    posting: &Posting<'_, '_>,
    charge: &PostCharge,
    whole: Money,
    posted: &[(u32, Vec<EntryNo>)],
) -> Result<Vec<Part>, Stop> {
    let mut assigned = Quantity::ZERO;
    for (_target, quantity) in &charge.assign {
        if quantity.is_negative() != charge.quantity.is_negative() && !quantity.is_zero() {
            return Err(out_of_range("quantity"));
        }
        assigned = add(assigned, *quantity)?;
    }
    if assigned != charge.quantity || !charge.over.is_empty() {
        return Err(not_assigned(charge, assigned));
    }
    let weights: Vec<Decimal> =
        charge.assign.iter().map(|(_target, quantity)| quantity.decimal()).collect();
    let shares = fits(split_last_takes_rest(whole, &weights, posting.cents()))?;
    charge
        .assign
        .iter()
        .zip(shares)
        .map(|((target, _quantity), share)| {
            Ok((entries_of(posting, charge, target, posted)?, share))
        })
        .collect()
}

/// The parts of a charge that is shared out over lines.
fn by_split(
    posting: &Posting<'_, '_>,
    charge: &PostCharge,
    (split, whole): (ChargeSplit, Money),
    posted: &[(u32, Vec<EntryNo>)],
) -> Result<Vec<Part>, Stop> {
    if !charge.assign.is_empty() {
        let why = "a charge is assigned by quantities or shared out, not both";
        return Err(Stop::Refuse(malformed(&why)));
    }
    let mut targets = Vec::new();
    let mut weights = Vec::new();
    for target in &charge.over {
        let entries = entries_of(posting, charge, target, posted)?;
        weights.push(weight_of(posting, split, &entries)?);
        targets.push(entries);
    }
    if weights.iter().all(Decimal::is_zero) {
        // No line, or nothing on them to share out by.
        return Err(not_assigned(charge, Quantity::ZERO));
    }
    let shares = fits(split_last_takes_rest(whole, &weights, posting.cents()))?;
    Ok(targets.into_iter().zip(shares).collect())
}

fn not_assigned(charge: &PostCharge, assigned: Quantity) -> Stop {
    let reason = Reason::new(Code::ChargeNotAssigned)
        .word("charge", &charge.charge)
        .quantity("wanted", charge.quantity)
        .quantity("available", assigned);
    Stop::Refuse(reason)
}

/// What a line counts when a charge is shared out: never below zero.
fn weight_of(
    posting: &Posting<'_, '_>,
    split: ChargeSplit,
    entries: &[EntryNo],
) -> Result<Decimal, Stop> {
    if split == ChargeSplit::Equally {
        return Ok(Decimal::ONE);
    }
    let mut sum = Decimal::ZERO;
    for no in entries {
        let entry = posting.entry(*no);
        let card = item_cost(&*posting.draft, entry.item);
        let weight = match split {
            ChargeSplit::Amount => amount_of(posting, *no)?,
            ChargeSplit::Weight => times(entry.quantity, card.net_weight)?,
            ChargeSplit::Volume => times(entry.quantity, card.unit_volume)?,
            ChargeSplit::Equally => Decimal::ONE,
        };
        sum = fits(sum.checked_add(weight.abs()))?;
    }
    Ok(sum)
}

fn times(quantity: Quantity, per_unit: Quantity) -> Result<Decimal, Stop> {
    let fine = Step::finest().money().decimal();
    fits(mul_div(quantity.decimal(), per_unit.decimal(), Decimal::ONE, fine))
}

/// What an entry was bought or sold for: without charges, overhead, variances and adjustments.
fn amount_of(posting: &Posting<'_, '_>, no: EntryNo) -> Result<Decimal, Stop> {
    let mut sum = Money::ZERO;
    for (_no, value) in values_of(&*posting.draft, no) {
        if value.value_type != ValueType::DirectCost || !value.charge.is_empty() || value.adjustment
        {
            continue;
        }
        let amounts = if value.entry_type == EntryType::Sale {
            [value.sales_actual, value.sales_expected]
        } else {
            [value.cost_actual, value.cost_expected]
        };
        for amount in amounts {
            sum = plus(sum, amount)?;
        }
    }
    Ok(sum.decimal())
}

/// The entries that a target stands for.
fn entries_of(
    posting: &Posting<'_, '_>,
    charge: &PostCharge,
    target: &ChargeTarget,
    posted: &[(u32, Vec<EntryNo>)],
) -> Result<Vec<EntryNo>, Stop> {
    let entries = match target {
        ChargeTarget::Entry(entry) => {
            let known = posting.draft.has::<ItemLedger>(entry);
            if known { vec![*entry] } else { Vec::new() }
        }
        ChargeTarget::Line(line) => posted
            .iter()
            .find(|(no, _entries)| no == line)
            .map(|(_no, entries)| entries.clone())
            .unwrap_or_default(),
        ChargeTarget::Posted(kind, no, number, line) => posting
            .draft
            .row::<PostedLines>(&(*kind, no.clone(), *number, *line))
            .map(|row| row.entries.clone())
            .unwrap_or_default(),
    };
    if entries.is_empty() { Err(not_found(&charge.charge)) } else { Ok(entries) }
}

fn charge_entry(
    posting: &mut Posting<'_, '_>,
    put: &PostDocument,
    charge: &PostCharge,
    (no, amount): (EntryNo, Money),
) -> Result<(), Stop> {
    let entry = posting.entry(no);
    let back = is_return(put.kind);
    let signed = if back { amount.negated() } else { amount };
    let (cost, sales) = if !is_purchase(put.kind) {
        (Money::ZERO, signed)
    } else if entry.quantity.is_positive() {
        (signed, Money::ZERO)
    } else if entry.entry_type == EntryType::Purchase {
        // A charge on what goes back to a vendor is a cost of that return.
        (signed, Money::ZERO)
    } else {
        (signed.negated(), Money::ZERO)
    };
    let mut said = put.dimensions.clone();
    said.overlaid(&charge.dimensions);
    posting.charge(&ChargeOn {
        entry: no,
        charge: charge.charge.clone(),
        cost,
        sales,
        posting_date: put.date,
        document_no: put.no.to_string(),
        business_group: put.business_group.clone(),
        dimensions: said,
    })
}
