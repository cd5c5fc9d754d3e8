//! What a warehouse file expects, held against the books.

use ledger::key::KeyRange;
use ledger::lookup;
use ledger::schema::document::DocumentLines;
use ledger::schema::entry::WarehouseLedger;
use ledger::schema::place::Bins;
use ledger::schema::posted::LinesTerms;
use ledger::schema::stock::Stocks;
use ledger::tables::Read as _;
use ledger::tracking;
use rust_decimal::Decimal;
use serde_json::Value;

use super::Expect;
use super::run::{Fields, Play, line_no, number, on_hand, text};
use crate::vectors::book::Book;
use crate::vectors::compare::{Differ, Difference, Findings};
use crate::vectors::json::{Dec, Row};
use crate::vectors::reading;

/// Holds the lists of `expect` against the books at the end.
pub(crate) fn check(expect: &Expect, play: &Play, findings: &mut Findings) {
    let book = reading::read(&play.company);
    if let Some(entries) = &expect.item_ledger {
        let made: Vec<_> =
            book.entries.iter().filter(|entry| entry.step != "setup").cloned().collect();
        findings.list("item_ledger", (&entries[..], &made[..]), true, |row, entry| {
            let mut differ = Differ::default();
            differ.text("step", text(row, "step"), &entry.step);
            differ.text("entry_type", text(row, "entry_type"), type_name(entry.kind));
            differ.text("item", text(row, "item"), &entry.item);
            differ.text("variant", text(row, "variant"), &entry.variant);
            differ.text("location", text(row, "location"), &entry.location);
            differ.number("quantity", number(row, "quantity"), entry.quantity);
            differ.text("lot", text(row, "lot"), &entry.lot);
            differ.text("serial", text(row, "serial"), &entry.serial);
            differ.flag(
                "correction",
                row.get("correction").and_then(Value::as_bool),
                entry.correction,
            );
            differ.found()
        });
    }
    warehouse_entries(expect, play, findings);
    stock(expect, (play, &book), findings);
    document_lines(expect, play, findings);
}

fn type_name(kind: &str) -> &str {
    match kind {
        "purchase" => "Purchase",
        "sale" => "Sale",
        "positive_adjustment" => "Positive Adjmt.",
        "negative_adjustment" => "Negative Adjmt.",
        "transfer" => "Transfer",
        "consumption" => "Consumption",
        "output" => "Output",
        "assembly_consumption" => "Assembly Consumption",
        "assembly_output" => "Assembly Output",
        other => other,
    }
}

/// A warehouse entry, in words.
#[derive(Debug)]
struct Moved {
    step: String,
    location: String,
    bin: String,
    item: String,
    lot: String,
    quantity: Decimal,
}

fn warehouse_entries(expect: &Expect, play: &Play, findings: &mut Findings) {
    let Some(entries) = &expect.warehouse_entries else { return };
    let tables = &play.company.tables;
    let names = reading::Texts(tables);
    let bins = |id| tables.row::<Bins>(&id).map(|bin| bin.code.to_string()).unwrap_or_default();
    let made =
        tables.list::<WarehouseLedger>(&KeyRange::all()).into_iter().map(|(_no, row)| Moved {
            step: play.company.step_of(row.written.lsn).to_owned(),
            location: names.location(row.key.location),
            bin: bins(row.key.bin),
            item: names.item(row.key.item),
            lot: lookup::lot_of(tables, row.key.tracking)
                .map(|lot| lot.to_string())
                .unwrap_or_default(),
            quantity: row.quantity.decimal(),
        });
    // Places without bins keep no warehouse entries in the files.
    let made: Vec<_> = made.filter(|row| row.step != "setup" && !row.bin.is_empty()).collect();
    findings.list("warehouse_entries", (&entries[..], &made[..]), true, |row, moved| {
        let mut differ = Differ::default();
        differ.text("step", text(row, "step"), &moved.step);
        differ.text("location", text(row, "location"), &moved.location);
        differ.text("bin", text(row, "bin"), &moved.bin);
        differ.text("item", text(row, "item"), &moved.item);
        differ.text("lot", text(row, "lot"), &moved.lot);
        differ.number("qty_base", number(row, "qty_base"), moved.quantity);
        differ.found()
    });
}

fn stock(expect: &Expect, (play, book): (&Play, &Book), findings: &mut Findings) {
    for Row { raw, row } in &expect.inventory {
        let mut differ = Differ::default();
        differ.number("quantity_base", number(row, "quantity_base"), on_hand(book, row));
        findings.row(format!("inventory {raw}"), differ.found());
    }
    let tables = &play.company.tables;
    let names = reading::Texts(tables);
    for Row { raw, row } in &expect.bin_content {
        if row.contains_key("uom") {
            findings.push("bin_content", raw, "lacking: bin contents by unit");
            continue;
        }
        let mut quantity = Decimal::ZERO;
        for (key, stock) in tables.list::<Stocks>(&KeyRange::all()) {
            let numbers = tracking::tracking_of(tables, key.tracking);
            let bin = tables.row::<Bins>(&key.bin).map(|bin| bin.code.to_string());
            let same = |word: &str, got: &str| text(row, word).is_none_or(|wanted| wanted == got);
            let lot = numbers.lot.map(|lot| lot.to_string()).unwrap_or_default();
            let serial = numbers.serial.map(|serial| serial.to_string()).unwrap_or_default();
            if same("location", &names.location(key.location))
                && same("bin", &bin.unwrap_or_default())
                && same("item", &names.item(key.item))
                && same("lot", &lot)
                && same("serial", &serial)
            {
                quantity += stock.quantity.decimal();
            }
        }
        let mut differ = Differ::default();
        differ.number("quantity_base", number(row, "quantity_base"), quantity);
        findings.row(format!("bin_content {raw}"), differ.found());
    }
}

fn document_lines(expect: &Expect, play: &Play, findings: &mut Findings) {
    let tables = &play.company.tables;
    for Row { raw, row } in &expect.document_lines {
        let no = text(row, "no").unwrap_or_default();
        let line = line_no(row).unwrap_or_default();
        let lines = tables.list::<DocumentLines>(&KeyRange::all());
        let found = lines
            .into_iter()
            .find(|((_kind, found, number), _row)| found.to_string() == no && *number == line);
        let Some(((kind, document, number_of), made)) = found else {
            findings.push("document_lines", raw, "no such line");
            continue;
        };
        let terms = tables.row::<LinesTerms>(&(kind, document, number_of)).unwrap_or_default();
        let wanted = row.get("fields").and_then(Value::as_object).cloned().unwrap_or_default();
        for (field, value) in &wanted {
            let got = match field.as_str() {
                "qty_received" | "qty_shipped" => Some(made.handled.decimal()),
                "qty_invoiced" => Some(terms.invoiced.decimal()),
                "quantity" => Some(made.quantity.decimal()),
                "outstanding" => Some(made.quantity.decimal() - made.handled.decimal()),
                _ => None,
            };
            let wanted = Dec::try_from(value.clone()).ok().map(|dec| dec.0);
            match got {
                Some(got) if wanted == Some(got) => {}
                Some(got) => findings.push(format!("document_lines.{field}"), value, got),
                None => findings.push(format!("document_lines.{field}"), value, "lacking"),
            }
        }
    }
}

/// Whether what a step returned holds everything that the file expects of it: lists whole and in order,
/// numbers by their value.
pub(crate) fn result(expected: &Value, got: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    holds("result", expected, got, &mut found);
    found
}

fn holds(place: &str, expected: &Value, got: &Value, found: &mut Vec<Difference>) {
    let differs = || Difference {
        field: place.to_owned(),
        expected: expected.to_string(),
        got: got.to_string(),
    };
    match (expected, got) {
        (Value::Object(wanted), Value::Object(got)) => holds_object(place, (wanted, got), found),
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            for (n, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                holds(&format!("{place}[{n}]"), wanted, got, found);
            }
        }
        _ => {
            let number = |value: &Value| Dec::try_from(value.clone()).ok();
            let same =
                expected == got || number(expected).is_some() && number(expected) == number(got);
            if !same {
                found.push(differs());
            }
        }
    }
}

fn holds_object(place: &str, (wanted, got): (&Fields, &Fields), found: &mut Vec<Difference>) {
    for (key, value) in wanted {
        holds(&format!("{place}.{key}"), value, got.get(key).unwrap_or(&Value::Null), found);
    }
}
