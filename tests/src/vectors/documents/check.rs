//! What a file of the document schema expects of the money side, held against the books. Its
//! warehouse lists are held against them in `stock`.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::expect::{self, Expect};
use super::mapping::{self, Mapping};
use crate::vectors::book::{Book, ItemEntry, Value, is_account, to_five};
use crate::vectors::compare::{Differ, Difference, Findings};
use crate::vectors::json::{Dec, Int, Row};

/// A line of a calculation of inventory values.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct JournalLine {
    pub line: u64,
    pub date: NaiveDate,
    pub item: String,
    pub quantity: Decimal,
    pub calculated: Decimal,
}

/// How a kind of value entry was posted to the general ledger.
#[derive(Debug, Clone, Default)]
pub struct MappedKind {
    /// What each account got.
    pub nets: BTreeMap<String, Decimal>,
    /// Why it could not be posted; empty when it was.
    pub failed: String,
}

/// What steps brought back, for the expectations that ask for it.
#[derive(Debug, Default)]
pub struct Results {
    /// Lines of the last calculation.
    pub journal: Vec<JournalLine>,
    /// Revalued quantity, by step.
    pub revalued: BTreeMap<String, Decimal>,
    /// Kinds of value entries, in the order of the rows of the expectation.
    pub kinds: Vec<MappedKind>,
    /// The settings, by name.
    pub settings: BTreeMap<String, Json>,
}

/// Where the comparison stands.
#[derive(Debug)]
pub struct Situation<'a> {
    /// The books now.
    pub book: &'a Book,
    /// The numbers of the file.
    pub mapping: &'a Mapping,
    /// What steps brought back.
    pub results: &'a Results,
    /// Value entries and entries of the general ledger at the previous checkpoint.
    pub seen: (usize, usize),
}

/// Holds the money side of `expect` against the books.
pub fn check(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    item_entries(expect, now, findings);
    value_entries(expect, now, findings);
    value_entries_new(expect, now, findings);
    ledger(expect, now, findings);
    cards(expect, now, findings);
    totals(expect, now, findings);
    calculations(expect, now, findings);
    periods(expect, now, findings);
    kinds(expect, now, findings);
    documents(expect, now, findings);
    settings(expect, now, findings);
    absent(expect, now, findings);
}

fn number(int: Option<Int>) -> u64 {
    int.map_or(0, |int| int.0)
}

fn item_entries(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    let mut split: Vec<Vec<u64>> = Vec::new();
    for Row { raw, row } in &expect.item_ledger_entries {
        let ile = number(row.ile);
        let what = format!("item_ledger_entries[ile {ile}]");
        if let Some(no) = now.mapping.entry(ile)
            && let Some(entry) = now.book.entries.iter().find(|entry| entry.no == no)
        {
            findings.row(what, item_entry(row, entry, now.book));
        } else if now.mapping.row(ile).is_none() {
            findings.push(what, raw, "a number that is not in the map of the file");
        } else {
            let group = now.mapping.group(ile);
            if !split.contains(&group) {
                split.push(group);
            }
        }
    }
    for group in split {
        together(&group, expect, now, findings);
    }
}

/// The ledger split a line differently: sums of the line decide, where the file asserts all of it.
fn together(group: &[u64], expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    let Some(of) = group.first().and_then(|ile| now.mapping.row(*ile)) else { return };
    let what = format!("entries of step {}, item {}, together", of.step, of.item);
    let rows: Vec<_> = expect
        .item_ledger_entries
        .iter()
        .map(|row| &row.row)
        .filter(|row| group.contains(&number(row.ile)))
        .collect();
    let entries = mapping::entries_of(of, now.book);
    if rows.len() != group.len() || entries.is_empty() {
        findings.push(what, format!("the entries {group:?}"), format!("{entries:?}"));
        return;
    }
    let wanted = |figure: fn(&expect::ItemLedgerEntry) -> Option<Dec>| -> Option<Dec> {
        let all: Option<Vec<_>> = rows.iter().map(|row| figure(row)).collect();
        all.map(|all| Dec(all.iter().map(|dec| dec.0).sum()))
    };
    let amount = |figure: fn(&Value) -> Decimal| {
        mapping::sum(&entries, |entry| now.book.sum(entry.no, figure))
    };
    let mut differ = Differ::default();
    differ.number("qty", wanted(|row| row.qty), mapping::sum(&entries, |entry| entry.quantity));
    let remaining = mapping::sum(&entries, |entry| entry.remaining);
    differ.number("remaining_qty", wanted(|row| row.remaining_qty), remaining);
    let invoiced = mapping::sum(&entries, |entry| entry.invoiced);
    differ.number("invoiced_qty", wanted(|row| row.invoiced_qty), invoiced);
    let actual = amount(|value| value.cost_actual);
    differ.number("cost_amount_actual", wanted(|row| row.cost_amount_actual), actual);
    let expected = amount(|value| value.cost_expected);
    differ.number("cost_amount_expected", wanted(|row| row.cost_amount_expected), expected);
    let sales = amount(|value| value.sales_actual);
    differ.number("sales_amount_actual", wanted(|row| row.sales_amount_actual), sales);
    findings.row(what, differ.found());
}

fn item_entry(row: &expect::ItemLedgerEntry, entry: &ItemEntry, book: &Book) -> Vec<Difference> {
    let mut differ = Differ::within(row.tolerance);
    differ.text("step", row.step.as_deref(), &entry.step);
    differ.text("item", row.item.as_deref(), &entry.item);
    differ.text("variant", row.variant.as_deref(), &entry.variant);
    differ.date("date", row.date, entry.date);
    differ.text("location", row.location.as_deref(), &entry.location);
    differ.number("qty", row.qty, entry.quantity);
    differ.number("remaining_qty", row.remaining_qty, entry.remaining);
    differ.number("invoiced_qty", row.invoiced_qty, entry.invoiced);
    differ.flag("correction", row.correction, entry.correction);
    let sum = |figure: fn(&Value) -> Decimal| book.sum(entry.no, figure);
    if row.provisional != Some(true) {
        let actual = sum(|value| value.cost_actual);
        differ.amount("cost_amount_actual", row.cost_amount_actual, actual);
        differ.other_amount("cost_amount_actual", row.cost_amount_actual_not, actual);
        let expected = sum(|value| value.cost_expected);
        differ.amount("cost_amount_expected", row.cost_amount_expected, expected);
        let first = book.values_of(entry.no).next().map(|value| value.cost_per_unit);
        let first = first.unwrap_or_default();
        differ.amount(
            "first_value_entry_cost_per_unit",
            row.first_value_entry_cost_per_unit.map(|dec| Dec(to_five(dec.0))),
            to_five(first),
        );
    }
    let non_inventoriable = sum(|value| value.cost_non_inventoriable);
    let name = "cost_amount_non_inventoriable";
    differ.amount(name, row.cost_amount_non_inventoriable, non_inventoriable);
    differ.amount("sales_amount_actual", row.sales_amount_actual, sum(|value| value.sales_actual));
    let sales = sum(|value| value.sales_expected);
    differ.amount("sales_amount_expected", row.sales_amount_expected, sales);
    differ.found()
}

fn value_entries(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    let one_by_one: Vec<_> = expect
        .value_entries
        .iter()
        .filter(|row| row.row.provisional != Some(true))
        .cloned()
        .collect();
    for row in &one_by_one {
        if row.row.ile.is_some_and(|ile| now.mapping.entry(ile.0).is_none()) {
            findings.push("value_entries", &row.raw, "an entry that the ledger did not make so");
        }
    }
    let lists = (&one_by_one[..], &now.book.values[..]);
    findings.list("value_entries", lists, false, |row, value| {
        let mut differ = Differ::within(row.tolerance);
        let ile = row.ile.map(|ile| now.mapping.entry(ile.0).unwrap_or(u64::MAX));
        differ.entry("ile", ile, value.ile);
        differ.text("entry_type", row.entry_type.as_deref(), value.kind);
        differ.date("posting_date", row.posting_date, value.date);
        differ.date("valuation_date", row.valuation_date, value.valuation_date);
        differ.number("valued_qty", row.valued_qty, value.valued_quantity);
        differ.number("invoiced_qty", row.invoiced_qty, value.invoiced_quantity);
        differ.amount("cost_amount_actual", row.cost_amount_actual, value.cost_actual);
        differ.amount("cost_amount_expected", row.cost_amount_expected, value.cost_expected);
        let non_inventoriable = value.cost_non_inventoriable;
        let name = "cost_amount_non_inventoriable";
        differ.amount(name, row.cost_amount_non_inventoriable, non_inventoriable);
        differ.amount("sales_amount_actual", row.sales_amount_actual, value.sales_actual);
        differ.amount("sales_amount_expected", row.sales_amount_expected, value.sales_expected);
        differ.flag("adjustment", row.adjustment, value.adjustment);
        differ.flag("inventoriable", row.inventoriable, value.inventoriable);
        differ.flag("valued_by_average_cost", row.valued_by_average_cost, value.by_average);
        differ.found()
    });
    for Row { raw, row } in &expect.value_flags {
        let no = now.mapping.entry(number(row.ile)).unwrap_or(u64::MAX);
        let mut values = now.book.values_of(no).peekable();
        let Some(wanted) = row.valued_by_average_cost else { continue };
        if values.peek().is_none() {
            findings.push("value_flags", raw, "no value entries");
        } else if let Some(value) = values.find(|value| value.by_average != wanted) {
            findings.push("value_flags", raw, format!("value entry {} says otherwise", value.no));
        }
    }
}

/// Rows without a link to an entry: by what they say alone.
fn value_entries_new(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    let new = now.book.values.get(now.seen.0..).unwrap_or_default();
    let one_by_one: Vec<_> = expect
        .value_entries_new
        .iter()
        .filter(|row| row.row.provisional != Some(true))
        .cloned()
        .collect();
    findings.list("value_entries_new", (&one_by_one, new), false, |row, value| {
        let mut differ = Differ::within(row.tolerance);
        differ.number("valued_qty", row.valued_qty, value.valued_quantity);
        let per_unit = row.cost_per_unit.map(|dec| Dec(to_five(dec.0)));
        differ.amount("cost_per_unit", per_unit, to_five(value.cost_per_unit));
        // Expected cost where the entry carries only that; an invoice carries actual cost.
        let cost = if value.expected { value.cost_expected } else { value.cost_actual };
        differ.amount("cost_amount", row.cost_amount, cost);
        let sales = if value.expected { value.sales_expected } else { value.sales_actual };
        differ.amount("sales_amount", row.sales_amount, sales);
        differ.amount("cost_posted_to_gl", row.cost_posted_to_gl, value.cost_in_gl);
        let expected_in_gl = row.expected_cost_posted_to_gl;
        differ.amount("expected_cost_posted_to_gl", expected_in_gl, value.expected_in_gl);
        differ.date("valuation_date", row.valuation_date, value.valuation_date);
        differ.number("ile_qty", row.ile_qty, value.ile_quantity);
        differ.flag("charge_text", row.charge_text, !value.charge.is_empty());
        differ.found()
    });
}

fn ledger(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    for (account, wanted) in &expect.gl_totals {
        let got = now.book.net(account, |_entry| true);
        if wanted.0 != got {
            findings.push(format!("gl_totals.{account}"), wanted.0, got);
        }
    }
    let Some(totals) = &expect.gl_totals_new else { return };
    let new = now.book.gl.get(now.seen.1..).unwrap_or_default();
    let mut got: BTreeMap<&str, Decimal> = BTreeMap::new();
    for entry in new {
        let variance = !totals.contains_key(&entry.account)
            && totals.contains_key("variance_any")
            && is_account("variance_any", &entry.account);
        let name = if variance { "variance_any" } else { entry.account.as_str() };
        *got.entry(name).or_default() += entry.amount;
    }
    for (account, wanted) in totals {
        let net = got.remove(account.as_str()).unwrap_or_default();
        if wanted.0 != net {
            findings.push(format!("gl_totals_new.{account}"), wanted.0, net);
        }
    }
    for (account, net) in got.into_iter().filter(|(_account, net)| !net.is_zero()) {
        findings.push(format!("gl_totals_new.{account}"), "0", net);
    }
}

fn cards(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    for Row { raw, row } in &expect.items {
        let item = row.item.as_deref().unwrap_or_default();
        let Some(card) = now.book.items.iter().find(|card| card.item == item) else {
            findings.push("items", raw, "no such item");
            continue;
        };
        let mut differ = Differ::within(row.tolerance);
        differ.amount("unit_cost", row.unit_cost, card.unit_cost);
        differ.amount("last_direct_cost", row.last_direct_cost, card.last_direct_cost);
        differ.flag("cost_is_adjusted", row.cost_is_adjusted, card.is_adjusted);
        differ.amount("average_cost", row.average_cost, to_five(card.average_cost));
        findings.row(format!("items[{item}]"), differ.found());
    }
    for Row { raw, row } in &expect.stockkeeping_units {
        let key = |text: &Option<String>| text.clone().unwrap_or_default();
        let (item, location, variant) = (key(&row.item), key(&row.location), key(&row.variant));
        let unit =
            now.book.units.iter().find(|unit| {
                unit.item == item && unit.location == location && unit.variant == variant
            });
        let Some(unit) = unit else {
            findings.push("stockkeeping_units", raw, "no such stockkeeping unit");
            continue;
        };
        let mut differ = Differ::within(row.tolerance);
        differ.amount("unit_cost", row.unit_cost, unit.unit_cost);
        differ.amount("average_cost", row.average_cost, to_five(unit.average_cost));
        let what = format!("stockkeeping_units[{item}, {location:?}, {variant:?}]");
        findings.row(what, differ.found());
    }
}

fn totals(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    for Row { raw, row } in &expect.totals {
        let here = |item: &str, location: &str| {
            row.item.as_deref().is_none_or(|named| named == item)
                && row.location.as_deref().is_none_or(|named| named == location)
        };
        let entries = now.book.entries.iter().filter(|entry| here(&entry.item, &entry.location));
        let values: Vec<_> = now
            .book
            .values
            .iter()
            .filter(|value| value.ile != 0 && here(&value.item, &value.location))
            .filter(|value| row.entry_type.as_deref().is_none_or(|kind| kind == value.kind))
            .collect();
        let sum = |figure: fn(&Value) -> Decimal| values.iter().map(|value| figure(value)).sum();
        let mut differ = Differ::within(row.tolerance);
        differ.number("qty", row.qty, entries.map(|entry| entry.quantity).sum());
        differ.amount("cost_amount_actual", row.cost_amount_actual, sum(|value| value.cost_actual));
        let expected = sum(|value| value.cost_expected);
        differ.amount("cost_amount_expected", row.cost_amount_expected, expected);
        let sales = sum(|value| value.sales_actual);
        differ.amount("sales_amount_actual", row.sales_amount_actual, sales);
        findings.row(format!("totals {raw}"), differ.found());
    }
}

fn calculations(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    let lists = (&expect.revaluation_journal[..], &now.results.journal[..]);
    findings.list("revaluation_journal", lists, false, |row, line| {
        let mut differ = Differ::within(row.tolerance);
        differ.entry("journal_line", row.journal_line.map(|no| no.0), line.line);
        differ.date("date", row.date, line.date);
        differ.text("item", row.item.as_deref(), &line.item);
        differ.number("qty", row.qty, line.quantity);
        let calculated = row.inventory_value_calculated;
        differ.amount("inventory_value_calculated", calculated, line.calculated);
        differ.found()
    });
    for Row { raw, row } in &expect.revaluable {
        let step = row.step.as_deref().unwrap_or_default();
        match (now.results.revalued.get(step), row.qty) {
            (Some(got), Some(wanted)) if *got != wanted.0 => findings.push("revaluable", raw, got),
            (None, _) => findings.push("revaluable", raw, "the step revalued nothing"),
            _ => {}
        }
    }
    for Row { raw, row } in &expect.application_entries {
        let owner = now.mapping.entry(number(row.owner_ile)).unwrap_or(u64::MAX);
        let owned = now.book.applications.iter().filter(|application| application.owner == owner);
        let count = owned.count();
        if row.count.is_some_and(|wanted| wanted.size() != count) {
            findings.push("application_entries", raw, count);
        }
    }
}

fn periods(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    let lists = (&expect.avg_cost_entry_points[..], &now.book.points[..]);
    findings.list("avg_cost_entry_points", lists, false, |row, point| {
        let mut differ = Differ::default();
        differ.text("item", row.item.as_deref(), &point.item);
        differ.text("location", row.location.as_deref(), &point.location);
        differ.text("variant", row.variant.as_deref(), &point.variant);
        differ.date("valuation_date", row.valuation_date, point.valuation_date);
        differ.flag("cost_is_adjusted", row.cost_is_adjusted, point.adjusted);
        differ.found()
    });
    let lists = (&expect.inventory_periods[..], &now.book.periods[..]);
    findings.list("inventory_periods", lists, false, |row, (ending, closed)| {
        let mut differ = Differ::default();
        differ.date("ending_date", row.ending_date, *ending);
        differ.flag("closed", row.closed, *closed);
        differ.found()
    });
}

fn kinds(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    for (n, Row { raw, row }) in expect.gl_mapping.iter().enumerate() {
        let Some(kind) = now.results.kinds.get(n) else {
            findings.push("gl_mapping", raw, "no step posted such a kind");
            continue;
        };
        if !kind.failed.is_empty() {
            findings.push("gl_mapping", raw, &kind.failed);
            continue;
        }
        let net = |account: &Option<String>| {
            let symbol = account.as_deref().unwrap_or_default();
            let of = kind.nets.iter();
            of.filter(|(name, _net)| is_account(symbol, name))
                .map(|(_name, net)| *net)
                .sum::<Decimal>()
        };
        let mut differ = Differ::within(row.tolerance);
        differ.amount("amount", row.amount, net(&row.account));
        differ.amount("bal_amount", row.bal_amount, net(&row.bal_account));
        findings.row(format!("gl_mapping {raw}"), differ.found());
    }
}

fn documents(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    for Row { raw, row } in &expect.order_lines {
        let document = row.document.as_deref().unwrap_or_default();
        let line = row.line.map_or(0, Int::line);
        let found =
            now.book.lines.iter().find(|found| found.document == document && found.line == line);
        let Some(found) = found else {
            findings.push("order_lines", raw, "no such line");
            continue;
        };
        let mut differ = Differ::default();
        differ.number("qty", row.qty, found.quantity);
        differ.number("qty_received", row.qty_received, found.handled);
        findings.row(format!("order_lines[{document}, {line}]"), differ.found());
    }
    for Row { raw, row } in &expect.documents {
        let document = row.document.as_deref().unwrap_or_default();
        let mut lines = now.book.lines.iter().filter(|line| line.document == document).peekable();
        // A document that is completely posted may be gone.
        let gone = lines.peek().is_none();
        let left = |line: &crate::vectors::book::DocumentLine| {
            line.quantity != line.handled || line.quantity != line.invoiced
        };
        let done = gone || !lines.any(left);
        if row.completely_posted.is_some_and(|wanted| wanted != done) {
            findings.push("documents", raw, format!("completely_posted {done}"));
        }
    }
}

fn settings(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    for (name, wanted) in &expect.settings {
        let Some(got) = now.results.settings.get(name) else {
            findings.push(format!("settings.{name}"), wanted, "this runner knows no such setting");
            continue;
        };
        let number = |value: &Json| Dec::try_from(value.clone()).ok();
        let same = wanted == got || number(wanted).is_some() && number(wanted) == number(got);
        if !same {
            findings.push(format!("settings.{name}"), wanted, got);
        }
    }
}

fn absent(expect: &Expect, now: &Situation<'_>, findings: &mut Findings) {
    for Row { raw, row } in &expect.absent {
        let mut values = now.book.values.iter();
        if let Some(kind) = &row.value_entry_type {
            let of_item = |value: &&Value| row.item.as_ref().is_none_or(|item| *item == value.item);
            if let Some(found) = values.filter(of_item).find(|value| value.kind == kind) {
                findings.push("absent", raw, format!("{found:?}"));
            }
        } else if let Some(step) = &row.value_entries_created_by_step {
            if let Some(found) = values.find(|value| value.step == *step) {
                findings.push("absent", raw, format!("{found:?}"));
            }
        } else if row.what.is_none() {
            findings.push("absent", raw, "this runner does not know what must be absent");
        }
    }
}
