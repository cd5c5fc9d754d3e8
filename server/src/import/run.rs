//! Doing it: staged part by part, then activated by one command.

use ledger::command;
use ledger::command::import::{self, ActivateImport, DropImport, StageImport};
use protocol::identity::Hash16;
use protocol::outcome::Reason;
use protocol::text::{self, Language};
use server_core::intake::command::{Command, CommandOrigin};

use super::plan::{Plan, Planned};
use super::{Progress, Stage, fault};
use crate::exchange::RowFault;
use crate::runtime::{Company, Judged, SubmitError};

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Commands.
    pub n_commands: usize,
    /// Parts in which they were staged.
    pub n_parts: usize,
}

/// Why an import was not done. Nothing of it is visible; the same files under the same number take
/// up a stopped one.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Something changed in the company after the rehearsal. What was staged is gone.
    #[error("{}", told(.fault.as_deref(), .reason))]
    Refused {
        /// The row that cannot be done; none where it is the import as a whole.
        fault: Option<Box<RowFault>>,
        /// Why.
        reason: Reason,
    },
    /// The server is busy or stopped. With the same number the import is taken up where it was.
    #[error("{n_staged} of {n_parts} parts are staged, and nothing is done")]
    Stopped {
        /// Parts that are staged.
        n_staged: usize,
        /// Parts in all.
        n_parts: usize,
        /// Why.
        #[source]
        source: SubmitError,
    },
}

fn told(fault: Option<&RowFault>, reason: &Reason) -> String {
    fault.map_or_else(|| text::sentence(reason, Language::English), ToString::to_string)
}

/// An import under way: whose, and which.
struct Import<'a> {
    company: &'a Company,
    origin: &'a CommandOrigin,
    number: [u8; 16],
}

impl Import<'_> {
    async fn submit(&self, raw: Vec<u8>) -> Result<Judged, SubmitError> {
        let local_date = self.company.now().utc().map(|now| now.date_naive());
        let command = Command { origin: self.origin.clone(), raw, local_date };
        self.company.submit(command).await.and_then(Judged::granted)
    }

    /// Stages a part; gives the digest of all parts up to it.
    async fn stage(
        &self,
        part: u32,
        commands: &[Planned],
        before: Hash16,
    ) -> Result<Hash16, SubmitError> {
        let commands = commands.iter().map(|planned| planned.command.clone()).collect();
        let part = StageImport { import: self.number, part, commands };
        let raw = command::Command::StageImport(part).encode();
        let digest = import::digest(before, &raw);
        self.submit(raw).await.map(|_judged| digest)
    }

    async fn activate(&self, parts: u32, digest: Hash16) -> Result<Judged, SubmitError> {
        let activate = ActivateImport { import: self.number, parts, digest };
        self.submit(command::Command::ActivateImport(activate).encode()).await
    }

    /// Forgets what was staged. Where that fails too, it is forgotten when it has lain for a day.
    async fn drop_staged(&self) {
        let drop = command::Command::DropImport(DropImport { import: self.number });
        if let Err(error) = self.submit(drop.encode()).await {
            tracing::warn!(%error, "what a refused import had staged is left for later");
        }
    }
}

/// Stages the parts of `plan`, one after the other, and activates them together, as commands of
/// `origin`: [`CommandOrigin::Import`], or the system where nobody administers the company yet. Until the activation nobody sees anything of it, and after it everything is there.
///
/// `number` names this import: run again with the same number, it stages nothing twice, and it does
/// nothing twice.
///
/// # Errors
///
/// [`RunError`].
pub async fn run(
    company: &Company,
    plan: &Plan,
    (origin, number): (&CommandOrigin, [u8; 16]),
    progress: Progress<'_>,
) -> Result<Imported, RunError> {
    let import = Import { company, origin, number };
    let n_parts = plan.parts.len();
    let done = Imported { n_commands: plan.n_commands(), n_parts };
    if n_parts == 0 {
        return Ok(done);
    }
    let (mut no, mut digest) = (0_u32, Hash16::default());
    for (n_staged, part) in plan.parts.iter().enumerate() {
        progress(Stage::Stage, n_staged, n_parts);
        digest = match import.stage(no, &part.commands, digest).await {
            Ok(digest) => digest,
            Err(error) => return Err(stopped(&import, plan, n_staged, error).await),
        };
        no = no.saturating_add(1);
    }
    progress(Stage::Stage, n_parts, n_parts);
    progress(Stage::Activate, 0, 1);
    match import.activate(no, digest).await {
        Ok(_judged) => progress(Stage::Activate, 1, 1),
        Err(error) => return Err(stopped(&import, plan, n_parts, error).await),
    }
    Ok(done)
}

async fn stopped(
    import: &Import<'_>,
    plan: &Plan,
    n_staged: usize,
    error: SubmitError,
) -> RunError {
    let SubmitError::Refused(reason) = error else {
        return RunError::Stopped { n_staged, n_parts: plan.parts.len(), source: error };
    };
    import.drop_staged().await;
    let row = row_of(&reason).and_then(|row| plan.commands().nth(row));
    let fault = row.map(|planned| Box::new(fault::of(planned, &reason)));
    RunError::Refused { fault, reason }
}

/// The place among all commands of the one that was refused.
fn row_of(reason: &Reason) -> Option<usize> {
    fault::word(reason, "row")?.parse().ok()
}
