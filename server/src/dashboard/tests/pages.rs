//! Every page as a document, in both languages.

use protocol::operation::{DocumentKind, DocumentRef};
use protocol::text::Language;

use super::house::{House, count, moved, pick, receive, unidentified};
use super::html;
use crate::dashboard::context::PageContext;
use crate::dashboard::text::missed;

fn order(line: u32) -> Option<DocumentRef> {
    let no = "PO-1".try_into().unwrap();
    Some(DocumentRef { kind: DocumentKind::PurchaseOrder, no, line: Some(line) })
}

/// A company in which something of everything has happened.
fn lived_in() -> House {
    let mut house = House::furnished();
    house.device(1, &receive("A-02", "5"), (40, 39), order(10));
    house.device(1, &moved("A-01", "A-02", "3"), (30, 29), None);
    house.device(2, &pick("A-01", "9"), (25, 5), None);
    house.device(1, &count("A-02", "9"), (20, 19), None);
    house.device(1, &unidentified("A-01", "]C1<what>"), (10, 9), None);
    house.says(1, 1, 0);
    house.says(2, 30, 14);
    house
}

const ADDRESSES: [&str; 34] = [
    "/now",
    "/devices",
    "/devices?state=unsent&sort=oldest&q=h-0",
    "/devices/1",
    "/devices/enrol",
    "/stock",
    "/stock?location=MAIN&mark=below&item=bolt",
    "/stock?by=bin",
    "/stock?by=bin&bin=A-0&mark=below",
    "/stock/item/BOLT",
    "/stock/item/BOLT?as_of=2026-11-22",
    "/stock/item/BOLT?location=MAIN",
    "/movements",
    "/movements?device=1&kind=move&item=BOLT&bin=A-01&outcome=accepted&from=2026-11-01&to=2026-11-30",
    "/movements?document=PO-1&person=anna",
    "/movements?kind=any&outcome=parked",
    "/movements?item=NOTHING",
    "/operations/1-1-1",
    "/operations/1-1-4",
    "/operations/2-1-1",
    "/entries/item/1",
    "/entries/warehouse/1",
    "/counts",
    "/counts?state=decide",
    "/counts?state=settled",
    "/workbench",
    "/workbench?sort=effect",
    "/workbench?show=done",
    "/tasks",
    "/items",
    "/items/BOLT",
    "/bins?location=MAIN",
    "/bins/MAIN/A-01",
    "/documents?kind=purchase_order&status=released&q=acme",
];

fn every_address(house: &House) -> Vec<String> {
    let mut addresses: Vec<String> =
        ADDRESSES.iter().map(|address| (*address).to_owned()).collect();
    for more in [
        "/on-the-way",
        "/on-the-way?age=3",
        "/counts?state=incomplete",
        "/tasks/1",
        "/documents",
        "/documents/purchase_order/PO-1",
        "/bins",
        "/search?q=bolt",
        "/search?q=nothing",
        "/stock?mark=held",
        "/money/valuation",
        "/money/valuation?by=location",
        "/money/reconciliation",
        "/money/reconciliation?look_at=0",
        "/money/wip",
        "/money/ledger",
        "/money/ledger?account=2110",
        "/money/periods",
        "/money/runs",
        "/money/setup",
        "/money/journals",
        "/money/revaluation",
        "/money/revaluation?item=BOLT&per=entry",
        "/money/documents",
        "/money/documents?kind=purchase_order",
        "/money/documents/purchase_order/PO-1",
        "/money/documents/purchase_order/PO-1?of_kind=sales_order&of_no=NONE",
        "/money/dimensions",
        "/money/dimensions?kind=vendor",
        "/money/worksheet",
        "/money/worksheet?item=BOLT",
        "/money/items/BOLT",
        "/money/values/1",
    ] {
        addresses.push(more.to_owned());
    }
    let listed = house.document(&house.context(), "/workbench");
    let stock = house.document(&house.context(), "/stock?by=bin");
    for tag in html::tags(&listed).iter().chain(&html::tags(&stock)) {
        let to = tag.get("href").unwrap_or_default();
        if to.starts_with("/workbench/") || to.starts_with("/stock/figure/") {
            addresses.push(to.split('#').next().unwrap().to_owned());
        }
    }
    addresses
}

#[test]
fn every_page_is_a_sound_document_in_both_languages() {
    let house = lived_in();
    let addresses = every_address(&house);
    assert!(addresses.iter().any(|address| address.starts_with("/workbench/")));
    assert!(addresses.iter().any(|address| address.starts_with("/stock/figure/")));
    for language in [Language::English, Language::Danish] {
        let context = PageContext { language, ..house.context() };
        for address in &addresses {
            let document = house.document(&context, address);
            html::check(&document);
            assert!(document.contains(&format!("<html lang=\"{}\"", language.tag())));
            assert!(!document.contains(['\u{2068}', '\u{2069}']), "{address}: invisible marks");
        }
    }
    assert_eq!(missed(), Vec::<String>::new(), "texts that the files do not have");
}

#[test]
fn no_input_is_shown_unescaped() {
    let house = lived_in();
    let context = house.context();
    for address in every_address(&house) {
        let document = house.document(&context, &address);
        for raw in ["<script>alert", "<b>", "<what>"] {
            assert!(!document.contains(raw), "{address} shows {raw}");
        }
    }
    let item = house.document(&context, "/items/BOLT");
    assert!(item.contains("Bolt &lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;M8&quot;"));
    let hostile = "/movements?item=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    html::check(&house.document(&context, hostile));
}

#[test]
fn every_link_on_every_page_leads_to_a_page() {
    let house = lived_in();
    let context = house.context();
    let elsewhere =
        ["/api/v1/", "/movements.csv", "/search", "/assets/", "/logout", "/preferences"];
    let mut followed = std::collections::BTreeSet::new();
    for address in every_address(&house) {
        for tag in html::tags(&house.document(&context, &address)) {
            let Some(to) = tag.get("href").filter(|_| tag.name == "a") else { continue };
            let to = to.split('#').next().unwrap().replace("&amp;", "&");
            if to.is_empty() || elsewhere.iter().any(|known| to.starts_with(known)) {
                continue;
            }
            if followed.insert(to.clone()) {
                let page = house.page(&context, &to);
                assert!(page.is_ok(), "{address} leads to {to}: {:?}", page.err());
            }
        }
    }
    assert!(followed.len() > 40, "only {} links were followed", followed.len());
}

#[test]
fn now_says_how_replicas_were_found() {
    use server_core::check::ReplicaHealth;
    let house = House::furnished();
    let now = |n_agreed, n_differed| {
        let replicas = ReplicaHealth { n_agreed, n_differed, n_unknown: 0, n_rows_sent: 17 };
        let context = PageContext { replicas, ..house.context() };
        html::text(&house.document(&context, "/now"))
    };
    assert!(now(0, 0).contains("none compared yet"));
    assert!(now(40, 0).contains("40 compared, all right"));
    let differed = now(40, 3);
    assert!(differed.contains("17 rows sent again"), "{differed}");
    assert!(!differed.contains("all right"));
}

#[test]
fn now_ranks_what_needs_somebody() {
    let house = lived_in();
    let now = html::text(&house.document(&house.context(), "/now"));
    let at = |text: &str| now.find(text).unwrap_or_else(|| panic!("{text} is not in {now}"));
    assert!(at("A-01 below zero: -2 BOLT") < at("H-02 offline, 14 waiting"), "errors come first");
    assert!(now.contains("1 / 2"), "one of two devices is online");
    assert!(now.contains("p95 20 min"), "{now}");
    assert!(!now.contains("Nothing needs you"));
}

#[test]
fn an_empty_company_says_what_will_appear() {
    let house = House::furnished();
    let now = html::text(&house.document(&house.context(), "/now"));
    assert!(now.contains("Nothing needs you"), "{now}");
    assert!(html::text(&house.document(&house.context(), "/workbench")).contains("No cases."));
}

#[test]
fn the_register_filters_and_shows_the_act_with_its_error() {
    let house = lived_in();
    let context = house.context();
    let rows = |address: &str| {
        let document = house.document(&context, address);
        html::tags(&document)
            .iter()
            .filter(|tag| tag.get("id").is_some_and(|id| id.starts_with("op-")))
            .count()
    };
    assert_eq!(rows("/movements?device=1"), 4);
    assert_eq!(rows("/movements?device=1&kind=move"), 1);
    assert_eq!(rows("/movements?device=2&outcome=accepted"), 1);
    assert_eq!(rows("/movements?device=2&outcome=refused"), 0);
    assert_eq!(rows("/movements?outcome=parked"), 1);
    assert_eq!(rows("/movements?document=PO-1&kind=receive"), 1);
    assert_eq!(rows("/movements?device=1&to=2026-11-22"), 0);
    let shown = html::text(&house.document(&context, "/movements?device=1&kind=move"));
    for part in
        ["12:34:10", "±1.2 s", "H-01", "Anna &lt;b&gt;", "Move", "BOLT", "A-01", "→", "A-02", "3"]
    {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
}

#[test]
fn more_rows_are_a_longer_page_not_a_second_one() {
    let mut house = House::furnished();
    for _ in 0..60 {
        house.device(1, &moved("A-01", "A-02", "0.1"), (30, 29), None);
    }
    let context = house.context();
    let rows = |address: &str| house.document(&context, address).matches("<tr id=\"op-").count();
    let first = house.document(&context, "/movements?kind=move");
    assert!(first.contains("href=\"/movements?kind=move&amp;rows=100\""), "the way to more");
    assert_eq!((rows("/movements?kind=move"), rows("/movements?kind=move&rows=100")), (50, 60));
}

#[test]
fn stock_of_a_site_with_unsent_work_is_marked_stale() {
    let house = lived_in();
    let context = house.context();
    let stock = html::text(&house.document(&context, "/stock?by=bin"));
    assert!(stock.contains("HALL: 1 offline devices hold 14 unsent operations."), "{stock}");
    let document = house.document(&context, "/stock?by=bin");
    assert!(document.contains("class=\"stale\""), "the rows of that site");
    let fresh = House::furnished();
    let document = fresh.document(&fresh.context(), "/stock?by=bin");
    assert!(!document.contains("class=\"stale\""));
}

#[test]
fn a_count_says_for_whom_it_waits_and_its_four_figures() {
    let mut house = House::furnished();
    house.says(1, 1, 0);
    house.says(2, 50, 3);
    house.device(1, &count("A-01", "8"), (20, 19), None);
    house.device(1, &moved("A-01", "A-02", "1"), (10, 9), None);
    let counts = html::text(&house.document(&house.context(), "/counts"));
    assert!(counts.contains("provisional Waits for H-02"), "{counts}");
    assert!(!counts.contains("Waits for H-01"), "{counts}");
    // Counted 8, book then 10, when synced 10, nothing between, difference -2, tolerance 1.
    assert!(counts.contains("BOLT 8 10 10 0 -2 ±1"), "{counts}");
}

#[test]
fn a_withheld_page_is_missing_and_says_so() {
    let house = House::furnished();
    for nothing in [
        "/items/NONE",
        "/operations/9-9-9",
        "/workbench/77",
        "/stock/figure/1-1-0-99-0-0-0",
        "/nowhere",
    ] {
        assert!(house.page(&house.context(), nothing).is_err(), "{nothing}");
    }
}

#[test]
fn who_may_not_change_devices_is_not_offered_to() {
    use ledger::schema::LocationId;
    use protocol::feed::Role;
    let house = lived_in();
    let mut context = house.context();
    assert!(house.document(&context, "/devices/1").contains("/devices/1/suspend"));
    if let Some(person) = &mut context.person {
        person.roles = vec![(Role::Auditor, LocationId(0))];
    }
    assert!(!house.document(&context, "/devices/1").contains("/devices/1/suspend"));
    assert!(
        !house.document(&context, "/workbench/1").contains("method=\"post\" action=\"/workbench")
    );
}
