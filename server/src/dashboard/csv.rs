//! The register of operations as a file for spreadsheets.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ledger::tables::Tables;

use super::context::PageContext;
use super::page::register::{EXPORT_HEAD, EXPORT_MAX, export_lines, find};
use super::query::Query;
use super::request::{Asked, Preferences};
use super::routes::{Visitor, with_page};
use crate::exchange::cell::guarded;
use crate::state::AppState;

/// The operations that the filters of the register ask for, as many as one file takes.
pub(super) async fn movements(
    State(app): State<AppState>,
    headers: HeaderMap,
    asked: Asked,
) -> Response {
    let visitor = Visitor { preferences: Preferences::of(&headers), asked };
    with_page(&app, visitor, |view, context, asked| {
        match context.scope().over(view, |view| file(view, context, &asked.query)) {
            Ok(file) => {
                let headers = [
                    (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
                    (header::CONTENT_DISPOSITION, "attachment; filename=\"movements.csv\""),
                    (header::CACHE_CONTROL, "no-store"),
                ];
                (headers, file).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "the register could not be written as a file");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    })
    .await
}

/// The file. Cells that a spreadsheet would read as formulas are guarded.
pub(super) fn file(
    view: &dyn Tables,
    context: &PageContext,
    query: &Query,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(EXPORT_HEAD)?;
    let found = find(view, context, query, EXPORT_MAX);
    for told in &found.rows {
        for line in export_lines(view, told) {
            writer.write_record(line.iter().map(|cell| guarded(cell)))?;
        }
    }
    if found.next.is_some() {
        let mut cut = vec![String::new(); EXPORT_HEAD.len()];
        if let Some(first) = cut.first_mut() {
            *first = context.t("export-cut");
        }
        writer.write_record(&cut)?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}
