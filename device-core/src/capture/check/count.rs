//! A count accepts what is seen. Nothing here may tell what the book says, not even by its silence:
//! a blind count has no check that reads a quantity.

use protocol::quantity::Quantity;

use super::super::act::Act;
use super::super::flow::{Flow, Side};
use super::super::message::Message;
use super::super::world::sum;
use super::{Checking, Finding};

pub(super) fn check(c: &Checking<'_>, all: &mut Vec<Finding>) {
    if c.slots.moved_meanwhile {
        let bin = c.slots.bin(Side::From).map_or("", |bin| bin.as_str());
        let text = Message::new("warn-moved-meanwhile").word("bin", bin);
        all.push(
            Finding::warning("moved_meanwhile", bin, text)
                .choice(Message::new("choice-in-figure"), Act::InFigure)
                .choice(Message::new("choice-start-again"), Act::StartAgain)
                .must_choose(),
        );
    }
    if c.flow == Flow::Count && c.slots.closing && c.may_tell() {
        second_count(c, all);
    }
}

/// In an open count, a difference beyond the item's threshold is counted twice. The person hears
/// neither the direction nor the amount.
fn second_count(c: &Checking<'_>, all: &mut Vec<Finding>) {
    let Some(item) = c.item() else { return };
    let Some(threshold) = item.second_count_from else { return };
    let rows = c.world.rows_in(c.slots, c.slots.bin(Side::From));
    let (Some(base), Some(known)) = (c.base(), sum(&rows)) else { return };
    let difference = base.checked_sub(known).map_or(Quantity::ZERO, Quantity::abs);
    if difference >= threshold {
        let text = Message::new("warn-count-again").word("item", c.world.item_name(&item.item));
        all.push(
            Finding::warning("count_again", &item.item, text)
                .choice(Message::new("choice-count-again"), Act::CountAgain)
                .must_choose(),
        );
    }
}
