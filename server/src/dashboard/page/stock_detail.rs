//! Where a stock figure comes from: an item's places, holds and ledger; a stock key's entries with
//! the balance after each, as of any day.

use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::NaiveDate;
use ledger::key::KeyRange;
use ledger::schema::entry::{
    ItemLedger, ItemLedgerByItem, ItemLedgerEntry, WarehouseByStock, WarehouseEntry,
    WarehouseLedger,
};
use ledger::schema::stock::{Hold, Holds, HoldsByStock, OnHand, Stock, Stocks, StocksByItem};
use ledger::schema::{EntryNo, ItemId, LocationId, OrderKey, StockKey, TrackingId, VariantId};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::identity::{HoldId, ServerTime};
use protocol::quantity::Quantity;

use super::register::rows_wanted;
use super::stock::{
    Figures, figures_of, key_table, stale_note, standing, unsent_by_site, wanted_location,
};
use super::{Missing, Page, PageResult, Section, entries};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone, code, fact};
use crate::dashboard::query::Query;

/// Entries that are read to go back to a day. Beyond it the page says so instead of a wrong figure.
const EXAMINED_MAX: usize = 100_000;

/// One entry with the balance after it.
struct Line<E> {
    no: EntryNo,
    entry: Arc<E>,
    after: Quantity,
}

/// Entries, newest first, with the balance after each.
struct Ledger<E> {
    lines: Vec<Line<E>>,
    /// The balance at the day that was asked for; now, when none was.
    closing: Option<Quantity>,
    /// The balance before the oldest line; nothing, when it is the first entry of all.
    opening: Quantity,
    has_more: bool,
}

impl<E> Ledger<E> {
    fn starting_at(balance: Quantity) -> Self {
        Self { lines: Vec::new(), closing: None, opening: balance, has_more: false }
    }

    /// Takes the next older entry. `later` entries lie after the day that was asked for.
    fn take(
        &mut self,
        (no, entry): (EntryNo, Arc<E>),
        (quantity, later): (Quantity, bool),
        wanted: usize,
    ) -> ControlFlow<()> {
        if self.lines.len() == wanted {
            self.has_more = true;
            return ControlFlow::Break(());
        }
        let after = self.opening;
        self.opening = after.checked_sub(quantity).unwrap_or(after);
        if !later {
            self.closing.get_or_insert(after);
            self.lines.push(Line { no, entry, after });
        }
        ControlFlow::Continue(())
    }
}

/// The day that was asked for and the instant after it.
fn as_of(context: &PageContext, query: &Query) -> Option<(NaiveDate, ServerTime)> {
    let day = query.parsed("as_of")?;
    Some((day, format::end_of_day(context, day)?))
}

fn as_of_form(context: &PageContext, path: &str, query: &Query) -> Markup {
    let fields = part::date_filter(context, query, "as_of", "as-of");
    part::filter_form(context, path, query, &["location"], &fields)
}

/// The entries of a stock key.
fn key_ledger(
    view: &dyn Tables,
    key: &StockKey,
    until: Option<ServerTime>,
    wanted: usize,
) -> Ledger<WarehouseEntry> {
    let now = view.row::<Stocks>(key).map_or(Quantity::ZERO, |stock| stock.quantity);
    let mut ledger = Ledger::starting_at(now);
    let range = KeyRange::prefix(key);
    let mut examined = 0;
    type ByStock = (StockKey, OrderKey, EntryNo);
    each_of::<WarehouseByStock>(view, &range, true, &mut |(_key, order, no): ByStock, quantity| {
        examined += 1;
        let Some(entry) = view.row::<WarehouseLedger>(&no) else {
            return ControlFlow::Continue(());
        };
        if examined > EXAMINED_MAX {
            ledger.has_more = true;
            return ControlFlow::Break(());
        }
        let later = until.is_some_and(|until| order.tau >= until);
        ledger.take((no, entry), (*quantity, later), wanted)
    });
    if !ledger.has_more {
        ledger.closing.get_or_insert(ledger.opening);
    }
    ledger
}

/// One stock figure and every entry behind it.
pub fn figure_page(
    view: &dyn Tables,
    context: &PageContext,
    key: &StockKey,
    query: &Query,
) -> PageResult {
    let path = names::figure_address(key);
    let item =
        names::item(view, key.item).ok_or_else(|| Missing::nothing(&names::key_text(key)))?;
    let until = as_of(context, query);
    let ledger = key_ledger(view, key, until.map(|(_day, end)| end), rows_wanted(query));
    let place = match names::bin_code(view, key.bin) {
        bin if bin.is_empty() => names::location_code(view, key.location),
        bin => bin,
    };
    let title = context.say("figure-title", &[("item", item.no.as_str()), ("bin", &place)]);
    let stale = unsent_by_site(view, context);
    let site = names::location(view, key.location).map(|location| location.site);
    let stale = stale.into_iter().filter(|(of, _unsent)| Some(*of) == site).collect();
    Ok(Page::new(Section::Stock, title)
        .with("filters", as_of_form(context, &path, query))
        .with("stale", stale_note(view, context, &stale))
        .with("summary", summary(view, context, key, (until, ledger.closing)))
        .with("holds", holds(view, context, &[*key]))
        .with("ledger", key_entries(view, context, &ledger, &query_more(&path, query))))
}

fn query_more(path: &str, query: &Query) -> String {
    query.with("rows", &(rows_wanted(query) + part::ROWS).to_string()).address(path)
}

fn summary(
    view: &dyn Tables,
    context: &PageContext,
    key: &StockKey,
    (until, closing): (Option<(NaiveDate, ServerTime)>, Option<Quantity>),
) -> Markup {
    let stock = view.row::<Stocks>(key);
    let quantity = stock.as_ref().map_or(Quantity::ZERO, |stock| stock.quantity);
    let held = stock.as_ref().map_or(Quantity::ZERO, |stock| stock.held);
    let figures = stock
        .as_ref()
        .map_or_else(Figures::default, |stock| Figures::default().and(stock, standing(view, key)));
    html! {
        h2 { (context.t("figure")) }
        dl class="facts" {
            (fact(&context.t("item"), &html! {
                (names::item_link(view, key.item)) " " (names::key_rest(view, key))
            }))
            (fact(&context.t("bin"), &names::bin_link(view, key.location, key.bin)))
            (fact(&context.t("on-hand"), &html! {
                (part::figure("#f-ledger", &format::quantity(context, quantity))) " "
                (names::base_unit(view, key.item))
                @if quantity.is_negative() { " " (part::badge(Tone::Error, &context.t("mark-below"))) }
            }))
            (fact(&context.t("on-hold"), &part::figure("#f-holds", &format::quantity(context, held))))
            (fact(&context.t("available"), &html! {
                (format::quantity(context, figures.available)) " "
                span class="muted" {
                    (context.say("available-sum", &[
                        ("hand", &format::quantity(context, quantity)),
                        ("hold", &format::quantity(context, held)),
                    ]))
                }
            }))
            @if let Some((day, _end)) = until {
                (fact(&context.say("as-of-day", &[("day", &format::date(context, day))]), &html! {
                    @match closing {
                        Some(quantity) => strong { (format::quantity(context, quantity)) },
                        None => (context.t("as-of-too-far")),
                    }
                }))
            }
        }
    }
}

fn key_entries(
    view: &dyn Tables,
    context: &PageContext,
    ledger: &Ledger<WarehouseEntry>,
    more: &str,
) -> Markup {
    html! {
        h2 { (context.t("warehouse-entries")) }
        @if ledger.lines.is_empty() { (part::empty(context, "entries-empty")) }
        @else {
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &[
                        "done-at", "entry", "reason", "quantity", "balance", "item-entry",
                        "operation", "device", "person", "document",
                    ]))
                    tbody { @for line in &ledger.lines { (key_entry(view, context, line)) } }
                    (opening(context, ledger.opening, ledger.has_more, (4, 5)))
                }
            }
        }
        @if ledger.has_more { (part::more(context, more)) }
    }
}

/// The row below the oldest entry: the balance before it. It is nothing where the chain is whole.
fn opening(
    context: &PageContext,
    balance: Quantity,
    has_more: bool,
    (before, behind): (u8, u8),
) -> Markup {
    let broken = !has_more && !balance.is_zero();
    html! {
        tfoot {
            tr {
                th scope="row" colspan=(before) { (context.t("opening-balance")) }
                td class="number" { (format::quantity(context, balance)) }
                td colspan=(behind) {
                    @if broken { (part::badge(Tone::Error, &context.t("chain-broken"))) }
                }
            }
        }
    }
}

fn key_entry(view: &dyn Tables, context: &PageContext, line: &Line<WarehouseEntry>) -> Markup {
    let entry = &line.entry;
    html! {
        tr id={ "entry-" (line.no) } data-row {
            td { (format::instant(context, entry.order.tau)) }
            td { a data-open href=(names::warehouse_entry_address(line.no)) { (line.no) } }
            td { (entries::entry_why(view, context, entry.reason, entry.written.operation)) }
            td class="number" { (format::signed(context, entry.quantity)) }
            td class="number" { (format::quantity(context, line.after)) }
            td {
                @if entry.item_ledger_entry.0 == 0 { span class="muted" { (context.t("only-registered")) } }
                @else { a href=(names::item_entry_address(entry.item_ledger_entry)) { (entry.item_ledger_entry) } }
            }
            td { (names::operation_link(entry.written.operation)) }
            td { (names::device_link(view, context, entry.written.operation.device)) }
            td { (names::person_if_any(view, entry.operator.as_ref())) }
            td { @if let Some((kind, no, _line)) = &entry.document { (names::document_link(*kind, no)) } }
        }
    }
}

/// An item's stock: its places, its holds, its ledger.
pub fn item_page(view: &dyn Tables, context: &PageContext, no: &str, query: &Query) -> PageResult {
    let id = names::item_of(view, no).ok_or_else(|| Missing::nothing(no))?;
    let item = names::item(view, id).ok_or_else(|| Missing::nothing(no))?;
    let path = names::stock_address(no);
    let location = wanted_location(view, query);
    let until = as_of(context, query);
    let rows = keys_of(view, id, location);
    let keys: Vec<StockKey> = rows.iter().map(|(key, _stock)| *key).collect();
    let stale = unsent_by_site(view, context);
    let ledger =
        item_ledger(view, id, (location, until.map(|(_day, end)| end)), rows_wanted(query));
    let title = context.say("stock-title", &[("item", no)]);
    let figures = figures_of(view, id, location);
    Ok(Page::new(Section::Stock, title)
        .with("filters", as_of_form(context, &path, query))
        .with("stale", stale_note(view, context, &stale))
        .with("summary", html! {
            p { (item.description) " " a href=(names::item_address(no)) { (context.t("item-card")) } }
            (item_figures(context, &figures, (until, ledger.closing)))
        })
        .with("places", html! {
            h2 { (context.t("places")) }
            @if rows.is_empty() { (part::empty(context, "stock-none")) }
            @else { (key_table(view, context, &rows, &stale)) }
        })
        .with("holds", holds(view, context, &keys))
        .with("ledger", item_entries(view, context, &ledger, &query_more(&path, query))))
}

fn item_figures(
    context: &PageContext,
    figures: &Figures,
    (until, closing): (Option<(NaiveDate, ServerTime)>, Option<Quantity>),
) -> Markup {
    let linked = |part: &str, quantity| part::figure(part, &format::quantity(context, quantity));
    html! {
        dl class="facts" {
            (fact(&context.t("on-hand"), &linked("#f-ledger", figures.on_hand)))
            (fact(&context.t("on-hold"), &linked("#f-holds", figures.held)))
            (fact(&context.t("available"), &linked("#f-places", figures.available)))
            (fact(&context.t("in-transit"), &linked("#f-places", figures.in_transit)))
            @if let Some((day, _end)) = until {
                (fact(&context.say("as-of-day", &[("day", &format::date(context, day))]), &html! {
                    @match closing {
                        Some(quantity) => strong { (format::quantity(context, quantity)) },
                        None => (context.t("as-of-too-far")),
                    }
                }))
            }
        }
    }
}

/// The stock keys of an item that hold something.
pub fn keys_of(
    view: &dyn Tables,
    item: ItemId,
    location: Option<LocationId>,
) -> Vec<(StockKey, Arc<Stock>)> {
    let mut rows = Vec::new();
    let range = KeyRange::prefix(&item);
    each_of::<StocksByItem>(view, &range, false, &mut |(_item, key): (ItemId, StockKey), _row| {
        if location.is_none_or(|location| location == key.location)
            && let Some(stock) = view.row::<Stocks>(&key)
        {
            rows.push((key, stock));
        }
        ControlFlow::Continue(())
    });
    rows
}

/// What is on hold under `keys`.
fn holds(view: &dyn Tables, context: &PageContext, keys: &[StockKey]) -> Markup {
    let mut rows: Vec<(HoldId, Arc<Hold>)> = Vec::new();
    for key in keys {
        for ((_key, hold), _row) in view.list::<HoldsByStock>(&KeyRange::prefix(key)) {
            rows.extend(view.row::<Holds>(&hold).map(|row| (hold, row)));
        }
    }
    html! {
        h2 { (context.t("holds")) }
        @if rows.is_empty() { (part::empty(context, "holds-none")) }
        @else {
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &["bin", "quantity", "reason", "case", "operation"]))
                    tbody {
                        @for (id, hold) in &rows {
                            tr id={ "hold-" (id) } data-row {
                                td { (names::bin_link(view, hold.key.location, hold.key.bin)) }
                                td class="number" { (format::quantity(context, hold.quantity)) }
                                td { (part::reason_word(context, &hold.reason)) }
                                td { @if let Some(case) = hold.case { (names::case_link(context, case)) } }
                                td { (names::operation_link(hold.written.operation)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What the item ledger says is on hand now.
fn on_hand(view: &dyn Tables, item: ItemId, location: Option<LocationId>) -> Quantity {
    type At = (ItemId, VariantId, LocationId, TrackingId);
    let mut now = Quantity::ZERO;
    let range = KeyRange::prefix(&item);
    each_of::<OnHand>(
        view,
        &range,
        false,
        &mut |(_item, _variant, at, _tracking): At, quantity| {
            if location.is_none_or(|location| location == at) {
                now = now.checked_add(*quantity).unwrap_or(now);
            }
            ControlFlow::Continue(())
        },
    );
    now
}

/// The item ledger entries of an item with the balance after each: in order of posting, or as of a
/// day in order of the acts.
fn item_ledger(
    view: &dyn Tables,
    item: ItemId,
    (location, until): (Option<LocationId>, Option<ServerTime>),
    wanted: usize,
) -> Ledger<ItemLedgerEntry> {
    let mut entries = Vec::new();
    let mut examined = 0;
    // As of a day, an entry that was posted late may still be an early act: all are looked at.
    let enough = if until.is_some() { EXAMINED_MAX } else { wanted.saturating_add(1) };
    each_of::<ItemLedgerByItem>(
        view,
        &KeyRange::prefix(&item),
        true,
        &mut |(_item, no): (ItemId, EntryNo), _row| {
            examined += 1;
            entries.extend(
                view.row::<ItemLedger>(&no)
                    .filter(|entry| location.is_none_or(|location| location == entry.location))
                    .filter(|entry| until.is_none_or(|until| entry.order.tau < until))
                    .map(|entry| (no, entry)),
            );
            if entries.len() >= enough || examined >= EXAMINED_MAX {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    );
    if until.is_none() {
        let mut ledger = Ledger::starting_at(on_hand(view, item, location));
        for (no, entry) in entries {
            let quantity = entry.quantity;
            if ledger.take((no, entry), (quantity, false), wanted).is_break() {
                break;
            }
        }
        return ledger;
    }
    if examined >= EXAMINED_MAX {
        return Ledger { has_more: true, ..Ledger::starting_at(Quantity::ZERO) };
    }
    entries.sort_by_key(|(no, entry)| std::cmp::Reverse((entry.order, *no)));
    let sum = entries
        .iter()
        .fold(Quantity::ZERO, |sum, (_no, entry)| sum.checked_add(entry.quantity).unwrap_or(sum));
    let mut ledger = Ledger::starting_at(sum);
    for (no, entry) in entries {
        let quantity = entry.quantity;
        if ledger.take((no, entry), (quantity, false), wanted).is_break() {
            break;
        }
    }
    ledger.closing = Some(sum);
    ledger
}

fn item_entries(
    view: &dyn Tables,
    context: &PageContext,
    ledger: &Ledger<ItemLedgerEntry>,
    more: &str,
) -> Markup {
    html! {
        h2 { (context.t("item-entries")) }
        @if ledger.lines.is_empty() { (part::empty(context, "entries-empty")) }
        @else {
            div class="scroll" {
                table class="list" {
                    (part::table_head(context, &[
                        "done-at", "posting-date", "entry", "entry-type", "reason", "location",
                        "tracking", "quantity", "balance", "operation", "document",
                    ]))
                    tbody {
                        @for line in &ledger.lines {
                            tr id={ "ile-" (line.no) } data-row {
                                td { (format::instant(context, line.entry.order.tau)) }
                                td { (format::date(context, line.entry.posting_date)) }
                                td { a data-open href=(names::item_entry_address(line.no)) { (line.no) } }
                                td { (entries::entry_type(context, line.entry.entry_type)) }
                                td { (entries::entry_why(view, context, line.entry.reason, line.entry.written.operation)) }
                                td { (code(&names::location_code(view, line.entry.location))) }
                                td { (code(&names::tracking(view, line.entry.tracking))) }
                                td class="number" { (format::signed(context, line.entry.quantity)) }
                                td class="number" { (format::quantity(context, line.after)) }
                                td { (names::operation_link(line.entry.written.operation)) }
                                td { @if let Some((kind, no, _line)) = &line.entry.document { (names::document_link(*kind, no)) } }
                            }
                        }
                    }
                    (opening(context, ledger.opening, ledger.has_more, (8, 2)))
                }
            }
        }
        @if ledger.has_more { (part::more(context, more)) }
    }
}
