//! More than was ordered.

use protocol::quantity::Quantity;

use super::super::act::Act;
use super::super::line;
use super::super::message::Message;
use super::{Checking, Finding};

pub(super) fn check(c: &Checking<'_>, all: &mut Vec<Finding>) {
    let Some(target) = c.slots.item.as_ref().and_then(|_| line::target(c.flow, c.slots, c.world))
    else {
        return;
    };
    let Some(base) = c.base() else { return };
    let row = &target.row;
    let Some(total) = target.done.checked_add(base) else { return };
    if total <= row.quantity || base.is_zero() {
        return;
    }
    let limit = row.quantity.checked_add(row.tolerance).unwrap_or(row.quantity);
    let over = total.checked_sub(row.quantity).unwrap_or(Quantity::ZERO);
    let subject = format!("{}/{}", row.no, row.line);
    if total <= limit {
        let text = Message::new("warn-over-within")
            .quantity("over", over)
            .quantity("allowed", row.tolerance)
            .word("unit", c.unit())
            .word("known", c.knowledge());
        all.push(Finding::warning("over_receipt_within_tolerance", subject, text));
        return;
    }
    let text = Message::new("warn-over-receipt")
        .quantity("ordered", row.quantity)
        .quantity("here", target.done)
        .quantity("limit", limit)
        .quantity("scanned", base)
        .word("unit", c.unit())
        .word("known", c.knowledge());
    let mut finding = Finding::warning("over_receipt", subject, text)
        .choice(Message::new("choice-all-with-hold"), Act::Accept)
        .must_choose();
    if let Some(rest) = limit.checked_sub(target.done).filter(|rest| rest.is_positive()) {
        let text = Message::new("choice-only").quantity("quantity", rest).word("unit", c.unit());
        finding = finding.choice(text, Act::Limit(rest));
    }
    all.push(finding);
}
