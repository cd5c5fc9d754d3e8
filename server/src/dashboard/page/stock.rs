//! Stock by item and by bin: on hand, on hold, available, in transit. Every figure leads to what it
//! is made of.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use ledger::key::KeyRange;
use ledger::schema::identity::Devices;
use ledger::schema::item::{Item, Items, ItemsByNo};
use ledger::schema::place::LocationsByCode;
use ledger::schema::stock::{Stock, Stocks, StocksByItem};
use ledger::schema::{ItemId, LocationId, SiteId, StockKey};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::feed::BinKind;
use protocol::identity::ServerTime;
use protocol::quantity::Quantity;
use protocol::words::{ItemNo, LocationCode};

use super::register::{contains, rows_wanted};
use super::{Page, PageResult, Section};
use crate::dashboard::context::PageContext;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone, code};
use crate::dashboard::query::Query;

/// Stock keys that one request looks at before it shows how far it came.
const EXAMINED_MAX: usize = 50_000;

/// What a quantity under a stock key counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// In the house and free to use, apart from holds.
    Usable,
    /// In the house, in a bin whose goods are not free: question, missing, quarantine, cart,
    /// picked.
    Bound,
    /// Between two locations.
    InTransit,
}

/// What the quantity under `key` counts as.
pub fn standing(view: &dyn Tables, key: &StockKey) -> Standing {
    if names::location(view, key.location).is_some_and(|location| location.in_transit) {
        return Standing::InTransit;
    }
    match names::bin(view, key.bin).map_or(BinKind::Storage, |bin| bin.kind) {
        BinKind::Transit => Standing::InTransit,
        BinKind::Storage | BinKind::Receipt => Standing::Usable,
        BinKind::Shipment
        | BinKind::Question
        | BinKind::Missing
        | BinKind::Cart
        | BinKind::Quarantine
        | BinKind::Adjustment => Standing::Bound,
    }
}

/// The figures of some stock, in base units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// In the house.
    pub on_hand: Quantity,
    /// Of it on hold.
    pub held: Quantity,
    /// Of it free to use: in ordinary bins, without holds. A bin below zero counts as nothing.
    pub available: Quantity,
    /// Between two locations.
    pub in_transit: Quantity,
    /// Some stock key is below zero.
    pub below_zero: bool,
}

impl Figures {
    /// The figures with what lies under one more stock key.
    #[must_use]
    pub fn and(self, stock: &Stock, standing: Standing) -> Self {
        let sum = |left: Quantity, right| left.checked_add(right).unwrap_or(left);
        let free = stock.quantity.checked_sub(stock.held).unwrap_or(Quantity::ZERO);
        let free = if free.is_negative() { Quantity::ZERO } else { free };
        let below_zero = self.below_zero || stock.quantity.is_negative();
        match standing {
            Standing::InTransit => {
                Self { in_transit: sum(self.in_transit, stock.quantity), below_zero, ..self }
            }
            Standing::Usable | Standing::Bound => Self {
                on_hand: sum(self.on_hand, stock.quantity),
                held: sum(self.held, stock.held),
                available: if standing == Standing::Usable {
                    sum(self.available, free)
                } else {
                    self.available
                },
                below_zero,
                ..self
            },
        }
    }
}

/// The figures of an item, at one location or at all.
pub fn figures_of(view: &dyn Tables, item: ItemId, location: Option<LocationId>) -> Figures {
    let mut figures = Figures::default();
    let keys = KeyRange::prefix(&item);
    each_of::<StocksByItem>(view, &keys, false, &mut |(_item, key): (ItemId, StockKey), _row| {
        if location.is_none_or(|location| location == key.location)
            && let Some(stock) = view.row::<Stocks>(&key)
        {
            figures = figures.and(&stock, standing(view, &key));
        }
        ControlFlow::Continue(())
    });
    figures
}

/// Work that devices of a site hold and have not sent: what the figures do not know yet.
#[derive(Debug, Clone, Copy)]
pub struct Unsent {
    /// Devices.
    pub n_devices: usize,
    /// Operations.
    pub n_operations: u64,
    /// When the oldest was done, where it is known.
    pub oldest: Option<ServerTime>,
}

/// Sites whose figures may be stale.
pub fn unsent_by_site(view: &dyn Tables, context: &PageContext) -> BTreeMap<SiteId, Unsent> {
    let mut sites = BTreeMap::new();
    for (id, now) in context.devices.iter().filter(|(_id, now)| now.pending > 0 && !now.online) {
        let Some(device) = view.row::<Devices>(id) else { continue };
        let unsent = sites.entry(device.site).or_insert(Unsent {
            n_devices: 0,
            n_operations: 0,
            oldest: None,
        });
        unsent.n_devices += 1;
        unsent.n_operations += now.pending;
        unsent.oldest = [unsent.oldest, now.oldest].into_iter().flatten().min();
    }
    sites
}

/// Stock.
pub fn page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    let by_bin = query.is("by", "bin");
    let stale = unsent_by_site(view, context);
    let list = if by_bin {
        by_bin_list(view, context, query, &stale)
    } else {
        by_item_list(view, context, query)
    };
    let title = context.t(if by_bin { "stock-by-bin" } else { "stock-by-item" });
    Ok(Page::new(Section::Stock, title)
        .with("filters", filters(view, context, query, by_bin))
        .with("stale", stale_note(view, context, &stale))
        .with("list", list))
}

/// Who holds work that the figures do not know yet.
pub fn stale_note(
    view: &dyn Tables,
    context: &PageContext,
    stale: &BTreeMap<SiteId, Unsent>,
) -> Markup {
    html! {
        @for (site, unsent) in stale {
            p class="note warn" {
                (part::sign(Tone::Warn)) " "
                (context.say("stale-site", &[
                    ("site", &names::site_code(view, *site)),
                    ("devices", &unsent.n_devices.to_string()),
                    ("n", &unsent.n_operations.to_string()),
                ]))
                " " (context.t("oldest")) " " (format::instant_if_any(context, unsent.oldest)) " "
                a href="/devices?state=unsent" { (context.t("show-devices")) }
            }
        }
    }
}

fn filters(view: &dyn Tables, context: &PageContext, query: &Query, by_bin: bool) -> Markup {
    let other = if by_bin { query.without("by") } else { query.with("by", "bin") };
    let marks = [("below", "mark-below"), ("held", "mark-held")]
        .map(|(value, key)| (value.to_owned(), context.t(key)));
    let fields = html! {
        (part::choice_filter(context, query, "location", "location", &location_choices(view)))
        (part::text_filter(context, query, "item", "item"))
        @if by_bin { (part::text_filter(context, query, "bin", "bin")) }
        (part::choice_filter(context, query, "mark", "mark", &marks))
    };
    html! {
        nav class="tabs" aria-label=(context.t("view")) {
            a href=(other.without("by").without("bin").without("rows").address("/stock"))
                aria-current=[(!by_bin).then_some("true")] { (context.t("by-item")) }
            a href=(other.with("by", "bin").without("rows").address("/stock"))
                aria-current=[by_bin.then_some("true")] { (context.t("by-bin")) }
        }
        (part::filter_form(context, "/stock", query, &["by"], &fields))
    }
}

/// Locations as choices: code and code.
pub fn location_choices(view: &dyn Tables) -> Vec<(String, String)> {
    let mut choices = Vec::new();
    each_of::<LocationsByCode>(view, &KeyRange::all(), false, &mut |code: LocationCode, _id| {
        choices.push((code.to_string(), code.to_string()));
        ControlFlow::Continue(())
    });
    choices
}

/// The location that the filters name.
pub fn wanted_location(view: &dyn Tables, query: &Query) -> Option<LocationId> {
    let code = LocationCode::new(query.get("location")?).ok()?;
    view.row::<LocationsByCode>(&code).map(|id| *id)
}

fn is_marked(query: &Query, below_zero: bool, held: Quantity) -> bool {
    match query.get("mark") {
        Some("below") => below_zero,
        Some("held") => !held.is_zero(),
        _ => true,
    }
}

fn by_item_list(view: &dyn Tables, context: &PageContext, query: &Query) -> Markup {
    let wanted = rows_wanted(query);
    let location = wanted_location(view, query);
    let (mut rows, mut examined, mut has_more) = (Vec::new(), 0, false);
    each_of::<ItemsByNo>(view, &KeyRange::all(), false, &mut |no: ItemNo, id| {
        if rows.len() == wanted || examined == EXAMINED_MAX {
            has_more = true;
            return ControlFlow::Break(());
        }
        examined += 1;
        let Some(item) = view.row::<Items>(&id) else { return ControlFlow::Continue(()) };
        let asked = query.get("item");
        if asked
            .is_none_or(|asked| contains(no.as_str(), asked) || contains(&item.description, asked))
        {
            let figures = figures_of(view, *id, location);
            if is_marked(query, figures.below_zero, figures.held) {
                rows.push((*id, item, figures));
            }
        }
        ControlFlow::Continue(())
    });
    html! {
        @if rows.is_empty() { (part::empty(context, "stock-empty")) }
        @else { (item_table(context, query, &rows)) }
        @if has_more {
            (part::more(context, &query.with("rows", &(wanted + part::ROWS).to_string()).address("/stock")))
        }
    }
}

fn item_table(
    context: &PageContext,
    query: &Query,
    rows: &[(ItemId, std::sync::Arc<Item>, Figures)],
) -> Markup {
    html! {
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &[
                    "item", "description", "on-hand", "on-hold", "available", "in-transit",
                    "unit", "mark",
                ]))
                tbody {
                    @for (_id, item, figures) in rows {
                        (item_row(context, query, item, figures))
                    }
                }
            }
        }
    }
}

fn item_row(context: &PageContext, query: &Query, item: &Item, figures: &Figures) -> Markup {
    let base = match query.get("location") {
        None => names::stock_address(item.no.as_str()),
        Some(location) => Query::default()
            .with("location", location)
            .address(&names::stock_address(item.no.as_str())),
    };
    let cell = |part: &str, quantity: Quantity| {
        html! {
            td class="number" {
                (part::figure(&format!("{base}#f-{part}"), &format::quantity(context, quantity)))
            }
        }
    };
    html! {
        tr id={ "item-" (item.no) } data-row {
            td { a data-open href=(base) { (code(item.no.as_str())) } }
            td { (item.description) }
            (cell("ledger", figures.on_hand))
            (cell("holds", figures.held))
            (cell("places", figures.available))
            (cell("places", figures.in_transit))
            td { (item.base_unit) }
            td {
                @if figures.below_zero { (part::badge(Tone::Error, &context.t("mark-below"))) }
                @if item.blocked { " " (part::badge(Tone::Warn, &context.t("blocked"))) }
            }
        }
    }
}

fn by_bin_list(
    view: &dyn Tables,
    context: &PageContext,
    query: &Query,
    stale: &BTreeMap<SiteId, Unsent>,
) -> Markup {
    let wanted = rows_wanted(query);
    let range = match wanted_location(view, query) {
        None => KeyRange::all(),
        Some(location) => KeyRange::prefix(&location),
    };
    let (mut rows, mut examined, mut has_more) = (Vec::new(), 0, false);
    each_of::<Stocks>(view, &range, false, &mut |key: StockKey, stock| {
        if rows.len() == wanted || examined == EXAMINED_MAX {
            has_more = true;
            return ControlFlow::Break(());
        }
        examined += 1;
        let is = |name: &str, text: &dyn Fn() -> String| {
            query.get(name).is_none_or(|asked| contains(&text(), asked))
        };
        if is_marked(query, stock.quantity.is_negative(), stock.held)
            && is("item", &|| names::item_no(view, key.item))
            && is("bin", &|| names::bin_code(view, key.bin))
        {
            rows.push((key, stock));
        }
        ControlFlow::Continue(())
    });
    html! {
        @if rows.is_empty() { (part::empty(context, "stock-empty")) }
        @else { (key_table(view, context, &rows, stale)) }
        @if has_more {
            (part::more(context, &query.with("rows", &(wanted + part::ROWS).to_string()).address("/stock")))
        }
    }
}

/// Stock keys as a table: each figure leads to its entries.
pub fn key_table(
    view: &dyn Tables,
    context: &PageContext,
    rows: &[(StockKey, std::sync::Arc<Stock>)],
    stale: &BTreeMap<SiteId, Unsent>,
) -> Markup {
    html! {
        div class="scroll" {
            table class="list" {
                (part::table_head(context, &[
                    "bin", "item", "variant-tracking", "on-hand", "on-hold", "available",
                    "unit", "mark",
                ]))
                tbody { @for (key, stock) in rows { (key_row(view, context, (key, stock), stale)) } }
            }
        }
    }
}

fn key_row(
    view: &dyn Tables,
    context: &PageContext,
    (key, stock): (&StockKey, &Stock),
    stale: &BTreeMap<SiteId, Unsent>,
) -> Markup {
    let figures = Figures::default().and(stock, standing(view, key));
    let address = names::figure_address(key);
    let on_hand = format::quantity(context, stock.quantity);
    let (held, free) =
        (format::quantity(context, stock.held), format::quantity(context, figures.available));
    let location = names::location(view, key.location);
    let is_stale = location.is_some_and(|location| stale.contains_key(&location.site));
    html! {
        tr id={ "key-" (names::key_text(key)) } class=[is_stale.then_some("stale")] data-row {
            td { (names::bin_link(view, key.location, key.bin)) }
            td { (names::item_link(view, key.item)) }
            td { (names::key_rest(view, key)) }
            td class="number" {
                a class="figure" data-open href={ (address) "#f-ledger" } { (on_hand) }
            }
            td class="number" { (part::figure(&format!("{address}#f-holds"), &held)) }
            td class="number" { (part::figure(&format!("{address}#f-summary"), &free)) }
            td { (names::base_unit(view, key.item)) }
            td {
                @if stock.quantity.is_negative() { (part::badge(Tone::Error, &context.t("mark-below"))) }
                @if standing(view, key) == Standing::InTransit { (part::badge(Tone::Info, &context.t("in-transit"))) }
                @if standing(view, key) == Standing::Bound { (part::badge(Tone::Info, &context.t("not-free"))) }
                @if is_stale { " " (part::badge(Tone::Waiting, &context.t("mark-stale"))) }
            }
        }
    }
}
