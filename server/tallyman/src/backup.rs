//! `tallyman backup` and `restore`.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use protocol::identity::ServerTime;
use server::backup::files::System;
use server::backup::request::{Answer, Asked, ask};
use server::backup::restore::{Recovery, restore as put_back};
use server::backup::run::{Done, Job, run};
use server::backup::{BackupError, Schedule};
use server::clock::Clock;
use server::config::Config;
use server::store::{Store, StoreError};
use server::verify::digest::Pace;

use crate::Problem;

/// How long a running server is given to answer: a first backup of a large company takes its time.
const PATIENCE: Duration = Duration::from_secs(6 * 3_600);

/// What to back up.
#[derive(clap::Args)]
pub(crate) struct BackupArguments {
    /// The data folder.
    #[arg(long, env = "TALLYMAN_DATA", default_value = "tallyman-data")]
    data: PathBuf,
    /// The folder for the backup; else the one that the server uses, or one beside the data folder.
    #[arg(long, env = "TALLYMAN_BACKUP")]
    to: Option<PathBuf>,
    /// Compare every table with the store, not only what is new.
    #[arg(long)]
    full: bool,
}

/// What to put back, and where.
#[derive(clap::Args)]
pub(crate) struct RestoreArguments {
    /// The folder of the backup.
    #[arg(long)]
    from: PathBuf,
    /// The data folder, without a company in it.
    #[arg(long, default_value = "tallyman-data")]
    data: PathBuf,
    /// Make every table again from the records, instead of taking the snapshot over.
    #[arg(long)]
    rebuild: bool,
    /// Also write the recovery report to this file, as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
}

/// A backup, by this process or by the server that runs.
pub(crate) fn backup(arguments: &BackupArguments) -> Result<(), Problem> {
    let config = Config::local(&arguments.data);
    if !config.store_folder().exists() {
        return Err(format!("{} holds no company", arguments.data.display()).into());
    }
    match Store::open(&config.store_folder()) {
        Ok(store) => {
            let done = by_itself(arguments, &store)?;
            let to = &done.verified.to;
            println!(
                "{} records more; operation {} and decision {} and all before them are proved: {} \
                 rows compared",
                done.n_records, to.intake, to.lsn, done.n_rows_compared
            );
        }
        Err(StoreError::InUse { .. }) => {
            let answer = by_the_server(arguments)?;
            if let Some(error) = answer.error {
                return Err(error.into());
            }
            println!(
                "{} records more; operation {} and all before it are proved by the running \
                 server: {} rows compared",
                answer.n_records, answer.intake, answer.n_rows
            );
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn by_itself(arguments: &BackupArguments, store: &Store) -> Result<Done, Problem> {
    let id = std::fs::read_to_string(arguments.data.join("server-id"))?;
    let server = server::secret::from_hex(id.trim()).ok_or("the server's number is damaged")?;
    let folder = arguments.to.clone();
    let job = Job {
        folder: folder.unwrap_or_else(|| Schedule::folder_beside(&arguments.data)),
        data: arguments.data.clone(),
        server,
        snapshot: store.snapshot(),
        files: System::shared(),
        at: Clock::after(ServerTime(0)).now(),
        full: arguments.full,
    };
    Ok(run(&job, &mut Pace::full())?)
}

fn by_the_server(arguments: &BackupArguments) -> Result<Answer, BackupError> {
    let id = server::secret::hex(&server::secret::random::<8>());
    let folder = arguments.to.as_ref().and_then(|folder| std::path::absolute(folder).ok());
    let asked = Asked { id, folder, full: arguments.full };
    ask(&arguments.data, &asked, PATIENCE)
}

/// A company put back, and the report of what is still to come.
pub(crate) fn restore(arguments: &RestoreArguments) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let config = Config::local(&arguments.data);
    let recovery = runtime.block_on(put_back(&arguments.from, &config, arguments.rebuild))?;
    if let Some(file) = &arguments.report {
        std::fs::write(file, serde_json::to_vec_pretty(&recovery)?)?;
    }
    print!("{}", report(&recovery));
    Ok(())
}

fn time(at: ServerTime) -> String {
    DateTime::<Utc>::from_timestamp_micros(at.0)
        .map_or_else(|| "?".to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// Documents that a line of the report names; all of them stand in the file of `--report`.
const NAMED: usize = 5;

/// Documents as they stand behind what was done with them.
fn named(documents: &[String]) -> String {
    let shown = &documents[..documents.len().min(NAMED)];
    let more = documents.len() - shown.len();
    match (shown.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(" {}", shown.join(", ")),
        (false, more) => format!(" {} and {more} more", shown.join(", ")),
    }
}

fn report(recovery: &Recovery) -> String {
    let mut text = format!(
        "{} is restored, as generation {}.\n\
         In the backup: operations up to {} (received {}), decisions up to {}; proved {}.\n",
        recovery.company,
        recovery.epoch,
        recovery.intake,
        time(recovery.received),
        recovery.lsn,
        time(recovery.proved),
    );
    text.push_str("Devices offer again by themselves what came after:\n");
    for device in &recovery.devices {
        let received = device.received.map_or_else(|| "nothing yet".to_owned(), time);
        let line = format!(
            "  {} {}: from {} on (the backup has {}, received {received})\n",
            device.device,
            device.name,
            device.accepted.next(),
            device.accepted,
        );
        text.push_str(&line);
    }
    if recovery.devices.is_empty() {
        text.push_str("  no device was enrolled\n");
    }
    text.push_str(
        "A device that joined after the backup is unknown here: enrol it again, its work is kept.\n\
         Devices, people, rights and keys that were withdrawn after it are let in as before: withdraw \
         them again.\n\
         What desks entered and imports brought in after the following is lost, and no device \
         knows it: enter it again.\n",
    );
    for row in &recovery.desk {
        let line = format!(
            "  {} {}{} by {} (operation {})\n",
            time(row.received),
            row.kind,
            named(&row.documents),
            row.user,
            row.intake
        );
        text.push_str(&line);
    }
    if recovery.desk.is_empty() {
        text.push_str("  no operation of a desk is in the backup\n");
    }
    text.push_str(
        "Who is back, and what was brought back, stands on the page Backup and recovery.\n",
    );
    text
}
