//! The demo keeps its promises, and says so in one line that programs read; a deliberate bug breaks one,
//! and it says which. What happens at the end of the shift happens in the shortest one too.

use std::process::{Command, Output};

use serde_json::Value;

fn play(seed: &str, more: &[&str]) -> (Output, Value) {
    let arguments = ["demo", "--report", "--seed", seed, "--minutes", "0"];
    let output =
        Command::new(env!("CARGO_BIN_EXE_tallyman")).args(arguments).args(more).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default();
    let report = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {text}"));
    (output, report)
}

#[test]
fn the_demo_keeps_every_promise_and_reports_in_one_line() {
    let (output, report) = play("5", &[]);
    assert!(output.status.success(), "{report}");
    for none in ["lost", "doubled", "bins_wrong_unflagged"] {
        assert_eq!(report[none], 0, "{report}");
    }
    let keys = [
        "captured",
        "posted",
        "changed",
        "parked",
        "bins_wrong",
        "bytes_per_op",
        "scan_durable_p99_ms",
        "outcome_p99_ms",
    ];
    for key in keys {
        assert!(report[key].is_number(), "{key}: {report}");
    }
    assert!(report["captured"].as_u64().unwrap() >= 10, "{report}");
}

#[test]
fn a_demo_that_acknowledges_too_early_loses_something_and_says_so() {
    let (output, report) = play("3", &["--break", "ack-before-sync"]);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report["lost"].as_u64().unwrap() > 0, "{report}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("ack-before-sync broke the promise: a captured fact is never lost"),
        "{text}"
    );
}
