//! The words that a device and the server share: identifiers, quantities, operations, outcomes,
//! feed rows, frames and their one codec, barcode parsing, and the rules both sides must answer
//! alike.
//!
//! What a device cannot name it cannot leak: there is no word for cost, price or value here.
//!
//! Never here: I/O, clocks, randomness, money.
//!
//! Order of reading: [`identity`] (who said what, in which order), [`operation`] (what a device
//! asks for), [`outcome`] and [`code`] (what became of it), [`feed`] (what comes back),
//! [`evidence`] (what is known of a device's clock), [`health`] (and of its storage), [`digest`]
//! (whether two sides hold the same rows), [`frame`] (how all of it travels).

pub mod barcode;
pub mod code;
pub mod digest;
pub mod enrolment;
pub mod evidence;
pub mod feed;
pub mod frame;
pub mod health;
pub mod identity;
pub mod operation;
pub mod outcome;
pub mod quantity;
pub mod rules;
pub mod text;
pub mod words;

#[cfg(test)]
mod golden;
