//! How the server is.
//!
//! `GET /livez` → 200 `ok` while the process answers. `GET /readyz` → 200 `ready` while the machine
//! takes work, 503 after a fault. Both without a session, outside `/api/v1`.
//! `GET /metrics` → what is counted, for Prometheus.
//! `GET /api/v1/status` → [`StatusView`], for whoever may look.
//! `GET /api/v1/events` → server-sent events: `head` with the number of the last decision, at once
//! and after every later one. A slow reader gets the newest number, never an old one.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::stream::{self, Stream};
use ledger::schema::book::{Companies, Heads};
use ledger::tables::Read as _;
use protocol::identity::{IntakeNo, Lsn, ServerEpoch, ServerTime};
use serde::Serialize;
use server_core::machine::Alarm;
use server_core::schema::SafePoints;

use super::problem::Problem;
use crate::desk::session::{SignedIn, token_of};
use crate::runtime::Health;
use crate::secret;
use crate::state::AppState;
use crate::view::{case, device, task};

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusView {
    /// The company's name.
    pub company: String,
    /// The generation of this server.
    pub epoch: Option<ServerEpoch>,
    /// The version of this build.
    pub version: &'static str,
    /// Server time.
    pub now: ServerTime,
    /// The last decision.
    pub lsn: Lsn,
    /// The last operation that was judged.
    pub intake: IntakeNo,
    /// Devices that are connected.
    pub n_online: usize,
    /// Open connections.
    pub n_connections: usize,
    /// Open cases.
    pub n_cases: usize,
    /// Open tasks.
    pub n_tasks: usize,
    /// Bytes of the store on disk.
    pub store_bytes: Option<u64>,
    /// Bytes that are free on the disk of the store.
    pub free_bytes: u64,
    /// Whether new work is refused because the disk is nearly full.
    pub refusing: bool,
    /// Operations up to here are in a verified backup.
    pub safe: Option<IntakeNo>,
    /// Since when.
    pub safe_since: Option<ServerTime>,
    /// How the replicas of devices were found when they were compared, since the server was started.
    pub replicas: ReplicasView,
    /// The certificate that devices know this server by; none without TLS.
    pub certificate: Option<CertificateView>,
    /// The latest alarms, the newest first; before them what cuts devices off.
    pub alarms: Vec<AlarmView>,
}

/// The certificate that is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateView {
    /// Its SHA-256, as people compare it.
    pub pin: String,
    /// Since when it is served; none: as long as this server remembers.
    pub since: Option<ServerTime>,
    /// Devices that were enrolled with another one, and cannot connect.
    pub n_cut_off: usize,
}

/// How replicas were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReplicasView {
    /// Compared, and the same.
    pub n_agreed: u64,
    /// Compared, and not the same: zero is the aim.
    pub n_differed: u64,
    /// Not compared: busy, or not counted yet.
    pub n_unknown: u64,
    /// Rows that were sent again.
    pub n_rows_sent: u64,
}

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmView {
    /// When.
    pub at: ServerTime,
    /// What, in English.
    pub text: String,
}

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/status", get(status)).route("/events", get(events))
}

/// `GET /livez`.
pub async fn livez() -> &'static str {
    "ok\n"
}

/// `GET /readyz`.
pub async fn readyz(State(app): State<AppState>) -> (StatusCode, &'static str) {
    if *app.company().health().borrow() == Health::Running {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the machine has stopped\n")
    }
}

/// `GET /metrics`: for a scraper on this machine, or one that shows the key of the set-up.
///
/// # Errors
///
/// [`Problem`]: `sign_in_required` for everybody else.
pub async fn metrics(
    State(app): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    // What a proxy carries here comes from elsewhere.
    let is_carried =
        ["forwarded", "x-forwarded-for"].iter().any(|name| headers.contains_key(*name));
    let shown = token_of(&headers).unwrap_or_default();
    let knows_key =
        app.metrics_key().is_some_and(|key| secret::same(key.as_bytes(), shown.as_bytes()));
    if !knows_key && (is_carried || !peer.ip().to_canonical().is_loopback()) {
        return Err(Problem::sign_in_required());
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, crate::metrics::render(&app)))
}

/// An alarm in a sentence, in English.
pub fn sentence(alarm: &Alarm) -> String {
    match alarm {
        Alarm::Poison { intake, why } => {
            format!("Operation {intake} of the intake could not be judged and was parked: {why}.")
        }
        Alarm::StaleStore { device, why } => format!(
            "The store of device {device} is an old copy or a copy of another one ({why}); it was \
             given a new generation."
        ),
        Alarm::ServerIsOldCopy { device } => format!(
            "Device {device} has seen a newer state of this server: this server runs an old copy \
             of its store."
        ),
        Alarm::FeedRejected { device, detail } => format!(
            "Device {device} could not apply a record of its feed ({detail}) and gets none any \
             more; its upload goes on."
        ),
        Alarm::OrderRefused { device, detail } => {
            format!("Device {device} did not do what it was told: {detail}.")
        }
        Alarm::ReplicaDiffers { device, n_buckets } => format!(
            "{n_buckets} groups of rows on device {device} were not what they should be and were \
             sent again."
        ),
        Alarm::DeviceStorage { device, report } => format!(
            "The storage of device {device} needs somebody to look at it: {}.",
            device::storage_sentence(report)
        ),
        Alarm::OperationsMissing { device, n_operations } => format!(
            "{n_operations} operations of device {device} that were accepted once are neither here \
             nor on the device any more."
        ),
    }
}

/// How the server is.
pub fn status_of(app: &AppState) -> StatusView {
    let company = app.company();
    let snapshot = company.snapshot();
    let row = snapshot.row::<Companies>(&());
    let head = snapshot.row::<Heads>(&()).map(|head| *head).unwrap_or_default();
    let safe = snapshot.row::<SafePoints>(&());
    let alarms = company.alarms().into_iter();
    let alarms = alarms.map(|(at, alarm)| AlarmView { at, text: sentence(&alarm) });
    let certificate = app.certificates().map(|served| CertificateView {
        pin: served.pin(),
        since: served.since(),
        n_cut_off: served.n_cut_off(&snapshot),
    });
    let cut_off = app.certificates().and_then(|served| {
        let text = served.warning(&snapshot)?;
        Some(AlarmView { at: served.since().unwrap_or(company.now()), text })
    });
    let replicas = company.replicas();
    StatusView {
        company: row.as_ref().map(|row| row.name.clone()).unwrap_or_default(),
        epoch: row.map(|row| row.epoch),
        version: env!("CARGO_PKG_VERSION"),
        now: company.now(),
        lsn: head.lsn,
        intake: head.intake,
        n_online: company.online().len(),
        n_connections: app.admission().n_connections(),
        n_cases: case::n_open(&snapshot),
        n_tasks: task::n_open(&snapshot),
        store_bytes: company.store_bytes(),
        free_bytes: app.storage().free_bytes(),
        refusing: app.storage().is_refusing(),
        safe: safe.as_ref().map(|safe| safe.intake),
        safe_since: safe.map(|safe| safe.at),
        replicas: ReplicasView {
            n_agreed: replicas.n_agreed,
            n_differed: replicas.n_differed,
            n_unknown: replicas.n_unknown,
            n_rows_sent: replicas.n_rows_sent,
        },
        certificate,
        alarms: cut_off.into_iter().chain(alarms).collect(),
    }
}

async fn events(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    signed_in.demand_reading(None)?;
    let mut head = app.company().head();
    head.mark_changed();
    let events = stream::unfold(head, |mut head| async move {
        // It ends when the machine does.
        head.changed().await.ok()?;
        let lsn = *head.borrow_and_update();
        Some((Ok(Event::default().event("head").data(lsn.to_string())), head))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

async fn status(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<StatusView>, Problem> {
    signed_in.demand_reading(None)?;
    Ok(Json(status_of(&app)))
}
