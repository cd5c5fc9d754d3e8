//! What lies where.

use ledger::key::KeyRange;
use ledger::schema::stock::{Stock, Stocks, StocksByItem};
use ledger::schema::{BinId, ItemId, LocationId, StockKey};
use ledger::tables::{Read as _, Tables};
use protocol::identity::Lsn;
use protocol::quantity::Quantity;
use serde::Serialize;

use super::names::{Names, StockName};
use super::page::{Page, PageQuery, ascending};

/// What lies under one stock key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockView {
    /// Where and what.
    #[serde(flatten)]
    pub name: StockName,
    /// On hand, in the base unit; below zero is legal and marked.
    pub quantity: Quantity,
    /// How much of it is on hold.
    pub on_hold: Quantity,
    /// What is left: on hand less on hold.
    pub available: Quantity,
    /// The decision that changed it last.
    pub lsn: Lsn,
    /// The operation behind that decision.
    pub operation: String,
}

fn view(tables: &dyn Tables, key: &StockKey, row: &Stock) -> StockView {
    StockView {
        name: Names(tables).stock(key),
        quantity: row.quantity,
        on_hold: row.held,
        available: row.quantity.checked_sub(row.held).unwrap_or(row.quantity),
        lsn: row.written.lsn,
        operation: row.written.operation.to_string(),
    }
}

/// Stock of an item, by location and bin, as far as `may_read` lets the locations be seen.
pub fn of_item(
    tables: &dyn Tables,
    item: ItemId,
    query: &PageQuery,
    may_read: impl Fn(LocationId) -> bool,
) -> Page<StockView> {
    let range = KeyRange::prefix(&(item,));
    ascending::<StocksByItem, _>(tables, range, query, |(_item, key), _row| {
        let row = tables.row::<Stocks>(&key).filter(|_row| may_read(key.location))?;
        Some(view(tables, &key, &row))
    })
}

/// Stock of a location, or of one bin of it.
pub fn of_place(
    tables: &dyn Tables,
    (location, bin): (LocationId, Option<BinId>),
    query: &PageQuery,
) -> Page<StockView> {
    let range = match bin {
        None => KeyRange::prefix(&(location,)),
        Some(bin) => KeyRange::prefix(&(location, bin)),
    };
    ascending::<Stocks, _>(tables, range, query, |key, row| Some(view(tables, &key, &row)))
}

/// Stock keys below zero, of a location or of all.
pub fn below_zero(
    tables: &dyn Tables,
    location: Option<LocationId>,
    query: &PageQuery,
) -> Page<StockView> {
    let range = super::page::range_of(location.map(|location| (location,)).as_ref());
    ascending::<Stocks, _>(tables, range, query, |key, row| {
        row.quantity.is_negative().then(|| view(tables, &key, &row))
    })
}
