//! One posting: who acts, what becomes of it, and the two verbs: *post* writes item ledger entries,
//! *register* writes warehouse entries only.
//!
//! Invariants:
//! 1. Each item ledger entry has one warehouse entry under its stock key, at every location; where a
//!    location has no bins the key has bin 0. What lies under a key is the sum of its entries.
//! 2. The sum of an item's entries in a pool is the sum of what they have left.
//! 3. A posting that stops leaves nothing: the caller throws the draft away or goes back to its
//!    [`crate::draft::Savepoint`].
//!
//! Not here: the time line of counts (the caller tells it of every movement), documents, what goods
//! cost (`costing`, which is told of every entry).
//!
//! Order of reading: this file, [`entry`] (entries), [`apply`] (who supplied whom), [`stock`]
//! (what lies where), [`hold`].

pub mod apply;
pub mod below_zero;
pub mod entry;
pub mod hold;
pub mod stock;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use protocol::code::Code;
use protocol::identity::{CaseId, Incarnation, IntakeNo, Lsn, OperationId, ServerTime};
use protocol::operation::{DocumentKind, DocumentRef};
use protocol::outcome::{Change, Decision, Reason, Settlement};
use protocol::quantity::Quantity;
use protocol::words::{DocumentNo, OperatorId, SerialNo};

use crate::costing::LineValue;
use crate::count::missing::Arrival;
use crate::draft::Draft;
use crate::schema::book::Timing;
use crate::schema::case::Choice;
use crate::schema::entry::{EntryReason, EntryType, Posted};
use crate::schema::tracking::SerialActRow;
use crate::schema::{EntryNo, ItemId, OrderKey, RegisterNo, SiteId, StockKey, VariantId, Written};

/// Who does what, when: everything that a posting needs to know about the operation it posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The decision that is being taken.
    pub lsn: Lsn,
    /// Its time.
    pub at: ServerTime,
    /// The intake record of the operation.
    pub intake: IntakeNo,
    /// The operation.
    pub operation: OperationId,
    /// The generation of the device's store that sent it: its names of earlier operations are that
    /// store's.
    pub sent_in: Incarnation,
    /// The place of its first leg on the time line.
    pub order: OrderKey,
    /// When it was done.
    pub timing: Timing,
    /// When it was received.
    pub received: ServerTime,
    /// Who did it.
    pub operator: Option<OperatorId>,
    /// The document it was done for.
    pub document: Option<DocumentRef>,
    /// The date for the accounts.
    pub posting_date: NaiveDate,
    /// The site of the device; 0 for the server.
    pub site: SiteId,
    /// Desk work: refused where a fact would be posted below zero or parked.
    pub desk: bool,
    /// A person has decided that it is posted: rights and limits do not stop it again.
    pub approved: bool,
}

/// What is known so far of the outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionDraft {
    /// The decision.
    pub decision: Decision,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What was booked differently.
    pub changes: Vec<Change>,
    /// The case that was opened.
    pub case: Option<CaseId>,
    /// For counts.
    pub settlement: Option<Settlement>,
}

impl Default for DecisionDraft {
    fn default() -> Self {
        Self {
            decision: Decision::Accepted,
            reasons: Vec::new(),
            changes: Vec::new(),
            case: None,
            settlement: None,
        }
    }
}

impl DecisionDraft {
    /// The booking differs from what was entered.
    pub fn changed(&mut self, reason: Reason) {
        self.decision = self.decision.max(Decision::Changed);
        self.note(reason);
    }

    /// A field was booked differently.
    #[expect(clippy::needless_pass_by_value, reason = "callers build the words in place")]
    pub fn field(&mut self, field: &str, from: impl ToString, to: impl ToString) {
        let change = Change { field: field.to_owned(), from: from.to_string(), to: to.to_string() };
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    /// A reason that leaves the decision as it is.
    pub fn note(&mut self, reason: Reason) {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}

/// Why a posting does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Facts and observations: nothing is posted, a case is opened.
    Park(Vec<Reason>, Vec<Choice>),
    /// Claims, corrections and desk work.
    Refuse(Reason),
    /// A figure leaves its range: the operation is kept as poison.
    Overflow,
}

impl Stop {
    /// Parks for `reason` with [`Choice::ALWAYS`].
    pub fn park(reason: Reason) -> Self {
        Self::Park(vec![reason], Choice::ALWAYS.to_vec())
    }

    /// The same, told with where it stopped.
    #[must_use]
    pub(crate) fn within(self, name: &str, place: &impl ToString) -> Self {
        let named = |reason: Reason| {
            let told = reason.arguments.iter().any(|(known, _place)| known == name);
            if told { reason } else { reason.word(name, place.to_string()) }
        };
        match self {
            Self::Refuse(reason) => Self::Refuse(named(reason)),
            Self::Park(reasons, choices) => {
                Self::Park(reasons.into_iter().map(named).collect(), choices)
            }
            Self::Overflow => Self::Overflow,
        }
    }

    /// Refuses with a code that needs no argument.
    pub const fn refuse(code: Code) -> Self {
        Self::Refuse(Reason::new(code))
    }
}

/// `left + right`.
///
/// # Errors
///
/// [`Stop::Overflow`] beyond the range of a quantity.
pub fn add(left: Quantity, right: Quantity) -> Result<Quantity, Stop> {
    left.checked_add(right).ok_or(Stop::Overflow)
}

/// `left − right`.
///
/// # Errors
///
/// [`Stop::Overflow`] beyond the range of a quantity.
pub fn subtract(left: Quantity, right: Quantity) -> Result<Quantity, Stop> {
    left.checked_sub(right).ok_or(Stop::Overflow)
}

/// One item ledger entry to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryLine {
    /// The type.
    pub entry_type: EntryType,
    /// Why.
    pub reason: EntryReason,
    /// Where and what.
    pub key: StockKey,
    /// Signed: positive into stock.
    pub delta: Quantity,
    /// When it was done.
    pub order: OrderKey,
    /// The document line; line 0 for the document as a whole.
    pub document: Option<(DocumentKind, DocumentNo, u32)>,
    /// The entry that it must be applied to, of the other sign; 0 for none.
    pub applies_to: EntryNo,
    /// The decrease that an increase takes its cost from; 0 for none.
    pub applies_from: EntryNo,
    /// It corrects another entry.
    pub correction: bool,
    /// The date for the accounts.
    pub posting_date: NaiveDate,
    /// What is known of its money.
    pub value: LineValue,
}

impl EntryLine {
    /// An ordinary line of `act`, applied by the costing method.
    pub fn ordinary(act: &Act, entry_type: EntryType, key: StockKey, delta: Quantity) -> Self {
        Self {
            entry_type,
            reason: EntryReason::Ordinary,
            key,
            delta,
            order: act.order,
            document: None,
            applies_to: EntryNo(0),
            applies_from: EntryNo(0),
            correction: false,
            posting_date: act.posting_date,
            value: LineValue::default(),
        }
    }
}

/// What a nested posting leaves to the one around it.
pub(crate) struct Leftover {
    pub(crate) touched: BTreeMap<StockKey, Quantity>,
    pub(crate) awakened: Vec<OperationId>,
    pub(crate) applications: Vec<EntryNo>,
    pub(crate) values: Vec<EntryNo>,
    pub(crate) arrivals: Vec<Arrival>,
}

/// One posting in the making.
pub struct Posting<'d, 't> {
    /// What it has changed so far, and what it reads.
    pub draft: &'d mut Draft<'t>,
    /// Whose.
    pub act: Act,
    /// What becomes of it.
    pub decision: DecisionDraft,
    /// What it posted.
    pub posted: Posted,
    /// Item ledger entries that did not exist before it.
    pub(crate) created: BTreeSet<EntryNo>,
    /// Item applications in the order in which they were made, for whoever values them.
    pub applications: Vec<EntryNo>,
    /// Value entries that it wrote.
    pub values: Vec<EntryNo>,
    /// Cost is being adjusted, and what the changes reach is adjusted with it.
    pub(crate) adjusting: bool,
    /// Over how many average pools the change that is being worked on came.
    pub(crate) round: u16,
    /// No mark for adjustment of this item lies before this one: where the next is looked for.
    pub(crate) marks_from: Option<(ItemId, u8, EntryNo)>,
    /// Something was queued that may come before the job that is worked on.
    pub(crate) jobs_changed: bool,
    /// Stock keys that it changed, with what lay there before: looked at once, at the end, for what
    /// went below zero.
    pub(crate) touched: BTreeMap<StockKey, Quantity>,
    pub(crate) register: Option<RegisterNo>,
    /// Entries walked so far in search of loops of cost.
    pub(crate) walked: u32,
    /// Its register in the general ledger, where it posts there at once.
    pub(crate) gl_register: Option<u64>,
    /// An account that is missing leaves the value entry to the next run, instead of refusing.
    pub(crate) lists_missing: bool,
    /// Acts in the histories of serials that are written although the operation is parked: they are
    /// booked when an earlier act comes late and makes room for them.
    pub(crate) parked_acts: Vec<((ItemId, VariantId, SerialNo, OrderKey), SerialActRow)>,
    /// Parked operations that this posting made room for: judged again when it is done.
    pub(crate) awakened: Vec<OperationId>,
    /// Serials and plates that came to a place in the past: a complete count may have been there
    /// since and not seen them.
    pub(crate) arrivals: Vec<Arrival>,
}

impl<'d, 't> Posting<'d, 't> {
    /// A posting of `act` that has done nothing yet.
    pub fn new(draft: &'d mut Draft<'t>, act: Act) -> Self {
        Self {
            draft,
            act,
            decision: DecisionDraft::default(),
            posted: Posted::default(),
            created: BTreeSet::new(),
            applications: Vec::new(),
            values: Vec::new(),
            adjusting: false,
            round: 0,
            marks_from: None,
            jobs_changed: false,
            touched: BTreeMap::new(),
            register: None,
            walked: 0,
            gl_register: None,
            lists_missing: false,
            parked_acts: Vec::new(),
            awakened: Vec::new(),
            arrivals: Vec::new(),
        }
    }

    /// A posting of another operation within this decision: `act` names it.
    pub fn nested(&mut self, act: Act) -> Posting<'_, 't> {
        Posting::new(self.draft, act)
    }

    /// The next number of a leg, so that no two movements of one operation share a place on the
    /// time line. An operation with more than 255 legs shares the last place.
    pub fn next_leg(&mut self) -> u8 {
        let leg = self.posted.next_leg;
        self.posted.next_leg = leg.saturating_add(1);
        leg
    }

    /// The place on the time line of the next leg.
    pub fn next_order(&mut self) -> OrderKey {
        let leg = self.next_leg();
        self.act.order.with_leg(leg)
    }

    /// Where rows of this posting come from.
    pub const fn written(&self) -> Written {
        Written { lsn: self.act.lsn, operation: self.act.operation }
    }

    /// Takes over what a posting of another operation within this decision leaves to its end.
    pub(crate) fn absorb(&mut self, parts: Leftover) {
        for (key, before) in parts.touched {
            self.touched.entry(key).or_insert(before);
        }
        self.awakened.extend(parts.awakened);
        self.arrivals.extend(parts.arrivals);
        self.applications.extend(parts.applications);
        self.values.extend(parts.values);
    }

    /// Stops for `reason`: refused at the desk, parked for a device.
    pub fn stop(&self, reason: Reason) -> Stop {
        if self.act.desk { Stop::Refuse(reason) } else { Stop::park(reason) }
    }
}

#[cfg(test)]
mod tests;
