//! A company of two sites that the ledger judges.

use ledger::command::papers::{PutDocument, PutLine};
use ledger::command::people::{GrantRole, PutOperator};
use ledger::command::places::{PutBin, PutLocation, PutSite, RenameBin};
use ledger::command::{Batch, Command, SetCompany, master};
use ledger::key::KeyRange;
use ledger::schema::book::Companies;
use ledger::schema::item::{CostingMethod, ItemType, NegativeInventory};
use ledger::schema::place::{Bins, BinsByCode, LocationsByCode};
use ledger::schema::stock::Stocks;
use ledger::tables::Read as _;
use protocol::feed::{BinKind, DocumentStatus, Role};
use protocol::operation::{DocumentKind, DocumentRef, Goods, Place, Tracking};
use protocol::quantity::{Quantity, UnitFactor};
use protocol::words::LocationCode;

use super::world::World;

/// Bins of MAIN at NORTH, then of SIDE at SOUTH.
const BINS: [(&str, &str); 4] =
    [("MAIN", "A-01"), ("MAIN", "A-02"), ("SIDE", "S-01"), ("SIDE", "S-02")];

pub(crate) fn set_up(world: &mut World) {
    world.system(&Command::SetCompany(SetCompany {
        name: "Nordwind".into(),
        negative_inventory_allowed: false,
        absent_after_hours: 12,
    }));
    for (site, location) in [("NORTH", "MAIN"), ("SOUTH", "SIDE")] {
        put_site(world, site);
        put_location(world, location, site);
    }
    for (location, bin) in BINS {
        put_bin(world, location, bin);
    }
    for item in ["BOLT", "NUT"] {
        put_item(world, item);
    }
    for (operator, role, location) in
        [("ANNA", Role::Administrator, None), ("BEN", Role::Operator, Some("MAIN"))]
    {
        put_operator(world, operator, role, location);
    }
    assert!(world.tables().has::<Companies>(&()));
}

pub(crate) fn put_site(world: &mut World, site: &str) {
    world.system(&Command::PutSite(PutSite {
        site: site.try_into().unwrap(),
        never_quantities: false,
        separator: None,
    }));
}

pub(crate) fn put_location(world: &mut World, location: &str, site: &str) {
    world.system(&Command::PutLocation(PutLocation {
        location: location.try_into().unwrap(),
        name: location.to_lowercase(),
        site: site.try_into().unwrap(),
        time_zone: "Europe/Copenhagen".try_into().unwrap(),
        bin_mandatory: true,
        directed: false,
        in_transit: false,
        receipt_bin: None,
        shipment_bin: None,
    }));
}

pub(crate) fn put_bin(world: &mut World, location: &str, bin: &str) {
    world.system(&Command::PutBin(PutBin {
        location: location.try_into().unwrap(),
        bin: bin.try_into().unwrap(),
        zone: None,
        kind: BinKind::Storage,
        ranking: 0,
        blocked: false,
    }));
}

fn item(item: &str) -> Command {
    Command::PutItem(master::PutItem {
        item: item.try_into().unwrap(),
        description: item.to_lowercase(),
        item_type: ItemType::Inventory,
        base_unit: "PCS".try_into().unwrap(),
        precision: Some(Quantity::ONE),
        costing_method: CostingMethod::Fifo,
        tracking_code: None,
        variant_required: false,
        blocked: false,
        negative_inventory: NegativeInventory::Default,
        count_tolerance: Quantity::ZERO,
        second_count_from: None,
        supervisor_from: None,
        shelf_life_days: None,
        over_receipt_percent: Quantity::ZERO,
        category: String::new(),
    })
}

pub(crate) fn put_item(world: &mut World, no: &str) {
    world.system(&item(no));
}

/// `n` items, ITEM-0000 and so on, a thousand in each command.
pub(crate) fn put_items(world: &mut World, n: usize) {
    let all: Vec<usize> = (0..n).collect();
    for some in all.chunks(1_000) {
        let commands = some.iter().map(|n| item(&format!("ITEM-{n:04}"))).collect();
        world.system(&Command::Batch(Batch { commands }));
    }
}

pub(crate) fn rename_bin(world: &mut World, bin: &str, to: &str) {
    world.system(&Command::RenameBin(RenameBin {
        location: "MAIN".try_into().unwrap(),
        bin: bin.try_into().unwrap(),
        to: to.try_into().unwrap(),
    }));
}

pub(crate) fn put_operator(world: &mut World, name: &str, role: Role, location: Option<&str>) {
    world.system(&Command::PutOperator(PutOperator {
        operator: name.try_into().unwrap(),
        name: name.to_lowercase(),
        badge_hash: None,
        pin_verifier: Some("$argon2id$pin".into()),
        password_verifier: None,
        language: None,
        disabled: false,
    }));
    world.system(&Command::GrantRole(GrantRole {
        operator: name.try_into().unwrap(),
        role,
        location: location.map(|location| location.try_into().unwrap()),
    }));
}

/// A released purchase order of MAIN.
pub(crate) fn purchase(world: &mut World, no: &str, lines: &[(&str, i32)]) -> DocumentRef {
    let lines = lines.iter().zip(1_u32..).map(|((item, quantity), n)| PutLine {
        line: n * 10_000,
        item: (*item).try_into().unwrap(),
        variant: None,
        unit: None,
        quantity: Quantity::whole(*quantity),
        tracking: Tracking::NONE,
    });
    world.system(&Command::PutDocument(PutDocument {
        kind: DocumentKind::PurchaseOrder,
        no: no.try_into().unwrap(),
        partner: None,
        partner_name: "Vendor".into(),
        location: "MAIN".try_into().unwrap(),
        to_location: None,
        in_transit: None,
        due: None,
        document_date: None,
        status: DocumentStatus::Released,
        lines: lines.collect(),
    }));
    DocumentRef {
        kind: DocumentKind::PurchaseOrder,
        no: no.try_into().unwrap(),
        line: Some(10_000),
    }
}

pub(crate) fn place(location: &str, bin: &str) -> Place {
    Place {
        location: location.try_into().unwrap(),
        bin: Some(bin.try_into().unwrap()),
        plate: None,
    }
}

pub(crate) fn goods(item: &str, n: i32) -> Goods {
    Goods {
        item: item.try_into().unwrap(),
        variant: None,
        unit: "PCS".try_into().unwrap(),
        factor: UnitFactor::ONE,
        quantity: Quantity::whole(n),
        base: Quantity::whole(n),
        tracking: Tracking::NONE,
        expiry: None,
        raw: None,
    }
}

/// Everything that lies in a bin of MAIN.
pub(crate) fn on_hand(world: &World, bin: &str) -> i128 {
    let main: LocationCode = "MAIN".try_into().unwrap();
    let location = world.tables().row::<LocationsByCode>(&main).unwrap();
    let bin = world.tables().row::<BinsByCode>(&(*location, bin.try_into().unwrap())).unwrap();
    assert!(world.tables().has::<Bins>(&bin));
    let stock = world.tables().list::<Stocks>(&KeyRange::prefix(&(*location, *bin)));
    stock.iter().map(|(_key, stock)| stock.quantity.units() / 100_000).sum()
}
