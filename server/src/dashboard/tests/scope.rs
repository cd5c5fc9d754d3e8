//! Who has roles at some locations sees those only.

use ledger::schema::LocationId;
use protocol::feed::Role;

use super::house::{House, drill_came, moved};
use super::html;
use crate::dashboard::context::PageContext;

fn seen_by(house: &House, location: u32) -> PageContext {
    let mut context = house.context();
    if let Some(person) = &mut context.person {
        person.roles = vec![(Role::Supervisor, LocationId(location))];
    }
    context
}

#[test]
fn other_locations_are_not_there() {
    let mut house = House::furnished();
    let (operation, _row) = house.device(1, &moved("A-01", "A-02", "3"), (30, 29), None);
    let (main, shop) = (seen_by(&house, 1), seen_by(&house, 2));
    let text = |context: &PageContext, address: &str| html::text(&house.document(context, address));
    assert!(text(&main, "/stock?by=bin").contains("A-01"));
    assert!(!text(&main, "/stock?by=bin").contains("S-01"));
    assert!(text(&shop, "/stock?by=bin").contains("S-01"));
    assert!(!text(&shop, "/stock?by=bin").contains("A-01"));
    assert!(text(&main, "/stock?item=BOLT").contains("10 0 10 0"), "{}", text(&main, "/stock"));
    assert!(text(&shop, "/stock?item=BOLT").contains("0 0 0 0"), "sums too");
    let page = format!("/operations/{operation}");
    assert!(house.page(&main, &page).is_ok());
    assert!(house.page(&shop, &page).is_err());
    assert!(!text(&shop, "/movements").contains("H-01"));
    assert!(!text(&shop, "/now").contains("A-02"));
    assert!(house.page(&shop, "/bins/MAIN/A-01").is_err());
    assert!(house.page(&shop, "/devices/1").is_err());
}

#[test]
fn the_history_of_a_serial_ends_at_the_locations_that_one_may_see() {
    let mut house = House::with_serials();
    house.device(1, &drill_came("MAIN", "A-01"), (40, 39), None);
    house.device(2, &drill_came("SHOP", "S-01"), (30, 29), None);
    let (_twice, row) = house.device(1, &drill_came("MAIN", "A-02"), (20, 19), None);
    let case = row.outcome.case.expect("it is there already");
    let sightings = |context: &PageContext| {
        let document = house.document(context, &format!("/workbench/{case}"));
        let (_before, after) = document.split_once("<h2 id=\"sightings\"").expect("a history");
        let (table, _after) = after.split_once("</table>").expect("a table");
        html::text(&format!("<h2{table}"))
    };
    let whole = sightings(&house.context());
    assert!(whole.contains("A-01") && whole.contains("S-01"), "{whole}");
    let main = sightings(&seen_by(&house, 1));
    assert!(main.contains("A-01") && main.contains("A-02"), "{main}");
    assert!(!main.contains("S-01") && !main.contains('#'), "{main}");
}

#[test]
fn a_role_at_all_locations_sees_all() {
    let house = House::furnished();
    let everywhere = seen_by(&house, 0);
    let stock = html::text(&house.document(&everywhere, "/stock?by=bin"));
    assert!(stock.contains("A-01") && stock.contains("S-01"));
}

#[test]
fn who_only_handles_goods_may_not_look() {
    let house = House::furnished();
    let mut context = house.context();
    let person = context.person.as_mut().unwrap();
    for (role, may) in [(Role::Operator, false), (Role::Supervisor, true), (Role::Auditor, true)] {
        person.roles = vec![(role, LocationId(0))];
        assert_eq!(person.may_look(), may, "{role:?}");
    }
}
