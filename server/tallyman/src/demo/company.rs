//! The demo's company: made from a seed, as the CSV files that every company starts from.

use chrono::{Days, NaiveDate};
use ledger::schema::item::{CostingMethod, ItemType, NegativeInventory};
use protocol::barcode;
use protocol::feed::{BinKind, DocumentStatus, Role};
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::{BinCode, DocumentNo, ItemNo, LocationCode, UnitCode};
use server::exchange::cell::Roles;
use server::exchange::line::{
    BinLine, IdentifierLine, ItemLine, ItemUnitLine, LocationLine, LotLine, OperatorLine,
    PurchaseLine, SalesLine, SiteLine, StockLine, TrackingCodeLine, TransferLine,
};
use server::exchange::{At, Batch};

use super::prng::Prng;

/// The locations with bins, each a site of its own.
pub(crate) const LOCATIONS: [(&str, &str, &str, usize); 3] = [
    ("MAIN", "Main warehouse", "Europe/Copenhagen", 500),
    ("EAST", "Eastern warehouse", "Europe/Berlin", 300),
    ("WEST", "Western warehouse", "Europe/London", 197),
];
/// The location that holds goods on their way.
pub(crate) const ON_THE_WAY: &str = "ONTHEWAY";
/// The people who work the demo's shift: id, name, location, badge, PIN.
pub(crate) const PEOPLE: [(&str, &str, &str, &str); 6] = [
    ("OP1", "Operator 1", "MAIN", "4711"),
    ("OP2", "Operator 2", "MAIN", "4712"),
    ("OP3", "Operator 3", "MAIN", "4713"),
    ("OP4", "Operator 4", "EAST", "4714"),
    ("OP5", "Operator 5", "EAST", "4715"),
    ("OP6", "Operator 6", "WEST", "4716"),
];
const N_ITEMS: u64 = 2_000;
const KINDS: [&str; 8] =
    ["Hex bolt", "Nut", "Washer", "Threaded rod", "Wood screw", "Anchor", "Bracket", "Sealant"];
const SIZES: [&str; 6] = ["M4", "M5", "M6", "M8", "M10", "M12"];

/// Which numbers an item is tracked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrackedBy {
    Nothing,
    Lot,
    Serial,
}

/// How item number `n` is tracked: a tenth by lot, a twentieth by serial number.
pub(crate) fn tracked_by(n: u64) -> TrackedBy {
    match n % 20 {
        3 | 13 => TrackedBy::Lot,
        7 => TrackedBy::Serial,
        _ => TrackedBy::Nothing,
    }
}

fn word<T: TryFrom<String>>(text: impl Into<String>) -> T
where
    T::Error: std::fmt::Debug,
{
    T::try_from(text.into()).expect("the demo's codes are short and printable")
}

/// Number of item `n`, from 1.
pub(crate) fn item_no(n: u64) -> ItemNo {
    word(format!("ITEM{n:05}"))
}

/// GTIN-13 of item `n`, from the range that is kept for use inside a company.
pub(crate) fn gtin(n: u64) -> String {
    let body = format!("20000{n:07}");
    let digit = barcode::check_digit(&body).expect("a body of digits has a check digit");
    format!("{body}{digit}")
}

/// Code of storage bin `n` of a location, from 0: aisle, rack, level.
pub(crate) fn bin_code(n: usize) -> BinCode {
    let aisle = char::from(b'A' + u8::try_from(n / 50).expect("at most ten aisles"));
    word(format!("{aisle}-{:02}-{}", n % 50 / 5 + 1, n % 5 + 1))
}

fn pieces() -> UnitCode {
    word("PCS")
}

fn lines<T>(rows: impl IntoIterator<Item = T>) -> Vec<At<T>> {
    rows.into_iter().zip(2..).map(|(row, line)| At { line, row }).collect()
}

/// The whole company, the same for the same seed. `today` dates its orders and expiry dates.
pub(crate) fn batch(seed: u64, today: NaiveDate) -> Batch {
    let mut prng = Prng::new(seed);
    let mut batch = Batch {
        tracking_codes: lines(tracking_codes()),
        items: lines((1..=N_ITEMS).map(item)),
        item_units: lines((1..=N_ITEMS).filter(|n| n % 4 == 0).map(boxes)),
        identifiers: lines((1..=N_ITEMS).flat_map(identifiers)),
        sites: lines(LOCATIONS.iter().map(|location| site(location.0))),
        locations: lines(locations()),
        bins: lines(bins()),
        operators: lines(PEOPLE.iter().map(operator)),
        ..Batch::default()
    };
    opening_stock(&mut batch, &mut prng.fork(), today);
    orders(&mut batch, &mut prng.fork(), today);
    batch
}

fn tracking_codes() -> Vec<TrackingCodeLine> {
    let code = |code: &str, lot: bool, serial: bool| TrackingCodeLine {
        code: word(code),
        lot,
        serial,
        package: false,
        expiry: lot,
        lot_specific: false,
        serial_specific: serial,
        package_specific: false,
        strict_expiration: false,
    };
    vec![code("LOTALL", true, false), code("SNALL", false, true)]
}

fn item(n: u64) -> ItemLine {
    let at = |n: u64, words: &[&'static str]| -> &'static str {
        let n_words = u64::try_from(words.len()).unwrap_or(1);
        words.get(usize::try_from(n % n_words).unwrap_or_default()).copied().unwrap_or_default()
    };
    ItemLine {
        item: item_no(n),
        description: format!("{} {} no. {n}", at(n, &KINDS), at(n / 8, &SIZES)),
        item_type: ItemType::Inventory,
        base_unit: pieces(),
        precision: Some(Quantity::ONE),
        costing_method: if tracked_by(n) == TrackedBy::Serial {
            CostingMethod::Specific
        } else {
            CostingMethod::Fifo
        },
        tracking_code: match tracked_by(n) {
            TrackedBy::Nothing => None,
            TrackedBy::Lot => Some(word("LOTALL")),
            TrackedBy::Serial => Some(word("SNALL")),
        },
        variant_required: false,
        blocked: false,
        negative_inventory: NegativeInventory::Default,
        count_tolerance: Some(Quantity::whole(2)),
        second_count_from: Some(Quantity::whole(50)),
        supervisor_from: Some(Quantity::whole(100)),
        shelf_life_days: None,
        over_receipt_percent: Some(Quantity::whole(5)),
        category: at(n, &KINDS).to_owned(),
    }
}

fn boxes(n: u64) -> ItemUnitLine {
    let factor = UnitFactor::try_from(Quantity::whole(12)).expect("twelve is above zero");
    ItemUnitLine { item: item_no(n), unit: word("BOX"), factor }
}

fn identifiers(n: u64) -> Vec<IdentifierLine> {
    let one = |code: String, unit: Option<UnitCode>| IdentifierLine {
        code: word(code),
        item: item_no(n),
        variant: None,
        unit,
    };
    let mut rows = vec![one(gtin(n), None)];
    if n.is_multiple_of(4) {
        rows.push(one(gtin(n + 500_000), Some(word("BOX"))));
    }
    rows
}

fn site(location: &str) -> SiteLine {
    SiteLine { site: word(location), never_quantities: false, separator: None }
}

fn locations() -> Vec<LocationLine> {
    let mut rows: Vec<_> = LOCATIONS
        .iter()
        .map(|(location, name, time_zone, _bins)| LocationLine {
            location: word(*location),
            name: (*name).to_owned(),
            site: word(*location),
            time_zone: word(*time_zone),
            bin_mandatory: true,
            directed: false,
            in_transit: false,
            receipt_bin: Some(word("DOCK")),
            shipment_bin: Some(word("SHIP")),
        })
        .collect();
    rows.push(LocationLine {
        location: word(ON_THE_WAY),
        name: "On the way".to_owned(),
        site: word("MAIN"),
        time_zone: word("Europe/Copenhagen"),
        bin_mandatory: false,
        directed: false,
        in_transit: true,
        receipt_bin: None,
        shipment_bin: None,
    });
    rows
}

fn bins() -> Vec<BinLine> {
    let bin = |location: &str, bin: BinCode, kind: BinKind| BinLine {
        location: word(location),
        bin,
        zone: None,
        kind,
        ranking: None,
        blocked: false,
    };
    let mut rows = Vec::new();
    for (location, _name, _zone, n_bins) in LOCATIONS {
        rows.push(bin(location, word("DOCK"), BinKind::Receipt));
        rows.push(bin(location, word("SHIP"), BinKind::Shipment));
        rows.extend((0..n_bins).map(|n| bin(location, bin_code(n), BinKind::Storage)));
    }
    rows
}

fn operator((id, name, location, pin): &(&str, &str, &str, &str)) -> OperatorLine {
    let location: LocationCode = word(*location);
    OperatorLine {
        operator: word(*id),
        name: (*name).to_owned(),
        language: Some("en".to_owned()),
        roles: Roles(vec![(Role::Operator, Some(location))]),
        disabled: false,
        badge: Some(format!("BADGE-{id}")),
        pin: Some((*pin).to_owned()),
        password: None,
        badge_hash: None,
        pin_verifier: None,
        password_verifier: None,
    }
}

/// Each storage bin of a location starts with one item, every seventh with two.
fn opening_stock(batch: &mut Batch, prng: &mut Prng, today: NaiveDate) {
    let mut stock = Vec::new();
    let mut lots = Vec::new();
    let mut n_item = 0;
    for (location, _name, _zone, n_bins) in LOCATIONS {
        for n_bin in 0..n_bins {
            for _item in 0..if n_bin % 7 == 0 { 2 } else { 1 } {
                n_item = n_item % N_ITEMS + 1;
                let quantity = 20 + i32::try_from(prng.below(80)).unwrap_or_default();
                let at = (location, n_bin);
                stock_rows(at, n_item, quantity, today, &mut stock, &mut lots);
            }
        }
    }
    batch.opening_stock = lines(stock);
    batch.lots = lines(lots);
}

#[expect(clippy::too_many_arguments, reason = "one row in, rows of two files out")]
fn stock_rows(
    (location, n_bin): (&str, usize),
    n_item: u64,
    quantity: i32,
    today: NaiveDate,
    stock: &mut Vec<StockLine>,
    lots: &mut Vec<LotLine>,
) {
    let row = |quantity: i32| StockLine {
        location: word(location),
        bin: Some(bin_code(n_bin)),
        plate: None,
        item: item_no(n_item),
        variant: None,
        unit: None,
        quantity: Quantity::whole(quantity),
        lot: None,
        serial: None,
        package: None,
        expiry: None,
    };
    match tracked_by(n_item) {
        TrackedBy::Nothing => stock.push(row(quantity)),
        TrackedBy::Lot => {
            let lot: protocol::words::LotNo = word(format!("L{n_item}-{location}"));
            let expiry = today.checked_add_days(Days::new(90 + n_item % 300));
            lots.push(LotLine {
                item: item_no(n_item),
                variant: None,
                lot: lot.clone(),
                expiry,
                blocked: false,
            });
            stock.push(StockLine { lot: Some(lot), expiry, ..row(quantity) });
        }
        TrackedBy::Serial => {
            stock.extend((1..=3).map(|n| StockLine {
                serial: Some(word(format!("S{n_item}-{location}-{n_bin}-{n}"))),
                ..row(1)
            }));
        }
    }
}

/// Open orders: for each location twenty to receive and twenty to ship, and transfers in a ring.
fn orders(batch: &mut Batch, prng: &mut Prng, today: NaiveDate) {
    let due = today.checked_add_days(Days::new(2));
    let document = |prefix: &str, n: usize| -> DocumentNo { word(format!("{prefix}{n:04}")) };
    let (mut purchases, mut sales, mut transfers) = (Vec::new(), Vec::new(), Vec::new());
    for (n_location, (location, _name, _zone, _bins)) in LOCATIONS.iter().enumerate() {
        let stocked = untracked_items(&batch.opening_stock, location);
        let stocked_item =
            |prng: &mut Prng| prng.pick(&stocked).cloned().expect("every location has stock");
        for n in 1..=20 {
            let no = n_location * 100 + n;
            for line in 1..=3 {
                let item = item_no(1 + prng.below(N_ITEMS));
                purchases.push(PurchaseLine {
                    document: document("PO", no),
                    partner: Some(word("V100")),
                    partner_name: "Steel Works".to_owned(),
                    location: word(*location),
                    status: DocumentStatus::Released,
                    document_date: Some(today),
                    due,
                    line: line * 10_000,
                    item,
                    variant: None,
                    unit: None,
                    quantity: Quantity::whole(60),
                    lot: None,
                    serial: None,
                });
                let item = stocked_item(prng);
                sales.push(sales_line((document("SO", no), line), location, item, (today, due)));
            }
        }
        let to = LOCATIONS[(n_location + 1) % LOCATIONS.len()].0;
        for n in 1..=5 {
            transfers.push(TransferLine {
                document: document("TO", n_location * 100 + n),
                location: word(*location),
                to_location: word(to),
                in_transit: Some(word(ON_THE_WAY)),
                status: DocumentStatus::Released,
                document_date: Some(today),
                due,
                line: 10_000,
                item: stocked_item(prng),
                variant: None,
                unit: None,
                quantity: Quantity::whole(30),
                lot: None,
                serial: None,
            });
        }
    }
    batch.purchase_orders = lines(purchases);
    batch.sales_orders = lines(sales);
    batch.transfer_orders = lines(transfers);
}

fn untracked_items(stock: &[At<StockLine>], location: &str) -> Vec<ItemNo> {
    stock
        .iter()
        .filter(|at| at.row.location.as_str() == location)
        .filter(|at| at.row.lot.is_none() && at.row.serial.is_none())
        .map(|at| at.row.item.clone())
        .collect()
}

fn sales_line(
    (document, line): (DocumentNo, u32),
    location: &str,
    item: ItemNo,
    (today, due): (NaiveDate, Option<NaiveDate>),
) -> SalesLine {
    SalesLine {
        document,
        partner: Some(word("C200")),
        partner_name: "Bridge Builders".to_owned(),
        location: word(location),
        status: DocumentStatus::Released,
        document_date: Some(today),
        due,
        line: line * 10_000,
        item,
        variant: None,
        unit: None,
        quantity: Quantity::whole(25),
        lot: None,
        serial: None,
    }
}
