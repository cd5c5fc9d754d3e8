//! What figures of the money side say of themselves: that they are provisional, that something is not known;
//! and what cards say of cost.

use serde_json::{Value, json};

use super::house::{House, all_is_judged};
use super::money::{browser, command, journal, read, traded};

/// Answers with figures: their paths, and where their rows lie.
const ANSWERS: [(&str, &str); 10] = [
    ("/valuation?until=2026-01-31&item=BOLT&location=MAIN", ""),
    ("/inventory-value?until=2026-01-31&item=BOLT", ""),
    ("/reconciliation?until=2026-01-31", ""),
    ("/reconciliation/unposted?until=2026-01-31", "/rows"),
    ("/ledger/accounts?until=2026-01-31", ""),
    ("/ledger/entries", "/rows"),
    ("/value-entries?until=2026-01-31", "/rows"),
    ("/items/BOLT/value", "/entries/rows/0/values"),
    ("/wip?until=2026-01-31", ""),
    ("/stockkeeping-units?item=BOLT", "/rows"),
];

async fn rows(house: &House, path: &str, place: &str) -> Vec<Value> {
    let answer = house.boss.get(&format!("/api/v1{path}")).await.json();
    let found = answer.pointer(place).and_then(Value::as_array).cloned();
    found.unwrap_or_else(|| panic!("{path}: {answer}"))
}

async fn adjust(house: &House) {
    command(&house.boss, &json!({"adjust_cost": {}})).await;
    all_is_judged(&house.running).await;
}

/// Every answer has rows, and all of them say whether they are provisional; so does the file of each.
async fn all_say(house: &House, provisional: bool) {
    for (path, place) in ANSWERS {
        let found = rows(house, path, place).await;
        assert!(!found.is_empty(), "{path}");
        for row in found {
            assert_eq!(row["provisional"], provisional, "{path}: {row}");
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let file = house.boss.get(&format!("/api/v1{path}.csv?{query}")).await.body;
        // Between the lines are the lengths of chunks.
        let mut lines = file.lines().filter(|line| line.contains(','));
        assert!(lines.next().unwrap().ends_with(",provisional"), "{path}: {file}");
        let word = if provisional { ",yes" } else { ",no" };
        assert!(lines.all(|line| line.ends_with(word)), "{path}: {file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_say_that_they_are_provisional_until_cost_is_adjusted() {
    let house = traded().await;
    let unit = json!({"put_stockkeeping_unit": {"item": "BOLT", "location": "MAIN"}});
    command(&house.boss, &unit).await;
    let order = json!({"order": ["production", "PR-1"]});
    command(&house.boss, &journal("consumption", "2026-01-09", "1", &order)).await;
    // The value entries that are posted leave some that are not: every answer has rows.
    command(&house.boss, &json!({"post_cost_to_gl": {"until": "2026-01-08"}})).await;
    all_is_judged(&house.running).await;
    all_say(&house, true).await;
    let boss = browser(&house.boss);
    let (day, told) = ("?until=2026-01-31", "Provisional: cost is still to be adjusted");
    let pages = ["valuation", "reconciliation", "wip", "ledger", "items/BOLT", "values/1"];
    for page in pages {
        let (status, text) = read(&boss, &format!("/money/{page}{day}")).await;
        assert!(status == 200 && text.contains(told), "{page}: {text}");
    }
    adjust(&house).await;
    all_say(&house, false).await;
    for page in pages {
        let (status, text) = read(&boss, &format!("/money/{page}{day}")).await;
        assert!(status == 200 && !text.contains(told), "{page}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_item_that_is_not_adjusted_leaves_the_others_and_closed_days_final() {
    let house = traded().await;
    adjust(&house).await;
    let ending = json!({"ending_date": "2026-01-31"});
    command(&house.boss, &json!({"put_inventory_period": ending})).await;
    command(&house.boss, &json!({"close_inventory_period": ending})).await;
    command(&house.boss, &journal("sale", "2026-02-03", "1", &json!({}))).await;
    let said = async |until: &str| {
        let path = format!("/valuation?until={until}");
        let rows = rows(&house, &path, "").await;
        let said = rows.iter().map(|row| (row["item"].clone(), row["provisional"].clone()));
        said.collect::<Vec<_>>()
    };
    assert_eq!(said("2026-01-31").await, [(json!("BOLT"), json!(false))]);
    let all = said("2027-01-31").await;
    assert!(all.contains(&(json!("BOLT"), json!(true))), "{all:?}");
    assert!(all.contains(&(json!("MILK"), json!(false))), "{all:?}");
    let path = "/money/valuation?until=2027-01-31";
    let (_, page) = read(&browser(&house.boss), path).await;
    assert_eq!(page.matches("provisional").count(), 2, "the row and the total: {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconciliation_ends_with_its_sum_and_says_what_it_did_not_look_at() {
    let house = traded().await;
    let path = "/reconciliation?until=2026-01-31";
    let known = rows(&house, path, "").await;
    let (total, parts) = known.split_last().unwrap();
    assert_eq!((&total["part"], &total["location"]), (&json!("total"), &json!("")), "{total}");
    assert!(parts.iter().all(|row| row["part"] != "total" && row["assumed"] == false));
    let invoiced = parts.iter().find(|row| row["part"] == "invoiced").unwrap();
    assert_eq!((&total["value"], &invoiced["value"]), (&json!("18"), &json!("18")), "{known:?}");
    assert_eq!(total["unexplained"], "0", "{total}");
    let assumed = rows(&house, &format!("{path}&look_at=1"), "").await;
    for row in &assumed {
        assert_eq!((&row["assumed"], &row["unexplained"]), (&json!(true), &json!(null)), "{row}");
    }
    let file = house.boss.get("/api/v1/reconciliation.csv?until=2026-01-31&look_at=1").await.body;
    assert!(file.contains("\n,,total,18,0,18,18,0,,,yes,"), "{file}");
    let boss = browser(&house.boss);
    let (_, page) = read(&boss, "/money/reconciliation?until=2026-01-31&look_at=1").await;
    assert!(page.contains("More than 1 value entries are not posted."), "{page}");
    assert!(page.contains("not known"), "{page}");
    let (_, page) = read(&boss, "/money/reconciliation?until=2026-01-31").await;
    assert!(page.contains("Total 18.00") && !page.contains("not known"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_in_process_is_told_by_order_on_a_page_and_as_a_file() {
    let house = traded().await;
    let order = json!({"order": ["production", "PR-1"]});
    command(&house.boss, &journal("consumption", "2026-01-20", "3", &order)).await;
    let january = rows(&house, "/wip?until=2026-01-31", "").await;
    let figures = |row: &Value| {
        ["kind", "order", "opening", "consumption", "capacity", "output", "closing"]
            .map(|name| row[name].as_str().unwrap().to_owned())
            .join(" ")
    };
    assert_eq!(january.iter().map(figures).collect::<Vec<_>>(), ["production PR-1 0 9 0 0 9"]);
    let later = rows(&house, "/wip?from=2026-02-01&until=2026-02-28", "").await;
    assert_eq!(later.iter().map(figures).collect::<Vec<_>>(), ["production PR-1 9 0 0 0 9"]);
    let file = house.boss.get("/api/v1/wip.csv?until=2026-01-31").await.body;
    assert!(file.contains("production,PR-1,0,9,0,0,9,yes"), "{file}");
    let book = house.boss.get("/api/v1/wip.xlsx?until=2026-01-31").await;
    assert!(book.status == 200 && book.body.starts_with("PK"));
    assert_eq!(house.boss.get("/api/v1/wip").await.code(), "malformed_request");
    let (status, page) = read(&browser(&house.boss), "/money/wip?until=2026-01-31").await;
    assert_eq!(status, 200);
    assert!(page.contains("Production order PR-1 0.00 9.00 0.00 0.00 9.00"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn costs_of_stockkeeping_units_are_read_where_they_are_put() {
    let house = traded().await;
    for (location, cost) in [("MAIN", "2.5"), ("SHOP", "4")] {
        let unit = json!({"item": "BOLT", "location": location, "unit_cost": cost});
        command(&house.boss, &json!({"put_stockkeeping_unit": unit})).await;
    }
    let units = rows(&house, "/stockkeeping-units?item=BOLT", "/rows").await;
    let told = units.iter().map(|row| (row["location"].clone(), row["unit_cost"].clone()));
    let wanted = [(json!("MAIN"), json!("2.5")), (json!("SHOP"), json!("4"))];
    assert_eq!(told.collect::<Vec<_>>(), wanted);
    assert_eq!(rows(&house, "/stockkeeping-units?item=MILK", "/rows").await, [] as [Value; 0]);
    let first = house.boss.get("/api/v1/stockkeeping-units?limit=1").await.json();
    assert!(first["next"].is_string() && first["rows"].as_array().unwrap().len() == 1, "{first}");
    let file = house.boss.get("/api/v1/stockkeeping-units.csv").await.body;
    assert!(file.contains("BOLT,SHOP,,4,"), "{file}");
    let (_, page) = read(&browser(&house.boss), "/money/items/BOLT").await;
    assert!(page.contains("Stockkeeping units") && page.contains("SHOP 4 "), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standard_cost_tells_its_bill_and_its_shares() {
    let house = House::furnished().await;
    let lathe = json!({"kind": "work_center", "code": "LATHE", "name": "Lathe",
        "direct_unit_cost": "0.6", "indirect_cost_percent": "10", "overhead_rate": "0.05"});
    command(&house.boss, &json!({"put_capacity": lathe})).await;
    let capacities = rows(&house, "/capacities", "").await;
    assert_eq!(
        (&capacities[0]["code"], &capacities[0]["direct_unit_cost"]),
        (&json!("LATHE"), &json!("0.6"))
    );
    let file = house.boss.get("/api/v1/capacities.csv").await.body;
    assert!(file.contains("work_center,LATHE,Lathe,0.6,10,0.05,0,"), "{file}");
    command(&house.boss, &json!({"put_item_cost": {"item": "BOLT", "unit_cost": "2"}})).await;
    for item in ["SUB", "TOP"] {
        let card = json!({"item": item, "base_unit": "PCS", "costing_method": "standard"});
        command(&house.boss, &json!({"put_item": card})).await;
    }
    let bills = [
        json!({"item": "SUB", "components": [["BOLT", "2"]],
            "operations": [["work_center", "LATHE", "10"]], "subcontracted": [["PAINT", "1.4"]]}),
        json!({"item": "TOP", "components": [["SUB", "2"]]}),
    ];
    for bill in bills {
        command(&house.boss, &json!({"put_bill_of_materials": bill})).await;
    }
    command(&house.boss, &json!({"roll_up_standard_cost": {"item": "TOP"}})).await;
    let told = house.boss.get("/api/v1/items/TOP/standard-cost").await.json();
    // SUB: 2 × 2.00, 10 × 0.60, 1.40, 6.00 × 10 % + 10 × 0.05.
    assert_eq!((&told["standard_cost"], &told["shares"]["material"]), (&json!("25"), &json!("25")));
    let rolled = json!({"material": "8", "capacity": "12", "subcontracted": "2.8",
        "capacity_overhead": "2.2", "manufacturing_overhead": "0"});
    assert_eq!(told["rolled"], rolled, "{told}");
    let part = json!([{"kind": "item", "code": "SUB", "quantity": "2", "cost": null}]);
    assert_eq!(told["bill"], part, "{told}");
    let (_, page) = read(&browser(&house.boss), "/money/items/SUB").await;
    assert!(page.contains("Work center LATHE 10"), "{page}");
    assert!(page.contains("Overhead of capacity 1.1 1.1"), "{page}");
    assert_eq!(house.boss.get("/api/v1/items/NONE/standard-cost").await.status, 404);
}
