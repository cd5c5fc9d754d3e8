//! What people ask for on the pages of the money side. Each form is one command of a desk, judged like
//! every other; what is refused comes back with its sentence and its next step.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono::NaiveDate;
use ledger::command::Command;
use ledger::command::costing::{PutUserSetup, SetInventorySetup};
use ledger::command::ledger::SetReasonGroups;
use ledger::costing::setup;
use ledger::costing::work::AdjustCost;
use ledger::costing::worksheet::CloseWorksheet;
use ledger::gl::batch::PostCostToGl;
use ledger::period::accounting::{CloseFiscalYear, CreateFiscalYear, LengthUnit};
use ledger::period::inventory::{InventoryPeriodOf, PutInventoryPeriod};
use ledger::schema::gl::PostingMethod;
use ledger::schema::money::InventorySetup;
use ledger::tables::Tables;
use protocol::words::{ItemNo, OperatorId};
use server_core::intake::command::CommandOrigin;

use super::acts::{Actor, Pairs};
use super::page::money::desk;
use super::query::Query;
use super::routes::{answer, problem_page};
use super::{money_forms, preview, shell};
use crate::api::problem::Problem;
use crate::state::AppState;

/// A day that may be left out.
fn day(form: &Query, name: &str) -> Result<Option<NaiveDate>, Problem> {
    form.get(name).map(str::parse).transpose().map_err(|_bad| Problem::malformed(name))
}

fn needed(form: &Query, name: &str) -> Result<NaiveDate, Problem> {
    day(form, name)?.ok_or_else(|| Problem::malformed(name))
}

/// The command of a form, and the page that shows what it did.
fn command(tables: &dyn Tables, action: &str, form: &Query) -> Result<(Command, String), Problem> {
    if let Some(asked) = money_forms::command(tables, action, form) {
        return asked;
    }
    let period =
        || Ok::<_, Problem>(InventoryPeriodOf { ending_date: needed(form, "ending_date")? });
    let (command, page) = match action {
        "post" => {
            let method = if form.is("method", "per_posting_group") {
                PostingMethod::PerPostingGroup
            } else {
                PostingMethod::PerEntry
            };
            let (test, until) = (!form.is("test", "no"), day(form, "until")?);
            let post = PostCostToGl { method, test, until, ..PostCostToGl::default() };
            (Command::PostCostToGl(post), "/money/ledger")
        }
        "adjust" => {
            let item = form.get("item").map(ItemNo::new).transpose().map_err(Problem::malformed)?;
            let until_valuation_date = day(form, "until")?;
            let adjust = AdjustCost { items: item.into_iter().collect(), until_valuation_date };
            (Command::AdjustCost(adjust), "/money/runs")
        }
        "close-worksheet" => {
            let item = ItemNo::new(form.text("item")).map_err(Problem::malformed)?;
            (Command::CloseWorksheet(CloseWorksheet { item }), "/money/worksheet")
        }
        "period" => {
            let (ending_date, name) = (needed(form, "ending_date")?, form.text("name").to_owned());
            let put = PutInventoryPeriod { ending_date, name, unchecked_closed: None };
            (Command::PutInventoryPeriod(put), "/money/periods")
        }
        "close" => (Command::CloseInventoryPeriod(period()?), "/money/periods"),
        "reopen" => (Command::ReopenInventoryPeriod(period()?), "/money/periods"),
        "year" => {
            let start_date = needed(form, "start_date")?;
            let periods = form.parsed("periods").unwrap_or(12);
            let year = CreateFiscalYear { start_date, periods, length: 1, unit: LengthUnit::Month };
            (Command::CreateFiscalYear(year), "/money/periods")
        }
        "close-year" => (Command::CloseFiscalYear(CloseFiscalYear {}), "/money/periods"),
        "dates" => (dates(tables, form)?, "/money/periods"),
        "reasons" => {
            let group = |name| form.text(name).to_owned();
            let (count_differences, transit_losses) =
                (group("count_differences"), group("transit_losses"));
            let set = SetReasonGroups { count_differences, transit_losses };
            (Command::SetReasonGroups(set), "/money/periods")
        }
        _ => return Err(Problem::not_found(action)),
    };
    Ok((command, page.to_owned()))
}

/// Posting dates: of a user, or where none is named of the company.
fn dates(tables: &dyn Tables, form: &Query) -> Result<Command, Problem> {
    let (allow_posting_from, allow_posting_to) = (day(form, "from")?, day(form, "to")?);
    Ok(match form.get("user") {
        Some(user) => {
            let user = OperatorId::new(user).map_err(Problem::malformed)?;
            Command::PutUserSetup(PutUserSetup { user, allow_posting_from, allow_posting_to })
        }
        None => {
            let known = (*setup(tables)).clone();
            let setup = InventorySetup { allow_posting_from, allow_posting_to, ..known };
            Command::SetInventorySetup(SetInventorySetup { setup, unchecked: false })
        }
    })
}

/// Does what a form of the money side asks for.
pub(super) async fn act(
    State(app): State<AppState>,
    actor: Actor,
    Path(action): Path<String>,
    Form(pairs): Pairs,
) -> Response {
    if !actor.context.may_see_money() {
        return problem_page(&actor.context, &Problem::right_missing(&actor.signed_in.user));
    }
    let looks = pairs.iter().any(|(name, value)| name == "do" && value == "preview");
    let asked = command(&app.company().snapshot(), &action, &Query::new(pairs.clone()));
    if let (true, Ok((command, _page))) = (looks, &asked) {
        return look(&app, &actor, (&action, &pairs), command).await;
    }
    let done = match asked {
        Err(problem) => Err(problem),
        Ok((command, page)) => {
            let user = actor.signed_in.user.clone();
            let origin = CommandOrigin::Desk { user, idempotency: None };
            app.command(origin, &command, None).await.map(|_judged| page)
        }
    };
    match done {
        Ok(page) => Redirect::to(&page).into_response(),
        Err(problem) => problem_page(&actor.context, &problem),
    }
}

/// What a form would post: judged like in earnest, on a draft that is thrown away.
async fn look(
    app: &AppState,
    actor: &Actor,
    (action, pairs): (&str, &[(String, String)]),
    command: &Command,
) -> Response {
    let (user, now) = (actor.signed_in.user.clone(), app.company().now());
    let (shared, raw) = (app.clone(), command.encode());
    let made = tokio::task::spawn_blocking(move || {
        preview::of_money(&shared.company().snapshot(), raw, &user, now)
    });
    match made.await {
        Ok(preview) => {
            let page = desk::preview_page(&actor.context, (action, pairs), &preview);
            let status = if preview.refused.is_empty() {
                StatusCode::OK
            } else {
                StatusCode::UNPROCESSABLE_ENTITY
            };
            answer(status, shell::document(&actor.context, &page, "/money/journals"))
        }
        Err(_panic) => problem_page(&actor.context, &Problem::stopped()),
    }
}
