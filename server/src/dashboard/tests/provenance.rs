//! A stock figure leads, link by link, to the scan behind it.

use super::house::{House, count, moved, receive};
use super::html;

/// The links of the page at `address` that start with `prefix`.
fn links(house: &House, address: &str, prefix: &str) -> Vec<String> {
    let document = house.document(&house.context(), address);
    let tags = html::tags(&document);
    let links = tags.iter().filter_map(|tag| tag.get("href"));
    links.filter(|to| to.starts_with(prefix)).map(str::to_owned).collect()
}

#[test]
fn every_figure_of_the_stock_pages_leads_to_its_entries() {
    let mut house = House::furnished();
    house.device(1, &moved("A-01", "A-02", "3"), (30, 29), None);
    for address in ["/stock", "/stock?by=bin", "/stock/item/BOLT"] {
        let document = house.document(&house.context(), address);
        let figures: Vec<_> = html::tags(&document)
            .into_iter()
            .filter(|tag| tag.get("class") == Some("figure"))
            .collect();
        assert!(figures.len() >= 6, "{address} has {} figures", figures.len());
        for figure in figures {
            let to = figure.get("href").unwrap();
            let (page, part) = to.split_once('#').unwrap_or_else(|| panic!("{to} names no part"));
            let page = if page.is_empty() { address } else { page };
            let target = house.document(&house.context(), page);
            assert!(target.contains(&format!("id=\"{part}\"")), "{to} is not on {page}");
        }
        // No number stands in the figures of a list without its way.
        let body = document.split("<tbody>").nth(1).unwrap().split("</tbody>").next().unwrap();
        for cell in body.split("<td class=\"number\">").skip(1) {
            assert!(cell.trim_start().starts_with("<a "), "{address}: {cell:.80}");
        }
    }
}

#[test]
fn a_figure_leads_to_the_scan() {
    let mut house = House::furnished();
    let (operation, _row) = house.device(1, &receive("A-02", "5"), (40, 39), None);
    let figure = links(&house, "/stock?by=bin&bin=A-02", "/stock/figure/").remove(0);
    let figure = figure.split('#').next().unwrap().to_owned();
    let entries = links(&house, &figure, "/entries/warehouse/");
    assert_eq!(entries.len(), 1, "{entries:?}");
    let item_entry = links(&house, &entries[0], "/entries/item/");
    assert_eq!(item_entry.len(), 1);
    let operations = links(&house, &item_entry[0], "/operations/");
    assert!(operations.contains(&format!("/operations/{operation}")), "{operations:?}");
    let page = html::text(&house.document(&house.context(), &format!("/operations/{operation}")));
    for part in [
        "04006381333931",
        "12:24:10",
        "±1.2 s",
        "12:25:10",
        "60 s after the act",
        "H-01",
        "clock sample – receipt",
        "Anna",
    ] {
        let part = part.replace("60 s", "1 min");
        assert!(page.contains(&part), "{part} is missing in {page}");
    }
}

#[test]
fn the_running_balance_ends_at_the_figure_and_starts_at_nothing() {
    let mut house = House::furnished();
    house.device(1, &moved("A-01", "A-02", "3"), (30, 29), None);
    house.device(2, &moved("A-02", "A-01", "1"), (20, 19), None);
    let figure = links(&house, "/stock?by=bin&bin=A-01", "/stock/figure/").remove(0);
    let figure = figure.split('#').next().unwrap().to_owned();
    let text = html::text(&house.document(&house.context(), &figure));
    let ledger = text.split("Warehouse entries").nth(1).unwrap();
    // Newest first: +1 to 8, -3 to 7, +10 to 10, and nothing before.
    let at = |part: &str| ledger.find(part).unwrap_or_else(|| panic!("{part} is not in {ledger}"));
    assert!(at("+1 8") < at("-3 7") && at("-3 7") < at("+10 10"));
    assert!(ledger.contains("Balance before 0"), "{ledger}");
    assert!(!ledger.contains("does not start at zero"));
}

#[test]
fn a_figure_as_of_a_day_leaves_later_acts_out() {
    let mut house = House::furnished();
    house.device(1, &moved("A-01", "A-02", "3"), (30, 29), None);
    // Done two days ago, known only now.
    house.device(2, &moved("A-02", "A-01", "1"), (2 * 24 * 60, 5), None);
    let figure = links(&house, "/stock?by=bin&bin=A-02", "/stock/figure/").remove(0);
    let figure = figure.split('#').next().unwrap().to_owned();
    let shown =
        |day: &str| html::text(&house.document(&house.context(), &format!("{figure}?as_of={day}")));
    assert!(
        shown("2026-11-23").contains("On hand at the end of 2026-11-23 2"),
        "{}",
        shown("2026-11-23")
    );
    assert!(shown("2026-11-22").contains("On hand at the end of 2026-11-22 -1"));
    assert!(shown("2026-11-20").contains("On hand at the end of 2026-11-20 0"));
    let item = |day: &str| {
        let address = format!("/stock/item/BOLT?as_of={day}");
        html::text(&house.document(&house.context(), &address))
    };
    assert!(
        item("2026-11-23").contains("On hand at the end of 2026-11-23 10"),
        "{}",
        item("2026-11-23")
    );
    assert!(item("2026-11-20").contains("On hand at the end of 2026-11-20 0"));
}

#[test]
fn a_restated_count_shows_every_revision() {
    let mut house = House::furnished();
    let (operation, _row) = house.device(1, &count("A-01", "7"), (20, 19), None);
    house.device(2, &moved("A-01", "A-02", "3"), (30, 5), None);
    let page = html::text(&house.document(&house.context(), &format!("/operations/{operation}")));
    let outcome = page.split("What became of it").nth(1).unwrap();
    assert!(outcome.contains("restated"), "{outcome}");
    assert!(outcome.contains("difference -3"), "the first revision: {outcome}");
    let register = html::text(&house.document(&house.context(), "/movements?outcome=restated"));
    assert!(register.contains("restated 1×"), "{register}");
}
