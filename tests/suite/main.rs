//! The suite: what holds for the whole, seen from outside.

mod browser;
mod end_to_end;
mod fuzz;
mod house;
mod kill;
mod readme;
mod shuffle;
mod simulation;
mod tidy;
mod vectors;
mod wire;
