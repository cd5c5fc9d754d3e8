//! Random histories of costs: the ledger, adjusting in three ways, against the naive costing.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;
use tests::histories::{Plan, Tally, agree};
use tests::reference::cost::Method;

const METHODS: [(&str, Method); 5] = [
    ("fifo", Method::Fifo),
    ("lifo", Method::Lifo),
    ("average", Method::Average),
    ("specific", Method::Specific),
    ("standard", Method::Standard),
];

#[derive(Parser)]
#[command(about = "Plays random histories and holds costs and accounts against a naive costing")]
struct Arguments {
    /// How many histories of each method.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this method.
    #[arg(long)]
    method: Option<String>,
    /// Disagreements that are printed in full.
    #[arg(long, default_value_t = 1)]
    most: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut broken = 0;
    for (name, method) in METHODS {
        if arguments.method.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let (mut tally, mut failed) = (Tally::default(), BTreeMap::new());
        for seed in arguments.from..arguments.from + arguments.seeds {
            match agree(Plan::of_seed(seed, method)) {
                Ok(more) => tally.join(&more),
                Err(why) => {
                    failed.insert(seed, why);
                }
            }
        }
        for why in failed.values().take(arguments.most) {
            println!("{why}\n");
        }
        let n_posted: u64 = tally.0.values().sum();
        println!(
            "{name}: {} histories, {n_posted} facts, {} broken",
            arguments.seeds,
            failed.len()
        );
        println!("  {:?}", tally.0);
        if !failed.is_empty() {
            println!("  broken seeds: {:?}", failed.keys().collect::<Vec<_>>());
        }
        broken += failed.len();
    }
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
