//! The register of operations, what they posted, and counts.
//!
//! `GET /operations?device=&operator=&kind=&decision=&since=&before=` → page of [`OperationView`],
//! the latest act first. `GET /operations/{device-incarnation-seq}` → [`OperationDetail`]: every
//! revision of the outcome, what was posted, the counts.
//! `GET /entries/items[?item=]` → page of [`ItemEntryView`], `GET /entries/warehouse` → page of
//! [`WarehouseEntryView`], the newest first. `GET /counts[?location=&state=]` → page of
//! [`CountView`]; `state` is `provisional`, `settled`, `needs_approval`, `recount` or `taken_out`.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use ledger::schema::LocationId;
use ledger::schema::item::ItemsByNo;
use ledger::tables::Read as _;
use protocol::words::ItemNo;
use serde::{Deserialize, Serialize};

use super::extract::{Asked, Named};
use super::places::readable;
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::state::AppState;
use crate::view::count::{self, CountFilter, CountView};
use crate::view::entry::{self, ItemEntryView, PostedView, WarehouseEntryView};
use crate::view::operation::{self, OperationFilter, OperationView};
use crate::view::page::{Page, PageQuery};

/// Everything about one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperationDetail {
    /// Its outcomes, the first first.
    pub revisions: Vec<OperationView>,
    /// What it posted.
    pub posted: PostedView,
    /// Its counts.
    pub counts: Vec<CountView>,
}

#[derive(Deserialize)]
struct OfItem {
    #[serde(default)]
    item: Option<ItemNo>,
}

#[derive(Deserialize)]
struct OfLocation {
    #[serde(default)]
    location: Option<String>,
}

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/operations", get(register))
        .route("/operations/{operation}", get(detail))
        .route("/entries/items", get(item_entries))
        .route("/entries/warehouse", get(warehouse_entries))
        .route("/counts", get(counts))
}

/// These lists go across locations.
fn demand_all(signed_in: &SignedIn) -> Result<(), Problem> {
    signed_in.demand_reading(Some(LocationId(0)))
}

async fn register(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(filter): Asked<OperationFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<OperationView>>, Problem> {
    demand_all(&signed_in)?;
    let snapshot = app.company().snapshot();
    Ok(Json(operation::register(&snapshot, &filter, &page, signed_in.language)))
}

async fn detail(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(text): Named<String>,
) -> Result<Json<OperationDetail>, Problem> {
    demand_all(&signed_in)?;
    let id = operation::parse_id(&text)
        .ok_or_else(|| Problem::malformed("an operation is written device-incarnation-sequence"))?;
    let snapshot = app.company().snapshot();
    let revisions = operation::with_revisions(&snapshot, id, signed_in.language);
    if revisions.is_empty() {
        return Err(Problem::not_found(text));
    }
    let posted = entry::posted_by(&snapshot, id);
    Ok(Json(OperationDetail { revisions, posted, counts: count::of_operation(&snapshot, id) }))
}

async fn item_entries(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(of): Asked<OfItem>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<ItemEntryView>>, Problem> {
    demand_all(&signed_in)?;
    let snapshot = app.company().snapshot();
    let item = match of.item {
        None => None,
        Some(no) => {
            let id = snapshot.row::<ItemsByNo>(&no);
            Some(*id.ok_or_else(|| Problem::not_found(no))?)
        }
    };
    Ok(Json(entry::item_entries(&snapshot, item, &page)))
}

async fn warehouse_entries(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<WarehouseEntryView>>, Problem> {
    demand_all(&signed_in)?;
    Ok(Json(entry::warehouse_entries(&app.company().snapshot(), &page)))
}

async fn counts(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(of): Asked<OfLocation>,
    Asked(filter): Asked<CountFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<CountView>>, Problem> {
    let snapshot = app.company().snapshot();
    let code = of.location.as_deref();
    let location = code.map(|code| readable(&snapshot, &signed_in, code)).transpose()?;
    if location.is_none() {
        demand_all(&signed_in)?;
    }
    Ok(Json(count::counts(&snapshot, location, &filter, &page)))
}
