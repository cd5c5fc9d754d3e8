//! Many worlds, one after the other: the whole of Tallyman under an adversary.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use clap::Parser;
use tests::crash::{End, Which};
use tests::world::{Bug, Plan, Progress, Successes, World};

/// The server's own: see `tallyman`. Worlds of several threads would wait for each other with the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Plays worlds of devices, server and adversary in virtual time")]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
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
    /// Of that seed, tell each operation in order of time.
    #[arg(long, requires = "seed")]
    history: bool,
    /// Run the invariants at the end only.
    #[arg(long)]
    audit_at_end: bool,
    /// End the processes of device and server at every durable step instead, each in every way.
    #[arg(long)]
    crash_points: bool,
    /// Of the crash points only the first and the last of each name.
    #[arg(long)]
    named: bool,
    /// Of the crash points only this step.
    #[arg(long)]
    step: Option<usize>,
    /// Play with a deliberate bug, which must be noticed.
    #[arg(long)]
    bug: Option<String>,
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    if arguments.crash_points {
        return match arguments.step {
            None => crash_points(arguments.named),
            Some(step) => crash_point(step),
        };
    }
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
    let n_seeds = seeds.end - seeds.start;
    if arguments.history {
        let mut world = World::new(Plan { bug, ..Plan::of_seed(seeds.start) });
        world.play();
        world.history().iter().for_each(|line| println!("{line}"));
        tell(seeds.start, &world.violations, bug);
        return std::process::ExitCode::SUCCESS;
    }
    let plan_of = |seed| Plan { bug, audit_each: !arguments.audit_at_end, ..Plan::of_seed(seed) };
    let (all, noticed) = play(seeds, &plan_of);
    if let Some((seed, violations)) = noticed {
        tell(seed, &violations, bug);
        return std::process::ExitCode::FAILURE;
    }
    match bug {
        None => report(n_seeds, &all),
        Some(bug) => {
            report(n_seeds, &all);
            println!("{n_seeds} worlds did not notice: {}", bug.name());
        }
    }
    std::process::ExitCode::SUCCESS
}

/// A seed with what was wrong in its world.
type Noticed = (u64, Vec<String>);

/// Plays the worlds of `seeds`, each in one thread and as many at a time as there are cores, until
/// one is noticed. Each world is played as if it were alone: what is told first is the lowest seed.
fn play(seeds: Range<u64>, plan_of: &(dyn Fn(u64) -> Plan + Sync)) -> (Successes, Option<Noticed>) {
    let next = AtomicU64::new(seeds.start);
    let end = AtomicU64::new(seeds.end);
    let so_far = Mutex::new((Successes::default(), None::<Noticed>));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= end.load(Ordering::SeqCst) {
                return;
            }
            let (successes, violations) = played(plan_of(seed));
            let mut so_far = so_far.lock().unwrap_or_else(PoisonError::into_inner);
            so_far.0.add(&successes);
            let is_first = so_far.1.as_ref().is_none_or(|(first, _violations)| seed < *first);
            if is_first && !violations.is_empty() {
                end.fetch_min(seed, Ordering::SeqCst);
                so_far.1 = Some((seed, violations));
            }
        }
    };
    let n_threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _thread in 0..n_threads {
            scope.spawn(work);
        }
    });
    so_far.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Plays one world. With a deliberate bug, only what that bug does counts as a violation.
fn played(plan: Plan) -> (Successes, Vec<String>) {
    let bug = plan.bug;
    let world = std::panic::catch_unwind(|| {
        let mut world = World::new(plan);
        world.play();
        (world.successes, world.violations)
    });
    let (successes, mut violations) = world
        .unwrap_or_else(|_panic| (Successes::default(), vec!["a panic, told above".to_owned()]));
    if let Some(bug) = bug {
        violations.retain(|violation| bug.shows_as(violation));
    }
    (successes, violations)
}

fn tell(seed: u64, violations: &[String], bug: Option<Bug>) {
    println!("seed {seed}:");
    for violation in violations.iter().take(10) {
        println!("  {violation}");
    }
    let with_bug = bug.map_or_else(String::new, |bug| format!(" --bug {}", bug.name()));
    println!("again: cargo run --release -p tests --bin simulate -- --seed {seed}{with_bug}");
    if let Some(bug) = bug {
        println!("the deliberate bug {} broke the promise: {}", bug.name(), bug.promise());
    }
}

/// Ends a side at one step, in every way; panics are told.
fn crash_point(step: usize) -> std::process::ExitCode {
    let mut all_held = true;
    for end in End::ALL {
        let done = tests::crash::end_at(step, end);
        all_held &= done.is_ok();
        println!("step {step}, {end:?}: {done:?}");
    }
    if all_held { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

/// Ends both sides at every durable step; prints how many of how many held.
fn crash_points(only_named: bool) -> std::process::ExitCode {
    // A process that dies is a panic here: thousands of them need not be told.
    std::panic::set_hook(Box::new(|_info| {}));
    let which = if only_named { Which::Named } else { Which::All };
    let (mut n_held, mut n_all) = (0_u64, 0_u64);
    let mut by_name: std::collections::BTreeMap<String, (u64, u64)> =
        std::collections::BTreeMap::new();
    tests::crash::enumerate(which, &End::ALL, |trial| {
        let held = trial.broke.is_none();
        n_all += 1;
        n_held += u64::from(held);
        let (name_held, name_all) = by_name.entry(trial.point.clone()).or_default();
        *name_all += 1;
        *name_held += u64::from(held);
        if let Some(why) = &trial.broke {
            println!("step {} ({}), {:?}: {why}", trial.step, trial.point, trial.end);
        }
        if n_all % 500 == 0 {
            println!("… {n_held} of {n_all} held, of {} to be played", trial.of);
        }
    });
    for (name, (held, all)) in &by_name {
        println!("{held:>5}/{all:<5} {name}");
    }
    println!("{} named points, {n_held}/{n_all}", by_name.len());
    if n_held == n_all { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

fn report(n_seeds: u64, all: &Successes) {
    println!("{n_seeds} worlds, no invariant broken. What happened in them:");
    let lines = [
        ("operations confirmed", all.captured),
        ("… without a network", all.captured_offline),
        ("… on seeing another's act", all.looks),
        ("counts held against books", all.counts_compared),
        ("… left out, in doubt", all.counts_in_doubt),
        ("worlds without an opinion", all.without_opinion),
        ("connections slow at first", all.clogged),
        ("links cut", all.cuts),
        ("frames late or twice", all.late_frames),
        ("devices killed", all.kills),
        ("devices rebooted", all.reboots),
        ("devices without power", all.power_cuts),
        ("devices from an old copy", all.restored),
        ("server crashes", all.server_crashes),
        ("… before a write was synced", all.crashes_before_sync),
        ("wall clocks jumped", all.clock_jumps),
        ("runs of the auditor", all.audited.runs),
        ("… value entries in them", all.audited.values),
        ("… accounts' entries in them", all.audited.gl_entries),
        ("amounts of value in the end", all.audited.amounts),
        ("… adjusted afterwards", all.audited.adjustments),
        ("… charged afterwards", all.audited.charges),
    ];
    for (what, n) in lines {
        println!("  {what:<28} {n:>9}");
    }
    for (decision, n) in &all.decisions {
        println!("  outcome {decision:<20} {n:>9}");
    }
    println!("  {:<28} {:>9}", "outcomes restated", all.restated);
    println!("  {:<28} {:>9} {:>9} {:>9}", "by phase", "set-up", "shift", "healing");
    let phases = |what: &str, of: fn(&Progress) -> u64| {
        let [set_up, shift, healing] = all.phases.each_ref().map(of);
        println!("  {what:<28} {set_up:>9} {shift:>9} {healing:>9}");
    };
    phases("connections", |phase| phase.connections);
    phases("operations judged", |phase| phase.judged);
    phases("counts settled", |phase| phase.settled);
    for (kind, [set_up, shift, healing]) in &all.kinds {
        println!("  {kind:<28} {set_up:>9} {shift:>9} {healing:>9}");
    }
}
