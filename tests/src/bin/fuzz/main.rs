//! Feeds the decoders with bytes that are almost right, for as long as it is told; see
//! [`tests::fuzz`]. Ends with an error at the first input that breaks a promise, which is kept.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tests::fuzz::{Fuzzer, TARGETS, keep};
use tokio::time::Instant;

/// Mutations between two looks at the clock.
const ROUND: u64 = 200;

#[derive(Parser)]
#[command(about = "Feeds the decoders with bytes that are almost right")]
struct Arguments {
    /// Only this target.
    #[arg(long)]
    target: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The seed of all mutations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep so many of the inputs that were answered in a new way, the shortest first.
    #[arg(long, default_value_t = 0)]
    keep: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A panic is caught and told with its input; what it prints by itself says less.
    std::panic::set_hook(Box::new(|_panic| {}));
    let mut n_targets = 0;
    for target in TARGETS {
        if arguments.target.as_ref().is_some_and(|only| *only != target.name) {
            continue;
        }
        n_targets += 1;
        let end = Instant::now() + Duration::from_secs(arguments.seconds);
        let played = Fuzzer::open(target, arguments.seed).and_then(|mut fuzzer| {
            while Instant::now() < end {
                fuzzer.go_on(ROUND)?;
            }
            Ok(fuzzer)
        });
        match played {
            Ok(fuzzer) => {
                let played = fuzzer.played();
                println!(
                    "{:<11} {:>9} inputs, {:>6} kinds of answers",
                    target.name, played.n_inputs, played.n_kinds
                );
                let mut found = fuzzer.found;
                found.sort_by_key(Vec::len);
                for input in found.iter().take(arguments.keep) {
                    keep(&target, "kind", input);
                }
            }
            Err(failure) => {
                println!("{}: {} ({})", target.name, failure.why, failure.path.display());
                return ExitCode::FAILURE;
            }
        }
    }
    if n_targets == 0 {
        println!("there is no such target");
        return ExitCode::FAILURE;
    }
    println!("fuzz: {n_targets} passed, 0 failed");
    ExitCode::SUCCESS
}
