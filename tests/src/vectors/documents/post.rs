//! Documents and transfers of the document schema.

use std::collections::BTreeMap;

use ledger::command::journal::JournalTracking;
use ledger::command::papers::{PutDocument, PutLine};
use ledger::command::post_document::{
    ChargeTarget, PostCharge, PostDocument, PostLine, UndoPosted,
};
use ledger::command::{Command, Handle};
use ledger::dimension::Dimensions;
use ledger::key::KeyRange;
use ledger::schema::EntryNo;
use ledger::schema::document::DocumentLines;
use ledger::schema::entry::{EntryType, ItemLedger};
use ledger::schema::posted::LinesTerms;
use ledger::tables::Read as _;
use protocol::feed::DocumentStatus;
use protocol::operation::{
    Body, DocumentKind, DocumentRef, Goods, Place, Tracking, TransferReceive, TransferShip,
};
use protocol::quantity::{Quantity, UnitFactor, base_quantity};
use protocol::words::UnitCode;
use rust_decimal::Decimal;

use super::found;
use super::op::{self, Assign, AssignTo, Line, Op, Step};
use super::run::{Play, date_of, required, trackings};
use crate::vectors::book::DocumentLine;
use crate::vectors::company::{Done, code, lacking};
use crate::vectors::json::{Dec, Int};
use crate::vectors::{ledgers, money, reading};

/// What a line of a step hands over: received or shipped.
fn handled(line: &Line) -> Decimal {
    line.receive.or(line.ship).map_or(Decimal::ZERO, |qty| qty.0)
}

/// What all postings of the file need of each document line: the most that is handled at a time, undos
/// taken off, or what is invoiced in all.
pub(crate) fn needed(steps: &[Step]) -> BTreeMap<(String, u32), Dec> {
    let mut now: BTreeMap<(String, u32), (Decimal, Decimal)> = BTreeMap::new();
    let mut posted: BTreeMap<(String, u64, u32), Decimal> = BTreeMap::new();
    let mut postings: BTreeMap<String, u64> = BTreeMap::new();
    let mut needed: BTreeMap<(String, u32), Dec> = BTreeMap::new();
    let larger =
        |left: Decimal, right: Decimal| if right.abs() > left.abs() { right } else { left };
    for step in steps.iter().filter(|step| step.expect_error.is_none()) {
        match &step.op {
            Op::Purchase(put) | Op::Sale(put) | Op::PurchaseReturn(put) | Op::SaleReturn(put) => {
                let together = is_together(put);
                let hands = |line: &Line| handed(line, together);
                let number = postings.entry(put.document.clone()).or_default();
                if put.lines.iter().any(|line| !hands(line).is_zero()) {
                    *number += 1;
                }
                for line in put.lines.iter().filter(|line| line.item.is_some()) {
                    let no = line.line.map_or(0, Int::line);
                    let sum = now.entry((put.document.clone(), no)).or_default();
                    sum.0 += hands(line);
                    sum.1 += line.invoice.map_or(Decimal::ZERO, |qty| qty.0);
                    posted.insert((put.document.clone(), *number, no), hands(line));
                    let most = needed.entry((put.document.clone(), no)).or_default();
                    *most = Dec(larger(larger(most.0, sum.0), sum.1));
                }
            }
            Op::TransferShip(put) => {
                for line in &put.lines {
                    let no = line.line.map_or(0, Int::line);
                    let most = needed.entry((put.document.clone(), no)).or_default();
                    most.0 += line.qty.map_or(Decimal::ZERO, |qty| qty.0);
                }
            }
            Op::UndoReceipt(undo) | Op::UndoShipment(undo) | Op::UndoReturnReceipt(undo) => {
                let no = undo.line.map_or(0, Int::line);
                let number = undo.posting_no.map_or(1, |no| no.0);
                let taken = posted.get(&(undo.document.clone(), number, no)).copied();
                let sum = now.entry((undo.document.clone(), no)).or_default();
                sum.0 -= taken.unwrap_or_default();
            }
            _ => {}
        }
    }
    needed
}

/// An invoice or a credit memo is handled as it is invoiced.
fn is_together(put: &op::Document) -> bool {
    matches!(put.document_type, Some(op::DocumentType::Invoice | op::DocumentType::CreditMemo))
}

fn handed(line: &Line, together: bool) -> Decimal {
    match (line.receive.or(line.ship), together) {
        (None, true) => line.invoice.or(line.qty).map_or(Decimal::ZERO, |qty| qty.0),
        _ => handled(line),
    }
}

/// Posts a document; it is made when its name is new.
///
/// # Errors
///
/// The refusal.
pub(crate) fn document(play: &mut Play, kind: DocumentKind, put: &op::Document) -> Done {
    let together = is_together(put);
    let (mut lines, mut charges) = (Vec::new(), Vec::new());
    for line in &put.lines {
        if let Some(charge) = &line.charge {
            charges.push(charge_line(play, line, charge)?);
        } else {
            lines.push(item_line(play, put, line, together)?);
        }
    }
    let hands = put.lines.iter().any(|line| !handed(line, together).is_zero());
    // What an undo gave back to the order is handed over with its next posting, unless that says
    // otherwise: the quantities of an order's line are those that are open.
    let open = play.returned.iter().filter(|((document, no), _line)| {
        *document == put.document && !lines.iter().any(|line| line.line == *no)
    });
    let open: Vec<PostLine> = open.map(|(_key, line)| line.clone()).collect();
    lines.extend(open);
    let posted = lines.clone();
    play.company.ask(&Command::PostDocument(PostDocument {
        dimensions: Dimensions::NONE,
        kind,
        no: code(&put.document)?,
        date: date_of(put.date)?,
        partner: None,
        business_group: ledgers::BUSINESS.to_owned(),
        lines,
        charges,
    }))?;
    play.kinds.insert(put.document.clone(), kind);
    for line in posted {
        play.returned.remove(&(put.document.clone(), line.line));
        play.posted.insert((put.document.clone(), line.line), line);
    }
    if hands {
        *play.postings.entry(put.document.clone()).or_default() += 1;
    }
    Ok(())
}

fn item_line(play: &Play, put: &op::Document, line: &Line, together: bool) -> Done<PostLine> {
    let no = required(line.line, "line")?.line();
    let handle = handed(line, together);
    let invoice = match (line.invoice, together) {
        (Some(invoice), _) => invoice.0,
        (None, true) => handle,
        (None, false) => Decimal::ZERO,
    };
    let needed = play.needed.get(&(put.document.clone(), no)).copied();
    let applies_to = match &line.applies_to_step {
        Some(step) => play.entry_of_step(step)?,
        None => play.entry(line.applies_to_ile)?,
    };
    Ok(PostLine {
        dimensions: Dimensions::NONE,
        line: no,
        item: code(&required(line.item.clone(), "item")?)?,
        variant: money::optional(line.variant.as_deref())?,
        location: money::location(line.location.as_deref())?,
        bin: money::optional(line.bin.as_deref())?,
        unit: money::optional(line.uom.as_deref())?,
        ordered: line.qty.or(needed).map(money::quantity).transpose()?,
        handle: money::quantity(Dec(handle))?,
        invoice: money::quantity(Dec(invoice))?,
        unit_amount: line
            .direct_unit_cost
            .or(line.unit_price)
            .map(money::unit_amount)
            .transpose()?,
        discount_percent: None,
        tracking: trackings(&line.tracking)?,
        applies_to,
        applies_from: play.entry(line.applies_from_ile)?,
    })
}

fn charge_line(play: &Play, line: &Line, charge: &str) -> Done<PostCharge> {
    let mut assign = Vec::new();
    for row in &line.assign {
        assign.extend(targets(play, row)?);
    }
    Ok(PostCharge {
        dimensions: Dimensions::NONE,
        split: None,
        over: Vec::new(),
        line: required(line.line, "line")?.line(),
        charge: charge.to_owned(),
        quantity: money::quantity(required(line.invoice.or(line.qty), "invoice")?)?,
        unit_amount: money::unit_amount(required(line.unit_amount, "unit_amount")?)?,
        assign,
    })
}

/// What an assignment names: a line of this posting, a posted line, or for a transfer the entries of its
/// posted receipt, by quantity.
fn targets(play: &Play, row: &Assign) -> Done<Vec<(ChargeTarget, Quantity)>> {
    let line = required(row.line, "line")?.line();
    let quantity = required(row.qty, "qty")?;
    if row.to == Some(AssignTo::DocumentLine) {
        return Ok(vec![(ChargeTarget::Line(line), money::quantity(quantity)?)]);
    }
    let document = required(row.document.clone(), "document")?;
    let number = row.posting_no.map_or(1, |no| no.0);
    if let Some(entries) = play.received.get(&(document.clone(), number, line)) {
        return by_quantity(play, entries, quantity);
    }
    let Some(kind) = play.kinds.get(&document) else {
        return lacking(format!("a posting of {document}"));
    };
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let target = ChargeTarget::Posted(*kind, code(&document)?, number, line);
    Ok(vec![(target, money::quantity(quantity)?)])
}

fn by_quantity(
    play: &Play,
    entries: &[EntryNo],
    quantity: Dec,
) -> Done<Vec<(ChargeTarget, Quantity)>> {
    let of = |no: &EntryNo| {
        let row = play.company.tables.row::<ItemLedger>(no);
        row.map_or(Decimal::ZERO, |row| row.quantity.decimal())
    };
    let whole: Decimal = entries.iter().map(of).sum();
    let (mut sum, mut given, mut targets) = (Decimal::ZERO, Decimal::ZERO, Vec::new());
    for no in entries {
        sum += of(no);
        let upto = reading::to_five(quantity.0 * sum / whole);
        targets.push((ChargeTarget::Entry(*no), money::quantity(Dec(upto - given))?));
        given = upto;
    }
    Ok(targets)
}

/// Takes a posted line back.
///
/// # Errors
///
/// The refusal.
pub(crate) fn undo(play: &mut Play, undo: &op::Undo) -> Done {
    let Some(kind) = play.kinds.get(&undo.document).copied() else {
        return lacking(format!("a posting of {}", undo.document));
    };
    let number = undo.posting_no.map_or(1, |no| no.0);
    play.company.ask(&Command::UndoPosted(UndoPosted {
        kind,
        no: code(&undo.document)?,
        posting: u32::try_from(number).unwrap_or(u32::MAX),
        line: required(undo.line, "line")?.line(),
    }))?;
    let key = (undo.document.clone(), required(undo.line, "line")?.line());
    if let Some(line) = play.posted.get(&key) {
        let line = PostLine { invoice: line.handle, ..line.clone() };
        play.returned.insert(key, line);
    }
    Ok(())
}

/// Makes a purchase or sales order and posts nothing.
///
/// # Errors
///
/// The refusal.
pub(crate) fn order(play: &mut Play, kind: DocumentKind, put: &op::Order) -> Done {
    let mut lines = Vec::new();
    for line in &put.lines {
        let zero =
            Line { receive: Some(Dec::default()), invoice: Some(Dec::default()), ..line.clone() };
        let document = op::Document { document: put.document.clone(), ..op::Document::default() };
        lines.push(item_line(play, &document, &zero, false)?);
    }
    let partner = put.customer.as_deref().or(put.vendor.as_deref());
    play.company.ask(&Command::PostDocument(PostDocument {
        dimensions: Dimensions::NONE,
        kind,
        no: code(&put.document)?,
        date: date_of(put.date)?,
        partner: money::optional(partner)?,
        business_group: ledgers::BUSINESS.to_owned(),
        lines,
        charges: Vec::new(),
    }))?;
    play.kinds.insert(put.document.clone(), kind);
    Ok(())
}

/// Gives a line of an order new values.
///
/// # Errors
///
/// The refusal.
pub(crate) fn modify_line(play: &mut Play, change: &op::ModifyLine) -> Done {
    let Some(kind) = play.kinds.get(&change.document).copied() else {
        return lacking(format!("an order {}", change.document));
    };
    let set = change.set.clone().unwrap_or_default();
    let no = required(change.line, "line")?.line();
    let key = (kind, code(&change.document)?, no);
    let Some(row) = play.company.tables.row::<DocumentLines>(&key) else {
        return lacking(format!("line {no} of {}", change.document));
    };
    let terms = play.company.tables.row::<LinesTerms>(&key);
    let names = reading::Texts(&play.company.tables);
    let item = set.item.or_else(|| change.item.clone()).unwrap_or_else(|| names.item(row.item));
    let location = set.location.or_else(|| change.location.clone());
    let location = location
        .or_else(|| terms.as_ref().map(|terms| names.location(terms.location)))
        .unwrap_or_default();
    let variant = set.variant.or_else(|| change.variant.clone());
    let variant = variant.unwrap_or_else(|| names.variant(row.variant));
    let amount = set.direct_unit_cost.or(set.unit_price);
    let amount = amount.or(change.direct_unit_cost).or(change.unit_price);
    let bin = set.bin.or_else(|| change.bin.clone());
    let unit = set.uom.or_else(|| change.uom.clone());
    let unit = unit.map_or_else(
        || {
            ledger::lookup::unit_text(&play.company.tables, row.unit)
                .map_or(Ok(None), |unit| Ok(Some(unit)))
        },
        |unit| money::optional(Some(&unit)),
    )?;
    play.company.ask(&Command::PostDocument(PostDocument {
        dimensions: Dimensions::NONE,
        kind,
        no: code(&change.document)?,
        date: play.company.work_date,
        partner: None,
        business_group: ledgers::BUSINESS.to_owned(),
        lines: vec![PostLine {
            dimensions: Dimensions::NONE,
            line: no,
            item: code(&item)?,
            variant: money::optional(Some(&variant))?,
            location: money::location(Some(&location))?,
            bin: money::optional(bin.as_deref())?,
            unit,
            ordered: set.qty.or(change.qty).map(money::quantity).transpose()?,
            handle: Quantity::ZERO,
            invoice: Quantity::ZERO,
            unit_amount: amount.map(money::unit_amount).transpose()?,
            discount_percent: None,
            tracking: Vec::new(),
            applies_to: EntryNo(0),
            applies_from: EntryNo(0),
        }],
        charges: Vec::new(),
    }))?;
    Ok(())
}

/// A transfer order, with what the file needs of each line.
fn put_transfer(
    play: &mut Play,
    no: &str,
    (from, to, through): (&str, &str, &str),
    lines: &[Line],
) -> Done {
    let mut rows = Vec::new();
    for line in lines {
        let number = required(line.line, "line")?.line();
        let needed = play.needed.get(&(no.to_owned(), number)).copied();
        rows.push(PutLine {
            line: number,
            item: code(&required(line.item.clone(), "item")?)?,
            variant: money::optional(line.variant.as_deref())?,
            unit: money::optional(line.uom.as_deref())?,
            quantity: money::quantity(required(needed.or(line.qty), "qty")?)?,
            tracking: Tracking::NONE,
        });
    }
    play.company.ask(&Command::PutDocument(PutDocument {
        kind: DocumentKind::TransferOrder,
        no: code(no)?,
        partner: None,
        partner_name: String::new(),
        location: required_location(from)?,
        to_location: money::location(Some(to))?,
        in_transit: money::location(Some(through))?,
        due: None,
        document_date: None,
        status: DocumentStatus::Released,
        lines: rows,
    }))?;
    play.kinds.insert(no.to_owned(), DocumentKind::TransferOrder);
    Ok(())
}

/// A transfer order names its locations: the blank one is none.
fn required_location(text: &str) -> Done<protocol::words::LocationCode> {
    match money::location(Some(text))? {
        Some(location) => Ok(location),
        None => Err(crate::vectors::company::Stop::Refused(
            protocol::code::Code::LocationRequired.into(),
        )),
    }
}

/// `transfer_order`.
///
/// # Errors
///
/// The refusal.
pub(crate) fn transfer_order(play: &mut Play, put: &op::TransferOrder) -> Done {
    let from = put.lines.first().and_then(|line| line.location.clone()).unwrap_or_default();
    let to = put.to_location.clone().unwrap_or_default();
    let through = put.in_transit.as_deref().unwrap_or(found::IN_TRANSIT);
    put_transfer(play, &put.document, (&from, &to, through), &put.lines)
}

/// `transfer_ship`.
///
/// # Errors
///
/// The refusal.
pub(crate) fn transfer_ship(play: &mut Play, put: &op::TransferShip) -> Done {
    let ends = [&put.from_location, &put.to_location, &put.in_transit];
    let [from, to, through] = ends.map(|end| end.clone().unwrap_or_default());
    required_location(&from)?;
    required_location(&to)?;
    put_transfer(play, &put.document, (&from, &to, &through), &put.lines)?;
    for line in &put.lines {
        for goods in goods(play, line)? {
            let place = Place { location: required_location(&from)?, bin: None, plate: None };
            let body = Body::TransferShip(TransferShip { from: place, goods });
            handle(play, &put.document, line, put.date, &body)?;
        }
    }
    Ok(())
}

/// `transfer_receive`: what it posts at the destination is what a charge may be assigned to.
///
/// # Errors
///
/// The refusal.
pub(crate) fn transfer_receive(play: &mut Play, put: &op::TransferReceive) -> Done {
    let key = (DocumentKind::TransferOrder, code(&put.document)?);
    let header = play.company.tables.row::<ledger::schema::document::Documents>(&key);
    let to = header.and_then(|header| header.to_location);
    let Some(to) = to else { return lacking(format!("a transfer order {}", put.document)) };
    let to = reading::Texts(&play.company.tables).location(to);
    let number = play.postings.get(&put.document).copied().unwrap_or(0) + 1;
    for line in &put.lines {
        let before = play.last_entry();
        for goods in goods(play, line)? {
            let place = Place { location: required_location(&to)?, bin: None, plate: None };
            let body = Body::TransferReceive(TransferReceive { to: place, goods });
            handle(play, &put.document, line, put.date, &body)?;
        }
        let no = required(line.line, "line")?.line();
        let entries = play.company.tables.list::<ItemLedger>(&KeyRange::all());
        let made = entries.into_iter().filter(|(entry, row)| {
            *entry > before && row.quantity.is_positive() && row.entry_type == EntryType::Transfer
        });
        let made = made.map(|(entry, _row)| entry).collect();
        play.received.insert((put.document.clone(), number, no), made);
    }
    play.postings.insert(put.document.clone(), number);
    Ok(())
}

fn handle(
    play: &mut Play,
    document: &str,
    line: &Line,
    date: Option<chrono::NaiveDate>,
    body: &Body,
) -> Done {
    let reference = DocumentRef {
        kind: DocumentKind::TransferOrder,
        no: code(document)?,
        line: line.line.map(Int::line),
    };
    let handle = Handle { date: Some(date_of(date)?), ..Handle::new(body, Some(reference)) };
    play.company.ask(&Command::Handle(handle))?;
    Ok(())
}

/// The goods of a line of a transfer: one for each lot or serial, in base units, or all of them together.
fn goods(play: &Play, line: &Line) -> Done<Vec<Goods>> {
    let item = required(line.item.clone(), "item")?;
    let Some(card) = play.cards.get(&item) else { return lacking(format!("item {item}")) };
    let unit = line.uom.clone().unwrap_or_else(|| card.base_unit.clone());
    let factor = play.units.get(&(item.clone(), unit.clone())).copied();
    let factor = money::quantity(factor.unwrap_or(Dec(Decimal::ONE)))?;
    let Ok(factor) = UnitFactor::try_from(factor) else { return lacking("a unit of nothing") };
    let quantity = money::quantity(required(line.qty, "qty")?)?;
    let precision = card.precision.unwrap_or(Dec(Decimal::new(1, 5)));
    let base = base_quantity(quantity, factor, money::quantity(precision)?);
    let whole = Goods {
        item: code(&item)?,
        variant: money::optional(line.variant.as_deref())?,
        unit: code(&unit)?,
        factor,
        quantity,
        base: required(base, "qty")?,
        tracking: Tracking::NONE,
        expiry: None,
        raw: None,
    };
    if line.tracking.is_empty() {
        return Ok(vec![whole]);
    }
    let base_unit: UnitCode = code(&card.base_unit)?;
    let part = |row: JournalTracking| Goods {
        unit: base_unit.clone(),
        factor: UnitFactor::ONE,
        quantity: row.quantity,
        base: row.quantity,
        tracking: row.tracking,
        expiry: row.expiry,
        ..whole.clone()
    };
    Ok(trackings(&line.tracking)?.into_iter().map(part).collect())
}

/// The lines of all documents, in their units.
pub(crate) fn lines(play: &Play) -> Vec<DocumentLine> {
    let tables = &play.company.tables;
    tables
        .list::<DocumentLines>(&KeyRange::all())
        .into_iter()
        .map(|((kind, no, line), row)| {
            let terms = tables.row::<LinesTerms>(&(kind, no.clone(), line)).unwrap_or_default();
            let sign = if terms.negative { -Decimal::ONE } else { Decimal::ONE };
            let factor = row.factor.quantity().decimal();
            let in_unit = |quantity: Quantity| sign * quantity.decimal() / factor;
            DocumentLine {
                document: no.to_string(),
                line,
                quantity: in_unit(row.quantity),
                handled: in_unit(row.handled),
                invoiced: in_unit(terms.invoiced),
            }
        })
        .collect()
}
