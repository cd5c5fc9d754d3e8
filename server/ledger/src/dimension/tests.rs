//! What entries of every kind carry.

use protocol::code::Code;
use protocol::operation::DocumentKind;

use super::{Dimensions, DimensionsOf, PutDefaultDimensions, PutDocumentDimensions, text_of};
use crate::assembly::capacity::PutCapacity;
use crate::assembly::post::{AssemblyItem, AssemblyResource, PostAssembly};
use crate::books::{Books, charge, day, journal, m, purchase, sale};
use crate::command::Command;
use crate::command::journal::{JournalLine, JournalType};
use crate::command::post_document::{PostDocument, PostLine, UndoPosted};
use crate::costing::revalue::{PostRevaluation, RevaluationLine};
use crate::key::KeyRange;
use crate::money::{Money, UnitAmount};
use crate::schema::EntryNo;
use crate::schema::entry::ItemLedger;
use crate::schema::gl::GlLedger;
use crate::schema::money::{AdjustmentWindow, ValueLedger, ValueType};
use crate::schema::order::CapacityKind;
use crate::tables::Read as _;
use crate::world::{goods, order, q, receive};

fn said(pairs: &[(&str, &str)]) -> Dimensions {
    let text = |text: &str| text.to_owned();
    Dimensions(pairs.iter().map(|(code, value)| (text(code), text(value))).collect())
}

fn propose(books: &mut Books, of: DimensionsOf, pairs: &[(&str, &str)]) {
    let dimensions = said(pairs);
    books.ok(&Command::PutDefaultDimensions(PutDefaultDimensions { of, dimensions }));
}

/// Items propose a product, location YARD an area.
fn books() -> Books {
    let mut books = Books::new(|setup| {
        setup.automatic_cost_posting = true;
        setup.automatic_adjustment = AdjustmentWindow::Always;
    });
    let item = DimensionsOf::Item("BOLT".try_into().unwrap());
    propose(&mut books, item, &[("PRODUCT", "METAL"), ("DEPARTMENT", "STORE")]);
    let place = DimensionsOf::Location("YARD".try_into().unwrap());
    propose(&mut books, place, &[("AREA", "YARD"), ("DEPARTMENT", "OUTSIDE")]);
    books.inventory_accounts(Some("YARD"), "");
    books
}

/// What the item ledger entries say, by number.
fn entries(books: &Books) -> Vec<String> {
    let tables = &books.world.tables;
    let rows = tables.list::<ItemLedger>(&KeyRange::all());
    rows.into_iter().map(|(_no, row)| text_of(tables, row.dimension_set)).collect()
}

/// Type and set of the value entries of an item ledger entry; 0 for those of capacity.
fn values(books: &Books, entry: u64) -> Vec<(ValueType, String)> {
    let tables = &books.world.tables;
    let of = |no: EntryNo| no == EntryNo(entry);
    let rows = tables.list::<ValueLedger>(&KeyRange::all()).into_iter();
    rows.filter(|(_no, row)| of(row.entry))
        .map(|(_no, row)| (row.value_type, text_of(tables, row.dimension_set)))
        .collect()
}

fn at_yard(line: JournalLine) -> JournalLine {
    JournalLine { location: Some("YARD".try_into().unwrap()), ..line }
}

#[test]
fn a_company_without_dimensions_writes_the_empty_set() {
    let mut books = Books::new(|_setup| ());
    books.post(purchase("2020-01-01", "BOLT", "5", "10"));
    assert_eq!(entries(&books), [""]);
}

#[test]
fn an_item_goes_before_its_location_and_a_line_before_both() {
    let mut books = books();
    books.post(purchase("2020-01-01", "BOLT", "5", "10"));
    books.post(at_yard(purchase("2020-01-01", "BOLT", "5", "10")));
    let dimensions = said(&[("DEPARTMENT", "SALES"), ("AREA", ""), ("PROJECT", "X")]);
    books.post(JournalLine { dimensions, ..at_yard(purchase("2020-01-02", "BOLT", "5", "10")) });
    assert_eq!(
        entries(&books),
        [
            "DEPARTMENT=STORE; PRODUCT=METAL",
            "AREA=YARD; DEPARTMENT=STORE; PRODUCT=METAL",
            "DEPARTMENT=SALES; PRODUCT=METAL; PROJECT=X",
        ]
    );
    let sets: Vec<u32> = books.ledger().iter().map(|(_no, row)| row.dimension_set).collect();
    assert_eq!(sets.len(), 6, "{sets:?}");
    let set = |entry: u64| books.world.tables.row::<ItemLedger>(&EntryNo(entry)).unwrap();
    let of_entries: Vec<u32> =
        (1..=3).flat_map(|entry| [set(entry).dimension_set, set(entry).dimension_set]).collect();
    assert_eq!(sets, of_entries, "entries of the general ledger carry the set of their value");
}

#[test]
fn a_transfer_takes_its_set_along_and_the_journal_may_change_it() {
    let mut books = books();
    let dimensions = said(&[("PROJECT", "X")]);
    books.post(JournalLine { dimensions, ..purchase("2020-01-01", "BOLT", "5", "10") });
    let reclass = crate::books::line(JournalType::Transfer, "2020-01-02", "BOLT", "2", None);
    let east = Some("YARD".try_into().unwrap());
    let moved = JournalLine { new_location: east, ..reclass };
    books.post(JournalLine { new_dimensions: said(&[("PROJECT", "Y")]), ..moved.clone() });
    books.post(moved);
    let (plain, y) =
        ("DEPARTMENT=STORE; PRODUCT=METAL", "DEPARTMENT=STORE; PRODUCT=METAL; PROJECT=Y");
    assert_eq!(entries(&books)[1..], [plain, y, plain, plain], "out, in, out, in");
}

#[test]
fn what_is_said_of_the_new_place_is_not_said_of_the_old_one() {
    // The first dimensions of the company: nothing is proposed, no set has a number yet.
    let mut books = Books::new(|_setup| ());
    books.post(purchase("2020-01-01", "BOLT", "5", "10"));
    books.post(JournalLine {
        new_location: Some("YARD".try_into().unwrap()),
        new_dimensions: said(&[("PROJECT", "Y")]),
        ..crate::books::line(JournalType::Transfer, "2020-01-02", "BOLT", "2", None)
    });
    assert_eq!(entries(&books), ["", "", "PROJECT=Y"], "purchase, out, in");
}

#[test]
fn charges_revaluations_and_adjustments_follow_what_they_value() {
    let mut books = books();
    let project = |no: &str| said(&[("PROJECT", no)]);
    let bought = purchase("2020-01-01", "BOLT", "3", "10");
    books.post(JournalLine { dimensions: project("X"), ..bought });
    let sold = sale("2020-01-02", "BOLT", "1");
    books.post(JournalLine { dimensions: project("Y"), ..sold });
    let Command::ChargeEntries(freight) = charge(1, "2020-01-03", "3") else { unreachable!() };
    books.ok(&Command::ChargeEntries(crate::command::costing::ChargeEntries {
        dimensions: project("FREIGHT"),
        ..freight
    }));
    books.ok(&Command::PostRevaluation(PostRevaluation {
        lines: vec![RevaluationLine {
            item: "BOLT".try_into().unwrap(),
            date: day("2020-01-04"),
            location: None,
            variant: None,
            applies_to: EntryNo(0),
            quantity: None,
            calculated: false,
            unit_cost: None,
            value: None,
            amount: Some(m("1")),
            update_standard_cost: false,
            document_no: String::new(),
            dimensions: Dimensions::NONE,
        }],
    }));
    books.adjust();
    let with = |no: &str| format!("DEPARTMENT=STORE; PRODUCT=METAL; PROJECT={no}");
    assert_eq!(
        values(&books, 1),
        [
            (ValueType::DirectCost, with("X")),
            (ValueType::DirectCost, with("FREIGHT")),
            (ValueType::Revaluation, with("X")),
        ]
    );
    let of_sale = values(&books, 2);
    assert!(of_sale.len() > 1, "the sale was adjusted: {of_sale:?}");
    assert!(of_sale.iter().all(|(_type, set)| *set == with("Y")), "{of_sale:?}");
    let gl = books.world.tables.list::<GlLedger>(&KeyRange::all());
    let carry = gl.iter().filter(|(_no, row)| row.dimension_set != 0).count();
    assert_eq!(carry, gl.len());
}

fn post_line(handle: &str, invoice: &str) -> PostLine {
    PostLine {
        line: 10,
        item: "BOLT".try_into().unwrap(),
        variant: None,
        location: None,
        bin: None,
        unit: None,
        ordered: Some(q("10")),
        handle: q(handle),
        invoice: q(invoice),
        unit_amount: Some("2".parse::<UnitAmount>().unwrap()),
        discount_percent: None,
        tracking: Vec::new(),
        applies_to: EntryNo(0),
        applies_from: EntryNo(0),
        dimensions: said(&[("PROJECT", "X")]),
    }
}

fn document(line: PostLine) -> PostDocument {
    PostDocument {
        kind: DocumentKind::PurchaseOrder,
        no: "P1".try_into().unwrap(),
        date: day("2020-01-01"),
        partner: Some("V1".try_into().unwrap()),
        business_group: String::new(),
        lines: vec![line],
        charges: Vec::new(),
        dimensions: said(&[("PROJECT", "NONE"), ("CAMPAIGN", "SPRING")]),
    }
}

#[test]
fn documents_say_it_for_their_lines_and_an_undo_takes_the_same_back() {
    let mut books = books();
    let vendor = DimensionsOf::Vendor("V1".try_into().unwrap());
    propose(&mut books, vendor, &[("VENDOR", "V1"), ("PRODUCT", "OTHER")]);
    books.ok(&Command::PostDocument(document(post_line("4", "0"))));
    let carried = "CAMPAIGN=SPRING; DEPARTMENT=STORE; PRODUCT=METAL; PROJECT=X; VENDOR=V1";
    assert_eq!(entries(&books), [carried]);
    // What is proposed later does not reach what takes an entry back.
    propose(&mut books, DimensionsOf::Item("BOLT".try_into().unwrap()), &[("PRODUCT", "WOOD")]);
    books.ok(&Command::UndoPosted(UndoPosted {
        kind: DocumentKind::PurchaseOrder,
        no: "P1".try_into().unwrap(),
        posting: 1,
        line: 10,
    }));
    assert_eq!(entries(&books), [carried, carried]);
    let later = PostLine { dimensions: Dimensions::NONE, ..post_line("4", "0") };
    books.ok(&Command::PostDocument(PostDocument {
        dimensions: Dimensions::NONE,
        ..document(later)
    }));
    assert_eq!(
        entries(&books)[2],
        "CAMPAIGN=SPRING; PRODUCT=WOOD; PROJECT=X; VENDOR=V1",
        "the document remembers what it said"
    );
    let invoice = PostLine { dimensions: said(&[("PROJECT", "Z")]), ..post_line("0", "4") };
    books.ok(&Command::PostDocument(PostDocument {
        dimensions: Dimensions::NONE,
        ..document(invoice)
    }));
    let invoiced = "CAMPAIGN=SPRING; PRODUCT=WOOD; PROJECT=Z; VENDOR=V1";
    assert_eq!(values(&books, 3)[1].1, invoiced);
}

#[test]
fn what_a_device_receives_carries_what_its_document_says() {
    let mut books = books();
    books.world.document(DocumentKind::PurchaseOrder, "P2", &[("BOLT", "10")]);
    books.ok(&Command::PutDocumentDimensions(PutDocumentDimensions {
        kind: DocumentKind::PurchaseOrder,
        no: "P2".try_into().unwrap(),
        line: 0,
        dimensions: said(&[("PROJECT", "X")]),
    }));
    let document = order(DocumentKind::PurchaseOrder, "P2");
    let done = books.world.done(1, 1, Some(&document), receive("MAIN/A", goods("BOLT", "4")));
    books.world.send(&done);
    assert_eq!(entries(&books), ["DEPARTMENT=STORE; PRODUCT=METAL; PROJECT=X"]);
}

#[test]
fn an_assembly_says_it_for_components_resources_and_what_it_makes() {
    let mut books = books();
    books.post(purchase("2020-01-01", "BOLT", "5", "10"));
    books.ok(&Command::PutCapacity(PutCapacity {
        kind: CapacityKind::Resource,
        code: "ANN".to_owned(),
        name: String::new(),
        direct_unit_cost: "1".parse().unwrap(),
        indirect_cost_percent: q("0"),
        overhead_rate: UnitAmount::ZERO,
        minimum_amount: Money::ZERO,
        product_group: String::new(),
    }));
    propose(&mut books, DimensionsOf::Resource("ANN".to_owned()), &[("TEAM", "ANN")]);
    let part = |item: &str| AssemblyItem {
        item: item.try_into().unwrap(),
        variant: None,
        location: None,
        bin: None,
        quantity: q("1"),
        tracking: Vec::new(),
    };
    books.ok(&Command::PostAssembly(PostAssembly {
        order: "A1".try_into().unwrap(),
        date: day("2020-01-02"),
        sale_date: None,
        output: part("AVG"),
        components: vec![part("BOLT")],
        resources: vec![AssemblyResource { resource: "ANN".to_owned(), quantity: q("1") }],
        business_group: String::new(),
        dimensions: said(&[("PROJECT", "X")]),
    }));
    let made = "PROJECT=X".to_owned();
    assert_eq!(
        entries(&books)[1..],
        ["DEPARTMENT=STORE; PRODUCT=METAL; PROJECT=X".to_owned(), made]
    );
    assert_eq!(values(&books, 0)[0].1, "PROJECT=X; TEAM=ANN");
}

#[test]
fn codes_that_cannot_be_kept_are_refused() {
    let mut books = books();
    for pairs in [
        [("", "X")],
        [("A CODE OF MORE THAN TWENTY", "X")],
        [("AREA", "TWO\nLINES")],
        // Their texts would be those of other sets.
        [("A=B", "C")],
        [("AREA", "X; PROJECT=Y")],
        [("AREA; PROJECT", "Y")],
    ] {
        let line =
            JournalLine { dimensions: said(&pairs), ..purchase("2020-01-01", "BOLT", "5", "10") };
        assert_eq!(books.refused(&journal(line)), [Code::MalformedRequest], "{pairs:?}");
    }
    assert_eq!(entries(&books).len(), 0);
}
