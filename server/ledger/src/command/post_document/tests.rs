//! Charges that are shared out, what of the VAT is a cost, lines that are invoiced in parts, and what a device
//! handles for a line.

use protocol::code::Code;
use protocol::operation::DocumentKind;
use protocol::quantity::Quantity;

use super::{ChargeSplit, ChargeTarget, PostCharge, PostDocument, PostLine, PutLineTerms};
use crate::books::{Books, day, purchase};
use crate::command::Command;
use crate::dimension::Dimensions;
use crate::key::KeyRange;
use crate::money::Money;
use crate::schema::EntryNo;
use crate::schema::entry::ItemLedgerStates;
use crate::schema::money::{ValueEntry, ValueLedger};
use crate::tables::Read as _;
use crate::world::{goods, place, q, receive, ship, undo};

fn line(no: u32, item: &str, (handle, invoice): (&str, &str), unit_amount: &str) -> PostLine {
    PostLine {
        line: no,
        item: item.try_into().unwrap(),
        variant: None,
        location: None,
        bin: None,
        unit: None,
        ordered: None,
        handle: q(handle),
        invoice: q(invoice),
        unit_amount: Some(unit_amount.parse().unwrap()),
        discount_percent: None,
        tracking: Vec::new(),
        applies_to: EntryNo(0),
        applies_from: EntryNo(0),
        dimensions: Dimensions::NONE,
    }
}

fn document(kind: DocumentKind, lines: Vec<PostLine>, charges: Vec<PostCharge>) -> Command {
    Command::PostDocument(PostDocument {
        kind,
        no: "D1".try_into().unwrap(),
        date: day("2020-01-05"),
        partner: None,
        business_group: String::new(),
        lines,
        charges,
        dimensions: Dimensions::NONE,
    })
}

fn charge(split: Option<ChargeSplit>, over: Vec<ChargeTarget>) -> PostCharge {
    PostCharge {
        line: 90,
        charge: "FREIGHT".to_owned(),
        quantity: Quantity::ONE,
        unit_amount: "100".parse().unwrap(),
        assign: Vec::new(),
        split,
        over,
        dimensions: Dimensions::NONE,
    }
}

/// What the charge put on each entry: stock value, cost that is none, sales amount.
fn charged(books: &Books) -> Vec<(u64, String, String, String)> {
    let rows = books.world.tables.list::<ValueLedger>(&KeyRange::all()).into_iter();
    rows.filter(|(_no, row)| !row.charge.is_empty())
        .map(|(_no, row)| {
            let text = |amount: Money| amount.to_string();
            let other = row.cost_non_inventoriable;
            (row.entry.0, text(row.cost_actual), text(other), text(row.sales_actual))
        })
        .collect()
}

fn costs(books: &Books) -> Vec<String> {
    charged(books).into_iter().map(|row| row.1).collect()
}

fn three_lines() -> (Vec<PostLine>, Vec<ChargeTarget>) {
    let lines = vec![
        line(10, "BOLT", ("2", "2"), "5"),
        line(20, "AVG", ("1", "1"), "20"),
        line(30, "BOLT", ("3", "0"), "10"),
    ];
    (lines, vec![ChargeTarget::Line(10), ChargeTarget::Line(20), ChargeTarget::Line(30)])
}

fn books() -> Books {
    let mut books = Books::new(|_setup| ());
    books.card("BOLT", |card| {
        card.net_weight = Some(q("0.5"));
        card.unit_volume = Some(q("2"));
    });
    books.card("AVG", |card| {
        card.net_weight = Some(q("5"));
        card.unit_volume = Some(q("0"));
    });
    books
}

#[test]
fn a_purchase_charge_is_shared_out_in_each_of_the_four_ways() {
    for (split, parts) in [
        (ChargeSplit::Equally, ["33.33", "33.33", "33.34"]),
        (ChargeSplit::Amount, ["16.67", "33.33", "50"]),
        (ChargeSplit::Weight, ["13.33", "66.67", "20"]),
        (ChargeSplit::Volume, ["40", "0", "60"]),
    ] {
        let mut books = books();
        let (lines, over) = three_lines();
        let charges = vec![charge(Some(split), over)];
        books.ok(&document(DocumentKind::PurchaseOrder, lines, charges));
        assert_eq!(costs(&books), parts, "{split:?}");
    }
}

#[test]
fn a_charge_is_shared_out_over_posted_lines_and_entries_later() {
    let mut books = books();
    let (lines, _over) = three_lines();
    books.ok(&document(DocumentKind::PurchaseOrder, lines, Vec::new()));
    let no = "D1".try_into().unwrap();
    let posted = ChargeTarget::Posted(DocumentKind::PurchaseOrder, no, 1, 10);
    let over = vec![posted, ChargeTarget::Entry(EntryNo(3))];
    let charges = vec![charge(Some(ChargeSplit::Weight), over)];
    books.ok(&document(DocumentKind::PurchaseOrder, Vec::new(), charges));
    assert_eq!(costs(&books), ["40", "60"]);
}

#[test]
fn a_sold_charge_is_shared_out_over_what_was_sold() {
    let mut books = books();
    books.post(purchase("2020-01-01", "BOLT", "10", "10"));
    let lines = vec![line(10, "BOLT", ("1", "1"), "9"), line(20, "BOLT", ("2", "2"), "3")];
    let over = vec![ChargeTarget::Line(10), ChargeTarget::Line(20)];
    let charges = vec![charge(Some(ChargeSplit::Amount), over)];
    books.ok(&document(DocumentKind::SalesOrder, lines, charges));
    let row = |entry, sales: &str| (entry, "0".to_owned(), "0".to_owned(), sales.to_owned());
    assert_eq!(charged(&books), [row(2, "60"), row(3, "40")]);
}

#[test]
fn assigned_by_quantity_the_last_line_takes_the_cents_that_are_left() {
    let mut books = books();
    let (lines, over) = three_lines();
    let assign = over.into_iter().zip(["0.33333", "0.33333", "0.33334"].map(q)).collect();
    let charges = vec![PostCharge { assign, ..charge(None, Vec::new()) }];
    books.ok(&document(DocumentKind::PurchaseOrder, lines, charges));
    assert_eq!(costs(&books), ["33.33", "33.33", "33.34"]);
}

#[test]
fn a_charge_that_nothing_can_take_is_refused() {
    let mut books = books();
    let nothing = charge(Some(ChargeSplit::Equally), Vec::new());
    let weightless = charge(Some(ChargeSplit::Volume), vec![ChargeTarget::Line(20)]);
    let half =
        PostCharge { assign: vec![(ChargeTarget::Line(10), q("0.5"))], ..charge(None, Vec::new()) };
    for charges in [nothing, weightless, half] {
        let (lines, _over) = three_lines();
        let put = document(DocumentKind::PurchaseOrder, lines, vec![charges]);
        assert_eq!(books.refused(&put), [Code::ChargeNotAssigned]);
    }
    assert!(books.values().is_empty(), "and nothing is posted");
}

#[test]
fn a_charge_of_nothing_posts_nothing_however_it_is_assigned() {
    let mut books = books();
    let (lines, over) = three_lines();
    let none = PostCharge { quantity: Quantity::ZERO, ..charge(None, Vec::new()) };
    let assign = vec![(ChargeTarget::Line(10), Quantity::ZERO)];
    let charges = vec![
        none.clone(),
        PostCharge { assign, ..none.clone() },
        PostCharge { split: Some(ChargeSplit::Equally), over, ..none },
    ];
    books.ok(&document(DocumentKind::PurchaseOrder, lines, charges));
    assert_eq!(books.values().len(), 3, "the receipts are posted");
    assert_eq!(charged(&books), []);
}

#[test]
fn a_part_of_a_charge_has_its_sign() {
    let mut books = books();
    for parts in [("2", "-1"), ("1", "-1"), ("-1", "2")] {
        let (lines, _over) = three_lines();
        let assign =
            vec![(ChargeTarget::Line(10), q(parts.0)), (ChargeTarget::Line(20), q(parts.1))];
        for quantity in [Quantity::ZERO, Quantity::ONE] {
            let assign = assign.clone();
            let charges = vec![PostCharge { quantity, assign, ..charge(None, Vec::new()) }];
            let put = document(DocumentKind::PurchaseOrder, lines.clone(), charges);
            assert_eq!(books.refused(&put), [Code::NumberOutOfRange], "{parts:?}");
        }
    }
    assert!(books.values().is_empty(), "and nothing is posted");
}

#[test]
fn vat_that_is_not_deductible_is_a_cost_where_the_setup_says_so() {
    for (in_cost, wanted) in [(true, ["1100", "110"]), (false, ["1000", "100"])] {
        let mut books = Books::new(|setup| {
            setup.non_deductible_vat_in_cost = in_cost;
            setup.vat_percent = q("25");
            setup.non_deductible_vat_percent = q("40");
        });
        books.post(purchase("2020-01-01", "BOLT", "1", "1000"));
        assert_eq!(books.cost(1), wanted[0]);
        let lines =
            vec![line(10, "BOLT", ("1", "1"), "1000"), line(20, "BOLT", ("1", "0"), "1000")];
        let charges = vec![charge(Some(ChargeSplit::Equally), vec![ChargeTarget::Line(10)])];
        books.ok(&document(DocumentKind::PurchaseOrder, lines, charges));
        assert_eq!(books.values()[1].1.cost_actual.to_string(), wanted[0], "received and invoiced");
        assert_eq!(books.values()[2].1.cost_expected.to_string(), wanted[0], "expected");
        assert_eq!(costs(&books), [wanted[1]]);
        books.ok(&document(
            DocumentKind::PurchaseOrder,
            vec![line(20, "BOLT", ("0", "1"), "1000")],
            Vec::new(),
        ));
        assert_eq!(books.values()[4].1.cost_actual.to_string(), wanted[0], "invoiced later");
        books.ok(&crate::books::charge(1, "2020-01-06", "100"));
        assert_eq!(costs(&books)[1], wanted[1], "a charge without a document");
    }
}

/// Actual and expected cost of an entry.
fn cost_of(books: &Books, no: u64) -> (String, String) {
    let cost = books.world.tables.row::<ItemLedgerStates>(&EntryNo(no)).unwrap().cost;
    (cost.actual.to_string(), cost.expected.to_string())
}

fn back(quantities: (&str, &str)) -> Command {
    let back = PostLine { applies_from: EntryNo(2), ..line(10, "BOLT", quantities, "9") };
    document(DocumentKind::SalesReturnOrder, vec![back], Vec::new())
}

#[test]
fn what_a_customer_sends_back_costs_what_it_took_however_it_is_invoiced() {
    let mut books = Books::new(|_setup| ());
    books.post(purchase("2020-01-01", "BOLT", "3", "10.00"));
    let sold = line(10, "BOLT", ("3", "3"), "9");
    books.ok(&document(DocumentKind::SalesOrder, vec![sold], Vec::new()));
    books.ok(&back(("3", "0")));
    for (actual, expected) in [("3.33", "6.67"), ("6.66", "3.34"), ("10", "0")] {
        books.ok(&back(("0", "1")));
        assert_eq!(cost_of(&books, 3), (actual.to_owned(), expected.to_owned()));
    }
}

#[test]
fn a_return_that_is_adjusted_between_its_invoices_ends_at_what_its_sale_cost() {
    let mut books = Books::new(|_setup| ());
    books.post(purchase("2020-01-01", "BOLT", "10", "100.00"));
    let sold = line(10, "BOLT", ("10", "10"), "9");
    books.ok(&document(DocumentKind::SalesOrder, vec![sold], Vec::new()));
    books.ok(&back(("10", "0")));
    books.ok(&back(("0", "5")));
    books.charge(1, "2020-01-06", "20.00");
    books.adjust();
    let figures = |actual: &str, expected: &str| (actual.to_owned(), expected.to_owned());
    assert_eq!(cost_of(&books, 3), figures("60", "60"));
    books.ok(&back(("0", "2")));
    assert_eq!(cost_of(&books, 3), figures("84", "36"));
    books.ok(&back(("0", "3")));
    assert_eq!(cost_of(&books, 3), figures("120", "0"));
    books.adjust();
    assert_eq!(cost_of(&books, 3), figures("120", "0"));
}

fn terms(books: &mut Books, kind: DocumentKind, unit_amount: &str) {
    books.ok(&Command::PutLineTerms(PutLineTerms {
        kind,
        no: "D1".try_into().unwrap(),
        line: 10_000,
        unit_amount: unit_amount.parse().unwrap(),
        discount_percent: None,
        business_group: "EU".to_owned(),
    }));
}

/// The value entries of documents: business group and sales amounts.
fn told(books: &Books) -> Vec<(String, String, String)> {
    let of_document = |row: &ValueEntry| row.document.is_some();
    let rows = books.values().into_iter().filter(|(_no, row)| of_document(row));
    rows.map(|(_no, row)| {
        let sales = (row.sales_actual.to_string(), row.sales_expected.to_string());
        (row.business_group, sales.0, sales.1)
    })
    .collect()
}

fn row(group: &str, actual: &str, expected: &str) -> (String, String, String) {
    (group.to_owned(), actual.to_owned(), expected.to_owned())
}

/// The last direct cost and the unit cost of a card.
fn learned(books: &Books, item: &str) -> (String, String) {
    let card = crate::costing::item_cost(&books.world.tables, books.item(item));
    (card.last_direct_cost.to_string(), card.unit_cost.to_string())
}

#[test]
fn a_discount_is_no_part_of_the_cost_and_the_card_learns_the_cost_without_it() {
    let mut books = Books::new(|_setup| ());
    books.card("BOLT", |card| {
        card.indirect_cost_percent = Some(q("10"));
        card.overhead_rate = Some("1".parse().unwrap());
    });
    let less =
        |line: PostLine, percent: &str| PostLine { discount_percent: Some(q(percent)), ..line };
    let bought = less(line(10, "BOLT", ("10", "10"), "7"), "20");
    books.ok(&document(DocumentKind::PurchaseOrder, vec![bought], Vec::new()));
    let parts: Vec<String> =
        books.values().into_iter().map(|(_no, row)| row.cost_actual.to_string()).collect();
    // COSTING 6.2: (7 - 14 / 10) × 1.1 + 1 per piece; 20.2: the discount is added back.
    assert_eq!(parts, ["56", "15.6"]);
    assert_eq!(learned(&books, "BOLT"), ("7".to_owned(), "7".to_owned()));
}

#[test]
fn a_discount_is_shared_out_over_the_parts_of_a_line_and_stays_with_it() {
    let mut books = Books::new(|_setup| ());
    let kind = DocumentKind::PurchaseOrder;
    let first = PostLine {
        ordered: Some(q("3")),
        discount_percent: Some(q("33.33")),
        ..line(10, "BOLT", ("1", "0"), "10.01")
    };
    books.ok(&document(kind, vec![first], Vec::new()));
    let again = |handle, invoice| PostLine {
        unit_amount: None,
        ..line(10, "BOLT", (handle, invoice), "1")
    };
    books.ok(&document(kind, vec![again("2", "0")], Vec::new()));
    // 30.03 less 10.01 for three pieces: what is expected adds up to that.
    let expected = |books: &Books| -> Vec<String> {
        books.values().into_iter().map(|(_no, row)| row.cost_expected.to_string()).collect()
    };
    assert_eq!(expected(&books), ["6.67", "13.35"]);
    books.ok(&document(kind, vec![again("0", "3")], Vec::new()));
    assert_eq!((books.cost(1), books.cost(2)), ("6.67".to_owned(), "13.35".to_owned()));
    assert_eq!(learned(&books, "BOLT").0, "10.01", "of what was paid for the last two");
}

#[test]
fn a_discount_lowers_what_is_sold_for_and_is_never_more_than_all_of_it() {
    let mut books = Books::new(|_setup| ());
    books.post(purchase("2020-01-02", "BOLT", "9", "9"));
    let sold = |percent: &str| PostLine {
        discount_percent: Some(q(percent)),
        ..line(10, "BOLT", ("2", "2"), "10")
    };
    let order = |percent: &str| document(DocumentKind::SalesOrder, vec![sold(percent)], Vec::new());
    assert_eq!(books.refused(&order("100.5")), [Code::NumberOutOfRange]);
    assert_eq!(books.refused(&order("-1")), [Code::NumberOutOfRange]);
    books.ok(&order("25"));
    assert_eq!(told(&books), [row("", "15", "0")]);
}

#[test]
fn what_a_device_receives_for_a_line_costs_what_the_line_says_less_its_discount() {
    let mut books = Books::new(|_setup| ());
    let kind = DocumentKind::PurchaseOrder;
    let order = books.world.document(kind, "D1", &[("BOLT", "8")]);
    books.ok(&Command::PutLineTerms(PutLineTerms {
        kind,
        no: "D1".try_into().unwrap(),
        line: 10_000,
        unit_amount: "8".parse().unwrap(),
        discount_percent: Some(q("25")),
        business_group: String::new(),
    }));
    books.world.scan(1, 60, Some(&order), receive("A", goods("BOLT", "4")));
    assert_eq!(cost_of(&books, 1), ("0".to_owned(), "24".to_owned()));
}

#[test]
fn what_a_device_ships_for_a_line_is_sold_at_its_price_in_its_group() {
    let mut books = Books::new(|_setup| ());
    books.world.opening("A", goods("BOLT", "9"));
    let order = books.world.document(DocumentKind::SalesOrder, "D1", &[("BOLT", "8")]);
    terms(&mut books, DocumentKind::SalesOrder, "10");
    let (first, _outcome) = books.world.scan(1, 10, Some(&order), ship("A", goods("BOLT", "4")));
    assert_eq!(told(&books), [row("EU", "0", "40")]);
    books.world.scan(1, 11, None, undo(first));
    let undone = told(&books);
    assert_eq!(undone[1..], [row("EU", "0", "-40"), row("EU", "0", "0")]);
    books.world.scan(1, 12, Some(&order), ship("A", goods("BOLT", "2")));
    let invoice = PostLine {
        location: Some("MAIN".try_into().unwrap()),
        bin: place("A").bin,
        ..line(10_000, "BOLT", ("0", "2"), "10")
    };
    books.ok(&document(DocumentKind::SalesOrder, vec![invoice], Vec::new()));
    assert_eq!(told(&books)[3..], [row("EU", "0", "20"), row("EU", "20", "-20")]);
}

#[test]
fn what_a_device_receives_for_a_line_goes_through_the_accounts_of_its_group() {
    let mut books = Books::new(|_setup| ());
    let order = books.world.document(DocumentKind::PurchaseOrder, "D1", &[("BOLT", "8")]);
    terms(&mut books, DocumentKind::PurchaseOrder, "3");
    let (first, _outcome) = books.world.scan(1, 10, Some(&order), receive("A", goods("BOLT", "4")));
    assert_eq!(told(&books), [row("EU", "0", "0")]);
    assert_eq!(cost_of(&books, 1), ("0".to_owned(), "12".to_owned()));
    books.world.scan(1, 11, None, undo(first));
    assert!(told(&books).iter().all(|value| value.0 == "EU"), "{:?}", told(&books));
}

#[test]
fn a_charge_sold_on_what_came_back_is_of_stock_and_costs_nothing() {
    let mut books = Books::new(|_setup| ());
    books.post(purchase("2020-01-01", "BOLT", "3", "10.00"));
    let lines = vec![line(10, "BOLT", ("1", "1"), "9")];
    let over = vec![ChargeTarget::Line(10)];
    let charges = vec![charge(Some(ChargeSplit::Equally), over)];
    books.ok(&document(DocumentKind::SalesReturnOrder, lines, charges));
    let values = books.values();
    let charged = values.iter().find(|(_no, row)| !row.charge.is_empty()).unwrap();
    assert!(charged.1.inventoriable);
    assert_eq!(charged.1.cost_actual.to_string(), "0");
    assert_eq!(charged.1.sales_actual.to_string(), "-100");
}
