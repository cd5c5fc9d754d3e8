//! What a file came to: passed, or the differences it was failed by.

use std::fmt;
use std::path::PathBuf;

/// A difference between what a file expects and what the ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// After which step.
    pub step: String,
    /// The list and the row.
    pub what: String,
    /// What the file says.
    pub expected: String,
    /// What was found.
    pub got: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, what, expected, got } = self;
        write!(f, "step {step}: {what}: expected {expected}, got {got}")
    }
}

/// What became of one file.
#[derive(Debug, Clone)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// Its main topic.
    pub topic: String,
    /// Why it failed; empty when it passed.
    pub mismatches: Vec<Mismatch>,
    /// What is worth saying of a file that passed all the same.
    pub remarks: Vec<String>,
}

impl FileReport {
    /// A file that could not be run.
    pub fn unreadable(path: PathBuf, topic: String, why: impl fmt::Display) -> Self {
        let mismatch = Mismatch {
            step: "-".to_owned(),
            what: "file".to_owned(),
            expected: "a file that this runner knows wholly".to_owned(),
            got: why.to_string(),
        };
        Self { path, topic, mismatches: vec![mismatch], remarks: Vec::new() }
    }

    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.mismatches.is_empty()
    }
}

/// Prints the reports, most to say first, and the sum at the end. At most `most` differences a file.
pub fn print(reports: &[FileReport], most: usize) {
    for report in reports {
        for remark in &report.remarks {
            println!("{}: note: {remark}", report.path.display());
        }
        for mismatch in report.mismatches.iter().take(most) {
            println!("{}: {mismatch}", report.path.display());
        }
        if report.mismatches.len() > most {
            let more = report.mismatches.len() - most;
            println!("{}: … and {more} more differences", report.path.display());
        }
    }
    println!("{}", sum(reports));
}

/// `N passed, N failed`.
pub fn sum(reports: &[FileReport]) -> String {
    let passed = reports.iter().filter(|report| report.passed()).count();
    format!("{passed} passed, {} failed", reports.len() - passed)
}
