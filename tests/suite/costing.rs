//! What costing costs: in reads and writes, which no busy machine changes.

use ledger::command::Command;
use ledger::command::costing::SetInventorySetup;
use ledger::command::journal::{JournalLine, JournalType, PostItemJournal};
use ledger::money::Money;
use ledger::schema::money::{AdjustmentWindow, InventorySetup};
use protocol::quantity::Quantity;
use tests::vectors::company::{Company, word};
use tests::vectors::json::day;
use tests::vectors::money::{self, Card};
use tests::vectors::settings::Costing;

fn post(
    company: &mut Company,
    line_type: JournalType,
    quantity: i32,
    amount: Option<Money>,
) -> u64 {
    let before = company.spent;
    let line = JournalLine {
        amount,
        ..JournalLine::new(line_type, day(2026, 1, 5), word("BOLT"), Quantity::whole(quantity))
    };
    company.ask(&Command::PostItemJournal(PostItemJournal { lines: vec![line] })).expect("posted");
    money::settle(company).expect("an end of the adjustment");
    company.spent - before
}

fn costs_the_same(costing: Costing) {
    let mut company = Company::new(day(2026, 1, 5));
    money::found(&mut company);
    let setup = InventorySetup {
        automatic_adjustment: AdjustmentWindow::Always,
        ..InventorySetup::default()
    };
    company.system(Command::SetInventorySetup(SetInventorySetup { setup, unchecked: true }));
    let card = Card {
        no: "BOLT".to_owned(),
        base_unit: "PCS".to_owned(),
        costing: Some(costing),
        ..Card::default()
    };
    money::item(&mut company, &card).expect("a card");
    let paid = Money::new(1_000_001.into()).expect("an amount");
    post(&mut company, JournalType::Purchase, 30_000, Some(paid));
    let (mut tenth, mut last) = (0, 0);
    for n in 1..=10_000 {
        last = post(&mut company, JournalType::Sale, 1, None);
        if n == 10 {
            tenth = last;
        }
    }
    assert!(tenth > 10, "a sale reads something");
    assert!(last <= 2 * tenth, "{costing:?}: the 10th cost {tenth}, the 10,000th {last}");
}

#[test]
fn the_ten_thousandth_sale_out_of_one_receipt_costs_what_the_tenth_did() {
    costs_the_same(Costing::Fifo);
}

#[test]
fn the_ten_thousandth_sale_of_an_average_item_costs_what_the_tenth_did() {
    costs_the_same(Costing::Average);
}
