//! What an operation says it did, read from its raw bytes: for lists, and as the first link of the
//! chain from a figure back to a scan.

use ledger::schema::book::{Intake, Intakes, Origin, OutcomeRow, Outcomes};
use ledger::schema::entry::{PostedBy, WarehouseLedger};
use ledger::tables::{Read as _, Tables};
use protocol::identity::{IntakeNo, OperationId};
use protocol::operation::{
    Body, CountedLine, Direction, DocumentRef, Envelope, Goods, OperationError, Place, Recorded,
};
use protocol::quantity::Quantity;
use protocol::words::OperatorId;

use super::names;

/// A place in words: the codes of location and bin, and the licence plate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlaceText {
    /// The location.
    pub location: String,
    /// The bin; empty for none.
    pub bin: String,
    /// The licence plate; empty for none.
    pub plate: String,
}

impl From<&Place> for PlaceText {
    fn from(place: &Place) -> Self {
        let text = |word: Option<&str>| word.unwrap_or_default().to_owned();
        Self {
            location: place.location.to_string(),
            bin: text(place.bin.as_ref().map(protocol::words::BinCode::as_str)),
            plate: text(place.plate.as_ref().map(protocol::words::PlateNo::as_str)),
        }
    }
}

/// One thing that was handled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeedLine {
    /// The number of the item; empty where nobody could name it.
    pub item: String,
    /// Variant, lot, serial, package.
    pub rest: String,
    /// The quantity in `unit`; none where it is not about a quantity.
    pub quantity: Option<Quantity>,
    /// The unit that was counted in.
    pub unit: String,
    /// The quantity in base units.
    pub base: Option<Quantity>,
    /// The barcode as it came from the scanner.
    pub scan: Option<String>,
    /// Where it was.
    pub from: Option<PlaceText>,
    /// Where it is.
    pub to: Option<PlaceText>,
}

/// What an operation says it did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Deed {
    /// Its kind.
    pub kind: String,
    /// Who did it.
    pub operator: Option<OperatorId>,
    /// The document it was done for.
    pub document: Option<DocumentRef>,
    /// What was handled.
    pub lines: Vec<DeedLine>,
    /// A reason or an answer that was given.
    pub note: String,
    /// The evidence around it, of devices.
    pub envelope: Option<Envelope>,
    /// Why the body cannot be read, where it cannot.
    pub unread: Option<OperationError>,
}

/// An operation with everything that lists show of it.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its identity.
    pub operation: OperationId,
    /// The number of its intake record.
    pub no: IntakeNo,
    /// The intake record.
    pub intake: std::sync::Arc<Intake>,
    /// Its current outcome; none while it waits to be judged.
    pub outcome: Option<std::sync::Arc<OutcomeRow>>,
    /// What it says.
    pub deed: Deed,
}

/// The operation in intake record `no`.
pub fn told(view: &dyn Tables, no: IntakeNo) -> Option<Told> {
    let intake = view.row::<Intakes>(&no)?;
    let judged_as = |operation: OperationId| {
        let outcome = view.row::<Outcomes>(&operation).filter(|outcome| outcome.intake == no);
        outcome.map(|outcome| (operation, Some(outcome)))
    };
    // Where its first number stands for another fact, it was judged under the one that it was sent as.
    let sent_as = match &intake.origin {
        Origin::Device { sent_as, .. } => Some(*sent_as),
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => None,
    };
    let first = intake.identity(no);
    let judged = judged_as(first).or_else(|| judged_as(sent_as?));
    let (operation, outcome) = judged.unwrap_or((first, None));
    let deed = deed(view, &intake, outcome.as_deref(), operation);
    Some(Told { operation, no, intake, outcome, deed })
}

/// The operation of this identity, once it is judged.
pub fn told_operation(view: &dyn Tables, operation: OperationId) -> Option<Told> {
    told(view, view.row::<Outcomes>(&operation)?.intake)
}

fn deed(
    view: &dyn Tables,
    intake: &Intake,
    outcome: Option<&OutcomeRow>,
    operation: OperationId,
) -> Deed {
    let mut deed = match &intake.origin {
        Origin::Device { .. } => of_device(&intake.raw),
        Origin::Desk { user, .. } | Origin::Import { user } => {
            Deed { operator: Some(user.clone()), ..Deed::default() }
        }
        Origin::System => Deed::default(),
    };
    if let Some(outcome) = outcome {
        if deed.kind.is_empty() {
            deed.kind.clone_from(&outcome.kind);
        }
        deed.operator = deed.operator.or_else(|| outcome.operator.clone());
    }
    if deed.lines.is_empty() {
        deed.lines = posted_lines(view, operation);
    }
    deed
}

/// What a recorded operation of a device says.
pub fn of_device(content: &[u8]) -> Deed {
    let recorded = match Recorded::from_content(content) {
        Ok(recorded) => recorded,
        Err(error) => return Deed { unread: Some(error), ..Deed::default() },
    };
    let mut deed = Deed {
        kind: recorded.kind.clone(),
        operator: recorded.envelope.operator.clone(),
        document: recorded.envelope.document.clone(),
        ..Deed::default()
    };
    match recorded.decode_body() {
        Ok(body) => read_body(&mut deed, &body),
        Err(error) => deed.unread = Some(error),
    }
    deed.envelope = Some(recorded.envelope);
    deed
}

/// The lines of an operation that has none of its own (a plate with all that is on it, a command
/// of the desk): what was posted for it.
fn posted_lines(view: &dyn Tables, operation: OperationId) -> Vec<DeedLine> {
    const LINES_MAX: usize = 20;
    let Some(posted) = view.row::<PostedBy>(&operation) else { return Vec::new() };
    let entries = posted.warehouse.iter().take(LINES_MAX);
    let entries = entries.filter_map(|entry| view.row::<WarehouseLedger>(entry));
    entries
        .map(|entry| {
            let place = PlaceText {
                location: names::location_code(view, entry.key.location),
                bin: names::bin_code(view, entry.key.bin),
                plate: names::plate_no(view, entry.key.plate),
            };
            let incoming = entry.quantity.is_positive();
            DeedLine {
                item: names::item_no(view, entry.key.item),
                rest: names::tracking(view, entry.key.tracking),
                quantity: Some(entry.quantity.abs()),
                unit: names::base_unit(view, entry.key.item),
                base: Some(entry.quantity.abs()),
                scan: None,
                from: (!incoming).then(|| place.clone()),
                to: incoming.then_some(place),
            }
        })
        .collect()
}

fn line(goods: &Goods, from: Option<&Place>, to: Option<&Place>) -> DeedLine {
    let variant = goods.variant.as_ref().map(ToString::to_string).unwrap_or_default();
    let tracking = names::tracking_text(&goods.tracking);
    let rest = [variant, tracking].into_iter().filter(|part| !part.is_empty());
    DeedLine {
        item: goods.item.to_string(),
        rest: rest.collect::<Vec<_>>().join(" / "),
        quantity: Some(goods.quantity),
        unit: goods.unit.to_string(),
        base: Some(goods.base),
        scan: goods.raw.clone(),
        from: from.map(PlaceText::from),
        to: to.map(PlaceText::from),
    }
}

fn counted(line_: &CountedLine, place: &PlaceText) -> DeedLine {
    let plate = line_.plate.as_ref().map(ToString::to_string).unwrap_or_default();
    let place = PlaceText { plate, ..place.clone() };
    DeedLine { from: Some(place.clone()), to: Some(place), ..line(&line_.goods, None, None) }
}

fn read_body(deed: &mut Deed, body: &Body) {
    deed.lines = match body {
        // Nothing goes anywhere: it was counted where it is.
        Body::Count(count) => vec![line(&count.goods, Some(&count.place), Some(&count.place))],
        Body::CountBin(count) => {
            let place = PlaceText {
                location: count.location.to_string(),
                bin: count.bin.to_string(),
                plate: String::new(),
            };
            if count.lines.is_empty() {
                vec![DeedLine { from: Some(place.clone()), to: Some(place), ..DeedLine::default() }]
            } else {
                count.lines.iter().map(|line| counted(line, &place)).collect()
            }
        }
        Body::Receive(receive) => vec![line(&receive.goods, None, Some(&receive.to))],
        Body::Pick(pick) => {
            deed.note = pick.short.as_ref().map(ToString::to_string).unwrap_or_default();
            vec![line(&pick.goods, Some(&pick.from), pick.to.as_ref())]
        }
        Body::Ship(ship) => vec![line(&ship.goods, Some(&ship.from), None)],
        Body::Move(moved) => vec![line(&moved.goods, Some(&moved.from), Some(&moved.to))],
        Body::MovePlate(moved) => vec![DeedLine {
            rest: moved.plate.to_string(),
            to: Some(PlaceText::from(&moved.to)),
            ..DeedLine::default()
        }],
        Body::TransferShip(ship) => vec![line(&ship.goods, Some(&ship.from), None)],
        Body::TransferReceive(receive) => vec![line(&receive.goods, None, Some(&receive.to))],
        Body::Adjust(adjust) => {
            deed.note = adjust.reason.to_string();
            match adjust.direction {
                Direction::Increase => vec![line(&adjust.goods, None, Some(&adjust.place))],
                Direction::Decrease => vec![line(&adjust.goods, Some(&adjust.place), None)],
            }
        }
        Body::Reclassify(change) => {
            deed.note = names::tracking_text(&change.to_tracking);
            vec![line(&change.goods, Some(&change.place), Some(&change.place))]
        }
        Body::Undo(undo) => {
            deed.note = format!("{}-{}", undo.incarnation, undo.seq);
            Vec::new()
        }
        Body::Unidentified(seen) => vec![DeedLine {
            quantity: Some(seen.quantity),
            scan: Some(seen.raw.clone()),
            to: Some(PlaceText::from(&seen.place)),
            ..DeedLine::default()
        }],
        Body::Answer(answer) => {
            deed.note = answer.answer.to_string();
            Vec::new()
        }
        Body::SignIn(_) | Body::SignOut(_) | Body::Attach(_) | Body::Void(_) => Vec::new(),
    };
}
