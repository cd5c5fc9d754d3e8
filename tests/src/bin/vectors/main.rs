//! Runs worked figures: every vector file under a folder, each on a company of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tests::vectors::{Plan, report, run_folder};

#[derive(Parser)]
#[command(about = "Runs every vector file under a folder, each on a fresh company")]
struct Arguments {
    /// The folder, or one file.
    dir: PathBuf,
    /// Only files of this topic, or with this tag.
    #[arg(long)]
    topic: Option<String>,
    /// Keys that the runner does not know fail a file wherever they stand.
    #[arg(long)]
    strict: bool,
    /// At most so many differences are printed for a file.
    #[arg(long, default_value_t = 50)]
    most: usize,
    /// Prints every file that passed, too.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let Arguments { dir, topic, strict, most, verbose } = Arguments::parse();
    // What panics is reported with its file.
    std::panic::set_hook(Box::new(|_panic| {}));
    match run_folder(&dir, &Plan { topic, strict }) {
        Ok(reports) => {
            if verbose {
                for report in reports.iter().filter(|report| report.passed()) {
                    println!("{}: passed", report.path.display());
                }
            }
            report::print(&reports, most);
            let failed = reports.iter().any(|report| !report.passed());
            if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
