//! The money side: what stock is worth, and whether the accounts agree.
//!
//! `GET /items/{item}/value?limit=&after=` → [`ItemValueView`]: unit costs, stock and value, and a page of
//! its item ledger entries with every value entry behind them.
//! `GET /valuation?until=[&from=][&item=]` → list of [`ValuationRow`]; `/valuation.csv` the same as a file.
//! `GET /reconciliation?until=` → list of [`ReconciliationRow`]; `/reconciliation.csv` the same as a file.
//! `GET /ledger/accounts?until=` → balances by account. `GET /ledger/entries?limit=&after=` → page of
//! [`LedgerEntryView`]. `GET /periods` → inventory periods, with what stands in the way of closing the
//! open ones. `GET /adjustment-runs?limit=&after=` → runs of cost adjustment, the latest first.
//!
//! All of it is for accountants, auditors and administrators of the whole company. Writing goes through
//! `POST /commands`.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::NaiveDate;
use ledger::costing;
use ledger::costing::mark::is_adjusted;
use ledger::costing::value::values_of;
use ledger::gl::read::account_balances;
use ledger::key::KeyRange;
use ledger::lookup;
use ledger::money::{Money, UnitAmount};
use ledger::period::inventory::{closing_tests, periods};
use ledger::schema::entry::{ItemLedger, ItemLedgerByItem, ItemLedgerStates};
use ledger::schema::gl::GlLedger;
use ledger::schema::item::ItemsByNo;
use ledger::schema::money::{AdjustmentRuns, ItemValues, ValueEntry};
use ledger::schema::{EntryNo, ItemId, LocationId};
use ledger::tables::{Read as _, Tables};
use ledger::valuation::inventory::{Valuation, ValuationOf, inventory};
use ledger::valuation::reconciliation::reconciliation;
use protocol::feed::Role;
use protocol::quantity::Quantity;
use protocol::words::ItemNo;
use serde::{Deserialize, Serialize};

use super::extract::{Asked, Named};
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::exchange::cell::guarded;
use crate::state::AppState;
use crate::view::operation::{ReasonView, reasons};
use crate::view::page::{self, Page, PageQuery};

/// What an item is worth, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemValueView {
    /// Cost per base unit, as the card says.
    pub unit_cost: UnitAmount,
    /// Standard cost per base unit.
    pub standard_cost: UnitAmount,
    /// The last direct cost per base unit.
    pub last_direct_cost: UnitAmount,
    /// On hand.
    pub quantity: Quantity,
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
    /// The date for the accounts.
    pub posting_date: NaiveDate,
    /// Signed: positive into stock.
    pub quantity: Quantity,
    /// Not yet applied.
    pub remaining: Quantity,
    /// Σ actual cost.
    pub cost_actual: Money,
    /// Σ expected cost.
    pub cost_expected: Money,
    /// The value entries, oldest first.
    pub values: Vec<ValueView>,
}

/// A value entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueView {
    /// Its number.
    pub value_entry: u64,
    /// Its type.
    pub entry_type: ledger::schema::money::ValueType,
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
    /// Written by cost adjustment.
    pub adjustment: bool,
    /// The item charge it comes from; empty for none.
    pub charge: String,
    /// The number of its document.
    pub document_no: String,
}

impl ValueView {
    fn of((no, value): (EntryNo, ValueEntry)) -> Self {
        Self {
            value_entry: no.0,
            entry_type: value.value_type,
            posting_date: value.posting_date,
            valuation_date: value.valuation_date,
            valued_quantity: value.valued_quantity,
            invoiced_quantity: value.invoiced_quantity,
            cost_actual: value.cost_actual,
            cost_expected: value.cost_expected,
            cost_non_inventoriable: value.cost_non_inventoriable,
            sales_actual: value.sales_actual,
            sales_expected: value.sales_expected,
            adjustment: value.adjustment,
            charge: value.charge,
            document_no: value.document_no,
        }
    }
}

/// A row of the inventory valuation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
}

/// Value entries against accounts, of one posting group and location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReconciliationRow {
    /// Inventory posting group.
    pub inventory_group: String,
    /// The location; empty for the blank one.
    pub location: String,
    /// `invoiced`, `interim` or `wip`.
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
    /// Of that: nothing explains it.
    pub unexplained: Money,
    /// The accounts.
    pub accounts: Vec<String>,
}

/// A general ledger entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerEntryView {
    /// Its number.
    pub entry: u64,
    /// Its register.
    pub register: u64,
    /// The account.
    pub account: String,
    /// The date.
    pub posting_date: NaiveDate,
    /// Debit above zero.
    pub amount: Money,
    /// The value entry; 0 where it sums several.
    pub value_entry: u64,
    /// The number of its document.
    pub document_no: String,
}

/// An inventory period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeriodView {
    /// Its last day.
    pub ending_date: NaiveDate,
    /// Its name.
    pub name: String,
    /// Nothing is posted up to its last day.
    pub closed: bool,
    /// What stands in the way of closing it.
    pub obstacles: Vec<ReasonView>,
}

/// A run of cost adjustment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunView {
    /// Its number.
    pub run: u64,
    /// Who asked for it.
    pub user: Option<String>,
    /// Items it finished.
    pub items_done: u64,
    /// Value entries it wrote.
    pub value_entries: u64,
    /// It has ended.
    pub done: bool,
    /// The code of the refusal that ended it; empty for none.
    pub failed: String,
}

#[derive(Deserialize)]
struct Dates {
    until: NaiveDate,
    #[serde(default)]
    from: Option<NaiveDate>,
    #[serde(default)]
    item: Option<ItemNo>,
}

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/items/{item}/value", get(item_value))
        .route("/valuation", get(valuation))
        .route("/valuation.csv", get(valuation_file))
        .route("/reconciliation", get(reconciled))
        .route("/reconciliation.csv", get(reconciliation_file))
        .route("/ledger/accounts", get(accounts))
        .route("/ledger/entries", get(ledger_entries))
        .route("/periods", get(inventory_periods))
        .route("/adjustment-runs", get(runs))
}

/// Figures of the whole company: not for supervisors of a hall.
fn demand_money(signed_in: &SignedIn) -> Result<(), Problem> {
    let may = [Role::Accountant, Role::Auditor, Role::Administrator]
        .into_iter()
        .any(|role| signed_in.roles.include(role, Some(LocationId(0))));
    if may { Ok(()) } else { signed_in.demand(Role::Accountant, Some(LocationId(0))) }
}

fn item_id(tables: &dyn Tables, no: &ItemNo) -> Result<ItemId, Problem> {
    tables.row::<ItemsByNo>(no).map(|id| *id).ok_or_else(|| Problem::not_found(no))
}

fn location_text(tables: &impl Tables, location: LocationId) -> String {
    if location.0 == 0 { String::new() } else { lookup::location_text(tables, location) }
}

/// A sum left the range that is kept: what is stored is within it, so this is a fault of the server.
fn out_of_range() -> Problem {
    Problem::malformed("the sum is out of range")
}

async fn item_value(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(no): Named<String>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<ItemValueView>, Problem> {
    demand_money(&signed_in)?;
    let snapshot = app.company().snapshot();
    let no = ItemNo::new(no).map_err(Problem::malformed)?;
    let item = item_id(&snapshot, &no)?;
    let card = costing::item_cost(&snapshot, item);
    let stock = snapshot.row::<ItemValues>(&item).map(|row| *row).unwrap_or_default();
    let tables: &dyn Tables = &snapshot;
    let range = KeyRange::prefix(&(item,));
    let entries =
        page::ascending::<ItemLedgerByItem, _>(tables, range, &query, |(_item, no), _row| {
            let entry = tables.row::<ItemLedger>(&no)?;
            let state = tables.row::<ItemLedgerStates>(&no)?;
            Some(EntryValueView {
                entry: no.0,
                posting_date: entry.posting_date,
                quantity: entry.quantity,
                remaining: state.remaining,
                cost_actual: state.cost.actual,
                cost_expected: state.cost.expected,
                values: values_of(tables, no).into_iter().map(ValueView::of).collect(),
            })
        });
    Ok(Json(ItemValueView {
        unit_cost: card.unit_cost,
        standard_cost: card.standard_cost,
        last_direct_cost: card.last_direct_cost,
        quantity: stock.quantity,
        cost_actual: stock.actual,
        cost_expected: stock.expected,
        cost_is_adjusted: is_adjusted(tables, item),
        entries,
    }))
}

fn valuation_rows(app: &AppState, asked: &Dates) -> Result<Vec<ValuationRow>, Problem> {
    let snapshot = app.company().snapshot();
    let item = asked.item.as_ref().map(|no| item_id(&snapshot, no)).transpose()?;
    let of = ValuationOf { from: asked.from, item, ..ValuationOf::all(asked.until) };
    let rows = inventory(&snapshot, &of).map_err(|_overflow| out_of_range())?;
    Ok(rows
        .into_iter()
        .map(|((group, location, item), row): (_, Valuation)| ValuationRow {
            inventory_group: group,
            location: location_text(&snapshot, location),
            item: lookup::item_text(&snapshot, item),
            quantity: row.closing.quantity,
            opening: row.opening.actual,
            increases: row.increases.actual,
            decreases: row.decreases.actual,
            value: row.closing.actual,
            value_expected: row.closing.expected,
        })
        .collect())
}

async fn valuation(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Dates>,
) -> Result<Json<Vec<ValuationRow>>, Problem> {
    demand_money(&signed_in)?;
    valuation_rows(&app, &asked).map(Json)
}

async fn valuation_file(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Dates>,
) -> Result<Response, Problem> {
    demand_money(&signed_in)?;
    let head =
        "inventory_group,location,item,quantity,opening,increases,decreases,value,value_expected";
    let rows = valuation_rows(&app, &asked)?.into_iter().map(|row| {
        vec![
            row.inventory_group,
            row.location,
            row.item,
            row.quantity.to_string(),
            row.opening.to_string(),
            row.increases.to_string(),
            row.decreases.to_string(),
            row.value.to_string(),
            row.value_expected.to_string(),
        ]
    });
    file("valuation.csv", head, rows)
}

fn reconciliation_rows(
    app: &AppState,
    until: NaiveDate,
) -> Result<Vec<ReconciliationRow>, Problem> {
    let snapshot = app.company().snapshot();
    let rows = reconciliation(&snapshot, until).map_err(|_overflow| out_of_range())?;
    Ok(rows
        .into_iter()
        .map(|((group, location, part), row)| ReconciliationRow {
            inventory_group: group,
            location: location_text(&snapshot, location),
            part: part.name(),
            value: row.value,
            ledger: row.ledger,
            difference: row.difference,
            not_posted: row.not_posted,
            expected_off: row.expected_off,
            unexplained: row.unexplained,
            accounts: row.accounts,
        })
        .collect())
}

async fn reconciled(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Dates>,
) -> Result<Json<Vec<ReconciliationRow>>, Problem> {
    demand_money(&signed_in)?;
    reconciliation_rows(&app, asked.until).map(Json)
}

async fn reconciliation_file(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Dates>,
) -> Result<Response, Problem> {
    demand_money(&signed_in)?;
    let head = "inventory_group,location,part,value,ledger,difference,not_posted,expected_off,unexplained,accounts";
    let rows = reconciliation_rows(&app, asked.until)?.into_iter().map(|row| {
        vec![
            row.inventory_group,
            row.location,
            row.part.to_owned(),
            row.value.to_string(),
            row.ledger.to_string(),
            row.difference.to_string(),
            row.not_posted.to_string(),
            row.expected_off.to_string(),
            row.unexplained.to_string(),
            row.accounts.join(" "),
        ]
    });
    file("reconciliation.csv", head, rows)
}

/// A file for spreadsheets. Names that a spreadsheet would read as formulas are guarded; amounts are not
/// text.
fn file(
    name: &str,
    head: &str,
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<Response, Problem> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(head.split(',')).and_then(|()| {
        for row in rows {
            writer.write_record(row.iter().map(|cell| {
                if cell.parse::<Money>().is_ok() { cell.clone() } else { guarded(cell) }
            }))?;
        }
        Ok(())
    });
    written.map_err(Problem::malformed)?;
    let bytes = writer.into_inner().map_err(|error| Problem::malformed(error.error()))?;
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

async fn accounts(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Dates>,
) -> Result<Json<BTreeMap<String, Money>>, Problem> {
    demand_money(&signed_in)?;
    Ok(Json(account_balances(&app.company().snapshot(), asked.until)))
}

async fn ledger_entries(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<LedgerEntryView>>, Problem> {
    demand_money(&signed_in)?;
    let snapshot = app.company().snapshot();
    let rows = page::ascending::<GlLedger, _>(&snapshot, KeyRange::all(), &query, |no, row| {
        Some(LedgerEntryView {
            entry: no.0,
            register: row.register,
            account: row.account.clone(),
            posting_date: row.posting_date,
            amount: row.amount,
            value_entry: row.value.0,
            document_no: row.document_no.clone(),
        })
    });
    Ok(Json(rows))
}

async fn inventory_periods(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<PeriodView>>, Problem> {
    demand_money(&signed_in)?;
    let snapshot = app.company().snapshot();
    let rows = periods(&snapshot)
        .into_iter()
        .map(|(ending_date, row, _entries)| {
            let obstacles =
                if row.closed { Vec::new() } else { closing_tests(&snapshot, ending_date) };
            PeriodView {
                ending_date,
                name: row.name,
                closed: row.closed,
                obstacles: reasons(&obstacles, signed_in.language),
            }
        })
        .collect();
    Ok(Json(rows))
}

async fn runs(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<RunView>>, Problem> {
    demand_money(&signed_in)?;
    let snapshot = app.company().snapshot();
    let rows =
        page::descending::<AdjustmentRuns, _>(&snapshot, KeyRange::all(), &query, |no, row| {
            Some(RunView {
                run: no,
                user: row.operator.as_ref().map(ToString::to_string),
                items_done: row.items_done,
                value_entries: row.written_entries,
                done: row.done,
                failed: row.failed.clone(),
            })
        });
    Ok(Json(rows))
}
