//! What follows where figures are easily lost: the application worksheet, invoices in parts, revaluation
//! journals, cards of places, orders.

use protocol::code::Code;
use protocol::operation::Tracking;

use super::proposal;
use super::revalue::{CalculateInventoryValue, PostRevaluation, RevaluationLine, RevaluePer};
use super::worksheet::{ApplyEntry, CloseWorksheet, UnapplyEntries};
use crate::assembly::post::{AssemblyItem, FinishProductionOrder, PostAssembly};
use crate::books::{Books, day, line, m, purchase, sale};
use crate::command::Command;
use crate::command::costing::{PutItemCost, PutStockkeepingUnit, PutUserSetup};
use crate::command::journal::{JournalLine, JournalType};
use crate::dimension::Dimensions;
use crate::key::KeyRange;
use crate::lookup;
use crate::period::inventory::closing_tests;
use crate::schema::EntryNo;
use crate::schema::entry::{Applications, ItemLedgerStates};
use crate::schema::item::CostingMethod;
use crate::schema::money::{
    AdjustmentWindow, OrderKind, StockkeepingUnit, StockkeepingUnits, ValueType,
};
use crate::tables::Read as _;
use crate::world::{adjust, codes, count, goods, q, transfer_ship};

/// Takes the application of a decrease back.
fn unapply(books: &mut Books, decrease: u64) {
    let applications = books.world.tables.list::<Applications>(&KeyRange::all());
    let of = |row: &crate::schema::entry::ItemApplication| row.entry == EntryNo(decrease);
    let applications =
        applications.into_iter().filter(|(_no, row)| of(row)).map(|(no, _row)| no).collect();
    books.ok(&Command::UnapplyEntries(UnapplyEntries { applications }));
}

fn apply(books: &mut Books, entry: u64, to: u64) {
    let (entry, to) = (EntryNo(entry), Some(EntryNo(to)));
    books.ok(&Command::ApplyEntry(ApplyEntry { entry, to }));
}

fn close_worksheet(books: &mut Books, item: &str) {
    let item = item.try_into().unwrap();
    books.ok(&Command::CloseWorksheet(CloseWorksheet { item }));
}

/// Two purchases of ten at 1 and 5, and a sale of ten.
fn two_layers(window: AdjustmentWindow) -> Books {
    let mut books = Books::new(|setup| setup.automatic_adjustment = window);
    books.post(purchase("2020-01-05", "BOLT", "10", "10.00"));
    books.post(purchase("2020-01-06", "BOLT", "10", "50.00"));
    books.post(sale("2020-01-20", "BOLT", "10"));
    books.adjust();
    assert_eq!(books.cost(3), "-10");
    books
}

#[test]
fn an_increase_that_is_applied_by_hand_keeps_its_cost() {
    let mut books = two_layers(AdjustmentWindow::Never);
    unapply(&mut books, 3);
    apply(&mut books, 2, 3);
    books.adjust();
    assert_eq!((books.cost(2), books.cost(3)), ("50".to_owned(), "-50".to_owned()));
    close_worksheet(&mut books, "BOLT");
    books.adjust();
    assert_eq!((books.cost(1), books.cost(2)), ("10".to_owned(), "50".to_owned()));
}

#[test]
fn what_is_applied_anew_is_outstanding_until_it_is_adjusted() {
    let mut books = two_layers(AdjustmentWindow::Never);
    let in_the_way = |books: &Books| -> Vec<Code> {
        let tests = closing_tests(&books.world.tables, day("2020-01-31"));
        tests.into_iter().map(|reason| reason.code).collect()
    };
    assert_eq!(in_the_way(&books), []);
    unapply(&mut books, 3);
    let both = [Code::PeriodHasNegativeInventory, Code::PeriodHasUnadjustedCosts];
    assert_eq!(in_the_way(&books), both);
    apply(&mut books, 3, 2);
    close_worksheet(&mut books, "BOLT");
    assert_eq!(in_the_way(&books), [Code::PeriodHasUnadjustedCosts]);
    assert_eq!(books.cost(3), "-10");
    books.adjust();
    assert_eq!(in_the_way(&books), []);
    assert_eq!(books.cost(3), "-50");
}

#[test]
fn what_is_applied_anew_is_adjusted_at_once_where_the_setup_says_always() {
    let mut books = two_layers(AdjustmentWindow::Always);
    unapply(&mut books, 3);
    apply(&mut books, 3, 2);
    assert_eq!(books.cost(3), "-50");
    close_worksheet(&mut books, "BOLT");
    unapply(&mut books, 3);
    close_worksheet(&mut books, "BOLT");
    // The fixed application is not made again: the sale is open, at the cost of the card.
    let state = books.world.tables.row::<ItemLedgerStates>(&EntryNo(3)).unwrap();
    assert_eq!(state.remaining, q("-10"));
    books.ok(&Command::ApplyEntry(ApplyEntry { entry: EntryNo(3), to: None }));
    assert_eq!(books.cost(3), "-10");
}

/// Ten are received at 7 with an overhead of 1 each, and invoiced in parts without an amount.
#[test]
fn invoices_that_name_no_amount_bring_what_was_expected() {
    let mut books = Books::new(|_setup| {});
    books.card("BOLT", |card| card.overhead_rate = Some("1".parse().unwrap()));
    let receipt = purchase("2020-01-05", "BOLT", "10", "70.00");
    books.post(JournalLine { not_invoiced: true, ..receipt });
    let sums = |books: &Books| -> (String, String, String) {
        let mut sums = [m("0"); 3];
        for (_no, value) in books.values() {
            let overhead = value.value_type == ValueType::IndirectCost;
            let at = usize::from(overhead);
            sums[at] = sums[at].checked_add(value.cost_actual).unwrap();
            sums[2] = sums[2].checked_add(value.cost_expected).unwrap();
        }
        let [direct, indirect, expected] = sums.map(|sum| sum.to_string());
        (direct, indirect, expected)
    };
    let figures = |row: (&str, &str, &str)| (row.0.to_owned(), row.1.to_owned(), row.2.to_owned());
    assert_eq!(sums(&books), figures(("0", "0", "80")));
    books.invoice(1, "5", "2020-01-06", None);
    assert_eq!(sums(&books), figures(("35", "5", "40")));
    books.invoice(1, "5", "2020-01-06", None);
    assert_eq!(sums(&books), figures(("70", "10", "0")));
}

/// COSTING 6.3: seven tenths of what a shipment of ten costs are actual when seven are invoiced, also when it
/// was adjusted in between.
#[test]
fn an_invoice_after_an_adjustment_takes_its_share_of_what_it_left() {
    let mut books = Books::new(|_setup| {});
    books.post(purchase("2020-01-05", "BOLT", "10", "100.00"));
    books.post(JournalLine { not_invoiced: true, ..sale("2020-01-06", "BOLT", "10") });
    let costs = |books: &Books| {
        let cost = books.world.tables.row::<ItemLedgerStates>(&EntryNo(2)).unwrap().cost;
        (cost.actual.to_string(), cost.expected.to_string())
    };
    let figures = |actual: &str, expected: &str| (actual.to_owned(), expected.to_owned());
    books.invoice(2, "5", "2020-01-07", None);
    books.charge(1, "2020-01-08", "20.00");
    books.adjust();
    assert_eq!(costs(&books), figures("-60", "-60"));
    books.invoice(2, "2", "2020-01-09", None);
    assert_eq!(costs(&books), figures("-84", "-36"));
    books.charge(1, "2020-01-10", "10.00");
    books.adjust();
    assert_eq!(costs(&books), figures("-91", "-39"));
    books.invoice(2, "1", "2020-01-11", None);
    assert_eq!(costs(&books), figures("-104", "-26"));
    books.invoice(2, "2", "2020-01-11", None);
    assert_eq!(costs(&books), figures("-130", "0"));
}

#[test]
fn a_revaluation_journal_comes_by_item_location_variant_and_entry() {
    let mut books = Books::new(|_setup| {});
    books.world.item("ANVIL", CostingMethod::Fifo, None);
    let at = |location: Option<&str>, date: &str, item: &str| JournalLine {
        location: location.map(|code| code.try_into().unwrap()),
        bin: location.filter(|code| *code != "YARD").map(|code| {
            let bin = if code == "MAIN" { "A" } else { "L" };
            bin.try_into().unwrap()
        }),
        ..purchase(date, item, "1", "1.00")
    };
    for (location, date, item) in [
        (Some("YARD"), "2020-01-03", "NUT"),
        (None, "2020-01-02", "NUT"),
        (Some("MAIN"), "2020-01-04", "NUT"),
        (Some("LEEDS"), "2020-01-05", "NUT"),
        (Some("MAIN"), "2020-01-01", "NUT"),
        (None, "2020-01-01", "ANVIL"),
    ] {
        books.post(at(location, date, item));
    }
    let asked = |per, by_location| CalculateInventoryValue {
        date: day("2020-01-31"),
        per,
        by_location,
        by_variant: false,
        item: None,
        location: None,
        variant: None,
    };
    let lines = |ask| proposal::lines(&books.world.tables, &ask).unwrap();
    let per_entry = lines(asked(RevaluePer::ItemLedgerEntry, false));
    let numbers: Vec<_> = per_entry.iter().map(|line| line.entry.0).collect();
    assert_eq!(numbers, [6, 4, 3, 5, 1, 2]);
    let per_item = lines(asked(RevaluePer::Item, true));
    let names: Vec<_> = per_item
        .iter()
        .map(|line| {
            let item = lookup::item_text(&books.world.tables, line.item);
            (item, lookup::location_text(&books.world.tables, line.location.unwrap()))
        })
        .collect();
    assert_eq!(names[0].0, "ANVIL");
    let places: Vec<_> = names[1..].iter().map(|name| name.1.as_str()).collect();
    assert_eq!(places[..3], ["LEEDS", "MAIN", "YARD"]);
}

fn revaluation(item: &str, date: &str) -> RevaluationLine {
    RevaluationLine {
        item: item.try_into().unwrap(),
        date: day(date),
        location: None,
        variant: None,
        applies_to: EntryNo(0),
        quantity: None,
        calculated: false,
        unit_cost: None,
        value: None,
        amount: None,
        update_standard_cost: false,
        document_no: String::new(),
        dimensions: Dimensions::NONE,
    }
}

#[test]
fn a_revaluation_by_amount_or_value_sets_the_standard_that_it_makes() {
    for (amount, value, applies_to) in
        [(Some("-60"), None, 0), (None, Some("140"), 0), (Some("-60"), None, 1)]
    {
        let mut books = Books::new(|_setup| {});
        books.card("STD", |card| card.standard_cost = Some("100".parse().unwrap()));
        books.post(purchase("2020-01-05", "STD", "2", "200.00"));
        let line = RevaluationLine {
            amount: amount.map(m),
            value: value.map(m),
            applies_to: EntryNo(applies_to),
            update_standard_cost: true,
            ..revaluation("STD", "2020-01-10")
        };
        books.ok(&Command::PostRevaluation(PostRevaluation { lines: vec![line] }));
        let card = super::item_cost(&books.world.tables, books.item("STD"));
        let card = (card.standard_cost.to_string(), card.unit_cost.to_string());
        assert_eq!(card, ("70".to_owned(), "70".to_owned()), "{amount:?} {value:?}");
        assert_eq!(books.cost(1), "140");
    }
}

fn put_unit(books: &mut Books, item: &str, location: Option<&str>) {
    books.ok(&Command::PutStockkeepingUnit(PutStockkeepingUnit {
        item: item.try_into().unwrap(),
        location: location.map(|code| code.try_into().unwrap()),
        variant: None,
        unit_cost: None,
        standard_cost: None,
    }));
}

/// The stockkeeping units of an item, in the order of their locations' making.
fn units(books: &Books, item: &str) -> Vec<StockkeepingUnit> {
    let range = KeyRange::prefix(&(books.item(item),));
    let rows = books.world.tables.list::<StockkeepingUnits>(&range);
    rows.into_iter().map(|(_key, row)| *row).collect()
}

/// A user and a range of posting dates.
fn user_setup(user: &str, from: &str, to: &str) -> Command {
    Command::PutUserSetup(PutUserSetup {
        user: user.try_into().unwrap(),
        allow_posting_from: Some(day(from)),
        allow_posting_to: Some(day(to)),
    })
}

#[test]
fn what_no_card_and_no_setup_can_say_is_refused() {
    let mut books = Books::new(|_setup| {});
    let mut card = |set: &dyn Fn(&mut PutItemCost)| {
        let mut put = Books::cost_of_card("BOLT");
        set(&mut put);
        books.refused(&Command::PutItemCost(put))
    };
    let range = [Code::NumberOutOfRange];
    assert_eq!(card(&|put| put.unit_cost = Some("-1".parse().unwrap())), range);
    assert_eq!(card(&|put| put.standard_cost = Some("-1".parse().unwrap())), range);
    assert_eq!(card(&|put| put.last_direct_cost = Some("-1".parse().unwrap())), range);
    assert_eq!(card(&|put| put.overhead_rate = Some("-0.00001".parse().unwrap())), range);
    assert_eq!(card(&|put| put.indirect_cost_percent = Some(q("-1"))), range);
    assert_eq!(card(&|put| put.net_weight = Some(q("-1"))), range);
    assert_eq!(card(&|put| put.unit_volume = Some(q("-1"))), range);
    let long = "A GROUP OF TWENTY-ONE".to_owned();
    let group = card(&|put| put.inventory_group = Some(long.clone()));
    assert_eq!(group, [Code::MalformedRequest]);
    for (unit_cost, standard_cost) in [(Some("-1"), None), (None, Some("-1"))] {
        let put = Command::PutStockkeepingUnit(PutStockkeepingUnit {
            item: "BOLT".try_into().unwrap(),
            location: None,
            variant: None,
            unit_cost: unit_cost.map(|cost| cost.parse().unwrap()),
            standard_cost: standard_cost.map(|cost| cost.parse().unwrap()),
        });
        assert_eq!(books.refused(&put), range);
    }
    assert_eq!(codes(&books.try_set(|setup| setup.vat_percent = q("-1"))), range);
    assert_eq!(codes(&books.try_set(|setup| setup.vat_percent = q("100.01"))), range);
    assert_eq!(codes(&books.try_set(|setup| setup.non_deductible_vat_percent = q("101"))), range);
    books.set(|setup| setup.vat_percent = q("100"));
    let turned = books.try_set(|setup| {
        setup.allow_posting_from = Some(day("2020-02-01"));
        setup.allow_posting_to = Some(day("2020-01-31"));
    });
    assert_eq!(codes(&turned), [Code::MalformedRequest]);
    let nobody = user_setup("NOBODY", "2020-01-01", "2020-01-31");
    assert_eq!(books.refused(&nobody), [Code::NotFound]);
    let turned = user_setup("KIM", "2020-01-02", "2020-01-01");
    assert_eq!(books.refused(&turned), [Code::MalformedRequest]);
    books.ok(&user_setup("KIM", "2020-01-02", "2020-01-02"));
}

#[test]
fn a_new_stockkeeping_unit_begins_with_what_the_card_says() {
    let mut books = Books::new(|_setup| {});
    books.card("STD", |card| {
        card.standard_cost = Some("12.5".parse().unwrap());
        card.last_direct_cost = Some("11".parse().unwrap());
    });
    put_unit(&mut books, "STD", None);
    let unit = units(&books, "STD")[0];
    let figures = [unit.unit_cost, unit.standard_cost, unit.last_direct_cost];
    assert_eq!(figures.map(|figure| figure.to_string()), ["12.5", "12.5", "11"]);
    books.post(purchase("2020-01-05", "STD", "2", "30.00"));
    assert_eq!(books.cost(1), "25", "and not at a standard of nothing");
}

#[test]
fn with_one_average_for_the_item_all_its_stockkeeping_units_follow_the_card() {
    let mut books = Books::new(|_setup| {});
    for location in [None, Some("YARD"), Some("LEEDS")] {
        put_unit(&mut books, "BOLT", location);
    }
    books.post(purchase("2020-01-05", "BOLT", "2", "14.00"));
    let costs = |books: &Books| -> Vec<String> {
        units(books, "BOLT").iter().map(|unit| unit.unit_cost.to_string()).collect()
    };
    assert_eq!(costs(&books), ["7", "7", "7"]);
    let last: Vec<_> =
        units(&books, "BOLT").iter().map(|unit| unit.last_direct_cost.to_string()).collect();
    assert_eq!(last, ["7", "0", "0"], "what was paid is known where it was posted");
    books.card("BOLT", |card| card.unit_cost = Some("9".parse().unwrap()));
    assert_eq!(costs(&books), ["9", "9", "9"]);
}

fn part(item: &str, quantity: &str, lots: &[(&str, &str)]) -> AssemblyItem {
    let tracking = |(lot, quantity): &(&str, &str)| {
        let lot = Some((*lot).try_into().unwrap());
        (Tracking { lot, ..Tracking::NONE }, q(quantity))
    };
    AssemblyItem {
        item: item.try_into().unwrap(),
        variant: None,
        location: None,
        bin: None,
        quantity: q(quantity),
        tracking: lots.iter().map(tracking).collect(),
    }
}

#[test]
fn lots_of_one_assembly_share_its_cost() {
    let mut books = Books::new(|setup| setup.automatic_cost_posting = true);
    books.card("CREAM", |card| card.indirect_cost_percent = Some(q("10")));
    books.post(purchase("2020-01-05", "BOLT", "1", "100.00"));
    books.ok(&Command::PostAssembly(PostAssembly {
        order: "A1".try_into().unwrap(),
        date: day("2020-01-06"),
        sale_date: None,
        output: part("CREAM", "3", &[("L1", "1"), ("L2", "1"), ("L3", "1")]),
        components: vec![part("BOLT", "1", &[])],
        resources: Vec::new(),
        business_group: String::new(),
        dimensions: Dimensions::NONE,
    }));
    let costs = |books: &Books| [3, 4, 5].map(|no| books.cost(no));
    assert_eq!(costs(&books), ["36.66", "36.67", "36.66"], "33.33 + 33.34 + 33.33, and overhead");
    let card = super::item_cost(&books.world.tables, books.item("CREAM"));
    assert_eq!(card.last_direct_cost.to_string(), "33.33333");
    books.adjust();
    assert_eq!(costs(&books), ["36.66", "36.67", "36.66"]);
    assert_eq!(books.values().len(), 8, "nothing is left to be adjusted");
}

fn of_order(kind: JournalType, date: &str, item: &str, amount: Option<&str>) -> JournalLine {
    let order = Some((OrderKind::Production, "P1".try_into().unwrap()));
    JournalLine { order, ..line(kind, date, item, "1", amount) }
}

fn finish(date: &str) -> Command {
    let order = "P1".try_into().unwrap();
    Command::FinishProductionOrder(FinishProductionOrder { order, date: day(date) })
}

/// BOLT for 100 goes into a production order that makes a NUT in February.
fn produced() -> Books {
    let mut books = Books::new(|_setup| {});
    books.post(purchase("2020-01-05", "BOLT", "1", "100.00"));
    books.post(of_order(JournalType::Consumption, "2020-01-06", "BOLT", None));
    books.post(of_order(JournalType::Output, "2020-02-03", "NUT", Some("30.00")));
    books
}

#[test]
fn a_production_order_is_finished_on_a_day_that_is_open() {
    let mut books = produced();
    books.adjust();
    books.world.system(Command::PutInventoryPeriod(crate::period::inventory::PutInventoryPeriod {
        ending_date: day("2020-01-31"),
        name: String::new(),
        unchecked_closed: Some(true),
    }));
    assert_eq!(books.refused(&finish("2020-01-20")), [Code::PeriodClosed]);
    books.ok(&finish("2020-02-04"));
    books.set(|setup| setup.allow_posting_from = Some(day("2020-02-10")));
    books.adjust();
    assert_eq!(books.cost(3), "100");
    let dates: Vec<_> = books
        .values()
        .into_iter()
        .filter(|(_no, value)| value.entry == EntryNo(3) && !value.cost_actual.is_zero())
        .map(|(_no, value)| value.posting_date.to_string())
        .collect();
    assert_eq!(dates, ["2020-02-10", "2020-02-10"], "and invoiced on the first day that is open");
}

#[test]
fn a_finished_output_teaches_its_card_what_it_cost() {
    let mut books = produced();
    let card = |books: &Books| super::item_cost(&books.world.tables, books.item("NUT"));
    assert_eq!(card(&books).last_direct_cost.to_string(), "0", "nothing of what is expected");
    books.ok(&finish("2020-02-04"));
    books.adjust();
    assert_eq!(card(&books).last_direct_cost.to_string(), "100");
    assert_eq!(card(&books).unit_cost.to_string(), "100");
}

#[test]
fn an_order_waits_for_the_batch_when_what_it_made_is_older_than_the_window() {
    for (work_date, wanted) in [("2020-02-20", "100"), ("2020-04-20", "0")] {
        let mut books = produced();
        books.set(|setup| {
            setup.automatic_adjustment = AdjustmentWindow::Month;
            setup.work_date = Some(day(work_date));
        });
        books.ok(&finish("2020-04-15"));
        assert_eq!(books.cost(3), wanted, "{work_date}");
        books.adjust();
        assert_eq!(books.cost(3), "100");
    }
}

/// Business group, item ledger entry of the value entries from number `from` on.
fn groups(books: &Books, from: usize) -> Vec<(String, u64)> {
    let values = books.values().into_iter().skip(from);
    values.map(|(_no, value)| (value.business_group, value.entry.0)).collect()
}

fn differences_have_accounts(books: &mut Books) {
    books.ok(&Command::SetReasonGroups(crate::command::ledger::SetReasonGroups {
        count_differences: "COUNT".to_owned(),
        transit_losses: "LOST".to_owned(),
    }));
}

#[test]
fn differences_of_counts_and_their_corrections_have_accounts_of_their_own() {
    let mut books = Books::new(|_setup| {});
    books.world.opening("A", goods("BOLT", "9"));
    differences_have_accounts(&mut books);
    books.world.scan(1, 20, None, count("A", goods("BOLT", "7")));
    assert_eq!(groups(&books, 1), [("COUNT".to_owned(), 2)]);
    // Two were taken before: they explain the difference, which is taken back.
    let out = adjust("A", protocol::operation::Direction::Decrease, goods("BOLT", "2"));
    books.world.scan(2, 10, None, out);
    let of_counts: Vec<_> =
        groups(&books, 2).into_iter().filter(|(group, _no)| group == "COUNT").collect();
    assert_eq!(of_counts.len(), 1, "{:?}", groups(&books, 2));
    let plain = groups(&books, 2).into_iter().filter(|(group, _no)| group.is_empty()).count();
    assert_eq!(plain, 1, "what was taken is no difference");
}

#[test]
fn what_is_lost_on_its_way_has_an_account_of_its_own() {
    let mut books = Books::new(|_setup| {});
    books.world.opening("A", goods("BOLT", "9"));
    differences_have_accounts(&mut books);
    let kind = protocol::operation::DocumentKind::TransferOrder;
    let order = books.world.document(kind, "T1", &[("BOLT", "4")]);
    books.world.scan(1, 10, Some(&order), transfer_ship("A", goods("BOLT", "4")));
    let before = books.values().len();
    books.ok(&Command::CloseTransfer(crate::command::papers::CloseTransfer {
        no: "T1".try_into().unwrap(),
        line: 10_000,
        found: None,
    }));
    let groups: Vec<_> = groups(&books, before).into_iter().map(|(group, _no)| group).collect();
    assert_eq!(groups.iter().filter(|group| *group == "LOST").count(), 1, "{groups:?}");
    assert_eq!(groups.last().map(String::as_str), Some("LOST"));
}

/// COSTING 10.3: what rounding does not explain is told, and not written off.
#[test]
fn cost_that_went_nowhere_is_told_by_the_run_that_finds_it() {
    let mut books = Books::new(|_setup| {});
    books.post(purchase("2020-01-05", "BOLT", "1", "10.00"));
    books.post(sale("2020-01-06", "BOLT", "1"));
    books.adjust();
    let mut draft = crate::draft::Draft::over(&books.world.tables);
    let mut state = *draft.row::<ItemLedgerStates>(&EntryNo(1)).unwrap();
    state.cost.applied = m("5.00");
    draft.put::<ItemLedgerStates>(&EntryNo(1), state);
    let changes = draft.finish();
    books.world.tables.apply(changes);
    books.charge(1, "2020-01-07", "0.01");
    let ask = Command::AdjustCost(super::work::AdjustCost::default());
    let outcome = books.world.desk(&ask);
    assert_eq!(crate::world::codes(&outcome), [Code::CostInconsistent]);
    let runs = books.world.tables.list::<crate::schema::money::AdjustmentRuns>(&KeyRange::all());
    assert_eq!(runs.last().unwrap().1.failed, "cost_inconsistent");
    assert_eq!((books.cost(1), books.cost(2)), ("10.01".to_owned(), "-10.01".to_owned()));
}
