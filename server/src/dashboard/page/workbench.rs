//! The workbench: what waits for a decision, with both sides of the story, and for each choice the
//! exact entries that it would post.

use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::sync::Arc;

use ledger::command::Command;
use ledger::command::stock::Decide;
use ledger::conflict::revisions;
use ledger::key::KeyRange;
use ledger::schema::SiteId;
use ledger::schema::book::{Change, Intake, Intakes, Origin, OutcomeRow, Outcomes};
use ledger::schema::case::{Case, CaseState, Cases, Choice, OpenCases};
use ledger::tables::{Read as _, Tables, each_of};
use maud::{Markup, html};
use protocol::code::Code;
use protocol::identity::{CaseId, OperationId};
use protocol::operation::{Body, DocumentRef, Recorded};
use protocol::outcome::{Argument, Reason};
use protocol::quantity::Quantity;
use protocol::text::{next_step, sentence};
use protocol::words::OperatorId;

use super::register::rows_wanted;
use super::{Missing, Page, PageResult, Section, counts, operation, would_post};
use crate::dashboard::beside;
use crate::dashboard::cause;
use crate::dashboard::context::PageContext;
use crate::dashboard::correction::{self, Editable};
use crate::dashboard::deed::told_operation;
use crate::dashboard::format;
use crate::dashboard::names;
use crate::dashboard::part::{self, Tone, fact};
use crate::dashboard::preview::{self, Preview};
use crate::dashboard::query::Query;
use crate::dashboard::sightings;
use crate::dashboard::story;

/// Cases that one request looks at.
const EXAMINED_MAX: usize = 5_000;

type Row = (CaseId, Arc<Case>);

/// Every choice.
pub const CHOICES: [Choice; 9] = [
    Choice::Accept,
    Choice::Recount,
    Choice::Correct,
    Choice::Dismiss,
    Choice::Before,
    Choice::After,
    Choice::ApproveOver,
    Choice::Return,
    Choice::Lost,
];

/// The word of a choice in forms and addresses.
pub const fn choice_word(choice: Choice) -> &'static str {
    match choice {
        Choice::Accept => "accept",
        Choice::Recount => "recount",
        Choice::Correct => "correct",
        Choice::Dismiss => "dismiss",
        Choice::Before => "before",
        Choice::After => "after",
        Choice::ApproveOver => "approve_over",
        Choice::Return => "return",
        Choice::Lost => "lost",
    }
}

/// The choice of this word.
pub fn choice_of(word: &str) -> Option<Choice> {
    CHOICES.into_iter().find(|choice| choice_word(*choice) == word)
}

/// How much a case is about, in base units: for ranking.
fn effect(view: &dyn Tables, case: &Case) -> Quantity {
    let told = told_operation(view, case.operation);
    let lines = told.iter().flat_map(|told| &told.deed.lines);
    lines.fold(Quantity::ZERO, |sum, line| {
        let quantity = line.base.or(line.quantity).unwrap_or_default();
        sum.checked_add(quantity).unwrap_or(sum)
    })
}

fn cases(view: &dyn Tables, query: &Query) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    if query.is("show", "done") {
        let mut examined = 0;
        each_of::<Cases>(view, &KeyRange::all(), true, &mut |id: CaseId, case: Arc<Case>| {
            examined += 1;
            if case.state != CaseState::Open {
                rows.push((id, case));
            }
            if examined < EXAMINED_MAX && rows.len() < super::register::ROWS_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        return rows;
    }
    each_of::<OpenCases>(
        view,
        &KeyRange::all(),
        false,
        &mut |(_site, id): (SiteId, CaseId), _row| {
            rows.extend(view.row::<Cases>(&id).map(|case| (id, case)));
            if rows.len() < EXAMINED_MAX {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        },
    );
    if query.is("sort", "effect") {
        rows.sort_by_cached_key(|(id, case)| (Reverse(effect(view, case)), *id));
    } else {
        rows.sort_by_key(|(id, case)| (case.opened, *id));
    }
    rows
}

/// The list of cases, without one opened.
pub fn list_page(view: &dyn Tables, context: &PageContext, query: &Query) -> PageResult {
    Ok(Page::new(Section::Workbench, context.t("workbench-title"))
        .with("cases", list(view, context, query, None))
        .with("case", part::empty(context, "workbench-choose")))
}

fn list(
    view: &dyn Tables,
    context: &PageContext,
    query: &Query,
    current: Option<CaseId>,
) -> Markup {
    let rows = cases(view, query);
    let wanted = rows_wanted(query);
    let done = query.is("show", "done");
    let by_effect = query.is("sort", "effect");
    let keep = Query::default().with("show", query.text("show")).with("sort", query.text("sort"));
    html! {
        nav class="tabs" aria-label=(context.t("view")) {
            a href="/workbench" aria-current=[(!done).then_some("true")] {
                (context.t("cases-open"))
                @if !done { " " (rows.len()) }
            }
            a href="/workbench?show=done" aria-current=[done.then_some("true")] { (context.t("cases-done")) }
        }
        @if !done {
            p class="muted" {
                (context.t("sort")) " "
                a href="/workbench" aria-current=[(!by_effect).then_some("true")] { (context.t("by-age")) } " "
                a href="/workbench?sort=effect" aria-current=[by_effect.then_some("true")] { (context.t("by-effect")) }
            }
        }
        @if rows.is_empty() { (part::empty(context, "cases-empty")) }
        ul class="cases" {
            @for (id, case) in rows.iter().take(wanted) {
                li id={ "case-" (id) } data-row {
                    a data-open href=(keep.address(&format!("/workbench/{id}")))
                        aria-current=[(current == Some(*id)).then_some("true")] {
                        (case_line(view, context, case))
                    }
                }
            }
        }
        @if rows.len() > wanted && wanted < super::register::ROWS_MAX {
            (part::more(context, &query.with("rows", &(wanted + part::ROWS).to_string()).address("/workbench")))
        }
    }
}

fn case_line(view: &dyn Tables, context: &PageContext, case: &Case) -> Markup {
    let tone = match case.state {
        CaseState::Open if case.parked => Tone::Warn,
        CaseState::Open => Tone::Waiting,
        CaseState::Decided { .. } | CaseState::Resolved { .. } => Tone::Ok,
    };
    html! {
        (part::sign(tone)) " "
        span { (title(context, case)) }
        " " small class="muted" {
            (format::age(context, case.opened)) " · "
            (names::person_if_any(view, case.operator.as_ref()))
        }
    }
}

/// What a case is about, in a sentence; where it is about several things of the same kind, with how
/// many more there are.
pub fn title(context: &PageContext, case: &Case) -> String {
    let Some(first) = case.reasons.first() else { return context.t("case-untitled") };
    let told = sentence(first, context.language);
    let alike = case.reasons.iter().filter(|reason| reason.code == first.code).count();
    if alike < 2 {
        return told;
    }
    context.say("case-of-several", &[("first", &told), ("n", &(alike - 1).to_string())])
}

/// What was tried just now and was not taken, to be shown above the case.
#[derive(Debug, Clone, Default)]
pub struct Tried {
    /// Why it was not taken.
    pub refused: Vec<Reason>,
    /// Somebody else had decided before.
    pub late: bool,
}

/// One case beside the list. What the reader may see comes from `view`; what a choice would post is
/// worked out over the `whole`, as in earnest.
pub fn page(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    id: CaseId,
    (query, tried): (&Query, &Tried),
) -> PageResult {
    let name = context.say("case-n", &[("n", &id.to_string())]);
    let case = view.row::<Cases>(&id).ok_or_else(|| Missing::nothing(&name))?;
    let keep = Query::default().with("show", query.text("show")).with("sort", query.text("sort"));
    Ok(Page::new(Section::Workbench, format!("{name}: {}", title(context, &case)))
        .with("cases", list(view, context, &keep, Some(id)))
        .with("case", html! {
            @for reason in &tried.refused { (part::refusal(context, reason)) }
            @if tried.late && let CaseState::Decided { by, at, .. } = &case.state {
                p class="note info" role="status" {
                    (part::sign(Tone::Info)) " "
                    (context.say("already-decided", &[("person", &names::person(view, by))])) " "
                    (format::instant(context, *at))
                }
            }
            (facts(view, context, &case))
        })
        .with("beside", beside::side_by_side(view, context, &case))
        .with("cause", cause::of_case(view, context, &case))
        .with("sightings", sightings::of_case(view, context, &case))
        .with("story", story::around(view, context, &case))
        .with("sides", sides(view, context, &case))
        .with("choices", decision((view, whole), context, (id, &case), query)))
}

fn facts(view: &dyn Tables, context: &PageContext, case: &Case) -> Markup {
    let first = case.reasons.first();
    html! {
        @if let Some(next) = first.map(|first| next_step(first, context.language)) { p class="lead" { (next) } }
        (part::reasons(context, &case.reasons))
        p { (counts::readings(context, &case.reasons)) }
        dl class="facts" {
            (fact(&context.t("done-at"), &format::instant(context, case.tau)))
            (fact(&context.t("opened"), &html! {
                (format::instant(context, case.opened)) " (" (format::age(context, case.opened)) ")"
            }))
            (fact(&context.t("person"), &html! { (names::person_if_any(view, case.operator.as_ref())) }))
            (fact(&context.t("operation"), &names::operation_link(case.operation)))
            (fact(&context.t("effect"), &html! { (format::quantity(context, effect(view, case))) }))
            @if case.parked {
                (fact(&context.t("state"), &part::badge(Tone::Waiting, &context.t("nothing-posted"))))
            }
            (fact(&context.t("case-version"), &html! { (case.version) }))
        }
    }
}

/// The device's side beside the server's.
fn sides(view: &dyn Tables, context: &PageContext, case: &Case) -> Markup {
    let told = told_operation(view, case.operation);
    html! {
        div class="sides" {
            section aria-labelledby="side-device" {
                h2 id="side-device" { (context.t("side-device")) }
                @if let Some(told) = &told {
                    (operation::scan(context, told))
                    (operation::evidence(view, context, told))
                }
            }
            section aria-labelledby="side-server" {
                h2 id="side-server" { (context.t("side-server")) }
                (story::server_side(view, context, case, told.as_ref()))
            }
        }
    }
}

/// The choices, or what was decided.
fn decision(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    (id, case): (CaseId, &Case),
    query: &Query,
) -> Markup {
    html! {
        h2 { (context.t("decision")) }
        @match &case.state {
            CaseState::Open => {
                @if context.may_decide() { (choices((view, whole), context, (id, case), query)) }
                @else { p class="muted" { (context.t("may-not-decide")) } }
            },
            CaseState::Decided { choice, by, at } => {
                p {
                    (part::sign(Tone::Ok)) " "
                    (context.say("decided-by", &[
                        ("choice", &context.word("choice", choice_word(*choice))),
                        ("person", &names::person(view, by)),
                    ]))
                    " " (format::instant(context, *at))
                }
            },
            CaseState::Resolved { at } => {
                p { (part::sign(Tone::Ok)) " " (context.t("resolved")) " " (format::instant(context, *at)) }
            }
        }
    }
}

fn choices(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    (id, case): (CaseId, &Case),
    query: &Query,
) -> Markup {
    html! {
        (earlier(view, context, case))
        p class="muted" { (context.t("choices-text")) }
        @let in_form = in_form(view, case);
        @let choices = offered(case);
        @if let Err(why) = &in_form && choices.contains(&Choice::Correct) {
            p class="note info" id="not-correctable" { (part::sign(Tone::Info)) " " (context.t(why)) }
        }
        @let shown = choices.iter().filter(|choice| **choice != Choice::Correct || in_form.is_ok());
        @for (n, choice) in (1..).zip(shown) {
            @match (choice, &in_form) {
                (Choice::Correct, Ok(in_form)) => {
                    (correct((view, whole), context, (id, case, in_form), (n, query)))
                }
                _ => (plain_choice((view, whole), context, (id, case), (n, *choice))),
            }
        }
    }
}

/// What may be chosen: first what had been, before a new fact opened the case again.
fn offered(case: &Case) -> Vec<Choice> {
    let mut choices = case.choices.clone();
    choices.sort_by_key(|choice| Some(*choice) != case.earlier);
    choices
}

/// Outcomes of a decided case say so with these, and by whom.
const DECIDED: [Code; 5] = [
    Code::CaseAccepted,
    Code::CaseCorrected,
    Code::CaseRecount,
    Code::CaseDismissed,
    Code::CaseClosed,
];

/// The decision that stood before a new fact opened the case again (SYNC 4.3, CONFLICTS 48): who took
/// it, when, and with which figure before the eyes.
fn earlier(view: &dyn Tables, context: &PageContext, case: &Case) -> Markup {
    let Some(choice) = case.earlier else { return html! {} };
    let decided = decided_in(view, case.operation);
    let choice = context.word("choice", choice_word(choice));
    let person = decided.as_ref().map(|(_row, by)| names::person(view, by));
    let person = person.unwrap_or_else(|| context.t("none"));
    let at = decided.as_ref().and_then(|(row, _by)| Change::time_of(view, row.outcome.lsn));
    let figure = decided.as_ref().and_then(|(row, _by)| difference_told(view, case, row));
    html! {
        p class="note info" id="earlier" {
            (part::sign(Tone::Info)) " "
            (context.say("decided-before", &[("choice", &choice), ("person", &person)])) " "
            @if let Some(at) = at { (format::instant(context, at)) " " }
            @if let Some(figure) = figure {
                (context.say("difference-then", &[("difference", &format::signed(context, figure))]))
            }
        }
    }
}

/// The revision in which the outcome of `operation` began to say that somebody had decided, the last
/// time, and who: later ones repeat it with figures of their own.
fn decided_in(view: &dyn Tables, operation: OperationId) -> Option<(Arc<OutcomeRow>, OperatorId)> {
    let (mut last, mut before): (_, Option<Reason>) = (None, None);
    for row in revisions(view, operation) {
        let said = row.outcome.reasons.iter().find(|reason| DECIDED.contains(&reason.code));
        let said = said.cloned();
        if let Some(said) = said.as_ref().filter(|said| before.as_ref() != Some(*said)) {
            let by = word(said, "operator").and_then(|by| by.parse::<OperatorId>().ok());
            last = by.map(|by| (row, by)).or(last);
        }
        before = said;
    }
    last
}

/// The difference that an outcome told of the stock that the case is about.
fn difference_told(view: &dyn Tables, case: &Case, row: &OutcomeRow) -> Option<Quantity> {
    let key = case.stock?;
    let item = names::item_no(view, key.item);
    let bin = names::bin_code(view, key.bin);
    let about = |reason: &&Reason| {
        reason.code == Code::CountVariance
            && word(reason, "item") == Some(item.as_str())
            && word(reason, "bin") == Some(bin.as_str())
    };
    let reason = row.outcome.reasons.iter().find(about)?;
    reason.arguments.iter().find_map(|(name, argument)| match argument {
        Argument::Quantity(quantity) if name == "difference" => Some(*quantity),
        _ => None,
    })
}

/// The text that a reason gives for `name`.
pub fn word<'r>(reason: &'r Reason, name: &str) -> Option<&'r str> {
    reason.arguments.iter().find_map(|(known, argument)| match argument {
        Argument::Word(word) if known == name => Some(word.as_str()),
        _ => None,
    })
}

/// What a decision says, before it is given.
pub fn decide(
    (id, version): (CaseId, u32),
    choice: Choice,
    correction: Option<(Body, Option<DocumentRef>)>,
    remark: &str,
) -> Command {
    let correction =
        correction.map(|(body, document)| ledger::command::Handle::new(&body, document));
    Command::Decide(Decide { case: id, version, choice, correction, remark: remark.to_owned() })
}

fn preview_of(whole: &dyn Tables, context: &PageContext, command: &Command) -> Option<Preview> {
    let person = context.person.as_ref()?;
    Some(preview::of(whole, command.encode(), &person.id, context.now))
}

fn choice_head(context: &PageContext, n: usize, choice: Choice) -> Markup {
    let word = choice_word(choice);
    html! {
        h3 { span class="ordinal" { (n) } " " (context.word("choice", word)) }
        p { (context.word("choice-text", word)) }
    }
}

fn remark(context: &PageContext, choice: Choice, typed: &str) -> Markup {
    let id = format!("remark-{}", choice_word(choice));
    html! {
        div class="field wide" {
            label for=(id) { (context.t("decision-reason")) }
            input id=(id) name="remark" autocomplete="off" maxlength="250" value=(typed);
        }
    }
}

fn plain_choice(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    (id, case): (CaseId, &Case),
    (n, choice): (usize, Choice),
) -> Markup {
    let preview = preview_of(whole, context, &decide((id, case.version), choice, None, ""));
    html! {
        div class="choice" {
            (choice_head(context, n, choice))
            @if let Some(preview) = preview { (would_post::block(view, context, &preview)) }
            form method="post" action={ "/workbench/" (id) } {
                input type="hidden" name="version" value=(case.version);
                input type="hidden" name="choice" value=(choice_word(choice));
                (remark(context, choice, ""))
                button type="submit" class="primary" data-resolve[n == 1] { (context.t("decide")) }
            }
        }
    }
}

/// What an operation said, as far as a form can change it.
pub fn original(view: &dyn Tables, case: &Case) -> Option<(Body, Option<DocumentRef>)> {
    let intake: Arc<Intake> =
        view.row::<Intakes>(&view.row::<Outcomes>(&case.operation)?.intake)?;
    if !matches!(intake.origin, Origin::Device { .. }) {
        return None;
    }
    let recorded = Recorded::from_content(&intake.raw).ok()?;
    let body = recorded.decode_body().ok()?;
    Some((body, recorded.envelope.document))
}

/// What an operation said, with what a form can change of it.
type InForm = (Body, Editable, Option<DocumentRef>);

/// The operation of a case as a form can correct it.
///
/// # Errors
///
/// The text that says why no form can.
fn in_form(view: &dyn Tables, case: &Case) -> Result<InForm, &'static str> {
    let outcome = view.row::<Outcomes>(&case.operation);
    let intake = outcome.and_then(|outcome| view.row::<Intakes>(&outcome.intake));
    if intake.is_some_and(|intake| !matches!(intake.origin, Origin::Device { .. })) {
        return Err("not-correctable-desk");
    }
    let (body, document) = original(view, case).ok_or("not-correctable-unread")?;
    let editable = Editable::of(&body).ok_or("not-correctable")?;
    Ok((body, editable, document))
}

fn correct(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    (id, case, (body, editable, document)): (CaseId, &Case, &InForm),
    (n, query): (usize, &Query),
) -> Markup {
    let asked = query.is("choice", "correct");
    html! {
        div class="choice" id="correct" {
            (choice_head(context, n, Choice::Correct))
            form method="get" action={ "/workbench/" (id) "#correct" } data-keep {
                input type="hidden" name="version" value=(case.version);
                input type="hidden" name="choice" value="correct";
                div class="fields" { (correction::fields(context, editable, document.as_ref(), query)) }
                (remark(context, Choice::Correct, query.text("remark")))
                button type="submit" { (context.t("preview")) } " "
                button type="submit" class="primary" data-resolve[n == 1] formmethod="post"
                    formaction={ "/workbench/" (id) } { (context.t("decide")) }
            }
            @if asked { (correct_preview((view, whole), context, (id, case), (body, query))) }
        }
    }
}

fn correct_preview(
    (view, whole): (&dyn Tables, &dyn Tables),
    context: &PageContext,
    (id, case): (CaseId, &Case),
    (body, query): (&Body, &Query),
) -> Markup {
    match correction::corrected(view, body, query) {
        Err(reason) => part::refusal(context, &reason),
        Ok(corrected) => {
            let command = decide((id, case.version), Choice::Correct, Some(corrected), "");
            match preview_of(whole, context, &command) {
                Some(preview) => would_post::block(view, context, &preview),
                None => html! {},
            }
        }
    }
}
