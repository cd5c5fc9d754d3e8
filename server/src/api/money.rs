//! The money side: what stock is worth, and whether the accounts agree.
//!
//! | `GET` | answers |
//! |---|---|
//! | `/items/{item}/value?limit=&after=` | [`ItemValueView`]: unit costs, stock and value, a page of item ledger entries with every value entry behind them |
//! | `/value-entries[?from=][&until=][&limit=][&after=]` | a page of [`ValueView`]: those posted between two days |
//! | `/value-entries/{no}` | [`ValueView`], with its entries of the general ledger and its operation |
//! | `/valuation?until=[&from=][&item=][&location=][&group=]` | list of [`ValuationRow`] |
//! | `/inventory-value?until=[&per=entry][&by_location=yes][&by_variant=yes][&item=][&location=][&variant=]` | list of [`ProposedView`]: the lines of a revaluation journal |
//! | `/reconciliation?until=[&look_at=]` | list of [`ReconciliationRow`], the last their sum; of what is not posted `look_at` entries are looked at one by one |
//! | `/reconciliation/unposted[?until=][&limit=][&after=]` | what is not posted yet |
//! | `/wip?until=[&from=]` | list of [`WipRow`]: work in process by order |
//! | `/stockkeeping-units[?item=][&limit=][&after=]` | a page of [`StockkeepingUnitView`]: costs by item, location and variant |
//! | `/items/{item}/standard-cost` | [`StandardCostView`]: the bill of materials, the shares of the standard cost, and the same rolled up |
//! | `/capacities` | list of [`CapacityView`]: what resources, work and machine centers cost |
//! | `/ledger/accounts?until=`, `/ledger/entries[?account=][&limit=][&after=]` | accounts, entries |
//! | `/ledger/entries/{no}` | an entry with the value entries behind it |
//! | `/ledger/runs` | runs that post to the general ledger, the latest first |
//! | `/inventory-setup`, `/posting-accounts` | [`SetupView`]; list of [`PostingAccountView`]: which account stands where, and which is missing |
//! | `/periods`, `/fiscal-years`, `/posting-dates` | which dates are open, and what is in the way of closing |
//! | `/adjustment-runs`, `/adjustment-runs/{no}/changes` | runs of cost adjustment, and what each changed |
//! | `/worksheet`, `/entries/items/{no}/applications` | items that somebody has taken apart; who supplied whom |
//!
//! With `.csv` or `.xlsx` behind the path (for `/items/{item}/value` too) the whole list is a file;
//! `decimals=comma` makes a CSV for spreadsheets that want semicolons and decimal commas.
//!
//! `POST /commands/preview` takes what `POST /commands` takes and answers what that would write, without
//! writing it.
//!
//! Figures that cost adjustment may still change say `provisional`: of an item where a row is about one, else
//! of the whole company. Reading settles nothing; a day in a closed inventory period is final.
//!
//! All of it is for accountants, auditors and administrators of the whole company. Writing goes through
//! `POST /commands`.

mod file;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::NaiveDate;
use ledger::command::Command;
use ledger::costing::outstanding::Outstanding;
use ledger::costing::revalue::{CalculateInventoryValue, RevaluePer};
use ledger::lookup;
use ledger::posting::Stop;
use ledger::schema::entry::ItemLedger;
use ledger::schema::item::ItemsByNo;
use ledger::schema::{EntryNo, ItemId, LocationId};
use ledger::tables::{Read as _, Tables};
use ledger::valuation::inventory::ValuationOf;
use ledger::valuation::reconciliation::LOOKED_AT;
use protocol::feed::Role;
use protocol::words::{ItemNo, LocationCode};
use serde::{Deserialize, Serialize};

use super::extract::{Asked, Body, Named};
use super::problem::Problem;
use crate::dashboard::preview;
use crate::desk::session::SignedIn;
use crate::state::AppState;
use crate::store::Snapshot;
use crate::view::money::accounts::{
    self, AccountView, GlRunView, LedgerEntryView, TracedEntry, gl_runs,
};
use crate::view::money::card::{self, CapacityView, StandardCostView, StockkeepingUnitView};
use crate::view::money::period::{
    self, FiscalYearView, PeriodView, PostingDatesView, inventory_periods,
};
use crate::view::money::proposal::{ProposedView, proposals};
use crate::view::money::report::{
    self, ReconciliationRow, UnpostedView, ValuationRow, WipRow, not_posted,
};
use crate::view::money::run::{self, ApplicationView, RunView, UnappliedView};
use crate::view::money::setup::{self, PostingAccountView, SetupView};
use crate::view::money::value::{self, ItemValueView, PostedDays, ValueView};
use crate::view::operation::{ReasonView, reasons};
use crate::view::page::{Page, PageQuery};
use crate::view::sheet::{Kind, Style};

#[derive(Debug, Clone, Deserialize)]
struct Filter {
    #[serde(default)]
    until: Option<NaiveDate>,
    #[serde(default)]
    from: Option<NaiveDate>,
    #[serde(default)]
    item: Option<ItemNo>,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    per: Option<String>,
    #[serde(default)]
    by_location: Option<String>,
    #[serde(default)]
    by_variant: Option<String>,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default)]
    look_at: Option<usize>,
    #[serde(default)]
    decimals: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    after: Option<String>,
}

impl Filter {
    fn until(&self) -> Result<NaiveDate, Problem> {
        self.until.ok_or_else(|| Problem::malformed("'until' is missing"))
    }

    fn look_at(&self) -> usize {
        self.look_at.unwrap_or(LOOKED_AT)
    }

    fn item(&self, tables: &dyn Tables) -> Result<Option<ItemId>, Problem> {
        self.item.as_ref().map(|no| item_id(tables, no)).transpose()
    }

    fn days(&self) -> PostedDays {
        PostedDays { from: self.from, until: self.until }
    }

    fn page(&self) -> PageQuery {
        PageQuery { limit: self.limit, after: self.after.clone() }
    }

    fn kind(&self, ending: &str) -> Option<Kind> {
        let comma = self.decimals.as_deref() == Some("comma");
        match ending {
            "csv" => Some(Kind::Csv(if comma { Style::Comma } else { Style::Point })),
            "xlsx" => Some(Kind::Xlsx),
            _ => None,
        }
    }

    fn proposals(&self, tables: &Snapshot) -> Result<Vec<ProposedView>, Problem> {
        let by_entry = self.per.as_deref() == Some("entry");
        let ask = CalculateInventoryValue {
            date: self.until()?,
            per: if by_entry { RevaluePer::ItemLedgerEntry } else { RevaluePer::Item },
            by_location: self.by_location.as_deref() == Some("yes"),
            by_variant: self.by_variant.as_deref() == Some("yes"),
            item: self.item.clone(),
            location: self.location.clone(),
            variant: self.variant.clone(),
        };
        proposals(tables, &ask).map_err(|stop| match stop {
            Stop::Refuse(reason) => Problem::refused(reason),
            Stop::Park(..) | Stop::Overflow => out_of_range(stop),
        })
    }

    fn valuation(&self, tables: &Snapshot) -> Result<ValuationOf, Problem> {
        let item = self.item(tables)?;
        let location = match self.location.as_deref() {
            None => None,
            Some("") => Some(LocationId(0)),
            Some(code) => {
                let code = LocationCode::new(code).map_err(Problem::malformed)?;
                Some(lookup::location(tables, &code).map_err(Problem::refused)?.0)
            }
        };
        let until = self.until()?;
        Ok(ValuationOf { from: self.from, until, item, location, group: self.group.clone() })
    }
}

/// Every list that is a file too.
const FILES: [&str; 18] = [
    "/value-entries",
    "/valuation",
    "/inventory-value",
    "/reconciliation",
    "/reconciliation/unposted",
    "/wip",
    "/stockkeeping-units",
    "/capacities",
    "/ledger/accounts",
    "/ledger/entries",
    "/ledger/runs",
    "/periods",
    "/fiscal-years",
    "/posting-dates",
    "/posting-accounts",
    "/adjustment-runs",
    "/adjustment-runs/{run}/changes",
    "/items/{item}/value",
];

pub(super) fn router() -> Router<AppState> {
    let mut router = Router::new()
        .route("/items/{item}/value", get(item_value))
        .route("/value-entries", get(value_entries))
        .route("/value-entries/{no}", get(value_entry))
        .route("/valuation", get(valuation))
        .route("/inventory-value", get(inventory_value))
        .route("/reconciliation", get(reconciled))
        .route("/reconciliation/unposted", get(unposted))
        .route("/wip", get(work_in_process))
        .route("/stockkeeping-units", get(stockkeeping_units))
        .route("/items/{item}/standard-cost", get(standard_cost))
        .route("/capacities", get(capacity_list))
        .route("/ledger/accounts", get(account_list))
        .route("/ledger/entries", get(ledger_entries))
        .route("/ledger/entries/{no}", get(ledger_entry))
        .route("/ledger/runs", get(ledger_runs))
        .route("/periods", get(periods))
        .route("/fiscal-years", get(fiscal_years))
        .route("/posting-dates", get(posting_dates))
        .route("/inventory-setup", get(inventory_setup))
        .route("/posting-accounts", get(posting_accounts))
        .route("/adjustment-runs", get(runs))
        .route("/adjustment-runs/{run}", get(one_run))
        .route("/adjustment-runs/{run}/changes", get(run_changes))
        .route("/worksheet", get(worksheet))
        .route("/entries/items/{no}/applications", get(applications))
        .route("/commands/preview", post(command_preview));
    for path in FILES {
        for ending in ["csv", "xlsx"] {
            router = router.route(&format!("{path}.{ending}"), get(file::file));
        }
    }
    router
}

/// Whether somebody may see figures of the whole company.
pub fn may_see_money(signed_in: &SignedIn) -> bool {
    [Role::Accountant, Role::Auditor, Role::Administrator]
        .into_iter()
        .any(|role| signed_in.roles.include(role, Some(LocationId(0))))
}

/// Figures of the whole company: not for supervisors of a hall.
fn demand_money(signed_in: &SignedIn) -> Result<(), Problem> {
    if may_see_money(signed_in) {
        Ok(())
    } else {
        Err(Problem::right_missing(&signed_in.user).in_language(signed_in.language))
    }
}

fn item_id(tables: &dyn Tables, no: &ItemNo) -> Result<ItemId, Problem> {
    tables.row::<ItemsByNo>(no).map(|id| *id).ok_or_else(|| Problem::not_found(no))
}

/// A sum left the range that is kept: what is stored is within it, so this is a fault of the server.
fn out_of_range(_overflow: Stop) -> Problem {
    Problem::malformed("the sum is out of range")
}

/// Reads a snapshot off the event loop, for somebody who may see money.
async fn read<R: Send + 'static>(
    app: &AppState,
    signed_in: &SignedIn,
    make: impl FnOnce(&Snapshot) -> Result<R, Problem> + Send + 'static,
) -> Result<Json<R>, Problem> {
    demand_money(signed_in)?;
    let app = app.clone();
    let made = tokio::task::spawn_blocking(move || {
        let snapshot = app.company().snapshot();
        let made = make(&snapshot)?;
        snapshot.check().map_err(|_stopped| Problem::stopped())?;
        Ok(made)
    });
    match made.await {
        Ok(made) => made.map(Json),
        Err(panic) => {
            tracing::error!(%panic, "figures could not be made");
            Err(Problem::stopped())
        }
    }
}

async fn item_value(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(no): Named<String>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<ItemValueView>, Problem> {
    read(&app, &signed_in, move |tables| {
        let no = ItemNo::new(no).map_err(Problem::malformed)?;
        Ok(value::of_item(tables, item_id(tables, &no)?, &query))
    })
    .await
}

async fn value_entries(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Filter>,
) -> Result<Json<Page<ValueView>>, Problem> {
    read(&app, &signed_in, move |tables| Ok(value::posted(tables, asked.days(), &asked.page())))
        .await
}

async fn value_entry(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(no): Named<u64>,
) -> Result<Json<ValueView>, Problem> {
    read(&app, &signed_in, move |tables| {
        let outstanding = Outstanding::now(tables);
        let found = ValueView::at(tables, EntryNo(no), &outstanding);
        found.ok_or_else(|| Problem::not_found(no))
    })
    .await
}

async fn valuation(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Filter>,
) -> Result<Json<Vec<ValuationRow>>, Problem> {
    read(&app, &signed_in, move |tables| {
        report::valuation(tables, &asked.valuation(tables)?).map_err(out_of_range)
    })
    .await
}

async fn inventory_value(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Filter>,
) -> Result<Json<Vec<ProposedView>>, Problem> {
    read(&app, &signed_in, move |tables| asked.proposals(tables)).await
}

async fn reconciled(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Filter>,
) -> Result<Json<Vec<ReconciliationRow>>, Problem> {
    read(&app, &signed_in, move |tables| {
        report::reconciled(tables, asked.until()?, asked.look_at()).map_err(out_of_range)
    })
    .await
}

/// Where a list of what is not posted goes on, as a text.
fn unposted_after(text: Option<&str>) -> (u8, EntryNo) {
    let parts = text.and_then(|text| text.split_once('-'));
    let read = |(kind, no): (&str, &str)| Some((kind.parse().ok()?, EntryNo(no.parse().ok()?)));
    parts.and_then(read).unwrap_or((0, EntryNo(0)))
}

async fn unposted(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Filter>,
) -> Result<Json<Page<UnpostedView>>, Problem> {
    read(&app, &signed_in, move |tables| {
        let after = unposted_after(asked.after.as_deref());
        let (rows, next) = not_posted(tables, asked.until, (after, asked.page().rows()));
        let next = next.map(|(kind, no)| format!("{kind}-{no}"));
        Ok(Page { rows, next })
    })
    .await
}

async fn work_in_process(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Filter>,
) -> Result<Json<Vec<WipRow>>, Problem> {
    read(&app, &signed_in, move |tables| {
        report::wip(tables, (asked.from, asked.until()?)).map_err(out_of_range)
    })
    .await
}

async fn stockkeeping_units(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Filter>,
) -> Result<Json<Page<StockkeepingUnitView>>, Problem> {
    read(&app, &signed_in, move |tables| {
        Ok(card::units(tables, asked.item(tables)?, &asked.page()))
    })
    .await
}

async fn standard_cost(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(no): Named<String>,
) -> Result<Json<StandardCostView>, Problem> {
    read(&app, &signed_in, move |tables| {
        let no = ItemNo::new(no).map_err(Problem::malformed)?;
        Ok(card::standard_cost(tables, item_id(tables, &no)?))
    })
    .await
}

async fn capacity_list(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<CapacityView>>, Problem> {
    read(&app, &signed_in, |tables| Ok(card::capacities(tables))).await
}

async fn account_list(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Filter>,
) -> Result<Json<Vec<AccountView>>, Problem> {
    read(&app, &signed_in, move |tables| Ok(accounts::accounts(tables, asked.until()?))).await
}

async fn ledger_entries(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(asked): Asked<Filter>,
) -> Result<Json<Page<LedgerEntryView>>, Problem> {
    read(&app, &signed_in, move |tables| {
        Ok(accounts::entries(tables, asked.account.as_deref(), &asked.page()))
    })
    .await
}

async fn ledger_entry(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(no): Named<u64>,
    Asked(asked): Asked<Filter>,
) -> Result<Json<TracedEntry>, Problem> {
    read(&app, &signed_in, move |tables| {
        let after = asked.after.and_then(|text| text.parse().ok()).map_or(EntryNo(0), EntryNo);
        accounts::traced(tables, EntryNo(no), after).ok_or_else(|| Problem::not_found(no))
    })
    .await
}

async fn ledger_runs(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<GlRunView>>, Problem> {
    read(&app, &signed_in, move |tables| Ok(gl_runs(tables, &query))).await
}

async fn periods(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<PeriodView>>, Problem> {
    let language = signed_in.language;
    read(&app, &signed_in, move |tables| {
        Ok(inventory_periods(tables).into_iter().map(|row| row.told(language)).collect())
    })
    .await
}

async fn fiscal_years(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<FiscalYearView>>, Problem> {
    read(&app, &signed_in, |tables| Ok(period::years(tables))).await
}

async fn posting_dates(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<PostingDatesView>>, Problem> {
    read(&app, &signed_in, |tables| Ok(period::posting_dates(tables))).await
}

async fn inventory_setup(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<SetupView>, Problem> {
    read(&app, &signed_in, |tables| Ok(setup::setup(tables))).await
}

async fn posting_accounts(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<PostingAccountView>>, Problem> {
    read(&app, &signed_in, |tables| Ok(setup::posting_accounts(tables))).await
}

async fn runs(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<RunView>>, Problem> {
    read(&app, &signed_in, move |tables| Ok(run::runs(tables, &query))).await
}

async fn one_run(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(no): Named<u64>,
) -> Result<Json<RunView>, Problem> {
    read(&app, &signed_in, move |tables| run::run(tables, no).ok_or_else(|| Problem::not_found(no)))
        .await
}

async fn run_changes(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(no): Named<u64>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<ValueView>>, Problem> {
    read(&app, &signed_in, move |tables| Ok(run::changes(tables, no, &query))).await
}

async fn worksheet(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<UnappliedView>>, Problem> {
    read(&app, &signed_in, |tables| Ok(run::unapplied(tables))).await
}

async fn applications(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(no): Named<u64>,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<ApplicationView>>, Problem> {
    read(&app, &signed_in, move |tables| {
        if tables.has::<ItemLedger>(&EntryNo(no)) {
            Ok(run::applications(tables, EntryNo(no), &query))
        } else {
            Err(Problem::not_found(no))
        }
    })
    .await
}

/// What a command would write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandPreview {
    /// Why it would be refused: all that is in the way.
    pub refused: Vec<ReasonView>,
    /// Warehouse entries.
    pub warehouse_entries: usize,
    /// Item ledger entries.
    pub item_entries: usize,
    /// Value entries, as they would be numbered.
    pub values: Vec<ValueView>,
    /// Entries of the general ledger.
    pub ledger_entries: Vec<LedgerEntryView>,
}

async fn command_preview(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Body(command): Body<Command>,
) -> Result<Json<CommandPreview>, Problem> {
    let (user, language) = (signed_in.user.clone(), signed_in.language);
    let now = app.company().now();
    read(&app, &signed_in, move |tables| {
        let made = preview::of_money(tables, command.encode(), &user, now);
        Ok(CommandPreview {
            refused: reasons(&made.refused, language),
            warehouse_entries: made.warehouse_entries,
            item_entries: made.item_entries,
            values: made.values,
            ledger_entries: made.ledger,
        })
    })
    .await
}
