//! The one command: `tallyman serve`, `demo`, `scan` … Wires the parts together; decides nothing.

mod scan;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "tallyman", version, about = "The backend for handheld scanners in warehouses")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what scans mean, one per line.
    Scan(scan::Arguments),
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Scan(arguments) => scan::run(&arguments),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tallyman: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
