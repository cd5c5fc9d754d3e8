//! Plays what the ledger of this build can do of a warehouse file: source documents, journals,
//! reclassifications, undo, scans, and the queries that read stock and documents.

use std::collections::BTreeMap;

use ledger::command::journal::{JournalLine, JournalTracking, JournalType, PostItemJournal};
use ledger::command::papers::{PutDocument, PutLine};
use ledger::command::post_document::{PostDocument, PostLine, UndoPosted};
use ledger::command::{Command, Handle};
use ledger::dimension::Dimensions;
use ledger::schema::EntryNo;
use ledger::schema::item::{Identifiers, Items};
use ledger::tables::Read as _;
use protocol::feed::DocumentStatus;
use protocol::operation::{
    Body, DocumentKind, DocumentRef, Goods, Place, Tracking, TransferReceive, TransferShip,
};
use protocol::quantity::{Quantity, UnitFactor, base_quantity};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::{File, Step};
use crate::vectors::company::{Company, Done, Stop, code, lacking};
use crate::vectors::json::{Dec, Int};
use crate::vectors::money::{location, optional, quantity};
use crate::vectors::{book, reading};

/// Fields of an object of a file.
pub(crate) type Fields = Map<String, Value>;

/// The text under a key.
pub(crate) fn text<'a>(fields: &'a Fields, key: &str) -> Option<&'a str> {
    fields.get(key).and_then(Value::as_str)
}

/// The number under a key.
pub(crate) fn number(fields: &Fields, key: &str) -> Option<Dec> {
    fields.get(key).cloned().and_then(|value| Dec::try_from(value).ok())
}

/// The rows under a key.
pub(crate) fn rows<'a>(fields: &'a Fields, key: &str) -> Vec<&'a Fields> {
    let list = fields.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object).collect()
}

/// Whether a key is set to true.
pub(crate) fn flag(fields: &Fields, key: &str) -> bool {
    fields.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// A field that must be there.
///
/// # Errors
///
/// It is not.
pub(crate) fn needed<T>(field: Option<T>, name: &str) -> Done<T> {
    field.map_or_else(|| lacking(format!("the argument {name}")), Ok)
}

/// What a posting was named.
#[derive(Debug, Clone)]
struct Posted {
    kind: DocumentKind,
    document: String,
    posting: u32,
    lines: Vec<u32>,
}

/// A file that is being played.
#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) company: Company,
    /// The documents of the setup, by number.
    pub(crate) documents: BTreeMap<String, Fields>,
    today: chrono::NaiveDate,
    postings: BTreeMap<String, u32>,
    posted: BTreeMap<String, Posted>,
}

impl Play {
    /// The company of the file.
    ///
    /// # Errors
    ///
    /// The setup names what the ledger has no place for.
    pub(crate) fn begin(file: &File) -> Done<Self> {
        let company = super::setup::found(file)?;
        let documents = rows(&file.setup, "documents");
        let documents = documents
            .into_iter()
            .filter_map(|row| Some((text(row, "no")?.to_owned(), row.clone())))
            .collect();
        let (postings, posted) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { company, documents, today: file.today, postings, posted })
    }

    /// Does a step; what it returns.
    ///
    /// # Errors
    ///
    /// The refusal, or that the ledger has no such operation.
    pub(crate) fn act(&mut self, step: &Step) -> Done<Value> {
        let args = &step.args;
        match step.op.as_str() {
            "post_source" => self.post_source(args),
            "post_item_journal" if !args.contains_key("batch") => {
                self.journal(args, JournalType::PositiveAdjustment)
            }
            "post_reclass" => self.journal(args, JournalType::Transfer),
            "undo" => self.undo(args),
            "scan" => self.scan(args),
            "release" => Ok(Value::Null),
            "query" => self.query(args),
            other => lacking(format!("the operation {other}")),
        }
    }

    fn post_source(&mut self, args: &Fields) -> Done<Value> {
        let no = needed(text(args, "document"), "document")?.to_owned();
        let Some(document) = self.documents.get(&no).cloned() else {
            return lacking(format!("a document {no}"));
        };
        let action = needed(text(args, "action"), "action")?;
        let kind = match (needed(text(&document, "type"), "type")?, action) {
            ("purchase_order", "receive" | "invoice") => DocumentKind::PurchaseOrder,
            ("sales_order", "ship" | "invoice") => DocumentKind::SalesOrder,
            ("sales_return_order", "receive" | "invoice") => DocumentKind::SalesReturnOrder,
            ("purchase_return_order", "ship" | "invoice") => DocumentKind::PurchaseReturnOrder,
            ("transfer_order", "ship" | "receive") => {
                return self.transfer(&no, &document, (action, args));
            }
            (kind, action) => return lacking(format!("the action {action} of a {kind}")),
        };
        if document.contains_key("shipping_advice") || !released(&document) {
            return lacking("shipping advice and release before posting");
        }
        let handled = quantities(args, "lines");
        let invoiced = quantities(args, "invoice");
        let mut lines = Vec::new();
        for line in rows(&document, "lines") {
            let number_of = needed(line_no(line), "line")?;
            let handle = match action {
                "invoice" => Dec::default(),
                _ => handled.get(&number_of).copied().unwrap_or_default(),
            };
            let invoice = match action {
                "invoice" => handled.get(&number_of).copied().unwrap_or_default(),
                _ => invoiced.get(&number_of).copied().unwrap_or_default(),
            };
            if !handle.0.is_zero() || !invoice.0.is_zero() {
                lines.push(source_line(line, number_of, (handle, invoice))?);
            }
        }
        let numbers = lines.iter().map(|line| line.line).collect();
        self.company.ask(&Command::PostDocument(PostDocument {
            dimensions: Dimensions::NONE,
            kind,
            no: code(&no)?,
            date: self.today,
            partner: None,
            business_group: String::new(),
            lines,
            charges: Vec::new(),
        }))?;
        if action != "invoice" {
            let posting = self.postings.entry(no.clone()).or_default();
            *posting += 1;
            if let Some(name) = text(args, "posted_no") {
                let posted = Posted { kind, document: no, posting: *posting, lines: numbers };
                self.posted.insert(name.to_owned(), posted);
            }
        }
        Ok(Value::Null)
    }

    fn transfer(
        &mut self,
        no: &str,
        document: &Fields,
        (action, args): (&str, &Fields),
    ) -> Done<Value> {
        let end = |key| text(document, key).unwrap_or_default().to_owned();
        let (from, to, through) = (end("from"), end("to"), end("in_transit"));
        if through.is_empty() {
            return lacking("a transfer without a location for what is in transit");
        }
        let lines = rows(document, "lines");
        self.put_transfer(no, (&from, &to, &through), &lines)?;
        let handled = quantities(args, "lines");
        for line in lines {
            let number_of = needed(line_no(line), "line")?;
            let Some(taken) = handled.get(&number_of) else { continue };
            let taken = quantity(*taken)?;
            let goods = self.goods(line, taken)?;
            let place = |text: &str| -> Done<Place> {
                Ok(Place { location: code(text)?, bin: None, plate: None })
            };
            let body = match action {
                "ship" => Body::TransferShip(TransferShip { from: place(&from)?, goods }),
                _ => Body::TransferReceive(TransferReceive { to: place(&to)?, goods }),
            };
            let kind = DocumentKind::TransferOrder;
            let reference = DocumentRef { kind, no: code(no)?, line: Some(number_of) };
            let handle = Handle { date: Some(self.today), ..Handle::new(&body, Some(reference)) };
            self.company.ask(&Command::Handle(handle))?;
        }
        Ok(Value::Null)
    }

    fn put_transfer(
        &mut self,
        no: &str,
        (from, to, through): (&str, &str, &str),
        lines: &[&Fields],
    ) -> Done {
        let mut put = Vec::new();
        for line in lines {
            put.push(PutLine {
                line: needed(line_no(line), "line")?,
                item: code(needed(text(line, "item"), "item")?)?,
                variant: None,
                unit: optional(text(line, "uom"))?,
                quantity: quantity(needed(number(line, "quantity"), "quantity")?)?,
                tracking: Tracking::NONE,
            });
        }
        self.company.ask(&Command::PutDocument(PutDocument {
            kind: DocumentKind::TransferOrder,
            no: code(no)?,
            partner: None,
            partner_name: String::new(),
            location: code(from)?,
            to_location: location(Some(to))?,
            in_transit: location(Some(through))?,
            due: None,
            document_date: None,
            status: DocumentStatus::Released,
            lines: put,
        }))?;
        Ok(())
    }

    fn goods(&self, line: &Fields, taken: Quantity) -> Done<Goods> {
        let item = needed(text(line, "item"), "item")?;
        let no = code(item)?;
        let found = ledger::lookup::item(&self.company.tables, &no);
        let Ok((_id, card)) = found else { return lacking(format!("item {item}")) };
        Ok(Goods {
            item: no,
            variant: optional(text(line, "variant"))?,
            unit: card.base_unit.clone(),
            factor: UnitFactor::ONE,
            quantity: taken,
            base: taken,
            tracking: Tracking::NONE,
            expiry: None,
            raw: None,
        })
    }

    fn journal(&mut self, args: &Fields, kind: JournalType) -> Done<Value> {
        let mut lines = Vec::new();
        for row in rows(args, "lines") {
            let kind = match text(row, "entry_type") {
                None => kind,
                Some("Positive Adjmt.") => JournalType::PositiveAdjustment,
                Some("Negative Adjmt.") => JournalType::NegativeAdjustment,
                Some("Purchase") => JournalType::Purchase,
                Some("Sale") => JournalType::Sale,
                Some(other) => return lacking(format!("a journal line of type {other}")),
            };
            lines.push(self.journal_line(row, kind)?);
        }
        self.company.ask(&Command::PostItemJournal(PostItemJournal { lines }))?;
        Ok(Value::Null)
    }

    fn journal_line(&self, row: &Fields, kind: JournalType) -> Done<JournalLine> {
        let amount = quantity(needed(number(row, "quantity"), "quantity")?)?;
        let here = text(row, "location");
        let transfer = kind == JournalType::Transfer;
        let tracking = Tracking {
            lot: optional(text(row, "lot"))?,
            serial: optional(text(row, "serial"))?,
            package: None,
        };
        let date = |key| text(row, key).and_then(|text| text.parse().ok());
        let tracked = (!tracking.is_none()).then(|| -> Done<JournalTracking> {
            Ok(JournalTracking {
                tracking: tracking.clone(),
                quantity: amount,
                expiry: date("expiration"),
                new_lot: optional(text(row, "new_lot"))?,
                new_expiry: date("new_expiration"),
            })
        });
        let bin = text(row, "bin").or_else(|| text(row, "from_bin"));
        let new_bin = text(row, "to_bin").or_else(|| text(row, "new_bin")).or(bin);
        Ok(JournalLine {
            variant: optional(text(row, "variant"))?,
            location: location(here)?,
            bin: optional(bin)?,
            new_location: location(text(row, "new_location").or(here).filter(|_| transfer))?,
            new_bin: optional(new_bin.filter(|_| transfer))?,
            unit: optional(text(row, "uom"))?,
            tracking: tracked.transpose()?.into_iter().collect(),
            ..JournalLine::new(kind, self.today, code(needed(text(row, "item"), "item")?)?, amount)
        })
    }

    fn undo(&mut self, args: &Fields) -> Done<Value> {
        let name = needed(text(args, "posted"), "posted")?;
        let Some(posted) = self.posted.get(name).cloned() else {
            return lacking(format!("a posting named {name}"));
        };
        let lines = match line_no(args) {
            Some(line) => vec![line],
            None => posted.lines.clone(),
        };
        for line in lines {
            self.company.ask(&Command::UndoPosted(UndoPosted {
                kind: posted.kind,
                no: code(&posted.document)?,
                posting: posted.posting,
                line,
            }))?;
        }
        Ok(Value::Null)
    }

    fn scan(&self, args: &Fields) -> Done<Value> {
        let tables = &self.company.tables;
        let scanned = code(needed(text(args, "code"), "code")?)?;
        let row = tables.row::<Identifiers>(&scanned);
        let meanings = row.map(|row| row.meanings.clone()).unwrap_or_default();
        let [meaning] = meanings.as_slice() else {
            let code = match meanings.len() {
                0 => protocol::code::Code::ScanUnknown,
                _ => protocol::code::Code::ScanAmbiguous,
            };
            return Err(Stop::Refused(code.into()));
        };
        let Some(card) = tables.row::<Items>(&meaning.item) else { return lacking("its item") };
        let unit = ledger::lookup::unit_text(tables, meaning.unit);
        let key = (meaning.item, meaning.unit);
        let factor = tables.row::<ledger::schema::item::ItemUnits>(&key);
        let base = match meaning.unit.0 {
            0 => Decimal::ONE,
            _ => factor.map_or(Decimal::ONE, |row| row.factor.quantity().decimal()),
        };
        Ok(json!({
            "item": card.no.to_string(),
            "uom": unit.unwrap_or_else(|| card.base_unit.clone()).to_string(),
            "quantity_base": base.to_string(),
        }))
    }

    fn query(&self, args: &Fields) -> Done<Value> {
        match needed(text(args, "what"), "what")? {
            "on_hand" => {
                let book = reading::read(&self.company);
                Ok(json!({ "quantity": on_hand(&book, args).to_string() }))
            }
            "base_quantity" => {
                let part = |key| -> Done<Quantity> { quantity(needed(number(args, key), key)?) };
                let Ok(factor) = UnitFactor::try_from(part("qty_per_uom")?) else {
                    return lacking("a unit of nothing");
                };
                let base = base_quantity(part("qty")?, factor, part("precision")?);
                Ok(json!({ "value": needed(base, "qty")?.decimal().to_string() }))
            }
            "applications" => Ok(self.applications(args)),
            other => lacking(format!("the query {other}")),
        }
    }

    fn applications(&self, args: &Fields) -> Value {
        let book = reading::read(&self.company);
        let item = text(args, "item").unwrap_or_default();
        let of_item: Vec<_> = book.entries.iter().filter(|entry| entry.item == item).collect();
        let own = |no: u64| of_item.iter().any(|entry| entry.no == no);
        let rows: Vec<Value> = book
            .applications
            .iter()
            .filter(|row| own(row.owner))
            .map(|row| {
                json!({
                    "entry": row.owner, "inbound": row.inbound, "outbound": row.outbound,
                    "quantity": row.quantity.to_string(),
                })
            })
            .collect();
        let remaining: Fields = of_item
            .iter()
            .map(|entry| (entry.no.to_string(), json!(entry.remaining.to_string())))
            .collect();
        json!({ "rows": rows, "remaining": remaining })
    }
}

/// What is on hand of the item, place and numbers that `args` name.
pub(crate) fn on_hand(book: &book::Book, args: &Fields) -> Decimal {
    let same = |key: &str, got: &str| text(args, key).is_none_or(|wanted| wanted == got);
    let here = book.entries.iter().filter(|entry| {
        same("item", &entry.item)
            && same("location", &entry.location)
            && same("variant", &entry.variant)
            && same("lot", &entry.lot)
            && same("serial", &entry.serial)
    });
    here.map(|entry| entry.quantity).sum()
}

fn released(document: &Fields) -> bool {
    text(document, "status").is_none_or(|status| status == "Released")
}

/// The number of a line.
pub(crate) fn line_no(row: &Fields) -> Option<u32> {
    row.get("line").cloned().and_then(|line| Int::try_from(line).ok()).map(Int::line)
}

/// Quantities by line.
fn quantities(args: &Fields, key: &str) -> BTreeMap<u32, Dec> {
    let lines = args.get(key).and_then(Value::as_object);
    let parsed = lines.into_iter().flatten().filter_map(|(line, quantity)| {
        Some((line.parse().ok()?, Dec::try_from(quantity.clone()).ok()?))
    });
    parsed.collect()
}

fn source_line(line: &Fields, no: u32, (handle, invoice): (Dec, Dec)) -> Done<PostLine> {
    let mut tracking = Vec::new();
    for row in rows(line, "tracking") {
        tracking.push(JournalTracking {
            tracking: Tracking {
                lot: optional(text(row, "lot"))?,
                serial: optional(text(row, "serial"))?,
                package: None,
            },
            quantity: quantity(needed(number(row, "quantity"), "quantity")?)?,
            expiry: None,
            new_lot: None,
            new_expiry: None,
        });
    }
    Ok(PostLine {
        dimensions: Dimensions::NONE,
        line: no,
        item: code(needed(text(line, "item"), "item")?)?,
        variant: optional(text(line, "variant"))?,
        location: location(text(line, "location"))?,
        bin: optional(text(line, "bin"))?,
        unit: optional(text(line, "uom"))?,
        ordered: number(line, "quantity").map(quantity).transpose()?,
        handle: quantity(handle)?,
        invoice: quantity(invoice)?,
        unit_amount: None,
        discount_percent: None,
        tracking,
        applies_to: EntryNo(0),
        applies_from: EntryNo(0),
    })
}
