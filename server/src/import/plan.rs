//! Rows to commands.

use ledger::command::Command;
use ledger::command::master::{
    PutIdentifier, PutItem, PutItemUnit, PutLot, PutTrackingCode, PutVariant,
};
use ledger::command::papers::{PutDocument, PutLine};
use ledger::command::people::{GrantRole, PutOperator};
use ledger::command::places::{PutBin, PutLocation, PutSite};
use ledger::command::stock::OpeningStock;
use ledger::dimension::{Dimensions, PutDefaultDimensions};
use ledger::schema::book::ImportNo;
use ledger::tables::Tables;
use protocol::feed::TrackingRule;
use protocol::operation::{DocumentKind, Goods, Place, Tracking};
use protocol::quantity::{Quantity, base_quantity};
use protocol::words::OperatorId;
use serde_bytes::ByteBuf;

use super::{Progress, Stage};
use crate::desk::password;
use crate::exchange::check::World;
use crate::exchange::line::{
    BinLine, DimensionLine, IdentifierLine, ItemLine, Line, LocationLine, OperatorLine,
    PurchaseLine, SalesLine, StockLine, TrackingCodeLine, TransferLine,
};
use crate::exchange::{At, Batch};
use crate::secret;

/// Commands of one part: about 50 KB, so that staging it holds nobody up.
const COMMANDS_PER_PART: usize = 500;

/// A command and the row it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The file.
    pub file: &'static str,
    /// The line of the file; for a document its first.
    pub line: u64,
    /// For a document: its lines by number, each with the line of the file.
    pub lines: Vec<(u32, u64)>,
    /// The command.
    pub command: Command,
}

/// Commands that are staged together.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The commands, in order.
    pub commands: Vec<Planned>,
}

/// Everything that an import does, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// The parts.
    pub parts: Vec<Part>,
}

impl Plan {
    /// How many commands there are in all.
    pub fn n_commands(&self) -> usize {
        self.parts.iter().map(|part| part.commands.len()).sum()
    }

    /// All commands in order.
    pub fn commands(&self) -> impl Iterator<Item = &Planned> {
        self.parts.iter().flat_map(|part| &part.commands)
    }
}

/// The commands for `batch`, which was checked against `company` without finding a fault: every row is in
/// them. What one command needs comes
/// before it: rules before items, items before barcodes, places before stock.
///
/// Passwords and PINs in plain become verifiers here, which takes tens of milliseconds each. The same
/// rows under the same `number` give the same plan.
///
/// # Panics
///
/// Where the batch was not checked.
pub fn plan(batch: &Batch, company: &dyn Tables, number: ImportNo, progress: Progress<'_>) -> Plan {
    let world = World::new(batch, company);
    let mut commands = Vec::new();
    add(&mut commands, &batch.tracking_codes, |row| Command::PutTrackingCode(tracking_code(row)));
    add(&mut commands, &batch.items, |row| Command::PutItem(item(row)));
    add(&mut commands, &batch.item_units, |row| {
        let (item, unit) = (row.item.clone(), row.unit.clone());
        Command::PutItemUnit(PutItemUnit { item, unit, factor: row.factor })
    });
    add(&mut commands, &batch.variants, |row| {
        Command::PutVariant(PutVariant {
            item: row.item.clone(),
            variant: row.variant.clone(),
            description: row.description.clone(),
            blocked: row.blocked,
        })
    });
    add(&mut commands, &batch.identifiers, |row| Command::PutIdentifier(identifier(row)));
    add(&mut commands, &batch.sites, |row| {
        Command::PutSite(PutSite {
            site: row.site.clone(),
            never_quantities: row.never_quantities,
            separator: row.separator.clone(),
        })
    });
    add(&mut commands, &batch.locations, |row| Command::PutLocation(location(row)));
    add(&mut commands, &batch.bins, |row| Command::PutBin(bin(row)));
    add(&mut commands, &batch.lots, |row| {
        Command::PutLot(PutLot {
            item: row.item.clone(),
            variant: row.variant.clone(),
            lot: row.lot.clone(),
            expiry: row.expiry,
            blocked: row.blocked,
        })
    });
    dimensions(&mut commands, &batch.default_dimensions);
    people(&mut commands, &batch.operators, number, progress);
    documents(&mut commands, batch);
    for at in &batch.opening_stock {
        let stock = opening(&at.row, &world).expect("a row without a base quantity is a fault");
        commands.push(planned(at, Command::OpeningStock(stock)));
    }
    Plan { parts: parts(commands) }
}

/// One command for each record, which says all of its dimensions; the first of its rows stands for it.
fn dimensions(to: &mut Vec<Planned>, rows: &[At<DimensionLine>]) {
    let mut records: Vec<(&At<DimensionLine>, PutDefaultDimensions)> = Vec::new();
    for at in rows {
        let of = at.row.record.of(&at.row.code).expect("a row without a record is a fault");
        let said = (at.row.dimension.clone(), at.row.value.clone());
        if let Some((_first, put)) = records.iter_mut().find(|(_first, put)| put.of == of) {
            put.dimensions.0.insert(said.0, said.1);
        } else {
            let dimensions = Dimensions([said].into());
            records.push((at, PutDefaultDimensions { of, dimensions }));
        }
    }
    let commands = records.into_iter();
    to.extend(commands.map(|(at, put)| planned(at, Command::PutDefaultDimensions(put))));
}

fn parts(commands: Vec<Planned>) -> Vec<Part> {
    let mut rest = commands.into_iter();
    let mut next = || rest.by_ref().take(COMMANDS_PER_PART).collect::<Vec<_>>();
    std::iter::from_fn(|| Some(next()).filter(|commands| !commands.is_empty()))
        .map(|commands| Part { commands })
        .collect()
}

fn planned<L: Line>(at: &At<L>, command: Command) -> Planned {
    Planned { file: L::FILE, line: at.line, lines: Vec::new(), command }
}

fn add<L: Line>(to: &mut Vec<Planned>, rows: &[At<L>], command: impl Fn(&L) -> Command) {
    to.extend(rows.iter().map(|at| planned(at, command(&at.row))));
}

fn tracking_code(row: &TrackingCodeLine) -> PutTrackingCode {
    PutTrackingCode {
        code: row.code.clone(),
        rule: TrackingRule {
            lot: row.lot,
            serial: row.serial,
            package: row.package,
            expiry: row.expiry,
        },
        serial_specific: row.serial_specific,
        lot_specific: row.lot_specific,
        package_specific: row.package_specific,
        strict_expiration: row.strict_expiration,
    }
}

fn item(row: &ItemLine) -> PutItem {
    PutItem {
        item: row.item.clone(),
        description: row.description.clone(),
        item_type: row.item_type,
        base_unit: row.base_unit.clone(),
        precision: row.precision,
        costing_method: row.costing_method,
        tracking_code: row.tracking_code.clone(),
        variant_required: row.variant_required,
        blocked: row.blocked,
        negative_inventory: row.negative_inventory,
        count_tolerance: row.count_tolerance.unwrap_or_default(),
        second_count_from: row.second_count_from,
        supervisor_from: row.supervisor_from,
        shelf_life_days: row.shelf_life_days,
        over_receipt_percent: row.over_receipt_percent.unwrap_or_default(),
        category: row.category.clone(),
    }
}

fn identifier(row: &IdentifierLine) -> PutIdentifier {
    PutIdentifier {
        code: row.code.clone(),
        item: row.item.clone(),
        variant: row.variant.clone(),
        unit: row.unit.clone(),
    }
}

fn location(row: &LocationLine) -> PutLocation {
    PutLocation {
        location: row.location.clone(),
        name: row.name.clone(),
        site: row.site.clone(),
        time_zone: row.time_zone.clone(),
        bin_mandatory: row.bin_mandatory,
        directed: row.directed,
        in_transit: row.in_transit,
        receipt_bin: row.receipt_bin.clone(),
        shipment_bin: row.shipment_bin.clone(),
    }
}

fn bin(row: &BinLine) -> PutBin {
    PutBin {
        location: row.location.clone(),
        bin: row.bin.clone(),
        zone: row.zone.clone(),
        kind: row.kind,
        ranking: row.ranking.unwrap_or_default(),
        blocked: row.blocked,
    }
}

/// A salt for one secret of one person in one import.
fn salt(number: ImportNo, operator: &OperatorId, which: &str) -> [u8; 16] {
    let text = format!("import salt\0{}\0{operator}\0{which}", secret::hex(&number));
    let mut salt = [0; 16];
    salt.iter_mut().zip(secret::sha256(text.as_bytes())).for_each(|(to, from)| *to = from);
    salt
}

fn people(
    to: &mut Vec<Planned>,
    rows: &[At<OperatorLine>],
    number: ImportNo,
    progress: Progress<'_>,
) {
    for (n, at) in rows.iter().enumerate() {
        let row = &at.row;
        let verifier = |which: &str, plain: Option<&String>, given: Option<&String>| {
            let salt = salt(number, &row.operator, which);
            plain.map(|plain| password::verifier_with_salt(plain, &salt)).or_else(|| given.cloned())
        };
        let badge = row.badge.as_deref().map(password::badge_hash);
        let badge_hash = badge.or_else(|| secret::from_hex::<32>(row.badge_hash.as_deref()?));
        let put = PutOperator {
            operator: row.operator.clone(),
            name: row.name.clone(),
            badge_hash: badge_hash.map(ByteBuf::from),
            pin_verifier: verifier("pin", row.pin.as_ref(), row.pin_verifier.as_ref()),
            password_verifier: verifier(
                "password",
                row.password.as_ref(),
                row.password_verifier.as_ref(),
            ),
            language: row.language.clone(),
            disabled: row.disabled,
        };
        to.push(planned(at, Command::PutOperator(put)));
        for (role, location) in &row.roles.0 {
            let (operator, location) = (row.operator.clone(), location.clone());
            let grant = GrantRole { operator, role: *role, location };
            to.push(planned(at, Command::GrantRole(grant)));
        }
        progress(Stage::Plan, n + 1, rows.len());
    }
}

fn documents(to: &mut Vec<Planned>, batch: &Batch) {
    group(to, &batch.purchase_orders, |row: &PurchaseLine| PutDocument {
        kind: DocumentKind::PurchaseOrder,
        no: row.document.clone(),
        partner: row.partner.clone(),
        partner_name: row.partner_name.clone(),
        location: row.location.clone(),
        to_location: None,
        in_transit: None,
        due: row.due,
        document_date: row.document_date,
        status: row.status,
        lines: vec![PutLine {
            line: row.line,
            item: row.item.clone(),
            variant: row.variant.clone(),
            unit: row.unit.clone(),
            quantity: row.quantity,
            tracking: fixed(row.lot.as_ref(), row.serial.as_ref()),
        }],
    });
    group(to, &batch.sales_orders, |row: &SalesLine| PutDocument {
        kind: DocumentKind::SalesOrder,
        no: row.document.clone(),
        partner: row.partner.clone(),
        partner_name: row.partner_name.clone(),
        location: row.location.clone(),
        to_location: None,
        in_transit: None,
        due: row.due,
        document_date: row.document_date,
        status: row.status,
        lines: vec![PutLine {
            line: row.line,
            item: row.item.clone(),
            variant: row.variant.clone(),
            unit: row.unit.clone(),
            quantity: row.quantity,
            tracking: fixed(row.lot.as_ref(), row.serial.as_ref()),
        }],
    });
    group(to, &batch.transfer_orders, |row: &TransferLine| PutDocument {
        kind: DocumentKind::TransferOrder,
        no: row.document.clone(),
        partner: None,
        partner_name: String::new(),
        location: row.location.clone(),
        to_location: Some(row.to_location.clone()),
        in_transit: row.in_transit.clone(),
        due: row.due,
        document_date: row.document_date,
        status: row.status,
        lines: vec![PutLine {
            line: row.line,
            item: row.item.clone(),
            variant: row.variant.clone(),
            unit: row.unit.clone(),
            quantity: row.quantity,
            tracking: fixed(row.lot.as_ref(), row.serial.as_ref()),
        }],
    });
}

fn fixed(
    lot: Option<&protocol::words::LotNo>,
    serial: Option<&protocol::words::SerialNo>,
) -> Tracking {
    Tracking { lot: lot.cloned(), serial: serial.cloned(), package: None }
}

/// One command per document, in the order of the first rows.
fn group<L: Line>(to: &mut Vec<Planned>, rows: &[At<L>], view: impl Fn(&L) -> PutDocument) {
    let mut first = std::collections::HashMap::new();
    for at in rows {
        let document = view(&at.row);
        let known: Option<&usize> = first.get(&document.no);
        let earlier = known.and_then(|place| to.get_mut(*place));
        let of_file = document.lines.iter().map(|line| (line.line, at.line)).collect::<Vec<_>>();
        if let Some(Planned { command: Command::PutDocument(earlier), lines, .. }) = earlier {
            earlier.lines.extend(document.lines);
            lines.extend(of_file);
        } else {
            first.insert(document.no.clone(), to.len());
            let command = Command::PutDocument(document);
            to.push(Planned { lines: of_file, ..planned(at, command) });
        }
    }
}

/// None for a row that [`crate::exchange::check`] tells of.
fn opening(row: &StockLine, world: &World<'_>) -> Option<OpeningStock> {
    let item = world.item(&row.item)?;
    let factor = world.factor(&row.item, &item, row.unit.as_ref())?;
    let base: Quantity = base_quantity(row.quantity, factor, item.precision)?;
    Some(OpeningStock {
        place: Place {
            location: row.location.clone(),
            bin: row.bin.clone(),
            plate: row.plate.clone(),
        },
        goods: Goods {
            item: row.item.clone(),
            variant: row.variant.clone(),
            unit: row.unit.clone().unwrap_or(item.base_unit),
            factor,
            quantity: row.quantity,
            base,
            tracking: Tracking {
                lot: row.lot.clone(),
                serial: row.serial.clone(),
                package: row.package.clone(),
            },
            expiry: row.expiry,
            raw: None,
        },
    })
}
