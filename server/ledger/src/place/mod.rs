//! Places that move: licence plates.

pub mod plate;
pub(crate) mod search;
