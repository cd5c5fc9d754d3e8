//! What waits for a person: cases and tasks; and what depends on them.

use protocol::feed::TaskKind;
use protocol::identity::{CaseId, DeviceId, OperationId, ServerTime, TaskId};
use protocol::outcome::Reason;
use protocol::words::OperatorId;
use serde::{Deserialize, Serialize};

use crate::record::packed;
use crate::schema::{BinId, ItemId, LocationId, PlateId, SiteId, StockKey, VariantId, Written};

/// A choice that a case offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Post it as it was captured; approve the count; keep both.
    Accept,
    /// Ask for a new count.
    Recount,
    /// Post it with other values, given with the decision.
    Correct,
    /// Post nothing of it (anything posted is taken back); keep it on record.
    Dismiss,
    /// Read the movement as before the count.
    Before,
    /// Read the movement as after the count.
    After,
    /// Let the goods count for the document after all.
    ApproveOver,
    /// Bring the goods back where they came from.
    Return,
    /// Book the goods that never arrived as lost.
    Lost,
}

impl Choice {
    /// What may become of whatever is parked, as far as the operation allows: it is judged anew (an item
    /// or bin that was unknown may be known by now), counted again, corrected, or not booked.
    pub const ALWAYS: [Self; 4] = [Self::Accept, Self::Recount, Self::Correct, Self::Dismiss];
}

/// How a case stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CaseState {
    /// To be decided.
    Open,
    /// Decided.
    Decided {
        /// What.
        choice: Choice,
        /// By whom.
        by: OperatorId,
        /// When.
        at: ServerTime,
    },
    /// It became pointless: what it waited for arrived.
    Resolved {
        /// When.
        at: ServerTime,
    },
}

/// A parked thing with choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Why, with all figures: the first reason is the title.
    #[serde(with = "packed")]
    pub reasons: Vec<Reason>,
    /// The operation.
    pub operation: OperationId,
    /// Other operations that are part of it.
    pub others: Vec<OperationId>,
    /// Who did it.
    pub operator: Option<OperatorId>,
    /// The site that sees it; 0: all.
    pub site: SiteId,
    /// The stock that it is about, where it is about stock.
    pub stock: Option<StockKey>,
    /// What may be chosen.
    pub choices: Vec<Choice>,
    /// How it stands.
    pub state: CaseState,
    /// Nothing of the operation is posted: deciding judges it again.
    pub parked: bool,
    /// Rises with each new fact; a decision names the version that it saw.
    pub version: u32,
    /// What was chosen before a new fact opened it again: offered first.
    pub earlier: Option<Choice>,
    /// When the operation was done.
    pub tau: ServerTime,
    /// When the case was opened.
    pub opened: ServerTime,
    /// The decision that changed it last.
    pub written: Written,
}

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaskState {
    /// To be done.
    Open,
    /// Done.
    Done,
    /// Withdrawn.
    Cancelled,
}

/// A piece of work that the server asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// What is asked.
    pub kind: TaskKind,
    /// The location.
    pub location: LocationId,
    /// The bin; 0 for none.
    pub bin: BinId,
    /// The item; none for the whole bin.
    pub item: Option<ItemId>,
    /// The variant, or none.
    pub variant: VariantId,
    /// The plate; 0 for none.
    pub plate: PlateId,
    /// Who should do it.
    pub assigned: Option<OperatorId>,
    /// Who should not.
    pub not_by: Option<OperatorId>,
    /// The operator must not know the book quantity.
    pub blind: bool,
    /// How it stands.
    pub state: TaskState,
    /// Why it was asked: a reason code.
    pub reason: String,
    /// The case behind it; the first, where several ask ([`TaskQuestions`]).
    pub case: Option<CaseId>,
    /// When it was asked: only what was done later answers it unasked.
    pub asked: ServerTime,
    /// The decision that changed it last.
    pub written: Written,
}

/// One of the questions that a task asks, and how that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// When it was asked: only what was done later answers it unasked.
    pub asked: ServerTime,
    /// Who should not answer it.
    pub not_by: Option<OperatorId>,
    /// Whoever answers it must not know the book quantity.
    pub blind: bool,
    /// Why it was asked: a reason code.
    pub reason: String,
    /// How it stands.
    pub state: TaskState,
}

crate::tables! {
    /// Cases.
    Cases = 80, "case", CaseId => Case;
    /// Open cases by site and age.
    OpenCases = 81, "open_case", (SiteId, CaseId) => ();
    /// Cases of an operation.
    CasesByOperation = 82, "case_by_operation", (OperationId, CaseId) => ();
    /// What depends on a parked operation by identity: a text that names the identity.
    Dependencies = 83, "dependency", (String, CaseId) => ();
    /// Tasks.
    Tasks = 84, "task", TaskId => Task;
    /// Open tasks by what they are about, so that none is asked twice.
    OpenTasks = 85, "open_task", (LocationId, BinId, u8, Option<ItemId>, PlateId, TaskId) => ();
    /// Tasks that a count has answered, by its operation: taken back, it has answered nothing.
    TasksAnswered = 86, "task_answered", (OperationId, TaskId) => ();
    /// What a task asks, by the case that asks it; none for what no case is about. A task that asks one
    /// thing only has no rows: its own says it.
    TaskQuestions = 87, "task_question", (TaskId, Option<CaseId>) => Question;
    /// Open tasks by whose they are.
    TasksByOperator = 89, "task_by_operator", (OperatorId, TaskId) => ();
    /// Tasks that were somebody's until a device of theirs was declared lost: they may have been done.
    TasksFreed = 64, "task_freed", (DeviceId, TaskId) => OperatorId;
}
