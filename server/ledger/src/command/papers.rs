//! Source documents: purchase, sales and transfer orders.

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::feed::DocumentStatus;
use protocol::operation::{DocumentKind, Place, Tracking};
use protocol::outcome::Reason;
use protocol::quantity::{Quantity, UnitFactor, base_quantity, round_half_away};
use protocol::words::{DocumentNo, ItemNo, LocationCode, PartnerNo, UnitCode, VariantCode};
use serde::{Deserialize, Serialize};

use crate::command::{malformed, not_found, out_of_range};
use crate::lookup;
use crate::posting::{Posting, Stop};
use crate::schema::document::{Document, DocumentLine, DocumentLines, Documents, OpenLinesByItem};
use crate::schema::item::ItemUnits;
use crate::schema::{LocationId, UnitId};
use crate::tables::Read as _;
use crate::tracking;

/// A line of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutLine {
    /// Its number.
    pub line: u32,
    /// The item.
    pub item: ItemNo,
    /// Its variant.
    #[serde(default)]
    pub variant: Option<VariantCode>,
    /// The unit; the base unit when left out.
    #[serde(default)]
    pub unit: Option<UnitCode>,
    /// How much, in that unit.
    pub quantity: Quantity,
    /// The lot or serial that the document fixes.
    #[serde(default)]
    pub tracking: Tracking,
}

/// Makes or changes a document. Lines that are not given stay; a line that was handled keeps what
/// was handled. The lines of a document that was closed or cancelled do not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutDocument {
    /// Its kind.
    pub kind: DocumentKind,
    /// Its number.
    pub no: DocumentNo,
    /// Vendor or customer.
    #[serde(default)]
    pub partner: Option<PartnerNo>,
    /// The name of the partner.
    #[serde(default)]
    pub partner_name: String,
    /// The location that handles it; for a transfer the one that ships.
    pub location: LocationCode,
    /// For a transfer: the one that receives.
    #[serde(default)]
    pub to_location: Option<LocationCode>,
    /// For a transfer: where the goods are in between.
    #[serde(default)]
    pub in_transit: Option<LocationCode>,
    /// When it is due.
    #[serde(default)]
    pub due: Option<NaiveDate>,
    /// The document date.
    #[serde(default)]
    pub document_date: Option<NaiveDate>,
    /// Where it stands: released unless it is said. What was closed or cancelled stays so:
    /// [`SetDocumentStatus`] reopens it.
    #[serde(default)]
    pub status: DocumentStatus,
    /// Its lines.
    #[serde(default)]
    pub lines: Vec<PutLine>,
}

/// Releases, reopens, closes or cancels a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetDocumentStatus {
    /// Its kind.
    pub kind: DocumentKind,
    /// Its number.
    pub no: DocumentNo,
    /// Where it stands from now on.
    pub status: DocumentStatus,
    /// Closed short: goods that arrive all the same reopen it.
    #[serde(default)]
    pub may_reopen: bool,
}

/// Ends the waiting for what is still on its way on a line of a transfer order (CONFLICTS 39).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseTransfer {
    /// The transfer order.
    pub no: DocumentNo,
    /// Its line.
    pub line: u32,
    /// Where the goods were found, at the receiver or back at the sender; left out: they are lost.
    #[serde(default)]
    pub found: Option<Place>,
}

pub(crate) fn put_document(posting: &mut Posting<'_, '_>, put: &PutDocument) -> Result<(), Stop> {
    let (location, _row) = lookup::location(posting.draft, &put.location).map_err(Stop::Refuse)?;
    let other = |posting: &Posting<'_, '_>, code: Option<&LocationCode>| match code {
        None => Ok(None),
        Some(code) => {
            lookup::location(posting.draft, code).map(|(id, _row)| Some(id)).map_err(Stop::Refuse)
        }
    };
    let to_location = other(posting, put.to_location.as_ref())?;
    let in_transit = other(posting, put.in_transit.as_ref())?;
    if put.kind == DocumentKind::TransferOrder {
        check_transfer(location, to_location)?;
    }
    let key = (put.kind, put.no.clone());
    let before = posting.draft.row::<Documents>(&key);
    let ended = before.as_ref().map(|before| before.status).filter(|status| has_ended(*status));
    let status = ended.unwrap_or(put.status);
    let same_status = before.as_ref().filter(|before| before.status == status);
    let row = Document {
        status,
        status_since: same_status.map_or(posting.act.at, |before| before.status_since),
        partner: put.partner.clone(),
        partner_name: put.partner_name.clone(),
        location,
        to_location,
        in_transit,
        due: put.due,
        document_date: put.document_date,
        may_reopen: same_status.is_some_and(|before| before.may_reopen),
        closed_by_lines: same_status.is_some_and(|before| before.closed_by_lines),
        provisional: false,
        written: posting.written(),
    };
    posting.draft.put::<Documents>(&key, row);
    for line in &put.lines {
        put_line(posting, put, line, ended.is_some())
            .map_err(|stop| stop.within("line", &line.line))?;
    }
    reindex(posting, &key)
}

const fn has_ended(status: DocumentStatus) -> bool {
    matches!(status, DocumentStatus::Closed | DocumentStatus::Cancelled)
}

fn check_transfer(from: LocationId, to: Option<LocationId>) -> Result<(), Stop> {
    match to {
        None => Err(Stop::refuse(Code::LocationRequired)),
        Some(to) if to == from => {
            Err(Stop::Refuse(malformed(&"a transfer ships to another location than it comes from")))
        }
        Some(_other) => Ok(()),
    }
}

fn put_line(
    posting: &mut Posting<'_, '_>,
    document: &PutDocument,
    put: &PutLine,
    ended: bool,
) -> Result<(), Stop> {
    let (item, card) = lookup::item(posting.draft, &put.item).map_err(Stop::Refuse)?;
    let variant =
        lookup::variant(posting.draft, item, put.variant.as_ref()).map_err(Stop::Refuse)?;
    let (unit, factor) = unit_of(posting, (item, &card), put)?;
    if !put.quantity.is_positive() {
        return Err(out_of_range("quantity"));
    }
    let quantity = base_quantity(put.quantity, factor, card.precision)
        .ok_or_else(|| out_of_range("quantity"))?;
    if quantity.is_zero() {
        let reason = Reason::new(Code::BaseQuantityRoundsToZero)
            .quantity("quantity", put.quantity)
            .word("unit", put.unit.as_ref().unwrap_or(&card.base_unit))
            .word("item", &card.no);
        return Err(Stop::Refuse(reason));
    }
    let tracking = tracking::intern(posting.draft, item, variant, &put.tracking);
    let key = (document.kind, document.no.clone(), put.line);
    let before = posting.draft.row::<DocumentLines>(&key);
    if let Some(before) = &before
        && (before.item, before.variant) != (item, variant)
        && !(before.handled.is_zero() && before.picked.is_zero())
    {
        return Err(out_of_range("item"));
    }
    if ended {
        let said = (item, variant, unit, factor, quantity, tracking);
        let same = before.as_ref().is_some_and(|line| {
            (line.item, line.variant, line.unit, line.factor, line.quantity, line.tracking) == said
        });
        let reason = || Reason::new(Code::DocumentEnded).word("document", &document.no);
        return if same { Ok(()) } else { Err(Stop::Refuse(reason())) };
    }
    let of = |read: fn(&DocumentLine) -> Quantity| {
        before.as_ref().map_or(Quantity::ZERO, |before| read(before))
    };
    let row = DocumentLine {
        item,
        variant,
        unit,
        factor,
        quantity,
        handled: of(|line| line.handled),
        picked: of(|line| line.picked),
        received: of(|line| line.received),
        provisional: of(|line| line.provisional),
        tolerance: tolerance(quantity, card.over_receipt_percent, card.precision)?,
        tracking,
        written: posting.written(),
    };
    posting.draft.put::<DocumentLines>(&key, row);
    Ok(())
}

fn unit_of(
    posting: &Posting<'_, '_>,
    (item, card): (crate::schema::ItemId, &crate::schema::item::Item),
    put: &PutLine,
) -> Result<(UnitId, UnitFactor), Stop> {
    match &put.unit {
        Some(code) if *code != card.base_unit => {
            let unit = lookup::unit(posting.draft, code).map_err(Stop::Refuse)?;
            let row = posting.draft.row::<ItemUnits>(&(item, unit)).ok_or_else(|| {
                Stop::Refuse(
                    Reason::new(Code::UnitUnknown).word("item", &card.no).word("unit", code),
                )
            })?;
            Ok((unit, row.factor))
        }
        _ => Ok((UnitId(0), UnitFactor::ONE)),
    }
}

/// `quantity × percent / 100`, rounded half away from zero to the item's precision.
fn tolerance(quantity: Quantity, percent: Quantity, precision: Quantity) -> Result<Quantity, Stop> {
    let out = || out_of_range("over_receipt_percent");
    let product = quantity.units().checked_mul(percent.units()).ok_or_else(out)?;
    let step = precision.units();
    // Percent has five decimals as well: 10⁵ for them and 100 for the percent.
    let divisor = step.checked_mul(10_000_000).ok_or_else(out)?;
    let steps = round_half_away(product, divisor).ok_or_else(out)?;
    steps.checked_mul(step).and_then(Quantity::from_units).ok_or_else(out)
}

pub(crate) fn set_status(
    posting: &mut Posting<'_, '_>,
    set: &SetDocumentStatus,
) -> Result<(), Stop> {
    let key = (set.kind, set.no.clone());
    let before = posting.draft.row::<Documents>(&key).ok_or_else(|| not_found(&set.no))?;
    let row = Document {
        status: set.status,
        status_since: posting.act.at,
        may_reopen: set.may_reopen,
        closed_by_lines: false,
        written: posting.written(),
        ..(*before).clone()
    };
    posting.draft.put::<Documents>(&key, row);
    reindex(posting, &key)
}

/// Lines of a released document may be handled and are found by item.
fn reindex(posting: &mut Posting<'_, '_>, key: &(DocumentKind, DocumentNo)) -> Result<(), Stop> {
    let document = posting.draft.row::<Documents>(key).ok_or_else(|| not_found(&key.1))?;
    let lines =
        posting.draft.list::<DocumentLines>(&crate::key::KeyRange::prefix(&(key.0, key.1.clone())));
    for ((kind, no, line), row) in lines {
        let open = document.status == DocumentStatus::Released;
        let indexed = (document.location, row.item, kind, no, line);
        if open {
            posting.draft.put::<OpenLinesByItem>(&indexed, ());
        } else {
            posting.draft.delete::<OpenLinesByItem>(&indexed);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::outcome::{Argument, Decision};

    use super::*;
    use crate::command::Command;
    use crate::world::{World, codes, q};

    fn put(no: &str, item: &str, quantity: &str) -> Command {
        let item = item.try_into().unwrap();
        let quantity = q(quantity);
        let tracking = Tracking::NONE;
        let line = PutLine { line: 10_000, item, variant: None, unit: None, quantity, tracking };
        Command::PutDocument(PutDocument {
            kind: DocumentKind::PurchaseOrder,
            no: no.try_into().unwrap(),
            partner: None,
            partner_name: "Acme".to_owned(),
            location: "MAIN".try_into().unwrap(),
            to_location: None,
            in_transit: None,
            due: None,
            document_date: None,
            status: DocumentStatus::default(),
            lines: vec![line],
        })
    }

    #[test]
    fn a_document_that_has_ended_is_not_opened_by_saying_it_again() {
        for status in [DocumentStatus::Closed, DocumentStatus::Cancelled] {
            let mut world = World::new();
            let order = world.document(DocumentKind::PurchaseOrder, "PO1", &[("BOLT", "10")]);
            world.set_status(&order, status, true);
            let again = world.desk(&put("PO1", "BOLT", "10"));
            assert_eq!(again.decision, Decision::Accepted, "{:?}", again.reasons);
            let header = world.header(&order);
            assert_eq!((header.status, header.may_reopen), (status, true));
            assert_eq!(header.partner_name, "Acme");
            assert!(world.tables.list::<OpenLinesByItem>(&crate::key::KeyRange::all()).is_empty());

            let more = world.desk(&put("PO1", "BOLT", "12"));
            assert_eq!(codes(&more), [Code::DocumentEnded]);
            let line = ("line".to_owned(), Argument::Word("10000".to_owned()));
            assert!(more.reasons[0].arguments.contains(&line), "{:?}", more.reasons);
            world.set_status(&order, DocumentStatus::Released, false);
            assert_eq!(world.desk(&put("PO1", "BOLT", "12")).decision, Decision::Accepted);
            assert_eq!(world.line(&order, 10_000).quantity, q("12"));
        }
    }
}
