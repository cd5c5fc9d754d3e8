//! Lists of the money side as files.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use ledger::tables::Tables;
use protocol::words::ItemNo;

use super::{Filter, demand_money, item_id, out_of_range};
use crate::api::extract::Asked;
use crate::api::problem::Problem;
use crate::dashboard::query::decoded;
use crate::desk::session::SignedIn;
use crate::state::AppState;
use crate::view::money::accounts::{self, AccountView, GlRunView, LedgerEntryView};
use crate::view::money::card::{self, CapacityView, StockkeepingUnitView};
use crate::view::money::period::{
    self, FiscalYearView, Period, PostingDatesView, inventory_periods,
};
use crate::view::money::proposal::ProposedView;
use crate::view::money::report::{
    self, ReconciliationRow, UnpostedView, ValuationRow, WipRow, each_not_posted,
};
use crate::view::money::run::{self, RunView};
use crate::view::money::setup::{self, PostingAccountView};
use crate::view::money::value::{self, ValueView};
use crate::view::sheet::{self, Line, Maker, Sink};

/// What a file shows: the tables are read while it is sent.
fn made_of(app: &AppState, each: impl FnOnce(&dyn Tables, Sink<'_>) + Send + 'static) -> Maker {
    let app = app.clone();
    Box::new(move |sink| {
        let snapshot = app.company().snapshot();
        each(&snapshot, sink);
        snapshot.check().is_ok()
    })
}

fn all<L: Line>(rows: Vec<L>) -> impl FnOnce(&dyn Tables, Sink<'_>) {
    move |_tables, sink| {
        for row in rows {
            if sink(row.line()).is_break() {
                return;
            }
        }
    }
}

/// A list as a file: its name, its columns, its rows.
type Listed = (&'static str, &'static [&'static str], Maker);

/// What stock and orders are worth, and value entries against accounts.
fn figures(app: &AppState, path: &str, asked: &Filter) -> Result<Option<Listed>, Problem> {
    let snapshot = app.company().snapshot();
    Ok(Some(match path {
        "/valuation" => {
            let of = asked.valuation(&snapshot)?;
            let rows = report::valuation(&snapshot, &of).map_err(out_of_range)?;
            ("valuation", ValuationRow::HEAD, made_of(app, all(rows)))
        }
        "/value-entries" => {
            let days = asked.days();
            let each =
                move |tables: &dyn Tables, sink: Sink<'_>| value::each_posted(tables, days, sink);
            ("value_entries", ValueView::HEAD, made_of(app, each))
        }
        "/inventory-value" => {
            let rows = asked.proposals(&snapshot)?;
            ("inventory_value", ProposedView::HEAD, made_of(app, all(rows)))
        }
        "/reconciliation" => {
            let rows = report::reconciled(&snapshot, asked.until()?, asked.look_at());
            let rows = rows.map_err(out_of_range)?;
            ("reconciliation", ReconciliationRow::HEAD, made_of(app, all(rows)))
        }
        "/reconciliation/unposted" => {
            let until = asked.until;
            let each =
                move |tables: &dyn Tables, sink: Sink<'_>| each_not_posted(tables, until, sink);
            ("unposted", UnpostedView::HEAD, made_of(app, each))
        }
        "/wip" => {
            let days = (asked.from, asked.until()?);
            let rows = report::wip(&snapshot, days).map_err(out_of_range)?;
            ("wip", WipRow::HEAD, made_of(app, all(rows)))
        }
        "/stockkeeping-units" => {
            let item = asked.item(&snapshot)?;
            let each =
                move |tables: &dyn Tables, sink: Sink<'_>| card::each_unit(tables, item, sink);
            ("stockkeeping_units", StockkeepingUnitView::HEAD, made_of(app, each))
        }
        _ => return Ok(None),
    }))
}

/// The same of accounts, of the dates that are open, of setups and of runs.
fn books(app: &AppState, path: &str, asked: &Filter) -> Result<Option<Listed>, Problem> {
    let snapshot = app.company().snapshot();
    Ok(Some(match path {
        "/ledger/accounts" => {
            let rows = accounts::accounts(&snapshot, asked.until()?);
            ("accounts", AccountView::HEAD, made_of(app, all(rows)))
        }
        "/ledger/entries" => {
            let account = asked.account.clone();
            let each = move |tables: &dyn Tables, sink: Sink<'_>| {
                accounts::each_entry(tables, account.as_deref(), sink);
            };
            ("ledger_entries", LedgerEntryView::HEAD, made_of(app, each))
        }
        "/ledger/runs" => {
            let each = |tables: &dyn Tables, sink: Sink<'_>| accounts::each_run(tables, sink);
            ("ledger_runs", GlRunView::HEAD, made_of(app, each))
        }
        "/periods" => ("periods", Period::HEAD, made_of(app, all(inventory_periods(&snapshot)))),
        "/fiscal-years" => {
            ("fiscal_years", FiscalYearView::HEAD, made_of(app, all(period::years(&snapshot))))
        }
        "/posting-dates" => {
            let rows = period::posting_dates(&snapshot);
            ("posting_dates", PostingDatesView::HEAD, made_of(app, all(rows)))
        }
        "/posting-accounts" => {
            let rows = setup::posting_accounts(&snapshot);
            ("posting_accounts", PostingAccountView::HEAD, made_of(app, all(rows)))
        }
        "/capacities" => {
            let rows = card::capacities(&snapshot);
            ("capacities", CapacityView::HEAD, made_of(app, all(rows)))
        }
        "/adjustment-runs" => {
            let each = |tables: &dyn Tables, sink: Sink<'_>| run::each_run(tables, sink);
            ("adjustment_runs", RunView::HEAD, made_of(app, each))
        }
        _ => return Ok(None),
    }))
}

/// Lists of one thing, which the path names.
fn lists_of(app: &AppState, path: &str) -> Result<Listed, Problem> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["items", item, "value"] => {
            let text = decoded(item).unwrap_or_default();
            let no = ItemNo::new(text).map_err(Problem::malformed)?;
            let item = item_id(&app.company().snapshot(), &no)?;
            let each =
                move |tables: &dyn Tables, sink: Sink<'_>| value::each_value(tables, item, sink);
            Ok(("value_entries", ValueView::HEAD, made_of(app, each)))
        }
        ["adjustment-runs", no, "changes"] => {
            let no = no.parse().map_err(|_not_a_number| Problem::not_found(no))?;
            let each =
                move |tables: &dyn Tables, sink: Sink<'_>| run::each_change(tables, no, sink);
            Ok(("changes", ValueView::HEAD, made_of(app, each)))
        }
        _ => Err(Problem::not_found(path)),
    }
}

pub(super) async fn file(
    State(app): State<AppState>,
    signed_in: SignedIn,
    uri: Uri,
    Asked(asked): Asked<Filter>,
) -> Result<Response, Problem> {
    demand_money(&signed_in)?;
    let path = uri.path().strip_prefix("/api/v1").unwrap_or(uri.path());
    let (path, ending) = path.rsplit_once('.').unwrap_or((path, ""));
    let kind = asked.kind(ending).ok_or_else(|| Problem::not_found(path))?;
    let (shared, path) = (app.clone(), path.to_owned());
    let found = tokio::task::spawn_blocking(move || {
        if let Some(listed) = figures(&shared, &path, &asked)? {
            return Ok(listed);
        }
        match books(&shared, &path, &asked)? {
            Some(listed) => Ok(listed),
            None => lists_of(&shared, &path),
        }
    });
    let found = found.await.map_err(|_panic| Problem::stopped())?;
    let (name, head, make) = found?;
    Ok(sheet::answer(name, head, kind, make).await)
}
