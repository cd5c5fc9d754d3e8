//! Sites, locations, bins, licence plates.
//!
//! `GET /sites` → codes. `GET /locations` → list of [`LocationView`].
//! `GET /locations/{location}/bins` → page of [`BinView`]; `GET /locations/{location}/bins/{bin}` →
//! [`BinView`]. `GET /plates/{plate}` → [`PlateView`].

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use ledger::schema::LocationId;
use ledger::tables::Tables;
use protocol::words::{BinCode, LocationCode, PlateNo};

use super::extract::{Asked, Named};
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::state::AppState;
use crate::view::page::{Page, PageQuery};
use crate::view::place::{self, BinView, LocationView, PlateView};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/sites", get(sites))
        .route("/locations", get(locations))
        .route("/locations/{location}/bins", get(bins))
        .route("/locations/{location}/bins/{bin}", get(bin))
        .route("/plates/{plate}", get(plate))
}

/// The location `code`, which `signed_in` may look at.
///
/// # Errors
///
/// [`Problem`]: `malformed_request`, `not_found`, `right_missing`.
pub(super) fn readable(
    tables: &dyn Tables,
    signed_in: &SignedIn,
    code: &str,
) -> Result<LocationId, Problem> {
    let code = LocationCode::new(code).map_err(Problem::malformed)?;
    let id = place::location_id(tables, &code).ok_or_else(|| Problem::not_found(code))?;
    signed_in.demand_reading(Some(id))?;
    Ok(id)
}

async fn sites(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<String>>, Problem> {
    signed_in.demand_reading(None)?;
    Ok(Json(place::sites(&app.company().snapshot())))
}

async fn locations(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<LocationView>>, Problem> {
    signed_in.demand_reading(None)?;
    Ok(Json(place::locations(&app.company().snapshot())))
}

async fn bins(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(location): Named<String>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<BinView>>, Problem> {
    let snapshot = app.company().snapshot();
    let id = readable(&snapshot, &signed_in, &location)?;
    Ok(Json(place::bins(&snapshot, id, &page)))
}

async fn bin(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named((location, bin)): Named<(String, String)>,
) -> Result<Json<BinView>, Problem> {
    let snapshot = app.company().snapshot();
    let id = readable(&snapshot, &signed_in, &location)?;
    let code = BinCode::new(bin).map_err(Problem::malformed)?;
    let bin = place::bin(&snapshot, id, &code);
    bin.map(Json).ok_or_else(|| Problem::not_found(code))
}

async fn plate(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(no): Named<String>,
) -> Result<Json<PlateView>, Problem> {
    signed_in.demand_reading(None)?;
    let no = PlateNo::new(no).map_err(Problem::malformed)?;
    let plate = place::plate(&app.company().snapshot(), &no);
    plate.map(Json).ok_or_else(|| Problem::not_found(no))
}
