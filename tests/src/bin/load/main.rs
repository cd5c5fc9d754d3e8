//! Loads: how fast the parts are, each next to what the machine could do at best in the same run.
//!
//! | command | |
//! |---|---|
//! | `scan` | scan to durable on a device, next to a bare append with `fdatasync` |
//! | `post` | lines judged and durable each second, next to the bare store with the same writes |
//! | `busy` | scan to outcome with many devices over sockets |
//! | `intake` | acknowledgements each second while devices send whole batches |
//! | `drain` | a day offline, sent over a slow network |
//! | `snapshot` | the first replica of a large company over a slow network |
//! | `idle` | memory and threads of a server with many quiet devices |
//! | `reconnect` | a planned restart and a killed server, with everybody coming back |
//! | `hostile` | a server under attack: alive, its devices served, its memory flat |
//! | `costs` | a late charge, a batch adjustment and a past valuation beside postings |
//! | `soak` | flaps, restarts, a kill, backups and a restored server for as long as it is told |
//!
//! Each prints what it saw and ends with one line of JSON. A run in which something was not done
//! as asked ends with an error: figures of broken work are not figures.

mod busy;
mod client;
mod company;
mod costs;
mod drain;
mod figures;
mod hostile;
mod house;
mod idle;
mod intake;
mod light;
mod post;
mod reconnect;
mod relay;
mod scan;
mod snapshot;
mod soak;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The server's own: see `tallyman`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why a load broke off.
type Problem = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "Measures Tallyman under load; the last line of each run is JSON")]
struct Arguments {
    #[command(subcommand)]
    load: Load,
}

#[derive(Subcommand)]
enum Load {
    /// Scan to durable on a device.
    Scan(scan::Arguments),
    /// Lines judged and durable each second.
    Post(post::Arguments),
    /// Scan to outcome with many devices.
    Busy(busy::Arguments),
    /// Acknowledgements each second.
    Intake(intake::Arguments),
    /// A day offline, sent over a slow network.
    Drain(drain::Arguments),
    /// The first replica of a large company, over a slow network.
    Snapshot(snapshot::Arguments),
    /// Memory and threads with many quiet devices.
    Idle(idle::Arguments),
    /// Everybody comes back after a restart.
    Reconnect(reconnect::Arguments),
    /// A server under attack.
    Hostile(hostile::Arguments),
    /// Cost adjustment beside postings, and a past valuation.
    Costs(costs::Arguments),
    /// Everything at once, for an hour.
    Soak(soak::Arguments),
    /// The server that the loads start in a process of its own.
    #[command(hide = true)]
    House(house::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let figures = runtime.block_on(async {
        match arguments.load {
            Load::Scan(scan) => scan::run(&scan).await,
            Load::Post(post) => post::run(&post).await,
            Load::Busy(busy) => busy::run(&busy).await,
            Load::Intake(intake) => intake::run(&intake).await,
            Load::Drain(drain) => drain::run(&drain).await,
            Load::Snapshot(snapshot) => snapshot::run(&snapshot).await,
            Load::Idle(idle) => idle::run(&idle).await,
            Load::Reconnect(reconnect) => reconnect::run(&reconnect).await,
            Load::Hostile(hostile) => hostile::run(&hostile).await,
            Load::Costs(costs) => costs::run(&costs).await,
            Load::Soak(soak) => soak::run(&soak).await,
            Load::House(house) => house::run(&house).await,
        }
    });
    // As the server does: a backup that is under way ends with the process.
    runtime.shutdown_background();
    match figures {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("the load broke off: {problem}");
            ExitCode::FAILURE
        }
    }
}
