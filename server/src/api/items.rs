//! Items and barcodes.
//!
//! `GET /items?search=&limit=&after=` → page of [`ItemView`]; `search` is looked for in numbers and
//! descriptions. `GET /items/{item}` → [`ItemCard`]. `GET /identifiers/{code}` → list of
//! [`MeaningView`]; empty for an unknown code.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use protocol::words::{IdentifierCode, ItemNo};
use serde::Deserialize;

use super::extract::{Asked, Named};
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::state::AppState;
use crate::view::item::{self, ItemCard, ItemView, MeaningView};
use crate::view::page::{Page, PageQuery};

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    search: Option<String>,
}

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/items", get(list))
        .route("/items/{item}", get(card))
        .route("/identifiers/{code}", get(identifier))
}

async fn list(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(search): Asked<Search>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<ItemView>>, Problem> {
    signed_in.demand_reading(None)?;
    let search = search.search.as_deref().map(str::trim).filter(|text| !text.is_empty());
    Ok(Json(item::items(&app.company().snapshot(), search, &page)))
}

async fn card(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(no): Named<String>,
) -> Result<Json<ItemCard>, Problem> {
    signed_in.demand_reading(None)?;
    let no = ItemNo::new(no).map_err(Problem::malformed)?;
    let card = item::card(&app.company().snapshot(), &no);
    card.map(Json).ok_or_else(|| Problem::not_found(no))
}

async fn identifier(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(code): Named<String>,
) -> Result<Json<Vec<MeaningView>>, Problem> {
    signed_in.demand_reading(None)?;
    let code = IdentifierCode::new(code).map_err(Problem::malformed)?;
    Ok(Json(item::meanings(&app.company().snapshot(), &code)))
}
