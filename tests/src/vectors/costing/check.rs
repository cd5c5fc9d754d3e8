//! What a file of the costing schema expects, held against the books.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::expect::{self, Expect};
use crate::vectors::book::{
    Application, Book, EntryPoint, GlEntry, GlRelation, ItemEntry, Value, is_account, to_five,
};
use crate::vectors::compare::{Differ, Difference, Findings};
use crate::vectors::json::{Dec, Int, Row};

/// What steps brought back, for the expectations that ask for it.
#[derive(Debug, Default)]
pub struct Results {
    /// Revaluable quantities, by step.
    pub revaluable: BTreeMap<u64, Vec<(String, NaiveDate, Decimal)>>,
    /// Valuations, by step.
    pub valuations: BTreeMap<u64, Valuation>,
    /// The last adjustment that a posting asked for did its work.
    pub automatic_adjustment_ran: bool,
}

/// The valuation of an item at a date.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of the schema")]
pub struct Valuation {
    pub item: String,
    pub date: NaiveDate,
    pub quantity: Decimal,
    pub value: Decimal,
    pub increases_quantity: Decimal,
    pub increases_value: Decimal,
    pub decreases_quantity: Decimal,
    pub decreases_value: Decimal,
}

/// Holds `expect` against the books.
pub fn check(expect: &Expect, book: &Book, results: &Results, findings: &mut Findings) {
    if let Some(ran) = expect.adjustment_ran
        && ran != results.automatic_adjustment_ran
    {
        findings.push("adjustment_ran", ran, results.automatic_adjustment_ran);
    }
    item_entries(expect, book, findings);
    let met = value_entries(expect, book, findings);
    value_sums(expect, book, findings);
    value_flags(expect, book, findings);
    applications(expect, book, findings);
    ledger(expect, book, &met, findings);
    nets(expect, book, findings);
    points(expect, book, findings);
    results_of_steps(expect, results, findings);
    sums(expect, book, findings);
}

fn number(int: Option<Int>) -> u64 {
    int.map_or(0, |int| int.0)
}

fn item_entries(expect: &Expect, book: &Book, findings: &mut Findings) {
    for Row { raw, row } in &expect.item_ledger_entries {
        let no = number(row.no);
        let Some(entry) = book.entries.iter().find(|entry| entry.no == no) else {
            findings.push(format!("item_ledger_entries[no {no}]"), raw, "no such entry");
            continue;
        };
        findings.row(format!("item_ledger_entries[no {no}]"), item_entry(row, entry, book));
    }
    if expect.is_complete("item_ledger_entries") {
        let known: BTreeSet<u64> =
            expect.item_ledger_entries.iter().map(|row| number(row.row.no)).collect();
        for entry in book.entries.iter().filter(|entry| !known.contains(&entry.no)) {
            findings.push("item_ledger_entries", "no other entry", format!("{entry:?}"));
        }
    }
}

/// The name of a type of item ledger entry, in the spelling of either schema.
fn same_type(expected: &str, got: &str) -> bool {
    let short = |name: &str| name.replace("_adjmt", "_adjustment");
    short(expected) == short(got)
}

/// The name of a variance, in the spelling of its account or in full.
fn same_variance(expected: &str, got: &str) -> bool {
    expected.replace("mfg_", "manufacturing_") == got
}

fn item_entry(row: &expect::ItemLedgerEntry, entry: &ItemEntry, book: &Book) -> Vec<Difference> {
    let mut differ = Differ::default();
    let kind = row.kind.as_deref().filter(|kind| !same_type(kind, entry.kind));
    differ.text("type", kind, entry.kind);
    differ.number("quantity", row.quantity, entry.quantity);
    differ.date("date", row.date, entry.date);
    differ.text("item", row.item.as_deref(), &entry.item);
    differ.text("location", row.location.as_deref(), &entry.location);
    differ.number("remaining_quantity", row.remaining_quantity, entry.remaining);
    differ.number("invoiced_quantity", row.invoiced_quantity, entry.invoiced);
    differ.flag("open", row.open, !entry.remaining.is_zero());
    differ.flag("correction", row.correction, entry.correction);
    if row.provisional != Some(true) {
        let actual = book.sum(entry.no, |value| value.cost_actual);
        let expected = book.sum(entry.no, |value| value.cost_expected);
        differ.number("cost_amount_actual", row.cost_amount_actual, actual);
        differ.number("cost_amount_expected", row.cost_amount_expected, expected);
    }
    differ.found()
}

fn value_entry(row: &expect::ValueEntry, value: &Value) -> Vec<Difference> {
    let mut differ = Differ::default();
    differ.text("entry_type", row.entry_type.as_deref(), value.kind);
    differ.entry("ile", row.ile.map(|no| no.0), value.ile);
    differ.entry("capacity_entry", row.capacity_entry.map(|no| no.0), value.capacity);
    differ.date("date", row.date, value.date);
    differ.date("valuation_date", row.valuation_date, value.valuation_date);
    let kind = row.kind.as_deref().filter(|kind| !same_type(kind, value.entry_type));
    differ.text("type", kind, value.entry_type);
    let variance = row.variance_type.as_deref().filter(|kind| !same_variance(kind, value.variance));
    differ.text("variance_type", variance, value.variance);
    differ.number("valued_quantity", row.valued_quantity, value.valued_quantity);
    differ.number("invoiced_quantity", row.invoiced_quantity, value.invoiced_quantity);
    differ.number("ile_quantity", row.ile_quantity, value.ile_quantity);
    differ.number("cost_amount_actual", row.cost_amount_actual, value.cost_actual);
    differ.number("cost_amount_expected", row.cost_amount_expected, value.cost_expected);
    differ.number("cost_posted_to_gl", row.cost_posted_to_gl, value.cost_in_gl);
    let expected_in_gl = row.expected_cost_posted_to_gl;
    differ.number("expected_cost_posted_to_gl", expected_in_gl, value.expected_in_gl);
    differ.flag("expected_cost", row.expected_cost, value.expected);
    differ.flag("adjustment", row.adjustment, value.adjustment);
    differ.text("item_charge", row.item_charge.as_deref(), &value.charge);
    differ.text("order_type", row.order_type.as_deref(), value.order_kind);
    differ.found()
}

/// Which value entry met each expected one, by the number that the file gives it.
type Met = BTreeMap<u64, u64>;

/// Amounts given at posting time may differ between ledgers: entries that carry them are held
/// together per item ledger entry, all others one by one.
fn value_entries(expect: &Expect, book: &Book, findings: &mut Findings) -> Met {
    let provisional: BTreeSet<u64> = expect
        .value_entries
        .iter()
        .filter(|row| row.row.provisional == Some(true))
        .map(|row| number(row.row.ile))
        .collect();
    let complete = expect.is_complete("value_entries");
    let one_by_one: Vec<_> = expect
        .value_entries
        .iter()
        .filter(|row| row.row.provisional != Some(true))
        .filter(|row| !complete || !provisional.contains(&number(row.row.ile)))
        .cloned()
        .collect();
    let actual: Vec<_> = book
        .values
        .iter()
        .filter(|value| !complete || !provisional.contains(&value.ile))
        .cloned()
        .collect();
    // What an adjustment corrects is told by a number of the file: it is looked up in the row that
    // has this number, by what that row says.
    let corrected = |row: &expect::ValueEntry, value: &Value| {
        let Some(no) = row.applies_to_entry else { return Vec::new() };
        let named = expect.value_entries.iter().find(|other| other.row.no == Some(no));
        let found = book.values.iter().find(|other| other.no == value.applies_to);
        let fits = match (named, found) {
            (Some(named), Some(found)) => value_entry(&named.row, found).is_empty(),
            (None, found) => found.map_or(0, |found| found.no) == no.0,
            (Some(_named), None) => false,
        };
        let mut differ = Differ::default();
        differ.entry("applies_to_entry", Some(no.0), if fits { no.0 } else { value.applies_to });
        differ.found()
    };
    let met = findings.list("value_entries", (&one_by_one, &actual), complete, |row, value| {
        [value_entry(row, value), corrected(row, value)].concat()
    });
    provisional_sums(expect, book, (&provisional, complete), findings);
    let pairs = one_by_one.iter().zip(&met);
    pairs.filter_map(|(row, at)| Some((number(row.row.no), actual[(*at)?].no))).collect()
}

fn provisional_sums(
    expect: &Expect,
    book: &Book,
    (entries, complete): (&BTreeSet<u64>, bool),
    findings: &mut Findings,
) {
    for ile in entries {
        let listed = expect.value_entries.iter().map(|row| &row.row);
        let listed = listed.filter(|row| number(row.ile) == *ile);
        let (mut actual, mut expected) = (Decimal::ZERO, Decimal::ZERO);
        for row in listed {
            actual += row.cost_amount_actual.map_or(Decimal::ZERO, |dec| dec.0);
            expected += row.cost_amount_expected.map_or(Decimal::ZERO, |dec| dec.0);
        }
        let got_actual = book.sum(*ile, |value| value.cost_actual);
        let got_expected = book.sum(*ile, |value| value.cost_expected);
        // A partial list need not carry the whole cost; then the total of the entry itself decides.
        if complete && (actual, expected) != (got_actual, got_expected) {
            findings.push(
                format!("value_entries of entry {ile}, together"),
                format!("{actual} and {expected} expected"),
                format!("{got_actual} and {got_expected} expected"),
            );
        }
    }
}

fn value_sums(expect: &Expect, book: &Book, findings: &mut Findings) {
    for ile in &expect.value_sums_of_ile {
        let listed: Decimal = expect
            .value_entries
            .iter()
            .filter(|row| row.row.ile == Some(*ile))
            .filter_map(|row| row.row.cost_amount_actual)
            .map(|dec| dec.0)
            .sum();
        let got = book.sum(ile.0, |value| value.cost_actual);
        if listed != got {
            findings.push(format!("value_sums_of_ile {}", ile.0), listed, got);
        }
    }
}

fn value_flags(expect: &Expect, book: &Book, findings: &mut Findings) {
    for Row { raw, row } in &expect.value_flags {
        let Some(wanted) = row.valued_by_average_cost else { continue };
        let mut values = book.values_of(number(row.ile)).peekable();
        if values.peek().is_none() {
            findings.push("value_flags", raw, "no value entries");
        } else if let Some(value) = values.find(|value| value.by_average != wanted) {
            findings.push("value_flags", raw, format!("value entry {} says otherwise", value.no));
        }
    }
}

fn applications(expect: &Expect, book: &Book, findings: &mut Findings) {
    let complete = expect.is_complete("applications");
    let lists = (&expect.applications[..], &book.applications[..]);
    findings.list("applications", lists, complete, |row, application: &Application| {
        let mut differ = Differ::default();
        differ.entry("ile", row.ile.map(|no| no.0), application.owner);
        differ.entry("inbound", row.inbound.map(|no| no.0), application.inbound);
        differ.entry("outbound", row.outbound.map(|no| no.0), application.outbound);
        differ.number("quantity", row.quantity, application.quantity);
        differ.date("date", row.date, application.date);
        differ.flag("cost_application", row.cost_application, application.cost_application);
        differ.found()
    });
}

/// Entries of the general ledger: one by one where the list is complete and has relations, else by
/// the sums of what a row is told by.
fn ledger(expect: &Expect, book: &Book, met: &Met, findings: &mut Findings) {
    let complete = expect.is_complete("gl_entries");
    if complete && !expect.gl_relations.is_empty() {
        let lists = (&expect.gl_entries[..], &book.gl[..]);
        findings.list("gl_entries", lists, true, gl_entry);
    } else {
        gl_sums(expect, book, complete, findings);
    }
    gl_relations(expect, book, met, findings);
    for step in &expect.complete_of_steps {
        let step = step.0.to_string();
        let of_step = |row: &expect::GlEntry| number(row.of_step).to_string() == step;
        let named: BTreeSet<&str> = expect
            .gl_entries
            .iter()
            .filter(|row| of_step(&row.row))
            .filter_map(|row| row.row.account.as_deref())
            .collect();
        no_other_accounts(
            book,
            &named,
            ("complete_of_steps", &step),
            |entry| entry.step == step,
            findings,
        );
    }
}

fn gl_entry(row: &expect::GlEntry, entry: &GlEntry) -> Vec<Difference> {
    let mut differ = Differ::default();
    let account = row.account.as_deref().filter(|account| !is_account(account, &entry.account));
    differ.text("account", account, &entry.account);
    differ.number("amount", row.amount, entry.amount);
    differ.date("date", row.date, entry.date);
    let step = row.of_step.map(|step| step.0.to_string());
    differ.text("of_step", step.as_deref(), &entry.step);
    differ.found()
}

fn gl_sums(expect: &Expect, book: &Book, complete: bool, findings: &mut Findings) {
    type Group = (Option<u64>, Option<NaiveDate>, String);
    let mut groups: BTreeMap<Group, Decimal> = BTreeMap::new();
    for row in expect.gl_entries.iter().map(|row| &row.row) {
        let key =
            (row.of_step.map(|step| step.0), row.date, row.account.clone().unwrap_or_default());
        *groups.entry(key).or_default() += row.amount.map_or(Decimal::ZERO, |dec| dec.0);
    }
    let counts = |(step, date, _account): &Group, entry: &GlEntry| {
        step.is_none_or(|step| entry.step == step.to_string())
            && date.is_none_or(|date| entry.date == date)
    };
    for (group, wanted) in &groups {
        let got = book.net(&group.2, |entry| counts(group, entry));
        if got != *wanted {
            let (step, date, account) = group;
            let place = format!("gl_entries sum of {account}, step {step:?}, date {date:?}");
            findings.push(place, wanted, got);
        }
    }
    if complete {
        for entry in &book.gl_parts {
            let named =
                groups.keys().any(|key| is_account(&key.2, &entry.account) && counts(key, entry));
            if !named && !entry.amount.is_zero() {
                findings.push("gl_entries", "no other entry", format!("{entry:?}"));
            }
        }
    }
}

/// A relation is told by numbers of the file: they stand for what the rows with these numbers say.
fn gl_relations(expect: &Expect, book: &Book, met: &Met, findings: &mut Findings) {
    let complete = expect.is_complete("gl_relations");
    let lists = (&expect.gl_relations[..], &book.relations[..]);
    findings.list("gl_relations", lists, complete, |row, relation: &GlRelation| {
        let mut differ = Differ::default();
        differ.entry("register", row.register.map(|no| no.0), relation.register);
        if let Some(ve) = row.ve {
            let value = met.get(&ve.0).copied().unwrap_or(ve.0);
            differ.entry("ve", Some(value), relation.value);
        }
        if let Some(gl) = row.gl {
            let named = expect.gl_entries.iter().find(|entry| entry.row.no == Some(gl));
            let found = book.gl.iter().find(|entry| entry.no == relation.gl);
            let fits = match (named, found) {
                (Some(named), Some(found)) => gl_entry(&named.row, found).is_empty(),
                (None, found) => found.map_or(0, |found| found.no) == gl.0,
                (Some(_named), None) => false,
            };
            differ.flag("gl", Some(true), fits);
        }
        differ.found()
    });
}

fn no_other_accounts(
    book: &Book,
    named: &BTreeSet<&str>,
    (key, place): (&str, &str),
    counts: impl Fn(&GlEntry) -> bool,
    findings: &mut Findings,
) {
    let accounts: BTreeSet<&str> = book.gl.iter().map(|entry| entry.account.as_str()).collect();
    for account in accounts {
        if named.iter().any(|name| is_account(name, account)) {
            continue;
        }
        let net = book.net(account, &counts);
        if !net.is_zero() {
            findings.push(format!("{key} {place}: {account}"), "nothing", net);
        }
    }
}

fn nets(expect: &Expect, book: &Book, findings: &mut Findings) {
    for Row { raw, row } in &expect.gl_totals {
        let got = book.net(row.account.as_deref().unwrap_or_default(), |_entry| true);
        if row.net.is_some_and(|net| net.0 != got) {
            findings.push("gl_totals", raw, got);
        }
    }
    if expect.is_complete("gl_totals") {
        let named = expect.gl_totals.iter().filter_map(|row| row.row.account.as_deref()).collect();
        no_other_accounts(book, &named, ("gl_totals", "complete"), |_entry| true, findings);
    }
    for row in expect.gl_movements.iter().map(|row| &row.row) {
        let step = number(row.of_step).to_string();
        let totals = row.totals.as_deref().unwrap_or_default();
        for Row { raw, row: total } in totals {
            let account = total.account.as_deref().unwrap_or_default();
            let got = book.net(account, |entry| entry.step == step);
            if total.net.is_some_and(|net| net.0 != got) {
                findings.push(format!("gl_movements of step {step}"), raw, got);
            }
        }
        if expect.is_complete("gl_movements") {
            let named = totals.iter().filter_map(|row| row.row.account.as_deref()).collect();
            let of_step = |entry: &GlEntry| entry.step == step;
            no_other_accounts(book, &named, ("gl_movements", &step), of_step, findings);
        }
    }
}

fn points(expect: &Expect, book: &Book, findings: &mut Findings) {
    let complete = expect.is_complete("avg_cost_entry_points");
    let lists = (&expect.avg_cost_entry_points[..], &book.points[..]);
    findings.list("avg_cost_entry_points", lists, complete, |row, point: &EntryPoint| {
        let mut differ = Differ::default();
        differ.text("item", row.item.as_deref(), &point.item);
        differ.text("variant", row.variant.as_deref(), &point.variant);
        differ.text("location", row.location.as_deref(), &point.location);
        differ.date("valuation_date", row.valuation_date, point.valuation_date);
        differ.flag("cost_is_adjusted", row.cost_is_adjusted, point.adjusted);
        differ.found()
    });
    let complete = expect.is_complete("inventory_periods");
    let lists = (&expect.inventory_periods[..], &book.periods[..]);
    findings.list("inventory_periods", lists, complete, |row, (ending, closed)| {
        let mut differ = Differ::default();
        differ.date("ending_date", row.ending_date, *ending);
        differ.flag("closed", row.closed, *closed);
        differ.found()
    });
}

fn results_of_steps(expect: &Expect, results: &Results, findings: &mut Findings) {
    for Row { raw, row } in &expect.revaluable {
        let wanted = |(item, date, _quantity): &&(String, NaiveDate, Decimal)| {
            row.item.as_ref().is_none_or(|name| name == item)
                && row.date.is_none_or(|named| named == *date)
        };
        let of_step = results
            .revaluable
            .iter()
            .filter(|(step, _lines)| row.of_step.is_none_or(|of| of.0 == **step));
        let lines: Vec<_> = of_step.flat_map(|(_step, lines)| lines).filter(wanted).collect();
        let got: Decimal = lines.iter().map(|(_item, _date, quantity)| *quantity).sum();
        if row.quantity.is_some_and(|quantity| quantity.0 != got) {
            findings.push("revaluable", raw, got);
        }
    }
    for Row { raw, row } in &expect.inventory_valuation {
        let wanted = |valuation: &&Valuation| {
            row.item.as_ref().is_none_or(|item| *item == valuation.item)
                && row.date.is_none_or(|date| date == valuation.date)
        };
        let of_step = results
            .valuations
            .iter()
            .filter(|(step, _valuation)| row.of_step.is_none_or(|of| of.0 == **step));
        let Some(found) = of_step.map(|(_step, valuation)| valuation).rfind(wanted) else {
            findings.push("inventory_valuation", raw, "no such valuation was made");
            continue;
        };
        let mut differ = Differ::default();
        differ.number("quantity", row.quantity, found.quantity);
        differ.number("value", row.value, found.value);
        differ.number("increases_quantity", row.increases_quantity, found.increases_quantity);
        differ.number("increases_value", row.increases_value, found.increases_value);
        // Decreases are told without sign in a valuation (COSTING 21); a file may write the sign.
        let plain = |dec: Option<Dec>| dec.map(|dec| Dec(dec.0.abs()));
        let (quantity, value) = (found.decreases_quantity.abs(), found.decreases_value.abs());
        differ.number("decreases_quantity", plain(row.decreases_quantity), quantity);
        differ.number("decreases_value", plain(row.decreases_value), value);
        findings.row("inventory_valuation", differ.found());
    }
}

fn sums(expect: &Expect, book: &Book, findings: &mut Findings) {
    for Row { raw, row } in &expect.inventory_totals {
        let item = row.item.as_deref().unwrap_or_default();
        let (quantity, value) = on_hand(book, item);
        let mut differ = Differ::default();
        differ.number("quantity", row.quantity, quantity);
        differ.number("value", row.value, value);
        findings.row(format!("inventory_totals {raw}"), differ.found());
    }
    for Row { raw, row } in &expect.unit_costs {
        let item = row.item.as_deref().unwrap_or_default();
        let Some(got) = unit_cost(book, item, row.what.as_deref().unwrap_or_default()) else {
            findings.push("unit_costs", raw, "this runner does not know such a unit cost");
            continue;
        };
        let mut differ = Differ::default();
        differ.number("value", row.value, got);
        findings.row(format!("unit_costs {raw}"), differ.found());
    }
    for Row { raw, row } in &expect.capacity_totals {
        let order = row.order.as_deref().unwrap_or_default();
        let got: Decimal = book
            .values
            .iter()
            .filter(|value| value.capacity != 0 && value.order == order)
            .filter(|value| value.kind == "direct_cost")
            .map(|value| value.cost_actual)
            .sum();
        if row.direct_cost.is_some_and(|Dec(cost)| cost != got) {
            findings.push("capacity_totals", raw, got);
        }
    }
}

fn on_hand(book: &Book, item: &str) -> (Decimal, Decimal) {
    let quantity = book.entries.iter().filter(|entry| entry.item == item).map(|e| e.quantity).sum();
    let values = book.values.iter().filter(|value| value.item == item && value.ile != 0);
    (quantity, values.map(|value| value.cost_actual).sum())
}

/// The unit cost that `what` names: the files name it in words.
fn unit_cost(book: &Book, item: &str, what: &str) -> Option<Decimal> {
    let card = book.items.iter().find(|card| card.item == item)?;
    let what = what.to_lowercase().replace('_', " ");
    if what.contains("standard") {
        return Some(card.standard_cost);
    }
    if what.contains("last direct") {
        return Some(card.last_direct_cost);
    }
    let in_stock = ["landed", "average", "stock", "per unit"];
    if in_stock.iter().any(|word| what.contains(word)) {
        // What a unit in stock costs, all charges included.
        let (quantity, value) = on_hand(book, item);
        return value.checked_div(quantity).map(to_five);
    }
    what.contains("unit cost").then_some(card.unit_cost)
}
