//! Counts: the time line, settlement, cases and their decisions, through the only door of the
//! ledger. The auditor looks at the whole company after every step.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod auditor;
mod cases;
mod decisions;
mod examples;
mod shuffle;
mod world;
