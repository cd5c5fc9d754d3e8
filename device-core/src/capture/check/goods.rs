//! The item, its lot and its serial numbers.

use protocol::feed::{BinKind, StockRow};
use protocol::words::SerialNo;

use super::super::act::Act;
use super::super::flow::{Flow, Side};
use super::super::message::Message;
use super::{Checking, Finding};

pub(super) fn check(c: &Checking<'_>, all: &mut Vec<Finding>) {
    let Some(item) = c.item() else { return };
    if item.blocked && !c.flow.is_count() {
        let name = c.world.item_name(&item.item);
        let text = Message::new("warn-item-blocked").word("item", &name);
        all.push(Finding::warning("item_blocked", &item.item, text).scanned(name));
    }
    lot(c, all);
    if item.tracking.serial {
        for seen in &c.slots.serials {
            serial(c, &seen.serial, all);
        }
    }
}

/// Whether goods leave for somebody else, so that their lot must be fit.
fn leaves(flow: Flow) -> bool {
    matches!(flow, Flow::Pick | Flow::Ship | Flow::TransferShip)
}

/// What was read of a date that no lot has.
fn own_date(c: &Checking<'_>, all: &mut Vec<Finding>) {
    let past = c.slots.expiry.filter(|day| *day < c.world.today);
    let Some((expiry, seen)) = past.zip(c.slots.serials.first()) else { return };
    let serial = &seen.serial;
    let text = Message::new("stop-expired-serial").word("serial", serial).word("expiry", expiry);
    if leaves(c.flow) {
        let stop = Finding::stop("expired", text, "next-scan-another");
        all.push(stop.scanned(serial));
    } else if c.flow.is_inbound() {
        all.push(Finding::warning("expired", serial, text).scanned(serial));
    }
}

fn lot(c: &Checking<'_>, all: &mut Vec<Finding>) {
    let Some(lot) = &c.slots.lot else {
        own_date(c, all);
        return;
    };
    let row = c.world.lot_of(c.slots);
    if row.as_ref().is_some_and(|row| row.blocked) && !c.flow.is_count() {
        let text = Message::new("stop-lot-blocked").word("lot", lot);
        all.push(if leaves(c.flow) {
            Finding::stop("tracking_blocked", text, "next-set-aside").scanned(lot)
        } else {
            Finding::warning("tracking_blocked", lot, text).scanned(lot)
        });
    }
    let known = row.and_then(|row| row.expiry);
    if let Some(expiry) = c.slots.expiry.or(known).filter(|day| *day < c.world.today) {
        let text = Message::new("stop-expired").word("lot", lot).word("expiry", expiry);
        if leaves(c.flow) {
            all.push(Finding::stop("expired", text, "next-another-lot").scanned(lot));
        } else if c.flow.is_inbound() {
            all.push(Finding::warning("expired", lot, text).scanned(lot));
        }
    }
    if let (Some(read), Some(known)) = (c.slots.expiry, known)
        && read != known
        && (c.flow.is_inbound() || c.flow.is_count())
    {
        let text = Message::new("warn-expiry-differs")
            .word("lot", lot)
            .word("read", read)
            .word("known", known);
        let keep = Message::new("choice-known-expiry").word("expiry", known);
        all.push(
            Finding::warning("expiration_mismatch", format!("{lot}/{read}"), text)
                .scanned(read)
                .needed(known)
                .choice(keep, Act::KnownExpiry(known)),
        );
    }
}

fn serial(c: &Checking<'_>, serial: &SerialNo, all: &mut Vec<Finding>) {
    let mut rows = c.world.catalogue.serials_numbered(serial.as_str());
    rows.retain(|row| Some(&row.item) == c.slots.item.as_ref());
    let known = rows.first();
    match c.flow {
        Flow::Receive => {
            if let Some(row) = known {
                let bin = shown(row);
                let text =
                    Message::new("stop-serial-in-stock").word("serial", serial).word("bin", bin);
                all.push(
                    Finding::stop("serial_already_in_stock", text, "next-set-aside")
                        .scanned(serial),
                );
            }
        }
        Flow::TransferReceive => {}
        Flow::Pick if is_picked(c, known) => {
            let text = Message::new("stop-serial-picked").word("serial", serial);
            all.push(
                Finding::stop("serial_already_picked", text, "next-scan-another").scanned(serial),
            );
        }
        _ => elsewhere(c, serial, known, all),
    }
}

fn is_picked(c: &Checking<'_>, known: Option<&StockRow>) -> bool {
    let bin = known.and_then(|row| row.bin.as_ref());
    let row = bin.and_then(|bin| c.world.bin_row(bin));
    row.is_some_and(|row| matches!(row.kind, BinKind::Shipment | BinKind::Cart))
}

fn elsewhere(
    c: &Checking<'_>,
    serial: &SerialNo,
    known: Option<&StockRow>,
    all: &mut Vec<Finding>,
) {
    let Some(row) = known else {
        if c.flow.is_outbound() {
            let text = Message::new("warn-serial-unknown").word("serial", serial);
            all.push(Finding::warning("serial_unknown", serial, text).scanned(serial));
        }
        return;
    };
    let here = c.slots.bin(Side::From);
    if let (Some(known), Some(here)) = (&row.bin, here)
        && known != here
    {
        let text = Message::new("warn-serial-elsewhere").word("serial", serial).word("bin", known);
        all.push(Finding::warning("serial_elsewhere", serial, text).scanned(serial).needed(known));
    }
}

fn shown(row: &StockRow) -> &str {
    row.bin.as_ref().map_or(row.location.as_str(), |bin| bin.as_str())
}
