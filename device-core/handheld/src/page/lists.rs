//! The menu, the work that waits, my last scans.

use device_core::capture::Flow;
use device_core::capture::screen::title;
use device_core::engine::{MyOperation, OperationState, Status};
use maud::{Markup, html};
use protocol::code::Code;
use protocol::feed::{TaskKind, TaskRow};
use protocol::operation::{Body, Goods};
use protocol::outcome::{Argument, Decision, Outcome, Reason};
use protocol::text::{self, Language, argument_text, screens};
use protocol::words::OperatorId;

use super::frame::{button, code, link, numbered};
use crate::app::{App, Desk};
use crate::words::{plain, with_word};

/// The newest operations that are listed.
const MINE_MAX: usize = 50;

/// What do you do?
pub(super) fn menu(app: &App, desk: &mut Desk, status: &Status) -> Markup {
    let language = app.language(desk);
    let n_tasks = app.tasks(desk, status.operator.as_ref()).len();
    let mut flows = Flow::ALL.to_vec();
    if let Some(last) = desk.last_flow {
        flows.sort_by_key(|flow| *flow != last);
    }
    html! {
        h1 { (plain("page-menu", language)) }
        div class="list menu" {
            a href="/tasks" class="button row" {
                span { (plain("menu-tasks", language)) }
                span class="count" { (n_tasks) }
            }
            @for (at, flow) in flows.iter().enumerate() {
                (numbered(at + 1, "start", flow.word(), &flow_text(*flow, desk, language)))
            }
        }
        nav class="bar" {
            (link("/out", &plain("button-sign-out", language), "secondary"))
            (link("/mine", &plain("button-mine", language), "secondary"))
            (link("/sync", &plain("button-sync", language), "secondary"))
        }
    }
}

/// The name of a flow, and whether something of it is still in hand.
fn flow_text(flow: Flow, desk: &Desk, language: Language) -> String {
    let name = plain(title(flow), language);
    if desk.laid_aside.contains_key(&flow) {
        return format!("{name} ({})", plain("menu-laid-aside", language));
    }
    name
}

/// The work that waits.
pub(super) fn tasks(app: &App, desk: &mut Desk, status: &Status) -> Markup {
    let language = app.language(desk);
    let tasks = app.tasks(desk, status.operator.as_ref());
    html! {
        h1 { (plain("menu-tasks", language)) }
        @if tasks.is_empty() { p { (plain("menu-tasks-none", language)) } }
        div class="list" {
            @for (at, task) in tasks.iter().enumerate() { (task_row(at + 1, task, language)) }
        }
        nav class="bar" { (link("/", &plain("button-back", language), "secondary back")) }
    }
}

fn task_row(n: usize, task: &TaskRow, language: Language) -> Markup {
    let text = task_text(task, language);
    let number = task.task.to_string();
    match task.kind {
        TaskKind::Count | TaskKind::Recount | TaskKind::Relocate => {
            numbered(n, "task", &number, &text)
        }
        TaskKind::VerifyPlate => html! {
            section class="task" {
                p { (text) }
                (button("answer", &format!("{number}:here"), &plain("task-yes", language), "row"))
                (button("answer", &format!("{number}:not here"), &plain("task-no", language),
                    "row"))
            }
        },
        TaskKind::ReturnToStock | TaskKind::Look | TaskKind::CompleteTracking => html! {
            section class="task" {
                p { (text) }
                (button("answer", &format!("{number}:done"), &plain("task-done", language), "row"))
            }
        },
    }
}

fn task_text(task: &TaskRow, language: Language) -> String {
    let name = match task.kind {
        TaskKind::Count => "task-count",
        TaskKind::Recount => "task-recount",
        TaskKind::VerifyPlate => "task-verify-plate",
        TaskKind::ReturnToStock => "task-return-to-stock",
        TaskKind::Relocate => "task-relocate",
        TaskKind::Look => "task-look",
        TaskKind::CompleteTracking => "task-complete-tracking",
    };
    let word = |text: Option<String>| Argument::Word(text.unwrap_or_default());
    let bin = word(task.bin.as_ref().map(ToString::to_string));
    let item = word(task.item.as_ref().map(ToString::to_string));
    let plate = word(task.plate.as_ref().map(ToString::to_string));
    let text =
        screens::sentence(name, [("bin", &bin), ("item", &item), ("plate", &plate)], language);
    if task.assigned.is_none() {
        return text;
    }
    screens::sentence("task-yours", [("task", &Argument::Word(text))], language)
}

/// My last scans, with what became of them.
pub(super) fn mine(app: &App, desk: &mut Desk) -> Markup {
    let language = app.language(desk);
    let list = app.device.my_operations(MINE_MAX).unwrap_or_default();
    let me = app.device.status().operator;
    let reader = Reader { me: me.as_ref(), sees_book: app.may_open_book(), language };
    for operation in &list {
        if let OperationState::Judged(Some(_)) = &operation.state {
            desk.seen.insert(operation.name);
        }
    }
    html! {
        h1 { (plain("page-mine", language)) }
        @if list.is_empty() { p { (plain("mine-none", language)) } }
        ul class="mine" id="mine" {
            @for operation in &list { (mine_row(operation, reader)) }
        }
        nav class="bar" { (link("/", &plain("button-back", language), "secondary back")) }
    }
}

/// Who reads a list.
#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    me: Option<&'a OperatorId>,
    sees_book: bool,
    language: Language,
}

fn mine_row(operation: &MyOperation, reader: Reader<'_>) -> Markup {
    let language = reader.language;
    let (word, sentences) = what_became(operation, reader.sees_book, language);
    let author = operation.envelope.operator.as_ref();
    let of_another = author.filter(|author| Some(*author) != reader.me);
    let body = operation.body.as_ref();
    let kind = body.map_or("kind-void".to_owned(), |body| format!("kind-{}", body.kind()));
    let is_undone = is_undone(operation);
    let may_undo = !is_undone && body.is_some_and(can_be_undone);
    let name = format!("{}-{}", operation.name.incarnation, operation.name.seq);
    html! {
        li class=(format!("state-{word}")) data-state=(word) data-seq=(operation.name.seq.0) {
            p class="what" {
                span aria-hidden="true" { (sign(word)) } " "
                strong { (plain(&kind, language)) } " "
                @if let Some(body) = body { (code(&shown(body, language))) }
                @if is_undone { " " em { (plain("undone", language)) } }
            }
            @if let Some(author) = of_another {
                p class="small author" {
                    (with_word("mine-by", "operator", author.as_str(), language))
                }
            }
            p class="muted small" { (plain(&format!("mine-{word}"), language)) }
            @for sentence in sentences { p class="small" { (sentence) } }
            @if may_undo {
                (link(&format!("/picture/{name}"), &plain("button-picture", language),
                    "secondary small"))
                (button("undo-operation", &name, &plain("button-undo", language),
                    "secondary small"))
            }
        }
    }
}

fn can_be_undone(body: &Body) -> bool {
    !matches!(
        body,
        Body::Undo(_)
            | Body::SignIn(_)
            | Body::SignOut(_)
            | Body::Attach(_)
            | Body::Void(_)
            | Body::Answer(_)
    )
}

const fn sign(word: &str) -> &'static str {
    match word.as_bytes() {
        b"accepted" => "✓",
        b"parked" => "⚑",
        b"refused" => "✕",
        b"restated" => "↻",
        b"changed" => "✎",
        _ => "●",
    }
}

/// Whether an operation was taken back, here or by the server.
pub(crate) fn is_undone(operation: &MyOperation) -> bool {
    let by_server = match &operation.state {
        OperationState::Judged(Some(outcome)) => {
            outcome.reasons.iter().any(|reason| reason.code == Code::UndoneByOperator)
        }
        _ => false,
    };
    operation.is_undone || by_server
}

/// What became of an operation: a word for its state, and the sentences of its outcome. Who may
/// not see the book while counting does not hear of a difference afterwards either.
pub(crate) fn what_became(
    operation: &MyOperation,
    sees_book: bool,
    language: Language,
) -> (&'static str, Vec<String>) {
    match &operation.state {
        OperationState::SavedHere => ("recorded", Vec::new()),
        OperationState::OnServer => ("acked", Vec::new()),
        OperationState::Judged(None) => ("accepted", Vec::new()),
        OperationState::Judged(Some(outcome)) => {
            (outcome_word(outcome), reasons(outcome, sees_book, language))
        }
    }
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome.decision {
        _ if outcome.revision > 1 => "restated",
        Decision::Accepted => "accepted",
        Decision::Changed => "changed",
        Decision::Duplicate => "duplicate",
        Decision::Parked => "parked",
        Decision::Refused => "refused",
    }
}

fn reasons(outcome: &Outcome, sees_book: bool, language: Language) -> Vec<String> {
    let mut sentences = Vec::new();
    for reason in &outcome.reasons {
        let blind = (!sees_book).then(|| without_book(reason));
        let Some(reason) = blind.as_ref().map_or(Some(reason), Option::as_ref) else { continue };
        sentences.push(text::sentence(reason, language));
        let next = text::next_step(reason, language);
        if !next.is_empty() {
            sentences.push(next);
        }
    }
    let told = |field: &str| sees_book || matches!(field, "expiry" | "posting_date");
    for change in outcome.changes.iter().filter(|change| told(&change.field)) {
        let field = match change.field.as_str() {
            "difference" => plain("change-difference", language),
            "expiry" => plain("slot-expiry", language),
            _ => change.field.clone(),
        };
        sentences.push(format!("{field}: {} → {}", change.from, change.to));
    }
    sentences
}

/// `reason` as who may not see the book is told it: without a figure from which the book, a difference or
/// another count could be read. None where nothing else is left of it.
fn without_book(reason: &Reason) -> Option<Reason> {
    let tells_book = match reason.code {
        Code::CountVariance => return None,
        Code::CountCorrected
        | Code::CountSettled
        | Code::CountNeedsApproval
        | Code::CountConflict
        | Code::CountAmbiguous
        | Code::LateAbsorbed
        | Code::BeforeCompleteCount
        | Code::BinBelowZero
        | Code::BinInsufficient
        | Code::InsufficientInventory
        | Code::CannotBeFullyApplied => true,
        _ => false,
    };
    let names = ["bin", "item", "lot", "serial", "plate", "operator"];
    let mut told = reason.clone();
    told.arguments.retain(|(name, _figure)| !tells_book || names.contains(&name.as_str()));
    Some(told)
}

/// What was handled, in a few words.
fn shown(body: &Body, language: Language) -> String {
    let goods = |goods: &Goods| {
        let quantity = argument_text(&Argument::Quantity(goods.quantity), language);
        format!("{} {} {}", goods.item, quantity, goods.unit)
    };
    let bin = |place: &protocol::operation::Place| {
        place.bin.as_ref().map_or_else(|| place.location.to_string(), ToString::to_string)
    };
    match body {
        Body::Count(body) => format!("{} {}", bin(&body.place), goods(&body.goods)),
        Body::CountBin(body) => format!("{} ({})", body.bin, body.lines.len()),
        Body::Receive(body) => format!("{} → {}", goods(&body.goods), bin(&body.to)),
        Body::Pick(body) => format!("{} ← {}", goods(&body.goods), bin(&body.from)),
        Body::Ship(body) => format!("{} ← {}", goods(&body.goods), bin(&body.from)),
        Body::Move(body) => {
            format!("{}: {} → {}", goods(&body.goods), bin(&body.from), bin(&body.to))
        }
        Body::MovePlate(body) => format!("{} → {}", body.plate, bin(&body.to)),
        Body::TransferShip(body) => format!("{} ← {}", goods(&body.goods), bin(&body.from)),
        Body::TransferReceive(body) => format!("{} → {}", goods(&body.goods), bin(&body.to)),
        Body::Adjust(body) => format!("{} {}", bin(&body.place), goods(&body.goods)),
        Body::Reclassify(body) => format!("{} {}", bin(&body.place), goods(&body.goods)),
        Body::Undo(body) => body.seq.to_string(),
        Body::Unidentified(body) => format!("{} {}", bin(&body.place), body.raw),
        Body::Answer(body) => body.answer.to_string(),
        Body::SignIn(_) | Body::SignOut(_) | Body::Attach(_) | Body::Void(_) => String::new(),
    }
}
