//! The operations of a case side by side: who did what, when, how sure that is, and when it came in.

use ledger::conflict::destroyed;
use ledger::schema::case::Case;
use ledger::tables::Tables;
use maud::{Markup, html};
use protocol::code::Code;
use protocol::identity::OperationId;

use super::context::PageContext;
use super::deed::{Told, told_operation};
use super::format;
use super::names;
use super::page::register;
use super::part::{self, Tone};
use super::sightings;

/// Operations that are shown.
const SHOWN_MAX: usize = 20;

/// The other operations of a case. A serial that is there already came in by one of them; one that was
/// destroyed stood between two.
pub fn others(view: &dyn Tables, case: &Case) -> Vec<OperationId> {
    let code = case.reasons.first().map(|reason| &reason.code);
    if case.others.is_empty() && code == Some(&Code::SerialAlreadyInStock) {
        return sightings::arrivals(view, case);
    }
    if destroyed::is_about(view, case) {
        return destroyed::neighbours(view, case.operation);
    }
    case.others.clone()
}

/// The operation of the case and the others that are part of it, by the time of the act; nothing where
/// there is only one.
pub fn side_by_side(view: &dyn Tables, context: &PageContext, case: &Case) -> Markup {
    let mut all: Vec<OperationId> = vec![case.operation];
    all.extend(others(view, case).into_iter().filter(|other| *other != case.operation));
    if all.len() < 2 {
        return html! {};
    }
    let mut told: Vec<Told> =
        all.into_iter().take(SHOWN_MAX).filter_map(|id| told_operation(view, id)).collect();
    told.sort_by_key(|told| (told.intake.timing.tau, told.operation));
    html! {
        h2 id="beside" { (context.t("beside")) }
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &[
                    "done-at", "device", "person", "act", "item", "quantity", "from-to",
                    "received-at", "outcome",
                ]))
                tbody { @for told in &told { (row(view, context, told, told.operation == case.operation)) } }
            }
        }
    }
}

fn row(view: &dyn Tables, context: &PageContext, told: &Told, is_this: bool) -> Markup {
    let timing = &told.intake.timing;
    let line = told.deed.lines.first();
    html! {
        tr class=[is_this.then_some("this")] {
            td {
                (format::instant(context, timing.tau)) " " (format::error(context, timing.epsilon_us))
                @if timing.uncertain { " " (part::badge(Tone::Warn, &context.t("clock-uncertain"))) }
            }
            td { (names::device_link(view, context, told.operation.device)) }
            td { (names::person_if_any(view, told.deed.operator.as_ref())) }
            td { (context.word("kind", &told.deed.kind)) " " (names::operation_link(told.operation)) }
            td { (register::goods(line)) }
            td class="number" { (register::quantity(context, line)) }
            td { (register::way(line)) }
            td { (format::instant(context, told.intake.received)) }
            td { (register::outcome(context, told)) }
        }
    }
}
