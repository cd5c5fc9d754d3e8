//! What a device recorded twice under one number, since an old copy of its store was used (CONFLICTS
//! 41): what each store said, and the last operation that both have.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::book::{Forks, Outcomes};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::identity::{DeviceId, Incarnation, OperationId, Seq};

use super::register;
use crate::dashboard::context::PageContext;
use crate::dashboard::deed::told_operation;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part;

/// Pairs that a page shows; more are counted.
const SHOWN_MAX: usize = 100;
/// Pairs that are counted.
const COUNTED_MAX: usize = 1_000;

/// A number that was used twice: what was known under it first, and the name that the other fact was
/// judged under.
type Pair = (OperationId, OperationId);

fn pairs(view: &dyn Tables, device: DeviceId) -> Vec<Pair> {
    let mut pairs = Vec::new();
    each_of::<Forks>(
        view,
        &KeyRange::prefix(&device),
        false,
        &mut |(first, _hash): (OperationId, [u8; 16]), known_as: Arc<OperationId>| {
            pairs.push((first, *known_as));
            if pairs.len() < COUNTED_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        },
    );
    pairs
}

/// How many numbers `device` has used twice; counted up to a thousand.
pub(super) fn n_forks(view: &dyn Tables, device: DeviceId) -> usize {
    pairs(view, device).len()
}

/// The numbers that `device` has used twice; nothing where there are none.
pub(super) fn of_device(view: &dyn Tables, context: &PageContext, device: DeviceId) -> Markup {
    let pairs = pairs(view, device);
    if pairs.is_empty() {
        return html! {};
    }
    html! {
        h2 { (context.t("forks")) }
        p { (context.t("forks-text")) }
        @for common in last_common(view, &pairs) {
            p { (context.t("forks-common")) " " (operation(view, context, common)) }
        }
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &["number", "forks-first", "forks-second"]))
                tbody { @for (first, second) in pairs.iter().take(SHOWN_MAX) {
                    tr data-row {
                        td class="number" { (first.seq) }
                        td { (operation(view, context, *first)) }
                        td { (operation(view, context, *second)) }
                    }
                } }
            }
        }
        @if pairs.len() > SHOWN_MAX {
            p class="muted" { (context.say("and-more", &[("n", &(pairs.len() - SHOWN_MAX).to_string())])) }
        }
    }
}

/// The operation before the first number that was used twice, of each store that was copied, as far as
/// it is known.
fn last_common(view: &dyn Tables, pairs: &[Pair]) -> Vec<OperationId> {
    let mut lowest: BTreeMap<Incarnation, OperationId> = BTreeMap::new();
    for (first, _second) in pairs {
        let known = lowest.entry(first.incarnation).or_insert(*first);
        *known = (*known).min(*first);
    }
    let before =
        |first: OperationId| OperationId { seq: Seq(first.seq.0.saturating_sub(1)), ..first };
    lowest.into_values().map(before).filter(|last| view.has::<Outcomes>(last)).collect()
}

/// An operation in a line: when, what, where, how much, and what became of it. Its number alone where
/// nothing more is to be had.
fn operation(view: &dyn Tables, context: &PageContext, id: OperationId) -> Markup {
    let Some(told) = told_operation(view, id) else { return names::operation_link(id) };
    let first = told.deed.lines.first();
    html! {
        a href=(names::operation_address(id)) { (format::instant(context, told.intake.timing.tau)) } " "
        (context.word("kind", &told.deed.kind)) " "
        (register::goods(first)) " " (register::quantity(context, first)) " "
        (register::way(first)) " "
        span class="muted" { (names::person_if_any(view, told.deed.operator.as_ref())) } " "
        (register::outcome(context, &told))
    }
}
