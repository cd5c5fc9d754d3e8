//! THE SKIN: everything around the machine that touches the world: the store, sockets, pages,
//! files, and the only clock.
//!
//! Never here: a posting rule.

pub mod clock;
pub mod config;
pub mod desk;
pub mod enrolment;
pub mod exchange;
pub mod secret;
pub mod store;
pub mod tls;
