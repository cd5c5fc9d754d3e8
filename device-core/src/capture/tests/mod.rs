//! The flows as a person meets them: a script of scans in, signals, screens and operations out.

mod count;
mod engine;
mod inbound;
mod outbound;
mod serials;
mod shelf;
