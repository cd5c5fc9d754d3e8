//! JUDGEMENT, pure: what an operation or a command does to the books of a company.
//!
//! The ledger reads typed tables ([`tables`]) through a [`draft::Draft`], which sees what it has
//! itself changed, and ends in a set of changes. Deciding happens once: the changes are what is
//! stored, replayed and replicated.
//!
//! Never here: tokio, files, clocks, randomness, hash order, floats. Time, people, dates and
//! numbers come with the request.
//!
//! Order of reading: [`key`] and [`record`] (how rows are kept), [`tables`] and [`draft`] (how they
//! are read and changed), [`schema`] (what there is), [`operation`] (the only door), [`movement`] and
//! [`command`] (what comes in), [`posting`] (entries and who supplied whom), [`place`], [`tracking`],
//! [`document`], [`count`], [`conflict`].

pub mod assembly;
pub mod audit;
pub mod command;
pub mod conflict;
pub mod costing;
pub mod count;
pub mod dimension;
pub mod document;
pub mod draft;
pub mod gl;
pub mod key;
pub mod lookup;
pub mod memory;
pub mod money;
pub mod movement;
pub mod operation;
pub mod period;
pub mod place;
pub mod posting;
pub mod record;
pub mod right;
pub mod schema;
pub mod tables;
pub mod tracking;
pub mod upgrade;
pub mod valuation;

#[cfg(test)]
mod books;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod world;
