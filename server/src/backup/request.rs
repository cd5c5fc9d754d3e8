//! A run that another process of this machine asks the running server for: whoever may write to
//! the data folder may ask. One file asks, one answers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::BackupError;
use super::run::Done;
use crate::tls::write_private;

const ASKS: &str = "backup-wanted.json";
const ANSWERS: &str = "backup-answer.json";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Names the question, so that an old answer is not taken for this one's.
    pub id: String,
    /// Another folder than the usual one.
    pub folder: Option<PathBuf>,
    /// Compare every table.
    pub full: bool,
}

/// The server's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The question.
    pub id: String,
    /// What went wrong, in English.
    pub error: Option<String>,
    /// The last operation that is in the backup.
    pub intake: u64,
    /// Records that were added.
    pub n_records: u64,
    /// Rows that were compared.
    pub n_rows: u64,
    /// Whether everything was compared.
    pub full: bool,
}

/// Asks the server that runs with the data folder `data`, and waits for its answer.
///
/// # Errors
///
/// [`BackupError::File`]: the data folder cannot be written or read, or nobody answers in time.
pub fn ask(data: &Path, asked: &Asked, patience: Duration) -> Result<Answer, BackupError> {
    let (asks, answers) = (data.join(ASKS), data.join(ANSWERS));
    let bytes = serde_json::to_vec(asked).expect("plain words are JSON");
    write_private(&asks, &bytes).map_err(|source| BackupError::file(&asks, source))?;
    let step = Duration::from_millis(200);
    let mut waited = Duration::ZERO;
    while waited < patience {
        std::thread::sleep(step);
        waited += step;
        let answer = std::fs::read(&answers).ok();
        let answer: Option<Answer> = answer.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(answer) = answer.filter(|answer| answer.id == asked.id) {
            return Ok(answer);
        }
    }
    let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "the server does not answer");
    Err(BackupError::file(&answers, late))
}

/// Takes the question, where there is one.
pub(super) fn take(data: &Path) -> Option<Asked> {
    let asks = data.join(ASKS);
    let bytes = std::fs::read(&asks).ok()?;
    let asked: Asked = serde_json::from_slice(&bytes).ok()?;
    if let Err(error) = std::fs::remove_file(&asks) {
        tracing::warn!(%error, "a question for a backup cannot be taken away");
        return None;
    }
    Some(asked)
}

/// Answers it.
pub(super) fn answer(data: &Path, asked: &Asked, done: &Result<Done, String>) {
    let answers = data.join(ANSWERS);
    let id = asked.id.clone();
    let answer = match done {
        Ok(done) => Answer {
            id,
            error: None,
            intake: done.verified.to.intake,
            n_records: done.n_records,
            n_rows: done.n_rows_compared,
            full: done.full,
        },
        Err(why) => {
            Answer { id, error: Some(why.clone()), intake: 0, n_records: 0, n_rows: 0, full: false }
        }
    };
    let bytes = serde_json::to_vec(&answer).expect("plain words are JSON");
    if let Err(error) = write_private(&answers, &bytes) {
        tracing::error!(%error, "the answer about a backup cannot be written");
    }
}
