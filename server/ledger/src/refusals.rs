//! Every refusal of the money side, raised by something that a desk really asks for: nothing changes but
//! that the answer is kept, no number is given, and whoever reads it is told what to do next.

use std::collections::{BTreeMap, BTreeSet};

use protocol::code::Code;
use protocol::feed::DocumentStatus;
use protocol::operation::DocumentKind;
use protocol::outcome::{Decision, Reason};
use protocol::quantity::Quantity;
use protocol::text::{self, Language};

use crate::assembly::post::{AssemblyItem, FinishProductionOrder, PostAssembly, UndoAssembly};
use crate::books::{Books, charge, day, journal, line, purchase, sale};
use crate::command::costing::{ChargeEntries, InvoiceEntries, InvoiceLine, PutItemCost};
use crate::command::journal::{JournalLine, JournalType};
use crate::command::papers::PutDocument;
use crate::command::post_document::{ChargeTarget, PostCharge, PostDocument, PostLine, UndoPosted};
use crate::command::{Command, SetCompany, master};
use crate::costing::proposal;
use crate::costing::revalue::{
    CalculateInventoryValue, PostRevaluation, RevaluationLine, RevaluePer,
};
use crate::costing::work::AdjustCost;
use crate::costing::worksheet::{ApplyEntry, UnapplyEntries};
use crate::dimension::Dimensions;
use crate::memory::MemoryTables;
use crate::money::Money;
use crate::period::accounting::{CreateFiscalYear, LengthUnit};
use crate::period::inventory::{InventoryPeriodOf, PutInventoryPeriod};
use crate::posting::Stop;
use crate::schema::entry::{Applications, ItemLedger};
use crate::schema::item::CostingMethod;
use crate::schema::money::{AveragePeriod, OrderKind};
use crate::schema::{EntryNo, all_tables};
use crate::tables::{Read as _, TableId};
use crate::world::q;

/// Codes behind the first of the money side that belong to other parts.
const ELSEWHERE: [Code; 25] = [
    Code::TransferNeedsLocation,
    Code::BinNotEditable,
    Code::ReservationLocked,
    Code::StorageFull,
    Code::BackupFailed,
    Code::ImportIncomplete,
    Code::ImportDone,
    Code::TokenScope,
    Code::DeviceLost,
    Code::PlateNotFound,
    Code::PlateReceivedTwice,
    Code::ExpirationRequired,
    Code::DocumentEnded,
    Code::CostInconsistent,
    Code::AdjustmentOverLimit,
    Code::UndoNotOwn,
    Code::RightNotHeld,
    Code::IdentifierNamesNoItem,
    Code::IdentifierLookedUpAs,
    Code::IdentifierMisread,
    Code::SerialPlaceUnsure,
    Code::CountIncomplete,
    Code::TaskEnded,
    Code::TaskNotBy,
    Code::CaseClosed,
];

/// Codes that the money side shares with the warehouse (COSTING 22).
const SHARED: [Code; 8] = [
    Code::PeriodClosed,
    Code::InsufficientInventory,
    Code::CannotBeFullyApplied,
    Code::TrackingRequired,
    Code::LocationRequired,
    Code::UndoStockConsumed,
    Code::NumberOutOfRange,
    Code::BaseQuantityRoundsToZero,
];

/// Tables in which a refusal leaves a row: the answer itself.
const ANSWERS: [&str; 4] = ["intake", "outcome", "operation_by_time", "outcome_revision"];

/// What is asked for.
enum Ask {
    Do(Command),
    DoAs(&'static str, Command),
    /// A setup that is not taken over.
    Setup(Box<dyn FnOnce(&mut crate::schema::money::InventorySetup)>),
    Calculate(CalculateInventoryValue),
}

type Prepare = fn(&mut Books) -> Ask;

fn put_period(ending_date: &str) -> Command {
    Command::PutInventoryPeriod(PutInventoryPeriod {
        ending_date: day(ending_date),
        name: String::new(),
        unchecked_closed: None,
    })
}

fn of(ending_date: &str) -> InventoryPeriodOf {
    InventoryPeriodOf { ending_date: day(ending_date) }
}

fn january(books: &mut Books) {
    books.ok(&put_period("2020-01-31"));
}

fn close() -> Command {
    Command::CloseInventoryPeriod(of("2020-01-31"))
}

fn bought(books: &mut Books) {
    books.post(purchase("2020-01-05", "BOLT", "2", "10.00"));
}

fn below_zero(books: &mut Books) {
    books.ok(&Command::SetCompany(SetCompany {
        name: "Demo".to_owned(),
        negative_inventory_allowed: true,
        absent_after_hours: 12,
    }));
    books.card("NUT", |put: &mut PutItemCost| put.unit_cost = Some("5".parse().unwrap()));
    books.post(sale("2020-01-20", "NUT", "1"));
}

fn since_february(books: &mut Books) {
    books.adjust();
    books.set(|setup| setup.earliest_valuation_date = Some(day("2020-02-01")));
}

fn of_order(kind: JournalType, item: &str, amount: Option<&str>) -> JournalLine {
    let order = Some((OrderKind::Production, "P1".try_into().unwrap()));
    JournalLine { order, ..line(kind, "2020-01-05", item, "1", amount) }
}

fn finished_order(books: &mut Books) {
    bought(books);
    books.post(of_order(JournalType::Consumption, "BOLT", None));
    books.adjust();
    books.post(of_order(JournalType::Output, "NUT", Some("30.00")));
    books.ok(&finish());
}

fn finish() -> Command {
    let (order, date) = ("P1".try_into().unwrap(), day("2020-01-05"));
    Command::FinishProductionOrder(FinishProductionOrder { order, date })
}

fn post_line(handle: &str, invoice: &str) -> PostLine {
    PostLine {
        line: 10,
        item: "BOLT".try_into().unwrap(),
        variant: None,
        location: None,
        bin: None,
        unit: None,
        ordered: None,
        handle: q(handle),
        invoice: q(invoice),
        unit_amount: Some("2".parse().unwrap()),
        discount_percent: None,
        tracking: Vec::new(),
        applies_to: EntryNo(0),
        applies_from: EntryNo(0),
        dimensions: Dimensions::NONE,
    }
}

fn document(kind: DocumentKind, line: PostLine, charges: Vec<PostCharge>) -> Command {
    Command::PostDocument(put_document(kind, vec![line], charges))
}

/// A purchase that has charges alone.
fn charges(charges: Vec<PostCharge>) -> Command {
    Command::PostDocument(put_document(DocumentKind::PurchaseOrder, Vec::new(), charges))
}

fn put_document(
    kind: DocumentKind,
    lines: Vec<PostLine>,
    charges: Vec<PostCharge>,
) -> PostDocument {
    PostDocument {
        kind,
        no: "D1".try_into().unwrap(),
        date: day("2020-01-10"),
        partner: None,
        business_group: String::new(),
        lines,
        charges,
        dimensions: Dimensions::NONE,
    }
}

fn undo_posted() -> Command {
    let no = "D1".try_into().unwrap();
    let kind = DocumentKind::PurchaseOrder;
    Command::UndoPosted(UndoPosted { kind, no, posting: 1, line: 10 })
}

/// ANA asks while KIM has an application of BOLT taken apart.
fn by_another(books: &mut Books, command: Command) -> Ask {
    books.world.system(Command::GrantRole(crate::command::people::GrantRole {
        operator: "ANA".try_into().unwrap(),
        role: protocol::feed::Role::Administrator,
        location: None,
    }));
    bought(books);
    books.post(sale("2020-01-06", "BOLT", "1"));
    let applications = vec![last_application(books)];
    let receipt = purchase("2020-01-06", "BOLT", "1", "5.00");
    books.post(JournalLine { not_invoiced: true, ..receipt });
    books.adjust();
    books.ok(&Command::UnapplyEntries(UnapplyEntries { applications }));
    Ask::DoAs("ANA", command)
}

fn invoice_of(entry: u64) -> Command {
    Command::InvoiceEntries(InvoiceEntries {
        date: day("2020-01-07"),
        document_no: String::new(),
        business_group: String::new(),
        lines: vec![InvoiceLine {
            entry: EntryNo(entry),
            quantity: Quantity::ONE,
            amount: None,
            sales: Money::ZERO,
        }],
        dimensions: Dimensions::NONE,
    })
}

fn freight() -> PostCharge {
    PostCharge {
        line: 20,
        charge: "FREIGHT".to_owned(),
        quantity: Quantity::ONE,
        unit_amount: "5".parse().unwrap(),
        assign: Vec::new(),
        split: None,
        over: Vec::new(),
        dimensions: Dimensions::NONE,
    }
}

fn assembly(sale_date: Option<&str>) -> Command {
    let part = |item: &str| AssemblyItem {
        item: item.try_into().unwrap(),
        variant: None,
        location: None,
        bin: None,
        quantity: Quantity::ONE,
        tracking: Vec::new(),
    };
    Command::PostAssembly(PostAssembly {
        order: "A1".try_into().unwrap(),
        date: day("2020-01-10"),
        sale_date: sale_date.map(day),
        output: part("NUT"),
        components: vec![part("BOLT")],
        resources: Vec::new(),
        business_group: String::new(),
        dimensions: Dimensions::NONE,
    })
}

fn revalue(item: &str, set: impl FnOnce(&mut RevaluationLine)) -> Ask {
    Ask::Do(revaluation(item, set))
}

fn revaluation(item: &str, set: impl FnOnce(&mut RevaluationLine)) -> Command {
    let mut line = RevaluationLine {
        item: item.try_into().unwrap(),
        date: day("2020-01-31"),
        location: None,
        variant: None,
        applies_to: EntryNo(0),
        quantity: None,
        calculated: false,
        unit_cost: None,
        value: Some("1".parse().unwrap()),
        amount: None,
        update_standard_cost: false,
        document_no: String::new(),
        dimensions: Dimensions::NONE,
    };
    set(&mut line);
    Command::PostRevaluation(PostRevaluation { lines: vec![line] })
}

fn calculate(item: &str, per: RevaluePer) -> Ask {
    Ask::Calculate(CalculateInventoryValue {
        date: day("2020-01-31"),
        per,
        by_location: false,
        by_variant: false,
        item: Some(item.try_into().unwrap()),
        location: None,
        variant: None,
    })
}

fn earliest() -> Ask {
    Ask::Setup(Box::new(|setup| setup.earliest_valuation_date = Some(day("2020-02-01"))))
}

fn last_application(books: &Books) -> EntryNo {
    let rows = books.world.tables.list::<Applications>(&crate::key::KeyRange::all());
    rows.last().expect("something was applied").0
}

/// Dates, periods, setup.
const DATES: &[(Code, Prepare)] = &[
    (Code::PostingDateNotAllowed, |books| {
        books.set(|setup| setup.allow_posting_from = Some(day("2020-02-01")));
        Ask::Do(journal(purchase("2020-01-05", "BOLT", "1", "1")))
    }),
    (Code::PeriodClosed, |books| {
        january(books);
        books.ok(&close());
        Ask::Do(journal(purchase("2020-01-05", "BOLT", "1", "1")))
    }),
    (Code::PeriodHasNegativeInventory, |books| {
        january(books);
        below_zero(books);
        books.adjust();
        Ask::Do(close())
    }),
    (Code::PeriodHasUnadjustedCosts, |books| {
        january(books);
        bought(books);
        Ask::Do(close())
    }),
    (Code::PeriodHasUnadjustedOrders, |books| {
        january(books);
        finished_order(books);
        Ask::Do(close())
    }),
    (Code::PeriodAlreadyClosed, |books| {
        january(books);
        books.ok(&close());
        Ask::Do(close())
    }),
    (Code::PeriodNotClosed, |books| {
        january(books);
        Ask::Do(Command::ReopenInventoryPeriod(of("2020-01-31")))
    }),
    (Code::ClosedPeriodCannotBeDeleted, |books| {
        january(books);
        books.ok(&close());
        Ask::Do(Command::DeleteInventoryPeriod(of("2020-01-31")))
    }),
    (Code::BeforeEarliestAllowedValuationDate, |books| {
        since_february(books);
        Ask::Do(journal(purchase("2020-01-05", "BOLT", "1", "1")))
    }),
    (Code::BeforeEarliestAllowedValuationDate, |books| {
        bought(books);
        since_february(books);
        Ask::Do(charge(1, "2020-02-05", "3"))
    }),
    (Code::AppliesToBeforeEarliest, |books| {
        bought(books);
        since_february(books);
        let applies_to = EntryNo(1);
        Ask::Do(journal(JournalLine { applies_to, ..sale("2020-02-05", "BOLT", "1") }))
    }),
    (Code::AverageSetupLocked, |books| {
        books.ok(&Command::CreateFiscalYear(CreateFiscalYear {
            start_date: day("2020-01-01"),
            periods: 12,
            length: 1,
            unit: LengthUnit::Month,
        }));
        since_february(books);
        Ask::Setup(Box::new(|setup| setup.average_period = AveragePeriod::Month))
    }),
    (Code::UnadjustedEntriesBeforeDate, |books| {
        bought(books);
        earliest()
    }),
    (Code::UnadjustedOrdersBeforeDate, |books| {
        bought(books);
        books.post(of_order(JournalType::Consumption, "BOLT", None));
        books.post(of_order(JournalType::Output, "NUT", Some("30.00")));
        books.adjust();
        books.ok(&finish());
        earliest()
    }),
    (Code::OpenOrdersBeforeDate, |books| {
        bought(books);
        books.post(of_order(JournalType::Consumption, "BOLT", None));
        books.adjust();
        earliest()
    }),
];

/// Stock, applications, tracking.
const APPLICATIONS: &[(Code, Prepare)] = &[
    (Code::InsufficientInventory, |_books| Ask::Do(journal(sale("2020-01-05", "BOLT", "1")))),
    (Code::CannotBeFullyApplied, |books| {
        books.ok(&Command::SetCompany(SetCompany {
            name: "Demo".to_owned(),
            negative_inventory_allowed: true,
            absent_after_hours: 12,
        }));
        let tracking = vec![crate::command::journal::JournalTracking {
            tracking: protocol::operation::Tracking {
                lot: Some("L1".try_into().unwrap()),
                ..protocol::operation::Tracking::NONE
            },
            quantity: Quantity::ONE,
            expiry: None,
            new_lot: None,
            new_expiry: None,
        }];
        books.post(JournalLine {
            tracking: tracking.clone(),
            ..purchase("2020-01-05", "CREAM", "1", "1")
        });
        books.post(JournalLine { tracking: tracking.clone(), ..sale("2020-01-05", "CREAM", "1") });
        Ask::Do(journal(JournalLine { tracking, ..sale("2020-01-05", "CREAM", "1") }))
    }),
    (Code::TrackingRequired, |_books| Ask::Do(journal(purchase("2020-01-05", "CREAM", "1", "1")))),
    (Code::LocationRequired, |books| {
        books.set(|setup| setup.location_mandatory = true);
        Ask::Do(journal(purchase("2020-01-05", "BOLT", "1", "1")))
    }),
    (Code::LocationRequired, |_books| {
        Ask::Do(Command::PutDocument(PutDocument {
            kind: DocumentKind::TransferOrder,
            no: "T1".try_into().unwrap(),
            partner: None,
            partner_name: String::new(),
            location: "MAIN".try_into().unwrap(),
            to_location: None,
            in_transit: None,
            due: None,
            document_date: None,
            status: DocumentStatus::Released,
            lines: Vec::new(),
        }))
    }),
    (Code::NumberOutOfRange, |_books| Ask::Do(journal(purchase("2020-01-05", "BOLT", "-1", "1")))),
    (Code::BaseQuantityRoundsToZero, |_books| {
        Ask::Do(journal(purchase("2020-01-05", "BOLT", "0.1", "1")))
    }),
    (Code::InvalidApplication, |books| {
        bought(books);
        let applies_from = EntryNo(1);
        Ask::Do(journal(JournalLine { applies_from, ..sale("2020-01-05", "BOLT", "1") }))
    }),
    (Code::InvalidApplication, |books| {
        bought(books);
        books.post(purchase("2020-01-05", "NUT", "1", "1"));
        let applies_to = EntryNo(1);
        Ask::Do(journal(JournalLine { applies_to, ..sale("2020-01-05", "NUT", "1") }))
    }),
    (Code::InsufficientAppliedQuantity, |books| {
        bought(books);
        books.post(purchase("2020-01-05", "BOLT", "2", "10.00"));
        let applies_to = EntryNo(1);
        Ask::Do(journal(JournalLine { applies_to, ..sale("2020-01-05", "BOLT", "3") }))
    }),
    (Code::ApplicationWouldLoop, |books| {
        below_zero(books);
        let back = line(JournalType::SaleReturn, "2020-01-21", "NUT", "1", None);
        books.post(JournalLine { applies_from: EntryNo(1), ..back });
        let (entry, to) = (EntryNo(2), Some(EntryNo(1)));
        Ask::Do(Command::ApplyEntry(ApplyEntry { entry, to }))
    }),
    (Code::ItemUnapplied, |books| by_another(books, journal(sale("2020-01-07", "BOLT", "1")))),
    (Code::ItemUnapplied, |books| by_another(books, invoice_of(3))),
    (Code::ItemUnapplied, |books| by_another(books, charge(1, "2020-01-07", "3"))),
    (Code::ItemUnapplied, |books| {
        let assign = vec![(ChargeTarget::Entry(EntryNo(1)), Quantity::ONE)];
        by_another(books, charges(vec![PostCharge { assign, ..freight() }]))
    }),
    (Code::ItemUnapplied, |books| by_another(books, revaluation("BOLT", |_line| ()))),
    (Code::ItemUnapplied, |books| {
        by_another(books, revaluation("BOLT", |line| line.applies_to = EntryNo(1)))
    }),
    (Code::ItemUnapplied, |books| {
        books.ok(&document(DocumentKind::PurchaseOrder, post_line("1", "0"), Vec::new()));
        by_another(books, undo_posted())
    }),
    (Code::CostingMethodLocked, |books| {
        bought(books);
        Ask::Do(Command::PutItem(master::PutItem {
            item: "BOLT".try_into().unwrap(),
            description: String::new(),
            item_type: crate::schema::item::ItemType::Inventory,
            base_unit: "PCS".try_into().unwrap(),
            precision: Some(q("1")),
            costing_method: CostingMethod::Average,
            tracking_code: None,
            variant_required: false,
            blocked: false,
            negative_inventory: crate::schema::item::NegativeInventory::Default,
            count_tolerance: Quantity::ZERO,
            second_count_from: None,
            supervisor_from: None,
            shelf_life_days: None,
            over_receipt_percent: Quantity::ZERO,
            category: String::new(),
        }))
    }),
];

/// Revaluation, documents, assembly, accounts.
const VALUES: &[(Code, Prepare)] = &[
    (Code::CostingMethodMustBeAverage, |books| {
        bought(books);
        let items = vec!["BOLT".try_into().unwrap()];
        let until_valuation_date = Some(day("2020-01-31"));
        Ask::Do(Command::AdjustCost(AdjustCost { items, until_valuation_date }))
    }),
    (Code::AverageRevaluationNotAllowed, |books| {
        books.post(purchase("2020-01-05", "AVG", "1", "1"));
        books.adjust();
        calculate("AVG", RevaluePer::ItemLedgerEntry)
    }),
    (Code::NothingToRevalue, |_books| revalue("BOLT", |_line| ())),
    (Code::NothingToRevalue, |books| {
        bought(books);
        revalue("BOLT", |line| line.quantity = Some(q("3")))
    }),
    (Code::OpenOutboundEntry, |books| {
        below_zero(books);
        books.adjust();
        calculate("NUT", RevaluePer::Item)
    }),
    (Code::ItemNotAdjusted, |books| {
        books.post(purchase("2020-01-05", "AVG", "1", "1"));
        calculate("AVG", RevaluePer::Item)
    }),
    (Code::RevaluationOutOfDate, |books| {
        bought(books);
        books.adjust();
        revalue("BOLT", |line| {
            line.calculated = true;
            line.quantity = Some(q("1"));
        })
    }),
    (Code::ExactCostReversingRequired, |books| {
        bought(books);
        books.set(|setup| setup.exact_cost_reversing_purchase = true);
        Ask::Do(document(DocumentKind::PurchaseReturnOrder, post_line("1", "1"), Vec::new()))
    }),
    (Code::ChargeNotAssigned, |_books| {
        Ask::Do(document(DocumentKind::PurchaseOrder, post_line("1", "1"), vec![freight()]))
    }),
    (Code::ChargeNotAssigned, |_books| {
        Ask::Do(Command::ChargeEntries(ChargeEntries {
            charge: "FREIGHT".to_owned(),
            date: day("2020-01-05"),
            document_no: String::new(),
            business_group: String::new(),
            assignments: Vec::new(),
            dimensions: Dimensions::NONE,
        }))
    }),
    (Code::AlreadyInvoiced, |books| {
        books.ok(&document(DocumentKind::PurchaseOrder, post_line("1", "1"), Vec::new()));
        Ask::Do(undo_posted())
    }),
    (Code::UndoStockConsumed, |books| {
        bought(books);
        books.ok(&assembly(None));
        books.post(sale("2020-01-11", "NUT", "1"));
        let (order, date) = ("A1".try_into().unwrap(), day("2020-01-12"));
        Ask::Do(Command::UndoAssembly(UndoAssembly { order, date }))
    }),
    (Code::UndoStockConsumed, |books| {
        books.ok(&document(DocumentKind::PurchaseOrder, post_line("1", "0"), Vec::new()));
        books.post(sale("2020-01-11", "BOLT", "1"));
        Ask::Do(undo_posted())
    }),
    (Code::AssemblyDateAfterSale, |books| {
        bought(books);
        Ask::Do(assembly(Some("2020-01-09")))
    }),
    (Code::AccountMissing, |books| {
        books.set(|setup| setup.automatic_cost_posting = true);
        books.card("BOLT", |put| put.inventory_group = Some("NEW".to_owned()));
        Ask::Do(journal(purchase("2020-01-05", "BOLT", "1", "1")))
    }),
    (Code::AccountMissing, |books| {
        books.set(|setup| setup.automatic_cost_posting = true);
        books.card("BOLT", |put| put.inventory_group = Some("NEW".to_owned()));
        books.ok(&document(DocumentKind::PurchaseOrder, post_line("1", "0"), Vec::new()));
        Ask::Do(undo_posted())
    }),
];

fn cases() -> impl Iterator<Item = &'static (Code, Prepare)> {
    DATES.iter().chain(APPLICATIONS).chain(VALUES)
}

/// The names of the tables in which two sets of rows differ.
fn changed(before: &MemoryTables, after: &MemoryTables) -> BTreeSet<&'static str> {
    let names: BTreeMap<TableId, &str> = all_tables().into_iter().collect();
    let before: BTreeMap<_, _> = before.rows().collect();
    let after: BTreeMap<_, _> = after.rows().collect();
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    let new = after.iter().filter(|(key, row)| before.get(*key) != Some(row)).map(|(key, _)| key);
    gone.chain(new).map(|key| *names.get(&key.0).unwrap_or(&"?")).collect()
}

/// Why it is refused.
fn refusal(books: &mut Books, ask: Ask) -> Vec<Reason> {
    let outcome = match ask {
        Ask::Do(command) => books.world.desk(&command),
        Ask::DoAs(user, command) => books.world.desk_as(user, &command),
        Ask::Setup(set) => books.try_set(set),
        Ask::Calculate(ask) => return calculation(books, &ask),
    };
    if outcome.decision == Decision::Refused { outcome.reasons } else { Vec::new() }
}

/// A calculation is a question: its refusal is an answer that nobody keeps.
fn calculation(books: &Books, ask: &CalculateInventoryValue) -> Vec<Reason> {
    match proposal::lines(&books.world.tables, ask) {
        Err(Stop::Refuse(reason)) => vec![reason],
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_refusal_of_the_money_side_has_a_case() {
    let have: BTreeSet<&Code> = cases().map(|(code, _prepare)| code).collect();
    let first = Code::ALL.iter().position(|code| *code == Code::PostingDateNotAllowed).unwrap();
    let behind = Code::ALL[first..].iter().filter(|code| !ELSEWHERE.contains(code));
    for code in behind.chain(&SHARED) {
        assert!(have.contains(code), "{code} has no case, and is not said to belong elsewhere");
    }
}

#[test]
fn what_is_refused_leaves_nothing_but_its_answer_and_says_what_to_do() {
    let mut failures = Vec::new();
    for (code, prepare) in cases() {
        let mut books = Books::new(|_setup| ());
        let ask = prepare(&mut books);
        let before = books.world.tables.clone();
        let reasons = refusal(&mut books, ask);
        if !reasons.iter().any(|reason| reason.code == *code) {
            failures.push(format!("{code}: refused with {reasons:?}"));
        }
        let changed: Vec<_> = changed(&before, &books.world.tables)
            .into_iter()
            .filter(|table| !ANSWERS.contains(table))
            .collect();
        if !changed.is_empty() {
            failures.push(format!("{code}: changed {changed:?}"));
        }
        for reason in &reasons {
            for language in [Language::English, Language::Danish] {
                for text in [text::sentence(reason, language), text::next_step(reason, language)] {
                    if text.is_empty() || text.contains('{') || text.contains(reason.code.as_str())
                    {
                        failures.push(format!("{code}: no text in {language:?}: {text:?}"));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_comparison_sees_a_row_more() {
    let mut books = Books::new(|_setup| ());
    let before = books.world.tables.clone();
    bought(&mut books);
    let tables = changed(&before, &books.world.tables);
    assert!(tables.contains("item_ledger_entry") && tables.contains("counter"), "{tables:?}");
    assert!(books.world.tables.has::<ItemLedger>(&EntryNo(1)));
}
