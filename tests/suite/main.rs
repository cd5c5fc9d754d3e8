//! The suite: what holds for the whole, seen from outside.

mod readme;
mod tidy;
