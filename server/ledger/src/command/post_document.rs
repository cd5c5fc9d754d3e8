//! Posting of purchase and sales documents: receive or ship, invoice, both, or each in parts; charges;
//! undo of what is not invoiced (COSTING 6.3, 6.5, 12).

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::feed::DocumentStatus;
use protocol::operation::{DocumentKind, Goods, Tracking};
use protocol::outcome::Reason;
use protocol::quantity::{Quantity, UnitFactor, base_quantity};
use protocol::words::{
    BinCode, DocumentNo, ItemNo, LocationCode, PartnerNo, UnitCode, VariantCode,
};
use serde::{Deserialize, Serialize};

use crate::command::journal::{self, JournalTracking};
use crate::command::{malformed, not_found, out_of_range};
use crate::costing::invoice::{InvoiceOf, spread};
use crate::costing::{Invoicing, LineCost, LineValue, fits, setup};
use crate::key::KeyRange;
use crate::lookup;
use crate::money::{Money, UnitAmount};
use crate::movement::carry::{Motion, Terms};
use crate::movement::goods::{self, Flow};
use crate::movement::spot::End;
use crate::period;
use crate::posting::{Posting, Stop, add, subtract};
use crate::schema::document::{Document, DocumentLine, DocumentLines, Documents};
use crate::schema::entry::{EntryReason, EntryType, LineField};
use crate::schema::item::Item;
use crate::schema::posted::{
    LineTerms, LinesTerms, PostedLine, PostedLines, PostingCounts, Uninvoiced,
};
use crate::schema::{BinId, EntryNo, ItemId, LocationId, TrackingId, UnitId, VariantId};
use crate::tables::Read as _;

/// A line of a posting. Quantities are in the unit of the line; a negative line moves the other way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostLine {
    /// Its number.
    pub line: u32,
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
    /// The unit; the base unit when left out.
    #[serde(default)]
    pub unit: Option<UnitCode>,
    /// How much is ordered; left out: what the line says, or for a new line what is posted.
    #[serde(default)]
    pub ordered: Option<Quantity>,
    /// Received or shipped with this posting.
    #[serde(default)]
    pub handle: Quantity,
    /// Invoiced with this posting.
    #[serde(default)]
    pub invoice: Quantity,
    /// Direct unit cost or price; left out: what the line says.
    #[serde(default)]
    pub unit_amount: Option<UnitAmount>,
    /// Lots and serials of what is handled, in base units.
    #[serde(default)]
    pub tracking: Vec<JournalTracking>,
    /// The entry that it is applied to; 0 for none.
    #[serde(default)]
    pub applies_to: EntryNo,
    /// The decrease that it takes its cost from; 0 for none.
    #[serde(default)]
    pub applies_from: EntryNo,
}

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
    pub assign: Vec<(ChargeTarget, Quantity)>,
}

/// Makes or changes a purchase or sales document as its lines say, and posts what they hand over and
/// invoice: all or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostDocument {
    /// Its kind: purchase or sales order or return order.
    pub kind: DocumentKind,
    /// Its number.
    pub no: DocumentNo,
    /// The date for the accounts.
    pub date: NaiveDate,
    /// Vendor or customer.
    #[serde(default)]
    pub partner: Option<PartnerNo>,
    /// General business posting group.
    #[serde(default)]
    pub business_group: String,
    /// The lines that are posted.
    #[serde(default)]
    pub lines: Vec<PostLine>,
    /// Charges.
    #[serde(default)]
    pub charges: Vec<PostCharge>,
}

/// Prices and places of document lines, for what devices receive and ship on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutLineTerms {
    /// The kind of the document.
    pub kind: DocumentKind,
    /// The document.
    pub no: DocumentNo,
    /// The line.
    pub line: u32,
    /// Direct unit cost or price, per unit of the line.
    pub unit_amount: UnitAmount,
    /// General business posting group.
    #[serde(default)]
    pub business_group: String,
}

/// Takes a posted receipt or shipment back that is not invoiced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoPosted {
    /// The kind of the document.
    pub kind: DocumentKind,
    /// The document.
    pub no: DocumentNo,
    /// The number of the posting, from 1.
    pub posting: u32,
    /// The line.
    pub line: u32,
}

/// Takes an entry of a receipt or shipment back that is not invoiced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoEntry {
    /// The item ledger entry.
    pub entry: EntryNo,
    /// The date for the accounts; that of the entry when left out.
    #[serde(default)]
    pub date: Option<NaiveDate>,
}

/// A line in the making.
struct Line<'a> {
    put: &'a PostLine,
    item: ItemId,
    card: std::sync::Arc<Item>,
    variant: VariantId,
    location: LocationId,
    bin: BinId,
    directed: bool,
    unit: UnitId,
    inbound: bool,
    key: (DocumentKind, DocumentNo, u32),
    terms: LineTerms,
    /// Base quantities, never negative.
    handle: Quantity,
    invoice: Quantity,
}

const fn is_purchase(kind: DocumentKind) -> bool {
    matches!(kind, DocumentKind::PurchaseOrder | DocumentKind::PurchaseReturnOrder)
}

const fn is_return(kind: DocumentKind) -> bool {
    matches!(kind, DocumentKind::PurchaseReturnOrder | DocumentKind::SalesReturnOrder)
}

/// Whether a positive line of the document brings goods in.
const fn brings_in(kind: DocumentKind) -> bool {
    matches!(kind, DocumentKind::PurchaseOrder | DocumentKind::SalesReturnOrder)
}

pub(crate) fn post(posting: &mut Posting<'_, '_>, put: &PostDocument) -> Result<(), Stop> {
    period::check_posting(posting, put.date)?;
    if !is_purchase(put.kind)
        && !matches!(put.kind, DocumentKind::SalesOrder | DocumentKind::SalesReturnOrder)
    {
        return Err(Stop::Refuse(malformed(
            &"only purchase and sales documents are posted like this",
        )));
    }
    put_header(posting, put);
    let counts = (put.kind, put.no.clone());
    let number = posting.draft.row::<PostingCounts>(&counts).map_or(0, |count| *count);
    let number = number.saturating_add(1);
    let mut handled = false;
    let mut posted = Vec::new();
    let mut lines: Vec<&PostLine> = put.lines.iter().collect();
    lines.sort_by_key(|line| line.line);
    for line in lines {
        let line = resolve(posting, put, line)?;
        let entries = post_line(posting, put, &line)?;
        if line.handle.is_positive() {
            handled = true;
            let row = PostedLine {
                entries: entries.clone(),
                date: put.date,
                quantity: line.handle,
                undone: false,
                written: posting.written(),
            };
            let key = (put.kind, put.no.clone(), number, line.put.line);
            posting.draft.put::<PostedLines>(&key, row);
        }
        posted.push((line.put.line, entries));
    }
    if handled {
        posting.draft.put::<PostingCounts>(&counts, number);
    }
    for charge in &put.charges {
        post_charge(posting, put, charge, &posted)?;
    }
    Ok(())
}

/// The header, made when it is new. The document as a whole belongs to the place of its first line.
fn put_header(posting: &mut Posting<'_, '_>, put: &PostDocument) {
    let key = (put.kind, put.no.clone());
    if posting.draft.has::<Documents>(&key) {
        return;
    }
    let location = put
        .lines
        .iter()
        .find_map(|line| line.location.as_ref())
        .and_then(|code| lookup::location(posting.draft, code).ok())
        .map_or(LocationId(0), |(id, _row)| id);
    let row = Document {
        status: DocumentStatus::Released,
        status_since: posting.act.at,
        partner: put.partner.clone(),
        partner_name: String::new(),
        location,
        to_location: None,
        in_transit: None,
        due: None,
        document_date: Some(put.date),
        may_reopen: false,
        closed_by_lines: false,
        provisional: false,
        written: posting.written(),
    };
    posting.draft.put::<Documents>(&key, row);
}

/// Makes the line what the posting says, and works out what it hands over.
fn resolve<'a>(
    posting: &mut Posting<'_, '_>,
    put: &PostDocument,
    line: &'a PostLine,
) -> Result<Line<'a>, Stop> {
    let (item, card) = lookup::item(posting.draft, &line.item).map_err(Stop::Refuse)?;
    let variant =
        lookup::variant(posting.draft, item, line.variant.as_ref()).map_err(Stop::Refuse)?;
    let (unit, factor) = journal::unit_of(posting, (item, &card), line.unit.as_ref())?;
    let key = (put.kind, put.no.clone(), line.line);
    let before = posting.draft.row::<LinesTerms>(&key);
    let signs = [line.ordered.unwrap_or_default(), line.handle, line.invoice];
    let negative = signs.iter().any(|quantity| quantity.is_negative());
    if negative && signs.iter().any(|quantity| quantity.is_positive()) {
        return Err(out_of_range("quantity"));
    }
    let base = |quantity: Quantity| {
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
    };
    let (handle, invoice) = (base(line.handle)?, base(line.invoice)?);
    let inbound = brings_in(put.kind) != negative;
    let end = if inbound { End::To } else { End::From };
    let place = journal::place_of(posting, (line.location.as_ref(), line.bin.as_ref()), end)?;
    let mut terms = before.map(|row| (*row).clone()).unwrap_or_default();
    terms.location = place.location;
    terms.bin = place.bin;
    terms.negative = negative || (signs.iter().all(Quantity::is_zero) && terms.negative);
    terms.unit_amount = line.unit_amount.unwrap_or(terms.unit_amount);
    if !put.business_group.is_empty() {
        terms.business_group.clone_from(&put.business_group);
    }
    let row = posting.draft.row::<DocumentLines>(&key).map(|row| (*row).clone());
    let ordered = match (line.ordered, &row) {
        (Some(ordered), _) => base(ordered)?,
        (None, Some(row)) => row.quantity.max(add(row.handled, handle)?),
        (None, None) => handle.max(invoice),
    };
    let of = |read: fn(&DocumentLine) -> Quantity| row.as_ref().map_or(Quantity::ZERO, read);
    let made = DocumentLine {
        item,
        variant,
        unit,
        factor,
        quantity: ordered,
        handled: of(|row| row.handled),
        picked: of(|row| row.picked),
        received: of(|row| row.received),
        provisional: of(|row| row.provisional),
        tolerance: of(|row| row.tolerance),
        tracking: row.as_ref().map_or(TrackingId(0), |row| row.tracking),
        written: posting.written(),
    };
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

/// One entry that is to be posted, or an older one that is to be invoiced.
struct Piece {
    /// The older entry; none: a new one.
    entry: Option<EntryNo>,
    quantity: Quantity,
    invoiced: bool,
    tracking: Option<JournalTracking>,
    amount: Money,
}

/// Posts a line: what it hands over and invoices in the order of COSTING 6.3.
fn post_line(
    posting: &mut Posting<'_, '_>,
    put: &PostDocument,
    line: &Line<'_>,
) -> Result<Vec<EntryNo>, Stop> {
    check_named(posting, line)?;
    let mut pieces = older_pieces(posting, line)?;
    let with = line.invoice.min(line.handle);
    for (quantity, invoiced) in [(with, true), (subtract(line.handle, with)?, false)] {
        pieces.extend(new_pieces(posting, line, (quantity, invoiced), &pieces)?);
    }
    share_amounts(posting, line, &mut pieces)?;
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
        pieces.push(Piece { entry, quantity, invoiced: true, tracking: None, amount });
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
    posting: &Posting<'_, '_>,
    line: &Line<'_>,
    (quantity, invoiced): (Quantity, bool),
    before: &[Piece],
) -> Result<Vec<Piece>, Stop> {
    let _unused = posting;
    if quantity.is_zero() {
        return Ok(Vec::new());
    }
    let amount = Money::ZERO;
    if line.put.tracking.is_empty() {
        return Ok(vec![Piece { entry: None, quantity, invoiced, tracking: None, amount }]);
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
            let tracking = Some(split.clone());
            pieces.push(Piece { entry: None, quantity: part, invoiced, tracking, amount });
        }
    }
    if wanted.is_positive() {
        let reason = Reason::new(Code::TrackingIncomplete).word("item", &line.card.no);
        return Err(Stop::Refuse(reason));
    }
    Ok(pieces)
}

/// The amount of a line is rounded once per posting and spread over what it invoices; what it only hands
/// over is expected (COSTING 6.7).
fn share_amounts(
    posting: &Posting<'_, '_>,
    line: &Line<'_>,
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
        let amount = if invoiced && !entered.is_zero() {
            fits(line.terms.unit_amount.times(entered, posting.cents()))?
        } else {
            expected_amount(posting, line, (handled, whole), factor)?
        };
        let shares = spread(posting, amount, &quantities)?;
        let places = pieces.iter_mut().filter(|piece| piece.invoiced == invoiced);
        for (piece, share) in places.zip(shares) {
            piece.amount = share;
        }
    }
    Ok(())
}

/// What is expected for a quantity that is only handed over: what the line is worth with it less what it
/// was worth before, so that the postings of a line add up to its amount.
fn expected_amount(
    posting: &Posting<'_, '_>,
    line: &Line<'_>,
    (handled, whole): (Quantity, Quantity),
    factor: UnitFactor,
) -> Result<Money, Stop> {
    let worth = |quantity: Quantity| {
        fits(line.terms.unit_amount.times_per(quantity, factor.quantity(), posting.cents()))
    };
    crate::costing::minus(worth(add(handled, whole)?)?, worth(handled)?)
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
    let direct = if is_purchase(put.kind) {
        piece.amount
    } else {
        // What a customer sends back comes in at what was expected.
        let state = posting.state(entry);
        let open = subtract(posting.entry(entry).quantity, state.invoiced)?;
        posting.share(state.cost.expected, piece.quantity, open)?
    };
    posting.invoice(&InvoiceOf {
        entry,
        quantity: piece.quantity,
        posting_date: put.date,
        direct,
        sales: sales_of(put, line, piece.amount),
        document_no: put.no.to_string(),
        business_group: line.terms.business_group.clone(),
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
            sales: sales_of(put, line, piece.amount),
            business_group: line.terms.business_group.clone(),
            order: None,
            document_no: put.no.to_string(),
        },
    };
    let before = posting.posted.item_ledger.len();
    let document = Some(line.key.clone());
    posting.carry(&Motion { terms, document, ..motion })?;
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

/// Puts a charge on what it is assigned to (COSTING 6.5).
fn post_charge(
    posting: &mut Posting<'_, '_>,
    put: &PostDocument,
    charge: &PostCharge,
    posted: &[(u32, Vec<EntryNo>)],
) -> Result<(), Stop> {
    let mut assigned = Quantity::ZERO;
    for (_target, quantity) in &charge.assign {
        assigned = add(assigned, *quantity)?;
    }
    if assigned != charge.quantity {
        let reason = Reason::new(Code::ChargeNotAssigned)
            .word("charge", &charge.charge)
            .quantity("wanted", charge.quantity)
            .quantity("available", assigned);
        return Err(Stop::Refuse(reason));
    }
    for (target, quantity) in &charge.assign {
        let amount = fits(charge.unit_amount.times(*quantity, posting.cents()))?;
        let entries = match target {
            ChargeTarget::Entry(entry) => vec![*entry],
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
        if entries.is_empty() {
            return Err(not_found(&charge.charge));
        }
        let quantities: Vec<Quantity> =
            entries.iter().map(|no| posting.entry(*no).quantity.abs()).collect();
        let shares = spread(posting, amount, &quantities)?;
        for (entry, share) in entries.into_iter().zip(shares) {
            charge_entry(posting, put, charge, (entry, share))?;
        }
    }
    Ok(())
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
    posting.charge(&crate::costing::charge::ChargeOn {
        entry: no,
        charge: charge.charge.clone(),
        cost,
        sales,
        posting_date: put.date,
        document_no: put.no.to_string(),
        business_group: put.business_group.clone(),
    })
}

pub(crate) fn put_terms(posting: &mut Posting<'_, '_>, put: &PutLineTerms) -> Result<(), Stop> {
    let key = (put.kind, put.no.clone(), put.line);
    if !posting.draft.has::<DocumentLines>(&key) {
        return Err(Stop::Refuse(Reason::new(Code::DocumentLineUnknown).word("document", &put.no)));
    }
    let before = posting.draft.row::<LinesTerms>(&key).map(|row| (*row).clone());
    let row = LineTerms {
        unit_amount: put.unit_amount,
        business_group: put.business_group.clone(),
        ..before.unwrap_or_default()
    };
    posting.draft.put::<LinesTerms>(&key, row);
    Ok(())
}

pub(crate) fn undo(posting: &mut Posting<'_, '_>, put: &UndoPosted) -> Result<(), Stop> {
    let key = (put.kind, put.no.clone(), put.posting, put.line);
    let mut row = posting
        .draft
        .row::<PostedLines>(&key)
        .map(|row| (*row).clone())
        .ok_or_else(|| not_found(&put.no))?;
    if row.undone {
        return Err(Stop::refuse(Code::AlreadyUndone));
    }
    for entry in &row.entries {
        undo_one(posting, *entry, None)?;
    }
    row.undone = true;
    posting.draft.put::<PostedLines>(&key, row.clone());
    let document = (put.kind, put.no.clone());
    posting.add_to_line(&document, put.line, LineField::Handled, row.quantity.negated())
}

pub(crate) fn undo_entry(posting: &mut Posting<'_, '_>, put: &UndoEntry) -> Result<(), Stop> {
    if !posting.draft.has::<crate::schema::entry::ItemLedger>(&put.entry) {
        return Err(not_found(&put.entry));
    }
    undo_one(posting, put.entry, put.date)?;
    let entry = posting.entry(put.entry);
    if let Some((kind, no, line)) = entry.document {
        posting.add_to_line(
            &(kind, no),
            line,
            LineField::Handled,
            entry.quantity.abs().negated(),
        )?;
    }
    Ok(())
}

/// The correction of one entry: of the opposite sign, with its cost; what was expected of both becomes
/// actual (COSTING 12.4).
fn undo_one(
    posting: &mut Posting<'_, '_>,
    no: EntryNo,
    date: Option<NaiveDate>,
) -> Result<(), Stop> {
    let entry = posting.entry(no);
    let date = date.unwrap_or(entry.posting_date);
    period::check_undone(posting, no)?;
    period::check_posting(posting, date)?;
    let (document, line) = entry
        .document
        .as_ref()
        .map_or((String::new(), 0), |(_kind, no, line)| (no.to_string(), *line));
    if !posting.state(no).invoiced.is_zero() {
        let reason = Reason::new(Code::AlreadyInvoiced).word("document", &document);
        return Err(Stop::Refuse(reason.word("line", line)));
    }
    let key = posting.place_of_entry(no).ok_or_else(|| not_found(&no))?;
    let incoming = entry.quantity.is_positive();
    let order = posting.next_order();
    let quantity = entry.quantity.abs();
    let motion = if incoming {
        Motion::out_of_stock(entry.entry_type, key, quantity, order)
    } else {
        Motion::into_stock(entry.entry_type, key, quantity, order)
    };
    let terms = Terms {
        posting_date: Some(date),
        applies_to: if incoming { no } else { EntryNo(0) },
        applies_from: if incoming { EntryNo(0) } else { no },
        correction: true,
        value: LineValue { document_no: document.clone(), ..LineValue::default() },
    };
    let reason = EntryReason::Undo;
    let motion = Motion { reason, document: entry.document.clone(), terms, ..motion };
    posting.carry(&motion).map_err(|stop| match stop {
        Stop::Refuse(reason) if incoming && reason.code != Code::PeriodClosed => {
            Stop::Refuse(Reason::new(Code::UndoStockConsumed).word("document", &document))
        }
        other => other,
    })
}
