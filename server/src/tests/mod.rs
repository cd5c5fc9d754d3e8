//! The whole server over real sockets on loopback, with its data in temporary folders.

mod api;
pub(crate) mod backup;
mod control;
mod counts;
mod desk;
mod device;
mod disk;
mod golden;
mod guarded;
mod house;
mod http;
mod import;
mod money;
mod pages;
mod provisional;
mod runtime;
mod socket;
mod tls;
