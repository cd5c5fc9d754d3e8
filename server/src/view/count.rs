//! Counts: what was seen, what the book said, and whether that is settled.

use ledger::key::KeyRange;
use ledger::schema::count::{CountRow, CountState, Counts, CountsByOperation, Watermarks};
use ledger::schema::{LocationId, OrderKey, SiteId, StockKey};
use ledger::tables::{Read as _, Tables};
use protocol::identity::{OperationId, ServerTime};
use protocol::quantity::Quantity;
use serde::{Deserialize, Serialize};

use super::names::{Names, StockName};
use super::page::{Page, PageQuery, descending, range_of};

/// A count of one stock key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CountView {
    /// Where and what.
    #[serde(flatten)]
    pub name: StockName,
    /// When it was counted.
    pub tau: ServerTime,
    /// Half the width of the interval of that instant, in microseconds.
    pub epsilon_us: u64,
    /// The clock was not bracketed.
    pub uncertain: bool,
    /// Counted.
    pub quantity: Quantity,
    /// Counted minus the book just before: what is posted.
    pub difference: Quantity,
    /// What stood in the book when the count arrived.
    pub book_at_arrival: Quantity,
    /// `provisional`, `settled`, `needs_approval`, `recount` or `taken_out`.
    pub state: &'static str,
    /// Not listed in a whole-bin count: nothing was seen.
    pub implicit: bool,
    /// Who counted.
    pub operator: Option<String>,
    /// The operation behind it.
    pub operation: String,
    /// The case of its approval or conflict.
    pub case: Option<u64>,
    /// The recount that was asked for.
    pub task: Option<u64>,
}

/// Which counts are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct CountFilter {
    /// In this state.
    #[serde(default)]
    pub state: Option<String>,
}

/// The state of a count, in a word.
pub const fn state_word(state: CountState) -> &'static str {
    match state {
        CountState::Provisional => "provisional",
        CountState::Settled => "settled",
        CountState::NeedsApproval => "needs_approval",
        CountState::Recount => "recount",
        CountState::TakenOut => "taken_out",
    }
}

fn view(tables: &dyn Tables, key: &StockKey, order: OrderKey, row: &CountRow) -> CountView {
    CountView {
        name: Names(tables).stock(key),
        tau: order.tau,
        epsilon_us: row.epsilon_us,
        uncertain: row.uncertain,
        quantity: row.quantity,
        difference: row.difference,
        book_at_arrival: row.book_at_arrival,
        state: state_word(row.state),
        implicit: row.implicit,
        operator: row.operator.as_ref().map(ToString::to_string),
        operation: row.operation.to_string(),
        case: row.case.map(|case| case.0),
        task: row.task.map(|task| task.0),
    }
}

/// Counts of a location, or of all.
pub fn counts(
    tables: &dyn Tables,
    location: Option<LocationId>,
    filter: &CountFilter,
    query: &PageQuery,
) -> Page<CountView> {
    let range = range_of(location.map(|location| (location,)).as_ref());
    descending::<Counts, _>(tables, range, query, |(key, order), row| {
        let fits = filter.state.as_ref().is_none_or(|state| *state == state_word(row.state));
        fits.then(|| view(tables, &key, order, &row))
    })
}

/// The counts of one operation.
pub fn of_operation(tables: &dyn Tables, operation: OperationId) -> Vec<CountView> {
    let rows = tables.list::<CountsByOperation>(&KeyRange::prefix(&(operation,)));
    let view = |((_operation, key, order), _row): ((OperationId, StockKey, OrderKey), _)| {
        tables.row::<Counts>(&(key, order)).map(|row| view(tables, &key, order, &row))
    };
    rows.into_iter().filter_map(view).collect()
}

/// Up to when all devices of each site have reported.
pub fn watermarks(tables: &dyn Tables) -> Vec<(Option<String>, ServerTime)> {
    let rows = tables.list::<Watermarks>(&KeyRange::all());
    let view = |(site, row): (SiteId, std::sync::Arc<ledger::schema::count::Watermark>)| {
        (Names(tables).site(site), row.until)
    };
    rows.into_iter().map(view).collect()
}
