//! The company that is loaded: sites that are alike, where each item lies in a bin of its own, with
//! stock, and is on one line of an order to receive and of an order to ship, neither of which is
//! ever full.

use futures_util::{StreamExt as _, TryStreamExt as _};
use ledger::command::master::PutItem;
use ledger::command::papers::{PutDocument, PutLine};
use ledger::command::people::{GrantRole, PutOperator};
use ledger::command::places::{PutBin, PutLocation, PutSite};
use ledger::command::stock::OpeningStock;
use ledger::command::{Batch, Command as LedgerCommand, Handle};
use ledger::dimension::{Dimensions, DimensionsOf, PutDefaultDimensions, PutDocumentDimensions};
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

/// So many pieces of item `n` that came (`true`) to `site` or left it, with the order line that they
/// are for.
pub(crate) fn movement((site, n): (u32, u32), comes: bool, pieces: i32) -> (Body, DocumentRef) {
    let (place, goods) = (place(site, n), goods(n, pieces));
    let line = Some(n % LINES + 1);
    if comes {
        let body = Body::Receive(Receive { to: place, goods, condition: Condition::Good });
        (
            body,
            DocumentRef {
                kind: DocumentKind::PurchaseOrder,
                no: order("PO", site, n / LINES),
                line,
            },
        )
    } else {
        let body = Body::Ship(Ship { from: place, goods });
        (
            body,
            DocumentRef { kind: DocumentKind::SalesOrder, no: order("SO", site, n / LINES), line },
        )
    }
}

pub(crate) fn item(n: u32) -> protocol::words::ItemNo {
    word(format!("ITEM{n:05}"))
}

/// The code of a site and of its one location.
fn site_code(site: u32) -> String {
    format!("MAIN{site:03}")
}

fn order(series: &str, site: u32, n: u32) -> protocol::words::DocumentNo {
    word(format!("{series}{site:03}{n:05}"))
}

pub(crate) fn place(site: u32, n: u32) -> Place {
    Place { location: word(site_code(site)), bin: Some(word(format!("A-{n:05}"))), plate: None }
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

/// Sets the company up with `n_items` items at each of `n_sites` sites, a thousand pieces of each.
pub(crate) async fn set_up(company: &Company, n_sites: u32, n_items: u32) -> Result<(), Problem> {
    set_up_stocked(company, n_sites, (n_items, 1_000)).await
}

/// The same with so many pieces of each item.
pub(crate) async fn set_up_stocked(
    company: &Company,
    n_sites: u32,
    (n_items, pieces): (u32, i32),
) -> Result<(), Problem> {
    let mut commands = house();
    commands.extend((0..n_items).map(put_item));
    for site in 0..n_sites {
        commands.extend(put_site(site));
        commands.extend((0..n_items).map(|n| put_bin(site, n)));
        for n in 0..n_items.div_ceil(LINES) {
            let items = (n * LINES..n_items.min((n + 1) * LINES)).collect::<Vec<_>>();
            for (kind, series) in
                [(DocumentKind::PurchaseOrder, "PO"), (DocumentKind::SalesOrder, "SO")]
            {
                commands.push(put_order((kind, order(series, site, n)), site, &items));
            }
        }
        commands.extend((0..n_items).map(|n| {
            let (place, goods) = (place(site, n), goods(n, pieces));
            LedgerCommand::OpeningStock(OpeningStock { place, goods })
        }));
    }
    submit_all(company, &commands).await
}

/// More items, each with an empty bin at the first site.
pub(crate) async fn put_goods(
    company: &Company,
    items: std::ops::Range<u32>,
) -> Result<(), Problem> {
    let commands: Vec<_> = items.flat_map(|n| [put_item(n), put_bin(0, n)]).collect();
    submit_all(company, &commands).await
}

/// What entries are told apart by at the first of the sites: each item and the location propose something, and
/// each order says something of its own.
pub(crate) async fn put_dimensions(company: &Company, n_items: u32) -> Result<(), Problem> {
    let said = |pairs: &[(&str, String)]| {
        Dimensions(pairs.iter().map(|(code, value)| ((*code).to_owned(), value.clone())).collect())
    };
    let default_of = |of, dimensions| {
        LedgerCommand::PutDefaultDimensions(PutDefaultDimensions { of, dimensions })
    };
    let mut commands = vec![default_of(
        DimensionsOf::Location(word(site_code(0))),
        said(&[("AREA", "NORTH".to_owned()), ("DEPARTMENT", "STORE".to_owned())]),
    )];
    commands.extend((0..n_items).map(|n| {
        let (group, department) = (format!("G{:02}", n % 17), format!("D{}", n % 5));
        default_of(
            DimensionsOf::Item(item(n)),
            said(&[("PRODUCTGROUP", group), ("DEPARTMENT", department)]),
        )
    }));
    for n in 0..n_items.div_ceil(LINES) {
        for (kind, series) in
            [(DocumentKind::PurchaseOrder, "PO"), (DocumentKind::SalesOrder, "SO")]
        {
            commands.push(LedgerCommand::PutDocumentDimensions(PutDocumentDimensions {
                kind,
                no: order(series, 0, n),
                line: 0,
                dimensions: said(&[("PROJECT", format!("P{n:03}"))]),
            }));
        }
    }
    submit_all(company, &commands).await
}

async fn submit_all(company: &Company, commands: &[LedgerCommand]) -> Result<(), Problem> {
    for part in commands.chunks(PER_BATCH) {
        let batch = LedgerCommand::Batch(Batch { commands: part.to_vec() });
        submit(company, CommandOrigin::System, batch.encode()).await?;
    }
    Ok(())
}

/// Posts five pieces of item `n` that came to the first site or left it.
pub(crate) async fn post_movement(company: &Company, n: u32, comes: bool) -> Result<(), Problem> {
    let (body, document) = movement((0, n), comes, 5);
    let handle = LedgerCommand::Handle(Handle::new(&body, Some(document)));
    let origin = CommandOrigin::Desk { user: word(CLERK), idempotency: None };
    submit(company, origin, handle.encode()).await?;
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

/// One-time codes for `n` devices, spread over `n_sites` sites.
pub(crate) async fn invite(
    company: &Company,
    address: &Address,
    (n, n_sites): (u32, u32),
) -> Result<Vec<Invitation>, Problem> {
    futures_util::stream::iter(0..n)
        .map(|n| async move {
            let code = site_code(n % n_sites);
            let site = company.snapshot().row::<SitesByCode>(&word(code.clone()));
            let site = site.ok_or("the site is not there")?;
            let made = server::enrolment::make(address, word(code), company.now());
            let allow = MachineCommand::AllowEnrolment {
                code_hash: ByteBuf::from(made.hash),
                site: site.0,
                expires: made.invitation.expires,
                compare: false,
            };
            submit(company, CommandOrigin::System, allow.encode()).await?;
            Ok(made.invitation)
        })
        .buffered(32)
        .try_collect()
        .await
}

fn put_site(site: u32) -> [LedgerCommand; 2] {
    [
        LedgerCommand::PutSite(PutSite {
            site: word(site_code(site)),
            never_quantities: false,
            separator: None,
        }),
        LedgerCommand::PutLocation(PutLocation {
            location: word(site_code(site)),
            name: "Main warehouse".to_owned(),
            site: word(site_code(site)),
            time_zone: word("Europe/Copenhagen"),
            bin_mandatory: true,
            directed: false,
            in_transit: false,
            receipt_bin: Some(word("DOCK")),
            shipment_bin: Some(word("SHIP")),
        }),
    ]
}

fn house() -> Vec<LedgerCommand> {
    vec![
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

fn put_bin(site: u32, n: u32) -> LedgerCommand {
    LedgerCommand::PutBin(PutBin {
        location: word(site_code(site)),
        bin: word(format!("A-{n:05}")),
        zone: None,
        kind: BinKind::Storage,
        ranking: 0,
        blocked: false,
    })
}

fn put_order(
    (kind, no): (DocumentKind, protocol::words::DocumentNo),
    site: u32,
    items: &[u32],
) -> LedgerCommand {
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
        location: word(site_code(site)),
        to_location: None,
        in_transit: None,
        due: None,
        document_date: None,
        status: DocumentStatus::Released,
        lines: items.iter().map(line).collect(),
    })
}
