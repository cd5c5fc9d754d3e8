//! Many worlds, one after the other: the whole of Tallyman under an adversary.

use clap::Parser;
use tests::world::{Bug, Plan, Successes, World};

#[derive(Parser)]
#[command(about = "Plays worlds of devices, server and adversary in virtual time")]
struct Arguments {
    /// How many seeds to play.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Play only this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Run the invariants at the end only.
    #[arg(long)]
    audit_at_end: bool,
    /// Play with a deliberate bug, which must be noticed.
    #[arg(long)]
    bug: Option<String>,
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let bug = arguments.bug.as_deref();
    let known = bug.map(|name| Bug::ALL.into_iter().find(|bug| bug.name() == name));
    if known == Some(None) {
        eprintln!("there is no such bug");
        return std::process::ExitCode::FAILURE;
    }
    let bug = known.flatten();
    let seeds = match arguments.seed {
        Some(seed) => seed..seed.saturating_add(1),
        None => arguments.from..arguments.from.saturating_add(arguments.seeds),
    };
    let mut all = Successes::default();
    let n_seeds = seeds.end - seeds.start;
    for seed in seeds {
        let plan = Plan { bug, audit_each: !arguments.audit_at_end, ..Plan::of_seed(seed) };
        let mut world = World::new(plan);
        world.play();
        all.add(&world.successes);
        if let Some(first) = world.violations.first() {
            println!("seed {seed}: {first}");
            for more in world.violations.iter().skip(1).take(9) {
                println!("  {more}");
            }
            let bug = bug.map_or_else(String::new, |bug| format!(" --bug {}", bug.name()));
            println!("again: cargo run --release -p tests --bin simulate -- --seed {seed}{bug}");
            if let Some(bug) = arguments.bug {
                println!("the bug {bug} was noticed");
            }
            return std::process::ExitCode::FAILURE;
        }
    }
    report(n_seeds, &all);
    std::process::ExitCode::SUCCESS
}

fn report(n_seeds: u64, all: &Successes) {
    println!("{n_seeds} worlds, no invariant broken. What happened in them:");
    println!("  operations confirmed     {:>9}", all.captured);
    println!("  … without a network      {:>9}", all.captured_offline);
    println!("  sessions                 {:>9}", all.sessions);
    println!("  links cut                {:>9}", all.cuts);
    println!("  frames late or twice     {:>9}", all.late_frames);
    println!("  devices killed           {:>9}", all.kills);
    println!("  devices rebooted         {:>9}", all.reboots);
    println!("  devices without power    {:>9}", all.power_cuts);
    println!("  server crashes           {:>9}", all.server_crashes);
    println!("  wall clocks jumped       {:>9}", all.clock_jumps);
    for (decision, n) in &all.decisions {
        println!("  outcome {decision:<16} {n:>9}");
    }
    println!("  outcomes restated        {:>9}", all.restated);
    println!("  counts settled           {:>9}", all.settled);
}
