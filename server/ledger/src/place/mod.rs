//! Places that move: licence plates.

pub mod plate;
