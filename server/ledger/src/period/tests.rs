use protocol::code::Code;
use protocol::outcome::Decision;

use crate::books::{Books, charge, day, journal, line, purchase, sale};
use crate::command::costing::SetInventorySetup;
use crate::command::journal::JournalType;
use crate::command::{Batch, Command};
use crate::period::accounting::{CloseFiscalYear, CreateFiscalYear, LengthUnit, fiscal_years};
use crate::period::inventory::{InventoryPeriodOf, PutInventoryPeriod, closing_tests, periods};
use crate::period::late_postings;
use crate::schema::EntryNo;
use crate::schema::item::CostingMethod;
use crate::schema::money::{AveragePeriod, AverageType};
use crate::world::{adjust, codes, date, goods};

fn put(ending_date: &str) -> Command {
    Command::PutInventoryPeriod(PutInventoryPeriod {
        ending_date: day(ending_date),
        name: String::new(),
        unchecked_closed: None,
    })
}

fn of(ending_date: &str) -> InventoryPeriodOf {
    InventoryPeriodOf { ending_date: day(ending_date) }
}

fn close(ending_date: &str) -> Command {
    Command::CloseInventoryPeriod(of(ending_date))
}

fn with_periods(books: &mut Books) {
    for end in ["2020-01-31", "2020-02-29", "2020-03-31"] {
        books.ok(&put(end));
    }
}

fn closed(books: &Books) -> Vec<bool> {
    periods(&books.world.tables).into_iter().map(|(_end, row, _entries)| row.closed).collect()
}

fn year(start_date: &str) -> Command {
    Command::CreateFiscalYear(CreateFiscalYear {
        start_date: day(start_date),
        periods: 12,
        length: 1,
        unit: LengthUnit::Month,
    })
}

fn close_year() -> Command {
    Command::CloseFiscalYear(CloseFiscalYear {})
}

#[test]
fn closing_tells_everything_that_is_in_the_way_at_once() {
    let mut books = Books::new(|_setup| {});
    with_periods(&mut books);
    books.world.item("FREE", CostingMethod::Fifo, None);
    books.card("FREE", |put| put.unit_cost = Some("5".parse().unwrap()));
    books.set(|_setup| {});
    allow_negative(&mut books);
    books.post(sale("2020-01-20", "FREE", "1"));
    let both = [Code::PeriodHasNegativeInventory, Code::PeriodHasUnadjustedCosts];
    assert_eq!(books.refused(&close("2020-01-31")), both);
    let listed = closing_tests(&books.world.tables, day("2020-01-31"));
    assert_eq!(listed.into_iter().map(|reason| reason.code).collect::<Vec<_>>(), both);
    books.adjust();
    assert_eq!(books.refused(&close("2020-01-31")), [Code::PeriodHasNegativeInventory]);
    books.post(line(JournalType::PositiveAdjustment, "2020-02-01", "FREE", "1", Some("5.00")));
    books.adjust();
    books.ok(&close("2020-01-31"));
    assert_eq!(closed(&books), [true, false, false]);
}

fn allow_negative(books: &mut Books) {
    books.ok(&Command::SetCompany(crate::command::SetCompany {
        name: "Demo".to_owned(),
        negative_inventory_allowed: true,
        absent_after_hours: 12,
    }));
}

#[test]
fn closing_closes_earlier_ones_and_reopening_reopens_later_ones() {
    let mut books = Books::new(|_setup| {});
    with_periods(&mut books);
    books.ok(&close("2020-02-29"));
    assert_eq!(closed(&books), [true, true, false]);
    assert_eq!(books.refused(&close("2020-01-31")), [Code::PeriodAlreadyClosed]);
    let delete = Command::DeleteInventoryPeriod(of("2020-01-31"));
    assert_eq!(books.refused(&delete), [Code::ClosedPeriodCannotBeDeleted]);
    assert_eq!(books.refused(&put("2020-01-15")), [Code::PeriodClosed]);
    let reopen = Command::ReopenInventoryPeriod(of("2020-03-31"));
    assert_eq!(books.refused(&reopen), [Code::PeriodNotClosed]);
    books.ok(&close("2020-03-31"));
    books.ok(&Command::ReopenInventoryPeriod(of("2020-02-29")));
    assert_eq!(closed(&books), [true, false, false]);
    let march = periods(&books.world.tables).pop().unwrap().2;
    assert_eq!(march.iter().map(|entry| entry.closed).collect::<Vec<_>>(), [true, false]);
    assert!(march.iter().all(|entry| entry.operator.is_some()));
    books.ok(&Command::DeleteInventoryPeriod(of("2020-03-31")));
    assert_eq!(closed(&books), [true, false]);
}

/// COSTING 19: whoever asks, also who may do everything and within a batch; only the system sets a company up.
#[test]
fn nobody_at_a_desk_leaves_the_checks_of_periods_and_setup_out() {
    let mut books = Books::new(|_setup| {});
    with_periods(&mut books);
    books.post(purchase("2020-01-05", "BOLT", "1", "10.00"));
    let unchecked = |ending_date: &str, closed| {
        Command::PutInventoryPeriod(PutInventoryPeriod {
            ending_date: day(ending_date),
            name: String::new(),
            unchecked_closed: Some(closed),
        })
    };
    let mut setup = (*crate::costing::setup(&books.world.tables)).clone();
    setup.earliest_valuation_date = Some(day("2020-02-01"));
    let set = SetInventorySetup { setup, unchecked: true };
    let asks = [
        unchecked("2020-01-31", true),
        unchecked("2020-01-31", false),
        unchecked("2019-12-31", true),
        Command::SetInventorySetup(set),
    ];
    for ask in asks {
        assert_eq!(books.refused(&ask), [Code::RightMissing]);
        let commands = vec![put("2020-04-30"), ask];
        assert_eq!(books.refused(&Command::Batch(Batch { commands })), [Code::RightMissing]);
    }
    assert_eq!(closed(&books), [false, false, false]);
    books.world.system(unchecked("2020-01-31", true));
    books.world.system(unchecked("2020-01-31", true));
    books.world.system(unchecked("2020-01-31", false));
    let january = periods(&books.world.tables).swap_remove(0).2;
    assert_eq!(january.iter().map(|entry| entry.closed).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn nothing_is_posted_into_a_closed_period_but_its_stock_is_used() {
    let mut books = Books::new(|_setup| {});
    with_periods(&mut books);
    books.post(purchase("2020-01-05", "BOLT", "2", "10.00"));
    books.adjust();
    books.ok(&close("2020-01-31"));
    let refused = books.refused(&journal(sale("2020-01-31", "BOLT", "1")));
    assert_eq!(refused, [Code::PeriodClosed]);
    assert_eq!(books.refused(&charge(1, "2020-01-31", "1.00")), [Code::PeriodClosed]);
    books.post(sale("2020-02-01", "BOLT", "1"));
    assert_eq!(books.cost(2), "-5");
}

/// COSTING 18: the later of the day behind the last closed period and the first posting date.
#[test]
fn an_adjustment_moves_to_the_first_day_that_is_open() {
    let mut books = Books::new(|_setup| {});
    for end in ["2020-08-31", "2020-09-30"] {
        books.ok(&put(end));
    }
    books.post(purchase("2020-09-01", "BOLT", "1", "10.00"));
    books.post(sale("2020-08-06", "BOLT", "1"));
    books.adjust();
    books.ok(&close("2020-08-31"));
    books.charge(1, "2020-09-10", "1.00");
    books.adjust();
    assert_eq!(books.adjustments(2), [("2020-09-01".to_owned(), "-1".to_owned())]);
    books.set(|setup| setup.allow_posting_from = Some(day("2020-09-10")));
    books.charge(1, "2020-09-10", "1.00");
    books.adjust();
    let adjusted = books.adjustments(2);
    assert_eq!(adjusted.last().unwrap(), &("2020-09-10".to_owned(), "-1".to_owned()));
    books.charge(1, "2020-09-20", "1.00");
    books.user("KIM", Some("2020-09-15"), None);
    let run = Command::AdjustCost(crate::costing::work::AdjustCost::default());
    assert_eq!(books.refused(&run), [Code::PostingDateNotAllowed]);
}

/// COSTING 18: stock 100 × 10, decreases on 12-20 and 01-15, revalued to 40; posting from 01-01 on.
#[test]
fn a_year_end_shows_value_without_quantity_as_the_specification_says() {
    let mut books = Books::new(|_setup| {});
    books.post(purchase("2020-12-15", "AVG", "100", "1000.00"));
    books.post(line(JournalType::NegativeAdjustment, "2020-12-20", "AVG", "2", None));
    books.post(line(JournalType::NegativeAdjustment, "2021-01-15", "AVG", "3", None));
    books.adjust();
    books.set(|setup| setup.allow_posting_from = Some(day("2021-01-01")));
    books.user("KIM", Some("2020-12-01"), None);
    // A charge of the same amount as the revaluation: what follows it is dated the same way.
    books.charge(1, "2020-12-15", "3000.00");
    books.adjust();
    assert_eq!(books.adjustments(2), [("2021-01-01".to_owned(), "-60".to_owned())]);
    assert_eq!(books.adjustments(3), [("2021-01-15".to_owned(), "-90".to_owned())]);
}

#[test]
fn the_earliest_valuation_date_is_set_when_all_before_it_is_adjusted() {
    let mut books = Books::new(|_setup| {});
    books.post(purchase("2020-02-20", "BOLT", "2", "10.00"));
    let set = |books: &mut Books, date: Option<&str>| {
        codes(&books.try_set(|setup| setup.earliest_valuation_date = date.map(day)))
    };
    assert_eq!(set(&mut books, Some("2020-03-01")), [Code::UnadjustedEntriesBeforeDate]);
    assert_eq!(set(&mut books, Some("2020-02-20")), [], "the day itself is not before it");
    books.adjust();
    assert_eq!(set(&mut books, Some("2020-03-01")), []);
    let early = journal(purchase("2020-02-29", "BOLT", "1", "5.00"));
    assert_eq!(books.refused(&early), [Code::BeforeEarliestAllowedValuationDate]);
    let freight = charge(1, "2020-03-05", "1.00");
    assert_eq!(books.refused(&freight), [Code::BeforeEarliestAllowedValuationDate]);
    let mut named = sale("2020-03-06", "BOLT", "1");
    named.applies_to = EntryNo(1);
    assert_eq!(books.refused(&journal(named)), [Code::AppliesToBeforeEarliest]);
    books.post(sale("2020-03-06", "BOLT", "1"));
    assert_eq!(set(&mut books, Some("2020-04-01")), [Code::UnadjustedEntriesBeforeDate]);
    assert_eq!(set(&mut books, None), [], "clearing checks nothing");
}

#[test]
fn an_order_that_is_open_is_in_the_way_of_the_earliest_valuation_date() {
    let mut books = Books::new(|_setup| {});
    books.post(purchase("2020-01-05", "BOLT", "2", "10.00"));
    let mut used = line(JournalType::Consumption, "2020-01-06", "BOLT", "1", None);
    used.order = Some((crate::schema::money::OrderKind::Production, "PO1".try_into().unwrap()));
    books.post(used);
    books.adjust();
    let refused = books.try_set(|setup| setup.earliest_valuation_date = Some(day("2020-02-01")));
    assert_eq!(codes(&refused), [Code::OpenOrdersBeforeDate]);
}

#[test]
fn fiscal_years_follow_each_other_and_close_from_the_first() {
    let mut books = Books::new(|_setup| {});
    assert_eq!(books.refused(&close_year()), [Code::NotFound]);
    books.ok(&year("2020-01-01"));
    assert_eq!(books.refused(&year("2020-06-01")), [Code::AlreadyExists]);
    books.ok(&year("2021-01-01"));
    books.ok(&year("2019-01-01"));
    let years = fiscal_years(&books.world.tables);
    let starts: Vec<_> = years.iter().map(|year| year.start.to_string()).collect();
    assert_eq!(starts, ["2019-01-01", "2020-01-01", "2021-01-01", "2022-01-01"]);
    assert!(years.iter().take(3).all(|year| year.periods.len() == 12));
    books.ok(&close_year());
    books.ok(&close_year());
    let closed: Vec<_> = fiscal_years(&books.world.tables).iter().map(|year| year.closed).collect();
    assert_eq!(closed, [true, true, false, false]);
}

#[test]
fn what_a_device_did_in_a_closed_period_is_booked_on_the_first_open_day() {
    let mut books = Books::new(|_setup| {});
    books.world.opening("A", goods("BOLT", "10"));
    books.adjust();
    books.ok(&put("2026-01-31"));
    books.ok(&close("2026-01-31"));
    let body = adjust("A", protocol::operation::Direction::Decrease, goods("BOLT", "1"));
    let (operation, outcome) = books.world.scan(1, 30, None, body.clone());
    assert_eq!(outcome.decision, Decision::Changed);
    assert_eq!(codes(&outcome), [Code::PeriodClosed]);
    assert_eq!(outcome.changes.first().unwrap().to, "2026-02-01");
    let (entry, _state) = books.world.entries("BOLT").pop().unwrap();
    assert_eq!(entry.posting_date, date(2, 1));
    let late = late_postings(&books.world.tables, date(1, 1), date(1, 31));
    assert_eq!(late, [(date(1, 5), operation, date(2, 1))]);
    // The desk chose its date, and is refused.
    let handle = crate::command::Handle::new(&body, None);
    assert_eq!(books.refused(&Command::Handle(handle)), [Code::PeriodClosed]);
}

fn decreases(books: &mut Books) {
    books.post(purchase("2020-01-01", "AVG", "1", "10.00"));
    books.post(sale("2020-01-02", "AVG", "1"));
    books.post(purchase("2020-01-03", "AVG", "1", "20.00"));
    books.post(sale("2020-01-04", "AVG", "1"));
    books.adjust();
}

#[test]
fn averages_of_other_periods_are_made_anew() {
    let mut books = Books::new(|_setup| {});
    decreases(&mut books);
    assert_eq!((books.cost(2), books.cost(4)), ("-10".to_owned(), "-20".to_owned()));
    books.set(|setup| setup.average_period = AveragePeriod::Month);
    books.drain();
    assert_eq!((books.cost(2), books.cost(4)), ("-15".to_owned(), "-15".to_owned()));
    books.set(|setup| setup.average_period = AveragePeriod::Day);
    books.drain();
    assert_eq!((books.cost(2), books.cost(4)), ("-10".to_owned(), "-20".to_owned()));
}

#[test]
fn averages_of_other_pools_are_made_anew_while_postings_go_on() {
    let mut books = Books::new(|setup| setup.average_period = AveragePeriod::Month);
    books.inventory_accounts(Some("YARD"), "");
    let at_yard = |mut line: crate::command::journal::JournalLine| {
        line.location = Some("YARD".try_into().unwrap());
        line
    };
    books.post(purchase("2020-01-01", "AVG", "1", "10.00"));
    books.post(at_yard(purchase("2020-01-01", "AVG", "3", "90.00")));
    books.post(sale("2020-01-02", "AVG", "1"));
    books.adjust();
    assert_eq!(books.cost(3), "-25");
    let outcome = books.try_set(|setup| setup.average_type = AverageType::ItemLocationVariant);
    assert_eq!(outcome.decision, Decision::Accepted);
    // Nothing is worked off yet: what is posted meanwhile counts once.
    let before = books.world.desk(&journal(at_yard(sale("2020-01-03", "AVG", "1"))));
    assert_eq!(before.decision, Decision::Accepted);
    let freight = books.world.desk(&charge(2, "2020-01-04", "3.00"));
    assert_eq!(freight.decision, Decision::Accepted);
    books.drain();
    books.adjust();
    assert_eq!((books.cost(3), books.cost(4)), ("-10".to_owned(), "-31".to_owned()));
}

#[test]
fn averages_change_in_an_open_year_and_closed_years_keep_their_costs() {
    let mut books = Books::new(|_setup| {});
    decreases(&mut books);
    books.ok(&year("2020-01-01"));
    books.ok(&put("2020-01-31"));
    books.ok(&close("2020-01-31"));
    books.ok(&close_year());
    books.post(purchase("2021-01-10", "AVG", "1", "30.00"));
    books.post(sale("2021-01-11", "AVG", "1"));
    books.post(purchase("2021-01-12", "AVG", "1", "50.00"));
    books.set(|setup| setup.average_period = AveragePeriod::Month);
    books.drain();
    assert_eq!((books.cost(2), books.cost(4)), ("-10".to_owned(), "-20".to_owned()));
    assert_eq!(books.cost(6), "-40");
}

#[test]
fn averages_keep_their_kind_in_a_year_of_which_a_part_may_not_be_valued_again() {
    let mut books = Books::new(|_setup| {});
    decreases(&mut books);
    books.ok(&year("2020-01-01"));
    books.ok(&year("2021-01-01"));
    let by_month = |books: &mut Books, earliest: Option<&str>| {
        let outcome = books.try_set(|setup| {
            setup.earliest_valuation_date = earliest.map(day);
            setup.average_period = AveragePeriod::Month;
        });
        books.drain();
        codes(&outcome)
    };
    // Half of 2020 would have averages by day and half by month.
    assert_eq!(by_month(&mut books, Some("2020-07-01")), [Code::AverageSetupLocked]);
    let costs = |books: &Books| (books.cost(2), books.cost(4));
    assert_eq!(costs(&books), ("-10".to_owned(), "-20".to_owned()), "nothing is made anew");
    // From its first day on, and without a lock, a year has one kind.
    assert_eq!(by_month(&mut books, Some("2021-01-01")), []);
    assert_eq!(costs(&books), ("-10".to_owned(), "-20".to_owned()));
    books.set(|setup| setup.average_period = AveragePeriod::Day);
    assert_eq!(by_month(&mut books, None), []);
    assert_eq!(costs(&books), ("-15".to_owned(), "-15".to_owned()));
}

/// Random numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// One step of a history of AVG at two places; stock never goes below zero.
fn random_step(books: &mut Books, dice: &mut Dice, (stock, sales): (&mut [u64; 2], &mut Vec<u64>)) {
    let here = usize::try_from(dice.below(2)).unwrap();
    let place = |n: usize| (n == 1).then(|| "YARD".try_into().unwrap());
    let date = format!("2020-0{}-{:02}", 1 + dice.below(3), 1 + dice.below(28));
    let entries = books.world.entries("AVG").len();
    let next = u64::try_from(entries).unwrap() + 1;
    match dice.below(6) {
        2 if stock[here] > 0 => {
            let mut sold = sale(&date, "AVG", "1");
            sold.location = place(here);
            books.post(sold);
            stock[here] -= 1;
            sales.push(next);
        }
        // One way only: pools that feed each other in one period close in on values of which the last cent
        // depends on where they come from.
        3 if here == 0 && stock[here] > 0 => {
            let mut moved = line(JournalType::Transfer, &date, "AVG", "1", None);
            moved.location = place(here);
            moved.new_location = place(1 - here);
            books.post(moved);
            stock[here] -= 1;
            stock[1 - here] += 1;
        }
        4 if !sales.is_empty() => {
            let sold = sales.remove(0);
            let from = books.world.entries("AVG")[usize::try_from(sold - 1).unwrap()].0.location;
            let mut back = line(JournalType::SaleReturn, "2020-03-30", "AVG", "1", None);
            back.applies_from = EntryNo(sold);
            back.location = place(usize::from(from.0 != 0));
            books.post(back);
            stock[usize::from(from.0 != 0)] += 1;
        }
        5 if next > 1 => books.charge(1, "2020-03-31", "0.37"),
        _ => {
            let quantity = 1 + dice.below(3);
            let amount = format!("{}.{:02}", 1 + dice.below(90), dice.below(100));
            let mut bought = purchase(&date, "AVG", &quantity.to_string(), &amount);
            bought.location = place(here);
            books.post(bought);
            stock[here] += quantity;
        }
    }
}

/// What each entry costs after a random history under `first`, changed to `then` behind so many steps.
fn costs(seed: u64, first: Averages, then: Averages, change_behind: usize) -> Vec<String> {
    let mut books = Books::new(|setup| (setup.average_period, setup.average_type) = first);
    let (mut dice, mut stock, mut sales) = (Dice(seed), [0, 0], Vec::new());
    for step in 0..12 {
        if step == change_behind {
            books.adjust();
            books.set(|setup| (setup.average_period, setup.average_type) = then);
            // One step of the rebuild, and the history goes on while it is not done.
            books.world.system(Command::WorkOff(crate::costing::work::WorkOff { slice: Some(1) }));
        }
        random_step(&mut books, &mut dice, (&mut stock, &mut sales));
    }
    books.adjust();
    books.adjust();
    books.world.entries("AVG").iter().map(|(_entry, state)| state.cost.actual.to_string()).collect()
}

type Averages = (AveragePeriod, AverageType);

#[test]
fn averages_made_anew_are_those_that_always_were_made_so() {
    let by_day = (AveragePeriod::Day, AverageType::Item);
    let others = [
        (AveragePeriod::Month, AverageType::Item),
        (AveragePeriod::Week, AverageType::ItemLocationVariant),
        (AveragePeriod::Quarter, AverageType::ItemLocationVariant),
    ];
    // In the history of 30 a sale is returned while its item is on its way.
    for seed in (1..=5_u64).chain([30]) {
        for other in others {
            let always = costs(seed, other, other, usize::MAX);
            let changed = costs(seed, by_day, other, 6);
            assert_eq!(changed, always, "seed {seed}, {other:?}");
        }
    }
}

#[test]
fn an_order_whose_adjustment_is_refused_keeps_its_mark_and_is_tried_again() {
    use crate::assembly::post::FinishProductionOrder;
    use crate::costing::work;
    use crate::schema::money::{AdjustmentWindow, OrderKind};
    let of_order = |kind, date, item, quantity, amount| {
        let order = Some((OrderKind::Production, "P1".try_into().unwrap()));
        crate::command::journal::JournalLine { order, ..line(kind, date, item, quantity, amount) }
    };
    let mut books = Books::new(|_setup| {});
    books.ok(&put("2020-01-31"));
    books.post(purchase("2020-01-05", "BOLT", "10", "100.00"));
    books.post(of_order(JournalType::Consumption, "2020-01-05", "BOLT", "10", None));
    books.post(of_order(JournalType::Output, "2020-01-06", "NUT", "1", Some("30.00")));
    books.ok(&Command::FinishProductionOrder(FinishProductionOrder {
        order: "P1".try_into().unwrap(),
        date: day("2020-01-10"),
    }));
    books.set(|setup| {
        setup.allow_posting_to = Some(day("2020-01-07"));
        setup.automatic_adjustment = AdjustmentWindow::Always;
    });
    books.drain();
    assert_eq!(books.cost(3), "0", "its output is invoiced on a day on which nobody may post");
    assert!(!work::is_waiting(&books.world.tables), "what was refused is not asked for for ever");
    let tests = closing_tests(&books.world.tables, day("2020-01-31"));
    let told: Vec<Code> = tests.into_iter().map(|reason| reason.code).collect();
    assert!(told.contains(&Code::PeriodHasUnadjustedOrders), "{told:?}");
    books.set(|setup| setup.allow_posting_to = None);
    books.drain();
    assert_eq!(books.cost(3), "100", "tried again as soon as the day is allowed");
}

#[test]
fn an_adjustment_that_leaves_the_range_is_told_and_not_asked_for_for_ever() {
    use crate::assembly::post::FinishProductionOrder;
    use crate::costing::work;
    use crate::schema::money::{AdjustmentWindow, OrderKind};
    let of_order = |kind, item, amount| {
        let order = Some((OrderKind::Production, "P1".try_into().unwrap()));
        let date = "2020-01-05";
        crate::command::journal::JournalLine { order, ..line(kind, date, item, "1", amount) }
    };
    let mut books = Books::new(|_setup| {});
    books.ok(&put("2020-01-31"));
    for item in ["BOLT", "AVG"] {
        books.post(purchase("2020-01-05", item, "1", "1.00"));
        books.post(of_order(JournalType::Consumption, item, None));
    }
    books.post(of_order(JournalType::Output, "NUT", Some("1.00")));
    books.ok(&Command::FinishProductionOrder(FinishProductionOrder {
        order: "P1".try_into().unwrap(),
        date: day("2020-01-10"),
    }));
    books.set(|setup| setup.automatic_adjustment = AdjustmentWindow::Always);
    for entry in [1, 3] {
        // Each is within the range, what both make is not.
        books.charge(entry, "2020-01-11", "900000000000000.00");
        books.drain();
    }
    assert!(
        !work::is_waiting(&books.world.tables),
        "what cannot be done is not asked for for ever"
    );
    let tests = closing_tests(&books.world.tables, day("2020-01-31"));
    let told: Vec<Code> = tests.into_iter().map(|reason| reason.code).collect();
    assert_eq!(told, [Code::PeriodHasUnadjustedCosts]);
}
