//! Percentiles and rates.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Problem;

/// How long each of many equal things took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Took {
    us: Vec<u64>,
}

impl Took {
    pub(crate) fn push(&mut self, took: Duration) {
        self.us.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.us.extend(more.us);
    }

    pub(crate) fn len(&self) -> usize {
        self.us.len()
    }

    /// The sum in seconds.
    pub(crate) fn total_s(&self) -> f64 {
        self.us.iter().sum::<u64>() as f64 / 1e6
    }

    /// Milliseconds that `percent` of all did not exceed; 0 where there were none.
    pub(crate) fn ms(&self, percent: usize) -> f64 {
        let mut sorted = self.us.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
        sorted.get(place).map_or(0.0, |us| *us as f64 / 1e3)
    }

    pub(crate) fn json(&self) -> Value {
        let (p50, p99) = (self.ms(50), self.ms(99));
        json!({"n": self.len(), "p50_ms": p50, "p99_ms": p99, "max_ms": self.ms(100)})
    }
}

/// `count` in each second of `took`.
pub(crate) fn per_second(count: usize, took: Duration) -> f64 {
    round(count as f64 / took.as_secs_f64())
}

/// Three decimals are enough for people.
pub(crate) fn round(figure: f64) -> f64 {
    (figure * 1e3).round() / 1e3
}

/// Hundredths of a second that the system counts by.
const TICK_MS: u64 = 10;

/// What this process has used of the processors so far.
pub(crate) fn cpu() -> Result<Duration, Problem> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in parentheses, may hold anything.
    let (_name, figures) = stat.rsplit_once(')').ok_or("the system says what was used")?;
    let ticks = figures.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * TICK_MS))
}
