//! Journals, documents and the worksheet, through the pages that a desk posts on.

use serde_json::Value;

use super::house::{House, all_is_judged};
use super::money::traded;
use super::pages::form;

const DAY: (&str, &str) = ("date", "2026-01-20");

async fn act(house: &House, action: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let path = format!("/money/act/{action}");
    let (status, _head, body) = form(&house.boss, &path, fields).await;
    (status, body)
}

async fn bolt(house: &House) -> Value {
    house.boss.get("/api/v1/items/BOLT/value?limit=500").await.json()
}

async fn entries(house: &House) -> Vec<Value> {
    bolt(house).await["entries"]["rows"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn goods_are_reclassified_on_the_journal_page_and_looked_at_before() {
    let house = traded().await;
    let page = house.boss.get("/money/journals").await.body;
    assert!(page.contains("action=\"/money/act/reclass\""), "{page}");
    let before = entries(&house).await.len();
    let fields = [
        DAY,
        ("item", "BOLT"),
        ("quantity", "2"),
        ("location", "MAIN"),
        ("bin", "A-02"),
        ("new_location", "SHOP"),
        ("new_bin", "S-01"),
        ("dimensions", "PROJECT=X"),
        ("new_dimensions", "PROJECT=Y"),
    ];
    let looked = [&fields[..], &[("do", "preview")]].concat();
    let (status, preview) = act(&house, "reclass", &looked).await;
    assert_eq!(status, 200, "{preview}");
    assert!(
        preview.contains("Warehouse entries: 2; Item ledger entries: 2")
            && preview.contains("value=\"S-01\"")
    );
    assert_eq!(entries(&house).await.len(), before, "looking posts nothing");
    assert_eq!(act(&house, "reclass", &[&fields[..], &[("do", "post")]].concat()).await.0, 303);
    let after = entries(&house).await;
    let moved: Vec<_> = after[before..]
        .iter()
        .map(|row| {
            let dimensions = row["values"][0]["dimensions"].as_str().unwrap().to_owned();
            (row["location"].as_str().unwrap().to_owned(), dimensions)
        })
        .collect();
    let pair = |place: &str, said: &str| (place.to_owned(), said.to_owned());
    assert_eq!(moved, [pair("MAIN", "PROJECT=X"), pair("SHOP", "PROJECT=Y")]);
    let (status, refused) = act(&house, "reclass", &[DAY, ("item", "BOLT")]).await;
    assert_eq!(status, 400, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_revalued_on_the_page_that_calculates_it() {
    let house = traded().await;
    assert_eq!(act(&house, "adjust", &[]).await.0, 303);
    all_is_judged(&house.running).await;
    let asked = "until=2026-01-31&item=BOLT&per=entry";
    let lines = house.boss.get(&format!("/api/v1/inventory-value?{asked}")).await.json();
    let line = lines.as_array().unwrap().iter().find(|line| line["value"] == "12").unwrap();
    assert_eq!(line["quantity"], "4", "four of ten at 3.00: {lines}");
    let sheet = house.boss.get(&format!("/api/v1/inventory-value.csv?{asked}")).await;
    assert_eq!(sheet.status, 200);
    assert!(
        sheet.body.contains("item,location,variant,item_entry,quantity,value"),
        "{}",
        sheet.body
    );
    let page = house.boss.get(&format!("/money/revaluation?{asked}")).await.body;
    assert!(page.contains("action=\"/money/act/revalue\""), "{page}");
    let split = "until=2026-01-31&item=BOLT&by_location=yes&by_variant=yes";
    let lines = house.boss.get(&format!("/api/v1/inventory-value?{split}")).await.json();
    assert_eq!((&lines[0]["location"], &lines[0]["variant"]), (&"MAIN".into(), &"".into()));
    let page = house.boss.get(&format!("/money/revaluation?{split}")).await.body;
    assert!(page.contains("name=\"split_variant\""), "what is split is posted split: {page}");
    let entry = line["entry"].to_string();
    let fields = [
        ("date", "2026-01-31"),
        ("item", "BOLT"),
        ("applies_to", entry.as_str()),
        ("quantity", "4"),
    ];
    let more = [("value", "16"), ("do", "post")];
    assert_eq!(act(&house, "revalue", &[&fields[..], &more[..]].concat()).await.0, 303);
    let rows = entries(&house).await;
    let of_entry = rows.iter().find(|row| row["entry"] == line["entry"]).unwrap();
    let last = of_entry["values"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["entry_type"], &last["cost_actual"]), (&"revaluation".into(), &"4".into()));
    // The quantity of the line is held against what is there by now.
    let stale = [("quantity", "5"), ("value", "20"), ("do", "preview")];
    let (status, body) = act(&house, "revalue", &[&fields[..3], &stale[..]].concat()).await;
    assert_eq!(status, 422, "{body}");
    assert!(body.contains("revaluation_out_of_date"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_get_their_accounts_on_the_page_of_periods() {
    let house = traded().await;
    let groups = [("count_differences", "COUNT"), ("transit_losses", "LOST")];
    assert_eq!(act(&house, "reasons", &groups).await.0, 303);
    let page = house.boss.get("/money/periods").await.body;
    for group in ["value=\"COUNT\"", "value=\"LOST\""] {
        assert!(page.contains(group), "{page}");
    }
    let (status, refused) =
        act(&house, "reasons", &[("transit_losses", "MORE THAN TWENTY CHARACTERS")]).await;
    assert_eq!(status, 400, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_received_then_invoiced_with_its_freight_on_its_page() {
    let house = traded().await;
    let line = [
        DAY,
        ("kind", "purchase_order"),
        ("no", "P-7"),
        ("line", "10"),
        ("item", "BOLT"),
        ("location", "MAIN"),
        ("bin", "A-02"),
    ];
    let received = [("handle", "5"), ("unit_amount", "2"), ("do", "post")];
    let done = act(&house, "document", &[&line[..], &received[..]].concat()).await;
    assert_eq!(done.0, 303, "{}", done.1);
    let list = house.boss.get("/money/documents").await.body;
    assert!(list.contains("/money/documents/purchase_order/P-7"), "{list}");
    let invoiced = [("invoice", "5"), ("do", "post")];
    assert_eq!(act(&house, "document", &[&line[..], &invoiced[..]].concat()).await.0, 303);
    let last = entries(&house).await.pop().unwrap();
    assert_eq!((&last["cost_actual"], &last["cost_expected"]), (&"10".into(), &"0".into()));
    let no = last["entry"].to_string();
    let freight = [
        DAY,
        ("kind", "purchase_order"),
        ("no", "P-7"),
        ("charge", "FREIGHT"),
        ("unit_amount", "3"),
        ("split", "equally"),
        ("entries", no.as_str()),
        ("do", "post"),
    ];
    assert_eq!(act(&house, "charge", &freight).await.0, 303);
    assert_eq!(entries(&house).await.pop().unwrap()["cost_actual"], "13");
    let page = house.boss.get("/money/documents/purchase_order/P-7").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("action=\"/money/act/charge\""), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_lines_of_a_document_are_posted_at_once_and_their_entries_picked_for_a_charge() {
    let house = traded().await;
    let order = [DAY, ("kind", "purchase_order"), ("no", "P-9")];
    let of_line = |line: &'static str| match line {
        "10" => [("item-10", "BOLT"), ("location-10", "MAIN"), ("bin-10", "A-02")],
        "20" => [("item-20", "BOLT"), ("location-20", "MAIN"), ("bin-20", "A-01")],
        _ => [("item-30", "BOLT"), ("location-30", "MAIN"), ("bin-30", "A-01")],
    };
    let (ten, twenty, thirty) = (of_line("10"), of_line("20"), of_line("30"));
    let lines = [("line", "10"), ("line", "20"), ("line", "30")];
    let handled = [
        ("handle-10", "5"),
        ("unit_amount-10", "2"),
        ("handle-20", "3"),
        ("invoice-20", "3"),
        ("unit_amount-20", "4"),
    ];
    let fields = [&order[..], &lines, &ten, &twenty, &thirty, &handled].concat();
    let before = entries(&house).await.len();
    let looked = act(&house, "document", &[&fields[..], &[("do", "preview")]].concat()).await;
    assert_eq!(looked.0, 200, "{}", looked.1);
    assert!(looked.1.contains("Item ledger entries: 2"), "{}", looked.1);
    assert!(
        looked.1.contains("name=\"handle-20\" value=\"3\""),
        "it is posted as it was looked at"
    );
    assert_eq!(entries(&house).await.len(), before, "looking posts nothing");
    let done = act(&house, "document", &[&fields[..], &[("do", "post")]].concat()).await;
    assert_eq!(done.0, 303, "{}", done.1);
    let rows = entries(&house).await;
    let posted: Vec<_> = rows[before..].iter().map(|row| row["quantity"].clone()).collect();
    assert_eq!(posted, ["5", "3"], "a line in which nothing is filled in is not posted");
    // What is left is invoiced on the page, which knows its lines.
    let page = house.boss.get("/money/documents/purchase_order/P-9").await.body;
    for field in ["name=\"handle-10\"", "name=\"item-20\" value=\"BOLT\"", "id=\"post-invoice-20\""]
    {
        assert!(page.contains(field), "{field}: {page}");
    }
    let numbers: Vec<String> = rows[before..].iter().map(|row| row["entry"].to_string()).collect();
    for no in &numbers {
        assert!(page.contains(&format!("id=\"charge-entry-{no}\"")), "{no}: {page}");
    }
    let invoiced = [&order[..], &lines, &ten, &[("invoice-10", "5"), ("do", "post")]].concat();
    assert_eq!(act(&house, "document", &invoiced).await.0, 303);
    // Freight comes with another document; the entries of this one are picked there.
    let other = [DAY, ("kind", "purchase_order"), ("no", "P-7"), ("line", "10")];
    let line = [("item", "BOLT"), ("location", "MAIN"), ("bin", "A-02"), ("handle", "1")];
    assert_eq!(
        act(&house, "document", &[&other[..], &line, &[("do", "post")]].concat()).await.0,
        303
    );
    let from = "/money/documents/purchase_order/P-7?of_kind=purchase_order&of_no=P-9";
    let page = house.boss.get(from).await.body;
    assert!(page.contains(&format!("id=\"charge-entry-{}\"", numbers[0])), "{page}");
    let freight = [
        ("charge", "FREIGHT"),
        ("unit_amount", "6"),
        ("split", "equally"),
        ("entries", numbers[0].as_str()),
        ("entries", numbers[1].as_str()),
        // Named as well as ticked.
        ("entries", numbers[1].as_str()),
        ("do", "post"),
    ];
    assert_eq!(act(&house, "charge", &[&other[..3], &freight].concat()).await.0, 303);
    let rows = entries(&house).await;
    let costs: Vec<_> =
        rows[before..before + 2].iter().map(|row| row["cost_actual"].clone()).collect();
    assert_eq!(costs, ["13", "15"], "10 and 12, and 3 of the freight each");
    let nothing = [&order[..], &lines, &ten].concat();
    assert_eq!(act(&house, "document", &nothing).await.0, 400, "nothing is filled in");
}

#[tokio::test(flavor = "multi_thread")]
async fn dimensions_are_proposed_on_their_page_and_said_on_a_document() {
    let house = traded().await;
    let propose = [("of", "item"), ("code", "BOLT"), ("dimensions", "PRODUCT=METAL; AREA=NORTH")];
    assert_eq!(act(&house, "default-dimensions", &propose).await.0, 303);
    let page = house.boss.get("/money/dimensions?kind=item").await.body;
    assert!(page.contains("AREA=NORTH; PRODUCT=METAL"), "{page}");
    let others = house.boss.get("/money/dimensions?kind=vendor").await.body;
    assert!(!others.contains("PRODUCT=METAL"), "{others}");
    let order = [
        DAY,
        ("kind", "purchase_order"),
        ("no", "P-10"),
        ("line", "10"),
        ("item", "BOLT"),
        ("location", "MAIN"),
        ("bin", "A-02"),
        ("unit_amount", "2"),
        ("do", "post"),
    ];
    let receive = |quantity: &'static str| [&order[..], &[("handle", quantity)]].concat();
    assert_eq!(act(&house, "document", &receive("1")).await.0, 303);
    let said =
        [("kind", "purchase_order"), ("no", "P-10"), ("line", ""), ("dimensions", "AREA=SOUTH")];
    assert_eq!(act(&house, "document-dimensions", &said).await.0, 303);
    let page = house.boss.get("/money/documents/purchase_order/P-10").await.body;
    assert!(page.contains("AREA=SOUTH"), "{page}");
    assert_eq!(act(&house, "document", &receive("2")).await.0, 303);
    let rows = entries(&house).await;
    let said: Vec<_> = rows[rows.len() - 2..]
        .iter()
        .map(|row| row["values"][0]["dimensions"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(said, ["AREA=NORTH; PRODUCT=METAL", "AREA=SOUTH; PRODUCT=METAL"]);
    // Nothing filled in takes the proposal away; a code that is none is told.
    assert_eq!(act(&house, "default-dimensions", &[("of", "item"), ("code", "BOLT")]).await.0, 303);
    assert!(!house.boss.get("/money/dimensions").await.body.contains("PRODUCT=METAL"));
    let unknown = [("of", "item"), ("code", "NO SUCH"), ("dimensions", "AREA=NORTH")];
    assert!([404, 422].contains(&act(&house, "default-dimensions", &unknown).await.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn applications_are_taken_apart_and_put_together_on_the_worksheet() {
    let house = traded().await;
    let page = house.boss.get("/money/worksheet?item=BOLT").await.body;
    let application = page.split("name=\"application\" value=\"").nth(1).unwrap();
    let application = application.split('"').next().unwrap().to_owned();
    let sale = entries(&house).await.pop().unwrap();
    assert_eq!(sale["remaining"], "0");
    let fields = [("application", application.as_str()), ("item", "BOLT")];
    assert_eq!(act(&house, "unapply", &fields).await.0, 303);
    assert_eq!(entries(&house).await.pop().unwrap()["remaining"], "-6");
    let page = house.boss.get("/money/worksheet?item=BOLT").await.body;
    assert!(page.contains("action=\"/money/act/apply\""), "{page}");
    let no = sale["entry"].to_string();
    assert_eq!(act(&house, "apply", &[("entry", no.as_str()), ("item", "BOLT")]).await.0, 303);
    assert_eq!(entries(&house).await.pop().unwrap()["remaining"], "0");
    assert_eq!(act(&house, "close-worksheet", &[("item", "BOLT")]).await.0, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_in_boxes_stays_one_and_the_page_knows_its_place() {
    let house = traded().await;
    let boxes = [
        DAY,
        ("kind", "purchase_order"),
        ("no", "P-8"),
        ("line", "10"),
        ("item", "BOLT"),
        ("unit", "BOX"),
        ("location", "MAIN"),
        ("bin", "A-02"),
        ("handle", "2"),
        ("unit_amount", "50"),
        ("do", "post"),
    ];
    let done = act(&house, "document", &boxes).await;
    assert_eq!(done.0, 303, "{}", done.1);
    let received = entries(&house).await.pop().unwrap();
    assert_eq!(received["cost_expected"], "100", "two boxes at 50: {received}");
    let page = house.boss.get("/money/documents/purchase_order/P-8").await.body;
    for hidden in ["name=\"unit-10\" value=\"BOX\"", "name=\"location-10\" value=\"MAIN\""] {
        assert!(page.contains(hidden), "{hidden}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn value_entries_of_some_days_are_listed_and_saved() {
    let house = traded().await;
    let days = "from=2026-01-08&until=2026-01-08";
    let page = house.boss.get(&format!("/api/v1/value-entries?{days}")).await.json();
    let rows = page["rows"].as_array().unwrap();
    assert!(!rows.is_empty(), "{page}");
    assert!(rows.iter().all(|row| row["posting_date"] == "2026-01-08"), "{page}");
    let sheet = house.boss.get(&format!("/api/v1/value-entries.csv?{days}")).await;
    assert!(sheet.body.contains(",operation,dimensions"), "{}", sheet.body);
    assert_eq!(sheet.body.matches(",BOLT,MAIN,").count(), rows.len(), "{}", sheet.body);
    let book = house.boss.get(&format!("/api/v1/value-entries.xlsx?{days}")).await;
    assert_eq!(book.status, 200);
    let valuation = house.boss.get("/money/valuation?until=2026-01-31").await.body;
    assert!(valuation.contains("/api/v1/value-entries.csv?until=2026-01-31"), "{valuation}");
}

#[test]
fn filters_are_a_grid_and_the_part_of_a_page_around_them_is_none() {
    let css = include_str!("../dashboard/assets/dashboard.css");
    assert!(css.contains("\nform.filters {"), "a form lays its fields out");
    assert!(!css.contains("\n.filters {"), "the section called filters would be a column of it");
}

#[test]
fn on_a_narrow_screen_the_navigation_lies_in_the_flow() {
    let css = include_str!("../dashboard/assets/dashboard.css");
    let narrow = css.split("@media (max-width: 760px)").nth(1).unwrap();
    let rail = narrow.split(".rail {").nth(1).unwrap().split('}').next().unwrap();
    assert!(rail.contains("position: static"), "it would lie over the button of a form: {rail}");
}
