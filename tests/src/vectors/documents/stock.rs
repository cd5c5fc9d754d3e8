//! The warehouse side of the document schema, as far as the ledger of this build has it.

use ledger::command::{Command, places};
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::schema::place::Bins;
use ledger::schema::stock::Stocks;
use ledger::tables::Read as _;
use ledger::tracking;
use protocol::quantity::{Quantity, UnitFactor, base_quantity};
use rust_decimal::Decimal;

use super::Expect;
use super::op::{self, Op, Step};
use super::run::{Play, required};
use crate::vectors::book::Book;
use crate::vectors::company::{Done, code, lacking};
use crate::vectors::compare::{Differ, Findings};
use crate::vectors::json::{Dec, Row};
use crate::vectors::{money, reading};

/// Does a step of the warehouse.
///
/// # Errors
///
/// The refusal, or that the ledger has no such thing.
pub(crate) fn act(play: &mut Play, step: &Step) -> Done {
    match &step.op {
        Op::BlockTracking(block) => match (&block.lot_no, &block.serial_no) {
            (Some(lot), None) => play.put_lot(&block.item, lot, true),
            _ => lacking("blocking a serial number"),
        },
        Op::BaseQuantity(ask) => base(play, ask).map(|_base| ()),
        Op::DeleteBin(delete) => {
            let location = code(&delete.location)?;
            let delete = places::DeleteBin { location, bin: code(&delete.bin)? };
            play.company.ask(&Command::DeleteBin(delete))?;
            Ok(())
        }
        Op::Release(of) if play.kinds.contains_key(&of.document) => Ok(()),
        _ => lacking(format!("the operation {}", step.name)),
    }
}

/// The base quantity of a quantity in a unit, rounded to the item's precision.
fn base(play: &Play, ask: &op::BaseQuantity) -> Done<Quantity> {
    let Some(card) = play.cards.get(&ask.item) else {
        return lacking(format!("item {}", ask.item));
    };
    let unit = ask.uom.clone().unwrap_or_else(|| card.base_unit.clone());
    let factor = play.units.get(&(ask.item.clone(), unit)).copied();
    let factor = money::quantity(factor.unwrap_or(Dec(Decimal::ONE)))?;
    let Ok(factor) = UnitFactor::try_from(factor) else { return lacking("a unit of nothing") };
    let quantity = money::quantity(required(ask.qty, "qty")?)?;
    let precision = money::quantity(card.precision.unwrap_or(Dec(Decimal::new(1, 5))))?;
    let base = required(base_quantity(quantity, factor, precision), "qty")?;
    if base.is_zero() && !quantity.is_zero() {
        let code = protocol::code::Code::BaseQuantityRoundsToZero;
        return Err(crate::vectors::company::Stop::Refused(code.into()));
    }
    Ok(base)
}

/// Holds the warehouse lists of `expect` against the books.
pub(crate) fn check(play: &Play, expect: &Expect, book: &Book, findings: &mut Findings) {
    on_hand(expect, book, findings);
    bin_contents(play, expect, findings);
    found_entries(expect, book, findings);
    base_quantities(play, expect, findings);
    lacking_lists(expect, findings);
}

fn on_hand(expect: &Expect, book: &Book, findings: &mut Findings) {
    for Row { raw, row } in &expect.inventory {
        let here = book.entries.iter().filter(|entry| {
            row.item.as_deref().is_none_or(|item| item == entry.item)
                && row.location.as_deref().is_none_or(|location| location == entry.location)
        });
        let mut differ = Differ::default();
        differ.number("qty", row.qty, here.map(|entry| entry.quantity).sum());
        findings.row(format!("inventory {raw}"), differ.found());
    }
}

fn bin_contents(play: &Play, expect: &Expect, findings: &mut Findings) {
    let tables = &play.company.tables;
    let names = reading::Texts(tables);
    for Row { raw, row } in &expect.bin_contents {
        let mut quantity = Decimal::ZERO;
        for (key, stock) in tables.list::<Stocks>(&KeyRange::all()) {
            let numbers = tracking::tracking_of(tables, key.tracking);
            let bin =
                tables.row::<Bins>(&key.bin).map_or_else(String::new, |bin| bin.code.to_string());
            let text = |word: Option<String>| word.unwrap_or_default();
            let same =
                |wanted: &Option<String>, got: &str| wanted.as_deref().is_none_or(|w| w == got);
            let here = same(&row.location, &names.location(key.location))
                && same(&row.bin, &bin)
                && same(&row.item, &lookup::item_text(tables, key.item))
                && same(&row.lot_no, &text(numbers.lot.map(|lot| lot.to_string())))
                && same(&row.serial_no, &text(numbers.serial.map(|serial| serial.to_string())));
            if here {
                quantity += stock.quantity.decimal();
            }
        }
        let mut differ = Differ::default();
        differ.number("qty", row.qty, quantity);
        findings.row(format!("bin_contents {raw}"), differ.found());
    }
}

fn found_entries(expect: &Expect, book: &Book, findings: &mut Findings) {
    let lists = (&expect.item_ledger_entries_find[..], &book.entries[..]);
    findings.list("item_ledger_entries_find", lists, false, |row, entry| {
        let mut differ = Differ::default();
        differ.text("step", row.step.as_deref(), &entry.step);
        differ.text("item", row.item.as_deref(), &entry.item);
        differ.text("lot_no", row.lot_no.as_deref(), &entry.lot);
        differ.text("serial_no", row.serial_no.as_deref(), &entry.serial);
        differ.number("qty", row.qty, entry.quantity);
        differ.text("entry_type", row.entry_type.as_deref(), entry.kind);
        if row.expiration_date.is_some() {
            differ.date(
                "expiration_date",
                row.expiration_date,
                entry.expiration.unwrap_or_default(),
            );
        }
        differ.found()
    });
}

fn base_quantities(play: &Play, expect: &Expect, findings: &mut Findings) {
    for Row { raw, row } in &expect.base_quantity {
        let ask = op::BaseQuantity {
            item: row.item.clone().unwrap_or_default(),
            uom: row.uom.clone(),
            qty: row.qty,
        };
        match base(play, &ask) {
            Ok(base) => {
                let mut differ = Differ::default();
                differ.number("qty_base", row.qty_base, base.decimal());
                findings.row(format!("base_quantity {raw}"), differ.found());
            }
            Err(stop) => findings.push("base_quantity", raw, stop),
        }
    }
}

/// Lists of things that the ledger of this build does not keep: each expectation of them is unmet.
fn lacking_lists(expect: &Expect, findings: &mut Findings) {
    let lists = [
        ("pick_totals", expect.pick_totals.len()),
        ("pick_lines", expect.pick_lines.len() + usize::from(expect.pick_lines_complete)),
        (
            "put_away_lines",
            expect.put_away_lines.len() + usize::from(expect.put_away_lines_complete),
        ),
        ("reservations", expect.reservations.len()),
        (
            "phys_order_lines",
            expect.phys_order_lines.len() + usize::from(expect.phys_order_lines_complete),
        ),
        ("phys_order_line_count", expect.phys_order_line_count.len()),
        ("phys_order_lines_all", usize::from(expect.phys_order_lines_all.is_some())),
        ("posted_phys_order_lines", expect.posted_phys_order_lines.len()),
        ("phys_duplicates", expect.phys_duplicates.len()),
        ("availability_by_lot", expect.availability_by_lot.len()),
        ("absent", expect.absent.iter().filter(|row| row.row.what.is_some()).count()),
    ];
    for (name, rows) in lists.into_iter().filter(|(_name, rows)| *rows > 0) {
        findings.push(name, format!("{rows} rows"), "lacking: the ledger keeps no such thing");
    }
}
