//! CSV files in and out, for administrators.
//!
//! `POST /import` `{"files": {"items.csv": "item,description\n…"}, "dry_run": true, "number"?: hex}`
//! → 200 [`ImportView`]. Every problem of every row is told, and nothing is changed then; `dry_run`
//! ends before anything is changed in any case. `number` (32 hexadecimal digits) names the import:
//! sent again with the same number, it is taken up where it stopped, and done once: the number of an
//! import that was done does nothing any more, whatever is sent with it. The rows are staged in parts and
//! become visible together, or not at all.
//! `GET /import/files` → list of [`FileView`]: the files and their columns.
//! `GET /export/{file}` → the file as CSV. `x-left-out` says how many rows the file cannot say, where
//! there are any; `GET /export/left_out.txt` names each of them, of all files, with the reason.

use std::collections::BTreeMap;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger::schema::book::ImportNo;
use protocol::feed::Role;
use serde::{Deserialize, Serialize};

use super::extract::{Body, Named};
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::exchange::check::check_readable;
use crate::exchange::read::{ReadError, read_files};
use crate::exchange::{RowFault, files, write};
use crate::export::left_out::{self, LEFT_OUT_FILE};
use crate::import::{self, RunError, quietly};
use crate::state::AppState;
use crate::{export, secret};
use server_core::intake::command::CommandOrigin;
use server_core::ledger_judge::LedgerJudge;

/// The largest import over the network; larger ones are done at the command line.
const IMPORT_BYTES_MAX: usize = 64 << 20;

/// What an import did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportView {
    /// Whether it was done.
    pub done: bool,
    /// Rows that were read.
    pub n_rows: usize,
    /// Commands that they became.
    pub n_commands: usize,
    /// Every problem; nothing is done while there is one.
    pub faults: Vec<RowFault>,
    /// The number of this import.
    pub number: String,
}

/// A file that an import reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileView {
    /// Its name.
    pub file: &'static str,
    /// What it holds.
    pub about: &'static str,
    /// Its columns.
    pub columns: Vec<ColumnView>,
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnView {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub about: &'static str,
    /// A cell may not be empty.
    pub required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    files: BTreeMap<String, String>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    number: Option<String>,
}

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/import", post(run))
        .layer(DefaultBodyLimit::max(IMPORT_BYTES_MAX))
        .route("/import/files", get(about))
        .route("/export/{file}", get(one_file))
}

async fn about(signed_in: SignedIn) -> Result<Json<Vec<FileView>>, Problem> {
    signed_in.demand_reading(None)?;
    let view = |file: crate::exchange::FileAbout| FileView {
        file: file.file,
        about: file.about,
        columns: (file.columns.into_iter())
            .map(|column| ColumnView {
                name: column.name,
                about: column.about,
                required: column.required,
            })
            .collect(),
    };
    Ok(Json(files().into_iter().map(view).collect()))
}

/// What the blocking half of an import found.
enum Prepared {
    /// It was done before, under the same number.
    Done {
        n_rows: usize,
    },
    Faults {
        n_rows: usize,
        faults: Vec<RowFault>,
    },
    Ready {
        n_rows: usize,
        plan: import::Plan,
    },
}

fn prepare(app: &AppState, number: ImportNo, files: Vec<(String, Vec<u8>)>) -> Prepared {
    let company = app.company();
    let snapshot = company.snapshot();
    let batch = match read_files(files) {
        Ok(batch) => batch,
        Err(ReadError::Rows { mut faults, read }) => {
            faults.extend(check_readable(&read, &snapshot, &faults));
            faults.sort();
            return Prepared::Faults { n_rows: read.n_rows(), faults };
        }
        Err(error @ ReadError::Folder { .. }) => {
            let fault = RowFault {
                file: String::new(),
                line: 0,
                column: String::new(),
                reason: error.to_string(),
                remedy: "Send the files again.".to_owned(),
            };
            return Prepared::Faults { n_rows: 0, faults: vec![fault] };
        }
    };
    let n_rows = batch.n_rows();
    if import::is_done(&snapshot, number) {
        return Prepared::Done { n_rows };
    }
    let plan = match import::prepare(&batch, &snapshot, number, &mut quietly) {
        Ok(plan) => plan,
        Err(faults) => return Prepared::Faults { n_rows, faults },
    };
    match import::rehearse(&plan, &snapshot, &LedgerJudge, company.now(), &mut quietly) {
        Ok(()) => Prepared::Ready { n_rows, plan },
        Err(faults) => Prepared::Faults { n_rows, faults },
    }
}

async fn run(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Body(asked): Body<Import>,
) -> Result<Json<ImportView>, Problem> {
    signed_in.demand(Role::Administrator, None)?;
    let number = match &asked.number {
        None => secret::random(),
        Some(text) => secret::from_hex::<16>(text)
            .ok_or_else(|| Problem::malformed("the number has 32 hexadecimal digits"))?,
    };
    let files = asked.files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    let own = app.clone();
    let prepared = tokio::task::spawn_blocking(move || prepare(&own, number, files)).await;
    let number_text = secret::hex(&number);
    let (n_rows, plan) = match prepared.map_err(|_ended| Problem::stopped())? {
        Prepared::Ready { n_rows, plan } => (n_rows, plan),
        Prepared::Done { n_rows } => {
            let faults = Vec::new();
            let view =
                ImportView { done: true, n_rows, n_commands: 0, faults, number: number_text };
            return Ok(Json(view));
        }
        Prepared::Faults { n_rows, faults } => {
            let view =
                ImportView { done: false, n_rows, n_commands: 0, faults, number: number_text };
            return Ok(Json(view));
        }
    };
    let mut view = ImportView {
        done: false,
        n_rows,
        n_commands: plan.n_commands(),
        faults: Vec::new(),
        number: number_text,
    };
    if asked.dry_run {
        return Ok(Json(view));
    }
    let origin = CommandOrigin::Import { user: signed_in.user.clone() };
    let done = import::run(app.company(), &plan, (&origin, number), &mut quietly).await;
    match done {
        Ok(_imported) => view.done = true,
        Err(RunError::Refused { fault: Some(fault), .. }) => view.faults.push(*fault),
        Err(RunError::Refused { reason, .. }) => return Err(Problem::refused(reason)),
        Err(RunError::Stopped { source, .. }) => return Err(source.into()),
    }
    Ok(Json(view))
}

async fn one_file(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(name): Named<String>,
) -> Result<Response, Problem> {
    signed_in.demand(Role::Administrator, None)?;
    let company = app.company().clone();
    let files = tokio::task::spawn_blocking(move || {
        let (batch, skipped) = export::collect(&company.snapshot(), company.now());
        write::to_files(&batch).map(|files| (files, skipped))
    });
    let files = files.await.map_err(|_ended| Problem::stopped())?;
    let (files, skipped) = files.map_err(Problem::malformed)?;
    if name == LEFT_OUT_FILE {
        let list = left_out::list(&skipped);
        return Ok(attachment(LEFT_OUT_FILE, "text/plain; charset=utf-8", list.into_bytes()));
    }
    let found = files.into_iter().find(|(file, _bytes)| *file == name);
    let (file, bytes) = found.ok_or_else(|| Problem::not_found(name))?;
    let mut response = attachment(&file, "text/csv; charset=utf-8", bytes);
    let n_left_out = skipped.iter().filter(|left| left.file == file).count();
    if n_left_out > 0 {
        response.headers_mut().insert(LEFT_OUT_HEADER, HeaderValue::from(n_left_out));
    }
    Ok(response)
}

/// The header that says how many rows a file leaves out.
const LEFT_OUT_HEADER: &str = "x-left-out";

fn attachment(file: &str, content_type: &str, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")),
    ];
    (StatusCode::OK, headers, bytes).into_response()
}
