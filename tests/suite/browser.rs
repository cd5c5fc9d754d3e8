//! A person with a handheld and a person at a desk, both in a real browser.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use device_core::device::{Device, Settings};
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use handheld::Served;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use server_core::intake::command::CommandOrigin;

use crate::house::{ADMINISTRATOR, Hand, House, NUT, OPERATOR, runtime, until, word};
use crate::whole::left_out;

/// How long a page may take to show something.
const PATIENCE: Duration = Duration::from_secs(30);

/// The driver of the browser; it goes with the test, and its browser with it.
struct Chromedriver {
    child: Child,
    port: u16,
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // When it is gone already, there is nothing to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let mut all = names.iter().flat_map(|name| folders.iter().map(move |at| at.join(name)));
    all.find(|program| program.is_file())
}

/// Driver and browser; none where there are none.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let browser = program(&["chromium", "chromium-browser", "google-chrome"]);
    let programs = program(&["chromedriver"]).zip(browser);
    if programs.is_none() {
        left_out("there is no chromium with chromedriver here");
    }
    programs
}

impl Chromedriver {
    fn start(driver: &Path) -> Self {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("some port is free");
        let port = free.local_addr().expect("it has an address").port();
        drop(free);
        let mut command = Command::new(driver);
        command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the driver starts");
        let started = Self { child, port };
        until("the driver listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        started
    }

    async fn browser(&self, browser: &Path, profile: &Path) -> Client {
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            // Tall enough that the bar at the bottom lies over no button.
            "--window-size=600,1600".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        let options = json!({"binary": browser, "args": arguments});
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        let address = format!("http://127.0.0.1:{}", self.port);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities).connect(&address).await.expect("a browser opens")
    }
}

/// What the element at `css` says; nothing where there is none.
async fn text(client: &Client, css: &str) -> String {
    // A page that changes while it is looked at is looked at again.
    match client.find(Locator::Css(css)).await {
        Ok(element) => element.text().await.unwrap_or_default(),
        Err(_not_there) => String::new(),
    }
}

/// Looks until the element at `css` says `wanted`.
async fn shows(client: &Client, css: &str, wanted: &str) {
    let mut seen = String::new();
    let looking = async {
        while !seen.contains(wanted) {
            seen = text(client, css).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, looking).await.is_ok();
    assert!(in_time, "{css} was to show {wanted}, it shows: {seen}");
}

/// Looks until the element at `css` says something, and no longer `gone`.
async fn shows_no_more(client: &Client, css: &str, gone: &str) {
    let mut seen = text(client, css).await;
    let looking = async {
        while seen.is_empty() || seen.contains(gone) {
            seen = text(client, css).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, looking).await.is_ok();
    assert!(in_time, "{css} was to show no more {gone}, it shows: {seen}");
}

/// Opens `url` again and again until the element at `css` says `wanted`.
async fn comes_to_show(client: &Client, url: &str, (css, wanted): (&str, &str)) {
    let mut seen = String::new();
    let looking = async {
        while !seen.contains(wanted) {
            client.goto(url).await.expect("the page opens");
            seen = text(client, css).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, looking).await.is_ok();
    assert!(in_time, "{url} {css} was to show {wanted}, it shows: {seen}");
}

/// A scanner that is a keyboard: all at once, then Enter.
async fn scan(client: &Client, code: &str) {
    let mut keys = KeyActions::new("scanner".to_owned());
    for value in code.chars().chain([char::from(Key::Enter)]) {
        keys = keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
    }
    client.perform_actions(keys).await.expect("keys can be pressed");
}

async fn click(client: &Client, xpath: &str) {
    let button = client.wait().at_most(PATIENCE).for_element(Locator::XPath(xpath)).await;
    let button = button.expect("the button is there");
    // As a person does: out from under the bar that stays at the bottom of the screen.
    let found = serde_json::to_value(&button).expect("an element has a name");
    let scroll = "arguments[0].scrollIntoView({block: 'center'})";
    client.execute(scroll, vec![found]).await.expect("a page can be scrolled");
    button.click().await.expect("it can be pressed");
}

/// Types into the field of the page, digit by digit, and presses the primary button.
async fn key_in(client: &Client, digits: &str) {
    let field = client.wait().at_most(PATIENCE).for_element(Locator::Css("#field")).await;
    field.expect("a field").send_keys(digits).await.expect("it takes digits");
    click(client, "//nav[contains(@class, 'bar')]//button[contains(@class, 'go')]").await;
}

/// Signs in at the desk, and looks at the bin: nothing is in it.
async fn at_the_desk(client: &Client, desk: &str) {
    client.goto(&format!("{desk}/bins/MAIN/C")).await.expect("the page opens");
    let (user, password) = ADMINISTRATOR;
    for (field, typed) in [("#login-user", user), ("#login-password", password)] {
        let field = client.wait().at_most(PATIENCE).for_element(Locator::Css(field)).await;
        field.expect("the form of signing in").send_keys(typed).await.expect("it takes text");
    }
    click(client, "//form[@action='/login']//button").await;
    comes_to_show(client, &format!("{desk}/bins/MAIN/C"), ("h1", "C")).await;
    let page = text(client, "main").await;
    assert!(!page.contains("NUT"), "nothing lies there yet: {page}");
}

/// Signs in by badge and PIN, carries 7 NUT from A to C, and sees that it is safe here.
async fn a_move_without_the_server(client: &Client, served: &Served) {
    client.goto(&served.start_url()).await.expect("the app answers");
    shows(client, "#chip", "Offline").await;
    the_scanner_is_tested(client, served).await;
    a_move(client, served).await;
    shows(client, "#chip", "2").await;
    let mine = format!("http://{}/mine", served.address());
    comes_to_show(client, &mine, ("#mine li[data-seq='2']", "aved")).await;
    let row = text(client, "#mine li[data-seq='2']").await;
    assert!(row.contains("NUT 7") && row.contains("A → C"), "{row}");
    let state = client.find(Locator::Css("#mine li[data-seq='2']")).await.expect("the row");
    let state = state.attr("data-state").await.expect("the row has a state");
    assert_eq!(state.as_deref(), Some("recorded"), "saved here, not on the server");
}

/// Before anybody signs in: a scan on the page of settings is shown, with how fast it came, and is nothing
/// more; and the night makes no sound.
async fn the_scanner_is_tested(client: &Client, served: &Served) {
    let settings = format!("http://{}/settings", served.address());
    client.goto(&settings).await.expect("the page opens");
    scan(client, "TALLYMANTEST").await;
    shows(client, "#scanned", "TALLYMANTEST").await;
    shows(client, "#scanned", "ms per character").await;
    shows(client, "#whole", "separator is missing").await;
    click(client, "//form[@action='/settings/sounds'][input[@value='night']]/button").await;
    shows(client, "form[action='/settings/sounds'] button[aria-pressed=true]", "no sound").await;
    click(client, "//button[@data-try='stop']").await;
    client.goto(&format!("http://{}/", served.address())).await.expect("the page opens");
    let looks = client.execute("return document.documentElement.dataset.sounds", Vec::new()).await;
    assert_eq!(looks.expect("a script runs"), json!("night"), "the browser has kept it");
}

/// On the first page of the app: signs in by badge and PIN, and carries 7 NUT from A to C.
async fn a_move(client: &Client, served: &Served) {
    scan(client, &format!("U:{}", OPERATOR.1)).await;
    client
        .wait()
        .at_most(PATIENCE)
        .for_element(Locator::Css("main[data-page=pin]"))
        .await
        .expect("the badge is known");
    key_in(client, OPERATOR.2).await;
    click(client, "//form[@action='/do/start'][input[@value='move']]/button").await;
    client
        .wait()
        .at_most(PATIENCE)
        .for_element(Locator::Css("main[data-page=flow]"))
        .await
        .expect("the flow begins");
    scan(client, "B:A").await;
    shows(client, ".filled", "A").await;
    scan(client, NUT).await;
    shows(client, ".filled", "NUT").await;
    key_in(client, "7").await;
    shows(client, "main", "Scan the bin to put into").await;
    scan(client, "B:C").await;
    shows_no_more(client, "main", "Scan the bin to put into").await;
    let recorded = served.device().my_operations(10).expect("the list can be read");
    if recorded.len() < 2 {
        click(client, "//nav[contains(@class, 'bar')]//button[contains(@class, 'go')]").await;
    }
}

#[test]
fn a_move_made_without_the_server_shows_at_the_desk_when_it_is_back() {
    let Some((driver, chromium)) = programs() else { return };
    let runtime = runtime();
    let mut house = House::furnished();
    let hand = Hand::enrolled(&house, &runtime);
    let profile = tempfile::tempdir().expect("a folder can be made");
    let chromedriver = Chromedriver::start(&driver);
    let client = runtime.block_on(chromedriver.browser(&chromium, profile.path()));
    let desk = house.server().1.url().to_owned();
    runtime.block_on(at_the_desk(&client, &desk));
    house.stop();
    hand.drop_device(&runtime);
    let device = until("the device opens", || {
        Device::open(&house.device_folder(), Settings::default()).ok()
    });
    let served = runtime.block_on(handheld::serve_device(device, 0, None));
    let served = served.expect("the app starts");
    runtime.block_on(a_move_without_the_server(&client, &served));
    house.start();
    served.device().try_now();
    let mine = format!("http://{}/mine", served.address());
    let accepted = "#mine li[data-seq='2'][data-state='accepted']";
    runtime.block_on(async {
        comes_to_show(&client, &mine, (accepted, "NUT")).await;
        comes_to_show(&client, &format!("{desk}/bins/MAIN/C"), ("main", "NUT")).await;
        let page = text(&client, "main").await;
        assert!(page.contains('7'), "seven lie there: {page}");
        client.close().await.expect("the browser ends");
        served.stop().await;
    });
    house.stop();
}

#[test]
fn an_open_page_of_the_desk_shows_a_scan_of_the_handheld_without_being_loaded_again() {
    let Some((driver, chromium)) = programs() else { return };
    let runtime = runtime();
    let mut house = House::furnished();
    let hand = Hand::enrolled(&house, &runtime);
    hand.drop_device(&runtime);
    let device = until("the device opens", || {
        Device::open(&house.device_folder(), Settings::default()).ok()
    });
    let served = runtime.block_on(handheld::serve_device(device, 0, None));
    let served = served.expect("the app starts");
    let profile = tempfile::tempdir().expect("a folder can be made");
    let chromedriver = Chromedriver::start(&driver);
    let client = runtime.block_on(chromedriver.browser(&chromium, profile.path()));
    let desk = house.server().1.url().to_owned();
    runtime.block_on(async {
        at_the_desk(&client, &desk).await;
        // A page that is loaded again has forgotten this.
        client.execute("window.opened = 'once'", Vec::new()).await.expect("a script runs");
        let page_of_desk = client.window().await.expect("the browser has a window");
        let other = client.new_window(true).await.expect("a second page opens");
        client.switch_to_window(other.handle).await.expect("it can be looked at");
        client.goto(&served.start_url()).await.expect("the app answers");
        a_move(&client, &served).await;
        client.switch_to_window(page_of_desk).await.expect("the desk is there still");
        shows(&client, "main", "NUT").await;
        let page = text(&client, "main").await;
        assert!(page.contains('7'), "seven lie there: {page}");
        let opened = client.execute("return window.opened", Vec::new()).await;
        assert_eq!(opened.expect("a script runs"), json!("once"), "the page was loaded again");
        client.close().await.expect("the browser ends");
        served.stop().await;
    });
    house.stop();
}

/// The commands of an accountant before the browser opens: accounts, a receipt, its dearer invoice after
/// half of it was sold.
fn traded(house: &House) {
    let (runtime, running) = house.server();
    let line = |kind: &str, quantity: &str, more: serde_json::Value| {
        let mut line = json!({"line_type": kind, "date": "2026-01-05", "item": "NUT",
            "location": "MAIN", "bin": "A", "quantity": quantity});
        for (name, value) in more.as_object().expect("fields") {
            line[name] = value.clone();
        }
        json!({"post_item_journal": {"lines": [line]}})
    };
    let does = |command: &serde_json::Value| {
        let command: ledger::command::Command =
            serde_json::from_value(command.clone()).expect("a command");
        let origin = CommandOrigin::Desk { user: word(ADMINISTRATOR.0), idempotency: None };
        let judged = runtime.block_on(running.app().command(origin, &command, None));
        assert!(judged.is_ok(), "{command:?}: {:?}", judged.err());
    };
    does(
        &json!({"put_item_cost": {"item": "NUT", "inventory_group": "RAW", "product_group": "GOODS"}}),
    );
    for account in ["2110", "2111", "5510", "7170", "7190", "7191", "7291"] {
        does(&json!({"put_gl_account": {"account": account}}));
    }
    does(&json!({"put_inventory_posting_setup": {"location": "MAIN", "inventory_group": "RAW",
        "accounts": {"inventory": "2110", "inventory_interim": "2111"}}}));
    does(
        &json!({"put_general_posting_setup": {"product_group": "GOODS", "accounts": {"cogs": "7190",
        "cogs_interim": "7191", "inventory_adjmt": "7170", "direct_cost_applied": "7291",
        "invt_accrual_interim": "5510"}}}),
    );
    does(&line("purchase", "10", json!({"not_invoiced": true, "unit_cost": "2"})));
    let entry = newest_entry(house);
    does(&line("sale", "6", json!({"unit_price": "9", "applies_to": entry})));
    does(&json!({"invoice_entries": {"date": "2026-01-12",
        "lines": [{"entry": entry, "quantity": "10", "amount": "30"}]}}));
}

/// The number of the last item ledger entry.
fn newest_entry(house: &House) -> u64 {
    use ledger::tables::Read as _;
    let tables = house.server().1.app().company().snapshot();
    let last = tables.last::<ledger::schema::entry::ItemLedger>(&ledger::key::KeyRange::all());
    last.expect("something was posted").0.0
}

/// Finds two more of them, in the item journal on a screen that is narrow and low: looked at first, then posted. The
/// browser presses a button only where nothing lies over it.
async fn found_more(client: &Client, desk: &str) {
    client.set_window_size(600, 700).await.expect("a tablet is narrow");
    client.goto(&format!("{desk}/money/journals")).await.expect("the page opens");
    for (field, typed) in [
        ("item", "NUT"),
        ("location", "MAIN"),
        ("bin", "A"),
        ("quantity", "2"),
        ("unit_cost", "3"),
        ("dimensions", "PROJECT=HALL"),
    ] {
        let css = format!("#journal-{field}");
        let field = client.find(Locator::Css(&css)).await.expect("the form has the field");
        field.send_keys(typed).await.expect("it takes text");
    }
    // How a day is typed depends on the language of the browser.
    let day = "document.getElementById('journal-date').value = '2026-01-20'";
    client.execute(day, Vec::new()).await.expect("the form has a day");
    click(client, "//form[@action='/money/act/journal']//button[@value='preview']").await;
    shows(client, "#f-preview", "PROJECT=HALL").await;
    click(client, "//form[@action='/money/act/journal']//button[@value='post']").await;
    shows(client, "#f-entries", "PROJECT=HALL").await;
}

#[test]
fn a_late_invoice_is_adjusted_and_posted_in_the_browser_and_the_value_agrees_with_the_accounts() {
    let Some((driver, chromium)) = programs() else { return };
    let runtime = runtime();
    let mut house = House::furnished();
    traded(&house);
    let profile = tempfile::tempdir().expect("a folder can be made");
    let chromedriver = Chromedriver::start(&driver);
    let client = runtime.block_on(chromedriver.browser(&chromium, profile.path()));
    let desk = house.server().1.url().to_owned();
    runtime.block_on(async {
        at_the_desk(&client, &desk).await;
        client.set_window_size(1_280, 1_600).await.expect("a desk is wide");
        client.goto(&format!("{desk}/money/runs")).await.expect("the page opens");
        click(&client, "//form[@action='/money/act/adjust']//button").await;
        // The run comes and ends on the open page: its stream shows it.
        shows(&client, "#f-history", "Done").await;
        client.goto(&format!("{desk}/money/ledger")).await.expect("the page opens");
        click(&client, "//select[@id='act-test']/option[@value='no']").await;
        click(&client, "//form[@action='/money/act/post']//button").await;
        shows(&client, "#f-runs", "Done").await;
        let compared = format!("{desk}/money/reconciliation?until=2026-01-31");
        comes_to_show(&client, &compared, ("#f-list", "agree")).await;
        let list = text(&client, "#f-list").await;
        assert!(list.contains("12.00"), "four are left at 3.00 each: {list}");
        let valued = format!("{desk}/money/valuation?until=2026-01-31");
        comes_to_show(&client, &valued, ("#f-list", "12.00")).await;
        found_more(&client, &desk).await;
        client.close().await.expect("the browser ends");
    });
    house.stop();
}
