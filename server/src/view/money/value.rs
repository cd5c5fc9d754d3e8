//! Items, their entries, and every value entry behind them.

use std::ops::ControlFlow;

use chrono::NaiveDate;
use ledger::costing;
use ledger::costing::outstanding::Outstanding;
use ledger::costing::value::{state_of, values_of};
use ledger::dimension::text_of;
use ledger::gl::read::entries_of_value;
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::money::{Money, UnitAmount};
use ledger::schema::entry::{ItemLedger, ItemLedgerByItem, ItemLedgerStates};
use ledger::schema::money::{ItemValues, ValueEntry, ValueLedger, ValueType};
use ledger::schema::{EntryNo, ItemId};
use ledger::tables::{Read as _, Tables, each_of};
use protocol::quantity::Quantity;
use serde::Serialize;

use super::{location_text, value_word, variance_word};
use crate::view::entry::type_word;
use crate::view::page::{self, Page, PageQuery};
use crate::view::sheet::{Cell, Line, Sink};

/// What an item is worth, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemValueView {
    /// How its cost is found.
    pub costing_method: String,
    /// Cost per base unit, as the card says.
    pub unit_cost: UnitAmount,
    /// Standard cost per base unit.
    pub standard_cost: UnitAmount,
    /// The last direct cost per base unit.
    pub last_direct_cost: UnitAmount,
    /// On hand.
    pub quantity: Quantity,
    /// Of that, invoiced.
    pub invoiced: Quantity,
    /// Σ actual cost.
    pub cost_actual: Money,
    /// Σ expected cost.
    pub cost_expected: Money,
    /// Nothing of the item is left to be adjusted: the figures are final.
    pub cost_is_adjusted: bool,
    /// Its entries, oldest first.
    pub entries: Page<EntryValueView>,
}

/// An item ledger entry with its value entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryValueView {
    /// Its number.
    pub entry: u64,
    /// Its type.
    pub entry_type: &'static str,
    /// The date for the accounts.
    pub posting_date: NaiveDate,
    /// The location; empty for the blank one.
    pub location: String,
    /// Signed: positive into stock.
    pub quantity: Quantity,
    /// Not yet applied.
    pub remaining: Quantity,
    /// Σ actual cost.
    pub cost_actual: Money,
    /// Σ expected cost.
    pub cost_expected: Money,
    /// The operation that wrote it: the scan, or the command of a desk.
    pub operation: String,
    /// The value entries, oldest first.
    pub values: Vec<ValueView>,
}

/// A value entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueView {
    /// Its number.
    pub value_entry: u64,
    /// The item ledger entry it values; 0 for capacity.
    pub entry: u64,
    /// The item; empty where capacity is of none.
    pub item: String,
    /// The location; empty for the blank one.
    pub location: String,
    /// Its type.
    pub entry_type: ValueType,
    /// The kind of a variance.
    pub variance: Option<&'static str>,
    /// The date for the accounts.
    pub posting_date: NaiveDate,
    /// The date from which it counts for averages.
    pub valuation_date: NaiveDate,
    /// The quantity it values.
    pub valued_quantity: Quantity,
    /// The quantity it invoices.
    pub invoiced_quantity: Quantity,
    /// Cost, invoiced.
    pub cost_actual: Money,
    /// Cost, expected.
    pub cost_expected: Money,
    /// Cost that is no stock value.
    pub cost_non_inventoriable: Money,
    /// Sales amount, invoiced.
    pub sales_actual: Money,
    /// Sales amount, expected.
    pub sales_expected: Money,
    /// What of its actual cost is in the general ledger.
    pub cost_in_gl: Money,
    /// What of its expected cost is in the general ledger.
    pub expected_in_gl: Money,
    /// Written by cost adjustment.
    pub adjustment: bool,
    /// The value entry that it corrects; 0 for none.
    pub applies_to: u64,
    /// The item charge it comes from; empty for none.
    pub charge: String,
    /// The number of its document.
    pub document_no: String,
    /// Its dimensions, as `CODE=VALUE; …`.
    pub dimensions: String,
    /// The operation that wrote it.
    pub operation: String,
    /// Its entries of the general ledger.
    pub gl_entries: Vec<u64>,
    /// The cost of its item is still to be adjusted: more value entries may follow.
    pub provisional: bool,
}

impl ValueView {
    /// Of a value entry.
    pub fn of(
        tables: &dyn Tables,
        (no, value): (EntryNo, &ValueEntry),
        outstanding: &Outstanding,
    ) -> Self {
        let state = state_of(tables, (no, value));
        let gl = entries_of_value(tables, no);
        let item = if value.item.0 == 0 { None } else { Some(value.item) };
        Self {
            value_entry: no.0,
            entry: value.entry.0,
            item: item.map(|item| lookup::item_text(tables, item)).unwrap_or_default(),
            location: location_text(tables, value.location),
            entry_type: value.value_type,
            variance: value.variance.map(variance_word),
            posting_date: value.posting_date,
            valuation_date: state.valuation_date,
            valued_quantity: value.valued_quantity,
            invoiced_quantity: value.invoiced_quantity,
            cost_actual: value.cost_actual,
            cost_expected: value.cost_expected,
            cost_non_inventoriable: value.cost_non_inventoriable,
            sales_actual: value.sales_actual,
            sales_expected: value.sales_expected,
            cost_in_gl: state.cost_in_gl,
            expected_in_gl: state.expected_in_gl,
            adjustment: value.adjustment,
            applies_to: value.applies_to.0,
            charge: value.charge.clone(),
            document_no: value.document_no.clone(),
            dimensions: text_of(tables, value.dimension_set),
            operation: value.written.operation.to_string(),
            gl_entries: gl.into_iter().map(|(entry, _row, _register)| entry.0).collect(),
            provisional: outstanding.of_item(tables, value.item),
        }
    }

    /// Of the value entry `no`.
    pub fn at(tables: &dyn Tables, no: EntryNo, outstanding: &Outstanding) -> Option<Self> {
        tables.row::<ValueLedger>(&no).map(|value| Self::of(tables, (no, &value), outstanding))
    }
}

impl Line for ValueView {
    const HEAD: &'static [&'static str] = &[
        "value_entry",
        "item_entry",
        "item",
        "location",
        "type",
        "variance",
        "posting_date",
        "valuation_date",
        "valued_quantity",
        "invoiced_quantity",
        "cost_actual",
        "cost_expected",
        "cost_non_inventoriable",
        "sales_actual",
        "sales_expected",
        "cost_in_gl",
        "expected_in_gl",
        "adjustment",
        "corrects",
        "charge",
        "document_no",
        "operation",
        "dimensions",
        "provisional",
    ];

    fn line(&self) -> Vec<Cell> {
        vec![
            Cell::Number(self.value_entry),
            Cell::entry(self.entry),
            self.item.as_str().into(),
            self.location.as_str().into(),
            value_word(self.entry_type).into(),
            self.variance.unwrap_or_default().into(),
            Cell::Date(self.posting_date),
            Cell::Date(self.valuation_date),
            Cell::Quantity(self.valued_quantity),
            Cell::Quantity(self.invoiced_quantity),
            Cell::Money(self.cost_actual),
            Cell::Money(self.cost_expected),
            Cell::Money(self.cost_non_inventoriable),
            Cell::Money(self.sales_actual),
            Cell::Money(self.sales_expected),
            Cell::Money(self.cost_in_gl),
            Cell::Money(self.expected_in_gl),
            Cell::Flag(self.adjustment),
            Cell::entry(self.applies_to),
            self.charge.as_str().into(),
            self.document_no.as_str().into(),
            self.operation.as_str().into(),
            self.dimensions.as_str().into(),
            Cell::Flag(self.provisional),
        ]
    }
}

impl EntryValueView {
    /// Of the item ledger entry `no`.
    pub fn at(tables: &dyn Tables, no: EntryNo, outstanding: &Outstanding) -> Option<Self> {
        let entry = tables.row::<ItemLedger>(&no)?;
        let state = tables.row::<ItemLedgerStates>(&no)?;
        let values = values_of(tables, no);
        Some(Self {
            entry: no.0,
            entry_type: type_word(entry.entry_type),
            posting_date: entry.posting_date,
            location: location_text(tables, entry.location),
            quantity: entry.quantity,
            remaining: state.remaining,
            cost_actual: state.cost.actual,
            cost_expected: state.cost.expected,
            operation: entry.written.operation.to_string(),
            values: values
                .iter()
                .map(|(no, value)| ValueView::of(tables, (*no, value), outstanding))
                .collect(),
        })
    }
}

/// What `item` is worth, with a page of its entries, oldest first.
pub fn of_item(tables: &dyn Tables, item: ItemId, query: &PageQuery) -> ItemValueView {
    let card = costing::item_cost(tables, item);
    let stock = tables.row::<ItemValues>(&item).map(|row| *row).unwrap_or_default();
    let outstanding = Outstanding::now(tables);
    let range = KeyRange::prefix(&(item,));
    let entries = page::ascending::<ItemLedgerByItem, _>(tables, range, query, |(_item, no), _| {
        EntryValueView::at(tables, no, &outstanding)
    });
    ItemValueView {
        costing_method: format!("{:?}", costing::method_of(tables, item)).to_lowercase(),
        unit_cost: card.unit_cost,
        standard_cost: card.standard_cost,
        last_direct_cost: card.last_direct_cost,
        quantity: stock.quantity,
        invoiced: stock.invoiced,
        cost_actual: stock.actual,
        cost_expected: stock.expected,
        cost_is_adjusted: !outstanding.of_item(tables, item),
        entries,
    }
}

/// Every value entry of `item`, in order of its entries.
pub fn each_value(tables: &dyn Tables, item: ItemId, sink: Sink<'_>) {
    let outstanding = Outstanding::now(tables);
    let range = KeyRange::prefix(&(item,));
    each_of::<ItemLedgerByItem>(tables, &range, false, &mut |(_item, no), _row| {
        for (no, value) in values_of(tables, no) {
            if sink(ValueView::of(tables, (no, &value), &outstanding).line()).is_break() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
}

/// Days between which value entries are posted, both among them; none: no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PostedDays {
    /// The first day.
    pub from: Option<NaiveDate>,
    /// The last day.
    pub until: Option<NaiveDate>,
}

impl PostedDays {
    fn hold(&self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }

    /// What can change the values of these days.
    fn outstanding(&self, tables: &dyn Tables) -> Outstanding {
        self.until.map_or_else(|| Outstanding::now(tables), |until| Outstanding::at(tables, until))
    }
}

/// Value entries of all items that are posted between two days, oldest number first.
pub fn posted(tables: &dyn Tables, days: PostedDays, query: &PageQuery) -> Page<ValueView> {
    let outstanding = days.outstanding(tables);
    page::ascending::<ValueLedger, _>(tables, KeyRange::all(), query, |no, value| {
        days.hold(value.posting_date).then(|| ValueView::of(tables, (no, &value), &outstanding))
    })
}

/// All of them.
pub fn each_posted(tables: &dyn Tables, days: PostedDays, sink: Sink<'_>) {
    let outstanding = days.outstanding(tables);
    each_of::<ValueLedger>(tables, &KeyRange::all(), false, &mut |no, value| {
        if days.hold(value.posting_date) {
            return sink(ValueView::of(tables, (no, &value), &outstanding).line());
        }
        ControlFlow::Continue(())
    });
}
