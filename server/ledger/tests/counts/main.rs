//! Counts: the time line, settlement, cases and their decisions, through the only door of the
//! ledger. The auditor looks at the whole company after every step.

mod auditor;
mod cases;
mod decisions;
mod examples;
mod shuffle;
mod world;
