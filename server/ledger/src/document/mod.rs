//! Source documents as far as quantities need them: which line takes what was handled.
//!
//! Attribution follows the order of acceptance and is cumulative: outcomes already shown do not
//! flap, and physical quantities are the same either way (SYNC 4.7).
//!
//! Order of reading: this file (lines and their quantities), [`status`].

pub mod status;

use protocol::operation::{DocumentKind, DocumentRef};
use protocol::quantity::Quantity;
use protocol::words::DocumentNo;

use crate::key::KeyRange;
use crate::posting::{Posting, Stop, add, subtract};
use crate::schema::document::{Document, DocumentLine, DocumentLines, Documents, OnTheWay};
use crate::schema::entry::{LineEffect, LineField};
use crate::schema::{ItemId, TrackingId, VariantId};
use crate::tables::Read as _;

/// A document by kind and number.
pub type DocumentKey = (DocumentKind, DocumentNo);

/// A part of what was handled, and the line that takes it; none: no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// The line.
    pub line: Option<u32>,
    /// How much, above zero.
    pub quantity: Quantity,
}

/// How what was handled is spread over the lines of its document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attribution {
    /// The portions, those with a line first.
    pub portions: Vec<Portion>,
    /// Beyond what was ordered, within the tolerance.
    pub within_tolerance: Quantity,
    /// No line takes it.
    pub surplus: Quantity,
    /// Whether the document has a line for these goods at all.
    pub on_document: bool,
}

/// The goods that lines are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The item.
    pub item: ItemId,
    /// The variant, or none.
    pub variant: VariantId,
    /// Lot, serial, package.
    pub tracking: TrackingId,
}

/// The quantity of `field` of a line.
pub const fn field_of(line: &DocumentLine, field: LineField) -> Quantity {
    match field {
        LineField::Handled => line.handled,
        LineField::Picked => line.picked,
        LineField::Received => line.received,
    }
}

impl Posting<'_, '_> {
    /// The header of the document that `reference` names.
    pub(crate) fn document(&self, reference: &DocumentRef) -> Option<Document> {
        let key = (reference.kind, reference.no.clone());
        self.draft.row::<Documents>(&key).map(|row| (*row).clone())
    }

    /// All lines of a document.
    pub(crate) fn lines_of(&self, (kind, no): &DocumentKey) -> Vec<(u32, DocumentLine)> {
        self.draft
            .list::<DocumentLines>(&KeyRange::prefix(&(*kind, no.clone())))
            .into_iter()
            .map(|((_kind, _no, line), row)| (line, (*row).clone()))
            .collect()
    }

    /// The lines for these goods: the one that was named first, then those that fix the tracking
    /// key, then the rest.
    pub(crate) fn lines_for(
        &self,
        reference: &DocumentRef,
        wanted: Wanted,
    ) -> Vec<(u32, DocumentLine)> {
        let mut lines: Vec<_> = self
            .lines_of(&(reference.kind, reference.no.clone()))
            .into_iter()
            .filter(|(_no, line)| {
                line.item == wanted.item
                    && line.variant == wanted.variant
                    && (line.tracking.0 == 0 || line.tracking == wanted.tracking)
            })
            .collect();
        lines.sort_by_key(|(no, line)| (Some(*no) != reference.line, line.tracking.0 == 0, *no));
        lines
    }

    /// Spreads `quantity` over the lines for these goods: first what is outstanding on each, then
    /// what `tolerance` says of each; the rest is surplus.
    pub(crate) fn attribute(
        &self,
        reference: &DocumentRef,
        wanted: Wanted,
        (field, quantity): (LineField, Quantity),
        room: impl Fn(&DocumentLine) -> Result<(Quantity, Quantity), Stop>,
    ) -> Result<Attribution, Stop> {
        let lines = self.lines_for(reference, wanted);
        let mut result = Attribution { on_document: !lines.is_empty(), ..Attribution::default() };
        let mut rest = quantity;
        let mut taken = vec![Quantity::ZERO; lines.len()];
        for pass in [Pass::Outstanding, Pass::Tolerance] {
            for ((_no, line), taken) in lines.iter().zip(&mut taken) {
                let (ordered, with_tolerance) = room(line)?;
                let limit = match pass {
                    Pass::Outstanding => ordered,
                    Pass::Tolerance => with_tolerance,
                };
                let used = add(field_of(line, field), *taken)?;
                let part = subtract(limit, used)?.min(rest);
                if !part.is_positive() {
                    continue;
                }
                *taken = add(*taken, part)?;
                rest = subtract(rest, part)?;
                if pass == Pass::Tolerance {
                    result.within_tolerance = add(result.within_tolerance, part)?;
                }
            }
        }
        for ((no, _line), taken) in lines.iter().zip(taken) {
            if taken.is_positive() {
                result.portions.push(Portion { line: Some(*no), quantity: taken });
            }
        }
        result.surplus = rest;
        Ok(result)
    }

    /// What was shipped on a transfer line under a tracking key and is not received.
    pub(crate) fn on_the_way(&self, no: &DocumentNo, line: u32, tracking: TrackingId) -> Quantity {
        self.draft
            .row::<OnTheWay>(&(no.clone(), line, tracking))
            .map_or(Quantity::ZERO, |quantity| *quantity)
    }

    /// Adds to what is on its way.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub(crate) fn change_on_the_way(
        &mut self,
        (no, line, tracking): (&DocumentNo, u32, TrackingId),
        delta: Quantity,
    ) -> Result<(), Stop> {
        let quantity = add(self.on_the_way(no, line, tracking), delta)?;
        let key = (no.clone(), line, tracking);
        if quantity.is_zero() {
            self.draft.delete::<OnTheWay>(&key);
        } else {
            self.draft.put::<OnTheWay>(&key, quantity);
        }
        self.posted.on_the_way.push((no.clone(), line, tracking, delta));
        Ok(())
    }

    /// Adds to a quantity of a line, and closes or opens the document as that leaves it.
    ///
    /// # Errors
    ///
    /// [`Stop::Overflow`].
    pub(crate) fn add_to_line(
        &mut self,
        (kind, no): &DocumentKey,
        line: u32,
        field: LineField,
        quantity: Quantity,
    ) -> Result<(), Stop> {
        self.change_line((kind, no), line, field, quantity)?;
        let (kind, no) = (*kind, no.clone());
        self.posted.lines.push(LineEffect { kind, no, line, field, quantity });
        Ok(())
    }

    /// [`Posting::add_to_line`] without remembering it for an undo.
    pub(crate) fn change_line(
        &mut self,
        (kind, no): (&DocumentKind, &DocumentNo),
        line: u32,
        field: LineField,
        quantity: Quantity,
    ) -> Result<(), Stop> {
        let key = (*kind, no.clone(), line);
        let Some(row) = self.draft.row::<DocumentLines>(&key) else { return Ok(()) };
        let mut row = (*row).clone();
        let value = match field {
            LineField::Handled => &mut row.handled,
            LineField::Picked => &mut row.picked,
            LineField::Received => &mut row.received,
        };
        *value = add(*value, quantity)?;
        row.written = self.written();
        self.draft.put::<DocumentLines>(&key, row);
        self.follow_line(&(*kind, no.clone()), line);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Outstanding,
    Tolerance,
}
