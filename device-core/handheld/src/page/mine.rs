//! My last scans: what was done, and what became of it.

use device_core::engine::{MyOperation, OperationState};
use maud::{Markup, html};
use protocol::code::Code;
use protocol::identity::OperationId;
use protocol::operation::{Body, Goods, Tracking};
use protocol::outcome::{Argument, Decision, Outcome, Reason};
use protocol::text::{self, Language, argument_text};
use protocol::words::OperatorId;

use super::frame::{button, code, link};
use crate::app::{App, Desk};
use crate::words::{plain, with_word};

/// The newest operations that are listed.
const MINE_MAX: usize = 50;

/// The lines of a bin count that are listed.
const LINES_MAX: usize = 10;

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
            @for operation in &list { (mine_row(app, operation, reader)) }
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

fn mine_row(app: &App, operation: &MyOperation, reader: Reader<'_>) -> Markup {
    let language = reader.language;
    let (word, sentences) = what_became(operation, reader.sees_book, language);
    let author = operation.envelope.operator.as_ref();
    let of_another = author.filter(|author| Some(*author) != reader.me);
    let body = operation.body.as_ref();
    let is_undone = is_undone(operation);
    let may_undo = !is_undone && body.is_some_and(can_be_undone);
    let name = format!("{}-{}", operation.name.incarnation, operation.name.seq);
    html! {
        li class=(format!("state-{word}")) data-state=(word) data-seq=(operation.name.seq.0) {
            (what_was_done(app, operation, language))
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
            "posting_date" => plain("change-posting-date", language),
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

/// What was done, with which serial number, lot and date; of an undo, what it takes back.
pub(super) fn what_was_done(app: &App, operation: &MyOperation, language: Language) -> Markup {
    let body = operation.body.as_ref();
    let target = match body {
        Some(Body::Undo(undo)) => {
            let name =
                OperationId { incarnation: undo.incarnation, seq: undo.seq, ..operation.name };
            app.device.read(|core| core.body_of(name))
        }
        _ => None,
    };
    let word = |body: &Body| plain(&format!("kind-{}", body.kind()), language);
    let sign = sign(what_became(operation, false, language).0);
    html! {
        p class="what" {
            span aria-hidden="true" { (sign) } " "
            strong { (body.map_or_else(|| plain("kind-void", language), word)) } " "
            @if let Some(target) = &target { (word(target)) " " }
            @if let Some(body) = target.as_ref().or(body) { (code(&shown(body, language))) }
            @if is_undone(operation) { " " em { (plain("undone", language)) } }
        }
        @match target.as_ref().or(body) {
            Some(Body::CountBin(count)) => {
                @for line in count.lines.iter().take(LINES_MAX) {
                    p class="small" { (code(&goods_text(&line.goods, language))) }
                    (tracking(&line.goods, language))
                }
                @if count.lines.len() > LINES_MAX {
                    p class="small" { "… +" (count.lines.len() - LINES_MAX) }
                }
            }
            Some(body) => {
                @if let Some(goods) = goods_of(body) { (tracking(goods, language)) }
            }
            None => {}
        }
    }
}

/// Which of the goods they are.
fn tracking(goods: &Goods, language: Language) -> Markup {
    let Tracking { lot, serial, package } = &goods.tracking;
    let parts = [
        ("slot-serial", serial.as_ref().map(ToString::to_string)),
        ("slot-lot", lot.as_ref().map(ToString::to_string)),
        ("slot-package", package.as_ref().map(ToString::to_string)),
        ("slot-expiry", goods.expiry.map(|expiry| expiry.to_string())),
    ];
    let known: Vec<_> =
        parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    html! {
        @if !known.is_empty() {
            p class="small tracking" {
                @for (name, value) in known { (plain(name, language)) " " (code(&value)) " " }
            }
        }
    }
}

/// The goods of an operation that is about one kind of them.
const fn goods_of(body: &Body) -> Option<&Goods> {
    match body {
        Body::Count(body) => Some(&body.goods),
        Body::Receive(body) => Some(&body.goods),
        Body::Pick(body) => Some(&body.goods),
        Body::Ship(body) => Some(&body.goods),
        Body::Move(body) => Some(&body.goods),
        Body::TransferShip(body) => Some(&body.goods),
        Body::TransferReceive(body) => Some(&body.goods),
        Body::Adjust(body) => Some(&body.goods),
        Body::Reclassify(body) => Some(&body.goods),
        Body::CountBin(_)
        | Body::MovePlate(_)
        | Body::Undo(_)
        | Body::Unidentified(_)
        | Body::Answer(_)
        | Body::SignIn(_)
        | Body::SignOut(_)
        | Body::Attach(_)
        | Body::Void(_) => None,
    }
}

fn goods_text(goods: &Goods, language: Language) -> String {
    let quantity = argument_text(&Argument::Quantity(goods.quantity), language);
    format!("{} {} {}", goods.item, quantity, goods.unit)
}

/// What was handled, in a few words.
fn shown(body: &Body, language: Language) -> String {
    let goods = |goods: &Goods| goods_text(goods, language);
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
