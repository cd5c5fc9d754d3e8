//! `tallyman import` and `tallyman export`: the company's CSV files.

use std::path::{Path, PathBuf};

use protocol::feed::Role;
use protocol::words::OperatorId;
use server::desk::rights::{Roles, has_administrator};
use server::exchange::RowFault;
use server::export::left_out::{self, LEFT_OUT_FILE, LeftOut};
use server::import::Stage;
use server::runtime::Company;
use server::store::Snapshot;
use server_core::intake::command::CommandOrigin;

use crate::Problem;

/// What to bring in.
#[derive(clap::Args)]
pub(crate) struct ImportArguments {
    /// The data folder of the server, which must not be running.
    #[arg(long, default_value = "tallyman-data")]
    data: PathBuf,
    /// The administrator who imports. Needed as soon as somebody administers the company.
    #[arg(long)]
    user: Option<OperatorId>,
    /// See everything that is wrong, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Number of this import: with the number that it showed, an interrupted import is taken up
    /// where it stopped. Until it is done, nothing of it is visible.
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
        let opened = server::open::open(&crate::existing(&arguments.data)?).await?;
        let number =
            arguments.number.unwrap_or_else(|| u64::from_le_bytes(server::secret::random()));
        println!("Import number {number}");
        let company = opened.runtime.company().clone();
        let done = match origin(&company, arguments.user.as_ref()) {
            Ok(origin) => {
                import(&company, &arguments.files, (origin, number), arguments.dry_run).await
            }
            Err(problem) => Err(problem),
        };
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

/// Who imports: the person that was named, or the system where nobody administers the company yet.
fn origin(company: &Company, user: Option<&OperatorId>) -> Result<CommandOrigin, Problem> {
    match user {
        Some(user) => {
            let roles = Roles::of(&company.snapshot(), user, company.now());
            if roles.include(Role::Administrator, None) {
                Ok(CommandOrigin::Import { user: user.clone() })
            } else {
                Err(format!("{user} is no administrator of this company").into())
            }
        }
        None if has_administrator(&company.snapshot(), company.now()) => {
            Err("this company has an administrator: say who imports with --user".into())
        }
        None => Ok(CommandOrigin::System),
    }
}

/// Exports from a data folder.
pub(crate) fn run_export(arguments: &ExportArguments) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let opened = server::open::open(&crate::existing(&arguments.data)?).await?;
        let company = opened.runtime.company();
        let (batch, skipped) = server::export::collect(&company.snapshot(), company.now());
        opened.runtime.stop().await;
        std::fs::create_dir_all(&arguments.files)?;
        server::exchange::write::write_folder(&batch, &arguments.files)?;
        println!("{} rows in {}", batch.n_rows(), arguments.files.display());
        tell_left_out(&skipped, &arguments.files)?;
        Ok(())
    })
}

/// Says what the files cannot say, and lists it beside them.
fn tell_left_out(skipped: &[LeftOut], folder: &Path) -> std::io::Result<()> {
    let path = folder.join(LEFT_OUT_FILE);
    if skipped.is_empty() {
        // A list of an earlier export into the same folder is not true any more.
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
    }
    std::fs::write(&path, left_out::list(skipped))?;
    for sentence in left_out::summary(skipped) {
        println!("{sentence}");
    }
    println!("Each of them is named in {}", path.display());
    Ok(())
}

/// Reads, checks, rehearses and, unless `dry_run`, imports the files of `folder`. Gives the number
/// of rows.
pub(crate) async fn import(
    company: &Company,
    folder: &Path,
    (origin, number): (CommandOrigin, u64),
    dry_run: bool,
) -> Result<usize, Problem> {
    let snapshot = company.snapshot();
    let batch = server::exchange::read::read_folder(folder)
        .map_err(|error| read_problem(error, &snapshot))?;
    let n_rows = batch.n_rows();
    let now = company.now();
    let mut key = [0; 16];
    key[..8].copy_from_slice(&number.to_le_bytes());
    if server::import::is_done(&snapshot, key) {
        eprintln!("Import {number} was done before: nothing is done again");
        return Ok(0);
    }
    let prepared = tokio::task::spawn_blocking(move || {
        let mut progress = show;
        let plan = server::import::prepare(&batch, &snapshot, key, &mut progress)?;
        let judge = server_core::ledger_judge::LedgerJudge;
        server::import::rehearse(&plan, &snapshot, &judge, now, &mut progress)?;
        Ok::<_, Vec<RowFault>>(plan)
    })
    .await?;
    let plan = prepared.map_err(|faults| faults_problem(&faults))?;
    if dry_run {
        return Ok(n_rows);
    }
    server::import::run(company, &plan, (&origin, key), &mut show).await?;
    eprintln!();
    Ok(n_rows)
}

/// Progress on the terminal: one line, drawn over itself.
fn show(stage: Stage, done: usize, of: usize) {
    use std::io::{IsTerminal as _, Write as _};
    let mut out = std::io::stderr();
    let is_worth_a_line = match stage {
        Stage::Plan | Stage::Stage | Stage::Activate => true,
        Stage::Rehearse => done.is_multiple_of(500) || done == of,
    };
    if out.is_terminal() && is_worth_a_line {
        let word = match stage {
            Stage::Plan => "people prepared:",
            Stage::Rehearse => "rows rehearsed:",
            Stage::Stage => "parts staged:",
            Stage::Activate => "activated:",
        };
        // Progress that cannot be shown is no reason to stop.
        let _shown = write!(out, "\r{word} {done} of {of}    ");
    }
}

fn read_problem(error: server::exchange::read::ReadError, company: &Snapshot) -> Problem {
    match error {
        server::exchange::read::ReadError::Rows { mut faults, read } => {
            faults.extend(server::exchange::check::check_readable(&read, company, &faults));
            faults.sort();
            faults_problem(&faults)
        }
        other @ server::exchange::read::ReadError::Folder { .. } => other.into(),
    }
}

fn faults_problem(faults: &[RowFault]) -> Problem {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    format!("{} problems, nothing was changed\n{}", faults.len(), lines.join("\n")).into()
}

#[cfg(test)]
mod tests {
    use server::export::left_out::Why;

    use super::*;

    #[test]
    fn what_an_export_left_out_is_listed_beside_its_files_as_long_as_it_is_true() {
        let folder = tempfile::tempdir().unwrap();
        let left = LeftOut {
            file: "opening_stock.csv",
            why: Why::BelowZero,
            what: "MAIN A-01 BOLT -5".to_owned(),
        };
        tell_left_out(&[left], folder.path()).unwrap();
        let list = std::fs::read_to_string(folder.path().join(LEFT_OUT_FILE)).unwrap();
        assert!(list.starts_with("opening_stock.csv: MAIN A-01 BOLT -5: "), "{list}");
        for _time in 0..2 {
            tell_left_out(&[], folder.path()).unwrap();
            assert!(!folder.path().join(LEFT_OUT_FILE).exists());
        }
    }
}
