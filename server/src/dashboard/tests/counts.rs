//! Counts: none is out of reach.

use protocol::identity::OperationId;
use protocol::operation::{Body, CountBin, CountedLine, Move, Undo};
use protocol::outcome::Decision;

use super::house::{House, count, drill_came, goods, moved, receive_of};
use super::html;
use crate::dashboard::page::counts::{judged, settled};
use crate::dashboard::query::Query;

/// A settled count, and more movements since than one request looks at.
fn busy() -> House {
    let mut house = House::furnished();
    house.device(1, &count("A-01", "10"), (55, 54), None);
    for minute in 0..6 {
        house.device(1, &moved("A-01", "A-02", "1"), (50 - minute, 49 - minute), None);
    }
    house.settle();
    house
}

#[test]
fn an_old_settled_count_is_found_however_much_was_done_since() {
    let house = busy();
    let context = house.context();
    let mut query = Query::default().with("state", "settled");
    let whole = settled(&house.tables, &context, &query, 1_000).into_string();
    assert!(html::text(&whole).contains("settled"), "{whole}");
    let mut looked = 1;
    loop {
        let part = settled(&house.tables, &context, &query, 3).into_string();
        if part.contains("id=\"count-") {
            break;
        }
        assert!(part.contains("Searched back to"), "it says how far it looked: {part}");
        let found = judged(&house.tables, &query, (50, 3));
        assert!(found.exhausted && found.rows.is_empty());
        let (time, operation) = found.next.expect("there is more");
        let further = query.with("before", &format!("{}_{operation}", time.0));
        assert!(part.contains(&format!("before={}_", time.0)), "{part}");
        query = further;
        looked += 1;
        assert!(looked < 20, "it never gets there");
    }
    assert!(looked > 1, "the test looks at less than there is");
    // Behind the last one nothing is said to follow.
    assert!(judged(&house.tables, &query, (50, 50)).next.is_none());
}

/// A bin with two items, of which one was counted.
fn counted_in_part() -> House {
    let mut house = House::furnished();
    house.device(1, &receive_of("A-01", "NUT", "6"), (50, 49), None);
    house.device(1, &count("A-01", "9"), (20, 19), None);
    house
}

fn incomplete(house: &House) -> String {
    let document = house.document(&house.context(), "/counts?state=incomplete");
    html::check(&document);
    html::text(&document)
}

#[test]
fn case_08_a_bin_of_which_a_part_was_counted_says_what_was_not_touched() {
    let mut house = counted_in_part();
    let text = incomplete(&house);
    for seen in ["A-01", "Anna &lt;b&gt;", "1-1-2", "NUT 6 PCS, never counted"] {
        assert!(text.contains(seen), "{seen} is missing in {text}");
    }
    assert!(text.contains("Have the bin counted") && !text.contains("BOLT 9"), "{text}");
    let document = house.document(&house.context(), "/counts?state=incomplete");
    assert!(document.contains("href=\"/stock/figure/"), "the figure leads to where it comes from");

    let (_asked, row) = {
        let ask = crate::dashboard::page::incomplete::ask("MAIN", "A-01").unwrap();
        house.desk("mette", &ledger::command::Command::AskCounts(ask))
    };
    assert_eq!(row.outcome.decision, protocol::outcome::Decision::Accepted, "{:?}", row.outcome);
    let text = incomplete(&house);
    assert!(text.contains("count asked for") && !text.contains("Have the bin counted"), "{text}");
    let tasks = html::text(&house.document(&house.context(), "/tasks"));
    assert!(tasks.contains("Only a part of the bin was counted"), "{tasks}");
}

#[test]
fn case_08_what_was_counted_after_all_or_came_later_was_not_left_out() {
    // The rest was counted an hour later.
    let mut house = counted_in_part();
    house.device(1, &count_of("NUT", "6"), (10, 9), None);
    assert!(incomplete(&house).contains("No bin was counted in part."));
    // The whole bin was counted after that, or just before.
    let mut house = counted_in_part();
    house.device(1, &whole(), (10, 9), None);
    assert!(incomplete(&house).contains("No bin was counted in part."));
    let mut house = House::furnished();
    house.device(1, &receive_of("A-01", "NUT", "2"), (52, 51), None);
    house.device(1, &receive_of("A-01", "NUT", "4"), (50, 49), None);
    house.device(1, &whole(), (40, 39), None);
    house.device(1, &count("A-01", "9"), (20, 19), None);
    assert!(incomplete(&house).contains("No bin was counted in part."));
    // It came when the count was over.
    let mut house = House::furnished();
    house.device(1, &count("A-01", "9"), (20, 19), None);
    house.device(1, &receive_of("A-01", "NUT", "6"), (10, 9), None);
    assert!(incomplete(&house).contains("No bin was counted in part."));
    // A task asked for this item only: nothing else was to be counted.
    let mut house = House::furnished();
    house.device(1, &receive_of("A-02", "NUT", "6"), (50, 49), None);
    house.device(1, &moved("A-02", "A-01", "2"), (40, 39), None);
    house.device(1, &count("A-02", "0"), (20, 19), None);
    assert!(incomplete(&house).contains("No bin was counted in part."), "{}", incomplete(&house));
}

#[test]
fn case_08_what_was_gone_at_the_count_and_came_again_was_not_left_out() {
    let mut house = House::furnished();
    house.device(1, &receive_of("A-01", "NUT", "6"), (50, 49), None);
    let Body::Move(all) = moved("A-01", "A-02", "6") else { unreachable!("a move") };
    let all = Body::Move(Move { goods: goods("NUT", "6"), ..all });
    house.device(1, &all, (40, 39), None);
    house.device(1, &count("A-01", "9"), (20, 19), None);
    house.device(1, &receive_of("A-01", "NUT", "4"), (10, 9), None);
    assert!(incomplete(&house).contains("No bin was counted in part."), "{}", incomplete(&house));
}

#[test]
fn case_08_a_count_that_was_undone_counted_nothing() {
    // The one that made the round.
    let mut house = House::furnished();
    house.device(1, &receive_of("A-01", "NUT", "6"), (50, 49), None);
    let (counted, _row) = house.device(1, &count("A-01", "9"), (20, 19), None);
    assert!(incomplete(&house).contains("NUT 6 PCS, never counted"));
    let undo = |counted: OperationId| {
        Body::Undo(Undo { incarnation: counted.incarnation, seq: counted.seq })
    };
    let (_undone, row) = house.device(1, &undo(counted), (18, 17), None);
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    assert!(incomplete(&house).contains("No bin was counted in part."), "{}", incomplete(&house));
    // One of what is left out.
    let mut house = counted_in_part();
    let (counted, _row) = house.device(1, &count_of("NUT", "6"), (10, 9), None);
    let (_undone, row) = house.device(1, &undo(counted), (8, 7), None);
    assert_eq!(row.outcome.decision, Decision::Accepted, "{:?}", row.outcome);
    assert!(incomplete(&house).contains("NUT 6 PCS, never counted"), "{}", incomplete(&house));
}

#[test]
fn case_08_a_serial_is_counted_by_counts_and_not_by_what_else_was_done_with_it() {
    let mut house = House::with_serials();
    house.device(1, &drill_came("MAIN", "A-01"), (50, 49), None);
    house.device(1, &count("A-01", "9"), (20, 19), None);
    // It cannot come again: parked, this says nothing of it.
    let (_twice, row) = house.device(1, &drill_came("MAIN", "A-02"), (10, 9), None);
    assert_eq!(row.outcome.decision, Decision::Parked, "{:?}", row.outcome);
    let text = incomplete(&house);
    assert!(text.contains("S1") && text.contains("never counted"), "{text}");
}

/// A count of all that lies in the bin.
fn whole() -> Body {
    let line = |item: &str, quantity: &str| CountedLine {
        goods: goods(item, quantity),
        plate: None,
        mono_us: 2_500_000,
    };
    Body::CountBin(CountBin {
        location: "MAIN".try_into().unwrap(),
        bin: "A-01".try_into().unwrap(),
        lines: vec![line("BOLT", "9"), line("NUT", "6")],
        plates_seen_closed: Vec::new(),
        started_us: None,
        task: None,
    })
}

fn count_of(item: &str, quantity: &str) -> Body {
    let Body::Count(counted) = count("A-01", quantity) else { unreachable!("a count") };
    Body::Count(protocol::operation::Count { goods: goods(item, quantity), ..counted })
}
