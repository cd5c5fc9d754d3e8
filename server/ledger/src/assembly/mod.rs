//! What orders make out of items and capacity: assembly, and production as far as cost needs it
//! (COSTING 14, 15).
//!
//! An order knows the entries that it used and made. Whenever one of them changes its cost, the order is
//! marked, and its output is valued anew: cost flows from components to outputs, and on from there.
//!
//! Not here: planning, routings.
//!
//! Order of reading: [`post`] (postings), [`capacity`], [`adjust`] (the level of the order),
//! [`standard`] (bills of materials, rolled up).

pub mod adjust;
pub mod capacity;
pub mod post;
pub mod standard;

pub(crate) use adjust::adjust;

use protocol::words::DocumentNo;

use crate::costing::item_cost;
use crate::posting::Posting;
use crate::schema::money::{OrderKind, OrderRef, ValueEntry};
use crate::schema::order::{OrderPlace, OrderPlaces, OrderRow, Orders};
use crate::schema::{ItemId, LocationId};
use crate::tables::{Read as _, Tables};

/// The kind of order with that number in keys.
pub(crate) const fn kind_of(number: u8) -> Option<OrderKind> {
    match number {
        1 => Some(OrderKind::Assembly),
        2 => Some(OrderKind::Production),
        _ => None,
    }
}

/// Whether an order's output follows its cost now: an assembly always, a production order when it is
/// finished.
pub(crate) fn is_adjustable(kind: OrderKind, row: &OrderRow) -> bool {
    match kind {
        OrderKind::Assembly => true,
        OrderKind::Production => row.finished,
    }
}

/// Where the work in process of a value entry lies: at the location of its production order's line, in the
/// group of what that makes (COSTING 17.4), not of the component. Without an order, where the value is.
pub fn wip_place(tables: &(impl Tables + ?Sized), value: &ValueEntry) -> (LocationId, String) {
    let place = match &value.order {
        Some((OrderKind::Production, no)) => {
            tables.row::<OrderPlaces>(&(OrderKind::Production.number(), no.clone()))
        }
        _ => None,
    };
    match place {
        Some(place) => (place.location, item_cost(tables, place.item).inventory_group.clone()),
        None => (value.location, value.inventory_group.clone()),
    }
}

impl Posting<'_, '_> {
    /// The first posting of a production order that nobody told of says where its work in process lies.
    pub(crate) fn place_order(
        &mut self,
        (kind, no): &OrderRef,
        (item, location): (ItemId, LocationId),
    ) {
        let key = (kind.number(), no.clone());
        if *kind == OrderKind::Production && !self.draft.has::<OrderPlaces>(&key) {
            self.draft.put::<OrderPlaces>(&key, OrderPlace { item, location });
        }
    }

    /// What an order used and made so far.
    pub(crate) fn order_row(&self, (kind, no): &OrderRef) -> OrderRow {
        self.draft
            .row::<Orders>(&(kind.number(), no.clone()))
            .map(|row| (*row).clone())
            .unwrap_or_default()
    }

    /// Keeps what an order used and made.
    pub(crate) fn put_order(&mut self, (kind, no): &(OrderKind, DocumentNo), row: OrderRow) {
        self.draft.put::<Orders>(&(kind.number(), no.clone()), row);
    }
}
