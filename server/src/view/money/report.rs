//! Valuation, reconciliation and work in process as of any date, and what is not posted yet.

use chrono::NaiveDate;
use ledger::costing::outstanding::Outstanding;
use ledger::gl::read::unposted;
use ledger::lookup;
use ledger::money::Money;
use ledger::posting::Stop;
use ledger::schema::EntryNo;
use ledger::schema::money::OrderKind;
use ledger::tables::Tables;
use ledger::valuation::inventory::{ValuationOf, inventory};
use ledger::valuation::reconciliation::reconciliation;
use ledger::valuation::wip::work_in_process;
use protocol::quantity::Quantity;
use serde::Serialize;

use super::{location_text, value_word};
use crate::view::entry::type_word;
use crate::view::sheet::{Cell, Line, Sink};

/// A row of the inventory valuation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ValuationRow {
    /// Inventory posting group.
    pub inventory_group: String,
    /// The location; empty for the blank one.
    pub location: String,
    /// The item.
    pub item: String,
    /// At the end of the day.
    pub quantity: Quantity,
    /// Its value before the first day.
    pub opening: Money,
    /// What came in.
    pub increases: Money,
    /// What went out, below zero.
    pub decreases: Money,
    /// Value, invoiced.
    pub value: Money,
    /// Value, expected.
    pub value_expected: Money,
    /// The cost of the item is still to be adjusted: its figures may change as of the same day.
    pub provisional: bool,
}

impl Line for ValuationRow {
    const HEAD: &'static [&'static str] = &[
        "inventory_group",
        "location",
        "item",
        "quantity",
        "opening",
        "increases",
        "decreases",
        "value",
        "value_expected",
        "provisional",
    ];

    fn line(&self) -> Vec<Cell> {
        vec![
            self.inventory_group.as_str().into(),
            self.location.as_str().into(),
            self.item.as_str().into(),
            Cell::Quantity(self.quantity),
            Cell::Money(self.opening),
            Cell::Money(self.increases),
            Cell::Money(self.decreases),
            Cell::Money(self.value),
            Cell::Money(self.value_expected),
            Cell::Flag(self.provisional),
        ]
    }
}

impl ValuationRow {
    /// Adds the figures of `other`; none when a sum leaves the range that is kept.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Option<Self> {
        Some(Self {
            quantity: self.quantity.checked_add(other.quantity)?,
            opening: self.opening.checked_add(other.opening)?,
            increases: self.increases.checked_add(other.increases)?,
            decreases: self.decreases.checked_add(other.decreases)?,
            value: self.value.checked_add(other.value)?,
            value_expected: self.value_expected.checked_add(other.value_expected)?,
            provisional: self.provisional || other.provisional,
            ..self.clone()
        })
    }
}

/// Stock and value by posting group, location and item.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn valuation(tables: &dyn Tables, of: &ValuationOf) -> Result<Vec<ValuationRow>, Stop> {
    let outstanding = Outstanding::at(tables, of.until);
    Ok(inventory(tables, of)?
        .into_iter()
        .map(|((group, location, item), row)| ValuationRow {
            inventory_group: group,
            location: location_text(tables, location),
            item: lookup::item_text(tables, item),
            quantity: row.closing.quantity,
            opening: row.opening.actual,
            increases: row.increases.actual,
            decreases: row.decreases.actual,
            value: row.closing.actual,
            value_expected: row.closing.expected,
            provisional: outstanding.of_item(tables, item),
        })
        .collect())
}

/// Value entries against accounts, of one posting group and location; or the sum of all rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReconciliationRow {
    /// Inventory posting group; empty in the sum.
    pub inventory_group: String,
    /// The location; empty for the blank one, and in the sum.
    pub location: String,
    /// `invoiced`, `interim` or `wip`; `total` in the sum.
    pub part: &'static str,
    /// Σ value entries.
    pub value: Money,
    /// Σ accounts.
    pub ledger: Money,
    /// What is missing in the accounts.
    pub difference: Money,
    /// Of that: not posted yet.
    pub not_posted: Money,
    /// Of that: expected cost, which the setup does not post.
    pub expected_off: Money,
    /// Of that: nothing explains it; none where that is not known.
    pub unexplained: Option<Money>,
    /// Too much is not posted to look at each: what is left of the difference is taken for not posted.
    pub assumed: bool,
    /// The accounts.
    pub accounts: Vec<String>,
    /// Cost is still to be adjusted in the company: figures may change as of the same day.
    pub provisional: bool,
}

impl Line for ReconciliationRow {
    const HEAD: &'static [&'static str] = &[
        "inventory_group",
        "location",
        "part",
        "value",
        "ledger",
        "difference",
        "not_posted",
        "expected_off",
        "unexplained",
        "accounts",
        "assumed",
        "provisional",
    ];

    fn line(&self) -> Vec<Cell> {
        vec![
            self.inventory_group.as_str().into(),
            self.location.as_str().into(),
            self.part.into(),
            Cell::Money(self.value),
            Cell::Money(self.ledger),
            Cell::Money(self.difference),
            Cell::Money(self.not_posted),
            Cell::Money(self.expected_off),
            self.unexplained.map_or(Cell::Empty, Cell::Money),
            self.accounts.join(" ").into(),
            Cell::Flag(self.assumed),
            Cell::Flag(self.provisional),
        ]
    }
}

impl ReconciliationRow {
    /// The part of the row that sums all others.
    pub const TOTAL: &'static str = "total";

    /// Adds the figures of `other`; none when a sum leaves the range that is kept.
    fn plus(&self, other: &Self) -> Option<Self> {
        let unexplained = match self.unexplained.zip(other.unexplained) {
            Some((left, right)) => Some(left.checked_add(right)?),
            None => None,
        };
        Some(Self {
            part: Self::TOTAL,
            value: self.value.checked_add(other.value)?,
            ledger: self.ledger.checked_add(other.ledger)?,
            difference: self.difference.checked_add(other.difference)?,
            not_posted: self.not_posted.checked_add(other.not_posted)?,
            expected_off: self.expected_off.checked_add(other.expected_off)?,
            unexplained,
            assumed: self.assumed || other.assumed,
            ..self.clone()
        })
    }
}

/// Value entries against accounts at the end of `until`, and behind them their sum. At most `look_at` value
/// entries that are not posted are looked at one by one.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn reconciled(
    tables: &dyn Tables,
    until: NaiveDate,
    look_at: usize,
) -> Result<Vec<ReconciliationRow>, Stop> {
    let provisional = Outstanding::at(tables, until).any();
    let mut rows: Vec<ReconciliationRow> = reconciliation(tables, until, look_at)?
        .into_iter()
        .map(|((group, location, part), row)| ReconciliationRow {
            inventory_group: group,
            location: location_text(tables, location),
            part: part.name(),
            value: row.value,
            ledger: row.ledger,
            difference: row.difference,
            not_posted: row.not_posted,
            expected_off: row.expected_off,
            unexplained: row.unexplained,
            assumed: row.unexplained.is_none(),
            accounts: row.accounts,
            provisional,
        })
        .collect();
    if let Some(first) = rows.first() {
        let none = ReconciliationRow {
            inventory_group: String::new(),
            location: String::new(),
            accounts: Vec::new(),
            ..first.clone()
        };
        let sum = rows.iter().skip(1).try_fold(none, |sum, row| sum.plus(row));
        let sum = sum.ok_or(Stop::Overflow)?;
        rows.push(ReconciliationRow { part: ReconciliationRow::TOTAL, ..sum });
    }
    Ok(rows)
}

/// Work in process of one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WipRow {
    /// `assembly` or `production`.
    pub kind: &'static str,
    /// Its number.
    pub order: String,
    /// Before the first day.
    pub opening: Money,
    /// Material that went in.
    pub consumption: Money,
    /// Capacity that went in, with its overhead.
    pub capacity: Money,
    /// What came out.
    pub output: Money,
    /// At the end of the last day: opening + consumption + capacity − output.
    pub closing: Money,
    /// Cost is still to be adjusted in the company: figures may change as of the same day.
    pub provisional: bool,
}

impl Line for WipRow {
    const HEAD: &'static [&'static str] = &[
        "kind",
        "order",
        "opening",
        "consumption",
        "capacity",
        "output",
        "closing",
        "provisional",
    ];

    fn line(&self) -> Vec<Cell> {
        vec![
            self.kind.into(),
            self.order.as_str().into(),
            Cell::Money(self.opening),
            Cell::Money(self.consumption),
            Cell::Money(self.capacity),
            Cell::Money(self.output),
            Cell::Money(self.closing),
            Cell::Flag(self.provisional),
        ]
    }
}

/// Work in process by order, at the end of the last of the days.
///
/// # Errors
///
/// [`Stop::Overflow`].
pub fn wip(
    tables: &dyn Tables,
    (from, until): (Option<NaiveDate>, NaiveDate),
) -> Result<Vec<WipRow>, Stop> {
    let provisional = Outstanding::at(tables, until).any();
    Ok(work_in_process(tables, (from, until))?
        .into_iter()
        .map(|((kind, no), row)| WipRow {
            kind: if kind == OrderKind::Assembly.number() { "assembly" } else { "production" },
            order: no.to_string(),
            opening: row.opening,
            consumption: row.consumption,
            capacity: row.capacity,
            output: row.output,
            closing: row.closing,
            provisional,
        })
        .collect())
}

/// A value entry that is not wholly in the general ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnpostedView {
    /// Its number.
    pub value_entry: u64,
    /// The item ledger entry it values; 0 for capacity.
    pub entry: u64,
    /// The date for the accounts.
    pub posting_date: NaiveDate,
    /// The item.
    pub item: String,
    /// The location; empty for the blank one.
    pub location: String,
    /// Inventory posting group.
    pub inventory_group: String,
    /// The type of the item ledger entry.
    pub entry_type: &'static str,
    /// Its own type.
    pub value_type: &'static str,
    /// What of its actual cost is not posted.
    pub actual: Money,
    /// What of its expected cost is not posted.
    pub expected: Money,
    /// Expected cost is not posted, as the setup says.
    pub expected_off: bool,
    /// The number of its document.
    pub document_no: String,
    /// The cost of its item is still to be adjusted: more may be to post.
    pub provisional: bool,
}

impl Line for UnpostedView {
    const HEAD: &'static [&'static str] = &[
        "value_entry",
        "item_entry",
        "posting_date",
        "item",
        "location",
        "inventory_group",
        "entry_type",
        "value_type",
        "actual",
        "expected",
        "expected_off",
        "document_no",
        "provisional",
    ];

    fn line(&self) -> Vec<Cell> {
        vec![
            Cell::Number(self.value_entry),
            Cell::entry(self.entry),
            Cell::Date(self.posting_date),
            self.item.as_str().into(),
            self.location.as_str().into(),
            self.inventory_group.as_str().into(),
            self.entry_type.into(),
            self.value_type.into(),
            Cell::Money(self.actual),
            Cell::Money(self.expected),
            Cell::Flag(self.expected_off),
            self.document_no.as_str().into(),
            Cell::Flag(self.provisional),
        ]
    }
}

/// Where a list of what is not posted goes on: a row of it.
pub type UnpostedKey = (u8, EntryNo);

/// What is not posted and dated up to `until`, behind `after`: at most `limit` rows that are looked at,
/// and where the next begin.
pub fn not_posted(
    tables: &dyn Tables,
    until: Option<NaiveDate>,
    (after, limit): (UnpostedKey, usize),
) -> (Vec<UnpostedView>, Option<UnpostedKey>) {
    let found = unposted(tables, after, limit);
    let outstanding =
        until.map_or_else(|| Outstanding::now(tables), |until| Outstanding::at(tables, until));
    let next = (found.len() >= limit).then(|| found.last().map(|(key, _row)| *key)).flatten();
    let rows = found
        .into_iter()
        .filter(|(_key, row)| until.is_none_or(|until| row.value.posting_date <= until))
        .map(|(_key, row)| UnpostedView {
            value_entry: row.no.0,
            entry: row.value.entry.0,
            posting_date: row.value.posting_date,
            item: lookup::item_text(tables, row.value.item),
            location: location_text(tables, row.value.location),
            inventory_group: row.value.inventory_group.clone(),
            entry_type: type_word(row.value.entry_type),
            value_type: value_word(row.value.value_type),
            actual: row.actual,
            expected: row.expected,
            expected_off: row.expected_off,
            document_no: row.value.document_no.clone(),
            provisional: outstanding.of_item(tables, row.value.item),
        })
        .collect();
    (rows, next)
}

/// Rows that are looked at together for a file.
const ROWS_TOGETHER: usize = 1_000;

/// All that is not posted and dated up to `until`.
pub fn each_not_posted(tables: &dyn Tables, until: Option<NaiveDate>, sink: Sink<'_>) {
    let mut after = (0, EntryNo(0));
    loop {
        let (rows, next) = not_posted(tables, until, (after, ROWS_TOGETHER));
        if rows.iter().any(|row| sink(row.line()).is_break()) {
            return;
        }
        match next {
            Some(next) => after = next,
            None => return,
        }
    }
}
