//! `tallyman import` and `tallyman export`: the company's CSV files.

use std::path::{Path, PathBuf};

use protocol::words::OperatorId;
use server::config::Config;
use server::exchange::RowFault;
use server::import::Stage;
use server::runtime::Company;

use crate::Problem;

/// What to bring in.
#[derive(clap::Args)]
pub(crate) struct ImportArguments {
    /// The data folder of the server, which must not be running.
    #[arg(long, default_value = "tallyman-data")]
    data: PathBuf,
    /// The administrator who imports.
    #[arg(long)]
    user: OperatorId,
    /// See everything that is wrong, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Number of this import: with the number that it showed, an interrupted import is taken up
    /// where it stopped.
    #[arg(long)]
    number: Option<u64>,
    /// The folder with the CSV files.
    files: PathBuf,
}

/// What to take out.
#[derive(clap::Args)]
pub(crate) struct ExportArguments {
    /// The data folder of the server, which must not be running.
    #[arg(long, default_value = "tallyman-data")]
    data: PathBuf,
    /// The folder for the CSV files.
    files: PathBuf,
}

/// Imports into a data folder.
pub(crate) fn run_import(arguments: &ImportArguments) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let opened = server::open::open(&Config::local(&arguments.data)).await?;
        let number =
            arguments.number.unwrap_or_else(|| u64::from_le_bytes(server::secret::random()));
        println!("Import number {number}");
        let by = (arguments.user.clone(), number);
        let company = opened.runtime.company().clone();
        let done = import(&company, &arguments.files, by, arguments.dry_run).await;
        opened.runtime.stop().await;
        let n_rows = done?;
        if arguments.dry_run {
            println!("{n_rows} rows would be imported; nothing was changed");
        } else {
            println!("{n_rows} rows were imported");
        }
        Ok(())
    })
}

/// Exports from a data folder.
pub(crate) fn run_export(arguments: &ExportArguments) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let opened = server::open::open(&Config::local(&arguments.data)).await?;
        let company = opened.runtime.company();
        let (batch, _skipped) = server::export::collect(&company.snapshot(), company.now());
        opened.runtime.stop().await;
        std::fs::create_dir_all(&arguments.files)?;
        server::exchange::write::write_folder(&batch, &arguments.files)?;
        println!("{} rows in {}", batch.n_rows(), arguments.files.display());
        Ok(())
    })
}

/// Reads, checks, rehearses and, unless `dry_run`, imports the files of `folder`. Gives the number
/// of rows.
pub(crate) async fn import(
    company: &Company,
    folder: &Path,
    (user, number): (OperatorId, u64),
    dry_run: bool,
) -> Result<usize, Problem> {
    let batch = server::exchange::read::read_folder(folder).map_err(read_problem)?;
    let n_rows = batch.n_rows();
    let snapshot = company.snapshot();
    let now = company.now();
    let prepared = tokio::task::spawn_blocking(move || {
        let mut progress = show;
        let plan = server::import::prepare(&batch, &snapshot, &mut progress)?;
        let judge = server_core::ledger_judge::LedgerJudge;
        server::import::rehearse(&plan, &snapshot, &judge, now, &mut progress)?;
        Ok::<_, Vec<RowFault>>(plan)
    })
    .await?;
    let plan = prepared.map_err(|faults| faults_problem(&faults))?;
    if dry_run {
        return Ok(n_rows);
    }
    let mut key = [0; 16];
    key[..8].copy_from_slice(&number.to_le_bytes());
    server::import::run(company, &plan, (&user, key), &mut show).await?;
    eprintln!();
    Ok(n_rows)
}

/// Progress on the terminal: one line, drawn over itself.
fn show(stage: Stage, done: usize, of: usize) {
    use std::io::{IsTerminal as _, Write as _};
    let mut out = std::io::stderr();
    if out.is_terminal() && (done.is_multiple_of(500) || done == of) {
        let word = match stage {
            Stage::Plan => "planned",
            Stage::Rehearse => "rehearsed",
            Stage::Run => "imported",
        };
        // Progress that cannot be shown is no reason to stop.
        let _shown = write!(out, "\r{word} {done} of {of}    ");
    }
}

fn read_problem(error: server::exchange::read::ReadError) -> Problem {
    match error {
        server::exchange::read::ReadError::Rows { faults } => faults_problem(&faults),
        other @ server::exchange::read::ReadError::Folder { .. } => other.into(),
    }
}

fn faults_problem(faults: &[RowFault]) -> Problem {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    format!("{} problems, nothing was changed\n{}", faults.len(), lines.join("\n")).into()
}
