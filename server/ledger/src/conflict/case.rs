//! Cases: opened, raised by new facts, closed.

use protocol::code::Code;
use protocol::identity::{CaseId, OperationId};
use protocol::outcome::{Argument, Reason};

use crate::key::KeyRange;
use crate::posting::Posting;
use crate::schema::case::{
    Case, CaseState, Cases, CasesByOperation, Choice, Dependencies, OpenCases,
};
use crate::schema::place::Locations;
use crate::schema::{Counter, LocationId, SiteId, StockKey, next_number};
use crate::tables::{Read, Tables};

/// A case to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseDraft {
    /// Why; the first reason is the title.
    pub reasons: Vec<Reason>,
    /// The stock that it is about, where it is about stock.
    pub stock: Option<StockKey>,
    /// What may be chosen.
    pub choices: Vec<Choice>,
    /// Nothing of the operation is posted.
    pub parked: bool,
    /// Other operations that are part of it.
    pub others: Vec<OperationId>,
}

/// Opens a case about the operation that is being judged and names it in its outcome. Where the
/// operation has an open case for the same reason, that one is raised instead.
pub fn open_case(posting: &mut Posting<'_, '_>, draft: CaseDraft) -> CaseId {
    let subject = Subject {
        operation: posting.act.operation,
        operator: posting.act.operator.clone(),
        tau: posting.act.timing.tau,
    };
    let id = open_about(posting, subject, draft);
    posting.decision.case = Some(id);
    id
}

/// Whose act a case is about.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) operation: OperationId,
    pub(crate) operator: Option<protocol::words::OperatorId>,
    pub(crate) tau: protocol::identity::ServerTime,
}

/// Opens a case about an operation that was judged before, or raises the open one for the same
/// reason.
pub(crate) fn open_about(
    posting: &mut Posting<'_, '_>,
    subject: Subject,
    draft: CaseDraft,
) -> CaseId {
    if let Some(id) = same_open_case(posting.draft, subject.operation, &draft) {
        raise(posting, id, draft.reasons, &draft.others);
        return id;
    }
    let id = CaseId(next_number(posting.draft, Counter::Case));
    let site = draft
        .stock
        .and_then(|stock| site_of(posting.draft, stock.location))
        .unwrap_or(posting.act.site);
    wait_for_other_case(posting, &draft.reasons, id);
    let case = Case {
        reasons: draft.reasons,
        operation: subject.operation,
        others: draft.others,
        operator: subject.operator,
        site,
        stock: draft.stock,
        choices: draft.choices,
        state: CaseState::Open,
        parked: draft.parked,
        version: 1,
        earlier: None,
        tau: subject.tau,
        opened: posting.act.at,
        written: posting.written(),
    };
    posting.draft.put::<CasesByOperation>(&(subject.operation, id), ());
    save(posting, id, case);
    id
}

/// A new fact about the case: its version rises, and when it had been decided it is open again with
/// the earlier choice first.
pub(crate) fn raise(
    posting: &mut Posting<'_, '_>,
    id: CaseId,
    reasons: Vec<Reason>,
    others: &[OperationId],
) {
    let Some(case) = posting.draft.row::<Cases>(&id) else { return };
    let mut case = (*case).clone();
    case.version = case.version.saturating_add(1);
    case.reasons = reasons;
    for other in others {
        if !case.others.contains(other) {
            case.others.push(*other);
        }
    }
    if let CaseState::Decided { choice, .. } = case.state {
        case.earlier = Some(choice);
    }
    case.state = CaseState::Open;
    save(posting, id, case);
}

/// Another thing that the open case asks the same about, with all reasons that there are now: it is about
/// the goods of `stock` together.
pub(crate) fn join(
    posting: &mut Posting<'_, '_>,
    id: CaseId,
    stock: StockKey,
    (reasons, others): (Vec<Reason>, &[OperationId]),
) {
    let Some(case) = posting.draft.row::<Cases>(&id) else { return };
    let operation = case.operation;
    save(posting, id, Case { stock: Some(stock), ..(*case).clone() });
    raise(posting, id, reasons, others);
    if operation == posting.act.operation {
        posting.decision.case = Some(id);
    }
}

/// One of the things that the case asks about is answered; the last of them ends it.
pub(crate) fn answer(
    posting: &mut Posting<'_, '_>,
    id: CaseId,
    is_answered: impl Fn(&Reason) -> bool,
) {
    let Some(case) = posting.draft.row::<Cases>(&id) else { return };
    let mut open = case.reasons.clone();
    open.retain(|reason| !is_answered(reason));
    if open.is_empty() {
        resolve(posting, id);
    } else if case.state == CaseState::Open {
        raise(posting, id, open, &[]);
    }
}

/// The case became pointless: what it waited for arrived.
pub(crate) fn resolve(posting: &mut Posting<'_, '_>, id: CaseId) {
    let at = posting.act.at;
    close(posting, id, CaseState::Resolved { at });
}

/// Closes the case when it is open.
pub(crate) fn close(posting: &mut Posting<'_, '_>, id: CaseId, state: CaseState) {
    let Some(case) = posting.draft.row::<Cases>(&id) else { return };
    if case.state != CaseState::Open {
        return;
    }
    save(posting, id, Case { state, ..(*case).clone() });
}

fn save(posting: &mut Posting<'_, '_>, id: CaseId, case: Case) {
    let open = case.state == CaseState::Open;
    if open {
        posting.draft.put::<OpenCases>(&(case.site, id), ());
    } else {
        posting.draft.delete::<OpenCases>(&(case.site, id));
        forget_dependencies(posting, &case, id);
    }
    let written = posting.written();
    posting.draft.put::<Cases>(&id, Case { written, ..case });
}

fn same_open_case(
    tables: &(impl Tables + ?Sized),
    operation: OperationId,
    draft: &CaseDraft,
) -> Option<CaseId> {
    let title = draft.reasons.first().map(|reason| &reason.code);
    tables
        .list::<CasesByOperation>(&KeyRange::prefix(&(operation,)))
        .into_iter()
        .map(|((_operation, id), _row)| id)
        .find(|id| {
            tables.row::<Cases>(id).is_some_and(|case| {
                case.state == CaseState::Open
                    && case.reasons.first().map(|reason| &reason.code) == title
                    && case.stock == draft.stock
                    && case.parked == draft.parked
            })
        })
}

/// The site of a location.
pub(crate) fn site_of(tables: &(impl Tables + ?Sized), location: LocationId) -> Option<SiteId> {
    tables.row::<Locations>(&location).map(|row| row.site)
}

/// Remembers that `identity` was made by the parked operation of `case`: who uses it waits.
pub fn open_dependency(posting: &mut Posting<'_, '_>, identity: &str, case: CaseId) {
    posting.draft.put::<Dependencies>(&(identity.to_owned(), case), ());
}

/// The open case whose operation would have made `identity`.
pub fn depends_on(tables: &(impl Tables + ?Sized), identity: &str) -> Option<CaseId> {
    tables
        .list::<Dependencies>(&KeyRange::prefix(&(identity.to_owned(),)))
        .into_iter()
        .map(|((_identity, case), _row)| case)
        .find(|case| tables.row::<Cases>(case).is_some_and(|row| row.state == CaseState::Open))
}

/// The open cases whose operations wait for the decision of `case`.
pub(crate) fn waiting_for(tables: &(impl Tables + ?Sized), case: CaseId) -> Vec<CaseId> {
    let identity = case_identity(&case.to_string());
    tables
        .list::<Dependencies>(&KeyRange::prefix(&(identity,)))
        .into_iter()
        .map(|((_identity, waiting), _row)| waiting)
        .filter(|waiting| {
            tables.row::<Cases>(waiting).is_some_and(|row| row.state == CaseState::Open)
        })
        .collect()
}

fn case_identity(case: &str) -> String {
    format!("case:{case}")
}

/// An operation that was parked because of another one is judged again when that one is decided.
fn wait_for_other_case(posting: &mut Posting<'_, '_>, reasons: &[Reason], waiting: CaseId) {
    for case in awaited(reasons) {
        open_dependency(posting, &case_identity(&case), waiting);
    }
}

/// A closed case waits for nobody.
fn forget_dependencies(posting: &mut Posting<'_, '_>, case: &Case, id: CaseId) {
    for awaited in awaited(&case.reasons) {
        posting.draft.delete::<Dependencies>(&(case_identity(&awaited), id));
    }
}

/// The cases that `reasons` name as what an operation depends on.
fn awaited(reasons: &[Reason]) -> Vec<String> {
    reasons
        .iter()
        .filter(|reason| reason.code == Code::Depends)
        .flat_map(|reason| &reason.arguments)
        .filter(|(name, _argument)| name == "case")
        .filter_map(|(_name, argument)| match argument {
            Argument::Number(number) => Some(number.to_string()),
            Argument::Word(word) => Some(word.clone()),
            Argument::Quantity(_) | Argument::Time(_) => None,
        })
        .collect()
}
