//! The same acts in several orders of arrival, in numbers.

use std::process::ExitCode;

use clap::Parser;
use tests::shuffle::{Arrival, Hall, shuffle};

#[derive(Parser)]
#[command(about = "Judges the same acts in several orders of arrival and compares the books")]
struct Arguments {
    /// How many acts a day has.
    #[arg(long, default_value_t = 100_000)]
    acts: usize,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let arrivals = [
        Arrival::AsDone,
        Arrival::Random(arguments.seed),
        Arrival::DeviceByDevice,
        Arrival::LastDeviceFirst,
    ];
    let (found, restated) = shuffle(Hall::LARGE, (arguments.seed, arguments.acts), &arrivals);
    for claim in &found {
        println!("not so: {claim}");
    }
    for left in restated.left.iter().take(10) {
        println!("value left behind: {left}");
    }
    println!(
        "{} count differences were taken back, {} moved in and out by them, {} left value behind",
        restated.n_cancelled,
        restated.moved,
        restated.left.len()
    );
    let (n_acts, n_orders) = (arguments.acts, arrivals.len());
    println!("{n_acts} acts in {n_orders} orders of arrival: {} claims broken", found.len());
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
