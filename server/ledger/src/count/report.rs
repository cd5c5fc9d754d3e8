//! What the one who counted is told: the figures of a count in the outcome of its operation.

use protocol::code::Code;
use protocol::feed::TaskKind;
use protocol::identity::OperationId;
use protocol::outcome::{Argument, Change, Decision, Outcome, Reason, Settlement};
use protocol::quantity::Quantity;

use crate::conflict::case::{self, Subject};
use crate::conflict::{CaseDraft, TaskDraft, request_task, restate, task};
use crate::count::timeline::{self, Cause, Counted};
use crate::key::KeyRange;
use crate::lookup;
use crate::posting::Posting;
use crate::schema::case::Choice;
use crate::schema::count::{CountRow, CountState, Counts, CountsByOperation};
use crate::schema::place::{Locations, Sites};
use crate::schema::{PlateId, StockKey};
use crate::tables::{Read as _, Tables};
use crate::tracking;

/// Most counts of one operation whose figures its outcome lists.
const LISTED_MAX: usize = 32;

/// The reason `code` about what lies under `key`.
pub(crate) fn about(tables: &impl Tables, code: Code, key: StockKey) -> Reason {
    let goods = tracking::tracking_of(tables, key.tracking);
    let mut reason = Reason::new(code)
        .word("bin", lookup::bin_text(tables, key.location, key.bin))
        .word("item", lookup::item_text(tables, key.item));
    if let Some(lot) = goods.lot {
        reason = reason.word("lot", lot);
    }
    if let Some(serial) = goods.serial {
        reason = reason.word("serial", serial);
    }
    if key.plate != PlateId(0) {
        reason = reason.word("plate", lookup::plate_text(tables, key.plate));
    }
    reason
}

/// Counted, book, difference: by all that is known now.
pub(crate) fn variance(tables: &impl Tables, key: StockKey, row: &CountRow) -> Reason {
    let book = row.quantity.checked_sub(row.difference).unwrap_or_default();
    about(tables, Code::CountVariance, key)
        .quantity("counted", row.quantity)
        .quantity("book", book)
        .quantity("at_arrival", row.book_at_arrival)
        .quantity("difference", row.difference)
}

/// Whether figures of the bin must not reach devices now: somebody counts there without knowing the
/// book, or the site never shows quantities.
fn is_hidden(tables: &impl Tables, key: StockKey) -> bool {
    let never = tables
        .row::<Locations>(&key.location)
        .and_then(|location| tables.row::<Sites>(&location.site))
        .is_some_and(|site| site.never_quantities);
    never || task::is_counted_blind(tables, key.location, key.bin)
}

/// What of `reasons` about `key` a device may be told: no figure where they are hidden.
pub(crate) fn told(tables: &impl Tables, key: StockKey, reasons: Vec<Reason>) -> Vec<Reason> {
    if !is_hidden(tables, key) {
        return reasons;
    }
    reasons
        .into_iter()
        .filter(|reason| reason.code != Code::CountVariance)
        .map(|mut reason| {
            reason.arguments.retain(|(_name, argument)| {
                !matches!(argument, Argument::Quantity(_) | Argument::Number(_))
            });
            reason
        })
        .collect()
}

/// The reasons of the outcome `of` about `key` whose codes are among `codes` give way to `reasons`.
fn replace_reasons(of: &mut Outcome, key_words: &Reason, codes: &[Code], reasons: Vec<Reason>) {
    of.reasons.retain(|reason| !(codes.contains(&reason.code) && same_goods(reason, key_words)));
    for reason in reasons {
        if !of.reasons.contains(&reason) && of.reasons.len() < LISTED_MAX {
            of.reasons.push(reason);
        }
    }
}

/// Whether two reasons are about the same goods in the same place.
fn same_goods(one: &Reason, other: &Reason) -> bool {
    ["bin", "item", "lot", "serial", "plate"]
        .iter()
        .all(|name| word(one, name) == word(other, name))
}

fn word<'r>(reason: &'r Reason, name: &str) -> Option<&'r str> {
    reason.arguments.iter().find_map(|(known, argument)| match argument {
        Argument::Word(word) if known == name => Some(word.as_str()),
        Argument::Word(_) | Argument::Quantity(_) | Argument::Number(_) | Argument::Time(_) => None,
    })
}

/// Tells the operation of a count that its difference was `before` and is another now.
pub(crate) fn corrected(
    posting: &mut Posting<'_, '_>,
    counted: &mut Counted,
    before: Quantity,
    cause: Cause,
) {
    let key = counted.key;
    let mut reasons = vec![variance(posting.draft, key, &counted.row)];
    if let Cause::LateMovement(delta) = cause {
        let late = about(posting.draft, Code::LateAbsorbed, key).quantity("quantity", delta.abs());
        reasons.push(late);
        if counted.row.implicit && delta.is_positive() {
            ask_where_it_went(posting, counted, delta);
        }
    }
    reasons.push(
        about(posting.draft, Code::CountCorrected, key)
            .quantity("before", before)
            .quantity("difference", counted.row.difference),
    );
    let words = about(posting.draft, Code::CountVariance, key);
    let reasons = told(posting.draft, key, reasons);
    let hidden = is_hidden(posting.draft, key);
    let lsn = posting.act.lsn;
    let case = counted.row.case;
    let difference = counted.row.difference;
    restate(posting, counted.row.operation, |row| {
        let outcome = &mut row.outcome;
        if outcome.lsn != lsn {
            outcome.reasons.retain(|reason| !is_news(&reason.code));
            outcome.changes.clear();
        }
        let codes = [Code::CountVariance, Code::CountSettled, Code::CountNeedsApproval];
        replace_reasons(outcome, &words, &codes, reasons);
        outcome.decision = outcome.decision.max(Decision::Changed);
        if !hidden {
            outcome.changes.push(Change {
                field: "difference".to_owned(),
                from: before.to_string(),
                to: difference.to_string(),
            });
        }
        outcome.settlement = Some(Settlement::Provisional);
        outcome.case = case.or(outcome.case);
    });
}

/// Codes that tell what has just happened: the next revision says only what is new then.
const fn is_news(code: &Code) -> bool {
    matches!(code, Code::LateAbsorbed | Code::CountCorrected)
}

/// Goods were put into the bin before a complete count that did not see them: probably they lie in
/// another one (SYNC 4.5, E8).
fn ask_where_it_went(posting: &mut Posting<'_, '_>, counted: &mut Counted, delta: Quantity) {
    let key = counted.key;
    let reason = about(posting.draft, Code::BeforeCompleteCount, key).quantity("quantity", delta);
    posting.decision.note(reason.clone());
    let draft = CaseDraft {
        reasons: vec![reason, variance(posting.draft, key, &counted.row)],
        stock: Some(key),
        choices: vec![Choice::Accept, Choice::Recount, Choice::Dismiss],
        parked: false,
        others: vec![posting.act.operation],
    };
    let id = open_case(posting, counted, draft);
    counted.row.case = Some(id);
    ask(posting, counted, TaskKind::Look, &Code::BeforeCompleteCount);
}

/// Opens the case of a count, or raises the one it has.
pub(crate) fn open_case(
    posting: &mut Posting<'_, '_>,
    counted: &Counted,
    draft: CaseDraft,
) -> protocol::identity::CaseId {
    if let Some(id) = counted.row.case {
        case::raise(posting, id, draft.reasons, &draft.others);
        return id;
    }
    let subject = Subject {
        operation: counted.row.operation,
        operator: counted.row.operator.clone(),
        tau: counted.order.tau,
    };
    case::open_about(posting, subject, draft)
}

/// Asks for a task about what a count is about.
pub(crate) fn ask(
    posting: &mut Posting<'_, '_>,
    counted: &Counted,
    kind: TaskKind,
    reason: &Code,
) -> protocol::identity::TaskId {
    let key = counted.key;
    let recount = kind == TaskKind::Recount;
    let task = TaskDraft {
        kind,
        location: key.location,
        bin: key.bin,
        item: Some(key.item),
        variant: key.variant,
        plate: key.plate,
        reason: reason.as_str().to_owned(),
        not_by: counted.row.operator.clone().filter(|_operator| recount),
        blind: recount,
        case: counted.row.case,
    };
    request_task(posting, task)
}

/// A count that is settled or taken out asks nothing any more. What another count of its key also
/// waits for stays asked.
pub(crate) fn withdraw_questions(posting: &mut Posting<'_, '_>, counted: &Counted) {
    let (key, order) = (counted.key, counted.order);
    let others: Vec<_> = timeline::count_before(posting.draft, key, order)
        .into_iter()
        .chain(timeline::next_count(posting.draft, key, order))
        .filter(|other| other.row.state == CountState::Recount)
        .collect();
    if let Some(id) = counted.row.case
        && others.iter().all(|other| other.row.case != Some(id))
    {
        case::resolve(posting, id);
        if let Some(task) = counted.row.task {
            task::withdraw(posting, task, id);
        }
    }
}

/// Tells the operation of a count how it was judged.
pub(crate) fn judged(posting: &mut Posting<'_, '_>, counted: &Counted, reasons: Vec<Reason>) {
    let key = counted.key;
    let mut reasons = reasons;
    reasons.insert(0, variance(posting.draft, key, &counted.row));
    let words = about(posting.draft, Code::CountVariance, key);
    let reasons = told(posting.draft, key, reasons);
    let hidden = is_hidden(posting.draft, key);
    let settlement = settlement_of(posting.draft, counted.row.operation);
    let case = counted.row.case;
    restate(posting, counted.row.operation, |row| {
        let outcome = &mut row.outcome;
        replace_reasons(outcome, &words, &JUDGEMENTS, reasons);
        if hidden {
            outcome.changes.clear();
        }
        outcome.settlement = Some(settlement);
        outcome.case = case.or(outcome.case);
    });
}

/// Codes that say how a count was judged: the latest judgement stands.
const JUDGEMENTS: [Code; 12] = [
    Code::CountVariance,
    Code::CountAmbiguous,
    Code::CountConflict,
    Code::CountSuperseded,
    Code::CountSettled,
    Code::CountNeedsApproval,
    Code::CountRefused,
    Code::ClockUncertain,
    Code::SerialMissing,
    Code::PlateMissing,
    Code::CaseAccepted,
    Code::CaseRecount,
];

/// Whether every count of the operation is judged.
pub(crate) fn settlement_of(tables: &impl Tables, operation: OperationId) -> Settlement {
    let rows = tables.list::<CountsByOperation>(&KeyRange::prefix(&(operation,)));
    let provisional = rows.into_iter().any(|((_operation, key, order), _row)| {
        tables.row::<Counts>(&(key, order)).is_some_and(|row| row.state == CountState::Provisional)
    });
    if provisional { Settlement::Provisional } else { Settlement::Settled }
}
