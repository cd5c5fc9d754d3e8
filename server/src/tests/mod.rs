//! The whole server over real sockets on loopback, with its data in temporary folders.

mod api;
mod backup;
mod device;
mod disk;
mod golden;
mod house;
mod http;
mod pages;
mod runtime;
mod socket;
mod tls;
