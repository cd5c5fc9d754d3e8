//! Backups.
//!
//! `GET /backup` → [`BackupView`], for whoever may look. `POST /backup` `{"full": bool}` → 200
//! [`BackupView`] when the run was proved, 500 with `backup_failed` when not. Needs an
//! administrator. `GET /recoveries` → what came back after each restore.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use protocol::code::Code;
use protocol::feed::Role;
use protocol::identity::ServerTime;
use protocol::outcome::Reason;
use serde::{Deserialize, Serialize};

use super::extract::Body;
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::state::AppState;
use crate::view::recovery::{RecoveryView, recoveries};

/// How the backups are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupView {
    /// The second folder; none: no backups are made.
    pub folder: Option<String>,
    /// Whether it lies on the same disk as the store.
    pub same_disk: bool,
    /// Seconds from one run to the next.
    pub every_s: u32,
    /// Whether a run is under way.
    pub running: bool,
    /// When the last run was proved.
    pub proved: Option<ServerTime>,
    /// When everything was compared last.
    pub compared: Option<ServerTime>,
    /// The last operation in it.
    pub intake: Option<u64>,
    /// The last decision in it.
    pub lsn: Option<u64>,
    /// When the last run failed, if it did.
    pub failed: Option<ServerTime>,
    /// Why, in English.
    pub why: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    full: bool,
}

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/backup", get(show).post(run)).route("/recoveries", get(list))
}

/// How the backups are.
pub fn view(app: &AppState) -> BackupView {
    let status = app.backups().status();
    let verified = status.verified.as_ref();
    BackupView {
        folder: status.folder.clone(),
        same_disk: status.same_disk,
        every_s: status.every_s,
        running: status.running,
        proved: verified.map(|verified| ServerTime(verified.at_us)),
        compared: verified.map(|known| ServerTime(known.full_at_us)).filter(|at| at.0 > 0),
        intake: verified.map(|verified| verified.to.intake),
        lsn: verified.map(|verified| verified.to.lsn),
        failed: status.failed.as_ref().map(|(at, _why)| *at),
        why: status.failed.map(|(_at, why)| why),
    }
}

async fn show(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<BackupView>, Problem> {
    signed_in.demand_reading(None)?;
    Ok(Json(view(&app)))
}

async fn run(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Body(wanted): Body<Wanted>,
) -> Result<Json<BackupView>, Problem> {
    signed_in.demand(Role::Administrator, None)?;
    match app.backups().run_now(wanted.full).await {
        Ok(_done) => Ok(Json(view(&app))),
        Err(why) => {
            let reason = Reason::new(Code::BackupFailed).word("why", why);
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, reason))
        }
    }
}

async fn list(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<RecoveryView>>, Problem> {
    signed_in.demand_reading(None)?;
    Ok(Json(recoveries(&app.company().snapshot())))
}
