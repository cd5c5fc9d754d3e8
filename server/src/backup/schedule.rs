//! Runs that come by themselves, and those that are asked for.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ledger::schema::book::Intakes;
use ledger::tables::Read as _;
use protocol::identity::{IntakeNo, ServerTime};
use tokio::sync::{mpsc, oneshot};

use super::files::System;
use super::folder::{Verified, verified_in};
use super::run::{Done, Job, run};
use super::{Schedule, request};
use crate::runtime::Company;
use crate::verify::digest::Pace;

/// How often the task looks whether somebody asks.
const LOOK: Duration = Duration::from_secs(1);
/// After a failed run the next one comes sooner than usual.
const AGAIN_S: u32 = 60;

/// How the backups are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupStatus {
    /// The second folder; none: no backups are made.
    pub folder: Option<String>,
    /// Seconds from one run to the next.
    pub every_s: u32,
    /// Whether the folder lies on the same disk as the store: a failing disk takes both.
    pub same_disk: bool,
    /// How far the last run came that was proved.
    pub verified: Option<Verified>,
    /// The last run, when it failed: when, and why.
    pub failed: Option<(ServerTime, String)>,
    /// Whether one is running.
    pub running: bool,
}

/// What somebody wants.
#[derive(Debug)]
struct Wish {
    full: bool,
    answer: oneshot::Sender<Result<Done, String>>,
}

/// The backups of a company at work. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Backups {
    status: Arc<Mutex<BackupStatus>>,
    wishes: mpsc::Sender<Wish>,
}

/// What a running server backs up.
pub struct Source {
    /// The company.
    pub company: Company,
    /// The data folder.
    pub data: std::path::PathBuf,
    /// Which server.
    pub server: [u8; 16],
    /// Where and how often; none: never.
    pub schedule: Option<Schedule>,
}

impl Backups {
    /// Starts the task. It ends with the tokio runtime, or when it is aborted.
    pub fn start(source: Source) -> (Self, tokio::task::JoinHandle<()>) {
        let status = Arc::new(Mutex::new(first_status(&source)));
        let (wishes, wanted) = mpsc::channel(4);
        let shared = Self { status: Arc::clone(&status), wishes };
        let task = Task { source, status, next: ServerTime(0) };
        (shared, tokio::spawn(task.work(wanted)))
    }

    /// How they are.
    pub fn status(&self) -> BackupStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a run now, and returns when it is proved.
    ///
    /// # Errors
    ///
    /// Why not, in English.
    pub async fn run_now(&self, full: bool) -> Result<Done, String> {
        let (answer, answered) = oneshot::channel();
        let stopped = || "the server is stopping".to_owned();
        self.wishes.send(Wish { full, answer }).await.map_err(|_gone| stopped())?;
        answered.await.unwrap_or_else(|_gone| Err(stopped()))
    }
}

fn first_status(source: &Source) -> BackupStatus {
    let Some(schedule) = &source.schedule else { return BackupStatus::default() };
    BackupStatus {
        folder: Some(schedule.folder.display().to_string()),
        every_s: schedule.every_s,
        same_disk: is_same_disk(&source.data, &schedule.folder),
        verified: verified_in(&schedule.folder),
        ..BackupStatus::default()
    }
}

#[cfg(unix)]
fn is_same_disk(left: &Path, right: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let disk = |path: &Path| {
        let known = path.ancestors().find_map(|path| std::fs::metadata(path).ok());
        known.map(|known| known.dev())
    };
    disk(left).is_some_and(|left| disk(right) == Some(left))
}

#[cfg(not(unix))]
fn is_same_disk(_left: &Path, _right: &Path) -> bool {
    false
}

struct Task {
    source: Source,
    status: Arc<Mutex<BackupStatus>>,
    next: ServerTime,
}

impl Task {
    async fn work(mut self, mut wanted: mpsc::Receiver<Wish>) {
        self.go_on().await;
        loop {
            let wish = tokio::select! {
                wish = wanted.recv() => match wish {
                    Some(wish) => Some(wish),
                    None => return,
                },
                () = tokio::time::sleep(LOOK) => None,
            };
            if let Some(wish) = wish {
                let done = self.run(None, wish.full).await;
                // Who asked may have gone away meanwhile.
                drop(wish.answer.send(done));
            } else if let Some(asked) = request::take(&self.source.data) {
                let folder = asked.folder.clone();
                let done = self.run(folder, asked.full).await;
                request::answer(&self.source.data, &asked, &done);
            } else if self.source.schedule.is_some() && self.source.company.now() >= self.next {
                // The failure is in the status and in the log.
                let _failed = self.run(None, false).await.is_err();
            }
        }
    }

    /// Takes up what was proved before the server was started.
    async fn go_on(&mut self) {
        let Some(schedule) = &self.source.schedule else { return };
        let Some(verified) = self.lock().verified.clone() else { return };
        self.next = ServerTime(verified.at_us).plus_us(i64::from(schedule.every_s) * 1_000_000);
        let no = IntakeNo(verified.to.intake);
        let here = self.source.company.snapshot().row::<Intakes>(&no);
        if here.is_some_and(|row| row.hash.to_string() == verified.to.intake_hash) {
            // A machine that is gone has nobody to tell.
            self.source.company.safe(no, Vec::new()).await.unwrap_or_default();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BackupStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(
        &mut self,
        other_folder: Option<std::path::PathBuf>,
        full: bool,
    ) -> Result<Done, String> {
        let at = self.source.company.now();
        let usual = self.source.schedule.as_ref().map(|schedule| schedule.folder.clone());
        let is_usual = other_folder.is_none() || other_folder == usual;
        let folder = other_folder.or(usual).ok_or("no folder for backups is named")?;
        let job = Job {
            folder,
            data: self.source.data.clone(),
            server: self.source.server,
            snapshot: self.source.company.snapshot(),
            files: System::shared(),
            at,
            full: full || (is_usual && self.full_is_due(at)),
        };
        self.lock().running = true;
        let done = tokio::task::spawn_blocking(move || run(&job, &mut Pace::beside_work())).await;
        let done = match done {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(crate::runtime::chain(&error)),
            Err(_panic) => Err("the backup ended in a panic".to_owned()),
        };
        self.took(at, &done, is_usual);
        if let Ok(done) = &done {
            // Only a proved backup lets devices forget.
            let (intake, photos) = (done.safe(), done.photos.clone());
            self.source.company.safe(intake, photos).await.unwrap_or_default();
        }
        done
    }

    fn full_is_due(&self, at: ServerTime) -> bool {
        let every_s = self.source.schedule.as_ref().map_or(0, |schedule| schedule.full_every_s);
        let last = self.lock().verified.as_ref().map_or(i64::MIN, |known| known.full_at_us);
        at.0.saturating_sub(last) >= i64::from(every_s) * 1_000_000
    }

    fn took(&mut self, at: ServerTime, done: &Result<Done, String>, is_usual: bool) {
        let every_s = self.source.schedule.as_ref().map_or(0, |schedule| schedule.every_s);
        let again_s = if done.is_ok() { every_s } else { AGAIN_S.min(every_s) };
        if is_usual {
            self.next = at.plus_us(i64::from(again_s) * 1_000_000);
        }
        let mut status = self.lock();
        status.running = false;
        match done {
            Ok(done) => {
                tracing::info!(operation = done.verified.to.intake, "the backup was proved");
                if is_usual {
                    status.verified = Some(done.verified.clone());
                    status.failed = None;
                }
            }
            Err(why) => {
                tracing::error!(why, "the backup failed");
                if is_usual {
                    status.failed = Some((at, why.clone()));
                }
            }
        }
    }
}
