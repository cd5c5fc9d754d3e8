//! Documents, tasks and cases.

use ledger::schema::book::{Intakes, Outcomes};
use ledger::schema::case::{CaseState, Cases, TaskState, Tasks};
use ledger::schema::document::{Document, DocumentLines, Documents};
use ledger::schema::place::LocationsByCode;
use ledger::schema::{PlateId, SiteId};
use ledger::tables::Read as _;
use protocol::feed::{CaseRow, DocumentLineRow, DocumentRow, DocumentStatus, StockRow, TaskRow};
use protocol::identity::{CaseId, OperationId, TaskId};
use protocol::operation::{Body, Direction, DocumentKind, Goods, Place, Recorded};
use protocol::quantity::Quantity;
use protocol::text::{Language, sentence};
use protocol::words::DocumentNo;

use super::SiteView;

impl SiteView<'_> {
    /// Only released documents can be worked on; others leave the replica.
    fn is_shown(&self, document: &Document) -> bool {
        let here = self.is_ours(document.location)
            || document.to_location.is_some_and(|location| self.is_ours(location));
        document.status == DocumentStatus::Released && here
    }

    pub(super) fn document(&self, key: &(DocumentKind, DocumentNo)) -> Option<DocumentRow> {
        let document = self.tables.row::<Documents>(key)?;
        if !self.is_shown(&document) {
            return None;
        }
        Some(DocumentRow {
            kind: key.0,
            no: key.1.clone(),
            status: document.status,
            partner: document.partner_name.clone(),
            location: self.location_code(document.location)?,
            to_location: document.to_location.and_then(|location| self.location_code(location)),
            due: document.due,
        })
    }

    pub(super) fn document_line(
        &self,
        key: &(DocumentKind, DocumentNo, u32),
    ) -> Option<DocumentLineRow> {
        let (kind, no, line) = key;
        let document = self.tables.row::<Documents>(&(*kind, no.clone()))?;
        let row = self.tables.row::<DocumentLines>(key)?;
        if !self.is_shown(&document) {
            return None;
        }
        // The receiver of a transfer works on what was shipped; the sender on what was ordered. Where
        // both are of the site, "picked" tells the sender what was shipped.
        let receives = *kind == DocumentKind::TransferOrder
            && document.to_location.is_some_and(|location| self.is_ours(location));
        let (handled, picked) =
            if receives { (row.received, row.handled) } else { (row.handled, row.picked) };
        Some(DocumentLineRow {
            kind: *kind,
            no: no.clone(),
            line: *line,
            item: self.item_no(row.item)?,
            variant: self.variant_code(row.variant),
            unit: match self.unit_code(row.unit) {
                Some(unit) => unit,
                None => self
                    .tables
                    .row::<ledger::schema::item::Items>(&row.item)
                    .map(|item| item.base_unit.clone())?,
            },
            quantity: row.quantity,
            handled,
            picked,
            tolerance: row.tolerance,
            tracking: self.tracking(row.tracking),
            bin: None,
        })
    }

    pub(super) fn task(&self, id: TaskId) -> Option<TaskRow> {
        let task = self.tables.row::<Tasks>(&id)?;
        if task.state != TaskState::Open || !self.is_ours(task.location) {
            return None;
        }
        Some(TaskRow {
            task: id,
            kind: task.kind,
            location: self.location_code(task.location)?,
            bin: self.bin_code(task.bin)?,
            item: task.item.and_then(|item| self.item_no(item)),
            variant: self.variant_code(task.variant),
            plate: if task.plate == PlateId(0) { None } else { self.plate_no(task.plate) },
            assigned: task.assigned.clone(),
            not_by: task.not_by.clone(),
            blind: task.blind,
        })
    }

    /// Only open cases: a decided one has an outcome, which tells the rest.
    pub(super) fn case(&self, id: CaseId) -> Option<CaseRow> {
        let case = self.tables.row::<Cases>(&id)?;
        let here = case.site == self.site || case.site == SiteId(0);
        if !here || case.state != CaseState::Open {
            return None;
        }
        let title = case.reasons.first().map(|reason| sentence(reason, Language::English));
        Some(CaseRow {
            case: id,
            operation: case.operation,
            title: title.unwrap_or_default(),
            effects: if case.parked { self.effects(case.operation) } else { Vec::new() },
            open: true,
        })
    }

    /// What a parked operation would do to the stock of this site, as signed differences. A count
    /// is a statement, not a difference: it has none.
    fn effects(&self, operation: OperationId) -> Vec<StockRow> {
        let body = self
            .tables
            .row::<Outcomes>(&operation)
            .and_then(|outcome| self.tables.row::<Intakes>(&outcome.intake))
            .and_then(|intake| Recorded::from_content(&intake.raw).ok())
            .and_then(|recorded| recorded.decode_body().ok());
        let Some(body) = body else { return Vec::new() };
        legs(&body)
            .into_iter()
            .filter(|(place, _goods, _sign)| self.is_here(place))
            .map(|(place, goods, sign)| effect(&place, goods, sign))
            .collect()
    }

    fn is_here(&self, place: &Place) -> bool {
        self.tables
            .row::<LocationsByCode>(&place.location)
            .is_some_and(|location| self.is_ours(*location))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    In,
    Out,
}

fn legs(body: &Body) -> Vec<(Place, &Goods, Sign)> {
    match body {
        Body::Receive(body) => vec![(body.to.clone(), &body.goods, Sign::In)],
        Body::TransferReceive(body) => vec![(body.to.clone(), &body.goods, Sign::In)],
        Body::Ship(body) => vec![(body.from.clone(), &body.goods, Sign::Out)],
        Body::TransferShip(body) => vec![(body.from.clone(), &body.goods, Sign::Out)],
        Body::Pick(body) => {
            let to = body.to.iter().map(|to| (to.clone(), &body.goods, Sign::In));
            std::iter::once((body.from.clone(), &body.goods, Sign::Out)).chain(to).collect()
        }
        Body::Move(body) => vec![
            (body.from.clone(), &body.goods, Sign::Out),
            (body.to.clone(), &body.goods, Sign::In),
        ],
        Body::Adjust(body) => {
            let sign = match body.direction {
                Direction::Increase => Sign::In,
                Direction::Decrease => Sign::Out,
            };
            vec![(body.place.clone(), &body.goods, sign)]
        }
        Body::Count(_)
        | Body::CountBin(_)
        | Body::MovePlate(_)
        | Body::Reclassify(_)
        | Body::Undo(_)
        | Body::Unidentified(_)
        | Body::Answer(_)
        | Body::SignIn(_)
        | Body::SignOut(_)
        | Body::Attach(_)
        | Body::Void(_) => Vec::new(),
    }
}

fn effect(place: &Place, goods: &Goods, sign: Sign) -> StockRow {
    let quantity = match sign {
        Sign::In => goods.base,
        Sign::Out => goods.base.negated(),
    };
    StockRow {
        location: place.location.clone(),
        bin: place.bin.clone(),
        plate: place.plate.clone(),
        item: goods.item.clone(),
        variant: goods.variant.clone(),
        unit: None,
        tracking: goods.tracking.clone(),
        quantity: Some(quantity),
        held: Quantity::ZERO,
    }
}
