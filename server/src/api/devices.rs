//! Devices and enrolment codes.
//!
//! `GET /devices` → list of [`DeviceView`].
//! `POST /devices/{device}/state` `{"state": "active" | "suspended" | "revoked"}` → 204.
//! `POST /devices/{device}/lost` → 204: nobody waits for what it may still hold.
//! `GET /devices/{device}/risk` → [`Risk`]: where to look when a device with unsent work is lost.
//! `POST /devices/{device}/counts` → [`Risk`]: has its bins counted, blind, where nobody is asked yet, at
//! the locations where the caller may ask for it.
//! `POST /devices/{device}/order` `{"order": "drain_then_wipe" | "wipe_now" | "rotate_key", "days":
//! 1..=365}` → 204: it comes signed at the next contact, for so many days (30 where none is named).
//! A wipe cannot be undone. Needs an administrator.
//! `GET /gaps` → list of [`GapView`]: operations that are nowhere any more.
//! `POST /gaps/{device}/{incarnation}/{from}/lost` → 204: nobody waits for them any more.
//! `POST /enrolment-codes` `{"site": code, "compare": bool}` → 201 [`CodeView`]: the code as text and
//! as a QR in SVG, valid for ten minutes, for one device; with `compare` (false where it is missing)
//! the device is suspended until a person has compared its six digits ([`protocol::enrolment::comparison`]). Changing needs a supervisor or an administrator.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use ledger::schema::identity::{DeviceState, Devices};
use ledger::schema::place::SitesByCode;
use ledger::tables::Read as _;
use protocol::feed::Role;
use protocol::frame::order::Order;
use protocol::identity::{DeviceId, Incarnation, Seq, ServerTime};
use protocol::words::SiteCode;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use server_core::identity::command::MachineCommand;
use server_core::intake::command::CommandOrigin;

use super::commands::desk_origin;
use super::extract::{Body, Named};
use super::problem::Problem;
use crate::desk::session::SignedIn;
use crate::enrolment;
use crate::state::AppState;
use crate::view::device::{self, DeviceView};
use crate::view::recovery::{self, GapView};
use crate::view::risk::{self, Risk};

/// An enrolment code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeView {
    /// The text of the code, for devices that cannot scan.
    pub text: String,
    /// The same as a QR, in SVG.
    pub svg: String,
    /// Where the device will look for the server.
    pub url: String,
    /// The site that the device will work in.
    pub site: String,
    /// Until when it may be used.
    pub expires: ServerTime,
    /// The pin of the server's certificate, to be compared; none without TLS.
    pub pin: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewState {
    state: StateWord,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum StateWord {
    Active,
    Suspended,
    Revoked,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCode {
    site: SiteCode,
    #[serde(default)]
    compare: bool,
}

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/devices", get(list))
        .route("/devices/{device}/state", post(set_state))
        .route("/devices/{device}/lost", post(declare_lost))
        .route("/devices/{device}/risk", get(risk_list))
        .route("/devices/{device}/counts", post(ask_counts))
        .route("/devices/{device}/order", post(order))
        .route("/gaps", get(list_gaps))
        .route("/gaps/{device}/{incarnation}/{from}/lost", post(declare_gap_lost))
        .route("/enrolment-codes", post(enrolment_code))
}

async fn list(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<DeviceView>>, Problem> {
    signed_in.demand_reading(None)?;
    let online = app.company().online();
    let is_online = |id: DeviceId| online.binary_search(&id).is_ok();
    Ok(Json(device::devices(&app.company().snapshot(), is_online)))
}

async fn machine_command(
    app: &AppState,
    signed_in: &SignedIn,
    headers: &HeaderMap,
    command: &MachineCommand,
) -> Result<(), Problem> {
    let origin = desk_origin(signed_in, headers)?;
    app.raw_command(origin, command.encode(), None).await.map(|_judged| ())
}

fn known_device(app: &AppState, id: u32) -> Result<DeviceId, Problem> {
    let device = DeviceId(id);
    let known = app.company().snapshot().has::<Devices>(&device);
    known.then_some(device).ok_or_else(|| Problem::not_found(format!("device {id}")))
}

async fn set_state(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Named(id): Named<u32>,
    Body(asked): Body<NewState>,
) -> Result<StatusCode, Problem> {
    signed_in.demand(Role::Supervisor, None)?;
    let state = match asked.state {
        StateWord::Active => DeviceState::Active,
        StateWord::Suspended => DeviceState::Suspended,
        StateWord::Revoked => DeviceState::Revoked,
    };
    let command = MachineCommand::SetDevice { device: known_device(&app, id)?, state };
    machine_command(&app, &signed_in, &headers, &command).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn declare_lost(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Named(id): Named<u32>,
) -> Result<StatusCode, Problem> {
    signed_in.demand(Role::Supervisor, None)?;
    let command = MachineCommand::DeclareLost { device: known_device(&app, id)? };
    machine_command(&app, &signed_in, &headers, &command).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn risk_list(
    State(app): State<AppState>,
    signed_in: SignedIn,
    Named(id): Named<u32>,
) -> Result<Json<Risk>, Problem> {
    signed_in.demand_reading(None)?;
    let device = known_device(&app, id)?;
    Ok(Json(risk::risk(&app.company().snapshot(), device)))
}

async fn ask_counts(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Named(id): Named<u32>,
) -> Result<Json<Risk>, Problem> {
    signed_in.demand(Role::Supervisor, None)?;
    let device = known_device(&app, id)?;
    let ask = {
        let view = app.company().snapshot();
        let may = |location| signed_in.roles.include(Role::Supervisor, Some(location));
        risk::risk(&view, device).counts(&view, may)
    };
    if let Some(ask) = ask {
        let origin = desk_origin(&signed_in, &headers)?;
        app.command(origin, &ask, None).await?;
    }
    Ok(Json(risk::risk(&app.company().snapshot(), device)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOrder {
    order: Order,
    #[serde(default = "usual_days")]
    days: u16,
}

const fn usual_days() -> u16 {
    30
}

/// Until when an order of `days` holds.
pub(crate) fn order_expires(now: ServerTime, days: u16) -> ServerTime {
    now.plus_us(i64::from(days.clamp(1, 365)) * 24 * 3_600_000_000)
}

async fn order(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Named(id): Named<u32>,
    Body(asked): Body<NewOrder>,
) -> Result<StatusCode, Problem> {
    signed_in.demand(Role::Administrator, None)?;
    let device = known_device(&app, id)?;
    let expires = order_expires(app.company().now(), asked.days);
    let command = MachineCommand::Order { device, order: asked.order, expires };
    machine_command(&app, &signed_in, &headers, &command).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_gaps(
    State(app): State<AppState>,
    signed_in: SignedIn,
) -> Result<Json<Vec<GapView>>, Problem> {
    signed_in.demand_reading(None)?;
    Ok(Json(recovery::gaps(&app.company().snapshot())))
}

async fn declare_gap_lost(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Named((device, incarnation, from)): Named<(u32, u32, u64)>,
) -> Result<StatusCode, Problem> {
    signed_in.demand(Role::Supervisor, None)?;
    let command = MachineCommand::DeclareGapLost {
        device: known_device(&app, device)?,
        incarnation: Incarnation(incarnation),
        from: Seq(from),
    };
    machine_command(&app, &signed_in, &headers, &command).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The server listens on all addresses of its machine, and has found none of them.
const NO_ADDRESS: &str = "devices would not find this server: say public_url in its settings, or \
                          listen on an address of this machine that is not loopback";

/// The host that a request has asked for.
pub fn host_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(axum::http::header::HOST).and_then(|host| host.to_str().ok())
}

/// Makes an enrolment code for `site`, as `origin`; returns when a device may use it. With `compare`
/// the device is suspended until its digits are compared. `host` is where somebody has found this
/// server, if it was asked by HTTP.
///
/// # Errors
///
/// [`Problem`]: `right_missing`, `not_found`, or a fault of the store.
pub async fn new_code(
    app: &AppState,
    origin: CommandOrigin,
    (site, compare): (SiteCode, bool),
    host: Option<&str>,
) -> Result<CodeView, Problem> {
    let company = app.company();
    let id = company.snapshot().row::<SitesByCode>(&site);
    let id = id.ok_or_else(|| Problem::not_found(&site))?;
    let address = app.address().asked_by(host);
    if !address.is_usable() {
        return Err(Problem::malformed(NO_ADDRESS));
    }
    let made = enrolment::make(&address, site, company.now());
    let command = MachineCommand::AllowEnrolment {
        code_hash: ByteBuf::from(made.hash),
        site: id.0,
        expires: made.invitation.expires,
        compare,
    };
    app.raw_command(origin, command.encode(), None).await?;
    let (text, svg) = enrolment::show(&made.invitation).map_err(Problem::malformed)?;
    Ok(CodeView {
        text,
        svg,
        url: address.url,
        site: made.invitation.site.to_string(),
        expires: made.invitation.expires,
        pin: app.address().pin.as_ref().map(crate::tls::pin_text),
    })
}

async fn enrolment_code(
    State(app): State<AppState>,
    signed_in: SignedIn,
    headers: HeaderMap,
    Body(asked): Body<NewCode>,
) -> Result<(StatusCode, Json<CodeView>), Problem> {
    signed_in.demand(Role::Supervisor, None)?;
    let origin = desk_origin(&signed_in, &HeaderMap::new())?;
    let code = new_code(&app, origin, (asked.site, asked.compare), host_of(&headers)).await?;
    Ok((StatusCode::CREATED, Json(code)))
}
