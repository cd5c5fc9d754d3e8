//! The company that a warehouse file begins with, as far as the ledger of this build has a place for it.

use ledger::command::{Command, master, places, stock};
use protocol::feed::{BinKind, TrackingRule};
use protocol::operation::{Goods, Place, Tracking};
use protocol::quantity::UnitFactor;

use super::File;
use super::run::{Fields, flag, needed, number, rows, text};
use crate::vectors::company::{Company, Done, code, lacking, word};
use crate::vectors::json::Dec;
use crate::vectors::money::{self, Card, optional, quantity};

/// Lists of the setup that are kept by nothing in the ledger yet.
const LACKING: [&str; 7] = [
    "bin_contents",
    "boms",
    "employees",
    "history",
    "over_receipt_codes",
    "references",
    "reservations",
];

/// Makes the company.
///
/// # Errors
///
/// A code or a figure that cannot be kept, or a list that the ledger has no place for.
pub(crate) fn found(file: &File) -> Done<Company> {
    let setup = &file.setup;
    if let Some(list) = LACKING.into_iter().find(|list| !rows(setup, list).is_empty()) {
        return lacking(format!("a place for setup.{list}"));
    }
    let mut company = Company::new(file.today);
    money::found(&mut company);
    for row in rows(setup, "locations") {
        place(&mut company, row)?;
    }
    for row in rows(setup, "bins") {
        bin(&mut company, row)?;
    }
    for row in rows(setup, "tracking_codes") {
        let rule = TrackingRule {
            lot: flag(row, "lot_specific"),
            serial: flag(row, "sn_specific"),
            package: false,
            expiry: flag(row, "require_expiration"),
        };
        let name = needed(text(row, "code"), "code")?;
        money::tracking_code(&mut company, name, rule, [rule.lot, rule.serial]);
    }
    for row in rows(setup, "items") {
        item(&mut company, row)?;
    }
    for row in rows(setup, "stock") {
        on_hand(&mut company, row)?;
    }
    for row in rows(setup, "tracking_info") {
        company.system(Command::PutLot(master::PutLot {
            item: code(needed(text(row, "item"), "item")?)?,
            variant: None,
            lot: code(needed(text(row, "lot"), "lot")?)?,
            expiry: None,
            blocked: flag(row, "blocked"),
        }));
    }
    for row in rows(setup, "identifiers") {
        company.system(Command::PutIdentifier(master::PutIdentifier {
            code: code(needed(text(row, "code"), "code")?)?,
            item: code(needed(text(row, "item"), "item")?)?,
            variant: optional(text(row, "variant"))?,
            unit: optional(text(row, "uom"))?,
        }));
    }
    Ok(company)
}

fn place(company: &mut Company, row: &Fields) -> Done {
    let name = needed(text(row, "code"), "code")?;
    company.system(Command::PutLocation(places::PutLocation {
        location: code(name)?,
        name: name.to_owned(),
        site: word("SITE"),
        time_zone: word("Etc/UTC"),
        bin_mandatory: flag(row, "bin_mandatory"),
        directed: flag(row, "directed"),
        in_transit: flag(row, "use_as_in_transit"),
        receipt_bin: optional(text(row, "receipt_bin"))?,
        shipment_bin: optional(text(row, "shipment_bin"))?,
    }));
    Ok(())
}

fn bin(company: &mut Company, row: &Fields) -> Done {
    let ranking = number(row, "ranking").and_then(|dec| dec.0.try_into().ok()).unwrap_or(0);
    company.system(Command::PutBin(places::PutBin {
        location: code(needed(text(row, "location"), "location")?)?,
        bin: code(needed(text(row, "code"), "code")?)?,
        zone: None,
        kind: match text(row, "type") {
            Some("RECEIVE") => BinKind::Receipt,
            Some("SHIP") => BinKind::Shipment,
            Some("QC") => BinKind::Adjustment,
            _ => BinKind::Storage,
        },
        ranking,
        blocked: false,
    }));
    Ok(())
}

fn item(company: &mut Company, row: &Fields) -> Done {
    let no = needed(text(row, "no"), "no")?;
    let variants = row.get("variants").and_then(serde_json::Value::as_array);
    let variants: Vec<&str> =
        variants.into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    let card = Card {
        no: no.to_owned(),
        base_unit: text(row, "base_uom").unwrap_or("PCS").to_owned(),
        precision: number(row, "base_qty_rounding_precision"),
        // A variant can be demanded only of an item that has some.
        variant_required: text(row, "variant_mandatory") == Some("Yes") && !variants.is_empty(),
        blocked: flag(row, "blocked"),
        tracking: text(row, "item_tracking_code").map(str::to_owned),
        ..Card::default()
    };
    money::item(company, &card)?;
    let units = row.get("uoms").and_then(serde_json::Value::as_object);
    for (unit, factor) in units.into_iter().flatten() {
        let factor = needed(Dec::try_from(factor.clone()).ok(), "uoms")?;
        money::unit(company, no, unit, factor)?;
    }
    for variant in variants {
        money::variant(company, no, variant)?;
    }
    Ok(())
}

/// Stock at the start: in the ledger and in its bin. In another unit than the base it lies at directed
/// locations by that unit.
fn on_hand(company: &mut Company, row: &Fields) -> Done {
    if text(row, "uom").is_some() {
        return lacking("stock at the start in another unit");
    }
    let no = code(needed(text(row, "item"), "item")?)?;
    let found = ledger::lookup::item(&company.tables, &no);
    let Ok((_id, card)) = found else { return lacking(format!("item {no}")) };
    let amount = quantity(needed(number(row, "quantity"), "quantity")?)?;
    let place = Place {
        location: code(needed(text(row, "location"), "location")?)?,
        bin: optional(text(row, "bin"))?,
        plate: None,
    };
    let goods = Goods {
        item: no,
        variant: optional(text(row, "variant"))?,
        unit: card.base_unit.clone(),
        factor: UnitFactor::ONE,
        quantity: amount,
        base: amount,
        tracking: Tracking {
            lot: optional(text(row, "lot"))?,
            serial: optional(text(row, "serial"))?,
            package: None,
        },
        expiry: text(row, "expiration").and_then(|text| text.parse().ok()),
        raw: None,
    };
    company.system(Command::OpeningStock(stock::OpeningStock { place, goods }));
    Ok(())
}
