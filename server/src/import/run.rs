//! Doing it: the parts, in order.

use protocol::outcome::Reason;
use protocol::text::{self, Language};
use protocol::words::OperatorId;
use server_core::intake::command::{Command, CommandOrigin};

use super::plan::Plan;
use super::{Progress, Stage};
use crate::runtime::{Company, SubmitError};
use crate::secret;

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// Commands.
    pub n_commands: usize,
    /// Parts.
    pub n_parts: usize,
}

/// Why an import stopped. The parts before it are done; the same import with the same number takes
/// up there.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Something changed in the company after the rehearsal.
    #[error("{file}, line {line} and following: {sentence}")]
    Refused {
        /// The file of the part's first row.
        file: &'static str,
        /// Its line.
        line: u64,
        /// Why, in English.
        sentence: String,
        /// Why.
        reason: Reason,
    },
    /// The server is busy or stopped.
    #[error("{n_done} of {n_parts} parts are done")]
    Stopped {
        /// Parts that are done.
        n_done: usize,
        /// Parts in all.
        n_parts: usize,
        /// Why.
        #[source]
        source: SubmitError,
    },
}

/// Hands the parts of `plan` to the machine, one after the other, as commands of `user`.
///
/// `number` names this import: when it is run again with the same number, parts that are done are
/// not done again.
///
/// # Errors
///
/// [`RunError`].
pub async fn run(
    company: &Company,
    plan: &Plan,
    (user, number): (&OperatorId, [u8; 16]),
    progress: Progress<'_>,
) -> Result<Imported, RunError> {
    let n_parts = plan.parts.len();
    for (n, part) in plan.parts.iter().enumerate() {
        progress(Stage::Run, n, n_parts);
        let origin =
            CommandOrigin::Desk { user: user.clone(), idempotency: Some(part_key(number, n)) };
        let local_date = company.now().utc().map(|now| now.date_naive());
        let command = Command { origin, raw: part.command().encode(), local_date };
        let judged = company.submit(command).await.and_then(crate::runtime::Judged::granted);
        match judged {
            Ok(_judged) => {}
            Err(SubmitError::Refused(reason)) => {
                let first = part.commands.first();
                return Err(RunError::Refused {
                    file: first.map_or("", |planned| planned.file),
                    line: first.map_or(0, |planned| planned.line),
                    sentence: text::sentence(&reason, Language::English),
                    reason,
                });
            }
            Err(source) => return Err(RunError::Stopped { n_done: n, n_parts, source }),
        }
    }
    progress(Stage::Run, n_parts, n_parts);
    Ok(Imported { n_commands: plan.n_commands(), n_parts })
}

/// The idempotency key of part `n` of the import `number`.
fn part_key(number: [u8; 16], n: usize) -> [u8; 16] {
    let place = u64::try_from(n).unwrap_or(u64::MAX).to_le_bytes();
    let hash = secret::sha256(&[b"import".as_slice(), &number, &place].concat());
    let mut key = [0; 16];
    for (to, from) in key.iter_mut().zip(hash) {
        *to = from;
    }
    key
}
