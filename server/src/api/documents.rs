//! Documents.
//!
//! `GET /documents?kind=&status=` → page of [`DocumentView`]. `GET /documents/{kind}/{no}` →
//! [`DocumentDetail`]. Kinds: `purchase_order`, `sales_order`, `transfer_order` and their likes.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use protocol::operation::DocumentKind;
use protocol::words::DocumentNo;
use serde::Serialize;

use super::extract::{Asked, Named};
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::state::AppState;
use crate::view::document::{self, DocumentFilter, DocumentView, LineView};
use crate::view::page::{Page, PageQuery};

/// A document with its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentDetail {
    /// The header.
    #[serde(flatten)]
    pub document: DocumentView,
    /// The lines.
    pub lines: Vec<LineView>,
}

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/documents", get(list)).route("/documents/{kind}/{no}", get(detail))
}

async fn list(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(filter): Asked<DocumentFilter>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<DocumentView>>, Problem> {
    signed_in.demand_reading(None)?;
    let may = |location| signed_in.roles.allow_reading(Some(location));
    Ok(Json(document::documents(&app.company().snapshot(), &filter, &page, may)))
}

async fn detail(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named((kind, no)): Named<(DocumentKind, String)>,
) -> Result<Json<DocumentDetail>, Problem> {
    let no = DocumentNo::new(no).map_err(Problem::malformed)?;
    let snapshot = app.company().snapshot();
    let found = document::document(&snapshot, kind, &no);
    let (document, lines, places) = found.ok_or_else(|| Problem::not_found(no))?;
    let may = places.iter().any(|place| signed_in.roles.allow_reading(Some(*place)));
    if !may {
        signed_in.demand_reading(places.first().copied())?;
    }
    Ok(Json(DocumentDetail { document, lines }))
}
