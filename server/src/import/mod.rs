//! Bringing a company in from CSV files (see [`crate::exchange`] for the files).
//!
//! Nothing is changed before everything was seen to work:
//!
//! 1. **read** the files: every bad cell is told;
//! 2. **check** the rows against each other and the company: every wrong reference is told;
//! 3. **plan**: rows become commands, in parts that are each done together or not at all;
//! 4. **rehearse**: every command is judged, by the same judgement as in earnest, over a scratch
//!    layer that is thrown away: every refusal is told with its row;
//! 5. **run**: the parts are handed to the machine in order, each as one command. A small import is
//!    one part: all or nothing. Each part carries a key made from the import's number and its place,
//!    so an import that was interrupted is taken up where it stopped and nothing is done twice.
//!
//! A dry run ends after the fourth step.

mod plan;
mod rehearse;
mod run;

pub use plan::{Part, Plan, Planned, plan};
pub use rehearse::rehearse;
pub use run::{Imported, RunError, run};

use crate::exchange::{Batch, RowFault, check};
use ledger::tables::Tables;

/// What an import tells while it works: what it is doing, and how far it is.
pub type Progress<'p> = &'p mut (dyn FnMut(Stage, usize, usize) + Send);

/// What an import is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Rows become commands; secrets become verifiers.
    Plan,
    /// Every command is judged over a scratch layer.
    Rehearse,
    /// The parts are done.
    Run,
}

impl Stage {
    /// The stage in a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Rehearse => "rehearse",
            Self::Run => "run",
        }
    }
}

/// A progress that nobody looks at.
pub fn quietly(_stage: Stage, _done: usize, _of: usize) {}

/// Checks and plans `batch` for a company.
///
/// # Errors
///
/// Every problem of the rows.
pub fn prepare(
    batch: &Batch,
    company: &dyn Tables,
    progress: Progress<'_>,
) -> Result<Plan, Vec<RowFault>> {
    let faults = check::check(batch, company);
    if faults.is_empty() { Ok(plan(batch, company, progress)) } else { Err(faults) }
}
