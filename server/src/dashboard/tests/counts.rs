//! Counts: none is out of reach.

use super::house::{House, count, moved};
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
