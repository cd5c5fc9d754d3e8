//! Cases and tasks.
//!
//! `GET /cases[?all=true&site=]` → page of [`CaseView`], open ones unless `all`.
//! `GET /cases/{case}` → [`CaseDetail`] with the operations, every outcome of each.
//! `POST /cases/{case}/preview` `{version, choice, correction?}` → list of [`PreviewView`]: the
//! exact entries that the choice would post. Nothing is changed.
//! `POST /cases/{case}/decision` `{version, choice, correction?, remark?}` → 200
//! [`super::commands::JudgedView`]; 409 when the case changed since. Header `Idempotency-Key`.
//! `GET /tasks[?location=&all=true]` → page of [`TaskView`].
//! `POST /tasks/{task}/assignment` `{operator?}` → 200 [`super::commands::JudgedView`]: whose the task is from
//! now on, nobody's without `operator`. Header `Idempotency-Key`.
//!
//! A correction is work as [`super::commands`] describes it: the operation as it should have been
//! captured.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger::command::Command;
use ledger::command::stock::{AssignTask, Decide};
use ledger::conflict::preview::{Ledger, PreviewLine, preview};
use ledger::schema::LocationId;
use ledger::schema::case::{Cases, Tasks};
use ledger::schema::place::{Locations, SitesByCode};
use ledger::tables::{Read as _, Tables};
use protocol::feed::Role;
use protocol::identity::{CaseId, ServerTime, TaskId};
use protocol::quantity::Quantity;
use protocol::words::{LocationCode, OperatorId, SiteCode};
use serde::{Deserialize, Serialize};

use super::commands::{JudgedView, Work, desk_origin};
use super::extract::{Asked, Body, Named};
use super::places::readable;
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::state::{AppState, today};
use crate::view::case::{self, CaseView};
use crate::view::entry::{reason_word, type_word};
use crate::view::names::TrackingName;
use crate::view::operation::OperationView;
use crate::view::page::{Page, PageQuery};
use crate::view::task::{self, TaskView};

/// A case with everything that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseDetail {
    /// The case.
    #[serde(flatten)]
    pub case: CaseView,
    /// The operations, every outcome of each.
    pub operations: Vec<OperationView>,
}

/// An entry that a choice would post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewView {
    /// `item` or `warehouse`.
    pub ledger: &'static str,
    /// The type of an item ledger entry.
    pub entry_type: Option<&'static str>,
    /// Why.
    pub reason: &'static str,
    /// The location.
    pub location: String,
    /// The bin.
    pub bin: Option<String>,
    /// The licence plate.
    pub plate: Option<String>,
    /// The item.
    pub item: String,
    /// Lot, serial, package.
    pub tracking: TrackingName,
    /// Signed, in base units.
    pub quantity: Quantity,
    /// When it was done.
    pub at: ServerTime,
    /// The entry that it corrects or applies to.
    pub linked_to: Option<u64>,
}

impl From<&PreviewLine> for PreviewView {
    fn from(line: &PreviewLine) -> Self {
        Self {
            ledger: match line.ledger {
                Ledger::Item => "item",
                Ledger::Warehouse => "warehouse",
            },
            entry_type: line.entry_type.map(type_word),
            reason: reason_word(line.reason),
            location: line.location.clone(),
            bin: line.bin.clone(),
            plate: line.plate.clone(),
            item: line.item.clone(),
            tracking: TrackingName::from(&line.tracking),
            quantity: line.quantity,
            at: line.at,
            linked_to: (line.linked_to.0 > 0).then_some(line.linked_to.0),
        }
    }
}

#[derive(Deserialize)]
struct Which {
    #[serde(default)]
    all: bool,
    #[serde(default)]
    site: Option<SiteCode>,
    #[serde(default)]
    location: Option<String>,
}

/// A choice, as it is sent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// The version of the case that was seen.
    pub version: u32,
    /// The choice, in a word.
    pub choice: String,
    /// With `correct`: the operation as it should have been captured.
    #[serde(default)]
    pub correction: Option<Work>,
    /// Why, in the words of the one who decides.
    #[serde(default)]
    pub remark: String,
}

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/cases", get(list))
        .route("/cases/{case}", get(detail))
        .route("/cases/{case}/preview", post(look_ahead))
        .route("/cases/{case}/decision", post(decide))
        .route("/tasks", get(tasks))
        .route("/tasks/{task}/assignment", post(assign))
}

async fn list(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(which): Asked<Which>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<CaseView>>, Problem> {
    signed_in.demand(Role::Supervisor, None)?;
    let snapshot = app.company().snapshot();
    if which.all {
        return Ok(Json(case::cases(&snapshot, &page, signed_in.language)));
    }
    let site = match which.site {
        None => None,
        Some(code) => {
            let id = snapshot.row::<SitesByCode>(&code);
            Some(*id.ok_or_else(|| Problem::not_found(code))?)
        }
    };
    Ok(Json(case::open_cases(&snapshot, site, &page, signed_in.language)))
}

async fn detail(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(id): Named<u64>,
) -> Result<Json<CaseDetail>, Problem> {
    signed_in.demand(Role::Supervisor, None)?;
    let found = case::case(&app.company().snapshot(), CaseId(id), signed_in.language);
    let (case, operations) = found.ok_or_else(|| Problem::not_found(format!("case {id}")))?;
    Ok(Json(CaseDetail { case, operations }))
}

/// The location that a case is about, where it is about stock.
fn location_of(tables: &dyn Tables, id: CaseId) -> Option<(LocationId, LocationCode)> {
    let stock = tables.row::<Cases>(&id)?.stock?;
    let row = tables.row::<Locations>(&stock.location)?;
    Some((stock.location, row.code.clone()))
}

/// The decision that `chosen` is, for somebody who may take it.
///
/// # Errors
///
/// [`Problem`]: `right_missing`, `malformed_request`.
pub fn decision_of(
    tables: &dyn Tables,
    signed_in: &SignedIn,
    id: CaseId,
    chosen: &Chosen,
) -> Result<(Decide, Option<LocationCode>), Problem> {
    let location = location_of(tables, id);
    signed_in.demand(Role::Supervisor, location.as_ref().map(|(id, _code)| *id))?;
    let choice = case::choice_of(&chosen.choice)
        .ok_or_else(|| Problem::malformed(format!("'{}' is no choice", chosen.choice)))?;
    let correction = chosen.correction.as_ref().map(|work| work.handle(tables)).transpose()?;
    let decide = Decide {
        case: id,
        version: chosen.version,
        choice,
        correction,
        remark: chosen.remark.clone(),
    };
    Ok((decide, location.map(|(_id, code)| code)))
}

async fn look_ahead(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(id): Named<u64>,
    Body(chosen): Body<Chosen>,
) -> Result<Json<Vec<PreviewView>>, Problem> {
    let snapshot = app.company().snapshot();
    let (decide, location) = decision_of(&snapshot, &signed_in, CaseId(id), &chosen)?;
    let now = app.company().now();
    let date = today(&snapshot, location.as_ref(), now).unwrap_or_default();
    let lines = preview(&snapshot, &decide, &signed_in.user, (now, date));
    let lines = lines.map_err(Problem::refused)?;
    Ok(Json(lines.iter().map(PreviewView::from).collect()))
}

async fn decide(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Named(id): Named<u64>,
    Body(chosen): Body<Chosen>,
) -> Result<Json<JudgedView>, Problem> {
    let snapshot = app.company().snapshot();
    let (decide, location) = decision_of(&snapshot, &signed_in, CaseId(id), &chosen)?;
    drop(snapshot);
    let origin = desk_origin(&signed_in, &headers)?;
    let judged = app.command(origin, &Command::Decide(decide), location.as_ref()).await?;
    Ok(Json(JudgedView::of(&judged, signed_in.language)))
}

async fn tasks(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Asked(which): Asked<Which>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<Page<TaskView>>, Problem> {
    signed_in.demand_reading(None)?;
    let snapshot = app.company().snapshot();
    if which.all {
        signed_in.demand_reading(Some(LocationId(0)))?;
        return Ok(Json(task::tasks(&snapshot, &page)));
    }
    let code = which.location.as_deref();
    let location = code.map(|code| readable(&snapshot, &signed_in, code)).transpose()?;
    if location.is_none() {
        signed_in.demand_reading(Some(LocationId(0)))?;
    }
    Ok(Json(task::open_tasks(&snapshot, location, &page)))
}

/// Whose a task is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assigned {
    #[serde(default)]
    operator: Option<OperatorId>,
}

/// The command that makes a task `operator`'s, for somebody who may ask for it.
///
/// # Errors
///
/// [`Problem`]: `not_found`, `right_missing`.
pub fn assignment_of(
    tables: &dyn Tables,
    signed_in: &SignedIn,
    (task, operator): (TaskId, Option<OperatorId>),
) -> Result<Command, Problem> {
    let row = tables.row::<Tasks>(&task);
    let row = row.ok_or_else(|| Problem::not_found(format!("task {task}")))?;
    signed_in.demand(Role::Supervisor, Some(row.location))?;
    Ok(Command::AssignTask(AssignTask { task, operator }))
}

async fn assign(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Named(id): Named<u64>,
    Body(to): Body<Assigned>,
) -> Result<Json<JudgedView>, Problem> {
    let command = assignment_of(&app.company().snapshot(), &signed_in, (TaskId(id), to.operator))?;
    let origin = desk_origin(&signed_in, &headers)?;
    let judged = app.command(origin, &command, None).await?;
    Ok(Json(JudgedView::of(&judged, signed_in.language)))
}
