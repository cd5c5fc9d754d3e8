//! What came on one truck: the orders that goods arrived for, and how their lines stand when
//! somebody says that the truck is finished.
//!
//! It is a summary for the person, nothing is recorded by it: what is short stays open on its order,
//! for the next truck or for the desk to close.
//!
//! Whoever does not say that a truck is finished has finished it all the same when nothing arrived for
//! [`PAUSE_US`]: what comes on another day came on another truck.

use protocol::feed::DocumentLineRow;
use protocol::identity::OperationId;
use protocol::operation::{Body, DocumentKind, DocumentRef, Goods};
use protocol::quantity::Quantity;
use protocol::words::{DocumentNo, ItemNo, VariantCode};

use super::body::Ready;
use super::flow::Flow;
use super::line::{self, Target};
use super::message::Message;
use super::slots::{Paper, Slots};
use super::world::World;

/// So long after the last arrival a truck is gone, in microseconds. No one unloads with such a pause.
const PAUSE_US: u64 = 8 * HOUR_US;
const HOUR_US: u64 = 3_600_000_000;

/// Goods that were received, under the name of their operation once they are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrival {
    name: Option<OperationId>,
    document: Option<DocumentRef>,
    item: ItemNo,
    variant: Option<VariantCode>,
    base: Quantity,
    /// When it was recorded, on the monotonic clock of the boot.
    mono_us: u64,
}

impl Arrival {
    fn of(ready: &Ready) -> Option<Self> {
        let goods: &Goods = match &ready.body {
            Body::Receive(body) => &body.goods,
            Body::TransferReceive(body) => &body.goods,
            _ => return None,
        };
        Some(Self {
            name: None,
            document: ready.document.clone(),
            item: goods.item.clone(),
            variant: goods.variant.clone(),
            base: goods.base,
            mono_us: 0,
        })
    }
}

/// Everything that arrived since the last truck was finished.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Truck {
    arrived: Vec<Arrival>,
    handed_out: Vec<Arrival>,
}

/// A line of an order that is not as ordered, and by how much.
enum Difference {
    Short(Quantity),
    Over(Quantity),
}

impl Truck {
    /// These operations are about to be recorded.
    pub(super) fn hand_out(&mut self, ready: &[Ready]) {
        self.handed_out = ready.iter().filter_map(Arrival::of).collect();
    }

    /// What arrived on the truck that stands here.
    fn here(&self, world: &World<'_>) -> &[Arrival] {
        match self.arrived.last() {
            Some(last) if world.mono_us.saturating_sub(last.mono_us) < PAUSE_US => &self.arrived,
            Some(_) | None => &[],
        }
    }

    /// When its first goods came, in whole hours before now; none where that is less than one.
    pub(super) fn hours(&self, world: &World<'_>) -> Option<u64> {
        let first = self.here(world).first()?;
        let hours = world.mono_us.saturating_sub(first.mono_us) / HOUR_US;
        (hours > 0).then_some(hours)
    }

    /// What was handed out is on disk under these names. After a long pause it begins another truck.
    pub(super) fn recorded(&mut self, names: &[OperationId], world: &World<'_>) {
        if self.here(world).is_empty() {
            self.arrived.clear();
        }
        let mono_us = world.mono_us;
        let named = std::mem::take(&mut self.handed_out).into_iter().zip(names);
        self.arrived.extend(named.map(|(arrival, name)| Arrival {
            name: Some(*name),
            mono_us,
            ..arrival
        }));
    }

    /// What was recorded under these names was taken back.
    pub(super) fn undone(&mut self, names: &[OperationId]) {
        self.arrived.retain(|arrival| arrival.name.is_none_or(|name| !names.contains(&name)));
    }

    /// Whether there is a truck to finish: goods arrived, or an order is open.
    pub(super) fn is_there(&self, slots: &Slots, world: &World<'_>) -> bool {
        !self.here(world).is_empty() || matches!(slots.paper, Some(Paper::Of(..)))
    }

    /// Every line that is short or over, by order, then what was on no order. Base units.
    pub(super) fn lines(&self, flow: Flow, slots: &Slots, world: &World<'_>) -> Vec<Message> {
        let mut all = Vec::new();
        for (kind, no) in self.orders(slots, world) {
            for target in line::all_of(flow, (kind, &no), world) {
                all.extend(line_text(&target, world));
            }
        }
        let mut loose: Vec<(&ItemNo, &Option<VariantCode>, Quantity)> = Vec::new();
        for arrival in self.here(world).iter().filter(|arrival| !is_ordered(arrival, world)) {
            let known = loose
                .iter_mut()
                .find(|(item, variant, _)| **item == arrival.item && **variant == arrival.variant);
            match known {
                Some((_, _, sum)) => *sum = sum.checked_add(arrival.base).unwrap_or(*sum),
                None => loose.push((&arrival.item, &arrival.variant, arrival.base)),
            }
        }
        all.extend(loose.into_iter().map(|(item, _variant, base)| {
            Message::new("line-unordered")
                .word("item", world.item_name(item))
                .quantity("quantity", base)
                .word("unit", world.base_word(item))
        }));
        all
    }

    /// The orders that goods arrived for, and the one that is open, each once.
    fn orders(&self, slots: &Slots, world: &World<'_>) -> Vec<(DocumentKind, DocumentNo)> {
        let arrived = self.here(world).iter().filter_map(|arrival| arrival.document.as_ref());
        let open = match &slots.paper {
            Some(Paper::Of(kind, no)) => Some((*kind, no.clone())),
            Some(Paper::Unordered) | None => None,
        };
        let mut orders: Vec<(DocumentKind, DocumentNo)> = Vec::new();
        for order in arrived.map(|of| (of.kind, of.no.clone())).chain(open) {
            if !orders.contains(&order) {
                orders.push(order);
            }
        }
        orders
    }
}

fn is_ordered(arrival: &Arrival, world: &World<'_>) -> bool {
    let Some(document) = &arrival.document else { return false };
    let rows = world.catalogue.lines(document.kind, document.no.as_str());
    let fits = |row: &DocumentLineRow| row.item == arrival.item && row.variant == arrival.variant;
    rows.iter().any(fits)
}

fn difference(target: &Target) -> Option<Difference> {
    let left = target.row.quantity.checked_sub(target.done)?;
    if left.is_positive() {
        return Some(Difference::Short(left));
    }
    let over = target.done.checked_sub(target.row.quantity)?;
    over.is_positive().then_some(Difference::Over(over))
}

fn line_text(target: &Target, world: &World<'_>) -> Option<Message> {
    let (text, quantity) = match difference(target)? {
        Difference::Short(quantity) => ("line-short", quantity),
        Difference::Over(quantity) => ("line-over", quantity),
    };
    let row = &target.row;
    let message = Message::new(text)
        .word("no", &row.no)
        .word("item", world.item_name(&row.item))
        .quantity("quantity", quantity)
        .quantity("ordered", row.quantity)
        .word("unit", world.base_word(&row.item));
    Some(message)
}
