//! A fresh company in memory, spoken to through the one door of the ledger.
//!
//! Every command arrives like any other: with an intake record, judged once, its changes applied.
//! What a step does is remembered by the number of its decisions, so that an entry can be traced to
//! the step that wrote it.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use ledger::command::{Batch, Command, people};
use ledger::draft::Draft;
use ledger::memory::MemoryTables;
use ledger::operation::{Request, judge};
use ledger::posting::{Act, Posting};
use ledger::schema::book::{
    Intake, Intakes, OperationsByTime, Origin, OutcomeRevisions, Outcomes, Timing,
};
use ledger::schema::money::InventorySetups;
use ledger::schema::{OrderKey, SiteId};
use ledger::tables::{Read as _, Table as _};
use protocol::code::Code;
use protocol::feed::Role;
use protocol::identity::{Hash16, IntakeNo, Lsn, OperationId, Seq, ServerTime};
use protocol::outcome::{Decision, Outcome};
use sha2::{Digest as _, Sha256};

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// 2026-01-05T00:00:00Z: the first moment of every company. Posting dates are told by the commands.
const BEGIN: i64 = 1_767_571_200 * SECOND;
/// Who works at the desk in every file.
pub const USER: &str = "VERA";

/// A refusal: its codes and its sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The codes, the decisive one first.
    pub codes: Vec<String>,
    /// The sentence in English.
    pub text: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.codes.join(", "), self.text)
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self { codes: vec![code.to_string()], text: String::new() }
    }
}

/// Why a step could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The ledger refuses it.
    Refused(Refusal),
    /// This runner, or the ledger of this build, has no way to do it.
    Lacking(String),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::Lacking(what) => write!(f, "lacking: {what}"),
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What a step comes to.
pub type Done<T = ()> = Result<T, Stop>;

/// Something that the runner or the ledger has no way to do.
#[expect(clippy::needless_pass_by_value, reason = "whatever can be told as text is given as it is")]
pub fn lacking<T>(what: impl ToString) -> Done<T> {
    Err(Stop::Lacking(what.to_string()))
}

/// A company.
#[derive(Debug, Clone)]
pub struct Company {
    /// Its tables.
    pub tables: MemoryTables,
    /// The day on which everybody works.
    pub work_date: NaiveDate,
    /// Reads and writes of all its decisions.
    pub spent: u64,
    intake: u64,
    lsn: u64,
    now: i64,
    step: String,
    steps: BTreeMap<u64, String>,
}

impl Company {
    /// A company with one user who may do everything.
    pub fn new(work_date: NaiveDate) -> Self {
        let mut company = Self {
            tables: MemoryTables::new(),
            work_date,
            spent: 0,
            intake: 0,
            lsn: 0,
            now: BEGIN,
            step: "setup".to_owned(),
            steps: BTreeMap::new(),
        };
        company.system(Command::PutOperator(people::PutOperator {
            operator: word(USER),
            name: USER.to_owned(),
            badge_hash: None,
            pin_verifier: None,
            password_verifier: None,
            language: None,
            disabled: false,
        }));
        company.system(Command::GrantRole(people::GrantRole {
            operator: word(USER),
            role: Role::Administrator,
            location: None,
        }));
        company
    }

    /// From here on everything is done for `step`.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whatever can be told as text is given as it is"
    )]
    pub fn begin(&mut self, step: impl ToString) {
        self.step = step.to_string();
    }

    /// Work is done no earlier than what is posted: the working day moves on with the dates of the steps,
    /// unless the file fixes it.
    pub fn reach(&mut self, date: Option<NaiveDate>) {
        let fixed =
            self.tables.row::<InventorySetups>(&()).is_some_and(|row| row.work_date.is_some());
        if let Some(date) = date
            && !fixed
        {
            self.work_date = self.work_date.max(date);
        }
    }

    /// The step that wrote what decision `lsn` wrote.
    pub fn step_of(&self, lsn: Lsn) -> &str {
        self.steps.get(&lsn.0).map_or("", String::as_str)
    }

    /// What the system sets up.
    ///
    /// # Panics
    ///
    /// When it is refused: a setup is what the file says there is.
    #[expect(clippy::needless_pass_by_value, reason = "the command is made for this call")]
    pub fn system(&mut self, command: Command) {
        let name = command.name();
        if let Err(refusal) = self.judge(Origin::System, &command) {
            panic!("setting up, {name}: {refusal}");
        }
    }

    /// What the system does by itself, such as a slice of work.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn by_system(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        self.judge(Origin::System, command)
    }

    /// What the user asks for.
    ///
    /// # Errors
    ///
    /// The refusal; nothing was posted.
    pub fn ask(&mut self, command: &Command) -> Result<Outcome, Refusal> {
        self.judge(Origin::Desk { user: word(USER), idempotency: None }, command)
    }

    /// Commands that are done together or not at all.
    ///
    /// # Errors
    ///
    /// The refusal; nothing was posted.
    pub fn ask_all(&mut self, mut commands: Vec<Command>) -> Result<Outcome, Refusal> {
        match (commands.len(), commands.pop()) {
            (1, Some(only)) => self.ask(&only),
            (_, last) => {
                commands.extend(last);
                self.ask(&Command::Batch(Batch { commands }))
            }
        }
    }

    fn judge(&mut self, origin: Origin, command: &Command) -> Result<Outcome, Refusal> {
        self.intake += 1;
        self.lsn += 1;
        self.now += SECOND;
        self.steps.insert(self.lsn, self.step.clone());
        let (no, received) = (IntakeNo(self.intake), ServerTime(self.now));
        let raw = command.encode();
        let intake = Intake {
            origin,
            site: SiteId(0),
            received,
            timing: Timing::exact(received),
            local_date: Some(self.work_date),
            evidence: serde_bytes::ByteBuf::new(),
            hash: Intake::link(Hash16::default(), no, received, &raw),
            raw: serde_bytes::ByteBuf::from(raw),
            previous: Hash16::default(),
        };
        let mut draft = Draft::over(&self.tables);
        draft.put::<Intakes>(&no, intake.clone());
        let request = Request {
            intake_no: no,
            intake: &intake,
            lsn: Lsn(self.lsn),
            time: ServerTime(self.now + 1),
        };
        let judged = judge(&mut draft, &request);
        if let Err(poison) = judged {
            let codes = vec!["number_out_of_range".to_owned()];
            return Err(Refusal { codes, text: format!("{poison:?}") });
        }
        self.spent += draft.spent();
        self.tables.apply(draft.finish());
        let operation = OperationId { seq: Seq(no.0), ..OperationId::default() };
        let row = self.tables.row::<Outcomes>(&operation);
        let outcome = row.map(|row| row.outcome.clone()).expect("what is judged has an outcome");
        if outcome.decision == Decision::Accepted {
            return Ok(outcome);
        }
        let codes = outcome.reasons.iter().map(|reason| reason.code.to_string()).collect();
        Err(Refusal { codes, text: outcome.text_en })
    }

    /// What the ledger works out from its tables without changing them.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn peek<T>(
        &self,
        read: impl FnOnce(&mut Posting<'_, '_>) -> Result<T, ledger::posting::Stop>,
    ) -> Done<T> {
        let at = ServerTime(self.now);
        let operation = OperationId { seq: Seq(self.intake), ..OperationId::default() };
        let mut draft = Draft::over(&self.tables);
        let act = Act {
            lsn: Lsn(self.lsn),
            at,
            intake: IntakeNo(self.intake),
            operation,
            sent_in: operation.incarnation,
            order: OrderKey::new(at, operation),
            timing: Timing::exact(at),
            received: at,
            operator: Some(word(USER)),
            document: None,
            posting_date: self.work_date,
            site: SiteId(0),
            desk: true,
            approved: false,
        };
        let mut posting = Posting::new(&mut draft, act);
        read(&mut posting).map_err(|stop| Stop::Refused(refusal_of(stop)))
    }

    /// A digest of all tables, without the record of what was asked: it is the same before and after
    /// a refusal.
    pub fn digest(&self) -> [u8; 32] {
        let asked = [Intakes::ID, Outcomes::ID, OutcomeRevisions::ID, OperationsByTime::ID];
        let mut sum = Sha256::new();
        for ((table, key), record) in self.tables.rows() {
            if !asked.contains(&table) {
                sum.update([table.0]);
                sum.update(key.len().to_le_bytes());
                sum.update(key);
                sum.update(record.bytes());
            }
        }
        sum.finalize().into()
    }
}

/// What a stop of the ledger says.
fn refusal_of(stop: ledger::posting::Stop) -> Refusal {
    let reasons = match stop {
        ledger::posting::Stop::Refuse(reason) => vec![reason],
        ledger::posting::Stop::Park(reasons, _choices) => reasons,
        ledger::posting::Stop::Overflow => return Code::NumberOutOfRange.into(),
    };
    let text = protocol::text::fallback(&reasons);
    Refusal { codes: reasons.iter().map(|reason| reason.code.to_string()).collect(), text }
}

/// A code that the company's own setup uses.
///
/// # Panics
///
/// When it is no such code: this is for codes of the runner, not of a file.
pub fn word<T: TryFrom<String>>(text: &str) -> T {
    T::try_from(text.to_owned()).unwrap_or_else(|_bad| panic!("{text:?} is no code"))
}

/// A code of a file.
///
/// # Errors
///
/// It is no code that this ledger can keep.
pub fn code<T: TryFrom<String>>(text: &str) -> Done<T> {
    T::try_from(text.to_owned()).or_else(|_bad| lacking(format!("{text:?} as a code")))
}
