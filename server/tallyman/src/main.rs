//! The one command: `tallyman serve`, `demo`, `scan` … Wires the parts together; decides nothing.

mod backup;
mod demo;
mod enrol;
mod import;
mod logs;
mod scan;
mod serve;
mod service;
mod settings;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use server::config::Config;

/// Rows are made on one thread and freed on another, by the hundred thousand each second: the
/// system's allocator spent more time on that than the ledger on judging.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Anything that ends a command early, with a sentence for the person who typed it.
type Problem = Box<dyn std::error::Error + Send + Sync>;

/// The set-up for a company that is there: a mistyped folder is not the begin of another one.
fn existing(folder: &Path) -> Result<Config, Problem> {
    let config = Config::local(folder);
    if config.store_folder().exists() {
        Ok(config)
    } else {
        Err(format!("{} holds no company: `tallyman init` begins one", folder.display()).into())
    }
}

#[derive(Parser)]
#[command(name = "tallyman", version, about = "The backend for handheld scanners in warehouses")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve devices and dashboard.
    Serve(Box<serve::ServeArguments>),
    /// Show how the server is set up.
    #[command(subcommand)]
    Config(Box<serve::ConfigCommand>),
    /// Begin a company.
    Init(serve::InitArguments),
    /// Bring in CSV files: all rows or none.
    Import(import::ImportArguments),
    /// Write everything as CSV files that import reads.
    Export(import::ExportArguments),
    /// Make a code by which one new device joins a site.
    Enrol(enrol::Arguments),
    /// Make a backup now, whether the server runs or not.
    Backup(backup::BackupArguments),
    /// Put a company back from its backup.
    Restore(backup::RestoreArguments),
    /// Rebuild every table from the book and compare; or walk the chains of the audit trail.
    Verify(verify::VerifyArguments),
    /// A company, a server, six devices, a shift with outages; then a report.
    Demo(demo::Arguments),
    /// Say what scans mean, one per line.
    Scan(scan::Arguments),
}

fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let own = matches.subcommand().map_or(&matches, |(_name, own)| own);
    // A server begins its log as it is set up; all others tell what went wrong.
    if !matches!(arguments.command, Command::Serve(_)) {
        logs::begin((logs::Form::Text, logs::Level::Warn));
    }
    let done = match arguments.command {
        Command::Serve(arguments) => serve::serve(&arguments, own).map(|()| true),
        Command::Config(command) => serve::config(&command, own).map(|()| true),
        Command::Init(arguments) => serve::init(&arguments).map(|()| true),
        Command::Import(arguments) => import::run_import(&arguments).map(|()| true),
        Command::Export(arguments) => import::run_export(&arguments).map(|()| true),
        Command::Enrol(arguments) => enrol::run(&arguments).map(|()| true),
        Command::Backup(arguments) => backup::backup(&arguments).map(|()| true),
        Command::Restore(arguments) => backup::restore(&arguments).map(|()| true),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Scan(arguments) => scan::run(&arguments).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("tallyman: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}
