//! What people do on pages: decide cases, let devices in and out. Everything goes into the intake
//! as a command, and is judged there; a page only carries it.

use axum::Form;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use ledger::command::Command;
use ledger::command::papers::CloseTransfer;
use ledger::schema::case::{CaseState, Cases, Choice};
use ledger::schema::identity::{DeviceState, Devices};
use ledger::schema::place::Locations;
use ledger::tables::{Read as _, Tables};
use protocol::code::Code;
use protocol::enrolment::Invitation;
use protocol::feed::Role;
use protocol::frame::order::Order;
use protocol::identity::{CaseId, DeviceId, Incarnation, Seq, ServerTime, TaskId};
use protocol::operation::Place;
use protocol::outcome::Reason;
use protocol::words::{BinCode, DocumentNo, LocationCode, OperatorId, SiteCode};
use server_core::identity::command::MachineCommand;
use server_core::intake::command::CommandOrigin;

use super::context::PageContext;
use super::page::workbench::{self, Tried};
use super::page::{Missing, enrolment, incomplete};
use super::query::Query;
use super::request::{Asked, Preferences, to_sign_in};
use super::routes::{Visitor, answer, problem_page, with_page};
use super::{correction, shell};
use crate::api::cases::assignment_of;
use crate::api::devices::{host_of, new_code, order_expires};
use crate::api::problem::Problem;
use crate::desk::session::SignedIn;
use crate::secret;
use crate::state::AppState;
use crate::view::risk::risk;

pub(super) type Pairs = Form<Vec<(String, String)>>;

/// Who acts, with the context of their pages. A request of nobody who may look is sent to sign in.
pub(super) struct Actor {
    /// Who.
    pub(super) signed_in: SignedIn,
    /// How their pages are.
    pub(super) context: PageContext,
    /// How they like them.
    preferences: Preferences,
}

impl FromRequestParts<AppState> for Actor {
    type Rejection = SignInFirst;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, SignInFirst> {
        let preferences = Preferences::of(&parts.headers);
        let snapshot = app.company().snapshot();
        let signed_in = preferences.signed_in(app, &snapshot);
        let known = signed_in.and_then(|signed_in| {
            let context = preferences.context_of(app, &snapshot, &signed_in).ok()?;
            Some((signed_in, context))
        });
        match known {
            Some((signed_in, context)) => Ok(Self { signed_in, context, preferences }),
            None => Err(SignInFirst(Asked::of(&parts.uri, "").address)),
        }
    }
}

/// The answer to a request of nobody: to sign in, and from there to what was asked for.
pub(super) struct SignInFirst(String);

impl IntoResponse for SignInFirst {
    fn into_response(self) -> Response {
        to_sign_in(&self.0)
    }
}

fn origin(actor: &Actor) -> CommandOrigin {
    CommandOrigin::Desk { user: actor.signed_in.user.clone(), idempotency: None }
}

/// The location that a case is about.
fn location_of(view: &dyn Tables, id: CaseId) -> Option<LocationCode> {
    let stock = view.row::<Cases>(&id)?.stock?;
    view.row::<Locations>(&stock.location).map(|location| location.code.clone())
}

/// What a filled form decides.
fn decision(view: &dyn Tables, id: CaseId, form: &Query) -> Result<Command, Reason> {
    let case =
        view.row::<Cases>(&id).ok_or_else(|| Reason::new(Code::CaseUnknown).word("case", id))?;
    let choice = workbench::choice_of(form.text("choice"))
        .ok_or_else(|| Reason::new(Code::ChoiceNotOffered))?;
    let version = form.parsed("version").unwrap_or_default();
    let correction = if choice == Choice::Correct {
        let (body, _document) =
            workbench::original(view, &case).ok_or_else(|| Reason::new(Code::ChoiceNotOffered))?;
        Some(correction::corrected(view, &body, form)?)
    } else {
        None
    };
    Ok(workbench::decide((id, version), choice, correction, form.text("remark")))
}

/// Decides a case. Who comes second is told who was first; a form that cannot be used comes back
/// with what was typed.
pub(super) async fn decide(
    State(app): State<AppState>,
    actor: Actor,
    asked: Asked,
    Path(id): Path<u64>,
    Form(pairs): Pairs,
) -> Response {
    let id = CaseId(id);
    let form = Query::new(pairs);
    let snapshot = app.company().snapshot();
    let command = actor.context.scope().over(&snapshot, |view| decision(view, id, &form));
    let location = location_of(&snapshot, id);
    drop(snapshot);
    let refused = match command {
        Err(reason) => reason,
        Ok(command) => match app.command(origin(&actor), &command, location.as_ref()).await {
            Ok(_judged) => return Redirect::to(&format!("/workbench/{id}")).into_response(),
            Err(problem) if problem.status.is_server_error() => {
                return problem_page(&actor.context, &problem);
            }
            Err(problem) => problem.reason,
        },
    };
    let visitor = Visitor { preferences: actor.preferences, asked: Asked { query: form, ..asked } };
    with_page(&app, visitor, move |whole, context, asked| {
        // Somebody was quicker: that is no error, the case shows who and when.
        let decided = whole
            .row::<Cases>(&id)
            .is_some_and(|case| matches!(case.state, CaseState::Decided { .. }));
        let tried =
            Tried { refused: if decided { Vec::new() } else { vec![refused] }, late: decided };
        let page = context.scope().over(whole, |view| {
            workbench::page((view, whole), context, id, (&asked.query, &tried))
        });
        match page {
            Ok(page) => {
                let status =
                    if decided { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
                let address = format!("/workbench/{id}");
                answer(status, shell::document(context, &page, &address))
            }
            Err(Missing(reason)) => {
                answer(StatusCode::NOT_FOUND, shell::error_page(context, &reason))
            }
        }
    })
    .await
}

/// Makes an enrolment code and shows it, this once.
pub(super) async fn enrol(
    State(app): State<AppState>,
    actor: Actor,
    headers: HeaderMap,
    Form(pairs): Pairs,
) -> Response {
    let form = Query::new(pairs);
    let made = match SiteCode::new(form.text("site")) {
        Ok(site) => match actor.signed_in.demand(Role::Supervisor, None) {
            Ok(()) => {
                let user = actor.signed_in.user.clone();
                let origin = CommandOrigin::Desk { user, idempotency: None };
                let asked = (site, form.text("compare") == "yes");
                new_code(&app, origin, asked, host_of(&headers)).await
            }
            Err(problem) => Err(problem),
        },
        Err(error) => Err(Problem::malformed(error)),
    };
    let code = match made {
        Ok(code) => code,
        Err(problem) => return problem_page(&actor.context, &problem),
    };
    let Ok(invitation) = code.text.parse::<Invitation>() else {
        return problem_page(&actor.context, &Problem::stopped());
    };
    let made = enrolment::Made {
        hash: secret::sha256(&invitation.code),
        expires: invitation.expires,
        site: invitation.site,
        text: code.text,
        pin: code.pin,
    };
    match enrolment::code_page(&actor.context, &made) {
        Ok(page) => {
            answer(StatusCode::OK, shell::document(&actor.context, &page, "/devices/enrol"))
        }
        Err(Missing(reason)) => {
            problem_page(&actor.context, &Problem::new(StatusCode::NOT_FOUND, reason))
        }
    }
}

/// An order that did not reach its device for so long is not done any more.
const ORDER_DAYS: u16 = 365;

/// Whether what was typed names the device: the guard before what cannot be undone.
fn is_named(view: &dyn Tables, device: DeviceId, form: &Query) -> bool {
    view.row::<Devices>(&device).is_some_and(|device| device.name.trim() == form.text("name"))
}

fn device_command(
    view: &dyn Tables,
    (device, action): (DeviceId, &str),
    (form, now): (&Query, ServerTime),
) -> Result<MachineCommand, Problem> {
    if !view.has::<Devices>(&device) {
        return Err(Problem::not_found(format!("#{device}")));
    }
    let state = |state| Ok(MachineCommand::SetDevice { device, state });
    let expires = order_expires(now, ORDER_DAYS);
    let order = |order| Ok(MachineCommand::Order { device, order, expires });
    match action {
        "suspend" => state(DeviceState::Suspended),
        "resume" => state(DeviceState::Active),
        "refuse" if enrolment::is_to_compare(view, device) => state(DeviceState::Revoked),
        "revoke" | "lost" | "drain" | "wipe" if !is_named(view, device, form) => {
            let reason = Reason::new(Code::NumberOutOfRange).word("field", "name");
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason))
        }
        "revoke" => state(DeviceState::Revoked),
        "lost" => Ok(MachineCommand::DeclareLost { device }),
        "drain" => order(Order::DrainThenWipe),
        "wipe" => order(Order::WipeNow),
        "rotate" => order(Order::RotateKey),
        _ => Err(Problem::not_found(action)),
    }
}

/// Suspends, resumes, revokes a device, declares it lost, or has the bins counted where it was at work.
pub(super) async fn change_device(
    State(app): State<AppState>,
    actor: Actor,
    Path((device, action)): Path<(u32, String)>,
    Form(pairs): Pairs,
) -> Response {
    let device = DeviceId(device);
    let (form, now) = (Query::new(pairs), app.company().now());
    let raw = {
        let view = app.company().snapshot();
        let may = |location| actor.signed_in.roles.include(Role::Supervisor, Some(location));
        match action.as_str() {
            "counts" => Ok(risk(&view, device).counts(&view, may).map(|ask| ask.encode())),
            _ => device_command(&view, (device, &action), (&form, now))
                .map(|command| Some(command.encode())),
        }
    };
    let done = match (actor.signed_in.demand(Role::Supervisor, None), raw) {
        (Err(problem), _) | (Ok(()), Err(problem)) => Err(problem),
        // Each bin is asked for already, or is another's to ask for.
        (Ok(()), Ok(None)) => Ok(()),
        (Ok(()), Ok(Some(raw))) => {
            app.raw_command(origin(&actor), raw, None).await.map(|_judged| ())
        }
    };
    match done {
        Ok(()) => Redirect::to(&format!("/devices/{device}")).into_response(),
        Err(problem) => problem_page(&actor.context, &problem),
    }
}

/// Makes a backup now, and shows how it went.
pub(super) async fn back_up(State(app): State<AppState>, actor: Actor) -> Response {
    if let Err(problem) = actor.signed_in.demand(Role::Administrator, None) {
        return problem_page(&actor.context, &problem);
    }
    // How it went stands on the page.
    drop(app.backups().run_now(false).await);
    Redirect::to("/backup").into_response()
}

/// Declares operations lost that are nowhere any more.
pub(super) async fn declare_gap(
    State(app): State<AppState>,
    actor: Actor,
    Path((device, incarnation, from)): Path<(u32, u32, u64)>,
) -> Response {
    let command = MachineCommand::DeclareGapLost {
        device: DeviceId(device),
        incarnation: Incarnation(incarnation),
        from: Seq(from),
    };
    let done = match actor.signed_in.demand(Role::Supervisor, None) {
        Err(problem) => Err(problem),
        Ok(()) => app.raw_command(origin(&actor), command.encode(), None).await,
    };
    match done {
        Ok(_judged) => Redirect::to("/backup").into_response(),
        Err(problem) => problem_page(&actor.context, &problem),
    }
}

/// Asks for a count of a whole bin, because only a part of it was counted.
pub(super) async fn ask_count(
    State(app): State<AppState>,
    actor: Actor,
    Form(pairs): Pairs,
) -> Response {
    let form = Query::new(pairs);
    let done = match incomplete::ask(form.text("location"), form.text("bin")) {
        None => Err(Problem::malformed("bin")),
        Some(ask) => match actor.signed_in.demand(Role::Supervisor, None) {
            Err(problem) => Err(problem),
            Ok(()) => {
                let command = Command::AskCounts(ask);
                app.command(origin(&actor), &command, None).await.map(|_judged| ())
            }
        },
    };
    match done {
        Ok(()) => Redirect::to("/counts?state=incomplete").into_response(),
        Err(problem) => problem_page(&actor.context, &problem),
    }
}

/// Makes a task somebody's, or nobody's.
pub(super) async fn assign_task(
    State(app): State<AppState>,
    actor: Actor,
    Path(id): Path<u64>,
    Form(pairs): Pairs,
) -> Response {
    let form = Query::new(pairs);
    let whose = match form.text("operator") {
        "" => Ok(None),
        named => OperatorId::new(named).map(Some).map_err(|_bad| Problem::not_found(named)),
    };
    let command = whose.and_then(|operator| {
        assignment_of(&app.company().snapshot(), &actor.signed_in, (TaskId(id), operator))
    });
    let done = match command {
        Err(problem) => Err(problem),
        Ok(command) => app.command(origin(&actor), &command, None).await.map(|_judged| ()),
    };
    match done {
        Ok(()) if form.text("from") == "list" => Redirect::to("/tasks").into_response(),
        Ok(()) => Redirect::to(&format!("/tasks/{id}")).into_response(),
        Err(problem) => problem_page(&actor.context, &problem),
    }
}

/// Ends the waiting for what is on the way between two locations: it is lost, or was found at one of them.
pub(super) async fn close_transfer(
    State(app): State<AppState>,
    actor: Actor,
    Path(no): Path<String>,
    Form(pairs): Pairs,
) -> Response {
    let done = match actor.signed_in.demand(Role::Supervisor, None) {
        Err(problem) => Err(problem),
        Ok(()) => match transfer_closing(&no, &Query::new(pairs)) {
            Err(problem) => Err(problem),
            Ok(close) => {
                let command = Command::CloseTransfer(close);
                app.command(origin(&actor), &command, None).await.map(|_judged| ())
            }
        },
    };
    match done {
        Ok(()) => Redirect::to(&format!("/documents/transfer_order/{no}")).into_response(),
        Err(problem) => problem_page(&actor.context, &problem),
    }
}

fn transfer_closing(no: &str, form: &Query) -> Result<CloseTransfer, Problem> {
    let no = DocumentNo::new(no).map_err(Problem::malformed)?;
    let line = form.parsed("line").ok_or_else(|| Problem::malformed("line"))?;
    let bin = form.get("bin").map(BinCode::new).transpose().map_err(Problem::malformed)?;
    let found = match form.get("found") {
        None => None,
        Some(location) => {
            let location = LocationCode::new(location).map_err(Problem::malformed)?;
            Some(Place { location, bin, plate: None })
        }
    };
    Ok(CloseTransfer { no, line, found })
}
