//! A line in the making: what it says, what it hands over, what the document knows of it.

use protocol::code::Code;
use protocol::operation::DocumentKind;
use protocol::outcome::Reason;
use protocol::quantity::{Quantity, UnitFactor, base_quantity};
use protocol::words::DocumentNo;

use super::{PostDocument, PostLine, brings_in, is_purchase, is_return};
use crate::command::{journal, out_of_range};
use crate::costing::setup;
use crate::lookup;
use crate::movement::spot::End;
use crate::posting::{Posting, Stop, add, subtract};
use crate::schema::document::{DocumentLine, DocumentLines};
use crate::schema::item::Item;
use crate::schema::posted::{LineTerms, LinesTerms};
use crate::schema::{BinId, ItemId, LocationId, TrackingId, UnitId, VariantId, Written};
use crate::tables::Read as _;

/// A line in the making.
pub(super) struct Line<'a> {
    pub(super) put: &'a PostLine,
    pub(super) item: ItemId,
    pub(super) card: std::sync::Arc<Item>,
    pub(super) variant: VariantId,
    pub(super) location: LocationId,
    pub(super) bin: BinId,
    pub(super) directed: bool,
    pub(super) unit: UnitId,
    pub(super) inbound: bool,
    pub(super) key: (DocumentKind, DocumentNo, u32),
    pub(super) terms: LineTerms,
    /// Base quantities, never negative.
    pub(super) handle: Quantity,
    pub(super) invoice: Quantity,
}

/// Makes the line what the posting says, and works out what it hands over.
pub(super) fn resolve<'a>(
    posting: &mut Posting<'_, '_>,
    put: &PostDocument,
    line: &'a PostLine,
) -> Result<Line<'a>, Stop> {
    let (item, card) = lookup::item(posting.draft, &line.item).map_err(Stop::Refuse)?;
    let variant =
        lookup::variant(posting.draft, item, line.variant.as_ref()).map_err(Stop::Refuse)?;
    let (unit, factor) = journal::unit_of(posting, (item, &card), line.unit.as_ref())?;
    let key = (put.kind, put.no.clone(), line.line);
    let negative = is_negative(line)?;
    let base = |quantity| in_base(line, (&card, factor), quantity);
    let (handle, invoice) = (base(line.handle)?, base(line.invoice)?);
    let inbound = brings_in(put.kind) != negative;
    let end = if inbound { End::To } else { End::From };
    let place = journal::place_of(posting, (line.location.as_ref(), line.bin.as_ref()), end)?;
    let before = posting.draft.row::<LinesTerms>(&key);
    let before = before.map(|row| (*row).clone()).unwrap_or_default();
    let terms = LineTerms { location: place.location, bin: place.bin, ..before };
    let terms = terms_of(terms, put, line, negative)?;
    let row = posting.draft.row::<DocumentLines>(&key).map(|row| (*row).clone());
    let ordered = match (line.ordered, &row) {
        (Some(ordered), _) => base(ordered)?,
        (None, Some(row)) => row.quantity.max(add(row.handled, handle)?),
        (None, None) => handle.max(invoice),
    };
    let written = posting.written();
    let before = row.unwrap_or_else(|| unhandled((item, variant), (unit, factor), written));
    let made = DocumentLine { item, variant, unit, factor, quantity: ordered, written, ..before };
    if add(made.handled, handle)? > add(ordered, made.tolerance)? {
        let reason = Reason::new(Code::ExceedsOutstanding)
            .word("document", &put.no)
            .word("item", &card.no)
            .quantity("wanted", handle)
            .quantity("available", subtract(ordered, made.handled)?);
        return Err(Stop::Refuse(reason));
    }
    posting.draft.put::<DocumentLines>(&key, made);
    posting.draft.put::<LinesTerms>(&key, terms.clone());
    check_exact(posting, put.kind, line, negative)?;
    Ok(Line {
        put: line,
        item,
        card,
        variant,
        location: place.location,
        bin: place.bin,
        directed: place.directed,
        unit,
        inbound,
        key,
        terms,
        handle,
        invoice,
    })
}

fn signs(line: &PostLine) -> [Quantity; 3] {
    [line.ordered.unwrap_or_default(), line.handle, line.invoice]
}

/// Whether the line goes the other way; one that goes both ways is refused.
fn is_negative(line: &PostLine) -> Result<bool, Stop> {
    let negative = signs(line).iter().any(|quantity| quantity.is_negative());
    if negative && signs(line).iter().any(|quantity| quantity.is_positive()) {
        return Err(out_of_range("quantity"));
    }
    Ok(negative)
}

/// A quantity of the line in base units, without its sign.
fn in_base(
    line: &PostLine,
    (card, factor): (&Item, UnitFactor),
    quantity: Quantity,
) -> Result<Quantity, Stop> {
    let rounded = base_quantity(quantity.abs(), factor, card.precision)
        .ok_or_else(|| out_of_range("quantity"))?;
    if rounded.is_zero() && !quantity.is_zero() {
        let reason = Reason::new(Code::BaseQuantityRoundsToZero)
            .quantity("quantity", quantity)
            .word("unit", line.unit.as_ref().unwrap_or(&card.base_unit))
            .word("item", &card.no);
        return Err(Stop::Refuse(reason));
    }
    Ok(rounded)
}

/// The terms of a line as the posting changes them.
fn terms_of(
    before: LineTerms,
    put: &PostDocument,
    line: &PostLine,
    negative: bool,
) -> Result<LineTerms, Stop> {
    let mut terms = before;
    terms.negative = negative || (signs(line).iter().all(Quantity::is_zero) && terms.negative);
    terms.unit_amount = line.unit_amount.unwrap_or(terms.unit_amount);
    terms.discount_percent = discount(line.discount_percent, &terms)?;
    if !put.business_group.is_empty() {
        terms.business_group.clone_from(&put.business_group);
    }
    Ok(terms)
}

/// A line of which nothing is handled yet.
const fn unhandled(
    (item, variant): (ItemId, VariantId),
    (unit, factor): (UnitId, UnitFactor),
    written: Written,
) -> DocumentLine {
    DocumentLine {
        item,
        variant,
        unit,
        factor,
        quantity: Quantity::ZERO,
        handled: Quantity::ZERO,
        picked: Quantity::ZERO,
        received: Quantity::ZERO,
        provisional: Quantity::ZERO,
        tolerance: Quantity::ZERO,
        tracking: TrackingId(0),
        written,
    }
}

/// The discount of a line: what is said now, or else what it says, never above its amount.
///
/// # Errors
///
/// `number_out_of_range`.
pub(super) fn discount(said: Option<Quantity>, before: &LineTerms) -> Result<Quantity, Stop> {
    let percent = said.unwrap_or(before.discount_percent);
    if percent.is_negative() || percent > Quantity::whole(100) {
        return Err(out_of_range("discount_percent"));
    }
    Ok(percent)
}

/// Where exact cost reversing is demanded, what goes back names what it takes back (COSTING 12.1).
fn check_exact(
    posting: &Posting<'_, '_>,
    kind: DocumentKind,
    line: &PostLine,
    negative: bool,
) -> Result<(), Stop> {
    let setup = setup(&*posting.draft);
    let demanded = if is_purchase(kind) {
        setup.exact_cost_reversing_purchase
    } else {
        setup.exact_cost_reversing_sales
    };
    let goes_back = is_return(kind) != negative;
    let named = line.applies_to.0 != 0 || line.applies_from.0 != 0;
    if demanded && goes_back && !named && !line.handle.is_zero() {
        return Err(Stop::Refuse(
            Reason::new(Code::ExactCostReversingRequired).word("item", &line.item),
        ));
    }
    Ok(())
}
