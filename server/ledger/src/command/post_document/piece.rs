//! The entries that a line becomes, and the older ones that it invoices, in the order of COSTING 6.3.

use protocol::code::Code;
use protocol::operation::{Goods, Tracking};
use protocol::outcome::Reason;
use protocol::quantity::{Quantity, UnitFactor};

use super::line::Line;
use super::{PostDocument, is_purchase};
use crate::command::journal::{self, JournalTracking};
use crate::costing::invoice::{InvoiceOf, spread};
use crate::costing::{Invoicing, LineCost, LineValue, fits, minus};
use crate::dimension::Dimensions;
use crate::key::KeyRange;
use crate::money::Money;
use crate::movement::carry::{Motion, Terms};
use crate::movement::goods::{self, Flow};
use crate::posting::{Posting, Stop, add, subtract};
use crate::schema::EntryNo;
use crate::schema::document::DocumentLines;
use crate::schema::entry::{EntryType, LineField};
use crate::schema::posted::{LinesTerms, Uninvoiced};
use crate::tables::Read as _;

/// One entry that is to be posted, or an older one that is to be invoiced.
struct Piece {
    /// The older entry; none: a new one.
    entry: Option<EntryNo>,
    quantity: Quantity,
    invoiced: bool,
    tracking: Option<JournalTracking>,
    /// Its part of the line, without the discount.
    amount: Money,
    /// Its part of the discount.
    discount: Money,
}

/// Posts a line: what it hands over and invoices in the order of COSTING 6.3.
pub(super) fn post_line(
    posting: &mut Posting<'_, '_>,
    put: &PostDocument,
    line: &Line<'_>,
) -> Result<Vec<EntryNo>, Stop> {
    check_named(posting, line)?;
    let mut pieces = older_pieces(posting, line)?;
    let with = line.invoice.min(line.handle);
    for (quantity, invoiced) in [(with, true), (subtract(line.handle, with)?, false)] {
        pieces.extend(new_pieces(line, (quantity, invoiced), &pieces)?);
    }
    share_amounts(posting, line, is_purchase(put.kind), &mut pieces)?;
    let mut entries = Vec::new();
    for piece in &pieces {
        match piece.entry {
            Some(entry) => invoice_older(posting, put, line, (entry, piece))?,
            None => entries.extend(post_piece(posting, put, line, piece)?),
        }
    }
    if !line.handle.is_zero() {
        let key = (line.key.0, line.key.1.clone());
        posting.add_to_line(&key, line.key.2, LineField::Handled, line.handle)?;
    }
    let mut terms = line.terms.clone();
    terms.invoiced = add(terms.invoiced, line.invoice)?;
    posting.draft.put::<LinesTerms>(&line.key, terms);
    Ok(entries)
}

fn check_named(posting: &Posting<'_, '_>, line: &Line<'_>) -> Result<(), Stop> {
    journal::check_named(
        posting,
        (line.put.applies_to, line.put.applies_from),
        (line.item, line.inbound),
    )
}

/// What is invoiced beyond what is handled settles older entries of the line, oldest first, never beyond
/// what is not invoiced there.
fn older_pieces(posting: &Posting<'_, '_>, line: &Line<'_>) -> Result<Vec<Piece>, Stop> {
    let mut surplus = subtract(line.invoice, line.handle)?;
    let mut pieces = Vec::new();
    if !surplus.is_positive() {
        return Ok(pieces);
    }
    let range = KeyRange::prefix(&line.key);
    for ((_kind, _no, _line, entry), _row) in posting.draft.list::<Uninvoiced>(&range) {
        if !surplus.is_positive() {
            break;
        }
        let open = subtract(posting.entry(entry).quantity, posting.state(entry).invoiced)?;
        if open.is_positive() != line.inbound {
            continue;
        }
        let quantity = open.abs().min(surplus);
        surplus = subtract(surplus, quantity)?;
        let (entry, amount) = (Some(entry), Money::ZERO);
        let discount = Money::ZERO;
        pieces.push(Piece { entry, quantity, invoiced: true, tracking: None, amount, discount });
    }
    if surplus.is_positive() {
        let reason = Reason::new(Code::ExceedsOutstanding)
            .word("document", &line.key.1)
            .word("item", &line.card.no)
            .quantity("wanted", line.invoice)
            .quantity("available", subtract(line.invoice, surplus)?);
        return Err(Stop::Refuse(reason));
    }
    Ok(pieces)
}

/// The new entries of a part of a line, one for each tracking key: behind what earlier parts took.
fn new_pieces(
    line: &Line<'_>,
    (quantity, invoiced): (Quantity, bool),
    before: &[Piece],
) -> Result<Vec<Piece>, Stop> {
    if quantity.is_zero() {
        return Ok(Vec::new());
    }
    let none = Money::ZERO;
    let piece = |quantity: Quantity, tracking: Option<JournalTracking>| Piece {
        entry: None,
        quantity,
        invoiced,
        tracking,
        amount: none,
        discount: none,
    };
    if line.put.tracking.is_empty() {
        return Ok(vec![piece(quantity, None)]);
    }
    let mut taken = Quantity::ZERO;
    for piece in before.iter().filter(|piece| piece.entry.is_none()) {
        taken = add(taken, piece.quantity)?;
    }
    let mut wanted = quantity;
    let mut pieces = Vec::new();
    for split in &line.put.tracking {
        let skipped = split.quantity.abs().min(taken);
        taken = subtract(taken, skipped)?;
        let part = subtract(split.quantity.abs(), skipped)?.min(wanted);
        if part.is_positive() {
            wanted = subtract(wanted, part)?;
            pieces.push(piece(part, Some(split.clone())));
        }
    }
    if wanted.is_positive() {
        let reason = Reason::new(Code::TrackingIncomplete).word("item", &line.card.no);
        return Err(Stop::Refuse(reason));
    }
    Ok(pieces)
}

/// The amount of a line is rounded once per posting, as its discount is, and both are spread over what it
/// invoices; what it only hands over is expected (COSTING 6.2, 6.7).
fn share_amounts(
    posting: &Posting<'_, '_>,
    line: &Line<'_>,
    bought: bool,
    pieces: &mut [Piece],
) -> Result<(), Stop> {
    let row = posting.draft.row::<DocumentLines>(&line.key);
    let factor = row.as_ref().map_or(UnitFactor::ONE, |row| row.factor);
    let handled = row.map_or(Quantity::ZERO, |row| row.handled);
    for invoiced in [true, false] {
        let quantities: Vec<Quantity> = pieces
            .iter()
            .filter(|piece| piece.invoiced == invoiced)
            .map(|piece| piece.quantity)
            .collect();
        let mut whole = Quantity::ZERO;
        for quantity in &quantities {
            whole = add(whole, *quantity)?;
        }
        if whole.is_zero() {
            continue;
        }
        let entered = if invoiced { line.put.invoice.abs() } else { Quantity::ZERO };
        let (amount, discount) = if invoiced && !entered.is_zero() {
            worth(posting, line, (entered, UnitFactor::ONE))?
        } else {
            expected_amount(posting, line, (handled, whole), factor)?
        };
        let with_vat = |amount| if bought { posting.with_vat(amount) } else { Ok(amount) };
        let shares = spread(posting, with_vat(amount)?, &quantities)?;
        let discounts = spread(posting, with_vat(discount)?, &quantities)?;
        let places = pieces.iter_mut().filter(|piece| piece.invoiced == invoiced);
        for (piece, (share, discount)) in places.zip(shares.into_iter().zip(discounts)) {
            (piece.amount, piece.discount) = (share, discount);
        }
    }
    Ok(())
}

/// What a quantity of the line is worth without its discount, and the discount.
fn worth(
    posting: &Posting<'_, '_>,
    line: &Line<'_>,
    (quantity, factor): (Quantity, UnitFactor),
) -> Result<(Money, Money), Stop> {
    let cents = posting.cents();
    let whole = fits(line.terms.unit_amount.times_per(quantity, factor.quantity(), cents))?;
    let discount = fits(line.terms.discount_of(whole, cents))?;
    Ok((minus(whole, discount)?, discount))
}

/// What is expected for a quantity that is only handed over, and the discount on it: what the line is worth
/// with it less what it was worth before, so that the postings of a line add up to its amount.
fn expected_amount(
    posting: &Posting<'_, '_>,
    line: &Line<'_>,
    (handled, whole): (Quantity, Quantity),
    factor: UnitFactor,
) -> Result<(Money, Money), Stop> {
    let with = worth(posting, line, (add(handled, whole)?, factor))?;
    let before = worth(posting, line, (handled, factor))?;
    Ok((minus(with.0, before.0)?, minus(with.1, before.1)?))
}

/// The sales amount of a piece: positive for what leaves, negative for what comes back.
fn sales_of(put: &PostDocument, line: &Line<'_>, amount: Money) -> Money {
    if is_purchase(put.kind) {
        Money::ZERO
    } else if line.inbound {
        amount.negated()
    } else {
        amount
    }
}

fn invoice_older(
    posting: &mut Posting<'_, '_>,
    put: &PostDocument,
    line: &Line<'_>,
    (entry, piece): (EntryNo, &Piece),
) -> Result<(), Stop> {
    // What a customer sends back comes in at what was expected.
    let direct = is_purchase(put.kind).then_some(piece.amount);
    posting.invoice(&InvoiceOf {
        entry,
        quantity: piece.quantity,
        posting_date: put.date,
        direct,
        discount: piece.discount,
        sales: sales_of(put, line, piece.amount),
        document_no: put.no.to_string(),
        business_group: line.terms.business_group.clone(),
        dimensions: said_of(put, line),
    })
}

/// Posts a new entry of the line; answers it, or the entries it was split into.
fn post_piece(
    posting: &mut Posting<'_, '_>,
    put: &PostDocument,
    line: &Line<'_>,
    piece: &Piece,
) -> Result<Vec<EntryNo>, Stop> {
    let split = piece.tracking.as_ref();
    let goods = Goods {
        item: line.put.item.clone(),
        variant: line.put.variant.clone(),
        unit: line.card.base_unit.clone(),
        factor: UnitFactor::ONE,
        quantity: piece.quantity,
        base: piece.quantity,
        tracking: split.map_or(Tracking::NONE, |split| split.tracking.clone()),
        expiry: split.and_then(|split| split.expiry),
        raw: None,
    };
    let flow = if line.inbound { Flow::In } else { Flow::Out };
    let named = goods::resolve(posting, &goods, flow)?;
    let place =
        journal::PlaceOf { location: line.location, bin: line.bin, directed: line.directed };
    let key = journal::key_of(&named, place, line.unit);
    let kind = if is_purchase(put.kind) { EntryType::Purchase } else { EntryType::Sale };
    let order = posting.next_order();
    let motion = if line.inbound {
        Motion::into_stock(kind, key, piece.quantity, order)
    } else {
        Motion::out_of_stock(kind, key, piece.quantity, order)
    };
    let priced = line.inbound || !piece.amount.is_zero();
    let cost = if is_purchase(put.kind) && priced {
        LineCost::Amount(piece.amount)
    } else {
        LineCost::Card
    };
    let terms = Terms {
        posting_date: Some(put.date),
        applies_to: line.put.applies_to,
        applies_from: line.put.applies_from,
        correction: false,
        value: LineValue {
            invoicing: if piece.invoiced { Invoicing::Now } else { Invoicing::Later },
            cost,
            discount: piece.discount,
            sales: Some(sales_of(put, line, piece.amount)),
            business_group: line.terms.business_group.clone(),
            document_no: put.no.to_string(),
            dimensions: line.put.dimensions.clone(),
            ..LineValue::default()
        },
    };
    let before = posting.posted.item_ledger.len();
    let document = Some(line.key.clone());
    posting.carry(&Motion { document, terms, ..motion })?;
    let made = posting.posted.item_ledger.get(before..).unwrap_or_default().to_vec();
    let made = made
        .into_iter()
        .filter(|no| {
            let entry = posting.entry(*no);
            entry.item == line.item && entry.variant == line.variant && entry.entry_type == kind
        })
        .collect();
    Ok(made)
}

/// What an invoice of older entries says of their dimensions: what this posting says, no more.
fn said_of(put: &PostDocument, line: &Line<'_>) -> Dimensions {
    let mut said = put.dimensions.clone();
    said.overlaid(&line.put.dimensions);
    said
}
