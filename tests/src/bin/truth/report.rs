//! Words, tables and one line of JSON.

use std::fmt::Write as _;

use crate::trial::{RULES, Tally};

/// The bins of the table: name, movements, counts.
pub(crate) const BINS: [(&str, u64, u64); 3] = [("quiet", 6, 1), ("busy", 40, 3), ("hot", 200, 6)];

/// A world that was tried, with one tally per bin.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub name: &'static str,
    pub sentence: &'static str,
    pub bins: [Tally; BINS.len()],
}

/// What the reader must know before the figures.
pub(crate) const ASSUMPTIONS: &str = "\
Which rule gives the right book after everything has arrived?

What happens in the model
  One bin, one item, a working day of 10 hours. Four people, each with a device of their own, move
  1 to 6 pieces at a time or count the bin. Quiet bin: 6 movements and 1 count; busy: 40 and 3;
  hot: 200 and 6. Times and people are drawn evenly. A person finishes and records one act before
  the next. Counters see exactly what is there. Up to two pieces vanish unrecorded, and the book
  of the morning may be off by up to 3: without that, ignoring all counts would be a perfect rule.
What the devices report
  A device connects for 1 to 10 min, then has a gap of 5 min to 2.5 h; the last contact comes after
  work, and everything recorded is delivered, in order, once. A message takes 20 to 400 ms each
  way. Wall clocks: 85 % with an error of 60 s (standard deviation), 15 % off by 10 to 60 min.
  Monotonic clocks start at zero with each boot and run up to 20 ppm fast or slow; 50 ppm are
  allowed for. Clock samples as a connection begins and once a minute: within 0.4 s at most.
What is called wrong
  The final book differs from: the last count that really was the last, and the movements that
  really came after it. Marked: at least one count of the bin is ambiguous or uncertain, so that
  somebody is sent to look again (or the figures are within tolerance either way).

What the model leaves out
  Wrong counts, forgotten and double scans; people who share a device; counts that take minutes;
  several items, whole-bin counts and bins that are linked by moves; devices lost with their work;
  restored servers and fallen-back epochs; monotonic clocks that stop while the device sleeps or
  that are off by more than the allowance; samples that are kept only in part or are false; boots
  that nobody can bracket. Decisions are taken to be frequent, so a cursor is as fresh as the last
  contact; sparse ones would give weaker bounds. Connections follow a law of our own, not measured
  radio maps: the figures of the simple rules move with it, and only their size is to be trusted.
";

/// The tables, one per world.
pub(crate) fn tables(cells: &[Cell]) -> String {
    let mut text = String::new();
    for cell in cells {
        let _ = writeln!(text, "\n{}: {}", cell.name, cell.sentence);
        text.push_str(&row("  share of bins whose book is wrong", BINS.map(heading)));
        for (rule, name) in RULES.iter().enumerate() {
            let shares = cell.bins.clone().map(|bin| percent(bin.n_wrong[rule], bin.n_trials));
            text.push_str(&row(&format!("  {name}"), shares));
        }
        text.push_str("  the order key in detail\n");
        for (name, figure) in details() {
            text.push_str(&row(&format!("    {name}"), cell.bins.clone().map(|bin| figure(&bin))));
        }
    }
    text
}

fn heading((name, n_movements, n_counts): (&str, u64, u64)) -> String {
    format!("{name} ({n_movements}, {n_counts})")
}

type Figure = fn(&Tally) -> String;

fn details() -> [(&'static str, Figure); 18] {
    [
        ("wrong and not marked (ambiguous, uncertain), bins", |of| {
            of.marks.n_wrong_unmarked.to_string()
        }),
        ("  ... also marking counts that overlap counts, bins", |of| {
            of.marks.n_wrong_unmarked_pairs.to_string()
        }),
        ("  ... also marking acts closer than 10 s, bins", |of| {
            of.marks.n_wrong_unmarked_guard.to_string()
        }),
        ("movement on the wrong side of a count, unmarked, pairs", |of| {
            of.marks.n_unmarked_swaps.to_string()
        }),
        ("  ... of these \"proved\" by causality, pairs", |of| {
            of.marks.n_swaps_by_causality.to_string()
        }),
        ("  ... of these further apart than 10 s, pairs", |of| {
            of.marks.n_swaps_beyond_guard.to_string()
        }),
        ("bins with a marked count", |of| percent(of.marks.n_bins_marked, of.n_trials)),
        ("counts marked", |of| percent(of.marks.n_counts_marked, of.marks.n_counts)),
        ("counts with an act of another device within 10 s", |of| {
            percent(of.marks.n_counts_close, of.marks.n_counts)
        }),
        ("acts known to within 1 s", |of| percent(of.marks.n_sharp, of.marks.n_acts)),
        ("acts uncertain (boot not bracketed)", |of| {
            percent(of.marks.n_uncertain, of.marks.n_acts)
        }),
        ("acts whose tightest upper bound is their receipt", |of| {
            percent(of.marks.n_receipt_decides, of.marks.n_acts)
        }),
        ("acts recorded outside their interval", |of| of.marks.n_outside.to_string()),
        ("  ... if drift widened the samples only", |of| {
            of.marks.n_outside_samples_only.to_string()
        }),
        ("acts whose boot lost its clock samples", |of| of.marks.n_dropped.to_string()),
        ("  ... if drift widened the samples only", |of| {
            of.marks.n_dropped_samples_only.to_string()
        }),
        ("acts outside if one pushed up kept its half width", |of| {
            of.marks.n_outside_plain.to_string()
        }),
        ("acts in all", |of| of.marks.n_acts.to_string()),
    ]
}

fn row(name: &str, figures: [String; BINS.len()]) -> String {
    let [quiet, busy, hot] = figures;
    format!("{name:<62}{quiet:>14}{busy:>14}{hot:>14}\n")
}

#[expect(clippy::cast_precision_loss, reason = "a share is printed with two decimals")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.2} %", 100.0 * share(part, whole))
}

/// Everything as one line of JSON.
pub(crate) fn json(cells: &[Cell], seed: u64, trials: u64) -> String {
    let worlds: Vec<String> = cells
        .iter()
        .map(|cell| {
            let bins: Vec<String> =
                BINS.iter().zip(&cell.bins).map(|((name, ..), bin)| json_bin(name, bin)).collect();
            format!("\"{}\":{{{}}}", cell.name, bins.join(","))
        })
        .collect();
    format!("{{\"seed\":{seed},\"trials\":{trials},\"worlds\":{{{}}}}}", worlds.join(","))
}

fn json_bin(name: &str, bin: &Tally) -> String {
    let rules = [
        "last_writer",
        "device_difference",
        "raw_clock",
        "causality_and_receipt",
        "boot_offset_unsampled",
        "order_key",
        "counts_ignored",
    ];
    let wrong: Vec<String> = rules
        .iter()
        .zip(bin.n_wrong)
        .map(|(rule, n_wrong)| format!("\"{rule}\":{:.6}", share(n_wrong, bin.n_trials)))
        .collect();
    let marks = &bin.marks;
    let counters = [
        ("wrong_unmarked", marks.n_wrong_unmarked),
        ("wrong_unmarked_with_count_pairs", marks.n_wrong_unmarked_pairs),
        ("wrong_unmarked_with_guard", marks.n_wrong_unmarked_guard),
        ("unmarked_swaps", marks.n_unmarked_swaps),
        ("unmarked_swaps_by_causality", marks.n_swaps_by_causality),
        ("unmarked_swaps_beyond_guard", marks.n_swaps_beyond_guard),
        ("acts_samples_dropped", marks.n_dropped),
        ("acts_samples_dropped_samples_only", marks.n_dropped_samples_only),
        ("bins_marked", marks.n_bins_marked),
        ("counts_marked", marks.n_counts_marked),
        ("counts_close", marks.n_counts_close),
        ("counts", marks.n_counts),
        ("acts_sharp", marks.n_sharp),
        ("acts_uncertain", marks.n_uncertain),
        ("acts_receipt_tightest", marks.n_receipt_decides),
        ("acts_outside", marks.n_outside),
        ("acts_outside_samples_only", marks.n_outside_samples_only),
        ("acts_outside_plain", marks.n_outside_plain),
        ("acts", marks.n_acts),
    ]
    .map(|(name, n)| format!("\"{name}\":{n}"));
    format!("\"{name}\":{{\"wrong\":{{{}}},{}}}", wrong.join(","), counters.join(","))
}
