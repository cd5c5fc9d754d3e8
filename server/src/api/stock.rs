//! What lies where, and where each figure comes from.
//!
//! `GET /stock?item=` or `?location=[&bin=]` → page of [`StockView`].
//! `GET /stock/below-zero[?location=]` → page of [`StockView`].
//! `GET /stock/entries?location=&bin=&plate=&item=&variant=&lot=&serial=&package=` → page of
//! [`WarehouseEntryView`]: every movement behind the figure of one stock key, the latest act first.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use ledger::schema::item::{ItemsByNo, UnitsByCode, VariantsByCode};
use ledger::schema::place::{BinsByCode, PlatesByNo};
use ledger::schema::tracking::TrackingByKey;
use ledger::schema::{BinId, ItemId, LocationId, PlateId, StockKey, TrackingId, UnitId, VariantId};
use ledger::tables::{Read as _, Tables};
use protocol::words::{
    BinCode, ItemNo, LotNo, PackageNo, PlateNo, SerialNo, UnitCode, VariantCode,
};
use serde::Deserialize;

use super::extract::Asked;
use super::places::readable;
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::state::AppState;
use crate::view::entry::{self, WarehouseEntryView};
use crate::view::page::{Page, PageQuery};
use crate::view::stock::{self, StockView};

#[derive(Deserialize)]
struct Where {
    #[serde(default)]
    item: Option<ItemNo>,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    bin: Option<BinCode>,
}

#[derive(Deserialize)]
struct KeyNamed {
    location: String,
    #[serde(default)]
    bin: Option<BinCode>,
    #[serde(default)]
    plate: Option<PlateNo>,
    item: ItemNo,
    #[serde(default)]
    variant: Option<VariantCode>,
    #[serde(default)]
    unit: Option<UnitCode>,
    #[serde(default)]
    lot: Option<LotNo>,
    #[serde(default)]
    serial: Option<SerialNo>,
    #[serde(default)]
    package: Option<PackageNo>,
}

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/stock", get(list))
        .route("/stock/below-zero", get(below_zero))
        .route("/stock/entries", get(entries))
}

fn item_id(tables: &dyn Tables, no: &ItemNo) -> Result<ItemId, Problem> {
    tables.row::<ItemsByNo>(no).map(|id| *id).ok_or_else(|| Problem::not_found(no))
}

fn bin_id(tables: &dyn Tables, location: LocationId, bin: &BinCode) -> Result<BinId, Problem> {
    let id = tables.row::<BinsByCode>(&(location, bin.clone()));
    id.map(|id| *id).ok_or_else(|| Problem::not_found(bin))
}

async fn list(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(place): Asked<Where>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<StockView>>, Problem> {
    let snapshot = app.company().snapshot();
    let tables: &dyn Tables = &snapshot;
    match (&place.item, &place.location) {
        (Some(item), None) => {
            let id = item_id(tables, item)?;
            signed_in.demand_reading(None)?;
            let may = |location| signed_in.roles.allow_reading(Some(location));
            Ok(Json(stock::of_item(tables, id, &page, may)))
        }
        (None, Some(location)) => {
            let location = readable(tables, &signed_in, location)?;
            let bin = place.bin.as_ref().map(|bin| bin_id(tables, location, bin)).transpose()?;
            Ok(Json(stock::of_place(tables, (location, bin), &page)))
        }
        _ => Err(Problem::malformed("name either an item or a location")),
    }
}

async fn below_zero(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(place): Asked<Where>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<StockView>>, Problem> {
    let snapshot = app.company().snapshot();
    let code = place.location.as_deref();
    let location = code.map(|code| readable(&snapshot, &signed_in, code)).transpose()?;
    if location.is_none() {
        signed_in.demand_reading(Some(LocationId(0)))?;
    }
    Ok(Json(stock::below_zero(&snapshot, location, &page)))
}

fn key_of(
    tables: &dyn Tables,
    location: LocationId,
    named: &KeyNamed,
) -> Result<StockKey, Problem> {
    let item = item_id(tables, &named.item)?;
    let variant = match &named.variant {
        None => VariantId(0),
        Some(code) => *tables
            .row::<VariantsByCode>(&(item, code.clone()))
            .ok_or_else(|| Problem::not_found(code))?,
    };
    let plate = match &named.plate {
        None => PlateId(0),
        Some(no) => *tables.row::<PlatesByNo>(no).ok_or_else(|| Problem::not_found(no))?,
    };
    let unit = match &named.unit {
        None => UnitId(0),
        Some(code) => *tables.row::<UnitsByCode>(code).ok_or_else(|| Problem::not_found(code))?,
    };
    let tracked = (named.lot.clone(), named.serial.clone(), named.package.clone());
    let tracking = if tracked == (None, None, None) {
        TrackingId(0)
    } else {
        let key = (item, variant, tracked.0, tracked.1, tracked.2);
        let known = tables.row::<TrackingByKey>(&key);
        *known.ok_or_else(|| Problem::not_found("this lot, serial or package"))?
    };
    let bin = named.bin.as_ref().map(|bin| bin_id(tables, location, bin)).transpose()?;
    let bin = bin.unwrap_or_default();
    Ok(StockKey { location, bin, plate, item, variant, unit, tracking })
}

async fn entries(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(named): Asked<KeyNamed>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<WarehouseEntryView>>, Problem> {
    let snapshot = app.company().snapshot();
    let location = readable(&snapshot, &signed_in, &named.location)?;
    let key = key_of(&snapshot, location, &named)?;
    Ok(Json(entry::provenance(&snapshot, key, &page)))
}
