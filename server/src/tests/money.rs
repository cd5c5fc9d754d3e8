//! The money side, through the API and on pages.

use serde_json::{Value, json};

use super::house::{House, all_is_judged, sign_in};
use super::http::Client;

/// Accounts of everything at MAIN and SHOP.
fn setups() -> Vec<Value> {
    let inventory = |location: &str| {
        json!({"put_inventory_posting_setup": {"location": location, "inventory_group": "RAW",
            "accounts": {"inventory": "2110", "inventory_interim": "2111", "wip": "2140"}}})
    };
    let general = json!({"put_general_posting_setup": {"business_group": "", "product_group": "GOODS",
        "accounts": {"cogs": "7190", "cogs_interim": "7191", "inventory_adjmt": "7170",
            "direct_cost_applied": "7291", "overhead_applied": "7292", "purchase_variance": "7293",
            "invt_accrual_interim": "5510"}}});
    let account = |no: &str, name: &str| json!({"put_gl_account": {"account": no, "name": name}});
    vec![
        account("2110", "Inventory"),
        account("2111", "Inventory (interim)"),
        account("2140", "Work in process"),
        account("5510", "Accrual (interim)"),
        account("7170", "Inventory adjustment"),
        account("7190", "Cost of goods sold"),
        account("7191", "Cost of goods sold (interim)"),
        account("7291", "Direct cost applied"),
        account("7292", "Overhead applied"),
        account("7293", "Purchase variance"),
        inventory("MAIN"),
        inventory("SHOP"),
        general,
        json!({"put_item_cost": {"item": "BOLT", "inventory_group": "RAW", "product_group": "GOODS"}}),
        json!({"put_item_cost": {"item": "MILK", "inventory_group": "RAW", "product_group": "GOODS"}}),
    ]
}

pub(super) fn journal(kind: &str, date: &str, quantity: &str, more: &Value) -> Value {
    let mut line = json!({
        "line_type": kind, "date": date, "item": "BOLT", "location": "MAIN", "bin": "A-02",
        "quantity": quantity, "document_no": "J-1"
    });
    for (name, value) in more.as_object().unwrap() {
        line[name] = value.clone();
    }
    json!({"post_item_journal": {"lines": [line]}})
}

pub(super) async fn command(client: &Client, command: &Value) {
    let answer = client.post("/api/v1/commands", command).await;
    assert_eq!(answer.status, 200, "{command}: {answer:?}");
}

/// Ten received and not invoiced at 2.00, six sold, then the invoice over 3.00 each.
pub(super) async fn traded() -> House {
    let house = House::furnished().await;
    for setup in setups() {
        command(&house.boss, &setup).await;
    }
    let more = json!({"not_invoiced": true, "unit_cost": "2"});
    command(&house.boss, &journal("purchase", "2026-01-05", "10", &more)).await;
    let entry = last_entry(&house).await;
    let more = json!({"unit_price": "9", "applies_to": entry});
    command(&house.boss, &journal("sale", "2026-01-08", "6", &more)).await;
    let invoice = json!({"invoice_entries": {"date": "2026-01-12", "document_no": "PI-1",
        "lines": [{"entry": entry, "quantity": "10", "amount": "30"}]}});
    command(&house.boss, &invoice).await;
    house
}

async fn last_entry(house: &House) -> u64 {
    let value = house.boss.get("/api/v1/items/BOLT/value?limit=500").await.json();
    let rows = value["entries"]["rows"].as_array().unwrap();
    rows.last().unwrap()["entry"].as_u64().unwrap()
}

async fn figures(house: &House) -> Value {
    house.boss.get("/api/v1/valuation?until=2026-01-31&item=BOLT&location=MAIN").await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stock_is_worth_is_told_to_accountants_alone() {
    let house = House::furnished().await;
    let bought = journal("purchase", "2026-01-05", "10", &json!({"amount": "25.00"}));
    command(&house.boss, &bought).await;
    let value = house.boss.get("/api/v1/items/BOLT/value").await.json();
    assert_eq!(
        (value["cost_actual"].as_str(), value["last_direct_cost"].as_str()),
        (Some("25"), Some("2.5"))
    );
    let entries = value["entries"]["rows"].as_array().unwrap();
    assert_eq!(entries.last().unwrap()["values"][0]["cost_actual"], "25");
    let rows = figures(&house).await;
    assert_eq!(
        (rows[0]["location"].as_str(), rows[0]["value"].as_str()),
        (Some("MAIN"), Some("25"))
    );
    let compared = house.boss.get("/api/v1/reconciliation?until=2026-01-31").await.json();
    let of_main: Vec<_> = compared
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["location"] == "MAIN" && row["part"] == "invoiced")
        .collect();
    assert_eq!(of_main[0]["not_posted"], "25", "nothing is posted to accounts yet: {compared}");
    let sven = sign_in(&house.running, "sven", "another good password").await;
    let closed = [
        "/items/BOLT/value",
        "/value-entries",
        "/value-entries.csv",
        "/value-entries/1",
        "/inventory-value?until=2026-01-31",
        "/inventory-value.csv?until=2026-01-31",
        "/valuation?until=2026-01-31",
        "/reconciliation?until=2026-01-31",
        "/reconciliation/unposted",
        "/wip?until=2026-01-31",
        "/wip.csv?until=2026-01-31",
        "/stockkeeping-units",
        "/stockkeeping-units.csv",
        "/items/BOLT/standard-cost",
        "/capacities",
        "/capacities.csv",
        "/ledger/accounts?until=2026-01-31",
        "/ledger/entries",
        "/ledger/runs",
        "/periods",
        "/fiscal-years",
        "/posting-dates",
        "/adjustment-runs",
        "/adjustment-runs/1/changes",
        "/worksheet",
        "/valuation.csv?until=2026-01-31",
        "/valuation.xlsx?until=2026-01-31",
        "/items/BOLT/value.csv",
    ];
    for path in closed {
        let answer = sven.get(&format!("/api/v1{path}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "right_missing"), "{path}");
    }
    let answer = sven.post("/api/v1/commands/preview", &bought).await;
    assert_eq!(answer.status, 403, "a preview tells costs: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_invoice_is_adjusted_posted_and_agrees_with_the_accounts() {
    let house = traded().await;
    let answer = house.boss.post("/api/v1/commands", &json!({"adjust_cost": {}})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    all_is_judged(&house.running).await;
    let runs = house.boss.get("/api/v1/adjustment-runs").await.json();
    assert_eq!((&runs["rows"][0]["done"], &runs["rows"][0]["failed"]), (&json!(true), &json!("")));
    let changes = house.boss.get("/api/v1/adjustment-runs/1/changes").await.json();
    let changed = changes["rows"].as_array().unwrap();
    assert_eq!(runs["rows"][0]["value_entries"], changed.len(), "{changes}");
    let of_sale: Vec<_> = changed.iter().filter(|row| row["adjustment"] == true).collect();
    assert_eq!(of_sale[0]["cost_actual"], "-6", "six at 1.00 more each: {changes}");
    let test = json!({"post_cost_to_gl": {"test": true}});
    command(&house.boss, &test).await;
    let runs = house.boss.get("/api/v1/ledger/runs").await.json();
    assert_eq!((&runs["rows"][0]["test"], &runs["rows"][0]["register"]), (&json!(true), &json!(0)));
    assert_eq!(house.boss.get("/api/v1/ledger/entries").await.json()["rows"], json!([]));
    command(&house.boss, &json!({"post_cost_to_gl": {}})).await;
    all_is_judged(&house.running).await;
    let rows = figures(&house).await;
    assert_eq!((&rows[0]["value"], &rows[0]["value_expected"]), (&json!("12"), &json!("0")));
    let compared = house.boss.get("/api/v1/reconciliation?until=2026-01-31").await.json();
    for row in compared.as_array().unwrap() {
        assert_eq!(row["unexplained"], "0", "{row}");
    }
    let accounts = house.boss.get("/api/v1/ledger/accounts?until=2026-01-31").await.json();
    let balance = |no: &str| {
        let found = accounts.as_array().unwrap().iter().find(|row| row["account"] == no);
        found.unwrap()["balance"].as_str().unwrap().to_owned()
    };
    assert_eq!([balance("2110"), balance("7190"), balance("7291")], ["12", "18", "-30"]);
    traced(&house).await;
}

/// From an entry of the general ledger to its value entry, its item entry and operation, and back.
async fn traced(house: &House) {
    let page = house.boss.get("/api/v1/ledger/entries?account=7190").await.json();
    let entry = page["rows"][0]["entry"].as_u64().unwrap();
    let path = format!("/api/v1/ledger/entries/{entry}");
    let traced = house.boss.get(&path).await.json();
    let value = &traced["values"][0];
    assert!(value["gl_entries"].as_array().unwrap().contains(&json!(entry)), "{traced}");
    let path = format!("/api/v1/value-entries/{}", value["value_entry"]);
    assert_eq!(&house.boss.get(&path).await.json(), value);
    let operation = value["operation"].as_str().unwrap();
    let answer = house.boss.get(&format!("/api/v1/operations/{operation}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_is_a_csv_and_a_workbook() {
    let house = traded().await;
    command(&house.boss, &json!({"adjust_cost": {"items": ["BOLT"]}})).await;
    command(&house.boss, &json!({"post_cost_to_gl": {}})).await;
    let period = json!({"put_inventory_period": {"ending_date": "2026-01-31", "name": "January"}});
    command(&house.boss, &period).await;
    let year = json!({"create_fiscal_year": {"start_date": "2026-01-01", "periods": 12}});
    command(&house.boss, &year).await;
    all_is_judged(&house.running).await;
    for (path, holds) in [
        ("/valuation", "RAW,MAIN,BOLT,"),
        ("/reconciliation", "RAW,MAIN,invoiced,12,12,0,0,0,0,2110,no,yes"),
        ("/reconciliation", ",,total,12,12,0,0,0,0,,no,yes"),
        ("/wip", "kind,order,opening"),
        ("/stockkeeping-units", "item,location,variant"),
        ("/capacities", "kind,code,name"),
        ("/reconciliation/unposted", "value_entry,item_entry"),
        ("/ledger/accounts", "7190,Cost of goods sold,18"),
        ("/ledger/entries", "2026-01-08,7190,cogs,"),
        ("/ledger/runs", "run,user"),
        ("/periods", "2026-01-31,January,no,"),
        ("/fiscal-years", "2026-01-01,2026-12-31,no,12"),
        ("/posting-dates", "user,from,to"),
        ("/adjustment-runs", "1,boss,"),
        ("/adjustment-runs/1/changes", "BOLT,MAIN,direct_cost"),
        ("/items/BOLT/value", "BOLT,MAIN,direct_cost"),
    ] {
        let query = "until=2026-01-31";
        let csv = house.boss.get(&format!("/api/v1{path}.csv?{query}")).await;
        assert!(csv.header("content-type").unwrap().starts_with("text/csv"), "{path}: {csv:?}");
        let text = csv.body.as_str();
        assert!(text.contains(holds), "{path}: {text}");
        let danish = house.boss.get(&format!("/api/v1{path}.csv?{query}&decimals=comma")).await;
        assert!(danish.body.contains('\u{feff}'), "{path}");
        let book = house.boss.get(&format!("/api/v1{path}.xlsx?{query}")).await;
        assert_eq!(book.status, 200, "{path}");
        assert!(book.body.starts_with("PK"), "{path} is a workbook");
    }
    assert_eq!(house.boss.get("/api/v1/valuation.ods?until=2026-01-31").await.status, 404);
    assert_eq!(house.boss.get("/api/v1/items/NOTHING/value.csv").await.status, 404);
    assert_eq!(house.boss.get("/api/v1/valuation.csv").await.code(), "malformed_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_writes_nothing_and_says_what_would_be_written() {
    let house = traded().await;
    let before = last_entry(&house).await;
    let sale = journal("sale", "2026-01-09", "2", &json!({"unit_price": "9"}));
    let shown = house.boss.post("/api/v1/commands/preview", &sale).await.json();
    assert_eq!((&shown["refused"], &shown["item_entries"]), (&json!([]), &json!(1)), "{shown}");
    assert_eq!(shown["values"].as_array().unwrap().len(), 1, "{shown}");
    assert_eq!(last_entry(&house).await, before);
    command(&house.boss, &sale).await;
    let value = house.boss.get("/api/v1/items/BOLT/value?limit=500").await.json();
    let posted = value["entries"]["rows"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(posted["values"][0]["cost_actual"], shown["values"][0]["cost_actual"]);
    let much = journal("negative_adjustment", "2026-01-09", "1000000", &json!({}));
    let shown = house.boss.post("/api/v1/commands/preview", &much).await.json();
    assert_eq!(shown["refused"][0]["code"], "insufficient_inventory", "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_cannot_be_closed_tells_everything_at_once() {
    let house = traded().await;
    let period = json!({"put_inventory_period": {"ending_date": "2026-01-31", "name": "January"}});
    command(&house.boss, &period).await;
    sold_and_made(&house).await;
    let close = json!({"close_inventory_period": {"ending_date": "2026-01-31"}});
    let obstacles = async || {
        let periods = house.boss.get("/api/v1/periods").await.json();
        let told = |reasons: &Value| {
            let codes = reasons.as_array().unwrap().iter().map(|reason| reason["code"].clone());
            codes.collect::<Vec<_>>()
        };
        let listed = told(&periods[0]["obstacles"]);
        let shown = house.boss.post("/api/v1/commands/preview", &close).await.json();
        assert_eq!(told(&shown["refused"]), listed, "{shown}");
        if let Some(first) = listed.first() {
            assert_eq!(house.boss.post("/api/v1/commands", &close).await.code(), *first);
        }
        listed
    };
    let negative = "period_has_negative_inventory";
    let all = [negative, "period_has_unadjusted_costs", "period_has_unadjusted_orders"];
    assert_eq!(obstacles().await, all);
    command(&house.boss, &json!({"adjust_cost": {}})).await;
    all_is_judged(&house.running).await;
    assert_eq!(obstacles().await, [negative]);
    let nowhere = json!({"location": null, "bin": null, "unit_cost": "3"});
    let found = journal("positive_adjustment", "2026-01-21", "1", &nowhere);
    command(&house.boss, &found).await;
    command(&house.boss, &json!({"adjust_cost": {}})).await;
    all_is_judged(&house.running).await;
    assert_eq!(obstacles().await, Vec::<Value>::new());
    command(&house.boss, &close).await;
    let sale = journal("sale", "2026-01-20", "1", &json!({}));
    assert_eq!(house.boss.post("/api/v1/commands", &sale).await.code(), "period_closed");
    let rows = house.boss.get("/api/v1/periods").await.json();
    assert_eq!(
        (&rows[0]["closed"], &rows[0]["history"][0]["user"]),
        (&json!(true), &json!("boss"))
    );
    let reopen = json!({"reopen_inventory_period": {"ending_date": "2026-01-31"}});
    command(&house.boss, &reopen).await;
    command(&house.boss, &sale).await;
}

/// One sold that was nowhere, and a production order that is finished and not adjusted.
async fn sold_and_made(house: &House) {
    let company = json!({"name": "Small", "negative_inventory_allowed": true});
    let nut = json!({"item": "NUT", "base_unit": "PCS"});
    let of = json!({"order": ["production", "PR-1"]});
    let made = json!({"order": ["production", "PR-1"], "item": "NUT", "amount": "4"});
    for asked in [
        json!({"set_company": company}),
        json!({"put_item": nut}),
        journal("sale", "2026-01-20", "1", &json!({"location": null, "bin": null})),
        journal("consumption", "2026-01-20", "1", &of),
        journal("output", "2026-01-20", "1", &made),
        json!({"finish_production_order": {"order": "PR-1", "date": "2026-01-20"}}),
    ] {
        command(&house.boss, &asked).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_received_and_invoiced_and_applications_taken_apart_by_command() {
    let house = traded().await;
    let post = |handle: &str, invoice: &str| {
        json!({"post_document": {"kind": "purchase_order", "no": "PO-1", "date": "2026-01-15",
            "lines": [{"line": 20, "item": "BOLT", "location": "MAIN", "bin": "A-01",
                "handle": handle, "invoice": invoice, "unit_amount": "4"}]}})
    };
    command(&house.boss, &post("7", "0")).await;
    let value = house.boss.get("/api/v1/items/BOLT/value?limit=500").await.json();
    let received = value["entries"]["rows"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&received["cost_actual"], &received["cost_expected"]), (&json!("0"), &json!("28")));
    command(&house.boss, &post("0", "7")).await;
    let value = house.boss.get("/api/v1/items/BOLT/value?limit=500").await.json();
    let bought = value["entries"]["rows"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&bought["cost_actual"], &bought["quantity"]), (&json!("28"), &json!("7")));
    taken_apart(&house).await;
}

/// While one person has entries of an item taken apart, nobody else posts it at a desk.
async fn taken_apart(house: &House) {
    let rights = json!({"grant_role": {"operator": "sven", "role": "supervisor"}});
    command(&house.boss, &rights).await;
    let sven = sign_in(&house.running, "sven", "another good password").await;
    let value = house.boss.get("/api/v1/items/BOLT/value?limit=500").await.json();
    let rows = value["entries"]["rows"].as_array().unwrap();
    let sale = rows.iter().find(|row| row["entry_type"] == "sale").unwrap()["entry"].clone();
    let path = format!("/api/v1/entries/items/{sale}/applications");
    let applied = house.boss.get(&path).await.json();
    let no = applied["rows"][0]["application"].clone();
    command(&house.boss, &json!({"unapply_entries": {"applications": [no]}})).await;
    let listed = house.boss.get("/api/v1/worksheet").await.json();
    assert_eq!((&listed[0]["item"], &listed[0]["user"]), (&json!("BOLT"), &json!("boss")));
    let more = json!({});
    let refused = sven.post("/api/v1/commands", &journal("sale", "2026-01-20", "1", &more)).await;
    assert_eq!(refused.code(), "item_unapplied");
    command(&house.boss, &json!({"apply_entry": {"entry": sale}})).await;
    command(&house.boss, &json!({"close_worksheet": {"item": "BOLT"}})).await;
    assert_eq!(house.boss.get("/api/v1/worksheet").await.json(), json!([]));
    command(&sven, &journal("sale", "2026-01-20", "1", &more)).await;
}

/// A page as somebody reads it: its status and its words.
pub(super) async fn read(client: &Client, path: &str) -> (u16, String) {
    let answer = client.get(path).await;
    let mut text = String::new();
    let mut inside = false;
    for character in answer.body.chars() {
        match character {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            other if !inside => text.push(other),
            _ => {}
        }
    }
    (answer.status, text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A browser of somebody: pages take the cookie.
pub(super) fn browser(client: &Client) -> Client {
    let bearer = client.headers.iter().find(|(name, _)| name == "authorization").unwrap();
    let token = bearer.1.trim_start_matches("Bearer ").to_owned();
    Client::new(client.addr).with("cookie", &format!("tallyman_session={token}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_the_figures_and_lead_from_each_to_what_it_is_made_of() {
    let house = traded().await;
    let boss = browser(&house.boss);
    let (status, runs) = read(&boss, "/money/runs").await;
    assert_eq!(status, 200, "{runs}");
    assert!(runs.contains("2 items are not adjusted"), "{runs}");
    let done = super::pages::form(&boss, "/money/act/adjust", &[("item", "")]).await;
    assert_eq!(done.0, 303, "{done:?}");
    all_is_judged(&house.running).await;
    let (_, compared) = read(&boss, "/money/reconciliation?until=2026-01-31").await;
    assert!(compared.contains("Value entries and accounts differ"), "{compared}");
    for test in ["yes", "no"] {
        let done = super::pages::form(&boss, "/money/act/post", &[("test", test)]).await;
        assert_eq!(done.0, 303, "{done:?}");
        all_is_judged(&house.running).await;
    }
    let (_, compared) = read(&boss, "/money/reconciliation?until=2026-01-31").await;
    assert!(compared.contains("Value entries and accounts agree"), "{compared}");
    assert!(compared.contains("RAW MAIN Inventory 12.00 2110 12.00 0.00"), "{compared}");
    let (_, valued) = read(&boss, "/money/valuation?until=2026-01-31&location=MAIN").await;
    assert!(valued.contains("BOLT 4 0.00 30.00 -18.00 12.00 0.00"), "{valued}");
    assert!(valued.contains("Total 4 0.00 30.00 -18.00 12.00 0.00"), "{valued}");
    let page = house.boss.get("/api/v1/ledger/entries?account=7190").await.json();
    let entry = &page["rows"][0]["entry"];
    let traced = boss.get(&format!("/money/ledger/{entry}")).await.body;
    let value = &page["rows"][0]["value_entry"];
    assert!(traced.contains(&format!("href=\"/money/values/{value}\"")), "{traced}");
    let back = boss.get(&format!("/money/values/{value}")).await.body;
    assert!(back.contains(&format!("href=\"/money/ledger/{entry}\"")), "{back}");
    assert!(back.contains("href=\"/operations/"), "{back}");
    let (status, item) = read(&boss, "/money/items/BOLT").await;
    assert_eq!(status, 200);
    assert!(item.contains("Final: nothing is left to adjust"), "{item}");
    let danish = boss.with("cookie", "tallyman_language=da");
    let (_, valued) = read(&danish, "/money/valuation?until=2026-01-31&by=group").await;
    assert!(valued.contains("Lagerværdi") && valued.contains("12,00"), "{valued}");
}

#[tokio::test(flavor = "multi_thread")]
async fn periods_are_closed_on_their_page_and_a_refusal_has_its_next_step() {
    let house = traded().await;
    let boss = browser(&house.boss);
    let new = [("ending_date", "2026-01-31"), ("name", "January")];
    assert_eq!(super::pages::form(&boss, "/money/act/period", &new).await.0, 303);
    let (_, page) = read(&boss, "/money/periods").await;
    assert!(page.contains("period_has_unadjusted_costs"), "{page}");
    let close = [("ending_date", "2026-01-31")];
    let refused = super::pages::form(&boss, "/money/act/close", &close).await;
    assert_eq!(refused.0, 422, "{refused:?}");
    assert!(refused.2.contains("period_has_unadjusted_costs"), "{refused:?}");
    assert_eq!(super::pages::form(&boss, "/money/act/adjust", &[("item", "BOLT")]).await.0, 303);
    all_is_judged(&house.running).await;
    assert_eq!(super::pages::form(&boss, "/money/act/close", &close).await.0, 303);
    assert_eq!(super::pages::form(&boss, "/money/act/close", &close).await.0, 422, "twice");
    let year = [("start_date", "2025-01-01"), ("periods", "12")];
    assert_eq!(super::pages::form(&boss, "/money/act/year", &year).await.0, 303);
    assert_eq!(super::pages::form(&boss, "/money/act/close-year", &[]).await.0, 303);
    let dates = [("user", "sven"), ("from", "2026-02-01"), ("to", "")];
    assert_eq!(super::pages::form(&boss, "/money/act/dates", &dates).await.0, 303);
    let dates = [("user", ""), ("from", "2026-01-01"), ("to", "2026-12-31")];
    assert_eq!(super::pages::form(&boss, "/money/act/dates", &dates).await.0, 303);
    let rows = house.boss.get("/api/v1/posting-dates").await.json();
    assert_eq!((&rows[0]["from"], &rows[1]["user"]), (&json!("2026-01-01"), &json!("sven")));
    let years = house.boss.get("/api/v1/fiscal-years").await.json();
    assert_eq!(years[0]["closed"], true, "{years}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setup_is_read_as_it_is_put_and_says_which_account_is_missing() {
    let house = traded().await;
    let mut setup = house.boss.get("/api/v1/inventory-setup").await.json()["setup"].clone();
    assert_eq!(setup["expected_cost_posting"], false, "{setup}");
    let missing = async || {
        let rows = house.boss.get("/api/v1/posting-accounts").await.json();
        let rows = rows.as_array().unwrap().clone();
        assert!(
            rows.iter().any(|row| row["role"] == "cogs" && row["name"] == "Cost of goods sold")
        );
        rows.into_iter().filter(|row| row["missing"] == true).collect::<Vec<_>>()
    };
    let before = missing().await;
    assert!(before.iter().all(|row| row["inventory_group"] != "RAW"), "{before:?}");
    let renamed = json!({"put_item_cost": {"item": "MILK", "product_group": "FOOD"}});
    command(&house.boss, &renamed).await;
    let after = missing().await;
    let food = after.iter().filter(|row| row["product_group"] == "FOOD");
    let roles: Vec<_> = food.map(|row| row["role"].clone()).collect();
    assert_eq!(roles, ["cogs", "inventory_adjmt", "direct_cost_applied"]);
    setup["expected_cost_posting"] = json!(true);
    command(&house.boss, &json!({"set_inventory_setup": {"setup": setup}})).await;
    let after = missing().await;
    assert!(after.iter().any(|row| row["role"] == "cogs_interim"), "{after:?}");
    let file = house.boss.get("/api/v1/posting-accounts.csv").await.body;
    assert!(file.contains("general,,,,FOOD,cogs,,,yes"), "{file}");
    let (status, page) = read(&browser(&house.boss), "/money/setup").await;
    assert_eq!(status, 200);
    assert!(page.contains("accounts are missing"), "{page}");
    assert!(page.contains("Expected cost is posted too yes"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_tells_costs_to_a_supervisor_and_no_other_site_may_post() {
    let house = traded().await;
    let sven = sign_in(&house.running, "sven", "another good password").await;
    let sven = browser(&sven);
    for path in
        ["valuation", "reconciliation", "wip", "ledger", "periods", "runs", "setup", "items/BOLT"]
    {
        let (status, text) = read(&sven, &format!("/money/{path}")).await;
        assert_eq!(status, 403, "{path}: {text}");
        assert!(!text.contains("12.00"), "{path}: {text}");
    }
    assert!(!sven.get("/stock").await.body.contains("/money/"), "the rail leads nowhere");
    assert_eq!(super::pages::form(&sven, "/money/act/adjust", &[("item", "")]).await.0, 403);
    let stranger = browser(&house.boss).with("origin", "https://elsewhere.example");
    let refused = super::pages::form(&stranger, "/money/act/adjust", &[("item", "")]).await;
    assert_eq!(refused.0, 403, "{refused:?}");
    let runs = house.boss.get("/api/v1/adjustment-runs").await.json();
    assert_eq!(runs["rows"], json!([]));
}
