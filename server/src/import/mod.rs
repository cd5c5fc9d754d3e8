//! Bringing a company in from CSV files (see [`crate::exchange`] for the files).
//!
//! Nothing is changed before everything was seen to work:
//!
//! 1. **read** the files: every bad cell is told;
//! 2. **check** the rows against each other and the company: every wrong reference is told;
//! 3. **plan**: rows become commands, in parts of a few hundred;
//! 4. **rehearse**: every command is judged, by the same judgement as in earnest, over a scratch
//!    layer that is thrown away: every refusal is told with its row;
//! 5. **run**: the parts are staged in order, each as one command that does nothing but keep them,
//!    so that what devices did is judged between them; then one command activates them all. All or
//!    nothing: a server that dies on the way, and a row that cannot be done any more, leave nothing
//!    that anybody sees. An import that was interrupted is taken up under its number.
//!
//! A dry run ends after the fourth step.

mod fault;
mod plan;
mod rehearse;
mod run;

pub use plan::{Part, Plan, Planned, plan};
pub use rehearse::rehearse;
pub use run::{Imported, RunError, run};

use crate::exchange::{Batch, RowFault, check};
use ledger::schema::book::{ImportNo, ImportState, Imports};
use ledger::tables::{Read as _, Tables};

/// What an import tells while it works: what it is doing, and how far it is.
pub type Progress<'p> = &'p mut (dyn FnMut(Stage, usize, usize) + Send);

/// What an import is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Rows become commands; secrets become verifiers.
    Plan,
    /// Every command is judged over a scratch layer.
    Rehearse,
    /// The parts are brought in; nobody sees anything of them.
    Stage,
    /// Everything becomes visible, in one decision.
    Activate,
}

impl Stage {
    /// The stage in a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Rehearse => "rehearse",
            Self::Stage => "stage",
            Self::Activate => "activate",
        }
    }
}

/// A progress that nobody looks at.
pub fn quietly(_stage: Stage, _done: usize, _of: usize) {}

/// Whether the import `number` was done before: what it would change is there.
pub fn is_done(company: &dyn Tables, number: ImportNo) -> bool {
    company.row::<Imports>(&number).is_some_and(|row| row.state == ImportState::Activated)
}

/// Checks and plans `batch` for a company, as the import `number`.
///
/// # Errors
///
/// Every problem of the rows.
pub fn prepare(
    batch: &Batch,
    company: &dyn Tables,
    number: ImportNo,
    progress: Progress<'_>,
) -> Result<Plan, Vec<RowFault>> {
    let faults = check::check(batch, company);
    if faults.is_empty() { Ok(plan(batch, company, number, progress)) } else { Err(faults) }
}
