//! The company that is loaded: each item in a bin of its own, with stock, and on one line of an
//! order to receive and of an order to ship, neither of which is ever full.

use futures_util::{StreamExt as _, TryStreamExt as _};
use ledger::command::master::PutItem;
use ledger::command::papers::{PutDocument, PutLine};
use ledger::command::people::{GrantRole, PutOperator};
use ledger::command::places::{PutBin, PutLocation, PutSite};
use ledger::command::stock::OpeningStock;
use ledger::command::{Batch, Command as LedgerCommand};
use ledger::schema::item::{CostingMethod, ItemType, NegativeInventory};
use ledger::schema::place::SitesByCode;
use ledger::tables::Read as _;
use protocol::enrolment::Invitation;
use protocol::feed::{BinKind, DocumentStatus, Role};
use protocol::operation::{
    Body, Condition, DocumentKind, DocumentRef, Goods, Place, Receive, Ship, Tracking,
};
use protocol::quantity::{Quantity, UnitFactor};
use serde_bytes::ByteBuf;
use server::enrolment::Address;
use server::runtime::{Company, Judged};
use server_core::identity::command::MachineCommand;
use server_core::intake::command::{Command, CommandOrigin};

use crate::Problem;

const LOCATION: &str = "MAIN";
/// Who works at the desk.
pub(crate) const CLERK: &str = "CLERK";
/// Lines of an order.
const LINES: u32 = 5;
/// Commands that are done together.
const PER_BATCH: usize = 50;

pub(crate) fn word<T: TryFrom<String>>(text: impl Into<String>) -> T
where
    T::Error: std::fmt::Debug,
{
    T::try_from(text.into()).expect("a short printable code")
}

/// So many pieces of item `n` that came (`true`) or left, with the order line that they are for.
pub(crate) fn movement(n: u32, comes: bool, pieces: i32) -> (Body, DocumentRef) {
    let (place, goods) = (place(n), goods(n, pieces));
    let line = Some(n % LINES + 1);
    if comes {
        let body = Body::Receive(Receive { to: place, goods, condition: Condition::Good });
        (body, DocumentRef { kind: DocumentKind::PurchaseOrder, no: order("PO", n / LINES), line })
    } else {
        let body = Body::Ship(Ship { from: place, goods });
        (body, DocumentRef { kind: DocumentKind::SalesOrder, no: order("SO", n / LINES), line })
    }
}

fn item(n: u32) -> protocol::words::ItemNo {
    word(format!("ITEM{n:05}"))
}

fn order(series: &str, n: u32) -> protocol::words::DocumentNo {
    word(format!("{series}{n:05}"))
}

fn place(n: u32) -> Place {
    Place { location: word(LOCATION), bin: Some(word(format!("A-{n:05}"))), plate: None }
}

fn goods(n: u32, pieces: i32) -> Goods {
    Goods {
        item: item(n),
        variant: None,
        unit: word("PCS"),
        factor: UnitFactor::ONE,
        quantity: Quantity::whole(pieces),
        base: Quantity::whole(pieces),
        tracking: Tracking::NONE,
        expiry: None,
        raw: None,
    }
}

/// Sets the company up with `n_items` items.
pub(crate) async fn set_up(company: &Company, n_items: u32) -> Result<(), Problem> {
    let mut commands = house();
    for n in 0..n_items {
        commands.push(put_item(n));
        commands.push(put_bin(n));
    }
    for n in 0..n_items.div_ceil(LINES) {
        let lines = (n * LINES..n_items.min((n + 1) * LINES)).collect::<Vec<_>>();
        commands.push(put_order(DocumentKind::PurchaseOrder, order("PO", n), &lines));
        commands.push(put_order(DocumentKind::SalesOrder, order("SO", n), &lines));
    }
    commands.extend((0..n_items).map(|n| {
        let (place, goods) = (place(n), goods(n, 1_000));
        LedgerCommand::OpeningStock(OpeningStock { place, goods })
    }));
    for part in commands.chunks(PER_BATCH) {
        let batch = LedgerCommand::Batch(Batch { commands: part.to_vec() });
        submit(company, CommandOrigin::System, batch.encode()).await?;
    }
    Ok(())
}

/// Hands a command over and waits until it is done.
pub(crate) async fn submit(
    company: &Company,
    origin: CommandOrigin,
    raw: Vec<u8>,
) -> Result<Judged, Problem> {
    let local_date = company.now().utc().map(|now| now.date_naive());
    Ok(company.submit(Command { origin, raw, local_date }).await.and_then(Judged::granted)?)
}

/// One-time codes for `n` devices.
pub(crate) async fn invite(
    company: &Company,
    address: &Address,
    n: u32,
) -> Result<Vec<Invitation>, Problem> {
    let site = company.snapshot().row::<SitesByCode>(&word(LOCATION)).ok_or("the site is there")?;
    futures_util::stream::iter(0..n)
        .map(|_n| async {
            let made = server::enrolment::make(address, word(LOCATION), company.now());
            let allow = MachineCommand::AllowEnrolment {
                code_hash: ByteBuf::from(made.hash),
                site: site.0,
                expires: made.invitation.expires,
            };
            submit(company, CommandOrigin::System, allow.encode()).await?;
            Ok(made.invitation)
        })
        .buffered(32)
        .try_collect()
        .await
}

fn house() -> Vec<LedgerCommand> {
    vec![
        LedgerCommand::PutSite(PutSite {
            site: word(LOCATION),
            never_quantities: false,
            separator: None,
        }),
        LedgerCommand::PutLocation(PutLocation {
            location: word(LOCATION),
            name: "Main warehouse".to_owned(),
            site: word(LOCATION),
            time_zone: word("Europe/Copenhagen"),
            bin_mandatory: true,
            directed: false,
            in_transit: false,
            receipt_bin: Some(word("DOCK")),
            shipment_bin: Some(word("SHIP")),
        }),
        LedgerCommand::PutOperator(PutOperator {
            operator: word(CLERK),
            name: "Clerk".to_owned(),
            badge_hash: None,
            pin_verifier: None,
            password_verifier: None,
            language: None,
            disabled: false,
        }),
        LedgerCommand::GrantRole(GrantRole {
            operator: word(CLERK),
            role: Role::Supervisor,
            location: None,
        }),
    ]
}

fn put_item(n: u32) -> LedgerCommand {
    LedgerCommand::PutItem(PutItem {
        item: item(n),
        description: format!("Item no. {n}"),
        item_type: ItemType::Inventory,
        base_unit: word("PCS"),
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

fn put_bin(n: u32) -> LedgerCommand {
    LedgerCommand::PutBin(PutBin {
        location: word(LOCATION),
        bin: word(format!("A-{n:05}")),
        zone: None,
        kind: BinKind::Storage,
        ranking: 0,
        blocked: false,
    })
}

fn put_order(kind: DocumentKind, no: protocol::words::DocumentNo, items: &[u32]) -> LedgerCommand {
    let line = |n: &u32| PutLine {
        line: n % LINES + 1,
        item: item(*n),
        variant: None,
        unit: None,
        quantity: Quantity::whole(1_000_000_000),
        tracking: Tracking::NONE,
    };
    LedgerCommand::PutDocument(PutDocument {
        kind,
        no,
        partner: None,
        partner_name: String::new(),
        location: word(LOCATION),
        to_location: None,
        in_transit: None,
        due: None,
        document_date: None,
        status: DocumentStatus::Released,
        lines: items.iter().map(line).collect(),
    })
}
