//! The company of the world, as commands.

use ledger::command::master::{PutItem, PutTrackingCode};
use ledger::command::papers::{PutDocument, PutLine};
use ledger::command::people::{GrantRole, PutOperator};
use ledger::command::places::{PutBin, PutLocation, PutSite};
use ledger::command::stock::OpeningStock;
use ledger::command::{Batch, Command as LedgerCommand, SetCompany};
use protocol::enrolment::Invitation;
use protocol::feed::{BinKind, DocumentStatus, Role, TrackingRule};
use protocol::identity::ServerTime;
use protocol::operation::{DocumentKind, Tracking};
use protocol::quantity::Quantity;
use serde_bytes::ByteBuf;
use server_core::identity::command::MachineCommand;
use server_core::intake::command::{Command, CommandOrigin};

use super::BEGIN_US;
use super::floor::{
    BINS, Floor, ITEMS, LOCATION, SERIAL_ITEM, WAY, YARD, YARD_BINS, goods, location_of, place_of,
};
use super::hands::TRANSFER;

/// Who works on the floor.
pub(super) const OPERATOR: &str = "OP";
/// Who decides what is parked.
pub(super) const SUPERVISOR: &str = "SUP";
/// The PIN of the operator.
pub(super) const PIN: &str = "1234";
/// Its Argon2id verifier, made as cheap as can be: it is asked for in every world.
const PIN_VERIFIER: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c29tZSBzYWx0IG9mIHRoZSBoYWxs$dtUPu8F38LCQBby/GtCifQ";

pub(super) fn word<T: TryFrom<String>>(text: &str) -> T
where
    T::Error: std::fmt::Debug,
{
    T::try_from(text.to_owned()).expect("a short printable code")
}

pub(super) fn set_up(raw: Vec<u8>) -> Command {
    Command { origin: CommandOrigin::System, raw, local_date: None }
}

/// The one-time code of the device at a place.
fn code(place: usize) -> [u8; 16] {
    [u8::try_from(place + 1).expect("few devices"); 16]
}

/// The invitation of the device at a place.
pub fn invitation(place: usize) -> Invitation {
    Invitation {
        url: "http://127.0.0.1:1".to_owned(),
        server: [0; 16],
        pin: None,
        code: code(place),
        site: word(LOCATION),
        expires: ServerTime(i64::MAX),
    }
}

/// Everything that sets the company up.
pub fn commands(floor: &Floor, n_devices: usize) -> Vec<Command> {
    let mut commands = vec![set_up(LedgerCommand::Batch(Batch { commands: masters() }).encode())];
    let stock = floor.stock().map(|(key, pieces)| {
        LedgerCommand::OpeningStock(OpeningStock {
            place: place_of(key.0),
            goods: goods(*key, *pieces),
        })
    });
    commands.push(set_up(LedgerCommand::Batch(Batch { commands: stock.collect() }).encode()));
    commands.extend(
        (0..n_devices)
            .map(|place| set_up(let_in(place, ServerTime(BEGIN_US + 3_600_000_000)).encode())),
    );
    commands
}

/// Lets the device at a place in by its one-time code.
pub fn let_in(place: usize, expires: ServerTime) -> MachineCommand {
    MachineCommand::AllowEnrolment {
        code_hash: ByteBuf::from(sha256(&code(place))),
        site: 1,
        expires,
        compare: false,
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

fn masters() -> Vec<LedgerCommand> {
    let mut commands = vec![
        LedgerCommand::SetCompany(SetCompany {
            name: "Hall".to_owned(),
            negative_inventory_allowed: true,
            absent_after_hours: 12,
        }),
        LedgerCommand::PutSite(PutSite {
            site: word(LOCATION),
            never_quantities: false,
            separator: None,
        }),
        location(LOCATION, "SHIP"),
        location(YARD, "YSHIP"),
        location(WAY, "WSHIP"),
        tracking("LOT", TrackingRule { lot: true, ..TrackingRule::default() }),
        tracking("SERIAL", TrackingRule { serial: true, ..TrackingRule::default() }),
    ];
    commands.extend(BINS.iter().filter(|bin| bin.len() == 1).map(|bin| {
        LedgerCommand::PutBin(PutBin {
            location: location_of(bin),
            bin: word(bin),
            zone: None,
            kind: BinKind::Storage,
            ranking: 0,
            blocked: false,
        })
    }));
    commands.extend(ITEMS.iter().map(|item| LedgerCommand::PutItem(put_item(item))));
    commands.push(document(DocumentKind::PurchaseOrder, "PO1"));
    commands.push(document(DocumentKind::SalesOrder, "SO1"));
    commands.push(document(DocumentKind::TransferOrder, TRANSFER));
    for (operator, role) in [(OPERATOR, Role::Operator), (SUPERVISOR, Role::Supervisor)] {
        commands.push(LedgerCommand::PutOperator(PutOperator {
            operator: word(operator),
            name: operator.to_owned(),
            badge_hash: None,
            pin_verifier: Some(PIN_VERIFIER.to_owned()),
            password_verifier: None,
            language: None,
            disabled: false,
        }));
        commands.push(LedgerCommand::GrantRole(GrantRole {
            operator: word(operator),
            role,
            location: None,
        }));
    }
    commands
}

fn tracking(code: &str, rule: TrackingRule) -> LedgerCommand {
    LedgerCommand::PutTrackingCode(PutTrackingCode {
        code: word(code),
        rule,
        serial_specific: false,
        lot_specific: false,
        package_specific: false,
        strict_expiration: false,
    })
}

fn location(code: &str, shipment_bin: &str) -> LedgerCommand {
    let between = code == WAY;
    let dock = YARD_BINS.iter().find(|bin| bin.len() > 1 && code == YARD).unwrap_or(&"DOCK");
    LedgerCommand::PutLocation(PutLocation {
        location: word(code),
        name: code.to_owned(),
        site: word(LOCATION),
        time_zone: word("Europe/Copenhagen"),
        bin_mandatory: !between,
        directed: false,
        in_transit: between,
        receipt_bin: (!between).then(|| word(dock)),
        shipment_bin: (!between).then(|| word(shipment_bin)),
    })
}

/// An item that nobody handles: something that devices hear of.
pub fn one_more_item(n: usize) -> LedgerCommand {
    LedgerCommand::PutItem(put_item(&format!("MORE{n}")))
}

pub(super) fn put_item(item: &str) -> PutItem {
    PutItem {
        item: word(item),
        description: item.to_owned(),
        item_type: ledger::schema::item::ItemType::Inventory,
        base_unit: word("PCS"),
        precision: Some(Quantity::ONE),
        costing_method: ledger::schema::item::CostingMethod::Fifo,
        tracking_code: match item {
            "GLUE" => Some(word("LOT")),
            SERIAL_ITEM => Some(word("SERIAL")),
            _ => None,
        },
        variant_required: false,
        blocked: false,
        negative_inventory: ledger::schema::item::NegativeInventory::Default,
        count_tolerance: Quantity::ZERO,
        second_count_from: None,
        supervisor_from: None,
        shelf_life_days: None,
        over_receipt_percent: Quantity::ZERO,
        category: String::new(),
    }
}

/// An order that is never full: attribution is another test's subject.
fn document(kind: DocumentKind, no: &str) -> LedgerCommand {
    let lines = ITEMS.iter().zip(1..).map(|(item, line)| PutLine {
        line,
        item: word(item),
        variant: None,
        unit: None,
        quantity: Quantity::whole(1_000_000),
        tracking: Tracking::NONE,
    });
    let is_transfer = kind == DocumentKind::TransferOrder;
    LedgerCommand::PutDocument(PutDocument {
        kind,
        no: word(no),
        partner: None,
        partner_name: String::new(),
        location: word(LOCATION),
        to_location: is_transfer.then(|| word(YARD)),
        in_transit: is_transfer.then(|| word(WAY)),
        due: None,
        document_date: None,
        status: DocumentStatus::Released,
        lines: lines.collect(),
    })
}
