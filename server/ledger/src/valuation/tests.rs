use std::cell::Cell;
use std::collections::BTreeMap;

use protocol::quantity::Quantity;

use crate::books::{Books, day, line, m, purchase, sale};
use crate::command::Command;
use crate::command::journal::JournalType;
use crate::gl::batch::PostCostToGl;
use crate::key::KeyRange;
use crate::money::Money;
use crate::record::Record;
use crate::schema::LocationId;
use crate::schema::gl::PostingMethod;
use crate::schema::money::{AveragePeriod, OrderKind};
use crate::tables::{TableId, Tables, Visit};
use crate::valuation::inventory::{Valuation, ValuationOf, inventory, total};
use crate::valuation::reconciliation::{Account, Comparison, LOOKED_AT, reconciliation};
use crate::valuation::sums::{DAY, MONTH, YEAR, next_first, spans};
use crate::valuation::wip::work_in_process;
use crate::world::q;

fn row(books: &Books, of: &ValuationOf) -> Valuation {
    total(inventory(&books.world.tables, of).unwrap().values()).unwrap()
}

fn compared(books: &Books, until: &str) -> BTreeMap<Account, Comparison> {
    reconciliation(&books.world.tables, day(until), LOOKED_AT)
        .unwrap()
        .into_iter()
        .map(|((_group, _location, account), row)| (account, row))
        .collect()
}

#[test]
fn opening_and_increases_and_decreases_make_the_closing() {
    let mut books = Books::new(|_setup| {});
    books.post(purchase("2018-11-05", "BOLT", "10", "100.00"));
    books.post(sale("2019-06-30", "BOLT", "4"));
    books.post(purchase("2020-02-10", "BOLT", "5", "60.00"));
    books.post(sale("2020-02-20", "BOLT", "1"));
    books.charge(1, "2020-02-25", "10.00");
    books.adjust();
    let bolt = books.item("BOLT");
    let february =
        ValuationOf { from: Some(day("2020-02-01")), ..ValuationOf::item(bolt, day("2020-02-29")) };
    let seen = row(&books, &february);
    assert_eq!((seen.opening.quantity, seen.opening.actual), (q("6"), m("56")));
    // The charge of 10.00 on the increase is an increase; of what it changed on the sale of 2019, 4.00
    // are dated there.
    assert_eq!((seen.increases.quantity, seen.increases.actual), (q("5"), m("70")));
    assert_eq!((seen.decreases.quantity, seen.decreases.actual), (q("-1"), m("-11")));
    assert_eq!((seen.closing.quantity, seen.closing.actual), (q("10"), m("115")));
    let all = ValuationOf { item: None, ..february };
    assert_eq!(row(&books, &all), seen, "one item by its keys, and all by ranges");
}

#[test]
fn a_past_date_is_what_the_value_entries_up_to_it_say() {
    let mut books = Books::new(|setup| setup.average_period = AveragePeriod::default());
    let dates =
        ["2019-12-30", "2019-12-31", "2020-01-01", "2020-01-31", "2020-02-01", "2021-07-15"];
    for (n, date) in dates.iter().enumerate() {
        for item in ["BOLT", "NUT", "AVG"] {
            books.post(purchase(date, item, "3", &format!("{}.10", n + 1)));
            books.post(sale(date, item, "1"));
        }
    }
    books.adjust();
    let others =
        ["2019-01-01", "2020-01-20", "2020-10-20", "2020-12-31", "2021-07-14", "2022-01-01"];
    for until in dates.into_iter().chain(others) {
        let until = day(until);
        let summed = books
            .values()
            .into_iter()
            .filter(|(_no, row)| row.posting_date <= until)
            .fold(Money::ZERO, |sum, (_no, row)| sum.checked_add(row.cost_actual).unwrap());
        assert_eq!(row(&books, &ValuationOf::all(until)).closing.actual, summed, "{until}");
        let by_item = ["BOLT", "NUT", "AVG"].into_iter().fold(Money::ZERO, |sum, item| {
            let item = books.item(item);
            sum.checked_add(row(&books, &ValuationOf::item(item, until)).closing.actual).unwrap()
        });
        assert_eq!(by_item, summed, "{until}, item by item");
    }
}

#[test]
fn differences_are_named_by_their_reason() {
    let mut books = Books::new(|_setup| {});
    let mut receipt = purchase("2020-01-01", "BOLT", "1", "95.00");
    receipt.not_invoiced = true;
    books.post(receipt);
    books.post(purchase("2020-01-02", "NUT", "1", "7.00"));
    books.post(purchase("2020-01-05", "NUT", "1", "9.00"));
    let until = PostCostToGl { until: Some(day("2020-01-03")), ..PostCostToGl::default() };
    books.ok(&Command::PostCostToGl(until));
    let seen = compared(&books, "2020-01-31");
    let invoiced = &seen[&Account::Invoiced];
    assert_eq!((invoiced.value, invoiced.ledger, invoiced.difference), (m("16"), m("7"), m("9")));
    assert_eq!((invoiced.not_posted, invoiced.unexplained), (m("9"), Some(Money::ZERO)));
    assert_eq!(invoiced.accounts, ["1"]);
    let interim = &seen[&Account::Interim];
    assert_eq!((interim.value, interim.ledger), (m("95"), Money::ZERO));
    assert_eq!((interim.expected_off, interim.not_posted), (m("95"), Money::ZERO));
    assert!(compared(&books, "2020-01-04")[&Account::Invoiced].difference.is_zero());
    books.set(|setup| setup.expected_cost_posting = true);
    books.post_to_gl(PostingMethod::PerPostingGroup);
    for row in compared(&books, "2020-01-31").values() {
        assert_eq!((row.difference, row.unexplained), (Money::ZERO, Some(Money::ZERO)));
    }
}

#[test]
fn what_was_not_looked_at_is_not_called_explained() {
    let mut books = Books::new(|_setup| {});
    for item in ["BOLT", "NUT"] {
        books.post(purchase("2020-01-02", item, "1", "7.00"));
    }
    let invoiced = |look_at| {
        let rows = reconciliation(&books.world.tables, day("2020-01-31"), look_at).unwrap();
        let row = rows.into_iter().find(|((_group, _location, of), _row)| *of == Account::Invoiced);
        let row = row.unwrap().1;
        (row.difference, row.not_posted, row.unexplained)
    };
    assert_eq!(invoiced(2), (m("14"), m("14"), Some(Money::ZERO)));
    assert_eq!(invoiced(1), (m("14"), m("14"), None), "one of two was looked at");
}

/// COSTING 21 and the scenario of reconciliation: components and capacity into an order.
#[test]
fn work_in_process_is_what_went_in_less_what_came_out() {
    let mut books = Books::new(|setup| {
        setup.automatic_cost_posting = true;
        setup.expected_cost_posting = true;
    });
    let order = Some((OrderKind::Production, "PO1".try_into().unwrap()));
    books.post(line(JournalType::PositiveAdjustment, "2020-01-01", "BOLT", "150", Some("150.00")));
    let mut used = line(JournalType::Consumption, "2020-01-05", "BOLT", "150", None);
    used.order = order;
    books.post(used);
    let seen = work_in_process(&books.world.tables, (None, day("2020-01-31"))).unwrap();
    let wip = seen.values().next().unwrap();
    assert_eq!((wip.opening, wip.consumption, wip.closing), (Money::ZERO, m("150"), m("150")));
    let later = work_in_process(&books.world.tables, (Some(day("2020-02-01")), day("2020-02-29")));
    assert_eq!(later.unwrap().values().next().unwrap().opening, m("150"));
    let row = &compared(&books, "2020-01-31")[&Account::Wip];
    assert_eq!((row.value, row.ledger, row.difference), (m("150"), m("150"), Money::ZERO));
}

#[test]
fn locations_and_groups_are_apart() {
    let mut books = Books::new(|setup| setup.automatic_cost_posting = true);
    books.inventory_accounts(Some("YARD"), "RAW");
    books.card("NUT", |put| put.inventory_group = Some("RAW".to_owned()));
    books.post(purchase("2020-01-01", "BOLT", "1", "5.00"));
    let mut there = purchase("2020-01-01", "NUT", "1", "6.00");
    there.location = Some("YARD".try_into().unwrap());
    books.post(there);
    let rows = inventory(&books.world.tables, &ValuationOf::all(day("2020-01-01"))).unwrap();
    let seen: Vec<_> = rows.iter().map(|(key, row)| (key.0.as_str(), row.closing.actual)).collect();
    assert_eq!(seen, [("", m("5")), ("RAW", m("6"))]);
    let only = ValuationOf { location: Some(LocationId(0)), ..ValuationOf::all(day("2020-01-01")) };
    assert_eq!(row(&books, &only).closing.actual, m("5"));
}

/// Tables that count the rows which are read of them.
struct Counted<'t> {
    tables: &'t dyn Tables,
    rows: Cell<usize>,
}

impl Tables for Counted<'_> {
    fn get(&self, table: TableId, key: &[u8]) -> Option<Record> {
        self.rows.set(self.rows.get() + 1);
        self.tables.get(table, key)
    }

    fn scan(&self, table: TableId, range: &KeyRange, reverse: bool, visit: Visit<'_>) {
        self.tables.scan(table, range, reverse, &mut |key, record| {
            self.rows.set(self.rows.get() + 1);
            visit(key, record)
        });
    }
}

#[test]
fn a_past_date_costs_the_same_however_much_was_posted_that_day() {
    let rows = |times: usize| {
        let mut books = Books::new(|_setup| {});
        for date in ["2018-03-03", "2019-04-04", "2020-01-01", "2020-05-02", "2020-05-10"] {
            for _ in 0..times {
                books.post(purchase(date, "BOLT", "1", "1.00"));
            }
        }
        let counted = Counted { tables: &books.world.tables, rows: Cell::new(0) };
        let of = ValuationOf::all(day("2020-05-09"));
        let seen = total(inventory(&counted, &of).unwrap().values()).unwrap();
        assert_eq!(seen.closing.quantity, Quantity::whole(i32::try_from(4 * times).unwrap()));
        counted.rows.get()
    };
    // Two years, a month, a day.
    assert_eq!((rows(1), rows(7)), (4, 4));
}

#[test]
fn no_date_reads_more_than_six_months_and_sixteen_days() {
    let mut date = day("2019-12-01");
    while date < day("2021-02-01") {
        let read = |level: u8| {
            let spans = spans(date, &[YEAR, MONTH, DAY]).into_iter();
            let of_level = spans.filter(|span| span.level == level).map(|span| {
                let mut first = span.from;
                let mut count = 0;
                while first < span.to && count < 1000 {
                    first = next_first(level, first).unwrap();
                    count += 1;
                }
                count
            });
            of_level.sum::<usize>()
        };
        assert!(read(MONTH) <= 6 && read(DAY) <= 16, "{date}");
        date = date.succ_opt().unwrap();
    }
}
