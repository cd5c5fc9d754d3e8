//! The whole server over real sockets on loopback, with its data in temporary folders.

mod api;
mod device;
mod guarded;
mod house;
mod http;
mod pages;
mod runtime;
mod socket;
mod tls;
