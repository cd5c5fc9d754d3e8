//! A door for whoever administers this machine: a Unix socket in the data folder that only the
//! owner of the folder may open. `tallyman enrol` asks through it while the server runs.
//!
//! One line of JSON in, one line of JSON out, then the connection ends. Everything asked here is a
//! command like any other: it goes through the intake, and rights are looked at where a person is
//! named. Who owns the folder needs no password: the same person could read and change all of it.
//!
//! Elsewhere than on Unix there is no such door; codes are made on the dashboard there.

use std::path::{Path, PathBuf};

use protocol::words::{OperatorId, SiteCode};
use serde::{Deserialize, Serialize};

use crate::api::devices::CodeView;
use crate::api::problem::ProblemBody;

/// The name of the socket in the data folder.
const SOCKET: &str = "control.sock";

/// The most bytes of a question.
#[cfg(unix)]
const QUESTION_BYTES_MAX: u64 = 4 << 10;

/// What may be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// A code for one new device of a site.
    Enrol {
        /// The site.
        site: SiteCode,
        /// Who makes it, for the record: rights are asked for then. None: the system.
        user: Option<OperatorId>,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A code, shown this once.
    Code(CodeView),
    /// Why not.
    Refused(ProblemBody),
}

/// Why nothing was answered.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens there.
    #[error("no server runs over the data folder {folder}")]
    NotRunning {
        /// The data folder.
        folder: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The answer cannot be read.
    #[error("the server's answer cannot be read")]
    Answer(#[from] serde_json::Error),
    /// The connection broke.
    #[error("the server did not answer")]
    Broken(#[source] std::io::Error),
    /// This system has no such door.
    #[error("this system has no Unix sockets: make the code on the dashboard")]
    NoSockets,
}

/// Where the door of the company in `folder` is.
pub fn socket(folder: &Path) -> PathBuf {
    folder.join(SOCKET)
}

#[cfg(unix)]
pub use unix::{Door, ask, open};

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use server_core::intake::command::CommandOrigin;
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::task::JoinHandle;

    use super::{Answer, ControlError, QUESTION_BYTES_MAX, Question, socket};
    use crate::api::devices::new_code;
    use crate::api::problem::Problem;
    use crate::state::AppState;

    /// How long somebody may take to ask.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// The open door. Dropping it closes it.
    #[derive(Debug)]
    pub struct Door {
        path: PathBuf,
        listening: JoinHandle<()>,
    }

    impl Drop for Door {
        fn drop(&mut self) {
            self.listening.abort();
            // A socket that stays behind is replaced at the next start.
            drop(std::fs::remove_file(&self.path));
        }
    }

    /// Opens the door in `folder`. Whoever has the folder open has its store locked, so a socket
    /// that lies there is that of a server that died.
    ///
    /// # Errors
    ///
    /// What the system says; the server runs without a door then.
    pub fn open(app: &AppState, folder: &Path) -> std::io::Result<Door> {
        let path = socket(folder);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let app = app.clone();
        let listening = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _peer)) => {
                        tokio::spawn(answer(app.clone(), stream));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the control socket is closed");
                        return;
                    }
                }
            }
        });
        Ok(Door { path, listening })
    }

    async fn answer(app: AppState, mut stream: UnixStream) {
        let asked = tokio::time::timeout(PATIENCE, read_line(&mut stream)).await;
        let Ok(Ok(line)) = asked else { return };
        let answer = match serde_json::from_str::<Question>(&line) {
            Ok(question) => reply(&app, question).await,
            Err(error) => Err(Problem::malformed(error)),
        };
        let answer = answer.unwrap_or_else(|problem| Answer::Refused(problem.body()));
        let Ok(mut text) = serde_json::to_string(&answer) else { return };
        text.push('\n');
        // Who has gone away needs no answer.
        drop(tokio::time::timeout(PATIENCE, stream.write_all(text.as_bytes())).await);
    }

    async fn read_line(stream: &mut UnixStream) -> std::io::Result<String> {
        let mut line = String::new();
        BufReader::new(stream.take(QUESTION_BYTES_MAX)).read_line(&mut line).await?;
        Ok(line)
    }

    async fn reply(app: &AppState, question: Question) -> Result<Answer, Problem> {
        match question {
            Question::Enrol { site, user } => {
                let origin = user.map_or(CommandOrigin::System, |user| CommandOrigin::Desk {
                    user,
                    idempotency: None,
                });
                new_code(app, origin, (site, false), None).await.map(Answer::Code)
            }
        }
    }

    /// Asks the server that runs over `folder`.
    ///
    /// # Errors
    ///
    /// [`ControlError`].
    pub async fn ask(folder: &Path, question: &Question) -> Result<Answer, ControlError> {
        let mut stream = UnixStream::connect(socket(folder))
            .await
            .map_err(|source| ControlError::NotRunning { folder: folder.to_owned(), source })?;
        let mut text = serde_json::to_string(question)?;
        text.push('\n');
        stream.write_all(text.as_bytes()).await.map_err(ControlError::Broken)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.map_err(ControlError::Broken)?;
        Ok(serde_json::from_str(&answer)?)
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::path::Path;

    use super::{Answer, ControlError, Question};
    use crate::state::AppState;

    /// There is no door here.
    #[derive(Debug)]
    pub struct Door;

    /// There is no door here.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn open(_app: &AppState, _folder: &Path) -> std::io::Result<Door> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    /// There is nobody to ask.
    ///
    /// # Errors
    ///
    /// [`ControlError::NoSockets`].
    pub async fn ask(_folder: &Path, _question: &Question) -> Result<Answer, ControlError> {
        Err(ControlError::NoSockets)
    }
}

#[cfg(not(unix))]
pub use elsewhere::{Door, ask, open};
