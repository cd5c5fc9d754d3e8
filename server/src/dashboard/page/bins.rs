//! Bins: the list, and one bin with what lies in it.

use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::key::KeyRange;
use ledger::schema::place::{Bin, Bins, BinsByCode, LocationsByCode, Plates, PlatesByBin};
use ledger::schema::stock::Stocks;
use ledger::schema::{BinId, LocationId, PlateId, StockKey};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::feed::BinKind;
use protocol::words::{BinCode, LocationCode};

use super::register::{contains, rows_wanted};
use super::stock::{key_table, location_choices, stale_note, unsent_by_site, wanted_location};
use super::{Missing, Page, PageResult, Section, items};
use crate::dashboard::context::PageContext;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone, code, fact};
use crate::dashboard::query::Query;

/// Bins that one request looks at.
const EXAMINED_MAX: usize = 100_000;
/// Stock keys and plates of one bin that its page lists.
const LISTED_MAX: usize = 500;

fn kind(context: &PageContext, kind: BinKind) -> String {
    context.t(match kind {
        BinKind::Storage => "bin-storage",
        BinKind::Receipt => "bin-receipt",
        BinKind::Shipment => "bin-shipment",
        BinKind::Question => "bin-question",
        BinKind::Missing => "bin-missing",
        BinKind::Cart => "bin-cart",
        BinKind::Quarantine => "bin-quarantine",
        BinKind::Transit => "bin-transit",
        BinKind::Adjustment => "bin-adjustment",
    })
}

/// All bins.
pub fn list_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let wanted = rows_wanted(query);
    let range = match wanted_location(view, query) {
        None => KeyRange::all(),
        Some(location) => KeyRange::prefix(&location),
    };
    let (mut rows, mut examined, mut has_more) = (Vec::new(), 0, false);
    each_of::<BinsByCode>(
        view,
        &range,
        false,
        &mut |(location, text): (LocationId, BinCode), id| {
            if rows.len() == wanted || examined == EXAMINED_MAX {
                has_more = true;
                return ControlFlow::Break(());
            }
            examined += 1;
            // A former code leads to the bin as well: listed is only its present one.
            let bin = view.row::<Bins>(&id).filter(|bin| !bin.deleted && bin.code == text);
            let asked = query.get("q").is_none_or(|asked| contains(text.as_str(), asked));
            rows.extend(bin.filter(|_bin| asked).map(|bin| (location, *id, bin)));
            ControlFlow::Continue(())
        },
    );
    let list = html! {
        @if rows.is_empty() { (part::empty(context, "bins-empty")) }
        @else { (table(view, context, &rows)) }
        @if has_more {
            (part::more(context, &query.with("rows", &(wanted + part::ROWS).to_string()).address("/bins")))
        }
    };
    let fields = html! {
        (part::choice_filter(context, query, "location", "location", &location_choices(view)))
        (part::text_filter(context, query, "q", "bin"))
    };
    let filters = html! {
        (items::tabs(context, "bins"))
        (part::filter_form(context, "/bins", query, &[], &fields))
    };
    Ok(Page::new(Section::Items, context.t("bins-title"))
        .with("filters", filters)
        .with("list", list))
}

fn table(
    view: &dyn Tables,
    context: &PageContext,
    rows: &[(LocationId, BinId, Arc<Bin>)],
) -> Markup {
    html! {
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &["bin", "location", "zone", "kind", "ranking", "state"]))
                tbody {
                    @for (location, id, bin) in rows {
                        @let place = names::location_code(view, *location);
                        tr id={ "bin-" (id) } data-row {
                            td { a data-open href=(names::bin_address(&place, bin.code.as_str())) { (code(bin.code.as_str())) } }
                            td { (code(&place)) }
                            td { @if let Some(zone) = &bin.zone { (code(zone.as_str())) } }
                            td { (kind(context, bin.kind)) }
                            td class="number" { (bin.ranking) }
                            td { @if bin.blocked { (part::badge(Tone::Warn, &context.t("blocked"))) } }
                        }
                    }
                }
            }
        }
    }
}

/// One bin.
pub fn page(view: &dyn Tables, context: &PageContext, location: &str, bin: &str) -> PageResult {
    let missing = || Missing::nothing(bin);
    let place = LocationCode::new(location).map_err(|_bad| missing())?;
    let text = BinCode::new(bin).map_err(|_bad| missing())?;
    let place = *view.row::<LocationsByCode>(&place).ok_or_else(missing)?;
    let id = *view.row::<BinsByCode>(&(place, text)).ok_or_else(missing)?;
    let row = view.row::<Bins>(&id).ok_or_else(missing)?;
    let title = context.say("bin-title", &[("bin", row.code.as_str()), ("location", location)]);
    let stale = unsent_by_site(view, context);
    let mut stock = Vec::new();
    each_of::<Stocks>(view, &KeyRange::prefix(&(place, id)), false, &mut |key: StockKey, row| {
        stock.push((key, row));
        if stock.len() < LISTED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    Ok(Page::new(Section::Items, title)
        .with("stale", stale_note(view, context, &stale))
        .with("bin", facts(context, location, &row))
        .with(
            "stock",
            html! {
                h2 { (context.t("content")) }
                @if stock.is_empty() { (part::empty(context, "bin-empty")) }
                @else { (key_table(view, context, &stock, &stale)) }
            },
        )
        .with("plates", plates(view, context, (place, id))))
}

fn facts(context: &PageContext, location: &str, bin: &Bin) -> Markup {
    html! {
        @if bin.blocked { p { (part::badge(Tone::Warn, &context.t("blocked"))) } }
        @if bin.deleted { p { (part::badge(Tone::Error, &context.t("deleted"))) } }
        dl class="facts" {
            (fact(&context.t("location"), &code(location)))
            @if let Some(zone) = &bin.zone { (fact(&context.t("zone"), &code(zone.as_str()))) }
            (fact(&context.t("kind"), &html! { (kind(context, bin.kind)) }))
            (fact(&context.t("ranking"), &html! { (bin.ranking) }))
        }
        p {
            a class="button quiet" href=(Query::default().with("bin", bin.code.as_str()).address("/movements")) {
                (context.t("movements-of-bin"))
            }
        }
    }
}

fn plates(view: &dyn Tables, context: &PageContext, place: (LocationId, BinId)) -> Markup {
    let mut rows = Vec::new();
    type Of = (LocationId, BinId, PlateId);
    each_of::<PlatesByBin>(
        view,
        &KeyRange::prefix(&place),
        false,
        &mut |(_l, _b, id): Of, _row| {
            rows.extend(view.row::<Plates>(&id));
            if rows.len() < LISTED_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    html! {
        @if !rows.is_empty() {
            h2 { (context.t("plates")) }
            ul { @for plate in &rows { li { (code(plate.no.as_str())) } } }
        }
    }
}
