//! THE MACHINE WITHOUT ITS SKIN, sans I/O: sync sessions, intake, poster, feed, snapshots, identity
//! and rights as step functions over typed tables.
//!
//! ```text
//! frame ─▶ session ─▶ intake ─▶ (durable) ─▶ ACK
//!                        │ in IntakeNo order
//!                        ▼
//!                     poster ─▶ judge ─▶ change record ─▶ (durable) ─▶ feed ─▶ DELTA
//! ```
//!
//! Never here: sockets, threads, files, a clock, random bytes. Time and random bytes arrive in
//! events; everything that decides anything lies in the tables.
//!
//! Order of reading: [`machine`] (the contract), [`schema`] (its tables), [`session`], [`intake`],
//! [`clock`], [`poster`], [`feed`], [`snapshot`], [`check`], [`identity`], [`watermark`], [`store`].

#![cfg_attr(
    test,
    expect(
        clippy::wildcard_enum_match_arm,
        clippy::integer_division,
        reason = "tests look for the one thing that they are about"
    )
)]

pub mod check;
pub mod clock;
pub mod feed;
mod hot;
pub mod identity;
pub mod intake;
pub mod ledger_judge;
pub mod machine;
pub mod poster;
pub mod schema;
pub mod session;
pub mod snapshot;
pub mod store;
pub mod watermark;
