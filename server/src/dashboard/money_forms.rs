//! The commands of the journals, documents and worksheet forms of the money side.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use ledger::command::Command;
use ledger::command::journal::{JournalLine, JournalTracking, JournalType, PostItemJournal};
use ledger::command::post_document::{
    ChargeSplit, ChargeTarget, PostCharge, PostDocument, PostLine,
};
use ledger::costing::revalue::{PostRevaluation, RevaluationLine};
use ledger::costing::worksheet::{ApplyEntry, UnapplyEntries};
use ledger::dimension::{Dimensions, DimensionsOf, PutDefaultDimensions, PutDocumentDimensions};
use ledger::schema::item::{Item, ItemUnits, Items, UnitsByCode};
use ledger::schema::{EntryNo, ItemId};
use ledger::tables::{Read as _, Tables};
use protocol::operation::{DocumentKind, Tracking};
use protocol::quantity::{Quantity, UnitFactor, base_quantity};
use protocol::words::{
    BinCode, DocumentNo, ItemNo, LocationCode, LotNo, PartnerNo, SerialNo, UnitCode, VariantCode,
};

use super::names;
use super::page::money::paper::POSTED_KINDS;
use super::query::{Query, encoded};
use crate::api::problem::Problem;

/// What is typed in a field that may be left empty.
fn optional<T: std::str::FromStr>(form: &Query, name: &str) -> Result<Option<T>, Problem> {
    match form.get(name) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_bad| Problem::malformed(name)),
    }
}

/// A code in a field that may be left empty.
fn word<T>(form: &Query, name: &str, make: fn(String) -> Option<T>) -> Result<Option<T>, Problem> {
    match form.get(name) {
        None => Ok(None),
        Some(text) => make(text.to_owned()).map(Some).ok_or_else(|| Problem::malformed(name)),
    }
}

fn needed<T>(found: Option<T>, name: &str) -> Result<T, Problem> {
    found.ok_or_else(|| Problem::malformed(name))
}

fn location(form: &Query, name: &str) -> Result<Option<LocationCode>, Problem> {
    word(form, name, |text| LocationCode::new(text).ok())
}

fn bin(form: &Query, name: &str) -> Result<Option<BinCode>, Problem> {
    word(form, name, |text| BinCode::new(text).ok())
}

fn item(form: &Query) -> Result<ItemNo, Problem> {
    needed(word(form, "item", |text| ItemNo::new(text).ok())?, "item")
}

fn variant(form: &Query) -> Result<Option<VariantCode>, Problem> {
    word(form, "variant", |text| VariantCode::new(text).ok())
}

fn unit(form: &Query) -> Result<Option<UnitCode>, Problem> {
    word(form, "unit", |text| UnitCode::new(text).ok())
}

fn date(form: &Query) -> Result<NaiveDate, Problem> {
    needed(optional(form, "date")?, "date")
}

fn entry(form: &Query, name: &str) -> Result<EntryNo, Problem> {
    Ok(EntryNo(optional(form, name)?.unwrap_or(0)))
}

/// Dimensions written `CODE=VALUE; CODE=VALUE`.
fn dimensions(form: &Query, name: &str) -> Result<Dimensions, Problem> {
    let mut said = Dimensions::default();
    for part in form.text(name).split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (code, value) = part.split_once('=').ok_or_else(|| Problem::malformed(name))?;
        said.0.insert(code.trim().to_owned(), value.trim().to_owned());
    }
    Ok(said)
}

/// The lot or serial of a line, if any, for all of it.
fn tracking(
    tables: &dyn Tables,
    form: &Query,
    (item, quantity): (&ItemNo, Quantity),
) -> Result<Vec<JournalTracking>, Problem> {
    let lot = |name| word(form, name, |text| LotNo::new(text).ok());
    let serial = word(form, "serial", |text| SerialNo::new(text).ok())?;
    let of_line = Tracking { lot: lot("lot")?, serial, ..Tracking::NONE };
    if of_line == Tracking::NONE {
        return Ok(Vec::new());
    }
    let id = needed(names::item_of(tables, item.as_str()), "item")?;
    let card = needed(tables.row::<Items>(&id), "item")?;
    let factor = needed(factor(tables, (id, &card), unit(form)?), "unit")?;
    let base = base_quantity(quantity.abs(), factor, card.precision);
    Ok(vec![JournalTracking {
        tracking: of_line,
        quantity: needed(base, "quantity")?,
        expiry: optional(form, "expiry")?,
        new_lot: lot("new_lot")?,
        new_expiry: None,
    }])
}

/// How many base units a unit holds; none when the item has no such unit.
fn factor(
    tables: &dyn Tables,
    (id, card): (ItemId, &Item),
    unit: Option<UnitCode>,
) -> Option<UnitFactor> {
    match unit {
        Some(code) if code != card.base_unit => {
            let unit = *tables.row::<UnitsByCode>(&code)?;
            tables.row::<ItemUnits>(&(id, unit)).map(|row| row.factor)
        }
        _ => Some(UnitFactor::ONE),
    }
}

fn journal(tables: &dyn Tables, form: &Query, line_type: JournalType) -> Result<Command, Problem> {
    let item = item(form)?;
    let quantity = needed(optional(form, "quantity")?, "quantity")?;
    let line = JournalLine {
        line_type,
        date: date(form)?,
        document_no: form.text("document_no").to_owned(),
        tracking: tracking(tables, form, (&item, quantity))?,
        item,
        variant: variant(form)?,
        location: location(form, "location")?,
        bin: bin(form, "bin")?,
        new_location: location(form, "new_location")?,
        new_bin: bin(form, "new_bin")?,
        unit: unit(form)?,
        quantity,
        unit_cost: optional(form, "unit_cost")?,
        amount: None,
        unit_price: optional(form, "unit_price")?,
        applies_to: entry(form, "applies_to")?,
        applies_from: entry(form, "applies_from")?,
        not_invoiced: false,
        business_group: String::new(),
        order: None,
        dimensions: dimensions(form, "dimensions")?,
        new_dimensions: dimensions(form, "new_dimensions")?,
    };
    Ok(Command::PostItemJournal(PostItemJournal { lines: vec![line] }))
}

fn journal_type(word: &str) -> Option<JournalType> {
    Some(match word {
        "purchase" => JournalType::Purchase,
        "sale" => JournalType::Sale,
        "positive_adjustment" => JournalType::PositiveAdjustment,
        "negative_adjustment" => JournalType::NegativeAdjustment,
        _ => return None,
    })
}

fn revaluation(form: &Query) -> Result<Command, Problem> {
    let value = optional(form, "value")?;
    let place = form.is("split", "yes").then(|| form.text("location").to_owned());
    let variant = form.is("split_variant", "yes").then(|| form.text("variant").to_owned());
    let line = RevaluationLine {
        item: item(form)?,
        date: date(form)?,
        location: place,
        variant,
        applies_to: entry(form, "applies_to")?,
        quantity: optional(form, "quantity")?,
        calculated: true,
        unit_cost: optional(form, "unit_cost")?,
        value,
        amount: None,
        update_standard_cost: form.is("update_standard", "yes"),
        document_no: form.text("document_no").to_owned(),
        dimensions: dimensions(form, "dimensions")?,
    };
    Ok(Command::PostRevaluation(PostRevaluation { lines: vec![line] }))
}

fn kind_and_no(form: &Query) -> Result<(DocumentKind, DocumentNo), Problem> {
    let kind = POSTED_KINDS.into_iter().find(|kind| form.is("kind", names::document_word(*kind)));
    let no = word(form, "no", |text| DocumentNo::new(text).ok())?;
    Ok((needed(kind, "kind")?, needed(no, "no")?))
}

/// What is posted of one line, with the number that it has unless it says another.
fn document_line(
    tables: &dyn Tables,
    form: &Query,
    number: Option<u32>,
) -> Result<PostLine, Problem> {
    let item = item(form)?;
    let handle = optional(form, "handle")?.unwrap_or(Quantity::ZERO);
    Ok(PostLine {
        line: number.unwrap_or(10_000),
        tracking: tracking(tables, form, (&item, handle))?,
        item,
        variant: variant(form)?,
        location: location(form, "location")?,
        bin: bin(form, "bin")?,
        unit: unit(form)?,
        ordered: None,
        handle,
        invoice: optional(form, "invoice")?.unwrap_or(Quantity::ZERO),
        unit_amount: optional(form, "unit_amount")?,
        discount_percent: optional(form, "discount_percent")?,
        applies_to: entry(form, "applies_to")?,
        applies_from: entry(form, "applies_from")?,
        dimensions: Dimensions::NONE,
    })
}

/// The lines of a form: the one that it is about, or of several those in which something is filled in.
fn document_lines(tables: &dyn Tables, form: &Query) -> Result<Vec<PostLine>, Problem> {
    if form.get("item").is_some() {
        return Ok(vec![document_line(tables, form, optional(form, "line")?)?]);
    }
    let mut lines = Vec::new();
    for number in form.all("line") {
        let part = form.part(number);
        if part.has_any(&["handle", "invoice"]) {
            let number = number.parse().map_err(|_bad| Problem::malformed("line"))?;
            lines.push(document_line(tables, &part, Some(number))?);
        }
    }
    if lines.is_empty() { Err(Problem::malformed("handle")) } else { Ok(lines) }
}

fn document(tables: &dyn Tables, form: &Query) -> Result<Command, Problem> {
    let (kind, no) = kind_and_no(form)?;
    Ok(Command::PostDocument(PostDocument {
        kind,
        no,
        date: date(form)?,
        partner: word(form, "partner", |text| PartnerNo::new(text).ok())?,
        business_group: String::new(),
        lines: document_lines(tables, form)?,
        charges: Vec::new(),
        dimensions: dimensions(form, "dimensions")?,
    }))
}

/// What is proposed for a master record.
fn default_dimensions(form: &Query) -> Result<Command, Problem> {
    let code = || needed(form.get("code").map(str::to_owned), "code");
    let bad = |_bad| Problem::malformed("code");
    let of = match form.text("of") {
        "item" => DimensionsOf::Item(ItemNo::new(code()?).map_err(bad)?),
        "location" => DimensionsOf::Location(LocationCode::new(code()?).map_err(bad)?),
        "vendor" => DimensionsOf::Vendor(PartnerNo::new(code()?).map_err(bad)?),
        "customer" => DimensionsOf::Customer(PartnerNo::new(code()?).map_err(bad)?),
        "resource" => DimensionsOf::Resource(code()?),
        "work_center" => DimensionsOf::WorkCenter(code()?),
        "machine_center" => DimensionsOf::MachineCenter(code()?),
        _ => return Err(Problem::malformed("of")),
    };
    let dimensions = dimensions(form, "dimensions")?;
    Ok(Command::PutDefaultDimensions(PutDefaultDimensions { of, dimensions }))
}

/// What a document or one of its lines says of dimensions.
fn document_dimensions(form: &Query) -> Result<Command, Problem> {
    let (kind, no) = kind_and_no(form)?;
    let line = optional(form, "line")?.unwrap_or(0);
    let dimensions = dimensions(form, "dimensions")?;
    Ok(Command::PutDocumentDimensions(PutDocumentDimensions { kind, no, line, dimensions }))
}

/// A charge of a document, shared out over the entries that are ticked or named by their numbers.
fn charge(form: &Query) -> Result<Command, Problem> {
    let (kind, no) = kind_and_no(form)?;
    let split = match form.text("split") {
        "equally" => ChargeSplit::Equally,
        "amount" => ChargeSplit::Amount,
        "weight" => ChargeSplit::Weight,
        "volume" => ChargeSplit::Volume,
        _ => return Err(Problem::malformed("split")),
    };
    let numbers = form.all("entries").flat_map(|named| named.split([' ', ',', ';']));
    // One that is ticked and named is charged once.
    let entries = numbers
        .filter(|part| !part.is_empty())
        .map(str::parse)
        .collect::<Result<BTreeSet<u64>, _>>()
        .map_err(|_bad| Problem::malformed("entries"))?;
    let over = entries.into_iter().map(|no| ChargeTarget::Entry(EntryNo(no))).collect();
    let charge = PostCharge {
        line: 10_000,
        charge: needed(form.get("charge"), "charge")?.to_owned(),
        quantity: Quantity::ONE,
        unit_amount: needed(optional(form, "unit_amount")?, "unit_amount")?,
        assign: Vec::new(),
        split: Some(split),
        over,
        dimensions: Dimensions::NONE,
    };
    Ok(Command::PostDocument(PostDocument {
        kind,
        no,
        date: date(form)?,
        partner: None,
        business_group: String::new(),
        lines: Vec::new(),
        charges: vec![charge],
        dimensions: Dimensions::NONE,
    }))
}

/// The command of a form, and the page that shows what it did; none: it is no form of these pages.
pub(super) fn command(
    tables: &dyn Tables,
    action: &str,
    form: &Query,
) -> Option<Result<(Command, String), Problem>> {
    let worth = || {
        item(form)
            .map(|item| format!("/money/items/{}", encoded(item.as_str())))
            .unwrap_or_default()
    };
    let worksheet = || format!("/money/worksheet?item={}", encoded(form.text("item")));
    let of_document =
        || format!("/money/documents/{}/{}", encoded(form.text("kind")), encoded(form.text("no")));
    Some(match action {
        "journal" => needed(journal_type(form.text("line_type")), "line_type")
            .and_then(|line_type| journal(tables, form, line_type))
            .map(|command| (command, worth())),
        "reclass" => journal(tables, form, JournalType::Transfer).map(|command| (command, worth())),
        "revalue" => revaluation(form).map(|command| (command, worth())),
        "document" => document(tables, form).map(|command| (command, of_document())),
        "charge" => charge(form).map(|command| (command, of_document())),
        "default-dimensions" => {
            default_dimensions(form).map(|command| (command, "/money/dimensions".to_owned()))
        }
        "document-dimensions" => document_dimensions(form).map(|command| (command, of_document())),
        "unapply" => entry(form, "application").map(|application| {
            let applications = vec![application];
            (Command::UnapplyEntries(UnapplyEntries { applications }), worksheet())
        }),
        "apply" => entry(form, "entry").and_then(|entry| {
            let to = optional(form, "to")?.map(EntryNo);
            Ok((Command::ApplyEntry(ApplyEntry { entry, to }), worksheet()))
        }),
        _ => return None,
    })
}
