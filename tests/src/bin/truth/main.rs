//! `truth`: which rule for late counts gives the right book? A physical world, its reports, a table.
//!
//! The claim of the design is a measured one, so anybody can run the measurement again:
//! `cargo run --release -p tests --bin truth -- --trials 3000 --seed 1`. The same seed prints the
//! same bytes. Exit code 1: a bin was wrong and unmarked although every interval held the truth.
//!
//! Order of reading: [`world`] (what happens), [`wire`] (what is reported), [`rules`] (what each
//! rule makes of it), [`trial`] (what is compared), [`report`].

mod report;
mod rules;
mod trial;
mod wire;
mod world;

use std::process::ExitCode;

use clap::Parser;
use report::{BINS, Cell};
use tests::prng::Prng;
use trial::Tally;
use world::{SECOND_US, Setup};

/// Compares rules for counts that arrive late with a simulated physical truth.
#[derive(Debug, Parser)]
#[command(name = "truth")]
struct Arguments {
    /// Trials per bin and world.
    #[arg(long, default_value_t = 3000)]
    trials: u64,
    /// Start of the random stream; the same seed prints the same figures.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Name, sentence, delay between act and record, reboots.
type WorldLine = (&'static str, &'static str, (i64, i64), bool);

const WORLDS: [WorldLine; 3] = [
    (
        "plain",
        "acts are recorded 1 to 5 s late, no device reboots",
        (SECOND_US, 5 * SECOND_US),
        false,
    ),
    (
        "reboots",
        "the same, and 4 devices in 10 reboot, half of them twice; some boots are never sampled",
        (SECOND_US, 5 * SECOND_US),
        true,
    ),
    (
        "prompt",
        "with reboots, acts recorded the instant they happen: the truth lies inside the intervals",
        (0, 0),
        true,
    ),
];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    println!("{}", report::ASSUMPTIONS);
    println!("seed {}, {} trials per bin and world", arguments.seed, arguments.trials);
    let cells = measure(&arguments);
    print!("{}", report::tables(&cells));
    let broken = broken_promises(&cells);
    for sentence in &broken {
        println!("\nBROKEN: {sentence}");
    }
    println!("\n{}", report::json(&cells, arguments.seed, arguments.trials));
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(arguments: &Arguments) -> Vec<Cell> {
    let mut cells: Vec<Cell> = WORLDS
        .iter()
        .map(|(name, sentence, ..)| Cell { name, sentence, bins: Default::default() })
        .collect();
    let mut prng = Prng::new(arguments.seed);
    for (bin, (_, n_movements, n_counts)) in BINS.iter().enumerate() {
        for _ in 0..arguments.trials {
            // Each world starts from the same draw, so that the worlds compare like with like.
            let day = prng.fork();
            for (cell, (_, _, delay_us, reboots)) in cells.iter_mut().zip(WORLDS) {
                let setup =
                    Setup { n_movements: *n_movements, n_counts: *n_counts, delay_us, reboots };
                let tally: &mut Tally = &mut cell.bins[bin];
                trial::run(&setup, &mut day.clone(), tally);
            }
        }
    }
    cells
}

/// What must be zero. In the prompt world every interval holds the truth, so the marks must catch
/// every wrong bin; in the others the delay of recording is outside the intervals, so it takes the
/// look at close acts as well.
fn broken_promises(cells: &[Cell]) -> Vec<String> {
    let mut broken = Vec::new();
    for cell in cells {
        for ((bin, ..), tally) in BINS.iter().zip(&cell.bins) {
            let marks = &tally.marks;
            let musts = match cell.name {
                "prompt" => [
                    (marks.n_wrong_unmarked_pairs, "bins wrong and not marked"),
                    (marks.n_unmarked_swaps, "pairs the wrong way round and not marked"),
                    (marks.n_outside, "acts outside their interval"),
                ],
                _ => [
                    (marks.n_wrong_unmarked_guard, "bins wrong, not marked and not close"),
                    (marks.n_swaps_beyond_guard, "pairs wrong way round, not marked, not close"),
                    (marks.n_outside, "acts outside their interval"),
                ],
            };
            for (n, what) in musts.into_iter().filter(|(n, _)| *n > 0) {
                broken.push(format!("{bin} bin, {} world: {n} {what}", cell.name));
            }
        }
    }
    broken
}
