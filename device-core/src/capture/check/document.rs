//! The order: is it ours, is it open, is the item on it?

use protocol::feed::{DocumentRow, DocumentStatus};
use protocol::operation::DocumentKind;

use super::super::act::Act;
use super::super::fill::{Fill, document_text};
use super::super::flow::Flow;
use super::super::line;
use super::super::message::Message;
use super::super::slots::Paper;
use super::{Checking, Finding};

/// The most orders that are offered for an item.
const OFFERS_MAX: usize = 5;

pub(super) fn check(c: &Checking<'_>, all: &mut Vec<Finding>) {
    let Some(Paper::Of(kind, no)) = &c.slots.paper else { return };
    let Some(row) = c.world.document(*kind, no) else { return };
    site(c, &row, all);
    status(c, &row, all);
    item(c, &row, all);
}

fn site(c: &Checking<'_>, row: &DocumentRow, all: &mut Vec<Finding>) {
    let here = match (c.flow, &row.to_location) {
        (Flow::TransferReceive, Some(to)) => to,
        _ => &row.location,
    };
    if here != c.world.location {
        let text =
            Message::new("stop-wrong-destination").word("no", &row.no).word("location", here);
        all.push(
            Finding::stop("wrong_destination", text, "next-set-aside")
                .scanned(here)
                .needed(c.world.location),
        );
    }
}

fn status(c: &Checking<'_>, row: &DocumentRow, all: &mut Vec<Finding>) {
    let id = match row.status {
        DocumentStatus::Released => return,
        DocumentStatus::Open => "not_released",
        DocumentStatus::Closed => "document_closed",
        DocumentStatus::Cancelled => "document_cancelled",
    };
    let text = Message::new(match row.status {
        DocumentStatus::Cancelled => "warn-document-cancelled",
        DocumentStatus::Closed => "warn-document-closed",
        _ => "warn-document-not-released",
    })
    .word("no", &row.no);
    // Goods that have arrived are here, whatever the order says; goods need not leave.
    if c.flow.is_inbound() {
        all.push(Finding::warning(id, &row.no, text));
    } else {
        all.push(Finding::stop(id, text, "next-ask-supervisor").scanned(&row.no));
    }
}

fn item(c: &Checking<'_>, row: &DocumentRow, all: &mut Vec<Finding>) {
    let Some(item) = &c.slots.item else { return };
    if line::target(c.flow, c.slots, c.world).is_some() {
        return;
    }
    let name = c.world.item_name(item);
    let text = Message::new("warn-not-on-document").word("item", &name).word("no", &row.no);
    if c.flow.is_inbound() {
        let mut finding = Finding::warning("not_on_document", item, text).scanned(&name);
        if c.flow == Flow::Receive {
            for (kind, no) in others(c, row) {
                let offer = Message::new(document_text(kind)).word("no", &no);
                let fill = Fill { paper: Some((kind, no)), ..Fill::default() };
                finding = finding.choice(offer, Act::Fill(Box::new(fill)));
            }
            finding =
                finding.choice(Message::new("choice-unordered"), Act::Unordered).must_choose();
        }
        all.push(finding);
        return;
    }
    let lines = line::all(c.flow, c.slots, c.world);
    let next = lines.iter().find(|line| !line.left.is_zero());
    let needed = next.map_or_else(String::new, |line| c.world.item_name(&line.row.item));
    let text = Message::new("stop-wrong-item").word("item", &name).word("needed", &needed);
    all.push(
        Finding::stop("not_on_document", text, "next-scan-needed").scanned(name).needed(needed),
    );
}

/// Other open orders that ask for the item, oldest promised first.
fn others(c: &Checking<'_>, row: &DocumentRow) -> Vec<(DocumentKind, protocol::words::DocumentNo)> {
    let mut found = offers(c.flow, c.slots.item.as_ref(), c.world);
    found.retain(|(kind, no)| (*kind, no) != (row.kind, &row.no));
    found
}

/// Open orders of a flow that still ask for an item; all open orders when there is no item yet.
pub(in crate::capture) fn offers(
    flow: Flow,
    item: Option<&protocol::words::ItemNo>,
    world: &super::super::world::World<'_>,
) -> Vec<(DocumentKind, protocol::words::DocumentNo)> {
    let kinds = flow.documents().iter();
    let mut rows: Vec<DocumentRow> =
        kinds.flat_map(|kind| world.catalogue.open_documents(*kind, world.location)).collect();
    rows.retain(|row| match flow {
        Flow::TransferReceive => row.to_location.as_ref() == Some(world.location),
        _ => row.location == *world.location,
    });
    rows.retain(|row| {
        item.is_none_or(|item| {
            let lines = world.catalogue.lines(row.kind, row.no.as_str());
            lines.iter().any(|line| line.item == *item && line.handled < line.quantity)
        })
    });
    rows.sort_by(|a, b| (a.due.is_none(), a.due, &a.no).cmp(&(b.due.is_none(), b.due, &b.no)));
    rows.truncate(OFFERS_MAX);
    rows.into_iter().map(|row| (row.kind, row.no)).collect()
}
