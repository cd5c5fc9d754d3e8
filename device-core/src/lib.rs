//! What a handheld remembers and says: everything that works without a network, and the way to the
//! server when there is one.
//!
//! | module | is |
//! |---|---|
//! | [`recorder`] | the append-only file that must not be lost: operations, their numbers, what the server has |
//! | [`store`] | two rebuildable stores on sled, with a twin in memory that can lose power |
//! | [`outbox`] | operations without an outcome |
//! | [`replica`] | rows of the server as of a cursor, and which operations they have judged |
//! | [`view`] | what the screens show: the outbox folded over the replica |
//! | [`capture`] | the flows: one question at a time, answered by a scan |
//! | [`clock_evidence`] | what is known of the clock of each boot |
//! | [`session`] | the conversation with the server as a pure table |
//! | [`engine`] | [`engine::DeviceCore`]: all of that as step functions, without a clock or a socket |
//! | [`boot`], [`transport`], [`driver`](mod@device), [`device`] | the skin: the only clock, the only sockets; [`device::Device`] is what an app uses |
//!
//! # Invariants
//!
//! 1. A recorded operation is durable before its tone, and stays until the server has it in a
//!    verified backup and its outcome is here.
//! 2. The effect of an operation is shown exactly once from its recording on.
//! 3. Whatever is not the recorder can be lost and comes back by itself.
//!
//! Never here: the server, costs, a final answer.

pub mod boot;
pub mod capture;
pub mod clock_evidence;
pub mod device;
mod driver;
pub mod engine;
pub mod key;
pub mod outbox;
pub mod recorder;
pub mod replica;
pub mod root;
#[cfg(test)]
mod sample;
pub mod session;
pub mod store;
pub mod transport;
pub mod view;
pub mod wipe;
