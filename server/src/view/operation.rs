//! The register of operations: what was done, when, by whom, and what became of it.

use std::sync::Arc;

use ledger::conflict::revisions;
use ledger::key::{Key as _, KeyRange};
use ledger::schema::book::{Intake, Intakes, OperationsByTime, Origin, OutcomeRow, Outcomes};
use ledger::schema::identity::Devices;
use ledger::tables::{Read as _, Tables};
use protocol::identity::{DeviceId, Lsn, OperationId, ServerTime};
use protocol::operation::{Body, DocumentRef, Goods, Place, Recorded};
use protocol::outcome::{Change, Decision, Reason, Settlement};
use protocol::text::{self, Language};
use serde::{Deserialize, Serialize};

use super::page::{Page, PageQuery, descending};

/// A reason, rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonView {
    /// The code.
    pub code: String,
    /// What is so, as a sentence.
    pub message: String,
    /// What to do, as a sentence.
    pub next_step: String,
}

/// Reasons in the reader's language.
pub fn reasons(reasons: &[Reason], language: Language) -> Vec<ReasonView> {
    let view = |reason: &Reason| ReasonView {
        code: reason.code.as_str().to_owned(),
        message: text::sentence(reason, language),
        next_step: text::next_step(reason, language),
    };
    reasons.iter().map(view).collect()
}

/// What an operation was about, in codes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// The item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// How much, in `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// The unit that was counted in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Lot, serial, package, as `L …`, `S …`, `P …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracking: Option<String>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// To where; for counts: where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The document, as `kind number` or `kind number/line`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// An operation in the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationView {
    /// Its identity: device, incarnation, sequence.
    pub operation: String,
    /// Its kind.
    pub kind: String,
    /// When it was done, in server time (microseconds since 1970).
    pub tau: ServerTime,
    /// Half the width of the interval of that instant, in microseconds.
    pub epsilon_us: u64,
    /// The clock of its boot was not bracketed.
    pub uncertain: bool,
    /// When it was received.
    pub received: Option<ServerTime>,
    /// The device; none for desks and the system.
    pub device: Option<String>,
    /// Who did it.
    pub operator: Option<String>,
    /// What it was about.
    pub summary: Summary,
    /// What became of it.
    pub decision: Decision,
    /// 1 for the first outcome; more when it was restated.
    pub revision: u32,
    /// The decision's place in the log.
    pub lsn: Lsn,
    /// Why.
    pub reasons: Vec<ReasonView>,
    /// What was booked differently.
    pub changes: Vec<ChangeView>,
    /// For counts.
    pub settlement: Option<Settlement>,
    /// The case that was opened.
    pub case: Option<u64>,
}

/// A field that was booked differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeView {
    /// The field.
    pub field: String,
    /// As entered.
    pub from: String,
    /// As booked.
    pub to: String,
}

impl From<&Change> for ChangeView {
    fn from(change: &Change) -> Self {
        Self { field: change.field.clone(), from: change.from.clone(), to: change.to.clone() }
    }
}

/// Which operations are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct OperationFilter {
    /// Of this device.
    #[serde(default)]
    pub device: Option<u32>,
    /// Of this person.
    #[serde(default)]
    pub operator: Option<String>,
    /// Of this kind.
    #[serde(default)]
    pub kind: Option<String>,
    /// With this decision: `accepted`, `changed`, `duplicate`, `parked`, `refused`.
    #[serde(default)]
    pub decision: Option<Decision>,
    /// Done before this instant (microseconds since 1970).
    #[serde(default)]
    pub before: Option<i64>,
    /// Done at or after this instant.
    #[serde(default)]
    pub since: Option<i64>,
}

impl OperationFilter {
    fn fits(&self, id: OperationId, row: &OutcomeRow) -> bool {
        self.device.is_none_or(|device| id.device == DeviceId(device))
            && self.kind.as_ref().is_none_or(|kind| *kind == row.kind)
            && self.decision.is_none_or(|decision| decision == row.outcome.decision)
            && self.operator.as_ref().is_none_or(|wanted| {
                row.operator.as_ref().is_some_and(|operator| operator.as_str() == wanted)
            })
    }
}

/// Operations, the latest act first.
pub fn register(
    tables: &dyn Tables,
    filter: &OperationFilter,
    query: &PageQuery,
    language: Language,
) -> Page<OperationView> {
    let mut range = KeyRange::all();
    if let Some(since) = filter.since {
        range.from = ServerTime(since).to_bytes();
    }
    if let Some(before) = filter.before {
        range.to = ServerTime(before).to_bytes();
    }
    descending::<OperationsByTime, _>(tables, range, query, |(_tau, id), _written| {
        let row = tables.row::<Outcomes>(&id)?;
        filter.fits(id, &row).then(|| view(tables, id, &row, language))
    })
}

/// An operation, every outcome it ever had (the first first), and nothing when it is unknown.
pub fn with_revisions(
    tables: &dyn Tables,
    id: OperationId,
    language: Language,
) -> Vec<OperationView> {
    let rows = revisions(tables, id);
    rows.into_iter().map(|row| view(tables, id, &row, language)).collect()
}

/// An operation as the register shows it.
pub fn view(
    tables: &dyn Tables,
    id: OperationId,
    row: &OutcomeRow,
    language: Language,
) -> OperationView {
    let intake = tables.row::<Intakes>(&row.intake);
    let outcome = &row.outcome;
    OperationView {
        operation: id.to_string(),
        kind: row.kind.clone(),
        tau: outcome.tau,
        epsilon_us: outcome.epsilon_us,
        uncertain: outcome.uncertain,
        received: intake.as_ref().map(|intake| intake.received),
        device: device_name(tables, id.device),
        operator: row.operator.as_ref().map(ToString::to_string),
        summary: intake.as_ref().map(summary).unwrap_or_default(),
        decision: outcome.decision,
        revision: outcome.revision,
        lsn: outcome.lsn,
        reasons: reasons(&outcome.reasons, language),
        changes: outcome.changes.iter().map(ChangeView::from).collect(),
        settlement: outcome.settlement,
        case: outcome.case.map(|case| case.0),
    }
}

/// What people call a device; none for the server itself.
pub fn device_name(tables: &dyn Tables, id: DeviceId) -> Option<String> {
    if id == DeviceId(0) {
        return None;
    }
    let row = tables.row::<Devices>(&id);
    Some(row.map_or_else(|| format!("device {id}"), |row| row.name.clone()))
}

fn summary(intake: &Arc<Intake>) -> Summary {
    match &intake.origin {
        Origin::Device { .. } => {
            let Ok(recorded) = Recorded::from_content(&intake.raw) else {
                return Summary::default();
            };
            let document = recorded.envelope.document.as_ref().map(document_text);
            let body = recorded.decode_body().map(|body| summary_of(&body)).unwrap_or_default();
            Summary { document, ..body }
        }
        Origin::Desk { .. } | Origin::Import { .. } | Origin::System => Summary::default(),
    }
}

/// A document as people write it.
pub fn document_text(document: &DocumentRef) -> String {
    let kind = super::document::kind_word(document.kind);
    match document.line {
        None => format!("{kind} {}", document.no),
        Some(line) => format!("{kind} {}/{line}", document.no),
    }
}

/// A place as people write it: `MAIN A-01 (LPN 7)`.
pub fn place_text(place: &Place) -> String {
    let mut text = place.location.to_string();
    if let Some(bin) = &place.bin {
        text = format!("{text} {bin}");
    }
    match &place.plate {
        Some(plate) => format!("{text} (LPN {plate})"),
        None => text,
    }
}

fn of_goods(goods: &Goods, from: Option<&Place>, to: Option<&Place>) -> Summary {
    let tracking = &goods.tracking;
    let parts = [
        tracking.lot.as_ref().map(|lot| format!("L {lot}")),
        tracking.serial.as_ref().map(|serial| format!("S {serial}")),
        tracking.package.as_ref().map(|package| format!("P {package}")),
    ];
    let tracking: Vec<_> = parts.into_iter().flatten().collect();
    Summary {
        item: Some(goods.item.to_string()),
        quantity: Some(goods.quantity.to_string()),
        unit: Some(goods.unit.to_string()),
        tracking: Some(tracking.join(" ")).filter(|text| !text.is_empty()),
        from: from.map(place_text),
        to: to.map(place_text),
        document: None,
    }
}

fn summary_of(body: &Body) -> Summary {
    match body {
        Body::Count(count) => of_goods(&count.goods, None, Some(&count.place)),
        Body::CountBin(count) => Summary {
            to: Some(format!("{} {}", count.location, count.bin)),
            quantity: Some(count.lines.len().to_string()),
            unit: Some("lines".to_owned()),
            ..Summary::default()
        },
        Body::Receive(receive) => of_goods(&receive.goods, None, Some(&receive.to)),
        Body::Pick(pick) => of_goods(&pick.goods, Some(&pick.from), pick.to.as_ref()),
        Body::Ship(ship) => of_goods(&ship.goods, Some(&ship.from), None),
        Body::Move(moved) => of_goods(&moved.goods, Some(&moved.from), Some(&moved.to)),
        Body::MovePlate(moved) => Summary {
            item: Some(format!("LPN {}", moved.plate)),
            to: Some(place_text(&moved.to)),
            ..Summary::default()
        },
        Body::TransferShip(ship) => of_goods(&ship.goods, Some(&ship.from), None),
        Body::TransferReceive(receive) => of_goods(&receive.goods, None, Some(&receive.to)),
        Body::Adjust(adjust) => of_goods(&adjust.goods, None, Some(&adjust.place)),
        Body::Reclassify(change) => of_goods(&change.goods, Some(&change.place), None),
        Body::Undo(undo) => Summary {
            item: Some(format!("operation {}-{}", undo.incarnation, undo.seq)),
            ..Summary::default()
        },
        Body::Unidentified(found) => Summary {
            item: Some(found.raw.clone()),
            quantity: Some(found.quantity.to_string()),
            to: Some(place_text(&found.place)),
            ..Summary::default()
        },
        Body::Answer(answer) => {
            Summary { item: Some(answer.answer.to_string()), ..Summary::default() }
        }
        Body::SignIn(_) | Body::SignOut(_) | Body::Attach(_) | Body::Void(_) => Summary::default(),
    }
}

/// Reads `device-incarnation-sequence`.
pub fn parse_id(text: &str) -> Option<OperationId> {
    let mut parts = text.split('-');
    let device = parts.next()?.parse().ok()?;
    let incarnation = parts.next()?.parse().ok()?;
    let seq = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(OperationId {
        device: DeviceId(device),
        incarnation: protocol::identity::Incarnation(incarnation),
        seq: protocol::identity::Seq(seq),
    })
}
