//! THE SKIN: everything around the machine that touches the world: the store, sockets, pages,
//! files, and the only clock.
//!
//! Never here: a posting rule.
//!
//! Order of reading: [`config`] and [`server`] (how it is put together), [`runtime`] (the machine
//! at work), [`sockets`] (devices), [`desk`] and [`api`] (people and programs), [`view`] (what they
//! are shown), [`import`] and [`export`] over [`exchange`] (files), [`control`], [`metrics`], [`store`], [`backup`] and
//! [`verify`], [`clock`].

pub mod api;
pub mod backup;
pub mod certificates;
pub mod clock;
pub mod config;
pub mod control;
pub mod dashboard;
pub mod desk;
pub mod enrolment;
pub mod exchange;
pub mod export;
pub mod import;
pub mod metrics;
pub mod open;
pub mod runtime;
pub mod secret;
pub mod server;
pub mod sockets;
pub mod state;
pub mod storage;
pub mod store;
pub mod tls;
pub mod verify;
pub mod view;

#[cfg(test)]
mod tests;
