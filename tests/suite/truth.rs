//! Which rule for counts that arrive late gives the right book, in a bounded run. In numbers:
//! `cargo run --release -p tests --bin truth`.

use std::process::Command;

use serde_json::Value;

/// From the rule that is wrong most often to the one that hardly ever is (SYNC.md 4.5).
const FROM_WORST_TO_BEST: [&str; 5] =
    ["device_difference", "last_writer", "raw_clock", "causality_and_receipt", "order_key"];

#[test]
fn the_order_key_is_wrong_least_and_never_without_saying_so() {
    let output = Command::new(env!("CARGO_BIN_EXE_truth")).args(["--trials", "200"]).output();
    let output = output.expect("it runs");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    assert!(output.status.success(), "a bin is wrong and nothing says so:\n{text}");
    let told: Value = serde_json::from_str(text.lines().last().expect("it ends with JSON"))
        .expect("the last line is JSON");
    for world in ["plain", "reboots", "prompt"] {
        for bin in ["quiet", "busy", "hot"] {
            let wrong = &told["worlds"][world][bin]["wrong"];
            let shares: Vec<f64> =
                FROM_WORST_TO_BEST.iter().map(|rule| wrong[rule].as_f64().expect(rule)).collect();
            assert!(shares.is_sorted_by(|a, b| a > b), "{bin} bin, {world} world: {wrong}");
            let order_key = shares.last().expect("it is the last of the rules");
            assert!(*order_key <= 0.02, "{bin} bin, {world} world: {wrong}");
        }
    }
}
